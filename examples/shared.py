"""What the three services share: one client per process, what an error becomes, and what webhooks do.

Settings are the BLAAIZ_* variables, BLAAIZ_WEBHOOK_SECRET, and REDIS_URL where several workers or hosts serve.
"""

import contextlib
import logging
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blaaiz_async import (
    APIConnectionError,
    APIStatusError,
    AsyncBlaaiz,
    AuthenticationError,
    BlaaizError,
    InvalidRequestError,
    MissingScopeError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from blaaiz_async.webhooks import (
    CustomerStatusChanged,
    Handlers,
    PayoutEvent,
    UnknownEvent,
    WebhookApp,
    WebhookVerifier,
    webhook_app,
)

if TYPE_CHECKING:
    from blaaiz_async.redis import RedisSeenStore

log = logging.getLogger("service")
logging.basicConfig(level=logging.INFO)
handlers = Handlers()


def seen_store() -> "RedisSeenStore | None":
    """Make the store of what was handled that all workers share; None where each has its own."""
    if not (url := os.environ.get("REDIS_URL")):
        return None
    from blaaiz_async.redis import RedisSeenStore

    return RedisSeenStore(url, name="service")


seen = seen_store()


@handlers.on(PayoutEvent, CustomerStatusChanged)
async def note(event: PayoutEvent | CustomerStatusChanged) -> None:
    """Do what your business does; raising makes the platform deliver the event again."""
    log.info("%s: handled", event.dedupe_key)


@handlers.on(UnknownEvent)
async def look_into(event: UnknownEvent) -> None:
    """Keep what this version can't read, such as `event.payload` in a table, for whoever looks into it."""
    log.error("%s: %s", event.dedupe_key, event.problem or "no such event is documented")


@contextlib.asynccontextmanager
async def blaaiz_client() -> AsyncGenerator[AsyncBlaaiz]:
    """Open what this process has one of, its client above all, and close it when the server stops or reloads.

    With Redis, all workers share one rate budget and one token; without, each process paces itself alone.
    """
    async with contextlib.AsyncExitStack() as stack:
        options: dict[str, Any] = {}
        if seen is not None:
            await stack.enter_async_context(seen)
        if url := os.environ.get("REDIS_URL"):
            from blaaiz_async.redis import RedisRateBudget, RedisTokenStore

            options["budget"] = await stack.enter_async_context(RedisRateBudget(url, name="service"))
            options["token_store"] = await stack.enter_async_context(RedisTokenStore(url, key=os.environ.get("TOKEN_KEY")))
        yield await stack.enter_async_context(AsyncBlaaiz(**options))


def webhooks() -> WebhookApp:
    """Make the receiver. Each event is handled once: in this process, or with Redis among all workers."""
    return webhook_app(WebhookVerifier(os.environ["BLAAIZ_WEBHOOK_SECRET"]), handlers, seen=seen)


@dataclass(kw_only=True)
class NewPayout:
    """What our own callers send. The amount is a string, and exact: a JSON number is a float in most frameworks."""

    wallet_id: str
    customer_id: str
    amount: str
    currency: str
    bank_id: str
    account_number: str

    def under(self, reference: str) -> dict[str, Any]:
        """Make the payout under the caller's own reference: however often it is sent, it is paid once."""
        return {
            "method": "bank_transfer",
            "wallet_id": self.wallet_id,
            "customer_id": self.customer_id,
            "from_currency_id": self.currency,
            "to_currency_id": "NGN",
            "from_amount": self.amount,
            "bank_id": self.bank_id,
            "account_number": self.account_number,
            "merchant_reference": reference,
        }


@dataclass
class Problem:
    """What our own caller is told."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def problem(error: BlaaizError) -> Problem:  # noqa: PLR0911  # one answer for each kind of error
    """Say what an error of the client means to whoever called our service."""
    match error:
        case InvalidRequestError():  # nothing was sent
            faults = [{"field": fault.field, "message": fault.message} for fault in error.faults]
            return Problem(422, {"error": "invalid", "faults": faults})
        case OutcomeUnknownError() if error.idempotency_key:  # under way, perhaps: the same again settles it
            return Problem(202, {"error": "outcome unknown: send the same again", "reference": error.idempotency_key})
        case OutcomeUnknownError():
            log.error("%s; look what it made: error.find_candidates()", error)
            return Problem(502, {"error": "outcome unknown: look before sending it again"})
        case NotFoundError():
            return Problem(404, {"error": "not found"})
        case RateLimitError():
            return Problem(503, {"error": "busy"}, {"retry-after": f"{max(1.0, error.retry_after or 60.0):.0f}"})
        case APIConnectionError() | ServerError():
            return Problem(503, {"error": "the platform can't be reached"}, {"retry-after": "5"})
        case AuthenticationError() | PermissionDeniedError() | MissingScopeError():  # ours to mend, not the caller's
            log.error("check the credentials and scopes: %s", type(error).__name__)
            return Problem(502, {"error": "misconfigured"})
        case APIStatusError():  # refused: no funds, a customer who isn't VERIFIED, a reference used for something else
            return Problem(422, {"error": error.message, "faults": error.errors})
        case _:
            log.error("unexpected: %s", type(error).__name__)
            return Problem(502, {"error": "failed"})
