"""Reference data, checks of recipients, wallets, swaps, transaction pages, and the table of test values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from blaaiz_async import contract
from blaaiz_async.sandbox import TEST_VALUES
from tests.sandbox.sandbox_money import API, Money, exact

pytestmark = pytest.mark.anyio


@pytest.fixture
async def money() -> Money:
    money = Money()
    await money.authorize()
    return money


async def test_the_franc_comes_once_per_country_and_operators_go_by_currency(money: Money) -> None:
    currencies = await money.call("GET", f"{API}/currency", expect=200)
    francs = [each for each in currencies if each["code"] == "XOF"]
    assert [each["country"]["short_name"] for each in francs] == ["BJ", "CI"]
    for each in francs:
        operators = await money.call("GET", f"{API}/momo-operator?currency_id={each['id']}", expect=200)
        assert [operator["country_id"] for operator in operators] == [each["country_id"]]
        assert operators == await money.call("GET", f"{API}/momo-operator?country_id={each['country_id']}", expect=200)
    assert await money.call("GET", f"{API}/bank?currency=NGN", expect=200)
    assert await money.call("GET", f"{API}/bank?country=GB", expect=200) == []


async def test_a_payout_to_the_franc_says_which_by_id_or_country(money: Money) -> None:
    customer = await money.verified()
    body = await money.payout_body(customer, "USD", "KES", "mobile_money", to_amount=50_000)
    await money.pay({**body, "to_currency_id": "XOF"}, 422)
    await money.pay({**body, "to_currency_id": "XOF", "country_id": "24", "mobile_money_operator_id": "6"})
    paid = await money.pay({**body, "to_currency_id": "13", "mobile_money_operator_id": "7"})
    assert (paid["recipient"]["currency"], paid["recipient"]["bank_code"]) == ("XOF", "ORANGE_CI")
    await money.pay({**body, "to_currency_id": "13", "mobile_money_operator_id": "6"}, 422)
    await money.pay({**body, "to_currency_id": "13", "mobile_money_operator_id": "7", "to_amount": 0.5}, 422)


async def test_a_wallet_shows_its_balance_exactly(money: Money) -> None:
    money.sandbox.set_balance("CAD", Decimal("0.1"))
    wallet = await money.wallet("CAD")
    assert (await money.call("GET", f"{API}/wallet/{wallet}", expect=200))["amount"] == 0.1
    await money.call("GET", f"{API}/wallet/none", expect=404)
    with pytest.raises(TypeError, match="float"):
        money.sandbox.set_balance("CAD", 0.1)  # type: ignore[arg-type]


async def test_a_swap_moves_money_at_once_by_the_listed_rate(money: Money) -> None:
    dollars, naira = await money.wallet("USD"), await money.wallet("NGN")
    sides = {"from_business_wallet_id": dollars, "to_business_wallet_id": naira}
    [rate] = (await money.call("GET", f"{API}/rate?search_term=usd/ngn", expect=200))["data"]
    for amount_type, amount in (("from", 100), ("to", 150_000)):
        before = money.sandbox.balances
        body = {**sides, "amount": amount, "amount_type": amount_type}
        done = (await money.call("POST", f"{API}/swap", body, 200))["business_swap_transaction"]
        assert done[f"{amount_type}_amount"] == amount
        assert done["from_exchange_rate"] == float(rate["value"])
        assert exact(done["to_amount"]) <= exact(done["from_amount_minus_fees"]) * Decimal(rate["value"])
        after = money.sandbox.balances
        assert before["USD"] - after["USD"] == exact(done["from_amount"])
        assert after["NGN"] - before["NGN"] == exact(done["to_amount"])
        row = await money.transaction(done["business_transaction_id"])
        assert (row["type"], row["swap_details"]["to_amount"]) == ("swap", done["to_amount"])


async def test_refusals_of_a_swap_come_in_the_documented_words(money: Money) -> None:
    wallets = {code: await money.wallet(code) for code in ("NGN", "USD", "EUR", "CAD")}
    path = f"{API}/swap"

    async def swap(source: str, destination: str, amount: float, expect: int) -> Any:
        sides = {"from_business_wallet_id": wallets.get(source, "x"), "to_business_wallet_id": wallets.get(destination, "y")}
        return await money.call("POST", path, {**sides, "amount": amount}, expect)

    same = await swap("USD", "USD", 1, 400)
    assert same["message"] == "Oops! You cannot swap money between wallets of same currency"
    small = await swap("NGN", "USD", 0.1, 400)
    assert small["message"] == "Amount is too small to swap after conversion. Please increase the amount."
    assert (await swap("EUR", "CAD", 1, 400))["message"] == "Oops! You cannot swap money between EUR and CAD."
    assert (await swap("USD", "NGN", 100_000.01, 400))["message"] == "Insufficient funds."
    assert set((await swap("x", "y", 1, 422))["errors"]) == {"from_business_wallet_id", "to_business_wallet_id"}
    for amount in (0.09, 1.001):
        assert set((await swap("USD", "NGN", amount, 422))["errors"]) == {"amount"}
    await swap("NGN", "USD", 1000, 200)
    money.sandbox.allow("swap", allowed=False)
    await swap("NGN", "USD", 1000, 403)


async def test_the_fee_preview_moves_nothing_and_wants_exactly_one_amount(money: Money) -> None:
    path, pair = f"{API}/fees/breakdown", {"from_currency_id": "NGN", "to_currency_id": "CAD"}
    before = money.sandbox.balances
    preview = await money.call("POST", path, {**pair, "to_amount": 500}, 200)
    assert [each["recipient_gets"] for each in preview["payout_fees"]] == [500]
    for wrong in ({}, {"from_amount": 1, "to_amount": 1}, {"from_amount": 1, "to_currency_id": "BTC"}, {"from_amount": "1"}):
        assert await money.call("POST", path, {**pair, **wrong}, 400) == {
            "status": False,
            "message": "Invalid request parameters",
        }
    assert money.sandbox.balances == before


async def test_transactions_are_filtered_and_come_in_pages_of_ten(money: Money) -> None:
    customer, path = await money.verified(), f"{API}/transaction"
    body = await money.payout_body(customer)
    for number in range(11):
        await money.pay({**body, "merchant_reference": f"order-{number}"})
    money.clock.move(86_400)
    sides = {"from_business_wallet_id": await money.wallet("USD"), "to_business_wallet_id": await money.wallet("NGN")}
    await money.call("POST", f"{API}/swap", {**sides, "amount": 5}, 200)
    await money.pay({**body, "from_amount": 1013.13})

    async def count(query: str = "", **filters: object) -> tuple[int, int]:
        answer = await money.call("POST", path + query, filters, 200)
        return answer["meta"]["total"], len(answer["data"])

    assert await count() == (13, 10)
    assert await count("?page=2") == await count(page=2) == (13, 3)
    assert await count("?page=9") == (13, 0)
    assert await count(type="SWAP") == (1, 1)
    assert await count(type="SEND_MONEY", status="FAILED") == (1, 1)
    assert await count(merchant_reference="order-3") == (1, 1)
    assert await count(customer_id=customer) == (12, 10)
    assert await count(wallet_id=sides["from_business_wallet_id"]) == (1, 1)
    assert await count(end_date="2027-01-15") == (11, 10)
    assert await count(start_date="2027-01-16", end_date="2027-01-16") == (2, 2)
    wrong = await money.call("POST", path, {"type": "payout", "status": "PENDING", "end_date": "2027-02-30"}, 422)
    assert set(wrong["errors"]) == {"type", "status", "end_date"}
    wrong = await money.call("POST", path, {"type": "payout", "start_date": "2027-01-16", "end_date": "2027-01-15"}, 422)
    assert (
        wrong["errors"]
        == contract.operation("transactions_list").raw["responses"]["422"]["content"]["application/json"]["examples"][
            "validation"
        ]["value"]["errors"]
    )
    assert (await money.call("GET", f"{path}/none", expect=404))["message"] == "Transaction not found."


async def test_a_transaction_is_found_by_id_reference_or_merchant_reference(money: Money) -> None:
    payout = await money.pay(await money.payout_body(await money.verified(), merchant_reference="order 1%"))
    found = [await money.transaction(key) for key in (payout["id"], payout["reference"], "order%201%25")]
    assert {each["id"] for each in found} == {payout["id"]}


async def check(money: Money, path: str, **body: str) -> dict[str, Any]:
    response = await money.http.post(f"{API}/bank/{path}", json=body)
    return {"status": response.status_code, **response.json()}


async def test_checks_of_recipients_answer_as_the_contract_shows(money: Money) -> None:
    found = await check(money, "account-lookup", account_number="0123456789", bank_id="044")
    assert (found["status"], found["account_name"]) == (200, "John Doe")
    for account, bank in (("0000000000", "1"), ("0123456789", "99"), ("12", "1")):
        refused = await check(money, "account-lookup", account_number=account, bank_id=bank)
        assert (refused["status"], refused["message"]) == (400, "Invalid account number or bank code")
    payee = {"sort_code": "20-00-00", "account_number": "12345678", "account_name": "Jane Doe"}
    assert (await check(money, "payee-verification", **payee))["matched"] is True
    assert (await check(money, "payee-verification", **payee | {"sort_code": "1"}))["status"] == 400
    assert (await check(money, "payee-verification", account_name="Jane Doe"))["status"] == 422
    reach = await check(money, "iban-verification", iban="DE89 3704 0044 0532 0130 00")
    assert (reach["sepa_reachable"], reach["sepa_inst_reachable"]) == (True, True)
    assert (await check(money, "iban-verification", iban="US00123456789012345"))["sepa_reachable"] is False
    assert (await check(money, "iban-verification", iban="DE89"))["status"] == 422


PAYEE = {"sort_code": "20-00-00", "account_name": "Jane Doe"}


@pytest.mark.parametrize(
    "each", [each for each in TEST_VALUES if each.where.startswith("banks_")], ids=lambda each: each.value
)
async def test_each_test_value_of_a_recipient_has_its_effect(money: Money, each: Any) -> None:
    if each.where.startswith("banks_lookup"):
        answer = await check(money, "account-lookup", account_number=each.value, bank_id="1")
    elif each.where.startswith("banks_verify_payee"):
        answer = await check(money, "payee-verification", account_number=each.value, **PAYEE)
    else:
        answer = await check(money, "iban-verification", iban=each.value)
    match str(each.effect):
        case "is refused as invalid":
            assert answer["status"] == 400
        case "is not SEPA reachable":
            assert (answer["sepa_reachable"], answer["sepa_inst_reachable"]) == (False, False)
        case "is SEPA reachable, but not instantly":
            assert (answer["sepa_reachable"], answer["sepa_inst_reachable"]) == (True, False)
        case "does not match the holder's name":
            assert (answer["matched"], answer["match_confidence_code"]) == (False, None)
        case close:
            assert answer["matched"] is False
            assert close == f"is a close match with code {answer['match_confidence_code']}"
            assert answer["suggested_account_name"]


async def test_a_card_without_3d_secure_needs_no_page(money: Money) -> None:
    card = {"card_holder_name": "J D", "card_number": "5555555555554444", "expiry": "12/30", "cvc": "123"}
    body = {"method": "card", "amount": 5, "wallet_id": await money.wallet("USD"), "customer_id": await money.verified()}
    assert (await money.call("POST", f"{API}/collection", {**body, **card}, 200))["url"] is None
