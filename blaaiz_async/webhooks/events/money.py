"""Collections, payouts and refunds (contract/events.yaml CollectionWebhook, PayoutWebhook, RefundWebhook).

Amounts come as JSON numbers in major units.
"""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from attrs import field, frozen

from blaaiz_async.core.codec import Answer, Id, OpenStrEnum
from blaaiz_async.types.transactions import TransactionStatus
from blaaiz_async.webhooks.event import REQUIRED, Event, UrlKind

# -- parts -------------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class CollectionSource(Answer):
    """Who paid: by Interac (CAD) an e-mail address and a name, else a bank account. All None if nobody did."""

    collection_email: str | None = None
    collection_name: str | None = None
    account_number: str | None = None
    account_name: str | None = None
    bank_name: str | None = None


@frozen(kw_only=True, repr=False)
class CreditedAccount(Answer):
    """The virtual account that a deposit came into."""

    _shown: ClassVar[tuple[str, ...]] = ("id",)

    id: Id
    account_number: str | None = None
    account_name: str | None = None
    bank_name: str | None = None


@frozen(kw_only=True, repr=False)
class PayoutRecipient(Answer):
    """Who is paid."""

    account_number: str | None = None
    account_name: str | None = None
    bank_name: str | None = None
    amount: Decimal | None = None
    """What arrives, in the recipient's currency."""
    routing_number: str | None = None
    """USD."""
    sort_code: str | None = None
    """GBP."""
    iban: str | None = None
    """EUR."""
    wallet_address: str | None = None
    """Of payouts in crypto, which have events of their own since."""


@frozen(kw_only=True, repr=False)
class InteracInstruction(Answer):
    """What the recipient of an Interac payout is asked; the answer is a secret of theirs."""

    question: str | None = None
    answer: Id | None = field(default=None, repr=False)
    """The platform sends digits as a number."""


@frozen(kw_only=True, repr=False)
class PayoutExtras(Answer):
    """What only some payouts have."""

    interac_instruction: InteracInstruction | None = None


class RefundOutcome(OpenStrEnum):
    """State of a refund; events write it in lower case, unlike reads."""

    PROCESSING = "processing"
    SUCCESSFUL = "successful"
    FAILED = "failed"


# -- collections -------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class CollectionEvent(Event):
    """What became of a collection."""

    _shown: ClassVar[tuple[str, ...]] = ("dedupe_key", "transaction_id", "merchant_reference")
    url_kind: ClassVar[UrlKind | None] = "collection"

    event_id: Id | None = None
    type: str | None = None
    message: str | None = None
    transaction_id: Id | None = None
    transaction_reference: str | None = None
    merchant_reference: str | None = None
    """Yours; None for deposits into virtual accounts and for Interac."""
    transaction_status: TransactionStatus | None = None
    transaction_fee: Decimal | None = None
    transaction_amount_without_fee: Decimal | None = None
    transaction_amount: Decimal | None = None
    """With the fee."""
    transaction_currency: str | None = None
    """ISO 4217."""
    virtual_bank_account: CreditedAccount | None = None
    """Given for bank deposits."""
    payee_collection_email: str | None = None
    """The receiving Interac address (CAD)."""
    source_information: CollectionSource | None = None
    failure_reason: str | None = None
    """Given on the first delivery of a failed Interac collection, never on a replay."""


@frozen(kw_only=True, repr=False)
class CollectionInitiated(CollectionEvent):
    """A collection was requested. Blaaiz lists this event and has never shown its body."""


@frozen(kw_only=True, repr=False)
class CollectionPending(CollectionEvent):
    """A collection waits for the payer. Blaaiz lists this event and has never shown its body."""


@frozen(kw_only=True, repr=False)
class SettledCollection(CollectionEvent):
    """A collection came to its end."""

    transaction_id: Id = REQUIRED
    transaction_status: TransactionStatus = REQUIRED
    transaction_fee: Decimal = REQUIRED
    transaction_amount_without_fee: Decimal = REQUIRED
    transaction_amount: Decimal = REQUIRED
    """With the fee."""
    transaction_currency: str = REQUIRED
    """ISO 4217."""


@frozen(kw_only=True, repr=False)
class CollectionCompleted(SettledCollection):
    """A collection credited a wallet; a deposit into a virtual account comes as this too."""


@frozen(kw_only=True, repr=False)
class CollectionFailed(SettledCollection):
    """A collection failed and no money moved: the amounts are 0. Do not release value."""


@frozen(kw_only=True, repr=False)
class CollectionExpired(SettledCollection):
    """An Interac money request wasn't approved in time and no money moved: the amounts are those requested."""


# -- payouts -----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class PayoutEvent(Event):
    """What became of a payout."""

    _shown: ClassVar[tuple[str, ...]] = ("dedupe_key", "transaction_id", "merchant_reference")
    url_kind: ClassVar[UrlKind | None] = "payout"

    event_id: Id | None = None
    type: str | None = None
    message: str | None = None
    transaction_id: Id | None = None
    transaction_reference: str | None = None
    merchant_reference: str | None = None
    """Yours, or the one that was made for the payout."""
    transaction_status: TransactionStatus | None = None
    transaction_fee: Decimal | None = None
    transaction_amount_without_fee: Decimal | None = None
    transaction_amount: Decimal | None = None
    """With the fee."""
    transaction_currency: str | None = None
    """ISO 4217."""
    customer_id: Id | None = None
    recipient: PayoutRecipient | None = None
    interac_reference: str | None = None
    """Of a completed CAD payout; reads call it `external_reference`."""
    extras: PayoutExtras | None = None
    """Of Interac payouts."""
    developer_note: str | None = None
    """Says of an initiated payout that this isn't final."""


@frozen(kw_only=True, repr=False)
class PayoutInitiated(PayoutEvent):
    """A payout was accepted; not final. Shown for CAD only."""

    transaction_id: Id = REQUIRED
    transaction_status: TransactionStatus = REQUIRED
    transaction_fee: Decimal = REQUIRED
    transaction_amount_without_fee: Decimal = REQUIRED
    transaction_amount: Decimal = REQUIRED
    """With the fee."""
    transaction_currency: str = REQUIRED
    """ISO 4217."""


@frozen(kw_only=True, repr=False)
class PayoutProcessing(PayoutEvent):
    """A payout is under way. Blaaiz lists this event and has never shown its body."""


@frozen(kw_only=True, repr=False)
class SettledPayout(PayoutEvent):
    """A payout came to its end."""

    transaction_id: Id = REQUIRED
    transaction_status: TransactionStatus = REQUIRED
    transaction_fee: Decimal = REQUIRED
    transaction_amount_without_fee: Decimal = REQUIRED
    transaction_amount: Decimal = REQUIRED
    """With the fee."""
    transaction_currency: str = REQUIRED
    """ISO 4217."""


@frozen(kw_only=True, repr=False)
class PayoutCompleted(SettledPayout):
    """A payout reached the recipient."""


@frozen(kw_only=True, repr=False)
class PayoutFailed(SettledPayout):
    """A payout failed. Blaaiz has never shown its body, which is presumably that of a completed one."""


# -- refunds -----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class RefundEvent(Event):
    """What became of a refund."""

    _shown: ClassVar[tuple[str, ...]] = ("dedupe_key", "refund_id", "status", "transaction_id", "reference")
    url_kind: ClassVar[UrlKind | None] = "collection"

    event_id: Id | None = None
    type: str | None = None
    refund_id: Id
    status: RefundOutcome
    amount: Decimal
    """The whole collection."""
    currency: str
    """EUR or GBP."""
    reference: str | None = None
    """Your key, or the one that was made for this refund."""
    transaction_id: Id | None = None
    """The collection."""
    collection_reference: str | None = None
    business_customer_id: Id | None = None
    failure_reason: str | None = None
    """Given on failed."""
    created_at: datetime | None = None
    updated_at: datetime | None = None


@frozen(kw_only=True, repr=False)
class RefundInitiated(RefundEvent):
    """A refund of a collection began; not final."""


@frozen(kw_only=True, repr=False)
class RefundFinished(RefundEvent):
    """A refund ended: read `status`. After a failed one Blaaiz deals with the funds; don't try again."""
