"""How a client stands: its statistics, and the readiness probe."""

import importlib
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from attrs import frozen

from blaaiz_async.core.background import now
from blaaiz_async.core.budget import BudgetStatistics
from blaaiz_async.core.retry import RetryPolicy
from blaaiz_async.core.tokens import TokenStatistics
from blaaiz_async.core.transport import PoolStatistics
from blaaiz_async.core.watching import CallStatistics
from blaaiz_async.errors import APIStatusError, BlaaizError, ConfigurationError, PermissionDeniedError, RateLimitError

if TYPE_CHECKING:
    from blaaiz_async.core.caller import Caller
    from blaaiz_async.core.operation import Operation
    from blaaiz_async.core.watching import Watch

__all__ = ["ClientStatistics", "Health", "check"]


@frozen(kw_only=True)
class ClientStatistics:
    """What a client and its views have done, and how they stand."""

    calls: CallStatistics
    pool: PoolStatistics
    token: TokenStatistics | None
    """None before the first token."""
    budget: BudgetStatistics | None
    """None without a budget."""


@frozen(kw_only=True)
class Health:
    """What a readiness probe found."""

    ready: bool
    """Whether calls can be expected to go through."""
    problem: str | None = None
    """What is wrong, fit for a log; None if nothing is."""
    asked: bool = True
    """Whether a call was spent; False if one had succeeded lately, or none could be sent."""
    seconds: float = 0.0
    """How long the answer took."""
    clock_offset: float | None = None
    """Seconds that the platform's clock is ahead of ours, give or take one and the time of the call; None if not told."""


async def check(caller: "Caller", watch: "Watch", *, max_age: float, deadline: float) -> Health:
    """See `AsyncBlaaiz.check`."""
    began = now()
    if watch.succeeded_at is not None and began - watch.succeeded_at <= max_age:
        return Health(ready=True, asked=False)
    asking = caller.with_options(retry=RetryPolicy(max_attempts=1), deadline=deadline, priority="interactive")
    ready, asked, problem = False, True, None
    headers: Mapping[str, str] = {}
    try:
        headers, ready = (await asking.raw(asking.call, _probe(caller))).headers, True
    except APIStatusError as error:
        headers, problem = error.headers, _told(error)
        if isinstance(error, RateLimitError):
            # The platform answers, and knows us; that this call has to wait says little of others.
            ready, asked = True, not error.own
    except BlaaizError as error:
        problem, asked = _told(error), not isinstance(error, ConfigurationError)
    except RuntimeError as error:  # the client is closed
        problem, asked = str(error), False
    offset = clock_offset(headers, caller.now().timestamp())
    return Health(ready=ready, problem=problem, asked=asked, seconds=now() - began, clock_offset=offset)


def cheap_listing(scopes: Collection[str]) -> "tuple[str, Operation[Any]] | None":
    """Return the area and the operation of a listing that costs little and that the scopes allow."""
    for area in ("currencies", "wallets", "rates", "banks", "customers"):
        operation: Operation[Any] = importlib.import_module(f"blaaiz_async.services.{area}").LIST
        if set(operation.scopes).issubset(scopes):
            return area, operation
    return None


def _probe(caller: "Caller") -> "Operation[Any]":
    if (found := cheap_listing(caller.scopes)) is not None:
        return found[1]
    scopes = "currency:read, wallet:read, rates:read, bank:read or customer:read"
    raise ConfigurationError(f"check() needs one of the scopes {scopes} to ask with")


def _told(error: BlaaizError) -> str:
    """Return what is wrong without the platform's own words, which may name a person."""
    if isinstance(error, RateLimitError) and error.own:
        return "the client's own rate budget has no slot now"
    if isinstance(error, APIStatusError):
        scopes = f", which needs {' and '.join(error.scopes)}" if isinstance(error, PermissionDeniedError) else ""
        return f"{type(error).__name__}: {error.operation} answered {error.status_code}{scopes}"
    return f"{type(error).__name__}: {error}"


def clock_offset(headers: Mapping[str, str], here: float) -> float | None:
    """Return the seconds that the clock of an answer is ahead of `here`, as Unix seconds; None if it isn't told."""
    try:
        return parsedate_to_datetime(headers["date"]).timestamp() - here
    except (KeyError, ValueError, OverflowError):
        return None
