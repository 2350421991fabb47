"""What the platform remembers: customers, owners, documents, uploads; and the settings that steer it."""

from __future__ import annotations

import random
import threading
import uuid
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from .clock import stamp
from .exchange import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Customer", "Document", "Owner", "Platform", "Upload", "Verdict", "VerdictKind"]

_Book = TypeVar("_Book")


class VerdictKind(StrEnum):
    """What compliance decides."""

    VERIFY = "verify"
    REJECT = "reject"
    HOLD = "hold"


@attrs.frozen(kw_only=True)
class Verdict:
    """What becomes of a customer handed over for verification; make it with one of the class methods."""

    kind: VerdictKind
    comment: str | None = None

    @classmethod
    def verify(cls) -> Verdict:
        """VERIFIED at once: auto-verify for a business, external KYC off for an individual."""
        return cls(kind=VerdictKind.VERIFY)

    @classmethod
    def reject(cls, comment: str) -> Verdict:
        """REJECTED right after the call is answered, with a reviewer's comment."""
        return cls(kind=VerdictKind.REJECT, comment=comment)

    @classmethod
    def hold(cls) -> Verdict:
        """No decision: a business stays PROCESSING, an individual PENDING with a review in progress."""
        return cls(kind=VerdictKind.HOLD)


@attrs.define(kw_only=True)
class Owner:
    """A beneficial owner."""

    id: str
    fields: dict[str, Any] = attrs.field(repr=False)
    status: str = "PENDING"
    admin_comments: list[str] | None = None
    front: Upload | None = None
    back: Upload | None = None

    @property
    def name(self) -> str:
        """First and last name as the platform's messages write them."""
        return f"{self.fields.get('first_name') or ''} {self.fields.get('last_name') or ''}".strip()

    @property
    def percentage(self) -> Decimal:
        """The share, exactly."""
        return Decimal(self.fields.get("ownership_percentage") or 0)

    def reset(self) -> None:
        """Take a REJECTED owner back to PENDING; any change to it does that."""
        if self.status == "REJECTED":
            self.status, self.admin_comments = "PENDING", None


@attrs.define(kw_only=True)
class Document:
    """A KYB document."""

    id: str
    type: str
    name: str = attrs.field(repr=False)
    description: str | None = attrs.field(repr=False)
    upload: Upload
    created_at: float
    updated_at: float
    status: str = "PENDING"
    admin_comments: list[str] | None = None

    def reset(self) -> None:
        """Take a REJECTED document back to PENDING; any change to it does that."""
        if self.status == "REJECTED":
            self.status, self.admin_comments = "PENDING", None


@attrs.define(kw_only=True)
class Customer:
    """One customer; `fields` are its own columns, `kyc` those of its KYC profile."""

    id: str
    type: str
    kyb_scope: str | None
    fields: dict[str, Any] = attrs.field(repr=False)
    kyc: dict[str, Any] = attrs.field(repr=False)
    kyc_id: str
    created_at: float
    updated_at: float
    status: str = "PENDING"
    in_review: bool = False
    due_diligence: bool = False
    """Whether it is under Enhanced Due Diligence."""
    files: dict[str, Upload] = attrs.field(factory=dict[str, "Upload"], repr=False)
    owners: list[Owner] = attrs.field(factory=list["Owner"])
    documents: list[Document] = attrs.field(factory=list["Document"])
    comments: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]], repr=False)
    beneficiaries: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]], repr=False)

    @property
    def children(self) -> list[Owner | Document]:
        """Everything under it that has a review of its own."""
        return [*self.owners, *self.documents]

    @property
    def is_business(self) -> bool:
        """Whether it is a business rather than an individual."""
        return self.type == "business"

    @property
    def locks_children(self) -> bool:
        """Whether its state locks owners and documents (contract/customers.yaml x-state-machines.lock_matrix)."""
        return self.status in {"PROCESSING", "VERIFIED"}

    def locks(self, child: Owner | Document) -> bool:
        """Tell whether one owner or document may not be changed now."""
        return self.locks_children or child.status in {"APPROVED", "PROCESSING"}

    @property
    def identity(self) -> tuple[str, str] | None:
        """What must be unique among businesses."""
        number, country = self.fields.get("registration_number"), self.fields.get("incorporation_country")
        return (number, country) if self.is_business and number and country else None


@attrs.define(kw_only=True)
class Upload:
    """One upload target and, after the PUT, the stored object."""

    file_id: str
    customer_id: str | None
    """Whose it is; None for what is staged for a Signa session."""
    owner_id: str | None
    category: str
    """`identity` …, `id_document_front` …, or `document`."""
    signature: str = attrs.field(repr=False)
    expires_at: float
    headers: dict[str, str]
    any_type: bool = False
    """Whether the PUT may be of any content type, or name none."""
    content_type: str | None = None
    content: bytes | None = attrs.field(default=None, repr=False)

    @property
    def stored(self) -> bool:
        """Whether the PUT has happened."""
        return self.content is not None

    @property
    def extension(self) -> str:
        """File name extension by content type."""
        return {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}.get(self.content_type or "", "bin")


class Platform:
    """All state behind the handlers. Whoever changes it from another thread holds `lock`."""

    def __init__(self, *, now: Callable[[], float], seed: int | None, verdict: Verdict, minimal_kyb: bool) -> None:
        self.now = now
        self.verdict = verdict
        self.minimal_kyb = minimal_kyb
        self.upload_envelope = "documented"
        self.lock = threading.RLock()
        self._rng = random.SystemRandom() if seed is None else random.Random(seed)
        self.business_id = self.new_id()
        self.customers: dict[str, Customer] = {}
        self.identities: dict[tuple[str, str], str] = {}
        self.uploads: dict[str, Upload] = {}
        self.events: list[dict[str, Any]] = []
        self.aftermath: list[Callable[[], None]] = []
        """What happens once the present call is answered: a verdict that is not part of the answer."""
        self.clockwork: list[Callable[[], None]] = []
        """What time alone brings about, such as expiry; run before every call and delivery."""
        self._books: dict[object, object] = {}

    def new_id(self) -> str:
        """Make an id."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def new_secret(self) -> str:
        """Make a token or signature."""
        return f"{self._rng.getrandbits(256):064x}"

    def book(self, kind: Callable[[Platform], _Book]) -> _Book:
        """Give what one area remembers, opened on first use: the state of an area lives in its own room.

        Args:
            kind: the class of the area's book; it is made with the platform.
        """
        if kind not in self._books:
            self._books[kind] = kind(self)
        return cast("_Book", self._books[kind])

    def pass_time(self) -> None:
        """Let happen what time has brought about."""
        for each in list(self.clockwork):
            each()

    def customer(self, customer_id: str) -> Customer:
        """Find a customer, or refuse with 404."""
        found = self.customers.get(customer_id)
        if found is None:
            raise refuse(404, "Customer not found", status=False)
        return found

    def add_customer(self, customer: Customer) -> None:
        """Keep a new customer and tell of it."""
        self.customers[customer.id] = customer
        if customer.identity:
            self.identities[customer.identity] = customer.id
        self._tell(customer, "customer.created", "Customer created", old=None, new=customer.status, comment=None)

    def reindex(self, customer: Customer, before: tuple[str, str] | None) -> None:
        """Follow a change of a business's identity."""
        if before != customer.identity:
            if before is not None:
                self.identities.pop(before, None)
            if customer.identity is not None:
                self.identities[customer.identity] = customer.id

    def move(self, customer: Customer, status: str, comment: str | None = None) -> None:
        """Take a customer to another verification status and tell of it."""
        old, customer.status = customer.status, status
        customer.updated_at = self.now()
        if old != status:
            self._tell(
                customer,
                "customer.status_changed",
                "Customer verification status updated",
                old=old,
                new=status,
                comment=comment,
            )

    def settle(self) -> None:
        """Let happen what waits for the end of a call."""
        while self.aftermath:
            self.aftermath.pop(0)()

    def _tell(self, customer: Customer, event: str, text: str, *, old: str | None, new: str, comment: str | None) -> None:
        body: dict[str, Any] = {
            "message": text,
            "event_type": event,
            "customer_id": customer.id,
            "customer_email": customer.fields["email"],
            "old_status": old,
            "new_status": new,
            "comment": comment,
            "updated_at": stamp(self.now()),
            "event_id": f"evt_{self.new_id()}",
            "type": "customer",
        }
        if event == "customer.created":
            del body["old_status"], body["comment"]
        self.events.append(body)
