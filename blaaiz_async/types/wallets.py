"""Wallets of the business."""

from decimal import Decimal
from typing import ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id


@frozen(kw_only=True, repr=False)
class Wallet(Answer):
    """A wallet with its balance."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "currency", "is_active")

    id: Id
    business_id: Id | None = None
    currency: str | None = None
    """Code, such as NGN."""
    currency_id: Id | None = None
    amount: Decimal | None = None
    """Balance, in major units."""
    is_active: bool | None = None
