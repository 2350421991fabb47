"""Transactions: collections, payouts and swaps as the platform keeps them."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id, OpenStrEnum, Request, Rule
from blaaiz_async.errors import Fault
from blaaiz_async.types.refunds import Refund, RefundStatus
from blaaiz_async.types.rules import Text, longest

TransactionKind = Literal["SEND_MONEY", "FUND_WALLET", "SWAP"]
"""What to filter by: payouts, collections or swaps. Rows say it in `type`, in other words."""
SettledStatus = Literal["FAILED", "SUCCESSFUL", "EXPIRED"]


class TransactionStatus(OpenStrEnum):
    """State of a transaction. PENDING and PROCESSING go on."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


class TransactionType(OpenStrEnum):
    """Kind of a transaction."""

    COLLECTION = "collection"
    PAYOUT = "payout"
    SWAP = "swap"

    def fits(self, shown: object) -> bool:
        """Tell whether a record that shows this as its type may be of this kind; the filter has names of its own."""
        return shown in (None, self.value, _FILTERED_AS[self])


_FILTERED_AS: Mapping[TransactionType, TransactionKind] = {
    TransactionType.COLLECTION: "FUND_WALLET",
    TransactionType.PAYOUT: "SEND_MONEY",
    TransactionType.SWAP: "SWAP",
}


@frozen(kw_only=True, repr=False)
class TransactionFilters(Request):
    """Which transactions to list; all of them without any filter (contract schema TransactionListRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("type", "status", "merchant_reference", "page")

    start_date: date | None = None
    """Created on this day or later."""
    end_date: date | None = None
    """Created on this day or before."""
    wallet_id: Text | None = None
    customer_id: Text | None = None
    type: TransactionKind | None = None
    status: SettledStatus | None = None
    merchant_reference: Annotated[Text, longest(255)] | None = None
    """Exact."""
    page: Annotated[int, Rule("range", lambda value: value >= 1, "1 or more")] | None = None
    """Which page of 10 rows, counted from 1."""

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        if self.start_date is not None and self.end_date is not None and self.end_date < self.start_date:
            yield Fault(field="end_date", rule="order", message="must not be before start_date")


@frozen(kw_only=True, repr=False)
class SourceInformation(Answer):
    """Who paid a collection; all empty on payouts and swaps."""

    collection_email: str | None = None
    """Sender of an Interac transfer."""
    collection_name: str | None = None
    account_name: str | None = None
    account_number: str | None = None
    bank_name: str | None = None
    sort_code: str | None = None
    bank_swift_code: str | None = None
    description: str | None = None
    narration: str | None = None
    """NGN only."""


@frozen(kw_only=True, repr=False)
class TransactionRecipient(Answer):
    """Who got the money of a payout."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "currency", "status")

    id: Id | None = None
    account_number: str | None = None
    account_name: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    bank_name: str | None = None
    bank_code: str | None = None
    status: TransactionStatus | None = None
    routing_number: str | None = None
    email: str | None = None


@frozen(kw_only=True, repr=False)
class SwapDetails(Answer):
    """Both sides of a swap."""

    _shown: ClassVar[tuple[str, ...]] = ("from_currency", "to_currency")

    from_business_wallet_id: Id | None = None
    to_business_wallet_id: Id | None = None
    from_currency: str | None = None
    from_amount: Decimal | None = None
    from_amount_without_fee: Decimal | None = None
    to_currency: str | None = None
    to_amount: Decimal | None = None
    amount_type: str | None = None
    """Which side was fixed: "from" or "to"."""
    exchange_rate: Decimal | None = None


@frozen(kw_only=True, repr=False)
class Transaction(Answer):
    """A transaction as a row of a list."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "type", "status", "reference", "merchant_reference")

    id: Id
    type: TransactionType | None = None
    status: TransactionStatus | None = None
    business_id: Id | None = None
    business_customer_id: Id | None = None
    business_wallet_id: Id | None = None
    refund_status: RefundStatus | None = None
    """None when there is no refund."""
    reference: str | None = None
    """The platform's reference."""
    merchant_reference: str | None = None
    """Yours."""
    external_reference: str | None = None
    """The provider's reference of a collection or payout."""
    currency: str | None = None
    """Source currency."""
    amount: Decimal | None = None
    """Gross."""
    amount_without_fee: Decimal | None = None
    """Net."""
    fee: Decimal | None = None
    rate: Decimal | None = None
    date: datetime | None = None
    payee_collection_email: str | None = None
    source_information: SourceInformation | None = None
    swap_details: SwapDetails | None = None
    """Of a swap only."""
    recipient: TransactionRecipient | None = None
    """Of a payout only."""


@frozen(kw_only=True, repr=False)
class TransactionDetail(Transaction):
    """A transaction with its refund."""

    refund: Refund | None = None
    """None when there is none, or when the credential lacks `refund:read`: `holds("refund")` tells which."""
