"""Auto-deposit e-mails: read page by page, registered once, and never shown."""

from typing import Any

import pytest

from tests.services.scripted import Scripted, documented

pytestmark = pytest.mark.anyio


async def test_iterating_reads_every_page_that_the_platform_tells_of() -> None:
    def page(number: int, *ids: str) -> dict[str, Any]:
        return {"data": [{"id": id} for id in ids], "meta": {"current_page": number, "last_page": 2, "total": 3}}

    platform = Scripted(page(1, "a", "b"), page(2, "c"))
    async with platform.client() as blaaiz:
        found = [row.id async for row in blaaiz.interac_auto_deposit_emails.iterate(status="ACTIVE")]
    assert found == ["a", "b", "c"]
    assert [dict(request.url.params) for request in platform.asked] == [
        {"status": "ACTIVE", "page": "1"},
        {"status": "ACTIVE", "page": "2"},
    ]


async def test_the_address_shows_in_no_repr() -> None:
    async with Scripted(documented("interac_auto_deposit_email_get")).client() as blaaiz:
        found = await blaaiz.interac_auto_deposit_emails.get("01994c21-a4d0-7000-8000-123456789abc")
    assert found.email
    assert found.email not in repr(found)
