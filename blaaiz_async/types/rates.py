"""Exchange rates."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id, OpenStrEnum


class RateCategory(OpenStrEnum):
    """Whom a rate is for; the narrowest one is returned."""

    SINGLE_BUSINESS = "SINGLE_BUSINESS"
    ALL_BUSINESSES = "ALL_BUSINESSES"
    GENERAL = "GENERAL"


@frozen(kw_only=True, repr=False)
class Rate(Answer):
    """An exchange rate that applies to the business."""

    _shown: ClassVar[tuple[str, ...]] = ("pair", "value")

    id: Id
    pair: str | None = None
    """Source and destination, such as USD/NGN."""
    value: Decimal | None = None
    """Units of the destination for one of the source."""
    category: RateCategory | None = None
    feesInPercents: Decimal | None = None  # noqa: N815  # the API's own name
    """Per cent."""
    feesInAmount: Decimal | None = None  # noqa: N815  # the API's own name
    """Fixed, in major units."""
    type: str | None = None
    swap_enabled: bool | None = None
    """Whether swaps of this pair are allowed."""
    send_enabled: bool | None = None
    """Whether payouts of this pair are allowed."""
    is_active: bool | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
