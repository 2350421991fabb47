"""Webhook bodies of the money areas (contract/events.yaml webhooks)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .treasury import Account, Refund, Transaction, Treasury

__all__ = ["tell_account", "tell_collection", "tell_payout", "tell_payout_initiated", "tell_refund"]

_WORDS = {"SUCCESSFUL": "Completed", "FAILED": "Failed", "EXPIRED": "Expired", "PENDING": "Initiated"}
_NOTE = (
    "This is a payout initiated webhook. This is not a final webhook. "
    "The final webhook (payment confirmation) will be sent when the transaction is completed."
)
_BANK = ("account_number", "account_name", "bank_name")
_INTERAC = ("collection_email", "collection_name")
_RECIPIENT = ("account_number", "account_name", "bank_name", "amount")
_BANK_FIELDS = (
    "account_number", "account_name", "bank_name", "bank_code", "routing_number", "iban", "sort_code", "bank_address",
)  # fmt: skip
_REFUSALS = {
    "REJECTED": (
        "Customer verification failed: insufficient documentation provided",
        "Your application could not be processed",
        "CUSTOMER_VERIFICATION_FAILED",
    ),
    "FAILED": (
        "Provider error: unable to create account",
        "Your account could not be created at this time",
        "PROVIDER_CREATION_FAILED",
    ),
}


def tell_payout_initiated(treasury: Treasury, payout: Transaction) -> None:
    """Tell that a payout was accepted; published for CAD only (payout.initiated)."""
    body = _payout(treasury, payout)
    body.update(transaction_status="PENDING", message="Transaction Initiated", type="payout_initiated", developer_note=_NOTE)
    treasury.platform.events.append(body)


def tell_payout(treasury: Treasury, payout: Transaction) -> None:
    """Tell of a payout's end (payout.completed, payout.failed)."""
    body = _payout(treasury, payout)
    if payout.method == "interac":
        body["interac_reference"] = payout.external_reference
    treasury.platform.events.append(body)


def tell_collection(treasury: Treasury, collection: Transaction) -> None:
    """Tell of a collection's end (collection.completed, .failed, .expired)."""
    body = _transaction(treasury, collection, "collection")
    if collection.status == "FAILED":
        nothing = Decimal("0.0")
        body.update(transaction_fee=nothing, transaction_amount_without_fee=nothing, transaction_amount=nothing)
    if collection.method == "interac":
        settled = collection.status == "SUCCESSFUL"
        body["payee_collection_email"] = None if collection.status == "EXPIRED" else collection.payee_email
        body["source_information"] = {name: collection.source.get(name) if settled else None for name in _INTERAC}
        if collection.failure_reason is not None:
            body["failure_reason"] = collection.failure_reason
    elif collection.account is not None:
        shown = {name: collection.account.fields[name] for name in _BANK}
        body["virtual_bank_account"] = {"id": collection.account.id, **shown}
        body["source_information"] = {name: collection.source.get(name) for name in _BANK}
    treasury.platform.events.append(body)


def tell_refund(treasury: Treasury, refund: Refund, kind: str) -> None:
    """Tell of a refund: kind `refund_initiated` or `refund`."""
    treasury.platform.events.append(
        {
            "type": kind,
            "refund_id": refund.id,
            "reference": refund.reference,
            "transaction_id": refund.transaction.id,
            "collection_reference": refund.transaction.reference,
            "business_customer_id": refund.transaction.customer_id,
            "amount": refund.transaction.amount,
            "currency": refund.transaction.currency,
            "status": refund.status.lower(),
            "failure_reason": refund.failure_reason,
            "created_at": _moment(refund.created_at),
            "updated_at": _moment(refund.updated_at),
            "event_id": treasury.platform.new_id(),
        }
    )


def tell_account(treasury: Treasury, account: Account, event: str) -> None:
    """Tell of a customer's virtual account: event `created`, `ready`, `rejected` or `failed`; none has an event_id."""
    body: dict[str, Any] = {
        "event": f"virtual_account.{event}",
        "virtual_account_id": account.id,
        "customer_id": account.customer_id,
        "wallet_id": account.wallet.id,
        "currency": account.wallet.currency.code,
        "status": "PENDING" if event == "created" else account.status,
    }
    if event == "ready":
        body.update({name: account.fields.get(name) for name in _BANK_FIELDS})
    elif event != "created":
        reason, for_user, for_developer = _REFUSALS[account.status]
        reason = account.rejection_reason or reason
        body.update(rejection_reason=reason, user_reason=for_user, developer_reason=for_developer)
    treasury.platform.events.append(body)


def _payout(treasury: Treasury, payout: Transaction) -> dict[str, Any]:
    body = _transaction(treasury, payout, "payout")
    recipient = payout.recipient or {}
    extra = {"USD": "routing_number", "GBP": "sort_code", "EUR": "iban"}.get(recipient.get("currency", ""))
    names = _RECIPIENT if extra is None else (*_RECIPIENT, extra)
    body.update(customer_id=payout.customer_id, recipient={name: recipient.get(name) for name in names})
    if payout.instruction is not None:
        body["extras"] = {"interac_instruction": dict(payout.instruction)}
    return body


def _transaction(treasury: Treasury, transaction: Transaction, type: str) -> dict[str, Any]:
    return {
        "message": f"Transaction {_WORDS.get(transaction.status, 'Initiated')}",
        "transaction_id": transaction.id,
        "transaction_reference": transaction.reference,
        "merchant_reference": transaction.merchant_reference,
        "transaction_status": transaction.status,
        "transaction_fee": transaction.fee,
        "transaction_amount_without_fee": transaction.net,
        "transaction_amount": transaction.amount,
        "transaction_currency": transaction.currency,
        "event_id": treasury.platform.new_id(),
        "type": type,
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
