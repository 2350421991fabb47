"""`check`: whether credentials, scopes, network and clock are fit for work."""

import base64
import os
import time
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import typer
from attrs import asdict, frozen
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blaaiz_async.cli.common import BaseUrlOption, EnvironmentChoice, EnvironmentOption, JsonOption, credentials

if TYPE_CHECKING:
    import httpx

    from blaaiz_async import AsyncBlaaiz
    from blaaiz_async.errors import BlaaizError

DEADLINE = 15.0
"""Seconds that the token may take, and the call."""
REFUSED = {400, 401, 403}
"""Statuses by which the token endpoint refuses; any other tells nothing of the credentials."""
CLOCK_TOLERANCE = 300.0
"""Seconds. Beyond, a receiver refuses fresh webhooks as too old, or as not yet signed (events x-webhook-signature)."""


@frozen(kw_only=True)
class Checked:
    """What was found."""

    environment: str
    base_url: str
    credentials: bool | None
    """Whether they are right: a token was given, or they were refused. None if neither is known."""
    ready: bool | None
    """Whether calls can be expected to go through. None if the scopes that are held allow no call to try it with."""
    problem: str | None
    """What is wrong with the credentials or the call; None if nothing is."""
    remedy: str | None
    """What to do about it."""
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
    def lacks_scopes(self) -> bool:
        """Whether a scope is missing that somebody chose, or every one."""
        return bool(self.missing) and (self.explicit or self.missing == self.scopes_asked)

    @property
    def is_fit(self) -> bool:
        """Whether there is nothing to mend."""
        works = self.credentials is True and self.ready is not False
        return works and self.clock_is_right and not self.lacks_scopes


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

    credentials(otherwise="")
    found = anyio.run(_look, environment, base_url)
    if json:
        typer.echo(codec.to_json({**asdict(found), "missing": found.missing, "fit": found.is_fit}).decode())
    else:
        Console(soft_wrap=True).print(_table(found))
    raise typer.Exit(0 if found.is_fit else 1)


async def _look(environment: EnvironmentChoice, base_url: str | None) -> Checked:
    import httpx

    from blaaiz_async import AsyncBlaaiz, RetryPolicy
    from blaaiz_async.errors import APIStatusError, RateLimitError
    from blaaiz_async.health import clock_offset
    from blaaiz_async.settings import read_settings

    settings = read_settings(
        client_id=None, client_secret=None, environment=environment.value, base_url=base_url, scopes=None, api_key=None
    )
    token = _TokenAnswer()
    began = time.monotonic()
    # A client of our own, whose tokens nobody shares: the credentials are truly tried, and the token's answer is seen.
    async with (
        httpx.AsyncClient(event_hooks={"response": [token.see]}) as http_client,
        AsyncBlaaiz(
            environment=environment.value,
            base_url=base_url,
            retry=RetryPolicy(max_attempts=1, deadline=DEADLINE),
            http_client=http_client,
        ) as blaaiz,
    ):
        error, headers = await _asked(blaaiz, settings.scopes, token)
        given = blaaiz.statistics().token is not None
    problem, remedy = None, None
    if error is not None:
        problem, remedy = f"{type(error).__name__}: {_one_line(error)}", _remedy(error, settings.scopes, token_given=given)
    refused = isinstance(error, APIStatusError) and error.status_code in REFUSED
    limited = isinstance(error, RateLimitError)  # the platform answers, and knows us
    return Checked(
        environment=settings.environment.value,
        base_url=settings.base_url,
        credentials=True if given else False if refused else None,
        ready=None if headers is None else given and (error is None or limited),
        problem=problem,
        remedy=remedy,
        seconds=time.monotonic() - began,
        scopes_asked=settings.scopes,
        scopes_held=token.scopes,
        explicit=bool(os.environ.get("BLAAIZ_SCOPES")),
        clock_offset=clock_offset(headers or {}, time.time()),
    )


async def _asked(
    blaaiz: "AsyncBlaaiz", asked: Collection[str], token: "_TokenAnswer"
) -> "tuple[BlaaizError | None, Mapping[str, str] | None]":
    """Fetch a token and make one call that it allows.

    Returns what went wrong, and the headers of the last answer; None for these if no call could be tried.
    """
    from blaaiz_async.errors import APIStatusError, BlaaizError
    from blaaiz_async.health import cheap_listing

    try:
        await blaaiz._tokens.get()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # before the call is chosen
        held = set(asked) if token.scopes is None else set(asked).intersection(token.scopes)
        if (listing := cheap_listing(held)) is None:
            return None, None
        answer = await blaaiz.with_raw_response(getattr(blaaiz, listing[0]).list)
    except APIStatusError as error:
        return error, error.headers
    except BlaaizError as error:
        return error, {}
    return None, answer.headers


def _remedy(error: "BlaaizError", asked: Collection[str], *, token_given: bool) -> str:
    """Say what to do."""
    from blaaiz_async.errors import APIStatusError, PermissionDeniedError
    from blaaiz_async.settings import ALL_SCOPES

    if isinstance(error, APIStatusError):
        if error.status_code == 429 or error.status_code >= 500:
            return "wait, and try again"
        needs_scope = isinstance(error, PermissionDeniedError) and error.scopes
        if needs_scope or "scope" in error.message.lower():
            odd = ", ".join(sorted(set(asked) - set(ALL_SCOPES)))
            return f"set BLAAIZ_SCOPES to the scopes that the credential holds{odd and f'; the platform documents no {odd}'}"
        if error.status_code in REFUSED and token_given:
            return "the credentials work, but the API refuses their token: see that the address is right, and ask Blaaiz"
        if error.status_code in REFUSED:
            return "check BLAAIZ_CLIENT_ID and BLAAIZ_CLIENT_SECRET, that they are this environment's, and the IP allow list"
    return "see that this address is reached and is the platform's, and try again"


def _one_line(error: "BlaaizError") -> str:
    """Return an error's text, which may have the platform's words in it, as what a terminal only shows."""
    from blaaiz_async.core import codec

    return codec.printable(" ".join(str(error).split()))


class _TokenAnswer:
    """Sees which scopes the token endpoint's answer tells."""

    def __init__(self) -> None:
        self.scopes: tuple[str, ...] | None = None

    async def see(self, response: "httpx.Response") -> None:
        if response.url.path.endswith("/oauth/token"):
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
    for verdict, what, text in _rows(found):
        table.add_row(_VERDICTS[verdict], what, Text(text))
    return table


_VERDICTS: Mapping[bool | None, str] = {True: "[green]ok[/]", False: "[red]fail[/]", None: "[yellow]note[/]"}


def _rows(found: Checked) -> Iterator[tuple[bool | None, str, str]]:
    """Give each thing that was looked at: whether it is fit (None: to be noted), its name, and what there is to say."""
    trouble = f"{found.problem}; {found.remedy}"
    yield None, "platform", f"{found.environment}, {found.base_url}"
    if found.credentials is None:
        yield False, "credentials", f"can't be told: {trouble}"
    elif not found.credentials:
        yield False, "credentials", f"are refused: {trouble}"
    else:
        yield True, "credentials", "work"
        if found.ready is None:
            yield None, "API", "not tried: none of the scopes allows a listing"
        elif found.problem is None:
            yield True, "API", f"answers in {found.seconds:.2f} s"
        else:
            yield (None if found.ready else False), "API", trouble
        yield _scopes(found)
    if found.clock_offset is not None:
        how = "ahead of" if found.clock_offset > 0 else "behind"
        clock = f"the platform's is {abs(found.clock_offset):.0f} s {how} this machine's"
        if found.clock_is_right:
            yield True, "clock", clock
        else:
            yield False, "clock", f"{clock}: webhooks are refused by their time; set this machine's clock"


def _scopes(found: Checked) -> tuple[bool | None, str, str]:
    asked = f"{len(found.scopes_asked)} asked for"
    if found.scopes_held is None:
        return None, "scopes", f"{asked}; the platform doesn't tell which are held: a call that lacks one answers 403"
    if not found.missing:
        return True, "scopes", f"{asked}, all held"
    missing = f"{asked}; not held: {', '.join(found.missing)}"
    if not found.lacks_scopes:
        return None, "scopes", missing
    return False, "scopes", f"{missing}; give them to the credential on the dashboard, or take them out of BLAAIZ_SCOPES"
