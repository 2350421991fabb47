"""Mobile money operators."""

from typing import ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id


@frozen(kw_only=True, repr=False)
class MomoOperator(Answer):
    """An operator of mobile wallets."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "name", "code")

    id: Id
    """What to send as `mobile_money_operator_id`."""
    name: str | None = None
    code: str | None = None
    country_id: Id | None = None
