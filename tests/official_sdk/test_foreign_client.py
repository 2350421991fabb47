"""The official SDK 1.7.0, a client that no one here wrote, lives on the sandbox: each of its public methods succeeds.

Where one can't because of its own fault, a test here says which and why, and that it fails in just that way.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import blaaiz
import httpx
import pytest

from blaaiz_async import contract
from blaaiz_async.sandbox import Sandbox, running
from blaaiz_async.sandbox.oauth import ALL_SCOPES
from blaaiz_async.webhooks import WebhookVerifier
from tests.official_sdk.surface import Watch, connect, named, public_methods
from tests.sandbox.sandbox_checking import BUSINESS, INDIVIDUAL, JANE, PDF
from tests.sandbox.sandbox_money import PERSON, RECIPIENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCOPES = " ".join(sorted(ALL_SCOPES))
JPEG = {"file": b"\xff\xd8\xff", "content_type": "image/jpeg", "filename": "a.jpg"}
CARD = {"method": "card", "card_holder_name": "John Doe", "card_number": "4242424242424242", "expiry": "12/30", "cvc": "123"}
SIGNA = {"customer_reference": "user_1", "idempotency_key": "key-1", "requirements": ["DOCUMENTS"]}
HOSTED = {**SIGNA, "requirements": ["DOCUMENTS", "SELFIE", "FACE_MATCH"]}
PASSPORT = {"filename": "a.jpg", "content_type": "image/jpeg", "id_doc_type": "PASSPORT", "country": "NGA"}
INTERAC = {"amount": 100, "email": "payer@example.com"}


def data(answer: Any) -> Any:
    """Unwrap an answer of the platform from the SDK's own envelope."""
    return answer["data"]["data"]


def upload(target: Any, content_type: str = "application/pdf") -> str:
    headers = {**target["headers"], "content-type": content_type}
    httpx.put(target["url"], content=PDF, headers=headers, trust_env=False).raise_for_status()
    return str(target["file_id"])


def verified(sdk: Any) -> str:
    person = str(data(sdk.customers.create(PERSON))["id"])
    sdk.customers.upload_file_complete(person, {**JPEG, "file_category": "identity"})
    return person


def plumbing(sdk: Any, sandbox: Sandbox) -> None:
    token = sdk.client.get_oauth_token()
    assert sdk.client.get_auth_headers() == {"Authorization": f"Bearer {token}"}
    assert sdk.client.make_request("GET", "/api/external/currency")["status"] == 200
    assert sdk.test_connection()
    assert sandbox.journal.count("oauth_token_create") == 1


def people(sdk: Any, sandbox: Sandbox) -> None:
    person = data(sdk.customers.create(INDIVIDUAL))["id"]
    sdk.customers.add_kyc(person, {"dob": "1990-01-15", "street": "1 Marina Road", "zip_code": "100001"})
    sdk.customers.upload_file_complete(person, {**JPEG, "file_category": "proof_of_address"})
    asked = {"customer_id": person, "file_category": "identity"}
    target = sdk.files.get_presigned_url(asked)["data"]
    sdk.customers.upload_files(person, {"id_file": upload({"headers": {}, **target}, "image/jpeg")})
    found = data(sdk.customers.get(person))
    assert (found["verification_status"], found["kyc_data"]["dob"]) == ("VERIFIED", "1990-01-15")
    assert data(sdk.get_customer_by_id(person)) == found
    beneficiary = sandbox.add_beneficiary(person)
    assert [each["id"] for each in data(sdk.customers.list_beneficiaries(person))] == [beneficiary]
    assert data(sdk.customers.get_beneficiary(person, beneficiary))[0]["id"] == beneficiary


def companies(sdk: Any, sandbox: Sandbox) -> None:
    company = data(sdk.customers.create({**BUSINESS, "kyb_scope": "MINIMAL"}))["id"]
    full = {**JANE, "dob": "1990-01-15", "country": "NG", "street": "1 Marina Road", "city": "Lagos", "state": "Lagos"}
    sdk.customers.upgrade_kyb_scope(company, {"owners": [full]})
    former = data(sdk.customers.get(company))["owners"][0]["id"]
    sdk.customers.delete_owner(company, former)
    sdk.customers.update(company, {"owners": [JANE]})
    owner = data(sdk.customers.get(company))["owners"][0]["id"]
    target = data(sdk.customers.get_owner_file_presigned_url(company, owner, {"file_category": "id_document_front"}))
    sdk.customers.upload_owner_files(company, owner, {"id_document_front": upload(target)})

    certificate = {"type": "CERTIFICATE_OF_INCORPORATION", "name": "a.pdf"}
    documents = list[str]()
    for _ in range(2):
        file_id = upload(data(sdk.customers.get_document_presigned_url(company)))
        documents.append(data(sdk.customers.create_document(company, {**certificate, "file_id": file_id}))["id"])
    sdk.customers.update_document(company, documents[0], {"name": "b.pdf"})
    sdk.customers.delete_document(company, documents[1])
    assert data(sdk.customers.get_document(company, documents[0]))["name"] == "b.pdf"
    assert [each["id"] for each in data(sdk.customers.list_documents(company))] == documents[:1]

    done = data(sdk.customers.submit(company))
    assert (done["verification_status"], done["owners"][0]["status"]) == ("VERIFIED", "APPROVED")
    assert [row["id"] for row in data(sdk.customers.list({"paginate": True, "type": "business"}))] == [company]
    with pytest.raises(blaaiz.BlaaizError, match="already verified") as refused:
        sdk.customers.submit(company)
    assert refused.value.status == 400


def reference_data(sdk: Any, sandbox: Sandbox) -> None:
    currencies = {each["code"]: each["id"] for each in sdk.currencies.list()["data"]}
    assert sdk.get_all_currencies()["data"] == sdk.currencies.list()["data"]
    assert sdk.momo_operators.list({"currency_id": currencies["KES"]})["data"][0]["code"] == "MPESA"
    bank = sdk.banks.list({"currency": "NGN"})["data"][0]
    assert bank in sdk.get_all_banks()["data"]
    lookup = {"account_number": "0123456789", "bank_id": bank["id"]}
    assert sdk.banks.lookup_account(lookup)["data"]["account_name"] == "John Doe"
    payee = {"sort_code": "20-00-00", "account_number": "12345678", "account_name": "Jane Doe"}
    assert sdk.banks.verify_payee(payee)["data"]["matched"]
    assert sdk.banks.verify_iban({"iban": "DE89370400440532013000"})["data"]["sepa_reachable"]
    assert data(sdk.rates.list({"search_term": "USD/NGN"}))[0]["pair"] == "USD/NGN"
    pair = {"from_currency_id": "USD", "to_currency_id": "NGN"}
    assert sdk.fees.get_breakdown({**pair, "to_amount": 100})["data"]["payout_fees"]
    assert sdk.calculate_fees("USD", "NGN", 100)["data"]["payout_fees"]
    wallets = {each["currency"]: each["id"] for each in sdk.wallets.list()["data"]}
    assert set(wallets) == {"NGN", "USD", "CAD", "EUR", "GBP"}
    assert sdk.wallets.get(wallets["NGN"])["data"]["currency"] == "NGN"
    assert sdk.get_wallet_by_id(wallets["CAD"])["data"]["currency"] == "CAD"


def money(sdk: Any, sandbox: Sandbox) -> None:
    person = verified(sdk)
    wallets = {each["currency"]: each["id"] for each in sdk.wallets.list()["data"]}
    accounts = sdk.virtual_bank_accounts
    assert data(accounts.get_identification_type(customer_id=person))["type"] == "bvn"
    for currency in ("NGN", "GBP", "EUR", "USD"):
        account = data(accounts.create({"wallet_id": wallets[currency], "customer_id": person}))
        assert data(accounts.get(account["id"]))["status"] == "SUCCESSFUL"
    for (method, currency), recipient in sorted(RECIPIENTS.items()):
        source = currency if currency in wallets else "USD"
        pair = {"from_currency_id": source, "to_currency_id": currency}
        body = {"wallet_id": wallets[source], "customer_id": person, "method": method, **pair, **recipient}
        paid = sdk.payouts.initiate({**body, "from_amount": 500})["data"]["transaction"]
        assert data(sdk.transactions.get(paid["id"]))["status"] == "SUCCESSFUL"
        assert data(sdk.get_transaction_by_id(paid["id"]))["id"] == paid["id"]
    done = sdk.create_complete_payout({"payout_data": {**body, "from_amount": 40}})
    assert done["payout"]["transaction"]["amount"] == 40
    assert sdk.transactions.list({"type": "SEND_MONEY"})["data"]["meta"]["total"] == len(RECIPIENTS) + 1
    swap = {"from_business_wallet_id": wallets["USD"], "to_business_wallet_id": wallets["NGN"], "amount": 10}
    assert sdk.swaps.initiate(swap)["data"]["business_swap_transaction"]["status"] == "SUCCESSFUL"
    account = data(accounts.list(wallet_id=wallets["NGN"], customer_id=person))[0]["id"]
    assert accounts.close(account, "No longer needed")["data"]["account_id"] == account


def collections(sdk: Any, sandbox: Sandbox) -> None:
    person = verified(sdk)
    wallets = {each["currency"]: each["id"] for each in sdk.wallets.list()["data"]}
    for currency in ("GBP", "USD"):
        sdk.virtual_bank_accounts.create({"wallet_id": wallets[currency], "customer_id": person})
    card = {**CARD, "amount": 50, "wallet_id": wallets["USD"], "customer_id": person}
    assert sdk.collections.initiate(card)["data"]["url"]
    assert sdk.create_complete_collection({"collection_data": card})["collection"]["transaction_id"]
    network = data(sdk.collections.get_crypto_networks({"transaction_type": "collection"}))["data"][0]
    crypto = {"amount": 25, "wallet_id": wallets["USD"], "network": network["identifier"], "token": "USDT"}
    assert sdk.collections.initiate_crypto(crypto)["data"]["transaction"]["address"]
    assert sdk.collections.accept_interac_money_request({"reference_number": "AUTO1"})["status"] == 200
    assert sdk.collections.initiate_interac_money_request(INTERAC)["data"]["reference"]
    opened = sdk.collections.initiate({"method": "open_banking", "amount": 500, "wallet_id": wallets["GBP"]})
    transaction = opened["data"]["transaction_id"]
    sdk.collections.attach_customer({"customer_id": person, "transaction_id": transaction})
    refund = data(sdk.refunds.initiate({"transaction_id": transaction}))["id"]
    assert data(sdk.refunds.get(refund))["status"] == "SUCCESSFUL"


def signa(sdk: Any, sandbox: Sandbox) -> None:
    sessions = list[str]()
    for create, submit, upload_document in (
        (sdk.signa.create_session, sdk.signa.submit_session, sdk.signa.upload_session_document),
        (sdk.signa.create, sdk.signa.submit, sdk.signa.upload_document),
    ):
        session = data(create({**SIGNA, "idempotency_key": f"headless-{len(sessions)}"}))["id"]
        asked = {"file_name": "a.jpg", "id_doc_type": "PASSPORT"}
        target = data(sdk.signa.create_document_upload_url(session, asked))
        httpx.put(target["url"], content=b"a passport", headers=target["headers"], trust_env=False).raise_for_status()
        upload_document(session, {**PASSPORT, "file_name": target["file_name"]})
        assert data(submit(session))["status"] == "IN_REVIEW"
        assert data(sdk.signa.get_session(session))["status"] == "APPROVED"
        sessions.append(session)
    assert data(sdk.signa.get(session))["id"] == session
    captured = data(sdk.signa.list_session_documents(session))[0]["id"]
    link = data(sdk.signa.get_session_document(session, captured))["url"]
    assert httpx.get(link, trust_env=False).content == b"a passport"
    assert data(sdk.signa.get_session_applicant_data(session))["session_id"] == session
    person = data(sdk.customers.create(INDIVIDUAL))["id"]
    assert data(sdk.customers.link_kyc_session(person, session))["verification_status"] == "VERIFIED"
    for cancel in (sdk.signa.cancel_session, sdk.signa.cancel):
        hosted = data(sdk.signa.create_session({**HOSTED, "idempotency_key": f"hosted-{len(sessions)}"}))["id"]
        assert data(sdk.signa.issue_verification_link(hosted))["verification_link"]
        assert data(sdk.signa.issue_access_token(hosted))["access_token"]
        assert data(cancel(hosted))["status"] == "CANCELLED"
        sessions.append(hosted)
    newest = data(sdk.signa.list_sessions({"limit": 3}))["sessions"]
    assert [each["id"] for each in newest] == sessions[:0:-1]
    assert data(sdk.signa.list())["total"] == 4


def signa_id(sdk: Any, sandbox: Sandbox) -> None:
    asked = {"idempotency_key": "r", "purpose": "p", "scopes": ["document_images"], "origin": "https://shop.example"}
    release = data(sdk.signa_id.create_release_request(asked))["id"]
    got = data(sdk.signa_id.exchange_release_code(sandbox.signa_id.release(release)))
    assert data(sdk.signa_id.get_release(release)) == got
    image = got["data"]["document_images"][0]["id"]
    assert data(sdk.signa_id.get_release_document(release, image))["content_type"] == "image/jpeg"
    sandbox.signa_id.attest("0xabc")
    assert sdk.signa_id.get_wallet_status("0xabc", 8453)["data"]["verified"] is True


@contextlib.contextmanager
def shop() -> Iterator[tuple[str, queue.Queue[tuple[bytes, dict[str, str]]]]]:
    """A receiver of webhooks on this machine: its address, and what came."""
    deliveries: queue.Queue[tuple[bytes, dict[str, str]]] = queue.Queue()

    class Shop(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            deliveries.put((self.rfile.read(int(self.headers["content-length"])), dict(self.headers.items())))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", deliveries
        finally:
            server.shutdown()


def webhooks(sdk: Any, sandbox: Sandbox) -> None:
    sandbox.webhooks.local_urls = True
    with shop() as (url, deliveries):
        urls = dict.fromkeys(("payout_url", "collection_url", "kyc_url"), url)
        secret = data(sdk.webhooks.register(urls))["signing_secret"]
        sdk.webhooks.update(sdk.webhooks.get()["data"]["id"], {"kyc_url": None})
        assert sdk.webhooks.get()["data"]["kyc_url"] is None
        sdk.webhooks.simulate_interac_webhook({"amount": 20.5, "interac_email": "payer@example.com"})
        sdk.webhooks.replay({"transaction_id": sandbox.events[-1]["transaction_id"]})
        (body, headers), (again, _) = (deliveries.get(timeout=30) for _ in range(2))
    assert body == again
    signature, timestamp = headers["x-blaaiz-signature"], headers["x-blaaiz-timestamp"]
    assert sdk.webhooks.verify_signature(body.decode(), signature, timestamp, secret)
    assert not sdk.webhooks.verify_signature(f"{body.decode()} ", signature, timestamp, secret)
    event = sdk.webhooks.construct_event(body.decode(), signature, timestamp, secret)
    assert event["transaction_amount"] == 20.5
    assert f"collection.completed:{event['event_id']}" == WebhookVerifier(secret).receive(body, headers).dedupe_key


AREAS: list[Callable[[Any, Sandbox], None]] = [
    plumbing, people, companies, reference_data, money, collections, signa, signa_id, webhooks,
]  # fmt: skip


def test_every_public_method_succeeds_on_the_sandbox() -> None:
    watch, called = Watch(), set[str]()
    for area in AREAS:
        sandbox = Sandbox(limits=None, minimal_kyb=area is companies)
        with running(sandbox) as url:
            area(watch.over(connect(url, SCOPES)), sandbox)
        called.update(call.operation for call in sandbox.journal.calls if call.operation)
    assert watch.returned == public_methods(connect())
    beyond = {each.id for each in contract.operations() if not set(each.scopes) <= set(blaaiz.ALL_SCOPES)}
    assert called & beyond == {operation for operation, _ in BEYOND_ITS_SCOPES.values()}


# -- where the fault is its own ----------------------------------------------------------------------------------------

RELEASE = {"idempotency_key": "r", "purpose": "p", "scopes": ["identity"], "origin": "https://shop.example"}
BEYOND_ITS_SCOPES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "collections.initiate_interac_money_request": ("collections_request_interac", (INTERAC,)),
    "refunds.initiate": ("refunds_initiate", ({"transaction_id": "t"},)),
    "refunds.get": ("refunds_get", ("r",)),
    "signa_id.create_release_request": ("signa_id_create_release_request", (RELEASE,)),
    "signa_id.exchange_release_code": ("signa_id_exchange_release_code", ("code",)),
    "signa_id.get_release": ("signa_id_get_release", ("r",)),
    "signa_id.get_release_document": ("signa_id_get_release_document", ("r", "d")),
    "webhooks.simulate_interac_webhook": ("mock_simulate_interac_webhook", ({},)),
}
"""What it offers and may not call with the scopes that it asks for by itself: the operation, and arguments for the call."""


def test_its_default_scopes_are_too_few_for_its_own_methods() -> None:
    sandbox = Sandbox(limits=None)
    with running(sandbox) as url:
        sdk = connect(url)
        for name, (operation, arguments) in BEYOND_ITS_SCOPES.items():
            with pytest.raises(blaaiz.BlaaizError) as refused:
                named(sdk, name)(*arguments)
            assert (refused.value.status, sandbox.journal.calls[-1].operation) == (403, operation)


def test_its_collection_workflow_can_not_make_a_virtual_account() -> None:
    # It sends account_name, removed in April 2026, and no customer_id, required since (contract/money.yaml
    # virtual_accounts_create).
    with running(Sandbox(limits=None)) as url:
        sdk = connect(url, SCOPES)
        wallet = {each["currency"]: each["id"] for each in sdk.wallets.list()["data"]}["USD"]
        card = {**CARD, "amount": 50, "wallet_id": wallet, "customer_id": verified(sdk)}
        with pytest.raises(blaaiz.BlaaizError, match="Complete collection failed") as refused:
            sdk.create_complete_collection({"collection_data": card, "create_vba": True})
    assert refused.value.status == 422


def test_its_payout_workflow_can_not_pay_for_the_customer_it_makes() -> None:
    # It pays right after it registered the customer, and only a VERIFIED customer can be paid for
    # (contract/money.yaml payouts_initiate).
    sandbox = Sandbox(limits=None)
    with running(sandbox) as url:
        sdk = connect(url, SCOPES)
        wallet = {each["currency"]: each["id"] for each in sdk.wallets.list()["data"]}["NGN"]
        pair = {"from_currency_id": "NGN", "to_currency_id": "NGN", "from_amount": 500}
        payout = {"wallet_id": wallet, "method": "bank_transfer", **pair, **RECIPIENTS["bank_transfer", "NGN"]}
        with pytest.raises(blaaiz.BlaaizError, match="Complete payout failed") as refused:
            sdk.create_complete_payout({"payout_data": payout, "customer_data": PERSON})
    assert (refused.value.status, sandbox.journal.calls[-1].operation) == (400, "payouts_initiate")
    assert len(sandbox.customers) == 1
