"""Which handlers an event has, and how it is handled once."""

import asyncio
import hashlib
import inspect
import itertools
import logging
import secrets
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from enum import Enum
from pathlib import PurePath
from time import monotonic
from typing import Any, TypeVar, cast, overload

import anyio
from attrs import frozen

from blaaiz_async.core.background import DeadlinePassedError, before, begin, on_asyncio
from blaaiz_async.errors import ConfigurationError
from blaaiz_async.webhooks.event import Event, UnknownEvent, event_classes
from blaaiz_async.webhooks.reading import event_class
from blaaiz_async.webhooks.seen import SeenStore

E = TypeVar("E", bound=Event)
F = TypeVar("F", bound=Event)
G = TypeVar("G", bound=Event)
H = TypeVar("H", bound=Event)

Handler = Callable[[E], Awaitable[object] | None]
"""Does what an event asks for. Raising means that it couldn't, and the event comes again; only SystemExit and
KeyboardInterrupt end the process. It may be a plain function, which holds up the event loop while it runs."""

GRACE = 30.0
"""Seconds by which a claim outlasts the longest handling."""
_AGAIN_AFTER = (0.1, 0.5, 2.0)
"""Seconds between the attempts to remember what was handled: a store that restarts is back by then."""
_REMEMBER_SECONDS = 10.0
"""How long what can't be remembered holds up its answer, or a shutdown."""
_RELEASE_SECONDS = 5.0
"""How long what can't be given back holds up a shutdown; its lease lapses then."""

log = logging.getLogger("blaaiz_async")


_ALL = "all"
"""A mark that stands for all handlers of an event."""

_NONE: frozenset[str] = frozenset()
_WHOLE = frozenset({_ALL})
"""One set for all events that are done."""
_EVENTS = 100_000
"""How many events this process remembers at least."""

_UNSTARTED = (Awaitable, Generator, AsyncGenerator)
"""What does nothing before somebody runs it; but a Future is under way."""


@frozen
class _Entry:
    kinds: tuple[type[Event], ...]
    handler: Handler[Any]
    name: str
    mark: str
    """What stands for its name in a store."""


class Handlers:
    """Which function handles which events.

    Every handler whose class fits an event runs, one after the other, in the order in which they were added. The first that
    raises ends the attempt; when the event comes again, those that had succeeded don't run again.
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._matching: dict[type[Event], Sequence[_Entry]] = {}

    @overload
    def on(self, kind: type[E], /, *, name: str | None = None) -> Callable[[Handler[E]], Handler[E]]: ...

    @overload
    def on(
        self, kind: type[E], other: type[F], /, *, name: str | None = None
    ) -> Callable[[Handler[E | F]], Handler[E | F]]: ...

    @overload
    def on(
        self, kind: type[E], other: type[F], third: type[G], /, *, name: str | None = None
    ) -> Callable[[Handler[E | F | G]], Handler[E | F | G]]: ...

    @overload
    def on(
        self, kind: type[E], other: type[F], third: type[G], fourth: type[H], /, *, name: str | None = None
    ) -> Callable[[Handler[E | F | G | H]], Handler[E | F | G | H]]: ...

    @overload
    def on(self, *kinds: type[E], name: str | None = None) -> Callable[[Handler[E]], Handler[E]]: ...

    def on(self, *kinds: type[Event], name: str | None = None) -> Callable[[Handler[Any]], Handler[Any]]:
        """Return a decorator that adds a handler for events of these classes; a base class stands for all below it.

        Args:
            kinds: Event classes. `Event` itself stands for all there are.
            name: By what it is remembered that this handler has succeeded; the function's module and name by default.

        Raises:
            ConfigurationError: No class is given, or what is none; the name is taken; the function has a `yield`, or can't
                be called with one argument.
        """
        if not kinds:
            raise ConfigurationError("Handlers.on needs the event classes to handle; Event stands for all")
        classes = event_classes(kinds)

        def add(handler: Handler[Any]) -> Handler[Any]:
            if not _takes_one(handler):
                raise ConfigurationError(f"{handler!r} can't be called with an event alone, as a handler is")
            called = name or f"{handler.__module__}.{getattr(handler, '__qualname__', type(handler).__qualname__)}"
            if any(each.name == called for each in self._entries):
                raise ConfigurationError(f"there is a handler named {called} already; give this one a name of its own")
            call = handler if inspect.isroutine(handler) else type(handler).__call__
            if inspect.isasyncgenfunction(call) or inspect.isgeneratorfunction(call):
                raise ConfigurationError(f"the handler {called} has a yield in it, so that calling it doesn't run it")
            self._entries.append(_Entry(classes, handler, called, _digest(called)))
            self._matching.clear()
            return handler

        return add

    def matching(self, event: Event) -> Sequence[_Entry]:
        """Return what handles this event, in order."""
        kind = type(event)
        matching = self._matching.get(kind)
        if matching is None:
            matching = self._matching[kind] = [each for each in self._entries if issubclass(kind, each.kinds)]
        return matching

    def takes(self, event: Event) -> bool:
        """Tell whether anything here handles this event, or would if its payload fitted."""
        return bool(self.matching(event) or self.passed_by(event))

    def passed_by(self, event: Event) -> Sequence[_Entry]:
        """Return what would have handled a documented event if its payload fitted; nothing if somebody looks after such."""
        if not isinstance(event, UnknownEvent) or event.problem is None:
            return []
        if any(UnknownEvent in each.kinds for each in self._entries):
            return []
        kind = event_class(event.name)
        return [each for each in self._entries if issubclass(kind, each.kinds) and not isinstance(event, each.kinds)]


class Outcome(Enum):
    """What became of a delivery."""

    HANDLED = "handled"
    KEPT = "kept in the queue"
    NO_HANDLER = "no handler"
    SEEN = "handled before"
    RUNNING = "being handled by another"
    FAILED = "a handler failed"
    UNAVAILABLE = "the seen store failed"

    __hash__ = object.__hash__  # an enum's own is a call into Python

    def __str__(self) -> str:
        return str(self.value)

    @property
    def is_final(self) -> bool:
        """Whether there is nothing left to do; what has no handler here may have one in another process."""
        return self in {Outcome.HANDLED, Outcome.SEEN}


class _Progress:
    """Which handlers have succeeded with which event, as far as this process knows: the marks of each, or `_ALL`.

    It knows the latest `_EVENTS`, and up to as many before them: these are forgotten all at once, since to find the oldest
    one each time costs more than all else here.
    """

    def __init__(self) -> None:
        self._latest: dict[str, frozenset[str]] = {}
        self._former: dict[str, frozenset[str]] = {}

    def of(self, key: str) -> frozenset[str]:
        return self._latest.get(key) or self._former.get(key) or _NONE

    def add(self, key: str, mark: str) -> None:
        self._latest[key] = _WHOLE if mark == _ALL else self.of(key) | {mark}
        if len(self._latest) >= _EVENTS:
            self._former, self._latest = self._latest, {}

    def forget(self, key: str, mark: str) -> None:
        left = self.of(key) - {mark}
        self._former.pop(key, None)
        self._latest.pop(key, None)
        if left:
            self._latest[key] = left


class Handling:
    """Runs the handlers of an event, once to success however often it comes.

    Args:
        handlers: What to run.
        seen: Remembers what was handled; None for this process's memory.
        deadline: Seconds after which the handlers of an event are cancelled, which counts as a failure.
    """

    def __init__(self, handlers: Handlers, seen: SeenStore | None, *, deadline: float) -> None:
        self.handlers = handlers
        self.lease = deadline + GRACE
        self._seen = seen
        self._progress = _Progress()
        """What was handled here: all of it without a store, else what the store didn't take or took under a cancellation."""
        self._under_way: set[str] = set()
        """What is handled here at this moment, whatever the store's clock says of its lease."""
        self._deadline = deadline
        self._owner, self._number = secrets.token_hex(8), itertools.count()

    async def handle(self, event: Event) -> Outcome:
        """Handle an event, unless that was done or is under way; raises nothing but a cancellation."""
        matching = self.handlers.matching(event)
        if not matching and not self.handlers.passed_by(event):
            log.info("no handler for %r", event)
            return Outcome.NO_HANDLER
        key = self._key(event)
        if key in self._under_way:
            return Outcome.RUNNING
        self._under_way.add(key)
        try:
            if _ALL in self._progress.of(key):
                if self._seen is not None:
                    await self._tell(self._seen, key, _ALL, event)  # it may take it now
                return Outcome.SEEN
            if self._seen is not None:
                return await self._attempt_if_claimed(event, key, matching, self._seen)
            return await self._attempt(event, key, matching)
        except Exception as error:  # noqa: BLE001  # it would get into the server's log, with what it holds
            log.error("%r has to come again: %s", event, _where(error))  # noqa: TRY400  # no values
            return Outcome.UNAVAILABLE
        finally:
            self._under_way.discard(key)

    def has_handled(self, event: Event) -> bool:
        """Tell whether an event was handled here whose handling was cancelled: then only the store was late."""
        return _ALL in self._progress.of(self._key(event))

    def _key(self, event: Event) -> str:
        # A digest is for what leaves the process: no platform's id stands in a file or in Redis.
        return event.dedupe_key if self._seen is None else key_of(event)

    async def _attempt_if_claimed(self, event: Event, key: str, matching: Sequence[_Entry], seen: SeenStore) -> Outcome:
        owner = f"{self._owner}:{next(self._number)}"
        outcome = Outcome.UNAVAILABLE
        try:
            claim = await seen.claim(key, owner=owner, lease=self.lease)
            if claim == "new":
                outcome = await self._attempt(event, key, matching)
            else:
                outcome = Outcome.SEEN if claim == "done" else Outcome.RUNNING
        except Exception as error:  # noqa: BLE001  # a store of any kind may fail in any way
            log.error("the seen store failed, so %r has to come again: %s", event, _where(error))  # noqa: TRY400  # no values
        finally:
            if outcome in (Outcome.FAILED, Outcome.UNAVAILABLE) and _ALL not in self._progress.of(key):
                await self._release(key, owner, seen)
        return outcome

    async def _attempt(  # noqa: PLR0912  # each part of it would be another coroutine
        self, event: Event, key: str, matching: Sequence[_Entry]
    ) -> Outcome:
        """Run the handlers until one fails, and remember the event if none did."""
        succeeded, passed_by = self._progress.of(key), self.handlers.passed_by(event)
        several = bool(len(matching) > 1 or passed_by)
        ends = monotonic() + self._deadline
        for each in matching:
            # Also of one alone: it may have succeeded beside another that failed then, and that is gone since, or doesn't
            # take the shape that the event has this time.
            if each.mark in succeeded:
                continue
            if several and monotonic() >= ends:  # the one before blocked, or swallowed its cancellation
                return self._too_late(event)
            if self._seen is not None and await self._is_done(self._seen, key, each.mark, ends):
                continue
            try:
                # A plain function has done its work when it returns: to await that would fail, and repeat the work.
                work: Any = each.handler(event)
                if inspect.isawaitable(work):
                    rest = begin(_end_of(work))
                    if rest is not None:
                        await before(ends, rest)
                elif work is not None:
                    _check_started(work)
            except BaseException as error:  # whatever it was, the event comes again
                if _is_for_more(error):
                    raise
                return self._failed(event, each.name, error)
            if several:  # of one alone the event's own mark, which comes next, says it
                self._progress.add(key, each.mark)
                if self._seen is not None:
                    await self._tell(self._seen, key, each.mark, event)
        if passed_by:
            names = ", ".join(each.name for each in passed_by)
            log.error("%r has another shape than documented, so %s can't take it; handle UnknownEvent too", event, names)
            return Outcome.FAILED
        # From here on nothing may bring the handlers to run again.
        self._progress.add(key, _ALL)
        if self._seen is not None:
            await self._tell(self._seen, key, _ALL, event)
        return Outcome.HANDLED

    def _failed(self, event: Event, handler: str, error: BaseException) -> Outcome:
        """Tell why a handler failed; an error's own words must reach no log."""
        if isinstance(error, DeadlinePassedError):
            return self._too_late(event)
        if isinstance(error, _UnstartedError):
            log.error("the handler %s did nothing on %r: it returned a %s; await it inside", handler, event, error)
        else:
            log.error("the handler %s failed on %r: %s", handler, event, _where(error))
        return Outcome.FAILED

    def _too_late(self, event: Event) -> Outcome:
        log.error("%r wasn't handled within %g s and has to come again", event, self._deadline)
        return Outcome.FAILED

    async def _is_done(self, seen: SeenStore, key: str, mark: str, ends: float) -> bool:
        found = list[bool]()

        async def ask() -> None:
            found.append(await seen.is_done(f"{key}:{mark}"))

        rest = begin(ask())
        if rest is not None:
            await before(ends, rest)
        return found[0]

    async def _tell(self, seen: SeenStore, key: str, mark: str, event: Event) -> None:
        """Tell the store: neither a cancellation nor a failure of it may bring a handler to run again."""
        cancellation: BaseException | None = None
        with anyio.move_on_after(_REMEMBER_SECONDS, shield=True) as limit:
            for wait in (*_AGAIN_AFTER, None):
                try:
                    await seen.done(key if mark == _ALL else f"{key}:{mark}")
                    if cancellation is None:  # kept, so that `has_handled` can tell after the cancellation
                        self._progress.forget(key, mark)
                    break
                except Exception as error:  # noqa: BLE001  # a store of any kind may fail in any way
                    if wait is None:
                        log.error("%r was handled, but only this process knows: %s", event, _where(error))  # noqa: TRY400
                        break
                    failed_for = wait
                except anyio.get_cancelled_exc_class() as error:
                    if limit.cancel_called:
                        raise
                    cancellation = error  # asyncio's own Task.cancel, which no scope shields from; it comes once
                    failed_for = 0.0
                try:
                    await anyio.sleep(failed_for)
                except anyio.get_cancelled_exc_class() as error:
                    if limit.cancel_called:
                        raise
                    cancellation = error
        if limit.cancelled_caught:
            log.error("%r was handled, but only this process knows: the store took too long", event)
        if cancellation is not None:
            raise cancellation

    async def _release(self, key: str, owner: str, seen: SeenStore) -> None:
        # Also what was claimed while the answer was lost, or while the task was cancelled.
        with anyio.move_on_after(_RELEASE_SECONDS, shield=True) as limit:
            try:
                await seen.release(key, owner=owner)
            except Exception as error:  # noqa: BLE001  # then the claim lapses by itself
                log.warning("a claim can't be given back and lapses in %g s: %s", self.lease, _where(error))
        if limit.cancelled_caught:
            log.warning("a claim can't be given back and lapses in %g s: the store took too long", self.lease)


def _takes_one(handler: object) -> bool:
    """Tell whether it can be called with one argument: a method that is registered within its class can't."""
    if not callable(handler):
        return False
    try:
        signature = inspect.signature(handler, follow_wrapped=False)  # a decorator may give the rest
    except Exception:  # noqa: BLE001  # some builtins have none, and objects may answer anything
        return True
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True


class _UnstartedError(Exception):
    """What a handler returned would have had to be awaited, or run through, to do anything."""


async def _end_of(work: Awaitable[object]) -> None:
    result = await work
    if result is not None:
        _check_started(result)


def _check_started(result: object) -> None:
    if inspect.iscoroutine(result):
        result.close()
    if isinstance(result, _UNSTARTED) and not isinstance(result, asyncio.Future):
        raise _UnstartedError(type(cast("object", result)).__name__)


def _is_for_more(error: BaseException) -> bool:
    """Tell whether an error is for more than its handler: the end of the process, of this coroutine, or of this task."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        _, others = group.split(anyio.get_cancelled_exc_class())
        return group.subgroup((KeyboardInterrupt, SystemExit)) is not None or (others is None and not _is_stray())
    if isinstance(error, anyio.get_cancelled_exc_class()):
        return not _is_stray()
    return isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)


def _is_stray() -> bool:
    """Tell whether a cancellation came out of what a handler awaited, and nobody cancels this task itself."""
    task = asyncio.current_task() if on_asyncio() else None
    return task is not None and not task.cancelling()


def key_of(event: Event) -> str:
    """Return what a repeat of this event is known by, as a digest: whatever the platform's ids hold, a store doesn't."""
    return _digest(event.dedupe_key)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _where(error: BaseException) -> str:
    """Say what failed, where and from which cause, without the errors' own words: they may quote the event."""
    try:
        frames = traceback.extract_tb(error.__traceback__)
        places = " > ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    except Exception:  # noqa: BLE001  # errors and the loaders of source may be of any kind
        return type(error).__name__
    return f"{type(error).__name__} at {places}" + (f", from {type(cause).__name__}" if cause is not None else "")
