"""What holds for every money operation at once, drawn from the contract."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blaaiz_async import contract
from blaaiz_async.sandbox import Sandbox
from blaaiz_async.sandbox.oauth import ALL_SCOPES
from tests.sandbox.sandbox_checking import Caller
from tests.sandbox.sandbox_money import KINDS, Money

pytestmark = pytest.mark.anyio
OPERATIONS = [each for each in contract.operations() if each.doc == "money"]
EXAMPLES = [
    (doc, example["value"])
    for doc in OPERATIONS
    if "requestBody" in doc.raw
    for example in doc.raw["requestBody"]["content"]["application/json"]["examples"].values()
]
FIELDS = sorted({name for _, example in EXAMPLES for name in example})
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(FIELDS), st.integers(), max_size=2),
    st.sampled_from(["card", "interac", "crypto", "mobile_money", "XOF", "12", "2027-01-15", "9999-99-99", "a@b.co", "to"]),
)
CHANGES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4)


def some_path(doc: contract.OperationDoc) -> str:
    return re.sub(r"\{\w+\}", "none", doc.path)


@pytest.mark.parametrize("doc", OPERATIONS, ids=lambda doc: doc.id)
async def test_every_money_operation_is_served_to_those_who_hold_its_scopes(doc: contract.OperationDoc) -> None:
    sandbox = Sandbox(limits=None)
    caller = Caller(sandbox)
    for scope in doc.scopes:
        await caller.authorize(" ".join(sorted(ALL_SCOPES - {scope})))
        await caller.call(doc.method, some_path(doc), expect=403)
    await caller.authorize(" ".join(doc.scopes))
    answer = await caller.http.request(doc.method, some_path(doc))
    assert answer.status_code in {200, 400, 404, 422}
    assert sandbox.journal.calls[-1].operation == doc.id


@pytest.mark.parametrize(("doc", "example"), EXAMPLES, ids=lambda each: getattr(each, "id", ""))
async def test_every_documented_request_is_taken_once_its_ids_are_real(
    doc: contract.OperationDoc, example: dict[str, Any]
) -> None:
    money = Money()
    await money.authorize()
    customer = await money.verified()
    for currency in ("GBP", "EUR", "USD"):
        await money.account(customer, currency)
    collection = await open_banking(money, customer)
    wallet = await money.wallet(example.get("from_currency_id", "NGN" if doc.id == "virtual_accounts_create" else "GBP"))
    if doc.id == "collections_initiate_crypto":
        wallet = await money.wallet("USD")
    real = {
        "customer_id": customer,
        "wallet_id": wallet,
        "transaction_id": collection,
        "from_business_wallet_id": await money.wallet("USD"),
        "to_business_wallet_id": await money.wallet("NGN"),
        "mobile_money_operator_id": 6 if example.get("to_currency_id") == "XOF" else 1,
    }
    body = {**example, **{name: value for name, value in real.items() if name in example}}
    body = {name: {"currency-id": "8", "bank-id": "2"}.get(str(value), value) for name, value in body.items()}
    account = money.sandbox.set_business_account("EUR", "SUCCESSFUL")
    answer = await money.http.request(doc.method, doc.path.replace("{id}", str(account)), json=body)
    assert answer.status_code in {200, 201}, answer.text


async def open_banking(money: Money, customer: str) -> str:
    body = {"method": "open_banking", "amount": 500, "wallet_id": await money.wallet("GBP"), "customer_id": customer}
    return str((await money.call("POST", "/api/external/collection", body, 200))["transaction_id"])


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
async def test_no_body_brings_it_down_or_makes_a_balance_negative(anyio_backend: str, changes: dict[str, Any]) -> None:
    money = Money()
    await money.authorize()
    customer = await money.verified()
    for currency in ("GBP", "EUR", "USD"):
        await money.account(customer, currency)
    real = {
        "customer_id": customer,
        "wallet_id": await money.wallet("USD"),
        "from_business_wallet_id": await money.wallet("USD"),
    }
    real["to_business_wallet_id"] = await money.wallet("NGN")
    for doc, example in EXAMPLES:
        body = {**example, **{name: value for name, value in real.items() if name in example}}
        if "from_currency_id" in body and "wallet_id" in body:
            body["wallet_id"] = await money.wallet(body["from_currency_id"])
        answer = await money.http.request(doc.method, some_path(doc), json={**body, **changes})
        assert answer.status_code in {200, 201, 400, 403, 404, 422}
    rows = await money.call("POST", "/api/external/transaction", {}, 200)
    for row in rows["data"]:
        await money.transaction(row["id"])
    assert min(money.sandbox.balances.values()) >= 0
    assert money.told(*KINDS)
