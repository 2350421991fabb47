"""What an answer means: a payload, a page, or an error."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from blaaiz_async import errors
from blaaiz_async.core import codec, quota
from blaaiz_async.core.operation import Operation, Shape
from blaaiz_async.core.paging import Page
from blaaiz_async.core.transport import Reply
from blaaiz_async.errors import APIStatusError, PermissionDeniedError, RateLimitError, ResponseDecodeError

T = TypeVar("T")

_MOST_DIGITS = 15
"""A count or a time with more digits is nonsense; int() refuses thousands of them."""

_STATUS_ERRORS: dict[int, type[APIStatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    410: errors.GoneError,
    422: errors.UnprocessableEntityError,
}


def body(reply: Reply) -> tuple[Any, bool]:
    """Return the decoded JSON of an answer, None for none at all, and whether it could be read."""
    if not reply.body:
        return None, True
    try:
        return codec.from_json(reply.body), True
    except ValueError:
        return None, False


def payload(operation: Operation[Any], reply: Reply, found: Any) -> Any:
    """Return the payload of a success, unwrapped and decoded as the operation says. Raises ResponseDecodeError."""
    body = codec.as_object(found)
    inner = next((inside for key in operation.under if (inside := _at(body, key)) is not None), found)
    try:
        if operation.shape is Shape.ONE:
            # An array of one stands where an object was documented, in places; no body at all is no field at all.
            one = codec.as_list(inner)
            return codec.decode(one[0] if len(one) == 1 and one[0] is not None else {}, operation.answer)
        rows = [] if inner is found and any(key in body for key in operation.under) else codec.as_list(inner)
        return codec.decode(rows, list[operation.answer])  # type: ignore[name-defined]  # a runtime class
    except codec.DecodeError as error:
        raise ResponseDecodeError(operation.id, error.path, error.problem, status_code=reply.status) from None


def page(operation: Operation[list[T]], reply: Reply, found: Any, number: int) -> Page[T]:
    """Return page `number` of a listing. Raises ResponseDecodeError."""
    items = payload(operation, reply, found)
    whole = codec.as_object(found)
    meta = codec.as_object(whole.get("meta")) or whole  # some listings tell their page beside `data`
    told, last, total, size = (_count(meta, name) for name in ("current_page", "last_page", "total", "per_page"))
    if told is None and last is None and total is None:
        # Nothing tells where it ends: the links may, and else the first page without a new row.
        links = codec.as_object(whole.get("links"))
        last = number if "next" in links and links["next"] is None else None
    elif last is None and total is not None and size:
        last = max(1, -(-total // size))
    if told not in (None, number):
        # Where `page` is undocumented and may be ignored, the same rows would come again and the rest never.
        problem = f"expected page {number}, got page {told}"
        raise ResponseDecodeError(operation.id, "current_page", problem, status_code=reply.status)
    return Page(items=tuple(items), number=number, last=last, total=total)


def _at(body: Mapping[str, Any], place: str) -> Any:
    """Return what lies at a key, or at keys within keys: "data.data"."""
    name, _, rest = place.partition(".")
    return _at(codec.as_object(body.get(name)), rest) if rest else body.get(name)


def _count(meta: Mapping[str, Any], name: str) -> int | None:
    value = meta.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        value = int(value)
    return value if type(value) is int else None


def error(operation: Operation[Any], reply: Reply, found: Any) -> APIStatusError:
    """Return the error that an error status means."""
    body = codec.as_object(found)
    message = body.get("message") or body.get("error_description") or body.get("error")
    if not isinstance(message, str) or not message:
        message = "no message" if found is not None else "no JSON body"
    message = _masked(message)
    code = body.get("code") or body.get("error")
    details: dict[str, Any] = {
        "status_code": reply.status,
        "operation": operation.id,
        "errors": _field_errors(body.get("errors")),
        "code": code if isinstance(code, str) else None,
        "request_id": request_id(reply.headers, body),
        "headers": _safe_headers(reply.headers),
    }
    if reply.status == 403:
        return PermissionDeniedError(message, scopes=operation.scopes, **details)
    if reply.status == 429:
        return RateLimitError(message, retry_after=quota.retry_after(reply.headers), **details)
    if reply.status >= 500:
        return errors.ServerError(message, **details)
    return _STATUS_ERRORS.get(reply.status, APIStatusError)(message, **details)


def _field_errors(given: Any) -> dict[str, list[str]]:
    return {name: [_masked(str(text)) for text in codec.as_list(texts)] for name, texts in codec.as_object(given).items()}


_CARD_NUMBER = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")


def _masked(text: str) -> str:
    """Return the platform's words without anything that may be a card number."""
    return _CARD_NUMBER.sub("[number]", text)


def _safe_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an answer that are fit for a log."""
    names = ("retry-after", "date", "content-type", "x-request-id", "cf-ray")
    return {name.lower(): value for name, value in headers.items() if _is_safe(name.lower(), names)}


def _is_safe(name: str, names: tuple[str, ...]) -> bool:
    return name in names or name.startswith("x-ratelimit-")


def request_id(headers: Mapping[str, str], body: Any) -> str | None:
    """Return the platform's request id, from a header or from the body of an error."""
    found = headers.get("x-request-id") or codec.as_object(body).get("request_id")
    return codec.printable(str(found)) if found else None
