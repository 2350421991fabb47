"""The token cache: one fetch however many wait, and no late 401 hurts."""

import anyio
import anyio.lowlevel
import pytest

from blaaiz_async import BlaaizError, MemoryTokenStore
from blaaiz_async.core.tokens import TokenCache, token_key

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: object) -> object:
    return virtual_backend


class Endpoint:
    """Issues numbered tokens, slowly."""

    def __init__(self, *, lifetime: float = 900.0, fails: int = 0) -> None:
        self.calls = 0
        self.lifetime = lifetime
        self.fails = fails

    async def __call__(self) -> tuple[str, float]:
        self.calls += 1
        mine = self.calls
        await anyio.sleep(1.0)
        if mine <= self.fails:
            raise BlaaizError("the token endpoint is down")
        return f"token-{mine}", self.lifetime


def a_cache(endpoint: Endpoint, store: MemoryTokenStore | None = None) -> TokenCache:
    return TokenCache(key="k", store=store or MemoryTokenStore(), fetch=endpoint, now=anyio.current_time)


async def test_a_thousand_cold_callers_cause_one_token_call() -> None:
    endpoint, got = Endpoint(), set[str]()
    cache = a_cache(endpoint)

    async def caller() -> None:
        got.add((await cache.get()).value)

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(caller)
    assert ({"token-1"}, 1) == (got, endpoint.calls)


async def test_caches_of_one_key_and_store_share_one_fetch() -> None:
    endpoint, store = Endpoint(), MemoryTokenStore()
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(a_cache(endpoint, store).get)
    assert 1 == endpoint.calls


async def test_a_cancelled_leader_hands_over_to_one_of_those_who_wait() -> None:
    endpoint, got = Endpoint(), list[str]()
    cache = a_cache(endpoint)

    async def follower() -> None:
        got.append((await cache.get()).value)

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as leader:
            group.start_soon(follower)
            group.start_soon(follower)

            async def cancel() -> None:
                await anyio.sleep(0.5)
                leader.cancel()

            group.start_soon(cancel)
            await cache.get()
        assert leader.cancelled_caught
    assert (["token-2", "token-2"], 2) == (got, endpoint.calls)


async def test_a_failed_fetch_releases_all_who_wait_and_the_next_caller_tries_again() -> None:
    endpoint, failures = Endpoint(fails=1), 0
    cache = a_cache(endpoint)

    async def caller() -> None:
        nonlocal failures
        try:
            await cache.get()
        except BlaaizError:
            failures += 1

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(caller)
    assert (50, 1) == (failures, endpoint.calls)
    assert "token-2" == (await cache.get()).value


async def test_a_token_near_its_end_is_renewed_while_it_still_serves() -> None:
    endpoint = Endpoint(lifetime=900.0)
    cache = a_cache(endpoint)
    await cache.get()
    await anyio.sleep(900.0 - 59.0)
    asked = anyio.current_time()
    assert "token-1" == (await cache.get()).value
    assert asked == anyio.current_time()  # nobody waited
    await anyio.sleep(2.0)
    assert ("token-2", 2) == ((await cache.get()).value, endpoint.calls)


async def test_a_short_lived_token_is_renewed_at_half_its_life() -> None:
    endpoint = Endpoint(lifetime=20.0)
    cache = a_cache(endpoint)
    await cache.get()
    await anyio.sleep(9.0)
    await cache.get()
    assert 1 == endpoint.calls
    await anyio.sleep(2.0)
    await cache.get()
    await anyio.sleep(2.0)
    assert 2 == endpoint.calls


async def test_a_renewal_that_fails_in_any_way_troubles_nobody_while_the_token_serves() -> None:
    calls = 0

    async def fetch() -> tuple[str, float]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise ZeroDivisionError  # such as a store of the user's own may
        return "token-1", 900.0

    cache = TokenCache(key="k", store=MemoryTokenStore(), fetch=fetch, now=anyio.current_time)
    await cache.get()
    await anyio.sleep(900.0 - 59.0)
    assert "token-1" == (await cache.get()).value
    await anyio.sleep(1.0)
    assert ("token-1", 2) == ((await cache.get()).value, calls)


async def test_a_late_401_never_discards_a_newer_token() -> None:
    endpoint = Endpoint()
    cache = a_cache(endpoint)
    old = await cache.get()
    await cache.refused(old)
    new = await cache.get()
    await cache.refused(old)
    assert new is await cache.get()
    assert 2 == endpoint.calls


def test_the_key_tells_credentials_hosts_and_scopes_apart_and_no_secret() -> None:
    base = {"client_id": "id", "client_secret": "top-secret", "host": "https://a", "scopes": ("x", "y")}
    keys = [
        token_key(**{**base, **change})  # type: ignore[arg-type]  # one field changed at a time
        for change in ({}, {"client_id": "i"}, {"client_secret": "s"}, {"host": "https://b"}, {"scopes": ("x",)})
    ]
    assert len(keys) == len(set(keys))
    assert "top-secret" not in "".join(keys)
    assert keys[0] == token_key(**{**base, "scopes": ("y", "x")})  # type: ignore[arg-type]  # as above
