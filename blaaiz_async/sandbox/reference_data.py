"""What the platform knows beforehand: currencies, banks, mobile-money operators, rates, fees and crypto networks.

Shapes are the contract's (contract/money.yaml); the numbers are the sandbox's own.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import attrs

from . import special_values

__all__ = [
    "BANKS",
    "COLLECTION_METHODS",
    "CURRENCIES",
    "METHOD_FEES",
    "NETWORKS",
    "OPERATORS",
    "PAYOUT_METHODS",
    "RATES",
    "START_BALANCES",
    "Bank",
    "Country",
    "Currency",
    "MethodFee",
    "Operator",
    "Rate",
    "sepa",
]


@attrs.frozen
class Country:
    """A country as a currency names it."""

    id: int
    name: str
    short_name: str
    alt_short_name: str


@attrs.frozen
class Currency:
    """A currency of one country; one code can belong to several."""

    id: int
    code: str
    name: str
    places: int
    """Decimals of the smallest unit."""
    country: Country | None = None


@attrs.frozen
class Bank:
    """A bank that NGN accounts are held at."""

    id: str
    name: str
    code: str


@attrs.frozen
class Operator:
    """A mobile-money operator."""

    id: str
    name: str
    code: str
    currency: Currency

    @property
    def country_id(self) -> int:
        """The country it works in."""
        return 0 if self.currency.country is None else self.currency.country.id


@attrs.frozen
class MethodFee:
    """What one method costs: a share of the amount and a fixed part, in the source currency."""

    percent: Decimal
    fixed: Decimal


@attrs.frozen
class Rate:
    """The rate of one pair and the platform's own charge on it."""

    id: int
    source: str
    destination: str
    value: Decimal
    percent: Decimal
    fixed: Decimal
    swap_enabled: bool
    send_enabled: bool


_KENYA = Country(1, "Kenya", "KE", "KEN")
_UGANDA = Country(2, "Uganda", "UG", "UGA")
_TANZANIA = Country(3, "Tanzania", "TZ", "TZA")
_GHANA = Country(4, "Ghana", "GH", "GHA")
_BENIN = Country(24, "Benin", "BJ", "BEN")
_IVORY_COAST = Country(54, "Cote d'Ivoire", "CI", "CIV")

CURRENCIES = (
    Currency(1, "NGN", "Nigerian Naira", 2),
    Currency(2, "USD", "United States Dollar", 2),
    Currency(3, "CAD", "Canadian Dollar", 2),
    Currency(4, "EUR", "Euro", 2),
    Currency(5, "GBP", "British Pound", 2),
    Currency(8, "KES", "Kenyan Shilling", 2, _KENYA),
    Currency(9, "UGX", "Ugandan Shilling", 0, _UGANDA),
    Currency(10, "TZS", "Tanzanian Shilling", 2, _TANZANIA),
    Currency(11, "GHS", "Ghanaian Cedi", 2, _GHANA),
    Currency(12, "XOF", "West African CFA Franc", 0, _BENIN),
    Currency(13, "XOF", "West African CFA Franc", 0, _IVORY_COAST),
)

START_BALANCES = {
    "NGN": Decimal(50_000_000),
    "USD": Decimal(100_000),
    "CAD": Decimal(100_000),
    "EUR": Decimal(100_000),
    "GBP": Decimal(100_000),
}
"""Balance of each wallet at the start, by currency code; there is one wallet per currency."""

BANKS = (
    Bank("1", "Zenith Bank", "057"),
    Bank("2", "Access Bank", "044"),
    Bank("3", "GTBank", "058"),
    Bank("4", "Wema Bank", "035"),
    Bank("5", "78 Finance Company Limited", "123456"),
)

_BY_COUNTRY = {(each.code, each.country.short_name): each for each in CURRENCIES if each.country is not None}
OPERATORS = (
    Operator("1", "M-Pesa", "MPESA", _BY_COUNTRY["KES", "KE"]),
    Operator("2", "Airtel Money", "AIRTEL_KE", _BY_COUNTRY["KES", "KE"]),
    Operator("3", "MTN Mobile Money", "MTN_UG", _BY_COUNTRY["UGX", "UG"]),
    Operator("4", "Vodacom M-Pesa", "VODACOM_TZ", _BY_COUNTRY["TZS", "TZ"]),
    Operator("5", "MTN Mobile Money", "MTN_GH", _BY_COUNTRY["GHS", "GH"]),
    Operator("6", "MTN Mobile Money", "MTN_BJ", _BY_COUNTRY["XOF", "BJ"]),
    Operator("7", "Orange Money", "ORANGE_CI", _BY_COUNTRY["XOF", "CI"]),
)

PAYOUT_METHODS: dict[str, tuple[str, ...]] = {
    "NGN": ("bank_transfer",),
    "GBP": ("bank_transfer",),
    "EUR": ("bank_transfer",),
    "USD": ("ach", "wire"),
    "CAD": ("interac",),
    **dict.fromkeys(("KES", "UGX", "TZS", "XOF", "GHS"), ("mobile_money",)),
}
"""Methods by destination currency (payouts_initiate)."""

COLLECTION_METHODS: dict[str, tuple[str, ...]] = {
    "NGN": ("bank_transfer",),
    "GBP": ("card", "open_banking", "bank_transfer"),
    "EUR": ("card", "open_banking", "bank_transfer"),
    "USD": ("card", "bank_transfer", "crypto"),
    "CAD": ("card", "interac"),
}
"""Methods by wallet currency (collections_initiate and its sisters; bank_transfer is money into a virtual account)."""

METHOD_FEES = {
    "card": MethodFee(Decimal("2.9"), Decimal("0.30")),
    "open_banking": MethodFee(Decimal("0.5"), Decimal(0)),
    "bank_transfer": MethodFee(Decimal(0), Decimal("0.25")),
    "ach": MethodFee(Decimal(0), Decimal("1.00")),
    "wire": MethodFee(Decimal(0), Decimal("25.00")),
    "interac": MethodFee(Decimal("1.5"), Decimal("0.40")),
    "mobile_money": MethodFee(Decimal("1.0"), Decimal(0)),
    "crypto": MethodFee(Decimal("0.8"), Decimal(0)),
    "swap": MethodFee(Decimal(0), Decimal(0)),
}

_PER_DOLLAR = {
    "NGN": Decimal("1550.00"),
    "USD": Decimal(1),
    "CAD": Decimal("1.3700"),
    "EUR": Decimal("0.9200"),
    "GBP": Decimal("0.7900"),
    "KES": Decimal("129.15"),
    "UGX": Decimal(3700),
    "TZS": Decimal(2500),
    "GHS": Decimal("15.50"),
    "XOF": Decimal(605),
}


def _rate(number: int, source: str, destination: str) -> Rate:
    value = _PER_DOLLAR[destination] / _PER_DOLLAR[source]
    # Six significant digits, as a rate board shows them.
    shown = value.quantize(Decimal(1).scaleb(value.adjusted() - 5), ROUND_HALF_EVEN) if source != destination else Decimal(1)
    return Rate(
        id=number,
        source=source,
        destination=destination,
        value=shown,
        percent=Decimal("0.50"),
        fixed=Decimal(0),
        swap_enabled=source != destination
        and destination in START_BALANCES
        and not _closed(special_values.SWAP_PAIR, source, destination),
        send_enabled=not _closed(special_values.PAYOUT_PAIR, source, destination),
    )


def _closed(where: str, source: str, destination: str) -> bool:
    return special_values.effect(where, f"{source}/{destination}") is special_values.Effect.CLOSED


RATES = {
    (source, destination): _rate(number, source, destination)
    for number, (source, destination) in enumerate(
        ((source, destination) for source in START_BALANCES for destination in _PER_DOLLAR), start=1
    )
}
"""Every pair from a wallet currency; a currency against itself has the rate 1."""

NETWORKS = (
    ("Ethereum Mainnet", "ETHEREUM_MAINNET", ("USDT", "USDC")),
    ("Polygon Mainnet", "MATIC_MAINNET", ("USDT", "USDC")),
    ("Tron Mainnet", "TRON_MAINNET", ("USDT",)),
    ("BNB Smart Chain", "BSC_MAINNET", ("USDT", "USDC")),
)
"""Name, identifier and tokens of each crypto network (collections_list_crypto_networks)."""

_SEPA = frozenset(
    """
    AD AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE SI SK SM VA
    """.split()  # noqa: SIM905  a line per code would hide the rest of the module
)


def sepa(iban: str) -> bool:
    """Tell whether an IBAN's country takes part in SEPA."""
    return iban[:2].upper() in _SEPA
