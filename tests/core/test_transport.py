"""Was it sent? Every way in which a real server can fail, on both event loops and over real sockets."""

import asyncio
import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from blaaiz_async.core.transport import NeverSent, PerhapsSent, Reply, Transport, Unanswered

pytestmark = pytest.mark.anyio

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Server:
    """Reads whole requests and treats each connection as `treat` says; it counts the requests that reached it."""

    def __init__(self, treat: Callable[[socket.socket, int], bool]) -> None:
        self.treat = treat
        self.requests = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/x"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while self._read(connection):
                self.requests += 1
                if not self.treat(connection, self.requests):
                    return

    @staticmethod
    def _read(connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = connection.recv(65536)
            if not chunk:
                return False
            data += chunk
        return True


@contextlib.contextmanager
def serving(treat: Callable[[socket.socket, int], bool]) -> Iterator[Server]:
    server = Server(treat)
    try:
        yield server
    finally:
        server.listener.close()


def close(connection: socket.socket, _: int) -> bool:
    return False


def reset(connection: socket.socket, _: int) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang(connection: socket.socket, _: int) -> bool:
    while connection.recv(65536):  # the body may come by itself
        pass
    return False


def truncate(connection: socket.socket, _: int) -> bool:
    connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"a"')
    return False


def truncate_chunked(connection: socket.socket, _: int) -> bool:
    connection.sendall(b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{"a"\r\n')
    return False


def half_a_head(connection: socket.socket, _: int) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-le")
    return False


def garbage(connection: socket.socket, _: int) -> bool:
    connection.sendall(b"\x00\x01\x02 nonsense\r\n\r\n")
    return False


def second_closes(connection: socket.socket, request: int) -> bool:
    if request == 2:
        return False
    connection.sendall(WHOLE)
    return True


async def ask(url: str, *, method: str = "POST", times: int = 1, timeout: float = 5.0) -> Reply:
    transport = Transport(None, timeout=timeout)
    try:
        for _ in range(times):
            reply = await transport.send(method, url, headers={}, content=b"{}")
        return reply
    finally:
        await transport.aclose()


@pytest.mark.parametrize("treat", [close, reset, truncate, truncate_chunked, half_a_head, garbage])
async def test_a_connection_lost_after_the_request_was_sent_is_perhaps_sent(
    treat: Callable[[socket.socket, int], bool],
) -> None:
    with serving(treat) as server:
        with pytest.raises(PerhapsSent) as caught:
            await ask(server.url)
        assert not caught.value.timed_out
        assert 1 == server.requests


async def test_a_request_without_an_answer_in_time_is_perhaps_sent() -> None:
    with serving(hang) as server:
        with pytest.raises(PerhapsSent) as caught:
            await ask(server.url, timeout=1.0)
        assert caught.value.timed_out


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET"])
async def test_nothing_below_sends_a_request_again_on_a_reused_connection(method: str) -> None:
    with serving(second_closes) as server:
        with pytest.raises(PerhapsSent):
            await ask(server.url, method=method, times=2)
        assert 2 == server.requests


async def test_a_refused_connection_is_never_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NeverSent):
        await ask(f"http://127.0.0.1:{port}/")


async def test_an_unknown_host_is_never_sent() -> None:
    with pytest.raises(NeverSent):
        await ask("http://nowhere.invalid/")


async def test_a_failed_tls_handshake_is_never_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def no_tls() -> None:
            with contextlib.suppress(OSError):
                connection, _ = plain.accept()
                with connection:
                    connection.recv(1024)
                    connection.sendall(b"this is no TLS\r\n\r\n")

        threading.Thread(target=no_tls, daemon=True).start()
        with pytest.raises(NeverSent):
            await ask(f"https://127.0.0.1:{plain.getsockname()[1]}/")


async def test_a_failure_never_tells_the_url() -> None:
    with pytest.raises(Unanswered) as caught:
        await ask("http://nowhere.invalid/?signature=very-secret")
    assert "secret" not in str(caught.value)


async def test_the_http_client_below_logs_no_url(caplog: pytest.LogCaptureFixture) -> None:
    def answer(connection: socket.socket, _: int) -> bool:
        connection.sendall(WHOLE)
        return True

    caplog.set_level(logging.DEBUG)
    with serving(answer) as server:
        await ask(server.url + "?signature=very-secret")
    assert "very-secret" not in caplog.text


def _answer_with(error: Exception) -> httpx.AsyncClient:
    def handle(_: httpx.Request) -> httpx.Response:
        raise error

    return httpx.AsyncClient(transport=httpx.MockTransport(handle))


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (httpx.ConnectError("x"), NeverSent),
        (httpx.PoolTimeout("x"), NeverSent),
        (httpx.ReadTimeout("x"), PerhapsSent),
        (httpx.RemoteProtocolError("x"), PerhapsSent),
        (OSError("x"), PerhapsSent),
    ],
)
async def test_a_client_of_the_users_own_is_judged_by_the_same_rules(error: Exception, verdict: type[Unanswered]) -> None:
    async with _answer_with(error) as client:
        with pytest.raises(verdict) as caught:
            await Transport(client, timeout=1.0).send("POST", "http://a.test/", headers={})
        assert type(caught.value) is verdict


async def test_a_defect_in_a_users_own_transport_is_not_taken_for_a_network_failure() -> None:
    async with _answer_with(ZeroDivisionError()) as client:
        with pytest.raises(ZeroDivisionError):
            await Transport(client, timeout=1.0).send("POST", "http://a.test/", headers={})


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_cancelled_calls_leave_the_pool_healthy() -> None:
    def slowly(connection: socket.socket, request: int) -> bool:
        if request <= 200:
            connection.recv(1)
            return False
        connection.sendall(WHOLE)
        return True

    with serving(slowly) as server:
        transport = Transport(None, timeout=5.0)
        try:
            calls = [asyncio.ensure_future(transport.send("GET", server.url, headers={})) for _ in range(200)]
            await asyncio.sleep(0.2)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            server.requests = 1000
            assert 200 == (await transport.send("GET", server.url, headers={})).status
        finally:
            await transport.aclose()
