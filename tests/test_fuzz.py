"""Whatever a platform answers, only BlaaizError leaves the library: for every operation, and down to the bytes of HTTP."""

import contextlib
import json
import random
import socket
import traceback
import warnings
from typing import Any

import httpx
import pytest

from blaaiz_async import AsyncBlaaiz, BlaaizError, MemoryTokenStore, RateBudget, RetryPolicy
from blaaiz_async.core.transport import PerhapsSent, Transport
from tests.contract.calls import CALLS, a_request, an_answer, every_scope
from tests.core.test_verdicts import head, treating

RETRY = RetryPolicy(max_attempts=2, wait_initial=0.0, wait_max=0.0, deadline=0.001)
ODD: list[Any] = [None, True, 0, -1, 0.1, 1e308, 10**400, "", "\x00", "ü" * 300, "2026-99-99", "²", "9" * 5000]
ODD += ["a\r\nb: c", [], {}, [[]], {"data": None}, ["a"]]
RAW = [b"", b"\xff\xfe\x00", b"nul", b"NaN", b'{"data": NaN}', b"1e999999", b"\xef\xbb\xbf{}", b'{"data": 1, "data": {}}']
RAW += [b"[" * 100_000, b'{"data":' * 3000]
HEADERS: dict[str, list[str]] = {
    "retry-after": [
        "",
        "-1",
        "1e9",
        "0",
        "soon",
        "Thu, 99 Foo 2026 00:00:00 GMT",
        "Wed, 21 Oct 0000 07:28:00 GMT",
        "٣",
        "²",
        "9" * 400,
    ],
    "x-ratelimit-limit": ["", "-5", "0", "120", "9" * 30, "9" * 5000, "x"],
    "x-ratelimit-remaining": ["", "-5", "0", "9" * 30, "\u00b2"],
    "x-ratelimit-reset": ["", "0", "-9", "9" * 30, "9" * 400, "1e3"],
    "date": [
        "",
        "yesterday",
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "Fri, 31 Dec 99999 00:00:00 GMT",
        "Mon, 01 Jan 99999999999999 00:00:00 GMT",
    ],
    "content-type": ["", "text/html", "application/json; charset=utf-16", "application/json; charset=no-such"],
    "content-encoding": ["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "nonsense"],
    "location": ["http://xn--/", "http://[", "\x7f"],
}
STATUSES = [*[200] * 8, 201, 202, 204, 206, 301, 304, 307, 400, 401, 403, 404, 409, 410, 418, 422, 429, 500, 503, 526, 599]


def mutated(chance: random.Random, value: Any, rate: float) -> Any:
    """Return a payload with some of its values swapped for others, left out or doubled."""
    if chance.random() < rate:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {k: mutated(chance, v, rate) for k, v in value.items() if chance.random() > rate / 2}
    if isinstance(value, list):
        return [mutated(chance, v, rate) for v in value for _ in range(chance.choice((1, 1, 1, 0, 2)))]
    return value


def body(chance: random.Random, operation: str) -> bytes:
    """Return the bytes of an answer: nonsense, or a documented one with changes."""
    if chance.random() < 0.1:
        return chance.choice(RAW)
    if chance.random() < 0.15:
        errors = {
            "message": chance.choice(ODD),
            "errors": chance.choice([*ODD, {"a": ["b"]}, {"merchant_reference": ["x"]}]),
        }
        return json.dumps(errors).encode()
    text = json.dumps(mutated(chance, an_answer(operation).payload, chance.choice((0.02, 0.1, 0.4)))).encode()
    if chance.random() < 0.4:
        flipped = bytearray(text)
        for _ in range(chance.randint(1, 4)):
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        text = bytes(flipped)
    return text


def answer(chance: random.Random, operation: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    headers = [(name.encode(), chance.choice(values).encode()) for name, values in HEADERS.items() if chance.random() < 0.25]
    return chance.choice(STATUSES), headers, body(chance, operation)


class Mute(httpx.AsyncByteStream):
    """A body as it comes from a socket, not decoded yet."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> Any:
        yield self._content


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # reading an answer knows no event loop
@pytest.mark.parametrize("operation", sorted(CALLS))
async def test_only_our_errors_leave_whatever_is_answered(operation: str) -> None:
    for seed in range(60):
        chance = random.Random(f"{operation}/{seed}")

        def handle(request: httpx.Request, chance: random.Random = chance) -> httpx.Response:
            token = request.url.path == "/oauth/token"
            if token and chance.random() < 0.9:
                return httpx.Response(200, json={"access_token": "t", "token_type": "Bearer", "expires_in": 3600})
            status, headers, content = answer(chance, "oauth_token_create" if token else operation)
            return httpx.Response(status, headers=headers, stream=Mute(content))

        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http_client,
            AsyncBlaaiz(
                client_id="an-id",
                client_secret="a-secret",
                base_url="https://platform.test",
                http_client=http_client,
                retry=RETRY,
                budget=RateBudget() if seed % 3 == 0 else None,
                scopes=every_scope(),
                token_store=MemoryTokenStore(),
            ) as blaaiz,
        ):
            with warnings.catch_warnings(), contextlib.suppress(BlaaizError):
                warnings.simplefilter("ignore", DeprecationWarning)
                try:
                    await CALLS[operation](blaaiz, a_request(operation))
                except BlaaizError:
                    raise
                except Exception as error:
                    raise AssertionError(f"{operation}, seed {seed}: {type(error).__name__} left the library") from error


@pytest.mark.anyio
@pytest.mark.parametrize("field", ["access_token", "expires_in", "token_type"])
async def test_only_our_errors_leave_whatever_the_token_is(field: str) -> None:
    for odd in ODD:

        def handle(request: httpx.Request, odd: Any = odd) -> httpx.Response:
            if request.url.path == "/oauth/token":
                return httpx.Response(
                    200, json={"access_token": "t", "token_type": "Bearer", "expires_in": 3600, field: odd}
                )
            return httpx.Response(200, json=[])

        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http_client,
            AsyncBlaaiz(
                client_id="an-id",
                client_secret="a-secret",
                base_url="https://platform.test",
                http_client=http_client,
                retry=RETRY,
                token_store=MemoryTokenStore(),
            ) as blaaiz,
        ):
            with contextlib.suppress(BlaaizError):
                await blaaiz.currencies.list()


HTTP = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\nx-request-id: 1\r\n\r\n{"data": null}'
CHUNKED = b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n'
PIECES = [
    b"\r\n",
    b"\n",
    b"\x00",
    b": ",
    b"HTTP/1.1 ",
    b"999",
    b"-1",
    b"\xff",
    b"content-length: 5\r\n",
    b"location: http://xn--/\r\n",
]
PIECES += [b"transfer-encoding: chunked\r\n", b"content-encoding: gzip\r\n", b"x" * 70_000, b"HTTP/1.1 100 \r\n\r\n", b"301"]


def broken(chance: random.Random) -> bytes:
    """Return an answer of HTTP with bytes and whole pieces put in, left out and changed."""
    data = bytearray(chance.choice((HTTP, CHUNKED)))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[at:at] = chance.choice(PIECES)
            case 1:
                del data[at : at + chance.randint(1, 20)]
            case 2:
                data[at : at + 1] = chance.randbytes(1)
            case _:
                data[9:12] = chance.choice((b"204", b"304", b"301", b"101", b"100", b"000", b"xyz", b"429"))
    return bytes(data)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["ours", "httpx"])
async def test_http_that_is_broken_anywhere_is_an_answer_or_perhaps_sent(kind: str) -> None:
    seeds = iter(range(10**6))

    def treat(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(broken(random.Random(next(seeds))))

    own = httpx.AsyncClient() if kind == "httpx" else None
    transport = Transport(own, timeout=5.0)
    shown: list[str] = []
    with treating(treat) as place:
        url = f"http://{place}/?email=ada@example.com"
        for _ in range(300):
            try:
                await transport.send("GET", url, headers={})
            except PerhapsSent as error:
                shown.append("".join(traceback.format_exception(error)))
    await transport.aclose()
    if own is not None:
        await own.aclose()
    assert shown
    assert not [each for each in shown if "ada@" in each]
