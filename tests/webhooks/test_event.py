"""Every documented delivery has its name, and an id by which a repeat is known."""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from blaaiz_async import contract
from blaaiz_async.sandbox import Sandbox
from blaaiz_async.webhooks import Event, WebhookVerifier
from tests.conftest import SHARED, Bind
from tests.webhooks.test_verifier import NOW, signed, verifier

EXAMPLES = SHARED / "contract" / "examples" / "events.jsonl"
DELIVERIES = contract.document("events")["webhooks"]


def read(payload: object) -> Event:
    body = json.dumps(payload).encode()
    return verifier().receive(body, signed(body))


def contents(name: str) -> dict[str, Any]:
    found: dict[str, Any] = DELIVERIES[name]["post"]["requestBody"]["content"]["application/json"]
    return found


def dedupe_value(name: str, payload: dict[str, Any]) -> str:
    """Follow the contract's own words for what a repeat is known by."""
    rule: str = DELIVERIES[name]["post"]["x-dedupe-key"].partition(" (")[0]
    where, plus, _ = rule.partition(" + event")
    value: Any = payload
    for key in where.split("."):
        value = value[key]
    return f"{payload['event']}:{value}" if plus else str(value)


DOCUMENTED = [(name, each["value"]) for name in DELIVERIES for each in contents(name).get("examples", {}).values()]


@pytest.mark.parametrize(("name", "payload"), DOCUMENTED, ids=[name for name, _ in DOCUMENTED])
def test_every_documented_delivery_gets_its_name_and_id(name: str, payload: dict[str, Any]) -> None:
    event = read(payload)
    assert (name, dedupe_value(name, payload)) == (event.name, event.id)
    assert json.loads(json.dumps(payload), parse_float=Decimal) == event.payload


@pytest.mark.skipif(not EXAMPLES.is_file(), reason="the documented payloads are not beside the checkout")
def test_every_published_payload_gets_its_name_and_id() -> None:
    lines = [json.loads(line) for line in EXAMPLES.read_text(encoding="utf-8").splitlines()]
    published = [(each["operation"], each["payload"]) for each in lines if each["kind"] == "webhook"]
    assert len(published) > 30
    for name, payload in published:
        assert (name, dedupe_value(name, payload)) == (read(payload).name, read(payload).id)


def test_a_delivery_is_named_in_the_documented_order_of_keys() -> None:
    every = {"event": "crypto.new", "event_type": "customer.new", "type": "payout", "transaction_status": "NEW_STATE"}
    names = []
    for key in (None, "event", "event_type", "transaction_status"):
        every = {name: value for name, value in every.items() if name != key}
        names.append(read(every).name)
    assert ["crypto.new", "customer.new", "payout.new_state", "unknown"] == names


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [
        ("payout", "PROCESSING", "payout.processing"),
        ("payout_initiated", "SUCCESSFUL", "payout.initiated"),
        ("collection", "PENDING", "collection.pending"),
        ("collection", "INITIATED", "collection.initiated"),
        ("refund", "SUCCESSFUL", "refund"),
        ("auto_deposit_email.renamed", None, "auto_deposit_email.renamed"),
        ("subscription", "SUCCESSFUL", "unknown"),
        (7, None, "unknown"),
    ],
)
def test_deliveries_without_a_published_body_are_named_by_type_and_status(kind: Any, status: Any, name: str) -> None:
    assert name == read({"event": None, "type": kind, "transaction_status": status}).name


def test_an_id_may_be_a_number_and_is_never_the_same_for_two_events_without_one() -> None:
    assert "17" == read({"event_id": 17}).id
    others: list[dict[str, Any]] = [
        {}, {"event_id": None}, {"event_id": ""}, {"event_id": True}, {"data": []}, {"data": {"session_id": None}},
        {"event": "signa_id.grant.revoked", "data": {"release_id": "r"}}, {"event": "other", "data": {"release_id": "r"}},
    ]  # fmt: skip
    ids = [read(each).id for each in others]
    assert len(set(ids)) == len(others)
    assert ids == [read(each).id for each in others]


@pytest.mark.anyio
async def test_what_the_sandbox_signs_and_sends_is_received(bind: Bind) -> None:
    sandbox, received = Sandbox(limits=None, now=lambda: float(NOW)), list[Event]()
    verifiers = list[WebhookVerifier]()

    def shop(request: httpx.Request) -> httpx.Response:
        received.append(verifiers[0].receive(request.content, request.headers))
        return httpx.Response(204)

    async with bind(sandbox) as blaaiz, httpx.AsyncClient(transport=httpx.MockTransport(shop)) as http:
        urls = {f"{each}_url": f"https://shop.example/{each}" for each in ("payout", "collection", "kyc")}
        secret = (await blaaiz.webhooks.register(urls)).signing_secret
        verifiers.append(WebhookVerifier("the one before", secret, clock=lambda: NOW + 5.0))
        person = await blaaiz.customers.create(
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
        sandbox.decide(person.id, "VERIFIED")
        sandbox.signa.add("9f2c7b41-6d3e-4c8a-9a20-1e6f0b5d7c33", approved=False)
        sandbox.signa.decide("9f2c7b41-6d3e-4c8a-9a20-1e6f0b5d7c33", "APPROVED")
        await blaaiz.webhooks.simulate_interac_webhook()
        assert await sandbox.deliver_due(http) == len(sandbox.events)
    assert [
        "customer.created",
        "customer.status_changed",
        "merchant.kyc.session.completed",
        "collection.completed",
    ] == [each.name for each in received]
    assert sandbox.events == [each.payload for each in received]
    assert len(received) == len({each.id for each in received})
