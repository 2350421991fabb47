"""Interac: asking a payer for CAD by e-mail, and accepting what was sent."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from . import special_values
from .clock import stamp
from .collecting import open_collection
from .exchange import Answer, refuse
from .money_checks import amount_of, check_amount, check_schema, customer_of, require_verified
from .special_values import Effect
from .treasury import Treasury
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform
    from .treasury import Wallet

__all__ = ["HANDLERS"]

INCOMING_AMOUNT = Decimal("20.00")
"""CAD that every accepted transfer brings; the request names no amount."""
DEFAULT_HOURS = 48
_NO_WALLET = "No active CAD wallet found. Please create a CAD wallet to receive Interac transfers."
_TAKEN = (
    "GetIncomingTransfers Error : Interac Response Description : 320 - "
    "Operation cannot be performed due to current transfer status"
)
_CODE_LIKE = re.compile(r"https?:|www\.|[<>{}\[\]`;$\\]|\w\.[a-z]{2,}", re.IGNORECASE)


def request(platform: Platform, call: Exchange) -> Answer:
    """Answer `collections_request_interac`."""
    treasury, body, errors = platform.book(Treasury), call.json(), Errors()
    check_schema(errors, "InteracMoneyRequest", body)
    check_amount(errors, body, "amount", "CAD")
    if isinstance(body.get("note"), str) and _CODE_LIKE.search(body["note"]):
        errors.add("note", "must not contain URLs or code")
    customer = customer_of(errors, platform, body)
    errors.refuse()
    wallet = _wallet(treasury)
    if customer is not None:
        require_verified(customer)
    amount, expires_at = amount_of(body, "amount"), call.at + body.get("expiry_hours", DEFAULT_HOURS) * 3600
    collection = open_collection(
        treasury,
        wallet=wallet,
        method="interac",
        amount=amount,
        customer_id=None if customer is None else customer.id,
        effect=special_values.effect(special_values.COLLECTION, amount),
        expires_at=expires_at,
        reference=f"CA{platform.new_secret()[:10]}",
        source={"collection_email": body["email"], "collection_name": body.get("customer_name")},
        payee_email="collections@example.com",
    )
    return Answer(
        body={
            "message": "Interac money request sent successfully.",
            "transaction_id": collection.id,
            "reference": collection.reference,
            "expires_at": stamp(expires_at),
        },
        customer_id=collection.customer_id,
    )


def accept(platform: Platform, call: Exchange) -> Answer:
    """Answer `collections_accept_interac`; a transfer can be taken once, a second try becomes a FAILED collection."""
    treasury, body, errors = platform.book(Treasury), call.json(), Errors()
    shape = "AcceptInteracStandardRequest" if "security_answer" in body else "AcceptInteracAutoDepositRequest"
    check_schema(errors, shape, body)
    errors.require(body, ("reference_number",))
    errors.refuse()
    wallet, number = _wallet(treasury), body["reference_number"]
    fails = number in treasury.accepted or Effect.FAILS in {
        special_values.effect(special_values.ACCEPT_REFERENCE, number),
        special_values.effect(special_values.ACCEPT_ANSWER, body.get("security_answer")),
    }
    if not fails:
        treasury.accepted.add(number)
    open_collection(
        treasury,
        wallet=wallet,
        method="interac",
        amount=INCOMING_AMOUNT,
        customer_id=None,
        effect=Effect.FAILS if fails else None,
        reference=number,
        source={"collection_email": body.get("email", "payer@example.com"), "collection_name": "John Doe"},
        payee_email="collections@example.com",
        failure_reason=_TAKEN if fails else None,
    )
    text = "Interac money request accepted successfully. It will be processed in a few minutes."
    return Answer(body={"message": text})


def _wallet(treasury: Treasury) -> Wallet:
    wallet = treasury.wallets["CAD"]
    if not wallet.is_active:
        raise refuse(400, _NO_WALLET)
    if "interac" in treasury.disabled:
        raise refuse(400, "Sorry! cant perform that action right now.")
    return wallet


HANDLERS = {
    "collections_request_interac": request,
    "collections_accept_interac": accept,
}
