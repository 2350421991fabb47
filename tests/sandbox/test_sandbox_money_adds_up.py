"""Whatever is done with money, none is made and none is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blaaiz_async.sandbox import Settlement
from tests.sandbox.sandbox_money import API, RECIPIENTS, Money, exact

CURRENCIES = ("NGN", "USD", "CAD", "EUR", "GBP")
SPECIAL = (Decimal("1013.13"), Decimal("1014.14"), Decimal("1015.15"))
AMOUNTS = st.sampled_from(SPECIAL) | st.decimals("0.01", "70000", places=2)
SIDES = st.sampled_from(["from", "to"])
WALLETS = st.sampled_from(CURRENCIES)
STEPS = st.one_of(
    st.tuples(st.just("pay"), WALLETS, st.sampled_from(sorted(RECIPIENTS)), AMOUNTS, SIDES),
    st.tuples(st.just("swap"), WALLETS, WALLETS, AMOUNTS, SIDES),
    st.tuples(st.just("collect"), st.sampled_from(["card", "open_banking"]), WALLETS, AMOUNTS),
    st.tuples(st.just("ask"), AMOUNTS),
    st.tuples(st.just("deposit"), st.sampled_from(["NGN", "GBP", "EUR", "USD"]), AMOUNTS),
    st.tuples(st.just("refund")),
    st.tuples(st.just("wait"), st.sampled_from([15.0, 60.0, 90_000.0])),
)


async def carry_out(money: Money, customer: str, accounts: dict[str, str], step: tuple[Any, ...]) -> None:
    """Do one step; the sandbox may refuse it, which must move nothing."""
    match step:
        case "pay", source, (method, destination), amount, side:
            body = await money.payout_body(customer, source, destination, method, **{f"{side}_amount": float(amount)})
            await money.call("POST", f"{API}/payout", body)
        case "swap", source, destination, amount, side:
            wallets = {
                "from_business_wallet_id": await money.wallet(source),
                "to_business_wallet_id": await money.wallet(destination),
            }
            await money.call("POST", f"{API}/swap", {**wallets, "amount": float(amount), "amount_type": side})
        case "collect", method, currency, amount:
            card = {"card_holder_name": "J D", "card_number": "4242424242424242", "expiry": "12/30", "cvc": "123"}
            body = {"method": method, "wallet_id": await money.wallet(currency), "customer_id": customer}
            await money.call("POST", f"{API}/collection", {**body, **card, "amount": float(amount)})
        case "ask", amount:
            body = {"amount": float(amount), "email": "payer@example.com"}
            await money.call("POST", f"{API}/collection/interac-money-request", body)
        case "deposit", currency, amount:
            if amount > 1:
                money.sandbox.deposit(accounts[currency], amount)
        case ("refund",):
            for each in (await rows(money))[:2]:
                await money.call("POST", f"{API}/refund", {"transaction_id": each["id"]})
        case _:
            money.clock.move(step[1])


async def rows(money: Money) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = await money.call("POST", f"{API}/transaction?page={len(found) // 10 + 1}", {}, 200)
        found += page["data"]
        if page["links"]["next"] is None:
            return found


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=12), seconds=st.sampled_from([0.0, 30.0, None]))
async def test_balances_and_fees_are_what_the_transactions_say(
    anyio_backend: str, steps: list[tuple[Any, ...]], seconds: float | None
) -> None:
    money = Money()
    await money.authorize()
    customer = await money.verified()
    accounts = {each: (await money.account(customer, each))["data"]["id"] for each in ("NGN", "GBP", "EUR", "USD")}
    expected, income = dict(money.sandbox.balances), dict.fromkeys(CURRENCIES, Decimal(0))
    money.sandbox.settlement = Settlement(seconds=seconds)
    for step in steps:
        await carry_out(money, customer, accounts, step)
        assert min(money.sandbox.balances.values()) >= 0

    for row in await rows(money):
        amount, net, fee = (exact(row[name]) for name in ("amount", "amount_without_fee", "fee"))
        assert amount == net + fee
        currency, status, details, recipient = row["currency"], row["status"], row["swap_details"], row["recipient"]
        if recipient is not None:
            rate = Decimal(1) if row["rate"] is None else exact(row["rate"])
            assert exact(recipient["amount"]) <= net * rate
            assert row["rate"] is not None or exact(recipient["amount"]) == net
        if details is not None:
            expected[details["to_currency"]] += exact(details["to_amount"])
        if row["type"] == "collection" and status == "SUCCESSFUL":
            expected[currency] += net
            income[currency] += fee
            if row["refund_status"] in {"PROCESSING", "SUCCESSFUL"}:
                expected[currency] -= amount
        elif row["type"] != "collection" and status != "FAILED":
            expected[currency] -= amount
            income[currency] += fee
    assert money.sandbox.balances == expected
    assert money.sandbox.fees == income
