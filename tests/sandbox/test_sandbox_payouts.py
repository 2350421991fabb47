"""Payouts: what they ask for in each currency, what they cost, and how they end."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from blaaiz_async import contract
from blaaiz_async.sandbox import Fault, Settlement
from tests.sandbox.sandbox_checking import BUSINESS
from tests.sandbox.sandbox_money import ADDRESS, API, RECIPIENTS, Money, exact

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio
KINDS = sorted(RECIPIENTS)


@pytest.fixture
async def money() -> Money:
    money = Money()
    await money.authorize()
    return money


async def ready(money: Money, *currencies: str) -> str:
    """Make a customer with active virtual accounts."""
    customer = await money.verified()
    for each in currencies:
        await money.account(customer, each)
    return customer


@pytest.mark.parametrize(("method", "currency"), KINDS)
async def test_every_kind_of_payout_debits_what_the_fee_preview_says_and_is_told(
    money: Money, method: str, currency: str
) -> None:
    customer = await ready(money, "GBP", "EUR", "USD")
    source = "USD" if currency == "KES" else currency
    for amount in ({"from_amount": 500}, {"to_amount": 500}):
        pair = {"from_currency_id": source, "to_currency_id": currency}
        preview = await money.call("POST", f"{API}/fees/breakdown", {**pair, **amount}, 200)
        item = next(each for each in preview["payout_fees"] if each["method"] == method.upper())
        before = money.sandbox.balances[source]
        body = await money.payout_body(customer, source, currency, method, merchant_reference=f"order-{amount}", **amount)
        payout = await money.pay(body)
        assert payout["status"] == "SUCCESSFUL"
        assert (payout["amount"], payout["fee"]) == (item["you_send"], item["total_fees"])
        assert payout["recipient"]["amount"] == item["recipient_gets"]
        assert before - money.sandbox.balances[source] == exact(payout["amount"])
        told = money.told("payout")[-1]
        assert told["transaction_id"] == payout["id"]
        assert told["merchant_reference"] == body["merchant_reference"]
    assert len(money.told("payout_initiated")) == (2 if currency == "CAD" else 0)


async def test_a_merchant_reference_is_used_once_across_payouts_and_collections(money: Money) -> None:
    customer = await ready(money)
    body = await money.payout_body(customer, merchant_reference="order-1")
    first = await money.pay(body)
    card = {
        "method": "card",
        "amount": 50,
        "wallet_id": await money.wallet("USD"),
        "customer_id": customer,
        "card_holder_name": "John Doe",
        "card_number": "4242424242424242",
        "expiry": "12/30",
        "cvc": "123",
        "merchant_reference": "order-1",
    }
    documented = contract.operation("payouts_initiate").raw["x-idempotency"]["duplicate_body"]["errors"]
    for path, sent in ((f"{API}/payout", body), (f"{API}/collection", card)):
        assert (await money.call("POST", path, sent, 422))["errors"] == documented
    assert (await money.transaction("order-1"))["id"] == first["id"]
    await money.call("POST", f"{API}/collection", {**card, "merchant_reference": "order-2"}, 200)
    await money.pay({**body, "merchant_reference": "order-2"}, 422)
    assert money.sandbox.balances["NGN"] == Decimal(50_000_000) - exact(first["amount"])


async def test_a_refused_payout_moves_nothing_and_leaves_its_reference_free(money: Money) -> None:
    customer = await ready(money)
    money.sandbox.set_balance("NGN", Decimal("4999.99"))
    body = await money.payout_body(customer, merchant_reference="order-1")
    assert await money.pay(body, 400) == {"message": "Insufficient funds."}
    assert money.sandbox.balances["NGN"] == Decimal("4999.99")
    money.sandbox.set_balance("NGN", 5000)
    await money.pay(body)
    assert money.sandbox.balances["NGN"] == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"method": "crypto"}, "method"),
        ({"method": "ach"}, "method"),
        ({"method": None}, "method"),
        ({"from_amount": None}, "from_amount"),
        ({"from_amount": 5, "to_amount": 5}, "to_amount"),
        ({"from_amount": "5000"}, "from_amount"),
        ({"from_amount": 0}, "from_amount"),
        ({"from_amount": -1}, "from_amount"),
        ({"from_amount": 10.001}, "from_amount"),
        ({"from_amount": 1e300}, "from_amount"),
        ({"to_currency_id": "XOF", "method": "mobile_money"}, "to_currency_id"),
        ({"to_currency_id": "BTC"}, "to_currency_id"),
        ({"wallet_id": "none"}, "wallet_id"),
        ({"customer_id": "none"}, "customer_id"),
        ({"from_currency_id": "USD"}, "wallet_id"),
        ({"bank_id": "99"}, "bank_id"),
        ({"account_number": ""}, "account_number"),
        ({"merchant_reference": "x" * 256}, "merchant_reference"),
        ({"to_currency_id": "KES", "method": "mobile_money", "phone_number": "0700"}, "phone_number"),
        ({"to_currency_id": "KES", "method": "mobile_money", "mobile_money_operator_id": 3}, "mobile_money_operator_id"),
    ],
)
async def test_a_payout_against_a_rule_names_the_field(money: Money, changes: dict[str, Any], field: str) -> None:
    customer = await ready(money)
    body = {**await money.payout_body(customer), **changes}
    assert field in (await money.pay(body, 422))["errors"]
    assert money.sandbox.balances["NGN"] == 50_000_000


NO_VBA = "Please create a virtual bank account for {} for your business or business customer to proceed."
THEIRS = "The virtual bank account for {} for your business customer is not active yet. Please wait for it to be activated."
OURS = "Your virtual bank account for {} is not active yet. Please wait for it to be activated."


async def test_pounds_and_euros_need_an_active_account_of_the_business_or_the_customer(money: Money) -> None:
    customer = await ready(money)
    for currency in ("GBP", "EUR"):
        body = await money.payout_body(customer, currency, currency)
        assert (await money.pay(body, 400))["message"] == NO_VBA.format(currency)
        money.sandbox.settlement = Settlement.held()
        account = (await money.account(customer, currency))["data"]["id"]
        assert (await money.pay(body, 400))["message"] == THEIRS.format(currency)
        money.sandbox.set_business_account(currency, "PENDING")
        assert (await money.pay(body, 400))["message"] == OURS.format(currency)
        money.sandbox.settle(account)
        await money.pay(body)
        await money.call("POST", f"{API}/virtual-bank-account/{account}/close", {}, 200)
        money.sandbox.set_business_account(currency, None)
        assert (await money.pay(body, 400))["message"] == NO_VBA.format(currency)
        money.sandbox.set_business_account(currency, "SUCCESSFUL")
        await money.pay(body)


async def test_dollars_need_an_active_account_of_both(money: Money) -> None:
    customer = await ready(money)
    body = await money.payout_body(customer, "USD", "USD", "ach")
    assert (await money.pay(body, 400))["message"] == NO_VBA.format("USD")
    money.sandbox.settlement = Settlement.held()
    account = (await money.account(customer, "USD"))["data"]["id"]
    assert (await money.pay(body, 400))["message"] == THEIRS.format("USD")
    money.sandbox.set_business_account("USD", "PENDING")
    assert (await money.pay(body, 400))["message"] == OURS.format("USD")
    money.sandbox.set_business_account("USD", "SUCCESSFUL")
    money.sandbox.settle(account)
    await money.pay(body)
    refused = await money.verified(last_name="Rejected")
    money.sandbox.settlement = Settlement.at_once()
    await money.account(refused, "USD")
    answer = await money.pay({**body, "customer_id": refused}, 400)
    assert answer["message"] == "Cannot facilitate USD payout for this customer."


@pytest.mark.parametrize(
    ("spoil", "changes"),
    [
        (lambda sandbox, customer: None, {"from_amount": 0.2}),
        (lambda sandbox, customer: None, {"account_number": "0000000000"}),
        (lambda sandbox, customer: sandbox.set_due_diligence(True), {}),
        (lambda sandbox, customer: sandbox.set_due_diligence(True, customer_id=customer), {}),
        (lambda sandbox, customer: sandbox.set_wallet_active("NGN", False), {}),
        (lambda sandbox, customer: sandbox.decide(customer, "REJECTED"), {}),
    ],
    ids=["below its fees", "name enquiry", "business under EDD", "customer under EDD", "wallet closed", "not verified"],
)
async def test_a_business_rule_refuses_with_400(
    money: Money, spoil: Callable[[Any, str], None], changes: dict[str, Any]
) -> None:
    customer = await ready(money)
    await money.pay(await money.payout_body(customer))
    left = money.sandbox.balances
    spoil(money.sandbox, customer)
    await money.pay({**await money.payout_body(customer), **changes}, 400)
    assert money.sandbox.balances == left


async def test_a_payee_or_an_iban_that_does_not_hold_refuses_the_payout(money: Money) -> None:
    customer = await ready(money, "GBP", "EUR")
    pounds = await money.payout_body(customer, "GBP", "GBP")
    euros = await money.payout_body(customer, "EUR", "EUR")
    ours = (await money.call("GET", f"{API}/virtual-bank-account?customer_id={customer}", expect=200))["data"]
    own_iban = next(each["iban"] for each in ours if each["currency"] == "EUR")
    await money.pay({**pounds, "account_number": "10000001"}, 400)
    await money.pay({**pounds, "account_number": "10000002"}, 400)
    await money.pay({**euros, "iban": "DE75512108001245126199"}, 400)
    await money.pay({**euros, "iban": "US00123456789012345"}, 400)
    await money.pay({**euros, "iban": own_iban}, 400)
    await money.pay({**euros, "iban": "no"}, 422)


async def test_a_pair_that_is_closed_for_sending_is_refused(money: Money) -> None:
    customer = await ready(money)
    rates = await money.call("GET", f"{API}/rate?search_term=CAD/UGX", expect=200)
    assert [each["send_enabled"] for each in rates["data"]] == [False]
    body = await money.payout_body(customer, "CAD", "KES", "mobile_money")
    await money.pay(body)
    await money.pay({**body, "to_currency_id": "UGX", "mobile_money_operator_id": 3}, 400)


async def test_a_minimal_business_gets_naira_only() -> None:
    money = Money(minimal_kyb=True)
    await money.authorize()
    customer = await money.create(BUSINESS, kyb_scope="MINIMAL")
    money.sandbox.decide(customer, "VERIFIED")
    await money.account(customer, "NGN")
    await money.account(customer, "GBP", 400)
    full = await money.create(BUSINESS, kyb_scope="FULL", registration_number="RC2")
    money.sandbox.decide(full, "VERIFIED")
    await money.account(full, "GBP")
    body = await money.payout_body(customer, "USD", "USD", "ach", **ADDRESS)
    assert (await money.pay(body, 400))["message"] == "Cannot facilitate USD payout for this customer."
    await money.pay(await money.payout_body(customer))


async def test_a_payout_whose_answer_was_lost_is_found_by_its_merchant_reference(money: Money) -> None:
    body = await money.payout_body(await ready(money), merchant_reference="order-1")
    money.sandbox.faults.add("payouts_initiate", Fault.after_commit(502))
    await money.call("POST", f"{API}/payout", body, 502)
    await money.pay(body, 422)
    found = await money.transaction("order-1")
    assert money.sandbox.balances["NGN"] == Decimal(50_000_000) - exact(found["amount"])


async def test_a_payout_moves_to_its_end_as_the_clock_does(money: Money) -> None:
    customer = await ready(money)
    money.sandbox.settlement = Settlement.after(60)
    payout = await money.pay(await money.payout_body(customer))
    assert payout["status"] == "PENDING"
    for seconds, status in ((29, "PENDING"), (1, "PROCESSING"), (29, "PROCESSING"), (1, "SUCCESSFUL")):
        assert money.told("payout") == []
        money.clock.move(seconds)
        if status != "SUCCESSFUL":
            assert (await money.transaction(payout["id"]))["status"] == status
    assert [each["transaction_id"] for each in money.told("payout")] == [payout["id"]]
    assert (await money.transaction(payout["id"]))["status"] == "SUCCESSFUL"


async def test_a_failed_payout_gives_the_whole_debit_back(money: Money) -> None:
    customer = await ready(money)
    before = money.sandbox.balances
    for source in ("NGN", "USD"):
        payout = await money.pay(await money.payout_body(customer, source, "NGN", from_amount=1013.13))
        assert payout["status"] == "FAILED"
    assert money.sandbox.balances == before
    assert [each["transaction_status"] for each in money.told("payout")] == ["FAILED", "FAILED"]


async def test_a_held_payout_ends_once_by_hand(money: Money) -> None:
    customer = await ready(money)
    held = await money.pay(await money.payout_body(customer, from_amount=1014.14))
    assert held["status"] == "PROCESSING"
    money.sandbox.hide_open = True
    await money.call("GET", f"{API}/transaction/{held['id']}", expect=404)
    with pytest.raises(ValueError, match="EXPIRED"):
        money.sandbox.settle(held["id"], "EXPIRED")
    with pytest.raises(KeyError):
        money.sandbox.settle("none")
    money.sandbox.settle(held["id"], "SUCCESSFUL")
    money.sandbox.settle(held["id"], "FAILED")
    assert (await money.transaction(held["id"]))["status"] == "SUCCESSFUL"
    assert money.sandbox.balances["NGN"] == Decimal(50_000_000) - Decimal("1014.14")


async def test_an_interac_payout_carries_the_senders_question_or_one_of_its_own(money: Money) -> None:
    customer = await ready(money)
    body = await money.payout_body(customer, "CAD", "CAD", "interac")
    await money.pay({**body, "security_question": "Invoice number?", "security_answer": "4821"})
    await money.pay(body)
    own, made = (each["extras"]["interac_instruction"] for each in money.told("payout"))
    assert own == {"question": "Invoice number?", "answer": "4821"}
    assert 1000 <= made["answer"] <= 9999
    assert money.told("payout")[0]["interac_reference"].startswith("CA")
