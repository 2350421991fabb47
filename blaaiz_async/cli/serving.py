"""`sandbox` and `listen`: servers that run until Ctrl-C."""

import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from blaaiz_async.cli.common import PLATFORM, SANDBOX_ID, SANDBOX_SECRET, JsonOption, UsageError, need, need_port

if TYPE_CHECKING:
    from blaaiz_async.webhooks import WebhookApp

HostOption = Annotated[str, typer.Option(help="Address to listen on.")]


def sandbox(
    *,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8700,
    per_minute: Annotated[int, typer.Option(min=1, help="Calls a minute.")] = PLATFORM[0],
    per_hour: Annotated[int, typer.Option(min=1, help="Calls an hour.")] = PLATFORM[1],
    hold: Annotated[bool, typer.Option("--hold", help="Leave every customer under review.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Reject every customer.")] = False,
    latency: Annotated[float, typer.Option(min=0, help="Seconds that every call takes.")] = 0.0,
) -> None:
    """Serve a stand-in for the platform until Ctrl-C. Its customers live as long as it does."""
    need("sandbox")
    from blaaiz_async.sandbox import Limits, Sandbox, Verdict
    from blaaiz_async.sandbox.server import serve

    if hold and reject:
        raise UsageError("give either --hold or --reject")
    need_port(host, port)
    verdict = Verdict.hold() if hold else Verdict.reject("The image is blurred.") if reject else Verdict.verify()
    made = Sandbox(limits=Limits(per_minute=per_minute, per_hour=per_hour), verdict=verdict, latency=latency)
    typer.echo(f"Sandbox at http://{host}:{port}, {per_minute} calls a minute, {per_hour} an hour. Ctrl-C ends it.")
    typer.echo(f"export BLAAIZ_BASE_URL=http://{host}:{port}")
    typer.echo(f"export BLAAIZ_CLIENT_ID={SANDBOX_ID}")
    typer.echo(f"export BLAAIZ_CLIENT_SECRET={SANDBOX_SECRET}")
    sys.stdout.flush()
    serve(made, host, port)


def listen(
    *,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8787,
    json: JsonOption = False,
) -> None:
    """Print webhook deliveries as they come, at any path, until Ctrl-C.

    Each is verified first; what can't be is refused with 400, and why is told on standard error. Repeats are printed like
    the first. The signing secret comes from BLAAIZ_WEBHOOK_SECRET (while rotating: both, with a space between), or is asked
    for.
    """
    need("sandbox")
    from blaaiz_async.cli.show import show_event
    from blaaiz_async.webhooks import Event, Handlers, WebhookVerifier, webhook_app

    verifier = WebhookVerifier(*_signing_secrets())
    handlers = Handlers()

    @handlers.on(Event)
    async def show(event: Event) -> None:
        show_event(event, as_json=json)

    need_port(host, port)
    _tell_refusals()
    typer.echo(f"Listening at http://{host}:{port}. Ctrl-C ends it.", err=True)
    _serve(webhook_app(verifier, handlers, seen=_Forgetful()), host, port)


class _Forgetful:
    """A SeenStore that remembers nothing: whoever looks on wants to see a replay too."""

    async def claim(self, key: str, *, owner: str, lease: float) -> Literal["new"]:
        """Take any key."""
        del key, owner, lease
        return "new"

    async def done(self, key: str) -> None:
        """Forget a key."""
        del key

    async def is_done(self, key: str) -> bool:
        """Know of none."""
        del key
        return False

    async def release(self, key: str, *, owner: str) -> None:
        """Give a key back."""
        del key, owner


def _signing_secrets() -> list[str]:
    given = os.environ.get("BLAAIZ_WEBHOOK_SECRET", "").split()
    if not given and not sys.stdin.isatty():
        raise UsageError("set BLAAIZ_WEBHOOK_SECRET to the signing secret that webhooks.register returned")
    return given or [typer.prompt("Signing secret", hide_input=True, err=True).strip()]


def _tell_refusals() -> None:
    teller = logging.StreamHandler()
    teller.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("blaaiz_async")
    log.addHandler(teller)
    log.propagate = False


def _serve(app: "WebhookApp", host: str, port: int) -> None:
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="critical", access_log=False))
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
