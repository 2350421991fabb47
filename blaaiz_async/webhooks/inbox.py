"""Joins the receiver with the calls: wait for an event, or for news of what you wait for."""

import inspect
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

import anyio
from attrs import define, field, frozen

from blaaiz_async.core.waiting import News
from blaaiz_async.errors import ConfigurationError, NotSettledError
from blaaiz_async.webhooks.event import Event, event_classes

E = TypeVar("E", bound=Event)

_NOT_AWAITED = "where is a plain function: what it returns isn't awaited"


@frozen
class _Wanted:
    """Which events somebody waits for."""

    kinds: tuple[type[Event], ...]
    fields: Mapping[str, object]
    where: Callable[[Any], bool] | None

    def fits(self, event: Event) -> bool:
        if not isinstance(event, self.kinds):
            return False
        if any(getattr(event, name) != value for name, value in self.fields.items()):
            return False
        met: Any = self.where is None or self.where(event)
        if inspect.isawaitable(met):
            if inspect.iscoroutine(met):
                met.close()
            raise ConfigurationError(_NOT_AWAITED)
        return bool(met)

    def __str__(self) -> str:
        by = f" by {', '.join(self.fields)}" if self.fields else ""  # the names alone: a value may be personal
        return _names(self.kinds) + by


@frozen
class _Arrival:
    number: int
    at: float
    event: Event


@define(eq=False)
class _Waiter:
    wanted: _Wanted
    came: anyio.Event = field(factory=anyio.Event)
    arrival: _Arrival | None = None
    error: Exception | None = None
    """What `where` raised: that is for who waits, and no reason for the event to come again."""


class Inbox:
    """Shows the events that this process handles to those who wait for them; `handlers.on(Event)(inbox)` puts it in place.

    Handlers run in the order in which they were added: put it last to be shown only what those before it have done. As a
    handler of all events it hides which have no other.

    It is of this process and event loop: where several processes receive, or share a queue, use `news`, which only hastens
    a look.

    Args:
        keep: How many of the newest events it remembers, so that one which comes before it is waited for isn't missed.
        max_age: For how many seconds it remembers them.
        clock: Tells the time as seconds that never go back.
    """

    def __init__(self, *, keep: int = 1000, max_age: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._recent: deque[_Arrival] = deque(maxlen=keep)
        self._max_age = max_age
        self._clock = clock
        self._count = 0
        self._waiters: set[_Waiter] = set()

    async def __call__(self, event: Event) -> None:
        """Show an event to all who wait for it."""
        self._count += 1
        arrival = _Arrival(self._count, self._clock(), event)
        self._recent.append(arrival)
        self._forget_old()
        for waiter in self._waiters:
            if waiter.came.is_set():
                continue
            try:
                if not waiter.wanted.fits(event):
                    continue
                waiter.arrival = arrival
            except Exception as error:  # noqa: BLE001  # the caller's own code may raise anything
                waiter.error = error
            waiter.came.set()

    async def wait_for(
        self, kind: type[E], *, deadline: float = 60.0, where: Callable[[E], bool] | None = None, **fields: object
    ) -> E:
        """Return the first event of a class whose fields have these values: one that it remembers, or the next to come.

        Args:
            kind: Its class, or a base class.
            deadline: Seconds after which it gives up.
            where: Tells your event from others by more than equal fields: `lambda event: event.transaction_amount > 100`.
            **fields: Name fields or properties that tell your event from older ones, such as `customer_id` and `new_status`.

        Raises:
            NotSettledError: The deadline passed.
            ConfigurationError: It is no event class, or has no such field.
        """
        wanted = _wanted(kind, fields, where)
        with anyio.move_on_after(deadline):
            arrival = await self._next(wanted, after=0)
            return cast("E", arrival.event)
        raise NotSettledError(f"the wait for {wanted}", deadline, None)

    def news(self, kind: type[Event] = Event, *, where: Callable[[Any], bool] | None = None, **fields: object) -> News:
        """Return what the `news` of a wait takes: it cuts the wait for the next look short when a fitting event comes.

        Args:
            kind: Its class, or a base class.
            where: Tells your event from others by more than equal fields.
            **fields: The values that its fields must have, such as `customer_id`.

        Raises:
            ConfigurationError: It is no event class, or has no such field.
        """
        wanted, seen = _wanted(kind, fields, where), self._count

        async def come() -> None:
            nonlocal seen
            seen = (await self._next(wanted, after=seen)).number

        return come

    async def _next(self, wanted: _Wanted, *, after: int) -> _Arrival:
        self._forget_old()
        for arrival in self._recent:
            if arrival.number > after and wanted.fits(arrival.event):
                return arrival
        waiter = _Waiter(wanted)
        self._waiters.add(waiter)
        try:
            await waiter.came.wait()
        finally:
            self._waiters.discard(waiter)
        if waiter.error is not None:
            raise waiter.error
        return cast("_Arrival", waiter.arrival)  # one of both is set before `came`

    def _forget_old(self) -> None:
        oldest = self._clock() - self._max_age
        while self._recent and self._recent[0].at < oldest:
            self._recent.popleft()


def _wanted(kind: type[Event], fields: Mapping[str, Any], where: Callable[[Any], bool] | None) -> _Wanted:
    kinds = event_classes([kind])
    if inspect.iscoroutinefunction(where):
        raise ConfigurationError(_NOT_AWAITED)
    # A name that no event has would be waited for until the deadline.
    public = [name for name in fields if not name.startswith("_")]
    known = [name for name in public if all(inspect.isdatadescriptor(getattr(each, name, None)) for each in kinds)]
    if unknown := sorted(fields.keys() - known):
        raise ConfigurationError(f"{_names(kinds)} has no field {' and no '.join(unknown)} to wait by")
    ids = {name: str(value) for name, value in fields.items() if isinstance(value, UUID)}  # events hold them as they came
    return _Wanted(kinds, {**fields, **ids}, where)


def _names(kinds: tuple[type[Event], ...]) -> str:
    return " | ".join(each.__name__ for each in kinds)
