"""What the sandbox signs and sends, which shares no model with the client, is received as what it is."""

import httpx
import pytest

from blaaiz_async.sandbox import Settlement, Verdict
from blaaiz_async.webhooks import Event, UnknownEvent, WebhookVerifier
from blaaiz_async.webhooks.reading import CLASSES, event_class
from tests.sandbox.sandbox_money import API, Money
from tests.webhooks.payloads import written

pytestmark = pytest.mark.anyio

NEVER_SENT = {"collection.initiated", "collection.pending", "payout.processing", "virtual_account.credited"}
"""Listed by the platform, and shown nowhere."""

KYC, SIGNA_ID = f"{API}/compliance/kyc/sessions", f"{API}/signa-id"


class Shop(Money):
    """A business that lets everything happen of which the platform tells."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[tuple[str, Event]] = []
        self.http_of_shop = httpx.AsyncClient(transport=httpx.MockTransport(self._receive))
        self.verifier = WebhookVerifier("none")

    async def open(self) -> None:
        await self.authorize()
        urls = {f"{each}_url": f"https://shop.example/{each}" for each in ("payout", "collection", "kyc")}
        secret = (await self.call("POST", f"{API}/webhook", urls, 200))["data"]["signing_secret"]
        self.verifier = WebhookVerifier("the one before", secret, clock=lambda: self.clock() + 5)

    def _receive(self, request: httpx.Request) -> httpx.Response:
        self.received.append((request.url.path.strip("/"), self.verifier.receive(request.content, request.headers)))
        return httpx.Response(204)

    async def collections(self, customer: str) -> None:
        for amount in (100, 1013.13, 1014.14):
            wallet = await self.wallet("USD")
            card = {"card_holder_name": "John Doe", "card_number": "4242424242424242", "expiry": "12/30", "cvc": "123"}
            body = {"method": "card", "amount": amount, "wallet_id": wallet, "customer_id": customer, **card}
            await self.call("POST", f"{API}/collection", body, 200)
        await self.call("POST", f"{API}/mock/simulate-webhook/interac", {}, 200)
        for amount in (500, 1015.15):
            body = {
                "method": "open_banking",
                "amount": amount,
                "wallet_id": await self.wallet("GBP"),
                "customer_id": customer,
            }
            collection = (await self.call("POST", f"{API}/collection", body, 200))["transaction_id"]
            await self.call("POST", f"{API}/refund", {"transaction_id": collection}, 200)

    async def accounts(self) -> None:
        for name in ("Rejected", "Failed"):
            await self.account(await self.verified(last_name=name), "EUR")

    async def payouts(self, customer: str) -> None:
        account = (await self.account(customer, "NGN"))["data"]["id"]
        self.sandbox.deposit(account, 652)
        for each in ("GBP", "EUR", "USD"):
            await self.account(customer, each)
        for source, destination, method in (
            *(("NGN", "NGN", "bank_transfer"), ("GBP", "GBP", "bank_transfer"), ("EUR", "EUR", "bank_transfer")),
            *(("USD", "USD", "ach"), ("USD", "USD", "wire"), ("CAD", "CAD", "interac"), ("USD", "KES", "mobile_money")),
        ):
            await self.pay(await self.payout_body(customer, source, destination, method, from_amount=500))
        await self.pay(await self.payout_body(customer, from_amount=1013.13))

    async def crypto(self, customer: str) -> None:
        wallets = (await self.call("GET", f"{API}/crypto/wallets", expect=200))["data"]
        wallet = next(each["id"] for each in wallets if each["asset"]["symbol"] == "USDC")
        token = {"network": "ETHEREUM_MAINNET", "token": "USDC"}
        for key, address in enumerate(("0x1", "0x000000000000000000000000000000000000dEaD")):
            body = {"customer_id": customer, "wallet_id": wallet, "amount": "1", "address": address, **token}
            sent = await self.http.post(f"{API}/crypto/payouts", json=body, headers={"idempotency-key": f"key-{key}"})
            assert sent.status_code == 200
        self.sandbox.crypto.deposit(self.sandbox.crypto.addresses[0].address, 5)

    async def identities(self) -> None:
        for number, outcome in enumerate(("APPROVED", "REJECTED")):
            self.sandbox.signa.add(f"9f2c7b41-6d3e-4c8a-9a20-1e6f0b5d7c3{number}", approved=False)
            self.sandbox.signa.decide(f"9f2c7b41-6d3e-4c8a-9a20-1e6f0b5d7c3{number}", outcome)  # type: ignore[arg-type]
        self.sandbox.signa.verdict = Verdict.hold()
        requirements = ["DOCUMENTS", "SELFIE", "FACE_MATCH"]
        await self.call("POST", KYC, {"customer_reference": "c", "idempotency_key": "k", "requirements": requirements}, 200)
        asked = {"idempotency_key": "r", "purpose": "An account", "scopes": ["identity"], "origin": "https://shop.example"}
        release = (await self.call("POST", f"{SIGNA_ID}/release-requests", asked, 200))["data"]["id"]
        code = self.sandbox.signa_id.release(release)
        await self.call("POST", f"{SIGNA_ID}/releases/exchange", {"code": code}, 200)
        self.sandbox.signa_id.revoke(release)
        email = (await self.call("POST", f"{API}/interac-auto-deposit-email", {"email": "a@b.co"}, 201))["data"]["id"]
        self.sandbox.auto_deposit.move(email, "ACTIVE")
        self.sandbox.auto_deposit.move(email, "BLOCKED")


async def test_everything_the_sandbox_tells_is_received_by_its_url_as_its_class_and_without_loss() -> None:
    shop = Shop()
    await shop.open()
    customer = await shop.verified()
    shop.sandbox.settlement = Settlement.at_once()
    await shop.collections(customer)
    await shop.accounts()
    await shop.payouts(customer)
    await shop.crypto(customer)
    await shop.identities()
    shop.clock.move(86400)
    await shop.call("GET", f"{API}/wallet", expect=200)
    while shop.sandbox.webhooks.next_due is not None:
        await shop.sandbox.deliver_due(shop.http_of_shop)

    events = [event for _, event in shop.received]
    assert [] == [event for event in events if isinstance(event, UnknownEvent)]
    assert set(CLASSES) - NEVER_SENT == {event.name for event in events}
    assert len(events) == len({event.dedupe_key for event in events}) == len(shop.sandbox.events)
    for (url, event), told in zip(shop.received, shop.sandbox.events, strict=True):
        assert (event_class(event.name), event.url_kind) == (type(event), url)
        assert told == event.payload
        assert written(event.payload) == written(event.to_payload())
