"""What answers show of customers, owners and documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .clock import stamp
from .validation import properties

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from .state import Customer, Document, Owner, Upload

__all__ = ["columns", "document", "full", "owner", "share", "summary"]

KYC_FIELDS = tuple(sorted(properties("KycDataInput")))
COLUMNS = tuple(
    sorted(
        properties("Customer")
        - {"id", "business_id", "type", "kyb_scope", "verification_status", "enhanced_due_diligence", "kyc_data"}
        - {"owners", "documents", "recent_comments", "created_at", "updated_at"}
    )
)
OWNER_FIELDS = tuple(sorted(properties("OwnerCreate") - {"ownership_percentage"}))
OWNER_FLAGS = frozenset({"has_control", "is_signer", "is_beneficial_owner", "is_pep", "usa_tax_residency"})
SUMMARY_COLUMNS = (
    "first_name", "last_name", "business_name", "email", "phone", "country",
    "id_type", "id_number", "registration_number", "incorporation_country",
)  # fmt: skip


def summary(customer: Customer, business_id: str) -> dict[str, Any]:
    """Show a list row: no kyc_data, owners or documents (customers_list)."""
    return {
        "id": customer.id,
        "business_id": business_id,
        "type": customer.type,
        **{name: customer.fields.get(name) for name in SUMMARY_COLUMNS},
        "verification_status": customer.status,
        "created_at": stamp(customer.created_at),
        "updated_at": stamp(customer.updated_at),
    }


def columns(customer: Customer, business_id: str) -> dict[str, Any]:
    """Show the customer's own columns, as create and update answer."""
    return {
        "id": customer.id,
        "business_id": business_id,
        "type": customer.type,
        "kyb_scope": customer.kyb_scope,
        **{name: customer.fields.get(name) for name in COLUMNS},
        "verification_status": customer.status,
        "enhanced_due_diligence": customer.due_diligence,
        "created_at": stamp(customer.created_at),
        "updated_at": stamp(customer.updated_at),
    }


def kyc(customer: Customer) -> dict[str, Any]:
    """Show the KYC profile."""
    return {"id": customer.kyc_id, **{name: customer.kyc.get(name) for name in KYC_FIELDS}}


def full(customer: Customer, business_id: str, sign: Callable[[Upload], str]) -> dict[str, Any]:
    """Show everything, as customers_get answers.

    Args:
        customer: whom.
        business_id: the platform business.
        sign: makes a fresh download link of a stored file.
    """
    shown = {
        **columns(customer, business_id),
        "kyc_data": kyc(customer),
        "owners": [owner(each) for each in customer.owners],
        "documents": [document(each, customer.id, sign) for each in customer.documents],
    }
    if customer.comments:
        shown["recent_comments"] = list(customer.comments)
    return shown


def owner(each: Owner) -> dict[str, Any]:
    """Show one owner; the share is a text such as `60.00` (customers_get)."""
    return {
        "id": each.id,
        **{name: each.fields.get(name, False if name in OWNER_FLAGS else None) for name in OWNER_FIELDS},
        "ownership_percentage": share(each.percentage),
        "id_document_path": _path(each, each.front),
        "id_document_back_path": _path(each, each.back),
        "status": each.status,
        "admin_comments": each.admin_comments,
    }


def document(each: Document, customer_id: str, sign: Callable[[Upload], str]) -> dict[str, Any]:
    """Show one document with a fresh link, valid for 2 minutes."""
    return {
        "id": each.id,
        "business_customer_id": customer_id,
        "type": each.type,
        "name": each.name,
        "extension": each.upload.extension,
        "description": each.description,
        "status": each.status,
        "admin_comments": each.admin_comments,
        "url": sign(each.upload),
        "created_at": stamp(each.created_at),
        "updated_at": stamp(each.updated_at),
    }


def share(percentage: Decimal) -> str:
    """Write a share with two places, or with all it has when it has more."""
    exponent = percentage.as_tuple().exponent
    return f"{percentage:f}" if isinstance(exponent, int) and exponent < -2 else f"{percentage:.2f}"


def _path(each: Owner, upload: Upload | None) -> str | None:
    if upload is None:
        return None
    folder = f"business-data/api-services/customer/{upload.customer_id}/owner/{each.id}"
    return f"{folder}/{upload.category}_{upload.file_id}"
