"""Which event loop runs and what time it is there, awaiting something for so long, and starting what nobody waits for."""

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from time import monotonic
from typing import Any, TypeVar, cast

import anyio

T = TypeVar("T")

_running: set["asyncio.Task[None]"] = set()


def on_asyncio() -> bool:
    """Tell whether this runs under asyncio, and not under trio."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def now() -> float:
    """Return the event loop's time in seconds, as `anyio.current_time` does at eight times the cost."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return anyio.current_time()


def turn() -> Awaitable[None]:
    """Let everything else run first that is ready to."""
    return asyncio.sleep(0) if on_asyncio() else anyio.lowlevel.checkpoint()


@types.coroutine
def rest_of(work: Coroutine[Any, Any, T], waiting: object) -> Generator[Any, Any, T]:
    """Await the rest of a coroutine whose first `send` returned what it waits for."""
    while True:
        cut: BaseException | None = None
        try:
            yield waiting
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is for the coroutine
            cut = error  # thrown below: in here it would be the current exception of all that the coroutine does
        del waiting  # it holds its result
        if cut is None:
            return (yield from work.__await__())
        try:
            waiting = work.throw(cut)
        except StopIteration as end:
            return cast("T", end.value)
        finally:
            del cut


async def in_time(work: Awaitable[T], deadline: float) -> T:
    """Await `work` until the deadline, on the event loop's clock. Raises TimeoutError."""
    if on_asyncio():
        async with asyncio.timeout_at(deadline):  # a third of what anyio's scope costs, at every call
            return await work
    with anyio.CancelScope(deadline=deadline):
        return await work
    raise TimeoutError


def begin(work: Coroutine[Any, Any, None]) -> Awaitable[None] | None:
    """Run `work` up to its first wait, and return the rest of it to be awaited; None if it never waits.

    Under trio, whose scopes must nest, the rest is all of it.
    """
    if not on_asyncio():
        return work
    for waiting in work.__await__():  # unlike `send`, this makes no StopIteration at the end of what returns nothing
        return rest_of(work, waiting)
    return None


class DeadlinePassedError(Exception):
    """The work of a `before` took longer."""


async def before(ends: float, work: Awaitable[T]) -> T:
    """Await `work` until `time.monotonic()` gives `ends`. Raises DeadlinePassedError."""
    if on_asyncio():
        # A fifth of what anyio's costs in a server, where each request is a task that anyio hasn't met before.
        timeout = asyncio.timeout(ends - monotonic())
        try:
            async with timeout:
                return await work
        except TimeoutError:
            if not timeout.expired():
                raise  # the work's own
    else:
        with anyio.move_on_after(ends - monotonic()):
            return await work
    raise DeadlinePassedError


def spawn(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` in the background. It must not raise; under trio an error would end the run."""

    async def run() -> None:
        await work()

    if not on_asyncio():
        import trio  # an option of the user's, not a dependency of ours

        trio.lowlevel.spawn_system_task(run)
        return
    task = asyncio.get_running_loop().create_task(run())
    _running.add(task)  # the loop itself holds only a weak reference
    task.add_done_callback(_running.discard)
