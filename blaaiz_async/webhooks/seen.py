"""Remembers which events were handled, so that a delivery that comes twice is handled once.

A claim is a lease: whoever claims a key may work on it until the lease lapses, so that what a killed process held is free
again after a while. `done` ends it for good, `release` gives it back.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal, Protocol

DAY = 86400.0
KEEP = 91 * DAY
"""Seconds for which a handled event is remembered: the platform repeats for some 42 hours by itself, and replays what is up
to 90 days old when asked (contract/events.yaml x-webhook-delivery)."""

Claim = Literal["new", "running", "done"]
"""What a claim found: "new", it is yours; "running", it is another's; "done", there is nothing left to do."""


class SeenStore(Protocol):
    """Where it is remembered what was handled. Keys are digests, which tell nothing about an event."""

    async def claim(self, key: str, *, owner: str, lease: float) -> Claim:
        """Take a key for `lease` seconds, if nobody has it and it isn't done."""
        ...

    async def done(self, key: str) -> None:
        """Remember a key as handled, whoever has it."""

    async def is_done(self, key: str) -> bool:
        """Tell whether a key was handled."""
        ...

    async def release(self, key: str, *, owner: str) -> None:
        """Give a key back. It changes nothing if `owner` doesn't have it, or no more."""


class MemorySeenStore:
    """Remembers in this process only, for all that share it: a restart forgets, and what comes again then is handled again.

    Args:
        keep: Seconds for which a handled event is remembered.
        most: How many events are remembered at most; the oldest go first, save those under way.
        clock: Tells the time as seconds that never go back.
    """

    def __init__(self, *, keep: float = KEEP, most: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep = keep
        self._most = most
        self._clock = clock
        self._done: OrderedDict[str, float] = OrderedDict()
        """Until when, oldest first. A plain dict steps over all it has lost to find its first."""
        self._claims: dict[str, tuple[str, float]] = {}
        """Whose, and until when."""

    async def claim(self, key: str, *, owner: str, lease: float) -> Claim:
        """Take a key for `lease` seconds, if nobody has it and it isn't done."""
        if self._knows(key):
            return "done"
        now = self._clock()
        held = self._claims.get(key)
        if held is not None and held[1] > now:
            return "running"
        self._claims[key] = (owner, now + lease)
        return "new"

    async def done(self, key: str) -> None:
        """Remember a key as handled, whoever has it."""
        self._claims.pop(key, None)
        done, now = self._done, self._clock()
        done[key] = now + self._keep
        done.move_to_end(key)
        while done and (len(done) > self._most or next(iter(done.values())) <= now):
            done.popitem(last=False)

    async def is_done(self, key: str) -> bool:
        """Tell whether a key was handled."""
        return self._knows(key)

    def _knows(self, key: str) -> bool:
        now = self._clock()
        return self._done.get(key, now) > now

    async def release(self, key: str, *, owner: str) -> None:
        """Give a key back. It changes nothing if `owner` doesn't have it, or no more."""
        held = self._claims.get(key)
        if held is not None and held[0] == owner:
            del self._claims[key]
