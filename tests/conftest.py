"""What all tests share: both event loops, virtual time, and clients bound to a sandbox."""

import asyncio
import contextlib
import os
import selectors
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio.testing

from benchmarks.redis_server import BINARY, RedisServer
from blaaiz_async import AsyncBlaaiz, MemoryTokenStore, RetryPolicy
from blaaiz_async.sandbox import Sandbox

SHARED = Path(__file__).parents[2] / "shared"
"""The project's shared folder; tests that read it skip where it is absent."""


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for time to pass, lets the loop's clock jump to where it would be."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            return super().select(None)
        if not ready and timeout:
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        del timeout  # threads end in real time
        await super().shutdown_default_executor()


VIRTUAL = [
    pytest.param(("asyncio", {"loop_factory": JumpingLoop}), id="asyncio-virtual"),
    pytest.param(("trio", {"clock": "jump"}), id="trio-virtual"),
]


@pytest.fixture(params=VIRTUAL)
def virtual_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """A backend whose time jumps: hours pass in milliseconds. A test module makes it its `anyio_backend`."""
    name, options = request.param
    return (name, {"clock": trio.testing.MockClock(autojump_threshold=0)}) if name == "trio" else (name, options)


@contextlib.contextmanager
def redis() -> Iterator[RedisServer]:
    """Run a real redis-server; where there is none, skip, but never in CI."""
    if shutil.which(BINARY) is None:
        if "CI" in os.environ:
            pytest.fail(f"{BINARY} is not installed, and CI skips nothing")
        pytest.skip(f"{BINARY} is not installed")
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A redis-server of this test's own, which may be killed."""
    with redis() as server:
        yield server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a redis-server that the whole session shares."""
    with redis() as server:
        yield server.url


Bind = Callable[..., contextlib.AbstractAsyncContextManager[AsyncBlaaiz]]


@pytest.fixture
def bind() -> Bind:
    """Make a client that is bound to a sandbox in process; it doesn't wait between attempts."""

    @contextlib.asynccontextmanager
    async def make(sandbox: Sandbox, **options: Any) -> AsyncIterator[AsyncBlaaiz]:
        settings: dict[str, Any] = {
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "base_url": "http://sandbox.test",
            "budget": None,
            "retry": RetryPolicy(wait_initial=0.0),
            "token_store": MemoryTokenStore(),
            **options,
        }
        async with sandbox.http_client() as http_client:
            settings.setdefault("http_client", http_client)
            async with AsyncBlaaiz(**settings) as blaaiz:
                yield blaaiz

    return make
