"""Refunds of EUR and GBP collections to their source."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id, OpenStrEnum, Request
from blaaiz_async.types.rules import Text, longest


class RefundStatus(OpenStrEnum):
    """State of a refund. A failed one can't be tried again; the platform deals with the funds."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"


@frozen(kw_only=True, repr=False)
class RefundRequest(Request):
    """A collection to give back whole; there is no partial refund (contract schema RefundRequest)."""

    _shown: ClassVar[tuple[str, ...]] = ("transaction_id", "reference")

    transaction_id: Text
    """The collection."""
    reason: Annotated[str, longest(250)] | None = None
    reference: Annotated[Text, longest(100)] | None = None
    """Your key: a repeat with the same one returns the same refund. One is made if None."""


@frozen(kw_only=True, repr=False)
class Refund(Answer):
    """A refund as the platform holds it."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "status", "transaction_id", "reference")

    id: Id
    status: RefundStatus | None = None
    type: str | None = None
    """FULL."""
    amount: Decimal | None = None
    """The whole collection."""
    currency: str | None = None
    transaction_id: Id | None = None
    reference: str | None = None
    """Your key, or the one that was made for this refund."""
    business_customer_id: Id | None = None
    refund_reference: str | None = None
    """The provider's reference, once it has accepted."""
    failure_reason: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
