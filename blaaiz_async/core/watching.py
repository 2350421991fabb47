"""What can be seen of a client's calls from outside: counts, log lines and spans.

Logger `blaaiz_async`: at DEBUG one line per call, with operation, status, attempts, seconds and request id; at WARNING a
write that was cancelled after it was sent. Bodies only where the client was told to (`log_bodies`), and of those only what
is fit for a log. Spans where the client has a tracer provider, one per call with an event per attempt.
"""

import logging
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from blaaiz_async.core import codec, reading
from blaaiz_async.core.background import now
from blaaiz_async.core.operation import Safety
from blaaiz_async.core.preparing import Prepared
from blaaiz_async.core.transport import Reply
from blaaiz_async.errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    OutcomeUnknownError,
    ResponseDecodeError,
    ServerError,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer, TracerProvider

log = logging.getLogger("blaaiz_async")

LOGGABLE = frozenset(
    """
    id status type currency method network symbol date page total last_page current_page per_page paginate
    verification_status kyb_scope transaction_status transaction_id customer_id wallet_id session_id business_id
    business_wallet_id business_customer_id from_business_wallet_id to_business_wallet_id currency_id bank_id
    from_currency_id to_currency_id from_currency to_currency country country_id merchant_reference reference file_id
    file_category created_at updated_at expires_at expires_in token_type amount_type event event_type request_id
    """.split()  # noqa: SIM905  # sixty lines otherwise
)
"""The keys whose values are fit for a log. Any other value is shown as its kind only."""
_UNREACHED = (APIConnectionError, AuthenticationError, OutcomeUnknownError, ResponseDecodeError, ServerError)
"""What says that the platform can't be reached, or doesn't know us. HTML with status 200 is a gateway's."""
_FIELD = re.compile("[a-z][a-z0-9_]{0,40}")
"""What looks like the name of a field. Any other key may be anything, and isn't shown."""


@frozen(kw_only=True)
class CallStatistics:
    """What a client's calls came to so far. A token fetch and a look at what a lost write made are calls too."""

    calls: int
    """Calls that have ended."""
    attempts: int
    """Requests that were sent, or tried to be."""
    retries: int
    """Attempts beyond the first of a call."""
    failures: int
    """Calls that ended with an error."""
    unknown_outcomes: int
    """Those of the failures that are an OutcomeUnknownError."""
    cancelled: int
    """Calls that their caller gave up."""
    throttled: int
    """Answers 429."""
    waited: float
    """Seconds that calls have waited for the rate budget, all together."""


class Progress(Protocol):
    """What is watched of a call's course."""

    attempts: int
    perhaps_sent: bool
    started: float
    reply: Reply | None


class Watch:
    """Counts, logs and traces the calls of one client and its views."""

    def __init__(self, *, tracer_provider: "TracerProvider | None" = None, log_bodies: bool = False) -> None:
        self._tracer: Tracer | None = None
        if tracer_provider is not None:
            from blaaiz_async import __version__

            self._tracer = tracer_provider.get_tracer("blaaiz_async", __version__)
        self._log_bodies = log_bodies
        self._calls = self._attempts = self._failures = self._unknown = self._cancelled = self._throttled = 0
        self._retries = 0
        self._waited = 0.0
        self.succeeded_at: float | None = None
        """When a call was last answered with success, on the event loop's clock; a token that was fetched is none. None once
        a call has shown that the platform can't be reached, or doesn't know us."""

    def statistics(self) -> CallStatistics:
        """Return the counts."""
        return CallStatistics(
            calls=self._calls,
            attempts=self._attempts,
            retries=self._retries,
            failures=self._failures,
            unknown_outcomes=self._unknown,
            cancelled=self._cancelled,
            throttled=self._throttled,
            waited=self._waited,
        )

    def call(self, prepared: Prepared, course: Progress) -> "_Watched":
        """Watch a call while the block runs."""
        return _Watched(self, prepared, course, self._tracer)

    def waited(self, seconds: float) -> None:
        """Count the time a call waited for the rate budget."""
        self._waited += seconds

    def sending(self, prepared: Prepared) -> None:
        """Note that an attempt is about to be sent."""
        self._attempts += 1
        if self._log_bodies and prepared.content is not None and prepared.request is not None:
            log.debug("%s request %s", prepared.operation.id, _shown(codec.from_json(prepared.content)))

    def answered(self, prepared: Prepared, course: Progress, reply: Reply) -> None:
        """Note an attempt's answer."""
        if reply.status == 429:
            self._throttled += 1
        if self._log_bodies and prepared.authorized:
            found, readable = reading.body(reply)
            log.debug("%s answer %d %s", prepared.operation.id, reply.status, _shown(found) if readable else "no JSON")
        if self._tracer is not None:
            _event(course, {"http.response.status_code": reply.status})

    def unanswered(self, course: Progress, what: str) -> None:
        """Note an attempt without an answer; `what` is the kind of the failure."""
        if self._tracer is not None:
            _event(course, {"error.type": what})

    def ended(self, prepared: Prepared, course: Progress, error: BaseException | None) -> None:
        """Note a call's end."""
        self._calls += 1
        if course.attempts > 1:
            self._retries += course.attempts - 1
        if error is None:
            if prepared.authorized:
                self.succeeded_at = now()
        elif isinstance(error, Exception):
            self._failures += 1
            self._unknown += isinstance(error, OutcomeUnknownError)
            if isinstance(error, _UNREACHED):
                self.succeeded_at = None
        else:
            self._cancelled += 1
            if course.perhaps_sent and prepared.operation.safety in (Safety.WRITE, Safety.KEYED):
                log.warning("%s", _given_up(prepared))
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s", _line(prepared, course, error))


class _Watched(AbstractContextManager[None]):
    """One call under watch."""

    __slots__ = ("_course", "_prepared", "_scope", "_span", "_tracer", "_watch")

    def __init__(self, watch: Watch, prepared: Prepared, course: Progress, tracer: "Tracer | None") -> None:
        self._watch = watch
        self._prepared = prepared
        self._course = course
        self._tracer = tracer
        self._scope: Any = None
        self._span: Span | None = None

    def __enter__(self) -> None:
        if self._tracer is not None:
            self._start_span(self._tracer)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._watch.ended(self._prepared, self._course, error)
        if self._span is not None:
            self._end_span(self._span, error)

    def _start_span(self, tracer: "Tracer") -> None:
        from urllib.parse import urlsplit

        from opentelemetry.trace import SpanKind

        operation, place = self._prepared.operation, urlsplit(self._prepared.url)
        # By the semantic conventions of HTTP clients, but for the full URL: it may hold an e-mail address.
        attributes: dict[str, str | int] = {
            "http.request.method": operation.method,
            "server.address": place.hostname or "",
            "server.port": place.port or (443 if place.scheme == "https" else 80),
            "url.scheme": place.scheme,
            "url.template": operation.path,
            "blaaiz.operation": operation.id,
        }
        self._scope = tracer.start_as_current_span(
            operation.id,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            # What an error says may name a person; `error.type` is set below.
            record_exception=False,
            set_status_on_exception=False,
        )
        self._span = self._scope.__enter__()

    def _end_span(self, span: "Span", error: BaseException | None) -> None:
        from opentelemetry.trace import StatusCode

        reply = self._course.reply
        if reply is not None:
            span.set_attribute("http.response.status_code", reply.status)
            if (request_id := reading.request_id(reply.headers, None)) is not None:
                span.set_attribute("blaaiz.request_id", request_id)
        if self._course.attempts > 1:
            span.set_attribute("http.request.resend_count", self._course.attempts - 1)
        if error is not None:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
        self._scope.__exit__(None, None, None)


def _event(course: Progress, attributes: Mapping[str, str | int]) -> None:
    from opentelemetry.trace import get_current_span

    get_current_span().add_event("attempt", {"blaaiz.attempt": course.attempts, **attributes})


def _given_up(prepared: Prepared) -> str:
    operation = prepared.operation
    text = f"{operation.id}: cancelled after it was sent: outcome unknown"
    return f"{text}; {prepared.again or 'look whether it took effect before sending it again'}"


def _line(prepared: Prepared, course: Progress, error: BaseException | None) -> str:
    seconds = now() - course.started
    status = "no answer" if course.reply is None else str(course.reply.status)
    request_id = None if course.reply is None else reading.request_id(course.reply.headers, None)
    if request_id is None and isinstance(error, APIStatusError):
        request_id = error.request_id
    how = ""
    if error is not None:
        how = f" {type(error).__name__}" if isinstance(error, Exception) else " cancelled"
    return f"{prepared.operation.id} {status}{how} attempts={course.attempts} {seconds:.3f}s request={request_id or '-'}"


def _shown(value: Any, *, fit: bool = False, free: bool = False) -> Any:
    """Return a body with only what is fit for a log; nothing of `free` text, such as what is said of a field."""
    if isinstance(value, dict):
        return {
            name if _FIELD.fullmatch(name) else "<key>": _shown(
                inner, fit=name in LOGGABLE and not free, free=free or name == "errors"
            )
            for name, inner in codec.as_object(value).items()
        }
    if isinstance(value, list):
        return [_shown(inner, fit=fit, free=free) for inner in codec.as_list(value)]
    return value if fit or value is None or isinstance(value, bool) else f"<{type(value).__name__}>"
