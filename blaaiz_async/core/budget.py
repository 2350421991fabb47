"""The shared pacer: the whole rate budget used, and never broken.

The platform counts 120 calls a minute and 1,500 an hour (contract x-limits). It doesn't say whether its windows slide, so
a slot here is held from before the call is sent until a whole window after its answer: whichever way the platform counts,
no window of its can hold more than the limit.

Two lanes. `interactive` calls go ahead and may use every slot. `bulk` calls leave a reserve for interactive ones, which
melts in the last half window before slots come back: so a job alone uses the whole budget. Its slots would come back in the
bursts in which it took them; so from an interactive call on, for an hour, bulk keeps to the limit's own pace once it has
used up what lay idle. Then slots come back one by one, and 99 of 100 interactive calls wait less than one slot (60 s /
per_minute), as long as they come by chance and are within the reserve: by default one call in ten. In a first minute that
a job began with a burst, and that has more of them than the reserve, some wait until its end.

What other processes use shows in the X-RateLimit headers and is counted as used; beside them
bulk calls keep to a share of what remains. `blaaiz_async.redis` has a budget that many processes share for certain.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import anyio
from attrs import frozen

from blaaiz_async.core import quota
from blaaiz_async.core.alone import Alone
from blaaiz_async.core.background import now
from blaaiz_async.core.window import Neighbours, Window

Priority = Literal["interactive", "bulk"]


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
    processes: int = 1
    """Processes that share it, as far as known."""
    lost: bool = False
    """Whether what they share it through can't be reached, so that this process keeps to its part."""
    age: float = 0.0
    """Seconds since the numbers were told; a process that rests isn't told what the others do."""


class NoSlotInTimeError(Exception):
    """No slot can come before the caller's deadline."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """Until a slot may come, as far as known."""
        super().__init__(f"no slot for {seconds:.1f} s")


class Budget(Protocol):
    """What paces the calls of a client: one of the budgets here, or one of your own."""

    async def acquire(self, priority: Priority = "interactive", *, timeout: float | None = None) -> None:
        """Wait for a slot: the right to send one call. It must be given back by `answered` or `unanswered`.

        Raises NoSlotInTimeError if none can come within `timeout` seconds.
        """

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Give a slot back with the answer that came, and learn from its headers."""

    def unanswered(self, *, sent: bool) -> None:
        """Give a slot back without an answer; a call that was never sent costs nothing."""

    def statistics(self) -> BudgetStatistics:
        """Return how full the windows are now."""
        ...


class RateBudget:
    """Paces calls over a minute and an hour, shared by everything that uses the same client.

    Args:
        per_minute: Calls a minute, until an answer's X-RateLimit-Limit says otherwise.
        per_hour: Calls an hour.
        reserve: Share of each window that bulk calls leave to interactive ones, 0 to 1.
        minute: Length of the short window in seconds. Differs from 60 only against a sandbox with shrunk windows.
        hour: Length of the long window in seconds.
        now: Seconds of a monotonic clock; the event loop's own by default.
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
        now: Callable[[], float] = now,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if per_minute < 1 or per_hour < 1 or not 0 <= reserve < 1 or not 0 < minute <= hour:
            raise ValueError("per_minute and per_hour must be at least 1, 0 ≤ reserve < 1 and 0 < minute ≤ hour")
        self._minute = Window(per_minute, minute)
        self._hour = Window(per_hour, hour)
        self._windows = (self._minute, self._hour)
        self._neighbours = Neighbours(minute)
        self._alone: Alone | None = None
        self._reserve = reserve
        self._now = now
        self._wall = wall
        self._paused_until = -math.inf
        self._heard = False  # has any answer told what the platform has counted so far?
        self._person_until = -math.inf  # until then the last interactive call counts
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
        if priority == "interactive":
            self._person_until = self._now() + self._hour.length
        if not lane and (delay := self.delay(priority)) <= 0:
            self._go(priority)
            return
        give_up = math.inf if timeout is None else self._now() + timeout
        mine = anyio.Event()
        lane.append(mine)
        try:
            while True:
                delay = self.delay(priority) if lane[0] is mine else math.inf
                if delay <= 0:
                    self._go(priority)
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
        minute, hour = self._minute.length, self._hour.length
        self.learn(quota.read(status, headers, minute=minute, hour=hour, wall=self._wall))

    def learn(self, told: quota.Told) -> None:
        """Give a slot back with an answer whose headers have been read."""
        now = self._now()
        for window in self._windows:
            window.answered(now)
        if self._alone is not None:
            self._alone.answered(now, told)
        self._heard = True
        if told.pause is not None:
            self._paused_until = max(self._paused_until, now + told.pause)
            self._neighbours.refused(now, told.pause)
        else:
            if told.count is not None:
                self._minute.correct(now, told.count)
            self._neighbours.answered(now, told.count, self._minute)
        self._wake()

    def unanswered(self, *, sent: bool) -> None:
        """Give a slot back without an answer; a call that was never sent costs nothing."""
        now = self._now()
        for window in self._windows:
            if sent:
                window.answered(now)
            else:
                window.in_flight -= 1
        if self._alone is not None:
            if sent:
                self._alone.answered(now, quota.Told())
            else:
                self._alone.freed()
        self._wake()

    def take(self) -> None:
        """Hold a slot without asking: for a call that another budget has let through."""
        for window in self._windows:
            window.in_flight += 1
        if self._alone is not None:
            self._alone.took()

    def keep_to_share(self, *, processes: int, spare_hour: float, full_for: float | None = None) -> None:
        """Use no more than a share of each limit; for a process that has lost sight of the others.

        For at most a window it feels its way, call by call: see `Alone`.

        Args:
            processes: How many share the limits, this one among them.
            spare_hour: Slots of the hour that this process may take for certain.
            full_for: Seconds until the first slot of the minute comes back to anybody, if it is known that none remains.
        """
        now = self._now()
        ours_back = -math.inf if full_for is None else self._minute.ours_back(now)
        for window in self._windows:
            window.share = 1 / processes
        self._alone = Alone(
            now,
            length=self._minute.length,
            hour=self._hour.length,
            processes=processes,
            in_flight=self._minute.in_flight,
            spare_hour=spare_hour,
            interactive_from=-math.inf if full_for is None else min(ours_back, now + full_for),
            bulk_from=ours_back,
            probed_until=-math.inf if self._alone is None else self._alone.probed_until,
        )
        self._wake()

    def delay(self, priority: Priority) -> float:
        """Return the seconds until a lane's first caller may go: 0 for now, infinity for "when something happens"."""
        now = self._now()
        if self._paused_until > now:
            return self._paused_until - now
        if self._alone is not None:
            if (delay := self._alone.delay(now, priority)) > 0:
                return delay
            if self._alone.probes(now) and (priority == "interactive" or not self._lanes["interactive"]):
                return self._refilled_in(now)
        delay = 0.0
        if priority == "bulk":
            if self._lanes["interactive"]:
                return math.inf
            if not self._heard and self._minute.in_flight:
                # Nobody has told yet what an earlier run has used up: let the first answer say so.
                return math.inf
            if self._minute.in_flight + 1 > self._neighbours.room(now, self._minute):
                soonest = min(self._neighbours.turns_in(now), self._minute.next_return(now) - now)
                delay = max(0.001, soonest)
        return max(delay, *(self._lacks(window, now, priority) for window in self._windows))

    def _lacks(self, window: Window, now: float, priority: Priority) -> float:
        """Return the seconds until a window has a slot for this lane."""
        free, delay = window.free(now), 0.0
        if free < 1:
            delay = window.next_return(now) - now
        elif priority == "bulk" and free - 1 < window.reserved(now, self._reserve):
            delay = window.melts_in(now, self._reserve, free)
        if priority == "bulk" and delay > 0:
            window.pace.held_up()
        if priority == "bulk" and self._person_until > now:
            delay = max(delay, window.pace.opens_in(now))
        return delay

    def _go(self, priority: Priority) -> None:
        self.take()
        if priority == "bulk":
            now = self._now()
            for window in self._windows:
                window.pace.took(now, window.limit)

    def _refilled_in(self, now: float) -> float:
        """Return the seconds until no window is full, whatever this process's share of it."""
        return max((each.next_return(now) - now for each in self._windows if each.limit <= each.used(now)), default=0.0)

    def _wake(self) -> None:
        for lane in self._lanes.values():
            if lane:
                lane[0].set()
