from __future__ import annotations

from decimal import Decimal
from typing import Any

import anyio
import pytest

from blaaiz_async.sandbox import Fault, Sandbox, Verdict
from blaaiz_async.sandbox.special_values import CRYPTO_PAYOUT, TABLE
from tests.sandbox.sandbox_checking import INDIVIDUAL, Caller, Clock

pytestmark = pytest.mark.anyio
CRYPTO = "/api/external/crypto"
OUTSIDE = "0x742d35Cc6634C0532925a3b844Bc9e7595f6E123"


@pytest.fixture
def anyio_backend(virtual_backend: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    return virtual_backend


class Holder:
    """A verified customer of a business with wallets, and short ways to move coins."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.customer = ""
        self.wallets: dict[str, str] = {}

    @classmethod
    async def make(cls, **options: Any) -> Holder:
        holder = cls(await Caller(Sandbox(**{"limits": None, "now": Clock(), **options})).authorize())
        holder.customer = await holder.caller.create(INDIVIDUAL)
        holder.caller.sandbox.decide(holder.customer, "VERIFIED")
        listed = (await holder.caller.call("GET", f"{CRYPTO}/wallets", expect=200))["data"]
        holder.wallets = {each["asset"]["symbol"]: each["id"] for each in listed}
        return holder

    async def send(self, key: str | None, expect: int = 200, path: str = "payouts", **changes: object) -> Any:
        body = {
            "customer_id": self.customer,
            "wallet_id": self.wallets["USDC"],
            "amount": "100",
            "address": OUTSIDE,
            "network": "ETHEREUM_MAINNET",
            "token": "USDC",
        }
        if path == "swaps":
            body = {"from_wallet": self.wallets["BTC"], "to_wallet": self.wallets["ETH"], "amount": "0.5"}
        headers = {} if key is None else {"idempotency-key": key}
        response = await self.caller.http.post(f"{CRYPTO}/{path}", json={**body, **changes}, headers=headers)
        assert response.status_code == expect, response.text
        return response.json()

    async def balance(self, symbol: str) -> Decimal:
        data = (await self.caller.call("GET", f"{CRYPTO}/wallets/{self.wallets[symbol]}", expect=200))["data"]
        return Decimal(data["balance"])

    async def fiat(self, code: str) -> tuple[str, Decimal]:
        wallets: Any = await self.caller.call("GET", "/api/external/wallet", expect=200)
        found = next(each for each in wallets if each["currency"] == code)
        return str(found["id"]), Decimal(str(found["amount"]))


async def test_a_payout_is_paid_once_however_often_its_key_comes() -> None:
    holder = await Holder.make()
    first = await holder.send("key-1")
    assert await holder.send("key-1") == first
    assert await holder.balance("USDC") == 9900
    assert first["data"]["net_amount"] == first["data"]["destination_amount"] == "99.000000"
    await holder.send("key-1", 422, amount="101")
    await holder.send("key-2")
    assert await holder.balance("USDC") == 9800


async def test_a_repeat_while_the_first_is_under_way_is_a_conflict() -> None:
    holder = await Holder.make(latency=lambda operation: 2.0 if operation == "crypto_create_payout" else 0.0)
    statuses = list[int]()

    async def send() -> None:
        body = {"customer_id": holder.customer, "wallet_id": holder.wallets["USDC"], "amount": "1", "address": OUTSIDE}
        body |= {"network": "MATIC_MAINNET", "token": "USDC"}
        answer = await holder.caller.http.post(f"{CRYPTO}/payouts", json=body, headers={"idempotency-key": "key"})
        statuses.append(answer.status_code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        tasks.start_soon(send)
    await send()
    assert sorted(statuses) == [200, 200, 409]
    assert await holder.balance("USDC") == 9999


async def test_a_refused_or_lost_payout_can_be_sent_again_under_its_key() -> None:
    holder = await Holder.make()
    await holder.send("key-1", 422, amount="100000")
    await holder.send("key-1")
    holder.caller.sandbox.faults.add("crypto_create_payout", Fault.after_commit(502))
    await holder.send("key-2", 502)
    await holder.send("key-2")
    assert await holder.balance("USDC") == 9800


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"amount": 100}, 422, "amount"),
        ({"amount": "0.000000001"}, 422, "amount"),
        ({"amount": "0.0000001"}, 422, "amount"),
        ({"amount": "-1"}, 422, "amount"),
        ({"token": "USDT"}, 422, "token"),
        ({"network": "TRON_MAINNET"}, 422, "network"),
        ({"wallet_id": "none"}, 422, "wallet_id"),
        ({"customer_id": "none"}, 400, None),
    ],
)
async def test_a_payout_against_a_rule_moves_nothing(changes: dict[str, Any], status: int, field: str | None) -> None:
    holder = await Holder.make()
    refused = await holder.send("key", status, **changes)
    assert field is None or field in refused["errors"]
    await holder.send(None, 422)
    await holder.send("k" * 256, 422)
    assert await holder.balance("USDC") == 10000


async def test_a_payout_settles_fails_or_waits_and_each_step_is_told() -> None:
    holder = await Holder.make(verdict=Verdict.hold())
    crypto = holder.caller.sandbox.crypto
    done = (await holder.send("key-1"))["data"]["id"]
    failed = (await holder.send("key-2", address=next(each.value for each in TABLE if each.where == CRYPTO_PAYOUT)))["data"][
        "id"
    ]
    crypto.outcome = None
    open_ = (await holder.send("key-3"))["data"]["id"]

    async def status(transaction: str) -> str:
        return str((await holder.caller.call("GET", f"{CRYPTO}/transactions/{transaction}", expect=200))["data"]["status"])

    assert [await status(each) for each in (done, failed, open_)] == ["successful", "failed", "processing"]
    assert await holder.balance("USDC") == 9800
    crypto.settle(open_, "failed", reason="Rejected by the chain.")
    assert await holder.balance("USDC") == 9900
    told = [(event["transaction_id"], event["event"]) for event in holder.caller.sandbox.events if "event" in event]
    assert told == [
        (done, "crypto.payout.processing"),
        (done, "crypto.payout.successful"),
        (failed, "crypto.payout.processing"),
        (failed, "crypto.payout.failed"),
        (open_, "crypto.payout.processing"),
        (open_, "crypto.payout.failed"),
    ]
    assert holder.caller.sandbox.events[-1]["failure_reason"] == "Rejected by the chain."
    with pytest.raises(ValueError, match="failed"):
        crypto.settle(open_, "successful")


async def test_a_swap_moves_both_balances_and_leaves_two_transactions() -> None:
    holder = await Holder.make()
    swap = (await holder.send("key-1", path="swaps"))["data"]
    assert (swap["rate"], Decimal(swap["to_amount"])) == ("15", Decimal("7.5"))
    assert (await holder.balance("BTC"), await holder.balance("ETH")) == (Decimal("0.5"), Decimal("17.5"))
    assert (await holder.send("key-1", path="swaps"))["data"] == swap
    await holder.send("key-1", 422, path="swaps", amount="0.4")
    into = (await holder.caller.call("GET", f"{CRYPTO}/transactions?direction=in", expect=200))["data"]
    assert [(each["id"], each["counterparty_transaction_id"]) for each in into] == [
        (swap["to_transaction_id"], swap["from_transaction_id"])
    ]
    for changes in ({"to_wallet": holder.wallets["BTC"]}, {"to_wallet": "none"}, {"amount": "2"}, {"amount": 0.1}):
        await holder.send("key-2", 422, path="swaps", **changes)


async def test_a_swap_with_a_fiat_leg_fills_it_and_only_it() -> None:
    holder = await Holder.make()
    wallet, before = await holder.fiat("USD")
    sold = (await holder.send("key-1", path="swaps", from_wallet=holder.wallets["USDC"], to_wallet=wallet, amount="250"))[
        "data"
    ]
    assert (sold["to_transaction"], sold["fiat_transaction"]["wallet_id"]) == (None, wallet)
    assert (await holder.fiat("USD"))[1] - before == 250
    bought = (await holder.send("key-2", path="swaps", from_wallet=wallet, to_wallet=holder.wallets["USDC"], amount="250"))[
        "data"
    ]
    assert bought["from_transaction"] is None
    assert (await holder.fiat("USD"))[1] == before
    assert await holder.balance("USDC") == 10000
    await holder.caller.call("GET", f"/api/external/transaction/{sold['fiat_transaction_id']}", expect=200)
    other, _ = await holder.fiat("NGN")
    await holder.send("key-3", 422, path="swaps", from_wallet=wallet, to_wallet=other)


async def test_a_verified_customers_addresses_credit_the_business() -> None:
    holder = await Holder.make(verdict=Verdict.hold())
    caller, path = holder.caller, f"{CRYPTO}/wallets/{holder.wallets['USDC']}/addresses"
    stranger = await caller.create(INDIVIDUAL, email="eve@example.com")
    await caller.call("POST", path, {"customer_id": stranger}, 400)
    await caller.call("POST", path, {"customer_id": "none"}, 404)
    await caller.call("POST", path, {}, 422)
    caller.sandbox.set_due_diligence(True, customer_id=holder.customer)
    await caller.call("POST", path, {"customer_id": holder.customer}, 400)
    await holder.send("key", 400)
    caller.sandbox.set_due_diligence(False, customer_id=holder.customer)
    caller.sandbox.crypto.addresses_pending = True
    await caller.call("POST", path, {"customer_id": holder.customer}, 409)
    caller.sandbox.crypto.addresses_pending = False
    made = (await caller.call("POST", path, {"customer_id": holder.customer}, 201))["data"]
    assert {each["network"] for each in made} == {"ETHEREUM_MAINNET", "MATIC_MAINNET"}
    assert (await caller.call("GET", f"{path}?customer_id={holder.customer}", expect=200))["data"] == made
    assert len((await caller.call("GET", path, expect=200))["data"]) == 4
    caller.sandbox.crypto.deposit(made[0]["address"], "100")
    event = caller.sandbox.events[-1]
    assert (event["customer_id"], event["net_amount"]) == (holder.customer, "99.000000")
    assert await holder.balance("USDC") == 10099
    assert (await caller.call("GET", f"{CRYPTO}/transactions", expect=200))["total"] == 0


async def test_a_wallet_is_opened_once_for_each_asset() -> None:
    holder = await Holder.make()
    await holder.caller.call("POST", f"{CRYPTO}/wallets", {"crypto_currency_symbol": "USDC"}, 400)
    await holder.caller.call("POST", f"{CRYPTO}/wallets", {"crypto_currency_symbol": "USDT", "crypto_currency_id": 2}, 422)
    await holder.caller.call("POST", f"{CRYPTO}/wallets", {"crypto_currency_symbol": "DOGE"}, 422)
    made = (await holder.caller.call("POST", f"{CRYPTO}/wallets", {"crypto_currency_id": 2}, 201))["data"]
    assert (made["asset"]["symbol"], made["balance"]) == ("USDT", "0.000000")


async def test_transactions_are_paged_and_filtered() -> None:
    holder = await Holder.make()
    made = [(await holder.send(f"key-{number}", amount="1"))["data"] for number in range(3)]
    await holder.send("key-swap", path="swaps")
    wallet = f"{CRYPTO}/wallets/{holder.wallets['USDC']}/transactions"
    page = await holder.caller.call("GET", f"{wallet}?per_page=2&page=2", expect=200)
    assert ([each["id"] for each in page["data"]], page["total"]) == ([made[0]["id"]], 3)
    for query, count in (
        ("type=swap", 2),
        (f"customer_id={holder.customer}", 3),
        ("status=failed", 0),
        (f"search_term={made[1]['reference']}", 1),
        (f"wallet_id={holder.wallets['BTC']}", 1),
        ("start_date=2027-01-15&end_date=2027-01-15", 5),
        ("end_date=2027-01-14", 0),
    ):
        assert (await holder.caller.call("GET", f"{CRYPTO}/transactions?{query}", expect=200))["total"] == count, query
    await holder.caller.call("GET", f"{CRYPTO}/transactions?per_page=101", expect=422)


async def test_without_crypto_access_nothing_answers() -> None:
    holder = await Holder.make()
    holder.caller.sandbox.crypto.enabled = False
    await holder.send("key", 403)
    for path in ("assets", "wallets", "transactions", f"wallets/{holder.wallets['BTC']}/addresses"):
        await holder.caller.call("GET", f"{CRYPTO}/{path}", expect=403)
