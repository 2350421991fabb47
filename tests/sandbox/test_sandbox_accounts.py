"""Virtual accounts: who may have one, how it becomes ready, and money that arrives in it."""

from __future__ import annotations

from typing import Any

import pytest

from blaaiz_async.sandbox import Settlement
from tests.sandbox.sandbox_checking import CUSTOMER, INDIVIDUAL
from tests.sandbox.sandbox_money import API, Money

pytestmark = pytest.mark.anyio
PATH = f"{API}/virtual-bank-account"


@pytest.fixture
async def money() -> Money:
    money = Money()
    await money.authorize()
    return money


async def test_naira_accounts_are_ready_at_once_and_the_others_by_event(money: Money) -> None:
    customer = await money.verified()
    naira = (await money.account(customer, "NGN"))["data"]
    assert (naira["status"], len(naira["account_number"])) == ("SUCCESSFUL", 10)
    money.sandbox.settlement = Settlement.after(3600)
    for currency in ("GBP", "EUR", "USD"):
        made = (await money.account(customer, currency))["data"]
        assert (made["status"], made["account_number"]) == ("PENDING", None)
        money.clock.move(3600)
        ready = (await money.call("GET", f"{PATH}/{made['id']}", expect=200))["data"]
        assert ready["status"] == "SUCCESSFUL"
        assert bool(ready["iban"]) == (currency != "USD")
    assert len(money.told("virtual_account.created")) == 4
    assert [each["currency"] for each in money.told("virtual_account.ready")] == ["NGN", "GBP", "EUR", "USD"]
    listed = (await money.call("GET", f"{PATH}?customer_id={customer}", expect=200))["data"]
    assert [each["currency"] for each in listed] == ["NGN", "GBP", "EUR", "USD"]
    one = (await money.call("GET", f"{PATH}?wallet_id={await money.wallet('EUR')}", expect=200))["data"]
    assert [each["currency"] for each in one] == ["EUR"]


async def test_a_customer_has_one_account_per_wallet_until_it_is_closed(money: Money) -> None:
    customer = await money.verified()
    first = (await money.account(customer, "NGN"))["data"]["id"]
    answer = await money.account(customer, "NGN", 400)
    assert answer["message"] == (
        "A virtual bank account with the name 'Ada Obi' already exists for this business wallet "
        "using the 'BANK78' provider. Please choose a different name."
    )
    closed = await money.call("POST", f"{PATH}/{first}/close", {"reason": "No longer needed"}, 200)
    assert closed["account_id"] == first
    again = await money.call("POST", f"{PATH}/{first}/close", {"reason": None}, 400)
    assert again["message"] == "Virtual bank account is already closed"
    await money.account(customer, "NGN")
    await money.call("POST", f"{PATH}/none/close", {}, 404)
    await money.call("POST", f"{PATH}/{first}/close", {"reason": "x" * 201}, 422)
    with pytest.raises(ValueError, match="CLOSED"):
        money.sandbox.deposit(first, 100)


@pytest.mark.parametrize("missing", ["dob", "street", "city", "zip_code", "id_expiry_date"])
async def test_an_account_abroad_needs_the_whole_profile(money: Money, missing: str) -> None:
    customer = await money.verified(**{missing: None})
    await money.account(customer, "NGN")
    assert missing in (await money.account(customer, "GBP", 422))["errors"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"first_name": "Ada1"}, "first_name"),
        ({"street": "1 Marina Road; Lagos"}, "street"),
        ({"id_expiry_date": "2027-01-20"}, "id_expiry_date"),
    ],
)
async def test_an_account_abroad_needs_a_profile_that_banks_take(money: Money, changes: dict[str, Any], field: str) -> None:
    customer = await money.verified(**changes)
    assert set((await money.account(customer, "EUR", 422))["errors"]) == {field}


async def test_dollars_need_more_than_pounds(money: Money) -> None:
    customer = await money.verified(tin=None, state=None, phone=None)
    await money.account(customer, "GBP")
    assert set((await money.account(customer, "USD", 422))["errors"]) == {"phone", "tin", "state"}


async def test_a_refused_account_tells_why_and_may_be_asked_for_again(money: Money) -> None:
    for name, event in (("Rejected", "virtual_account.rejected"), ("Failed", "virtual_account.failed")):
        customer = await money.verified(last_name=name)
        for _ in range(2):
            made = (await money.account(customer, "EUR"))["data"]["id"]
        shown = (await money.call("GET", f"{PATH}/{made}", expect=200))["data"]
        assert (shown["status"], bool(shown["rejection_reason"])) == (event.rpartition(".")[2].upper(), True)
        assert len(money.told(event)) == 2


async def test_only_verified_customers_and_wallets_with_accounts_are_taken(money: Money) -> None:
    pending = await money.create(INDIVIDUAL)
    await money.account(pending, "NGN", 400)
    customer = await money.verified()
    assert (await money.account(customer, "CAD", 400))["message"] == "Currency CAD not supported."
    body = {"wallet_id": await money.wallet("NGN")}
    assert set((await money.call("POST", PATH, body, 422))["errors"]) == {"customer_id"}
    assert set((await money.call("POST", PATH, {"wallet_id": "x", "customer_id": "y"}, 422))["errors"]) == {
        *body,
        "customer_id",
    }
    await money.call("GET", f"{PATH}/none", expect=404)


async def test_money_that_arrives_becomes_a_collection_of_the_customer(money: Money) -> None:
    customer = await money.verified()
    account = (await money.account(customer, "NGN"))["data"]
    money.sandbox.settlement = Settlement.held()
    arrived = await money.transaction(money.sandbox.deposit(account["id"], 652, payer="Jane Smith"))
    assert (arrived["status"], arrived["business_customer_id"]) == ("SUCCESSFUL", customer)
    assert arrived["source_information"]["account_name"] == "Jane Smith"
    [told] = money.told("collection")
    assert told["virtual_bank_account"]["account_number"] == account["account_number"]
    assert told["source_information"]["account_name"] == "Jane Smith"


async def test_the_identifier_behind_tin_depends_on_country_and_type(money: Money) -> None:
    path = f"{PATH}/identification-type"
    customer = await money.create(INDIVIDUAL)
    by_customer = await money.call("GET", f"{path}?customer_id={customer}", expect=200)
    assert by_customer["data"] == {"label": "Bank Verification Number", "type": "bvn"}
    for country, kind, code in (("US", "individual", "ssn"), ("US", "business", "ein"), ("DE", "individual", "tin")):
        answer = await money.call("GET", f"{path}?country={country}&type={kind}", expect=200)
        assert answer["data"]["type"] == code
    assert set((await money.call("GET", path, expect=422))["errors"]) == {"country", "type"}
    await money.call("GET", f"{path}?customer_id=none", expect=404)
    assert (await money.call("GET", f"{CUSTOMER}/{customer}", expect=200))["data"]["enhanced_due_diligence"] is False
