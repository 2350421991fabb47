"""Signa identity verification: sessions, their documents, and what was captured (contract/events.yaml signa_*).

Links, tokens and captured data are secrets or personal data; none of them shows in a repr.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from attrs import field, frozen

from blaaiz_async.core.codec import Answer, Id, OpenStrEnum, Request, Rule, TextOrTexts
from blaaiz_async.errors import Fault
from blaaiz_async.types.countries import ALPHA_3
from blaaiz_async.types.rules import HttpsUrl, Text, longest

# -- values ------------------------------------------------------------------------------------------------------------

SignaRequirementName = Literal["DOCUMENTS", "SELFIE", "FACE_MATCH", "PROOF_OF_ADDRESS"]
SignaFulfilmentModeName = Literal["HOSTED", "HEADLESS"]
SignaDocumentTypeName = Literal[
    "PASSPORT", "ID_CARD", "DRIVERS", "RESIDENCE_PERMIT", "UTILITY_BILL", "BANK_STATEMENT", "SELFIE"
]
SignaContentTypeName = Literal["image/jpeg", "image/png", "image/webp", "application/pdf"]

REQUIREMENT_SETS: Mapping[frozenset[SignaRequirementName], tuple[SignaFulfilmentModeName, ...]] = {
    frozenset({"DOCUMENTS"}): ("HEADLESS",),
    frozenset({"DOCUMENTS", "SELFIE", "FACE_MATCH"}): ("HOSTED",),
    frozenset({"DOCUMENTS", "SELFIE", "FACE_MATCH", "PROOF_OF_ADDRESS"}): ("HOSTED",),
    frozenset({"DOCUMENTS", "PROOF_OF_ADDRESS"}): ("HOSTED", "HEADLESS"),
    frozenset({"PROOF_OF_ADDRESS"}): ("HOSTED", "HEADLESS"),
}
"""The supported sets and their modes, the default mode first (contract/events.yaml x-requirement-sets)."""

MAX_INLINE = 8192
"""Characters of `content_base64`: the platform documents 700 KB, but its network edge refuses a body over about 8 KB."""


class SignaRequirement(OpenStrEnum):
    """What a session checks."""

    DOCUMENTS = "DOCUMENTS"
    SELFIE = "SELFIE"
    FACE_MATCH = "FACE_MATCH"
    PROOF_OF_ADDRESS = "PROOF_OF_ADDRESS"


class SignaFulfilmentMode(OpenStrEnum):
    """HOSTED: the person completes a page of Blaaiz. HEADLESS: your server uploads and submits."""

    HOSTED = "HOSTED"
    HEADLESS = "HEADLESS"


class SignaSessionStatus(OpenStrEnum):
    """State of a session. APPROVED, REJECTED, EXPIRED and CANCELLED are final; IN_REVIEW never expires."""

    CREATED = "CREATED"
    AWAITING_INPUT = "AWAITING_INPUT"
    IN_REVIEW = "IN_REVIEW"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


class SignaStepState(OpenStrEnum):
    """Whether a step still waits for input."""

    PENDING = "PENDING"
    SUBMITTED = "SUBMITTED"


class SignaRejectionType(OpenStrEnum):
    """RETRYABLE: another attempt is worthwhile, in a new session with a new key. FINAL: it isn't."""

    FINAL = "FINAL"
    RETRYABLE = "RETRYABLE"


class SignaDocumentKind(OpenStrEnum):
    """What a captured file shows."""

    DOCUMENT = "DOCUMENT"
    SELFIE = "SELFIE"
    PROOF_OF_ADDRESS = "PROOF_OF_ADDRESS"
    LIVENESS_REFERENCE = "LIVENESS_REFERENCE"
    OTHER = "OTHER"


class SignaDocumentType(OpenStrEnum):
    """Kind of a document."""

    PASSPORT = "PASSPORT"
    ID_CARD = "ID_CARD"
    DRIVERS = "DRIVERS"
    RESIDENCE_PERMIT = "RESIDENCE_PERMIT"
    UTILITY_BILL = "UTILITY_BILL"
    BANK_STATEMENT = "BANK_STATEMENT"
    SELFIE = "SELFIE"


class SignaUnavailableReason(OpenStrEnum):
    """Why a captured file can't be downloaded. NOT_RETAINED is final."""

    NOT_RETAINED = "NOT_RETAINED"
    RETRIEVAL_FAILED = "RETRIEVAL_FAILED"


# -- requests ----------------------------------------------------------------------------------------------------------

Alpha3 = Annotated[
    str,
    Rule("country", ALPHA_3.__contains__, "an ISO 3166-1 alpha-3 country code in capitals, such as NGA"),
]
"""ISO 3166-1 alpha-3, in capitals; customers take alpha-2."""

Requirements = Annotated[
    Sequence[SignaRequirementName],
    Rule("duplicate", lambda value: len(frozenset(value)) == len(value), "without repetition"),
    Rule(
        "set",
        lambda value: frozenset(value) in REQUIREMENT_SETS,
        "one of the supported sets: " + "; ".join("+".join(sorted(known)) for known in REQUIREMENT_SETS),
    ),
]

FileName = Annotated[
    str,
    Rule(
        "file_name",
        lambda value: re.fullmatch(r"[a-zA-Z0-9_ -]+\.(jpg|jpeg|png|webp|pdf)", value) is not None,
        "letters, digits, spaces, dashes and underscores, ending in .jpg, .jpeg, .png, .webp or .pdf",
    ),
]


@frozen(kw_only=True, repr=False)
class SignaApplicantInput(Request):
    """What is known of the person beforehand; everything is optional (contract schema SignaApplicantInput)."""

    first_name: Annotated[Text, longest(100)] | None = None
    last_name: Annotated[Text, longest(100)] | None = None
    dob: date | None = None
    country: Alpha3 | None = None
    """ISO 3166-1 alpha-3, unlike a customer's."""


@frozen(kw_only=True, repr=False)
class SignaCreateSessionRequest(Request):
    """A session to open for one person (contract schema SignaCreateSessionRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("idempotency_key", "fulfilment_mode")

    customer_reference: Annotated[Text, longest(100)]
    """Your own name for the person; it comes back in the session and in its webhooks."""
    idempotency_key: Annotated[Text, longest(100)] | None = None
    """Unique in your business, and never free again. The library makes one if it is None."""
    requirements: Requirements
    """One of `REQUIREMENT_SETS`, in any order, nothing twice."""
    fulfilment_mode: SignaFulfilmentModeName | None = None
    """None takes HEADLESS for DOCUMENTS alone and HOSTED for every other set."""
    applicant: SignaApplicantInput | None = None
    redirect_url: HttpsUrl | None = None
    """Where the hosted page sends the person when done, with `session_id` added; never the result."""

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        modes = REQUIREMENT_SETS.get(frozenset(self.requirements or ()))
        if modes and self.fulfilment_mode and self.fulfilment_mode not in modes:
            text = f"must be {' or '.join(modes)} for these requirements"
            yield Fault(field="fulfilment_mode", rule="mode", message=text)


@frozen(kw_only=True, repr=False)
class SignaDocumentUploadUrlRequest(Request):
    """Says which file will be staged (contract schema SignaDocumentUploadUrlRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("id_doc_type",)

    file_name: Annotated[FileName, longest(128)]
    id_doc_type: SignaDocumentTypeName


@frozen(kw_only=True, repr=False)
class SignaUploadDocumentRequest(Request):
    """A document to register, either staged or inline (contract schema SignaUploadDocumentRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("content_type", "id_doc_type")

    filename: Annotated[Text, longest(191)]
    """The name to store it under; not to be mixed up with `file_name`."""
    content_type: SignaContentTypeName
    id_doc_type: SignaDocumentTypeName
    country: Alpha3
    """Of the document; for a proof of address, of the printed address. ISO 3166-1 alpha-3."""
    file_name: Annotated[FileName, longest(150)] | None = None
    """The staged name, exactly as `create_document_upload_url` returned it."""
    content_base64: Text | None = None
    """The file itself; at most 8,192 characters."""

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        if (self.file_name is None) == (self.content_base64 is None):
            yield Fault(field="file_name", rule="one_of", message="give exactly one of file_name and content_base64")
        if self.content_base64 is not None and len(self.content_base64) > MAX_INLINE:
            text = "is larger than the platform's network takes: stage the file with create_document_upload_url"
            yield Fault(field="content_base64", rule="too_large", message=text)


# -- answers -----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class SignaSteps(Answer):
    """Which input is outstanding. None: the requirements never ask for this step."""

    _shown: ClassVar[tuple[str, ...]] = ("documents", "selfie", "proof_of_address")

    documents: SignaStepState | None = None
    selfie: SignaStepState | None = None
    proof_of_address: SignaStepState | None = None


@frozen(kw_only=True, repr=False)
class SignaRejection(Answer):
    """Why a session was rejected."""

    _shown: ClassVar[tuple[str, ...]] = ("type",)

    reason: str | None = None
    """Text that may be shown to the person."""
    type: SignaRejectionType | None = None


@frozen(kw_only=True, repr=False)
class SignaSession(Answer):
    """A session as it is read. The verification link is never part of it."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "fulfilment_mode", "status")

    id: Id
    business_id: Id | None = None
    customer_reference: str | None = None
    requirements: tuple[SignaRequirement, ...] = ()
    fulfilment_mode: SignaFulfilmentMode | None = None
    status: SignaSessionStatus | None = None
    steps: SignaSteps | None = None
    rejection: SignaRejection | None = None
    """Only while the status is REJECTED."""
    expires_at: datetime | None = None
    """The deadline of a session that is CREATED or AWAITING_INPUT."""
    completed_at: datetime | None = None
    created_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class SignaCreatedSession(SignaSession):
    """A new session. Store the link: nothing returns it again."""

    verification_link: str | None = field(default=None, repr=False)
    """A credential: whoever has it can act for the person. None for HEADLESS."""
    link_expires_at: datetime | None = None
    idempotency_key: str | None = None
    """The key the session was made by: your own, or the one the library made."""


@frozen(kw_only=True, repr=False)
class SignaSessionList(Answer):
    """A part of the sessions, newest first."""

    _shown: ClassVar[tuple[str, ...]] = ("total", "limit", "offset")

    sessions: tuple[SignaSession, ...]
    total: int | None = None
    """Sessions in all, if the platform told it."""
    limit: int | None = None
    offset: int | None = None


@frozen(kw_only=True, repr=False)
class SignaDocumentUploadUrl(Answer):
    """Where to PUT a file, and with which headers. The URL is a secret: whoever has it can write the file."""

    url: str = field(repr=False)
    """Presigned, for a PUT within 5 minutes, of at most 5 MB and without a bearer token. Use it unchanged."""
    file_name: str
    """The staged name, to be given to `upload_session_document` as it is."""
    headers: Mapping[str, TextOrTexts] = field(factory=dict[str, TextOrTexts])
    """Every header that belongs to the signature; may be empty."""


@frozen(kw_only=True, repr=False)
class SignaSessionDocument(Answer):
    """A file that a finished session captured."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "kind", "available", "unavailable_reason")

    id: Id
    kind: SignaDocumentKind | None = None
    document_type: SignaDocumentType | None = None
    document_side: str | None = None
    """FRONT_SIDE or BACK_SIDE, where there are sides."""
    content_type: str | None = None
    available: bool | None = None
    unavailable_reason: SignaUnavailableReason | None = None


@frozen(kw_only=True, repr=False)
class SignaDocumentDownload(Answer):
    """A link to one file. It is a credential: fetch it with a plain GET, without a bearer token, and never log it."""

    _shown: ClassVar[tuple[str, ...]] = ("content_type", "expires_at")

    url: str = field(repr=False)
    """Presigned, for 15 minutes."""
    content_type: str | None = None
    expires_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class SignaAddress(Answer):
    """A residential address."""

    line: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None


@frozen(kw_only=True, repr=False)
class SignaIdentityDocument(Answer):
    """What an identity document says."""

    type: str | None = None
    """Such as PASSPORT or ID_CARD."""
    number: str | None = None
    """Read from the provider on every call and never stored; None when that fails."""
    issuing_country: str | None = None
    """ISO 3166-1 alpha-3."""
    issue_date: date | None = None
    expiry_date: date | None = None


@frozen(kw_only=True, repr=False)
class SignaApplicantData(Answer):
    """Personal data of a person, as extracted from the documents. Don't log or cache it."""

    _shown: ClassVar[tuple[str, ...]] = ("session_id",)

    session_id: Id
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    date_of_birth: date | None = None
    country: str | None = None
    """Residence, ISO 3166-1 alpha-3."""
    nationality: str | None = None
    """ISO 3166-1 alpha-3."""
    address: SignaAddress | None = None
    document: SignaIdentityDocument | None = None
    extracted_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class SignaApplicantDataResponse(Answer):
    """The whole answer, since its `data` may be null: nothing was captured."""

    _shown: ClassVar[tuple[str, ...]] = ("message",)

    message: str | None = None
    data: SignaApplicantData | None  # required: an answer without the key isn't the same as one with null


@frozen(kw_only=True, repr=False)
class SignaVerificationLink(Answer):
    """A link to the hosted page. It is a credential, and replaces every earlier one."""

    _shown: ClassVar[tuple[str, ...]] = ("link_expires_at",)

    verification_link: str = field(repr=False)
    link_expires_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class SignaCaptureLink(Answer):
    """A link to the former capture page. It is a credential."""

    _shown: ClassVar[tuple[str, ...]] = ("expires_at",)

    capture_url: str = field(repr=False)
    expires_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class SignaAccessToken(Answer):
    """A token for the Signa web SDK. It is a bearer credential: never log it or put it into a URL."""

    _shown: ClassVar[tuple[str, ...]] = ("expires_at",)

    access_token: str = field(repr=False)
    expires_at: datetime | None = None
    """30 minutes after it was made."""
