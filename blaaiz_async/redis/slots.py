"""The slots that this process holds, and what Redis has still to be told of them."""

import math
from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from blaaiz_async.core.quota import Count, Told


@frozen
class _Answered:
    id: int
    at: float


@frozen
class _Counted:
    count: Count
    at: float
    took: float


@define
class _News:
    """What has happened since the last report."""

    answered: list[_Answered] = field(factory=list[_Answered])
    taken: list[int] = field(factory=list[int])
    freed: list[int] = field(factory=list[int])
    counted: _Counted | None = None


class Slots:
    """Knows every slot by its number, so that telling Redis twice is the same as telling it once.

    Calls aren't told apart: an answer gives back the slot that was taken first.

    Args:
        minute: Length of the short window in seconds.
        hour: Length of the long window in seconds; an older slot is of no account any more.
        renew_after: Seconds after which a process that holds slots of the short window must be heard again: those in flight
            are renewed, and should Redis have lost its memory, it is told in time what it has forgotten.
        now: Seconds of a monotonic clock.
    """

    def __init__(self, *, minute: float, hour: float, renew_after: float, now: Callable[[], float]) -> None:
        self._minute = minute
        self._hour = hour
        self._renew_after = renew_after
        self._now = now
        self._in_flight: dict[int, float] = {}  # when it was taken, oldest first
        self._held: deque[_Answered] = deque()
        self._news = _News()
        self._paused_until = -math.inf
        self._reported_at = now()
        self.next = 1
        """The number of the next slot."""

    def granted(self) -> None:
        """Hold a slot that Redis has granted; they are granted in the order of their numbers."""
        self._in_flight[self.next] = self._now()
        self.next += 1

    def taken(self) -> None:
        """Hold a slot that Redis knows nothing of."""
        self._news.taken.append(self.next)
        self.granted()

    def answered(self, told: Told | None = None) -> None:
        """Keep a slot for a whole window from now: its call was answered, or nobody knows."""
        now = self._now()
        id = next(iter(self._in_flight))
        since = self._in_flight.pop(id)
        answered = _Answered(id, now)
        self._held.append(answered)
        self._news.answered.append(answered)
        while self._held[0].at <= now - self._hour:
            self._held.popleft()
        if told is not None and told.count is not None:
            self._news.counted = _Counted(told.count, now, now - since)
        if told is not None and told.pause is not None:
            self._paused_until = max(self._paused_until, now + told.pause)

    def freed(self) -> None:
        """Give a slot back whose call was never sent: the newest, for it is the least likely to be on its way."""
        id, _ = self._in_flight.popitem()
        self._news.freed.append(id)

    @property
    def holds(self) -> bool:
        """Whether a slot of the short window is held: a call is under way, or was answered within its length."""
        return bool(self._in_flight) or (bool(self._held) and self._held[-1].at > self._now() - self._minute)

    @property
    def report_due(self) -> float:
        """When this process must be heard again; infinity if it holds nothing."""
        return self._reported_at + self._renew_after if self.holds else math.inf

    def report(self, *, everything: bool) -> dict[str, Any]:
        """Return what Redis should be told, which then counts as told.

        Args:
            everything: Tell all that is held, for a Redis that may have forgotten it or never knew.
        """
        now, news = self._now(), self._news
        self._news = _News(freed=news.freed) if everything else _News()
        renewing = everything or now >= self.report_due
        answered = list(self._held) if everything else news.answered
        in_flight = self._in_flight if renewing else [id for id in news.taken if id in self._in_flight]
        if renewing:
            self._reported_at = now
        told: dict[str, Any] = {
            "answered": [each.id for each in answered],
            "ages": [round((now - each.at) * 1000) for each in answered],
            "in_flight": list(in_flight),
            "freed": news.freed,
            "pause": round(max(0.0, self._paused_until - now) * 1000),
        }
        if (counted := news.counted) is not None and now - counted.at < counted.count.reset_in:
            told["told"] = {
                "limit": counted.count.limit,
                "remaining": counted.count.remaining,
                "reset_in": round((counted.count.reset_in - (now - counted.at)) * 1000),
                "slack": round((now - counted.at + counted.took) * 1000),
            }
        return told
