"""Signa sessions and Signa ID grants (contract/events.yaml Kyc…Webhook, SignaIdGrantRevokedWebhook)."""

from datetime import datetime
from typing import ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id
from blaaiz_async.types.signa import SignaRejectionType, SignaRequirement, SignaSessionStatus
from blaaiz_async.webhooks.event import Event, UrlKind


@frozen(kw_only=True, repr=False)
class SignaSessionResult(Answer):
    """What the review of a session found."""

    _shown: ClassVar[tuple[str, ...]] = ("session_id", "result")

    session_id: Id
    business_id: Id | None = None
    customer_reference: str | None = None
    """Yours."""
    requirements: tuple[SignaRequirement, ...] = ()
    result: SignaSessionStatus
    """APPROVED or REJECTED."""
    rejection_reason: str | None = None
    rejection_type: SignaRejectionType | None = None
    completed_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class SignaSessionDeadline(Answer):
    """Which session passed its deadline, and when."""

    _shown: ClassVar[tuple[str, ...]] = ("session_id",)

    session_id: Id
    business_id: Id | None = None
    customer_reference: str | None = None
    """Yours."""
    expired_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class SignaIdGrant(Answer):
    """Which release was withdrawn; more may be in `extra`."""

    _shown: ClassVar[tuple[str, ...]] = ("release_id",)

    release_id: Id


@frozen(kw_only=True, repr=False)
class SignaEvent(Event):
    """What became of a Signa session or a Signa ID grant."""

    _shown: ClassVar[tuple[str, ...]] = ("dedupe_key", "data")
    url_kind: ClassVar[UrlKind | None] = "kyc"

    event: str | None = None


@frozen(kw_only=True, repr=False)
class SignaSessionCompleted(SignaEvent):
    """The review of a session is finished; told once for each session, and never of a cancelled one."""

    data: SignaSessionResult

    @property
    def session_id(self) -> str:
        """The session's id, under `data`."""
        return self.data.session_id

    @property
    def customer_reference(self) -> str | None:
        """Yours, under `data`."""
        return self.data.customer_reference


@frozen(kw_only=True, repr=False)
class SignaSessionExpired(SignaEvent):
    """A session passed its deadline."""

    data: SignaSessionDeadline

    @property
    def session_id(self) -> str:
        """The session's id, under `data`."""
        return self.data.session_id

    @property
    def customer_reference(self) -> str | None:
        """Yours, under `data`."""
        return self.data.customer_reference


@frozen(kw_only=True, repr=False)
class SignaIdGrantRevoked(SignaEvent):
    """A person withdrew a Signa ID release: it can't be read any more; delete what you keep of it."""

    data: SignaIdGrant

    @property
    def release_id(self) -> str:
        """The release's id, under `data`."""
        return self.data.release_id
