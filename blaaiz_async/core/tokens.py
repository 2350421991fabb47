"""The shared token cache: one fetch however many callers wait, renewed ahead of expiry, safe against late 401s."""

import contextlib
import copy
import hashlib
import itertools
from collections.abc import Awaitable, Callable, Sequence
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
    generation: int
    """Rises with every token fetched, so that a late 401 can't discard a newer token."""


class TokenStore(Protocol):
    """Where a token is kept between calls. The key names credential, host and scopes without telling the secret."""

    async def get(self, key: str) -> Token | None:
        """Return the token kept under `key`."""

    async def set(self, key: str, token: Token) -> None:
        """Keep `token` under `key`."""

    async def delete(self, key: str) -> None:
        """Forget what is kept under `key`."""


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

    async def delete(self, key: str) -> None:
        """Forget what is kept under `key`."""
        self._tokens.pop(key, None)


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
_generations = itertools.count(1)


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

    async def get(self) -> Token:
        """Return a token that is still valid. Raises what the fetch raises."""
        token = await self._store.get(self._key)
        now = self._now()
        if token is None or token.expires_at <= now:
            return await self._renew()
        if token.renew_at <= now and self._flight() is None:
            spawn(self._renew_quietly)
        return token

    async def refused(self, token: Token) -> None:
        """Drop a token that was answered 401, unless a newer one has taken its place."""
        kept = await self._store.get(self._key)
        if kept is not None and kept.generation == token.generation:
            await self._store.delete(self._key)

    async def _renew_quietly(self) -> None:
        # The token still serves; whoever finds it expired meets the error. RuntimeError: the client was closed meanwhile.
        with contextlib.suppress(BlaaizError, RuntimeError):
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
            value, lifetime = await self._fetch()
            now = self._now()
            flight.token = Token(
                value=value,
                # A token that runs out on its way is a 401 for nothing.
                expires_at=now + lifetime - min(5.0, lifetime / 10),
                renew_at=now + lifetime - min(60.0, lifetime / 2),
                generation=next(_generations),
            )
            await self._store.set(self._key, flight.token)
        except BlaaizError as error:
            flight.error = error
            raise
        finally:
            del flights[place]
            flight.landed.set()
        return flight.token

    def _flight(self) -> _Flight | None:
        return _flights_of_this_loop().get((id(self._store), self._key))


def _flights_of_this_loop() -> dict[tuple[int, str], _Flight]:
    try:
        return _flights.get()
    except LookupError:
        flights: dict[tuple[int, str], _Flight] = {}
        _flights.set(flights)
        return flights
