"""What may be repeated, and how long to wait before.

| what happened                                        | read, idempotent or keyed | other write         |
|------------------------------------------------------|---------------------------|---------------------|
| never sent (connect, DNS, TLS, pool)                 | repeat                    | repeat              |
| 429                                                  | pause all callers, repeat | the same            |
| 401                                                  | drop that token, repeat once | the same         |
| any 5xx, the platform's or a proxy's                 | repeat                    | OutcomeUnknownError |
| sent, no whole answer, or a 2xx without JSON         | repeat                    | OutcomeUnknownError |
| 409 to a key in a header: the first is under way     | repeat                    |                     |
| any other 4xx                                        | raise                     | raise               |

A keyed call that may have taken effect is settled by repeating it, so only the deadline ends it, not `max_attempts`.
A 2xx whose JSON has another shape is never repeated: ResponseDecodeError, which for a keyed operation or another write is an
OutcomeUnknownError too.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import anyio
import tenacity
from attrs import field, frozen, validators

from blaaiz_async.core.background import now
from blaaiz_async.errors import BlaaizError

T = TypeVar("T")


class Again(Exception):  # noqa: N818  # a signal between rooms, never seen by callers
    """The attempt failed in a way that may be repeated; `error` is what to raise when no attempt is left."""

    def __init__(self, error: BlaaizError, *, wait: float | None = None) -> None:
        self.error = error
        self.wait = wait
        """Seconds to wait; None for the policy's own backoff."""
        super().__init__(str(error))


class Progress(Protocol):
    """What a policy must know of a call's course."""

    @property
    def deadline(self) -> float:
        """On the event loop's clock; it may be put off meanwhile."""
        ...

    @property
    def unsettled(self) -> bool:
        """Whether to go on until the deadline, however many attempts that takes."""
        ...


@frozen(kw_only=True)
class RetryPolicy:
    """How often and how long a call is repeated. Which failures are repeated isn't a matter of taste: see the module."""

    max_attempts: int = field(default=5, validator=validators.ge(1))
    """Attempts in all, the first included. 1 switches repeating off. A keyed call that may have taken effect, such as a
    payout whose answer was lost, is repeated until the deadline."""
    deadline: float = field(default=60.0, validator=validators.gt(0))
    """Seconds from the call's start over all its attempts and waits: the one under way then is given up."""
    wait_initial: float = field(default=0.5, validator=validators.ge(0))
    """Seconds of the first backoff; it doubles each time, with full jitter."""
    wait_max: float = field(default=30.0, validator=validators.ge(0))
    """Seconds of the longest backoff."""
    random: Callable[[], float] = field(default=random.random, repr=False, eq=False)
    """Source of the jitter, 0 ≤ x < 1."""

    def backoff(self, attempt: int) -> float:
        """Return the seconds to wait after attempt number `attempt`, counted from 1."""
        longest = min(self.wait_max, self.wait_initial * 2.0 ** min(attempt - 1, 60))
        return longest * (1 - self.random())

    async def run(self, attempt: Callable[[], Awaitable[T]], progress: Progress) -> T:
        """Call `attempt` until it returns, raises anything but Again, or the policy's end is reached."""
        try:
            return await attempt()
        except Again as again:
            # Tenacity comes in only now, told of this first failure: it costs a tenth of a call, and most calls succeed.
            failed: Again | None = again

        async def once() -> T:
            nonlocal failed
            if failed is not None:
                first, failed = failed, None
                raise first
            return await attempt()

        def wait(state: tenacity.RetryCallState) -> float:
            again = _again_of(state)
            if again.wait is not None:
                return again.wait
            return self.backoff(state.attempt_number)

        def stop(state: tenacity.RetryCallState) -> bool:
            if now() + state.upcoming_sleep > progress.deadline:
                return True
            goes_on = progress.unsettled and self.max_attempts > 1
            return state.attempt_number >= self.max_attempts and not goes_on

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Again),  # by name: a wider net would eat cancellation
            wait=wait,
            stop=stop,
            sleep=anyio.sleep,
            reraise=True,
        )
        try:
            return await retrying(once)
        except Again as again:
            raise again.error from again.__cause__


def _again_of(state: tenacity.RetryCallState) -> Again:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, Again)  # noqa: S101  # tenacity only asks after the predicate held
    return error
