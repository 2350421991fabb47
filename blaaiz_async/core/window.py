"""One limit of the platform, and what is known of the calls that others make under it."""

import math
from collections import deque

from blaaiz_async.core.quota import Count

_NEAR_END = 0.1
"""Part of a window from which on a process that has hardly called yet keeps still beside others."""


_LATE = 1.0
"""Slots that a bulk load held up by the limit may take beside the one that is due, so that a late timer costs nothing."""


class Pace:
    """The limit's own rate, which a saturating bulk load keeps to while people call, so that its slots come back evenly.

    Slots taken in a burst come back in a burst a window later, for ever, and between two bursts there is but the reserve.
    So bulk may burst by what it left unused, up to a window's slots, but the time in which it waits for slots to come back
    earns it nothing (a GCRA without credit for the time it was blocked).
    """

    def __init__(self, length: float) -> None:
        self._length = length
        self._paid_until = -math.inf
        self._held_up = False

    def opens_in(self, now: float) -> float:
        """Return the seconds until bulk may take its next slot."""
        return self._paid_until - now

    def held_up(self) -> None:
        """Note that bulk waits for slots to come back."""
        self._held_up = True

    def took(self, now: float, limit: int) -> None:
        """Note that bulk has taken a slot."""
        slot = self._length / limit
        earliest = now - (_LATE * slot if self._held_up else self._length)
        self._paid_until = max(self._paid_until, earliest) + slot
        self._held_up = False


class Window:
    """One limit: `limit` calls in any `length` seconds."""

    def __init__(self, limit: int, length: float) -> None:
        self.limit = limit
        self.length = length
        self.in_flight = 0
        self.pace = Pace(length)
        self.opened = -math.inf
        """When the platform's present window was first seen; it never opens anew if the platform's windows slide."""
        self.returned = 0
        """How many slots have come back that calls in that window held."""
        self._returns: deque[float] = deque()  # when held slots come back, ascending
        self._foreign = 0
        self._foreign_until = -math.inf
        self.share = 1.0
        """This process's part of the limit, above 0 and at most 1."""

    def ours(self, now: float) -> int:
        """Return how many slots this process holds."""
        while self._returns and self._returns[0] <= now:
            if self._returns.popleft() - self.length >= self.opened:
                self.returned += 1
        return self.in_flight + len(self._returns)

    def used(self, now: float) -> int:
        """Return how many slots are held, by this process and, as far as known, by others."""
        if self._foreign_until <= now:
            self._foreign = 0
        return self.ours(now) + self._foreign

    def free(self, now: float) -> int:
        """Return how many slots this process may still take."""
        ours_at_most = max(1, math.floor(self.limit * self.share))
        return min(self.limit - self.used(now), ours_at_most - self.ours(now))

    def answered(self, now: float) -> None:
        """Hold the slot of a call in flight for a window from now."""
        self.in_flight -= 1
        self._returns.append(now + self.length)

    def ours_back(self, now: float) -> float:
        """Return when the first slot of an answered call of ours comes back; infinity if there is none."""
        self.ours(now)
        return self._returns[0] if self._returns else math.inf

    def next_return(self, now: float) -> float:
        """Return when a slot comes back; infinity if only calls in flight hold them."""
        moments = [self._returns[0]] if self._returns else []
        if self._foreign and self._foreign_until > now:
            moments.append(self._foreign_until)
        return min(moments, default=math.inf)

    def reserved(self, now: float, reserve: float) -> float:
        """Return how many slots bulk must leave: the whole reserve, until half a window before it would be refilled.

        Then it melts. Never less than one while no slot comes back within the time of a slot.
        """
        kept = reserve * self.limit
        melted = min(kept, self._melting(now, kept))
        return max(melted, min(1.0, kept)) if self.next_return(now) - now > self.length / self.limit else melted

    def melts_in(self, now: float, reserve: float, free: int) -> float:
        """Return in how many seconds the melting reserve lets one more bulk call through, or a slot comes back."""
        kept = reserve * self.limit
        spare = (free - 1) * self.length / kept  # the time for which what is left over is people's share
        melting = self._refilled_in(now, kept) - min((spare + reserve * self.length) / 2, spare)
        last = self.next_return(now) - now
        if free == 1:
            melting = max(melting, last - self.length / self.limit)
        return max(min(melting, last), 0.001)

    def _melting(self, now: float, kept: float) -> float:
        """Return what interactive calls may need until the reserve is refilled: twice their share of the slots till then.

        Half the time in which slots that come back evenly refill it is taken off, for beside those one or two are enough;
        but never less than their share, for after a burst none comes back until all do.
        """
        refilled_in = self._refilled_in(now, kept)
        evenly = kept * self.length / self.limit
        return kept * max(2 * (refilled_in - evenly / 2), refilled_in) / self.length

    def _refilled_in(self, now: float, kept: float) -> float:
        place = math.ceil(kept) - 1
        if place < 0:
            return 0.0
        if place < len(self._returns):
            refilled = self._returns[place]
        elif self._foreign:
            refilled = self._foreign_until
        else:
            refilled = now + self.length
        return max(0.0, refilled - now)

    def correct(self, now: float, count: Count) -> None:
        """Take over what the platform counted: its limit, and the calls that aren't ours."""
        self.limit = count.limit
        self._foreign = max(0, count.limit - count.remaining - self.ours(now))
        self._foreign_until = now + count.reset_in


class Neighbours:
    """Other processes that share the limit and can't be talked to: what the headers of our own answers show of them.

    They all see the same last slots, and would all rush for them. So a bulk call goes only while our calls in flight are
    at most half of our own share of what remains, the share being that of our calls in all calls of the platform's present
    window. At the start of a window, when nothing is known, our calls in flight are at most one more than twice the answers
    heard.
    """

    def __init__(self, length: float) -> None:
        self._length = length
        self._told = False  # has the platform ever told its count?
        self._ends = math.inf
        self._own = 0  # answers in the platform's present window
        self._used = 0
        self._remaining: int | None = None
        self._returned = 0
        self._stale = 0  # how many answers may have been counted before the one that is known

    def answered(self, now: float, count: Count | None, window: Window) -> None:
        """Learn from an answer to one of ours."""
        self._turn(now, window)
        self._own += 1
        if count is None:
            return
        self._told = True
        used = count.limit - count.remaining
        if used < self._used / 2:
            self._own, self._remaining, window.opened = 1, None, now  # the platform's window is a new one
        elif self._remaining is not None and self._stale > 0 and count.remaining > self._left(window):
            self._stale -= 1  # perhaps counted before the one that is known
            return
        self._used, self._remaining, self._returned = used, count.remaining, window.returned
        self._stale = window.in_flight
        self._ends = now + count.reset_in

    def refused(self, now: float, pause: float) -> None:
        """Learn from a 429: nothing remains, and there are others."""
        self._told = True
        self._own, self._remaining = 0, None
        self._ends = now + pause

    def room(self, now: float, window: Window) -> float:
        """Return how many bulk calls of ours may be in flight."""
        self._turn(now, window)
        if not self._told:
            return math.inf
        held = window.ours(now)
        slow_start = 2.0 * self._own + 1
        if self._remaining is None:
            return slow_start
        left = self._left(window)
        fair = min(1.0, min(held, self._own) / max(1, self._used)) * left / 2
        alone = min(held, self._own + window.in_flight) >= self._used
        if alone or left > _NEAR_END * window.limit:
            fair = max(1.0, fair)
        return min(slow_start, fair)

    def _left(self, window: Window) -> int:
        """Return what remains: what the platform told, and our own slots that have come back since."""
        return (self._remaining or 0) + window.returned - self._returned

    def turns_in(self, now: float) -> float:
        """Return the seconds until the platform's window ends, as far as known."""
        return self._ends - now

    def _turn(self, now: float, window: Window) -> None:
        if now >= self._ends:
            self._own, self._used, self._remaining, self._ends = 0, 0, None, math.inf
            window.opened = now
