"""One public call for every operation of the contract, and a platform that answers whatever it is told."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any, NamedTuple

import httpx
import pytest

from blaaiz_async import AsyncBlaaiz, RetryPolicy, contract
from blaaiz_async.core import codec
from blaaiz_async.core.operation import OPERATIONS
from tests.conftest import SHARED

DAY = date(2026, 11, 1)
DAYS: dict[str, Any] = {"start_date": DAY, "end_date": DAY}


def an(parameter: str) -> str:
    """Return an id for a path parameter: told from every other, and in need of quoting."""
    return f"{parameter} ü/?#%"


Call = Callable[[AsyncBlaaiz, Any], Awaitable[Any]]

CUSTOMER, OWNER, DOCUMENT = an("customer_id"), an("owner_id"), an("document_id")
SESSION, WALLET = an("sessionId"), an("walletId")
CRYPTO_FILTERS: dict[str, Any] = {
    **DAYS,
    "customer_id": "c1",
    "status": "failed",
    "type": "swap",
    "direction": "in",
    "search_term": "a b&c",
    "per_page": 100,
}

CALLS: Mapping[str, Call] = {
    "customers_create": lambda blaaiz, body: blaaiz.customers.create(body),
    "customers_list": lambda blaaiz, _: blaaiz.customers.list_page(
        email="a+b@c.example",
        id_number="A 1",
        registration_number="RC/1",
        verification_status="VERIFIED",
        type="business",
    ),
    "customers_get": lambda blaaiz, _: blaaiz.customers.get(CUSTOMER),
    "customers_update": lambda blaaiz, body: blaaiz.customers.update(CUSTOMER, body),
    "customers_add_kyc_data": lambda blaaiz, body: blaaiz.customers.add_kyc(CUSTOMER, body),
    "customers_attach_files": lambda blaaiz, body: blaaiz.customers.upload_files(CUSTOMER, body),
    "customers_list_beneficiaries": lambda blaaiz, _: blaaiz.customers.list_beneficiaries(CUSTOMER),
    "customers_get_beneficiary": lambda blaaiz, _: blaaiz.customers.get_beneficiary(CUSTOMER, an("beneficiary_id")),
    "customers_submit": lambda blaaiz, _: blaaiz.customers.submit(CUSTOMER),
    "customers_upgrade_kyb_scope": lambda blaaiz, body: blaaiz.customers.upgrade_kyb_scope(CUSTOMER, body),
    "customers_link_kyc_session": lambda blaaiz, body: blaaiz.customers.link_kyc_session(CUSTOMER, body["signa_session_id"]),
    "customer_owners_delete": lambda blaaiz, _: blaaiz.customers.delete_owner(CUSTOMER, OWNER),
    "customer_owners_get_file_presigned_url": lambda blaaiz, body: blaaiz.customers.get_owner_file_presigned_url(
        CUSTOMER, OWNER, body
    ),
    "customer_owners_attach_files": lambda blaaiz, body: blaaiz.customers.upload_owner_files(CUSTOMER, OWNER, body),
    "customer_documents_get_presigned_url": lambda blaaiz, _: blaaiz.customers.get_document_presigned_url(CUSTOMER),
    "customer_documents_list": lambda blaaiz, _: blaaiz.customers.list_documents(CUSTOMER),
    "customer_documents_create": lambda blaaiz, body: blaaiz.customers.create_document(CUSTOMER, body),
    "customer_documents_get": lambda blaaiz, _: blaaiz.customers.get_document(CUSTOMER, DOCUMENT),
    "customer_documents_update": lambda blaaiz, body: blaaiz.customers.update_document(CUSTOMER, DOCUMENT, body),
    "customer_documents_delete": lambda blaaiz, _: blaaiz.customers.delete_document(CUSTOMER, DOCUMENT),
    "files_get_presigned_url": lambda blaaiz, body: blaaiz.files.get_presigned_url(body),
    "collections_initiate": lambda blaaiz, body: blaaiz.collections.initiate(
        body, allow_open_banking=body.get("method") == "open_banking"
    ),
    "collections_initiate_crypto": lambda blaaiz, body: blaaiz.collections.initiate_crypto(body),
    "collections_list_crypto_networks": lambda blaaiz, _: blaaiz.collections.get_crypto_networks(
        transaction_type="collection"
    ),
    "collections_attach_customer": lambda blaaiz, body: blaaiz.collections.attach_customer(body),
    "collections_request_interac": lambda blaaiz, body: blaaiz.collections.initiate_interac_money_request(body),
    "collections_accept_interac": lambda blaaiz, body: blaaiz.collections.accept_interac_money_request(body),
    "payouts_initiate": lambda blaaiz, body: blaaiz.payouts.initiate(body),
    "refunds_initiate": lambda blaaiz, body: blaaiz.refunds.initiate(body),
    "refunds_get": lambda blaaiz, _: blaaiz.refunds.get(an("id")),
    "swaps_initiate": lambda blaaiz, body: blaaiz.swaps.initiate(body),
    "rates_list": lambda blaaiz, _: blaaiz.rates.list(search_term="U S"),
    "fees_breakdown": lambda blaaiz, body: blaaiz.fees.get_breakdown(body),
    "currencies_list": lambda blaaiz, _: blaaiz.currencies.list(),
    "banks_list": lambda blaaiz, _: blaaiz.banks.list(currency="NGN", country="NG", country_id="1"),
    "banks_lookup_account": lambda blaaiz, body: blaaiz.banks.lookup_account(body),
    "banks_verify_payee": lambda blaaiz, body: blaaiz.banks.verify_payee(body),
    "banks_verify_iban": lambda blaaiz, body: blaaiz.banks.verify_iban(body),
    "momo_operators_list": lambda blaaiz, _: blaaiz.momo_operators.list(currency_id="1", country_id="2"),
    "wallets_list": lambda blaaiz, _: blaaiz.wallets.list(),
    "wallets_get": lambda blaaiz, _: blaaiz.wallets.get(an("id")),
    "virtual_accounts_create": lambda blaaiz, body: blaaiz.virtual_bank_accounts.create(body),
    "virtual_accounts_list": lambda blaaiz, _: blaaiz.virtual_bank_accounts.list(wallet_id="w1", customer_id="c1"),
    "virtual_accounts_identification_type": lambda blaaiz, _: blaaiz.virtual_bank_accounts.get_identification_type(
        customer_id="c1", country="NG", type="individual"
    ),
    "virtual_accounts_get": lambda blaaiz, _: blaaiz.virtual_bank_accounts.get(an("id")),
    "virtual_accounts_close": lambda blaaiz, body: blaaiz.virtual_bank_accounts.close(an("id"), body["reason"]),
    "transactions_list": lambda blaaiz, body: blaaiz.transactions.list(body),
    "transactions_get": lambda blaaiz, _: blaaiz.transactions.get(an("id")),
    "signa_create_session": lambda blaaiz, body: blaaiz.signa.create_session(body),
    "signa_list_sessions": lambda blaaiz, _: blaaiz.signa.list_sessions(limit=100, offset=0),
    "signa_get_session": lambda blaaiz, _: blaaiz.signa.get_session(SESSION),
    "signa_submit_session": lambda blaaiz, _: blaaiz.signa.submit_session(SESSION),
    "signa_cancel_session": lambda blaaiz, _: blaaiz.signa.cancel_session(SESSION),
    "signa_create_document_upload_url": lambda blaaiz, body: blaaiz.signa.create_document_upload_url(SESSION, body),
    "signa_upload_document": lambda blaaiz, body: blaaiz.signa.upload_session_document(SESSION, body),
    "signa_list_documents": lambda blaaiz, _: blaaiz.signa.list_session_documents(SESSION),
    "signa_get_document": lambda blaaiz, _: blaaiz.signa.get_session_document(SESSION, an("documentId")),
    "signa_get_applicant_data": lambda blaaiz, _: blaaiz.signa.get_session_applicant_data(SESSION),
    "signa_issue_verification_link": lambda blaaiz, _: blaaiz.signa.issue_verification_link(SESSION),
    "signa_issue_capture_link": lambda blaaiz, _: blaaiz.signa.issue_capture_link(SESSION),
    "signa_issue_access_token": lambda blaaiz, _: blaaiz.signa.issue_access_token(SESSION),
    "signa_id_create_release_request": lambda blaaiz, body: blaaiz.signa_id.create_release_request(body),
    "signa_id_exchange_release_code": lambda blaaiz, body: blaaiz.signa_id.exchange_release_code(body["code"]),
    "signa_id_get_release": lambda blaaiz, _: blaaiz.signa_id.get_release(an("releaseId")),
    "signa_id_get_release_document": lambda blaaiz, _: blaaiz.signa_id.get_release_document(
        an("releaseId"), an("documentId")
    ),
    "signa_id_get_wallet_status": lambda blaaiz, _: blaaiz.signa_id.get_wallet_status(an("address"), chain_id=8453),
    "crypto_list_assets": lambda blaaiz, _: blaaiz.crypto.list_assets(),
    "crypto_list_wallets": lambda blaaiz, _: blaaiz.crypto.list_wallets(),
    "crypto_create_wallet": lambda blaaiz, body: blaaiz.crypto.create_wallet(body),
    "crypto_get_wallet": lambda blaaiz, _: blaaiz.crypto.get_wallet(WALLET),
    "crypto_list_wallet_addresses": lambda blaaiz, _: blaaiz.crypto.list_wallet_addresses(
        WALLET, customer_id="9d4c4ec5-59ea-4130-bf8a-6a5edec401ee"
    ),
    "crypto_create_customer_wallet_addresses": lambda blaaiz, body: blaaiz.crypto.create_customer_wallet_addresses(
        WALLET, body
    ),
    "crypto_list_wallet_transactions": lambda blaaiz, _: blaaiz.crypto.list_wallet_transactions(WALLET, **CRYPTO_FILTERS),
    "crypto_list_transactions": lambda blaaiz, _: blaaiz.crypto.list_transactions(wallet_id="w1", **CRYPTO_FILTERS),
    "crypto_get_transaction": lambda blaaiz, _: blaaiz.crypto.get_transaction(an("transactionId")),
    "crypto_create_payout": lambda blaaiz, body: blaaiz.crypto.create_payout(body),
    "crypto_create_swap": lambda blaaiz, body: blaaiz.crypto.create_swap(body),
    "interac_auto_deposit_email_create": lambda blaaiz, body: blaaiz.interac_auto_deposit_emails.create(body),
    "interac_auto_deposit_email_list": lambda blaaiz, _: blaaiz.interac_auto_deposit_emails.list(
        status="ACTIVE", search_term="a+b@c.example"
    ),
    "interac_auto_deposit_email_get": lambda blaaiz, _: blaaiz.interac_auto_deposit_emails.get(an("id")),
    "webhook_register": lambda blaaiz, body: blaaiz.webhooks.register(body),
    "webhook_get": lambda blaaiz, _: blaaiz.webhooks.get(),
    "webhook_update": lambda blaaiz, body: blaaiz.webhooks.update(an("businessWebhook"), body),
    "webhook_replay": lambda blaaiz, body: blaaiz.webhooks.replay(body),
    "webhook_list_logs": lambda blaaiz, _: blaaiz.webhooks.list_logs(
        **DAYS, status="FAILED", type="crypto.payout.failed", search_term="a b&c", per_page=30
    ),
    "webhook_get_log": lambda blaaiz, _: blaaiz.webhooks.get_log(an("id")),
    "mock_simulate_interac_webhook": lambda blaaiz, body: blaaiz.webhooks.simulate_interac_webhook(body),
}
"""How each operation is called: a body where there is one, every path parameter, and every query parameter there is."""

UNDER_OTHER_CALLS = frozenset({"oauth_token_create", "presigned_upload_put"})
"""No method of their own: a token is fetched when one is needed, and a file is put by the uploads."""


class Platform:
    """Gives every call one answer, tokens apart, and keeps what it was asked."""

    def __init__(self, answer: Any = None, status: int = 200) -> None:
        self.answer, self.status = answer, status
        self.asked: list[httpx.Request] = []
        """Every request but those for a token."""
        self.tokens: list[httpx.Request] = []
        self.token: Any = {"access_token": "the-token", "token_type": "Bearer", "expires_in": 3600}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            self.tokens.append(request)
            return httpx.Response(200, json=self.token)
        self.asked.append(request)
        return httpx.Response(self.status, json=self.answer, headers={"etag": '"e"'})

    def client(self, **options: Any) -> AsyncBlaaiz:
        """Make a client of it that asks for every scope there is."""
        settings: dict[str, Any] = {
            "client_id": "an-id",
            "client_secret": "a-secret",
            "base_url": "https://platform.test",
            "http_client": httpx.AsyncClient(transport=httpx.MockTransport(self)),
            "retry": RetryPolicy(wait_initial=0.0),
            "budget": None,
            "scopes": every_scope(),
            **options,
        }
        return AsyncBlaaiz(**settings)


@cache
def every_scope() -> tuple[str, ...]:
    """Return all scopes that operations need."""
    return tuple(sorted({scope for each in contract.operations() for scope in each.scopes}))


async def call(operation: str, blaaiz: AsyncBlaaiz, body: Any = None) -> Any:
    """Call an operation; one that the contract calls deprecated must warn, and no other may."""
    made = CALLS[operation]
    if not contract.operation(operation).raw.get("deprecated"):
        return await made(blaaiz, body)
    with pytest.warns(DeprecationWarning, match=OPERATIONS[operation].deprecated):
        return await made(blaaiz, body)


# -- documented payloads -----------------------------------------------------------------------------------------------


class Example(NamedTuple):
    """A payload that the contract documents."""

    operation: str
    label: str
    status: int
    payload: Any
    superseded: bool = False
    """Whether the platform has moved on since."""


def _media(node: Mapping[str, Any], operation: str, status: int) -> Iterator[Example]:
    for media in node.get("content", {}).values():
        named = {name: example["value"] for name, example in media.get("examples", {}).items()}
        if "example" in media:
            named["default"] = media["example"]
        yield from (Example(operation, name, status, payload) for name, payload in named.items())


@cache
def _shared(kind: str) -> tuple[Example, ...]:
    """Return the payloads that are kept beside the contract; none where they are absent."""
    found: list[Example] = []
    for doc in contract.DOC_NAMES:
        path = SHARED / "contract" / "examples" / f"{doc}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else ()
        for number, row in enumerate(map(json.loads, lines), 1):
            if row["kind"] == kind and row["operation"] in OPERATIONS:
                old = bool(row.get("superseded"))
                status = int(row["status"] or 200)
                found.append(Example(row["operation"], f"{doc}.jsonl:{number}", status, row["payload"], old))
    return tuple(found)


@cache
def documented_answers() -> tuple[Example, ...]:
    """Return every documented body of a success."""
    own = [
        example
        for each in contract.operations()
        for status, answer in each.raw["responses"].items()
        if status.startswith("2")
        for example in _media(answer, each.id, int(status))
    ]
    return (*own, *_shared("response"))


@cache
def documented_requests() -> tuple[Example, ...]:
    """Return every documented body of a request, its amounts as Decimal."""
    own = [example for each in contract.operations() for example in _media(each.raw.get("requestBody", {}), each.id, 200)]
    return tuple(
        each._replace(payload=codec.from_json(json.dumps(each.payload).encode())) for each in (*own, *_shared("request"))
    )


def a_request(operation: str) -> Any:
    """Return the first documented body of an operation that takes one."""
    return next((each.payload for each in documented_requests() if each.operation == operation), None)


def an_answer(operation: str) -> Example:
    """Return the first documented answer of an operation."""
    return next(each for each in documented_answers() if each.operation == operation)
