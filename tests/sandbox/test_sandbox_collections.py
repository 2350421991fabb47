"""Collections and refunds: what comes in, how it ends, and how it goes back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from blaaiz_async.sandbox import Settlement
from tests.sandbox.sandbox_money import API, Money, exact

pytestmark = pytest.mark.anyio
HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
async def money() -> Money:
    money = Money()
    await money.authorize()
    return money


async def card(money: Money, customer: str, currency: str = "USD", **changes: object) -> dict[str, Any]:
    return {
        "method": "card",
        "amount": 100,
        "wallet_id": await money.wallet(currency),
        "customer_id": customer,
        "card_holder_name": "John Doe",
        "card_number": "4242424242424242",
        "expiry": "12/30",
        "cvc": "123",
        **changes,
    }


async def collect(money: Money, body: dict[str, Any], expect: int = 200) -> Any:
    return await money.call("POST", f"{API}/collection", body, expect)


async def open_banking(money: Money, customer: str | None, currency: str = "GBP", amount: float = 500) -> str:
    body = {"method": "open_banking", "amount": amount, "wallet_id": await money.wallet(currency), "customer_id": customer}
    answer = await collect(money, {name: value for name, value in body.items() if value is not None})
    return str(answer["transaction_id"])


async def refund(money: Money, expect: int = 200, **body: object) -> Any:
    return await money.call("POST", f"{API}/refund", body, expect)


async def test_a_collection_credits_its_amount_less_the_fees_once_it_settles(money: Money) -> None:
    customer = await money.verified()
    money.sandbox.settlement = Settlement.after(60)
    answer = await collect(money, await card(money, customer, merchant_reference="order-1"))
    assert (await money.transaction("order-1"))["status"] == "PENDING"
    assert money.sandbox.balances["USD"] == 100_000
    money.clock.move(60)
    settled = await money.transaction(answer["transaction_id"])
    assert settled["status"] == "SUCCESSFUL"
    assert settled["fee"] > 0
    assert money.sandbox.balances["USD"] == 100_000 + exact(settled["amount_without_fee"])
    assert [each["merchant_reference"] for each in money.told("collection")] == ["order-1"]


@pytest.mark.parametrize(
    ("changes", "seconds", "status"),
    [
        ({"card_number": "4000000000000002"}, 0, "FAILED"),
        ({"amount": 1013.13}, 0, "FAILED"),
        ({"card_number": "4000000000000069"}, DAY, "EXPIRED"),
        ({"amount": 1014.14}, DAY, "EXPIRED"),
    ],
)
async def test_a_collection_that_fails_or_expires_credits_nothing(
    money: Money, changes: dict[str, Any], seconds: float, status: str
) -> None:
    body = await card(money, await money.verified(), **changes)
    answer = await collect(money, body)
    money.clock.move(seconds)
    assert (await money.transaction(answer["transaction_id"]))["status"] == status
    assert money.sandbox.balances["USD"] == 100_000
    assert [each["transaction_status"] for each in money.told("collection")] == [status]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"method": "cash"}, "method"),
        ({"method": None}, "method"),
        ({"amount": 0.01}, "amount"),
        ({"amount": 1.234}, "amount"),
        ({"card_number": "42"}, "card_number"),
        ({"expiry": "13/30"}, "expiry"),
        ({"cvc": "1"}, "cvc"),
        ({"customer_id": "none"}, "customer_id"),
        ({"wallet_id": "none"}, "wallet_id"),
        ({"redirect_url": "http://shop.example.com"}, "redirect_url"),
        ({"redirect_url": 5}, "redirect_url"),
    ],
)
async def test_a_collection_against_a_rule_names_the_field(money: Money, changes: dict[str, Any], field: str) -> None:
    body = {**await card(money, await money.verified()), **changes}
    answer = await collect(money, body, 422)
    assert field in answer["errors"]
    if field == "redirect_url":
        assert answer["message"] == "The redirect url field must be a valid URL."


async def test_refusals_of_a_card_collection_come_in_the_documented_words(money: Money) -> None:
    customer, pending = await money.verified(), await money.create({"email": "x@example.com"} | _person())
    said = {(await collect(money, await card(money, customer, "NGN"), 400))["message"]}
    said |= {(await collect(money, await card(money, pending), 400))["message"]}
    money.sandbox.allow("card", allowed=False)
    said |= {(await collect(money, await card(money, customer), 400))["message"]}
    assert said == {
        "Funding NGN using card is not supported yet.",
        "Customer is not verified. Ensure you have uploaded identify docs for customer.",
        "Card collection is not enabled for this business yet.",
    }


def _person() -> dict[str, Any]:
    names = {"first_name": "Eve", "last_name": "Obi", "id_type": "passport", "id_number": "B7654321"}
    return {"type": "individual", "country": "NG", **names}


async def test_no_card_datum_stays_in_the_sandbox(money: Money) -> None:
    await collect(money, await card(money, await money.verified(), cvc="987"))
    everything = repr(vars(next(iter(money.sandbox.state._books.values()))).items()) + repr(money.sandbox.events)
    assert "4242424242424242" not in everything


async def test_a_stablecoin_collection_gives_an_address_and_funds_dollars(money: Money) -> None:
    networks = (await money.call("GET", f"{API}/collection/crypto/networks", expect=200))["data"]["data"]
    body = {"amount": 25, "wallet_id": await money.wallet("USD"), "network": networks[0]["identifier"], "token": "USDT"}
    path = f"{API}/collection/crypto"
    opened = (await money.call("POST", path, body, 200))["transaction"]
    assert (opened["status"], (await money.transaction(opened["reference"]))["status"]) == ("PENDING", "SUCCESSFUL")
    assert money.sandbox.balances["USD"] > 100_000
    assert "token" in (await money.call("POST", path, {**body, "token": "DOGE"}, 422))["errors"]
    assert "network" in (await money.call("POST", path, {**body, "network": "ethereum"}, 422))["errors"]
    await money.call("POST", path, {**body, "wallet_id": await money.wallet("NGN")}, 400)
    money.sandbox.settlement = Settlement.held()
    late = (await money.call("POST", path, body, 200))["transaction"]
    money.clock.move(HOUR)
    assert (await money.transaction(late["transaction_id"]))["status"] == "EXPIRED"


async def test_an_interac_request_lapses_after_its_hours_or_is_paid_before(money: Money) -> None:
    money.sandbox.settlement = Settlement.held()
    path = f"{API}/collection/interac-money-request"
    body = {"amount": 100, "email": "payer@example.com", "customer_name": "Jane Payer"}
    short = await money.call("POST", path, {**body, "expiry_hours": 24}, 200)
    paid = await money.call("POST", path, body, 200)
    money.clock.move(24 * HOUR)
    assert (await money.transaction(short["reference"]))["status"] == "EXPIRED"
    money.sandbox.settle(paid["transaction_id"])
    money.clock.move(48 * HOUR)
    row = await money.transaction(paid["transaction_id"])
    assert (row["status"], row["source_information"]["collection_email"]) == ("SUCCESSFUL", "payer@example.com")
    expired, completed = money.told("collection")
    assert (expired["payee_collection_email"], expired["source_information"]["collection_email"]) == (None, None)
    assert completed["source_information"] == {"collection_email": "payer@example.com", "collection_name": "Jane Payer"}


async def test_an_interac_request_keeps_its_rules(money: Money) -> None:
    path = f"{API}/collection/interac-money-request"
    body = {"amount": 100, "email": "payer@example.com"}
    for wrong in (
        {"email": "no"},
        {"expiry_hours": 121},
        {"note": "see www.example.com"},
        {"note": "x" * 51},
        {"amount": None},
    ):
        assert set((await money.call("POST", path, {**body, **wrong}, 422))["errors"]) == set(wrong)
    await money.call("POST", path, {**body, "amount": 0.5, "note": "Invoice 4821 - March retainer"}, 200)
    money.sandbox.set_wallet_active("CAD", active=False)
    answer = await money.call("POST", path, body, 400)
    assert answer["message"] == "No active CAD wallet found. Please create a CAD wallet to receive Interac transfers."


async def test_an_incoming_interac_transfer_is_taken_once(money: Money) -> None:
    path = f"{API}/collection/accept-interac-money-request"
    for body in (
        {"reference_number": "ABC123456", "security_answer": "MySecretAnswer"},
        {"reference_number": "ABC123456", "security_answer": "MySecretAnswer"},
        {"reference_number": "AUTO123456", "email": "payer@example.com"},
        {"reference_number": "DEF1", "security_answer": "wrong"},
        {"reference_number": "CAFAILED1"},
    ):
        await money.call("POST", path, body, 200)
    told = money.told("collection")
    assert [each["transaction_status"] for each in told] == ["SUCCESSFUL", "FAILED", "SUCCESSFUL", "FAILED", "FAILED"]
    assert "current transfer status" in told[1]["failure_reason"]
    await money.call("POST", path, {}, 422)


async def test_a_customer_is_attached_to_received_collections_only(money: Money) -> None:
    customer = await money.verified()
    path = f"{API}/collection/attach-customer"
    bank = await open_banking(money, None)
    by_card = (await collect(money, await card(money, customer)))["transaction_id"]
    payout = (await money.pay(await money.payout_body(customer)))["id"]
    await money.call("POST", path, {"customer_id": customer, "transaction_id": bank}, 200)
    assert (await money.transaction(bank))["business_customer_id"] == customer
    answer = await money.call("POST", path, {"customer_id": customer, "transaction_id": by_card}, 400)
    assert answer["message"] == "Customer cannot be updated for API card collections."
    await money.call("POST", path, {"customer_id": customer, "transaction_id": payout}, 400)
    await money.call("POST", path, {"customer_id": customer, "transaction_id": "none"}, 404)
    await money.call("POST", path, {"transaction_id": bank}, 422)
    pending = await money.create(_person() | {"email": "x@example.com"})
    await money.call("POST", path, {"customer_id": pending, "transaction_id": bank}, 400)


async def test_a_refund_returns_the_whole_collection_and_shows_on_it(money: Money) -> None:
    collection = await open_banking(money, await money.verified())
    funded = money.sandbox.balances["GBP"]
    money.sandbox.settlement = Settlement.after(60)
    money.sandbox.set_balance("GBP", Decimal("499.99"))
    assert (await refund(money, 400, transaction_id=collection))["message"] == "Insufficient funds."
    money.sandbox.set_balance("GBP", funded)
    started = (await refund(money, transaction_id=collection, reason="Cancelled", reference="r-1"))["data"]
    assert (started["status"], started["amount"]) == ("PROCESSING", 500)
    assert money.sandbox.balances["GBP"] == funded - 500
    money.clock.move(60)
    ended = (await money.call("GET", f"{API}/refund/{started['id']}", expect=200))["data"]
    assert ended["status"] == "SUCCESSFUL"
    shown = await money.transaction(collection)
    assert (shown["refund"], shown["refund_status"]) == (ended, "SUCCESSFUL")
    assert [each["status"] for each in money.told("refund_initiated", "refund")] == ["processing", "successful"]
    await money.authorize("transaction:read")
    assert "refund" not in await money.transaction(collection)


async def test_a_refund_reference_replays_and_belongs_to_one_collection(money: Money) -> None:
    customer = await money.verified()
    first, second = await open_banking(money, customer), await open_banking(money, customer)
    once = await refund(money, transaction_id=first, reference="r-1")
    again = await refund(money, transaction_id=first, reference="r-1")
    assert once["data"]["id"] == again["data"]["id"]
    assert len(money.told("refund")) == 1
    text = "This reference was already used for a different transaction. Use a new reference."
    assert (await refund(money, 400, transaction_id=second, reference="r-1"))["message"] == text
    text = "A refund has already been started for this collection."
    assert (await refund(money, 400, transaction_id=first, reference="r-2"))["message"] == text
    assert (await refund(money, 400, transaction_id=first))["message"] == text


async def test_a_failed_refund_cannot_be_tried_again(money: Money) -> None:
    collection = await open_banking(money, await money.verified(), amount=1015.15)
    before = money.sandbox.balances
    failed = (await refund(money, transaction_id=collection))["data"]
    after = (await money.call("GET", f"{API}/refund/{failed['id']}", expect=200))["data"]
    assert (after["status"], bool(after["failure_reason"])) == ("FAILED", True)
    assert money.sandbox.balances == before
    await refund(money, 400, transaction_id=collection)


async def test_what_cannot_be_refunded_is_refused_in_the_documented_words(money: Money) -> None:
    customer = await money.verified()
    account = (await money.account(customer, "NGN"))["data"]["id"]
    pounds = (await money.account(customer, "GBP"))["data"]["id"]
    naira = money.sandbox.deposit(account, 1000)
    outside = money.sandbox.deposit(pounds, 1000, through_api=False)
    nobodys, late = await open_banking(money, None), await open_banking(money, customer)
    money.sandbox.settlement = Settlement.held()
    pending = await open_banking(money, customer)
    api = "This collection was not created through the API, so it cannot be refunded through the API."
    currency = "Refunds back to source are only supported for EUR and GBP collections. This transaction is in NGN."
    status = "Only successful collections can be refunded back to source. This transaction is PENDING."
    assert (await refund(money, 400, transaction_id=naira))["message"] == currency
    assert (await refund(money, 400, transaction_id=outside))["message"] == api
    assert (await refund(money, 400, transaction_id=pending))["message"] == status
    owner = "This collection was not found for any of your customers."
    assert (await refund(money, 400, transaction_id=nobodys))["message"] == owner
    money.clock.move(7 * DAY + 1)
    window = "Refunds back to source must start within 7 days of the collection."
    assert (await refund(money, 400, transaction_id=late))["message"] == window
    unknown = await refund(money, 404, transaction_id="none")
    assert unknown["message"] == "No query results for model [App\\Models\\Business\\BusinessTransaction]."
    assert "transaction_id" in (await refund(money, 422))["errors"]
    await money.call("GET", f"{API}/refund/none", expect=404)
    assert money.sandbox.balances["NGN"] == Decimal(50_000_000) + 1000 - Decimal("5.25")
