"""Webhook addresses, replays and delivery logs (contract/events.yaml webhook_*). Deliveries themselves are elsewhere."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, ClassVar

from attrs import field, frozen

from blaaiz_async.core.codec import UNSET, Answer, Id, OpenStrEnum, Request, TextOrTexts, UnsetType
from blaaiz_async.errors import Fault
from blaaiz_async.types.money import Amount
from blaaiz_async.types.rules import Email, HttpsUrl, Text


class WebhookLogStatus(OpenStrEnum):
    """State of a delivery."""

    INITIATED = "INITIATED"
    PROCESSING = "PROCESSING"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"


# -- requests ----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class WebhookRegisterRequest(Request):
    """Where events shall go (contract schema WebhookRegisterRequest)."""

    payout_url: HttpsUrl
    """Payouts and crypto payouts."""
    collection_url: HttpsUrl
    """Collections, refunds, virtual accounts, customers, crypto deposits and auto-deposit e-mails."""
    kyc_url: HttpsUrl | None = None
    """Signa and Signa ID. Without it, results are stored and not delivered."""


@frozen(kw_only=True, repr=False)
class WebhookUpdateRequest(Request):
    """Addresses to change (contract schema WebhookUpdateRequest). UNSET leaves one out; None in `kyc_url` clears it.

    A `kyc_url` left out stays as it is. For the other two the platform doesn't say so, and its samples send both.
    """

    payout_url: HttpsUrl | UnsetType = UNSET
    collection_url: HttpsUrl | UnsetType = UNSET
    kyc_url: HttpsUrl | None | UnsetType = UNSET

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        if self.payout_url is UNSET and self.collection_url is UNSET and self.kyc_url is UNSET:
            yield Fault(field="", rule="empty", message="give at least one address")


@frozen(kw_only=True, repr=False)
class WebhookReplayRequest(Request):
    """Which event to send again (contract schema WebhookReplayRequest): exactly one of the two."""

    _shown: ClassVar[tuple[str, ...]] = ("transaction_id", "webhook_log_id")

    transaction_id: Text | None = None
    """A successful fiat payout or collection."""
    webhook_log_id: Text | None = None
    """A failed delivery of a crypto payout."""

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        if (self.transaction_id is None) == (self.webhook_log_id is None):
            text = "give exactly one of transaction_id and webhook_log_id"
            yield Fault(field="transaction_id", rule="one_of", message=text)


@frozen(kw_only=True, repr=False)
class SimulateInteracRequest(Request):
    """What a mock Interac collection shall say (contract schema SimulateInteracRequest)."""

    interac_email: Email | None = None
    """The sender's."""
    amount: Amount | None = None
    """CAD, in major units."""


# -- answers -----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class WebhookRegistration(Answer):
    """What a registration gives: the key that deliveries are signed with. Store it; nothing returns it again."""

    signing_secret: str = field(repr=False)


@frozen(kw_only=True, repr=False)
class WebhookConfig(Answer):
    """Where events go."""

    _shown: ClassVar[tuple[str, ...]] = ("id",)

    id: Id | None = None
    """Needed for `webhooks.update`; the published samples lack it."""
    payout_url: str | None = None
    collection_url: str | None = None
    kyc_url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class WebhookLog(Answer):
    """A delivery, kept for 90 days. Its payload may hold personal data."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "type", "status")

    id: Id
    business_id: Id | None = None
    business_transaction_id: Id | None = None
    business_crypto_wallet_transaction_id: Id | None = None
    type: str | None = None
    """The event, such as crypto.payout.successful."""
    webhook_url: str | None = None
    payload: Mapping[str, Any] | None = None
    """What was sent."""
    response: Any = None
    """What the receiver answered: an object as a rule."""
    status: WebhookLogStatus | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class WebhookLogCryptoTransaction(Answer):
    """The crypto transaction that a delivery was about."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "status")

    id: Id
    reference: str | None = None
    status: str | None = None
    """Upper case here, such as FAILED."""
    currency: str | None = None
    network: str | None = None
    transaction_hash: str | None = None


@frozen(kw_only=True, repr=False)
class WebhookLogHistory(Answer):
    """One attempt to deliver."""

    _shown: ClassVar[tuple[str, ...]] = ("id",)

    id: Id
    metadata: Mapping[str, Any] | None = None
    """Such as `{"attempt": 1}`."""
    headers: Mapping[str, TextOrTexts] | None = None
    """What was sent, the signature among them."""


@frozen(kw_only=True, repr=False)
class WebhookLogDetail(WebhookLog):
    """A delivery with its attempts."""

    business_crypto_wallet_transaction: WebhookLogCryptoTransaction | None = None
    webhook_log_histories: tuple[WebhookLogHistory, ...] = ()
