"""Who a payout goes to, and what must hold for it in each currency (payouts_initiate x-rules)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .banks import enquire_name, find_bank, is_iban, match_payee, sepa_reach
from .exchange import refuse
from .reference_data import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .reference_data import Currency, Operator
    from .state import Customer
    from .treasury import Account, Treasury
    from .validation import Errors

__all__ = ["SCHEMAS", "check_recipient", "find_recipient", "require_accounts"]

SCHEMAS = {
    ("bank_transfer", "NGN"): "PayoutNgnBankTransfer",
    ("bank_transfer", "GBP"): "PayoutGbpBankTransfer",
    ("bank_transfer", "EUR"): "PayoutEurBankTransfer",
    ("ach", "USD"): "PayoutUsdAch",
    ("wire", "USD"): "PayoutUsdWire",
    ("interac", "CAD"): "PayoutCadInterac",
    **{("mobile_money", code): "PayoutMobileMoney" for code in ("KES", "UGX", "TZS", "XOF", "GHS")},
}
"""The contract's schema of a payout, by method and destination currency."""


def check_recipient(errors: Errors, body: dict[str, Any], currency: Currency) -> None:
    """Note what the schema cannot see: names of banks and operators, the form of an IBAN."""
    if currency.code == "NGN" and isinstance(body.get("bank_id"), str) and find_bank(body["bank_id"]) is None:
        errors.say("bank_id", "The selected bank id is invalid.")
    if currency.code == "EUR" and isinstance(body.get("iban"), str) and not is_iban(body["iban"]):
        errors.say("iban", "The provided IBAN is not valid.")
    if "mobile_money_operator_id" in body:
        operator = _operator(body)
        if operator is None or operator.currency is not currency:
            errors.say("mobile_money_operator_id", "The selected mobile money operator id is invalid.")


def require_accounts(treasury: Treasury, customer: Customer, currency: str) -> None:
    """Refuse the call unless the virtual accounts that a currency asks for are active."""
    if currency not in {"GBP", "EUR", "USD"}:
        return
    open_accounts = [
        each for each in treasury.accounts.values() if each.wallet.currency.code == currency and each.status != "CLOSED"
    ]
    own = [each for each in open_accounts if each.customer_id is None]
    theirs = [each for each in open_accounts if each.customer_id == customer.id]
    if currency == "USD":
        if customer.kyb_scope == "MINIMAL" or any(each.status in {"REJECTED", "FAILED"} for each in theirs):
            raise refuse(400, "Cannot facilitate USD payout for this customer.")
        if not own or not theirs:
            raise refuse(400, _missing(currency))
        _require_active(own, f"Your virtual bank account for {currency}")
        _require_active(theirs, _theirs(currency))
    elif not any(each.is_active for each in open_accounts if each in own or each in theirs):
        if not own and not theirs:
            raise refuse(400, _missing(currency))
        _require_active(own or theirs, f"Your virtual bank account for {currency}" if own else _theirs(currency))


def find_recipient(treasury: Treasury, body: dict[str, Any], currency: str, method: str) -> dict[str, Any]:
    """Check a recipient with its bank, and give the fields that answers and webhooks show of it."""
    shown: dict[str, Any] = {
        "id": treasury.platform.new_id(),
        "account_number": body.get("account_number"),
        "account_name": body.get("account_name"),
        "bank_name": body.get("bank_name"),
        "bank_code": None,
        "routing_number": body.get("routing_number"),
        "email": body.get("email"),
        "currency": currency,
    }
    by_kind = _FINDERS.get((method, currency)) or _FINDERS.get((method, None))
    if by_kind is not None:
        shown.update(by_kind(treasury, body))
    return shown


def _nigerian(_: Treasury, body: dict[str, Any]) -> dict[str, Any]:
    bank, name = find_bank(body["bank_id"]), enquire_name(body["account_number"])
    if bank is None or name is None:
        raise refuse(400, "Invalid account number or bank code")
    return {"account_name": name, "bank_name": bank.name, "bank_code": bank.code}


def _british(_: Treasury, body: dict[str, Any]) -> dict[str, Any]:
    if match_payee(body["sort_code"], body["account_number"]) is not None:
        raise refuse(400, "The account name does not match the name held by the recipient's bank.")
    return {"sort_code": body["sort_code"]}


def _european(treasury: Treasury, body: dict[str, Any]) -> dict[str, Any]:
    iban = "".join(body["iban"].split()).upper()
    if any(each.fields.get("iban") == iban for each in treasury.accounts.values()):
        raise refuse(400, "Payouts to a Blaaiz virtual bank account are not allowed.")
    if not sepa_reach(iban)[0]:
        raise refuse(400, "The recipient's bank is not reachable by SEPA.")
    return {"account_number": iban, "iban": iban, "bank_code": body["bic_code"]}


def _interac(_: Treasury, body: dict[str, Any]) -> dict[str, Any]:
    return {"account_number": None, "account_name": f"{body['interac_first_name']} {body['interac_last_name']}"}


def _mobile(_: Treasury, body: dict[str, Any]) -> dict[str, Any]:
    operator = _operator(body)
    assert operator is not None, "check_recipient has found it"  # noqa: S101
    return {"account_number": body["phone_number"], "bank_name": operator.name, "bank_code": operator.code}


_FINDERS: dict[tuple[str, str | None], Callable[[Treasury, dict[str, Any]], dict[str, Any]]] = {
    ("bank_transfer", "NGN"): _nigerian,
    ("bank_transfer", "GBP"): _british,
    ("bank_transfer", "EUR"): _european,
    ("interac", None): _interac,
    ("mobile_money", None): _mobile,
}


def _operator(body: dict[str, Any]) -> Operator | None:
    return next((each for each in OPERATORS if each.id == str(body.get("mobile_money_operator_id"))), None)


def _require_active(accounts: list[Account], whose: str) -> None:
    if not any(each.is_active for each in accounts):
        raise refuse(400, f"{whose} is not active yet. Please wait for it to be activated.")


def _theirs(currency: str) -> str:
    return f"The virtual bank account for {currency} for your business customer"


def _missing(currency: str) -> str:
    return f"Please create a virtual bank account for {currency} for your business or business customer to proceed."
