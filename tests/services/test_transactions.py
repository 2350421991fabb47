"""Transactions: pages by a body that is posted."""

import json
from datetime import date

import httpx
import pytest

from blaaiz_async import InvalidRequestError, TransactionFilters
from tests.services.money_platform import Platform, documented

pytestmark = pytest.mark.anyio

PAGE = documented("transactions_list", "page")


def a_row_a_page(request: httpx.Request) -> httpx.Response:
    number = json.loads(request.content).get("page", 1)
    assert int(request.url.params.get("page", 1)) == number
    meta = {**PAGE["meta"], "current_page": number, "last_page": 3, "per_page": 1}
    return httpx.Response(200, json={**PAGE, "data": PAGE["data"][number - 1 : number], "meta": meta})


async def test_all_pages_are_gone_through_with_the_same_filters() -> None:
    platform = Platform(transaction=a_row_a_page)
    filters = TransactionFilters(start_date=date(2026, 3, 1), status="SUCCESSFUL")
    async with platform.client() as blaaiz:
        rows = [row async for row in blaaiz.transactions.iterate(filters)]
    assert ["collection", "payout", "swap"] == [row.type for row in rows]
    assert [{"start_date": "2026-03-01", "status": "SUCCESSFUL", "page": n} for n in (1, 2, 3)] == platform.bodies()


async def test_a_list_without_filters_posts_an_empty_body() -> None:
    platform = Platform(transaction=PAGE)
    async with platform.client() as blaaiz:
        assert len(await blaaiz.transactions.list()) == 3
        page = await blaaiz.transactions.list_page(1, {"type": "SWAP"})
    assert (page.total, page.has_next) == (3, False)
    assert [{}, {"type": "SWAP", "page": 1}] == platform.bodies()


async def test_a_single_page_is_asked_for_in_the_same_way() -> None:
    platform = Platform(transaction=a_row_a_page)
    async with platform.client() as blaaiz:
        assert ["payout"] == [row.type for row in await blaaiz.transactions.list({"page": 2})]


async def test_days_that_run_backwards_are_refused() -> None:
    async with Platform().client() as blaaiz:
        with pytest.raises(InvalidRequestError, match="end_date"):
            await blaaiz.transactions.list({"start_date": "2026-03-02", "end_date": "2026-03-01"})


async def test_a_missing_refund_is_told_from_one_that_may_not_be_read() -> None:
    for name, holds in (("payout", True), ("current_ngn_collection_without_refund_read", False)):
        async with Platform(**{name: documented("transactions_get", name)}).client() as blaaiz:
            found = await blaaiz.transactions.get(name)
        assert (None, holds) == (found.refund, found.holds("refund"))
