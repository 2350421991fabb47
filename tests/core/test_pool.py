"""Cancelled exchanges leave the connections as they were, over plain TCP and TLS, whoever brought the pool."""

import contextlib
import gc
import random
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator

import anyio
import httpx
import pytest
import trustme

from blaaiz_async.core.pool import NoConnectionInTimeError, Pool
from blaaiz_async.core.transport import PoolStatistics, Transport

pytestmark = pytest.mark.anyio

CANCELLED = 400
AT_ONCE = 40
LIMIT = 8


@pytest.fixture(scope="module", params=["http", "https"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Answer whatever is asked, in the time that threads take, and close every fifth connection after its answer."""
    tls = None
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "https":
            authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(tls)
            trusted = tmp_path_factory.mktemp("tls") / "ca.pem"
            authority.cert_pem.write_to_path(str(trusted))
            patch.setenv("SSL_CERT_FILE", str(trusted))
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)

        def serve(connection: socket.socket, number: int) -> None:
            with contextlib.suppress(OSError), connection:
                wrapped = tls.wrap_socket(connection, server_side=True) if tls else connection
                with wrapped:
                    while b"\r\n\r\n" in wrapped.recv(65536):
                        last = number % 5 == 0
                        told = b"connection: close\r\n" if last else b""  # or it might be used once more, and be lost
                        wrapped.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n" + told + b"\r\n{}")
                        if last:
                            return

        def accept() -> None:
            with contextlib.suppress(OSError):
                for number in range(10**9):
                    connection, _ = listener.accept()
                    threading.Thread(target=serve, args=(connection, number), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"{request.param}://localhost:{listener.getsockname()[1]}/"
        listener.close()


@contextlib.asynccontextmanager
async def transport_of(kind: str) -> AsyncIterator[Transport]:
    async with contextlib.AsyncExitStack() as stack:
        limits = httpx.Limits(max_connections=LIMIT)
        own = await stack.enter_async_context(httpx.AsyncClient(limits=limits)) if kind == "httpx" else None
        transport = Transport(own, timeout=10.0)
        stack.push_async_callback(transport.aclose)
        yield transport


@pytest.mark.parametrize("kind", ["ours", "httpx"])
async def test_after_hundreds_of_cancelled_exchanges_the_pool_works_as_new(url: str, kind: str) -> None:
    chance = random.Random(7)

    async with transport_of(kind) as transport:

        async def cancelled() -> None:
            with anyio.move_on_after(chance.random() * 0.05):
                await transport.send("GET", url, headers={})

        async def whole(answers: list[int]) -> None:
            answers.append((await transport.send("GET", url, headers={}, timeout=5.0)).status)

        for _ in range(CANCELLED // AT_ONCE):
            async with anyio.create_task_group() as group:
                for _ in range(AT_ONCE):
                    group.start_soon(cancelled)
        assert 0 == transport.statistics().in_flight
        answers: list[int] = []
        async with anyio.create_task_group() as group:
            for _ in range(2 * AT_ONCE):
                group.start_soon(whole, answers)
        assert [200] * 2 * AT_ONCE == answers
    gc.collect()  # a connection that nobody closed says so now


async def test_statistics_tell_what_is_under_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with transport_of("ours") as transport:
            assert PoolStatistics(limit=128, in_flight=0) == transport.statistics()

            async def ask() -> None:
                await transport.send("GET", f"http://127.0.0.1:{silent.getsockname()[1]}/", headers={})

            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(ask)
                await anyio.wait_all_tasks_blocked()
                assert PoolStatistics(limit=128, in_flight=3) == transport.statistics()
                group.cancel_scope.cancel()
            assert PoolStatistics(limit=128, in_flight=0) == transport.statistics()


A, B = httpx.URL("http://a.test/"), httpx.URL("http://b.test/")


async def test_a_client_is_lent_again_to_the_same_place_unless_its_exchange_failed() -> None:
    pool = Pool(tls=ssl.create_default_context(), limit=2, keepalive=60.0)
    async with pool.lend(A, 1.0) as first, pool.lend(B, 1.0) as other:
        assert first is not other
    with contextlib.suppress(ZeroDivisionError):
        async with pool.lend(A, 1.0) as again:
            assert again is first
            raise ZeroDivisionError
    assert first.is_closed
    async with pool.lend(A, 1.0) as new:
        assert new is not first
    await pool.aclose()
    assert new.is_closed
    assert other.is_closed


async def test_no_more_is_lent_than_the_limit_and_a_slot_comes_back_whatever_happens() -> None:
    pool = Pool(tls=ssl.create_default_context(), limit=1, keepalive=60.0)
    async with pool.lend(A, 1.0):
        with pytest.raises(NoConnectionInTimeError):
            async with pool.lend(A, 0.0):
                pass
    with anyio.CancelScope() as scope:
        async with pool.lend(A, 1.0) as cancelled:
            scope.cancel()
            await anyio.sleep_forever()
    assert cancelled.is_closed
    async with pool.lend(A, 0.0):
        pass
    await pool.aclose()


async def test_a_connection_that_was_idle_for_too_long_is_closed() -> None:
    pool = Pool(tls=ssl.create_default_context(), limit=2, keepalive=0.0)
    async with pool.lend(A, 1.0) as stale:
        pass
    async with pool.lend(B, 1.0):
        assert stale.is_closed
    await pool.aclose()
