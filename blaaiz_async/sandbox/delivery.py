"""Outgoing webhooks: where each event goes, its signature, its retries, and the sending itself."""

from __future__ import annotations

import copy
import hmac
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anyio
import attrs

from .exchange import Answer

if TYPE_CHECKING:
    import httpx

    from .state import Platform

__all__ = ["Attempt", "Config", "Delivery", "Webhooks", "sign"]

DEADLINE_SECONDS = 30.0
RETENTION_SECONDS = 90 * 86400.0
PUMP_SECONDS = 0.1
"""How often a served sandbox looks for something to deliver."""

_KYC_DELAYS = (0.0, 60.0, 300.0, 900.0, 3600.0)
_GENERAL_DELAYS = (0.0, *(min(300.0 * 2**step, 86400.0) for step in range(9)))
"""Seconds before each attempt (events x-webhook-delivery.retry_policies); the general ones are jittered."""


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Sign a delivery (events x-webhook-signature).

    Args:
        secret: the signing secret, used as its UTF-8 bytes.
        timestamp: Unix seconds in decimal, as in `x-blaaiz-timestamp`.
        body: the exact bytes of the body.

    Returns:
        64 lower-case hexadecimal digits.
    """
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, "sha256").hexdigest()


@attrs.define(kw_only=True)
class Config:
    """What is registered."""

    id: str
    urls: dict[str, str | None]
    """By `payout_url`, `collection_url` and `kyc_url`."""
    secret: str = attrs.field(repr=False)
    created_at: float
    updated_at: float


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt to deliver."""

    id: str
    at: float
    headers: Mapping[str, str] = attrs.field(repr=False)
    status: int | None
    """The receiver's HTTP status; None when it gave no answer."""


@attrs.define(kw_only=True)
class Delivery:
    """One event on its way to one URL; also the platform's log of it."""

    id: str
    type: str
    url: str
    event: dict[str, Any] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    delays: Sequence[float] = attrs.field(repr=False)
    logged: bool
    created_at: float
    updated_at: float
    due_at: float | None
    """When the next attempt is due; None when there will be none."""
    status: str = "INITIATED"
    attempts: list[Attempt] = attrs.field(factory=list[Attempt], repr=False)
    under_way: bool = False

    @property
    def response(self) -> int | None:
        """The HTTP status that the last attempt met."""
        return self.attempts[-1].status if self.attempts else None


class Webhooks:
    """Everything on its way to the registered URLs.

    Attributes:
        config: what is registered, or None.
        local_urls: whether plain HTTP and this machine's own addresses are taken too, for receivers under development.
        deliveries: every delivery that is kept, oldest first.
    """

    def __init__(self, platform: Platform) -> None:
        self.config: Config | None = None
        self.local_urls = False
        self.deliveries: list[Delivery] = []
        self._platform = platform
        self._collected = 0
        self._jitter = random.Random(0)

    @property
    def logs(self) -> list[Delivery]:
        """What the log endpoints show: 90 days, and no auto-deposit events."""
        since = self._platform.now() - RETENTION_SECONDS
        return [each for each in self.deliveries if each.logged and each.created_at >= since]

    @property
    def next_due(self) -> float | None:
        """When the next attempt is due, epoch seconds, or None: the moment to move a test's clock to."""
        with self._platform.lock:
            self.collect()
            return min((each.due_at for each in self.deliveries if each.due_at is not None), default=None)

    async def deliver_due(self, client: httpx.AsyncClient | None = None) -> int:
        """Make every attempt that is due by the sandbox's clock, one after the other, the oldest event first.

        Args:
            client: sends them; a plain one by default.

        Returns:
            how many attempts were made.
        """
        if client is None:
            async with _new_client() as own:
                return await self.deliver_due(own)
        due = self._take_due()
        for each in due:
            await self._attempt(client, each)
        return len(due)

    async def pump(self) -> None:
        """Deliver what becomes due for as long as the task lives, each event in a task of its own."""
        async with _new_client() as client, anyio.create_task_group() as tasks:
            while True:
                for each in self._take_due():
                    tasks.start_soon(self._attempt, client, each)
                await anyio.sleep(PUMP_SECONDS)

    def collect(self) -> None:
        """Put what happened since the last time on its way; without a URL for it, an event is never delivered."""
        events = self._platform.events
        for event in events[self._collected :]:
            self._start(event)
        self._collected = len(events)

    def replay_transaction(self, transaction_id: object) -> bool:
        """Announce a successful fiat payout or collection once more; False when there is none."""
        self.collect()
        for event in reversed(self._platform.events):
            if (event.get("transaction_id"), event.get("transaction_status")) == (transaction_id, "SUCCESSFUL") and event[
                "type"
            ] in {"payout", "collection"}:
                return self._start(event)
        return False

    def replay_log(self, log_id: object) -> bool:
        """Send a failed crypto payout delivery once more; False when there is none."""
        for log in self.logs:
            if log.id == log_id and log.status == "FAILED" and log.type.startswith("crypto.payout."):
                log.due_at, log.status = self._platform.now(), "PROCESSING"
                return True
        return False

    def _start(self, event: dict[str, Any]) -> bool:
        kind = str(event.get("event") or event.get("event_type") or event.get("type"))
        url = self._url(kind)
        if url is None:
            return False
        at, once = self._platform.now(), kind.startswith("auto_deposit_email.")
        delays: Sequence[float] = (0.0,) if once else _KYC_DELAYS if _is_kyc(kind) else _GENERAL_DELAYS
        # The event id of crypto events is the log's id (CryptoPayoutWebhook.event_id).
        log_id = str(event["event_id"]) if kind.startswith("crypto.") else self._platform.new_id()
        self.deliveries.append(
            Delivery(
                id=log_id,
                type=kind,
                url=url,
                event=copy.deepcopy(event),
                body=Answer(body=event).payload(),
                delays=delays,
                logged=not once,
                created_at=at,
                updated_at=at,
                due_at=at,
            )
        )
        return True

    def _url(self, kind: str) -> str | None:
        if self.config is None:
            return None
        urls = self.config.urls
        if _is_kyc(kind):
            return urls["kyc_url"]
        if kind.startswith(("payout", "crypto.payout.")):
            return urls["payout_url"]
        if kind.startswith("auto_deposit_email."):
            return urls["collection_url"] or urls["payout_url"]
        return urls["collection_url"]

    def _take_due(self) -> list[Delivery]:
        with self._platform.lock:
            self._platform.pass_time()
            self.collect()
            at = self._platform.now()
            due = [each for each in self.deliveries if each.due_at is not None and each.due_at <= at and not each.under_way]
            for each in due:
                each.under_way = True
            return due

    async def _attempt(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        import httpx

        # Signed anew each time: a late retry with its first timestamp would fall outside every receiver's tolerance.
        with self._platform.lock:
            config, at = self.config, self._platform.now()
        timestamp = str(int(at))
        headers = {
            "content-type": "application/json",
            "user-agent": "Blaaiz",
            "x-blaaiz-timestamp": timestamp,
            "x-blaaiz-signature": sign("" if config is None else config.secret, timestamp, delivery.body),
        }
        status: int | None = None
        try:
            with anyio.fail_after(DEADLINE_SECONDS):
                answer = await client.post(delivery.url, content=delivery.body, headers=headers, timeout=DEADLINE_SECONDS)
            status = answer.status_code
        except (httpx.HTTPError, TimeoutError, OSError):
            pass  # no answer: a failed attempt
        finally:
            with self._platform.lock:
                delivery.under_way = False
                self._record(delivery, Attempt(id=self._platform.new_id(), at=at, headers=headers, status=status))

    def _record(self, delivery: Delivery, attempt: Attempt) -> None:
        delivery.attempts.append(attempt)
        delivery.updated_at, delivery.due_at = attempt.at, None
        made = len(delivery.attempts)
        if attempt.status is not None and 200 <= attempt.status < 300:
            delivery.status = "SUCCESSFUL"
        elif made >= len(delivery.delays):
            delivery.status = "FAILED"
        else:
            jitter = self._jitter.uniform(0.8, 1.2) if delivery.delays is _GENERAL_DELAYS else 1.0
            delivery.status, delivery.due_at = "PROCESSING", attempt.at + delivery.delays[made] * jitter


def _is_kyc(kind: str) -> bool:
    return kind.startswith(("merchant.kyc.", "signa_id."))


def _new_client() -> httpx.AsyncClient:
    import httpx

    return httpx.AsyncClient(trust_env=False)
