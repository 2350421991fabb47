"""Collections by card, open banking and stablecoin, and the customer they are attached to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import special_values
from .clock import stamp
from .collecting import open_collection
from .exchange import Answer, refuse
from .money_checks import (
    amount_of,
    check_amount,
    check_merchant_reference,
    check_schema,
    customer_of,
    require_verified,
    wallet_of,
)
from .reference_data import COLLECTION_METHODS, NETWORKS
from .special_values import Effect
from .treasury import Treasury
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform

__all__ = ["HANDLERS"]

PAYMENT_SECONDS = 86_400.0
"""How long a payer has before a card or open banking collection is EXPIRED; the contract names no time."""
ADDRESS_SECONDS = 3_600.0
"""How long a deposit address stands; the contract names no time."""
_SCHEMAS = {"card": "CollectionCardRequest", "open_banking": "CollectionOpenBankingRequest"}
_NAMES = {"card": "Card", "open_banking": "Open banking"}


def initiate(platform: Platform, call: Exchange) -> Answer:
    """Answer `collections_initiate`."""
    treasury, body, errors = platform.book(Treasury), call.json(), Errors()
    method = body.get("method")
    if not isinstance(method, str) or method not in _SCHEMAS:
        errors.add("method", "is required") if method is None else errors.say("method", "The selected method is invalid.")
        raise errors.refusal()
    redirect = body.pop("redirect_url", None)
    if redirect is not None and not _is_https(redirect):
        errors.add("redirect_url", "must be a valid URL")
    check_schema(errors, _SCHEMAS[method], body)
    errors.require(body, ("wallet_id", "customer_id", "card_holder_name"))
    check_merchant_reference(errors, treasury, body)
    wallet, customer = wallet_of(errors, treasury, body), customer_of(errors, platform, body)
    if wallet is not None:
        check_amount(errors, body, "amount", wallet.currency.code)
    errors.refuse()
    assert wallet is not None  # noqa: S101  the schema requires it
    if method in treasury.disabled:
        raise refuse(400, f"{_NAMES[method]} collection is not enabled for this business yet.", status=False)
    if method not in COLLECTION_METHODS[wallet.currency.code] or not wallet.is_active:
        raise refuse(400, f"Funding {wallet.currency.code} using {method} is not supported yet.", status=False)
    if customer is not None:
        require_verified(customer)

    amount, by_card = amount_of(body, "amount"), special_values.effect(special_values.CARD, body.get("card_number"))
    collection = open_collection(
        treasury,
        wallet=wallet,
        method=method,
        amount=amount,
        customer_id=None if customer is None else customer.id,
        effect=by_card or special_values.effect(special_values.COLLECTION, amount),
        expires_at=call.at + PAYMENT_SECONDS,
        merchant_reference=body.get("merchant_reference"),
    )
    return Answer(
        body={
            "message": "Collection initiated successfully.",
            "transaction_id": collection.id,
            "url": None if by_card is Effect.NO_REDIRECT else f"https://checkout.example.com/{method}/{collection.id}",
        },
        customer_id=collection.customer_id,
    )


def initiate_crypto(platform: Platform, call: Exchange) -> Answer:
    """Answer `collections_initiate_crypto`; stablecoins fund USD wallets, one to one."""
    treasury, body, errors = platform.book(Treasury), call.json(), Errors()
    check_schema(errors, "CryptoCollectionRequest", body)
    wallet, customer = wallet_of(errors, treasury, body), customer_of(errors, platform, body)
    network, token = body.get("network"), body.get("token")
    tokens = next((tokens for _, identifier, tokens in NETWORKS if identifier == network), ())
    if isinstance(network, str) and not tokens:
        errors.say("network", "The selected network is invalid.")
    elif isinstance(token, str) and token not in tokens:
        errors.say("token", "The selected token is invalid.")
    if wallet is not None:
        check_amount(errors, body, "amount", wallet.currency.code)
    errors.refuse()
    assert wallet is not None  # noqa: S101  the schema requires it
    if "crypto" in treasury.disabled:
        raise refuse(400, "Crypto collection is not enabled for this business yet.", status=False)
    if "crypto" not in COLLECTION_METHODS[wallet.currency.code] or not wallet.is_active:
        raise refuse(400, f"Funding {wallet.currency.code} using crypto is not supported yet.", status=False)
    if customer is not None:
        require_verified(customer)

    amount, expires_at = amount_of(body, "amount"), call.at + ADDRESS_SECONDS
    collection = open_collection(
        treasury,
        wallet=wallet,
        method="crypto",
        amount=amount,
        customer_id=None if customer is None else customer.id,
        effect=special_values.effect(special_values.COLLECTION, amount),
        expires_at=expires_at,
        reference=platform.new_secret()[:15],
    )
    return Answer(
        body={
            "message": "Crypto collection initiated successfully.",
            "transaction": {
                "transaction_id": collection.id,
                "reference": collection.reference,
                "token": token,
                "token_amount": amount,
                "network": network,
                "address": f"0x{platform.new_secret()[:40]}",
                "status": collection.status,
                "expires_at": stamp(expires_at),
            },
        },
        customer_id=collection.customer_id,
    )


def list_networks(_: Platform, call: Exchange) -> Answer:
    """Answer `collections_list_crypto_networks`: every network serves both directions; the list is wrapped twice."""
    errors = Errors()
    if call.query.get("transaction_type", "collection") not in {"collection", "payout"}:
        errors.say("transaction_type", "The selected transaction type is invalid.")
    errors.refuse()
    networks = [_network(number, *each) for number, each in enumerate(NETWORKS, start=1)]
    wrapped = {"success": True, "message": "Networks fetched successfully", "status": 200, "data": networks}
    return Answer(body={"message": "Crypto networks retrieved successfully.", "data": wrapped})


def attach_customer(platform: Platform, call: Exchange) -> Answer:
    """Answer `collections_attach_customer`; a customer may be replaced, as nothing says that it may not."""
    treasury, body, errors = platform.book(Treasury), call.json(), Errors()
    check_schema(errors, "AttachCustomerRequest", body)
    customer = customer_of(errors, platform, body)
    errors.refuse()
    assert customer is not None  # noqa: S101  the schema requires it
    collection = treasury.transactions.get(body["transaction_id"])
    if collection is None:
        raise refuse(404, "Transaction not found.")
    if collection.type != "collection":
        raise refuse(400, "Customer can be updated for collections only.")
    if collection.method == "card":
        raise refuse(400, "Customer cannot be updated for API card collections.")
    if collection.status != "SUCCESSFUL":
        raise refuse(400, "Customer can be updated for successful collections only.")
    if customer.status != "VERIFIED":
        raise refuse(400, "Customer is not verified. Ensure you have uploaded identify docs for customer.")
    collection.customer_id = customer.id
    return Answer(body={"message": "Transaction updated successfully."}, customer_id=customer.id)


def _is_https(url: object) -> bool:
    return isinstance(url, str) and url.startswith("https://") and len(url) in range(9, 2049) and " " not in url


def _network(number: int, name: str, identifier: str, tokens: tuple[str, ...]) -> dict[str, Any]:
    shown = [
        {"id": index, "name": token, "symbol": token, "address": f"0x{number:02d}{index:02d}"}
        for index, token in enumerate(tokens, start=1)
    ]
    return {"id": number, "name": name, "identifier": identifier, "tokens": shown}


HANDLERS = {
    "collections_initiate": initiate,
    "collections_initiate_crypto": initiate_crypto,
    "collections_list_crypto_networks": list_networks,
    "collections_attach_customer": attach_customer,
}
