"""The wire end of a call: reading, answering, and breaking connections off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from .exchange import Answer

__all__ = [
    "EXTENSION",
    "ConnectionDropped",
    "Receive",
    "Scope",
    "Send",
    "await_disconnect",
    "break_off",
    "live",
    "read_body",
    "send_answer",
    "send_part",
]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

EXTENSION = "blaaiz.sandbox.transport"
"""Scope extension by which the sandbox's own server hands out the connection, so that it can be broken for real."""


class ConnectionDropped(ConnectionError):  # noqa: N818  it says what happened
    """The sandbox broke a connection off on purpose."""


async def live(task: Callable[[], Coroutine[Any, Any, None]], receive: Receive, send: Send) -> None:
    """Let a task run for as long as the server does (ASGI lifespan)."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(task)
        await receive()
        tasks.cancel_scope.cancel()
    await send({"type": "lifespan.shutdown.complete"})


async def read_body(receive: Receive) -> bytes | None:
    """Read the whole body; None when the caller left first."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def send_answer(answer: Answer, send: Send) -> None:
    """Send a whole answer."""
    payload = answer.payload()
    await send(_start(answer, len(payload)))
    await send({"type": "http.response.body", "body": payload})


async def send_part(answer: Answer, send: Send) -> None:
    """Announce a whole answer and send half of it."""
    payload = answer.payload()
    await send(_start(answer, len(payload) + 1))
    await send({"type": "http.response.body", "body": payload[: len(payload) // 2], "more_body": True})


async def await_disconnect(receive: Receive) -> None:
    """Wait until the caller has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def break_off(scope: Scope, receive: Receive, *, flush: bool = False) -> None:
    """Break the connection.

    Args:
        scope: of the request; over the sandbox's own server it gives access to the connection.
        receive: of the request.
        flush: whether what was sent must still reach the caller.

    Raises:
        ConnectionDropped: there is no connection to break, as in process; whoever called the app must translate it.
    """
    # Raising inside an app makes a server answer 500, which is just what a dropped connection is not.
    transport = scope.get("extensions", {}).get(EXTENSION)
    if transport is None:
        raise ConnectionDropped("the sandbox dropped the connection")
    if flush:
        transport.close()
    else:
        transport.abort()
    await await_disconnect(receive)


def _start(answer: Answer, length: int) -> dict[str, Any]:
    headers = {"content-type": "application/json", **answer.headers, "content-length": str(length)}
    return {
        "type": "http.response.start",
        "status": answer.status,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
    }
