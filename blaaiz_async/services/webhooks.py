"""Webhook addresses, replays, delivery logs and the mock (contract/events.yaml webhook_*, mock_*)."""

from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

from blaaiz_async.core import paging
from blaaiz_async.core.operation import Look, Safety, list_operation, operation
from blaaiz_async.core.paging import Page
from blaaiz_async.services.base import Service
from blaaiz_async.types.common import Message
from blaaiz_async.types.webhooks import (
    SimulateInteracRequest,
    WebhookConfig,
    WebhookLog,
    WebhookLogDetail,
    WebhookRegisterRequest,
    WebhookRegistration,
    WebhookReplayRequest,
    WebhookUpdateRequest,
)
from blaaiz_async.webhooks.event import Event
from blaaiz_async.webhooks.verifier import SIGNATURE_HEADER, TIMESTAMP_HEADER, TOLERANCE, WebhookVerifier

_WEBHOOK = "/api/external/webhook"
_LOGS = "/api/external/webhook-logs"

GET = operation("webhook_get", "GET", _WEBHOOK, WebhookConfig, scope="webhook:read")
REGISTER = operation(
    "webhook_register",
    "POST",
    _WEBHOOK,
    WebhookRegistration,
    scope="webhook:write",
    body=WebhookRegisterRequest,
    look=Look(read=GET, ask=lambda _: {}),
)
UPDATE = operation(
    "webhook_update",
    "PUT",
    _WEBHOOK + "/{businessWebhook}",
    Message,
    scope="webhook:write",
    safety=Safety.IDEMPOTENT,
    under=(),
    body=WebhookUpdateRequest,
)
REPLAY = operation(
    "webhook_replay",
    "POST",
    "/api/external/webhook-replay",
    Message,
    scope="webhook:replay",
    under=(),
    body=WebhookReplayRequest,
)
LIST_LOGS = list_operation("webhook_list_logs", _LOGS, WebhookLog, scope="webhook:read")
GET_LOG = operation("webhook_get_log", "GET", _LOGS + "/{id}", WebhookLogDetail, scope="webhook:read")
SIMULATE_INTERAC = operation(
    "mock_simulate_interac_webhook",
    "POST",
    "/api/external/mock/simulate-webhook/interac",
    Message,
    scope="mock:webhook:trigger",
    under=(),
    body=SimulateInteracRequest,
)


class WebhooksService(Service):
    """Where events go, and what became of them. `blaaiz_async.webhooks` verifies and reads the deliveries."""

    async def register(self, webhook: WebhookRegisterRequest | Mapping[str, Any]) -> WebhookRegistration:
        """Register the addresses that events go to.

        Args:
            webhook: Public https addresses for payouts, for collections and perhaps for KYC.

        Returns:
            The secret that every delivery is signed with. Store it: nothing returns it again.

        Raises:
            BadRequestError: An address isn't https or isn't public.
            OutcomeUnknownError: The answer was lost, and the secret with it. What a second registration does isn't
                documented: look with `get`, and ask support for the secret.

        Scope `webhook:write`; operation webhook_register.
        """
        return await self._call(REGISTER, body=webhook)

    async def get(self) -> WebhookConfig:
        """Return the registered addresses; never the secret.

        Raises:
            NotFoundError: Nothing is registered.

        Scope `webhook:read`; operation webhook_get.
        """
        return await self._call(GET)

    async def update(self, webhook_id: str, update: WebhookUpdateRequest | Mapping[str, Any]) -> Message:
        """Change the addresses.

        Args:
            webhook_id: Id or reference of the registration.
            update: Better give `payout_url` and `collection_url` both. A `kyc_url` left out (UNSET) stays, None clears it.

        Raises:
            NotFoundError: There is no such registration.

        Scope `webhook:write`; operation webhook_update.
        """
        return await self._call(UPDATE, path={"businessWebhook": webhook_id}, body=update)

    async def replay(self, request: WebhookReplayRequest | Mapping[str, Any]) -> Message:
        """Send an event of the last 90 days again.

        Args:
            request: `transaction_id` of a successful fiat payout or collection, or `webhook_log_id` of a failed delivery of
                a crypto payout.

        Raises:
            UnprocessableEntityError: It can't be sent again.
            OutcomeUnknownError: The answer was lost; the event may come, or not.

        Scope `webhook:replay`; operation webhook_replay.
        """
        return await self._call(REPLAY, body=request)

    async def list_logs(
        self,
        page: int = 1,
        *,
        start_date: date | None = None,
        end_date: date | None = None,
        status: str | None = None,
        type: str | None = None,
        search_term: str | None = None,
        per_page: int | None = None,
    ) -> Page[WebhookLog]:
        """Return one page of the deliveries of the last 90 days. Those of auto-deposit e-mails are never logged.

        Args:
            page: Counted from 1.
            start_date: First day.
            end_date: Last day.
            status: SUCCESSFUL or FAILED.
            type: The event, such as crypto.payout.failed.
            search_term: Anything searchable.
            per_page: 1 to 30; 15 if None.

        Scope `webhook:read`; operation webhook_list_logs.
        """
        query = {
            "start_date": start_date,
            "end_date": end_date,
            "status": status,
            "type": type,
            "search_term": search_term,
            "per_page": per_page,
        }
        return await self._caller.page(LIST_LOGS, number=page, query=query)

    def iterate_logs(
        self,
        *,
        start_date: date | None = None,
        end_date: date | None = None,
        status: str | None = None,
        type: str | None = None,
        search_term: str | None = None,
    ) -> AsyncIterator[WebhookLog]:
        """Yield all deliveries of the last 90 days, reading a page of 30 at a time. Filters as in `list_logs`.

        Scope `webhook:read`; operation webhook_list_logs.
        """
        return paging.iterate(
            lambda number: self.list_logs(
                number,
                start_date=start_date,
                end_date=end_date,
                status=status,
                type=type,
                search_term=search_term,
                per_page=30,
            )
        )

    async def get_log(self, id: str) -> WebhookLogDetail:
        """Return a delivery with its attempts.

        Raises:
            NotFoundError: There is none in your business, or it is older than 90 days.

        Scope `webhook:read`; operation webhook_get_log.
        """
        return await self._call(GET_LOG, path={"id": id})

    async def simulate_interac_webhook(
        self, simulation: SimulateInteracRequest | Mapping[str, Any] | None = None
    ) -> Message:
        """Have the development environment send a mock Interac collection to your `collection_url`.

        Args:
            simulation: The sender's address and the amount in CAD; both optional.

        Raises:
            BadRequestError: This is production, or no address is registered.

        Scope `mock:webhook:trigger`; operation mock_simulate_interac_webhook.
        """
        return await self._call(SIMULATE_INTERAC, body={} if simulation is None else simulation)

    def verify_signature(self, raw_body: bytes | str, signature: str | None, timestamp: str | None, secret: str) -> bool:
        """Tell whether a delivery was signed with a secret, whatever its age. It makes no call.

        Args:
            raw_body: The request's body as it came.
            signature: Its `x-blaaiz-signature` header; None if there is none.
            timestamp: Its `x-blaaiz-timestamp` header; None if there is none.
            secret: The signing secret that `register` returned.

        Raises:
            ConfigurationError: The secret is empty.

        Chapter x-webhook-signature of contract/events.yaml.
        """
        verifier = WebhookVerifier(secret)
        return (
            signature is not None
            and timestamp is not None
            and verifier.has_signed(raw_body, signature=signature, timestamp=timestamp)
        )

    def construct_event(
        self,
        payload: bytes | str,
        signature: str,
        timestamp: str,
        secret: str,
        *,
        tolerance: float | None = TOLERANCE,
    ) -> Event:
        """Verify a delivery and read it. It makes no call; an application that receives many keeps a `WebhookVerifier`.

        Args:
            payload: The request's body as it came.
            signature: Its `x-blaaiz-signature` header.
            timestamp: Its `x-blaaiz-timestamp` header.
            secret: The signing secret that `register` returned.
            tolerance: Seconds that the timestamp may lie from now; None takes any age, as the official SDK does.

        Raises:
            WebhookVerificationError: The delivery can't be trusted; the text says why.
            ConfigurationError: The secret is empty.

        Chapters x-webhook-signature and x-webhook-delivery of contract/events.yaml.
        """
        headers = {SIGNATURE_HEADER: signature, TIMESTAMP_HEADER: timestamp}
        return WebhookVerifier(secret, tolerance=tolerance).receive(payload, headers)
