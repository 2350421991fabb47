"""Sending: [budget → token → send → judge], repeated by the policy until the answer is certain or time is up."""

import contextlib
from collections.abc import Mapping
from typing import Any, NoReturn

from attrs import field, frozen

from blaaiz_async.core import reading
from blaaiz_async.core.background import in_time, now
from blaaiz_async.core.budget import Budget, NoSlotInTimeError, Priority
from blaaiz_async.core.operation import Safety
from blaaiz_async.core.preparing import Prepared
from blaaiz_async.core.retry import Again, RetryPolicy
from blaaiz_async.core.tokens import Token, TokenCache
from blaaiz_async.core.transport import NeverSent, PerhapsSent, Reply, Transport, Unanswered
from blaaiz_async.core.watching import Watch
from blaaiz_async.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    BlaaizError,
    OutcomeUnknownError,
    RateLimitError,
    ResponseDecodeError,
    ServerError,
)


@frozen(kw_only=True)
class CallOptions:
    """What a view of a client may change for its calls."""

    timeout: float | None = None
    retry: RetryPolicy
    priority: Priority = "interactive"
    deadline: float | None = None
    extra_headers: Mapping[str, str] = field(factory=dict[str, str])


class Course:
    """What has happened to one call so far, and until when it may go on."""

    __slots__ = (
        "attempts",
        "deadline",
        "patient",
        "perhaps_sent",
        "refused_token",
        "reply",
        "sending",
        "started",
        "unsettled",
    )

    def __init__(self, *, started: float, deadline: float, patient: bool) -> None:
        self.started = started
        self.deadline = deadline
        """On the event loop's clock."""
        self.patient = patient
        """Whether the wait for a slot puts the deadline off: a job may wait for its turn as long as it takes."""
        self.attempts = 0
        self.perhaps_sent = False
        """Whether an attempt may have taken effect, and its answer is lost."""
        self.unsettled = False
        """Whether that can be settled by going on, so that only the deadline ends it."""
        self.refused_token = False
        self.sending = False
        """Whether the attempt under way has come as far as being sent."""
        self.reply: Reply | None = None
        """The last answer."""

    def left(self) -> float:
        """Return the seconds until the deadline; at least 0."""
        return max(0.0, self.deadline - now())

    def for_reading(self) -> "Course":
        """Return the course of a read that settles the same call: only the deadline ends it, too."""
        course = Course(started=now(), deadline=self.deadline, patient=self.patient)
        course.attempts = self.attempts
        course.unsettled = True
        return course

    def take_back(self, reading: "Course") -> None:
        """Go on where a read that belongs to this call ended: what it did, this call did."""
        self.attempts = reading.attempts
        self.deadline = reading.deadline  # a wait for its turn may have put it off
        self.reply = reading.reply or self.reply


def begin(options: CallOptions) -> Course:
    """Return the course of a call that begins now."""
    started = now()
    seconds = options.retry.deadline if options.deadline is None else options.deadline
    return Course(
        started=started, deadline=started + seconds, patient=options.priority == "bulk" and options.deadline is None
    )


@frozen(kw_only=True)
class Attempts:
    """Sends prepared requests; what is shared by all calls of a client."""

    transport: Transport
    tokens: TokenCache
    budget: Budget | None
    watch: Watch

    async def run(self, prepared: Prepared, options: CallOptions, course: Course) -> tuple[Reply, Any]:
        """Send until there is a certain answer, and return it with its decoded body. Raises BlaaizError."""
        try:
            return await options.retry.run(lambda: self._attempt(prepared, options, course), course)
        except Exception as error:
            operation = prepared.operation
            if isinstance(error, OutcomeUnknownError) or not course.perhaps_sent or operation.safety is Safety.READ:
                raise
            if isinstance(error, APIStatusError) and operation.recovery and operation.recovery.echo(error):
                raise  # the caller looks what was made before
            # Whatever ended the last attempt, an earlier one may have done what was asked.
            what = str(error) if isinstance(error, BlaaizError) else type(error).__name__
            text = f"no attempt was answered for certain; the last: {what}"
            raise OutcomeUnknownError(operation.id, text, advice=prepared.again) from error

    async def _attempt(self, prepared: Prepared, options: CallOptions, course: Course) -> tuple[Reply, Any]:
        operation = prepared.operation
        budget = self.budget if operation.limited else None
        if budget is not None:
            await self._slot(budget, prepared, options, course)
        course.attempts += 1
        course.sending = False
        try:
            reply, token = await in_time(self._exchange(prepared, options, course), course.deadline)
        except BaseException as error:  # a cancellation gives its slot back too
            if isinstance(error, TimeoutError):
                error = (PerhapsSent if course.sending else NeverSent)("the deadline passed", timed_out=True)
            if budget is not None:
                budget.unanswered(sent=course.sending and not isinstance(error, NeverSent))
            if isinstance(error, Unanswered):
                raise self._unanswered(prepared, course, error) from error
            course.perhaps_sent = course.perhaps_sent or course.sending
            raise
        if budget is not None:
            budget.answered(reply.status, reply.headers)
        course.reply = reply
        self.watch.answered(prepared, course, reply)
        return reply, await self._judge(prepared, course, reply, token)

    async def _exchange(self, prepared: Prepared, options: CallOptions, course: Course) -> tuple[Reply, Token | None]:
        headers, token = prepared.headers, None
        if prepared.authorized:
            token = await self._token(course)
            headers = {**headers, "authorization": f"Bearer {token.value}"}
        course.sending = True
        self.watch.sending(prepared)
        method, content = prepared.operation.method, prepared.content
        reply = await self.transport.send(method, prepared.url, headers=headers, content=content, timeout=options.timeout)
        return reply, token

    async def _token(self, course: Course) -> Token:
        try:
            return await self.tokens.get()
        except (APIConnectionError, RateLimitError, ResponseDecodeError, ServerError) as error:
            if course.unsettled:  # only the deadline ends it, and a token may be had again before
                raise Again(error) from error
            raise

    async def _slot(self, budget: Budget, prepared: Prepared, options: CallOptions, course: Course) -> None:
        asked = now()
        timeout = None if course.patient else course.left()
        try:
            await budget.acquire(options.priority, timeout=timeout)
        except NoSlotInTimeError as late:
            sent = "it was not sent again" if course.attempts else "nothing was sent"
            raise RateLimitError(
                f"the client's own rate budget has no slot before the deadline; {sent}",
                status_code=429,
                operation=prepared.operation.id,
                retry_after=late.seconds,
                own=True,
            ) from None
        waited = now() - asked
        self.watch.waited(waited)
        if course.patient:
            course.deadline += waited

    def _unanswered(self, prepared: Prepared, course: Course, verdict: Unanswered) -> Exception:
        id = prepared.operation.id
        cls = APITimeoutError if verdict.timed_out else APIConnectionError
        self.watch.unanswered(course, str(verdict))
        if isinstance(verdict, NeverSent):
            return Again(cls(id, f"not sent: {verdict}"))
        if not prepared.repeatable:
            return OutcomeUnknownError(id, f"sent, but no whole answer came ({verdict})")
        _may_have_been_done(prepared, course)
        return Again(cls(id, f"no whole answer: {verdict}"))

    async def _judge(self, prepared: Prepared, course: Course, reply: Reply, token: Token | None) -> Any:
        """Return the decoded body of a success; raise what the answer means otherwise."""
        operation = prepared.operation
        payload, readable = reading.body(reply)
        if not 200 <= reply.status < 300:
            await self._refused(prepared, course, reading.error(operation, reply, payload), token)
        # The platform says something with every success; object stores don't. An empty body was lost on the way.
        speaks = prepared.authorized or operation.safety is Safety.READ
        lost = speaks and payload is None and reply.status != 204
        if readable and not lost:
            return payload
        problem = "the body is empty" if readable else "the body is no JSON"
        if not prepared.repeatable:
            raise OutcomeUnknownError(operation.id, f"answered {reply.status}, but {problem}", status_code=reply.status)
        _may_have_been_done(prepared, course)
        raise Again(ResponseDecodeError(operation.id, "", problem, status_code=reply.status))

    async def _refused(self, prepared: Prepared, course: Course, error: APIStatusError, token: Token | None) -> NoReturn:
        """Raise what an error status means."""
        operation, status = prepared.operation, error.status_code
        if isinstance(error, RateLimitError):
            paced = self.budget is not None and operation.limited  # the budget pauses everyone
            raise Again(error, wait=0.0 if paced else error.retry_after or None)  # "at once" isn't believed
        if status == 401 and token is not None:
            with contextlib.suppress(TimeoutError):
                await in_time(self.tokens.refused(token), course.deadline)
            first, course.refused_token = not course.refused_token, True
            if first or course.unsettled:  # tokens may be revoked more than once, and what is unsettled must be settled
                raise Again(error, wait=0.0 if first else None)
            raise error
        if status >= 500:
            if not prepared.repeatable:
                raise OutcomeUnknownError(operation.id, str(error), status_code=status) from error
            _may_have_been_done(prepared, course)
            raise Again(error)
        if status == 409 and operation.key is not None and operation.key.header:
            # A key in a header replays, so a conflict means that the first one with it is still under way.
            course.perhaps_sent = course.unsettled = True
            text = f"the first request with this key is still under way: {error}"
            raise Again(OutcomeUnknownError(operation.id, text, status_code=status, advice=prepared.again)) from error
        if operation.recovery is not None and operation.recovery.echo(error):
            raise error  # the caller looks what was made before
        if course.perhaps_sent and operation.safety is not Safety.READ:
            # The refusal may be the echo of our own first attempt: gone, because we deleted it; locked, because we did it.
            text = f"an earlier attempt may have succeeded; the repeat was refused: {error}"
            raise OutcomeUnknownError(operation.id, text, status_code=status, advice=prepared.again) from error
        raise error


def _may_have_been_done(prepared: Prepared, course: Course) -> None:
    course.perhaps_sent = True
    course.unsettled = course.unsettled or prepared.operation.safety is Safety.KEYED
