"""Signa identity verification (contract/events.yaml signa_*): sessions, documents, links, and what was captured."""

import warnings
from collections.abc import AsyncIterator, Mapping
from typing import Any

from blaaiz_async.core import paging
from blaaiz_async.core.operation import Key, Look, Recovery, Safety, list_operation, operation
from blaaiz_async.core.waiting import News, until_settled
from blaaiz_async.services.base import Service
from blaaiz_async.types.signa import (
    SignaAccessToken,
    SignaApplicantData,
    SignaApplicantDataResponse,
    SignaCaptureLink,
    SignaCreatedSession,
    SignaCreateSessionRequest,
    SignaDocumentDownload,
    SignaDocumentUploadUrl,
    SignaDocumentUploadUrlRequest,
    SignaSession,
    SignaSessionDocument,
    SignaSessionList,
    SignaSessionStatus,
    SignaUploadDocumentRequest,
    SignaVerificationLink,
)

List = list  # inside the class, `list` is the method

_SESSIONS = "/api/external/compliance/kyc/sessions"
_SESSION = _SESSIONS + "/{sessionId}"
_DOCUMENTS = _SESSION + "/documents"

CREATE_SESSION = operation(
    "signa_create_session",
    "POST",
    _SESSIONS,
    SignaCreatedSession,
    scope="compliance-kyc:create",
    body=SignaCreateSessionRequest,
    key=Key(field="idempotency_key"),
)
LIST_SESSIONS = operation("signa_list_sessions", "GET", _SESSIONS, SignaSessionList, scope="compliance-kyc:read")
GET_SESSION = operation("signa_get_session", "GET", _SESSION, SignaSession, scope="compliance-kyc:read")


def _refused_twice(*after: SignaSessionStatus) -> Recovery:
    """Return the recovery of a step that is refused a second time: the session itself shows that it was taken."""
    look = Look(
        read=GET_SESSION,
        ask=lambda asked: {"path": {"sessionId": asked.path["sessionId"]}},
        fits=lambda _, found: found.status in after,
    )
    return Recovery(echo=lambda error: error.status_code == 422, look=look)


SUBMIT_SESSION = operation(
    "signa_submit_session",
    "POST",
    _SESSION + "/submit",
    SignaSession,
    scope="compliance-kyc:create",
    safety=Safety.IDEMPOTENT,
    recovery=_refused_twice(SignaSessionStatus.IN_REVIEW, SignaSessionStatus.APPROVED, SignaSessionStatus.REJECTED),
)
CANCEL_SESSION = operation(
    "signa_cancel_session",
    "POST",
    _SESSION + "/cancel",
    SignaSession,
    scope="compliance-kyc:cancel",
    safety=Safety.IDEMPOTENT,
    recovery=_refused_twice(SignaSessionStatus.CANCELLED),
)
CREATE_DOCUMENT_UPLOAD_URL = operation(
    "signa_create_document_upload_url",
    "POST",
    _DOCUMENTS + "/upload-url",
    SignaDocumentUploadUrl,
    scope="compliance-kyc:create",
    safety=Safety.IDEMPOTENT,  # a second target hurts nobody
    body=SignaDocumentUploadUrlRequest,
)
UPLOAD_DOCUMENT = operation(
    "signa_upload_document",
    "POST",
    _DOCUMENTS,
    SignaSession,
    scope="compliance-kyc:create",
    body=SignaUploadDocumentRequest,
    look=Look(read=GET_SESSION, ask=lambda asked: {"path": {"sessionId": asked.path["sessionId"]}}),
)
LIST_DOCUMENTS = list_operation("signa_list_documents", _DOCUMENTS, SignaSessionDocument, scope="compliance-kyc:pii:read")
GET_DOCUMENT = operation(
    "signa_get_document", "GET", _DOCUMENTS + "/{documentId}", SignaDocumentDownload, scope="compliance-kyc:pii:read"
)
GET_APPLICANT_DATA = operation(
    "signa_get_applicant_data",
    "GET",
    _SESSION + "/applicant-data",
    SignaApplicantDataResponse,
    scope="compliance-kyc:pii:read",
    under=(),
)
ISSUE_VERIFICATION_LINK = operation(
    "signa_issue_verification_link",
    "POST",
    _SESSION + "/verification-link",
    SignaVerificationLink,
    scope="compliance-kyc:create",
    safety=Safety.IDEMPOTENT,  # the newest link counts, and that is the one returned
)
ISSUE_CAPTURE_LINK = operation(
    "signa_issue_capture_link",
    "POST",
    _SESSION + "/capture-link",
    SignaCaptureLink,
    scope="compliance-kyc:create",
    safety=Safety.IDEMPOTENT,  # the newest link counts, and that is the one returned
    deprecated="use signa.issue_verification_link",
)
ISSUE_ACCESS_TOKEN = operation(
    "signa_issue_access_token",
    "POST",
    _SESSION + "/access-token",
    SignaAccessToken,
    scope="compliance-kyc:create",
    safety=Safety.IDEMPOTENT,  # the newest token counts, and that is the one returned
)

_PAGE = 100  # the most that signa_list_sessions takes


class SignaService(Service):
    """Identity verification of one person per session. Your business needs the Signa entitlement, or gets a 403.

    HOSTED sessions: hand out `verification_link`, or open the web SDK with an access token. HEADLESS sessions: stage and
    register documents, then submit. The verdict comes by webhook to `kyc_url`, or by `get_session`.
    """

    async def create_session(self, session: SignaCreateSessionRequest | Mapping[str, Any]) -> SignaCreatedSession:
        """Open a session for one person.

        Args:
            session: Who, what is to be checked and how. Keep your own `idempotency_key` with your records: giving it
                again returns the same session, as long as you live.

        Returns:
            The session, with the hosted link, which nothing returns again. CREATED instead of AWAITING_INPUT means that
            its setup isn't finished: make the same call again with `idempotency_key` as returned.

        Raises:
            InvalidRequestError: The requirements, or the mode for them, aren't supported; nothing was sent.
            UnprocessableEntityError: The key was used for another person or other requirements, or too many sessions
                are open.

        Scope `compliance-kyc:create`; operation signa_create_session.
        """
        return await self._call(CREATE_SESSION, body=session)

    async def list_sessions(self, *, limit: int | None = None, offset: int | None = None) -> SignaSessionList:
        """Return a part of the sessions, newest first.

        Args:
            limit: How many, 1 to 100; 20 if None.
            offset: How many to leave out first; none if None.

        Scope `compliance-kyc:read`; operation signa_list_sessions.
        """
        return await self._call(LIST_SESSIONS, query={"limit": limit, "offset": offset})

    def iterate(self) -> AsyncIterator[SignaSession]:
        """Yield all sessions, newest first, reading 100 at a time. Those that are opened meanwhile are not part of it.

        Scope `compliance-kyc:read`; operation signa_list_sessions.
        """

        async def fetch(offset: int) -> tuple[tuple[SignaSession, ...], int | None]:
            part = await self.list_sessions(limit=_PAGE, offset=offset)
            return part.sessions, part.total

        return paging.iterate_offsets(fetch)

    async def get_session(self, session_id: str) -> SignaSession:
        """Return a session as it is now. `rejection` says why one was REJECTED.

        Raises:
            NotFoundError: There is no such session in your business.

        Scope `compliance-kyc:read`; operation signa_get_session.
        """
        return await self._call(GET_SESSION, path={"sessionId": session_id})

    async def wait(self, session_id: str, *, deadline: float = 300.0, news: News | None = None) -> SignaSession:
        """Wait until a session has ended: APPROVED, REJECTED, EXPIRED or CANCELLED.

        Args:
            session_id: Which one.
            deadline: Seconds after which it gives up; a person may take days, so mind the webhook instead.
            news: As for `transactions.wait`.

        Raises:
            NotSettledError: The deadline passed; `last` is what was seen last.

        Scope `compliance-kyc:read`; operation signa_get_session.
        """
        what = f"session {session_id}"
        return await until_settled(lambda: self.get_session(session_id), _has_ended, what=what, deadline=deadline, news=news)

    async def submit_session(self, session_id: str) -> SignaSession:
        """Hand a HEADLESS session over for review. It then takes no more documents and no longer expires.

        Raises:
            UnprocessableEntityError: A step is PENDING, the session is HOSTED, or it was submitted before.
            OutcomeUnknownError: The answer was lost and the repeat refused: `get_session` tells whether it is IN_REVIEW.

        Scope `compliance-kyc:create`; operation signa_submit_session.
        """
        return await self._call(SUBMIT_SESSION, path={"sessionId": session_id})

    async def cancel_session(self, session_id: str) -> SignaSession:
        """Cancel a session that isn't final yet; its link dies at once. No webhook tells of it.

        Raises:
            UnprocessableEntityError: The session is final.
            OutcomeUnknownError: The answer was lost and the repeat refused: `get_session` tells whether it is CANCELLED.

        Scope `compliance-kyc:cancel`; operation signa_cancel_session.
        """
        return await self._call(CANCEL_SESSION, path={"sessionId": session_id})

    async def create_document_upload_url(
        self, session_id: str, request: SignaDocumentUploadUrlRequest | Mapping[str, Any]
    ) -> SignaDocumentUploadUrl:
        """Return where to PUT a document of a HEADLESS session.

        PUT the bytes, at most 5 MB, to `url` with `headers` and without a bearer token, within 5 minutes; then register
        the returned `file_name` with `upload_session_document`.

        Args:
            session_id: Which session.
            request: Your name for the file, and its kind.

        Raises:
            UnprocessableEntityError: The session takes no documents.

        Scope `compliance-kyc:create`; operation signa_create_document_upload_url.
        """
        return await self._call(CREATE_DOCUMENT_UPLOAD_URL, path={"sessionId": session_id}, body=request)

    async def upload_session_document(
        self, session_id: str, document: SignaUploadDocumentRequest | Mapping[str, Any]
    ) -> SignaSession:
        """Register a document, staged or inline, on a HEADLESS session that is AWAITING_INPUT.

        UTILITY_BILL and BANK_STATEMENT fill the proof of address, every other kind the documents step.

        Args:
            session_id: Which session.
            document: The staged `file_name`, or `content_base64` of a very small file.

        Raises:
            UnprocessableEntityError: The staged file is missing or over 5 MB, or the session takes no documents.
            OutcomeUnknownError: The answer was lost; `get_session` shows the state of the steps.

        Scope `compliance-kyc:create`; operation signa_upload_document.
        """
        return await self._call(UPLOAD_DOCUMENT, path={"sessionId": session_id}, body=document)

    async def issue_verification_link(self, session_id: str) -> SignaVerificationLink:
        """Replace the link of a HOSTED session. Earlier links may stop working at once.

        Raises:
            UnprocessableEntityError: The session is HEADLESS or final.

        Scope `compliance-kyc:create`; operation signa_issue_verification_link.
        """
        return await self._call(ISSUE_VERIFICATION_LINK, path={"sessionId": session_id})

    async def issue_capture_link(self, session_id: str) -> SignaCaptureLink:
        """Replace the link to the former capture page. Deprecated: use `issue_verification_link`.

        Raises:
            UnprocessableEntityError: The session is final or asks for no selfie.

        Scope `compliance-kyc:create`; operation signa_issue_capture_link.
        """
        warnings.warn(f"issue_capture_link: {ISSUE_CAPTURE_LINK.deprecated}", DeprecationWarning, stacklevel=2)
        return await self._call(ISSUE_CAPTURE_LINK, path={"sessionId": session_id})

    async def issue_access_token(self, session_id: str) -> SignaAccessToken:
        """Return a token that opens a HOSTED session in the web SDK.

        It lives 30 minutes. While more than 10 are left, the same one comes again; after that a new one, and the former
        token and the verification link stop working.

        Raises:
            UnprocessableEntityError: The session is HEADLESS or final.

        Scope `compliance-kyc:create`; operation signa_issue_access_token.
        """
        return await self._call(ISSUE_ACCESS_TOKEN, path={"sessionId": session_id})

    async def get_session_applicant_data(self, session_id: str) -> SignaApplicantData | None:
        """Return the personal data that a finished session captured; None if it captured none. Don't log or cache it.

        Raises:
            ConflictError: The session is neither APPROVED nor REJECTED.

        Scope `compliance-kyc:pii:read`, granted on request and part of no bundle; operation signa_get_applicant_data.
        """
        return (await self._call(GET_APPLICANT_DATA, path={"sessionId": session_id})).data

    async def list_session_documents(self, session_id: str) -> List[SignaSessionDocument]:
        """Return the files that a finished session captured, in no certain order.

        Raises:
            ConflictError: The session is neither APPROVED nor REJECTED.

        Scope `compliance-kyc:pii:read`, granted on request and part of no bundle; operation signa_list_documents.
        """
        return await self._call(LIST_DOCUMENTS, path={"sessionId": session_id})

    async def get_session_document(self, session_id: str, document_id: str) -> SignaDocumentDownload:
        """Return a link to one captured file, for 15 minutes. Fetch it with a plain GET, without a bearer token.

        Its own limit: 30 calls a minute and 600 an hour per business.

        Args:
            session_id: Which session.
            document_id: `id` from `list_session_documents`.

        Raises:
            ConflictError: The session is neither APPROVED nor REJECTED.
            GoneError: The file is no longer kept, for good.

        Scope `compliance-kyc:pii:read`, granted on request and part of no bundle; operation signa_get_document.
        """
        return await self._call(GET_DOCUMENT, path={"sessionId": session_id, "documentId": document_id})

    # The official SDK has these short names besides.
    create = create_session
    list = list_sessions
    get = get_session
    submit = submit_session
    cancel = cancel_session
    upload_document = upload_session_document


def _has_ended(session: SignaSession) -> bool:
    return session.status in (
        SignaSessionStatus.APPROVED,
        SignaSessionStatus.REJECTED,
        SignaSessionStatus.EXPIRED,
        SignaSessionStatus.CANCELLED,
    )
