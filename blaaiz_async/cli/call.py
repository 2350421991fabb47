"""`call`: any single call to the platform."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blaaiz_async.cli.common import (
    SANDBOX_ID,
    SANDBOX_SECRET,
    BaseUrlOption,
    EnvironmentChoice,
    EnvironmentOption,
    JsonOption,
    UsageError,
    confirm_production,
    credentials,
    need,
    refuse_both,
)

if TYPE_CHECKING:
    from blaaiz_async.cli.methods import Method

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


def call(
    context: typer.Context,
    method: Annotated[str, typer.Argument(help="Such as customers.get, followed by its arguments.", metavar="AREA.METHOD")],
    *,
    data: Annotated[
        str | None, typer.Option(help="The record to send: JSON, @FILE, or - for standard input.", metavar="JSON")
    ] = None,
    json: JsonOption = False,
    environment: EnvironmentOption = EnvironmentChoice.DEVELOPMENT,
    base_url: BaseUrlOption = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Call an embedded, empty sandbox.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before changing anything on production.")] = False,
) -> None:
    """Make one call and print its typed answer: call customers.get ID; call customers.list verification_status=PENDING.

    Arguments go by position, as name=value or as --name value; a record as a JSON object or with --data. What iterates
    prints record by record. The record is shown whole, personal data too, except links, tokens and secrets, which only
    --json shows. Credentials come from BLAAIZ_CLIENT_ID and BLAAIZ_CLIENT_SECRET.
    """
    from blaaiz_async.cli import methods

    found = methods.find(method)
    arguments = found.bind(context.args, None if data is None else _record(data))
    refuse_both(base_url, sandbox=sandbox)
    if (hidden := found.one_time_secrets) and not json:
        raise UsageError(f"{method} answers with {' and '.join(hidden)}, which only --json shows; nothing was sent")
    if sandbox:
        need("sandbox")
    else:
        credentials()
        if environment == EnvironmentChoice.PRODUCTION and found.writes:
            confirm_production(f"calls {method}", yes=yes)
    raise typer.Exit(_run(found, arguments, environment=environment, base_url=base_url, sandbox=sandbox, json=json))


def _run(found: "Method", arguments: dict[str, Any], *, json: bool, **where: Any) -> int:
    import anyio

    from blaaiz_async.errors import BlaaizError, ConfigurationError

    try:
        anyio.run(lambda: _make(found, arguments, json=json, **where))
    except ConfigurationError:
        raise
    except BlaaizError as error:
        key = f" [idempotency key {error.idempotency_key}]" if error.idempotency_key else ""
        line = " ".join(f"{error}{key}".split())
        typer.echo(f"blaaiz-async: {line}", err=True)
        return 1
    except KeyboardInterrupt:
        typer.echo("stopped; a call under way may have taken effect" if found.writes else "stopped", err=True)
        return 1
    return 0


async def _make(
    found: "Method",
    arguments: dict[str, Any],
    *,
    environment: EnvironmentChoice,
    base_url: str | None,
    sandbox: bool,
    json: bool,
) -> None:
    from blaaiz_async import AsyncBlaaiz
    from blaaiz_async.cli.show import show

    options: dict[str, Any] = {"environment": environment.value, "base_url": base_url}
    async with AsyncExitStack() as stack:
        if sandbox:
            from blaaiz_async.sandbox import Sandbox

            options = {
                "client_id": SANDBOX_ID,
                "client_secret": SANDBOX_SECRET,
                "environment": "development",
                "base_url": "http://sandbox.test",
                "http_client": await stack.enter_async_context(Sandbox().http_client()),
            }
        blaaiz = await stack.enter_async_context(AsyncBlaaiz(**options))
        area, _, name = found.name.partition(".")
        answer = getattr(getattr(blaaiz, area), name)(**arguments)
        if not found.iterates:
            show(await answer, as_json=json)
            return
        async for record in answer:
            show(record, as_json=json)


def _record(data: str) -> dict[str, Any]:
    from blaaiz_async.cli.methods import json_object

    try:
        text = sys.stdin.read() if data == "-" else Path(data[1:]).read_text("utf-8") if data.startswith("@") else data
        return json_object(text)
    except OSError as error:
        raise UsageError(f"--data: {data[1:]} can't be read: {error.strerror}") from None
    except ValueError as wrong:
        raise UsageError(f"--data {wrong}") from None
