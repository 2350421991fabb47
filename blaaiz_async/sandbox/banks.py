"""Banks, mobile-money operators, and the three checks of a recipient: name enquiry, Confirmation of Payee, SEPA reach."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import special_values
from .exchange import Answer, refuse
from .money_checks import check_schema
from .reference_data import BANKS, OPERATORS, Bank, sepa
from .special_values import Effect
from .validation import Errors

if TYPE_CHECKING:
    from .exchange import Exchange
    from .state import Platform

__all__ = ["HANDLERS", "enquire_name", "find_bank", "is_iban", "match_payee", "sepa_reach"]

INVALID_UK = "Invalid account details. Please check the account number and sort code and try again."
INVALID_IBAN = (
    "The provided IBAN is not valid. IBAN must start with a 2-letter country code, followed by 2 check digits, "
    "and be between 15 and 34 characters long."
)
_NIGERIA = {"code": "NG", "name": "Nigeria"}
_NIGERIA_ID = "160"
_HOLDERS = ("John Doe", "Olaolu Adejide", "Amaka Nwosu", "Ibrahim Musa", "Tolu Bello")
_CLOSE = {
    Effect.CLOSE_MBAM: "MBAM",
    Effect.CLOSE_ANNM: "ANNM",
    Effect.CLOSE_BANM: "BANM",
    Effect.CLOSE_PANM: "PANM",
}
_NUBAN = re.compile(r"\d{10}")
_SORT_CODE = re.compile(r"\d{2}[- ]?\d{2}[- ]?\d{2}")
_UK_ACCOUNT = re.compile(r"\d{8}")
_IBAN = re.compile(r"[A-Za-z]{2}\d{2}[A-Za-z0-9]{11,30}")


def list_(_: Platform, call: Exchange) -> Answer:
    """Answer `banks_list`; the sandbox knows Nigerian banks only, as only NGN payouts name a bank by id."""
    wanted = (("currency", "NGN"), ("country", "NG"), ("country_id", _NIGERIA_ID))
    if any(call.query.get(name, value).upper() != value for name, value in wanted):
        return Answer(body=[])
    return Answer(body=[{"id": each.id, "name": each.name, "code": each.code, "country": _NIGERIA} for each in BANKS])


def lookup_account(_: Platform, call: Exchange) -> Answer:
    """Answer `banks_lookup_account`."""
    body, errors = call.json(), Errors()
    check_schema(errors, "AccountLookupRequest", body)
    errors.require(body, ("account_number", "bank_id"))
    errors.refuse()
    bank = find_bank(body["bank_id"])
    name = None if bank is None else enquire_name(body["account_number"])
    if name is None:
        raise refuse(400, "Invalid account number or bank code")
    return Answer(body={"message": "Account resolved successfully", "account_name": name})


def verify_payee(_: Platform, call: Exchange) -> Answer:
    """Answer `banks_verify_payee`."""
    body, errors = call.json(), Errors()
    check_schema(errors, "PayeeVerificationRequest", body)
    errors.require(body, ("sort_code", "account_number", "account_name"))
    errors.refuse()
    effect = match_payee(body["sort_code"], body["account_number"])
    code = None if effect is None else _CLOSE.get(effect)
    return Answer(
        body={
            "matched": effect is None,
            "match_confidence_code": code,
            "suggested_account_name": None if code is None else "Jane M Doe",
        }
    )


def verify_iban(_: Platform, call: Exchange) -> Answer:
    """Answer `banks_verify_iban`."""
    iban = call.json().get("iban")
    if not isinstance(iban, str) or not is_iban(iban):
        raise refuse(422, INVALID_IBAN, errors={"iban": [INVALID_IBAN]})
    reachable, at_once = sepa_reach(iban)
    return Answer(body={"sepa_reachable": reachable, "sepa_inst_reachable": at_once})


def list_operators(_: Platform, call: Exchange) -> Answer:
    """Answer `momo_operators_list`, as a bare array (x-uncertain)."""
    currency, country = call.query.get("currency_id"), call.query.get("country_id")
    found = [
        each
        for each in OPERATORS
        if (currency is None or currency in {str(each.currency.id), each.currency.code})
        and (country is None or country == str(each.country_id))
    ]
    return Answer(
        body=[{"id": each.id, "name": each.name, "code": each.code, "country_id": each.country_id} for each in found]
    )


def find_bank(bank: object) -> Bank | None:
    """Find a bank by id; its clearing code is taken too, as a documented request sends it."""
    return next((each for each in BANKS if bank in {each.id, each.code}), None)


def enquire_name(account_number: str) -> str | None:
    """Give the holder of a Nigerian account, or None when there is no such account."""
    if _NUBAN.fullmatch(account_number) is None:
        return None
    if special_values.effect(special_values.NAME_ENQUIRY, account_number) is Effect.INVALID:
        return None
    return _HOLDERS[(int(account_number) - 123456789) % len(_HOLDERS)]


def match_payee(sort_code: str, account_number: str) -> Effect | None:
    """Say how a UK account's holder differs from the name given, None when it does not; refuse what is no account."""
    effect = special_values.effect(special_values.PAYEE, account_number)
    shaped = _SORT_CODE.fullmatch(sort_code) and _UK_ACCOUNT.fullmatch(account_number)
    if not shaped or effect is Effect.INVALID:
        raise refuse(400, INVALID_UK)
    return effect


def is_iban(iban: str) -> bool:
    """Tell whether a text has the form of an IBAN once its spaces are removed."""
    return _IBAN.fullmatch("".join(iban.split())) is not None


def sepa_reach(iban: str) -> tuple[bool, bool]:
    """Tell whether an IBAN is reachable by SEPA, and whether at once."""
    bare = "".join(iban.split()).upper()
    effect = special_values.effect(special_values.IBAN, bare)
    reachable = sepa(bare) and effect is not Effect.UNREACHABLE
    return reachable, reachable and effect is not Effect.SEPA_ONLY


HANDLERS = {
    "banks_list": list_,
    "banks_lookup_account": lookup_account,
    "banks_verify_payee": verify_payee,
    "banks_verify_iban": verify_iban,
    "momo_operators_list": list_operators,
}
