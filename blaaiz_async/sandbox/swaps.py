"""Swaps between two wallets of the business; they settle at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clock import stamp
from .exchange import Answer, refuse
from .money_checks import amount_of, check_amount, check_schema, wallet_of
from .pricing import pair, price_fixed_debit, price_fixed_receipt
from .treasury import EXCHANGE, FEES, Transaction, Treasury
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform
    from .treasury import Wallet

__all__ = ["HANDLERS"]

_WALLETS = ("from_business_wallet_id", "to_business_wallet_id")


def initiate(platform: Platform, call: Exchange) -> Answer:
    """Answer `swaps_initiate`."""
    treasury, body, errors = platform.book(Treasury), call.json(), Errors()
    check_schema(errors, "SwapRequest", body)
    source, destination = (wallet_of(errors, treasury, body, name) for name in _WALLETS)
    fixed_receipt = body.get("amount_type", "from") == "to"
    if source is not None and destination is not None:
        check_amount(errors, body, "amount", (destination if fixed_receipt else source).currency.code)
    errors.refuse()
    if source is None or destination is None:
        raise refuse(400, "Oops! You supplied one or more invalid wallets")
    if "swap" in treasury.disabled:
        raise refuse(403, "Your business is not allowed to complete this operation. Please contact support.")
    if not source.is_active or not destination.is_active:
        raise refuse(400, "Oops! You supplied one or more invalid wallets")
    if source is destination:
        raise refuse(400, "Oops! You cannot swap money between wallets of same currency")
    rate = pair(source.currency.code, destination.currency.code)
    if rate is None or not rate.swap_enabled:
        codes = f"{source.currency.code} and {destination.currency.code}"
        raise refuse(400, f"Oops! You cannot swap money between {codes}.")

    amount = amount_of(body, "amount")
    quote = (price_fixed_receipt if fixed_receipt else price_fixed_debit)(rate, "swap", amount)
    if quote.receipt <= 0:
        raise refuse(400, "Amount is too small to swap after conversion. Please increase the amount.")
    treasury.require_funds(source, quote.debit)
    treasury.move(rate.source, quote.fees, source.id, FEES)
    treasury.move(rate.source, quote.net, source.id, EXCHANGE)
    treasury.move(rate.destination, quote.receipt, EXCHANGE, destination.id)
    amount_type = "to" if fixed_receipt else "from"
    swap = treasury.add(
        Transaction(
            id=platform.new_id(),
            type="swap",
            method="swap",
            customer_id=None,
            wallet=source,
            status="SUCCESSFUL",
            reference=platform.new_id(),
            amount=quote.debit,
            fee=quote.fees,
            at=call.at,
            swap={
                "from_business_wallet_id": source.id,
                "to_business_wallet_id": destination.id,
                "from_currency": rate.source,
                "from_amount": quote.debit,
                "from_amount_without_fee": quote.net,
                "to_currency": rate.destination,
                "to_amount": quote.receipt,
                "amount_type": amount_type,
                "exchange_rate": rate.value,
            },
        )
    )
    return Answer(
        body={
            "message": "Money swap successful!",
            "business_swap_transaction": {
                "id": platform.new_id(),
                "business_id": platform.business_id,
                "business_user_id": None,
                "business_transaction_id": swap.id,
                **_side("from", source),
                "from_amount": quote.debit,
                "from_amount_minus_fees": quote.net,
                **_side("to", destination),
                "to_amount": quote.receipt,
                "from_exchange_rate": rate.value,
                "custom_exchange_rate": None,
                "reference": swap.reference,
                "comments": None,
                "status": swap.status,
                "amount_type": amount_type,
                "created_at": stamp(call.at),
                "updated_at": stamp(call.at),
            },
        }
    )


def _side(name: str, wallet: Wallet) -> dict[str, object]:
    return {
        f"{name}_business_wallet_id": wallet.id,
        f"{name}_currency": wallet.currency.code,
        f"{name}_currency_id": wallet.currency.id,
    }


HANDLERS = {"swaps_initiate": initiate}
