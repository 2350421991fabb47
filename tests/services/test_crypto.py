"""Crypto: exact amounts as strings, one payout per key, and every page of the flat lists."""

from decimal import Decimal
from typing import Any

import anyio
import pytest

from blaaiz_async import (
    CryptoPayoutRequest,
    InvalidRequestError,
    OutcomeUnknownError,
    ResponseDecodeError,
    RetryPolicy,
)
from tests.services.scripted import Scripted, documented

pytestmark = pytest.mark.anyio

PAYOUT: dict[str, Any] = {
    "customer_id": "c1",
    "wallet_id": "w1",
    "address": "0x742d35Cc6634C0532925a3b844Bc9e7595f6E123",
    "network": "ETHEREUM_MAINNET",
    "token": "USDC",
}
WRITTEN = {
    Decimal("100.000000"): "100.000000",
    Decimal("1E+3"): "1000",
    Decimal("1E-8"): "0.00000001",
    Decimal("0.123456789012345678"): "0.123456789012345678",
    Decimal("1.0000000000000000000"): "1.000000000000000000",  # a nineteenth zero loses nothing
    7: "7",
}


@pytest.mark.parametrize(("amount", "text"), WRITTEN.items(), ids=WRITTEN.values())
@pytest.mark.parametrize("typed", [True, False], ids=["class", "mapping"])
async def test_an_amount_travels_as_the_decimal_string_it_was_given_as(
    amount: Decimal | int, text: str, typed: bool
) -> None:
    platform = Scripted(documented("crypto_create_payout"))
    payout: dict[str, Any] = {**PAYOUT, "amount": amount}
    async with platform.client() as blaaiz:
        await blaaiz.crypto.create_payout(CryptoPayoutRequest(**payout) if typed else payout)
    assert platform.bodies()[0]["amount"] == text


INEXACT = [0.1, Decimal("NaN"), Decimal("Infinity"), 0, -1, Decimal("1E-9"), Decimal("0.1234567890123456789")]


@pytest.mark.parametrize("amount", INEXACT, ids=str)
@pytest.mark.parametrize("typed", [True, False], ids=["class", "mapping"])
async def test_an_amount_that_is_inexact_too_small_or_too_fine_is_not_sent(amount: Any, typed: bool) -> None:
    platform = Scripted(500)
    payout: dict[str, Any] = {**PAYOUT, "amount": amount}
    async with platform.client() as blaaiz:
        with pytest.raises(InvalidRequestError) as refused:
            await blaaiz.crypto.create_payout(CryptoPayoutRequest(**payout) if typed else payout)
    assert {fault.field for fault in refused.value.faults} == {"amount"}
    assert platform.asked == []


@pytest.mark.parametrize("own", ["payout-17", None], ids=["own key", "made key"])
async def test_a_repeat_carries_the_same_key_and_the_answer_names_it(own: str | None) -> None:
    platform = Scripted(504, documented("crypto_create_payout"))
    async with platform.client() as blaaiz:
        payout = await blaaiz.crypto.create_payout({**PAYOUT, "amount": 5}, idempotency_key=own)
    first, second = (request.headers["idempotency-key"] for request in platform.asked)
    assert first == second == payout.idempotency_key
    assert own in (None, first)


async def test_a_repeat_waits_for_an_earlier_attempt_that_is_still_running() -> None:
    platform = Scripted(504, 409, 409, documented("crypto_create_payout"))
    async with platform.client() as blaaiz:
        payout = await blaaiz.crypto.create_payout({**PAYOUT, "amount": 5})
    assert payout.id == documented("crypto_create_payout")["data"]["id"]
    assert len({request.headers["idempotency-key"] for request in platform.asked}) == 1


@pytest.mark.parametrize("answers", [(504, 409), (409,)])
async def test_a_failure_names_the_key_to_repeat_with(answers: tuple[int, ...]) -> None:
    platform = Scripted(*answers)
    async with platform.client(retry=RetryPolicy(deadline=0.2)) as blaaiz:
        with pytest.raises(OutcomeUnknownError) as failed:
            await blaaiz.crypto.create_payout({**PAYOUT, "amount": 5})
    assert failed.value.idempotency_key == platform.asked[0].headers["idempotency-key"]


async def test_a_wait_for_a_first_attempt_that_is_cut_off_names_the_key(caplog: pytest.LogCaptureFixture) -> None:
    async with Scripted(*[409] * 99).client() as blaaiz:
        with anyio.move_on_after(0.2):
            await blaaiz.crypto.create_payout({**PAYOUT, "amount": 5}, idempotency_key="payout-17")
    assert "payout-17" in caplog.text


@pytest.mark.parametrize("key", ["", "x" * 256, "two\nlines", "clé"])
async def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    async with Scripted(500).client() as blaaiz:
        with pytest.raises(InvalidRequestError, match="idempotency_key"):
            await blaaiz.crypto.create_swap({"from_wallet": "a", "to_wallet": "b", "amount": 1}, idempotency_key=key)


async def test_addresses_are_not_made_twice_after_a_lost_answer() -> None:
    platform = Scripted(504)
    async with platform.client() as blaaiz:
        with pytest.raises(OutcomeUnknownError):
            await blaaiz.crypto.create_customer_wallet_addresses("w1", {"customer_id": "c1"})
    assert len(platform.asked) == 1


def flat(page: int, *ids: str) -> dict[str, Any]:
    return {"data": [{"id": id} for id in ids], "current_page": page, "per_page": 2, "total": 5}


async def test_iterating_reads_every_flat_page_and_stops_at_the_last() -> None:
    platform = Scripted(flat(1, "a", "b"), flat(2, "c", "d"), flat(3, "e"))
    async with platform.client() as blaaiz:
        found = [row.id async for row in blaaiz.crypto.iterate_transactions(customer_id="c1")]
    assert found == ["a", "b", "c", "d", "e"]
    assert [request.url.params["page"] for request in platform.asked] == ["1", "2", "3"]
    assert {request.url.params["customer_id"] for request in platform.asked} == {"c1"}


async def test_a_platform_that_ignores_the_page_is_noticed() -> None:
    async with Scripted(flat(1, "a", "b")).client() as blaaiz:
        with pytest.raises(ResponseDecodeError, match="current_page"):
            [row async for row in blaaiz.crypto.iterate_wallet_transactions("w1")]


async def test_making_a_wallet_through_the_api_warns() -> None:
    async with Scripted(documented("crypto_create_wallet")).client() as blaaiz:
        with pytest.warns(DeprecationWarning, match="dashboard"):
            await blaaiz.crypto.create_wallet({"crypto_currency_symbol": "USDC"})
