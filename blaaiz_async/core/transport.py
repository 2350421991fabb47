"""The HTTP client, and the one question that decides whether money moves twice: was the request sent?

Under asyncio httpx runs on aiohttp, which costs a fifth of the CPU of httpx's own pool at 64 calls in flight and isn't
poisoned by cancelled requests; under trio, and with a client of the user's own, on whatever that has.
"""

import logging
import ssl
from collections.abc import AsyncIterable, Mapping
from contextvars import ContextVar
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

import anyio
import httpx
from attrs import frozen

from blaaiz_async.core.background import on_asyncio

if TYPE_CHECKING:
    import aiohttp

MAX_CONNECTIONS = 128
# Well under the 60 to 75 s after which common servers close an idle connection: the less often both sides close at the
# same moment, the fewer writes end with an unknown outcome.
KEEPALIVE = 20.0


_sending: ContextVar[bool] = ContextVar("_sending", default=False)


def _not_while_sending(record: logging.LogRecord) -> bool:
    """Keep httpx from logging the URL of every request at INFO: ours hold e-mail addresses and presigned links."""
    del record
    return not _sending.get()


logging.getLogger("httpx").addFilter(_not_while_sending)


class _NoCookies(CookieJar):
    """The API uses none; looking for them in every answer costs a tenth of a call."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Take nothing."""


class Unanswered(Exception):  # noqa: N818  # a verdict, not an error for callers
    """No whole answer came. The text is the kind of the failure, never a URL."""

    def __init__(self, what: str, *, timed_out: bool) -> None:
        self.timed_out = timed_out
        super().__init__(what)


class NeverSent(Unanswered):
    """No byte of the request can have reached the server."""


class PerhapsSent(Unanswered):
    """The request was sent, in part or whole, and no whole answer came back."""


@frozen(kw_only=True)
class Reply:
    """A whole answer, undecoded."""

    status: int
    headers: httpx.Headers
    body: bytes


class Transport:
    """Sends one request at a time over a shared pool. It opens on first use, under whichever event loop runs then."""

    def __init__(self, client: httpx.AsyncClient | None, *, timeout: float) -> None:
        self._client = client
        self._owned = client is None
        self._timeout = timeout
        self._closed = False

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | AsyncIterable[bytes] | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Send a request and read the whole answer. Raises NeverSent or PerhapsSent; redirects aren't followed."""
        client = self._client or self._open()
        seconds = self._timeout if timeout is None else timeout
        # Built by hand: client.get() merges headers, cookies, params and auth that a ready request doesn't need.
        request = httpx.Request(
            method,
            url,
            headers=headers,
            content=content,
            extensions={"timeout": {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}},
        )
        mark = _sending.set(True)
        try:
            response = await client.send(request, follow_redirects=False)
        except Exception as error:
            verdict = _verdict(error)
            if verdict is None:
                raise
            raise verdict from error
        finally:
            _sending.reset(mark)
        return Reply(status=response.status_code, headers=response.headers, body=response.content)

    def _open(self) -> httpx.AsyncClient:
        if self._closed:
            raise RuntimeError("this client is closed")
        limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=None, keepalive_expiry=KEEPALIVE)
        if on_asyncio():
            from httpx_aiohttp import AiohttpTransport  # 0.3 s of imports that trio doesn't need

            self._client = httpx.AsyncClient(transport=AiohttpTransport(client=_aiohttp_session), cookies=_NoCookies())
        else:
            self._client = httpx.AsyncClient(limits=limits, cookies=_NoCookies())
        return self._client

    async def aclose(self) -> None:
        """Close the pool, unless it is the user's own."""
        self._closed = True
        if self._owned and self._client is not None:
            with anyio.CancelScope(shield=True):
                await self._client.aclose()
            self._client = None


def _aiohttp_session() -> "aiohttp.ClientSession":
    import aiohttp  # as above

    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEPALIVE, ssl=_tls())
    # Proxies come from the environment, as httpx itself takes them; but with trust_env aiohttp asks a thread for them at
    # every request, which doubles what a call costs, so only where there are any.
    proxied = bool(getproxies())
    session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=proxied)
    # aiohttp sends idempotent methods again on a reused connection, unseen by us; a PUT that adds an owner would add
    # two. There is no public switch.
    session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return session


def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _verdict(error: Exception) -> Unanswered | None:
    """Judge by the true cause: httpx-aiohttp calls a connection lost after sending an httpx.ConnectTimeout."""
    cause = error.__cause__ if isinstance(error, httpx.TransportError) and error.__cause__ else error
    family = type(cause).__module__.partition(".")[0]
    name = type(cause).__name__
    timed_out = isinstance(error, httpx.TimeoutException) and "Timeout" in name
    # The kind of the failure only: the message of a transport error can hold the URL, which may be a presigned one.
    if family == "aiohttp":
        return (NeverSent if _never_sent_by_aiohttp(cause) else PerhapsSent)(name, timed_out=timed_out)
    if family in ("httpx", "httpcore"):
        never = name in {
            "ConnectError",
            "ConnectTimeout",
            "PoolTimeout",
            "UnsupportedProtocol",
            "ProxyError",
            "InvalidURL",
        }
        return (NeverSent if never else PerhapsSent)(name, timed_out=timed_out)
    if isinstance(cause, OSError | anyio.BrokenResourceError | anyio.ClosedResourceError | anyio.EndOfStream):
        return PerhapsSent(name, timed_out=isinstance(cause, TimeoutError))
    if isinstance(error, httpx.HTTPError):
        return PerhapsSent(name, timed_out=timed_out)
    return None  # a defect of ours, or of a user's own transport: not to be taken for a network failure


def _never_sent_by_aiohttp(cause: BaseException) -> bool:
    import aiohttp  # already loaded, or the cause wouldn't be its

    return isinstance(
        cause,
        aiohttp.ClientConnectorError
        | aiohttp.ConnectionTimeoutError
        | aiohttp.ServerFingerprintMismatch
        | aiohttp.InvalidURL
        | aiohttp.NonHttpUrlClientError,
    )
