"""The receiver when what is around it goes wrong: handlers that raise anything, clocks that jump, files that are locked."""

import asyncio
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
import trio

from blaaiz_async.webhooks import (
    AutoDepositEmailActivated,
    CustomerStatusChanged,
    DeliveryQueue,
    Event,
    Handlers,
    MemorySeenStore,
    SqliteSeenStore,
    WebhookApp,
    background,
    handling,
    receiver,
    webhook_app,
)
from tests.webhooks.deliveries import Work, delivery, send, signed_delivery
from tests.webhooks.test_seen import AT, contents
from tests.webhooks.test_verifier import verifier

pytestmark = pytest.mark.anyio

WORDS = "john@example.com"


class Fatal(BaseException):
    """As some libraries raise it, so that `except Exception` doesn't catch it."""


def app_with(handler: Any, **options: Any) -> WebhookApp:
    handlers = Handlers()
    handlers.on(CustomerStatusChanged, name="handler")(handler)
    return webhook_app(verifier(), handlers, **options)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Hold a read transaction open, as a backup does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin")
        other.execute("select count(*) from sqlite_master").fetchall()
        yield


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Hold the write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        yield
        other.execute("rollback")


async def until(done: Callable[[], bool]) -> None:
    """Wait for what has no event of its own."""
    with anyio.fail_after(60):
        while not done():  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def emptied(queue: DeliveryQueue) -> None:
    """Wait until nothing waits in it."""
    with anyio.fail_after(60):
        while await queue.size():  # noqa: ASYNC110
            await anyio.sleep(0.01)


ERRORS = [Fatal(WORDS), BaseExceptionGroup(WORDS, [Fatal(WORDS)]), asyncio.CancelledError(WORDS)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_whatever_a_handler_raises_is_its_failure_and_ends_nothing_else(
    error: BaseException, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failing, handled = [True], anyio.Event()

    async def handler(event: CustomerStatusChanged) -> None:
        if event.payload["event_id"] == "e1" and failing[0]:
            raise error
        handled.set()

    app = app_with(handler)
    assert 500 == await send(app, delivery("e1"))
    async with DeliveryQueue(tmp_path / "queue.sqlite") as queue:
        queued = app_with(handler, queue=queue)
        async with queued.working():
            assert 204 == await send(queued, delivery("e1"))
            await until(lambda: caplog.text.count("the handler handler failed") == 2)
            assert 204 == await send(queued, delivery("e2"))
            with anyio.fail_after(60):
                await handled.wait()
        assert 1 == await queue.size()
    failing[0] = False
    assert 204 == await send(app, delivery("e1"))
    assert WORDS not in caplog.text


ENDS = [SystemExit(), KeyboardInterrupt(), BaseExceptionGroup("", [KeyboardInterrupt()])]


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
async def test_the_end_of_the_process_is_no_handlers_failure(error: BaseException) -> None:
    def handler(event: CustomerStatusChanged) -> None:
        raise error  # as a signal's handler does, wherever the program is

    app = app_with(handler)
    with pytest.raises(type(error)):
        await send(app, delivery("e1"))
    assert set() == app._handling._under_way


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_that_a_handler_leaves_cancelled_ends_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    handled = anyio.Event()

    async def handler(event: CustomerStatusChanged) -> None:
        if event.payload["event_id"] == "e1":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await anyio.lowlevel.checkpoint()
        handled.set()

    async with DeliveryQueue(tmp_path / "queue.sqlite") as queue:
        app = app_with(handler, queue=queue)
        async with app.working():
            assert 204 == await send(app, delivery("e1"))
            await until(lambda: "was cut off and begins anew" in caplog.text)
            assert 204 == await send(app, delivery("e2"))
            with anyio.fail_after(60):
                await handled.wait()


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_a_nursery_that_is_cut_off_is_no_handlers_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    began, go_on = anyio.Event(), [False]

    async def handler(event: CustomerStatusChanged) -> None:
        if go_on[0]:
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(trio.sleep_forever)
            began.set()

    async with DeliveryQueue(tmp_path / "queue.sqlite") as queue:
        app = app_with(handler, queue=queue)
        async with app.working(grace=0.01):
            assert 204 == await send(app, delivery("e1"))
            await began.wait()
        go_on[0] = True
        async with app.working():  # due at once
            await emptied(queue)
    assert "failed" not in caplog.text


async def test_a_row_that_can_not_be_read_ends_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    work = Work(1, failing=0.0)
    async with DeliveryQueue(tmp_path / "queue.sqlite") as queue:
        assert 0 == await queue.size()
        with closing(sqlite3.connect(queue.path)) as other, other:
            other.execute("insert into delivery values ('k1', x'7b7d', 1e300, 0, 0), ('k2', '{}', 0, 0, 0)")
        app = app_with(work, queue=queue)
        async with app.working():
            assert 204 == await send(app, delivery("e1"))
            await until(lambda: bool(work.done))
        assert 2 == await queue.size()
    assert "the queue can't be read: OverflowError" in caplog.text
    assert "can't be read; it is kept: TypeError" in caplog.text


async def test_a_clock_that_jumps_brings_nothing_to_run_twice_in_a_process(tmp_path: Path) -> None:
    now, began, go, ran = [time.time()], anyio.Event(), anyio.Event(), list[str]()

    async def handler(event: CustomerStatusChanged) -> None:
        ran.append(event.dedupe_key)
        began.set()
        await go.wait()

    async with SqliteSeenStore(tmp_path / "seen.sqlite", wall=lambda: now[0]) as seen:
        app = app_with(handler, seen=seen)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send, app, delivery("e1"))
            await began.wait()
            now[0] += 86_400.0
            assert 503 == await send(app, delivery("e1"))
            go.set()
        assert 204 == await send(app, delivery("e1"))
    assert 1 == len(ran)


class Restarting(MemorySeenStore):
    """Fails some times to remember."""

    failures = 0

    async def done(self, key: str) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        await super().done(key)


@pytest.mark.parametrize("failures", [2, 100])
async def test_what_was_handled_while_its_store_restarts_is_not_handled_again(
    failures: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handling, "_AGAIN_AFTER", (0.0, 0.0, 0.0))
    handlers, ran, seen = Handlers(), list[str](), Restarting()

    @handlers.on(Event)
    async def first(event: Event) -> None:
        ran.append("first")
        seen.failures = failures

    @handlers.on(Event)
    async def second(event: Event) -> None:
        ran.append("second")
        seen.failures = 0

    @handlers.on(Event)
    async def third(event: Event) -> None:
        ran.append("third")
        seen.failures = failures
        if ran.count("third") == 1:
            raise ValueError

    app = webhook_app(verifier(), handlers, seen=seen)
    assert [500, 204] == [await send(app, delivery("e1")) for _ in range(2)]
    assert ["first", "second", "third", "third"] == ran
    assert (failures > 4) is ("was handled, but only this process knows" in caplog.text)
    seen.failures = 0
    assert 204 == await send(app, delivery("e1"))
    assert 204 == await send(webhook_app(verifier(), handlers, seen=seen), delivery("e1"))  # it has been told since
    assert ["first", "second", "third", "third"] == ran


class Hanging(MemorySeenStore):
    """Takes for ever, once it is told to."""

    hangs = False

    async def is_done(self, key: str) -> bool:
        if self.hangs:
            await anyio.sleep_forever()
        return await super().is_done(key)

    async def done(self, key: str) -> None:
        if self.hangs:
            await anyio.sleep_forever()
        await super().done(key)


async def test_a_store_that_hangs_holds_up_an_answer_for_a_while_and_brings_nothing_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handling, "_REMEMBER_SECONDS", 0.05)
    work, seen = Work(1, failing=0.0), Hanging()

    async def work_and_hang(event: CustomerStatusChanged) -> None:
        await work(event)
        seen.hangs = True

    app = app_with(work_and_hang, seen=seen, deadline=0.1)
    assert [204, 204] == [await send(app, delivery("e1")) for _ in range(2)]
    assert "only this process knows: the store took too long" in caplog.text
    assert [503, 503] == [await send(app, delivery("e2")) for _ in range(2)]
    assert "the seen store failed" in caplog.text
    seen.hangs = False
    assert [204, 204] == [await send(app, delivery(each)) for each in ("e1", "e2")]
    assert {"e1": 1, "e2": 1} == work.done


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("back", [True, False])
async def test_what_was_handled_as_the_server_stopped_is_not_told_as_lost_nor_given_to_another(
    back: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handling, "_REMEMBER_SECONDS", 0.1)

    class Late(MemorySeenStore):
        began = 0
        up = False

        async def done(self, key: str) -> None:
            self.began += 1
            if not self.up:
                await anyio.sleep_forever()
            await super().done(key)

    def app() -> WebhookApp:
        handlers = Handlers()
        handlers.on(AutoDepositEmailActivated)(ran.append)
        return webhook_app(verifier(), handlers, seen=seen)

    ran, seen = list[Event](), Late()
    one = signed_delivery(
        b'{"type": "auto_deposit_email.active", "event_id": "a1", "email": "ada@example.com", "status": "ACTIVE"}'
    )
    first = app()
    stopped = asyncio.create_task(send(first, one))
    await until(lambda: seen.began == 1)
    seen.up = back
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert "won't come again" not in caplog.text
    assert (204 if back else 503) == await send(app(), one)
    seen.up = True
    assert 204 == await send(first, one)
    assert 204 == await send(app(), one)
    assert 1 == len(ran)


async def test_what_takes_too_long_from_the_queue_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "FIRST_DELAY", 0.01)
    begun = list[str]()

    async def handler(event: CustomerStatusChanged) -> None:
        begun.append(event.payload["event_id"])
        if len(begun) == 1:
            await anyio.sleep_forever()

    async with DeliveryQueue(tmp_path / "queue.sqlite") as queue:
        app = app_with(handler, queue=queue, deadline=0.05)
        async with app.working():
            assert 204 == await send(app, delivery("e1"))
            await emptied(queue)
    assert ["e1", "e1"] == begun
    assert "wasn't handled within 0.05 s and has to come again" in caplog.text


@pytest.mark.parametrize("slow", [True, False])
async def test_a_handler_after_one_that_swallowed_its_cancellation_waits_for_the_next_delivery(
    slow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(MemorySeenStore):
        async def is_done(self, key: str) -> bool:
            await anyio.lowlevel.checkpoint()
            return await super().is_done(key)

    handlers, ran = Handlers(), list[str]()

    @handlers.on(Event)
    async def stubborn(event: Event) -> None:
        ran.append("stubborn")
        with suppress(anyio.get_cancelled_exc_class()):
            await anyio.sleep_forever()

    @handlers.on(Event)
    async def innocent(event: Event) -> None:
        ran.append("innocent")

    app = webhook_app(verifier(), handlers, seen=Slow() if slow else None, deadline=0.05)
    assert [500, 204] == [await send(app, delivery("e1")) for _ in range(2)]
    assert ["stubborn", "innocent"] == ran
    assert "wasn't handled within 0.05 s" in caplog.text


async def test_processes_that_share_a_queue_remember_in_its_file(tmp_path: Path) -> None:
    work = Work(1, failing=0.0)
    async with DeliveryQueue(tmp_path / "a.sqlite") as one, DeliveryQueue(tmp_path / "a.sqlite") as other:
        for queue in (one, other):
            app = app_with(work, queue=queue)
            async with app.working():
                assert 204 == await send(app, delivery("e1"))
                await emptied(queue)
    assert {"e1": 1} == work.done
    assert {"a.sqlite"} == set(os.listdir(tmp_path))  # noqa: PTH208  # all is closed, and no log left


def test_event_loops_in_several_threads_share_a_store(tmp_path: Path) -> None:
    store = SqliteSeenStore(tmp_path / "seen.sqlite")

    async def remember(number: int) -> None:
        for each in range(5):
            await store.done(f"{number}-{each}")

    threads = [threading.Thread(target=anyio.run, args=(remember, number)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def all_done() -> list[bool]:
        async with store:
            return [await store.is_done(f"{number}-{each}") for number in range(4) for each in range(5)]

    assert [True] * 20 == anyio.run(all_done, backend="trio")


async def test_a_reader_of_the_queues_file_holds_nobody_up(tmp_path: Path) -> None:
    async with DeliveryQueue(tmp_path / "queue.sqlite") as queue:
        for key in ("k1", "k2"):
            await queue.put(key, WORDS.encode() * 100, AT)
        await queue.put_back("k2", after=3600.0)  # it waits, and hinders nobody from forgetting the other
        with reading(queue.path), anyio.fail_after(5):
            await queue.drop("k1")
            assert None is await queue.take(lease=10.0)
            await queue.put("k3", b"{}", AT)
        await queue.drop("k2")
        await queue.drop("k3")
        assert None is await queue.take(lease=10.0)
        assert WORDS.encode() not in contents(tmp_path)


async def test_when_the_work_ends_no_body_is_left_beside_the_file(tmp_path: Path) -> None:
    began, done = anyio.Event(), list[str]()

    async def handler(event: CustomerStatusChanged) -> None:
        began.set()
        await anyio.sleep(0.1)
        done.append(event.dedupe_key)

    async with DeliveryQueue(tmp_path / "queue.sqlite") as queue:
        app = app_with(handler, queue=queue)
        async with app.working():
            assert 204 == await send(app, delivery("e1"))
            await began.wait()
            assert WORDS.encode() in contents(tmp_path)
        assert 1 == len(done)
        assert WORDS.encode() not in contents(tmp_path)


async def test_a_locked_file_takes_one_thread_and_no_shutdown_waits_for_each(tmp_path: Path) -> None:
    statuses = list[int]()
    async with SqliteSeenStore(tmp_path / "seen.sqlite") as seen:
        app = app_with(Work(1, failing=0.0), seen=seen)
        assert 204 == await send(app, delivery("e0"))
        async with anyio.create_task_group() as tasks:

            async def one(number: int) -> None:
                statuses.append(await send(app, delivery(f"e{number}")))

            with writing(tmp_path / "seen.sqlite"):
                for number in range(1, 61):
                    tasks.start_soon(one, number)
                with anyio.fail_after(5):  # SQLite itself waits longer
                    await anyio.sleep(0.1)
                    assert "free" == await anyio.to_thread.run_sync(lambda: "free")
    assert [204] * 60 == statuses


async def test_a_body_that_never_comes_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receiver, "DEADLINE", 0.05)
    parts, answers = [b"{"], list[Any]()

    async def receive() -> dict[str, Any]:
        if not parts:
            await anyio.sleep_forever()
        return {"type": "http.request", "body": parts.pop(), "more_body": True}

    async def answer(message: Any) -> None:
        answers.append(message)

    await app_with(Work(1))({"type": "http", "method": "POST", "headers": []}, receive, answer)
    assert 408 == answers[0]["status"]
    assert (b"connection", b"close") in answers[0]["headers"]
    assert "it wasn't all here within" in caplog.text


async def test_this_process_remembers_the_latest_events_and_no_end_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "_EVENTS", 10)
    work = Work(1, failing=0.0)
    app = app_with(work)
    for number in [*range(100), *range(90, 100), 0]:
        assert 204 == await send(app, delivery(f"e{number}"))
    assert {**{f"e{number}": 1 for number in range(100)}, "e0": 2} == work.done
    assert 20 >= len(app._handling._progress._latest) + len(app._handling._progress._former)


async def test_at_debug_the_log_tells_what_became_of_every_delivery(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "blaaiz_async")
    app = app_with(Work(1, failing=0.0))
    for _ in range(2):
        await send(app, delivery("e1"))
    async with DeliveryQueue(tmp_path / "queue.sqlite") as queue:
        queued = app_with(Work(1, failing=0.0), queue=queue)
        async with queued.working():
            await send(queued, delivery("e2"))
            await emptied(queue)
    lines = [record.getMessage() for record in caplog.records]
    told = [(line.partition("_changed:")[2][:2], line.partition(")")[2]) for line in lines]
    assert [("e1", ": handled"), ("e1", ": handled before"), ("e2", ": kept in the queue")] == told[:3]
    assert ("e2", " from the queue, attempt 1: handled") == told[-1]
