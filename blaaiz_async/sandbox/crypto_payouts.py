"""Crypto payouts to external addresses: each takes effect once per Idempotency-Key."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from .clock import stamp
from .crypto import require_crypto
from .crypto_wallets import fee_of
from .exchange import Answer, refuse
from .idempotency import once
from .special_values import CRYPTO_PAYOUT, Effect, effect
from .validation import Errors

if TYPE_CHECKING:
    from .crypto_wallets import Crypto
    from .exchange import Exchange
    from .state import Platform

__all__ = ["HANDLERS", "amount_of", "require_balance"]

LEAST = Decimal("0.00000001")


@once
def payout(platform: Platform, call: Exchange) -> Answer:
    """Answer `crypto_create_payout`; the outcome comes after the answer."""
    crypto = require_crypto(platform)
    body, errors = call.json(), Errors()
    errors.check("CryptoPayoutRequest", body, "events")
    errors.require(body, ("customer_id", "wallet_id", "address", "token"))
    errors.refuse()
    customer = platform.customers.get(body["customer_id"])
    if customer is None or customer.status != "VERIFIED" or customer.due_diligence:
        raise refuse(400, "Customer must be a verified customer of this business.")
    wallet = crypto.wallets.get(body["wallet_id"])
    if wallet is None:
        errors.say("wallet_id", "The selected wallet id is invalid.")
        raise errors.refusal()
    if body["token"] != wallet.asset.symbol:
        errors.say("token", f"The wallet holds {wallet.asset.symbol}.")
    if body["network"] not in wallet.asset.networks:
        errors.say("network", f"{wallet.asset.symbol} is not available on this network.")
    if any(each.address == body["address"] for each in crypto.addresses):
        errors.say("address", "The destination must be an external address.")
    amount = amount_of(errors, body["amount"])
    if wallet.asset.round(amount) != amount:
        errors.say("amount", f"{wallet.asset.symbol} has {wallet.asset.decimals} decimals.")
    require_balance(errors, wallet.balance, amount)
    errors.refuse()
    fee = fee_of(wallet.asset, amount)
    net = amount - fee
    made: dict[str, Any] = {
        "id": platform.new_id(),
        "wallet_id": wallet.id,
        "customer_id": customer.id,
        "type": "payout",
        "status": "processing",
        "reference": crypto.new_reference(),
        "currency": wallet.asset.symbol,
        "amount": wallet.asset.write(amount),
        "fee": wallet.asset.write(fee),
        "net_amount": wallet.asset.write(net),
        "balance_change": wallet.asset.write(-amount),
        "target_currency": body["token"],
        "target_amount": wallet.asset.write(net),
        "rate": "1.00000000",
        "address": body["address"],
        "network": body["network"],
        "transaction_hash": None,
        "counterparty_transaction_id": None,
        "counterparty_transaction": None,
        "fiat_transaction_id": None,
        "fiat_transaction": None,
        "created_at": stamp(call.at),
        "updated_at": stamp(call.at),
    }
    crypto.transactions[made["id"]] = made
    crypto.pay_in(wallet, -amount)
    platform.aftermath.append(partial(_follow, crypto, made))
    own = ("id", "reference", "status", "wallet_id", "customer_id", "currency", "rate", "amount", "fee", "net_amount")
    data = {
        **{name: made[name] for name in (*own, "address", "network")},
        "destination_currency": made["target_currency"],
        "destination_amount": made["target_amount"],
    }
    return Answer(body={"message": "Crypto payout initiated successfully.", "data": data}, customer_id=customer.id)


def _follow(crypto: Crypto, payout: dict[str, Any]) -> None:
    crypto.tell(payout)
    outcome = "failed" if effect(CRYPTO_PAYOUT, payout["address"]) is Effect.FAILS else crypto.outcome
    if outcome is not None:
        crypto.settle(payout["id"], outcome)


def amount_of(errors: Errors, written: str) -> Decimal:
    """Read an amount that the schema has let pass, and note one that is too small."""
    amount = Decimal(written)
    if amount < LEAST:
        errors.add("amount", f"must be at least {LEAST:f}")
    return amount


def require_balance(errors: Errors, balance: Decimal, amount: Decimal) -> None:
    """Note an amount that a wallet does not hold."""
    if amount > balance:
        errors.say("amount", "Insufficient balance.")


HANDLERS = {"crypto_create_payout": payout}
