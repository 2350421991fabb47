"""One call, from a service method to the platform and back.

encode → [budget → token → send → judge], repeated by the policy → decode
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, date, datetime
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar, cast
from urllib.parse import quote, urlencode

import anyio
from attrs import evolve, field, fields, frozen

from blaaiz_async.core import checking, codec, reading
from blaaiz_async.core.budget import NoSlotInTimeError, Priority, RateBudget
from blaaiz_async.core.keys import new_key
from blaaiz_async.core.operation import Operation, Safety
from blaaiz_async.core.paging import Page
from blaaiz_async.core.retry import UNCERTAIN_STATUSES, Again, RetryPolicy
from blaaiz_async.core.tokens import Token, TokenCache
from blaaiz_async.core.transport import NeverSent, Reply, Transport, Unanswered
from blaaiz_async.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    BlaaizError,
    Fault,
    InvalidRequestError,
    MissingScopeError,
    OutcomeUnknownError,
    RateLimitError,
    ResponseDecodeError,
    UnprocessableEntityError,
    UnreadableOutcomeError,
)

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R", bound=codec.Request)

log = logging.getLogger("blaaiz_async")

_HEADER_KEY = re.compile(r"[!-~]([ -~]{0,253}[!-~])?", re.ASCII)

QueryValue = str | int | bool | date | None


@frozen(kw_only=True)
class RawResponse(Generic[T]):
    """What a call answered, decoded and not."""

    parsed: T
    status_code: int
    headers: Mapping[str, str]
    """All headers, lower-case names."""
    body: bytes = field(repr=False)
    request_id: str | None


@frozen(kw_only=True)
class CallOptions:
    """What a view of a client may change for its calls."""

    timeout: float | None = None
    retry: RetryPolicy
    priority: Priority = "interactive"
    extra_headers: Mapping[str, str] = field(factory=dict[str, str])


@frozen(kw_only=True)
class _Prepared:
    """A request that is ready to be sent, as often as it takes."""

    operation: Operation[Any]
    url: str
    headers: dict[str, str]
    content: bytes | None
    repeatable: bool
    authorized: bool
    request: codec.Request | None = None
    key: str | None = None


class _Course:
    """What has happened to one call so far."""

    __slots__ = ("deadline", "perhaps_sent", "refused_token", "waited")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.waited = 0.0
        """Seconds spent in the bulk lane's queue; they don't count against the deadline."""
        self.perhaps_sent = False
        self.refused_token = False


_last_reply: ContextVar[list[Reply] | None] = ContextVar("_last_reply", default=None)


class Caller:
    """Makes calls for the services. It knows how calls are made, and no API area."""

    def __init__(
        self,
        *,
        base_url: str,
        scopes: tuple[str, ...],
        user_agent: str,
        transport: Transport,
        tokens: TokenCache,
        budget: RateBudget | None,
        options: CallOptions,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._base_url = base_url
        self._scopes = frozenset(scopes)
        self._user_agent = user_agent
        self._transport = transport
        self._tokens = tokens
        self._budget = budget
        self._options = options
        self._wall = wall

    def with_options(self, **changes: Any) -> "Caller":
        """Return a caller that shares everything with this one but the options named."""
        other = Caller.__new__(Caller)
        other.__dict__.update(self.__dict__)
        other.__dict__["_options"] = evolve(self._options, **changes)
        return other

    @property
    def base_url(self) -> str:
        """The API's address, without a slash at the end."""
        return self._base_url

    @property
    def transport(self) -> Transport:
        """The HTTP client below, for requests that aren't calls of the API."""
        return self._transport

    @property
    def options(self) -> CallOptions:
        """What this caller's calls go by."""
        return self._options

    def today(self) -> date:
        """Return today's date in UTC, which ages and expiries are checked by."""
        return datetime.fromtimestamp(self._wall(), UTC).date()

    # -- the two ways to call ------------------------------------------------------------------------------------------

    async def call(
        self,
        operation: Operation[T],
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, QueryValue] | None = None,
        body: codec.Request | Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> T:
        """Make one call and return its payload, decoded as the operation says.

        `idempotency_key` is for operations whose key travels in a header; None makes one.
        """
        prepared = self._prepare(operation, path or {}, query or {}, body, idempotency_key)
        try:
            try:
                reply, payload = await self._run(prepared)
            except UnprocessableEntityError as error:
                return await self._recover(operation, prepared, error)
            return _with_own_key(cast("T", _read(operation, reply, payload)), prepared)
        except BlaaizError as error:
            error.idempotency_key = prepared.key  # the caller must be able to repeat with it, though we made it
            raise

    async def _recover(self, operation: Operation[T], prepared: _Prepared, error: UnprocessableEntityError) -> T:
        """Read back what the key made before, by this call or an earlier one, after the platform refused it as taken."""
        key, value = operation.key, prepared.key
        if key is None or key.recover is None or value is None or key.field not in error.errors:
            raise error
        try:
            reply, payload = await self._run(self._prepare(key.recover, {"id": value}, {}, None))
            read = key.recover if key.adopt is not None else evolve(operation, under=key.recover.under)
            found = reading.payload(read, reply, payload)
        except BlaaizError as failure:
            text = f"{key.field} {value} is taken, most likely by an earlier attempt, which can't be read back yet"
            raise OutcomeUnknownError(operation.id, text, status_code=422) from failure
        same = True if key.same is None else key.same(prepared.request, found)
        if same is None:
            text = f"{key.field} {value} is taken, and what it made can't be told from something else"
            raise OutcomeUnknownError(operation.id, text, status_code=422) from error
        if not same:
            raise error  # the key was used before, for something else
        return cast("T", found if key.adopt is None else key.adopt(found))

    async def page(
        self,
        operation: Operation[list[T]],
        *,
        number: int,
        query: Mapping[str, QueryValue],
        path: Mapping[str, str] | None = None,
        body: codec.Request | Mapping[str, Any] | None = None,
    ) -> Page[T]:
        """Make one call of a paged listing and return page `number`."""
        if number < 1:
            fault = Fault(field="page", rule="range", message="must be 1 or more")
            raise InvalidRequestError(operation.id, [fault])
        reply, payload = await self._run(self._prepare(operation, path or {}, {**query, "page": number}, body))
        return reading.page(operation, reply, payload, number)

    async def raw(self, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> RawResponse[T]:
        """Call a service method and keep the last answer it got."""
        kept: list[Reply] = []
        mark = _last_reply.set(kept)
        try:
            parsed = await method(*args, **kwargs)
        finally:
            _last_reply.reset(mark)
        if not kept:
            raise TypeError("with_raw_response takes a service method that makes a call")
        reply = kept[-1]
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return RawResponse(
            parsed=parsed,
            status_code=reply.status,
            headers=headers,
            body=reply.body,
            request_id=reading.request_id(headers, None),
        )

    # -- encode --------------------------------------------------------------------------------------------------------

    def check(self, operation: Operation[Any], body: codec.Request | Mapping[str, Any]) -> codec.Request:
        """Return the body as a checked request. Raises InvalidRequestError with every fault."""
        kind: type[codec.Request] = _kind_of(operation, body)
        request, faults = checking.read_request(kind, body, self.today())
        if faults or request is None:
            raise InvalidRequestError(operation.id, faults)
        return request

    def _prepare(
        self,
        operation: Operation[Any],
        path: Mapping[str, str],
        query: Mapping[str, QueryValue],
        body: codec.Request | Mapping[str, Any] | None,
        idempotency_key: str | None = None,
    ) -> _Prepared:
        if missing := [scope for scope in operation.scopes if scope not in self._scopes]:
            raise MissingScopeError(operation.id, missing)
        headers = {"accept": "application/json", "accept-encoding": "gzip, deflate", "user-agent": self._user_agent}
        content, request, key = None, None, None
        repeatable = operation.safety is not Safety.WRITE
        if operation.key is not None and operation.key.header:
            key = new_key(self._wall) if idempotency_key is None else idempotency_key
            if not _HEADER_KEY.fullmatch(key):
                fault = Fault(field="idempotency_key", rule="value", message="must be 1 to 255 printable ASCII characters")
                raise InvalidRequestError(operation.id, [fault])
            headers[operation.key.field] = key
        if body is not None:
            request = self.check(operation, body)
            repeatable = repeatable and request.__repeatable__()
            if operation.key is not None and not operation.key.header:
                request, key = _with_key(request, operation.key.field, self._wall)
            content = codec.to_json(codec.encode(request))
            headers["content-type"] = "application/json"
        headers.update(self._options.extra_headers)
        return _Prepared(
            operation=operation,
            url=self._base_url + _fill(operation, path) + _query(query),
            headers=headers,
            content=content,
            repeatable=repeatable,
            authorized=bool(operation.scopes),
            request=request,
            key=key,
        )

    # -- send, judge, repeat -------------------------------------------------------------------------------------------

    async def post_form(self, operation: Operation[T], fields: Mapping[str, str]) -> T:
        """Send a form without a token, and return its decoded answer: how a token is fetched."""
        prepared = _Prepared(
            operation=operation,
            url=self._base_url + operation.path,
            headers={
                "accept": "application/json",
                "content-type": "application/x-www-form-urlencoded",
                "user-agent": self._user_agent,
            },
            content=urlencode(fields).encode(),
            repeatable=True,
            authorized=False,
        )
        reply, payload = await self._run(prepared)
        return cast("T", reading.payload(operation, reply, payload))

    async def _run(self, prepared: _Prepared) -> tuple[Reply, Any]:
        retry = self._options.retry
        course = _Course(anyio.current_time() + retry.deadline)
        try:
            reply, payload = await retry.run(lambda: self._attempt(prepared, course), waited=lambda: course.waited)
        except Exception as error:
            operation = prepared.operation
            taken = isinstance(error, APIStatusError) and operation.key is not None and operation.key.field in error.errors
            if isinstance(error, OutcomeUnknownError) or taken or not course.perhaps_sent or operation.safety is Safety.READ:
                raise
            # Whatever ended the last attempt, an earlier one may have done what was asked.
            what = str(error) if isinstance(error, BlaaizError) else type(error).__name__
            text = f"no attempt was answered for certain; the last: {what}"
            raise OutcomeUnknownError(operation.id, text) from error
        if (kept := _last_reply.get()) is not None:
            kept.append(reply)
        return reply, payload

    async def _attempt(self, prepared: _Prepared, course: _Course) -> tuple[Reply, Any]:
        operation = prepared.operation
        budget = self._budget if operation.limited else None
        if budget is not None:
            await self._slot(budget, operation, course)
        sent = False
        try:
            headers, token = prepared.headers, None
            if prepared.authorized:
                token = await self._tokens.get()
                headers = {**headers, "authorization": f"Bearer {token.value}"}
            sent = True
            reply = await self._transport.send(
                operation.method,
                prepared.url,
                headers=headers,
                content=prepared.content,
                timeout=self._options.timeout,
            )
        except BaseException as error:  # a cancellation gives its slot back too
            if budget is not None:
                budget.unanswered(sent=sent and not isinstance(error, NeverSent))
            if isinstance(error, Unanswered):
                raise self._unanswered(prepared, course, error) from error
            course.perhaps_sent = course.perhaps_sent or (sent and isinstance(error, Exception))
            raise
        if budget is not None:
            budget.answered(reply.status, reply.headers)
        return reply, await self._judge(prepared, course, reply, token)

    async def _slot(self, budget: RateBudget, operation: Operation[Any], course: _Course) -> None:
        # A job may wait for its next slot as long as it takes; a call that somebody waits for may not.
        asked = anyio.current_time()
        bulk = self._options.priority == "bulk"
        timeout = None if bulk else max(0.0, course.deadline - asked)
        try:
            await budget.acquire(self._options.priority, timeout=timeout)
        except NoSlotInTimeError as late:
            raise RateLimitError(
                "the client's own rate budget has no slot before the deadline; nothing was sent",
                status_code=429,
                operation=operation.id,
                retry_after=late.seconds,
            ) from None
        if bulk:
            course.waited += anyio.current_time() - asked

    def _unanswered(self, prepared: _Prepared, course: _Course, verdict: Unanswered) -> Exception:
        id = prepared.operation.id
        if isinstance(verdict, NeverSent):
            cls = APITimeoutError if verdict.timed_out else APIConnectionError
            return Again(cls(id, f"not sent: {verdict}"))
        if prepared.repeatable:
            course.perhaps_sent = True
            cls = APITimeoutError if verdict.timed_out else APIConnectionError
            return Again(cls(id, f"no whole answer: {verdict}"))
        return OutcomeUnknownError(id, f"sent, but no whole answer came ({verdict})")

    async def _judge(self, prepared: _Prepared, course: _Course, reply: Reply, token: Token | None) -> Any:
        """Return the decoded body of a success; raise what the answer means otherwise."""
        operation = prepared.operation
        try:
            payload = codec.from_json(reply.body) if reply.body else None
        except ValueError:
            payload = None
            readable = False
        else:
            readable = True
        if 200 <= reply.status < 300:
            if readable:
                return payload
            if not prepared.repeatable:
                text = f"answered {reply.status}, but the body can't be read"
                raise OutcomeUnknownError(operation.id, text, status_code=reply.status)
            course.perhaps_sent = True
            problem = "the body is no JSON"
            raise Again(ResponseDecodeError(operation.id, "", problem, status_code=reply.status))
        return await self._refused(prepared, course, reading.error(operation, reply, payload), token)

    async def _refused(self, prepared: _Prepared, course: _Course, error: APIStatusError, token: Token | None) -> NoReturn:
        """Raise what an error status means."""
        operation, status = prepared.operation, error.status_code
        if isinstance(error, RateLimitError):
            wait = error.retry_after if self._budget is None or not operation.limited else 0.0
            raise Again(error, wait=wait)
        if status == 401 and token is not None:
            await self._tokens.refused(token)
            if not course.refused_token:
                course.refused_token = True
                raise Again(error, wait=0.0)
            raise error
        if status in UNCERTAIN_STATUSES:
            if not prepared.repeatable:
                raise OutcomeUnknownError(operation.id, str(error), status_code=status) from error
            course.perhaps_sent = True
            raise Again(error)
        if operation.key is not None and operation.key.field in error.errors:
            raise error  # `_recover` looks whose it is
        if course.perhaps_sent and operation.safety is not Safety.READ:
            # The refusal may be the echo of our own first attempt: gone, because we deleted it; locked, because we did it.
            text = f"an earlier attempt may have succeeded; the repeat was refused: {error}"
            unknown = OutcomeUnknownError(operation.id, text, status_code=status)
            # A key in a header replays, so a conflict means that the first attempt is still running: ask again later.
            running = status == 409 and operation.key is not None and operation.key.header
            raise (Again(unknown) if running else unknown) from error
        raise error


def _kind_of(operation: Operation[Any], body: codec.Request | Mapping[str, Any]) -> type[Any]:
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


def _read(operation: Operation[Any], reply: Reply, payload: Any) -> Any:
    """Read a payload; one that can't be read leaves a write's caller without what it made."""
    try:
        return reading.payload(operation, reply, payload)
    except ResponseDecodeError as error:
        if operation.safety in (Safety.WRITE, Safety.KEYED):
            raise UnreadableOutcomeError(error) from None
        raise


def _with_own_key(answer: T, prepared: _Prepared) -> T:
    """Return the answer with the key it was made by, where it has a field for it that the platform left empty."""
    key = prepared.operation.key
    name = key.field.replace("-", "_") if key is not None else ""
    if name and getattr(answer, name, "") is None:
        return cast("T", evolve(cast("Any", answer), **{name: prepared.key}))
    return answer


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
