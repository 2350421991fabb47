"""Every error pickles with all it knows."""

import pickle
from typing import Any

import pytest

from blaaiz_async import errors

STATUS: dict[str, Any] = {
    "status_code": 422,
    "operation": "customers_create",
    "errors": {"email": ["Taken."]},
    "code": "C",
    "request_id": "r",
    "headers": {"date": "today"},
}
SAMPLES: list[errors.BlaaizError] = [
    errors.ConfigurationError("x"),
    errors.InvalidRequestError("o", [errors.Fault(field="email", rule="missing", message="is required")]),
    errors.MissingScopeError("o", ["customer:read"]),
    errors.APIConnectionError("o", "x"),
    errors.APITimeoutError("o", "x"),
    errors.OutcomeUnknownError("o", "x", status_code=502),
    errors.CannotLookError("o"),
    errors.UploadError("o", "x", status_code=403),
    errors.WorkflowError("w", "payout", errors.APITimeoutError("o", "x"), done={"fees": 1}, not_done=("x",)),
    errors.CustomerNotVerifiedError("id", "PENDING", under_due_diligence=False),
    errors.NotSettledError("transaction t", 60.0, None),
    errors.ResponseDecodeError("o", "a.b", "x", status_code=200),
    errors.UnreadableOutcomeError(errors.ResponseDecodeError("o", "a.b", "x", status_code=201)),
    errors.WebhookVerificationError("x"),
    errors.PermissionDeniedError("x", scopes=("customer:read",), **STATUS),
    errors.RateLimitError("x", retry_after=3.0, **STATUS),
    *[
        kind("x", **STATUS)
        for kind in errors.APIStatusError.__subclasses__()
        if kind not in (errors.PermissionDeniedError, errors.RateLimitError)
    ],
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_pickles_with_all_it_knows(error: errors.BlaaizError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(error), str(error), repr(error.__dict__)) == (type(copy), str(copy), repr(copy.__dict__))


def test_there_is_a_sample_of_every_error() -> None:
    every = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BlaaizError)}
    assert every - {errors.BlaaizError, errors.APIStatusError} == {type(error) for error in SAMPLES}
