"""What holds for every operation of events at once: its documented bodies, any body at all, and the official SDK."""

from __future__ import annotations

import json
import queue
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import blaaiz
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blaaiz_async import contract
from blaaiz_async.sandbox import Sandbox, Verdict, running
from tests.sandbox.sandbox_checking import INDIVIDUAL, Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytestmark = pytest.mark.anyio
EXAMPLES = Path(__file__).parents[3] / "shared" / "contract" / "examples" / "events.jsonl"
SESSIONS = "/api/external/compliance/kyc/sessions"
WRITES = [each for each in contract.operations() if each.doc == "events" and each.method in {"POST", "PUT"}]
SIGNA = {"customer_reference": "user_1", "idempotency_key": "key-1", "requirements": ["DOCUMENTS"]}
URLS = {f"{each}_url": f"https://shop.example/hooks/{each}" for each in ("payout", "collection", "kyc")}


class World:
    """A sandbox in which every id that an example needs can be made real."""

    def __init__(self, caller: Caller, ids: Mapping[str, str]) -> None:
        self.caller = caller
        self.ids = ids

    @classmethod
    async def make(cls) -> World:
        caller = await Caller(Sandbox(limits=None)).authorize()
        sandbox = caller.sandbox
        customer = await caller.create(INDIVIDUAL)
        sandbox.decide(customer, "VERIFIED")
        session = (await caller.call("POST", SESSIONS, SIGNA, 200))["data"]["id"]
        wallets = {each.asset.symbol: each.id for each in sandbox.crypto.wallets.values()}
        secret = await caller.call("POST", "/api/external/webhook", URLS, 200)
        assert len(secret["data"]["signing_secret"]) == 40
        await caller.call("POST", "/api/external/mock/simulate-webhook/interac", {}, 200)
        ids = {
            "sessionId": session,
            "walletId": wallets["USDC"],
            "wallet_id": wallets["USDC"],
            "customer_id": customer,
            "from_wallet": wallets["BTC"],
            "to_wallet": wallets["ETH"],
            "businessWebhook": (await caller.call("GET", "/api/external/webhook", expect=200))["id"],
            "transaction_id": sandbox.events[-1]["transaction_id"],
        }
        return cls(caller, ids)

    async def send(self, doc: contract.OperationDoc, payload: Mapping[str, Any]) -> httpx.Response:
        path = re.sub(r"\{(\w+)\}", lambda name: self.ids.get(name[1], "none"), doc.path)
        body = {name: self.ids.get(name, value) for name, value in payload.items()}
        headers = {"idempotency-key": "key"} if "crypto" in doc.id else {}
        return await self.caller.http.request(doc.method, path, json=body, headers=headers)


@pytest.mark.skipif(not EXAMPLES.is_file(), reason="the documented payloads are not beside the checkout")
async def test_every_documented_request_is_taken() -> None:
    # What cannot succeed on its own: a staged name and a code are made anew each time, a failed log takes ten attempts.
    refused = {"file_name": 422, "webhook_log_id": 422, "code": 422}
    operations = {each.id: each for each in WRITES}
    taken = set[str]()
    for line in EXAMPLES.read_text(encoding="utf-8").splitlines():
        example = json.loads(line)
        if example["kind"] != "request" or example["operation"] not in operations:
            continue
        world, payload = await World.make(), example["payload"]
        if str(payload.get("content_base64", "")).endswith("..."):
            payload["content_base64"] = "/9j/4AAQSkZJRgABAQAAAQABAAD="  # the page abbreviates it
        if example["operation"] == "crypto_create_wallet":
            payload["crypto_currency_symbol"] = "USDT"  # the sandbox has a USDC wallet from the start
        answer = await world.send(operations[example["operation"]], payload)
        expected = next((status for name, status in refused.items() if name in payload), None)
        if example["operation"] == "signa_create_document_upload_url":
            expected = None
        assert answer.status_code == (expected or answer.status_code), (example, answer.text)
        assert expected or answer.status_code in {200, 201}, (example, answer.text)
        taken.add(example["operation"])
    assert len(taken) >= 13


def fields_of(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set[str]()
        return own.union(*(fields_of(value) for value in schema.values()))
    return set[str]().union(*(fields_of(value) for value in schema)) if isinstance(schema, list) else set()


SCHEMAS = contract.document("events")["components"]["schemas"]
FIELDS = sorted(fields_of({name: SCHEMAS[name] for name in SCHEMAS if name.endswith(("Request", "Input"))}))
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["DOCUMENTS", "HEADLESS", "PASSPORT", "NGA", "image/jpeg", "1.5", "0x1", "USDC", "a@b.co", "a.jpg", "AAAA"]
    ),
    st.lists(st.sampled_from(["DOCUMENTS", "PROOF_OF_ADDRESS", "identity", "address"]), max_size=3),
    st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=4), max_size=3),
)
BASES: list[dict[str, Any]] = [
    {},
    SIGNA,
    {"file_name": "a.jpg", "id_doc_type": "PASSPORT"},
    {"filename": "a.jpg", "content_type": "image/png", "id_doc_type": "SELFIE", "country": "NGA", "content_base64": "AAAA"},
    {"idempotency_key": "r", "purpose": "p", "scopes": ["address"], "origin": "https://a.b"},
    {"amount": "1", "address": "0x1", "network": "MATIC_MAINNET", "token": "USDC", "customer_id": "", "wallet_id": ""},
    {"amount": "0.1", "from_wallet": "", "to_wallet": ""},
    URLS,
]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5), base=st.sampled_from(BASES), real=st.booleans())
async def test_no_body_brings_it_down_and_every_refusal_keeps_its_shape(
    anyio_backend: str, body: dict[str, Any], base: dict[str, Any], real: bool
) -> None:
    world = await World.make()
    for doc in WRITES:
        sent = {**base, **body}
        answer = await (world if real else World(world.caller, {})).send(doc, sent)
        assert answer.status_code in {200, 201, 400, 404, 409, 422}, doc.id
    for path in ("/api/external/webhook-logs", SESSIONS, "/api/external/crypto/transactions"):
        await world.caller.call("GET", path, expect=200)


def drive_signa(sdk: Any, sandbox: Sandbox) -> None:
    def data(answer: Any) -> Any:
        return answer["data"]["data"]

    session = data(sdk.signa.create_session(SIGNA))["id"]
    target = data(sdk.signa.create_document_upload_url(session, {"file_name": "a.jpg", "id_doc_type": "PASSPORT"}))
    httpx.put(target["url"], content=b"a passport", headers=target["headers"])
    document = {"filename": "a.jpg", "content_type": "image/jpeg", "id_doc_type": "PASSPORT", "country": "NGA"}
    sdk.signa.upload_session_document(session, {**document, "file_name": target["file_name"]})
    assert data(sdk.signa.submit_session(session))["status"] == "IN_REVIEW"
    assert data(sdk.signa.get_session(session))["status"] == "APPROVED"
    captured = data(sdk.signa.list_session_documents(session))[0]
    assert httpx.get(data(sdk.signa.get_session_document(session, captured["id"]))["url"]).content == b"a passport"
    assert data(sdk.signa.get_session_applicant_data(session))["session_id"] == session
    hosted = {**SIGNA, "idempotency_key": "key-2", "requirements": ["DOCUMENTS", "SELFIE", "FACE_MATCH"]}
    second = data(sdk.signa.create_session(hosted))["id"]
    assert data(sdk.signa.issue_verification_link(second))["verification_link"]
    assert data(sdk.signa.issue_access_token(second))["access_token"]
    assert data(sdk.signa.cancel_session(second))["status"] == "CANCELLED"
    assert [each["id"] for each in data(sdk.signa.list_sessions({"limit": 2}))["sessions"]] == [second, session]
    person = data(sdk.customers.create(INDIVIDUAL))["id"]
    assert data(sdk.customers.link_kyc_session(person, session))["verification_status"] == "VERIFIED"


def drive_signa_id(sdk: Any, sandbox: Sandbox) -> None:
    asked = {"idempotency_key": "r", "purpose": "p", "scopes": ["document_images"], "origin": "https://shop.example"}
    release = sdk.signa_id.create_release_request(asked)["data"]["data"]["id"]
    got = sdk.signa_id.exchange_release_code(sandbox.signa_id.release(release))["data"]["data"]
    assert sdk.signa_id.get_release(release)["data"]["data"] == got
    image = got["data"]["document_images"][0]["id"]
    assert sdk.signa_id.get_release_document(release, image)["data"]["data"]["content_type"] == "image/jpeg"
    sandbox.signa_id.attest("0xabc")
    assert sdk.signa_id.get_wallet_status("0xabc", 8453)["data"]["verified"] is True


def drive_webhooks(sdk: Any, sandbox: Sandbox) -> None:
    deliveries: queue.Queue[tuple[str, str, str]] = queue.Queue()

    class Shop(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            deliveries.put((body, self.headers["x-blaaiz-signature"], self.headers["x-blaaiz-timestamp"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as shop:
        threading.Thread(target=shop.serve_forever, daemon=True).start()
        sandbox.webhooks.local_urls = True
        url = f"http://127.0.0.1:{shop.server_port}/hook"
        secret = sdk.webhooks.register(dict.fromkeys(URLS, url))["data"]["data"]["signing_secret"]
        config = sdk.webhooks.get()["data"]
        sdk.webhooks.update(config["id"], {"kyc_url": None})
        assert sdk.webhooks.get()["data"]["kyc_url"] is None
        sdk.webhooks.simulate_interac_webhook({"amount": 20.5, "interac_email": "payer@example.com"})
        sdk.webhooks.replay({"transaction_id": sandbox.events[-1]["transaction_id"]})
        first, second = (deliveries.get(timeout=30) for _ in range(2))
        shop.shutdown()
    assert first[0] == second[0]
    assert sdk.webhooks.construct_event(*first, secret)["transaction_amount"] == 20.5
    with pytest.raises(ValueError, match="signature"):
        sdk.webhooks.construct_event(f"{first[0]} ", *first[1:], secret)


@pytest.mark.parametrize("drive", [drive_signa, drive_signa_id, drive_webhooks])
async def test_the_official_sdk_works_here_and_takes_our_signatures(drive: Callable[[Any, Sandbox], None]) -> None:
    sandbox = Sandbox(limits=None, verdict=Verdict.hold())
    # The SDK asks for none of these three by itself, and its own methods need them.
    scopes = " ".join([*blaaiz.client.ALL_SCOPES, "compliance-kyc:pii:read", "signa-id:release", "mock:webhook:trigger"])
    async with running(sandbox) as url:
        sdk = blaaiz.Blaaiz(client_id="sandbox-client", client_secret="sandbox-secret", base_url=url, oauth_scope=scopes)
        await anyio.to_thread.run_sync(drive, sdk, sandbox)
