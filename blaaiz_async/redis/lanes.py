"""Those who wait for a slot in this process, lane by lane."""

import asyncio
import math
from collections import deque
from collections.abc import Callable

from attrs import frozen

from blaaiz_async.core.budget import NoSlotInTimeError, Priority


@frozen(eq=False)
class Waiter:
    """A caller that waits for a slot."""

    slot: "asyncio.Future[None]"
    give_up: float


class Lanes:
    """First come, first served within a lane; interactive comes before bulk.

    Args:
        now: Seconds of a monotonic clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lanes: dict[Priority, deque[Waiter]] = {"interactive": deque(), "bulk": deque()}

    def waiting(self) -> dict[Priority, int]:
        """Return how many wait in each lane that isn't empty, interactive first."""
        return {priority: len(lane) for priority, lane in self._lanes.items() if lane}

    def join(self, priority: Priority, timeout: float | None) -> Waiter:
        """Queue up."""
        give_up = math.inf if timeout is None else self._now() + timeout
        waiter = Waiter(asyncio.get_running_loop().create_future(), give_up)
        self._lanes[priority].append(waiter)
        return waiter

    def leave(self, priority: Priority, waiter: Waiter) -> bool:
        """Leave before one's turn; tell whether a slot was granted in the very moment."""
        if waiter in self._lanes[priority]:
            self._lanes[priority].remove(waiter)
            return False
        return not waiter.slot.cancelled() and waiter.slot.exception() is None

    def hand_out(self, priority: Priority) -> bool:
        """Give a slot to the first who still wants it; tell whether there is one."""
        lane = self._lanes[priority]
        while lane:
            if not (waiter := lane.popleft()).slot.done():
                waiter.slot.set_result(None)
                return True
        return False

    def refuse_late(self, priority: Priority, delay: float) -> None:
        """Tell those who can't get a slot in time, if the next one comes in `delay` seconds."""
        lane, now = self._lanes[priority], self._now()
        for waiter in [each for each in lane if now + delay > each.give_up]:
            lane.remove(waiter)
            if not waiter.slot.done():
                waiter.slot.set_exception(NoSlotInTimeError(delay))

    def fail(self, error: Exception) -> None:
        """Let nobody wait for what will never come."""
        for lane in self._lanes.values():
            while lane:
                if not (waiter := lane.popleft()).slot.done():
                    waiter.slot.set_exception(error)
