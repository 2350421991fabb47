"""Payouts: checked, priced, debited, and brought to their end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from . import special_values
from .clock import stamp
from .exchange import Answer, refuse
from .money_checks import (
    amount_of,
    check_amount,
    check_merchant_reference,
    check_schema,
    currency_of,
    customer_of,
    require_verified,
    wallet_of,
)
from .money_events import tell_payout, tell_payout_initiated
from .pricing import pair, price_fixed_debit, price_fixed_receipt
from .recipients import SCHEMAS, check_recipient, find_recipient, require_accounts
from .reference_data import PAYOUT_METHODS
from .special_values import Effect
from .treasury import EXCHANGE, FEES, OUTSIDE, Transaction, Treasury
from .validation import Errors, properties

if TYPE_CHECKING:
    from decimal import Decimal

    from .exchange import Exchange
    from .pricing import Quote
    from .reference_data import Currency
    from .state import Customer, Platform
    from .treasury import Wallet

__all__ = ["HANDLERS"]

_ALWAYS = ("wallet_id", "customer_id", "method", "from_currency_id", "to_currency_id")
_SHOWN = ("id", "account_number", "account_name", "amount", "currency", "bank_name", "bank_code")
_NO_CRYPTO = "Crypto payouts are no longer made here. Use POST /api/external/crypto/payouts."


def initiate(platform: Platform, call: Exchange) -> Answer:
    """Answer `payouts_initiate`."""
    treasury, body = platform.book(Treasury), call.json()
    source, destination, wallet, customer = _read(platform, treasury, body)
    require_verified(customer)
    if customer.due_diligence or treasury.due_diligence:
        raise refuse(400, "Payouts are not allowed while under Enhanced Due Diligence.")
    if not wallet.is_active:
        raise refuse(400, f"Your {source.code} wallet is not active.")
    quote = _price(source, destination, body)
    require_accounts(treasury, customer, destination.code)
    method = body["method"]
    recipient = find_recipient(treasury, body, destination.code, method)
    treasury.require_funds(wallet, quote.debit)

    _post(treasury, wallet, quote)
    payout = treasury.add(
        Transaction(
            id=platform.new_id(),
            type="payout",
            method=method,
            customer_id=customer.id,
            wallet=wallet,
            reference=platform.new_id(),
            merchant_reference=body.get("merchant_reference"),
            external_reference=_external_reference(platform, method),
            amount=quote.debit,
            fee=quote.fees,
            rate=quote.shown_rate,
            at=call.at,
            recipient={**recipient, "amount": quote.receipt},
            instruction=_instruction(platform, body) if method == "interac" else None,
        )
    )
    if method == "interac":
        tell_payout_initiated(treasury, payout)
    _plan(treasury, payout, quote, amount_of(body, "from_amount" if "from_amount" in body else "to_amount"))
    return Answer(
        body={"message": "Payout Initiated Successfully.", "transaction": _shown(treasury, payout)}, customer_id=customer.id
    )


def _finish(treasury: Treasury, payout: Transaction, quote: Quote, outcome: str) -> None:
    """Bring a payout to its end, SUCCESSFUL or FAILED; a failed one gives back the whole debit. A second end is ignored."""
    if not payout.is_open:
        return
    payout.status = outcome
    if outcome == "FAILED":
        _post(treasury, payout.wallet, quote, back=True)
    tell_payout(treasury, payout)


def _read(platform: Platform, treasury: Treasury, body: dict[str, Any]) -> tuple[Currency, Currency, Wallet, Customer]:
    errors, method = Errors(), body.get("method")
    if method == "crypto":
        errors.say("method", _NO_CRYPTO)
    for name in _ALWAYS:
        value = body.get(name)
        if value is None or value == "":
            errors.add(name, "is required")
        elif not isinstance(value, str):
            errors.add(name, "must be a string")
    source, destination = (currency_of(errors, body, name) for name in ("from_currency_id", "to_currency_id"))
    errors.refuse()
    assert source is not None  # noqa: S101  what is missing was refused
    assert destination is not None  # noqa: S101
    if method not in PAYOUT_METHODS[destination.code]:
        errors.say("method", f"The selected method is invalid for {destination.code}.")
        raise errors.refusal()
    schema = SCHEMAS[method, destination.code]
    for name in body.keys() - properties(schema, "money"):
        del body[name]  # what this kind of payout does not know is ignored
    check_schema(errors, schema, body)
    errors.require(body, [name for name, value in body.items() if value == "" and name != "note"])
    errors.countries(body)
    check_amount(errors, body, "from_amount", source.code)
    check_amount(errors, body, "to_amount", destination.code)
    check_merchant_reference(errors, treasury, body)
    check_recipient(errors, body, destination)
    wallet, customer = wallet_of(errors, treasury, body), customer_of(errors, platform, body)
    if wallet is not None and wallet.currency is not source:
        errors.say("wallet_id", "The selected wallet id does not hold the source currency.")
    errors.refuse()
    assert wallet is not None  # noqa: S101
    assert customer is not None  # noqa: S101
    return source, destination, wallet, customer


def _price(source: Currency, destination: Currency, body: dict[str, Any]) -> Quote:
    rate = pair(source.code, destination.code)
    if rate is None or not rate.send_enabled:
        raise refuse(400, f"Payout from {source.code} to {destination.code} is not supported.")
    if "from_amount" in body:
        quote = price_fixed_debit(rate, body["method"], amount_of(body, "from_amount"))
    else:
        quote = price_fixed_receipt(rate, body["method"], amount_of(body, "to_amount"))
    if quote.net <= 0 or quote.receipt <= 0:
        raise refuse(400, "The amount must be greater than the total fees.")
    return quote


def _post(treasury: Treasury, wallet: Wallet, quote: Quote, *, back: bool = False) -> None:
    """Debit a payout: fees to the platform, the rest out, by way of the exchange desk when the currency changes."""
    sign = -1 if back else 1
    source, destination = quote.rate.source, quote.rate.destination
    treasury.move(source, sign * quote.fees, wallet.id, FEES)
    if source == destination:
        treasury.move(source, sign * quote.net, wallet.id, OUTSIDE)
    else:
        treasury.move(source, sign * quote.net, wallet.id, EXCHANGE)
        treasury.move(destination, sign * quote.receipt, EXCHANGE, OUTSIDE)


def _plan(treasury: Treasury, payout: Transaction, quote: Quote, asked: Decimal) -> None:
    effect = special_values.effect(special_values.PAYOUT, asked)
    end = partial(_finish, treasury, payout, quote)
    treasury.ends[payout.id] = end

    def process(_: float) -> None:
        if payout.status == "PENDING":
            payout.status = "PROCESSING"

    if effect is Effect.STAYS:
        process(0.0)
        return
    outcome = "FAILED" if effect is Effect.FAILS else "SUCCESSFUL"
    if treasury.settlement.seconds == 0:
        end(outcome)
    else:
        treasury.later(lambda _: end(outcome), process)


def _instruction(platform: Platform, body: dict[str, Any]) -> dict[str, Any]:
    generated = 1000 + int(platform.new_secret()[:8], 16) % 9000
    return {
        "question": body.get("security_question", "What is the PIN?"),
        "answer": body.get("security_answer", generated),
    }


def _external_reference(platform: Platform, method: str) -> str:
    secret = platform.new_secret()
    return f"CA{secret[:10].upper()}" if method == "interac" else f"{int(secret[:16], 16):021d}"


def _shown(treasury: Treasury, payout: Transaction) -> dict[str, Any]:
    return {
        "id": payout.id,
        "business_id": treasury.platform.business_id,
        "business_customer_id": payout.customer_id,
        "business_wallet_id": payout.wallet.id,
        "status": payout.status,
        "reference": payout.reference,
        "merchant_reference": payout.merchant_reference,
        "currency": payout.currency,
        "amount": payout.amount,
        "amount_without_fee": payout.net,
        "fee": payout.fee,
        "rate": payout.rate,
        "date": stamp(payout.at),
        "recipient": {name: (payout.recipient or {}).get(name) for name in _SHOWN},
    }


HANDLERS = {"payouts_initiate": initiate}
