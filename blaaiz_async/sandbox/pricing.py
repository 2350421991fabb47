"""What a movement of money costs: exact arithmetic in Decimal, rounded only where a currency's smallest unit demands it."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

import attrs

from .reference_data import CURRENCIES, METHOD_FEES, RATES, Rate

__all__ = ["Quote", "decimals", "pair", "places", "price_fixed_debit", "price_fixed_receipt"]

_PLACES = {each.code: each.places for each in CURRENCIES}


@attrs.frozen(kw_only=True)
class Quote:
    """One movement's price.

    Attributes:
        debit: what leaves the source, fees included.
        our_fee: the platform's charge, in the source currency.
        method_fee: the method's charge, in the source currency.
        receipt: what arrives, in the destination currency.
        rate: the pair.
    """

    debit: Decimal
    our_fee: Decimal
    method_fee: Decimal
    receipt: Decimal
    rate: Rate

    @property
    def fees(self) -> Decimal:
        """All fees, in the source currency."""
        return self.our_fee + self.method_fee

    @property
    def net(self) -> Decimal:
        """What is exchanged or sent on, in the source currency."""
        return self.debit - self.fees

    @property
    def shown_rate(self) -> Decimal | None:
        """The rate as transactions show it: none within one currency."""
        return None if self.rate.source == self.rate.destination else self.rate.value


def places(currency: str) -> int:
    """Give the number of decimals of a currency."""
    return _PLACES[currency]


def decimals(amount: Decimal) -> int:
    """Count the decimals that an amount needs: 1.50 needs one."""
    return len(f"{amount:f}".partition(".")[2].rstrip("0"))


def price_fixed_debit(rate: Rate, method: str, debit: Decimal) -> Quote:
    """Price a movement whose whole debit is given; the fees come out of it."""
    our_fee, method_fee = _fees(rate, method, debit)
    receipt = _round((debit - our_fee - method_fee) * rate.value, rate.destination, ROUND_FLOOR)
    return Quote(debit=debit, our_fee=our_fee, method_fee=method_fee, receipt=receipt, rate=rate)


def price_fixed_receipt(rate: Rate, method: str, receipt: Decimal) -> Quote:
    """Price a movement whose exact receipt is given; the fees are added to the debit."""
    net = _round(receipt / rate.value, rate.source, ROUND_CEILING)
    our_fee, method_fee = _fees(rate, method, net)
    return Quote(debit=net + our_fee + method_fee, our_fee=our_fee, method_fee=method_fee, receipt=receipt, rate=rate)


def pair(source: str, destination: str) -> Rate | None:
    """Look a pair up by codes."""
    return RATES.get((source, destination))


def _fees(rate: Rate, method: str, amount: Decimal) -> tuple[Decimal, Decimal]:
    fee = METHOD_FEES[method]
    ours = amount * rate.percent / 100 + rate.fixed
    return _round(ours, rate.source, ROUND_HALF_UP), _round(
        amount * fee.percent / 100 + fee.fixed, rate.source, ROUND_HALF_UP
    )


def _round(amount: Decimal, currency: str, rounding: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places(currency)), rounding)
