"""Signa ID: release requests, codes, releases and their images, and the public status of wallets."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import attrs

from .clock import stamp
from .exchange import Answer, refuse
from .signa_documents import LINK_SECONDS
from .state import Upload
from .storage import download_link
from .validation import Errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .exchange import Exchange
    from .state import Platform

__all__ = ["HANDLERS", "SignaId"]

REQUEST_SECONDS = 1800.0
CODE_SECONDS = 300.0
ACCESS_SECONDS = 30 * 86400.0
_PERSON: Mapping[str, Any] = {
    "first_name": "Amara",
    "middle_name": None,
    "last_name": "Okafor",
    "date_of_birth": "1993-04-17",
    "nationality": "NGA",
    "line": "14 Adeola Odeku Street",
    "city": "Lagos",
    "state": "Lagos",
    "postal_code": "101241",
    "country": "NGA",
    "number": "A01234567",
}
_IDENTITY = ("first_name", "middle_name", "last_name", "date_of_birth", "nationality")
_ADDRESS = ("line", "city", "state", "postal_code", "country")


@attrs.define(kw_only=True)
class _Release:
    id: str
    asked: dict[str, Any]
    """The request's body."""
    token: str = attrs.field(repr=False)
    created_at: float
    expires_at: float
    status: str = "PENDING"
    released_at: float | None = None
    exchanged_at: float | None = None
    revoked: bool = False
    code: tuple[str, float] | None = attrs.field(default=None, repr=False)
    """The one-time code and when it stops working; None once it is spent."""
    person: dict[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    images: list[tuple[dict[str, Any], Upload]] = attrs.field(factory=list[tuple[dict[str, Any], Upload]], repr=False)


class SignaId:
    """Every release, and what a test may do in the person's place."""

    def __init__(self, platform: Platform) -> None:
        self.enabled = True
        """Whether the business may use Signa ID release; creating a request answers 403 if not."""
        self.releases: dict[str, _Release] = {}
        self.wallets: dict[str, dict[str, Any]] = {}
        self._platform = platform
        platform.clockwork.append(self.expire)

    def release(self, release_id: str, **person: str | None) -> str:
        """Let the person agree, and return the one-time code that the page would get: good once, for five minutes.

        Args:
            release_id: what they agree to.
            person: who they are, as the release shows it (`first_name`, `date_of_birth`, `line`, `number`, …).

        Raises:
            KeyError: there is no such release.
            ValueError: it is not PENDING any more.
        """
        with self._platform.lock:
            found, at = self._pending(release_id), self._platform.now()
            found.status, found.released_at = "RELEASED", at
            found.person = {**_PERSON, **person}
            digest = hashlib.sha256(self._platform.new_secret().encode()).digest()
            code = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            found.code = (code, at + CODE_SECONDS)
            if "document_images" in found.asked["scopes"]:
                found.images = [self._image(side) for side in ("FRONT_SIDE", "BACK_SIDE")]
            return code

    def decline(self, release_id: str) -> None:
        """Let the person say no.

        Raises:
            KeyError: there is no such release.
            ValueError: it is not PENDING any more.
        """
        with self._platform.lock:
            self._pending(release_id).status = "DECLINED"

    def revoke(self, release_id: str) -> None:
        """Let the person take their consent back: the release shows no data any more, and a webhook tells of it.

        Raises:
            KeyError: there is no such release.
            ValueError: nothing was released.
        """
        with self._platform.lock:
            found = self.releases[release_id]
            if found.released_at is None:
                raise ValueError(f"nothing was released: it is {found.status}")
            if not found.revoked:
                found.revoked = True
                self._platform.events.append({"event": "signa_id.grant.revoked", "data": {"release_id": release_id}})

    def forget_image(self, release_id: str, document_id: str) -> None:
        """Let one released image fall to the storage lifecycle: its link answers 410 from now on."""
        with self._platform.lock:
            for image, _ in self.releases[release_id].images:
                if image["id"] == document_id:
                    image.update(available=False, unavailable_reason="NOT_RETAINED")

    def attest(
        self, address: str, *, level: int = 2, country: str | None = "NGA", chain_ids: Iterable[int] = (8453,)
    ) -> None:
        """Make a blockchain wallet one of a verified Signa ID.

        Args:
            address: the wallet.
            level: 1 or 2.
            country: of the person.
            chain_ids: the chains it is attested on.
        """
        with self._platform.lock:
            attestations = [
                {"chain_id": chain, "uid": f"0x{self._platform.new_secret()}", "explorer_url": None} for chain in chain_ids
            ]
            self.wallets[address.casefold()] = {
                "verified": True,
                "level": level,
                "country": country,
                "expires_at": stamp(self._platform.now() + 365 * 86400.0),
                "attestations": attestations,
            }

    def expire(self) -> None:
        """Expire the requests that nobody answered in time."""
        at = self._platform.now()
        for each in self.releases.values():
            if each.status == "PENDING" and at >= each.expires_at:
                each.status = "EXPIRED"

    def _pending(self, release_id: str) -> _Release:
        self.expire()
        found = self.releases[release_id]
        if found.status != "PENDING":
            raise ValueError(f"the request is {found.status}, not PENDING")
        return found

    def _image(self, side: str) -> tuple[dict[str, Any], Upload]:
        platform = self._platform
        upload = Upload(
            file_id=platform.new_id(),
            customer_id=None,
            owner_id=None,
            category="signa_id",
            signature=platform.new_secret(),
            expires_at=platform.now(),
            headers={},
            content_type="image/jpeg",
            content=b"\xff\xd8\xff\xe0 released",
        )
        platform.uploads[upload.file_id] = upload
        shown: dict[str, Any] = {
            "id": f"sumsub:{upload.file_id}",
            "document_type": "ID_CARD",
            "document_side": side,
            "content_type": "image/jpeg",
            "available": True,
            "unavailable_reason": None,
        }
        return shown, upload


def create(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_id_create_release_request`; a key used before gives its request back without the token."""
    book = platform.book(SignaId)
    if not book.enabled:
        raise refuse(403, "The Signa ID feature is not enabled for this business.")
    body, errors = call.json(), Errors()
    errors.check("SignaCreateReleaseRequest", body, "events")
    errors.require(body, ("idempotency_key", "purpose", "origin"))
    errors.refuse()
    key = body["idempotency_key"]
    stored = next((each for each in book.releases.values() if each.asked["idempotency_key"] == key), None)
    if stored is None:
        new = _Release(
            id=platform.new_id(),
            asked=body,
            token=platform.new_secret(),
            created_at=call.at,
            expires_at=call.at + REQUEST_SECONDS,
        )
        book.releases[new.id] = new
        more = {"request_token": new.token, "release_url": f"{call.origin}/r/{new.token}"}
        return _created(call, new, more)
    if stored.asked != body:
        raise refuse(422, "This idempotency key was already used with other request details.")
    return _created(call, stored, {"request_token": None, "release_url": None})


def exchange(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_id_exchange_release_code`: once, within five minutes."""
    body, errors = call.json(), Errors()
    errors.check("SignaExchangeRequest", body, "events")
    errors.refuse()
    for each in platform.book(SignaId).releases.values():
        if each.code is not None and each.code[0] == body["code"] and call.at < each.code[1]:
            each.code, each.status, each.exchanged_at = None, "EXCHANGED", call.at
            return _read(each, call, "Release exchanged successfully.")
    text = "The release code is invalid, used or expired."
    raise refuse(422, text, errors={"code": [text]})


def get(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_id_get_release`."""
    return _read(_find(platform, call), call, "Release retrieved successfully.")


def get_document(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_id_get_release_document`: a link for 15 minutes."""
    release = _find(platform, call)
    wanted = call.params["documentId"]
    found = next((each for each in release.images if each[0]["id"] == wanted), None)
    if found is None or not _is_open(release, call.at):
        raise refuse(404, "Document not found.")
    image, upload = found
    if not image["available"]:
        raise refuse(410, "This document is no longer available; it was removed under the storage lifecycle policy.")
    data = {
        "url": download_link(upload, call.origin, call.at, LINK_SECONDS),
        "content_type": image["content_type"],
        "expires_at": stamp(call.at + LINK_SECONDS),
    }
    return Answer(
        body={"message": "Document link created successfully.", "data": data}, headers={"cache-control": "no-store"}
    )


def wallet_status(platform: Platform, call: Exchange) -> Answer:
    """Answer `signa_id_get_wallet_status`, the one operation that needs no token."""
    known = platform.book(SignaId).wallets.get(call.params["address"].casefold())
    chain = call.query.get("chain_id")
    attestations = [each for each in known["attestations"] if chain in {None, str(each["chain_id"])}] if known else []
    if known is None or not attestations:
        return Answer(body={"verified": False, "level": None, "country": None, "expires_at": None, "attestations": []})
    return Answer(body={**known, "attestations": attestations})


def _find(platform: Platform, call: Exchange) -> _Release:
    found = platform.book(SignaId).releases.get(call.params["releaseId"])
    if found is None:
        raise refuse(404, "Release not found.")
    return found


def _is_open(release: _Release, at: float) -> bool:
    return release.status == "EXCHANGED" and _access(release, at) == "ACTIVE"


def _access(release: _Release, at: float) -> str | None:
    if release.released_at is None:
        return None
    if release.revoked:
        return "REVOKED"
    return "ACTIVE" if at < release.released_at + ACCESS_SECONDS else "EXPIRED"


def _shown(release: _Release, at: float) -> dict[str, Any]:
    access, released = _access(release, at), release.released_at
    return {
        "id": release.id,
        "status": release.status,
        "purpose": release.asked["purpose"],
        "scopes": release.asked["scopes"],
        "origin": release.asked["origin"],
        "reference": release.asked.get("reference"),
        "expires_at": stamp(release.expires_at),
        "released_at": None if released is None else stamp(released),
        "exchanged_at": None if release.exchanged_at is None else stamp(release.exchanged_at),
        "access": None if released is None else {"status": access, "expires_at": stamp(released + ACCESS_SECONDS)},
        "created_at": stamp(release.created_at),
    }


def _created(call: Exchange, release: _Release, more: Mapping[str, Any]) -> Answer:
    data = {**_shown(release, call.at), **more}
    return Answer(body={"message": "Release request created successfully.", "data": data})


def _read(release: _Release, call: Exchange, text: str) -> Answer:
    data = _data(release) if _is_open(release, call.at) else None
    body = {"message": text, "data": {"release": _shown(release, call.at), "data": data}}
    return Answer(body=body, headers={"cache-control": "no-store"})


def _data(release: _Release) -> dict[str, Any]:
    person, released = release.person, stamp(release.released_at or 0.0)
    every: dict[str, Any] = {
        "identity": {name: person[name] for name in _IDENTITY},
        "id_document": {
            "type": "ID_CARD",
            "number": person["number"],
            "issuing_country": person["nationality"],
            "issue_date": "2021-03-02",
            "expiry_date": "2031-03-01",
        },
        "address": {name: person[name] for name in _ADDRESS},
        "document_images": [image for image, _ in release.images],
    }
    verification = {
        "status": "VERIFIED",
        "verified_at": released,
        "released_at": released,
        "liveness": "PASSED",
        "face_match": "PASSED",
    }
    return {"verification": verification, **{scope: every[scope] for scope in release.asked["scopes"]}}


HANDLERS = {
    "signa_id_create_release_request": create,
    "signa_id_exchange_release_code": exchange,
    "signa_id_get_release": get,
    "signa_id_get_release_document": get_document,
    "signa_id_get_wallet_status": wallet_status,
}
