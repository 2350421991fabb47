"""After a lost answer: what is settled by itself, what can be looked for, and when it ends. In virtual time."""

import logging
import pickle
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import anyio
import httpx
import pytest

from blaaiz_async import (
    APITimeoutError,
    AsyncBlaaiz,
    BadRequestError,
    CannotLookError,
    InvalidRequestError,
    MemoryTokenStore,
    NgnBankTransfer,
    OutcomeUnknownError,
    Payout,
    RateBudget,
    RateLimitError,
    RetryPolicy,
    SendAmount,
    UnprocessableEntityError,
    UploadError,
)
from blaaiz_async.sandbox import Fault, Sandbox
from tests.conftest import Bind
from tests.people import ACME, ADA

pytestmark = pytest.mark.anyio

LOST = Fault.after_commit(None)
NEVER_ARRIVED = Fault.before_commit(None)


@pytest.fixture
def anyio_backend(virtual_backend: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    return virtual_backend


class World:
    """A verified customer and funded wallets, and a client on them."""

    def __init__(self, sandbox: Sandbox, blaaiz: AsyncBlaaiz) -> None:
        self.sandbox, self.blaaiz = sandbox, blaaiz
        self.customer = ""
        self.usd = self.cad = self.ngn = ""

    async def prepare(self) -> "World":
        for currency in ("USD", "CAD", "NGN"):
            self.sandbox.set_balance(currency, 100_000)
        self.customer = (await self.blaaiz.customers.create(ADA)).id
        image = {"file": b"\xff\xd8\xff" + bytes(9), "file_category": "identity"}
        await self.blaaiz.customers.upload_file_complete(self.customer, image)  # type: ignore[arg-type]  # a plain dict
        self.usd, self.cad, self.ngn = [(await self.blaaiz.wallets.by_currency(code)).id for code in ("USD", "CAD", "NGN")]
        return self

    def payout(self, reference: str | None = "order-1") -> Payout:
        return Payout(
            wallet_id=self.usd,
            customer_id=self.customer,
            from_currency_id="USD",
            to_currency_id="NGN",
            amount=SendAmount(Decimal("10.00")),
            destination=NgnBankTransfer(bank_id="1", account_number="0123456789"),
            merchant_reference=reference,
        )


@pytest.fixture
async def world(bind: Bind) -> Any:
    sandbox = Sandbox(limits=None)
    async with bind(sandbox, retry=RetryPolicy()) as blaaiz:
        yield await World(sandbox, blaaiz).prepare()


# -- keyed: settled within the deadline --------------------------------------------------------------------------------


async def test_a_payout_is_settled_however_many_attempts_that_takes(world: World) -> None:
    world.sandbox.faults.add("payouts_initiate", LOST)
    world.sandbox.faults.add("payouts_initiate", Fault.status(503), times=6)
    paid = await world.blaaiz.payouts.initiate(world.payout())
    assert 8 == world.sandbox.journal.count("payouts_initiate")
    assert [paid.id] == [row.id async for row in world.blaaiz.transactions.iterate({"type": "SEND_MONEY"})]


async def test_a_payout_that_is_not_listed_yet_is_asked_for_again(world: World) -> None:
    world.sandbox.faults.add("payouts_initiate", LOST)
    world.sandbox.faults.add("transactions_get", Fault.status(404, body={"message": "Transaction not found."}), times=3)
    paid = await world.blaaiz.payouts.initiate(world.payout())
    assert "order-1" == paid.merchant_reference
    assert (2, 4) == tuple(map(world.sandbox.journal.count, ("payouts_initiate", "transactions_get")))


async def test_a_payout_is_read_back_however_many_attempts_that_takes(world: World) -> None:
    world.sandbox.faults.add("payouts_initiate", LOST)
    world.sandbox.faults.add("transactions_get", Fault.status(502), times=3)
    world.sandbox.faults.add("transactions_get", Fault.status(429), times=2)
    world.sandbox.faults.add("transactions_get", Fault.after_commit(None), times=2)
    paid = await world.blaaiz.payouts.initiate(world.payout())
    assert ("order-1", 8) == (paid.merchant_reference, world.sandbox.journal.count("transactions_get"))


@pytest.mark.parametrize("body", [b"", b"null"])
async def test_an_empty_answer_to_a_payout_is_a_lost_one(body: bytes) -> None:
    row = {"id": "t-1", "type": "payout", "amount": 10, "recipient": {"account_number": "0123456789"}}
    taken = {"message": "Taken.", "errors": {"merchant_reference": ["Taken."]}}
    empty = [httpx.Response(200, content=body) for _ in range(2)]
    answers = [empty[0], httpx.Response(422, json=taken), empty[1], httpx.Response(200, json=row)]

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "token_type": "Bearer", "expires_in": 3600})
        return answers.pop(0)

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http_client,
        AsyncBlaaiz(
            client_id="an-id",
            client_secret="a-secret",
            base_url="https://platform.test",
            http_client=http_client,
            budget=None,
            token_store=MemoryTokenStore(),
        ) as blaaiz,
    ):
        world = World(Sandbox(limits=None), blaaiz)
        world.usd = world.customer = "an-id"
        assert "t-1" == (await blaaiz.payouts.initiate(world.payout())).id


async def test_a_payout_is_settled_though_no_token_can_be_had_for_a_while(world: World) -> None:
    world.sandbox.faults.add("payouts_initiate", LOST)
    world.sandbox.faults.add("payouts_initiate", Fault.status(401))
    world.sandbox.faults.add("oauth_token_create", Fault.status(503), times=7)
    paid = await world.blaaiz.payouts.initiate(world.payout())
    assert "order-1" == paid.merchant_reference


async def test_a_bulk_payout_s_waits_for_its_turn_do_not_cost_its_reading_back(bind: Bind) -> None:
    sandbox = Sandbox(limits=None)
    budget = RateBudget(per_minute=1, per_hour=10**6, reserve=0.0)
    async with bind(sandbox, retry=RetryPolicy(), budget=budget) as blaaiz:
        world = await World(sandbox, blaaiz.with_options(priority="bulk")).prepare()
        sandbox.faults.add("payouts_initiate", LOST)
        sandbox.faults.add("transactions_get", Fault.status(404), times=3)
        paid = await world.blaaiz.payouts.initiate(world.payout())
    assert "order-1" == paid.merchant_reference


async def test_a_payout_does_not_hammer_a_platform_that_says_at_once(world: World) -> None:
    world.sandbox.faults.add("payouts_initiate", LOST)
    world.sandbox.faults.add("payouts_initiate", Fault.status(429, headers={"Retry-After": "0"}), times=9999)
    with pytest.raises(OutcomeUnknownError):
        await world.blaaiz.payouts.initiate(world.payout())
    assert world.sandbox.journal.count("payouts_initiate") < 40


async def test_a_payout_that_is_never_listed_ends_at_the_deadline_with_its_reference(world: World) -> None:
    world.sandbox.faults.add("payouts_initiate", LOST)
    world.sandbox.faults.add("transactions_get", Fault.status(404, body={"message": "Transaction not found."}), times=999)
    began = anyio.current_time()
    with pytest.raises(OutcomeUnknownError, match=r"order-1.*payouts\.settle") as caught:
        await world.blaaiz.payouts.initiate(world.payout())
    assert anyio.current_time() - began < 60.01
    assert "order-1" == caught.value.idempotency_key
    world.sandbox.faults.clear()
    (found,) = await caught.value.find_candidates()
    assert found.id == (await world.blaaiz.payouts.settle("order-1")).id


async def test_a_payout_that_is_never_answered_says_how_it_is_settled(world: World) -> None:
    world.sandbox.faults.add("payouts_initiate", LOST, times=9999)
    with pytest.raises(OutcomeUnknownError, match=r"same merchant_reference order-1, or settle it with payouts\.settle"):
        await world.blaaiz.payouts.initiate(world.payout())


async def test_a_call_that_was_refused_and_finds_no_slot_does_not_say_that_nothing_was_sent(bind: Bind) -> None:
    sandbox = Sandbox(limits=None)
    sandbox.faults.add("currencies_list", Fault.status(429, headers={"Retry-After": "600"}))
    async with bind(sandbox, budget=RateBudget()) as blaaiz:
        for sent in ("not sent again", "nothing was sent"):
            with pytest.raises(RateLimitError, match=sent):
                await blaaiz.currencies.list()


async def test_a_policy_of_one_attempt_repeats_nothing(world: World) -> None:
    once = world.blaaiz.with_options(retry=RetryPolicy(max_attempts=1))
    world.sandbox.faults.add("payouts_initiate", LOST)
    with pytest.raises(OutcomeUnknownError):
        await once.payouts.initiate(world.payout())
    assert 1 == world.sandbox.journal.count("payouts_initiate")


async def test_settling_says_what_a_reference_is_of_or_that_it_is_not_known(world: World) -> None:
    await world.blaaiz.payouts.initiate(world.payout())
    with pytest.raises(InvalidRequestError, match="merchant_reference"):
        await world.blaaiz.collections.settle("order-1")
    before = world.blaaiz.statistics().calls.unknown_outcomes
    with pytest.raises(OutcomeUnknownError, match="initiating it again with the same one is safe") as caught:
        await world.blaaiz.payouts.settle("order-2")
    assert "order-2" == caught.value.idempotency_key  # to initiate it again with the same one
    assert "payouts.settle" not in str(caught.value)  # that was tried just now
    assert 1 == world.blaaiz.statistics().calls.unknown_outcomes - before
    assert [] == await caught.value.find_candidates()


async def test_a_settled_collection_is_as_it_was_started(world: World) -> None:
    card = {"card_number": "4242424242424242", "expiry": "12/30", "cvc": "123", "card_holder_name": "Ada Obi"}
    given = {"method": "card", "amount": 20, "wallet_id": world.usd, "customer_id": world.customer, **card}
    made = await world.blaaiz.collections.initiate({**given, "merchant_reference": "order-9"})
    assert made.transaction_id == (await world.blaaiz.collections.settle("order-9")).transaction_id


# -- guarded by what they are about ------------------------------------------------------------------------------------


async def test_a_virtual_account_whose_answer_was_lost_is_returned_and_never_made_twice(world: World) -> None:
    given = {"wallet_id": world.ngn, "customer_id": world.customer}
    world.sandbox.faults.add("virtual_accounts_create", LOST)
    made = await world.blaaiz.virtual_bank_accounts.create(given)
    assert [made.id] == [each.id for each in await world.blaaiz.virtual_bank_accounts.list(world.ngn)]
    with pytest.raises(BadRequestError, match="already exists"):
        await world.blaaiz.virtual_bank_accounts.create(given)


async def test_a_closing_whose_answer_was_lost_is_success_and_a_second_one_is_refused(world: World) -> None:
    made = await world.blaaiz.virtual_bank_accounts.create({"wallet_id": world.ngn, "customer_id": world.customer})
    world.sandbox.faults.add("virtual_accounts_close", LOST)
    assert made.id == (await world.blaaiz.virtual_bank_accounts.close(made.id)).account_id
    with pytest.raises(BadRequestError, match="already closed"):
        await world.blaaiz.virtual_bank_accounts.close(made.id)
    again = await world.blaaiz.virtual_bank_accounts.create({"wallet_id": world.ngn, "customer_id": world.customer})
    assert again.id != made.id


async def test_a_refusal_for_another_reason_is_not_taken_for_success(world: World) -> None:
    other = (await world.blaaiz.customers.create({**ADA, "email": "b@example.com", "id_number": "B1"})).id
    world.sandbox.faults.add("virtual_accounts_create", NEVER_ARRIVED)
    with pytest.raises(OutcomeUnknownError, match="refused"):
        await world.blaaiz.virtual_bank_accounts.create({"wallet_id": world.ngn, "customer_id": other})
    assert [] == await world.blaaiz.virtual_bank_accounts.list(world.ngn)


async def test_a_registration_whose_answer_was_lost_is_found_and_a_second_one_is_refused(world: World) -> None:
    world.sandbox.faults.add("interac_auto_deposit_email_create", LOST)
    made = await world.blaaiz.interac_auto_deposit_emails.create({"email": "pay@example.com"})
    assert [made.id] == [row.id async for row in world.blaaiz.interac_auto_deposit_emails.iterate()]
    with pytest.raises(UnprocessableEntityError):
        await world.blaaiz.interac_auto_deposit_emails.create({"email": "pay@example.com"})


async def test_a_session_whose_cancelling_was_lost_is_returned_as_cancelled(world: World) -> None:
    session = await world.blaaiz.signa.create_session({"customer_reference": "p-1", "requirements": ["DOCUMENTS"]})
    world.sandbox.faults.add("signa_cancel_session", LOST)
    assert "CANCELLED" == (await world.blaaiz.signa.cancel_session(session.id)).status
    with pytest.raises(UnprocessableEntityError):
        await world.blaaiz.signa.cancel_session(session.id)


# -- without a key: looked for -----------------------------------------------------------------------------------------

UNKEYED: dict[str, tuple[str, Callable[[World], Awaitable[Any]]]] = {
    "individual": ("customers_create", lambda w: w.blaaiz.customers.create({**ADA, "id_number": "B7"})),
    "business": ("customers_create", lambda w: w.blaaiz.customers.create(ACME)),
    "swap": (
        "swaps_initiate",
        lambda w: w.blaaiz.swaps.initiate(
            {"from_business_wallet_id": w.usd, "to_business_wallet_id": w.ngn, "amount": Decimal("12.50")}
        ),
    ),
    "interac request": (
        "collections_request_interac",
        lambda w: w.blaaiz.collections.initiate_interac_money_request({"amount": 25, "email": "payer@example.com"}),
    ),
    "crypto collection": (
        "collections_initiate_crypto",
        lambda w: w.blaaiz.collections.initiate_crypto(
            {"amount": 5, "wallet_id": w.usd, "network": "MATIC_MAINNET", "token": "USDT"}
        ),
    ),
}


@pytest.mark.parametrize("kind", UNKEYED)
async def test_a_write_without_a_key_is_looked_for(world: World, kind: str) -> None:
    operation, write = UNKEYED[kind]
    before = world.sandbox.journal.count(operation)
    world.sandbox.faults.add(operation, NEVER_ARRIVED)
    with pytest.raises(OutcomeUnknownError) as caught:
        await write(world)
    assert [] == await caught.value.find_candidates()
    world.sandbox.faults.add(operation, LOST)
    with pytest.raises(OutcomeUnknownError) as caught:
        await write(world)
    assert 1 == len(await caught.value.find_candidates())
    assert 2 == world.sandbox.journal.count(operation) - before


async def test_a_candidate_is_of_the_same_kind_amount_and_time(world: World) -> None:
    def swap(amount: Any, **more: Any) -> dict[str, Any]:
        return {"from_business_wallet_id": world.usd, "to_business_wallet_id": world.ngn, "amount": amount, **more}

    await world.blaaiz.swaps.initiate(swap(5))
    await world.blaaiz.swaps.initiate(swap(50, amount_type="to"))
    world.sandbox.faults.add("swaps_initiate", LOST)
    with pytest.raises(OutcomeUnknownError) as caught:
        await world.blaaiz.swaps.initiate(swap(50))
    (found,) = await caught.value.find_candidates()
    assert (50, "from") == (found.swap_details.from_amount, found.swap_details.amount_type)


async def test_a_customer_from_before_is_no_candidate(world: World) -> None:
    made = await world.blaaiz.customers.create(ACME)
    world.sandbox.state.customers[made.id].created_at -= 86_400.0
    world.sandbox.faults.add("customers_create", NEVER_ARRIVED)
    with pytest.raises(OutcomeUnknownError) as caught:
        await world.blaaiz.customers.create(ACME)
    assert [] == await caught.value.find_candidates()


async def test_what_can_not_be_looked_for_says_so(world: World) -> None:
    world.sandbox.faults.add("webhook_replay", NEVER_ARRIVED)
    with pytest.raises(OutcomeUnknownError) as caught:
        await world.blaaiz.webhooks.replay({"transaction_id": "t-1"})
    with pytest.raises(CannotLookError, match="webhook_replay"):
        await caught.value.find_candidates()


async def test_a_pickled_error_has_lost_its_client_and_nothing_else(world: World) -> None:
    world.sandbox.faults.add("customers_create", LOST)
    with pytest.raises(OutcomeUnknownError) as caught:
        await world.blaaiz.customers.create(ACME)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(caught.value), "customers_create") == (str(copy), copy.operation)
    with pytest.raises(CannotLookError):
        await copy.find_candidates()


# -- deadlines ---------------------------------------------------------------------------------------------------------


async def test_one_deadline_covers_the_attempts_and_the_waits_between_them(world: World) -> None:
    world.sandbox.faults.add("customers_list", Fault.hang(), times=9)
    world.sandbox.faults.add("customers_update", Fault.hang(), times=9)
    world.sandbox.faults.add("payouts_initiate", Fault.hang(), times=9)
    quick = world.blaaiz.with_options(deadline=7.0, timeout=2.0)
    for call, error in (
        (quick.customers.list, APITimeoutError),
        (lambda: quick.customers.update(world.customer, {"tin": "1234567"}), OutcomeUnknownError),
        (lambda: quick.payouts.initiate(world.payout()), OutcomeUnknownError),
    ):
        began = anyio.current_time()
        with pytest.raises(error):
            await call()
        assert 2 < anyio.current_time() - began < 7.01
    assert world.sandbox.journal.count("payouts_initiate") > 1


async def test_an_attempt_under_way_is_cut_at_the_deadline(world: World) -> None:
    world.sandbox.faults.add("swaps_initiate", Fault.hang())
    began = anyio.current_time()
    given = {"from_business_wallet_id": world.usd, "to_business_wallet_id": world.ngn, "amount": 5}
    with pytest.raises(OutcomeUnknownError, match="deadline"):
        await world.blaaiz.with_options(deadline=3.0).swaps.initiate(given)
    assert 3 == pytest.approx(anyio.current_time() - began, abs=0.01)


async def test_an_upload_is_cut_only_at_a_deadline_that_was_asked_for(world: World) -> None:
    other = (await world.blaaiz.customers.create({**ADA, "id_number": "B1"})).id
    world.sandbox.faults.add("presigned_upload_put", Fault.hang(), times=9)
    began = anyio.current_time()
    with pytest.raises(UploadError, match="deadline"):
        await world.blaaiz.with_options(deadline=3.0).files.upload(other, b"%PDF-1.7", file_category="identity")
    assert 3 == pytest.approx(anyio.current_time() - began, abs=0.01)
    world.sandbox.faults.clear()
    world.sandbox.latency = lambda operation: 90.0 if operation == "presigned_upload_put" else 0.0
    patient = world.blaaiz.with_options(timeout=120.0)
    assert await patient.files.upload(other, b"%PDF-1.7", file_category="identity")


@pytest.mark.parametrize("priority", ["interactive", "bulk"])
async def test_waiting_for_the_budget_counts_against_a_deadline_that_was_asked_for(bind: Bind, priority: Any) -> None:
    async with bind(Sandbox(limits=None), budget=RateBudget(per_minute=3, reserve=0)) as blaaiz:
        for _ in range(3):
            await blaaiz.customers.list()
        began = anyio.current_time()
        with pytest.raises(RateLimitError):
            await blaaiz.with_options(deadline=5.0, priority=priority).customers.list()
        assert anyio.current_time() - began < 5.01
        if priority == "bulk":  # a job without a deadline of its own waits for its turn
            await blaaiz.with_options(priority="bulk", retry=RetryPolicy(deadline=5.0)).customers.list()
            assert anyio.current_time() - began == pytest.approx(60, abs=1)


async def test_a_scope_of_the_callers_own_cuts_a_call_short(world: World) -> None:
    world.sandbox.faults.add("customers_list", Fault.hang())
    with anyio.move_on_after(1.0) as scope:
        await world.blaaiz.customers.list()
    assert scope.cancelled_caught
    assert 0 == world.blaaiz.statistics().pool.in_flight


# -- cancellation ------------------------------------------------------------------------------------------------------


async def test_a_write_that_is_cancelled_after_it_was_sent_is_logged_with_its_key(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for operation in ("payouts_initiate", "customers_create", "customers_list"):
        world.sandbox.faults.add(operation, Fault.hang())
    for call in (
        lambda: world.blaaiz.payouts.initiate(world.payout(None)),
        lambda: world.blaaiz.customers.create(ACME),
        world.blaaiz.customers.list,
    ):
        with anyio.move_on_after(1.0):
            await call()
    paid, made = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    (row,) = [row async for row in world.blaaiz.transactions.iterate({"type": "SEND_MONEY"})]
    assert row.merchant_reference
    assert paid.startswith("payouts_initiate: cancelled after it was sent: outcome unknown")
    assert paid.endswith(f"merchant_reference {row.merchant_reference}, or settle it with payouts.settle")
    assert made.startswith("customers_create: cancelled after it was sent: outcome unknown; look")


async def test_a_payout_that_is_cancelled_while_it_is_read_back_is_logged_with_its_key(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.sandbox.faults.add("payouts_initiate", LOST)
    world.sandbox.faults.add("transactions_get", Fault.status(404), times=999)
    with anyio.move_on_after(20.0):
        await world.blaaiz.payouts.initiate(world.payout())
    (told,) = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert told.startswith("payouts_initiate: cancelled after it was sent: outcome unknown")
    assert "merchant_reference order-1" in told


# -- a platform that lists later than it makes -------------------------------------------------------------------------


async def test_a_swap_made_long_before_is_no_candidate() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "token_type": "Bearer", "expires_in": 3600})
        if request.url.path.endswith("/swap"):
            raise httpx.ReadError("lost", request=request)
        here = datetime.now(UTC).isoformat()
        rows = [{"id": "old", "type": "swap", "date": "2020-01-01T00:00:00Z"}, {"id": "new", "type": "swap", "date": here}]
        return httpx.Response(200, json={"data": rows, "meta": {"current_page": 1, "last_page": 1, "total": 2}})

    http_client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    blaaiz = AsyncBlaaiz(
        client_id="i", client_secret="s", base_url="https://platform.test", http_client=http_client, budget=None
    )
    async with http_client, blaaiz:
        with pytest.raises(OutcomeUnknownError) as caught:
            await blaaiz.swaps.initiate({"from_business_wallet_id": "a", "to_business_wallet_id": "b", "amount": 5})
        assert ["new"] == [row.id for row in await caught.value.find_candidates()]


async def test_a_look_over_many_pages_keeps_the_deadline_of_its_view() -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "token_type": "Bearer", "expires_in": 3600})
        if request.url.path.endswith("/swap"):
            raise httpx.ReadError("lost", request=request)
        await anyio.sleep(0.1)
        page = int(request.url.params["page"])
        row = {"id": str(page), "type": "swap", "date": datetime.now(UTC).isoformat()}
        return httpx.Response(200, json={"data": [row], "meta": {"current_page": page, "last_page": 50, "total": 50}})

    http_client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    blaaiz = AsyncBlaaiz(
        client_id="i", client_secret="s", base_url="https://platform.test", http_client=http_client, budget=None
    )
    async with http_client, blaaiz:
        given = {"from_business_wallet_id": "a", "to_business_wallet_id": "b", "amount": 5}
        with pytest.raises(OutcomeUnknownError) as caught:
            await blaaiz.with_options(deadline=1.0).swaps.initiate(given)
        began = anyio.current_time()
        with pytest.raises(APITimeoutError):
            await caught.value.find_candidates()
        assert 1.0 == pytest.approx(anyio.current_time() - began, abs=0.05)
