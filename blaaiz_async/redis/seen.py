"""Remembers in Redis which events were handled, for processes on many hosts."""

import asyncio
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

import anyio
from redis.asyncio import Redis

from blaaiz_async.core.background import on_asyncio
from blaaiz_async.errors import ConfigurationError
from blaaiz_async.redis.link import connect
from blaaiz_async.webhooks.seen import KEEP, Claim

_DONE = "done"
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


class RedisSeenStore:
    """Remembers in Redis. Each question is one round trip, and time is Redis's own.

    Redis must keep what it is given: set `maxmemory-policy noeviction`, and `appendonly yes` if a restart of Redis may not
    forget what was handled. While Redis can't be reached, deliveries are answered 503 and the platform brings them again.

    With a URL it may serve one event loop after another, such as an app's at module level under several test clients: each
    loop has connections of its own, which end with it. A client of your own belongs to the loop that first used it.

    Args:
        redis: A URL such as "redis://localhost:6379/0", or a client of redis-py's asyncio, which isn't closed.
        name: Tells apart those who share a Redis and must not share what they have seen.
        keep: Seconds for which a handled event is remembered.
        timeout: Seconds that Redis may take for an answer, with all repeats, before it counts as lost.

    Raises:
        ConfigurationError: The URL can't be read; or, on first use, under trio: redis-py is for asyncio only.
    """

    def __init__(self, redis: str | Redis, *, name: str = "default", keep: float = KEEP, timeout: float = 5.0) -> None:
        if isinstance(redis, str):
            connect(redis, timeout)  # refuses a wrong URL at once
        self._where = redis
        self._timeout = timeout
        self._own: dict[asyncio.AbstractEventLoop, tuple[Redis, AsyncGenerator[None]]] = {}
        """The client of each event loop, and what closes it."""
        self._prefix = f"blaaiz:{{{name}}}:seen:"
        self._keep = keep

    async def claim(self, key: str, *, owner: str, lease: float) -> Claim:
        """Take a key for `lease` seconds, if nobody has it and it isn't done."""
        redis, place = await self._redis(), self._prefix + key
        # One transaction, so that what is read is what was there, or what was set just now.
        async with asyncio.timeout(self._timeout), redis.pipeline(transaction=True) as pipe:
            pipe.set(place, owner, nx=True, px=_milliseconds(lease))
            pipe.get(place)
            _, found = await pipe.execute()
        holder = _text(found)
        if holder == _DONE:
            return "done"
        return "new" if holder == owner else "running"

    async def done(self, key: str) -> None:
        """Remember a key as handled, whoever has it."""
        redis = await self._redis()
        async with asyncio.timeout(self._timeout):
            await redis.set(self._prefix + key, _DONE, px=_milliseconds(self._keep))

    async def is_done(self, key: str) -> bool:
        """Tell whether a key was handled."""
        redis = await self._redis()
        async with asyncio.timeout(self._timeout):
            return _DONE == _text(await redis.get(self._prefix + key))

    async def release(self, key: str, *, owner: str) -> None:
        """Give a key back. It changes nothing if `owner` doesn't have it, or no more."""
        redis = await self._redis()
        async with asyncio.timeout(self._timeout):
            await redis.register_script(_RELEASE)(keys=[self._prefix + key], args=[owner])

    async def aclose(self) -> None:
        """Close the connections of this event loop, if they are this store's own; it may be used again afterwards."""
        if on_asyncio() and (own := self._own.pop(asyncio.get_running_loop(), None)):
            await own[1].aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.aclose()

    async def _redis(self) -> Redis:
        """Return the client of this event loop: no connection can be used, nor closed, when its loop has ended."""
        if not on_asyncio():
            raise ConfigurationError("RedisSeenStore works under asyncio only; under trio, use SqliteSeenStore")
        if not isinstance(self._where, str):
            return self._where
        loop = asyncio.get_running_loop()
        if loop not in self._own:
            for ended in [each for each in self._own if each.is_closed()]:
                self._own.pop(ended, None)
            client = connect(self._where, self._timeout)
            self._own[loop] = client, _closing(client)
            await anext(self._own[loop][1])
        return self._own[loop][0]


async def _closing(client: Redis) -> AsyncGenerator[None]:
    # An event loop that ends lets its asynchronous generators come to their end first.
    try:
        yield
    finally:
        await client.aclose()


def _text(value: object) -> str | None:
    # A client of the user's own may decode what it reads.
    return value.decode() if isinstance(value, bytes) else value if isinstance(value, str) else None


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
