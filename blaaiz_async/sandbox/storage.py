"""The object store behind presigned URLs (contract/customers.yaml presigned_upload_put)."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .exchange import Answer, Refusal, refuse
from .state import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .exchange import Exchange
    from .state import Platform

__all__ = ["accept", "download_link", "fetch", "put", "require_sound", "target"]

UPLOAD_SECONDS = 300.0
DOWNLOAD_SECONDS = 120.0
MAX_BYTES = 25 * 1024 * 1024
CONTENT_TYPES = frozenset({"application/pdf", "image/jpeg", "image/png"})


def target(platform: Platform, call: Exchange, *, customer_id: str, category: str, owner_id: str | None = None) -> Answer:
    """Answer with a new upload target.

    Args:
        platform: the state.
        call: the call that asks; the URL is on the host it addressed.
        customer_id: whose file it will be.
        category: the slot the file is meant for.
        owner_id: the owner whose file it will be, if an owner's.
    """
    individual = owner_id is None and category != "document"
    # The file example returns Content-Type, the owner and document examples x-amz-acl (x-uncertain of the PUT).
    headers = {"Content-Type": "image/jpeg"} if individual else {"x-amz-acl": "private"}
    upload = Upload(
        file_id=platform.new_id(),
        customer_id=customer_id,
        owner_id=owner_id,
        category=category,
        signature=platform.new_secret(),
        expires_at=call.at + UPLOAD_SECONDS,
        headers=headers,
    )
    platform.uploads[upload.file_id] = upload
    shown: dict[str, Any] = {
        "file_id": upload.file_id,
        "url": f"{call.origin}/storage/{upload.file_id}?signature={upload.signature}",
        "headers": headers,
    }
    text = "Upload URL generated successfully"
    match platform.upload_envelope:
        case "arrays":
            named = {"Host": urlsplit(call.origin).netloc, **headers}
            shown["headers"] = {name: [value] for name, value in named.items()}
            body = {"message": text, **shown} if individual else shown
        case "documented" if not individual:
            body = {"message": text, "data": shown}
        case _:
            body = {"message": text, **shown}
    return Answer(body=body, customer_id=customer_id)


def put(platform: Platform, call: Exchange) -> Answer:
    """Answer `presigned_upload_put`: single use, five minutes, every signed header sent back, no bearer token."""
    upload = platform.uploads.get(call.params["file_id"])
    if "authorization" in call.headers:
        raise _denied(400, "InvalidArgument", "Only one auth mechanism allowed")
    if upload is None or not _same(upload.signature, call.query.get("signature", "")):
        raise _denied(403, "SignatureDoesNotMatch", "The request signature does not match")
    if upload.stored or call.at >= upload.expires_at:
        raise _denied(403, "AccessDenied", "Request has expired")
    if not _signed_headers_sent(upload.headers, call.headers):
        raise _denied(403, "SignatureDoesNotMatch", "There were headers signed which were not sent back")
    content_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in CONTENT_TYPES and not upload.any_type:
        raise _denied(403, "AccessDenied", "The content type is not allowed")
    upload.content, upload.content_type = call.body, content_type
    etag = hashlib.md5(call.body, usedforsecurity=False).hexdigest()
    return Answer(body=b"", headers={"etag": f'"{etag}"'}, customer_id=upload.customer_id)


def fetch(platform: Platform, call: Exchange) -> Answer:
    """Serve a stored document by its download link."""
    upload = platform.uploads.get(call.path.rpartition("/")[2])
    expires = call.query.get("expires", "")
    if upload is None or upload.content is None or not expires.isdecimal() or int(expires) <= call.at:
        raise _denied(403, "AccessDenied", "Request has expired")
    if not _same(_download_signature(upload, expires), call.query.get("signature", "")):
        raise _denied(403, "SignatureDoesNotMatch", "The request signature does not match")
    return Answer(body=upload.content, headers={"content-type": upload.content_type or ""})


def download_link(upload: Upload, origin: str, at: float, seconds: float = DOWNLOAD_SECONDS) -> str:
    """Make a link to a stored file that is good for two minutes, or as long as is said."""
    expires = str(int(at + seconds))
    return f"{origin}/storage/{upload.file_id}?expires={expires}&signature={_download_signature(upload, expires)}"


def accept(
    platform: Platform, field: str, file_id: object, *, customer_id: str, category: str, owner_id: str | None = None
) -> Upload:
    """Find the stored object that a slot is to hold, or refuse with 422."""
    upload = platform.uploads.get(file_id) if isinstance(file_id, str) else None
    meant = upload is not None and (upload.customer_id, upload.owner_id, upload.category) == (
        customer_id, owner_id, category,
    )  # fmt: skip
    if upload is None or not meant or not upload.stored:
        text = f"The selected {field.replace('_', ' ')} is invalid."
        raise refuse(422, text, errors={field: [text]})
    return upload


def require_sound(upload: Upload) -> Upload:
    """Refuse with 422 a stored object that is too large (owner and document files)."""
    if len(upload.content or b"") > MAX_BYTES:
        raise refuse(422, "Document file exceeds the 25 MB maximum.")
    return upload


def _signed_headers_sent(signed: Mapping[str, str], sent: Mapping[str, str]) -> bool:
    # The target cannot know the file's real type, so Content-Type need only be there; all else must be as signed.
    return all(
        name.lower() in sent and (name.lower() == "content-type" or sent[name.lower()] == value)
        for name, value in signed.items()
    )


def _download_signature(upload: Upload, expires: str) -> str:
    return hmac.new(upload.signature.encode(), expires.encode(), "sha256").hexdigest()


def _same(signature: str, given: str) -> bool:
    return hmac.compare_digest(signature.encode(), given.encode())


def _denied(status: int, code: str, text: str) -> Refusal:
    xml = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{text}</Message></Error>'
    return Refusal(Answer(status=status, body=xml.encode(), headers={"content-type": "application/xml"}))
