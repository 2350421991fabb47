"""The sandbox on a real socket."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .connection import EXTENSION

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType

    from .app import Sandbox
    from .connection import Receive, Scope, Send

__all__ = ["running", "serve"]

KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2048


class _BreakableProtocol(H11Protocol):
    """Hands each request its connection, so that the sandbox can break it rather than answer 500."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        app: Any = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[EXTENSION] = self.transport
            await app(scope, receive, send)

        self.app: Any = with_transport


def serve(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 8700) -> None:
    """Serve a sandbox until the process is interrupted.

    Args:
        sandbox: what to serve.
        host: address to listen on.
        port: TCP port.
    """
    uvicorn.Server(_config(sandbox, host=host, port=port)).run()


class running:  # noqa: N801  it reads as a verb: with running(sandbox) as url
    """Serve a sandbox from a thread of its own while the block runs; the block's value is the base URL.

    Works as `with` and as `async with`, under asyncio, trio or no event loop at all.

    Args:
        sandbox: what to serve.
        host: address to listen on.
        port: TCP port, 0 for any free one.
        ssl_certfile: PEM file of the certificate chain; with it the server speaks TLS.
        ssl_keyfile: PEM file of its private key.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_certfile: str | PathLike[str] | None = None,
        ssl_keyfile: str | PathLike[str] | None = None,
    ) -> None:
        self._listener = _listen(host, port)
        scheme = "http" if ssl_certfile is None else "https"
        self.base_url = f"{scheme}://{host}:{self._listener.getsockname()[1]}"
        self._server = uvicorn.Server(_config(sandbox, ssl_certfile=ssl_certfile, ssl_keyfile=ssl_keyfile))
        # A daemon, so that a test that dies inside the block does not keep the process.
        self._thread = threading.Thread(target=self._serve, name="blaaiz-sandbox", daemon=True)

    def _serve(self) -> None:
        self._server.run(sockets=[self._listener])

    def __enter__(self) -> str:
        # The socket listens already: whoever connects before the server is up simply waits in the queue.
        self._thread.start()
        return self.base_url

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Without force_exit the server would wait for calls that hang on purpose.
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self._listener.close()

    async def __aenter__(self) -> str:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.__exit__, kind, error, trace)


def _listen(host: str, port: int) -> socket.socket:
    # By its protocol's name: asyncio switches Nagle's delay off only for a socket that says it is TCP.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(_BACKLOG)
    return listener


def _config(sandbox: Sandbox, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        sandbox,
        http=_BreakableProtocol,
        ws="none",
        lifespan="on",  # it delivers the webhooks
        log_level="critical",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        **options,
    )
