"""Reading transactions: a filtered list in pages, and one by id, reference or merchant reference."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from .clock import stamp, today
from .exchange import Answer, refuse
from .money_checks import check_schema
from .refunds import show_refund
from .treasury import Treasury
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform
    from .treasury import Transaction

__all__ = ["HANDLERS"]

PAGE_SIZE = 10
_TYPES = {"SEND_MONEY": "payout", "FUND_WALLET": "collection", "SWAP": "swap"}
_SOURCE = (
    "collection_email", "collection_name", "account_name", "account_number", "bank_name",
    "sort_code", "bank_swift_code", "description", "narration",
)  # fmt: skip
_RECIPIENT = (
    "id", "account_number", "account_name", "amount", "currency", "bank_name", "bank_code", "routing_number", "email",
)  # fmt: skip


def list_(platform: Platform, call: Exchange) -> Answer:
    """Answer `transactions_list`, newest first; the page may come in the query or the body (x-uncertain)."""
    treasury, body, errors = platform.book(Treasury), call.json(), Errors()
    check_schema(errors, "TransactionListRequest", body)
    start, end = (_day(body.get(name)) for name in ("start_date", "end_date"))
    if start is not None and end is not None and end < start:
        errors.say("end_date", "The end date must be a date after or equal to start date.")
    errors.refuse()

    wanted = {
        "status": body.get("status"),
        "type": _TYPES.get(body.get("type", "")),
        "customer_id": body.get("customer_id"),
        "merchant_reference": body.get("merchant_reference"),
    }
    found = [
        each
        for each in reversed(treasury.transactions.values())
        if all(value is None or getattr(each, name) == value for name, value in wanted.items())
        and ("wallet_id" not in body or each.wallet.id == body["wallet_id"])
        and (start is None or start <= today(each.at))
        and (end is None or today(each.at) <= end)
        and not (treasury.hide_open and each.is_open)
    ]
    asked = call.query.get("page", "")
    page = max(1, int(asked)) if asked.isdecimal() else int(body.get("page", 1))
    last = max(1, -(-len(found) // PAGE_SIZE))
    first_row = (page - 1) * PAGE_SIZE
    rows = found[first_row : first_row + PAGE_SIZE]
    path = f"{call.origin}{call.path}"
    return Answer(
        body={
            "message": "Transactions retrieved successfully",
            "data": [_shown(platform, each) for each in rows],
            "links": {
                "first": f"{path}?page=1",
                "last": f"{path}?page={last}",
                "prev": f"{path}?page={page - 1}" if page > 1 else None,
                "next": f"{path}?page={page + 1}" if page < last else None,
            },
            "meta": {
                "current_page": page,
                "from": first_row + 1 if rows else None,
                "last_page": last,
                "path": path,
                "per_page": PAGE_SIZE,
                "to": first_row + len(rows) if rows else None,
                "total": len(found),
            },
        }
    )


def get(platform: Platform, call: Exchange) -> Answer:
    """Answer `transactions_get`; the refund is shown only to those who may read refunds."""
    treasury = platform.book(Treasury)
    found = treasury.find(call.params["id"])
    if found is None or (treasury.hide_open and found.is_open):
        raise refuse(404, "Transaction not found.")
    data = _shown(platform, found)
    if "refund:read" in call.scopes:
        data["refund"] = None if found.refund is None else show_refund(found.refund)
    return Answer(body={"message": "Transaction retrieved successfully", "data": data}, customer_id=found.customer_id)


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None  # the schema has said so


def _shown(platform: Platform, each: Transaction) -> dict[str, Any]:
    settled = each.status == "SUCCESSFUL"
    recipient = None if each.recipient is None else {name: each.recipient.get(name) for name in _RECIPIENT}
    return {
        "id": each.id,
        "business_id": platform.business_id,
        "business_customer_id": each.customer_id,
        "business_wallet_id": each.wallet.id,
        "status": each.status,
        "refund_status": None if each.refund is None else each.refund.status,
        "type": each.type,
        "reference": each.reference,
        "merchant_reference": each.merchant_reference,
        "external_reference": each.external_reference,
        "currency": each.currency,
        "amount": each.amount,
        "amount_without_fee": each.net,
        "fee": each.fee,
        "rate": each.rate,
        "date": stamp(each.at),
        "payee_collection_email": each.payee_email if settled else None,
        # Who pays is known once the money is there.
        "source_information": {name: each.source.get(name) if settled else None for name in _SOURCE},
        "swap_details": each.swap,
        "recipient": None if recipient is None else {**recipient, "status": each.status},
    }


HANDLERS = {"transactions_list": list_, "transactions_get": get}
