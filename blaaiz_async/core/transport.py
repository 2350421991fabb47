"""The HTTP client, and the one question that decides whether money moves twice: was the request sent?

Under asyncio httpx runs on aiohttp, which costs a fifth of the CPU of httpx's own pool at 64 calls in flight and isn't
poisoned by cancelled requests; under trio, and with a client of the user's own, on whatever that has.
"""

import logging
import re
import socket
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
from blaaiz_async.core.body import PIECE, Body, Upload
from blaaiz_async.core.pool import CLOSING, Handshake, NoConnectionInTimeError, Pool, mend

if TYPE_CHECKING:
    import aiohttp

MAX_CONNECTIONS = 128
# Well under the 60 to 75 s after which common servers close an idle connection: the less often both sides close at the
# same moment, the fewer writes end with an unknown outcome.
KEEPALIVE = 20.0


_NO_HEADER = re.compile(r"[^\t -~]")

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
class PoolStatistics:
    """A look at the connections."""

    limit: int | None
    """Exchanges at once; None with a client of the user's own, which has limits of its own."""
    in_flight: int
    """Exchanges under way: those that hold a connection, and those that wait for one."""


@frozen(kw_only=True)
class Reply:
    """A whole answer, undecoded."""

    status: int
    headers: httpx.Headers
    body: bytes


class Transport:
    """Sends one request at a time over a shared pool. It opens on first use, under whichever event loop runs then.

    A call may be cancelled at any moment: what it held is closed or given back before the cancellation goes on. With a
    client of the user's own that is done as far as its pool lets us, see core/pool.py.
    """

    def __init__(self, client: httpx.AsyncClient | None, *, timeout: float) -> None:
        self._users_own = client
        self._shared: httpx.AsyncClient | None = None
        self._pool: Pool | None = None
        self._timeout = timeout
        self._in_flight = 0
        self._closed = False

    def statistics(self) -> PoolStatistics:
        """Return how many exchanges are under way."""
        return PoolStatistics(limit=None if self._users_own else MAX_CONNECTIONS, in_flight=self._in_flight)

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
        seconds = self._timeout if timeout is None else timeout
        request = _request(method, url, headers, content, seconds)
        self._open()
        self._in_flight += 1
        mark = _sending.set(True)
        try:
            return await self._exchange(request, seconds)
        except Unanswered:
            raise
        except NoConnectionInTimeError as error:
            raise NeverSent("PoolTimeout", timed_out=True) from error
        except Exception as error:
            verdict = _verdict(error)
            if verdict is None:
                raise
            raise verdict from _system_error(error)
        finally:
            self._in_flight -= 1
            _sending.reset(mark)

    async def _exchange(self, request: httpx.Request, seconds: float) -> Reply:
        if self._shared is not None:
            return await _exchange(self._shared, request)
        handshake = Handshake()
        request.extensions["trace"] = handshake
        try:
            if self._pool is not None:
                async with self._pool.lend(request.url, seconds) as client:
                    return await _exchange(client, request)
            assert self._users_own is not None  # noqa: S101  # _open leaves one of the three
            return await _exchange(self._users_own, request)
        except BaseException as error:
            await handshake.abandon()
            if self._users_own is not None and (isinstance(error, httpx.PoolTimeout) or not isinstance(error, Exception)):
                await mend(self._users_own)
            raise

    def _open(self) -> None:
        if self._users_own is not None or self._shared is not None or self._pool is not None:
            return
        if self._closed:
            raise RuntimeError("this client is closed")
        if on_asyncio():
            from httpx_aiohttp import AiohttpTransport  # 0.3 s of imports that trio doesn't need

            transport = AiohttpTransport(verify=_tls(), client=_aiohttp_session)
            self._shared = httpx.AsyncClient(transport=transport, cookies=_NoCookies())
        else:
            self._pool = Pool(tls=_tls(), limit=MAX_CONNECTIONS, keepalive=KEEPALIVE)

    async def aclose(self) -> None:
        """Close the pool, unless it is the user's own."""
        self._closed = True
        shared, self._shared = self._shared, None
        pool, self._pool = self._pool, None
        if shared is not None:
            with anyio.CancelScope(shield=True):
                await shared.aclose()
        if pool is not None:
            await pool.aclose()


def _request(
    method: str, url: str, headers: Mapping[str, str], content: bytes | AsyncIterable[bytes] | None, seconds: float
) -> httpx.Request:
    if _NO_HEADER.search("".join((*headers, *headers.values()))):
        raise NeverSent("InvalidHeader", timed_out=False)
    # Built by hand: client.get() merges headers, cookies, params and auth that a ready request doesn't need.
    extensions = {"timeout": {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}}
    stream: Body | Upload | None = None
    if isinstance(content, bytes) and len(content) > PIECE:
        headers = {**headers, "content-length": str(len(content))}
        content = stream = Upload(content, seconds)
    elif isinstance(content, bytes):
        stream = Body(content)
    elif content is not None:
        content = stream = Upload(content, seconds)
    try:
        request = httpx.Request(method, url, headers=headers, content=content, extensions=extensions)
    except (httpx.InvalidURL, UnicodeError):
        raise NeverSent("InvalidURL", timed_out=False) from None
    if stream is not None:
        request.stream = stream
    return request


async def _exchange(client: httpx.AsyncClient, request: httpx.Request) -> Reply:
    upload = request.stream if isinstance(request.stream, Upload) else None
    try:
        if upload is None:
            response = await client.send(request, stream=True, follow_redirects=False)
        else:
            response = await _upload(client, request, upload)
    except BaseException:
        if upload is not None:
            with anyio.move_on_after(CLOSING, shield=True):
                await upload.aclose()
        raise
    if response.is_stream_consumed:  # it came whole, as from a transport that makes its answers up
        return Reply(status=response.status_code, headers=response.headers, body=await response.aread())
    try:
        # To its end and only then decoded: a broken encoding would leave the generators below half read.
        body = b"".join([chunk async for chunk in response.aiter_raw()])
    except BaseException:
        with anyio.move_on_after(CLOSING, shield=True):
            await response.aclose()
        raise
    if "content-encoding" in response.headers:
        body = httpx.Response(response.status_code, headers=response.headers, content=body).content
    return Reply(status=response.status_code, headers=response.headers, body=body)


async def _upload(client: httpx.AsyncClient, request: httpx.Request, upload: Upload) -> httpx.Response:
    with upload.scope:
        response = await client.send(request, stream=True, follow_redirects=False)
        upload.sent()
        return response
    raise PerhapsSent("WriteTimeout", timed_out=True)


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
        }
        return (NeverSent if never else PerhapsSent)(name, timed_out=timed_out)
    if isinstance(cause, OSError | anyio.BrokenResourceError | anyio.ClosedResourceError | anyio.EndOfStream):
        return PerhapsSent(name, timed_out=isinstance(cause, TimeoutError))
    # UnicodeError: httpx reads where a redirect leads even if it isn't to follow it, and trips over a name that is none.
    if isinstance(error, httpx.HTTPError | UnicodeError):
        return PerhapsSent(name, timed_out=timed_out)
    return None  # a defect of ours, or of a user's own transport: not to be taken for a network failure


def _system_error(error: BaseException) -> OSError | None:
    """Return what the operating system said, if anything. A traceback shows it; a client's own words may hold the URL."""
    at: BaseException | None = error
    while at is not None and not (isinstance(at, OSError) and at.errno is not None):
        at = at.__cause__ or at.__context__
    if at is None:
        return None
    # Their numbers are their own: 1 of TLS is no EPERM.
    kind = next((kind for kind in (ssl.SSLError, socket.gaierror) if isinstance(at, kind)), OSError)
    return kind(at.errno, at.strerror)


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
