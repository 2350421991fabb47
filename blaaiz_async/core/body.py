"""Bodies of requests. None is an async generator: those stay half read when the connection breaks."""

import contextlib
import math
from collections.abc import AsyncIterable, AsyncIterator

import anyio
import httpx

PIECE = 64 * 1024
"""Bytes that are written at once; each piece has the whole time for writing."""


class Body(httpx.ByteStream):
    """A body in one piece."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces(self._content)


class Upload(httpx.AsyncByteStream):
    """A body in many pieces: a server that stops reading amid it is given up after a while.

    httpcore sees to that by itself; aiohttp waits for ever.
    """

    def __init__(self, content: bytes | AsyncIterable[bytes], seconds: float) -> None:
        self._source = _Pieces(content) if isinstance(content, bytes) else content
        self._reading: AsyncIterator[bytes] | None = None
        self._seconds = seconds
        self.scope = anyio.CancelScope()
        """To be entered while the body is sent."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._reading = self._source.__aiter__()
        return self

    async def __anext__(self) -> bytes:
        assert self._reading is not None  # noqa: S101  # by __aiter__
        self.scope.deadline = math.inf  # reading the source may take its time
        piece = await self._reading.__anext__()
        self.scope.deadline = anyio.current_time() + self._seconds
        return piece

    def sent(self) -> None:
        """Stop the clock."""
        self.scope.deadline = math.inf

    async def aclose(self) -> None:
        """Close a source that may be half read."""
        close = getattr(self._reading, "aclose", None)
        if close is not None:
            # RuntimeError: aiohttp's writer is reading it still, being cancelled itself, which ends the generator too.
            with contextlib.suppress(RuntimeError):
                await close()


class _Pieces:
    def __init__(self, content: bytes) -> None:
        self._left = memoryview(content)

    def __aiter__(self) -> "_Pieces":
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        piece, self._left = self._left[:PIECE], self._left[PIECE:]
        return bytes(piece)
