"""One call: what is repeated, what is not, and what the caller is told. Against the sandbox, over a real socket."""

import contextlib
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from blaaiz_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncBlaaiz,
    AuthenticationError,
    BadRequestError,
    BlaaizError,
    ConfigurationError,
    ConflictError,
    GoneError,
    IndividualCustomer,
    InvalidRequestError,
    MemoryTokenStore,
    MissingScopeError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateBudget,
    RateLimitError,
    ResponseDecodeError,
    RetryPolicy,
    ServerError,
    UnprocessableEntityError,
)
from blaaiz_async.sandbox import Fault, Limits, Sandbox
from blaaiz_async.sandbox.server import running

pytestmark = pytest.mark.anyio

ADA = IndividualCustomer(
    email="ada@example.com", country="NG", first_name="Ada", last_name="Obi", id_type="passport", id_number="A1234567"
)


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(limits=None)


@pytest.fixture
def url(sandbox: Sandbox) -> Iterator[str]:
    with running(sandbox) as base_url:
        yield base_url


@contextlib.asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[AsyncBlaaiz]:
    settings: dict[str, Any] = {
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "base_url": url,
        "retry": RetryPolicy(wait_initial=0.0),
        "token_store": MemoryTokenStore(),
        **options,
    }
    async with AsyncBlaaiz(**settings) as blaaiz:
        yield blaaiz


LOST = {
    "dropped after it took effect": Fault.after_commit(None),
    "dropped before it took effect": Fault.before_commit(None),
    "502 after it took effect": Fault.after_commit(502),
    "503 before it took effect": Fault.before_commit(503),
    "500": Fault.status(500),
    "a proxy's 522": Fault.status(522),
    "truncated": Fault.truncated(),
    "no JSON": Fault.not_json(),
    "no answer in time": Fault.hang(),
}


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
async def test_a_write_without_a_key_is_never_sent_twice(sandbox: Sandbox, url: str, fault: Fault) -> None:
    sandbox.faults.add("customers_create", fault)
    async with client(url, timeout=0.4) as blaaiz:
        with pytest.raises(OutcomeUnknownError, match="customers_create"):
            await blaaiz.customers.create(ADA)
    assert 1 == sandbox.journal.count("customers_create")


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
async def test_a_read_is_repeated(sandbox: Sandbox, url: str, fault: Fault) -> None:
    async with client(url, timeout=0.4) as blaaiz:
        made = await blaaiz.customers.create(ADA)
        sandbox.faults.add("customers_get", fault, times=2)
        assert made.id == (await blaaiz.customers.get(made.id)).id
    assert 3 == sandbox.journal.count("customers_get")


async def test_an_update_of_fields_is_repeated_but_one_that_adds_an_owner_is_not(sandbox: Sandbox, url: str) -> None:
    async with client(url) as blaaiz:
        business = await blaaiz.customers.create(
            {
                "type": "business",
                "email": "ops@example.com",
                "country": "NG",
                "incorporation_country": "NG",
                "registration_number": "RC1",
                "business_name": "Acme",
            }
        )
        sandbox.faults.add("customers_update", Fault.after_commit(None))
        await blaaiz.customers.update(business.id, {"website": "https://acme.example.com"})
        assert 2 == sandbox.journal.count("customers_update")
        sandbox.faults.add("customers_update", Fault.after_commit(None))
        with pytest.raises(OutcomeUnknownError):
            await blaaiz.customers.update(business.id, {"owners": [{"first_name": "Jane", "last_name": "Doe"}]})
        assert 1 == len((await blaaiz.customers.get(business.id)).owners)


async def test_a_refusal_that_may_be_the_echo_of_our_own_first_attempt_is_an_unknown_outcome(
    sandbox: Sandbox, url: str
) -> None:
    async with client(url) as blaaiz:
        business = await blaaiz.customers.create(
            {
                "type": "business",
                "email": "ops@example.com",
                "country": "NG",
                "incorporation_country": "NG",
                "registration_number": "RC1",
                "business_name": "Acme",
                "owners": [{"first_name": "Jane", "last_name": "Doe"}],
            }
        )
        owner = (await blaaiz.customers.get(business.id)).owners[0]
        sandbox.faults.add("customer_owners_delete", Fault.after_commit(None))
        with pytest.raises(OutcomeUnknownError, match="earlier attempt may have succeeded"):
            await blaaiz.customers.delete_owner(business.id, owner.id)


async def test_a_failure_that_stays_is_raised_after_the_last_attempt(sandbox: Sandbox, url: str) -> None:
    async with client(url, retry=RetryPolicy(max_attempts=3, wait_initial=0.0), timeout=0.4) as blaaiz:
        sandbox.faults.add("customers_list", Fault.before_commit(503), times=3)
        with pytest.raises(ServerError):
            await blaaiz.customers.list()
        sandbox.faults.add("customers_list", Fault.before_commit(None), times=3)
        with pytest.raises(APIConnectionError):
            await blaaiz.customers.list()
        sandbox.faults.add("customers_list", Fault.hang(), times=3)
        with pytest.raises(APITimeoutError):
            await blaaiz.customers.list()
        sandbox.faults.add("customers_list", Fault.not_json(), times=3)
        with pytest.raises(ResponseDecodeError):
            await blaaiz.customers.list()
    assert 12 == sandbox.journal.count("customers_list")


async def test_a_write_that_may_be_repeated_and_is_never_answered_ends_with_an_unknown_outcome(
    sandbox: Sandbox, url: str
) -> None:
    async with client(url, retry=RetryPolicy(max_attempts=2, wait_initial=0.0)) as blaaiz:
        made = await blaaiz.customers.create(ADA)
        sandbox.faults.add("customers_update", Fault.after_commit(None))
        sandbox.faults.add("customers_update", Fault.before_commit(503))
        with pytest.raises(OutcomeUnknownError):
            await blaaiz.customers.update(made.id, {"tin": "12345-A"})
        sandbox.faults.add("customers_update", Fault.after_commit(None))
        sandbox.faults.add("customers_update", Fault.status(429, headers={"Retry-After": "600"}))
        with pytest.raises(OutcomeUnknownError):
            await blaaiz.customers.update(made.id, {"tin": "12345-B"})


@pytest.mark.parametrize("body", [{"message": "ok"}, {"data": {}}, [1], {"data": {"id": True}}])
async def test_an_accepted_write_whose_answer_has_another_shape_is_an_unknown_outcome(
    sandbox: Sandbox, url: str, body: Any
) -> None:
    sandbox.faults.add("customers_create", Fault.status(201, body=body))
    async with client(url) as blaaiz:
        with pytest.raises(OutcomeUnknownError) as caught:
            await blaaiz.customers.create(ADA)
    assert isinstance(caught.value, ResponseDecodeError)
    assert (201, 1) == (caught.value.status_code, sandbox.journal.count("customers_create"))


async def test_a_server_that_is_not_there_is_tried_again_even_for_a_write() -> None:
    async with client("http://127.0.0.1:9", retry=RetryPolicy(max_attempts=2, wait_initial=0.0)) as blaaiz:
        with pytest.raises(APIConnectionError, match="not sent"):
            await blaaiz.customers.create(ADA)


async def test_a_401_fetches_one_new_token_and_repeats_once(sandbox: Sandbox, url: str) -> None:
    async with client(url) as blaaiz:
        await blaaiz.customers.list()
        sandbox.revoke_tokens()
        await blaaiz.customers.create(ADA)
        assert 2 == sandbox.journal.count("oauth_token_create")
        sandbox.faults.add("customers_list", Fault.status(401, body={"message": "no"}), times=2)
        with pytest.raises(AuthenticationError):
            await blaaiz.customers.list()
        assert 3 == sandbox.journal.count("oauth_token_create")


async def test_a_thousand_cold_callers_cause_one_token_call(sandbox: Sandbox, url: str) -> None:
    async with client(url, budget=None) as blaaiz, anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(blaaiz.customers.list)
    assert (1, 1000) == (sandbox.journal.count("oauth_token_create"), sandbox.journal.count("customers_list"))


async def test_a_wrong_secret_is_an_authentication_error_and_asked_once(sandbox: Sandbox, url: str) -> None:
    async with client(url, client_secret="wrong") as blaaiz:
        with pytest.raises(AuthenticationError, match="oauth_token_create answered 401"):
            await blaaiz.customers.list()
    assert 1 == len(sandbox.journal.calls)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadRequestError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, GoneError),
        (422, UnprocessableEntityError),
    ],
)
async def test_a_refusal_is_raised_at_once(sandbox: Sandbox, url: str, status: int, error: type[BlaaizError]) -> None:
    body = {"message": "Because.", "errors": {"email": ["Taken."], "owners.0.street": "Too short."}, "request_id": "r-1"}
    sandbox.faults.add("customers_create", Fault.status(status, body=body, headers={"Set-Cookie": "session=secret"}))
    async with client(url) as blaaiz:
        with pytest.raises(error) as caught:
            await blaaiz.customers.create(ADA)
    assert 1 == sandbox.journal.count("customers_create")
    found = pickle.loads(pickle.dumps(caught.value))
    assert (status, "Because.", "r-1", "customers_create") == (
        found.status_code,
        found.message,
        found.request_id,
        found.operation,
    )
    assert {"email": ("Taken.",), "owners.0.street": ("Too short.",)} == found.errors
    assert "set-cookie" not in found.headers


async def test_a_403_names_the_scopes_the_operation_needs(sandbox: Sandbox, url: str) -> None:
    sandbox.faults.add("customers_create", Fault.status(403, body={"message": "Invalid scope(s) provided."}))
    async with client(url) as blaaiz:
        with pytest.raises(PermissionDeniedError, match="customer:write") as caught:
            await blaaiz.customers.create(ADA)
    assert ("customer:write",) == caught.value.scopes


async def test_a_scope_that_was_not_asked_for_costs_no_call(sandbox: Sandbox, url: str) -> None:
    async with client(url, scopes="customer:read") as blaaiz:
        with pytest.raises(MissingScopeError, match="customer:write"):
            await blaaiz.customers.create(ADA)
    assert [] == sandbox.journal.calls


async def test_throttled_callers_wait_together_and_all_get_through(bind: Any) -> None:
    sandbox = Sandbox(limits=Limits(per_minute=10, per_hour=1000, minute=1.0))
    # Pacing is off by a budget that believes in far more than there is; the 429s must do.
    budget = RateBudget(per_minute=1000, minute=1.0)
    with running(sandbox) as url:
        async with client(url, budget=budget) as blaaiz, anyio.create_task_group() as group:
            for _ in range(15):
                group.start_soon(blaaiz.customers.list)
    answers = [call.status for call in sandbox.journal.calls if call.operation == "customers_list"]
    assert 15 == answers.count(200)


async def test_a_429_that_outlasts_the_deadline_is_a_rate_limit_error(sandbox: Sandbox, url: str) -> None:
    sandbox.faults.add("customers_list", Fault.status(429, headers={"Retry-After": "3000"}, body={"message": "Slow."}))
    async with client(url, retry=RetryPolicy(deadline=5.0)) as blaaiz:
        with pytest.raises(RateLimitError) as caught:
            await blaaiz.customers.list()
        assert caught.value.retry_after == pytest.approx(3000, abs=5)
        assert 1 == sandbox.journal.count("customers_list")


async def test_invalid_input_costs_no_call_and_names_every_fault(sandbox: Sandbox, url: str) -> None:
    async with client(url) as blaaiz:
        with pytest.raises(InvalidRequestError) as caught:
            await blaaiz.customers.create({"type": "individual", "email": "x", "country": "Nigeria", "kyb_scope": "FULL"})
        with pytest.raises(InvalidRequestError, match="customer_id"):
            await blaaiz.customers.get("..")
    assert [] == sandbox.journal.calls
    assert ["email", "country", "first_name", "last_name", "id_type", "id_number", "kyb_scope"] == [
        fault.field for fault in caught.value.faults
    ]


async def test_ids_cannot_climb_the_path(sandbox: Sandbox, url: str) -> None:
    async with client(url) as blaaiz:
        with pytest.raises(NotFoundError):
            await blaaiz.customers.get("../../oauth/token?x=1#y")
    # The server unquotes; what counts is that it was quoted on the way, and so stayed below the customers.
    assert "/api/external/customer/../../oauth/token?x=1#y" == sandbox.journal.calls[-1].path


async def test_a_view_shares_the_token_and_adds_its_headers(sandbox: Sandbox, url: str) -> None:
    async with client(url) as blaaiz:
        await blaaiz.customers.list()
        await blaaiz.with_options(extra_headers={"x-trace": "7"}, priority="bulk").customers.list()
        await blaaiz.customers.list()
    assert 1 == sandbox.journal.count("oauth_token_create")
    traced = [call.headers.get("x-trace") for call in sandbox.journal.calls if call.operation == "customers_list"]
    assert [None, "7", None] == traced


async def test_the_raw_response_comes_with_the_typed_one(sandbox: Sandbox, url: str) -> None:
    async with client(url) as blaaiz:
        made = await blaaiz.customers.create(ADA)
        raw = await blaaiz.with_raw_response(blaaiz.customers.get, made.id)
    assert (200, made.id) == (raw.status_code, raw.parsed.id)
    assert b"ada@example.com" in raw.body
    assert "application/json" == raw.headers["content-type"]
    assert "ada@" not in repr(raw)


async def test_no_secret_and_no_personal_datum_is_in_a_log_or_a_traceback(
    sandbox: Sandbox, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = ""
    async with client(url, timeout=0.4) as blaaiz:
        token = (await blaaiz._tokens.get()).value
        for fault in LOST.values():
            sandbox.faults.add("customers_create", fault)
            try:
                await blaaiz.customers.create(ADA)
            except BlaaizError as error:
                told += "".join(traceback.format_exception(error)) + repr(error)
        await blaaiz.customers.list(email="ada@example.com")
        told += repr(blaaiz) + repr(blaaiz.customers) + repr(ADA)
    for secret in (token, "sandbox-secret", "ada@example.com", "A1234567", "Obi"):
        assert secret not in told
        assert secret not in caplog.text


async def test_a_card_number_in_the_platforms_words_reaches_no_error(sandbox: Sandbox, url: str) -> None:
    body = {"message": "The card 4242 4242 4242 4242 is bad.", "errors": {"card_number": ["4242424242424242 failed."]}}
    sandbox.faults.add("customers_create", Fault.status(422, body=body))
    async with client(url) as blaaiz:
        with pytest.raises(UnprocessableEntityError) as caught:
            await blaaiz.customers.create(ADA)
    assert "4242" not in str(caught.value) + repr(caught.value.__dict__)
    assert {"card_number": ("[number] failed.",)} == caught.value.errors


@pytest.mark.parametrize("name", ["Authorization", "Idempotency-Key", "x-blaaiz-api-key"])
async def test_extra_headers_can_not_replace_what_the_client_promises(url: str, name: str) -> None:
    async with client(url) as blaaiz:
        with pytest.raises(ConfigurationError, match=name.lower()):
            blaaiz.with_options(extra_headers={name: "fixed"})
