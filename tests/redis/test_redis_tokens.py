"""The token of a fleet: fetched once, kept safe, and never missed when Redis is lost."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio
from cryptography.fernet import Fernet

from benchmarks.redis_server import RedisServer
from blaaiz_async import AsyncBlaaiz, BlaaizError, ConfigurationError
from blaaiz_async.core.tokens import Token, TokenCache
from blaaiz_async.redis import RedisTokenStore
from blaaiz_async.sandbox import Sandbox

pytestmark = pytest.mark.anyio

Fetch = Callable[[], Awaitable[tuple[str, float]]]
SECRET = "a-token-that-nobody-may-see"


class Endpoint:
    """Issues numbered tokens."""

    def __init__(self, *, lifetime: float = 900.0, fails: int = 0) -> None:
        self.calls = 0
        self.lifetime = lifetime
        self.fails = fails

    async def __call__(self) -> tuple[str, float]:
        self.calls += 1
        mine = self.calls
        await asyncio.sleep(0.05)
        if mine <= self.fails:
            raise BlaaizError("the token endpoint is down")
        return f"{SECRET}-{mine}", self.lifetime


class Process:
    """What one process of the fleet has: its own store and cache."""

    def __init__(self, url: "str | redis.asyncio.Redis", fetch: Fetch, **options: Any) -> None:
        self.store = RedisTokenStore(url, **options)
        self.cache = TokenCache(key="k", store=self.store, fetch=fetch, now=options.get("now", time.monotonic))


Start = Callable[..., Process]


@pytest.fixture
async def start(redis_server: RedisServer) -> AsyncIterator[Start]:
    """Start a process of the fleet; all are closed at the end."""
    async with contextlib.AsyncExitStack() as stack:

        def process(fetch: Fetch, url: "str | redis.asyncio.Redis" = redis_server.url, **options: Any) -> Process:
            made = Process(url, fetch, **options)
            stack.push_async_callback(made.store.aclose)
            return made

        yield process


async def raw(url: str) -> bytes | None:
    client: Any  # redis-py leaves much untyped
    async with redis.asyncio.Redis.from_url(url) as client:
        kept: bytes | None = await client.execute_command("GET", "blaaiz:{k}:token")
        return kept


async def test_eight_cold_processes_with_many_callers_each_cause_one_token_call(start: Start) -> None:
    endpoint = Endpoint()
    fleet = [start(endpoint) for _ in range(8)]
    got = await asyncio.gather(*(process.cache.get() for process in fleet for _ in range(50)))
    assert ({f"{SECRET}-1"}, 1) == ({token.value for token in got}, endpoint.calls)


async def test_a_call_costs_no_round_trip_once_the_token_is_known(start: Start, redis_server: RedisServer) -> None:
    cache = start(Endpoint()).cache
    first = await cache.get()
    redis_server.kill()
    assert first is await cache.get()


async def test_a_process_that_starts_late_takes_the_token_over_with_what_is_left_of_its_life(start: Start) -> None:
    endpoint = Endpoint(lifetime=900.0)
    first = await start(endpoint).cache.get()
    # Its clock has nothing to do with the other's.
    late = await start(endpoint, now=lambda: 1_000_000.0).cache.get()
    assert (first.value, 1) == (late.value, endpoint.calls)
    assert pytest.approx(first.expires_at - time.monotonic(), abs=5) == late.expires_at - 1_000_000.0
    assert pytest.approx(first.expires_at - first.renew_at) == late.expires_at - late.renew_at


async def test_one_process_renews_for_all(start: Start) -> None:
    ahead, endpoint = 0.0, Endpoint()
    fleet = [start(endpoint, now=lambda: time.monotonic() + ahead) for _ in range(8)]
    for process in fleet:
        await process.cache.get()
    ahead = 850.0  # near its end, but it still serves
    assert {f"{SECRET}-1"} == {(await process.cache.get()).value for process in fleet}
    async with asyncio.timeout(10):
        while {f"{SECRET}-2"} != {(await process.cache.get()).value for process in fleet}:  # noqa: ASYNC110  # no bell rings
            await asyncio.sleep(0.01)
    assert 2 == endpoint.calls


async def test_a_late_401_never_discards_another_process_s_newer_token(start: Start) -> None:
    endpoint = Endpoint()
    one, other = start(endpoint), start(endpoint)
    old = await one.cache.get()
    assert old.value == (await other.cache.get()).value
    await one.cache.refused(old)
    new = await one.cache.get()
    await other.cache.refused(old)
    assert new.value == (await other.cache.get()).value != old.value
    assert 2 == endpoint.calls


async def test_a_dead_leader_holds_nobody_up_for_long(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blaaiz_async.redis.tokens._LEASE", 0.3)
    endpoint = Endpoint()
    dead = start(endpoint).store
    assert (True, None) == await dead._lead("k", "a process that was killed while it fetched")
    assert f"{SECRET}-1" == (await start(endpoint).cache.get()).value


async def test_a_leader_that_takes_long_stays_the_leader(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blaaiz_async.redis.tokens._LEASE", 0.3)
    calls = 0

    async def slow() -> tuple[str, float]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(1.0)
        return "t", 900.0

    await asyncio.gather(*(start(slow).cache.get() for _ in range(3)))
    assert 1 == calls


async def test_a_leader_that_fails_or_is_cancelled_hands_over_at_once(start: Start) -> None:
    endpoint = Endpoint(fails=1)
    one, other = start(endpoint), start(endpoint)
    with pytest.raises(BlaaizError):
        await one.cache.get()
    leader = asyncio.create_task(one.cache.get())
    while endpoint.calls < 2:  # noqa: ASYNC110  # until it is amid its fetch, which only counts
        await asyncio.sleep(0.001)
    leader.cancel()
    assert f"{SECRET}-3" == (await other.cache.get()).value


async def test_who_is_cancelled_while_it_asks_for_the_lead_does_not_keep_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = start(Endpoint()), start(Endpoint())
    lead = one.store._lead

    async def answered_late(key: str, mine: str) -> Any:
        await lead(key, mine)
        await asyncio.sleep(60)  # Redis has carried it out, and the answer is on its way

    monkeypatch.setattr(one.store, "_lead", answered_late)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await one.cache.get()
    async with asyncio.timeout(2):  # seconds; a lease is five
        assert f"{SECRET}-1" == (await other.cache.get()).value


async def test_a_revoked_token_is_given_back_within_the_deadline(redis_server: RedisServer) -> None:
    sandbox = Sandbox(limits=None)
    async with (
        RedisTokenStore(redis_server.url, timeout=30.0) as tokens,
        AsyncBlaaiz(
            client_id="sandbox-client",
            client_secret="sandbox-secret",
            base_url="http://sandbox.test",
            http_client=sandbox.http_client(),
            token_store=tokens,
        ) as blaaiz,
    ):
        await blaaiz.currencies.list()
        sandbox.revoke_tokens()
        redis_server.pause()
        with pytest.raises(BlaaizError):
            async with asyncio.timeout(10):
                await blaaiz.with_options(deadline=0.2).currencies.list()
        redis_server.resume()


@pytest.mark.parametrize("kept", [b"", b"garbage", b'{"key":"k"}', b'{"key":"j","value":"x","renew_before":1}', b"\xff\xfe"])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_what_can_not_be_read_counts_as_absent(
    start: Start, redis_server: RedisServer, kept: bytes, encrypted: bool
) -> None:
    key = Fernet.generate_key()
    async with redis.asyncio.Redis.from_url(redis_server.url) as client:
        await client.set("blaaiz:{k}:token", Fernet(key).encrypt(kept) if encrypted else kept, px=60_000)
    endpoint = Endpoint()
    assert f"{SECRET}-1" == (await start(endpoint, key=key).cache.get()).value


async def test_with_a_key_redis_never_sees_the_token_and_keys_can_be_replaced(
    start: Start, redis_server: RedisServer
) -> None:
    old, new, endpoint = Fernet.generate_key(), Fernet.generate_key(), Endpoint()
    await start(endpoint, key=old).cache.get()
    kept = await raw(redis_server.url)
    assert kept is not None
    assert SECRET.encode() not in kept
    await start(endpoint, key=[new, old]).cache.get()
    assert 1 == endpoint.calls
    await start(endpoint, key=new).cache.get()
    assert 2 == endpoint.calls


async def test_a_store_that_can_not_read_the_others_token_says_once_what_to_do(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    keys, endpoint = [Fernet.generate_key(), Fernet.generate_key(), None], Endpoint()
    fleet = [start(endpoint, key=key) for key in keys]
    with caplog.at_level(logging.WARNING, logger="blaaiz_async"):
        await fleet[0].cache.get()
        assert [] == caplog.messages
        for process in [*fleet, *fleet]:
            await process.cache.refused(await process.cache.get())
            await process.cache.get()
    assert [True] * 3 == ["give all processes the same key" in line for line in caplog.messages]
    assert {"WARNING"} == {record.levelname for record in caplog.records}
    shown = [secret for secret in (SECRET, *(key.decode() for key in keys if key)) if secret in caplog.text]
    assert [] == shown


@pytest.mark.parametrize("lifetime", [1e9, 1e16, 1e17, 1e306])
async def test_a_token_of_an_absurd_lifetime_is_kept_for_a_year(
    start: Start, redis_server: RedisServer, lifetime: float, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = Endpoint(lifetime=lifetime)
    with caplog.at_level(logging.WARNING, logger="blaaiz_async"):
        first = await start(endpoint).cache.get()
        late = await start(endpoint).cache.get()
    assert ([], 1, first.value) == (caplog.messages, endpoint.calls, late.value)
    assert 0 < late.expires_at - time.monotonic() <= 366 * 86_400


async def test_a_token_leaves_redis_when_it_expires(start: Start, redis_server: RedisServer) -> None:
    await start(Endpoint(lifetime=0.2)).cache.get()
    async with asyncio.timeout(5):
        while await raw(redis_server.url) is not None:  # noqa: ASYNC110  # no bell rings
            await asyncio.sleep(0.02)


async def test_without_redis_each_process_fetches_its_own_token_and_says_so_once(
    start: Start, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis_server.kill()
    endpoint = Endpoint()
    url = redis_server.url.replace("redis://", "redis://default:a-password@")
    fleet = [start(endpoint, url) for _ in range(2)]
    with caplog.at_level(logging.WARNING, logger="blaaiz_async"):
        for process in fleet:
            for _ in range(3):
                await process.cache.refused(await process.cache.get())
    assert 6 == endpoint.calls
    assert 2 == len(caplog.records)  # each process has a log of its own
    assert "a-password" not in caplog.text
    redis_server.start()
    async with asyncio.timeout(10):
        while True:
            token = await fleet[0].cache.get()
            if await raw(redis_server.url) is not None:
                break
            await fleet[0].cache.refused(token)
            await asyncio.sleep(0.02)


async def test_no_repr_shows_a_token(start: Start) -> None:
    store = start(Endpoint()).store
    now = time.monotonic()
    token = Token(value=SECRET, expires_at=now + 60, renew_at=now + 30, fetched_at=now)
    await store.set("k", token)
    assert SECRET not in repr(store) + repr(vars(store))


async def test_a_client_of_the_user_s_is_not_closed(redis_server: RedisServer) -> None:
    async with redis.asyncio.Redis.from_url(redis_server.url, decode_responses=True) as client:
        endpoint = Endpoint()
        first = Process(client, endpoint, key=Fernet.generate_key())
        await first.cache.get()
        await first.store.aclose()
        assert await client.ping()
        # Another key: what lies there can't be read.
        assert f"{SECRET}-2" == (await Process(client, endpoint, key=Fernet.generate_key()).cache.get()).value


@pytest.mark.parametrize("key", ["", "short", b"x" * 44, []])
async def test_a_key_that_can_not_work_is_refused_without_showing_it(key: str | bytes | list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisTokenStore("redis://127.0.0.1:1", key=key)
    assert "short" not in str(caught.value)
