"""Remembers in Redis which events were handled, for processes on many hosts."""

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

    Args:
        redis: A URL such as "redis://localhost:6379/0", or a client of redis-py's asyncio, which isn't closed.
        name: Tells apart those who share a Redis and must not share what they have seen.
        keep: Seconds for which a handled event is remembered.
        timeout: Seconds that Redis may take for an answer before it counts as lost. A client of your own goes by its own
            `socket_timeout`: give it one, or a Redis that hangs holds up every delivery, and the shutdown.

    Raises:
        ConfigurationError: The URL can't be read; or, on first use, under trio: redis-py is for asyncio only.
    """

    def __init__(self, redis: str | Redis, *, name: str = "default", keep: float = KEEP, timeout: float = 5.0) -> None:
        self._own = isinstance(redis, str)
        self._redis: Redis = connect(redis, timeout) if isinstance(redis, str) else redis
        self._prefix = f"blaaiz:{{{name}}}:seen:"
        self._keep = keep
        self._release = self._redis.register_script(_RELEASE)

    async def claim(self, key: str, *, owner: str, lease: float) -> Claim:
        """Take a key for `lease` seconds, if nobody has it and it isn't done."""
        self._check_loop()
        place = self._prefix + key
        # One transaction, so that what is read is what was there, or what was set just now.
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(place, owner, nx=True, px=_milliseconds(lease))
            pipe.get(place)
            _, found = await pipe.execute()
        holder = _text(found)
        if holder == _DONE:
            return "done"
        return "new" if holder == owner else "running"

    async def done(self, key: str) -> None:
        """Remember a key as handled, whoever has it."""
        self._check_loop()
        await self._redis.set(self._prefix + key, _DONE, px=_milliseconds(self._keep))

    async def is_done(self, key: str) -> bool:
        """Tell whether a key was handled."""
        self._check_loop()
        return _DONE == _text(await self._redis.get(self._prefix + key))

    async def release(self, key: str, *, owner: str) -> None:
        """Give a key back. It changes nothing if `owner` doesn't have it, or no more."""
        self._check_loop()
        await self._release(keys=[self._prefix + key], args=[owner])

    async def aclose(self) -> None:
        """Close the connections, if they are this store's own."""
        if self._own:
            await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.aclose()

    def _check_loop(self) -> None:
        if not on_asyncio():
            raise ConfigurationError("RedisSeenStore works under asyncio only; under trio, use SqliteSeenStore")


def _text(value: object) -> str | None:
    # A client of the user's own may decode what it reads.
    return value.decode() if isinstance(value, bytes) else value if isinstance(value, str) else None


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
