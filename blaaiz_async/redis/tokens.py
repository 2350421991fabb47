"""One token for many processes, encrypted at rest when a key is given."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec
from attrs import field, frozen
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from blaaiz_async.core.background import spawn
from blaaiz_async.core.tokens import Token
from blaaiz_async.errors import ConfigurationError
from blaaiz_async.redis.link import Link, LostError, Script

if TYPE_CHECKING:
    from blaaiz_async.redis.link import RedisClient

log = logging.getLogger("blaaiz_async")

_LONGEST = 365 * 86_400.0
"""Seconds that a token is kept in Redis, at most, whatever its lifetime: Redis refuses numbers beyond 64 bits."""
_LEASE = 5.0
"""Seconds that a fetch is others' to wait for without a sign of life; a dead leader's lapses."""
_LOOK_AGAIN = 0.05
"""Seconds between two looks whether the leader has fetched."""

_READ = Script("return {redis.call('GET', KEYS[1]) or '', redis.call('PTTL', KEYS[1])}")
_WRITE = Script("return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])")
_DISCARD = Script("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")
_LEAD = Script(
    """
    local leader = redis.call('GET', KEYS[2])
    local leads = not leader or leader == ARGV[1]
    if leads then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2]) end
    return {leads and 1 or 0, redis.call('GET', KEYS[1]) or '', redis.call('PTTL', KEYS[1])}
    """
)


class _Kept(msgspec.Struct, frozen=True):
    """What lies in Redis, in JSON, perhaps encrypted."""

    key: str
    value: str
    renew_before: float
    """Seconds ahead of the end from which on it is renewed."""
    lifetime: float
    """Seconds from its fetch to its end."""

    def __repr__(self) -> str:
        return "_Kept()"


@frozen(kw_only=True)
class _Copy:
    """A token of this process, and the bytes in Redis that it stands for."""

    token: Token
    raw: bytes | None = field(repr=False)


class RedisTokenStore:
    """Keeps tokens in Redis, so that a fleet of processes fetches one.

    Args:
        redis: URL of a Redis, or a client of `redis.asyncio`, which stays yours to close.
        key: Encrypts the tokens at rest: a key as `cryptography.fernet.Fernet.generate_key()` makes it, or several, the
            newest first, while one is being replaced. None keeps them readable for whoever can read that Redis.
        timeout: Seconds that Redis may take for an answer before it counts as lost.
        now: Seconds of a monotonic clock, the same as that of the client.

    Raises:
        ConfigurationError: The extra is missing, the URL or a key can't be read, or it is used under trio.

    A copy in the process serves the calls, so that they cost no round trip. When Redis is lost, each process fetches a token
    of its own. What can't be read in Redis counts as absent, which is said once in the log. It belongs to one event loop of
    one process.
    """

    def __init__(
        self,
        redis: "RedisClient | str",
        *,
        key: str | bytes | Sequence[str | bytes] | None = None,
        timeout: float = 2.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cipher = None if key is None else _cipher(key)
        self._now = now
        self._link = Link(
            redis,
            timeout=timeout,
            retry_at_most=2.0,
            consequence=lambda: "each process fetches a token of its own",
            now=now,
        )
        self._me = secrets.token_hex(8)
        self._copies: dict[str, _Copy] = {}
        self._leading: dict[str, str] = {}  # the key, by the sign of the leadership
        self._warned = False

    async def get(self, key: str) -> Token | None:
        """Return the token kept under `key`."""
        copy = self._copies.get(key)
        if copy is not None and copy.token.expires_at > self._now():
            return copy.token
        if not self._link.worth_a_try:
            return None
        try:
            raw, ms = await self._link.run(_READ, _names(key)[:1])
        except LostError:
            return None
        return self._take_over(key, raw, ms)

    async def set(self, key: str, token: Token) -> None:
        """Keep `token` under `key`, until it expires."""
        kept = _Kept(
            key=key,
            value=token.value,
            renew_before=token.expires_at - token.renew_at,
            lifetime=token.expires_at - token.fetched_at,
        )
        raw = msgspec.json.encode(kept)
        if self._cipher is not None:
            raw = self._cipher.encrypt(raw)
        self._copies[key] = _Copy(token=token, raw=raw)
        milliseconds = int(min(token.expires_at - self._now(), _LONGEST) * 1000)
        if milliseconds > 0 and self._link.worth_a_try:
            with contextlib.suppress(LostError):
                await self._link.run(_WRITE, _names(key)[:1], raw, milliseconds)

    async def discard(self, key: str, token: Token) -> None:
        """Forget `token`, unless another one has taken its place, here or in Redis."""
        copy = self._copies.get(key)
        if copy is None or copy.token.value != token.value:
            return
        del self._copies[key]
        if copy.raw is not None and self._link.worth_a_try:
            with contextlib.suppress(LostError):
                await self._link.run(_DISCARD, _names(key)[:1], copy.raw)

    @contextlib.asynccontextmanager
    async def exclusive(self, key: str) -> AsyncGenerator[Token | None]:
        """Let one caller of the whole fleet at a time fetch a token; the value is the token kept by then."""
        mine = f"{self._me}:{secrets.token_hex(8)}"
        keeper: asyncio.Task[None] | None = None
        self._leading[mine] = key  # from here on it may lead, and be cancelled before it hears of that
        try:
            leads, token = await self._lead(key, mine)
            while not leads and (token is None or token.renew_at <= self._now()):
                await asyncio.sleep(_LOOK_AGAIN)
                leads, token = await self._lead(key, mine)
            if leads and not self._link.lost:
                keeper = asyncio.get_running_loop().create_task(self._stay_leader(key, mine))
            else:
                self._leading.pop(mine, None)
            yield token
        finally:
            if keeper is not None:
                keeper.cancel()
            if mine in self._leading:
                spawn(lambda: self._step_down(mine))  # a cancelled leader must not await

    async def aclose(self) -> None:
        """Let others fetch what this process was about to, and close the connection unless the client is yours."""
        for mine in list(self._leading):
            await self._step_down(mine)
        await self._link.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _lead(self, key: str, mine: str) -> tuple[bool, Token | None]:
        """Try to become the one who fetches, and look what is kept. Without Redis, everyone leads."""
        if self._link.worth_a_try:
            with contextlib.suppress(LostError):
                leads, raw, ms = await self._link.run(_LEAD, _names(key), mine, round(_LEASE * 1000))
                return bool(leads), self._take_over(key, raw, ms)
        copy = self._copies.get(key)
        return True, None if copy is None else copy.token

    async def _stay_leader(self, key: str, mine: str) -> None:
        while True:
            await asyncio.sleep(_LEASE / 3)
            await self._lead(key, mine)

    async def _step_down(self, mine: str) -> None:
        key = self._leading.pop(mine, None)
        if key is not None and self._link.worth_a_try:
            with contextlib.suppress(LostError):
                await self._link.run(_DISCARD, _names(key)[1:], mine)

    def _take_over(self, key: str, raw: bytes | str, milliseconds: int) -> Token | None:
        """Make what lies in Redis this process's copy; what can't be read counts as absent."""
        raw = raw.encode() if isinstance(raw, str) else raw
        copy = self._copies.get(key)
        if copy is not None and copy.raw == raw:
            return copy.token
        kept = self._read(key, raw)
        if kept is None or milliseconds <= 0:
            # A token fetched while Redis was lost is as good as none there: it goes on serving this process.
            return None if copy is None or copy.token.expires_at <= self._now() else copy.token
        expires_at = self._now() + milliseconds / 1000
        token = Token(
            value=kept.value,
            expires_at=expires_at,
            renew_at=expires_at - kept.renew_before,
            fetched_at=expires_at - kept.lifetime,
        )
        self._copies[key] = _Copy(token=token, raw=raw)
        return token

    def _read(self, key: str, raw: bytes) -> _Kept | None:
        if not raw:
            return None
        try:
            plain = raw if self._cipher is None else self._cipher.decrypt(raw)
            kept = msgspec.json.decode(plain, type=_Kept)
        except (InvalidToken, msgspec.MsgspecError, UnicodeDecodeError):
            if not self._warned:
                self._warned = True
                log.warning(
                    "the token in Redis can't be read by this RedisTokenStore, so this process fetches another: "
                    "give all processes the same key, or none to any; while one is being replaced, key=[new, old]"
                )
            return None
        return kept if kept.key == key else None  # put there for another credential


def _names(key: str) -> list[str]:
    return [f"blaaiz:{{{key}}}:token", f"blaaiz:{{{key}}}:leader"]


def _cipher(key: str | bytes | Sequence[str | bytes]) -> MultiFernet:
    keys = [key] if isinstance(key, str | bytes) else list(key)
    try:
        return MultiFernet([Fernet(each) for each in keys])
    except ValueError:
        text = "a key must be 32 url-safe base64-encoded bytes, as cryptography.fernet.Fernet.generate_key() makes them"
        raise ConfigurationError(text) from None
