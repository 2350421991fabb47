"""Swaps between two wallets of the business."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar, Literal

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id, Request
from blaaiz_async.errors import Fault
from blaaiz_async.types.money import CollectedAmount
from blaaiz_async.types.rules import Text
from blaaiz_async.types.transactions import Transaction, TransactionStatus


@frozen(kw_only=True, repr=False)
class Swap(Request):
    """An exchange to make between two wallets (contract schema SwapRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("from_business_wallet_id", "to_business_wallet_id", "amount_type")

    from_business_wallet_id: Text
    to_business_wallet_id: Text
    """A wallet of another currency."""
    amount: CollectedAmount
    """0.1 or more, with at most 2 decimals."""
    amount_type: Literal["from", "to"] | None = None
    """Whether `amount` is what is debited ("from", which the platform takes if None) or what is credited ("to")."""

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        if self.to_business_wallet_id and self.to_business_wallet_id == self.from_business_wallet_id:
            text = "must be another wallet than from_business_wallet_id"
            yield Fault(field="to_business_wallet_id", rule="same_wallet", message=text)


@frozen(kw_only=True, repr=False)
class SwapTransaction(Answer):
    """A swap, settled at once."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "status", "reference")

    id: Id
    business_id: Id | None = None
    business_user_id: Id | None = None
    business_transaction_id: Id | None = None
    """What `transactions.get` takes."""
    from_business_wallet_id: Id | None = None
    from_currency: str | None = None
    from_currency_id: Id | None = None
    from_amount: Decimal | None = None
    from_amount_minus_fees: Decimal | None = None
    to_currency: str | None = None
    to_currency_id: Id | None = None
    to_amount: Decimal | None = None
    from_exchange_rate: Decimal | None = None
    """Units of the destination for one of the source."""
    custom_exchange_rate: Decimal | None = None
    to_business_wallet_id: Id | None = None
    reference: str | None = None
    comments: str | None = None
    status: TransactionStatus | None = None
    amount_type: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


def same_swap(swap: Swap, found: Transaction) -> bool:
    """Tell whether `swap` can have made what was found; what the platform doesn't show counts as alike."""
    details = found.swap_details
    if details is None:
        return True
    amount = details.to_amount if swap.amount_type == "to" else details.from_amount
    pairs: tuple[tuple[object, object], ...] = (
        (swap.from_business_wallet_id, details.from_business_wallet_id),
        (swap.to_business_wallet_id, details.to_business_wallet_id),
        (swap.amount, amount),
    )
    return all(there is None or asked == there for asked, there in pairs)
