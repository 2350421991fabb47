"""One call, from a service method to the platform and back.

encode (preparing) → [budget → token → send → judge], repeated by the policy (attempts) → decode (reading), and where an
answer was lost, look what was made (recovering).
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from typing import Any, Generic, ParamSpec, TypeVar, cast

from attrs import evolve, field, frozen

from blaaiz_async.core import codec, preparing, reading, recovering
from blaaiz_async.core.attempts import Attempts, CallOptions, Course, begin
from blaaiz_async.core.operation import Operation, Safety
from blaaiz_async.core.paging import Page
from blaaiz_async.core.preparing import Prepared, QueryValue
from blaaiz_async.core.transport import Reply, Transport
from blaaiz_async.errors import (
    APIStatusError,
    BlaaizError,
    Fault,
    InvalidRequestError,
    MissingScopeError,
    OutcomeUnknownError,
    ResponseDecodeError,
    UnreadableOutcomeError,
)

__all__ = ["CallOptions", "Caller", "QueryValue", "RawResponse"]

T = TypeVar("T")
P = ParamSpec("P")


@frozen(kw_only=True)
class RawResponse(Generic[T]):
    """What a call answered, decoded and not."""

    parsed: T
    status_code: int
    headers: Mapping[str, str]
    """All headers, lower-case names."""
    body: bytes = field(repr=False)
    request_id: str | None


_last_reply: ContextVar[list[Reply] | None] = ContextVar("_last_reply", default=None)


class Caller:
    """Makes calls for the services. It knows how calls are made, and no API area."""

    def __init__(
        self,
        *,
        base_url: str,
        scopes: tuple[str, ...],
        user_agent: str,
        attempts: Attempts,
        options: CallOptions,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._base_url = base_url
        self._scopes = frozenset(scopes)
        self._user_agent = user_agent
        self._attempts = attempts
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
    def scopes(self) -> frozenset[str]:
        """The scopes that are asked for."""
        return self._scopes

    @property
    def transport(self) -> Transport:
        """The HTTP client below, for requests that aren't calls of the API."""
        return self._attempts.transport

    @property
    def options(self) -> CallOptions:
        """What this caller's calls go by."""
        return self._options

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.fromtimestamp(self._wall(), UTC)

    def today(self) -> date:
        """Return today's date in UTC, which ages and expiries are checked by."""
        return self.now().date()

    # -- the ways to call ----------------------------------------------------------------------------------------------

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
        course, since = begin(self._options), self.now()
        try:
            with self._attempts.watch.call(prepared, course):
                return cast("T", await self._made(prepared, course, since))
        except BlaaizError as error:
            error.idempotency_key = prepared.key  # the caller must be able to repeat with it, though we made it
            if isinstance(error, OutcomeUnknownError):
                recovering.tell(self, prepared, error, since)
            raise
        except Exception as failure:
            if not course.perhaps_sent or operation.safety is Safety.READ:
                raise
            # The client was closed, or a token store of the caller's failed, while what was made was looked for.
            text = f"{type(failure).__name__} came while it was read back what was made"
            unknown = OutcomeUnknownError(operation.id, text, advice=prepared.again)
            unknown.idempotency_key = prepared.key
            recovering.tell(self, prepared, unknown, since)
            raise unknown from failure

    async def settle(self, operation: Operation[T], key: str) -> T:
        """Find what a keyed write made, waiting until it shows. Raises OutcomeUnknownError if it doesn't."""
        try:
            return _with_key(await recovering.settle(self, operation, key), operation, key)
        except BlaaizError as error:
            error.idempotency_key = key
            raise

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
        prepared = self._prepare(operation, path or {}, {**query, "page": number}, body)
        reply, payload = await self._run(prepared, begin(self._options))
        return reading.page(operation, reply, payload, number)

    def watching(self, operation: Operation[Any], asked: Mapping[str, Any], course: Course) -> AbstractContextManager[None]:
        """Watch the reads of the block as one call."""
        prepared = self._prepare(operation, asked.get("path", {}), asked.get("query", {}), asked.get("body"))
        return self._attempts.watch.call(prepared, course)

    async def read(self, operation: Operation[T], course: Course, asked: Mapping[str, Any]) -> T:
        """Make a read that belongs to a call under way: it shares its deadline, and its attempts are that call's."""
        prepared = self._prepare(operation, asked.get("path", {}), asked.get("query", {}), asked.get("body"))
        own = course.for_reading()
        try:
            reply, payload = await self._sent(prepared, own)
        finally:
            course.take_back(own)
        return cast("T", reading.payload(operation, reply, payload))

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

    async def post_form(self, operation: Operation[T], fields: Mapping[str, str]) -> T:
        """Send a form without a token, and return its decoded answer: how a token is fetched."""
        prepared = preparing.prepare_form(operation, fields, base_url=self._base_url, user_agent=self._user_agent)
        course = begin(self._options)
        with self._attempts.watch.call(prepared, course):
            reply, payload = await self._attempts.run(prepared, self._options, course)
            return cast("T", reading.payload(operation, reply, payload))

    def check(self, operation: Operation[Any], body: codec.Request | Mapping[str, Any] | None) -> codec.Request:
        """Return the body as a checked request. Raises InvalidRequestError with every fault."""
        return preparing.check(operation, body, self.today())

    # -- below ---------------------------------------------------------------------------------------------------------

    def _prepare(
        self,
        operation: Operation[Any],
        path: Mapping[str, str],
        query: Mapping[str, QueryValue],
        body: codec.Request | Mapping[str, Any] | None,
        idempotency_key: str | None = None,
    ) -> Prepared:
        if missing := [scope for scope in operation.scopes if scope not in self._scopes]:
            raise MissingScopeError(operation.id, missing)
        return preparing.prepare(
            operation,
            base_url=self._base_url,
            headers={"user-agent": self._user_agent, **self._options.extra_headers},
            path=path,
            query=query,
            request=self.check(operation, body) if operation.body else None,
            idempotency_key=idempotency_key,
            wall=self._wall,
        )

    async def _made(self, prepared: Prepared, course: Course, since: datetime) -> Any:
        """Return what the call made, or had made before."""
        operation = prepared.operation
        try:
            reply, payload = await self._sent(prepared, course)
        except APIStatusError as error:
            # A key of the caller's is theirs whoever used it first; without one, only a lost attempt can be ours.
            done = operation.recovery is not None and operation.recovery.echo(error)
            if not done or not (operation.key or course.perhaps_sent):
                raise
            lost, course.perhaps_sent = course.perhaps_sent, True  # it was done, by whichever call: who leaves must be told
            made = await recovering.adopt(self, prepared, course, error, since, lost=lost)
            return _with_key(made, operation, prepared.key)
        try:
            answer = reading.payload(operation, reply, payload)
        except ResponseDecodeError as error:
            if operation.safety not in (Safety.WRITE, Safety.KEYED):
                raise
            course.perhaps_sent = True
            unreadable = UnreadableOutcomeError(error, again=prepared.again)
            answer = await recovering.read_back(self, prepared, course, unreadable, since)
        return _with_key(answer, operation, prepared.key)

    async def _run(self, prepared: Prepared, course: Course) -> tuple[Reply, Any]:
        with self._attempts.watch.call(prepared, course):
            return await self._sent(prepared, course)

    async def _sent(self, prepared: Prepared, course: Course) -> tuple[Reply, Any]:
        reply, payload = await self._attempts.run(prepared, self._options, course)
        if (kept := _last_reply.get()) is not None:
            kept.append(reply)
        return reply, payload


def _with_key(answer: T, operation: Operation[Any], key: str | None) -> T:
    """Return the answer with the key it was made by, where it has a field for it that the platform left empty."""
    name = operation.key.field.replace("-", "_") if operation.key is not None else ""
    if name and getattr(answer, name, "") is None:
        return cast("T", evolve(cast("Any", answer), **{name: key}))
    return answer
