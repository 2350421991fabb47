"""Deliveries that the receiver takes, against apps that do nothing: one echoes the body, one answers 204.

Every figure is deliveries a second of the server's CPU: what one core takes when nothing else holds it back.

All run behind uvicorn with the same settings, each in a process of its own, and are measured in turn by the same client,
which writes requests that were signed beforehand. The receiver verifies, reads, looks in the process's memory (it has no
store, as by default) and runs a handler that does nothing; every delivery is of another event. Run as
`python -m benchmarks.receiver KIND [--access-log]` it is such a server.
"""

import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import uvicorn.config
from attrs import frozen

from benchmarks.webhooks import SECRET, body
from blaaiz_async.sandbox.delivery import sign
from blaaiz_async.webhooks import Event, Handlers, WebhookVerifier, webhook_app


@frozen(kw_only=True)
class Throughput:
    """Deliveries a second of the server's CPU: medians over rounds."""

    echo: float
    empty: float
    ours: float
    to_echo: float
    """The median of each round's ratio."""
    to_empty: float


class _Sender(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered."""

    def __init__(self, requests: Iterator[bytes], done: asyncio.Event) -> None:
        self._requests = requests
        self._done = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._answer = transport, b""
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and len(body) == int(length or 0):
            assert head.startswith(b"HTTP/1.1 20"), head
            self._answer = b""
            self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
        else:
            self._transport.write(request)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's own signature
        self._done.set()


async def _per_second(port: int, requests: Sequence[bytes], in_flight: int) -> float:
    loop, waiting = asyncio.get_running_loop(), iter(requests)
    ends = [asyncio.Event() for _ in range(in_flight)]
    started = _cpu(port)
    for end in ends:
        await loop.create_connection(partial(_Sender, waiting, end), "127.0.0.1", port)
    for end in ends:
        await end.wait()
    return len(requests) / (_cpu(port) - started)


def _cpu(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        return float(answer.read())


def _signed(prefix: str, number: int) -> list[bytes]:
    now, requests, payload = str(int(time.time())), list[bytes](), json.loads(body(0))
    for each in range(number):
        sent = json.dumps({**payload, "event_id": f"{prefix}-{each}"}).encode()
        head = (
            "POST / HTTP/1.1\r\nhost: localhost\r\nuser-agent: Blaaiz\r\ncontent-type: application/json\r\n"
            f"content-length: {len(sent)}\r\n"
            f"x-blaaiz-timestamp: {now}\r\nx-blaaiz-signature: {sign(SECRET, now, sent)}\r\n\r\n"
        )
        requests.append(head.encode() + sent)
    return requests


@contextlib.contextmanager
def _server(kind: str, *, access_log: bool) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.receiver", kind, *(["--access-log"] if access_log else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def measure(*, in_flight: int, rounds: int, number: int, access_log: bool) -> Throughput:
    """Measure all in turn, `rounds` times `number` deliveries."""
    with contextlib.ExitStack() as stack:
        ports = {kind: stack.enter_context(_server(kind, access_log=access_log)) for kind in _APPS}
        figures: dict[str, list[float]] = {kind: [] for kind in ports}
        for turn in range(rounds + 1):
            requests = _signed(f"{in_flight}-{turn}", number)
            for kind in sorted(ports, reverse=turn % 2 == 0):
                figure = asyncio.run(_per_second(ports[kind], requests, in_flight))
                if turn:  # the first is for warming up
                    figures[kind].append(figure)
    echo, empty, ours = (figures[kind] for kind in ("echo", "empty", "ours"))
    return Throughput(
        echo=statistics.median(echo),
        empty=statistics.median(empty),
        ours=statistics.median(ours),
        to_echo=statistics.median(mine / theirs for mine, theirs in zip(ours, echo, strict=True)),
        to_empty=statistics.median(mine / theirs for mine, theirs in zip(ours, empty, strict=True)),
    )


async def _whole(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    return body


async def _empty(scope: Any, receive: Any, send: Any) -> None:
    del scope
    await _whole(receive)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    del scope
    body = await _whole(receive)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _ours() -> Any:
    handlers = Handlers()

    @handlers.on(Event)
    async def nothing(event: Event) -> None:
        pass

    return webhook_app(WebhookVerifier(SECRET), handlers)


_APPS: Mapping[str, Callable[[], Any]] = {"echo": lambda: _echo, "empty": lambda: _empty, "ours": _ours}


def _telling_its_cpu(app: Any) -> Any:
    async def either(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(time.process_time()).encode()})

    return either


def serve(kind: str, *, access_log: bool) -> None:
    """Be one of the servers that are compared."""
    # The log goes where uvicorn's own goes, and then nowhere: standard output tells the port.
    logs: Any = {**uvicorn.config.LOGGING_CONFIG}
    logs["handlers"]["access"]["stream"] = "ext://sys.stderr"
    config = uvicorn.Config(_telling_its_cpu(_APPS[kind]()), lifespan="off", log_config=logs, access_log=access_log)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


def main(*, quick: bool) -> bool:
    """Print the table, and tell whether the receiver keeps 80 % of a bare ASGI echo's throughput."""
    # Many short rounds: what else runs on the machine then falls on all of them alike.
    rounds, number = (20, 250) if quick else (60, 1000)
    print("Deliveries a second of the server's CPU, behind uvicorn\n")
    print("| access log | in flight | echo | bare 204 | receiver | receiver : echo | receiver : bare 204 |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    held = True
    for access_log in (True, False):
        for in_flight in (1, 16, 64):
            row = measure(in_flight=in_flight, rounds=rounds, number=number, access_log=access_log)
            print(
                f"| {'on, the default' if access_log else 'off'} | {in_flight} | {row.echo:.0f} | {row.empty:.0f} "
                f"| {row.ours:.0f} | {row.to_echo:.2f} | {row.to_empty:.2f} |",
                flush=True,
            )
            held = held and row.to_echo >= 0.8
    return held


if __name__ == "__main__":
    serve(sys.argv[1], access_log="--access-log" in sys.argv)
