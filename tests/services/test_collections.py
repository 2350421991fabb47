"""Collections: what is refused, what is read back, and what no repr shows."""

from typing import Any

import attrs
import httpx
import pytest

from blaaiz_async import CardCollection, InteracMoneyRequest, InvalidRequestError, OutcomeUnknownError
from blaaiz_async.contract import validator
from tests.services.money_platform import Ledger, Platform, documented, documented_requests

pytestmark = pytest.mark.anyio

CARD = CardCollection(
    amount=50000,
    wallet_id="w",
    customer_id="c",
    card_holder_name="Ada Obi",
    card_number="4242424242424242",
    expiry="12/30",
    cvc="987",
)
OPEN_BANKING = documented_requests("collections_initiate")["open_banking"]


async def test_open_banking_is_refused_unless_it_is_asked_for() -> None:
    platform = Platform(collection=documented("collections_initiate", "initiated"))
    async with platform.client() as blaaiz:
        with pytest.raises(InvalidRequestError, match="allow_open_banking=True"):
            await blaaiz.collections.initiate({**OPEN_BANKING, "amount": 100})
        assert platform.sent == []
        await blaaiz.collections.initiate({**OPEN_BANKING, "amount": 100}, allow_open_banking=True)
    validator("money", "CollectionInitiateRequest").validate(platform.bodies()[0])


async def test_a_collection_tells_the_reference_it_was_made_by() -> None:
    platform = Platform(collection=documented("collections_initiate", "initiated"))
    async with platform.client() as blaaiz:
        started = await blaaiz.collections.initiate(CARD)
    assert started.merchant_reference == platform.bodies()[0]["merchant_reference"]
    assert started.url == "https://checkout.example.com/card-auth/xyz789"


async def test_a_collection_whose_answer_is_lost_is_started_once_and_read_back() -> None:
    def row(body: dict[str, Any]) -> dict[str, Any]:
        return {
            **documented("transactions_get", "collection")["data"],
            "business_wallet_id": body["wallet_id"],
            "business_customer_id": body["customer_id"],
            "amount": body["amount"],
            "merchant_reference": body["merchant_reference"],
        }

    platform = Ledger("collection", row, lambda made: {"message": "", "transaction_id": made["id"], "url": None}, lost=1)
    async with platform.client() as blaaiz:
        started = await blaaiz.collections.initiate(CARD)
    assert started.transaction_id == documented("transactions_get", "collection")["data"]["id"]
    assert [started.merchant_reference] == list(platform.rows)
    platform._row = lambda body: {**row(body), "amount": None}
    platform.lost = 1
    async with platform.client() as blaaiz:
        with pytest.raises(OutcomeUnknownError, match="can't be told from something else"):
            await blaaiz.collections.initiate(attrs.evolve(CARD, merchant_reference="order-1"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"card_number": "4242 4242 4242 4242"}, "card_number"),
        ({"cvc": "12"}, "cvc"),
        ({"expiry": "13/30"}, "expiry"),
        ({"amount": "0.09"}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"redirect_url": "http://example.com"}, "redirect_url"),
    ],
)
async def test_a_card_that_cant_be_charged_is_refused_without_a_word_of_it(change: dict[str, Any], field: str) -> None:
    given = {**documented_requests("collections_initiate")["card"], **change}
    async with Platform().client() as blaaiz:
        with pytest.raises(InvalidRequestError) as refused:
            await blaaiz.collections.initiate(given)
    assert [field] == [fault.field for fault in refused.value.faults]
    assert str(change[field]) not in str(refused.value)


def test_no_card_is_shown() -> None:
    assert not [secret for secret in (CARD.card_number, CARD.cvc, CARD.expiry, "Ada") if secret in repr(CARD)]


async def test_networks_are_found_however_deep_they_are_wrapped() -> None:
    twice = documented("collections_list_crypto_networks", "networks")
    rows = twice["data"]["data"]
    for answer in (twice, {"message": "", "data": rows}, rows):
        async with Platform(networks=answer).client() as blaaiz:
            networks = await blaaiz.collections.get_crypto_networks(transaction_type="collection")
        assert ["ETHEREUM_MAINNET", "MATIC_MAINNET"] == [network.identifier for network in networks]


@pytest.mark.parametrize("note", ["see https://pay.example.com", "www.pay.example", "<b>rent</b>", "x" * 51])
async def test_an_interac_note_is_short_plain_text(note: str) -> None:
    async with Platform().client() as blaaiz:
        with pytest.raises(InvalidRequestError, match="note"):
            await blaaiz.collections.initiate_interac_money_request(
                InteracMoneyRequest(amount=100, email="payer@example.com", note=note)
            )


async def test_an_empty_answer_does_not_say_that_money_was_accepted() -> None:
    platform = Platform(accept_interac_money_request=lambda _: httpx.Response(200))
    async with platform.client() as blaaiz:
        with pytest.raises(OutcomeUnknownError, match="answered 200, but the body is empty"):
            await blaaiz.collections.accept_interac_money_request({"reference_number": "CA12345678"})
    assert 1 == len(platform.sent)
