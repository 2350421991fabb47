"""Amounts that a caller sends: exact, positive, and with no more decimals than the currency has."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from attrs import frozen

from blaaiz_async.core.codec import FLAT, OneOf, Request, Rule
from blaaiz_async.errors import Fault

ENDPOINT_DECIMALS = 2
"""No amount in major units has more; contract/money.yaml states it for swaps_initiate."""

_NO_MINOR_UNIT = frozenset({"BIF", "DJF", "GNF", "JPY", "KMF", "KRW", "RWF", "UGX", "VND", "XAF", "XOF"})
"""Currencies without a smaller unit (ISO 4217)."""


def is_exact(value: object) -> bool:
    """Tell whether this is a finite Decimal or a whole number. A float isn't exact: 0.1 + 0.2 isn't 0.3."""
    return type(value) is int or (isinstance(value, Decimal) and value.is_finite())


def decimals_of(value: Decimal | int) -> int:
    """Return how many decimals the value needs: 2 for 1.45, and 1 for 1.50, whose last zero says nothing."""
    _, digits, exponent = Decimal(value).as_tuple()
    if not isinstance(exponent, int) or exponent >= 0:
        return 0
    text = "".join(map(str, digits))
    return max(0, -exponent - (len(text) - len(text.rstrip("0"))))


def decimals_allowed(currency: str | None) -> int:
    """Return how many decimals an amount may have; `currency` is a code, or an id, of which nothing is known."""
    return 0 if currency in _NO_MINOR_UNIT else ENDPOINT_DECIMALS


EXACT = Rule("exact", is_exact, "a Decimal or a whole number; a float isn't exact")
POSITIVE = Rule("positive", lambda value: not is_exact(value) or 0 < value < 10**15, "more than 0 and below 10^15")


def at_least(low: str) -> Rule:
    """Return the rule that an amount is `low` or more."""
    return Rule("minimum", lambda value: not is_exact(value) or value >= Decimal(low), f"{low} or more")


def at_most_decimals(most: int) -> Rule:
    """Return the rule that an amount needs at most `most` decimals. Nothing is ever rounded."""
    expected = f"an amount with at most {most} decimals; it isn't rounded for you"
    return Rule("decimals", lambda value: not is_exact(value) or decimals_of(value) <= most, expected)


Amount = Annotated[Decimal | int, EXACT, POSITIVE, at_most_decimals(ENDPOINT_DECIMALS)]
"""Major units, such as Decimal("100.00"). Sent as a JSON number, digit for digit."""

CollectedAmount = Annotated[Decimal | int, EXACT, at_least("0.1"), at_most_decimals(ENDPOINT_DECIMALS)]
"""An amount that is collected or swapped: 0.1 or more in major units."""


@frozen(repr=False)
class SendAmount(Request):
    """Fixes what leaves the wallet: fees come out of it, and the recipient gets the rest."""

    from_amount: Amount
    """Major units of the source currency, such as Decimal("100.00")."""


@frozen(repr=False)
class ReceiveAmount(Request):
    """Fixes what the recipient gets: fees are added to what leaves the wallet."""

    to_amount: Amount
    """Major units of the destination currency, such as Decimal("100.00")."""


@frozen(kw_only=True, repr=False)
class _NotOneAmount(Request):
    """Both amounts of a flat mapping, or neither; it is only ever checked, never sent."""

    from_amount: Any = None
    to_amount: Any = None

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        yield Fault(field="from_amount", rule="exclusive", message="give exactly one of from_amount and to_amount")


AmountSide = Annotated[SendAmount | ReceiveAmount, FLAT]
"""Which side of a conversion is fixed; on the wire, exactly one of `from_amount` and `to_amount`."""


def amount_side(given: Mapping[str, Any]) -> OneOf:
    """Return which amount a flat mapping gives."""
    present = {name: given[name] for name in ("from_amount", "to_amount") if given.get(name) is not None}
    if len(present) != 1:
        return OneOf(_NotOneAmount, present)
    return OneOf(SendAmount if "from_amount" in present else ReceiveAmount, present)


def amount_faults(amount: object, from_currency: str | None, to_currency: str | None) -> Iterator[Fault]:
    """Yield a fault if the amount is none, or has more decimals than its currency."""
    if isinstance(amount, SendAmount):
        name, value, currency = "from_amount", amount.from_amount, from_currency
    elif isinstance(amount, ReceiveAmount):
        name, value, currency = "to_amount", amount.to_amount, to_currency
    else:
        if not isinstance(amount, _NotOneAmount):
            yield Fault(field="amount", rule="kind", message="must be a SendAmount or a ReceiveAmount")
        return
    allowed = decimals_allowed(currency)
    if is_exact(value) and allowed < decimals_of(value) <= ENDPOINT_DECIMALS:
        text = f"must have at most {allowed} decimals in {currency}; it isn't rounded for you"
        yield Fault(field=name, rule="decimals", message=text)
