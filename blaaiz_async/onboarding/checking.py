"""From a row to what will be sent, or to everything that is wrong with it. No call is made here."""

from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import attrs
from attrs import frozen

from blaaiz_async.core.checking import check, read_request
from blaaiz_async.core.codec import Record, Request, encode, to_json
from blaaiz_async.errors import Fault
from blaaiz_async.onboarding.filecheck import FileRefusedError, find_file
from blaaiz_async.onboarding.reader import DOCUMENT_FIELDS, FILE_SLOTS, ROW_FIELDS, SourceRow, nearest
from blaaiz_async.types.customers import BusinessCustomer, IndividualCustomer
from blaaiz_async.types.kyb import FORMATION_DOCUMENTS, DocumentCreate, OwnerCreate, owner_email_faults, owners_sum_faults
from blaaiz_async.types.rules import Phone

__all__ = ["DocumentPlan", "Plan", "check_row"]

_NO_FILE = "00000000-0000-0000-0000-000000000000"
"""Stands for the id of a file that is uploaded later, while the rest of a document is checked."""

OWNER_SLOTS = ("id_document_front", "id_document_back")
_OWNER_FIELDS = frozenset({a.name for a in attrs.fields(OwnerCreate)} | set(OWNER_SLOTS))
_TWO_SIDED = frozenset({"drivers_license", "id_card", "resident_permit"})
_MAX_ID = 200
_ALWAYS_REQUIRED = frozenset({"email", "country"})  # contract/customers.yaml customers_create

_TYPES: dict[str, type[IndividualCustomer | BusinessCustomer]] = {
    "individual": IndividualCustomer,
    "business": BusinessCustomer,
}


@frozen(kw_only=True, repr=False)
class DocumentPlan(Record):
    """A KYB document to upload and register."""

    request: DocumentCreate
    """Its `file_id` is a placeholder until the file is uploaded."""
    path: Path


@frozen(kw_only=True, repr=False)
class Plan(Record):
    """All that one row asks for."""

    request: IndividualCustomer | BusinessCustomer
    files: Mapping[str, Path]
    """Slot of `CustomerFiles` → file; empty for a business."""
    owner_files: tuple[Mapping[str, Path], ...] = ()
    """Slot of `OwnerFiles` → file, in the order of the request's owners."""
    documents: tuple[DocumentPlan, ...] = ()

    def identity(self) -> str:
        """Return a digest of what makes this the same person or company as another row's, whatever its external_id."""
        request = self.request
        if isinstance(request, BusinessCustomer):
            parts = ("business", request.registration_number, request.incorporation_country)
        else:
            parts = ("individual", request.email.casefold(), request.id_number)
        return sha256(to_json(parts)).hexdigest()

    @property
    def calls(self) -> int:
        """How many API calls it takes when nothing goes wrong; uploads to the storage are none."""
        create, attach, submit, read_owners = 1, 1, 1, 1
        if isinstance(self.request, IndividualCustomer):
            return create + len(self.files) + attach
        owners = [len(files) + attach for files in self.owner_files if files]
        return create + (read_owners if owners else 0) + sum(owners) + 2 * len(self.documents) + submit

    def creation_digest(self) -> str:
        """Return a digest of what the create call sends."""
        return sha256(to_json(encode(self.request))).hexdigest()


def check_row(row: SourceRow, folder: Path, today: date) -> tuple[Plan | None, list[Fault]]:
    """Check a row by every rule that can be known before the first call.

    Args:
        row: as `Source.rows` yields it.
        folder: what the row's paths are relative to and may not leave.
        today: the UTC date that ages and expiries are counted from.

    Returns:
        The plan and no faults, or None and every fault of the row. A fault holds field names and remedies, no values.
    """
    if row.fault is not None:
        return None, [row.fault]
    return _RowCheck(row.fields, folder, today).result()


class _RowCheck:
    """Gathers the faults of one row."""

    def __init__(self, fields: Mapping[str, Any], folder: Path, today: date) -> None:
        self._fields = fields
        self._folder = folder
        self._today = today
        self._faults: list[Fault] = []

    def result(self) -> tuple[Plan | None, list[Fault]]:
        fields = dict(self._fields)
        self._external_id(fields.pop("external_id", None))
        self._unknown(fields, ROW_FIELDS, "")
        fields = {name: value for name, value in fields.items() if name in ROW_FIELDS}
        plan = self._plan(fields)
        self._faults = list(dict.fromkeys(self._faults))
        return (None, self._faults) if self._faults else (plan, [])

    def _add(self, field: str, rule: str, message: str) -> None:
        self._faults.append(Fault(field=field, rule=rule, message=message))

    def _external_id(self, given: object) -> None:
        if given is None or given == "":
            self._add("external_id", "missing", "is required: it is what the results and a resumed job know the row by")
        elif not isinstance(given, str):
            self._add("external_id", "value", "must be a text")
        elif len(given) > _MAX_ID or not given.isprintable():
            self._add("external_id", "value", f"must be at most {_MAX_ID} printable characters")

    def _unknown(self, given: Mapping[str, Any], known: frozenset[str], prefix: str) -> None:
        for name in given:
            if name not in known:
                self._add(prefix + name[:60], "unknown", f"isn't a field{nearest(name, known)}")

    def _plan(self, fields: dict[str, Any]) -> Plan | None:
        kind = fields.get("type")
        request_type = _TYPES.get(kind) if isinstance(kind, str) else None
        if request_type is None:
            self._add("type", "missing" if kind is None else "value", "must be individual or business")
        individual, business = request_type is IndividualCustomer, request_type is BusinessCustomer
        files = self._files(fields, FILE_SLOTS, "")
        owners, owner_files = self._owners(fields.pop("owners", None), allowed=not individual)
        given_documents = fields.pop("documents", None)
        documents = self._documents(given_documents, allowed=not individual)
        slots = [name for name in FILE_SLOTS if fields.pop(name, None) is not None]
        if owners is not None:
            fields["owners"] = owners
        if request_type is None:
            self._by_either_type(fields)
            self._phones(fields, owners)
            return None
        request = self._request(request_type, fields)
        if business:
            for name in slots:
                self._add(name, "not_allowed", "belongs to an individual; a business's files go into documents")
            # The platform may default to MINIMAL; without knowing, only the fuller checks keep a submit from being refused.
            if fields.get("kyb_scope") != "MINIMAL":
                self._full_scope(owners or [], owner_files)
            if not self._has("documents", exactly=True) and not _holds_formation_document(given_documents):
                kinds = ", ".join(sorted(FORMATION_DOCUMENTS))
                self._add("documents", "no_formation_document", f"must hold one of {kinds}")
        else:
            self._individual_files(fields, slots)
        self._phones(fields, owners)
        if request is None:
            return None
        return Plan(request=request, files=files, owner_files=tuple(owner_files), documents=tuple(documents))

    def _request(
        self, request_type: type[IndividualCustomer | BusinessCustomer], fields: Mapping[str, Any]
    ) -> IndividualCustomer | BusinessCustomer | None:
        request, faults = read_request(request_type, fields, self._today)
        self._faults += faults
        return request

    def _by_either_type(self, fields: Mapping[str, Any]) -> None:
        """Find the faults that a row has whichever its type is, or that the type has which a field belongs to."""
        for name, request_type in _TYPES.items():
            known = {a.name for a in attrs.fields(request_type)}
            part = {field: value for field, value in fields.items() if field in known}
            _, faults = read_request(request_type, {**part, "type": name}, self._today)
            given = part.keys() | _ALWAYS_REQUIRED
            self._faults += [fault for fault in faults if fault.field.split(".")[0] in given]

    def _individual_files(self, fields: Mapping[str, Any], slots: list[str]) -> None:
        # contract/customers.yaml customers_attach_files: only id_file starts the verification.
        if "id_file" not in slots:
            self._add("id_file", "missing", "is required: without it verification never starts")
        if fields.get("id_type") == "passport" and "id_file_back" in slots:
            self._add("id_file_back", "passport_back", "a passport has no back; take it out")

    def _full_scope(self, owners: list[Any], owner_files: list[dict[str, Path]]) -> None:
        # contract/customers.yaml x-state-machines.submit_readiness.business_full_only
        if not owners:
            if not self._has("owners"):
                self._add("owners", "missing", "at least one owner is required")
            return
        # Each by itself, so that a fault elsewhere in an owner doesn't hide one of all owners together.
        shares, emails = self._each_owners("ownership_percentage", owners), self._each_owners("email", owners)
        if None not in shares:
            self._faults += owners_sum_faults(cast("list[OwnerCreate]", shares))
        nobody = OwnerCreate(first_name="-", last_name="-")
        self._faults += owner_email_faults([each or nobody for each in emails])
        for index, (owner, files) in enumerate(zip(owners, owner_files, strict=True)):
            if not isinstance(owner, dict):
                continue
            where, kind = f"owners.{index}.", cast("dict[str, Any]", owner).get("id_document_type")
            front, back = (slot in files or self._has(where + slot) for slot in OWNER_SLOTS)
            if not front:
                self._add(f"{where}id_document_front", "missing", "is required for each owner")
            if kind in _TWO_SIDED and not back:
                self._add(f"{where}id_document_back", "missing", f"is required with id_document_type {kind}")

    def _each_owners(self, field: str, owners: list[Any]) -> list[OwnerCreate | None]:
        """Return owners with nothing but one field; None for one whose field can't be read."""
        parts = [
            {"first_name": "-", "last_name": "-", field: cast("dict[str, Any]", owner).get(field)}
            if isinstance(owner, dict)
            else {}
            for owner in owners
        ]
        return [read_request(OwnerCreate, part, self._today)[0] for part in parts]

    def _owners(self, given: object, *, allowed: bool) -> tuple[list[Any] | None, list[dict[str, Path]]]:
        """Return the owners without their files, and the files; what isn't an object keeps its place among the owners."""
        if given is None:
            return None, []
        if not allowed:
            self._add("owners", "not_allowed", "belong to a business")
            return None, []
        owners: list[Any] = []
        files: list[dict[str, Path]] = []
        for index, item in enumerate(self._list(given, "owners")):
            entry = _object(item)
            if entry is None:
                owners.append(item)  # a fault that reading the whole request finds
                files.append({})
                continue
            where = f"owners.{index}."
            self._unknown(entry, _OWNER_FIELDS, where)
            owner = {name: value for name, value in entry.items() if name in _OWNER_FIELDS}
            files.append(self._files(owner, OWNER_SLOTS, where))
            if owner.get("id_document_type") == "passport" and owner.get("id_document_back") is not None:
                self._add(f"{where}id_document_back", "passport_back", "a passport has no back; take it out")
            owners.append({name: value for name, value in owner.items() if name not in OWNER_SLOTS})
        return owners, files

    def _documents(self, given: object, *, allowed: bool) -> list[DocumentPlan]:
        if given is None:
            return []
        if given and not allowed:
            self._add("documents", "not_allowed", "belong to a business; an individual has id_file and the like")
            return []
        plans: list[DocumentPlan] = []
        for index, item in enumerate(self._list(given, "documents")):
            where, entry = f"documents.{index}", _object(item)
            if entry is None:
                self._add(where, "value", "must be an object")
                continue
            self._unknown(entry, DOCUMENT_FIELDS, f"{where}.")
            fields = {name: value for name, value in entry.items() if name in DOCUMENT_FIELDS}
            path = self._files(fields, ("file",), f"{where}.").get("file")
            if fields.pop("file", None) is None:
                self._add(f"{where}.file", "missing", "is required")
            request, faults = read_request(DocumentCreate, {**fields, "file_id": _NO_FILE}, self._today)
            self._faults += [attrs.evolve(fault, field=f"{where}.{fault.field}") for fault in faults]
            if request is not None and path is not None:
                plans.append(DocumentPlan(request=request, path=path))
        return plans

    def _list(self, given: object, field: str) -> list[object]:
        if isinstance(given, list):
            return cast("list[object]", given)
        self._add(field, "value", "must be a list of objects")
        return []

    def _files(self, fields: Mapping[str, Any], slots: tuple[str, ...], prefix: str) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for slot in slots:
            given = fields.get(slot)
            if given is None:
                continue
            if not isinstance(given, str) or not given.strip():
                self._add(prefix + slot, "value", "must be a path relative to the input file")
                continue
            try:
                found[slot] = find_file(self._folder, given)
            except FileRefusedError as refused:
                self._faults.append(refused.at(prefix + slot))
        return found

    def _phones(self, fields: Mapping[str, Any], owners: list[Any] | None) -> None:
        self._phone(fields, "")
        for index, owner in enumerate(owners or []):
            if isinstance(owner, dict):
                self._phone(cast("dict[str, Any]", owner), f"owners.{index}.")

    def _phone(self, fields: Mapping[str, Any], prefix: str) -> None:
        if isinstance(given := fields.get("phone"), str):
            faults = check(_PhoneOnly(phone=given), self._today)
            self._faults += [attrs.evolve(fault, field=f"{prefix}phone") for fault in faults]

    def _has(self, field: str, *, exactly: bool = False) -> bool:
        """Tell whether a fault of this field, or else below it, is known already, so that it isn't reported twice."""
        return any(fault.field == field or (not exactly and fault.field.startswith(field)) for fault in self._faults)


def _object(given: object) -> dict[str, Any] | None:
    """Return what an object holds, nulls left out; None for anything else."""
    if not isinstance(given, dict):
        return None
    return {name: value for name, value in cast("dict[str, Any]", given).items() if value is not None}


def _holds_formation_document(given: object) -> bool:
    entries = map(_object, cast("list[object]", given)) if isinstance(given, list) else ()
    kinds = [entry.get("type") for entry in entries if entry is not None]
    return any(isinstance(kind, str) and kind in FORMATION_DOCUMENTS for kind in kinds)


@frozen(kw_only=True, repr=False)
class _PhoneOnly(Request):
    phone: Phone
