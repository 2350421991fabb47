"""Signa sessions: their states and timers, and the knobs that stand for the person and the reviewer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import attrs

from .clock import stamp
from .exchange import refuse
from .state import Upload, Verdict, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .exchange import Refusal
    from .state import Platform

__all__ = ["MODES", "SESSION_SECONDS", "TERMINAL", "Capture", "Signa", "SignaSession", "is_address_proof", "unknown"]

SESSION_SECONDS = 86400.0
MODES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("DOCUMENTS",): ("HEADLESS",),
    ("DOCUMENTS", "SELFIE", "FACE_MATCH"): ("HOSTED",),
    ("DOCUMENTS", "SELFIE", "FACE_MATCH", "PROOF_OF_ADDRESS"): ("HOSTED",),
    ("DOCUMENTS", "PROOF_OF_ADDRESS"): ("HOSTED", "HEADLESS"),
    ("PROOF_OF_ADDRESS",): ("HOSTED", "HEADLESS"),
}
"""Every supported requirement set in canonical order and its modes, the default first (events x-requirement-sets)."""

TERMINAL = frozenset({"APPROVED", "REJECTED", "EXPIRED", "CANCELLED"})
_WAITING = frozenset({"CREATED", "AWAITING_INPUT"})
_OPEN = _WAITING | {"IN_REVIEW"}
_STEPS = {"documents": "DOCUMENTS", "selfie": "SELFIE", "proof_of_address": "PROOF_OF_ADDRESS"}
_ADDRESS_TYPES = frozenset({"UTILITY_BILL", "BANK_STATEMENT"})


@attrs.define(kw_only=True)
class Capture:
    """A file that a session holds: registered by the merchant's server or captured on the page."""

    id: str
    """Opaque; its colon must be percent-encoded in paths."""
    kind: str
    type: str | None
    side: str | None
    content_type: str
    upload: Upload
    unavailable_reason: str | None = None


@attrs.define(kw_only=True)
class SignaSession:
    """One verification session."""

    id: str
    customer_reference: str
    idempotency_key: str
    requirements: tuple[str, ...]
    mode: str
    status: str
    created_at: float
    expires_at: float
    applicant: dict[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """What is known of the person, by customer field (`first_name`, `dob`, `id_number`, …)."""
    country: str = "NGA"
    steps: dict[str, str | None] = attrs.field(factory=dict[str, "str | None"])
    captures: list[Capture] = attrs.field(factory=list[Capture])
    reason: str | None = None
    rejection_type: str | None = None
    completed_at: float | None = None
    has_record: bool = True
    """Whether the provider holds an applicant record; without one the applicant data is null."""
    link: tuple[str, float] | None = attrs.field(default=None, repr=False)
    """The live verification link's token and when it stops working."""
    access_token: tuple[str, float] | None = attrs.field(default=None, repr=False)

    @property
    def judged(self) -> bool:
        """Whether it has a verdict, so that personal data may be read."""
        return self.status in {"APPROVED", "REJECTED"}


class Signa:
    """Every session, and what a test may do in the person's, the reviewer's and the platform's place.

    Attributes:
        verdict: what becomes of sessions that reach the review from now on.
        rejection_type: `FINAL` or `RETRYABLE`, of rejections by that verdict.
        enabled: whether the business may use Signa; create, upload, submit, links and personal data answer 403 if not.
        open_cap: how many sessions may be open at once.
        unfinished_setups: how many of the next creates leave the session CREATED, as when setup breaks off half way.
    """

    def __init__(self, platform: Platform) -> None:
        self.verdict = Verdict.verify()
        self.rejection_type: Literal["FINAL", "RETRYABLE"] = "RETRYABLE"
        self.enabled = True
        self.open_cap = 100
        self.unfinished_setups = 0
        self.sessions: dict[str, SignaSession] = {}
        self.by_key: dict[str, str] = {}
        self._platform = platform
        platform.clockwork.append(self.expire)

    # What a test may do

    def add(
        self,
        session_id: str,
        *,
        approved: bool = True,
        approved_at: float | None = None,
        documents: bool = True,
        applicant: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a session that was made elsewhere; the arguments are those of `Sandbox.add_signa_session`."""
        with self._platform.lock:
            at = self._platform.now() if approved_at is None else approved_at
            self.sessions[session_id] = SignaSession(
                id=session_id,
                customer_reference=session_id,
                idempotency_key=session_id,
                requirements=("DOCUMENTS",) if documents else ("PROOF_OF_ADDRESS",),
                mode="HEADLESS",
                status="APPROVED" if approved else "IN_REVIEW",
                created_at=at,
                expires_at=at + SESSION_SECONDS,
                applicant=dict(applicant or {}),
                completed_at=at if approved else None,
            )

    def complete(self, session_id: str) -> None:
        """Let the person finish the hosted page; the review follows, and the verdict with it unless it is held.

        Raises:
            KeyError: there is no such session.
            ValueError: it is not a HOSTED session that awaits input.
        """
        with self._platform.lock:
            session = self.sessions[session_id]
            if session.mode != "HOSTED" or session.status != "AWAITING_INPUT":
                raise ValueError(f"a {session.mode} session that is {session.status} has no page to finish")
            for step, state in session.steps.items():
                if state is not None:
                    session.steps[step] = "SUBMITTED"
            self._capture_hosted(session)
            self.review(session)
            self._platform.settle()

    def decide(
        self,
        session_id: str,
        outcome: Literal["APPROVED", "REJECTED"],
        *,
        reason: str | None = None,
        rejection_type: Literal["FINAL", "RETRYABLE"] = "RETRYABLE",
    ) -> None:
        """Give the verdict of a session in review by hand.

        Args:
            session_id: whose.
            outcome: the session's new status.
            reason: of a rejection, fit for the person's eyes.
            rejection_type: whether another attempt, in a new session, is worthwhile.

        Raises:
            KeyError: there is no such session.
            ValueError: it is not in review.
        """
        with self._platform.lock:
            session = self.sessions[session_id]
            if session.status != "IN_REVIEW":
                raise ValueError(f"the session is {session.status}, not IN_REVIEW")
            self._judge(session, outcome, reason, rejection_type)

    def forget_file(self, session_id: str, document_id: str) -> None:
        """Let a captured file fall to the storage lifecycle: it is NOT_RETAINED from now on, and its link answers 410."""
        with self._platform.lock:
            for capture in self.sessions[session_id].captures:
                if capture.id == document_id:
                    capture.unavailable_reason = "NOT_RETAINED"

    # What the handlers need

    def find(self, session_id: str) -> SignaSession:
        """Find a session, or refuse with 404."""
        if session_id not in self.sessions:
            raise unknown()
        return self.sessions[session_id]

    def open(self, session: SignaSession) -> None:
        """Finish a session's setup: from now on it awaits input."""
        session.status = "AWAITING_INPUT"
        session.steps = {step: "PENDING" if asked in session.requirements else None for step, asked in _STEPS.items()}

    def is_full(self) -> bool:
        """Tell whether the business has as many open sessions as it may."""
        return sum(each.status in _OPEN for each in self.sessions.values()) >= self.open_cap

    def review(self, session: SignaSession) -> None:
        """Start the review; unless it is held, the verdict follows once the present call is answered."""
        session.status = "IN_REVIEW"
        session.link = session.access_token = None
        match self.verdict.kind:
            case VerdictKind.VERIFY:
                self._platform.aftermath.append(partial(self._follow, session, "APPROVED", None))
            case VerdictKind.REJECT:
                self._platform.aftermath.append(partial(self._follow, session, "REJECTED", self.verdict.comment))
            case VerdictKind.HOLD:
                pass

    def cancel(self, session: SignaSession) -> None:
        """Cancel it; no webhook tells of that (signa_cancel_session)."""
        session.status = "CANCELLED"
        session.link = session.access_token = None

    def expire(self) -> None:
        """Expire what waited too long; a session in review never expires."""
        at = self._platform.now()
        for session in self.sessions.values():
            if session.status in _WAITING and at >= session.expires_at:
                session.status = "EXPIRED"
                session.link = session.access_token = None
                self._tell(session, "merchant.kyc.session.expired", {"expired_at": stamp(session.expires_at)})

    # Inside

    def _follow(self, session: SignaSession, outcome: str, reason: str | None) -> None:
        if session.status == "IN_REVIEW":
            self._judge(session, outcome, reason, self.rejection_type)

    def _judge(self, session: SignaSession, outcome: str, reason: str | None, rejection_type: str) -> None:
        rejected = outcome == "REJECTED"
        session.status, session.completed_at = outcome, self._platform.now()
        session.reason, session.rejection_type = (reason, rejection_type) if rejected else (None, None)
        more = {
            "requirements": list(session.requirements),
            "result": outcome,
            "rejection_reason": session.reason,
            "rejection_type": session.rejection_type,
            "completed_at": stamp(session.completed_at),
        }
        self._tell(session, "merchant.kyc.session.completed", more)

    def _tell(self, session: SignaSession, event: str, more: Mapping[str, Any]) -> None:
        data = {
            "session_id": session.id,
            "business_id": self._platform.business_id,
            "customer_reference": session.customer_reference,
            **more,
        }
        self._platform.events.append({"event": event, "data": data})

    def _capture_hosted(self, session: SignaSession) -> None:
        kinds = {
            "DOCUMENTS": ("DOCUMENT", "PASSPORT", "FRONT_SIDE"),
            "SELFIE": ("SELFIE", None, None),
            "FACE_MATCH": ("LIVENESS_REFERENCE", None, None),
            "PROOF_OF_ADDRESS": ("PROOF_OF_ADDRESS", "UTILITY_BILL", None),
        }
        for asked in session.requirements:
            kind, type, side = kinds[asked]
            upload = self.stage(session, f"{asked.lower()}.jpg", headers={})
            upload.content, upload.content_type = b"\xff\xd8\xff\xe0 captured", "image/jpeg"
            self.keep(session, upload, kind=kind, type=type, side=side, content_type="image/jpeg")

    def stage(self, session: SignaSession, name: str, *, headers: dict[str, str]) -> Upload:
        """Make room in the storage for one file of a session, under the name it is staged by."""
        platform = self._platform
        upload = Upload(
            file_id=platform.new_id(),
            customer_id=None,
            owner_id=None,
            category=f"{session.id}/{name}",
            signature=platform.new_secret(),
            expires_at=platform.now() + 300.0,
            headers=headers,
            any_type=True,
        )
        platform.uploads[upload.file_id] = upload
        return upload

    def keep(
        self, session: SignaSession, upload: Upload, *, kind: str, type: str | None, side: str | None, content_type: str
    ) -> None:
        """Add a stored file to a session."""
        number = 900 + sum(len(each.captures) for each in self.sessions.values())
        session.captures.append(
            Capture(id=f"sumsub:{number}", kind=kind, type=type, side=side, content_type=content_type, upload=upload)
        )


def is_address_proof(document_type: str) -> bool:
    """Tell whether a document type proves an address rather than an identity (signa_upload_document)."""
    return document_type in _ADDRESS_TYPES


def unknown() -> Refusal:
    """Make the 404 that unknown and foreign sessions get alike."""
    return refuse(404, "Verification session not found.")
