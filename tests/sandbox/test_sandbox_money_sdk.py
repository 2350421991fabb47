"""The official SDK 1.7.0, a client that no one here wrote, moves money in the sandbox."""

from __future__ import annotations

import functools
from typing import Any

import anyio.to_thread
import blaaiz
import pytest

from blaaiz_async.sandbox import Sandbox, running
from blaaiz_async.sandbox.oauth import ALL_SCOPES
from tests.sandbox.sandbox_money import PERSON, RECIPIENTS

pytestmark = pytest.mark.anyio
JPEG = {"file": b"\xff\xd8\xff", "content_type": "image/jpeg", "filename": "a.jpg", "file_category": "identity"}
CARD = {"card_holder_name": "John Doe", "card_number": "4242424242424242", "expiry": "12/30", "cvc": "123"}


def connect(url: str, scope: str | None = None) -> Any:
    return blaaiz.Blaaiz(client_id="sandbox-client", client_secret="sandbox-secret", base_url=url, oauth_scope=scope)


def verified(sdk: Any) -> str:
    person = str(sdk.customers.create(PERSON)["data"]["data"]["id"])
    sdk.customers.upload_file_complete(person, JPEG)
    return person


def read_reference_data(sdk: Any) -> set[str]:
    person = verified(sdk)
    assert sdk.test_connection()
    currencies = {each["code"]: each["id"] for each in sdk.currencies.list()["data"]}
    assert sdk.momo_operators.list({"currency_id": currencies["KES"]})["data"][0]["code"] == "MPESA"
    bank = sdk.banks.list({"currency": "NGN"})["data"][0]
    lookup = {"account_number": "0123456789", "bank_id": bank["id"]}
    assert sdk.banks.lookup_account(lookup)["data"]["account_name"] == "John Doe"
    payee = {"sort_code": "20-00-00", "account_number": "12345678", "account_name": "Jane Doe"}
    assert sdk.banks.verify_payee(payee)["data"]["matched"]
    assert sdk.banks.verify_iban({"iban": "DE89370400440532013000"})["data"]["sepa_reachable"]
    assert sdk.rates.list({"search_term": "USD/NGN"})["data"]["data"][0]["pair"] == "USD/NGN"
    assert sdk.calculate_fees("USD", "NGN", 100)["data"]["payout_fees"]
    assert sdk.virtual_bank_accounts.get_identification_type(customer_id=person)["data"]["data"]["type"] == "bvn"
    wallets = {each["currency"]: each["id"] for each in sdk.wallets.list()["data"]}
    assert sdk.wallets.get(wallets["NGN"])["data"]["currency"] == "NGN"
    return set(wallets)


def move_money(sdk: Any) -> list[str]:
    person = verified(sdk)
    wallets = {each["currency"]: each["id"] for each in sdk.wallets.list()["data"]}
    for currency in ("NGN", "GBP", "EUR", "USD"):
        account = sdk.virtual_bank_accounts.create({"wallet_id": wallets[currency], "customer_id": person})["data"]["data"]
        assert sdk.virtual_bank_accounts.get(account["id"])["data"]["data"]["status"] == "SUCCESSFUL"
    for (method, currency), recipient in sorted(RECIPIENTS.items()):
        source = currency if currency in wallets else "USD"
        pair = {"from_currency_id": source, "to_currency_id": currency}
        body = {"wallet_id": wallets[source], "customer_id": person, "method": method, **pair, **recipient}
        paid = sdk.payouts.initiate({**body, "from_amount": 500})["data"]["transaction"]
        assert sdk.get_transaction_by_id(paid["id"])["data"]["data"]["status"] == "SUCCESSFUL"
    complete = {**body, "from_amount": 40}
    complete.pop("customer_id")
    done = sdk.create_complete_payout({"payout_data": {**complete, "customer_id": person}})
    assert done["payout"]["transaction"]["amount"] == 40
    collection = {"method": "card", "amount": 50, "wallet_id": wallets["USD"], "customer_id": person, **CARD}
    assert sdk.collections.initiate(collection)["data"]["url"]
    assert sdk.create_complete_collection({"collection_data": collection})["collection"]["transaction_id"]
    network = sdk.collections.get_crypto_networks({"transaction_type": "collection"})["data"]["data"]["data"][0]
    crypto = {"amount": 25, "wallet_id": wallets["USD"], "network": network["identifier"], "token": "USDT"}
    assert sdk.collections.initiate_crypto(crypto)["data"]["transaction"]["address"]
    assert sdk.collections.accept_interac_money_request({"reference_number": "AUTO1"})["status"] == 200
    opened = {"method": "open_banking", "amount": 500, "wallet_id": wallets["GBP"]}
    opened_id = sdk.collections.initiate(opened)["data"]["transaction_id"]
    sdk.collections.attach_customer({"customer_id": person, "transaction_id": opened_id})
    swap = {"from_business_wallet_id": wallets["USD"], "to_business_wallet_id": wallets["NGN"], "amount": 10}
    assert sdk.swaps.initiate(swap)["data"]["business_swap_transaction"]["status"] == "SUCCESSFUL"
    accounts = sdk.virtual_bank_accounts.list(wallet_id=wallets["NGN"], customer_id=person)["data"]["data"]
    assert sdk.virtual_bank_accounts.close(accounts[0]["id"], "No longer needed")["data"]["account_id"] == accounts[0]["id"]
    rows = sdk.transactions.list({"type": "SEND_MONEY"})["data"]
    return [opened_id, str(rows["meta"]["total"])]


def beyond_its_default_scopes(url: str, collection: str) -> tuple[int, int, str]:
    """Refunds and Interac requests: the SDK's own default scope list lacks what they need."""
    refused = []
    request = {"amount": 100, "email": "payer@example.com"}
    sdk = connect(url)
    for call in (
        functools.partial(sdk.refunds.initiate, {"transaction_id": collection}),
        functools.partial(sdk.collections.initiate_interac_money_request, request),
    ):
        with pytest.raises(blaaiz.BlaaizError) as error:
            call()
        refused.append(int(error.value.status))
    sdk = connect(url, " ".join(sorted(ALL_SCOPES)))
    assert sdk.collections.initiate_interac_money_request(request)["data"]["reference"]
    started = sdk.refunds.initiate({"transaction_id": collection})["data"]["data"]
    return refused[0], refused[1], sdk.refunds.get(started["id"])["data"]["data"]["status"]


def account_by_its_workflow(sdk: Any) -> int:
    """It sends account_name, removed in April 2026, and no customer_id, required since (virtual_accounts_create)."""
    wallet = sdk.wallets.list()["data"][0]["id"]
    collection = {"method": "open_banking", "amount": 5, "wallet_id": wallet, "customer_id": "none"}
    with pytest.raises(blaaiz.BlaaizError) as error:
        sdk.create_complete_collection({"collection_data": collection, "create_vba": True})
    return int(error.value.status)


async def test_its_money_methods_succeed_but_where_the_fault_is_its_own() -> None:
    def drive(url: str) -> None:
        sdk = connect(url)
        assert read_reference_data(sdk) == {"NGN", "USD", "CAD", "EUR", "GBP"}
        opened, payouts = move_money(sdk)
        assert int(payouts) == len(RECIPIENTS) + 1
        assert beyond_its_default_scopes(url, opened) == (403, 403, "SUCCESSFUL")
        assert account_by_its_workflow(sdk) == 422

    async with running(Sandbox(limits=None)) as url:
        await anyio.to_thread.run_sync(functools.partial(drive, url))
