"""Currencies, rates and the fee preview."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .exchange import Answer, Refusal, refuse
from .money_checks import amount_of, check_amount, check_schema, currency_of
from .pricing import pair, price_fixed_debit, price_fixed_receipt
from .reference_data import COLLECTION_METHODS, CURRENCIES, PAYOUT_METHODS, RATES
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .pricing import Quote
    from .reference_data import Currency
    from .state import Platform

__all__ = ["HANDLERS"]

_SINCE = "2025-01-10T08:00:00.000000Z"


def list_currencies(_: Platform, __: Exchange) -> Answer:
    """Answer `currencies_list`."""
    return Answer(body=[_currency(each) for each in CURRENCIES])


def list_rates(_: Platform, call: Exchange) -> Answer:
    """Answer `rates_list`: the pairs between different currencies."""
    term = call.query.get("search_term", "").upper()
    rows = [
        {
            "id": each.id,
            "pair": f"{each.source}/{each.destination}",
            "value": f"{each.value:f}",
            "category": "GENERAL",
            "feesInPercents": f"{each.percent:.2f}",
            "feesInAmount": f"{each.fixed:.2f}",
            "type": "FLAT",
            "swap_enabled": each.swap_enabled,
            "send_enabled": each.send_enabled,
            "is_active": True,
            "created_at": _SINCE,
            "updated_at": _SINCE,
        }
        for each in RATES.values()
        if each.source != each.destination and term in f"{each.source}/{each.destination}"
    ]
    return Answer(body={"message": "Rates fetched successfully.", "data": rows})


def break_down_fees(_: Platform, call: Exchange) -> Answer:
    """Answer `fees_breakdown`."""
    body, errors = call.json(), Errors()
    check_schema(errors, "FeesBreakdownRequest", body)
    source, destination = (currency_of(errors, body, name) for name in ("from_currency_id", "to_currency_id"))
    if source is not None and destination is not None:
        check_amount(errors, body, "from_amount", source.code)
        check_amount(errors, body, "to_amount", destination.code)
    rate = None if source is None or destination is None else pair(source.code, destination.code)
    try:
        errors.refuse()
    except Refusal as found:
        raise refuse(400, "Invalid request parameters", status=False) from found
    if rate is None:
        raise refuse(400, "Invalid request parameters", status=False)

    def price(method: str) -> Quote:
        if "from_amount" in body:
            return price_fixed_debit(rate, method, amount_of(body, "from_amount"))
        return price_fixed_receipt(rate, method, amount_of(body, "to_amount"))

    collecting = [_item(price(method), method, body) for method in COLLECTION_METHODS.get(rate.source, ())]
    paying = [_item(price(method), method, body) for method in PAYOUT_METHODS[rate.destination]]
    return Answer(body={"our_fee": paying[0]["our_fee"], "collection_fees": collecting, "payout_fees": paying})


def _item(quote: Quote, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Show one method's price; two of the keys are camelCase in the contract."""
    return {
        "method": method.upper(),
        "amount": quote.method_fee,
        "fee": quote.method_fee,
        "you_send": quote.debit,
        "total_amount_to_send": quote.net,
        "recipient_gets": quote.receipt,
        "our_fee": quote.our_fee,
        "total_fees": quote.fees,
        "amountIsRecipientGets": "to_amount" in body,
        "amountIsYouSend": "from_amount" in body,
        "rate": quote.rate.value,
    }


def _currency(each: Currency) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": str(each.id), "code": each.code, "name": each.name, "active": True}
    if each.country is not None:
        names = ("id", "name", "short_name", "alt_short_name")
        shown["country_id"] = each.country.id
        shown["country"] = {name: getattr(each.country, name) for name in names}
    return shown


HANDLERS = {
    "currencies_list": list_currencies,
    "rates_list": list_rates,
    "fees_breakdown": break_down_fees,
}
