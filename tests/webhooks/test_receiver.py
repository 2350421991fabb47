"""The receiver: each event is handled to success once, nothing forged is, and the answers bring back what must come back."""

import asyncio
import contextlib
import functools
import itertools
import json
import logging
import math
import sys
import time
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast
from unittest.mock import MagicMock

import anyio
import anyio.lowlevel
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blaaiz_async import ConfigurationError
from blaaiz_async.redis import RedisSeenStore
from blaaiz_async.webhooks import (
    AnyEvent,
    CollectionEvent,
    CustomerCreated,
    CustomerEvent,
    CustomerStatusChanged,
    DeliveryQueue,
    Event,
    Handlers,
    MemorySeenStore,
    SeenStore,
    SqliteSeenStore,
    UnknownEvent,
    WebhookApp,
    receiver,
    webhook_app,
)
from blaaiz_async.webhooks.handling import key_of
from tests.webhooks.deliveries import Work, delivery, genuine, send, send_all, signed_delivery, storm
from tests.webhooks.payloads import SECRET
from tests.webhooks.test_verifier import verifier

pytestmark = pytest.mark.anyio


def app_with(handler: Callable[[Any], Awaitable[object]], **options: Any) -> WebhookApp:
    handlers = Handlers()
    handlers.on(CustomerStatusChanged)(handler)
    return webhook_app(verifier(), handlers, **options)


@pytest.fixture(params=["none", "memory", "sqlite", "redis"])
async def seen(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend_name: str) -> AsyncIterator[SeenStore | None]:
    if request.param == "none":
        yield None
    elif request.param == "memory":
        yield MemorySeenStore()
    elif request.param == "sqlite":
        async with SqliteSeenStore(tmp_path / "seen.sqlite") as store:
            yield store
    elif anyio_backend_name == "trio":
        pytest.skip("redis-py is for asyncio only")
    else:
        async with RedisSeenStore(request.getfixturevalue("redis_url"), name=str(tmp_path)) as store:
            yield store


async def test_each_event_is_handled_to_success_once_and_nothing_forged_is(
    seen: SeenStore | None, anyio_backend_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "blaaiz_async")  # a thousand failures are meant
    # The disk is slow, and the event loops differ in nothing here: a tenth is enough for the second.
    count = 1_000 if (anyio_backend_name, type(seen)) == ("trio", SqliteSeenStore) else 10_000
    deliveries, work = storm(7, count), Work(7)
    statuses = await send_all(app_with(work, seen=seen), deliveries)
    assert Counter(set(genuine(deliveries))) == work.done
    assert {400: count // 20} == {status: number for (true, status), number in statuses.items() if not true}
    assert count - count // 20 == statuses[True, 204]
    # The storm was one: there were failures, each answered 500, and repeats that met the first one still under way.
    assert work.failures == statuses[True, 500] > count // 20
    assert statuses[True, 503] > count // 100


async def test_a_repeat_is_told_to_come_again_while_the_first_is_under_way_and_is_done_after(seen: SeenStore | None) -> None:
    began, go, handled = anyio.Event(), anyio.Event(), list[str]()

    async def handler(event: CustomerStatusChanged) -> None:
        began.set()
        await go.wait()
        handled.append(event.payload["event_id"])

    app, statuses = app_with(handler, seen=seen), list[int]()
    async with anyio.create_task_group() as tasks:

        async def first() -> None:
            statuses.append(await send(app, delivery("e1")))

        tasks.start_soon(first)
        await began.wait()
        assert 503 == await send(app, delivery("e1"))
        go.set()
    assert [204] == statuses
    assert 204 == await send(app, delivery("e1"))
    assert ["e1"] == handled


async def test_a_cancelled_handler_gives_its_claim_back(seen: SeenStore | None, anyio_backend_name: str) -> None:
    handler = Interrupted()
    app = app_with(handler, seen=seen)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send, app, delivery("e1"))
        await handler.began.wait()
        tasks.cancel_scope.cancel()
    if anyio_backend_name == "asyncio":  # as servers do it at their shutdown
        handler.began = anyio.Event()
        task = asyncio.ensure_future(send(app, delivery("e1")))
        with anyio.fail_after(60):
            await handler.began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [] == handler.done
    handler.patience = 0.0
    assert [204, 204] == [await send(app, delivery("e1")) for _ in range(2)]
    assert ["e1"] == handler.done


class Interrupted:
    """A handler that waits for something that never comes, until it has no patience."""

    def __init__(self) -> None:
        self.began, self.patience, self.done = anyio.Event(), math.inf, list[str]()

    async def __call__(self, event: CustomerStatusChanged) -> None:
        self.began.set()
        await anyio.sleep(self.patience)
        self.done.append(event.payload["event_id"])


class Broken(MemorySeenStore):
    """Fails, or is interrupted, in the steps that it is told to; each step once."""

    def __init__(self, **steps: type[BaseException]) -> None:
        super().__init__()
        self.steps = steps

    async def claim(self, key: str, *, owner: str, lease: float) -> Any:
        claim = await super().claim(key, owner=owner, lease=lease)
        self._break("claim")
        return claim

    async def done(self, key: str) -> None:
        self._break("done")
        await super().done(key)

    def _break(self, step: str) -> None:
        if error := self.steps.pop(step, None):
            raise error("sesame")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_was_handled_is_remembered_though_the_task_is_cancelled_just_then() -> None:
    work = Work(1, failing=0.0)
    app = app_with(work, seen=Broken(done=asyncio.CancelledError))
    with pytest.raises(asyncio.CancelledError):
        await send(app, delivery("e1"))
    assert 204 == await send(app, delivery("e1"))
    assert {"e1": 1} == work.done


async def test_a_store_that_fails_before_the_handler_brings_the_event_again_and_one_that_fails_after_it_does_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = Work(1, failing=0.0)
    app = app_with(work, seen=Broken(claim=ConnectionError, done=ConnectionError))
    # The claim itself took effect before it failed, and is given back.
    assert [503, 204, 204] == [await send(app, delivery("e1")) for _ in range(3)]
    assert {"e1": 1} == work.done
    assert "ConnectionError" in caplog.text
    assert "sesame" not in caplog.text


async def test_an_overlong_handler_is_cancelled_and_the_event_comes_again() -> None:
    slow = [True, False]

    async def handler(event: CustomerStatusChanged) -> None:
        if slow.pop(0):
            await anyio.sleep_forever()

    app = app_with(handler, deadline=0.001)
    assert [500, 204, 204] == [await send(app, delivery("e1")) for _ in range(3)]


async def test_what_a_handler_waits_for_may_fail_or_be_cut_off_and_the_deadline_holds_over_all_of_it() -> None:
    steps = list[str]()

    async def handler(event: CustomerStatusChanged) -> None:
        with anyio.move_on_after(0.001):
            await anyio.sleep_forever()
        steps.append("cut off by itself")
        if event.payload["event_id"] == "e1":
            return
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.001)
            steps.append("cleaned up")

    app = app_with(handler, deadline=0.05)
    assert [204, 500] == [await send(app, delivery(each)) for each in ("e1", "e2")]
    assert ["cut off by itself", "cut off by itself", "cleaned up"] == steps


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_was_cut_off_first_is_not_the_current_exception_of_what_follows_and_is_let_go() -> None:
    seen, held = list[object](), list[weakref.ref[Any]]()

    async def handler(event: CustomerStatusChanged) -> None:
        future = asyncio.get_running_loop().create_future()
        held.append(weakref.ref(future))
        with anyio.move_on_after(0.001):
            await future
        del future
        seen.append(sys.exception())
        await anyio.sleep(0.001)
        seen.append(held[0]())

    assert 204 == await send(app_with(handler), delivery("e1"))
    assert [None, None] == seen


async def test_the_deadline_counts_from_before_the_first_wait() -> None:
    async def handler(event: CustomerStatusChanged) -> None:
        time.sleep(0.06)  # noqa: ASYNC251  # a handler that blocks
        await anyio.sleep(0.03)

    assert 500 == await send(app_with(handler, deadline=0.05), delivery("e1"))


async def test_a_long_handling_is_answered_before_the_next_begins() -> None:
    steps = list[str]()

    async def handler(event: CustomerStatusChanged) -> None:
        time.sleep(0.005)  # noqa: ASYNC251  # a handler that blocks
        steps.append("handled")

    async def one(number: int) -> None:
        await send(app, delivery(f"e{number}"))
        steps.append("answered")

    app = app_with(handler)
    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(one, number)
    assert ["handled", "answered"] * 3 == steps


async def test_what_comes_together_is_handled_before_any_of_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "_AT_ONCE", math.inf)
    steps, number = list[str](), itertools.count()

    async def handler(event: CustomerStatusChanged) -> None:
        steps.append("handled")

    async def one() -> None:
        await send(app, delivery(f"e{next(number)}"))
        steps.append("answered")

    async def together(many: int) -> list[str]:
        steps.clear()
        async with anyio.create_task_group() as tasks:
            for _ in range(many):
                tasks.start_soon(one)
        return [*steps]

    app = app_with(handler)
    assert ["handled"] * 3 + ["answered"] * 3 == await together(3)
    for _ in range(100):
        await one()
    assert ["handled", "answered"] * 3 == await together(3)  # since all have come one by one, nobody waits for others
    await together(100)
    assert ["handled"] * 3 + ["answered"] * 3 == await together(3)


async def test_a_store_that_takes_too_long_is_not_mistaken_for_a_handler_that_does(caplog: pytest.LogCaptureFixture) -> None:
    class Slow(MemorySeenStore):
        async def is_done(self, key: str) -> bool:
            raise TimeoutError

    handlers, work = Handlers(), Work(1, failing=0.0)
    handlers.on(Event, name="one")(work)
    handlers.on(Event, name="two")(work)
    assert 503 == await send(webhook_app(verifier(), handlers, seen=Slow()), delivery("e1"))
    assert "the seen store failed" in caplog.text


async def test_a_handler_counts_from_when_it_is_added() -> None:
    handlers, work = Handlers(), Work(1, failing=0.0)
    app = webhook_app(verifier(), handlers)
    assert 204 == await send(app, delivery("e1"))
    handlers.on(CustomerStatusChanged)(work)
    assert 204 == await send(app, delivery("e1"))
    assert {"e1": 1} == work.done


async def test_a_killed_process_loses_its_claim_when_the_lease_lapses_and_not_before() -> None:
    now = [0.0]
    seen = MemorySeenStore(clock=lambda: now[0])
    work = Work(1, failing=0.0)
    app = app_with(work, seen=seen, deadline=10.0)
    one = delivery("e1")
    key = key_of(verifier().receive(one.body, one.headers))
    assert "new" == await seen.claim(key, owner="the dead", lease=app._handling.lease)
    now[0] = 39.9
    assert 503 == await send(app, one)
    now[0] = 40.0
    assert 204 == await send(app, one)
    assert {"e1": 1} == work.done


async def test_every_matching_handler_runs_in_order_and_what_succeeded_is_not_run_again(seen: SeenStore | None) -> None:
    handlers, ran, failing = Handlers(), list[str](), [True]

    @handlers.on(Event)
    async def first(event: Event) -> None:
        ran.append("first")

    @handlers.on(CollectionEvent, CustomerCreated)
    async def other(event: CollectionEvent | CustomerCreated) -> None:
        ran.append("other")

    @handlers.on(Event)
    async def second(event: Event) -> None:
        ran.append("second")

    @handlers.on(CustomerEvent)
    async def third(event: CustomerEvent) -> None:
        ran.append("third")
        if failing.pop() if failing else False:
            raise ValueError

    @handlers.on(CustomerStatusChanged)
    async def fourth(event: CustomerStatusChanged) -> None:
        ran.append("fourth")

    app = webhook_app(verifier(), handlers, seen=seen)
    assert [500, 204, 204] == [await send(app, delivery("e1")) for _ in range(3)]
    assert ["first", "second", "third", "third", "fourth"] == ran


async def test_what_succeeded_is_not_run_again_though_the_event_comes_in_another_shape(seen: SeenStore | None) -> None:
    handlers, ran = Handlers(), list[str]()

    @handlers.on(Event)
    async def pay(event: Event) -> None:
        ran.append("pay")

    @handlers.on(UnknownEvent)
    async def alert(event: UnknownEvent) -> None:
        raise OSError

    app = webhook_app(verifier(), handlers, seen=seen)
    assert 500 == await send(app, delivery("e1", new_status=[]))
    assert [204, 204] == [await send(app, delivery("e1")) for _ in range(2)]
    assert ["pay"] == ran


class EvilError(Exception):
    """Fails wherever one looks at it."""

    @property
    def __cause__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("sesame")


async def test_an_error_that_can_not_be_looked_at_is_a_failure_like_any_other(
    seen: SeenStore | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(event: CustomerStatusChanged) -> None:
        raise EvilError("sesame")

    assert 500 == await send(app_with(handler, seen=seen), delivery("e1"))
    assert "EvilError" in caplog.text
    assert "sesame" not in caplog.text


class EvilGroup(BaseExceptionGroup[BaseException]):
    """Fails when one takes a part of it."""

    def derive(self, excs: object, /) -> Any:
        raise RuntimeError("sesame")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_error_that_can_not_be_told_from_a_cancellation_stays_here(
    seen: SeenStore | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(event: CustomerStatusChanged) -> None:
        raise EvilGroup("sesame", [asyncio.CancelledError(), ValueError()])

    assert 503 == await send(app_with(handler, seen=seen), delivery("e1"))
    assert "has to come again: RuntimeError" in caplog.text
    assert "sesame" not in caplog.text


@pytest.mark.parametrize("seen", ["memory", "sqlite", "redis"], indirect=True)
async def test_what_succeeded_beside_a_handler_that_is_gone_since_is_not_run_again(seen: SeenStore | None) -> None:
    ran = list[str]()

    async def pays(event: Event) -> None:
        ran.append("pays")

    async def fails(event: Event) -> None:
        raise ValueError

    both, one = Handlers(), Handlers()
    for handlers in (both, one):
        handlers.on(Event, name="pays")(pays)
    both.on(Event, name="fails")(fails)
    assert 500 == await send(webhook_app(verifier(), both, seen=seen), delivery("e1"))
    assert 204 == await send(webhook_app(verifier(), one, seen=seen), delivery("e1"))  # as after a rollback
    assert ["pays"] == ran


@pytest.mark.parametrize("value", [None, 0, 1, "done", object()])
async def test_a_plain_function_works_once_too_whatever_it_returns(value: object) -> None:
    ran = list[str]()

    def plain(event: CustomerStatusChanged) -> object:
        ran.append(event.name)
        return value

    wrong: Any = plain
    app = app_with(wrong)
    assert [204, 204] == [await send(app, delivery("e1")) for _ in range(2)]
    assert ["customer.status_changed"] == ran


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancellation_of_what_a_handler_awaits_is_a_failure_and_stops_nobody(tmp_path: Path) -> None:
    tried, handled = anyio.Event(), anyio.Event()

    async def handler(event: CustomerStatusChanged) -> None:
        if event.payload["event_id"] == "e1":
            tried.set()
            other = asyncio.ensure_future(anyio.sleep_forever())
            other.cancel()
            await other
        handled.set()

    assert 500 == await send(app_with(handler), delivery("e1"))
    tried = anyio.Event()
    async with DeliveryQueue(tmp_path / "queue.sqlite") as queue:
        app = app_with(handler, queue=queue)
        async with app.working():
            assert 204 == await send(app, delivery("e1"))
            with anyio.fail_after(60):
                await tried.wait()
            assert 204 == await send(app, delivery("e2"))
            with anyio.fail_after(60):
                await handled.wait()


async def test_a_body_in_tiny_parts_costs_no_more_than_its_length() -> None:
    app, left = app_with(Work(1)), 1024 * 1024 // 2

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": b"xx", "more_body": left > 0}

    async def answer(message: Any) -> None:
        pass

    began = time.process_time()
    await app({"type": "http", "method": "POST", "headers": []}, receive, answer)
    assert 0 == left
    assert time.process_time() - began < 3  # seconds; copied with every part, it takes more than twice that


async def test_what_nobody_handles_or_nobody_knows_is_answered_with_success() -> None:
    handlers, unknown = Handlers(), list[UnknownEvent]()
    app = webhook_app(verifier(), handlers)
    assert 204 == await send(app, delivery("e1"))
    handlers.on(UnknownEvent)(_append_to(unknown))
    for body in (b"{}", b'{"event":"brand.new"}'):
        assert 204 == await send(app, signed_delivery(body))
    assert ["unknown", "brand.new"] == [each.name for each in unknown]


async def test_what_is_delivered_once_and_cut_off_is_told_as_a_loss(caplog: pytest.LogCaptureFixture) -> None:
    handlers = Handlers()

    @handlers.on(Event)
    async def hang(event: Event) -> None:
        del event
        await anyio.sleep_forever()

    body = b'{"type": "auto_deposit_email.active", "event_id": "a1", "email": "ada@example.com", "status": "ACTIVE"}'
    with anyio.move_on_after(0.05):
        await send(webhook_app(verifier(), handlers), signed_delivery(body))
    assert "auto_deposit_email.active:a1) won't come again" in caplog.text


@pytest.mark.parametrize("broken", [{}, {"claim": ConnectionError}])
@pytest.mark.parametrize("kind", ["active", "of a kind to come"])
async def test_a_failure_on_what_is_delivered_once_is_told_as_a_loss_and_no_other_is(
    kind: str, broken: dict[str, type[BaseException]], caplog: pytest.LogCaptureFixture
) -> None:
    handlers = Handlers()
    handlers.on(Event)(Work(1, failing=1.0))
    body = {"type": f"auto_deposit_email.{kind}", "event_id": "a1", "email": "ada@example.com", "status": "ACTIVE"}
    app = webhook_app(verifier(), handlers, seen=Broken(**broken))
    assert (503 if broken else 500) == await send(app, signed_delivery(json.dumps(body).encode()))
    assert f"auto_deposit_email.{kind}:a1) won't come again" in caplog.text
    assert "ada@example.com" not in caplog.text
    caplog.clear()
    assert 500 == await send(app, delivery("e1"))
    assert "won't come again" not in caplog.text


async def test_a_union_stands_for_all_its_classes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "blaaiz_async")
    handlers, events = Handlers(), list[Event]()
    handlers.on(cast("Any", AnyEvent))(_append_to(events))
    handlers.on(cast("Any", CollectionEvent | CustomerEvent), name="two")(_append_to(events))
    app = webhook_app(verifier(), handlers)
    assert 204 == await send(app, delivery("e1"))
    assert 204 == await send(app, delivery("e2", new_status=["no", "status"]))  # AnyEvent looks after unknown ones
    assert [CustomerStatusChanged, CustomerStatusChanged, UnknownEvent] == [type(each) for each in events]
    assert "" == caplog.text


def test_a_handler_that_would_never_run_is_refused() -> None:
    async def yields(event: Event) -> AsyncIterator[None]:
        yield

    def yields_too(event: Event) -> Iterator[None]:
        yield

    class YieldsWhenCalled:
        async def __call__(self, event: Event) -> AsyncIterator[None]:
            yield

    for wrong in (yields, yields_too, YieldsWhenCalled()):
        with pytest.raises(ConfigurationError, match="yield"):
            Handlers().on(Event)(cast("Any", wrong))


async def test_a_handler_that_returns_what_was_never_run_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    async def yields(event: Event) -> AsyncIterator[None]:
        yield

    async def hands_on(event: Event) -> AsyncIterator[None]:
        return yields(event)

    for wrong in (functools.partial(yields), hands_on):
        handlers = Handlers()
        handlers.on(Event, name="wrong")(cast("Any", wrong))
        assert 500 == await send(webhook_app(verifier(), handlers), delivery("e1"))
    assert 2 == caplog.text.count("the handler wrong did nothing")


async def test_a_handler_that_forgets_an_await_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    class Query:
        def __await__(self) -> Iterator[None]:
            yield

    for forgotten in (anyio.lowlevel.checkpoint(), Query()):
        handlers = Handlers()

        @handlers.on(Event, name="wrong")
        async def forgets(event: Event) -> object:
            return forgotten  # noqa: B023  # it is called within the turn

        assert 500 == await send(webhook_app(verifier(), handlers), delivery("e1"))
    assert 2 == caplog.text.count("the handler wrong did nothing")


@pytest.mark.parametrize("result", [contextlib.ExitStack(), contextlib.AsyncExitStack(), MagicMock(), False], ids=type)
async def test_what_a_handler_returns_that_did_its_work_counts_for_nothing(result: object) -> None:
    handlers, handled = Handlers(), list[Event]()

    @handlers.on(Event)
    def plain(event: Event) -> Any:  # such as a cursor, or an answer, which close with a block
        handled.append(event)
        return result

    app = webhook_app(verifier(), handlers)
    assert [204, 204] == [await send(app, delivery("e1")) for _ in range(2)]
    assert 1 == len(handled)


async def test_what_its_handler_can_not_take_comes_again_until_somebody_does(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "blaaiz_async")
    handlers, every, unknown = Handlers(), list[Event](), list[UnknownEvent]()
    handlers.on(Event, name="all")(_append_to(every))
    app = webhook_app(verifier(), handlers)
    assert 204 == await send(app, delivery("e1", new_status=["john@example.com"]))
    assert "" == caplog.text  # nobody wanted more than any event
    handlers.on(CustomerEvent, name="customers")(_append_to([]))
    misfit = delivery("e2", new_status=["john@example.com"])
    assert [500, 500] == [await send(app, misfit) for _ in range(2)]
    assert "customer.status_changed:e2" in caplog.text
    assert "so customers can't take it; handle UnknownEvent too" in caplog.text
    assert "john@example.com" not in caplog.text
    caplog.clear()
    handlers.on(UnknownEvent, name="unknown")(_append_to(unknown))
    assert [204, 204] == [await send(app, misfit) for _ in range(2)]
    assert "" == caplog.text
    assert ["customer.status_changed"] == [each.name for each in unknown]
    assert ["e1", "e2"] == [each.payload["event_id"] for each in every]


async def test_what_its_handler_can_not_take_waits_in_the_queue(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    handlers = Handlers()
    handlers.on(CustomerEvent, name="customers")(_append_to([]))
    async with DeliveryQueue(tmp_path / "queue.sqlite") as queue:
        app = webhook_app(verifier(), handlers, queue=queue)
        async with app.working():
            assert 204 == await send(app, delivery("e1", new_status=[]))
            with anyio.fail_after(60):
                while "can't take it" not in caplog.text:  # noqa: ASYNC110  # the log has no event to wait for
                    await anyio.sleep(0.01)
        assert 1 == await queue.size()


def _append_to(events: list[Any]) -> Callable[[Any], Awaitable[None]]:
    async def append(event: Any) -> None:
        events.append(event)

    return append


async def test_neither_log_nor_answer_shows_what_an_event_holds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    app = app_with(Work(1, failing=1.0))  # its error quotes the customer's e-mail address
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as client:
        one, forged = delivery("e1"), delivery("e2")
        failed = await client.post("/", content=one.body, headers=one.headers)
        refused = await client.post("/", content=forged.body + b" ", headers=forged.headers)
    assert [(500, b""), (400, b"")] == [(each.status_code, each.content) for each in (failed, refused)]
    assert "RuntimeError at " in caplog.text
    assert "deliveries.py" in caplog.text
    assert "the signature doesn't match" in caplog.text
    for secret in (SECRET, "john@example.com", one.signature, forged.signature):
        assert secret not in caplog.text


async def test_an_event_writes_no_line_of_its_own_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "blaaiz_async")
    forged = "x\nERROR a fake line\x1b[2J\u202e\u2028"
    body = json.dumps({"event": forged, "event_id": f"{forged}é"}).encode()
    assert 204 == await send(webhook_app(verifier(), Handlers()), signed_delivery(body))
    (message,) = (each.getMessage() for each in caplog.records)
    assert r"x\nERROR a fake line\x1b[2J\u202e\u2028" in message
    assert message.isprintable()
    assert "é" in message


CHUNKS = st.lists(st.binary(max_size=9) | st.binary(min_size=18, max_size=22), max_size=8)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@settings(deadline=None)
@given(chunks=CHUNKS, declared=st.one_of(st.none(), st.integers(0, 60).map(str), st.sampled_from(["-1", "x", "9" * 5000])))
async def test_no_more_than_the_limit_is_read_however_it_is_declared(chunks: list[bytes], declared: str | None) -> None:
    app, statuses, left = app_with(Work(1), max_body=20), list[int](), [*chunks]
    headers = [] if declared is None else [(b"content-length", declared.encode())]

    async def receive() -> dict[str, Any]:
        part = left.pop(0) if left else b""
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def answer(message: Any) -> None:
        statuses.append(message.get("status", 0))

    await app({"type": "http", "method": "POST", "headers": headers}, receive, answer)
    taken = chunks[: len(chunks) - len(left)]
    declared_too_long = declared is not None and declared.isdigit() and int(declared[:9]) > 20
    too_long = declared_too_long or sum(map(len, chunks)) > 20
    assert [413 if too_long else 400, 0] == statuses
    assert ([] if declared_too_long else chunks) == taken or len(b"".join(taken[:-1])) <= 20


async def test_only_post_is_answered_and_a_caller_who_leaves_is_not() -> None:
    app, sent = app_with(Work(1)), list[Any]()

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def answer(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "method": "POST", "headers": []}, gone, answer)
    assert [] == sent
    await app({"type": "http", "method": "GET", "headers": []}, gone, answer)
    assert (405, (b"allow", b"POST")) == (sent[0]["status"], sent[0]["headers"][0])


def test_wrong_settings_are_refused() -> None:
    handlers = Handlers()
    wrong: list[dict[str, Any]] = [{"deadline": 0}, {"max_body": 0}, {"deadline": math.nan}]
    for options in wrong:
        with pytest.raises(ConfigurationError):
            webhook_app(verifier(), handlers, **options)
    for handler in (None, "name", Handlers.matching, lambda: None, lambda event, other: None):
        with pytest.raises(ConfigurationError, match="can't be called with an event alone"):
            Handlers().on(Event)(handler)  # type: ignore[arg-type]

    async def two(event: Event, session: object) -> None: ...

    @functools.wraps(two)
    async def with_session(event: Event) -> None:
        await two(event, object())

    Handlers().on(Event)(with_session)
    with pytest.raises(ConfigurationError, match="classes"):
        handlers.on()
    for kinds in (("customer.status_changed",), (dict,), ((Event, CustomerEvent),), (Event, CollectionEvent | None)):
        with pytest.raises(ConfigurationError, match="event classes"):
            handlers.on(*cast("Any", kinds))
    handlers.on(Event, name="mine")(Work(1))
    with pytest.raises(ConfigurationError, match="mine"):
        handlers.on(Event, name="mine")(Work(1))


def test_the_example_of_the_contract_is_as_the_tests_need_it() -> None:
    assert {"customer_email": "john@example.com"}.items() <= json.loads(delivery("e1").body).items()
