"""Each way in which an exchange can break, for real and on every HTTP client that we run on: was it sent?"""

import contextlib
import gc
import gzip
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import anyio
import anyio.lowlevel
import httpx
import pytest
import trustme

from blaaiz_async.core.transport import NeverSent, PerhapsSent, Reply, Transport

pytestmark = pytest.mark.anyio

Treat = Callable[[socket.socket], None]
LARGE = b"x" * 20_000_000  # more than any socket buffer takes
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(params=["ours", "httpx"])
def client(request: pytest.FixtureRequest) -> Callable[[], httpx.AsyncClient | None]:
    """aiohttp under asyncio, the pool under trio; and httpx as a user would bring it."""
    return {"ours": lambda: None, "httpx": lambda: httpx.AsyncClient(limits=httpx.Limits(max_connections=4))}[request.param]


Client = Callable[[], httpx.AsyncClient | None]


@contextlib.contextmanager
def treating(treat: Treat) -> Iterator[str]:
    """Serve connections as told, each in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            treat(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def head(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1024) or b"\r\n\r\n"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answering(answer: bytes) -> Treat:
    def treat(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(answer)

    return treat


async def post(
    url: str,
    client: Client,
    *,
    content: bytes | AsyncIterator[bytes] = b"",
    headers: Mapping[str, str] = MappingProxyType({}),
    timeout: float = 5.0,
) -> Reply:
    own = client()
    transport = Transport(own, timeout=timeout)
    try:
        return await transport.send("POST", url, headers=headers, content=content)
    finally:
        await transport.aclose()
        if own is not None:
            await own.aclose()
            for _ in range(3):  # asyncio closes an aborted socket a turn later
                await anyio.lowlevel.checkpoint()


# -- never sent: certain, or money moves twice -------------------------------------------------------------------------


async def test_a_connection_reset_within_the_tls_handshake_is_never_sent(client: Client) -> None:
    def in_the_hello(connection: socket.socket) -> None:
        connection.recv(1)
        reset(connection)

    with treating(in_the_hello) as place, pytest.raises(NeverSent):
        await post(f"https://{place}/", client)


async def test_a_tls_handshake_that_hangs_is_never_sent(client: Client) -> None:
    def hang(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with treating(hang) as place, pytest.raises(NeverSent) as caught:
        await post(f"https://{place}/", client, timeout=0.3)
    assert caught.value.timed_out


async def test_an_untrusted_certificate_is_never_sent_to(client: Client) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    reached: list[bytes] = []

    def decline(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as wrapped:
            reached.append(wrapped.recv(1024))

    with treating(decline) as place, pytest.raises(NeverSent):
        await post(f"https://{place}/", client)
    assert not any(reached)


@pytest.mark.parametrize("url", ["ftp://a.test/", "http://[/", "/path", "http://a.test:99999/", "http://nowhere.invalid/"])
async def test_an_address_that_leads_nowhere_is_never_sent_to(client: Client, url: str) -> None:
    with pytest.raises(NeverSent):
        await post(url, client)


async def test_waiting_in_vain_for_a_connection_is_never_sent() -> None:
    whole = HEAD + b"content-length: 2\r\n\r\n{}"
    with treating(answering(whole)) as place:
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=1)) as one, one.stream("GET", f"http://{place}/"):
            with pytest.raises(NeverSent) as caught:
                await Transport(one, timeout=0.3).send("POST", f"http://{place}/", headers={})
    assert caught.value.timed_out


# -- perhaps sent ------------------------------------------------------------------------------------------------------


async def test_a_reset_amid_a_large_body_is_perhaps_sent(client: Client) -> None:
    def after_the_head(connection: socket.socket) -> None:
        head(connection)
        reset(connection)

    with treating(after_the_head) as place, pytest.raises(PerhapsSent):
        await post(f"http://{place}/", client, content=LARGE)


async def test_a_reset_amid_a_file_leaves_nothing_half_read(client: Client) -> None:
    closed: list[bool] = []

    async def file() -> AsyncIterator[bytes]:
        try:
            for _ in range(300):
                yield b"x" * 65536
        finally:
            closed.append(True)

    def after_the_head(connection: socket.socket) -> None:
        head(connection)
        reset(connection)

    with treating(after_the_head) as place, pytest.raises(PerhapsSent):
        await post(f"http://{place}/", client, content=file(), headers={"content-length": str(300 * 65536)})
    gc.collect()  # what is left half read says so now
    assert [True] == closed


async def test_a_server_that_stops_reading_a_large_body_times_out_as_perhaps_sent() -> None:
    stop, before = threading.Event(), open_files() + 1

    def after_the_head(connection: socket.socket) -> None:
        head(connection)
        stop.wait(20)

    with treating(after_the_head) as place:
        try:
            with pytest.raises(PerhapsSent) as caught:
                await post(f"http://{place}/", lambda: None, content=LARGE, timeout=0.5)
        finally:
            stop.set()
        # What couldn't be written is given up as the server goes; asyncio must still run by then.
        with anyio.fail_after(10):
            while open_files() > before:
                await anyio.lowlevel.checkpoint()
    assert caught.value.timed_out


async def test_an_answer_that_comes_before_the_body_is_read_is_an_answer_or_perhaps_sent(client: Client) -> None:
    # Whichever comes first, the answer or the reset.
    early = answering(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
    with treating(early) as place, contextlib.suppress(PerhapsSent):
        assert 413 == (await post(f"http://{place}/", client, content=LARGE)).status


BROKEN = {
    "gzip that is none": HEAD + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello",
    "deflate that is none": HEAD + b"content-encoding: deflate\r\ncontent-length: 5\r\n\r\nhello",
    "a header of 200 kB": HEAD + b"x-long: " + b"x" * 200_000 + b"\r\ncontent-length: 2\r\n\r\n{}",
    "half a gzip and a lost connection": HEAD
    + b"content-encoding: gzip\r\ncontent-length: 1000\r\n\r\n"
    + gzip.compress(b"{}" * 100)[:10],
    "two lengths": HEAD + b"content-length: 2\r\ncontent-length: 5\r\n\r\n{}",
    "a negative length": HEAD + b"content-length: -2\r\n\r\n{}",
    "a chunk of no size": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "no answer": b"",
    "only an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_an_answer_that_is_no_http_is_perhaps_sent(client: Client, answer: bytes) -> None:
    with treating(answering(answer)) as place, pytest.raises(PerhapsSent):
        await post(f"http://{place}/", client)


LOCATIONS = [
    "http://[",
    "http://a:99999/",
    "/\x7f",
    "ftp://a/",
    "//",
    "http:///x",
    "\xff\xfe",
    "http://xn--/",
    "http://a\x00b/",
    "",
]


@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_wherever_it_leads_and_is_never_followed(
    client: Client, status: int, location: str
) -> None:
    answer = f"HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode("latin-1")
    with treating(answering(answer)) as place, contextlib.suppress(PerhapsSent):  # httpx stumbles over some of them
        assert status == (await post(f"http://{place}/", client)).status


async def test_a_compressed_answer_is_read(client: Client) -> None:
    body = gzip.compress(b'{"a": 1}')
    answer = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    with treating(answering(answer)) as place:
        assert b'{"a": 1}' == (await post(f"http://{place}/", client)).body


async def test_a_large_body_arrives_whole_and_with_its_length(client: Client) -> None:
    arrived = bytearray()

    def read(connection: socket.socket) -> None:
        while b"\r\n\r\n" not in arrived:
            arrived.extend(connection.recv(65536))
        start = arrived.index(b"\r\n\r\n") + 4
        while len(arrived) < start + len(LARGE) and (chunk := connection.recv(1 << 20)):
            arrived.extend(chunk)
        connection.sendall(HEAD + b"content-length: 0\r\n\r\n")

    with treating(read) as place:
        await post(f"http://{place}/", client, content=LARGE)
    sent_head, _, body = bytes(arrived).partition(b"\r\n\r\n")
    assert LARGE == body
    assert b"content-length: %d" % len(LARGE) in sent_head.lower()
    assert b"transfer-encoding" not in sent_head.lower()


@pytest.mark.parametrize("value", ["a\r\nx-injected: 1", "a\x00b", "ü"])
async def test_a_header_that_is_none_is_never_sent(client: Client, value: str) -> None:
    with treating(answering(HEAD + b"\r\n")) as place, pytest.raises(NeverSent):
        await post(f"http://{place}/", client, headers={"x-header": value})
