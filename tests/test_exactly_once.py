"""A payout is paid exactly once, however the network behaves: hundreds of them through faults of every kind, by seed."""

from collections import Counter
from decimal import Decimal

import anyio
import pytest

from blaaiz_async import NgnBankTransfer, OutcomeUnknownError, Payout, RetryPolicy, SendAmount
from blaaiz_async.sandbox import Sandbox
from tests.conftest import Bind
from tests.people import ADA

pytestmark = pytest.mark.anyio

PAYOUTS = 120
MONEY = Decimal("1000000.00")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("own_reference", [True, False], ids=["own reference", "made reference"])
async def test_every_payout_is_paid_once_or_told_to_be_unknown(bind: Bind, seed: int, own_reference: bool) -> None:
    sandbox = Sandbox(limits=None)
    sandbox.set_balance("USD", MONEY)
    paid: Counter[str] = Counter()
    unknown: list[str] = []

    async with bind(sandbox, retry=RetryPolicy(max_attempts=4, wait_initial=0.0)) as blaaiz:
        made = await blaaiz.customers.create(ADA)
        await blaaiz.customers.upload_file_complete(
            made.id, {"file": b"\xff\xd8\xff" + bytes(9), "file_category": "identity"}
        )
        wallet = await blaaiz.wallets.by_currency("USD")
        bank = (await blaaiz.banks.list())[0]
        sandbox.faults.random(seed=seed, rate=0.4, operations=["payouts_initiate", "transactions_get"])

        async def pay(number: int) -> None:
            payout = Payout(
                wallet_id=wallet.id,
                customer_id=made.id,
                from_currency_id="USD",
                to_currency_id="NGN",
                amount=SendAmount(Decimal("10.00") + number),
                destination=NgnBankTransfer(bank_id=bank.id, account_number="0123456789"),
                merchant_reference=f"mine-{number}" if own_reference else None,
            )
            try:
                done = await blaaiz.payouts.initiate(payout)
            except OutcomeUnknownError as error:
                unknown.append(error.idempotency_key or "lost")
            else:
                assert done.merchant_reference is not None
                assert done.amount == Decimal("10.00") + number
                paid[done.merchant_reference] += 1

        async with anyio.create_task_group() as group:
            for number in range(PAYOUTS):
                group.start_soon(pay, number)
        sandbox.faults.clear()
        made_there = [row async for row in blaaiz.transactions.iterate({"type": "SEND_MONEY"})]
        left = (await blaaiz.wallets.by_currency("USD")).amount

    references = Counter(row.merchant_reference for row in made_there)
    assert "lost" not in unknown
    assert {1} == set(references.values())
    assert paid.keys() <= references.keys() <= paid.keys() | set(unknown)
    assert (PAYOUTS, {1}) == (len(paid) + len(unknown), set(paid.values()))
    assert left is not None
    assert MONEY - left == sum((row.amount or Decimal(0) for row in made_there), Decimal(0))
    assert sandbox.journal.count("payouts_initiate") > PAYOUTS  # faults did strike
