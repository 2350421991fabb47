"""One rate budget for many processes.

The windows live in Redis and are counted by a script there (`budget.lua`), on Redis's own clock. One dispatcher a process
asks on behalf of all who wait, and reports what was answered in the same round trip. When Redis is lost, the process
feels its way with one call (see `blaaiz_async.core.alone`) and goes on with its share of the limit; once Redis answers
again, it first tells all that it holds, and keeps to its share until the others have had the time to do the same. The same
goes for a Redis that answers, but has lost its memory, a part of it, or what it was told last: each process names the moment
of its last exchange, and one that holds slots of the minute is heard every few seconds, to notice even when it is idle.
"""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec
from attrs import evolve, frozen

from blaaiz_async.core import quota
from blaaiz_async.core.background import on_asyncio, spawn
from blaaiz_async.core.budget import BudgetStatistics, NoSlotInTimeError, Priority, RateBudget, WindowStatistics
from blaaiz_async.errors import ConfigurationError
from blaaiz_async.redis.lanes import Lanes
from blaaiz_async.redis.link import Link, LostError, Script
from blaaiz_async.redis.slots import Slots

if TYPE_CHECKING:
    from blaaiz_async.redis.link import RedisClient

_SCRIPT = Script(Path(__file__).with_name("budget.lua").read_text(encoding="utf-8"))
_AT_ONCE = 500
"""Slots asked for in one round trip, at most."""
_REPORT_WITHIN = 0.05
"""Seconds after which an answer is reported, if nobody asks for a slot before."""
_BULK_PATIENCE = 0.005
"""Seconds between two asks for bulk slots, at least, so that a fleet doesn't crowd Redis at every slot that comes back."""
_INTERACTIVE_PATIENCE = 0.5
"""Seconds between two asks for interactive slots, at most; a slot may be given back early."""
_FRESH = 0.1
"""Part of the minute for which it counts that Redis told of no slot that remained."""
_SILENCE = 0.25
"""Seconds before the change back to Redis in which no slot is taken that it doesn't know."""


@frozen
class _Reply:
    """What the script returns, in its order."""

    moment: int
    interactive: int
    bulk: int
    interactive_in_ms: int
    bulk_in_ms: int
    minute_limit: int
    minute_used: int
    hour_limit: int
    hour_used: int
    processes: int
    paused_ms: int
    settling_ms: int


class RedisRateBudget:
    """Paces calls over a minute and an hour, shared by all processes that name the same budget in the same Redis.

    Args:
        redis: URL of a Redis, or a client of `redis.asyncio`, which stays yours to close.
        name: Names the budget; one per credential, such as its client id.
        per_minute: Calls a minute, until an answer's X-RateLimit-Limit says otherwise.
        per_hour: Calls an hour.
        reserve: Share of each window that bulk calls leave to interactive ones, 0 to 1.
        processes: How many processes share the budget at most, for when Redis can't be asked. If None, as many as were
            active when this process asked last; a process that never reached Redis then takes itself for the only one,
            and only what the answers' headers tell keeps it beside the others.
        minute: Length of the short window in seconds. Differs from 60 only against a sandbox with shrunk windows.
        hour: Length of the long window in seconds.
        timeout: Seconds that Redis may take for an answer before it counts as lost.
        now: Seconds of a monotonic clock.
        wall: UTC epoch seconds, for answers without a Date.

    Raises:
        ConfigurationError: The extra is missing, the URL can't be read, processes is less than 1, or it is used under trio.

    While Redis is lost, each process keeps to its part of the limit, the part of one in `processes`. What the others hold
    when it is lost isn't known, and is taken as used: in either lane one call of each process goes at once, and more only
    when its answer has told how many remain, or after a whole window. Where answers tell no count, that may be one call
    more than the limit for each process, in that window alone.

    Redis may persist its memory or not, but must not evict keys (`maxmemory-policy noeviction`): what it forgets is told
    again, and each time the fleet keeps to its shares for some seconds. Slots of a process that is gone stay forgotten.

    It belongs to one event loop of one process: make it after forking.
    """

    def __init__(
        self,
        redis: "RedisClient | str",
        *,
        name: str,
        per_minute: int = 120,
        per_hour: int = 1500,
        reserve: float = 0.1,
        processes: int | None = None,
        minute: float = 60.0,
        hour: float = 3600.0,
        timeout: float = 2.0,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if not name or "{" in name or "}" in name:
            raise ConfigurationError("name must name the budget, without braces; one per credential")
        if processes is not None and processes < 1:
            raise ConfigurationError("processes must be at least 1, or None if it isn't known")
        self._now, self._wall = now, wall
        self._processes = processes
        self._minute, self._hour = minute, hour
        self._local = RateBudget(
            per_minute=per_minute, per_hour=per_hour, reserve=reserve, minute=minute, hour=hour, now=now, wall=wall
        )
        # A call may reach the platform this long after its slot was granted, or last reported; no longer.
        grace = minute / 6
        retry_at_most = minute / 30
        self._link = Link(
            redis,
            timeout=timeout,
            retry_at_most=retry_at_most,
            consequence=self._consequence,
            now=now,
        )
        self._slots = Slots(minute=minute, hour=hour, renew_after=grace / 3, now=now)
        self._keys = [f"blaaiz:{{{name}}}:{part}" for part in ("minute", "hour", "processes", "waiting", "state")]
        self._fixed = {
            "process": secrets.token_hex(8),
            "per_minute": per_minute,
            "per_hour": per_hour,
            "minute": minute * 1000,
            "hour": hour * 1000,
            "reserve": reserve,
            "grace": grace * 1000,
            # Every process tries again, waits for its answer and reports within this time.
            "settle": (2 * retry_at_most + timeout + 0.5) * 1000,
        }
        self._lanes = Lanes(now)
        self._ask_at: dict[Priority, float] = {"interactive": -math.inf, "bulk": -math.inf}
        self._report_by = math.inf
        self._seen = 0  # the moment of the last exchange, on Redis's clock
        self._rejoins = False  # must Redis be told everything?
        self._alone = False  # does this process pace itself?
        self._settled_at = math.inf
        self._last: _Reply | None = None
        self._last_at = -math.inf
        self._kick = asyncio.Event()
        self._running = self._exchanging = False

    async def acquire(self, priority: Priority = "interactive", *, timeout: float | None = None) -> None:
        """Wait for a slot: the right to send one call. It must be given back by `answered` or `unanswered`.

        Raises NoSlotInTimeError as soon as it is plain that none can come within `timeout` seconds.
        """
        if not on_asyncio():
            raise ConfigurationError("RedisRateBudget runs under asyncio only; under trio, use RateBudget")
        first = priority not in self._lanes.waiting()
        waiter = self._lanes.join(priority, timeout)
        if first:
            self._ask_at[priority] = -math.inf
            self._wake()
        try:
            async with asyncio.timeout(timeout):
                await waiter.slot
        except BaseException as error:
            if self._lanes.leave(priority, waiter):
                self.unanswered(sent=False)
            elif not self._busy():
                self._kick.set()
            if isinstance(error, TimeoutError):
                raise NoSlotInTimeError(max(0.0, self._ask_at[priority] - self._now())) from None
            raise

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Give a slot back with the answer that came, and learn from its headers."""
        told = quota.read(status, headers, minute=self._minute, hour=self._hour, wall=self._wall)
        self._local.learn(told)
        self._slots.answered(told)
        self._report(within=_REPORT_WITHIN if told.pause is None else 0.0)

    def unanswered(self, *, sent: bool) -> None:
        """Give a slot back without an answer; a call that was never sent costs nothing."""
        self._local.unanswered(sent=sent)
        if sent:
            self._slots.answered()
            self._report(within=_REPORT_WITHIN)
        else:
            self._slots.freed()
            self._report(within=0.0)

    def statistics(self) -> BudgetStatistics:
        """Return how full the windows are, as Redis told last; while it is lost, as far as this process knows itself."""
        local, last, since = self._local.statistics(), self._last, self._now() - self._last_at
        waiting = sum(self._lanes.waiting().values())
        if last is None or self._alone or since > self._hour:
            return evolve(local, waiting=waiting, processes=self._sharers(), lost=self._link.lost)
        return BudgetStatistics(
            minute=WindowStatistics(limit=last.minute_limit, used=last.minute_used),
            hour=WindowStatistics(limit=last.hour_limit, used=last.hour_used),
            waiting=waiting,
            paused_for=max(local.paused_for, last.paused_ms / 1000 - since, 0.0),
            processes=last.processes,
            age=since,
        )

    async def aclose(self) -> None:
        """Tell Redis what it has still to know, and close the connection unless the client is yours."""
        if self._last is not None and not self._link.lost:
            with contextlib.suppress(LostError):
                await self._link.run(_SCRIPT, self._keys, self._ask(leaves=True))
        await self._link.aclose()
        self._settled_at = math.inf  # from here on it is alone, and waits for nobody
        self._kick.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # -- the dispatcher ------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._kick.set()
        if not self._running:
            self._running = True
            spawn(self._dispatch)

    def _report(self, *, within: float) -> None:
        self._report_by = min(self._report_by, self._now() + within)
        self._wake()

    async def _dispatch(self) -> None:
        try:
            while self._busy():
                self._kick.clear()
                nap = self._due() - self._now()
                if nap > 0:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(None if nap == math.inf else nap):
                            await self._kick.wait()
                elif self._alone:
                    self._serve_alone()
                else:
                    await self._exchange()
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait must not wait for ever
            self._lanes.fail(error)
        finally:
            self._running = False

    def _busy(self) -> bool:
        """Tell whether anybody waits, or Redis should hear from this process."""
        return bool(self._lanes.waiting()) or (not self._link.closed and (self._slots.holds or self._report_by < math.inf))

    def _due(self) -> float:
        """Return when there is something to do; infinity if only a kick can bring it."""
        waiting = self._lanes.waiting()
        if not self._alone:
            dues = [self._ask_at[lane] for lane in waiting]
        elif self._falls_silent():
            dues = []
        else:
            dues = [self._now() + self._local.delay(lane) for lane in waiting]
        return min([self._exchange_due(), *dues])

    def _exchange_due(self) -> float:
        """Return when Redis must be talked to, even if nobody waits for a slot."""
        if self._exchanging:
            return math.inf
        if self._link.lost:
            return self._link.retry_at
        if self._rejoins:
            return -math.inf
        return min(self._report_by, self._slots.report_due, self._settled_at)

    async def _exchange(self) -> None:
        """Tell Redis what happened, and ask for slots for those who wait."""
        ask, self._rejoins = self._ask(), False
        try:
            reply = _Reply(*await self._link.run(_SCRIPT, self._keys, ask))
        except LostError:
            self._rejoins, self._settled_at = True, math.inf
            self._go_alone()
            return
        if not reply.moment:  # a new Redis, or one that has lost its memory, or a part of it
            self._rejoins = True
            return
        now = self._now()
        self._seen = reply.moment
        if self._last is None or not reply.settling_ms:  # until all have come back, Redis knows of too few slots
            self._last, self._last_at = reply, now
        self._settled_at = now + reply.settling_ms / 1000 if reply.settling_ms else math.inf
        self._hand_out("interactive", reply.interactive, self._slots.granted)
        self._hand_out("bulk", reply.bulk, self._slots.granted)
        if reply.settling_ms:
            self._go_alone()
            return
        if self._alone:
            self._alone = False
            self._ask_at = {"interactive": now, "bulk": now}
            return
        interactive_in, bulk_in = reply.interactive_in_ms / 1000, reply.bulk_in_ms / 1000
        self._ask_at["interactive"] = now + min(interactive_in, _INTERACTIVE_PATIENCE)
        self._ask_at["bulk"] = now + min(max(bulk_in, 0.0 if reply.bulk else _BULK_PATIENCE), self._minute / 60)
        self._lanes.refuse_late("interactive", interactive_in)
        self._lanes.refuse_late("bulk", bulk_in)

    def _ask(self, *, leaves: bool = False) -> bytes:
        self._report_by = math.inf
        wanted = {} if self._alone or leaves else self._lanes.waiting()
        everything, age = self._rejoins or leaves, self._now() - self._last_at
        return msgspec.json.encode(
            {
                **self._fixed,
                # After an hour Redis may forget a process, which holds nothing any more.
                "seen": 0 if everything or age > self._hour else self._seen,
                "settles": self._rejoins and (self._slots.holds or age < self._minute),
                "leaves": leaves,
                "next": self._slots.next,
                "interactive": min(wanted.get("interactive", 0), _AT_ONCE),
                "bulk": min(wanted.get("bulk", 0), _AT_ONCE),
                **self._slots.report(everything=everything),
            }
        )

    def _hand_out(self, priority: Priority, slots: int, hold: Callable[[], None]) -> None:
        """Give slots to those who wait; one that nobody wants any more goes back."""
        for _ in range(slots):
            self._local.take()
            hold()
            if not self._lanes.hand_out(priority):
                self.unanswered(sent=False)

    # -- without the others --------------------------------------------------------------------------------------------

    def _go_alone(self) -> None:
        """Pace this process by itself: by its share, by its own calls so far, and by what the answers tell from now on."""
        if self._alone:
            return
        self._alone = True
        processes, last, age = self._sharers(), self._last, self._now() - self._last_at
        spare_hour, full_for = 0.0, None
        if processes == 1:
            spare_hour = math.inf
        elif last is not None:
            # Since Redis told, the others may have used every minute to the full.
            unseen = last.minute_limit * (1 + age // self._minute)
            spare_hour = (last.hour_limit - last.hour_used - unseen) / processes
        if last is not None and last.minute_limit - last.minute_used < processes and age < self._minute * _FRESH:
            full_for = last.interactive_in_ms / 1000 - age
        self._local.keep_to_share(processes=processes, spare_hour=spare_hour, full_for=full_for)

    def _sharers(self) -> int:
        """Return how many processes share the budget, this one among them, as far as known."""
        return max(1, self._processes or 1, 1 if self._last is None else self._last.processes)

    def _consequence(self) -> str:
        """Return what happens while Redis is lost, for the log."""
        if self._last is None and self._processes is None:
            return (
                "how many processes share the rate limit isn't known (give processes=), so until it answers this one goes "
                "by the headers of its answers alone, and may break the limit together with others"
            )
        return f"this process keeps to its share of the rate limit, one in {self._sharers()}, until it answers again"

    def _falls_silent(self) -> bool:
        """Tell whether this is the moment before all change over to Redis, so that nobody holds a slot it doesn't know."""
        now = self._now()
        return self._settled_at - _SILENCE <= now < self._settled_at

    def _serve_alone(self) -> None:
        """Hand out what the local budget allows, and talk to Redis beside it: it may take long to answer."""
        if self._exchange_due() <= self._now():
            self._exchanging = True
            spawn(self._exchange_aside)
        if self._falls_silent():
            return
        for priority in self._lanes.waiting():  # interactive first
            while (delay := self._local.delay(priority)) <= 0 and priority in self._lanes.waiting():
                self._hand_out(priority, 1, self._slots.taken)
                self._report(within=_REPORT_WITHIN)
            if priority in self._lanes.waiting():
                delay = min(delay, self._settled_at - self._now())  # then Redis may grant what this process alone may not
                if delay < math.inf:
                    self._lanes.refuse_late(priority, delay)
                break  # bulk must not overtake

    async def _exchange_aside(self) -> None:
        try:
            await self._exchange()
        except Exception as error:  # noqa: BLE001  # as in _dispatch
            self._lanes.fail(error)
        finally:
            self._exchanging = False
            self._wake()
