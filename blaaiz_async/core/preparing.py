"""Encoding: from what a caller gave to a request that is ready to be sent, as often as it takes."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, cast
from urllib.parse import quote, urlencode

from attrs import evolve, field, fields, frozen

from blaaiz_async.core import checking, codec
from blaaiz_async.core.keys import new_key
from blaaiz_async.core.operation import Operation, Safety
from blaaiz_async.errors import Fault, InvalidRequestError

QueryValue = str | int | bool | date | None

_HEADER_KEY = re.compile(r"[!-~]([ -~]{0,253}[!-~])?", re.ASCII)
_ACCEPTED = {"accept": "application/json", "accept-encoding": "gzip, deflate"}


@frozen(kw_only=True)
class Prepared:
    """A request that is ready to be sent, as often as it takes."""

    operation: Operation[Any]
    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    repeatable: bool
    authorized: bool
    path: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    request: codec.Request | None = field(default=None, repr=False)
    key: str | None = None
    made_key: bool = False
    """Whether the key in the body was made for this call, so that nothing else can have been done under it."""

    @property
    def again(self) -> str:
        """How a write with a key is settled by the one who comes back later; empty without a key."""
        key, recovery = self.operation.key, self.operation.recovery
        if self.key is None or key is None:
            return ""
        settle = f", or settle it with {recovery.settle}" if recovery is not None and recovery.settle else ""
        return f"call again with the same {key.field} {self.key}{settle}"


def prepare(
    operation: Operation[Any],
    *,
    base_url: str,
    headers: Mapping[str, str],
    path: Mapping[str, str],
    query: Mapping[str, QueryValue],
    request: codec.Request | None,
    idempotency_key: str | None,
    wall: Callable[[], float],
) -> Prepared:
    """Return the request of an operation, with its key if it has one. Raises InvalidRequestError."""
    ready = {**_ACCEPTED, **headers}
    content, key, made_key = None, None, False
    repeatable = operation.safety is not Safety.WRITE
    if operation.key is not None and operation.key.header:
        key = new_key(wall) if idempotency_key is None else idempotency_key
        if not _HEADER_KEY.fullmatch(key):
            fault = Fault(field="idempotency_key", rule="value", message="must be 1 to 255 printable ASCII characters")
            raise InvalidRequestError(operation.id, [fault])
        ready[operation.key.field] = key
    if request is not None:
        repeatable = repeatable and request.__repeatable__()
        if operation.key is not None and not operation.key.header:
            made_key = not getattr(request, operation.key.field)
            request, key = _with_key(request, operation.key.field, wall)
        content = codec.to_json(codec.encode(request))
        ready["content-type"] = "application/json"
    return Prepared(
        operation=operation,
        url=base_url + _fill(operation, path) + _query(query),
        headers=ready,
        content=content,
        repeatable=repeatable,
        authorized=bool(operation.scopes),
        path=path,
        request=request,
        key=key,
        made_key=made_key,
    )


def prepare_form(operation: Operation[Any], values: Mapping[str, str], *, base_url: str, user_agent: str) -> Prepared:
    """Return a form to be sent without a token."""
    return Prepared(
        operation=operation,
        url=base_url + operation.path,
        headers={**_ACCEPTED, "content-type": "application/x-www-form-urlencoded", "user-agent": user_agent},
        content=urlencode(values).encode(),
        repeatable=True,
        authorized=False,
    )


def check(operation: Operation[Any], body: codec.Request | Mapping[str, Any] | None, today: date) -> codec.Request:
    """Return the body as a checked request. Raises InvalidRequestError with every fault."""
    kind: type[codec.Request] = _kind_of(operation, body)
    request, faults = checking.read_request(kind, body, today)
    if faults or request is None:
        raise InvalidRequestError(operation.id, faults)
    return request


def _kind_of(operation: Operation[Any], body: codec.Request | Mapping[str, Any] | None) -> type[Any]:
    """Return which of the operation's request classes the body is, or should be read as."""
    kinds = operation.body
    for kind in kinds:
        if isinstance(body, kind):
            return kind
    if len(kinds) == 1 or not isinstance(body, Mapping):
        return kinds[0]
    # The field that tells them apart is the first one with a constant, such as type="business".
    tag = next(a.name for a in fields(cast("Any", kinds[0])) if type(a.default) is str)
    by_tag = {getattr(fields(cast("Any", kind)), tag).default: kind for kind in kinds}
    given = body.get(tag)
    if not isinstance(given, str) or given not in by_tag:
        text = f"must be one of {', '.join(by_tag)}"
        raise InvalidRequestError(operation.id, [Fault(field=tag, rule="value", message=text)])
    return by_tag[given]


def _with_key(request: codec.Request, field: str, wall: Callable[[], float]) -> tuple[codec.Request, str]:
    """Return the request with its key, and the key: the caller's own, or a new one."""
    given = getattr(request, field)
    if given:
        return request, given
    key = new_key(wall)
    return evolve(cast("Any", request), **{field: key}), key


def _fill(operation: Operation[Any], values: Mapping[str, str]) -> str:
    path = operation.path
    for name, value in values.items():
        # "." and ".." would climb the path; anything else is safe once it is quoted.
        if type(value) is not str or not value.strip() or value in (".", ".."):
            fault = Fault(field=name, rule="missing", message="must be an id, not empty")
            raise InvalidRequestError(operation.id, [fault])
        path = path.replace("{" + name + "}", quote(value, safe=""))
    return path


def _query(values: Mapping[str, QueryValue]) -> str:
    texts = {
        name: ("true" if value else "false") if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }
    return f"?{urlencode(texts)}" if texts else ""
