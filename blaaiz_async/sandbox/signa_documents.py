"""Signa's documents and personal data: staging, registering, and what may be read after a verdict."""

from __future__ import annotations

import base64
import binascii
from functools import wraps
from typing import TYPE_CHECKING, Any

import attrs

from . import storage
from .clock import stamp
from .exchange import Answer, Refusal, refuse
from .signa import HOSTED_ONLY, require_signa, shown
from .signa_sessions import Signa, is_address_proof
from .validation import Errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from .exchange import Exchange
    from .signa_sessions import Capture, SignaSession
    from .state import Platform, Upload

__all__ = ["HANDLERS", "LINK_SECONDS"]

EDGE_BYTES = 8 * 1024
INLINE_BYTES = 700 * 1024
STAGED_BYTES = 5 * 1024 * 1024
LINK_SECONDS = 900.0


def upload_url(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_create_document_upload_url`."""
    signa = require_signa(platform)
    session = signa.find(call.params["sessionId"])
    body, errors = call.json(), Errors()
    errors.check("SignaDocumentUploadUrlRequest", body, "events")
    errors.refuse()
    _require_open(session, body["id_doc_type"])
    name = f"{platform.new_secret()[:10]}_{body['file_name']}"
    upload = signa.stage(session, name, headers={})
    url = f"{call.origin}/storage/{upload.file_id}?signature={upload.signature}"
    data = {"url": url, "file_name": name, "headers": upload.headers}
    return Answer(body={"message": "Verification session document upload URL generated successfully.", "data": data})


def register(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_upload_document`: exactly one of a staged and an inline file."""
    if len(call.body) > EDGE_BYTES:
        # Status and shape of a refusal at the network edge are undocumented (x-uncertain).
        raise refuse(413, "Request Entity Too Large")
    signa = require_signa(platform)
    session = signa.find(call.params["sessionId"])
    body, errors = call.json(), Errors()
    errors.check("SignaUploadDocumentRequest", body, "events")
    errors.require(body, ("filename", "file_name", "content_base64"))
    errors.refuse()
    type: str = body["id_doc_type"]
    _require_open(session, type)
    upload = _staged(platform, session, body["file_name"]) if "file_name" in body else _inline(signa, session, body)
    kind = "SELFIE" if type == "SELFIE" else "PROOF_OF_ADDRESS" if is_address_proof(type) else "DOCUMENT"
    signa.keep(
        session,
        upload,
        kind=kind,
        type=None if kind == "SELFIE" else type,
        side=_side(session, type) if kind == "DOCUMENT" else None,
        content_type=body["content_type"],
    )
    step = {"DOCUMENT": "documents", "PROOF_OF_ADDRESS": "proof_of_address"}.get(kind)
    if step is not None and session.steps.get(step) is not None:
        session.steps[step] = "SUBMITTED"
    return Answer(body={"message": "Verification session document uploaded successfully.", "data": shown(platform, session)})


def _private(handler: Callable[[Platform, Exchange], Answer]) -> Callable[[Platform, Exchange], Answer]:
    """Send whatever a handler answers with `Cache-Control: no-store`, as every read of personal data is."""

    @wraps(handler)
    def answer(platform: Platform, call: Exchange) -> Answer:
        try:
            found = handler(platform, call)
        except Refusal as refusal:
            raise Refusal(_unstored(refusal.answer)) from None
        return _unstored(found)

    return answer


@_private
def list_(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_list_documents`."""
    session = _judged(platform, call)
    data = [_shown(each) for each in session.captures]
    return Answer(body={"message": "Session documents retrieved successfully.", "data": data})


@_private
def get(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_get_document`: a link, never the bytes."""
    session = _judged(platform, call)
    for capture in session.captures:
        if capture.id == call.params["documentId"]:
            if capture.unavailable_reason is not None:
                raise refuse(410, "This document is no longer available; it was removed under the storage lifecycle policy.")
            return Answer(body={"message": "Session document retrieved successfully.", "data": _linked(capture, call)})
    raise refuse(404, "Session document not found.")


@_private
def applicant_data(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_get_applicant_data`: what was extracted, or null when the provider holds no record."""
    session = _judged(platform, call)
    text = "Session applicant data retrieved successfully."
    if not session.has_record:
        return Answer(body={"message": text, "data": None})
    known = session.applicant
    data: dict[str, Any] = {
        "session_id": session.id,
        "first_name": known.get("first_name", "Amara"),
        "middle_name": known.get("middle_name"),
        "last_name": known.get("last_name", "Okafor"),
        "date_of_birth": known.get("dob", "1993-04-17"),
        "country": session.country,
        "nationality": session.country,
        "address": {
            "line": known.get("street"),
            "city": known.get("city"),
            "state": known.get("state"),
            "postal_code": known.get("zip_code"),
        },
        "document": {
            "type": next((each.type for each in session.captures if each.kind == "DOCUMENT"), "PASSPORT"),
            "number": known.get("id_number", "A01234567"),
            "issuing_country": session.country,
            "issue_date": "2021-03-02",
            "expiry_date": "2031-03-01",
        }
        if "DOCUMENTS" in session.requirements
        else None,
        "extracted_at": stamp(session.completed_at or call.at),
    }
    return Answer(body={"message": text, "data": data})


def _require_open(session: SignaSession, type: str) -> None:
    if type == "SELFIE" and "SELFIE" in session.requirements:
        text = "Documents of type SELFIE are not accepted for this session; the selfie is captured on the verification link."
        raise refuse(422, text)
    if session.mode != "HEADLESS":
        raise refuse(422, HOSTED_ONLY)
    if session.status != "AWAITING_INPUT":
        raise refuse(422, "This session no longer accepts documents.")


def _staged(platform: Platform, session: SignaSession, name: str) -> Upload:
    place = f"{session.id}/{name}"
    found = next((each for each in platform.uploads.values() if each.category == place and each.stored), None)
    if found is None:
        raise refuse(422, "No uploaded file was found under that name; upload to the presigned URL before confirming.")
    if len(found.content or b"") > STAGED_BYTES:
        raise refuse(422, "The uploaded file exceeds the 5 MB maximum.")
    return found


def _inline(signa: Signa, session: SignaSession, body: dict[str, Any]) -> Upload:
    try:
        content = base64.b64decode(body["content_base64"], validate=True)
    except (binascii.Error, ValueError) as fault:
        text = "The content base64 field must be valid base64."
        raise refuse(422, text, errors={"content_base64": [text]}) from fault
    if len(content) > INLINE_BYTES:
        raise refuse(422, "Inline content exceeds the 700 KB maximum; stage the file instead.")
    upload = signa.stage(session, f"inline/{len(session.captures)}", headers={})
    upload.content, upload.content_type = content, body["content_type"]
    return upload


def _side(session: SignaSession, type: str) -> str:
    return "BACK_SIDE" if any(each.type == type for each in session.captures) else "FRONT_SIDE"


def _judged(platform: Platform, call: Exchange) -> SignaSession:
    signa = platform.book(Signa)
    if not signa.enabled:
        raise refuse(403, "The MERCHANT_KYC feature is not enabled for this business.")
    session = signa.find(call.params["sessionId"])
    if not session.judged:
        raise refuse(409, "This session has not been approved or rejected yet.")
    return session


def _shown(capture: Capture) -> dict[str, Any]:
    return {
        "id": capture.id,
        "kind": capture.kind,
        "document_type": capture.type,
        "document_side": capture.side,
        "content_type": capture.content_type,
        "available": capture.unavailable_reason is None,
        "unavailable_reason": capture.unavailable_reason,
    }


def _linked(capture: Capture, call: Exchange) -> dict[str, Any]:
    return {
        "url": storage.download_link(capture.upload, call.origin, call.at, LINK_SECONDS),
        "content_type": capture.content_type,
        "expires_at": stamp(call.at + LINK_SECONDS),
    }


def _unstored(answer: Answer) -> Answer:
    return attrs.evolve(answer, headers={**answer.headers, "cache-control": "no-store"})


HANDLERS = {
    "signa_create_document_upload_url": upload_url,
    "signa_upload_document": register,
    "signa_list_documents": list_,
    "signa_get_document": get,
    "signa_get_applicant_data": applicant_data,
}
