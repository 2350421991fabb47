"""Wait until something has settled: by word of a webhook, or by polite polling, with a deadline."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from blaaiz_async.errors import NotFoundError, NotSettledError

T = TypeVar("T")

News = Callable[[], Awaitable[object]]
"""Returns when there may be news, such as the `receive` of a stream that a webhook handler sends to."""

SHORTEST_WAIT = 1.0
FIRST_WAIT = 2.0
LONGEST_WAIT = 30.0
"""Seconds between two looks: from the first to the longest they double, so that a long wait costs two calls a minute."""


async def until_settled(
    read: Callable[[], Awaitable[T]],
    is_settled: Callable[[T], bool],
    *,
    what: str,
    deadline: float,
    news: News | None = None,
    may_be_missing: bool = False,
) -> T:
    """Look until it has settled, and return it.

    Args:
        read: One look, one call.
        is_settled: Tells whether nothing more will come.
        what: What is waited for, for the error.
        deadline: Seconds after which it gives up.
        news: Cuts the wait for the next look short.
        may_be_missing: Whether "not found" means "not visible yet".

    Raises:
        NotSettledError: The deadline passed; it holds what was seen last.
    """
    give_up = anyio.current_time() + deadline
    wait, last, found = FIRST_WAIT, None, False
    while True:
        try:
            last = await read()
        except NotFoundError:
            if not may_be_missing:
                raise
        else:
            found = True
            if is_settled(last):
                return last
        left = give_up - anyio.current_time()
        if left <= 0:
            raise NotSettledError(what if found else f"{what}, which no look found,", deadline, last)
        looked = anyio.current_time()
        with anyio.move_on_after(min(wait, left)):
            try:
                await (news() if news is not None else anyio.sleep_forever())
            except (anyio.EndOfStream, anyio.ClosedResourceError):
                news = None  # no more will come: it polls
                await anyio.sleep_forever()
        # However often there is news, the platform isn't asked more than once a second.
        await anyio.sleep(max(0.0, min(SHORTEST_WAIT, left) - (anyio.current_time() - looked)))
        wait = min(2 * wait, LONGEST_WAIT)
