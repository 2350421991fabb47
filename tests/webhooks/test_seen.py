"""Seen stores and the queue: what they remember, for how long, and what their files show."""

import asyncio
import gc
import sqlite3
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest
import redis
from redis.asyncio import Redis

from benchmarks.redis_server import RedisServer
from blaaiz_async import ConfigurationError
from blaaiz_async.redis import RedisSeenStore
from blaaiz_async.webhooks import (
    CustomerStatusChanged,
    DeliveryQueue,
    Handlers,
    MemorySeenStore,
    SeenStore,
    SqliteSeenStore,
    webhook_app,
)
from blaaiz_async.webhooks.handling import key_of
from blaaiz_async.webhooks.reading import read_event
from tests.conftest import VIRTUAL
from tests.webhooks.deliveries import Work, delivery, send, storm
from tests.webhooks.payloads import NOW
from tests.webhooks.test_verifier import verifier

pytestmark = pytest.mark.anyio
AT = datetime.fromtimestamp(NOW, UTC)


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
async def seen(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[SeenStore]:
    if request.param == "memory":
        yield MemorySeenStore(keep=100.0, clock=clock)
    else:
        async with SqliteSeenStore(tmp_path / "seen.sqlite", keep=100.0, wall=clock) as store:
            yield store


async def test_a_key_is_one_owners_until_the_lease_lapses_it_is_released_or_done(seen: SeenStore, clock: Clock) -> None:
    assert "new" == await seen.claim("k", owner="a", lease=10.0)
    clock.now += 9.9
    assert "running" == await seen.claim("k", owner="b", lease=10.0)
    clock.now += 0.1
    assert "new" == await seen.claim("k", owner="b", lease=10.0)
    await seen.release("k", owner="a")  # it has it no more
    assert "running" == await seen.claim("k", owner="c", lease=10.0)
    await seen.release("k", owner="b")
    assert "new" == await seen.claim("k", owner="c", lease=10.0)
    assert not await seen.is_done("k")
    await seen.done("k")
    await seen.release("k", owner="c")
    clock.now += 99.9
    assert "done" == await seen.claim("k", owner="d", lease=10.0)
    assert await seen.is_done("k")
    clock.now += 0.1
    assert not await seen.is_done("k")
    assert "new" == await seen.claim("k", owner="d", lease=10.0)


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
@pytest.mark.parametrize("queued", [True, False])
async def test_an_error_in_a_working_block_comes_out_as_it_is(
    queued: bool, kind: type[BaseException], tmp_path: Path
) -> None:
    async with DeliveryQueue(tmp_path / "q.sqlite") as queue:
        app = webhook_app(verifier(), Handlers(), queue=queue if queued else None)
        for _ in range(2):  # the second finds nothing of the first
            with pytest.raises(kind, match="mine"):
                async with app.working():
                    raise kind("mine")


async def test_a_second_working_block_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    handlers, handled = Handlers(), anyio.Event()

    @handlers.on(CustomerStatusChanged)
    async def handler(event: CustomerStatusChanged) -> None:
        handled.set()

    async with DeliveryQueue(tmp_path / "q.sqlite") as queue:
        app = webhook_app(verifier(), handlers, queue=queue)
        with anyio.fail_after(60):
            async with app.working():
                with pytest.raises(ConfigurationError, match="once is enough"):
                    async with app.working():
                        pytest.fail("it has begun")
                assert 204 == await send(app, delivery("e1"))
                await handled.wait()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_redis_keeps_the_same_promises_by_its_own_clock(redis_url: str, tmp_path: Path) -> None:
    async with RedisSeenStore(redis_url, name=str(tmp_path), keep=100.0) as seen, Redis.from_url(redis_url) as client:
        place = f"blaaiz:{{{tmp_path}}}:seen:k"
        assert "new" == await seen.claim("k", owner="a", lease=10.0)
        assert 9_000 < await client.pttl(place) <= 10_000
        assert "running" == await seen.claim("k", owner="b", lease=10.0)
        await seen.release("k", owner="b")
        assert "running" == await seen.claim("k", owner="b", lease=10.0)
        await seen.release("k", owner="a")
        assert "new" == await seen.claim("k", owner="b", lease=10.0)
        await seen.done("k")
        assert 99_000 < await client.pttl(place) <= 100_000
        await seen.release("k", owner="b")
        assert await seen.is_done("k")
        assert "done" == await seen.claim("k", owner="c", lease=10.0)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_redis_client_of_ones_own_may_decode_and_stays_open(redis_url: str, tmp_path: Path) -> None:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        async with RedisSeenStore(client, name=str(tmp_path)) as seen:
            claims = [await seen.claim("k", owner=owner, lease=10.0) for owner in "ab"]
            await seen.done("k")
            assert ["new", "running", "done"] == [*claims, await seen.claim("k", owner="c", lease=10.0)]
        assert await client.ping()


async def test_redis_under_trio_is_refused_with_what_to_do(anyio_backend_name: str) -> None:
    if anyio_backend_name == "trio":
        with pytest.raises(ConfigurationError, match="SqliteSeenStore"):
            await RedisSeenStore("redis://localhost:1").claim("k", owner="a", lease=1.0)


async def test_one_of_many_who_claim_at_once_gets_the_key(seen: SeenStore) -> None:
    claims = list[str]()

    async def claim(owner: str) -> None:
        claims.append(await seen.claim("k", owner=owner, lease=10.0))

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(claim, str(number))
    assert ["new", *["running"] * 49] == sorted(claims)


async def test_memory_holds_no_more_than_it_may(clock: Clock) -> None:
    seen = MemorySeenStore(keep=100.0, most=3, clock=clock)
    for number in range(5):
        await seen.done(str(number))
    assert [False, False, True, True, True] == [await seen.is_done(str(number)) for number in range(5)]
    clock.now += 100.0
    await seen.done("new")
    assert ["new"] == [*seen._done]


async def test_what_has_lapsed_leaves_the_file(tmp_path: Path, clock: Clock) -> None:
    async with SqliteSeenStore(tmp_path / "seen.sqlite", keep=100.0, wall=clock) as seen:
        for number in range(10):
            await seen.done(str(number))
        clock.now += 100.0
    async with SqliteSeenStore(tmp_path / "seen.sqlite", keep=100.0, wall=clock) as seen:
        await seen.claim("k", owner="a", lease=10.0)
        assert [("k",)] == await seen._file.run("select key from seen")


async def test_a_store_outlives_its_process_and_holds_nothing_of_the_event(tmp_path: Path) -> None:
    work, handlers = Work(1, failing=0.0), Handlers()
    handlers.on(CustomerStatusChanged)(work)
    for _ in range(2):
        async with SqliteSeenStore(tmp_path / "seen.sqlite") as seen:
            assert 204 == await send(webhook_app(verifier(), handlers, seen=seen), delivery("event-of-ada"))
            assert b"event-of-ada" not in contents(tmp_path)
    assert {"event-of-ada": 1} == work.done


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


def contents(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in sorted(folder.iterdir()))


async def test_a_folder_that_isnt_there_is_told_at_once(tmp_path: Path) -> None:
    for make in (SqliteSeenStore, DeliveryQueue):
        with pytest.raises(ConfigurationError, match="folder"):
            make(tmp_path / "nowhere" / "hooks.sqlite")
        with pytest.raises(ConfigurationError, match="MemorySeenStore"):
            make(":memory:")


async def test_a_file_that_is_no_database_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect, made = sqlite3.connect, list[sqlite3.Connection]()

    def kept(*args: Any, **options: Any) -> sqlite3.Connection:
        made.append(connect(*args, **options))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", kept)
    (tmp_path / "seen.sqlite").write_bytes(b"no database at all" * 99)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        await SqliteSeenStore(tmp_path / "seen.sqlite").is_done("k")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        made[0].execute("select 1")


async def test_a_waiting_delivery_is_one_takers_until_it_is_put_back_or_its_lease_lapses(
    tmp_path: Path, clock: Clock
) -> None:
    async with DeliveryQueue(tmp_path / "queue.sqlite", wall=clock) as queue:
        for _ in range(2):
            await queue.put("k", b"body", AT)
        taken = await queue.take(lease=10.0)
        assert taken is not None
        assert ("k", b"body", AT, 1) == (taken.key, taken.body, taken.received_at, taken.attempts)
        assert "body" not in repr(taken)
        assert None is await queue.take(lease=10.0)
        await queue.put_back("k", after=5.0)
        clock.now += 5.0
        again = await queue.take(lease=10.0)
        clock.now += 10.0
        once_more = await queue.take(lease=10.0)
        assert (2, 3) == (again and again.attempts, once_more and once_more.attempts)
        await queue.drop("k")
        assert 0 == await queue.size()


async def test_what_fails_again_and_again_is_found_and_can_be_given_up(tmp_path: Path, clock: Clock) -> None:
    async with DeliveryQueue(tmp_path / "queue.sqlite", wall=clock) as queue:
        for number in range(3):
            await queue.put(f"k{number}", delivery(f"e{number}").body, AT + timedelta(seconds=number))
        await queue.take(lease=50.0)
        await queue.put_back("k0", after=60.0)
        clock.now += 20.0
        await queue.take(lease=50.0)
        waiting, now = await queue.waiting(), datetime.fromtimestamp(clock.now, UTC)
        left = [(each.key, each.attempts, (each.due - now).total_seconds()) for each in waiting]
        assert [("k0", 1, 40), ("k1", 1, 50), ("k2", 0, -20)] == left
        assert ["e0", "e1", "e2"] == [each.event.payload["event_id"] for each in waiting]
        assert waiting[:1] == await queue.waiting(most=1)
        await queue.drop(waiting[0].key)
        assert ["k1", "k2"] == [each.key for each in await queue.waiting()]


async def test_what_only_another_process_has_a_handler_for_is_looked_at_again_within_a_minute(
    tmp_path: Path, clock: Clock
) -> None:
    async with DeliveryQueue(tmp_path / "queue.sqlite", wall=clock) as queue:
        await queue.put("k", delivery("e1").body, AT)
        for _ in range(9):
            assert await queue.take(lease=0.0)
        async with webhook_app(verifier(), Handlers(), queue=queue).working():
            with anyio.fail_after(10):
                while (waiting := (await queue.waiting())[0]).due.timestamp() != clock.now + 60.0:  # noqa: ASYNC110  # no bell rings
                    await anyio.sleep(0.01)
        assert 10 == waiting.attempts


async def test_the_queues_file_is_its_owners_alone_and_forgets_what_was_handled(tmp_path: Path) -> None:
    (tmp_path / "queue.sqlite").touch(0o644)
    async with DeliveryQueue(tmp_path / "queue.sqlite") as queue:
        for number in range(50):
            await queue.put(f"k{number}", b"john@example.com" * 100, AT)
        assert b"john@example.com" in contents(tmp_path)
        assert {0o600} == modes(tmp_path)
        for number in range(50):
            await queue.drop(f"k{number}")
        assert None is await queue.take(lease=10.0)
        assert b"john@example.com" not in contents(tmp_path)


async def test_what_waits_is_handled_to_success_once_however_often_it_fails_and_is_delivered(
    tmp_path: Path, clock: Clock
) -> None:
    deliveries, work, handlers = storm(17, 400), Work(17, failing=0.5), Handlers()
    handlers.on(CustomerStatusChanged)(work)
    async with DeliveryQueue(tmp_path / "hooks.sqlite", wall=clock) as queue:
        app = webhook_app(verifier(), handlers, seen=MemorySeenStore(clock=clock), queue=queue)
        async with app.working():
            for one in deliveries:
                assert (204 if one.genuine else 400) == await send(app, one)
            with anyio.fail_after(120):
                while await queue.size():
                    clock.now += 0.1  # what failed is due after 5 s, 10 s, 20 s …
                    if app._background is not None and app._background._news is not None:
                        app._background._news.set()
    assert {each.key: 1 for each in deliveries if each.genuine} == work.done
    assert work.failures > 100


async def test_what_this_process_has_no_handler_for_waits_for_one_that_has(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    newer, one, work = Handlers(), delivery("e1"), Work(1)
    newer.on(CustomerStatusChanged)(work)
    event = read_event(one.body, AT)
    async with DeliveryQueue(tmp_path / "q.sqlite", wall=clock) as queue:
        await queue.put(key_of(event), one.body, AT)
        with anyio.fail_after(60):
            async with webhook_app(verifier(), Handlers(), queue=queue).working():
                while "has no handler in this process" not in caplog.text:  # noqa: ASYNC110  # no bell rings
                    await anyio.sleep(0.01)
            assert (1, {}) == (await queue.size(), work.done)
            clock.now += 5.0
            async with webhook_app(verifier(), newer, queue=queue).working():
                while await queue.size():  # noqa: ASYNC110
                    await anyio.sleep(0.01)
    assert {one.key: 1} == work.done


async def test_a_shutdown_leaves_what_was_under_way_to_the_next_start(tmp_path: Path, clock: Clock) -> None:
    began, handlers, handled = anyio.Event(), Handlers(), anyio.Event()

    @handlers.on(CustomerStatusChanged)
    async def handler(event: CustomerStatusChanged) -> None:
        if not began.is_set():
            began.set()
            await anyio.sleep_forever()
        handled.set()

    async with DeliveryQueue(tmp_path / "q.sqlite", wall=clock) as queue, SqliteSeenStore(tmp_path / "s.sqlite") as seen:
        app = webhook_app(verifier(), handlers, seen=seen, queue=queue)
        async with app.working(grace=0.05):
            assert 204 == await send(app, delivery("e1"))
            await began.wait()
        with anyio.fail_after(60):
            async with app.working():  # no time has passed, and nothing is sent again
                await handled.wait()
                while await queue.size():
                    pass


async def test_a_shutdown_lets_handlers_under_way_finish_and_begins_no_more(tmp_path: Path, clock: Clock) -> None:
    began, go, handlers, paid = anyio.Event(), anyio.Event(), Handlers(), list[str]()

    @handlers.on(CustomerStatusChanged)
    async def handler(event: CustomerStatusChanged) -> None:
        paid.append(event.dedupe_key)
        began.set()
        await go.wait()

    async with DeliveryQueue(tmp_path / "q.sqlite", wall=clock) as queue, SqliteSeenStore(tmp_path / "s.sqlite") as seen:
        app = webhook_app(verifier(), handlers, seen=seen, queue=queue)

        async def later() -> None:
            await anyio.sleep(0.2)  # the shutdown has begun
            assert 503 == await send(app, delivery("e2"))
            go.set()

        async with anyio.create_task_group() as tasks, app.working(grace=60.0):
            assert 204 == await send(app, delivery("e1"))
            await began.wait()
            tasks.start_soon(later)
        assert 1 == len(paid)
        assert not await queue.size()


def test_a_redis_store_serves_one_event_loop_after_the_other_and_leaves_no_connection_open(
    redis_server: RedisServer,
) -> None:
    handlers, work = Handlers(), Work(1, failing=0.0)
    handlers.on(CustomerStatusChanged)(work)
    app = webhook_app(verifier(), handlers, seen=RedisSeenStore(redis_server.url))

    async def at_the_same_time() -> list[int]:
        before = await send(app, delivery("e1"))
        within = await asyncio.to_thread(lambda: asyncio.run(send(app, delivery("e2"))))
        return [before, within, await send(app, delivery("e3"))]

    assert [204] * 3 == [asyncio.run(send(app, delivery(key))) for key in ("e1", "e1", "e2")]
    assert [204] * 3 == asyncio.run(at_the_same_time())
    assert {"e1": 1, "e2": 1, "e3": 1} == work.done
    gc.collect()  # what was left open would warn now
    with redis.Redis.from_url(redis_server.url) as own:
        assert [own.client_id()] == [int(each["id"]) for each in own.client_list()]


@pytest.mark.parametrize("anyio_backend", VIRTUAL[:1])
@pytest.mark.parametrize("own", [False, True])
async def test_a_redis_that_hangs_is_told_as_lost_in_time(own: bool) -> None:
    async def hang(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    handlers, work = Handlers(), Work(1, failing=0.0)
    handlers.on(CustomerStatusChanged)(work)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, hang)
        url = f"redis://127.0.0.1:{port}"
        async with (
            Redis.from_url(url, socket_timeout=60) as client,
            RedisSeenStore(client if own else url, timeout=5.0) as store,
        ):
            began = anyio.current_time()
            assert 503 == await send(webhook_app(verifier(), handlers, seen=store), delivery("e1"))
            assert 10.0 == pytest.approx(anyio.current_time() - began)  # the claim, and giving it back
        tasks.cancel_scope.cancel()
    await listener.aclose()
    assert not work.done


@pytest.mark.parametrize("url", ["localhost:6379", "redis://:hunter2/x@host:port/0"])
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="Redis URL") as refused:
        RedisSeenStore(url)
    assert "hunter2" not in f"{refused.value!r}{refused.value.__cause__!r}"
