"""The connection to Redis: one script a round trip, and whether Redis answers at all."""

import asyncio
import hashlib
import logging
import math
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from blaaiz_async.core.background import on_asyncio
from blaaiz_async.errors import ConfigurationError

try:
    import redis.asyncio
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import NoScriptError, RedisError
except ImportError as missing:  # pragma: no cover  # the tests have it
    raise ConfigurationError("blaaiz_async.redis needs the extra: pip install 'blaaiz-async[redis]'") from missing

if TYPE_CHECKING:
    RedisClient: TypeAlias = "redis.asyncio.Redis | redis.asyncio.RedisCluster"

log = logging.getLogger("blaaiz_async")

_FIRST_RETRY = 0.05
"""Seconds until Redis is tried again after it was lost; from then on twice as long each time."""


class LostError(Exception):
    """Redis didn't answer, or not as it should."""


class Script:
    """A Lua script; Redis runs it at once and alone, and keeps it by its digest."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Link:
    """A Redis that may be lost and found again.

    Args:
        redis: A client of redis-py's asyncio side, which stays the caller's to close, or a URL.
        timeout: Seconds that Redis may take for an answer before it counts as lost.
        retry_at_most: Seconds between tries to reach a lost Redis, at most.
        consequence: Tells what happens while it is lost, for the log.
        now: Seconds of a monotonic clock.
    """

    def __init__(
        self,
        redis_or_url: "RedisClient | str",
        *,
        timeout: float,
        retry_at_most: float,
        consequence: Callable[[], str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = isinstance(redis_or_url, str)
        self._client: Any = connect(redis_or_url, timeout) if isinstance(redis_or_url, str) else redis_or_url
        self._timeout = timeout
        self._retry_at_most = retry_at_most
        self._consequence = consequence
        self._now = now
        self._wait = 0.0
        self._running, self._idle = 0, asyncio.Event()
        self.closed = self.lost = False
        self.retry_at = -math.inf
        """When a lost Redis should be tried again."""

    @property
    def client(self) -> Any:
        """The client below; redis-py's own types can't be read strictly."""
        return self._client

    @property
    def worth_a_try(self) -> bool:
        """Whether Redis answers, or is due to be tried again."""
        return not self.lost or self._now() >= self.retry_at

    async def run(self, script: Script, keys: list[str], *arguments: bytes | str | int) -> Any:
        """Run a script in one round trip; a Redis that doesn't know it is told so by one argument more. Raises LostError."""
        if not on_asyncio():
            raise ConfigurationError("blaaiz_async.redis runs under asyncio only; under trio, use RateBudget")
        if self.closed:
            raise LostError
        self._running += 1
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    reply = await self._client.execute_command("EVALSHA", script.digest, len(keys), *keys, *arguments)
                except NoScriptError:  # a new Redis, one that was flushed, or one that began anew with an older memory
                    reply = await self._client.execute_command("EVAL", script.text, len(keys), *keys, *arguments, "new")
        except (RedisError, OSError, TimeoutError) as error:
            self._lose(error)
            raise LostError from None  # the cause may show the address with its credentials
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
        self._find()
        return reply

    def _lose(self, error: Exception) -> None:
        if self.closed:
            return
        if not self.lost:
            log.warning("Redis is lost (%s): %s", type(error).__name__, self._consequence())
            self._wait = min(_FIRST_RETRY, self._retry_at_most) / 2
        self.lost = True
        self._wait = min(2 * self._wait, self._retry_at_most)
        self.retry_at = self._now() + self._wait * random.uniform(0.5, 1.0)  # noqa: S311  # spreads the tries of a fleet

    def _find(self) -> None:
        if self.lost and not self.closed:
            log.info("Redis answers again")
            self.lost = False

    async def aclose(self) -> None:
        """Close the connection, unless the client is the caller's; scripts under way run to their end."""
        self.closed = self.lost = True
        self.retry_at = math.inf
        while self._running:
            self._idle.clear()
            await self._idle.wait()
        if self._own:
            await self._client.aclose()


def connect(url: str, timeout: float) -> "redis.asyncio.Redis":
    """Make a client for a URL that waits `timeout` seconds for a connection or an answer. Raises ConfigurationError."""
    try:
        return redis.asyncio.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]  # redis-py leaves **kwargs untyped
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 1),  # a connection that Redis closed while it was idle
        )
    except ValueError as error:
        text = "the Redis URL can't be read; it looks like redis://HOST:6379/0, rediss:// for TLS, or unix:///PATH"
        raise ConfigurationError(text) from (None if "@" in url else error)
