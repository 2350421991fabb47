"""Connections under trio, where httpx's own pool is all there is, and what can be done for a pool of the user's own.

httpcore 1.0 loses a connection whose request is cancelled, or gives up waiting, between being given the connection and
using it. A lost one counts for ever, so that after enough of them every call ends in PoolTimeout.
"""

import ssl
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx

CLOSING = 2.0
"""Seconds that closing a connection may take; nobody waits longer for a peer that is gone."""


class NoConnectionInTimeError(Exception):
    """All connections were in use for as long as the caller would wait."""


class Pool:
    """Lends httpx clients of one connection each. One whose exchange didn't end well is closed, and nothing of it is left.

    Args:
        tls: What all connections share.
        limit: Exchanges at once.
        keepalive: Seconds for which an idle connection is kept.
    """

    def __init__(self, *, tls: ssl.SSLContext, limit: int, keepalive: float) -> None:
        self._tls = tls
        self._limit = limit
        self._keepalive = keepalive
        self._slots = anyio.Semaphore(limit)
        self._idle: dict[tuple[str, str, int | None], deque[tuple[float, httpx.AsyncClient]]] = {}
        self._closed = False

    @asynccontextmanager
    async def lend(self, url: httpx.URL, seconds: float) -> AsyncGenerator[httpx.AsyncClient, None]:
        """Lend a client for one exchange. Raises NoConnectionInTimeError."""
        await self._slot(seconds)
        try:
            place = (url.scheme, url.host, url.port)
            client = await self._reuse(place) or self._new()
            try:
                yield client
            except BaseException:
                await close(client)
                raise
            await self._keep(place, client)
        finally:
            self._slots.release()

    async def aclose(self) -> None:
        """Close the idle connections; those in use are closed as they come back."""
        self._closed = True
        idle, self._idle = self._idle, {}
        for clients in idle.values():
            for _, client in clients:
                await close(client)

    async def _slot(self, seconds: float) -> None:
        try:
            self._slots.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.move_on_after(seconds) as waiting:
                await self._slots.acquire()
            if waiting.cancelled_caught:
                raise NoConnectionInTimeError from None

    async def _reuse(self, place: tuple[str, str, int | None]) -> httpx.AsyncClient | None:
        """Take the connection used last, and close those that have been idle for too long."""
        now = anyio.current_time()
        stale: list[httpx.AsyncClient] = []
        for clients in self._idle.values():
            while clients and clients[0][0] + self._keepalive <= now:
                stale.append(clients.popleft()[1])
        mine = self._idle.get(place)
        client = mine.pop()[1] if mine else None
        self._idle = {where: clients for where, clients in self._idle.items() if clients}
        for each in stale:
            await close(each)
        return client

    async def _keep(self, place: tuple[str, str, int | None], client: httpx.AsyncClient) -> None:
        if self._closed or sum(map(len, self._idle.values())) >= self._limit:
            await close(client)
        else:
            self._idle.setdefault(place, deque()).append((anyio.current_time(), client))

    def _new(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=self._keepalive)
        return httpx.AsyncClient(verify=self._tls, limits=limits)


class Handshake:
    """Closes the connection that was being made as its request was cancelled: httpcore drops one amid the TLS handshake.

    It is called by httpcore with each step of an exchange, as the request's `trace` extension.
    """

    def __init__(self) -> None:
        self._connection: Any = None

    async def __call__(self, step: str, told: dict[str, Any]) -> None:
        """Remember the connection from its beginning until the exchange proper begins."""
        if step == "connection.connect_tcp.complete":
            self._connection = told.get("return_value")
        elif step.startswith("http"):
            self._connection = None

    async def abandon(self) -> None:
        """Close what is left, also when the caller is being cancelled."""
        if self._connection is not None:
            with anyio.move_on_after(CLOSING, shield=True):
                await self._connection.aclose()


async def close(client: httpx.AsyncClient) -> None:
    """Close a client, also when the caller is being cancelled."""
    with anyio.move_on_after(CLOSING, shield=True):
        await client.aclose()


async def mend(client: httpx.AsyncClient) -> None:
    """Free what a client of the user's own has lost to a request that was cancelled, if it runs on httpcore's pool.

    There is no public way. Where httpcore or httpx has changed its inside, this does nothing.
    """
    transports: list[Any] = [getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values()]
    for transport in transports:
        pool: Any = getattr(transport, "_pool", None)
        if not all(hasattr(pool, name) for name in ("_connections", "_requests", "_assign_requests_to_connections")):
            continue
        used = {request.connection for request in pool._requests}  # noqa: SLF001  # see above
        lost = [each for each in pool._connections if each not in used and not each.is_idle()]  # noqa: SLF001  # see above
        with anyio.move_on_after(CLOSING, shield=True):
            for connection in lost:
                pool._connections.remove(connection)  # noqa: SLF001  # see above
            # Those who wait for a place are called up by nobody else.
            for connection in [*lost, *pool._assign_requests_to_connections()]:  # noqa: SLF001  # see above
                await connection.aclose()
