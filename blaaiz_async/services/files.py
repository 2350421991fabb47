"""Uploads (contract/customers.yaml files_get_presigned_url and the owner and document targets, presigned_upload_put).

An upload is: ask for a target, PUT the bytes there. The target's host is the storage's, not the API's: it never sees the
bearer token, and its calls don't count against the rate limit.
"""

import base64
import binascii
import math
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
from attrs import field, frozen

from blaaiz_async.core.attempts import begin
from blaaiz_async.core.operation import Safety, operation
from blaaiz_async.core.retry import Again
from blaaiz_async.core.transport import Unanswered
from blaaiz_async.errors import Fault, InvalidRequestError, UploadError
from blaaiz_async.services.base import Service
from blaaiz_async.types.common import Message, UploadTarget
from blaaiz_async.types.customers import FileCategory, FileUrlRequest
from blaaiz_async.types.kyb import OwnerFileCategory, OwnerFileUrlRequest

# Asking twice for a target makes a second one, and nobody is hurt.
GET_PRESIGNED_URL = operation(
    "files_get_presigned_url",
    "POST",
    "/api/external/file/get-presigned-url",
    UploadTarget,
    scope="file:upload",
    safety=Safety.IDEMPOTENT,
    body=FileUrlRequest,
)
GET_OWNER_FILE_PRESIGNED_URL = operation(
    "customer_owners_get_file_presigned_url",
    "POST",
    "/api/external/customer/{customer_id}/owner/{owner_id}/file/presigned-url",
    UploadTarget,
    scope="customer:write",
    safety=Safety.IDEMPOTENT,
    body=OwnerFileUrlRequest,
)
GET_DOCUMENT_PRESIGNED_URL = operation(
    "customer_documents_get_presigned_url",
    "POST",
    "/api/external/customer/{customer_id}/document/presigned-url",
    UploadTarget,
    scope="customer:write",
    safety=Safety.IDEMPOTENT,
)
PUT = operation("presigned_upload_put", "PUT", "/{presigned_upload_url}", Message, under=(), limited=False)

MAX_FILE_BYTES = 25 * 1024 * 1024
"""25 MB, as the contract states for owner and KYB files; the storage refuses more."""

_CHUNK = 64 * 1024
_KINDS = "must be bytes, a path object, an async stream of bytes or a base64 data URL"
_MAGIC = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"%PDF-", "application/pdf"))

FileSource = bytes | os.PathLike[str] | AsyncIterable[bytes] | str
"""A file: its bytes, a path, an async stream of bytes, or a data URL (`data:image/png;base64,…`)."""


def content_type_of(head: bytes) -> str | None:
    """Return the MIME type that the first bytes of a file tell: JPEG, PNG or PDF; None if it's none of them."""
    return next((mime for magic, mime in _MAGIC if head.startswith(magic)), None)


@frozen(kw_only=True)
class _Content:
    """A file that is ready to be sent, once or as often as it takes."""

    content_type: str
    size: int
    open: Callable[[], AbstractAsyncContextManager[AsyncIterable[bytes] | bytes]] = field(repr=False)
    """Holds the file open for one attempt."""


class FilesService(Service):
    """Uploads of identity files, owners' ID images and KYB documents."""

    async def get_presigned_url(self, request: FileUrlRequest | Mapping[str, Any]) -> UploadTarget:
        """Return where to PUT an identity file of an individual.

        Args:
            request: `customer_id` and `file_category`: identity, identity_back, proof_of_address or liveness_check.

        Raises:
            BadRequestError: The customer is a business.

        Scope `file:upload`; operation files_get_presigned_url.
        """
        return await self._call(GET_PRESIGNED_URL, body=request)

    async def upload(
        self,
        customer_id: str,
        source: FileSource,
        *,
        file_category: FileCategory,
        content_type: str | None = None,
    ) -> str:
        """Upload an identity file of an individual, and return the file id to attach with `customers.upload_files`.

        Args:
            customer_id: Whose file it is.
            source: Bytes, a path, an async stream of bytes, or a data URL; at most 25 MB of JPEG, PNG or PDF.
            file_category: Which slot it is for.
            content_type: MIME type; told from the content if None.

        Raises:
            InvalidRequestError: The file is empty, too large or of another kind. Nothing was sent.
            UploadError: The storage didn't take it.

        Scope `file:upload`; operations files_get_presigned_url and presigned_upload_put.
        """
        body = FileUrlRequest(customer_id=customer_id, file_category=file_category)
        return await self._upload(source, content_type, lambda: self.get_presigned_url(body))

    async def upload_owner_file(
        self,
        customer_id: str,
        owner_id: str,
        source: FileSource,
        *,
        file_category: OwnerFileCategory,
        content_type: str | None = None,
    ) -> str:
        """Upload an ID image of an owner, and return the file id to attach with `customers.upload_owner_files`.

        Args and errors as in `upload`; `file_category` is id_document_front or id_document_back.

        Scope `customer:write`; operations customer_owners_get_file_presigned_url and presigned_upload_put.
        """
        path = {"customer_id": customer_id, "owner_id": owner_id}
        body = OwnerFileUrlRequest(file_category=file_category)
        return await self._upload(
            source, content_type, lambda: self._call(GET_OWNER_FILE_PRESIGNED_URL, path=path, body=body)
        )

    async def upload_document(self, customer_id: str, source: FileSource, *, content_type: str | None = None) -> str:
        """Upload a KYB document, and return the file id to register with `customers.create_document`.

        Args and errors as in `upload`.

        Scope `customer:write`; operations customer_documents_get_presigned_url and presigned_upload_put.
        """
        path = {"customer_id": customer_id}
        return await self._upload(source, content_type, lambda: self._call(GET_DOCUMENT_PRESIGNED_URL, path=path))

    async def _upload(
        self, source: FileSource, content_type: str | None, get_target: Callable[[], Awaitable[UploadTarget]]
    ) -> str:
        content = await _read(source, content_type)

        async def attempt() -> str:
            # A target takes a single PUT, so every attempt asks for a fresh one.
            target = await get_target()
            try:
                await self._put(target, content)
            except UploadError as error:
                if isinstance(source, AsyncIterable):
                    raise  # a stream can't be read twice
                raise Again(error) from None
            return target.file_id

        options = self._caller.options
        course = begin(options)
        # The retry policy's deadline is for calls, and a large file takes its time; one that was asked for cuts it short.
        with anyio.CancelScope(deadline=math.inf if options.deadline is None else course.deadline):
            return await options.retry.run(attempt, course)
        raise UploadError(PUT.id, "the deadline passed")

    async def _put(self, target: UploadTarget, content: _Content) -> None:
        if not _is_safe(target.url, self._caller.base_url):
            raise UploadError(PUT.id, "the platform named an upload address that isn't https; nothing was sent there")
        headers = {name.lower(): ",".join(v) if isinstance(v, list) else v for name, v in target.headers.items()}
        headers.pop("host", None)  # the HTTP client's own
        headers.setdefault("content-type", content.content_type)
        headers["content-length"] = str(content.size)
        try:
            async with content.open() as body:
                timeout = self._caller.options.timeout
                reply = await self._caller.transport.send("PUT", target.url, headers=headers, content=body, timeout=timeout)
        except Unanswered as verdict:
            # From None: a transport error holds the request, and that the link.
            raise UploadError(PUT.id, f"no whole answer from the storage ({verdict})") from None
        if not 200 <= reply.status < 300:
            raise UploadError(PUT.id, f"the storage answered {reply.status}", status_code=reply.status)
        if not reply.headers.get("etag"):
            raise UploadError(PUT.id, "the storage gave no ETag as proof", status_code=reply.status)


async def _read(source: FileSource, content_type: str | None) -> _Content:
    if isinstance(source, str):
        source = _data_url(source)
    if isinstance(source, os.PathLike):
        return await _from_path(Path(source), content_type)
    if not isinstance(source, bytes | bytearray | memoryview):
        if not hasattr(source, "__aiter__"):
            raise _refused("kind", _KINDS)
        # The storage wants the length in advance.
        source = await _gather(source)
    data = bytes(source)
    kind = _checked(len(data), data[:16], content_type)
    return _Content(content_type=kind, size=len(data), open=lambda: nullcontext(data))


async def _from_path(path: Path, content_type: str | None) -> _Content:
    try:
        async with await anyio.open_file(path, "rb") as file:
            head = await file.read(16)
        size = (await anyio.Path(path).stat()).st_size
    except OSError as error:
        raise _refused("missing", f"can't be read: {error.strerror}") from None

    @asynccontextmanager
    async def opened() -> AsyncGenerator[AsyncIterable[bytes], None]:
        async with await anyio.open_file(path, "rb") as file:
            yield _chunks(file, size)

    return _Content(content_type=_checked(size, head, content_type), size=size, open=opened)


async def _chunks(file: anyio.AsyncFile[bytes], size: int) -> AsyncIterator[bytes]:
    # Counted, not read to its end: once it has the whole body, an HTTP client may never ask for more.
    left = size
    while left > 0 and (chunk := await file.read(min(_CHUNK, left))):
        left -= len(chunk)
        yield chunk


async def _gather(stream: AsyncIterable[bytes]) -> bytes:
    data = bytearray()
    async for chunk in stream:
        data += chunk
        if len(data) > MAX_FILE_BYTES:
            raise _refused("too_large", "is larger than 25 MB")
    return bytes(data)


def _data_url(text: str) -> bytes:
    if text.startswith(("http://", "https://")):
        raise _refused("url", "is a web address, which isn't fetched: download it yourself and give its bytes")
    header, comma, encoded = text.partition(",")
    if not header.startswith("data:") or not header.endswith(";base64") or not comma:
        raise _refused("kind", _KINDS)
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise _refused("base64", "holds broken base64") from None


def _checked(size: int, head: bytes, content_type: str | None) -> str:
    if size == 0:
        raise _refused("empty", "is empty")
    if size > MAX_FILE_BYTES:
        raise _refused("too_large", "is larger than 25 MB")
    found = content_type_of(head)
    if found is None:
        raise _refused("content", "is neither JPEG, PNG nor PDF by its content")
    if content_type not in (None, found):
        raise _refused("content", f"is {found} by its content, not what content_type says")
    return found


def _refused(rule: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(PUT.id, [Fault(field="file", rule=rule, message=message)])


def _is_safe(url: str, base_url: str) -> bool:
    """Tell whether an upload address is https, or on the very host that the client was told to talk plain http to."""
    return urlsplit(url).scheme == "https" or url.startswith(base_url + "/")
