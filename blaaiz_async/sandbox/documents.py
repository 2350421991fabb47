"""KYB documents of business customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import storage, views
from .exchange import Answer, refuse
from .state import Document
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Customer, Platform, Upload

__all__ = ["HANDLERS"]

_LOCKED = "Cannot modify a document that has been approved or is currently under review."
_CREATE_LOCKED = "Cannot modify documents while customer verification is in progress."


def presigned_url(platform: Platform, call: Exchange) -> Answer:
    """Answer `customer_documents_get_presigned_url`; the locks of create are presumed (x-uncertain)."""
    customer = _business(platform, call)
    if customer.locks_children:
        raise refuse(400, _CREATE_LOCKED)
    return storage.target(platform, call, customer_id=customer.id, category="document")


def list_(platform: Platform, call: Exchange) -> Answer:
    """Answer `customer_documents_list`; the documented body has no message."""
    customer = _business(platform, call)
    return Answer(body={"data": [_shown(each, customer, call) for each in customer.documents]})


def create(platform: Platform, call: Exchange) -> Answer:
    """Answer `customer_documents_create`."""
    customer = _business(platform, call)
    if customer.locks_children:
        raise refuse(400, _CREATE_LOCKED)
    body, errors = call.json(), Errors()
    errors.check("DocumentCreate", body)
    errors.require(body, ("name",))
    errors.refuse()
    document = Document(
        id=platform.new_id(),
        type=body["type"],
        name=body["name"],
        description=body.get("description"),
        upload=_stored(platform, customer, body["file_id"]),
        created_at=call.at,
        updated_at=call.at,
    )
    customer.documents.append(document)
    data = _shown(document, customer, call)
    return Answer(status=201, body={"message": "Document created successfully", "data": data})


def get(platform: Platform, call: Exchange) -> Answer:
    """Answer `customer_documents_get`."""
    customer, document = _find(platform, call)
    return Answer(body={"message": "Document retrieved successfully", "data": _shown(document, customer, call)})


def update(platform: Platform, call: Exchange) -> Answer:
    """Answer `customer_documents_update`."""
    customer, document = _find(platform, call)
    if customer.locks(document):
        raise refuse(400, _LOCKED)
    body, errors = call.json(), Errors()
    errors.check("DocumentUpdate", body)
    errors.require(body, ("name",))
    errors.refuse()
    if "file_id" in body:
        document.upload = _stored(platform, customer, body["file_id"])
    document.type = body.get("type", document.type)
    document.name = body.get("name", document.name)
    document.description = body.get("description", document.description)
    if body:
        document.reset()
        document.updated_at = call.at
    return Answer(body={"message": "Document updated successfully", "data": _shown(document, customer, call)})


def delete(platform: Platform, call: Exchange) -> Answer:
    """Answer `customer_documents_delete`."""
    customer, document = _find(platform, call)
    if customer.locks(document):
        raise refuse(400, _LOCKED)
    customer.documents.remove(document)
    return Answer(body={"message": "Document deleted successfully"})


def _stored(platform: Platform, customer: Customer, file_id: str) -> Upload:
    # Nothing documented says that the platform refuses a file used before, so a create that is sent twice makes two
    # documents: a caller must not rely on being saved from that.
    found = storage.accept(platform, "file_id", file_id, customer_id=customer.id, category="document")
    return storage.require_sound(found)


def _business(platform: Platform, call: Exchange) -> Customer:
    customer = platform.customer(call.params["customer_id"])
    if not customer.is_business:
        raise refuse(400, "Documents are available for business customers only.", status=False)
    return customer


def _find(platform: Platform, call: Exchange) -> tuple[Customer, Document]:
    customer = _business(platform, call)
    for document in customer.documents:
        if document.id == call.params["document_id"]:
            return customer, document
    raise refuse(404, "Document not found", status=False)


def _shown(document: Document, customer: Customer, call: Exchange) -> dict[str, Any]:
    return views.document(document, customer.id, lambda upload: storage.download_link(upload, call.origin, call.at))


HANDLERS = {
    "customer_documents_get_presigned_url": presigned_url,
    "customer_documents_list": list_,
    "customer_documents_create": create,
    "customer_documents_get": get,
    "customer_documents_update": update,
    "customer_documents_delete": delete,
}
