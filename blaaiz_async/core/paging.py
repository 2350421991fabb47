"""A page of rows, and the iteration over all pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import anyio
from attrs import frozen

from blaaiz_async.core.background import spawn

T = TypeVar("T")


@frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a listing."""

    items: tuple[T, ...]
    number: int
    """Counted from 1."""
    last: int | None
    """Number of the last page, if the platform told it."""
    total: int | None
    """Rows in all, if the platform told it."""

    @property
    def has_next(self) -> bool:
        """Whether there may be a page after this one."""
        return bool(self.items) and (self.last is None or self.number < self.last)


Rows = tuple[Sequence[T], int | None]
"""Rows, and where the next ones begin; None after the last."""


def iterate(fetch: Callable[[int], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """Yield the rows of a listing that is read by page number."""

    async def rows(number: int) -> Rows[T]:
        page = await fetch(number)
        return page.items, number + 1 if page.has_next else None

    return _Iteration(rows, 1)


def iterate_offsets(fetch: Callable[[int], Awaitable[tuple[Sequence[T], int | None]]]) -> AsyncIterator[T]:
    """Yield the rows of a listing that is read by offset; `fetch` returns rows, and how many there are in all, if told."""

    async def rows(offset: int) -> Rows[T]:
        found, total = await fetch(offset)
        after = offset + len(found)
        return found, None if not found or (total is not None and after >= total) else after

    return _Iteration(rows, 0)


class _Iteration(AsyncIterator[T]):
    """All rows, reading at most one page ahead, and that only once half of a page has been taken.

    Rows come newest first, so a record made meanwhile pushes older ones onto the next page, where they would come twice: a
    row whose id has been there is left out. One that is removed meanwhile pulls another onto a page already
    read, where it is missed. It is no generator, so that leaving the loop leaves nothing to close.
    """

    def __init__(self, fetch: Callable[[int], Awaitable[Rows[T]]], start: int) -> None:
        self._fetch = fetch
        self._rows: Sequence[T] = ()
        self._place = 0
        self._following: int | None = start
        self._ahead: _Ahead[Rows[T]] | None = None
        self._seen: set[object] = set()

    async def __anext__(self) -> T:
        while True:
            if self._place < len(self._rows):
                row = self._rows[self._place]
                if self._ahead is None and self._following is not None and 2 * self._place >= len(self._rows):
                    self._ahead = _Ahead(self._fetch, self._following)
                self._place += 1
                if (id := _id_of(row)) is None or id not in self._seen:
                    return row
            elif self._following is None:
                raise StopAsyncIteration
            else:
                await self._turn(self._following)

    async def _turn(self, following: int) -> None:
        ahead, self._ahead = self._ahead, None
        self._seen.update(map(_id_of, self._rows))
        self._rows, self._following = await (ahead.get() if ahead is not None else self._fetch(following))
        self._place = 0
        if self._seen.issuperset(map(_id_of, self._rows)):
            self._following = None  # nothing new: the same page again, from a platform that doesn't count pages


def _id_of(row: object) -> object:
    return getattr(row, "id", None)


class _Ahead(Generic[T]):
    """A page that is being read while the one before is still being taken."""

    def __init__(self, fetch: Callable[[int], Awaitable[T]], place: int) -> None:
        self._fetch = fetch
        self._place = place
        self._arrived = anyio.Event()
        self._rows: list[T] = []
        self._error: Exception | None = None
        spawn(self._read)

    async def _read(self) -> None:
        try:
            self._rows.append(await self._fetch(self._place))
        except Exception as error:  # noqa: BLE001  # whoever takes the page meets it; nobody else is there
            self._error = error
        finally:
            self._arrived.set()

    async def get(self) -> T:
        await self._arrived.wait()
        if self._error is not None:
            raise self._error
        return self._rows[0] if self._rows else await self._fetch(self._place)
