"""The shared pacer: the whole rate budget used, and never broken.

The platform counts 120 calls a minute and 1,500 an hour (contract x-limits). It doesn't say whether its windows slide, so
a slot here is held from before the call is sent until a whole window after its answer: whichever way the platform counts,
no window of its can hold more than the limit.

Two lanes. `interactive` calls go ahead and may use every slot. `bulk` calls leave a reserve for interactive ones, which
melts as the moment nears when the window gives slots back: so a job alone uses the whole budget, and a call that a person
waits for still finds a slot. What other processes use shows in the X-RateLimit headers and is counted as used.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

import anyio
from attrs import frozen

Priority = Literal["interactive", "bulk"]

_BLIND_PAUSE = 5.0
"""Seconds to pause after a 429 that doesn't say when to come back."""
_CLOCK_GRAIN = 1.0
"""Seconds by which the end of a window is uncertain: X-RateLimit-Reset and Date are whole seconds."""


@frozen(kw_only=True)
class WindowStatistics:
    """How full one window is."""

    limit: int
    used: int
    """Slots held: calls in flight, calls not yet a window old, and calls of other processes."""


@frozen(kw_only=True)
class BudgetStatistics:
    """A look at the budget."""

    minute: WindowStatistics
    hour: WindowStatistics
    waiting: int
    """Calls that wait for a slot."""
    paused_for: float
    """Seconds that every call still waits after a 429; 0 if none."""


class NoSlotInTimeError(Exception):
    """No slot can come before the caller's deadline."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """Until a slot may come, as far as known."""
        super().__init__(f"no slot for {seconds:.1f} s")


class _Window:
    """One limit: `limit` calls in any `length` seconds."""

    def __init__(self, limit: int, length: float) -> None:
        self.limit = limit
        self.length = length
        self.in_flight = 0
        self._returns: deque[float] = deque()  # when held slots come back, ascending
        self._foreign = 0
        self._foreign_until = -math.inf

    def used(self, now: float) -> int:
        while self._returns and self._returns[0] <= now:
            self._returns.popleft()
        if self._foreign_until <= now:
            self._foreign = 0
        return self.in_flight + len(self._returns) + self._foreign

    def free(self, now: float) -> int:
        return self.limit - self.used(now)

    def answered(self, now: float) -> None:
        self.in_flight -= 1
        self._returns.append(now + self.length)

    def next_return(self, now: float) -> float:
        """Return when a slot comes back; infinity if only calls in flight hold them."""
        moments = [self._returns[0]] if self._returns else []
        if self._foreign and self._foreign_until > now:
            moments.append(self._foreign_until)
        return min(moments, default=math.inf)

    def reserved(self, now: float, reserve: float) -> float:
        """Return how many slots bulk must leave: the reserve, times the part of the window until it would be refilled."""
        kept = reserve * self.limit
        place = math.ceil(kept) - 1
        if place < 0:
            return 0.0
        if place < len(self._returns):
            refilled = self._returns[place]
        elif self._foreign:
            refilled = self._foreign_until
        else:
            refilled = now + self.length
        return kept * min(1.0, max(0.0, refilled - now) / self.length)

    def correct(self, now: float, *, limit: int, remaining: int, reset_in: float) -> None:
        """Take over what the platform counted: its limit, and the calls that aren't ours."""
        self.limit = limit
        ours = self.in_flight + len(self._returns)
        foreign = limit - remaining - ours
        if foreign > 0:
            self._foreign = max(foreign, self._foreign if self._foreign_until > now else 0)
            self._foreign_until = max(self._foreign_until, now + reset_in)


class RateBudget:
    """Paces calls over a minute and an hour, shared by everything that uses the same client.

    Args:
        per_minute: Calls a minute, until an answer's X-RateLimit-Limit says otherwise.
        per_hour: Calls an hour.
        reserve: Share of each window that bulk calls leave to interactive ones, 0 to 1.
        minute: Length of the short window in seconds. Differs from 60 only against a sandbox with shrunk windows.
        hour: Length of the long window in seconds.
        now: Seconds of a monotonic clock; the event loop's own if None.
        wall: UTC epoch seconds, to read X-RateLimit-Reset by.

    One budget belongs to one event loop. Its methods need no lock: none of them awaits between reading and writing.
    """

    def __init__(
        self,
        *,
        per_minute: int = 120,
        per_hour: int = 1500,
        reserve: float = 0.1,
        minute: float = 60.0,
        hour: float = 3600.0,
        now: Callable[[], float] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if per_minute < 1 or per_hour < 1 or not 0 <= reserve < 1 or not 0 < minute <= hour:
            raise ValueError("per_minute and per_hour must be at least 1, 0 ≤ reserve < 1 and 0 < minute ≤ hour")
        self._minute = _Window(per_minute, minute)
        self._hour = _Window(per_hour, hour)
        self._windows = (self._minute, self._hour)
        self._reserve = reserve
        self._now = now or anyio.current_time
        self._wall = wall
        self._paused_until = -math.inf
        self._heard = False  # has any answer told what the platform has counted so far?
        self._lanes: dict[Priority, deque[anyio.Event]] = {"interactive": deque(), "bulk": deque()}

    def statistics(self) -> BudgetStatistics:
        """Return how full the windows are now."""
        now = self._now()
        minute, hour = (WindowStatistics(limit=w.limit, used=w.used(now)) for w in self._windows)
        return BudgetStatistics(
            minute=minute,
            hour=hour,
            waiting=sum(map(len, self._lanes.values())),
            paused_for=max(0.0, self._paused_until - now),
        )

    async def acquire(self, priority: Priority = "interactive", *, timeout: float | None = None) -> None:
        """Wait for a slot: the right to send one call. It must be given back by `answered` or `unanswered`.

        Raises NoSlotInTimeError as soon as it is plain that none can come within `timeout` seconds.
        """
        lane = self._lanes[priority]
        if not lane and (delay := self._delay(priority)) <= 0:
            self._take()
            return
        give_up = math.inf if timeout is None else self._now() + timeout
        mine = anyio.Event()
        lane.append(mine)
        try:
            while True:
                delay = self._delay(priority) if lane[0] is mine else math.inf
                if delay <= 0:
                    self._take()
                    return
                left = give_up - self._now()
                if left <= 0 or math.inf > delay > left:
                    raise NoSlotInTimeError(delay if delay < math.inf else 0.0)
                with anyio.move_on_after(min(delay, left)):
                    await mine.wait()
                    place = lane.index(mine)  # an Event rings once
                    mine = lane[place] = anyio.Event()
        finally:
            lane.remove(mine)
            self._wake()

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Give a slot back with the answer that came, and learn from its headers."""
        now = self._now()
        for window in self._windows:
            window.answered(now)
        reset_in = self._reset_in(headers)
        self._heard = True
        limit, remaining = _number(headers.get("x-ratelimit-limit")), _number(headers.get("x-ratelimit-remaining"))
        if status == 429:
            pause = _retry_after(headers, self._wall)
            pause = pause if pause is not None else reset_in if reset_in is not None else _BLIND_PAUSE
            self._paused_until = max(self._paused_until, now + pause)
        elif limit and remaining is not None and 0 <= remaining <= limit:
            length = self._minute.length
            reset_in = length if reset_in is None else min(reset_in, length + _CLOCK_GRAIN)
            self._minute.correct(now, limit=limit, remaining=remaining, reset_in=reset_in)
        self._wake()

    def unanswered(self, *, sent: bool) -> None:
        """Give a slot back without an answer; a call that was never sent costs nothing."""
        now = self._now()
        for window in self._windows:
            if sent:
                window.answered(now)
            else:
                window.in_flight -= 1
        self._wake()

    def _take(self) -> None:
        for window in self._windows:
            window.in_flight += 1

    def _delay(self, priority: Priority) -> float:
        """Return the seconds until this lane's first caller may go: 0 for now, infinity for "when something happens"."""
        now = self._now()
        if self._paused_until > now:
            return self._paused_until - now
        delay = 0.0
        if priority == "bulk":
            if self._lanes["interactive"]:
                return math.inf
            if not self._heard and self._minute.in_flight:
                # Nobody has told yet what an earlier run has used up: let the first answer say so.
                return math.inf
        for window in self._windows:
            free = window.free(now)
            if free < 1:
                delay = max(delay, window.next_return(now) - now)
            elif priority == "bulk" and free - 1 < window.reserved(now, self._reserve):
                delay = max(delay, self._melts_in(window, now, free))
        return delay

    def _melts_in(self, window: _Window, now: float, free: int) -> float:
        """Return when the melting reserve lets one more bulk call through."""
        reserved = window.reserved(now, self._reserve)
        kept = self._reserve * window.limit
        # The reserve falls by `kept` over one window length, so it falls by the excess in this many seconds.
        melting = (reserved - (free - 1)) / kept * window.length
        return max(min(melting, window.next_return(now) - now), 0.001)

    def _wake(self) -> None:
        for lane in self._lanes.values():
            if lane:
                lane[0].set()

    def _reset_in(self, headers: Mapping[str, str]) -> float | None:
        """Return the seconds until the window's end, by the platform's own clock where it sends one."""
        reset = _number(headers.get("x-ratelimit-reset"))
        if reset is None:
            return None
        here = _date(headers.get("date")) or self._wall()
        return min(max(0.0, reset - here) + _CLOCK_GRAIN, self._hour.length + _CLOCK_GRAIN)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isascii() and text.strip().isdigit() else None


def _date(text: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _retry_after(headers: Mapping[str, str], wall: Callable[[], float]) -> float | None:
    text = headers.get("retry-after")
    if text is None:
        return None
    if (seconds := _number(text)) is not None:
        return float(seconds)
    moment = _date(text)
    return None if moment is None else max(0.0, moment - wall())
