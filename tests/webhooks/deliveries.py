"""Deliveries as the platform makes them, and the app called as a server calls it."""

import copy
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import anyio
from attrs import frozen

from blaaiz_async import contract
from blaaiz_async.sandbox.delivery import sign
from blaaiz_async.webhooks import WebhookApp
from tests.webhooks.payloads import NOW, SECRET

_STATUS_CHANGED = contract.document("events")["webhooks"]["customer.status_changed"]["post"]["requestBody"]["content"]
PAYLOAD: dict[str, Any] = next(iter(_STATUS_CHANGED["application/json"]["examples"].values()))["value"]
ATTEMPTS = 10
"""contract/events.yaml x-webhook-delivery.retry_policies.general"""


@frozen(kw_only=True)
class Delivery:
    """One request on its way."""

    key: str
    """The event it tells of, or would tell of."""
    body: bytes
    timestamp: str
    signature: str
    genuine: bool = True

    @property
    def headers(self) -> dict[str, str]:
        return {"x-blaaiz-timestamp": self.timestamp, "x-blaaiz-signature": self.signature}


def delivery(key: str, *, now: float = NOW, **changes: Any) -> Delivery:
    """Announce that the status of a customer changed."""
    return signed_delivery(json.dumps({**copy.deepcopy(PAYLOAD), "event_id": key, **changes}).encode(), key=key, now=now)


def signed_delivery(body: bytes, *, key: str = "", now: float = NOW) -> Delivery:
    """Sign any body as the platform does."""
    return Delivery(key=key, body=body, timestamp=str(int(now)), signature=sign(SECRET, str(int(now)), body))


def tampered(chance: random.Random, number: int, *, now: float = NOW) -> Delivery:
    """Make a delivery of an event that never was, in one of the ways somebody may try."""
    key, past = f"forged-{number}", str(int(now) - 100_000)
    good = delivery(key, now=now)
    body, signature, timestamp = chance.choice(
        [
            (good.body.replace(b"PENDING", b"DENYING"), good.signature, good.timestamp),
            (good.body, sign("another secret", good.timestamp, good.body), good.timestamp),
            (good.body, good.signature, str(int(now) + 1)),
            (good.body, sign(SECRET, past, good.body), past),
            (good.body, "", good.timestamp),
            (good.body, good.signature[:-1], good.timestamp),
        ]
    )
    return Delivery(key=key, body=body, timestamp=timestamp, signature=signature, genuine=False)


def storm(seed: int, count: int, *, now: float = NOW) -> list[Delivery]:
    """Return `count` deliveries in any order: 30 % repeat an event, half of them closely, and 5 % are tampered with."""
    chance = random.Random(seed)
    places = {f"event-{number}": chance.random() for number in range(count * 13 // 20)}
    repeats = chance.choices([*places], k=count * 6 // 20)
    close = (
        places[key] + chance.uniform(-4, 4) / count if number % 2 else chance.random() for number, key in enumerate(repeats)
    )
    placed = [(place, delivery(key, now=now)) for key, place in (*places.items(), *zip(repeats, close, strict=True))]
    forged = [(chance.random(), tampered(chance, number, now=now)) for number in range(count // 20)]
    return [each for _, each in sorted([*placed, *forged], key=lambda pair: pair[0])]


async def send(app: WebhookApp, one: Delivery) -> int:
    """Send it once; the status of the answer."""
    statuses = list[int]()
    headers = [(name.encode(), value.encode()) for name, value in one.headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": one.body, "more_body": False}

    async def answer(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, answer)
    (status,) = statuses
    return status


async def send_all(app: WebhookApp, deliveries: Sequence[Delivery], *, at_once: int = 32) -> Counter[tuple[bool, int]]:
    """Send as the platform does: whatever isn't answered 2xx comes again, after the others; counts genuine and status."""
    statuses, again = Counter[tuple[bool, int]](), list[Delivery]()

    async def sender(waiting: Iterator[Delivery]) -> None:
        for one in waiting:
            status = await send(app, one)
            statuses[one.genuine, status] += 1
            if status != 204 and one.genuine:
                again.append(one)

    for _ in range(ATTEMPTS):
        waiting, again = iter([*deliveries]), []
        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(sender, waiting)
        deliveries = again
    assert [] == again
    return statuses


class Work:
    """A handler that takes a while, fails now and then by seed, and knows what it did."""

    def __init__(self, seed: int, *, failing: float = 0.1) -> None:
        self.done: Counter[str] = Counter()
        self.failures = 0
        self._chance = random.Random(seed)
        self._failing = failing

    async def __call__(self, event: Any) -> None:
        for _ in range(self._chance.randrange(4)):
            await anyio.lowlevel.checkpoint()
        if self._chance.random() < self._failing:
            self.failures += 1
            raise RuntimeError(event.payload["customer_email"])
        self.done[event.payload["event_id"]] += 1


def genuine(deliveries: Sequence[Delivery]) -> Iterator[str]:
    return (each.key for each in deliveries if each.genuine)
