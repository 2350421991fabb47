"""Webhook management: an address left out differs from one cleared, and the signing secret is shown nowhere."""

from datetime import date
from typing import Any

import pytest

from blaaiz_async import UNSET, InvalidRequestError, WebhookUpdateRequest
from tests.services.scripted import Scripted, documented

pytestmark = pytest.mark.anyio

URLS = {"payout_url": "https://example.com/payout", "collection_url": "https://example.com/collection"}


@pytest.mark.parametrize(("kyc_url", "sent"), [(UNSET, {}), (None, {"kyc_url": None})], ids=["left out", "cleared"])
async def test_a_kyc_url_left_out_is_not_sent_and_none_is_sent_as_null(kyc_url: Any, sent: dict[str, Any]) -> None:
    platform = Scripted(documented("webhook_update"))
    async with platform.client() as blaaiz:
        await blaaiz.webhooks.update("w1", WebhookUpdateRequest(**URLS, kyc_url=kyc_url))
    assert platform.bodies() == [{**URLS, **sent}]


async def test_the_signing_secret_is_returned_and_not_shown() -> None:
    async with Scripted(documented("webhook_register")).client() as blaaiz:
        made = await blaaiz.webhooks.register(URLS)
    assert made.signing_secret == documented("webhook_register")["data"]["signing_secret"]
    assert made.signing_secret not in repr(made)


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "plain http": ("register", {**URLS, "payout_url": "http://example.com"}),
    "no collection_url": ("register", {"payout_url": "https://example.com"}),
    "both selectors": ("replay", {"transaction_id": "t1", "webhook_log_id": "l1"}),
    "neither selector": ("replay", {}),
    "a float amount": ("simulate_interac_webhook", {"amount": 100.5}),
}


@pytest.mark.parametrize(("method", "given"), REFUSED.values(), ids=REFUSED)
async def test_what_the_platform_would_refuse_is_not_sent(method: str, given: dict[str, Any]) -> None:
    platform = Scripted(500)
    async with platform.client() as blaaiz:
        with pytest.raises(InvalidRequestError):
            await getattr(blaaiz.webhooks, method)(given)
    assert platform.asked == []


async def test_the_configuration_is_read_bare_and_wrapped() -> None:
    bare = documented("webhook_get")
    for body in (bare, {"status": True, "message": "ok", "data": bare}):
        async with Scripted(body).client() as blaaiz:
            assert (await blaaiz.webhooks.get()).payout_url == bare["payout_url"]


async def test_logs_are_filtered_by_days_and_read_page_by_page() -> None:
    pages = [{"data": [{"id": id}], "current_page": page, "per_page": 1, "total": 2} for page, id in ((1, "a"), (2, "b"))]
    platform = Scripted(*pages)
    async with platform.client() as blaaiz:
        logs = [log.id async for log in blaaiz.webhooks.iterate_logs(start_date=date(2026, 11, 1), status="FAILED")]
    assert logs == ["a", "b"]
    assert {request.url.params["start_date"] for request in platform.asked} == {"2026-11-01"}


async def test_the_mock_is_triggered_without_any_field() -> None:
    platform = Scripted(documented("mock_simulate_interac_webhook"))
    async with platform.client() as blaaiz:
        await blaaiz.webhooks.simulate_interac_webhook()
    assert b"{}" == platform.asked[0].content
