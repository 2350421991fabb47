"""Iteration over listings that don't tell where they end."""

import pytest
from attrs import frozen

from blaaiz_async.core.paging import Page, iterate

pytestmark = pytest.mark.anyio


@frozen
class Row:
    id: int


async def rows_of(pages: list[list[int]], *, counts: bool) -> tuple[list[int], int]:
    """Read all rows of a platform that tells nothing of its pages, and that may not even count them."""
    asked = 0

    async def fetch(number: int) -> Page[Row]:
        nonlocal asked
        asked += 1
        found = pages[min(number, len(pages)) - 1] if not counts or number <= len(pages) else []
        return Page(items=tuple(map(Row, found)), number=number, last=None, total=None)

    return [row.id async for row in iterate(fetch)], asked


async def test_without_a_count_it_reads_on_until_a_page_is_empty() -> None:
    assert ([1, 2, 3, 4, 5], 4) == await rows_of([[1, 2], [3, 4], [5]], counts=True)


async def test_a_platform_that_ignores_the_page_is_not_asked_for_ever() -> None:
    assert ([1, 2], 2) == await rows_of([[1, 2]], counts=False)


async def test_a_row_that_moved_on_by_several_pages_comes_once() -> None:
    assert ([1, 2, 3, 4], 4) == await rows_of([[1, 2], [2, 3], [1, 4]], counts=True)
