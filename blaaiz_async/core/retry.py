"""What may be repeated, and how long to wait before.

| what happened                                        | read, idempotent or keyed | other write         |
|------------------------------------------------------|---------------------------|---------------------|
| never sent (connect, DNS, TLS, pool)                 | repeat                    | repeat              |
| 429                                                  | pause all callers, repeat | the same            |
| 401                                                  | drop that token, repeat once | the same         |
| 500, 502, 503, 504 and a proxy's 52x                 | repeat                    | OutcomeUnknownError |
| sent, no whole answer, or a 2xx without JSON         | repeat                    | OutcomeUnknownError |
| any other 4xx                                        | raise                     | raise               |

A 2xx whose JSON has another shape is never repeated: ResponseDecodeError, which for a keyed operation or another write is an
OutcomeUnknownError too.
"""

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import tenacity
from attrs import field, frozen, validators

from blaaiz_async.errors import BlaaizError

T = TypeVar("T")

UNCERTAIN_STATUSES = frozenset({500, 502, 503, 504, *range(520, 528)})
"""After these the platform may have done what was asked. 52x are a proxy's words for a lost origin."""


class Again(Exception):  # noqa: N818  # a signal between rooms, never seen by callers
    """The attempt failed in a way that may be repeated; `error` is what to raise when no attempt is left."""

    def __init__(self, error: BlaaizError, *, wait: float | None = None) -> None:
        self.error = error
        self.wait = wait
        """Seconds to wait; None for the policy's own backoff."""
        super().__init__(str(error))


@frozen(kw_only=True)
class RetryPolicy:
    """How often and how long a call is repeated. Which failures are repeated isn't a matter of taste: see the module."""

    max_attempts: int = field(default=5, validator=validators.ge(1))
    """Attempts in all, the first included. 1 switches repeating off."""
    deadline: float = field(default=60.0, validator=validators.gt(0))
    """Seconds from the call's start after which no further attempt is begun."""
    wait_initial: float = field(default=0.5, validator=validators.ge(0))
    """Seconds of the first backoff; it doubles each time, with full jitter."""
    wait_max: float = field(default=30.0, validator=validators.ge(0))
    """Seconds of the longest backoff."""
    random: Callable[[], float] = field(default=random.random, repr=False, eq=False)
    """Source of the jitter, 0 ≤ x < 1."""

    async def run(self, attempt: Callable[[], Awaitable[T]], *, waited: Callable[[], float]) -> T:
        """Call `attempt` until it returns, raises anything but Again, or the policy's end is reached.

        `waited` tells the seconds so far that the deadline doesn't count.
        """
        started = anyio.current_time()
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
            longest = min(self.wait_max, self.wait_initial * 2.0 ** (state.attempt_number - 1))
            return longest * (1 - self.random())

        def stop(state: tenacity.RetryCallState) -> bool:
            over = anyio.current_time() - started - waited() + state.upcoming_sleep > self.deadline
            return over or state.attempt_number >= self.max_attempts

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
