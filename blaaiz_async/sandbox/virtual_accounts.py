"""Virtual bank accounts of customers: NGN at once, GBP, EUR and USD by event."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from . import special_values
from .clock import today
from .countries import is_postal_code
from .exchange import Answer, refuse
from .money_checks import check_schema, customer_of, require_verified, wallet_of
from .money_events import tell_account
from .special_values import Effect
from .treasury import Account, Treasury
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Customer, Platform
    from .treasury import Wallet

__all__ = ["HANDLERS", "make_ready", "open_account"]

_CURRENCIES = frozenset({"NGN", "GBP", "EUR", "USD"})
_PROVIDERS = {"NGN": "BANK78", "GBP": "CLEARJUNCTION", "EUR": "CLEARJUNCTION", "USD": "EVOLVE"}
_NEEDED = (
    "first_name", "last_name", "email", "country", "id_type", "id_number",
    "dob", "id_expiry_date", "zip_code", "city", "street",
)  # fmt: skip
_NEEDED_FOR_USD = ("phone", "tin", "state")
_NAME = re.compile(r"[^\W\d_]([^\W\d_]|[-.' ])*")
_STREET = re.compile(r"[\w\s\-/#()',.]+")
_ID_TYPES = {
    ("NG", "individual"): ("Bank Verification Number", "bvn"),
    ("US", "individual"): ("Social Security Number", "ssn"),
    ("US", "business"): ("Employer Identification Number", "ein"),
    ("GB", "individual"): ("National Insurance Number", "nino"),
    ("CA", "individual"): ("Social Insurance Number", "sin"),
}
_NOT_FOUND = "Virtual bank account not found"


def create(platform: Platform, call: Exchange) -> Answer:
    """Answer `virtual_accounts_create`."""
    treasury, body, errors = platform.book(Treasury), call.json(), Errors()
    check_schema(errors, "VirtualBankAccountCreateRequest", body)
    errors.require(body, ("wallet_id", "customer_id"))
    wallet, customer = wallet_of(errors, treasury, body), customer_of(errors, platform, body)
    errors.refuse()
    assert wallet is not None  # noqa: S101  the schema requires both
    assert customer is not None  # noqa: S101
    code = wallet.currency.code
    if code not in _CURRENCIES or not wallet.is_active:
        raise refuse(400, f"Currency {code} not supported.")
    require_verified(customer)
    if code != "NGN":
        _require_profile(customer, code, today(call.at))
    name = _name(customer)
    if any(
        each.wallet is wallet and each.customer_id == customer.id and each.status in {"PENDING", "SUCCESSFUL"}
        for each in treasury.accounts.values()
    ):
        raise refuse(
            400,
            f"A virtual bank account with the name '{name}' already exists for this business wallet "
            f"using the '{_PROVIDERS[code]}' provider. Please choose a different name.",
        )
    account = open_account(treasury, wallet, customer.id, name)
    tell_account(treasury, account, "created")
    end = treasury.ends[account.id] = partial(_decide, treasury, account)
    if code == "NGN":
        end("SUCCESSFUL")
    else:
        outcome = _outcome(customer)
        treasury.later(lambda _: end(outcome))
    data = {**_shown(account), "provider": account.fields["provider"]}
    body = {"message": "Virtual bank account initiated successfully.", "data": data}
    return Answer(status=201, body=body, customer_id=customer.id)


def list_(platform: Platform, call: Exchange) -> Answer:
    """Answer `virtual_accounts_list`, as an array; provider is of create and get only."""
    wallet, customer = call.query.get("wallet_id"), call.query.get("customer_id")
    found = [
        _shown(each)
        for each in platform.book(Treasury).accounts.values()
        if (wallet is None or each.wallet.id == wallet) and (customer is None or each.customer_id == customer)
    ]
    return Answer(body={"message": "Virtual bank accounts retrieved successfully.", "data": found})


def get(platform: Platform, call: Exchange) -> Answer:
    """Answer `virtual_accounts_get`."""
    account = _find(platform, call)
    data = {**_shown(account), "provider": account.fields["provider"]}
    return Answer(body={"message": "Virtual bank account retrieved successfully.", "data": data})


def close(platform: Platform, call: Exchange) -> Answer:
    """Answer `virtual_accounts_close`; the account is CLOSED at once, as nothing says what it shows meanwhile."""
    account, body, errors = _find(platform, call), call.json(), Errors()
    check_schema(errors, "VirtualBankAccountCloseRequest", body)
    errors.refuse()
    if account.status == "CLOSED":
        raise refuse(400, "Virtual bank account is already closed")
    account.status = "CLOSED"
    text = "Virtual bank account closure initiated successfully"
    return Answer(body={"message": text, "account_id": account.id}, customer_id=account.customer_id)


def identification_type(platform: Platform, call: Exchange) -> Answer:
    """Answer `virtual_accounts_identification_type`: of a customer, or of a country and a type."""
    country, kind, errors = call.query.get("country", ""), call.query.get("type", ""), Errors()
    if "customer_id" in call.query:
        customer = platform.customer(call.query["customer_id"])
        country, kind = str(customer.fields.get("country")), customer.type
    else:
        for name, value in (("country", country), ("type", kind)):
            if not value:
                errors.add(name, "is required when customer id is not present")
        errors.countries({"country": country} if country else {})
        if kind and kind not in {"individual", "business"}:
            errors.say("type", "The selected type is invalid.")
    errors.refuse()
    label, code = _ID_TYPES.get((country, kind), ("Tax Identification Number", "tin"))
    data = {"label": label, "type": code}
    return Answer(body={"message": "Identification type retrieved successfully.", "data": data})


def open_account(treasury: Treasury, wallet: Wallet, customer_id: str | None, name: str) -> Account:
    """Make a PENDING account on a wallet; without a customer it is the business's own."""
    platform, code = treasury.platform, wallet.currency.code
    account = Account(
        id=platform.new_id(),
        wallet=wallet,
        customer_id=customer_id,
        status="PENDING",
        fields={"account_name": name, "provider": _PROVIDERS[code]},
    )
    treasury.accounts[account.id] = account
    return account


def make_ready(treasury: Treasury, account: Account) -> None:
    """Give an account its number and take it to SUCCESSFUL."""
    digits = f"{int(treasury.platform.new_secret()[:16], 16):020d}"
    account.status = "SUCCESSFUL"
    account.fields.update(_bank(account.wallet.currency.code, digits), account_reference=digits[-10:])


def _decide(treasury: Treasury, account: Account, outcome: str) -> None:
    if account.status != "PENDING":
        return
    if outcome == "SUCCESSFUL":
        make_ready(treasury, account)
    else:
        account.status = outcome
        account.rejection_reason = {
            "REJECTED": "Customer verification failed: insufficient documentation provided",
            "FAILED": "Provider error: unable to create account",
        }[outcome]
    tell_account(treasury, account, "ready" if outcome == "SUCCESSFUL" else outcome.lower())


def _bank(code: str, digits: str) -> dict[str, str]:
    match code:
        case "NGN":
            number = digits[-10:]
            return {"account_number": number, "bank_name": "78 Finance Company Limited", "bank_code": "123456"}
        case "USD":
            address = "6070 Poplar Ave Suite 200, Memphis, TN 38119"
            bank = {"bank_name": "Evolve Bank & Trust", "routing_number": "084106768", "bank_address": address}
            return {"account_number": digits[-9:], **bank}
        case _:
            number = digits[-8:]
            bank = {"bank_name": "Clear Junction Limited", "bank_code": "CLJUGB21XXX"}
            iban = f"GB12CLJU009973{number}"
            sort_code = {"sort_code": "04-03-00"} if code == "GBP" else {}
            return {"account_number": number, **bank, "iban": iban, **sort_code}


def _require_profile(customer: Customer, code: str, day: date) -> None:
    if customer.is_business:
        if customer.kyb_scope != "FULL":
            raise refuse(400, f"{code} virtual bank accounts need a business customer with kyb_scope FULL.")
        return
    known, errors = {**customer.kyc, **customer.fields}, Errors()
    needed = (*_NEEDED, *_NEEDED_FOR_USD) if code == "USD" else _NEEDED
    missing = [name for name in needed if not known.get(name)]
    if code == "USD" and "id_file" not in customer.files:
        missing.append("id_file")
    for name in missing:
        errors.add(name, "of the customer is required")
    errors.refuse()
    if date.fromisoformat(known["id_expiry_date"]) < day + timedelta(days=31):
        errors.add("id_expiry_date", "of the customer must lie at least one month ahead")
    for name in ("first_name", "last_name"):
        if _NAME.fullmatch(known[name]) is None:
            errors.add(name, "of the customer may hold letters, hyphen, period, apostrophe and space only")
    if _STREET.fullmatch(known["street"]) is None:
        errors.add("street", "of the customer may hold letters, digits, spaces and - / # ( ) ' , . only")
    if not is_postal_code(known["zip_code"], known["country"]):
        errors.add("zip_code", "of the customer is not valid for the country")
    errors.refuse()


def _outcome(customer: Customer) -> str:
    name = customer.fields.get("business_name" if customer.is_business else "last_name")
    effect = special_values.effect(special_values.ACCOUNT, name)
    return {Effect.REJECTED: "REJECTED", Effect.FAILS: "FAILED"}.get(effect or Effect.STAYS, "SUCCESSFUL")


def _name(customer: Customer) -> str:
    if customer.is_business:
        return str(customer.fields["business_name"])
    return f"{customer.fields['first_name']} {customer.fields['last_name']}"


def _find(platform: Platform, call: Exchange) -> Account:
    account = platform.book(Treasury).accounts.get(call.params["id"])
    if account is None:
        raise refuse(404, _NOT_FOUND)
    return account


def _shown(account: Account) -> dict[str, Any]:
    names = (
        "account_number",
        "account_name",
        "bank_name",
        "bank_code",
        "account_reference",
        "iban",
        "sort_code",
        "bank_address",
    )
    return {
        "id": account.id,
        "business_wallet_id": account.wallet.id,
        "currency_id": account.wallet.currency.id,
        "currency": account.wallet.currency.code,
        **{name: account.fields.get(name) for name in names},
        "reservation_reference": None,
        "rejection_reason": account.rejection_reason,
        "status": account.status,
    }


HANDLERS = {
    "virtual_accounts_create": create,
    "virtual_accounts_list": list_,
    "virtual_accounts_get": get,
    "virtual_accounts_close": close,
    "virtual_accounts_identification_type": identification_type,
}
