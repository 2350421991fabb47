"""Which event loop runs, and starting something that nobody waits for."""

import asyncio
from collections.abc import Awaitable, Callable

_running: set["asyncio.Task[None]"] = set()


def on_asyncio() -> bool:
    """Tell whether this runs under asyncio, and not under trio."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


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
