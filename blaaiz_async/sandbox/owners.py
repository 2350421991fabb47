"""Beneficial owners: making and editing them with their customer, deleting them, their ID images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from . import storage, views
from .exchange import Answer, refuse
from .state import Owner
from .validation import Errors, properties

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .exchange import Exchange
    from .state import Customer, Platform

__all__ = ["HANDLERS", "edit_owners", "make_owners"]

MAX_OWNERS = 5
_FIELDS = properties("OwnerCreate")
_SLOTS = ("id_document_front", "id_document_back")
_UPLOAD_LOCKED = "Cannot upload files for an owner that has been approved or is currently under review."


def make_owners(platform: Platform, entries: Iterable[dict[str, Any]]) -> list[Owner]:
    """Make owners of entries that have been checked."""
    return [Owner(id=platform.new_id(), fields=_known(entry)) for entry in entries]


def edit_owners(platform: Platform, customer: Customer, entries: list[dict[str, Any]]) -> list[Owner]:
    """Give the owners a customer has after an update: entries with an id edit, entries without add.

    Raises:
        Refusal: 400 for a locked owner, 422 for an unknown id, a nameless new owner or a sixth owner.
    """
    present = {owner.id: owner for owner in customer.owners}
    errors = Errors()
    for index, entry in enumerate(entries):
        given = entry.get("id")
        if given is not None and given not in present:
            errors.say(f"owners.{index}.id", f"The selected owners.{index}.id is invalid.")
        for name in ("first_name", "last_name"):
            if (given is None or name in entry) and entry.get(name) is None:
                errors.add(f"owners.{index}.{name}", "is required")
    added = sum(entry.get("id") is None for entry in entries)
    if len(present) + added > MAX_OWNERS:
        errors.add("owners", f"must not have more than {MAX_OWNERS} items")
    errors.refuse()
    if entries and customer.locks_children:
        raise refuse(400, "Cannot modify owners while customer verification is in progress.", status=False)
    for entry in entries:
        if entry.get("id") is None:
            fresh = make_owners(platform, [entry])[0]
            present[fresh.id] = fresh
            continue
        owner = present[entry["id"]]
        if customer.locks(owner):
            text = "Cannot modify an owner that has been approved or is currently under review."
            raise refuse(400, text, status=False)
        changed = _known(entry)
        edited = attrs.evolve(owner, fields={**owner.fields, **changed})
        if changed:
            edited.reset()
        present[owner.id] = edited
    return list(present.values())


def delete(platform: Platform, call: Exchange) -> Answer:
    """Answer `customer_owners_delete`."""
    customer, owner = _find(platform, call)
    if customer.locks(owner):
        raise refuse(400, "Cannot remove an owner that has been approved or is currently under review.")
    customer.owners.remove(owner)
    return Answer(body={"message": "Owner deleted successfully"})


def presigned_url(platform: Platform, call: Exchange) -> Answer:
    """Answer `customer_owners_get_file_presigned_url`."""
    customer, owner = _find(platform, call)
    body, errors = call.json(), Errors()
    errors.check("OwnerFileUrlRequest", body)
    errors.refuse()
    if customer.locks(owner):
        raise refuse(400, _UPLOAD_LOCKED)
    return storage.target(platform, call, customer_id=customer.id, owner_id=owner.id, category=body["file_category"])


def attach_files(platform: Platform, call: Exchange) -> Answer:
    """Answer `customer_owners_attach_files`."""
    customer, owner = _find(platform, call)
    body, errors = call.json(), Errors()
    errors.check("OwnerFilesAttach", body)
    errors.refuse()
    if customer.locks(owner):
        raise refuse(400, _UPLOAD_LOCKED)
    found = {
        slot: storage.require_sound(
            storage.accept(platform, slot, body[slot], customer_id=customer.id, owner_id=owner.id, category=slot)
        )
        for slot in _SLOTS
        if slot in body
    }
    owner.front = found.get("id_document_front", owner.front)
    owner.back = found.get("id_document_back", owner.back)
    if found:
        owner.reset()
    return Answer(body={"message": "Owner files uploaded successfully", "data": views.owner(owner)})


def _find(platform: Platform, call: Exchange) -> tuple[Customer, Owner]:
    customer = platform.customer(call.params["customer_id"])
    for owner in customer.owners:
        if owner.id == call.params["owner_id"]:
            return customer, owner
    raise refuse(404, "Owner not found", status=False)


def _known(entry: dict[str, Any]) -> dict[str, Any]:
    # status and admin_comments in a payload are dropped silently, like anything the schema does not have.
    return {name: value for name, value in entry.items() if name in _FIELDS}


HANDLERS = {
    "customer_owners_delete": delete,
    "customer_owners_get_file_presigned_url": presigned_url,
    "customer_owners_attach_files": attach_files,
}
