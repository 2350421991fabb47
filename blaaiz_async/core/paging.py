"""A page of rows, and the iteration over all pages."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, TypeVar

from attrs import frozen

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


async def iterate(fetch: Callable[[int], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """Yield the rows of all pages, a page at a time.

    Rows come newest first, so a record made meanwhile pushes older ones onto the next page, where they would come twice:
    a row whose id was on the page before is left out.
    """
    number, before = 1, set[Any]()
    while True:
        page = await fetch(number)
        ids = {getattr(item, "id", None) for item in page.items}
        for item in page.items:
            if getattr(item, "id", None) not in before:
                yield item
        if not page.has_next:
            return
        number, before = number + 1, ids - {None}
