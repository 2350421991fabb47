"""E-mails registered for Interac auto-deposit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from .clock import stamp
from .exchange import Answer, refuse
from .treasury import Treasury
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform

__all__ = ["ACCOUNT_EMAIL", "HANDLERS", "AutoDeposit"]

ACCOUNT_EMAIL = "account@sandbox.example"
"""The e-mail of the business's own account, which no registration may have."""

PAGE_SIZE = 10
_STATES = ("PENDING", "PROCESSING", "ACTIVE", "BLOCKED")
_SPOKEN = {"ACTIVE": "Activated", "BLOCKED": "Blocked"}


@attrs.define(kw_only=True)
class _Registration:
    id: str
    email: str = attrs.field(repr=False)
    status: str
    created_at: float
    updated_at: float


class AutoDeposit:
    """Every registration, and what a test may do in the staff's place: only they change a status."""

    def __init__(self, platform: Platform) -> None:
        self.enabled = True
        """Whether the business has API Services; every call answers 403 if not."""
        self.outcome: Literal["ACTIVE", "BLOCKED"] | None = None
        """What becomes of registrations right after they are stored; None leaves them PENDING."""
        self.registrations: dict[str, _Registration] = {}
        self._platform = platform

    def move(self, registration_id: str, status: Literal["PENDING", "PROCESSING", "ACTIVE", "BLOCKED"]) -> None:
        """Change a status; the webhook tells of ACTIVE and BLOCKED, and not of a status it had already.

        Raises:
            KeyError: there is no such registration.
        """
        with self._platform.lock:
            found = self.registrations[registration_id]
            if found.status == status:
                return
            found.status, found.updated_at = status, self._platform.now()
            if status in _SPOKEN:
                event = {
                    "message": f"Auto Deposit Email {_SPOKEN[status]}",
                    "email": found.email,
                    "status": status,
                    "event_id": self._platform.new_id(),
                    "type": f"auto_deposit_email.{status.lower()}",
                }
                self._platform.events.append(event)

    def remove(self, registration_id: str) -> None:
        """Delete a registration as the dashboard does: reads answer 404, and its e-mail is free again.

        Raises:
            KeyError: there is no such registration.
        """
        with self._platform.lock:
            del self.registrations[registration_id]


def create(platform: Platform, call: Exchange) -> Answer:
    """Answer `interac_auto_deposit_email_create`."""
    book = _book(platform)
    body, errors = call.json(), Errors()
    errors.check("AutoDepositEmailCreateRequest", body, "events")
    errors.require(body, ("email",))
    errors.refuse()
    if "CAD" not in platform.book(Treasury).wallets:
        raise refuse(400, "Please create a CAD wallet before adding an auto deposit email")
    email: str = body["email"]
    if email.casefold() in {ACCOUNT_EMAIL, *(each.email.casefold() for each in book.registrations.values())}:
        errors.say("email", "The email has already been taken.")
        raise errors.refusal()
    new = _Registration(id=platform.new_id(), email=email, status="PENDING", created_at=call.at, updated_at=call.at)
    book.registrations[new.id] = new
    if book.outcome is not None:
        outcome = book.outcome
        platform.aftermath.append(lambda: book.move(new.id, outcome))
    return Answer(status=201, body={"data": _shown(new)})


def list_(platform: Platform, call: Exchange) -> Answer:
    """Answer `interac_auto_deposit_email_list`: ten a page, most recently updated first."""
    book, errors = _book(platform), Errors()
    status, term, asked = call.query.get("status"), call.query.get("search_term", ""), call.query.get("page", "1")
    if status is not None and status not in _STATES:
        errors.say("status", "The selected status is invalid.")
    if len(term) > 255:
        errors.add("search_term", "must not be greater than 255 characters")
    if not asked.isdecimal() or int(asked) < 1:
        errors.add("page", "must be at least 1")
    errors.refuse()
    found = [
        each
        for each in reversed(book.registrations.values())
        if status in {None, each.status} and term.casefold() in each.email.casefold()
    ]
    found.sort(key=lambda each: each.updated_at, reverse=True)
    return Answer(body=_page(found, int(asked), f"{call.origin}{call.path}"))


def get(platform: Platform, call: Exchange) -> Answer:
    """Answer `interac_auto_deposit_email_get`."""
    found = _book(platform).registrations.get(call.params["id"])
    if found is None:
        raise refuse(404, "Auto deposit email not found")
    return Answer(body={"data": _shown(found)})


def _book(platform: Platform) -> AutoDeposit:
    book = platform.book(AutoDeposit)
    if not book.enabled:
        raise refuse(403, "API Services are not enabled for this business.")
    return book


def _shown(each: _Registration) -> dict[str, Any]:
    return {
        "id": each.id,
        "email": each.email,
        "status": each.status,
        "created_at": stamp(each.created_at),
        "updated_at": stamp(each.updated_at),
    }


def _page(found: list[_Registration], page: int, path: str) -> dict[str, Any]:
    last = max(1, -(-len(found) // PAGE_SIZE))
    first_row = (page - 1) * PAGE_SIZE
    rows = found[first_row : first_row + PAGE_SIZE]
    before = f"{path}?page={page - 1}" if page > 1 else None
    after = f"{path}?page={page + 1}" if page < last else None
    numbered = [{"url": f"{path}?page={each}", "label": str(each), "active": each == page} for each in range(1, last + 1)]
    return {
        "data": [_shown(each) for each in rows],
        "links": {"first": f"{path}?page=1", "last": f"{path}?page={last}", "prev": before, "next": after},
        "meta": {
            "current_page": page,
            "from": first_row + 1 if rows else None,
            "last_page": last,
            "links": [
                {"url": before, "label": "&laquo; Previous", "active": False},
                *numbered,
                {"url": after, "label": "Next &raquo;", "active": False},
            ],
            "path": path,
            "per_page": PAGE_SIZE,
            "to": first_row + len(rows) if rows else None,
            "total": len(found),
        },
    }


HANDLERS = {
    "interac_auto_deposit_email_create": create,
    "interac_auto_deposit_email_list": list_,
    "interac_auto_deposit_email_get": get,
}
