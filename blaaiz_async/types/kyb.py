"""Owners and documents of a business (KYB): requests and answers."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from attrs import field, frozen

from blaaiz_async.core.codec import UNSET, Answer, Id, OpenStrEnum, Request, Rule, UnsetType
from blaaiz_async.errors import Fault
from blaaiz_async.types.rules import Country, Email, Percentage, Text, Uuid, adult_on, between, longest

OwnerIdDocumentType = Literal["passport", "drivers_license", "id_card", "resident_permit"]
"""Identity documents of an owner; `id_card` is accepted here."""

KybDocumentTypeName = Literal[
    "CERTIFICATE_OF_INCORPORATION",
    "ARTICLES_OF_INCORPORATION",
    "BENEFICIAL_OWNERSHIP_CERTIFICATE",
    "INCORPORATION_DOCUMENTS",
    "CAC_STATUS_REPORT",
    "ACCOUNT_AGREEMENT",
    "PROOF_OF_ADDRESS",
    "BANK_STATEMENT",
    "LICENSE",
    "SHARE_REGISTRATION",
    "COMPANY_OWNERSHIP_STRUCTURE",
    "DIRECTORS_REGISTER",
    "OTHER",
]

FORMATION_DOCUMENTS: frozenset[KybDocumentTypeName] = frozenset(
    {
        "CERTIFICATE_OF_INCORPORATION",
        "ARTICLES_OF_INCORPORATION",
        "BENEFICIAL_OWNERSHIP_CERTIFICATE",
        "INCORPORATION_DOCUMENTS",
        "CAC_STATUS_REPORT",
    }
)
"""One of these must be registered before a business is submitted."""

OwnerFileCategory = Literal["id_document_front", "id_document_back"]

MAX_OWNERS = 5


class ReviewStatus(OpenStrEnum):
    """Review state of one owner or one KYB document."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


OwnerStreet = Annotated[str, between(9, 255)]

OwnerName = Annotated[Text, longest(255)]

OwnerTin = Annotated[str, between(5, 50)]


@frozen(kw_only=True, repr=False)
class OwnerCreate(Request):
    """A beneficial owner of a business that is being created (contract schema OwnerCreate)."""

    first_name: OwnerName
    last_name: OwnerName
    email: Email | None = None
    """Unique within the customer, whatever its case."""
    phone: Text | None = None
    date_of_birth: date | None = None
    """At least 18 years ago."""
    nationality: Country | None = None
    title: Text | None = None
    ownership_percentage: Percentage | None = None
    """Exact; all owners must sum to 100 when the customer is submitted."""
    has_control: bool | None = None
    is_signer: bool | None = None
    is_beneficial_owner: bool | None = None
    street: OwnerStreet | None = None
    city: Text | None = None
    state: Text | None = None
    zip_code: Text | None = None
    country: Country | None = None
    id_document_type: OwnerIdDocumentType | None = None
    id_document_number: Text | None = None
    id_document_country: Country | None = None
    id_expiry_date: date | None = None
    """After today."""
    tin: OwnerTin | None = None
    is_pep: bool | None = None
    """Politically exposed person."""
    usa_tax_residency: bool | None = None

    def __faults__(self, today: date) -> Iterator[Fault]:
        yield from _owner_faults(self.date_of_birth, self.id_expiry_date, today)


Owners = Annotated[Sequence[OwnerCreate], Rule("too_many", lambda value: len(value) <= MAX_OWNERS, "at most 5 owners")]


@frozen(kw_only=True, repr=False)
class OwnerUpgradeCreate(OwnerCreate):
    """An owner given with a KYB scope upgrade: here the percentage is required (contract schema OwnerUpgradeCreate)."""

    ownership_percentage: Percentage = field()  # required: a bare annotation would keep the default above


@frozen(kw_only=True, repr=False)
class OwnerUpsert(Request):
    """One entry of `CustomerUpdate.owners`: with `id` it changes that owner, without it adds one.

    UNSET leaves a field as it is, None clears it (contract schema OwnerUpsert).
    """

    _shown: ClassVar[tuple[str, ...]] = ("id",)

    id: Uuid | UnsetType = UNSET
    first_name: OwnerName | None | UnsetType = UNSET
    last_name: OwnerName | None | UnsetType = UNSET
    email: Email | None | UnsetType = UNSET
    phone: Text | None | UnsetType = UNSET
    date_of_birth: date | None | UnsetType = UNSET
    nationality: Country | None | UnsetType = UNSET
    title: Text | None | UnsetType = UNSET
    ownership_percentage: Percentage | None | UnsetType = UNSET
    has_control: bool | None | UnsetType = UNSET
    is_signer: bool | None | UnsetType = UNSET
    is_beneficial_owner: bool | None | UnsetType = UNSET
    street: OwnerStreet | None | UnsetType = UNSET
    city: Text | None | UnsetType = UNSET
    state: Text | None | UnsetType = UNSET
    zip_code: Text | None | UnsetType = UNSET
    country: Country | None | UnsetType = UNSET
    id_document_type: OwnerIdDocumentType | None | UnsetType = UNSET
    id_document_number: Text | None | UnsetType = UNSET
    id_document_country: Country | None | UnsetType = UNSET
    id_expiry_date: date | None | UnsetType = UNSET
    tin: OwnerTin | None | UnsetType = UNSET
    is_pep: bool | None | UnsetType = UNSET
    usa_tax_residency: bool | None | UnsetType = UNSET

    def __faults__(self, today: date) -> Iterator[Fault]:
        if self.id is UNSET:
            for name in ("first_name", "last_name"):
                if not getattr(self, name):
                    yield Fault(field=name, rule="missing", message="is required for an owner without id, a new one")
        yield from _owner_faults(self.date_of_birth or None, self.id_expiry_date or None, today)

    def __repeatable__(self) -> bool:
        return self.id is not UNSET  # sent twice, an entry without id makes two owners


def _owner_faults(birth: date | None, expiry: date | None, today: date) -> Iterator[Fault]:
    if birth is not None and not adult_on(today, birth):
        yield Fault(field="date_of_birth", rule="underage", message="must be at least 18 years ago")
    if expiry is not None and expiry <= today:
        yield Fault(field="id_expiry_date", rule="expired", message="must be after today")


def owners_sum_faults(owners: Sequence[OwnerCreate | None]) -> Iterator[Fault]:
    """Yield a fault unless the owners' percentages sum to exactly 100, as FULL scope needs at submit.

    None stands for an owner that couldn't be read.
    """
    total = sum((owner.ownership_percentage or Decimal(0) for owner in owners if owner is not None), Decimal(0))
    if total != 100:
        text = f"ownership_percentage of all owners must sum to exactly 100, and sums to {total}"
        yield Fault(field="owners", rule="owners_sum", message=text)


def owner_email_faults(owners: Sequence[OwnerCreate | None]) -> Iterator[Fault]:
    """Yield a fault for every owner whose e-mail address another one has too, whatever its case."""
    seen: set[str] = set()
    for index, owner in enumerate(owners):
        if owner is None or owner.email is None:
            continue
        if owner.email.casefold() in seen:
            yield Fault(field=f"owners.{index}.email", rule="duplicate", message="is another owner's; they must differ")
        seen.add(owner.email.casefold())


@frozen(kw_only=True, repr=False)
class OwnerFiles(Request):
    """Uploaded ID images to attach to an owner, by their file ids; give only the slots to set or replace."""

    _shown: ClassVar[tuple[str, ...]] = ("id_document_front", "id_document_back")

    id_document_front: Uuid | None = None
    id_document_back: Uuid | None = None
    """For drivers_license, id_card and resident_permit; a passport has none."""

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        if self.id_document_front is None and self.id_document_back is None:
            yield Fault(field="", rule="empty", message="give id_document_front, id_document_back or both")


@frozen(kw_only=True, repr=False)
class OwnerFileUrlRequest(Request):
    """Says which side of an owner's document will be uploaded."""

    _shown: ClassVar[tuple[str, ...]] = ("file_category",)

    file_category: OwnerFileCategory


DocumentName = Annotated[Text, longest(255)]

DocumentDescription = Annotated[str, longest(2000)]


@frozen(kw_only=True, repr=False)
class DocumentCreate(Request):
    """An uploaded file to register as a KYB document."""

    _shown: ClassVar[tuple[str, ...]] = ("type", "file_id")

    type: KybDocumentTypeName
    name: DocumentName
    file_id: Uuid
    description: DocumentDescription | None | UnsetType = UNSET


@frozen(kw_only=True, repr=False)
class DocumentUpdate(Request):
    """Changes to a KYB document. UNSET leaves a field as it is."""

    _shown: ClassVar[tuple[str, ...]] = ("type", "file_id")

    type: KybDocumentTypeName | UnsetType = UNSET
    name: DocumentName | UnsetType = UNSET
    description: DocumentDescription | None | UnsetType = UNSET
    file_id: Uuid | UnsetType = UNSET
    """A fresh upload that replaces the stored file."""


@frozen(kw_only=True, repr=False)
class Owner(Answer):
    """A beneficial owner as the platform holds it. Some endpoints send only a few of its fields."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "status")

    id: Id
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    date_of_birth: date | None = None
    nationality: str | None = None
    title: str | None = None
    ownership_percentage: Decimal | None = None
    has_control: bool | None = None
    is_signer: bool | None = None
    is_beneficial_owner: bool | None = None
    country: str | None = None
    id_document_type: str | None = None
    id_document_number: str | None = None
    id_document_country: str | None = None
    id_expiry_date: date | None = None
    tin: str | None = None
    is_pep: bool | None = None
    usa_tax_residency: bool | None = None
    id_document_path: str | None = None
    id_document_back_path: str | None = None
    status: ReviewStatus | None = None
    admin_comments: tuple[str, ...] | None = None
    """What the reviewer found wrong."""


@frozen(kw_only=True, repr=False)
class KybDocument(Answer):
    """A KYB document as the platform holds it."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "type", "status")

    id: Id
    business_customer_id: Id | None = None
    type: str | None = None
    name: str | None = None
    extension: str | None = None
    description: str | None = None
    status: ReviewStatus | None = None
    admin_comments: tuple[str, ...] | None = None
    """What the reviewer found wrong."""
    url: str | None = None
    """Download link, valid for 2 minutes: read the document again for a fresh one."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
