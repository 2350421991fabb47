"""Waiting by event, on virtual time."""

from collections.abc import Awaitable, Callable
from typing import Any, cast
from uuid import UUID

import anyio
import httpx
import pytest

from blaaiz_async import ConfigurationError, NotSettledError
from blaaiz_async.sandbox import Sandbox
from blaaiz_async.webhooks import (
    AnyEvent,
    CustomerCreated,
    CustomerEvent,
    CustomerStatusChanged,
    Event,
    Handlers,
    Inbox,
    PayoutEvent,
    SignaIdGrantRevoked,
    SignaSessionCompleted,
    SignaSessionExpired,
    WebhookVerifier,
    webhook_app,
)
from tests.conftest import Bind
from tests.webhooks.deliveries import delivery
from tests.webhooks.payloads import receive, written
from tests.webhooks.test_verifier import verifier

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    return virtual_backend


def event(key: str, **changes: Any) -> Event:
    one = delivery(key, **changes)
    return verifier().receive(one.body, one.headers)


def inbox(**options: Any) -> Inbox:
    return Inbox(clock=anyio.current_time, **options)


async def later(seconds: float, task: Callable[..., Awaitable[Any]], *args: Any) -> None:
    await anyio.sleep(seconds)
    await task(*args)


async def test_the_event_with_these_values_ends_the_wait_and_no_other_does() -> None:
    box, began = inbox(), anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for at, (key, customer, status) in enumerate(
            [("e1", "a", "VERIFIED"), ("e2", "b", "PENDING"), ("e3", "b", "VERIFIED")]
        ):
            tasks.start_soon(later, at, box, event(key, customer_id=customer, new_status=status))
        found = await box.wait_for(CustomerStatusChanged, customer_id="b", new_status="VERIFIED", deadline=60.0)
        assert "e3" == found.payload["event_id"]
        assert 2.0 == pytest.approx(anyio.current_time() - began)
    assert set() == box._waiters


async def test_an_event_that_came_shortly_before_is_found_and_an_old_one_or_one_too_many_is_not() -> None:
    box = inbox(keep=2, max_age=10.0)
    for key in ("e1", "e2", "e3"):
        await box(event(key))
    assert "e2" == (await box.wait_for(CustomerEvent)).payload["event_id"]
    await anyio.sleep(10.1)
    with pytest.raises(NotSettledError):
        await box.wait_for(CustomerEvent, deadline=0.0)


async def test_the_deadline_ends_the_wait_and_the_error_shows_no_value() -> None:
    box, began = inbox(), anyio.current_time()
    with pytest.raises(NotSettledError) as error:
        await box.wait_for(CustomerStatusChanged, customer_email="ada@example.com", deadline=60.0)
    assert 60.0 == pytest.approx(anyio.current_time() - began)
    assert "the wait for CustomerStatusChanged by customer_email hasn't settled within 60 s" == str(error.value)
    assert set() == box._waiters


@pytest.mark.parametrize("field", ["customerid", "_keys"])
async def test_a_field_that_no_event_has_is_refused_at_once(field: str) -> None:
    with pytest.raises(ConfigurationError, match=field):
        await inbox().wait_for(CustomerStatusChanged, **cast("Any", {field: "a"}))


async def test_an_id_may_be_given_as_a_uuid() -> None:
    box, customer = inbox(), UUID("9d4c4ec5-572d-49de-a362-f01ed09f2b1b")
    await box(event("e1", customer_id=str(customer)))
    assert "e1" == (await box.wait_for(CustomerStatusChanged, customer_id=customer, deadline=0.1)).event_id


async def test_any_event_of_a_union_ends_the_wait_and_the_error_names_its_classes() -> None:
    box, either = inbox(), cast("Any", PayoutEvent | CustomerCreated)
    await box(event("e1"))
    with pytest.raises(NotSettledError, match=r"PayoutEvent \| CustomerCreated by event_id"):
        await box.wait_for(either, event_id="e1", deadline=0.1)
    assert "e1" == (await box.wait_for(either | CustomerStatusChanged, event_id="e1", deadline=0.1)).event_id
    assert "e1" == (await box.wait_for(cast("Any", AnyEvent), deadline=0.1)).payload["event_id"]
    with pytest.raises(ConfigurationError, match="new_status"):
        await box.wait_for(either, new_status="VERIFIED")


@pytest.mark.parametrize("wrong", [(CustomerEvent, PayoutEvent), "payout.completed", dict, PayoutEvent | None, None])
async def test_what_is_no_event_class_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="event classes"):
        await inbox().wait_for(wrong)
    with pytest.raises(ConfigurationError, match="event classes"):
        inbox().news(wrong)


async def test_a_signa_event_is_waited_for_by_the_ids_under_its_data() -> None:
    box = inbox()
    for name, session in (("completed", "s1"), ("completed", "s2"), ("expired", "s3")):
        data = {"session_id": session, "customer_reference": f"user of {session}", "result": "APPROVED"}
        await box(receive(written({"event": f"merchant.kyc.session.{name}", "data": data})))
    await box(receive(written({"event": "signa_id.grant.revoked", "data": {"release_id": "r1"}})))
    assert "s2" == (await box.wait_for(SignaSessionCompleted, session_id="s2", deadline=0.1)).data.session_id
    completed = await box.wait_for(SignaSessionCompleted, customer_reference="user of s1", deadline=0.1)
    assert "s1" == completed.data.session_id
    expired = await box.wait_for(SignaSessionExpired, session_id="s3", customer_reference="user of s3", deadline=0.1)
    assert "s3" == expired.data.session_id
    assert "r1" == (await box.wait_for(SignaIdGrantRevoked, release_id="r1", deadline=0.1)).data.release_id


async def test_a_condition_of_the_callers_own_tells_events_apart_and_its_fault_is_the_callers() -> None:
    box, handled = inbox(max_age=0.5), list[str]()
    await box(event("e1", customer_id="a"))
    await box(event("e2", customer_id="b"))
    assert "e2" == (await box.wait_for(CustomerStatusChanged, where=lambda each: each.customer_id > "a")).payload["event_id"]

    await anyio.sleep(1.0)  # they are forgotten

    def broken(_: Event) -> bool:
        raise KeyError

    async def arrives() -> None:
        await box(event("e3"))
        handled.append("e3")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later, 1.0, arrives)
        with pytest.raises(KeyError):
            await box.wait_for(Event, where=broken)
    assert ["e3"] == handled


async def test_a_condition_that_would_have_to_be_awaited_is_refused() -> None:
    async def never(_: Event) -> bool:
        return False

    box = inbox()
    await box(event("e1"))
    with pytest.raises(ConfigurationError, match="plain function"):
        await box.wait_for(Event, where=cast("Any", lambda each: (each, never(each))[1]))
    with pytest.raises(ConfigurationError, match="plain function"):
        await inbox().wait_for(Event, where=cast("Any", never))


async def test_everyone_who_waits_for_an_event_gets_it() -> None:
    box, found = inbox(), list[str]()

    async def wait() -> None:
        found.append((await box.wait_for(CustomerStatusChanged)).payload["event_id"])

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(wait)
        tasks.start_soon(later, 1.0, box, event("e1"))
    assert ["e1"] * 3 == found


async def test_news_tells_of_each_fitting_event_once_also_of_those_between_two_looks() -> None:
    box = inbox()
    await box(event("before"))
    news = box.news(CustomerStatusChanged, customer_id="a")
    await box(event("e1", customer_id="a"))
    await box(event("e2", customer_id="b"))
    await box(event("e3", customer_id="a"))
    for _ in range(2):
        with anyio.fail_after(1.0):
            await news()
    with anyio.move_on_after(1.0) as scope:
        await news()
    assert scope.cancelled_caught


async def test_a_call_that_waits_is_hastened_by_the_webhook(bind: Bind) -> None:
    sandbox, handlers, box = Sandbox(limits=None, now=lambda: anyio.current_time() + 1e9), Handlers(), inbox()
    handlers.on(Event)(box)
    async with bind(sandbox) as blaaiz:
        urls = {f"{each}_url": "https://shop.example/hooks" for each in ("payout", "collection", "kyc")}
        secret = (await blaaiz.webhooks.register(urls)).signing_secret
        app = webhook_app(WebhookVerifier(secret, clock=lambda: anyio.current_time() + 1e9), handlers)
        person = {"type": "individual", "first_name": "Ada", "last_name": "Obi", "email": "ada@example.com", "country": "NG"}
        customer = await blaaiz.customers.create({**person, "id_type": "passport", "id_number": "A1234567"})
        began = anyio.current_time()

        async def decide() -> None:
            sandbox.decide(customer.id, "VERIFIED")
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
                await sandbox.deliver_due(client)

        async with anyio.create_task_group() as tasks:
            # By itself it looks at 0, 2, 6, 14, 30 and 60 s.
            tasks.start_soon(later, 31.0, decide)
            news = box.news(CustomerStatusChanged, customer_id=customer.id)
            verified = await blaaiz.customers.wait(customer.id, deadline=300.0, news=news)
        assert "VERIFIED" == verified.verification_status
        assert anyio.current_time() - began < 33
        assert "customer.created" == (await box.wait_for(CustomerCreated)).name
