"""Workflows: everything is checked first, each step's result is there, and a failure says what was done."""

from decimal import Decimal
from typing import Any

import anyio
import httpx
import pytest

from blaaiz_async import (
    AsyncBlaaiz,
    CustomerNotVerifiedError,
    InvalidRequestError,
    NotSettledError,
    OutcomeUnknownError,
    RetryPolicy,
    WorkflowError,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: object) -> object:
    return virtual_backend


class Platform:
    """Answers each path in turn; the last answer of a path stays. None breaks the connection off."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name: list(given) if isinstance(given, tuple) else [given] for name, given in answers.items()}
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rstrip("/").rpartition("/external/")[2].replace("/", "_").replace("-", "_")
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "token_type": "Bearer", "expires_in": 9000})
        self.asked.append(f"{request.method} {name}")
        answers = self.answers[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is None:
            raise httpx.ReadError("gone")
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


async def client(platform: Platform, http: httpx.AsyncClient) -> AsyncBlaaiz:
    return AsyncBlaaiz(client_id="i", client_secret="s", http_client=http, retry=RetryPolicy(max_attempts=2))


FEES = {"our_fee": 1, "collection_fees": [], "payout_fees": [{"method": "BANK_TRANSFER", "total_fees": 1.5}]}
PAYOUT = {
    "wallet_id": "w",
    "customer_id": "c",
    "method": "bank_transfer",
    "from_currency_id": "USD",
    "to_currency_id": "NGN",
    "from_amount": Decimal("100.00"),
    "bank_id": "1",
    "account_number": "0123456789",
}
CARD = {
    "method": "card",
    "amount": Decimal("10.00"),
    "wallet_id": "w",
    "customer_id": "c",
    "card_holder_name": "Ada Obi",
    "card_number": "4242424242424242",
    "expiry": "12/30",
    "cvc": "123",
}


def customer(status: str = "VERIFIED", **more: Any) -> dict[str, Any]:
    return {"message": "ok", "data": {"id": "c", "type": "individual", "verification_status": status, **more}}


async def test_a_payout_is_quoted_and_its_customer_looked_at_before_money_moves() -> None:
    made = {"message": "ok", "transaction": {"id": "t", "status": "PROCESSING"}}
    platform = Platform(fees_breakdown=FEES, customer_c=customer(), payout=made)
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        done = await (await client(platform, http)).create_complete_payout({"payout_data": PAYOUT})
    assert ["POST fees_breakdown", "GET customer_c", "POST payout"] == platform.asked
    assert ("c", "t", Decimal("1.5")) == (done.customer_id, done.payout.id, done.fees.payout_fees[0].total_fees)
    assert done.payout.merchant_reference


async def test_a_payout_that_breaks_a_rule_costs_no_call() -> None:
    platform = Platform()
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        blaaiz = await client(platform, http)
        for config in ({"payout_data": {**PAYOUT, "from_amount": 1.5}}, {"payout_data": {**PAYOUT, "customer_id": ""}}, {}):
            with pytest.raises(InvalidRequestError):
                await blaaiz.create_complete_payout(config)  # type: ignore[arg-type]  # on purpose
    assert [] == platform.asked


@pytest.mark.parametrize("answer", [customer("PENDING"), customer(enhanced_due_diligence=True)])
async def test_nothing_is_paid_for_a_customer_that_may_not_be_paid_for(answer: dict[str, Any]) -> None:
    platform = Platform(fees_breakdown=FEES, customer_c=answer)
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        with pytest.raises(WorkflowError, match="not begun: payout") as caught:
            await (await client(platform, http)).create_complete_payout({"payout_data": PAYOUT})
    assert isinstance(caught.value.error, CustomerNotVerifiedError)
    assert (["fees"], ("payout",)) == (list(caught.value.done), caught.value.not_done)


async def test_a_customer_that_was_registered_on_the_way_is_named_though_the_payout_can_not_go() -> None:
    platform = Platform(fees_breakdown=FEES, customer=customer("PENDING"))
    data = {k: v for k, v in PAYOUT.items() if k != "customer_id"}
    ada = {
        "type": "individual",
        "email": "ada@example.com",
        "country": "NG",
        "first_name": "Ada",
        "last_name": "Obi",
        "id_type": "passport",
        "id_number": "A1",
    }
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        with pytest.raises(WorkflowError, match="PENDING") as caught:
            await (await client(platform, http)).create_complete_payout({"payout_data": data, "customer_data": ada})
    assert "c" == caught.value.done["customer"].id


async def test_a_lost_payout_is_told_with_the_key_to_go_on_with() -> None:
    platform = Platform(fees_breakdown=FEES, customer_c=customer(), payout=None)
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        with pytest.raises(WorkflowError) as caught:
            await (await client(platform, http)).create_complete_payout(
                {"payout_data": {**PAYOUT, "merchant_reference": "mine"}}
            )
    assert isinstance(caught.value.error, OutcomeUnknownError)
    assert ("mine", ["fees", "customer"]) == (caught.value.idempotency_key, list(caught.value.done))


async def test_a_collection_is_quoted_in_the_wallets_currency_and_may_come_with_an_account() -> None:
    platform = Platform(
        wallet_w={"id": "w", "currency": "NGN"},
        fees_breakdown=FEES,
        customer_c=customer(),
        virtual_bank_account={"message": "ok", "data": {"id": "v"}},
        collection={"transaction_id": "t", "url": "https://pay.example.com"},
    )
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        done = await (await client(platform, http)).create_complete_collection({"collection_data": CARD, "create_vba": True})
    assert ("t", "v") == (done.collection.transaction_id, done.virtual_account and done.virtual_account.id)
    assert "POST collection" == platform.asked[-1]


def transaction(status: str) -> dict[str, Any]:
    return {"message": "ok", "data": {"id": "t", "status": status}}


async def test_a_transaction_is_waited_for_politely() -> None:
    missing = httpx.Response(404, json={"message": "Transaction not found"})
    platform = Platform(transaction_t=(missing, transaction("PENDING"), transaction("NEW_STATE"), transaction("FAILED")))
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        started = anyio.current_time()
        ended = await (await client(platform, http)).transactions.wait("t")
    assert ("FAILED", 2.0 + 4.0 + 8.0) == (ended.status, anyio.current_time() - started)


async def test_news_cut_the_wait_short() -> None:
    platform = Platform(transaction_t=(transaction("PENDING"), transaction("SUCCESSFUL")))
    send, receive = anyio.create_memory_object_stream[str](1)
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http, send, receive:
        await send.send("payout.completed")
        started = anyio.current_time()
        await (await client(platform, http)).transactions.wait("t", news=receive.receive)
    assert anyio.current_time() - started == 1.0


async def test_news_that_never_stop_do_not_turn_into_a_flood() -> None:
    platform = Platform(transaction_t=transaction("PENDING"))
    always = anyio.Event()
    always.set()
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        with pytest.raises(NotSettledError):
            await (await client(platform, http)).transactions.wait("t", deadline=10.0, news=always.wait)
    assert len(platform.asked) <= 11


async def test_a_wait_ends_at_its_deadline_with_what_was_seen_last() -> None:
    platform = Platform(transaction_t=transaction("PENDING"))
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        started = anyio.current_time()
        with pytest.raises(NotSettledError, match="within 100 s") as caught:
            await (await client(platform, http)).transactions.wait("t", deadline=100.0)
    assert (100.0, "PENDING") == (anyio.current_time() - started, getattr(caught.value.last, "status", None))
    platform = Platform(transaction_t=httpx.Response(404, json={"message": "Transaction not found."}))
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        with pytest.raises(NotSettledError, match="transaction t, which no look found, hasn't settled within 100 s"):
            await (await client(platform, http)).transactions.wait("t", deadline=100.0)
