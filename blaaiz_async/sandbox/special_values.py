"""The inputs that make the sandbox answer otherwise than well: one table, which the handlers look up and docs can print."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import attrs

__all__ = ["TABLE", "Effect", "TestValue", "effect", "table"]


class Effect(StrEnum):
    """What a test value brings about."""

    FAILS = "fails"
    STAYS = "stays open until it is settled by hand"
    EXPIRES = "expires"
    REJECTED = "is rejected"
    INVALID = "is refused as invalid"
    NO_MATCH = "does not match the holder's name"
    CLOSE_MBAM = "is a close match with code MBAM"
    CLOSE_ANNM = "is a close match with code ANNM"
    CLOSE_BANM = "is a close match with code BANM"
    CLOSE_PANM = "is a close match with code PANM"
    SEPA_ONLY = "is SEPA reachable, but not instantly"
    UNREACHABLE = "is not SEPA reachable"
    CLOSED = "is listed, but closed"
    NO_REDIRECT = "needs no 3-D Secure page: url is null"


@attrs.frozen
class TestValue:
    """One input and what it brings about.

    Attributes:
        where: which calls look at it.
        field: the field that holds it.
        value: the input itself.
        effect: what happens.
    """

    __test__ = False  # its name is no promise to a test runner

    where: str
    field: str
    value: str | Decimal
    effect: Effect


NAME_ENQUIRY = "banks_lookup_account and NGN payouts"
PAYEE = "banks_verify_payee and GBP payouts"
IBAN = "banks_verify_iban and EUR payouts"
PAYOUT = "payouts_initiate"
PAYOUT_PAIR = "rates_list and payouts_initiate"
SWAP_PAIR = "rates_list and swaps_initiate"
COLLECTION = "collections_initiate, collections_request_interac, collections_initiate_crypto"
CARD = "collections_initiate by card"
ACCEPT_ANSWER = "collections_accept_interac (answer)"
ACCEPT_REFERENCE = "collections_accept_interac (reference)"
REFUND = "refunds_initiate"
ACCOUNT = "virtual_accounts_create in GBP, EUR or USD"
CRYPTO_PAYOUT = "crypto_create_payout"

TABLE: tuple[TestValue, ...] = (
    TestValue(NAME_ENQUIRY, "account_number", "0000000000", Effect.INVALID),
    TestValue(PAYEE, "account_number", "00000000", Effect.INVALID),
    TestValue(PAYEE, "account_number", "10000001", Effect.NO_MATCH),
    TestValue(PAYEE, "account_number", "10000002", Effect.CLOSE_MBAM),
    TestValue(PAYEE, "account_number", "10000003", Effect.CLOSE_ANNM),
    TestValue(PAYEE, "account_number", "10000004", Effect.CLOSE_BANM),
    TestValue(PAYEE, "account_number", "10000005", Effect.CLOSE_PANM),
    TestValue(IBAN, "iban", "FR7630006000011234567890189", Effect.SEPA_ONLY),
    TestValue(IBAN, "iban", "DE75512108001245126199", Effect.UNREACHABLE),
    TestValue(PAYOUT, "from_amount or to_amount", Decimal("1013.13"), Effect.FAILS),
    TestValue(PAYOUT, "from_amount or to_amount", Decimal("1014.14"), Effect.STAYS),
    TestValue(PAYOUT_PAIR, "from and to currency", "CAD/UGX", Effect.CLOSED),
    TestValue(SWAP_PAIR, "from and to currency", "EUR/CAD", Effect.CLOSED),
    TestValue(COLLECTION, "amount", Decimal("1013.13"), Effect.FAILS),
    TestValue(COLLECTION, "amount", Decimal("1014.14"), Effect.EXPIRES),
    TestValue(CARD, "card_number", "4000000000000002", Effect.FAILS),
    TestValue(CARD, "card_number", "4000000000000069", Effect.EXPIRES),
    TestValue(CARD, "card_number", "5555555555554444", Effect.NO_REDIRECT),
    TestValue(ACCEPT_ANSWER, "security_answer", "wrong", Effect.FAILS),
    TestValue(ACCEPT_REFERENCE, "reference_number", "CAFAILED1", Effect.FAILS),
    TestValue(REFUND, "the collection's amount", Decimal("1015.15"), Effect.FAILS),
    TestValue(ACCOUNT, "the customer's last_name or business_name", "Rejected", Effect.REJECTED),
    TestValue(ACCOUNT, "the customer's last_name or business_name", "Failed", Effect.FAILS),
    TestValue(CRYPTO_PAYOUT, "address", "0x000000000000000000000000000000000000dEaD", Effect.FAILS),
)
"""Every test value; anything else goes well."""

_EFFECTS = {(each.where, each.value): each.effect for each in TABLE}


def effect(where: str, value: str | Decimal | None) -> Effect | None:
    """Look up what a value brings about, or None when nothing special.

    Args:
        where: one of the constants of this module, such as `PAYOUT`.
        value: the input.
    """
    return None if value is None else _EFFECTS.get((where, value))


def table() -> str:
    """Write the table in Markdown, as the README prints it."""
    rows = [f"| {each.where} | {each.field} | `{each.value}` | {each.effect} |" for each in TABLE]
    return "\n".join(("| where | field | value | what happens |", "|---|---|---|---|", *rows))
