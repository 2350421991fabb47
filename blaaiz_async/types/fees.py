"""Fees of collections and payouts, before they are made."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Answer, Request
from blaaiz_async.errors import Fault
from blaaiz_async.types.money import AmountSide, amount_faults, amount_side
from blaaiz_async.types.rules import CurrencyRef


@frozen(kw_only=True, repr=False)
class FeesQuery(Request):
    """A conversion to ask the fees of (contract schema FeesBreakdownRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("from_currency_id", "to_currency_id")

    from_currency_id: CurrencyRef
    """Source currency's code."""
    to_currency_id: CurrencyRef
    """Destination currency's code."""
    amount: AmountSide

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        yield from amount_faults(self.amount, self.from_currency_id, self.to_currency_id)

    def __encode__(self, fields: dict[str, Any]) -> dict[str, Any]:
        amount = fields.pop("amount")
        return {**fields, **amount}

    @classmethod
    def __decode__(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if isinstance(given.get("amount"), Request):
            return given
        own = {name: value for name, value in given.items() if name not in ("from_amount", "to_amount")}
        return {**own, "amount": amount_side(given)}


@frozen(kw_only=True, repr=False)
class FeeItem(Answer):
    """What one method costs."""

    _shown: ClassVar[tuple[str, ...]] = ("method", "total_fees")

    method: str | None = None
    """Such as BANK_TRANSFER; in capitals as far as was seen."""
    amount: Decimal | None = None
    """The method's fee."""
    fee: Decimal | None = None
    """The same number as `amount`."""
    you_send: Decimal | None = None
    total_amount_to_send: Decimal | None = None
    """After fees."""
    recipient_gets: Decimal | None = None
    our_fee: Decimal | None = None
    total_fees: Decimal | None = None
    amountIsRecipientGets: bool | None = None  # noqa: N815  # the API's own name
    """Whether `to_amount` was asked for."""
    amountIsYouSend: bool | None = None  # noqa: N815  # the API's own name
    """Whether `from_amount` was asked for."""
    rate: Decimal | None = None


@frozen(kw_only=True, repr=False)
class FeesBreakdown(Answer):
    """What each method of collecting and paying out costs."""

    _shown: ClassVar[tuple[str, ...]] = ("our_fee",)

    our_fee: Decimal | None = None
    collection_fees: tuple[FeeItem, ...] = ()
    payout_fees: tuple[FeeItem, ...] = ()
