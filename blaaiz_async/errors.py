"""Every error this library raises.

* BlaaizError
  x ConfigurationError          settings that can't work, found before any call
  x InvalidRequestError         input that breaks a rule of the contract, found before any call (also a ValueError)
  x MissingScopeError           the operation's scope was never requested, found before any call
  x APIConnectionError          the request was never sent, or was safe to repeat and kept failing
    · APITimeoutError
  x OutcomeUnknownError         a write may or may not have taken effect: look before sending it again
  x CannotLookError             … and there is no way to look
  x APIStatusError              the platform answered with an error
    · BadRequestError           400
    · AuthenticationError       401
    · PermissionDeniedError     403
    · NotFoundError             404
    · ConflictError             409
    · GoneError                 410
    · UnprocessableEntityError  422
    · RateLimitError            429
    · ServerError               5xx
  x UploadError                 a presigned upload was not accepted by the storage
  x WorkflowError               a step of a workflow failed; it says what was done and what wasn't
  x CustomerNotVerifiedError    the customer can't be paid for or charged yet
  x NotSettledError             the deadline of a wait passed
  x ResponseDecodeError         an answer that doesn't have the documented shape
    · UnreadableOutcomeError      … to a write that was accepted; an OutcomeUnknownError too
  x WebhookVerificationError    a delivery that can't be trusted

All of them pickle, and none shows a secret, a token, a presigned link or a value of the request.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from attrs import frozen


@frozen(kw_only=True)
class Fault:
    """One broken rule: which field, which rule, and what to do about it. It never holds the value itself."""

    field: str
    """Dotted path of the field, such as `owners.0.email`; empty when the fault lies between fields."""
    rule: str
    """A short stable name, such as `missing`, `email` or `country_mismatch`."""
    message: str
    """What is wrong and what to do."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class BlaaizError(Exception):
    """Base of every error of this library."""

    idempotency_key: str | None = None
    """The key of the failed call, where the operation has one, such as a payout's `merchant_reference`: yours, or the one
    that the library made. Calling again with it never does the thing twice."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle by positional args; ours carry keyword-only state instead.
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))


def _rebuild(cls: type[BlaaizError], args: tuple[Any, ...], state: dict[str, Any]) -> BlaaizError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(BlaaizError):
    """Settings that can't work. Raised while the client is built; the text says what to change."""


class InvalidRequestError(BlaaizError, ValueError):
    """Input that breaks a rule of the contract. Nothing was sent and no call was spent."""

    def __init__(self, operation: str, faults: Sequence[Fault]) -> None:
        self.operation = operation
        """The operationId the input was meant for."""
        self.faults = tuple(faults)
        """Every broken rule that was found, in field order."""
        super().__init__(f"{operation}: not sent: " + "; ".join(str(fault) for fault in self.faults))


class MissingScopeError(BlaaizError):
    """The operation needs a scope that this client doesn't request; the platform would answer 403."""

    def __init__(self, operation: str, missing: Sequence[str]) -> None:
        self.operation = operation
        self.missing = tuple(missing)
        """The scopes to add."""
        super().__init__(
            f"{operation} needs the scope {' and '.join(self.missing)}, which this client doesn't request; "
            "add it to `scopes` (or BLAAIZ_SCOPES) and make sure the credential holds it"
        )


class APIConnectionError(BlaaizError):
    """No answer, and certainly no effect: the request was never sent, or repeating it was harmless and didn't help."""

    def __init__(self, operation: str, message: str) -> None:
        self.operation = operation
        super().__init__(f"{operation}: {message}")


class APITimeoutError(APIConnectionError):
    """As APIConnectionError, because time ran out."""


class OutcomeUnknownError(BlaaizError):
    """A write was sent and its answer was lost or can't be trusted: it may have taken effect, or not.

    Look before sending it again: `find_candidates()` does, where there is a way. A write with a key (`idempotency_key`) may
    be called again with it. `status_code` is None when no answer came at all.
    """

    _find: Callable[[], Awaitable[list[Any]]] | None = None

    def __init__(self, operation: str, message: str, *, status_code: int | None = None, advice: str = "") -> None:
        self.operation = operation
        self.status_code = status_code
        advice = advice or "look whether it took effect before sending it again"
        super().__init__(f"{operation}: outcome unknown: {message}; {advice}")

    async def find_candidates(self) -> list[Any]:
        """Return the records that may be what the write made: same kind, wallet, customer and amount, and made since then.

        Of a payout or collection it is what the platform keeps under its merchant reference, even where that differs.
        What is listed may lag behind, and for some kinds the platform lists only what has settled: an empty answer right
        after the call proves nothing yet. Each record is as the platform's read gives it, such as a `Transaction`.

        Raises:
            CannotLookError: There is no way to look, or this error was pickled and has lost its client.
            BlaaizError: As every read.
        """
        if self._find is None:
            raise CannotLookError(self.operation)
        return await self._find()

    def look_with(self, find: Callable[[], Awaitable[list[Any]]]) -> None:
        """Say how to look; the client does so for the errors it raises."""
        self._find = find

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: value for name, value in self.__dict__.items() if name != "_find"}
        return (_rebuild, (type(self), self.args, state))


class CannotLookError(BlaaizError):
    """There is no way to look for what a write of unknown outcome made."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        super().__init__(
            f"{operation}: there is no certain way to look what it made, or this error was pickled and has lost its client; "
            "wait for the webhook, or look on the dashboard, before sending it again"
        )


class APIStatusError(BlaaizError):
    """The platform answered with an error status."""

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        operation: str,
        errors: Mapping[str, Sequence[str]] | None = None,
        code: str | None = None,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        hint: str = "",
    ) -> None:
        self.message = message
        """The platform's own words."""
        self.status_code = status_code
        self.operation = operation
        """The operationId of the call."""
        self.errors = {field: tuple(texts) for field, texts in (errors or {}).items()}
        """Messages by field, such as `{"owners.0.email": ("…",)}`; empty for business rules."""
        self.code = code
        self.request_id = request_id
        """Quote it to support."""
        self.headers = dict(headers or {})
        """Lower-case names; only what is safe to log: rate limits, retry-after, request id, date, content type."""
        text = f"{operation} answered {status_code}: {message}"
        if self.errors:
            text += " (" + "; ".join(f"{field}: {' '.join(texts)}" for field, texts in self.errors.items()) + ")"
        if hint:
            text += f"; {hint}"
        if request_id:
            text += f" [request {request_id}]"
        super().__init__(text)


class BadRequestError(APIStatusError):
    """400: a refused request, or a record that is locked in its present state."""


class AuthenticationError(APIStatusError):
    """401: the credential or token isn't accepted."""


class PermissionDeniedError(APIStatusError):
    """403: a missing scope, API services switched off, or an IP address that isn't allowed."""

    def __init__(self, message: str, *, scopes: Sequence[str] = (), **details: Any) -> None:
        self.scopes = tuple(scopes)
        """The scopes the operation needs."""
        needs = f"it needs the scope {' and '.join(scopes)}; " if scopes else ""
        details.setdefault("hint", f"{needs}check the credential's scopes, API access and the IP allow list")
        super().__init__(message, **details)


class NotFoundError(APIStatusError):
    """404: no such record, or one of another business."""


class ConflictError(APIStatusError):
    """409: the state of the record doesn't allow it."""


class GoneError(APIStatusError):
    """410: it was there, and no longer is."""


class UnprocessableEntityError(APIStatusError):
    """422: refused by validation; see `errors` by field."""


class RateLimitError(APIStatusError):
    """429: over the rate limit, and waiting would outlast the deadline."""

    def __init__(self, message: str, *, retry_after: float | None = None, own: bool = False, **details: Any) -> None:
        self.retry_after = retry_after
        """Seconds until a call may succeed, as far as known."""
        self.own = own
        """Whether the client's own rate budget refused it, and not the platform."""
        super().__init__(message, **details)
        if own:
            self.args = (f"{self.operation}: {message}",)  # nobody answered


class ServerError(APIStatusError):
    """5xx: the platform failed."""


class UploadError(BlaaizError):
    """The storage didn't take an uploaded file. The link is never part of the message."""

    def __init__(self, operation: str, message: str, *, status_code: int | None = None) -> None:
        self.operation = operation
        self.status_code = status_code
        super().__init__(f"{operation}: {message}")


class WorkflowError(BlaaizError):
    """A step of a workflow failed. Its own error is `error`, and the cause of this one."""

    def __init__(
        self, workflow: str, step: str, error: BlaaizError, *, done: Mapping[str, Any], not_done: Sequence[str]
    ) -> None:
        self.workflow = workflow
        self.step = step
        """The step that failed."""
        self.error = error
        self.done = dict(done)
        """What the steps before it returned, by name; a step that failed halfway is there with what it made."""
        self.not_done = tuple(not_done)
        """The steps that weren't begun."""
        self.idempotency_key = error.idempotency_key
        done_text = ", ".join(self.done) or "nothing"
        rest = f"; not begun: {', '.join(self.not_done)}" if self.not_done else ""
        super().__init__(f"{workflow}: step {step} failed: {error} (done: {done_text}{rest})")


class CustomerNotVerifiedError(BlaaizError):
    """The platform pays and charges for VERIFIED customers only, and for none under enhanced due diligence."""

    def __init__(self, customer_id: str, status: str, under_due_diligence: bool) -> None:  # noqa: FBT001  # positional, as the others
        self.customer_id = customer_id
        self.status = str(status)
        self.under_due_diligence = under_due_diligence
        why = "is under enhanced due diligence" if under_due_diligence else f"is {self.status}, not VERIFIED"
        super().__init__(f"customer {customer_id} {why}; wait for its verification (customers.wait), then try again")


class NotSettledError(BlaaizError):
    """What was waited for hadn't settled when the deadline passed."""

    def __init__(self, what: str, deadline: float, last: object) -> None:
        self.last = last
        """What was seen last; None if it was never seen."""
        super().__init__(f"{what} hasn't settled within {deadline:g} s")


class ResponseDecodeError(BlaaizError):
    """An answer that doesn't have the documented shape. The call itself was answered with `status_code`.

    For a write this means that it did take effect; only the answer can't be read.
    """

    def __init__(self, operation: str, path: str, problem: str, *, status_code: int | None = None) -> None:
        self.operation = operation
        self.path = path
        """Where in the payload, such as `owners[0].status`."""
        self.problem = problem
        self.status_code = status_code
        super().__init__(f"{operation}: can't read the answer at {path or 'its root'}: {problem}")


class UnreadableOutcomeError(OutcomeUnknownError, ResponseDecodeError):
    """A write was answered with success, and the answer doesn't have the documented shape: what it made can't be told.

    It is both: an unknown outcome to those who look before they send again, and an answer that can't be read.
    """

    def __init__(self, error: ResponseDecodeError, *, again: str = "") -> None:
        self.operation, self.status_code = error.operation, error.status_code
        self.path, self.problem = error.path, error.problem
        # Neither parent's own text fits: this one says both.
        BlaaizError.__init__(
            self,
            f"{error.operation}: answered {error.status_code}, but the answer can't be read at "
            f"{error.path or 'its root'}: {error.problem}; {again or 'look what it made before sending it again'}",
        )


class WebhookVerificationError(BlaaizError):
    """A webhook delivery whose signature, age or form can't be trusted."""
