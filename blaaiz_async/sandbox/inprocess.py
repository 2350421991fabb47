"""An httpx transport that calls the sandbox in process and tells its broken connections as httpx tells real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import httpx

from .connection import ConnectionDropped

if TYPE_CHECKING:
    from .app import Sandbox

__all__ = ["InProcessTransport"]


class InProcessTransport(httpx.AsyncBaseTransport):
    """Binds an httpx client to a sandbox.

    Args:
        sandbox: what answers.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = httpx.ASGITransport(app=sandbox)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the read timeout counts for the whole of it."""
        timeout: float | None = request.extensions.get("timeout", {}).get("read")
        try:
            with anyio.fail_after(timeout):
                return await self._inner.handle_async_request(request)
        except ConnectionDropped as dropped:
            text = "Server disconnected without sending a response."
            raise httpx.RemoteProtocolError(text, request=request) from dropped
        except TimeoutError as late:
            raise httpx.ReadTimeout("The sandbox did not answer in time.", request=request) from late
