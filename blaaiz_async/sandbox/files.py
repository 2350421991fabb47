"""Identity files of individual customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import storage, verification
from .exchange import Answer, refuse
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Customer, Platform

__all__ = ["HANDLERS"]

SLOT_CATEGORIES = {
    "id_file": "identity",
    "id_file_back": "identity_back",
    "proof_of_address_file": "proof_of_address",
    "liveness_check_file": "liveness_check",
}
"""Attach field to upload category (contract/customers.yaml files_get_presigned_url)."""


def presigned_url(platform: Platform, call: Exchange) -> Answer:
    """Answer `files_get_presigned_url`."""
    body, errors = call.json(), Errors()
    errors.check("FileUrlRequest", body)
    errors.refuse()
    customer = platform.customer(body["customer_id"])
    _require_open(customer)
    return storage.target(platform, call, customer_id=customer.id, category=body["file_category"])


def attach(platform: Platform, call: Exchange) -> Answer:
    """Answer `customers_attach_files`; id_file starts the verification."""
    customer = platform.customer(call.params["customer_id"])
    _require_open(customer)
    body, errors = call.json(), Errors()
    errors.check("CustomerFilesAttach", body)
    errors.refuse()
    found = {
        slot: storage.accept(platform, slot, body[slot], customer_id=customer.id, category=category)
        for slot, category in SLOT_CATEGORIES.items()
        if slot in body
    }
    customer.files.update(found)
    customer.updated_at = call.at
    if "id_file" in found:
        verification.review_individual(platform, customer)
    return Answer(body={"message": "Customer files uploaded successfully"})


def _require_open(customer: Customer) -> None:
    if customer.is_business:
        raise refuse(400, "Files can be uploaded for individual customers only.", status=False)
    if customer.in_review or customer.status == "PROCESSING":
        raise refuse(400, "Files cannot be uploaded while a review is in progress.", status=False)
    if customer.status == "VERIFIED":
        raise refuse(400, "Customer is already verified.", status=False)


HANDLERS = {
    "files_get_presigned_url": presigned_url,
    "customers_attach_files": attach,
}
