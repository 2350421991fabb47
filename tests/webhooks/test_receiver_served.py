"""The receiver behind real sockets: alone, killed and restarted, several at once, and mounted in frameworks."""

import contextlib
import itertools
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.to_thread
import attrs
import httpx
import litestar
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from blaaiz_async.sandbox import Sandbox
from blaaiz_async.sandbox.delivery import sign
from blaaiz_async.webhooks import (
    CustomerEvent,
    DeliveryQueue,
    Event,
    Handlers,
    WebhookApp,
    WebhookVerifier,
    webhook_app,
)
from tests.conftest import Bind
from tests.webhooks.deliveries import Delivery, delivery, genuine, storm, tampered

pytestmark = pytest.mark.anyio

LONG = 3600.0
"""Seconds in which every lease has lapsed."""


class Served:
    """A receiver in a process of its own."""

    def __init__(self, **options: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.webhooks.served", json.dumps(options)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._lines: Iterator[str] = iter(self._process.stdout.readline, "")
        self.url = f"http://127.0.0.1:{int(next(self._lines))}/"

    def handled(self, count: int) -> list[str]:
        """Return the next events that were handled; wait for them."""
        return [line.strip() for line in itertools.islice(self._lines, count)]

    def kill(self) -> list[str]:
        """Kill it as a power cut would, and return what it had handled and nobody asked for yet."""
        self._process.send_signal(signal.SIGKILL)
        return self._end()

    def stop(self) -> list[str]:
        """Let it come to its end."""
        self._process.terminate()
        return self._end()

    def _end(self) -> list[str]:
        left = [line.strip() for line in self._lines]
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return left


async def first_handled(server: Served, count: int) -> list[str]:
    """Wait for so many events to be handled, and not for ever."""
    with anyio.fail_after(60):
        return await anyio.to_thread.run_sync(server.handled, count, abandon_on_cancel=True)


@contextlib.contextmanager
def served(**options: Any) -> Iterator[Served]:
    one = Served(**options)
    try:
        yield one
    finally:
        one.kill()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # the loop under test is the server's
async def test_events_survive_kills_and_restarts_with_the_sqlite_store(tmp_path: Path) -> None:
    now = time.time()
    deliveries, kills = storm(11, 600, now=now), [90, 90, 90]
    waiting, answered, suspects = [*reversed(deliveries)], set[str](), set[str]()
    statuses, work, lives = Counter[tuple[bool, int]](), Counter[str](), 0
    while waiting or kills:
        options = {"sqlite": str(tmp_path / "seen.sqlite"), "failing": 0.1, "ahead": LONG * lives}
        with served(**options) as server:
            lives += 1
            for_this_life = kills.pop() if kills else None
            under_way, effects = Counter[str](), list[str]()  # an event may be under way twice

            async def sender(client: httpx.AsyncClient, url: str, flying: Counter[str]) -> None:
                while waiting:
                    one = waiting.pop()
                    flying[one.key] += 1
                    try:
                        answer = await client.post(url, content=one.body, headers=one.headers)
                    except httpx.TransportError:
                        waiting.insert(0, one)
                        return  # it is dead; the platform comes again later
                    statuses[one.genuine, answer.status_code] += 1
                    flying[one.key] -= 1
                    if answer.status_code == 204:
                        answered.add(one.key)
                    elif one.genuine:
                        waiting.insert(0, one)

            async def killer(server: Served, after: int, effects: list[str]) -> None:
                effects += await first_handled(server, after)
                effects += await anyio.to_thread.run_sync(server.kill)

            async with httpx.AsyncClient(timeout=60) as client, anyio.create_task_group() as tasks:
                for _ in range(8):
                    tasks.start_soon(sender, client, server.url, under_way)
                if for_this_life is not None:
                    tasks.start_soon(killer, server, for_this_life, effects)
            if for_this_life is None:
                effects += await anyio.to_thread.run_sync(server.stop)
            # What was handled in this life, had been answered in none before.
            assert [] == [key for key in effects if key in work and key not in suspects]
            work.update(effects)
            suspects |= {*+under_way}
    assert 4 == lives
    assert set(genuine(deliveries)) == set(work)
    # Only what was under way in the moment of a kill may have been done twice, which no software can rule out.
    assert {key for key, times in work.items() if times > 1} <= suspects
    assert len(suspects) <= 3 * 8
    assert {400} == {status for true, status in statuses if not true}
    assert statuses[True, 500] > 20


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_was_answered_before_it_was_handled_survives_a_kill(tmp_path: Path) -> None:
    files = {"sqlite": str(tmp_path / "hooks.sqlite"), "queue": str(tmp_path / "hooks.sqlite")}
    deliveries = [delivery(f"event-{number}", now=time.time()) for number in range(60)]
    with served(**files, stuck_after=20) as server:
        async with httpx.AsyncClient() as client:
            for one in (*deliveries, *deliveries[:5]):
                answer = await client.post(server.url, content=one.body, headers=one.headers)
                assert 204 == answer.status_code
        work = Counter(await first_handled(server, 20))
        work.update(await anyio.to_thread.run_sync(server.kill))
        assert 20 == work.total()
    with served(**files, ahead=LONG) as server:  # nothing is sent again
        work.update(await first_handled(server, 40))
        work.update(await anyio.to_thread.run_sync(server.stop))
    assert 60 == len(work)
    # What was done and not struck off when the kill came is done again, and no more than that.
    assert work.total() <= 60 + 16


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("store", ["sqlite", "redis"])
async def test_several_processes_share_what_they_have_seen(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where = request.getfixturevalue("redis_url") if store == "redis" else str(tmp_path / "seen.sqlite")
    deliveries, statuses = storm(13, 600, now=time.time()), Counter[tuple[bool, int]]()
    async with contextlib.AsyncExitStack() as stack:
        servers = [stack.enter_context(served(**{store: where}, failing=0.1)) for _ in range(3)]
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        urls = itertools.cycle(each.url for each in servers)
        waiting = [*reversed(deliveries)]

        async def sender() -> None:
            while waiting:
                one = waiting.pop()
                answer = await client.post(next(urls), content=one.body, headers=one.headers)
                statuses[one.genuine, answer.status_code] += 1
                if answer.status_code != 204 and one.genuine:
                    waiting.insert(0, one)

        async with anyio.create_task_group() as tasks:
            for _ in range(12):
                tasks.start_soon(sender)
        handled = [await anyio.to_thread.run_sync(each.stop) for each in servers]
    assert all(handled)
    assert Counter(set(genuine(deliveries))) == Counter(itertools.chain(*handled))
    assert {400} == {status for true, status in statuses if not true}
    assert statuses[True, 500] > 20


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
async def test_it_serves_alone_under_asyncio_and_under_trio(server: str, tmp_path: Path) -> None:
    one, forged = delivery("e1", now=time.time()), tampered(random.Random(1), 1, now=time.time())

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65536)

    with served(server=server, queue=str(tmp_path / "queue.sqlite")) as receiver:
        async with httpx.AsyncClient(base_url=receiver.url, timeout=60) as client:
            assert 204 == (await client.post("/", content=one.body, headers=one.headers)).status_code
            assert 400 == (await client.post("/", content=forged.body, headers=forged.headers)).status_code
            assert 405 == (await client.get("/")).status_code
            assert b"HTTP/1.1 413" == await announce(httpx.URL(receiver.url), length=2 * 1024 * 1024)
            # While the body still comes, a server may cut the caller off before the answer is read.
            with contextlib.suppress(httpx.TransportError):
                assert 413 == (await client.post("/", content=endless(), headers=one.headers)).status_code
            assert 204 == (await client.post("/", content=one.body, headers=one.headers)).status_code
        assert ["e1"] == await first_handled(receiver, 1)  # by the server's lifespan
        assert [] == await anyio.to_thread.run_sync(receiver.stop)


async def announce(url: httpx.URL, *, length: int) -> bytes:
    """Declare a body without sending it, and return how the answer begins."""
    async with await anyio.connect_tcp(url.host, url.port or 80) as stream:
        await stream.send(f"POST / HTTP/1.1\r\nhost: {url.host}\r\ncontent-length: {length}\r\n\r\n".encode())
        return (await stream.receive())[:12]


def mounted_in_fastapi(app: WebhookApp) -> Any:
    around = FastAPI()
    around.mount("/hooks", app)
    return around


def routed_in_fastapi(app: WebhookApp) -> Any:
    around, served = FastAPI(), cast("Any", app)
    around.add_route("/hooks", served, methods=["POST"])
    return around


def mounted_in_starlette(app: WebhookApp) -> Any:
    return Starlette(routes=[Mount("/hooks", app)])


def routed_in_starlette(app: WebhookApp) -> Any:
    return Starlette(routes=[Route("/hooks", app)])


def mounted_in_litestar(app: WebhookApp) -> Any:
    served: Any = app
    return litestar.Litestar([litestar.asgi("/hooks", is_mount=True, copy_scope=True)(served)])


@pytest.mark.parametrize(
    ("within", "path"),
    [
        # A mount of Starlette's answers the path without the slash with a redirection, which is no success to the platform.
        (mounted_in_fastapi, "/hooks/"),
        (routed_in_fastapi, "/hooks"),
        (mounted_in_starlette, "/hooks/"),
        (routed_in_starlette, "/hooks"),
        (mounted_in_litestar, "/hooks"),
    ],
)
async def test_it_takes_the_sandboxs_deliveries_mounted_in_a_framework(within: Any, path: str, bind: Bind) -> None:
    sandbox, handlers, events = Sandbox(limits=None), Handlers(), list[str]()

    @handlers.on(CustomerEvent)
    async def keep(event: CustomerEvent) -> None:
        events.append(event.name)

    async with bind(sandbox) as blaaiz:
        urls = {f"{each}_url": f"https://shop.example{path}" for each in ("payout", "collection", "kyc")}
        secret = (await blaaiz.webhooks.register(urls)).signing_secret
        around = within(webhook_app(WebhookVerifier(secret), handlers))
        customer = await blaaiz.customers.create(
            {
                "type": "individual",
                "first_name": "Ada",
                "last_name": "Obi",
                "email": "ada@example.com",
                "country": "NG",
                "id_type": "passport",
                "id_number": "A1234567",
            }
        )
        sandbox.decide(customer.id, "VERIFIED")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(around)) as client:
            assert 2 == await sandbox.deliver_due(client)
            assert 0 == await sandbox.deliver_due(client)
    assert ["customer.created", "customer.status_changed"] == events


async def test_mounted_with_a_queue_it_works_within_the_lifespan_around_it(tmp_path: Path) -> None:
    handlers, handled = Handlers(), anyio.Event()

    @handlers.on(Event)
    async def handler(event: Event) -> None:
        handled.set()

    queue, one = DeliveryQueue(tmp_path / "queue.sqlite"), _signed_with("s")
    hooks = webhook_app(WebhookVerifier("s", tolerance=None), handlers, queue=queue)
    transport = httpx.ASGITransport(routed_in_starlette(hooks))
    async with queue, httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        assert 503 == (await client.post("/hooks", content=one.body, headers=one.headers)).status_code
        async with hooks.working():
            assert 204 == (await client.post("/hooks", content=one.body, headers=one.headers)).status_code
            with anyio.fail_after(60):
                await handled.wait()


def _signed_with(secret: str) -> Delivery:
    one = delivery("e1")
    return attrs.evolve(one, signature=sign(secret, one.timestamp, one.body))
