"""Refunds of EUR and GBP collections to their sender."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from . import special_values
from .clock import stamp
from .exchange import Answer, refuse
from .money_checks import check_schema
from .money_events import tell_refund
from .special_values import Effect
from .treasury import OUTSIDE, Refund, Treasury
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform
    from .treasury import Transaction

__all__ = ["HANDLERS", "show_refund"]

WINDOW_SECONDS = 7 * 86_400.0
_UNKNOWN = "No query results for model [App\\Models\\Business\\BusinessTransaction]."
_NEEDED = "The transaction id of the collection to refund is required."


def initiate(platform: Platform, call: Exchange) -> Answer:
    """Answer `refunds_initiate`: one attempt per collection; a repeated reference gives the same refund again."""
    treasury, body, errors = platform.book(Treasury), call.json(), Errors()
    if not body.get("transaction_id"):
        raise refuse(422, _NEEDED, errors={"transaction_id": [_NEEDED]})
    check_schema(errors, "RefundRequest", body)
    errors.refuse()
    reference = body.get("reference")
    earlier = next((each for each in treasury.refunds.values() if reference and each.reference == reference), None)
    if earlier is not None:
        if earlier.transaction.id != body["transaction_id"]:
            raise refuse(400, "This reference was already used for a different transaction. Use a new reference.")
        return Answer(body={"message": "Refund initiated successfully.", "data": show_refund(earlier)})
    collection = treasury.transactions.get(body["transaction_id"])
    if collection is None or collection.type != "collection":
        raise refuse(404, _UNKNOWN)
    _require_refundable(platform, collection, call.at)
    treasury.require_funds(collection.wallet, collection.amount)

    treasury.move(collection.currency, collection.amount, collection.wallet.id, OUTSIDE)
    refund = Refund(
        id=platform.new_id(),
        transaction=collection,
        status="PROCESSING",
        reference=reference,
        refund_reference=f"cj-refund-{platform.new_secret()[:6]}",
        created_at=call.at,
        updated_at=call.at,
    )
    treasury.refunds[refund.id] = collection.refund = refund
    tell_refund(treasury, refund, "refund_initiated")
    end = treasury.ends[refund.id] = partial(_close, treasury, refund)
    fails = special_values.effect(special_values.REFUND, collection.amount) is Effect.FAILS
    treasury.later(lambda _: end("FAILED" if fails else "SUCCESSFUL"))
    body = {"message": "Refund initiated successfully.", "data": show_refund(refund)}
    return Answer(body=body, customer_id=collection.customer_id)


def get(platform: Platform, call: Exchange) -> Answer:
    """Answer `refunds_get`."""
    refund = platform.book(Treasury).refunds.get(call.params["id"])
    if refund is None:
        raise refuse(404, "Refund not found.")
    return Answer(body={"message": "Refund retrieved successfully.", "data": show_refund(refund)})


def show_refund(refund: Refund) -> dict[str, Any]:
    """Show a refund as its own endpoints and transactions do."""
    return {
        "id": refund.id,
        "status": refund.status,
        "type": "FULL",
        "amount": refund.transaction.amount,
        "currency": refund.transaction.currency,
        "transaction_id": refund.transaction.id,
        "reference": refund.reference,
        "business_customer_id": refund.transaction.customer_id,
        "refund_reference": refund.refund_reference,
        "failure_reason": refund.failure_reason,
        "created_at": stamp(refund.created_at),
        "updated_at": stamp(refund.updated_at),
    }


def _require_refundable(platform: Platform, collection: Transaction, at: float) -> None:
    if collection.customer_id not in platform.customers:
        raise refuse(400, "This collection was not found for any of your customers.")
    if not collection.through_api:
        raise refuse(400, "This collection was not created through the API, so it cannot be refunded through the API.")
    if collection.currency not in {"EUR", "GBP"}:
        raise refuse(
            400,
            "Refunds back to source are only supported for EUR and GBP collections. "
            f"This transaction is in {collection.currency}.",
        )
    if collection.method == "card":
        raise refuse(400, "Card collections cannot be refunded back to source.")
    if collection.status != "SUCCESSFUL":
        raise refuse(
            400, f"Only successful collections can be refunded back to source. This transaction is {collection.status}."
        )
    if collection.refund is not None:
        raise refuse(400, "A refund has already been started for this collection.")
    if at - collection.at > WINDOW_SECONDS:
        raise refuse(400, "Refunds back to source must start within 7 days of the collection.")


def _close(treasury: Treasury, refund: Refund, outcome: str) -> None:
    if refund.status != "PROCESSING":
        return
    refund.status, refund.updated_at = outcome, treasury.platform.now()
    if outcome == "FAILED":
        refund.failure_reason = "Declined by the payer bank"
        collection = refund.transaction
        treasury.move(collection.currency, collection.amount, OUTSIDE, collection.wallet.id)
    tell_refund(treasury, refund, "refund")


HANDLERS = {"refunds_initiate": initiate, "refunds_get": get}
