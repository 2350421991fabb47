"""Signa ID (contract/events.yaml signa_id_*): releases of a verified person's data, and wallet status."""

from collections.abc import Mapping
from typing import Any

from blaaiz_async.core.operation import Key, operation
from blaaiz_async.services.base import Service
from blaaiz_async.types.signa import SignaDocumentDownload
from blaaiz_async.types.signa_id import (
    SignaCreatedRelease,
    SignaCreateReleaseRequest,
    SignaExchangeRequest,
    SignaReleaseRead,
    SignaWalletStatus,
)

_RELEASE = "/api/external/signa-id/releases/{releaseId}"

CREATE_RELEASE_REQUEST = operation(
    "signa_id_create_release_request",
    "POST",
    "/api/external/signa-id/release-requests",
    SignaCreatedRelease,
    scope="signa-id:release",
    body=SignaCreateReleaseRequest,
    key=Key(field="idempotency_key"),
)
EXCHANGE_RELEASE_CODE = operation(
    "signa_id_exchange_release_code",
    "POST",
    "/api/external/signa-id/releases/exchange",
    SignaReleaseRead,
    scope="signa-id:release",
    body=SignaExchangeRequest,
)
GET_RELEASE = operation("signa_id_get_release", "GET", _RELEASE, SignaReleaseRead, scope="signa-id:release")
GET_RELEASE_DOCUMENT = operation(
    "signa_id_get_release_document",
    "GET",
    _RELEASE + "/documents/{documentId}",
    SignaDocumentDownload,
    scope="signa-id:release",
)
GET_WALLET_STATUS = operation(
    "signa_id_get_wallet_status",
    "GET",
    "/api/v1/signa-id/public/wallets/{address}/status",
    SignaWalletStatus,  # without a scope: no token is sent
)


class SignaIdService(Service):
    """Data of people that Signa has verified before, released by themselves."""

    async def create_release_request(self, request: SignaCreateReleaseRequest | Mapping[str, Any]) -> SignaCreatedRelease:
        """Ask a verified person to release data. The request expires after 30 minutes.

        Its own limit: 30 calls a minute per business.

        Args:
            request: What is asked for, why, and from which page.

        Returns:
            The request, whose `request_token` the page gives to the web SDK. Keep its `id`. A missing token may mean that
            the key was used before: ask again with a new one.

        Scope `signa-id:release`, part of no bundle; operation signa_id_create_release_request.
        """
        return await self._call(CREATE_RELEASE_REQUEST, body=request)

    async def exchange_release_code(self, code: str) -> SignaReleaseRead:
        """Trade the one-time code from the web SDK for the released data. Don't log or cache the data.

        Its own limit: 30 calls a minute per business.

        Args:
            code: It works once, within 5 minutes.

        Returns:
            The release and the data. Check that `release.id` is the one you asked for.

        Raises:
            UnprocessableEntityError: The code is unknown, used or expired.
            OutcomeUnknownError: The answer was lost, and the code may be spent: read the release with `get_release`.

        Scope `signa-id:release`, part of no bundle; operation signa_id_exchange_release_code.
        """
        return await self._call(EXCHANGE_RELEASE_CODE, body=SignaExchangeRequest(code=code))

    async def get_release(self, release_id: str) -> SignaReleaseRead:
        """Return a release, with its data while access is ACTIVE: for 30 days, or until the person revokes it.

        Scope `signa-id:release`, part of no bundle; operation signa_id_get_release.
        """
        return await self._call(GET_RELEASE, path={"releaseId": release_id})

    async def get_release_document(self, release_id: str, document_id: str) -> SignaDocumentDownload:
        """Return a link to one released image, for 15 minutes. Fetch it with a plain GET, without a bearer token.

        Args:
            release_id: Of a release that asked for document_images.
            document_id: `id` from `data.document_images`.

        Raises:
            GoneError: The image is no longer kept.

        Scope `signa-id:release`, part of no bundle; operation signa_id_get_release_document.
        """
        return await self._call(GET_RELEASE_DOCUMENT, path={"releaseId": release_id, "documentId": document_id})

    async def get_wallet_status(self, address: str, chain_id: int | None = None) -> SignaWalletStatus:
        """Tell whether a blockchain wallet belongs to a verified person. No token is sent, and no personal data returned.

        Args:
            address: Of the wallet.
            chain_id: Such as 8453; None looks at all chains.

        No scope; operation signa_id_get_wallet_status.
        """
        return await self._call(GET_WALLET_STATUS, path={"address": address}, query={"chain_id": chain_id})
