"""What a customer must have before it may be submitted (contract/customers.yaml x-state-machines.submit_readiness)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from blaaiz_async import contract

from .clock import is_adult, is_future
from .countries import COUNTRIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .state import Customer, Owner

__all__ = ["gap", "has_twin_emails", "plain", "total_share"]

FORMATION = frozenset(contract.schema("customers", "FormationDocumentType")["enum"])
TWO_SIDED = frozenset({"drivers_license", "id_card", "resident_permit"})
_ISO = "must be a valid ISO 3166-1 alpha-2 country code."


def gap(customer: Customer, on: date) -> str | None:
    """Name the first thing that is missing, in the platform's words, or None when the customer is ready.

    The order of the checks is not documented; it is that of the contract's list.
    """
    if not customer.is_business:
        return None if "id_file" in customer.files else "Cannot verify individual customer: id_file is required."
    missing = next(_business_gaps(customer, on), None)
    return None if missing is None else f"Cannot verify business customer: {missing}"


def total_share(owners: list[Owner]) -> Decimal:
    """Add the shares up, exactly."""
    return sum((owner.percentage for owner in owners), Decimal(0))


def plain(number: Decimal) -> str:
    """Write a number without needless zeros: 90, 99.5."""
    return f"{number.normalize():f}"


def has_twin_emails(owners: list[Owner]) -> bool:
    """Tell whether two owners have the same e-mail address, whatever its case."""
    emails = [str(owner.fields["email"]).casefold() for owner in owners if owner.fields.get("email")]
    return len(set(emails)) < len(emails)


def _business_gaps(customer: Customer, on: date) -> Iterator[str]:
    fields = customer.fields
    if not fields.get("business_name"):
        yield "business_name is required."
    if not fields.get("country"):
        yield "country is required."
    # Where both are the same unknown country, the documented text names incorporation_country.
    elif fields["country"] not in COUNTRIES and fields["country"] != fields.get("incorporation_country"):
        yield f"country {_ISO}"
    for name in ("registration_number", "incorporation_country"):
        if not fields.get(name):
            yield f"{name} is required."
    if fields["incorporation_country"] not in COUNTRIES:
        yield f"incorporation_country {_ISO}"
    if fields["country"] != fields["incorporation_country"]:
        yield "country must equal incorporation_country."
    operating = {name for name, value in customer.kyc.items() if name.startswith("operating_") and value is not None}
    if operating and "operating_country" not in operating:
        yield "operating_country is required."
    elif operating and customer.kyc["operating_country"] not in COUNTRIES:
        yield f"operating_country {_ISO}"
    if not any(document.type in FORMATION for document in customer.documents):
        yield "at least one formation document is required."
    if customer.kyb_scope == "FULL":
        yield from _owner_gaps(customer.owners, on)


def _owner_gaps(owners: list[Owner], on: date) -> Iterator[str]:
    if not owners:
        yield "at least one owner is required."
    if (total := total_share(owners)) != 100:
        yield f"ownership_percentage of all owners must sum to 100%, but currently sums to {plain(total)}%."
    if has_twin_emails(owners):
        yield "owner emails must be unique within the customer."
    for owner in owners:
        yield from (f"owner {owner.name} {text}" for text in _gaps_of_owner(owner, on))


def _gaps_of_owner(owner: Owner, on: date) -> Iterator[str]:
    kind = owner.fields.get("id_document_type")
    if owner.front is None:
        yield "is missing id_document_front."
    if kind in TWO_SIDED and owner.back is None:
        yield f"id_document_type={kind} requires id_document_back."
    if kind == "passport" and owner.back is not None:
        yield "id_document_type=passport must not have id_document_back."
    born, expiry = owner.fields.get("date_of_birth"), owner.fields.get("id_expiry_date")
    if born and not is_adult(date.fromisoformat(born), on):
        yield "date_of_birth must be at least 18 years ago."
    if expiry and not is_future(date.fromisoformat(expiry), on):
        yield "id_expiry_date must be a future date."
    for name in ("nationality", "country", "id_document_country"):
        if owner.fields.get(name) and owner.fields[name] not in COUNTRIES:
            yield f"{name} {_ISO}"
