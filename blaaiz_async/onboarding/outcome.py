"""How a row ends, and what may be said about an error: never a word of the platform's text, which may hold names."""

from enum import StrEnum

from attrs import frozen

from blaaiz_async.errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    MissingScopeError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ResponseDecodeError,
    ServerError,
    UploadError,
)

__all__ = ["JobStoppedError", "Outcome", "RowInterruptedError", "RowOutcome", "RowRefusedError", "judge"]


class Outcome(StrEnum):
    """What became of a row."""

    ONBOARDED = "onboarded"
    INVALID = "invalid"
    """RowRefusedError by the checks; no call was made for it."""
    REFUSED = "refused"
    """RowRefusedError by the platform. Tried again once the row has changed."""
    FAILED = "failed"
    """Not done for a reason that may pass. Tried again by the same command."""
    PENDING = "pending"
    """Not done yet."""


@frozen(kw_only=True)
class RowOutcome:
    """The end of one row: ids and states only."""

    outcome: Outcome
    customer_id: str = ""
    verification_status: str = ""
    """The last one that the platform told."""
    detail: str = ""


class RowRefusedError(Exception):
    """The platform refused this row for good; the text is fit for the results."""


class RowInterruptedError(Exception):
    """The row can't go on now; its work stays where it is until the next run. The text is fit for the results."""


class JobStoppedError(Exception):
    """No row can go on, such as with a wrong credential. The text says what to change."""


def judge(error: Exception) -> RowRefusedError | RowInterruptedError | JobStoppedError:  # noqa: PLR0911  # a table
    """Turn any error of a call into what it means for the row, without the values that the error may hold."""
    match error:
        case RowRefusedError() | RowInterruptedError() | JobStoppedError():
            return error
        case MissingScopeError() | ConfigurationError():
            return JobStoppedError(str(error))
        case AuthenticationError() | PermissionDeniedError():
            return JobStoppedError(f"{_told(error)}: check client id, secret, the credential's scopes and the IP allow list")
        case RateLimitError() | ServerError():
            return RowInterruptedError(_told(error))
        case APIStatusError():
            return RowRefusedError(_told(error))
        case InvalidRequestError():
            # The row was checked before: what changed since is a file.
            fields = ", ".join(fault.field for fault in error.faults)
            return RowInterruptedError(f"{error.operation} wasn't sent: check {fields}")
        case OutcomeUnknownError() | ResponseDecodeError():
            return RowInterruptedError(f"{error.operation}: the outcome is unknown; the next run looks first")
        case APIConnectionError():
            return RowInterruptedError(f"{error.operation}: the platform can't be reached")
        case UploadError():
            return RowInterruptedError(f"{error.operation}: the storage didn't take the file")
        case OSError():
            return RowInterruptedError("a file of this row can't be read")
        case _:
            return RowInterruptedError(f"unexpected {type(error).__name__}")


def _told(error: APIStatusError) -> str:
    fields = f" for {', '.join(sorted(error.errors))}" if error.errors else ""
    request = f" (request {error.request_id})" if error.request_id else ""
    return f"{error.operation} answered {error.status_code}{fields}{request}"
