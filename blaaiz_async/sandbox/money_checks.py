"""Checks that several money calls share: amounts, wallets, customers, merchant references, currencies."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from .exchange import refuse
from .pricing import decimals, places
from .reference_data import CURRENCIES, Currency

if TYPE_CHECKING:
    from .state import Customer, Platform
    from .treasury import Treasury, Wallet
    from .validation import Errors

__all__ = [
    "TAKEN",
    "amount_of",
    "check_amount",
    "check_merchant_reference",
    "check_schema",
    "currency_of",
    "customer_of",
    "require_verified",
    "wallet_of",
]

TAKEN = "Could not proceed. Kindly check your merchant reference and try again"
UNVERIFIED = "Customer is not verified. Ensure you have uploaded identify docs for customer."
MOST = Decimal(10) ** 12
"""More than this no amount may be; it keeps the arithmetic exact."""


def check_schema(errors: Errors, name: str, body: dict[str, Any]) -> None:
    """Note every fault that a schema of the money contract finds.

    Numbers go in as floats: the schema's own bounds are floats, and Decimal("0.1") is below 0.1.
    """
    errors.check(name, _as_floats(body), "money")


def check_amount(errors: Errors, body: dict[str, Any], field: str, currency: str) -> None:
    """Note an amount that is not above nothing, is beyond measure, or has more decimals than its currency."""
    if _is_number(body.get(field)):
        amount = amount_of(body, field)
        if not 0 < amount <= MOST:
            errors.add(field, f"must be greater than 0 and not greater than {MOST}")
        elif decimals(amount) > places(currency):
            errors.add(field, f"must have {places(currency)} decimal places at most")


def amount_of(body: dict[str, Any], field: str) -> Decimal:
    """Read an amount that the schema has found to be a number."""
    return Decimal(body[field])


def check_merchant_reference(errors: Errors, treasury: Treasury, body: dict[str, Any]) -> None:
    """Note a merchant reference that an earlier payout or collection has (x-idempotency)."""
    reference = body.get("merchant_reference")
    if isinstance(reference, str) and treasury.knows_merchant_reference(reference):
        errors.say("merchant_reference", TAKEN)


def wallet_of(errors: Errors, treasury: Treasury, body: dict[str, Any], field: str = "wallet_id") -> Wallet | None:
    """Find the wallet that a field names, or note that there is none."""
    wallet = treasury.wallet(body.get(field))
    if wallet is None and isinstance(body.get(field), str):
        errors.say(field, f"The selected {field.replace('_', ' ')} is invalid.")
    return wallet


def customer_of(errors: Errors, platform: Platform, body: dict[str, Any]) -> Customer | None:
    """Find the customer that customer_id names, or note that there is none."""
    asked = body.get("customer_id")
    if not isinstance(asked, str):
        return None  # the schema has said so where it is needed
    if asked not in platform.customers:
        errors.say("customer_id", "The selected customer id is invalid.")
    return platform.customers.get(asked)


def require_verified(customer: Customer) -> None:
    """Refuse the call unless a customer is VERIFIED, in the documented words."""
    if customer.status != "VERIFIED":
        raise refuse(400, UNVERIFIED, status=False)


def currency_of(errors: Errors, body: dict[str, Any], field: str) -> Currency | None:
    """Find the currency that a field names by id or code, or note why it names none.

    A code of several currencies needs a country_id (payouts_initiate).
    """
    asked = body.get(field)
    if not isinstance(asked, str):
        return None
    found = [each for each in CURRENCIES if asked in {str(each.id), each.code}]
    if len(found) > 1:
        country = str(body.get("country_id"))
        found = [each for each in found if each.country is not None and str(each.country.id) == country]
        if not found:
            text = f"The code {asked} belongs to several currencies. Send the currency id, or a country id."
            errors.say(field, text)
            return None
    if not found:
        errors.say(field, f"The selected {field.replace('_', ' ')} is invalid.")
        return None
    return found[0]


def _as_floats(value: object) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _as_floats(each) for key, each in cast("dict[str, object]", value).items()}
    return [_as_floats(each) for each in cast("list[object]", value)] if isinstance(value, list) else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
