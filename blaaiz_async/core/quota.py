"""What an answer's headers tell of the platform's limits (contract x-limits)."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from attrs import frozen

BLIND_PAUSE = 5.0
"""Seconds to pause after a 429 that doesn't say when to come back."""
_MOST_DIGITS = 15
"""No number of these headers has more; int() refuses thousands, and arithmetic with floats hundreds."""
CLOCK_GRAIN = 1.0
"""Seconds by which the end of a window is uncertain: X-RateLimit-Reset and Date are whole seconds."""


@frozen(kw_only=True)
class Count:
    """What the platform has counted in its present short window."""

    limit: int
    remaining: int
    reset_in: float
    """Seconds until the window ends, at the latest."""


@frozen(kw_only=True)
class Told:
    """What one answer told."""

    pause: float | None = None
    """Seconds for which nobody should call; only a 429 says so."""
    count: Count | None = None


def read(
    status: int, headers: Mapping[str, str], *, minute: float, hour: float, wall: Callable[[], float] = time.time
) -> Told:
    """Read an answer's headers.

    Args:
        status: HTTP status of the answer.
        headers: Its headers, lower-case names.
        minute: Length of the short window in seconds, which the headers count.
        hour: Length of the long window in seconds, which a pause may last.
        wall: UTC epoch seconds, for an answer that has no Date.
    """
    reset_in = _reset_in(headers, wall)
    if status == 429:
        pause = retry_after(headers, wall)
        if pause is None:
            pause = BLIND_PAUSE if reset_in is None else reset_in
        # "At once", or a moment that has passed, is no leave to hammer a platform that is refusing.
        return Told(pause=min(max(pause, CLOCK_GRAIN), hour + CLOCK_GRAIN))
    limit, remaining = _number(headers.get("x-ratelimit-limit")), _number(headers.get("x-ratelimit-remaining"))
    if not limit or remaining is None or remaining > limit:
        return Told()
    reset_in = minute if reset_in is None else min(reset_in, minute + CLOCK_GRAIN)
    return Told(count=Count(limit=limit, remaining=remaining, reset_in=reset_in))


def retry_after(headers: Mapping[str, str], wall: Callable[[], float] = time.time) -> float | None:
    """Return the seconds that `Retry-After` asks to wait, as a number or as a date; None if it asks nothing."""
    text = headers.get("retry-after")
    if (seconds := _number(text)) is not None:
        return float(seconds)
    moment = _date(text)
    return None if moment is None else max(0.0, moment - _platform_now(headers, wall))


def _reset_in(headers: Mapping[str, str], wall: Callable[[], float]) -> float | None:
    """Return the seconds until the window's end, by the platform's own clock where it sends one."""
    reset = _number(headers.get("x-ratelimit-reset"))
    if reset is None:
        return None
    return max(0.0, reset - _platform_now(headers, wall)) + CLOCK_GRAIN


def _platform_now(headers: Mapping[str, str], wall: Callable[[], float]) -> float:
    """Return the time by the clock that the other headers were written by, where it is told."""
    return _date(headers.get("date")) or wall()


def _number(text: str | None) -> int | None:
    digits = "" if text is None else text.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS else None


def _date(text: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
