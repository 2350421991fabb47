"""What can be seen of the calls from outside: counts, log lines, spans, and the readiness probe."""

import logging
import re
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from blaaiz_async import (
    APITimeoutError,
    BlaaizError,
    NotFoundError,
    OutcomeUnknownError,
    RateBudget,
    RateLimitError,
    RetryPolicy,
    ServerError,
    UnprocessableEntityError,
)
from blaaiz_async.sandbox import Fault, Sandbox
from tests.conftest import Bind
from tests.people import ADA

pytestmark = pytest.mark.anyio

PERSONAL = ("ada@example.com", "Ada", "Obi", "A1234567", "sandbox-secret", "Bearer")


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(limits=None)


async def test_statistics_count_what_happened(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox, budget=RateBudget()) as blaaiz:
        assert blaaiz.statistics().token is None
        sandbox.faults.add("customers_list", Fault.status(503), times=2)
        await blaaiz.customers.list()
        sandbox.faults.add("customers_create", Fault.after_commit(None))
        with pytest.raises(OutcomeUnknownError):
            await blaaiz.with_options(priority="bulk").customers.create(ADA)
        with pytest.raises(NotFoundError):
            await blaaiz.customers.get("nobody")
        sandbox.faults.add("customers_list", Fault.hang())
        with anyio.move_on_after(0.05):
            await blaaiz.customers.list()
        found = blaaiz.statistics()
    calls, budget, token = found.calls, found.budget, found.token
    # The token's own call is the fifth.
    assert (5, 7, 2) == (calls.calls, calls.attempts, calls.retries)
    assert (2, 1, 1, 0) == (calls.failures, calls.unknown_outcomes, calls.cancelled, calls.throttled)
    assert budget is not None
    assert token is not None
    assert (6, 0, 0) == (budget.minute.used, budget.waiting, found.pool.in_flight)
    assert 0 <= token.age < 60 < token.expires_in


async def test_a_call_is_counted_as_its_caller_saw_it(
    sandbox: Sandbox, bind: Bind, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.set_balance("USD", 100)
    caplog.set_level(logging.DEBUG, "blaaiz_async")
    async with bind(sandbox) as blaaiz:
        customer = (await blaaiz.customers.create(ADA)).id
        image: Any = {"file": b"\xff\xd8\xff" + bytes(9), "file_category": "identity"}
        await blaaiz.customers.upload_file_complete(customer, image)
        payout = {
            "wallet_id": (await blaaiz.wallets.by_currency("USD")).id,
            "customer_id": customer,
            "method": "bank_transfer",
            "from_currency_id": "USD",
            "to_currency_id": "NGN",
            "from_amount": 5,
            "bank_id": "1",
            "account_number": "0123456789",
        }
        before = blaaiz.statistics().calls
        sandbox.faults.add("payouts_initiate", Fault.after_commit(None))
        sandbox.faults.add("transactions_get", Fault.status(502))
        await blaaiz.payouts.initiate(payout)
        sandbox.faults.add("customers_create", Fault.status(201, body={"data": {"id": True}}))
        with pytest.raises(OutcomeUnknownError):
            await blaaiz.customers.create({**ADA, "id_number": "B1"})
        after = blaaiz.statistics().calls
    assert (2, 1, 1) == (
        after.calls - before.calls,
        after.failures - before.failures,
        after.unknown_outcomes - before.unknown_outcomes,
    )
    paid, made = [re.sub(r"\d\.\d{3}s", "T", record.message) for record in caplog.records][-2:]
    assert "payouts_initiate 200 attempts=4 T request=-" == paid
    assert "customers_create 201 UnreadableOutcomeError attempts=1 T request=-" == made


async def test_a_call_is_one_line_at_debug_and_none_above(
    sandbox: Sandbox, bind: Bind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "blaaiz_async")
    sandbox.faults.add("customers_list", Fault.status(502))
    sandbox.faults.add("customers_create", Fault.status(422, body={"message": "Ada?", "request_id": "r-7\nINFO forged"}))
    async with bind(sandbox) as blaaiz:
        await blaaiz.customers.list(email="ada@example.com")
        with pytest.raises(Exception, match="Ada"):
            await blaaiz.customers.create(ADA)
    lines = [re.sub(r"\d\.\d{3}s", "T", record.message) for record in caplog.records if record.name == "blaaiz_async"]
    assert [
        "oauth_token_create 200 attempts=1 T request=-",
        "customers_list 200 attempts=2 T request=-",
        "customers_create 422 UnprocessableEntityError attempts=1 T request=r-7\\nINFO forged",
    ] == lines
    assert {logging.DEBUG} == {record.levelno for record in caplog.records if record.name == "blaaiz_async"}


async def test_bodies_are_logged_only_on_demand_and_only_with_what_is_fit_for_a_log(
    sandbox: Sandbox, bind: Bind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox.faults.add("customers_list", Fault.not_json(), times=2)
    async with bind(sandbox, log_bodies=True) as blaaiz:
        made = await blaaiz.customers.create(ADA)
        await blaaiz.customers.list()
        said: list[Any] = ["ada's is taken", {"status": "ada is blocked"}]
        odd = {"errors": {"ada@example.com": ["is taken"], "merchant_reference": said}}
        sandbox.faults.add("customers_list", Fault.status(422, body=odd))
        with pytest.raises(UnprocessableEntityError):
            await blaaiz.customers.list()
        token = (await blaaiz._tokens.get()).value
    assert (
        "customers_list answer 422 {'errors': {'<key>': ['<str>'], 'merchant_reference': ['<str>', {'status': '<str>'}]}}"
        in caplog.text
    )
    assert "customers_create request {'type': 'individual', 'email': '<str>'" in caplog.text
    assert made.id in caplog.text
    assert "customers_list answer 200 no JSON" in caplog.text
    assert "oauth_token_create answer" not in caplog.text
    for secret in (*PERSONAL, token):
        assert secret not in caplog.text


async def test_a_code_is_no_more_logged_than_a_token(sandbox: Sandbox, bind: Bind, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with bind(sandbox, log_bodies=True) as blaaiz:
        with pytest.raises(BlaaizError):
            await blaaiz.signa_id.exchange_release_code("one-time")
    assert "signa_id_exchange_release_code request {'code': '<str>'}" in caplog.text


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def provider(spans: InMemorySpanExporter) -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(spans))
    return made


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_call_is_one_span_with_an_event_per_attempt_and_nothing_personal(
    sandbox: Sandbox, bind: Bind, spans: InMemorySpanExporter
) -> None:
    tracing = provider(spans)
    sandbox.faults.add("customers_list", Fault.status(502))
    sandbox.faults.add("customers_list", Fault.after_commit(None))
    sandbox.faults.add("customers_create", Fault.status(422, body={"message": "Ada?"}, headers={"X-Request-Id": "r-7"}))
    async with bind(sandbox, tracer_provider=tracing) as blaaiz:
        with tracing.get_tracer("test").start_as_current_span("handler"):
            await blaaiz.customers.list(email="ada@example.com")
        with pytest.raises(Exception, match="Ada"):
            await blaaiz.customers.create(ADA)
    token, listed, handler, created = spans.get_finished_spans()
    assert ["oauth_token_create", "customers_list", "handler", "customers_create"] == [
        span.name for span in (token, listed, handler, created)
    ]
    # The token is fetched inside the call that needs it first, and that inside the handler that makes it.
    assert listed.parent is not None
    assert token.parent is not None
    assert handler.context is not None
    assert listed.context is not None
    assert (listed.parent.span_id, token.parent.span_id) == (handler.context.span_id, listed.context.span_id)
    found = attributes(listed)
    assert ("GET", "/api/external/customer", "sandbox.test", 200, 2) == tuple(
        found[name]
        for name in (
            "http.request.method",
            "url.template",
            "server.address",
            "http.response.status_code",
            "http.request.resend_count",
        )
    )
    assert [(1, 502, None), (2, None, "ConnectionDropped"), (3, 200, None)] == [
        (each["blaaiz.attempt"], each.get("http.response.status_code"), each.get("error.type"))
        for each in (event.attributes or {} for event in listed.events)
    ]
    assert (StatusCode.ERROR, "UnprocessableEntityError", "r-7") == (
        created.status.status_code,
        attributes(created)["error.type"],
        attributes(created)["blaaiz.request_id"],
    )
    shown = "".join(span.to_json() for span in (token, listed, created))
    for secret in PERSONAL:
        assert secret not in shown


async def test_a_cancelled_call_ends_its_span(sandbox: Sandbox, bind: Bind, spans: InMemorySpanExporter) -> None:
    sandbox.faults.add("customers_list", Fault.hang())
    async with bind(sandbox, tracer_provider=provider(spans)) as blaaiz:
        with anyio.move_on_after(0.05):
            await blaaiz.customers.list()
    assert "customers_list" in [span.name for span in spans.get_finished_spans()]


# -- readiness ---------------------------------------------------------------------------------------------------------


async def test_a_check_spends_one_call_and_none_if_one_succeeded_lately(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox) as blaaiz:
        first, second = await blaaiz.check(), await blaaiz.check()
        third = await blaaiz.check(max_age=0)
    assert (True, True, None) == (first.ready, first.asked, first.problem)
    assert (True, False) == (second.ready, second.asked)
    assert third.asked
    assert {"oauth_token_create": 1, "currencies_list": 2} == {
        call.operation: sandbox.journal.count(call.operation or "") for call in sandbox.journal.calls
    }


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Fault.status(503), "ServerError: currencies_list answered 503"),
        (Fault.hang(), "APITimeoutError: currencies_list: no whole answer: the deadline passed"),
        (
            Fault.status(403, body={"message": "Ada?"}),
            "PermissionDeniedError: currencies_list answered 403, which needs currency:read",
        ),
    ],
)
async def test_a_check_tells_what_is_wrong_and_raises_nothing(
    sandbox: Sandbox, bind: Bind, fault: Fault, problem: str
) -> None:
    sandbox.faults.add("currencies_list", fault, times=9)
    async with bind(sandbox) as blaaiz:
        found = await blaaiz.check(deadline=0.2)
    assert (False, problem) == (found.ready, found.problem)
    assert 1 == sandbox.journal.count("currencies_list")


async def test_a_token_is_no_proof_that_the_platform_answers(sandbox: Sandbox, bind: Bind) -> None:
    sandbox.faults.add("currencies_list", Fault.status(503), times=9)
    async with bind(sandbox) as blaaiz:
        assert [False, False] == [(await blaaiz.check()).ready for _ in range(2)]
    assert 2 == sandbox.journal.count("currencies_list")


async def test_a_check_asks_with_a_scope_that_there_is(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox, scopes="wallet:read payout:create") as blaaiz:
        assert (await blaaiz.check()).ready
    async with bind(sandbox, scopes="payout:create") as blaaiz:
        assert "needs one of the scopes" in str((await blaaiz.check()).problem)
    assert 1 == sandbox.journal.count("wallets_list")


async def test_a_wrong_secret_is_not_ready(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox, client_secret="wrong") as blaaiz:
        found = await blaaiz.check()
    assert (False, "AuthenticationError: oauth_token_create answered 401") == (found.ready, found.problem)


async def test_being_throttled_is_being_known(sandbox: Sandbox, bind: Bind) -> None:
    sandbox.faults.add("currencies_list", Fault.status(429, headers={"Date": "Wed, 21 Oct 2015 07:28:00 GMT"}))
    async with bind(sandbox, retry=RetryPolicy(deadline=0.2)) as blaaiz:
        found = await blaaiz.check()
    assert (True, "RateLimitError: currencies_list answered 429") == (found.ready, found.problem)
    assert found.clock_offset is not None
    assert found.clock_offset < -300_000_000


async def test_what_a_check_did_not_ask_it_does_not_say_was_asked(sandbox: Sandbox, bind: Bind) -> None:
    budget = RateBudget(per_minute=1, per_hour=1)
    async with bind(sandbox, budget=budget) as blaaiz:
        await blaaiz.currencies.list()
        full = await blaaiz.check(max_age=0)
        with pytest.raises(RateLimitError, match="currencies_list: the client's own rate budget") as caught:
            await blaaiz.with_options(deadline=0.1).currencies.list()
    async with bind(sandbox) as blaaiz:
        pass
    closed = await blaaiz.check()
    assert (True, False, "the client's own rate budget has no slot now") == (full.ready, full.asked, full.problem)
    assert caught.value.own
    assert (False, False) == (closed.ready, closed.asked)
    assert "closed" in str(closed.problem)
    assert 1 == sandbox.journal.count("currencies_list")


async def test_a_success_proves_nothing_once_a_later_call_has_failed(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox, retry=RetryPolicy(max_attempts=1)) as blaaiz:
        await blaaiz.currencies.list()
        sandbox.faults.add("wallets_list", Fault.status(503))
        with pytest.raises(ServerError):
            await blaaiz.wallets.list()
        assert (await blaaiz.check()).asked


async def test_a_call_that_does_not_end_is_a_timeout_and_no_cancellation(sandbox: Sandbox, bind: Bind) -> None:
    sandbox.faults.add("customers_list", Fault.hang())
    async with bind(sandbox) as blaaiz:
        with pytest.raises(APITimeoutError):
            await blaaiz.with_options(deadline=0.05).customers.list()
        assert (0, 1) == (blaaiz.statistics().calls.cancelled, blaaiz.statistics().calls.failures)
