"""Payouts: one class per way to send money, each with exactly the fields its kind needs.

A `Payout` holds an amount and a destination as objects and is sent in the platform's flat form; a mapping in that flat form
is accepted too and checked by the same rules. Faults name the platform's own flat fields in both cases.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, get_args

import attrs
from attrs import frozen

from blaaiz_async.core.codec import FLAT, Answer, Id, OneOf, Request, Rule
from blaaiz_async.errors import Fault, InvalidRequestError
from blaaiz_async.types.money import AmountSide, SendAmount, amount_faults, amount_side
from blaaiz_async.types.rules import Country, CurrencyRef, Email, Phone, Text, longest
from blaaiz_async.types.transactions import TransactionStatus, TransactionType

# -- destinations ------------------------------------------------------------------------------------------------------

MerchantReference = Annotated[
    Text,
    longest(255),
    # What was made under it is found by it, as a part of a path.
    Rule(
        "reference",
        lambda given: given == given.strip() and given not in (".", ".."),
        'a reference without white space around it, other than "." and ".."',
    ),
]
"""A reference of the caller's own, unique in the business across payouts and collections."""

SortCode = Annotated[
    str,
    Rule(
        "sort_code",
        lambda value: re.fullmatch(r"\d{2}-?\d{2}-?\d{2}", value, re.ASCII) is not None,
        "a sort code of 6 digits, such as 20-00-00",
    ),
]

Iban = Annotated[
    str,
    Rule(
        "iban",
        lambda value: re.fullmatch(r"\s*[A-Za-z]{2}\s*\d\s*\d(\s*[A-Za-z0-9]){11,30}\s*", value, re.ASCII) is not None,
        "an IBAN: 2 letters, 2 digits and 11 to 30 letters or digits",
    ),
]
"""Spaces are fine (contract/money.yaml banks_verify_iban)."""

RecipientType = Literal["individual", "business"]
AccountType = Literal["checking", "savings"]


@frozen(kw_only=True, repr=False)
class NgnBankTransfer(Request):
    """NGN to a Nigerian bank account; the platform asks the bank for the holder's name before it pays."""

    PAYS: ClassVar[tuple[str, ...]] = ("NGN",)

    method: Literal["bank_transfer"] = "bank_transfer"
    bank_id: Text
    """`id` from `banks.list`."""
    account_number: Text
    phone_number: Text | None = None


@frozen(kw_only=True, repr=False)
class GbpBankTransfer(Request):
    """GBP to a UK account. A Confirmation of Payee mismatch rejects it: ask `banks.verify_payee` first."""

    PAYS: ClassVar[tuple[str, ...]] = ("GBP",)

    method: Literal["bank_transfer"] = "bank_transfer"
    sort_code: SortCode
    account_number: Text
    account_name: Text
    """The holder's name as the bank has it."""
    street: Text
    city: Text
    zip_code: Text
    country: Country
    phone_number: Text | None = None


@frozen(kw_only=True, repr=False)
class EurBankTransfer(Request):
    """EUR over SEPA. The bank must be reachable: ask `banks.verify_iban` first."""

    PAYS: ClassVar[tuple[str, ...]] = ("EUR",)

    method: Literal["bank_transfer"] = "bank_transfer"
    iban: Iban
    """Not that of a Blaaiz virtual account."""
    bic_code: Text
    account_name: Text
    street: Text
    city: Text
    zip_code: Text
    country: Country
    phone_number: Text | None = None


@frozen(kw_only=True, repr=False)
class UsdAch(Request):
    """USD by ACH."""

    PAYS: ClassVar[tuple[str, ...]] = ("USD",)

    method: Literal["ach"] = "ach"
    type: RecipientType
    account_number: Text
    account_name: Text
    account_type: AccountType
    bank_name: Text
    routing_number: Text
    street: Text
    city: Text
    state: Text
    zip_code: Text
    country: Country
    phone_number: Text | None = None


@frozen(kw_only=True, repr=False)
class UsdWire(Request):
    """USD by wire: the fields of ACH and a SWIFT code."""

    PAYS: ClassVar[tuple[str, ...]] = ("USD",)

    method: Literal["wire"] = "wire"
    type: RecipientType
    account_number: Text
    account_name: Text
    account_type: AccountType
    bank_name: Text
    routing_number: Text
    swift_code: Text
    street: Text
    city: Text
    state: Text
    zip_code: Text
    country: Country
    phone_number: Text | None = None


@frozen(kw_only=True, repr=False)
class CadInterac(Request):
    """CAD by Interac e-Transfer. Question and answer are made by the platform where none are given."""

    PAYS: ClassVar[tuple[str, ...]] = ("CAD",)

    method: Literal["interac"] = "interac"
    email: Email
    interac_first_name: Text
    interac_last_name: Text
    security_question: Text | None = None
    security_answer: Text | None = None
    phone_number: Text | None = None

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        # The contract leaves open whether one may go alone; one alone can't serve a recipient.
        for name, other in (("security_question", "security_answer"), ("security_answer", "security_question")):
            if getattr(self, name) is None and getattr(self, other) is not None:
                yield Fault(field=name, rule="missing", message=f"is required with {other}")


@frozen(kw_only=True, repr=False)
class MobileMoney(Request):
    """KES, UGX, TZS, XOF or GHS to a mobile wallet."""

    PAYS: ClassVar[tuple[str, ...]] = ("KES", "UGX", "TZS", "XOF", "GHS")

    method: Literal["mobile_money"] = "mobile_money"
    phone_number: Phone
    mobile_money_operator_id: Text
    """`id` from `momo_operators.list`."""
    account_name: Text


Destination = NgnBankTransfer | GbpBankTransfer | EurBankTransfer | UsdAch | UsdWire | CadInterac | MobileMoney
"""Where a payout goes."""

_METHODS = ("bank_transfer", "ach", "wire", "interac", "mobile_money")
_CHOICES = ", ".join(_METHODS)


@frozen(kw_only=True, repr=False)
class _UnclearDestination(Request):
    """A flat mapping whose kind can't be told; it is only ever checked, never sent."""

    method: Annotated[
        str,
        Rule("discontinued", lambda value: value != "crypto", f"one of {_CHOICES}; crypto goes by crypto.create_payout"),
        Rule(
            "unclear",
            lambda value: value != "bank_transfer",
            "given with exactly one of bank_id (NGN), sort_code (GBP) and iban (EUR)",
        ),
        Rule("value", lambda value: value in (*_METHODS, "crypto"), f"one of {_CHOICES}"),
    ]


_BY_METHOD: dict[object, type[Request]] = {
    "ach": UsdAch,
    "wire": UsdWire,
    "interac": CadInterac,
    "mobile_money": MobileMoney,
}
_BANK_TRANSFERS: dict[str, tuple[str, type[Request]]] = {
    "NGN": ("bank_id", NgnBankTransfer),
    "GBP": ("sort_code", GbpBankTransfer),
    "EUR": ("iban", EurBankTransfer),
}


def _destination_in(fields: Mapping[str, Any], currency: object) -> OneOf:
    """Return which destination a flat mapping describes: by method and currency, or by its fields for a currency's id."""
    method = fields.get("method")
    kind = _BY_METHOD.get(method) if isinstance(method, str) else None
    if method == "bank_transfer":
        if isinstance(currency, str) and currency in _BANK_TRANSFERS:
            kind = _BANK_TRANSFERS[currency][1]
        else:
            marked = [kind for mark, kind in _BANK_TRANSFERS.values() if fields.get(mark) is not None]
            kind = marked[0] if len(marked) == 1 else None
    if kind is None:
        return OneOf(_UnclearDestination, {} if method is None else {"method": method})
    return OneOf(kind, fields)


def _destination_faults(destination: object, currency: str | None) -> Iterator[Fault]:
    if isinstance(destination, Destination):
        pays = destination.PAYS
        if currency and re.fullmatch(r"[A-Z]{3}", currency) and currency not in pays:  # an id says nothing
            text = f"must be {' or '.join(pays)} for {type(destination).__name__} (method {destination.method})"
            yield Fault(field="to_currency_id", rule="currency", message=text)
    elif not isinstance(destination, _UnclearDestination):
        text = f"must be one of {', '.join(kind.__name__ for kind in get_args(Destination))}"
        yield Fault(field="destination", rule="kind", message=text)


# -- the payout --------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class Payout(Request):
    """Money to send from a wallet to a recipient (contract schemas PayoutRequest and its members)."""

    _shown: ClassVar[tuple[str, ...]] = ("wallet_id", "customer_id", "merchant_reference")

    wallet_id: Text
    """Wallet to debit."""
    customer_id: Text
    """VERIFIED customer that the payout is for."""
    from_currency_id: CurrencyRef
    """Currency of the debit: id or code."""
    to_currency_id: CurrencyRef
    """Currency the recipient gets: id or code. For XOF the id, or the code with `country_id`."""
    amount: AmountSide
    destination: Annotated[Destination, FLAT]
    country_id: Text | None = None
    """Picks the country of an ambiguous currency code."""
    note: str | None = None
    """Narration; the platform takes the business's name if there is none."""
    merchant_reference: MerchantReference | None = None
    """Makes a repeat harmless; one is made if None. With a slash in it, `transactions.get` may not find it."""

    def __faults__(self, today: date) -> Iterator[Fault]:
        del today
        yield from amount_faults(self.amount, self.from_currency_id, self.to_currency_id)
        yield from _destination_faults(self.destination, self.to_currency_id)
        if self.to_currency_id == "XOF" and not self.country_id:
            text = (
                "is required with the bare code XOF, which several countries share; "
                'or give the id of currencies.find("XOF", country="CI") as to_currency_id'
            )
            yield Fault(field="country_id", rule="missing", message=text)

    def __encode__(self, fields: dict[str, Any]) -> dict[str, Any]:
        amount, destination = fields.pop("amount"), fields.pop("destination")
        return {**fields, **amount, **destination}

    @classmethod
    def __decode__(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        names = {a.name for a in attrs.fields(cls)}
        own = {name: value for name, value in given.items() if name in names}
        rest = {name: value for name, value in given.items() if name not in names and value is not None}
        if type(operator := rest.get("mobile_money_operator_id")) is int:
            rest["mobile_money_operator_id"] = str(operator)  # the contract takes both
        # What lies flat beside an object of its kind stays where it is, and is refused as no field of Payout.
        if not isinstance(own.get("amount"), Request):
            own["amount"] = amount_side(rest)
            rest = {name: value for name, value in rest.items() if name not in ("from_amount", "to_amount")}
        if not isinstance(own.get("destination"), Request):
            own["destination"] = _destination_in(rest, own.get("to_currency_id"))
            rest = {}
        return {**own, **rest}


# -- answers -----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True, repr=False)
class PayoutRecipient(Answer):
    """Who gets the money of a payout."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "currency")

    id: Id | None = None
    account_number: str | None = None
    """The phone number, for mobile money."""
    account_name: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    bank_name: str | None = None
    """The operator's name, for mobile money."""
    bank_code: str | None = None


@frozen(kw_only=True, repr=False)
class PayoutTransaction(Answer):
    """A payout that was accepted. Its end comes by webhook, or by `transactions.get`."""

    _shown: ClassVar[tuple[str, ...]] = ("id", "status", "reference", "merchant_reference")

    id: Id
    status: TransactionStatus | None = None
    business_id: Id | None = None
    business_customer_id: Id | None = None
    business_wallet_id: Id | None = None
    reference: str | None = None
    """The platform's reference."""
    merchant_reference: str | None = None
    """Yours, or the one that was made for this payout."""
    currency: str | None = None
    """Source currency."""
    amount: Decimal | None = None
    """Gross debit, fees included."""
    amount_without_fee: Decimal | None = None
    fee: Decimal | None = None
    rate: Decimal | None = None
    date: datetime | None = None
    recipient: PayoutRecipient | None = None


def settled_payout(payout: Payout | None, found: PayoutTransaction) -> PayoutTransaction:
    """Return what was read back by a merchant reference; of a reference alone it may be a collection."""
    if payout is None and not TransactionType.PAYOUT.fits(found.extra.get("type")):
        text = "belongs to something else than a payout; see transactions.get"
        raise InvalidRequestError("payouts_initiate", [Fault(field="merchant_reference", rule="kind", message=text)])
    return found


def same_payout(payout: Payout, found: PayoutTransaction) -> bool | None:
    """Tell whether `payout` made what was found under its merchant reference; None if what is known of it is too little."""
    recipient = found.recipient or PayoutRecipient()
    amount = payout.amount
    paid = (amount.from_amount, found.amount) if isinstance(amount, SendAmount) else (amount.to_amount, recipient.amount)
    pairs: tuple[tuple[object, object], ...] = (
        (payout.wallet_id, found.business_wallet_id),
        (payout.customer_id, found.business_customer_id),
        paid,
        (_code(payout.to_currency_id), _code(recipient.currency)),
    )
    if any(asked != there for asked, there in pairs if asked is not None and there is not None):
        return False
    if not TransactionType.PAYOUT.fits(found.extra.get("type")):
        return False
    account = _account_of(payout.destination)
    if paid[1] is None or (account is not None and recipient.account_number is None):
        return None
    if account is None or account == _bare(recipient.account_number or ""):
        alike = (
            (_plain(getattr(payout.destination, name, None)), _plain(recipient.extra.get(name))) for name in _NAMED_ALIKE
        )
        # Never False: these may be shown in a form of their own.
        return None if any(asked != there for asked, there in alike if asked is not None and there is not None) else True
    # The platform may show another number of the same account, as it may for an IBAN, or the same in another form.
    shown = _bare(recipient.account_number or "")
    ends_alike = account.endswith(shown.lstrip("0")) or shown.endswith(account.lstrip("0"))
    return None if ends_alike or not shown.isdigit() or isinstance(payout.destination, EurBankTransfer) else False


_NAMED_ALIKE = ("email", "routing_number", "sort_code")
"""What of a recipient the platform shows by the name that it takes it by."""


def _code(currency: str | None) -> str | None:
    """Return a currency's code; None for its id or name, which can't be compared."""
    return currency.upper() if currency and re.fullmatch(r"[A-Za-z]{3}", currency) else None


def _plain(value: object) -> str | None:
    return value.replace("-", "").strip().casefold() if isinstance(value, str) else None


def names_a_bank(payout: Payout, found: PayoutTransaction) -> bool:
    """Tell whether an account number alone doesn't say whose it is, and the platform shows the bank."""
    recipient = found.recipient or PayoutRecipient()
    shows = recipient.bank_code is not None or recipient.bank_name is not None
    return shows and isinstance(payout.destination, NgnBankTransfer)


def _account_of(destination: Destination) -> str | None:
    """Return the account, IBAN or phone number that a destination names; None for an e-mail address."""
    for name in ("account_number", "iban", "phone_number"):
        if value := getattr(destination, name, None):
            return _bare(value)
    return None


def _bare(number: str) -> str:
    return "".join(letter for letter in number if letter.isalnum()).upper()
