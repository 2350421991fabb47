"""Handing customers over for verification, and the verdicts (contract/customers.yaml x-state-machines)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from . import views
from .clock import stamp, today
from .exchange import Answer, refuse
from .readiness import gap
from .signa_sessions import Signa
from .state import VerdictKind
from .storage import download_link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .exchange import Exchange
    from .state import Customer, Platform

__all__ = ["HANDLERS", "decide", "review_individual"]


def submit(platform: Platform, call: Exchange) -> Answer:
    """Answer `customers_submit`."""
    customer = platform.customer(call.params["customer_id"])
    if customer.in_review or customer.status in {"PROCESSING", "VERIFIED"}:
        raise refuse(400, "Customer is already verified or under review.")
    missing = gap(customer, today(call.at))
    if missing is not None:
        raise refuse(422, missing)
    if customer.is_business:
        _review_business(platform, customer)
    else:
        review_individual(platform, customer)
    data = views.full(customer, platform.business_id, lambda upload: download_link(upload, call.origin, call.at))
    return Answer(body={"message": "Customer submitted for verification successfully", "data": data})


def link_kyc_session(platform: Platform, call: Exchange) -> Answer:
    """Answer `customers_link_kyc_session`; which condition gives which status is undocumented (x-uncertain)."""
    customer = platform.customer(call.params["customer_id"])
    asked = call.json().get("signa_session_id")
    if not isinstance(asked, str) or not asked:
        text = "The signa session id field is required."
        raise refuse(422, text, errors={"signa_session_id": [text]})
    if customer.is_business:
        raise refuse(422, "Only individual customers can be verified with a Signa session.")
    if customer.in_review or customer.status not in {"PENDING", "REJECTED"}:
        raise refuse(409, "Customer is already verified or under review.")
    session = platform.book(Signa).sessions.get(asked)
    if session is None:
        raise refuse(404, "Signa session not found", status=False)
    if session.status != "APPROVED" or session.completed_at is None:
        raise refuse(409, "The Signa session is not approved.")
    if "DOCUMENTS" not in session.requirements:
        raise refuse(422, "The Signa session does not include DOCUMENTS.")
    if call.at - session.completed_at > _SESSION_SECONDS:
        raise refuse(422, "The Signa session was approved more than 365 days ago.")
    known = {**customer.kyc, **customer.fields}
    for name in ("first_name", "last_name", "dob", "id_number"):
        given = session.applicant.get(name)
        if given is not None and known.get(name) is not None and str(given).casefold() != str(known[name]).casefold():
            raise refuse(422, f"Customer {name} does not match the verified person.")
    _copy_applicant(customer, session.applicant)
    platform.move(customer, "VERIFIED")
    data = views.columns(customer, platform.business_id)
    return Answer(body={"message": "Customer verified successfully", "data": data})


def review_individual(platform: Platform, customer: Customer) -> None:
    """Start the review of an individual and, unless it is held, let the verdict follow."""
    customer.in_review = True
    match platform.verdict.kind:
        case VerdictKind.VERIFY:
            decide(platform, customer, "VERIFIED")
        case VerdictKind.REJECT:
            comments = [platform.verdict.comment or "Rejected"]
            platform.aftermath.append(partial(decide, platform, customer, "REJECTED", comments=comments))
        case VerdictKind.HOLD:
            pass


def decide(
    platform: Platform,
    customer: Customer,
    outcome: str,
    *,
    comments: Sequence[str] = (),
    owners: Mapping[str, str] | None = None,
    documents: Mapping[str, str] | None = None,
) -> None:
    """Give a compliance verdict.

    Args:
        platform: the state.
        customer: whom it is about.
        outcome: `VERIFIED` or `REJECTED`.
        comments: the reviewer's remarks; they stand on what is rejected.
        owners: `APPROVED` or `REJECTED` by owner id; what is not named follows the outcome.
        documents: the same by document id.
    """
    customer.in_review = False
    named = {**(owners or {}), **(documents or {})}
    # With anything named, the rest of a rejected customer was found good; with nothing named, all of it was found bad.
    rest = "APPROVED" if outcome == "VERIFIED" or named else "REJECTED"
    for child in customer.children:
        if child.id in named or child.status != "APPROVED":
            child.status = named.get(child.id, rest)
            child.admin_comments = list(comments) or None if child.status == "REJECTED" else None
    customer.comments = [
        {"id": platform.new_id(), "comment": text, "type": "info", "created_at": stamp(platform.now())} for text in comments
    ]
    platform.move(customer, outcome, " ".join(comments) or None)


_SESSION_SECONDS = 365 * 86400.0


def _review_business(platform: Platform, customer: Customer) -> None:
    if platform.verdict.kind is VerdictKind.VERIFY:
        decide(platform, customer, "VERIFIED")
        return
    for child in customer.children:
        if child.status == "PENDING":
            child.status = "PROCESSING"
    platform.move(customer, "PROCESSING")
    if platform.verdict.kind is VerdictKind.REJECT:
        comments = [platform.verdict.comment or "Rejected"]
        platform.aftermath.append(partial(decide, platform, customer, "REJECTED", comments=comments))


def _copy_applicant(customer: Customer, applicant: Mapping[str, Any]) -> None:
    for name, value in applicant.items():
        place = customer.fields if name in views.COLUMNS else customer.kyc if name in views.KYC_FIELDS else None
        if place is not None:
            place[name] = value


HANDLERS = {
    "customers_submit": submit,
    "customers_link_kyc_session": link_kyc_session,
}
