"""Currencies."""

from typing import ClassVar

from attrs import frozen

from blaaiz_async.core.codec import Answer, Id


@frozen(kw_only=True, repr=False)
class CurrencyCountry(Answer):
    """Country of a currency."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "short_name")

    id: Id
    name: str | None = None
    short_name: str | None = None
    """ISO 3166-1 alpha-2."""
    alt_short_name: str | None = None
    """ISO 3166-1 alpha-3."""


@frozen(kw_only=True, repr=False)
class Currency(Answer):
    """A currency; one code may stand once per country, as XOF does."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "code")

    id: Id
    """What to send as `to_currency_id`."""
    code: str
    """ISO 4217, such as NGN."""
    name: str | None = None
    active: bool | None = None
    country_id: Id | None = None
    country: CurrencyCountry | None = None
