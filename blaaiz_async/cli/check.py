"""`check`: whether credentials, scopes, network and clock are fit for work."""

import base64
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import typer
from attrs import asdict, frozen
from rich.console import Console
from rich.table import Table

from blaaiz_async.cli.common import BaseUrlOption, EnvironmentChoice, EnvironmentOption, JsonOption, credentials

if TYPE_CHECKING:
    import httpx

DEADLINE = 15.0
"""Seconds that the token and the call may take together."""
CLOCK_TOLERANCE = 300.0
"""Seconds. Beyond, a receiver refuses fresh webhooks as too old, or as not yet signed (events x-webhook-signature)."""


@frozen(kw_only=True)
class Checked:
    """What was found."""

    environment: str
    base_url: str
    credentials: bool | None
    """Whether a token was given; None if the platform wasn't reached."""
    ready: bool
    problem: str | None
    seconds: float
    """How long the answers took."""
    scopes_asked: tuple[str, ...]
    scopes_held: tuple[str, ...] | None
    """None if neither the token nor its answer tells."""
    explicit: bool
    """Whether BLAAIZ_SCOPES chose the scopes. By default all are asked for, and few credentials hold all of them."""
    clock_offset: float | None
    """Seconds that the platform's clock is ahead of this one."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The scopes asked for and not held."""
        return () if self.scopes_held is None else tuple(each for each in self.scopes_asked if each not in self.scopes_held)

    @property
    def clock_is_right(self) -> bool:
        """Whether webhooks can be told from old ones."""
        return self.clock_offset is None or abs(self.clock_offset) <= CLOCK_TOLERANCE

    @property
    def is_fit(self) -> bool:
        """Whether there is nothing to mend."""
        return self.ready and self.clock_is_right and not (self.explicit and self.missing)


def check(
    *,
    environment: EnvironmentOption = EnvironmentChoice.DEVELOPMENT,
    base_url: BaseUrlOption = None,
    json: JsonOption = False,
) -> None:
    """Tell whether the credentials work, which scopes they hold, and whether the clock is right: one token, one call.

    Credentials come from BLAAIZ_CLIENT_ID and BLAAIZ_CLIENT_SECRET, scopes from BLAAIZ_SCOPES. Exit status 0 if all is well.
    """
    import anyio

    from blaaiz_async.core import codec

    credentials()
    found = anyio.run(_look, environment, base_url)
    if json:
        typer.echo(codec.to_json({**asdict(found), "missing": found.missing, "fit": found.is_fit}).decode())
    else:
        Console(soft_wrap=True).print(_table(found))
    raise typer.Exit(0 if found.is_fit else 1)


async def _look(environment: EnvironmentChoice, base_url: str | None) -> Checked:
    import httpx

    from blaaiz_async import AsyncBlaaiz
    from blaaiz_async.settings import read_settings

    settings = read_settings(
        client_id=None, client_secret=None, environment=environment.value, base_url=base_url, scopes=None, api_key=None
    )
    token = _TokenAnswer()
    # A client of our own, whose tokens nobody shares: the credentials are truly tried, and the token's answer is seen.
    async with (
        httpx.AsyncClient(event_hooks={"response": [token.see]}) as http_client,
        AsyncBlaaiz(environment=environment.value, base_url=base_url, http_client=http_client) as blaaiz,
    ):
        health = await blaaiz.check(max_age=0.0, deadline=DEADLINE)
    return Checked(
        environment=settings.environment.value,
        base_url=settings.base_url,
        credentials=token.given,
        ready=health.ready,
        problem=health.problem,
        seconds=health.seconds,
        scopes_asked=settings.scopes,
        scopes_held=token.scopes,
        explicit=bool(os.environ.get("BLAAIZ_SCOPES")),
        clock_offset=health.clock_offset,
    )


class _TokenAnswer:
    """Sees what the token endpoint answers."""

    def __init__(self) -> None:
        self.given: bool | None = None
        self.scopes: tuple[str, ...] | None = None

    async def see(self, response: "httpx.Response") -> None:
        if not response.url.path.endswith("/oauth/token"):
            return
        self.given = response.status_code == 200
        self.scopes = held_scopes(_object(await response.aread()))


def held_scopes(answer: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the scopes that a token holds: by its answer's `scope` (RFC 6749 5.1), or by the claims of a JWT.

    What isn't held was dropped silently (contract oauth_token_create); whether the answer tells it isn't documented.
    """
    parts = str(answer.get("access_token", "")).split(".")
    claims = _object(_decoded(parts[1] if len(parts) == 3 else ""))
    for told in (answer.get("scope"), claims.get("scopes"), claims.get("scope")):
        if isinstance(told, str):
            return tuple(told.split())
        if isinstance(told, list):
            return tuple(map(str, cast("list[object]", told)))
    return None


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""


def _object(data: bytes) -> Mapping[str, Any]:
    from blaaiz_async.core import codec

    try:
        return codec.as_object(codec.from_json(data))
    except ValueError:
        return {}


def _table(found: Checked) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    good, bad, note = "[green]ok[/]", "[red]fail[/]", "[yellow]note[/]"
    table.add_row(good, "platform", f"{found.environment}, {found.base_url}")
    if found.credentials is not None:
        table.add_row(good if found.credentials else bad, "credentials", "work" if found.credentials else "are refused")
    answer = f"answers in {found.seconds:.2f} s" if found.ready else str(found.problem)
    table.add_row(good if found.ready else bad, "API", answer)
    if found.credentials:
        table.add_row((bad if found.explicit else note) if found.missing else good, "scopes", _scopes(found))
    if found.clock_offset is not None:
        how = "ahead of" if found.clock_offset > 0 else "behind"
        clock = f"the platform's is {abs(found.clock_offset):.0f} s {how} this machine's"
        table.add_row(good if found.clock_is_right else bad, "clock", clock)
    return table


def _scopes(found: Checked) -> str:
    asked = f"{len(found.scopes_asked)} asked for"
    if found.scopes_held is None:
        return f"{asked}; the platform doesn't tell which are held: a call that lacks one answers 403"
    if not found.missing:
        return f"{asked}, all held"
    return f"{asked}; not held: {', '.join(found.missing)}"
