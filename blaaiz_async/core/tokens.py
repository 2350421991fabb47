"""The shared token cache: one fetch however many callers wait, renewed ahead of expiry, safe against late 401s."""

import contextlib
import copy
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Protocol

import anyio
from anyio.lowlevel import RunVar
from attrs import field, frozen

from blaaiz_async.core.background import spawn
from blaaiz_async.errors import BlaaizError


@frozen(kw_only=True)
class Token:
    """A bearer token."""

    value: str = field(repr=False)
    expires_at: float
    """Seconds on the clock of the cache."""
    renew_at: float
    """From here on it is renewed in the background, while it still serves."""
    fetched_at: float
    """Seconds on the same clock."""


@frozen(kw_only=True)
class TokenStatistics:
    """How the token stands that was handed out last."""

    age: float
    """Seconds since it was fetched."""
    expires_in: float
    """Seconds that it still serves; 0 if it has expired."""


class TokenStore(Protocol):
    """Where a token is kept between calls. The key names credential, host and scopes without telling the secret."""

    async def get(self, key: str) -> Token | None:
        """Return the token kept under `key`."""

    async def set(self, key: str, token: Token) -> None:
        """Keep `token` under `key`."""

    async def discard(self, key: str, token: Token) -> None:
        """Forget `token`, unless another one has taken its place: a late 401 must not cost a newer token."""

    def exclusive(self, key: str) -> contextlib.AbstractAsyncContextManager[Token | None]:
        """Let one caller at a time fetch a token for `key`, as far as the store reaches.

        The value is the token kept once the others are through, which may be the one that was to be fetched.
        """
        ...


class MemoryTokenStore:
    """Keeps tokens in this process."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    async def get(self, key: str) -> Token | None:
        """Return the token kept under `key`."""
        return self._tokens.get(key)

    async def set(self, key: str, token: Token) -> None:
        """Keep `token` under `key`."""
        self._tokens[key] = token

    async def discard(self, key: str, token: Token) -> None:
        """Forget `token`, unless another one has taken its place."""
        kept = self._tokens.get(key)
        if kept is not None and kept.value == token.value:
            del self._tokens[key]

    @contextlib.asynccontextmanager
    async def exclusive(self, key: str) -> AsyncGenerator[Token | None]:
        """Keep nobody out: within an event loop, a TokenCache fetches one token at a time by itself."""
        yield self._tokens.get(key)


def token_key(*, client_id: str, client_secret: str, host: str, scopes: Sequence[str]) -> str:
    """Return the name that clients with the same credential, host and scopes share."""
    parts = "\0".join((client_id, client_secret, host, *sorted(scopes)))
    return hashlib.sha256(parts.encode()).hexdigest()


class _Flight:
    """One fetch under way, and those who wait for it."""

    def __init__(self) -> None:
        self.landed = anyio.Event()
        self.token: Token | None = None
        self.error: BlaaizError | None = None


_flights: RunVar[dict[tuple[int, str], _Flight]] = RunVar("_flights")


class TokenCache:
    """Hands out a valid token, fetching it when there is none.

    Clients with the same key and store share one fetch; within an event loop that is certain, and across loops, threads
    and processes as far as the store reaches.

    Args:
        key: Names credential, host and scopes, see `token_key`.
        store: Where the token is kept.
        fetch: Gets a new token: its value and its lifetime in seconds. Raises BlaaizError.
        now: Seconds of a clock that `expires_at` is counted on; the store's other users must share it.
    """

    def __init__(
        self,
        *,
        key: str,
        store: TokenStore,
        fetch: Callable[[], Awaitable[tuple[str, float]]],
        now: Callable[[], float],
    ) -> None:
        self._key = key
        self._store = store
        self._fetch = fetch
        self._now = now
        self._last: Token | None = None

    def statistics(self) -> TokenStatistics | None:
        """Return how the token stands that was handed out last; None before the first."""
        if self._last is None:
            return None
        now = self._now()
        return TokenStatistics(age=now - self._last.fetched_at, expires_in=max(0.0, self._last.expires_at - now))

    async def get(self) -> Token:
        """Return a token that is still valid. Raises what the fetch raises."""
        token = await self._store.get(self._key)
        now = self._now()
        if token is None or token.expires_at <= now:
            self._last = await self._renew()
            return self._last
        if token.renew_at <= now and self._flight() is None:
            spawn(self._renew_quietly)
        self._last = token
        return token

    async def refused(self, token: Token) -> None:
        """Drop a token that was answered 401, unless a newer one has taken its place."""
        await self._store.discard(self._key, token)

    async def _renew_quietly(self) -> None:
        # The token still serves, and whoever finds it expired meets the error. Of any kind: a store may be the user's own,
        # and under trio an error here would end the whole run.
        with contextlib.suppress(Exception):
            await self._renew()

    async def _renew(self) -> Token:
        while True:
            flight = self._flight()
            if flight is None:
                return await self._lead()
            await flight.landed.wait()
            if flight.error is not None:
                raise copy.copy(flight.error)  # each waiter has a traceback of its own
            if flight.token is not None:
                return flight.token
            # The leader was cancelled: somebody else leads.

    async def _lead(self) -> Token:
        flights = _flights_of_this_loop()
        place = (id(self._store), self._key)
        flight = flights[place] = _Flight()
        try:
            async with self._store.exclusive(self._key) as kept:
                # Another process may have fetched it meanwhile.
                if kept is not None and kept.renew_at > self._now():
                    flight.token = token = kept
                else:
                    flight.token = token = await self._fetched()
        except BlaaizError as error:
            flight.error = error
            raise
        finally:
            del flights[place]
            flight.landed.set()
        return token

    async def _fetched(self) -> Token:
        value, lifetime = await self._fetch()
        now = self._now()
        token = Token(
            value=value,
            # A token that runs out on its way is a 401 for nothing.
            expires_at=now + lifetime - min(5.0, lifetime / 10),
            renew_at=now + lifetime - min(60.0, lifetime / 2),
            fetched_at=now,
        )
        await self._store.set(self._key, token)
        return token

    def _flight(self) -> _Flight | None:
        return _flights_of_this_loop().get((id(self._store), self._key))


def _flights_of_this_loop() -> dict[tuple[int, str], _Flight]:
    try:
        return _flights.get()
    except LookupError:
        flights: dict[tuple[int, str], _Flight] = {}
        _flights.set(flights)
        return flights
