from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anyio.abc import SocketAttribute

from blaaiz_async import contract
from blaaiz_async.contract.validators import at
from blaaiz_async.sandbox import Sandbox, Verdict, running
from blaaiz_async.sandbox.delivery import sign
from tests.sandbox.sandbox_checking import INDIVIDUAL, Caller, Clock

if TYPE_CHECKING:
    from anyio.abc import SocketStream

pytestmark = pytest.mark.anyio
WEBHOOK, LOGS = "/api/external/webhook", "/api/external/webhook-logs"
SIGNATURES = contract.document("events")["x-webhook-signature"]
POLICIES = contract.document("events")["x-webhook-delivery"]["retry_policies"]
URLS = {f"{each}_url": f"https://shop.example/hooks/{each}" for each in ("payout", "collection", "kyc")}


class Receiver:
    """A shop: keeps what it is sent, and answers as it is told to."""

    def __init__(self) -> None:
        self.got: list[httpx.Request] = []
        self.answers: list[int | Exception] = []
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.got.append(request)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)

    def events(self) -> list[tuple[str, Any]]:
        return [(request.url.path.rpartition("/")[2], json.loads(request.content)) for request in self.got]


class Shop:
    """A sandbox, a caller, a receiver, and the clock they share."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sandbox = Sandbox(limits=None, now=self.clock, token_lifetime=1e10)
        self.caller = Caller(self.sandbox)
        self.receiver = Receiver()
        self.secret = ""

    @classmethod
    async def open(cls, **urls: str | None) -> Shop:
        shop = cls()
        await shop.caller.authorize()
        answer = await shop.caller.call("POST", WEBHOOK, {**URLS, **urls}, 200)
        shop.secret = answer["data"]["signing_secret"]
        return shop

    async def deliver(self) -> int:
        return await self.sandbox.deliver_due(self.receiver.http)

    async def simulate(self, amount: float = 20.0) -> None:
        body = {"amount": amount, "interac_email": "payer@example.com"}
        await self.caller.call("POST", "/api/external/mock/simulate-webhook/interac", body, 200)

    async def run_out(self) -> list[float]:
        """Deliver until nothing is due any more; give the seconds before each attempt."""
        waits = list[float]()
        while (due := self.sandbox.webhooks.next_due) is not None:
            waits.append(due - self.clock())
            self.clock.at = due
            await self.deliver()
        return waits

    async def log(self) -> dict[str, Any]:
        logs = (await self.caller.call("GET", LOGS, expect=200))["data"]
        data: dict[str, Any] = (await self.caller.call("GET", f"{LOGS}/{logs[0]['id']}", expect=200))["data"]
        return data

    def kyc_event(self) -> None:
        self.sandbox.signa.add("9f2c7b41-6d3e-4c8a-9a20-1e6f0b5d7c33", approved=False)
        self.sandbox.signa.decide("9f2c7b41-6d3e-4c8a-9a20-1e6f0b5d7c33", "APPROVED")


@pytest.mark.parametrize("vector", SIGNATURES["test_vectors"], ids=lambda vector: vector["name"])
def test_signatures_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    made = sign(vector["secret"], vector["x-blaaiz-timestamp"], vector["raw_body"].encode())
    assert (made == vector["x-blaaiz-signature"]) is vector["valid"]


async def test_each_event_goes_signed_to_the_url_of_its_kind() -> None:
    shop = await Shop.open()
    customer = await shop.caller.create(INDIVIDUAL)
    shop.sandbox.decide(customer, "VERIFIED")
    await shop.simulate()
    shop.kyc_event()
    shop.sandbox.state.events.extend({"type": kind, "event_id": kind} for kind in ("payout", "payout_initiated", "refund"))
    shop.sandbox.state.events.append({"event": "crypto.payout.processing", "event_id": "log-1"})
    shop.sandbox.state.events.append({"event": "virtual_account.ready", "virtual_account_id": "1"})
    assert await shop.deliver() == 9
    assert [where for where, _ in shop.receiver.events()] == [
        "collection", "collection", "collection", "kyc", "payout", "payout", "collection", "payout", "collection",
    ]  # fmt: skip
    for request in shop.receiver.got:
        timestamp = request.headers[SIGNATURES["headers"]["timestamp"]]
        assert timestamp == str(int(shop.clock()))
        assert request.headers[SIGNATURES["headers"]["signature"]] == sign(shop.secret, timestamp, request.content)
        assert {name: request.headers[name] for name in SIGNATURES["other_headers"]} == SIGNATURES["other_headers"]
    assert [body for _, body in shop.receiver.events()] == shop.sandbox.events
    assert b'"transaction_amount":20.0,' in shop.receiver.got[2].content
    assert await shop.deliver() == 0


async def test_every_event_of_these_areas_keeps_its_documented_shape() -> None:
    shop = await Shop.open()
    customer = await shop.caller.create(INDIVIDUAL)
    shop.sandbox.decide(customer, "VERIFIED")
    shop.kyc_event()
    await shop.simulate()
    email = (await shop.caller.call("POST", "/api/external/interac-auto-deposit-email", {"email": "a@b.co"}, 201))["data"]
    shop.sandbox.auto_deposit.move(email["id"], "ACTIVE")
    wallet = (await shop.caller.call("GET", "/api/external/crypto/wallets", expect=200))["data"][0]["id"]
    shop.sandbox.crypto.deposit(shop.sandbox.crypto.addresses[0].address, 5)
    body = {"customer_id": customer, "wallet_id": wallet, "amount": "1", "address": "0x1", "token": "USDC"}
    headers = {"idempotency-key": "key"}
    answer = await shop.caller.http.post(
        "/api/external/crypto/payouts", json={**body, "network": "ETHEREUM_MAINNET"}, headers=headers
    )
    assert answer.status_code == 200
    seen = set[str]()
    for event in shop.sandbox.events:
        name = event.get("event") or event.get("event_type") or event["type"].replace("collection", "collection.completed")
        path = f"/webhooks/{name}/post/requestBody/content/application~1json/schema"
        assert [fault.message for fault in at("events", path).iter_errors(event)] == [], name
        seen.add(name)
    assert len(seen) == 8


async def test_kyc_deliveries_are_tried_five_times_on_the_documented_delays() -> None:
    shop = await Shop.open()
    shop.kyc_event()
    shop.receiver.answers = [500, 302, httpx.ConnectError("down"), 404, 503, 200]
    assert await shop.run_out() == [0, 60, 300, 900, 3600]
    assert len(shop.receiver.got) == POLICIES["kyc"]["attempts"]
    signatures = {request.headers["x-blaaiz-signature"] for request in shop.receiver.got}
    assert len(signatures) == 5
    log = await shop.log()
    assert (log["status"], log["response"], len(log["webhook_log_histories"])) == ("FAILED", {"status": 503}, 5)


async def test_general_deliveries_are_tried_ten_times_with_jitter() -> None:
    shop = await Shop.open()
    await shop.simulate()
    policy = POLICIES["general"]
    shop.receiver.answers = [500] * 20
    waits = await shop.run_out()
    assert len(waits) == policy["attempts"]
    for wait, minutes in zip(waits, policy["approximate_delays_minutes"], strict=True):
        assert minutes * 60 * 0.8 <= wait <= minutes * 60 * 1.2
    assert any(wait % 300 for wait in waits)


async def test_a_retry_that_succeeds_ends_it_and_the_log_tells_both_attempts() -> None:
    shop = await Shop.open()
    await shop.simulate()
    shop.receiver.answers = [500]
    await shop.deliver()
    assert (await shop.log())["status"] == "PROCESSING"
    await shop.run_out()
    log = await shop.log()
    assert (log["status"], log["response"]) == ("SUCCESSFUL", {"status": 200})
    assert [each["metadata"] for each in log["webhook_log_histories"]] == [
        {"attempt": 1, "status": 500},
        {"attempt": 2, "status": 200},
    ]
    sent = [request.headers["x-blaaiz-signature"] for request in shop.receiver.got]
    assert [each["headers"]["x-blaaiz-signature"] for each in log["webhook_log_histories"]] == sent
    assert log["payload"] == json.loads(shop.receiver.got[0].content)


async def test_auto_deposit_events_are_tried_once_unlogged_and_fall_back_to_the_payout_url() -> None:
    shop = await Shop.open()
    shop.sandbox.auto_deposit.outcome = "BLOCKED"
    config = shop.sandbox.webhooks.config
    assert config is not None
    config.urls["collection_url"] = None
    shop.receiver.answers = [500]
    await shop.caller.call("POST", "/api/external/interac-auto-deposit-email", {"email": "a@b.co"}, 201)
    assert await shop.run_out() == [0]
    assert [(where, body["type"]) for where, body in shop.receiver.events()] == [("payout", "auto_deposit_email.blocked")]
    assert (await shop.caller.call("GET", LOGS, expect=200))["total"] == 0


async def test_events_before_the_register_or_without_a_url_are_never_delivered() -> None:
    shop = Shop()
    await shop.caller.authorize()
    shop.kyc_event()
    await shop.caller.call("POST", "/api/external/mock/simulate-webhook/interac", {}, 400)
    await shop.caller.call("POST", WEBHOOK, {**URLS, "kyc_url": None}, 200)
    shop.sandbox.signa.add("second", approved=False)
    shop.sandbox.signa.decide("second", "APPROVED")
    assert await shop.deliver() == 0


async def test_urls_are_read_back_without_the_secret_and_changed_field_by_field() -> None:
    shop = Shop()
    await shop.caller.authorize()
    await shop.caller.call("GET", WEBHOOK, expect=404)
    for wrong in ("http://shop.example/x", "https://localhost/x", "https://127.0.0.1/x", "https://10.0.0.1/", "shop", 1):
        refused = await shop.caller.call("POST", WEBHOOK, {**URLS, "payout_url": wrong}, 400)
        assert refused == {"status": False, "message": "Invalid webhook URL format"}
    await shop.caller.call("POST", WEBHOOK, URLS, 200)
    config = await shop.caller.call("GET", WEBHOOK, expect=200)
    assert URLS.items() <= config.items()
    assert "signing_secret" not in config
    path = f"{WEBHOOK}/{config['id']}"
    await shop.caller.call("PUT", path, {"payout_url": "https://shop.example/new"}, 200)
    changed = await shop.caller.call("GET", WEBHOOK, expect=200)
    assert (changed["payout_url"], changed["kyc_url"]) == ("https://shop.example/new", URLS["kyc_url"])
    await shop.caller.call("PUT", path, {"kyc_url": None}, 200)
    assert (await shop.caller.call("GET", WEBHOOK, expect=200))["kyc_url"] is None
    await shop.caller.call("PUT", path, {"payout_url": None}, 422)
    await shop.caller.call("PUT", path, {"payout_url": "http://shop.example"}, 422)
    await shop.caller.call("PUT", f"{WEBHOOK}/none", URLS, 404)


async def test_only_what_is_eligible_is_replayed() -> None:
    shop = await Shop.open()
    await shop.simulate()
    transaction = shop.sandbox.events[0]["transaction_id"]
    shop.sandbox.state.events.append(
        {
            "event": "crypto.payout.failed",
            "transaction_id": "crypto-1",
            "transaction_reference": "C-1",
            "transaction_status": "FAILED",
            "currency": "USDC",
            "network": "ETHEREUM_MAINNET",
            "event_id": "log-1",
        }
    )
    replay = "/api/external/webhook-replay"
    await shop.caller.call("POST", replay, {"webhook_log_id": "log-1"}, 422)
    shop.receiver.answers = [200, *[500] * 10]
    await shop.run_out()
    await shop.caller.call("POST", replay, {"transaction_id": transaction}, 200)
    await shop.caller.call("POST", replay, {"webhook_log_id": "log-1"}, 200)
    assert await shop.deliver() == 2
    resent = sorted(shop.receiver.events()[-2:], key=str)
    assert [(where, body["event_id"]) for where, body in resent] == [
        ("collection", shop.sandbox.events[0]["event_id"]),
        ("payout", "log-1"),
    ]
    log = (await shop.caller.call("GET", f"{LOGS}/log-1", expect=200))["data"]
    assert (log["status"], log["business_crypto_wallet_transaction"]["reference"]) == ("SUCCESSFUL", "C-1")
    for body in ({}, {"transaction_id": transaction, "webhook_log_id": "log-1"}, {"transaction_id": "crypto-1"}):
        await shop.caller.call("POST", replay, body, 422)
    await shop.caller.call("POST", replay, {"webhook_log_id": "log-1"}, 422)


async def test_logs_are_paged_filtered_and_pruned_after_ninety_days() -> None:
    shop = await Shop.open()
    for amount in (1.0, 2.0, 3.0):
        await shop.simulate(amount)
    shop.kyc_event()
    shop.receiver.answers = [200, 200, 200, 500, 500, 500, 500, 500]
    await shop.run_out()
    for query, total in (
        ("status=FAILED", 1),
        ("status=SUCCESSFUL", 3),
        ("type=collection", 3),
        ("search_term=9f2c7b41", 1),
        ("start_date=2027-01-16", 0),
        ("end_date=2027-01-15", 4),
    ):
        assert (await shop.caller.call("GET", f"{LOGS}?{query}", expect=200))["total"] == total, query
    page = await shop.caller.call("GET", f"{LOGS}?per_page=1&page=2", expect=200)
    assert (page["total"], page["data"][0]["payload"]["transaction_amount"]) == (4, 3.0)
    await shop.caller.call("GET", f"{LOGS}?per_page=31", expect=422)
    await shop.caller.call("GET", f"{LOGS}?status=PROCESSING", expect=422)
    await shop.caller.call("GET", f"{LOGS}/none", expect=404)
    shop.clock.move(91 * 86400)
    assert (await shop.caller.call("GET", LOGS, expect=200))["total"] == 0


async def test_a_served_sandbox_delivers_by_itself() -> None:
    sandbox, arrived = Sandbox(limits=None), anyio.Event()
    sandbox.webhooks.local_urls = True
    got = bytearray()

    async def receive(stream: SocketStream) -> None:
        async with stream:
            while not got.endswith(b"}"):
                got.extend(await stream.receive())
            await stream.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        arrived.set()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks, running(sandbox):
        tasks.start_soon(listener.serve, receive)
        caller = await Caller(sandbox).authorize()
        await caller.call("POST", WEBHOOK, dict.fromkeys(URLS, f"http://127.0.0.1:{port}/hook"), 200)
        await caller.call("POST", "/api/external/mock/simulate-webhook/interac", {"amount": 7}, 200)
        with anyio.fail_after(30):
            await arrived.wait()
        tasks.cancel_scope.cancel()
    assert got.startswith(b"POST /hook ")
    assert b'"transaction_amount":7.0,' in got


async def test_a_served_sandbox_is_steered_by_its_own_endpoints() -> None:
    shop = await Shop.open()
    sandbox, call = shop.sandbox, shop.caller.call
    sandbox.crypto.outcome = None
    sandbox.signa.verdict = Verdict.hold()
    hosted = {"customer_reference": "u", "idempotency_key": "k", "requirements": ["DOCUMENTS", "SELFIE", "FACE_MATCH"]}
    session = (await call("POST", "/api/external/compliance/kyc/sessions", hosted, 200))["data"]["id"]
    asked = {"idempotency_key": "r", "purpose": "p", "scopes": ["identity"], "origin": "https://shop.example"}
    release = (await call("POST", "/api/external/signa-id/release-requests", asked, 200))["data"]["id"]
    email = (await call("POST", "/api/external/interac-auto-deposit-email", {"email": "a@b.co"}, 201))["data"]["id"]
    address = sandbox.crypto.addresses[0].address
    for path, body, status in (
        (f"signa/{session}/verdict", {"outcome": "APPROVED"}, 422),
        (f"signa/{session}/complete", {}, 204),
        (f"signa/{session}/verdict", {"outcome": "perhaps"}, 422),
        (f"signa/{session}/verdict", {"outcome": "REJECTED", "reason": "Blurred."}, 204),
        ("signa/none/complete", {}, 404),
        (f"signa-id/{release}/release", None, 200),
        (f"signa-id/{release}/decline", None, 422),
        (f"signa-id/{release}/revoke", None, 204),
        (f"crypto/addresses/{address}/deposit", {"amount": "5"}, 200),
        (f"crypto/addresses/{address}/deposit", {"amount": 5}, 422),
        ("crypto/payouts/none/settle", {"outcome": "failed"}, 404),
        (f"auto-deposit/{email}/status", {"status": "ACTIVE"}, 204),
        ("webhooks", [], 422),
        ("webhooks", {"local_urls": True}, 204),
    ):
        answer = await shop.caller.http.post(f"/_sandbox/{path}", json=body)
        assert answer.status_code == status, (path, answer.text)
    await shop.deliver()
    events = (await shop.caller.http.get("/_sandbox/events")).json()
    assert [event.get("event") or event["type"] for event in events] == [
        "merchant.kyc.session.completed",
        "signa_id.grant.revoked",
        "crypto.deposit.successful",
        "auto_deposit_email.active",
    ]
    sent = (await shop.caller.http.get("/_sandbox/webhooks")).json()
    assert [(each["status"], each["answers"], each["due_at"]) for each in sent] == [("SUCCESSFUL", [200], None)] * 4
    assert sandbox.webhooks.local_urls
