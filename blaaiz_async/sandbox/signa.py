"""Signa sessions: create, list, read, submit, cancel, and the links and tokens of hosted ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .clock import stamp
from .exchange import Answer, refuse
from .signa_sessions import MODES, SESSION_SECONDS, TERMINAL, Signa, SignaSession
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform

__all__ = ["HANDLERS", "HOSTED_ONLY", "require_signa", "shown"]

LINK_SECONDS = 1800.0
RENEW_SECONDS = 600.0
"""With this much or less left, an access token is replaced rather than returned again (signa_issue_access_token)."""

HOSTED_ONLY = (
    "This session is completed by the end customer on the verification link. Send the customer the verification_link, "
    "or call POST /sessions/{id}/verification-link to issue a new one."
)
_HEADLESS_ONLY = "This session is completed by your server. Upload the documents the set asks for, then submit the session."
_ORDER = ("DOCUMENTS", "SELFIE", "FACE_MATCH", "PROOF_OF_ADDRESS")


def create(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_create_session`: a key used before gives its session back, and never a second one."""
    signa = require_signa(platform)
    body, errors = call.json(), Errors()
    errors.check("SignaCreateSessionRequest", body, "events")
    errors.require(body, ("customer_reference", "idempotency_key"))
    errors.refuse()
    requirements = tuple(name for name in _ORDER if name in body["requirements"])
    modes = MODES.get(requirements)
    if modes is None:
        sets = "; ".join(f"[{', '.join(each)}]" for each in MODES)
        errors.say("requirements", f"The requirements are not a supported set. Supported sets: {sets}.")
        raise errors.refusal()
    mode = body.get("fulfilment_mode", modes[0])
    if mode not in modes:
        errors.say("fulfilment_mode", f"The fulfilment mode {mode} is not available for these requirements.")
        raise errors.refusal()

    stored = signa.sessions.get(signa.by_key.get(body["idempotency_key"], ""))
    if stored is None:
        stored = _new(platform, call, body, requirements, mode)
    elif (stored.customer_reference, stored.requirements) != (body["customer_reference"], requirements):
        raise refuse(422, "This idempotency key was already used with other session details.")
    elif stored.status == "CREATED":
        _open(platform, stored, call.at)
    link = stored.link if stored.status == "AWAITING_INPUT" and stored.link and call.at < stored.link[1] else None
    data = {
        **shown(platform, stored),
        "verification_link": None if link is None else _link(call, link[0]),
        "link_expires_at": None if link is None else stamp(link[1]),
    }
    return Answer(body={"message": "Verification session created successfully.", "data": data})


def list_(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_list_sessions`, newest first."""
    errors = Errors()
    limit = _whole(errors, call, "limit", default=20, least=1, most=100)
    offset = _whole(errors, call, "offset", default=0, least=0, most=None)
    errors.refuse()
    found = list(reversed(platform.book(Signa).sessions.values()))
    data = {
        "sessions": [shown(platform, each) for each in found[offset : offset + limit]],
        "total": len(found),
        "limit": limit,
        "offset": offset,
    }
    return Answer(body={"message": "Verification sessions retrieved successfully.", "data": data})


def get(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_get_session`."""
    session = _find(platform, call)
    return _answer(platform, session, "Verification session retrieved successfully.")


def submit(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_submit_session`; the verdict comes after the answer."""
    signa = require_signa(platform)
    session = _find(platform, call)
    if session.mode != "HEADLESS":
        raise refuse(422, HOSTED_ONLY)
    if session.status != "AWAITING_INPUT":
        raise refuse(422, "This session can no longer be submitted.")
    if "PENDING" in session.steps.values():
        raise refuse(422, "Upload the documents before submitting this session for review.")
    signa.review(session)
    return _answer(platform, session, "Verification session submitted successfully.")


def cancel(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_cancel_session`; the entitlement does not gate it."""
    session = _find(platform, call)
    if session.status == "CANCELLED":
        raise refuse(422, "This session has already been cancelled.")
    if session.status in TERMINAL:
        raise refuse(422, "This session has already reached a final state and cannot be cancelled.")
    platform.book(Signa).cancel(session)
    return _answer(platform, session, "Verification session cancelled successfully.")


def issue_verification_link(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_issue_verification_link`; the link before it stops working."""
    session = _hosted(platform, call)
    token, ends = session.link = (platform.new_secret(), call.at + LINK_SECONDS)
    data = {"verification_link": _link(call, token), "link_expires_at": stamp(ends)}
    return Answer(body={"message": "Verification link issued successfully.", "data": data})


def issue_capture_link(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_issue_capture_link`, superseded by the verification link."""
    require_signa(platform)
    session = _find(platform, call)
    if "SELFIE" not in session.requirements:
        raise refuse(422, "This session has no selfie step to capture.")
    if session.status in TERMINAL:
        raise refuse(422, "This session has already reached a final state.")
    token, ends = session.link = (platform.new_secret(), call.at + LINK_SECONDS)
    data = {"capture_url": _link(call, token), "expires_at": stamp(ends)}
    return Answer(body={"message": "Capture link issued successfully.", "data": data})


def issue_access_token(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_issue_access_token`: the same token while more than ten minutes of it are left."""
    session = _hosted(platform, call)
    if session.access_token is None or session.access_token[1] - call.at <= RENEW_SECONDS:
        if session.access_token is not None:
            session.link = None
        session.access_token = (platform.new_secret(), call.at + LINK_SECONDS)
    token, ends = session.access_token
    data = {"access_token": token, "expires_at": stamp(ends)}
    return Answer(body={"message": "Access token issued successfully.", "data": data}, headers={"cache-control": "no-store"})


def require_signa(platform: Platform) -> Signa:
    """Give the book of sessions, or refuse with 403 when the business may not use Signa."""
    signa = platform.book(Signa)
    if not signa.enabled:
        raise refuse(403, "The Merchant KYC feature is not enabled for this business.", status=403)
    return signa


def shown(platform: Platform, session: SignaSession) -> dict[str, Any]:
    """Show a session as every read does: never with its link."""
    rejected = session.status == "REJECTED"
    return {
        "id": session.id,
        "business_id": platform.business_id,
        "customer_reference": session.customer_reference,
        "requirements": list(session.requirements),
        "fulfilment_mode": session.mode,
        "status": session.status,
        "steps": {step: session.steps.get(step) for step in ("documents", "selfie", "proof_of_address")},
        "rejection": {"reason": session.reason, "type": session.rejection_type} if rejected else None,
        "expires_at": stamp(session.expires_at),
        "completed_at": None if session.completed_at is None else stamp(session.completed_at),
        "created_at": stamp(session.created_at),
    }


def _new(platform: Platform, call: Exchange, body: dict[str, Any], asked: tuple[str, ...], mode: str) -> SignaSession:
    signa = platform.book(Signa)
    if signa.is_full():
        raise refuse(422, "Too many open verification sessions; complete, cancel, or let existing sessions expire.")
    applicant: dict[str, Any] = dict(body.get("applicant") or {})
    country: str = applicant.pop("country", "NGA")
    session = SignaSession(
        id=platform.new_id(),
        customer_reference=body["customer_reference"],
        idempotency_key=body["idempotency_key"],
        requirements=asked,
        mode=mode,
        status="CREATED",
        created_at=call.at,
        expires_at=call.at + SESSION_SECONDS,
        applicant=applicant,
        country=country,
        steps={},
    )
    signa.sessions[session.id] = session
    signa.by_key[session.idempotency_key] = session.id
    if signa.unfinished_setups:
        signa.unfinished_setups -= 1
    else:
        _open(platform, session, call.at)
    return session


def _open(platform: Platform, session: SignaSession, at: float) -> None:
    platform.book(Signa).open(session)
    if session.mode == "HOSTED":
        session.link = (platform.new_secret(), at + LINK_SECONDS)


def _hosted(platform: Platform, call: Exchange) -> SignaSession:
    require_signa(platform)
    session = _find(platform, call)
    if session.mode != "HOSTED":
        raise refuse(422, _HEADLESS_ONLY)
    if session.status in TERMINAL:
        raise refuse(422, "This session has already reached a final state.")
    return session


def _find(platform: Platform, call: Exchange) -> SignaSession:
    return platform.book(Signa).find(call.params["sessionId"])


def _answer(platform: Platform, session: SignaSession, text: str) -> Answer:
    return Answer(body={"message": text, "data": shown(platform, session)})


def _link(call: Exchange, token: str) -> str:
    # The host differs per environment, and a client must use the link as it is (signa_issue_verification_link).
    return f"{call.origin}/c/{token}"


def _whole(errors: Errors, call: Exchange, name: str, *, default: int, least: int, most: int | None) -> int:
    asked = call.query.get(name, str(default))
    if not asked.isdecimal():
        errors.say(name, f"The {name} must be an integer.")
        return default
    if int(asked) < least:
        errors.say(name, f"The {name} must be at least {least}.")
    if most is not None and int(asked) > most:
        errors.say(name, f"The {name} must not be greater than {most}.")
    return int(asked)


HANDLERS = {
    "signa_create_session": create,
    "signa_list_sessions": list_,
    "signa_get_session": get,
    "signa_submit_session": submit,
    "signa_cancel_session": cancel,
    "signa_issue_verification_link": issue_verification_link,
    "signa_issue_capture_link": issue_capture_link,
    "signa_issue_access_token": issue_access_token,
}
