"""Crypto assets, wallets, addresses and the transactions made through the API."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .clock import stamp
from .crypto_wallets import ASSETS, Crypto
from .exchange import Answer, refuse
from .validation import Errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .crypto_wallets import Address, Asset, Wallet
    from .exchange import Exchange
    from .state import Platform

__all__ = ["HANDLERS", "require_crypto"]


def list_assets(platform: Platform, _: Exchange) -> Answer:
    """Answer `crypto_list_assets`."""
    require_crypto(platform)
    data = [
        {
            **_asset(each),
            "networks": [
                {"network": network, "decimals": each.decimals, "contract_address": contract}
                for network, contract in each.networks.items()
            ],
        }
        for each in ASSETS
    ]
    return Answer(body={"message": "Crypto assets retrieved successfully.", "data": data})


def list_wallets(platform: Platform, _: Exchange) -> Answer:
    """Answer `crypto_list_wallets`."""
    data = [_wallet(each) for each in require_crypto(platform).wallets.values()]
    return Answer(body={"message": "Crypto wallets retrieved successfully.", "data": data})


def create_wallet(platform: Platform, call: Exchange) -> Answer:
    """Answer `crypto_create_wallet`, superseded by the dashboard."""
    crypto = require_crypto(platform)
    body, errors = call.json(), Errors()
    errors.check("CryptoCreateWalletRequest", body, "events")
    errors.refuse()
    name = "crypto_currency_id" if "crypto_currency_id" in body else "crypto_currency_symbol"
    asset = next((each for each in ASSETS if body[name] in {each.id, each.symbol}), None)
    if asset is None:
        errors.say(name, f"The selected {name.replace('_', ' ')} is invalid.")
        raise errors.refusal()
    if any(each.asset is asset for each in crypto.wallets.values()):
        raise refuse(400, "A crypto wallet for this asset already exists.")
    data = _wallet(crypto.open_wallet(asset, Decimal(0)))
    return Answer(status=201, body={"message": "Crypto wallet created successfully.", "data": data})


def get_wallet(platform: Platform, call: Exchange) -> Answer:
    """Answer `crypto_get_wallet`."""
    data = _wallet(require_crypto(platform).find(call.params["walletId"]))
    return Answer(body={"message": "Crypto wallet retrieved successfully.", "data": data})


def list_addresses(platform: Platform, call: Exchange) -> Answer:
    """Answer `crypto_list_wallet_addresses`."""
    crypto, customer = require_crypto(platform), call.query.get("customer_id")
    wallet = crypto.find(call.params["walletId"])
    found = [each for each in crypto.addresses if each.wallet_id == wallet.id and customer in {None, each.customer_id}]
    return _addresses(found, "Crypto wallet addresses retrieved successfully.", 200)


def create_addresses(platform: Platform, call: Exchange) -> Answer:
    """Answer `crypto_create_customer_wallet_addresses`; a repeat after success gives the same (x-uncertain)."""
    crypto = require_crypto(platform)
    wallet = crypto.find(call.params["walletId"])
    body, errors = call.json(), Errors()
    errors.check("CryptoCreateCustomerAddressesRequest", body, "events")
    errors.require(body, ("customer_id",))
    errors.refuse()
    customer = platform.customer(body["customer_id"])
    if customer.status != "VERIFIED":
        raise refuse(400, "Customer must be verified.")
    if customer.due_diligence:
        raise refuse(400, "Customer is under Enhanced Due Diligence.")
    if crypto.addresses_pending:
        raise refuse(409, "Address creation is active or awaits the provider. Do not create again; contact support.")
    made = [each for each in crypto.addresses if (each.wallet_id, each.customer_id) == (wallet.id, customer.id)]
    made = made or crypto.open_addresses(wallet, customer.id)
    return _addresses(made, "Crypto wallet addresses created successfully.", 201)


def list_wallet_transactions(platform: Platform, call: Exchange) -> Answer:
    """Answer `crypto_list_wallet_transactions`."""
    wallet = require_crypto(platform).find(call.params["walletId"])
    return _transactions(platform, call, wallet.id)


def list_transactions(platform: Platform, call: Exchange) -> Answer:
    """Answer `crypto_list_transactions`."""
    require_crypto(platform)
    return _transactions(platform, call, call.query.get("wallet_id"))


def get_transaction(platform: Platform, call: Exchange) -> Answer:
    """Answer `crypto_get_transaction`."""
    found = require_crypto(platform).transactions.get(call.params["transactionId"])
    if found is None:
        raise refuse(404, "Crypto transaction not found.")
    return Answer(body={"message": "Crypto transaction retrieved successfully.", "data": found})


def require_crypto(platform: Platform) -> Crypto:
    """Give the book of crypto, or refuse with 403 when the business has no access."""
    crypto = platform.book(Crypto)
    if not crypto.enabled:
        raise refuse(403, "Crypto access is not enabled for this business.")
    return crypto


def _transactions(platform: Platform, call: Exchange, wallet_id: str | None) -> Answer:
    errors, query = Errors(), call.query
    for name, allowed in (
        ("status", {"processing", "successful", "failed"}),
        ("type", {"payout", "swap"}),
        ("direction", {"in", "out"}),
    ):
        if name in query and query[name] not in allowed:
            errors.say(name, f"The selected {name} is invalid.")
    size, page = query.get("per_page", "10"), query.get("page", "1")
    if not size.isdecimal() or not 1 <= int(size) <= 100:
        errors.add("per_page", "must be between 1 and 100")
    if not page.isdecimal() or int(page) < 1:
        errors.add("page", "must be at least 1")
    errors.refuse()
    found = [
        each
        for each in reversed(platform.book(Crypto).transactions.values())
        if wallet_id in {None, each["wallet_id"]}
        and all(query[name] == each.get(name) for name in ("customer_id", "status", "type", "direction") if name in query)
        and query.get("start_date", "") <= each["created_at"][:10] <= query.get("end_date", "9999")
        and query.get("search_term", "").casefold() in f"{each['reference']} {each['id']} {each['address']}".casefold()
    ]
    first = (int(page) - 1) * int(size)
    rows = found[first : first + int(size)]
    return Answer(body={"data": rows, "current_page": int(page), "per_page": int(size), "total": len(found)})


def _addresses(found: Iterable[Address], text: str, status: int) -> Answer:
    data = [
        {
            "id": each.id,
            "customer_id": each.customer_id,
            "address": each.address,
            "network": each.network,
            "type": "deposit",
            "status": "SUCCESSFUL",
        }
        for each in found
    ]
    return Answer(status=status, body={"message": text, "data": data})


def _asset(asset: Asset) -> dict[str, Any]:
    return {"id": asset.id, "symbol": asset.symbol, "name": asset.name, "decimals": asset.decimals}


def _wallet(wallet: Wallet) -> dict[str, Any]:
    return {
        "id": wallet.id,
        "asset": _asset(wallet.asset),
        "balance": wallet.asset.write(wallet.balance),
        "is_active": True,
        "created_at": stamp(wallet.created_at),
        "updated_at": stamp(wallet.updated_at),
    }


HANDLERS = {
    "crypto_list_assets": list_assets,
    "crypto_list_wallets": list_wallets,
    "crypto_create_wallet": create_wallet,
    "crypto_get_wallet": get_wallet,
    "crypto_list_wallet_addresses": list_addresses,
    "crypto_create_customer_wallet_addresses": create_addresses,
    "crypto_list_wallet_transactions": list_wallet_transactions,
    "crypto_list_transactions": list_transactions,
    "crypto_get_transaction": get_transaction,
}
