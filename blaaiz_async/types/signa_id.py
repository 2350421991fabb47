"""Signa ID: releases of a verified person's data, and wallet status (contract/events.yaml signa_id_*)."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from attrs import field, frozen

from blaaiz_async.core.codec import Answer, Id, OpenStrEnum, Request, Rule
from blaaiz_async.types.rules import Text
from blaaiz_async.types.signa import SignaIdentityDocument, SignaUnavailableReason

# -- values ------------------------------------------------------------------------------------------------------------

SignaReleaseScopeName = Literal["identity", "id_document", "address", "document_images"]


class SignaReleaseScope(OpenStrEnum):
    """Which part of a person's data is asked for."""

    IDENTITY = "identity"
    ID_DOCUMENT = "id_document"
    ADDRESS = "address"
    DOCUMENT_IMAGES = "document_images"


class SignaReleaseStatus(OpenStrEnum):
    """State of a release request, which expires after 30 minutes."""

    PENDING = "PENDING"
    RELEASED = "RELEASED"
    EXCHANGED = "EXCHANGED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"


class SignaAccessStatus(OpenStrEnum):
    """Whether released data may still be read; the window is 30 days."""

    ACTIVE = "ACTIVE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    UNAVAILABLE = "UNAVAILABLE"


# -- requests ----------------------------------------------------------------------------------------------------------

Origin = Annotated[
    str,
    Rule(
        "origin",
        lambda value: re.fullmatch(r"https?://[^\s/?#@]+", value) is not None,
        "an origin as window.location.origin gives it, without a path or slash at the end, such as https://example.com",
    ),
]


@frozen(kw_only=True, repr=False)
class SignaCreateReleaseRequest(Request):
    """Asks a verified person to release data (contract schema SignaCreateReleaseRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("idempotency_key", "origin")

    idempotency_key: Text | None = None
    """The library makes one if it is None."""
    purpose: Text
    """The reason, shown to the person."""
    scopes: Annotated[Sequence[SignaReleaseScopeName], Rule("empty", lambda value: len(value) > 0, "one scope or more")]
    origin: Origin
    """Exactly `window.location.origin` of the page that opens the popup."""
    reference: Text | None = None
    """Your own reference."""


@frozen(kw_only=True, repr=False)
class SignaExchangeRequest(Request):
    """A one-time code to trade for the released data (contract schema SignaExchangeRequest)."""

    code: Text
    """From the web SDK; it works once, within 5 minutes."""


# -- answers -----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class SignaReleaseAccess(Answer):
    """Whether released data may be read, and until when."""

    _shown: ClassVar[tuple[str, ...]] = ("status", "expires_at")

    status: SignaAccessStatus | None = None
    expires_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class SignaRelease(Answer):
    """A release request and its state."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "status", "origin")

    id: Id
    status: SignaReleaseStatus | None = None
    purpose: str | None = None
    scopes: tuple[SignaReleaseScope, ...] = ()
    origin: str | None = None
    reference: str | None = None
    expires_at: datetime | None = None
    """Until when the person may agree: 30 minutes after it was made."""
    released_at: datetime | None = None
    exchanged_at: datetime | None = None
    access: SignaReleaseAccess | None = None
    created_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class SignaCreatedRelease(SignaRelease):
    """A new release request, with what the page needs."""

    request_token: str | None = field(default=None, repr=False)
    """A credential for the web SDK's `requestData`. None may mean that the key was used before: ask with a new one."""
    release_url: str | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    """The key the request was made by: your own, or the one the library made."""


@frozen(kw_only=True, repr=False)
class SignaReleasedVerification(Answer):
    """How the person was verified."""

    _shown: ClassVar[tuple[str, ...]] = ("status", "liveness", "face_match")

    status: str | None = None
    """VERIFIED."""
    verified_at: datetime | None = None
    released_at: datetime | None = None
    liveness: str | None = None
    """PASSED."""
    face_match: str | None = None
    """PASSED."""


@frozen(kw_only=True, repr=False)
class SignaReleasedIdentity(Answer):
    """Who the person is."""

    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    date_of_birth: date | None = None
    nationality: str | None = None


@frozen(kw_only=True, repr=False)
class SignaReleasedAddress(Answer):
    """Where the person lives."""

    line: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


@frozen(kw_only=True, repr=False)
class SignaReleasedDocumentImage(Answer):
    """An image of a document; `signa_id.get_release_document` gives the link."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "available", "unavailable_reason")

    id: Id
    document_type: str | None = None
    document_side: str | None = None
    content_type: str | None = None
    available: bool | None = None
    unavailable_reason: SignaUnavailableReason | None = None


@frozen(kw_only=True, repr=False)
class SignaReleasedData(Answer):
    """Personal data that a person released; only the parts that were asked for. Don't log or cache it."""

    verification: SignaReleasedVerification | None = None
    identity: SignaReleasedIdentity | None = None
    id_document: SignaIdentityDocument | None = None
    address: SignaReleasedAddress | None = None
    document_images: tuple[SignaReleasedDocumentImage, ...] = ()


@frozen(kw_only=True, repr=False)
class SignaReleaseRead(Answer):
    """A release, and the released data while it may be read."""

    _shown: ClassVar[tuple[str, ...]] = ("release",)

    release: SignaRelease
    data: SignaReleasedData | None = None
    """None before the exchange, and whenever `release.access.status` isn't ACTIVE."""


@frozen(kw_only=True, repr=False)
class SignaWalletAttestation(Answer):
    """An attestation on a blockchain."""

    _shown: ClassVar[tuple[str, ...]] = ("chain_id", "uid")

    chain_id: int
    uid: str | None = None
    explorer_url: str | None = None


@frozen(kw_only=True, repr=False)
class SignaWalletStatus(Answer):
    """Whether a blockchain wallet belongs to a verified person."""

    _shown: ClassVar[tuple[str, ...]] = ("verified", "level")

    verified: bool
    level: int | None = None
    """1 or 2."""
    country: str | None = None
    expires_at: datetime | None = None
    attestations: tuple[SignaWalletAttestation, ...] = ()
