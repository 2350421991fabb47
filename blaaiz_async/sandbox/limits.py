"""Rate limits: fixed windows that open with a client's first call (contract/customers.yaml x-limits)."""

from __future__ import annotations

import math

import attrs

__all__ = ["TIGHTER", "Limiter", "Limits", "Standing"]


@attrs.frozen(kw_only=True)
class Limits:
    """How much one client may call.

    Attributes:
        per_minute: calls in one short window.
        per_hour: calls in one long window.
        minute: length of the short window, seconds.
        hour: length of the long window, seconds.
    """

    per_minute: int = 120
    per_hour: int = 1500
    minute: float = 60.0
    hour: float = 3600.0


TIGHTER = {
    "signa_get_document": Limits(per_minute=30, per_hour=600),
    "signa_id_create_release_request": Limits(per_minute=30),
    "signa_id_exchange_release_code": Limits(per_minute=30),
}
"""Operations with limits of their own, for the whole business (contract/events.yaml x-conventions.rate_limit.tighter)."""


@attrs.frozen(kw_only=True)
class Standing:
    """Where a client stands after a call."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """Give the X-RateLimit headers."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset),
        }


@attrs.define
class _Window:
    size: int
    length: float
    opened: float = -math.inf
    used: int = 0

    def roll(self, at: float) -> None:
        if at >= self.opened + self.length:
            self.opened, self.used = at, 0

    @property
    def left(self) -> int:
        return self.size - self.used

    @property
    def ends(self) -> int:
        return math.ceil(self.opened + self.length)


class Limiter:
    """Counts the calls of every client."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._windows: dict[str, tuple[_Window, _Window]] = {}

    def take(self, client_id: str, at: float) -> Standing:
        """Count one call, unless it is refused: a refused call costs nothing.

        Args:
            client_id: the credential; every credential has windows of its own.
            at: now, epoch seconds.
        """
        minute, hour = self._windows.setdefault(client_id, self._fresh())
        minute.roll(at)
        hour.roll(at)
        allowed = minute.left > 0 and hour.left > 0
        if allowed:
            minute.used += 1
            hour.used += 1
        return Standing(
            allowed=allowed,
            limit=self._limits.per_minute,
            remaining=min(minute.left, hour.left),
            # An exhausted hour is what the caller must wait for, not the minute.
            reset=minute.ends if hour.left > 0 else hour.ends,
        )

    def _fresh(self) -> tuple[_Window, _Window]:
        own = self._limits
        return _Window(own.per_minute, own.minute), _Window(own.per_hour, own.hour)
