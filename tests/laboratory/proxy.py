"""A raw TCP proxy that takes a whole request, passes it on or not, and does to the answer what the plan says."""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Callable

from tests.laboratory.plan import STATUSES, Strike, for_a_second, strike, too_many

CALL = b"x-lab-call"
"""The header by which the laboratory tells the calls apart."""
REFUSED = 0.05
"""Seconds for which the port refuses connections."""
HTML = b"<!doctype html><title>Bad gateway</title><h1>Not what you asked for</h1>"


class Proxy:
    """Stands before a platform.

    Args:
        upstream: The platform's port.
        seed: Of the plan.
        share: Of the attempts that are struck.
        revoke: Makes every token invalid.
    """

    def __init__(self, *, upstream: int, seed: int, share: float, revoke: Callable[[], None]) -> None:
        self.attempts = 0
        self.struck: Counter[str] = Counter()
        self._upstream, self._seed, self._share, self._revoke = upstream, seed, share, revoke
        self._made: Counter[str] = Counter()
        self._one_token = asyncio.Lock()
        """Held while a request is sent twice: a 401 to the second would say that nothing was done, and none could know."""
        self._server: asyncio.Server | None = None
        self._refusing: asyncio.Task[None] | None = None

    async def listen(self, port: int = 0) -> int:
        """Take connections, and return the port."""
        self._server = await asyncio.start_server(self.serve, "127.0.0.1", port, backlog=1024)
        return int(self._server.sockets[0].getsockname()[1])

    def _refuse(self) -> None:
        """Refuse connections for a while; those that are open stay so."""
        if self._refusing is None or self._refusing.done():
            self._refusing = asyncio.create_task(self._listen_later())

    async def _listen_later(self) -> None:
        assert self._server is not None
        port = int(self._server.sockets[0].getsockname()[1])
        self._server.close()
        await asyncio.sleep(REFUSED)
        await self.listen(port)

    async def serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream)
            try:
                while await self._exchange(client, answer, reader, writer):
                    pass
            finally:
                writer.close()
        answer.close()

    async def _exchange(
        self,
        client: asyncio.StreamReader,
        answer: asyncio.StreamWriter,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        head = await client.readuntil(b"\r\n\r\n")
        drawn = self._draw(head)
        if drawn.kind == "refused":
            self._refuse()
        if drawn.kind in ("reset before read", "refused"):
            return _cut(answer, reset=True)
        body = await client.readexactly(_length(head))
        if drawn.kind == "token revoked":
            async with self._one_token:
                self._revoke()
        whole = b""
        async with self._one_token if drawn.commits > 1 else contextlib.nullcontext():
            for _ in range(drawn.commits):
                writer.write(head + body)
                whole = await reader.readuntil(b"\r\n\r\n")
                whole += await reader.readexactly(_length(whole))
        return await self._answer(drawn, whole, client, answer)

    def _draw(self, head: bytes) -> Strike:
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        call = lines.get(CALL, b"token").decode()
        looks = head.startswith(b"GET /api/external/transaction/")
        drawn = strike(self._seed, call, self._made[call], self._share, looks=looks)
        self._made[call] += 1
        self.attempts += 1
        if drawn.kind is not None:
            self.struck[drawn.kind] += 1
        return drawn

    async def _answer(  # noqa: PLR0911  # one for each kind of fault
        self, drawn: Strike, whole: bytes, client: asyncio.StreamReader, answer: asyncio.StreamWriter
    ) -> bool:
        chance = drawn.chance
        match drawn.kind:
            case "cut before" | "cut after commit":
                return _cut(answer, reset=chance.random() < 0.5)
            case "cut inside the answer":
                answer.write(whole[: chance.randrange(1, len(whole))])
                await answer.drain()
                return _cut(answer, reset=False)
            case "status before" | "status after commit":
                json = chance.random() < 0.5
                return _send(answer, chance.choice(STATUSES), b'{"message": "Server Error"}' if json else HTML)
            case "not listed yet":
                return _send(answer, 404, b'{"message": "Transaction not found."}')
            case "429":
                return _send(answer, 429, b'{"message": "Too Many Attempts."}', *too_many(chance))
            case "429 for a second":
                return _send(answer, 429, b'{"message": "Too Many Attempts."}', for_a_second(chance))
            case "html before" | "html after commit":
                return _send(answer, 200, HTML, ("content-type", "text/html"))
            case "empty before" | "empty after commit":
                return _send(answer, 200, b"")
            case "hang before" | "hang after commit":
                await client.read(1)
                return False
            case "delay":
                await asyncio.sleep(chance.uniform(0.02, 0.5))
        answer.write(whole)
        return True


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    return int(lowered[at + 15 : lowered.index(b"\r\n", at)]) if at >= 0 else 0


def _cut(answer: asyncio.StreamWriter, *, reset: bool) -> bool:
    if reset:
        held: socket.socket = answer.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        answer.transport.abort()
    return False


def _send(answer: asyncio.StreamWriter, status: int, body: bytes, *headers: tuple[str, str]) -> bool:
    lines = [f"HTTP/1.1 {status} Told", f"content-length: {len(body)}", *(": ".join(each) for each in headers)]
    answer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return True
