"""Values of our types for hypothesis, made from their annotations: ordinary ones, hostile ones, and the limits."""

import datetime as dt
import types
import typing
from collections.abc import Callable, Hashable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import attrs
from hypothesis import strategies as st

from blaaiz_async.core import codec
from blaaiz_async.core.checking import check
from blaaiz_async.types.customers import BusinessCustomer, KybScopeUpgrade

TODAY = dt.date(2026, 11, 20)

# What JSON can carry: no lone surrogates.
_any_text = st.text(st.characters(codec="utf-8"), max_size=12)

_ordinary = (
    *("Ada", "3fa85f64-5717-4562-b3fc-2c963f66afa6", "42 Oxford Street", "+2348012345678", "NG", "GB", "NGA"),
    *("ada@example.com", "a@b.c", "ü@exämple.example", "https://example.com/x?y=1", "http://example.com", "https://a"),
    *("20-00-00", "200000", "DE89 3704 0044 0532 0130 00", "gb29NWBK60161331926819", "4111111111111111", "12/29", "123"),
    *("NGN", "GBP", "EUR", "USD", "CAD", "KES", "XOF", "passport front.PDF", "a b.pdf", "x_1-2.jpeg", "BTC"),
)
_near = (
    "12",
    "1234",
    "13/29",
    "00/30",
    "1/29",
    "411111111111111",
    "41111111111111111",
    "20-00-000",
    "NGX",
    "N",
    "a.exe",
    "ng",
)
_hostile = ("", " ", "\x00", "\t\n", "0", "null", "١٢٣", "İ", "a\u202eb", "ada@example.com\n", "NG\n", "20-00-00\n")
# Made when drawn, so that hypothesis need not print them.
_limits = st.builds(
    lambda length, letter, head, tail: head + letter * (length - len(head) - len(tail)) + tail,
    st.sampled_from(
        (20, 21, 50, 51, 100, 101, 128, 129, 150, 151, 191, 192, 200, 201, 250, 251, 255, 256, 2000, 2001, 2049)
    ),
    st.sampled_from("xé"),
    st.sampled_from(("", "https://a.co/")),
    st.sampled_from(("", ".png", "@a.co")),
)

_texts = st.one_of(st.sampled_from(_ordinary), st.sampled_from(_near), st.sampled_from(_hostile), _limits, _any_text)
_ints = st.one_of(
    st.integers(-2, 200), st.sampled_from((1_000_000_000, 1_000_000_001, 2**53 + 1)), st.integers(-(2**62), 2**62)
)
_decimals = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-10, max_value=10**9, places=2),
    st.decimals(allow_nan=False, allow_infinity=False, places=19),
    st.sampled_from(
        [Decimal(text) for text in ("0", "0.1", "0.10", "1E+3", "1E-8", "0.00000001", "33.33", "100", "-0", "0.001")]
    ),
)
_dates = st.one_of(
    st.dates(), st.sampled_from([TODAY, TODAY + dt.timedelta(days=1), dt.date(2008, 11, 20), dt.date(1990, 2, 28)])
)
_zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
# A day within the ends of time, which a zone can't push it over.
_moments = st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1), timezones=_zones)  # noqa: DTZ001  # zones are drawn
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**62), 2**62), _any_text, st.decimals(-(10**6), 10**6, places=2)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_any_text, inner, max_size=3)),
    max_leaves=5,
)

_SCALARS: Mapping[Any, st.SearchStrategy[Any]] = {
    str: _texts,
    int: _ints,
    bool: st.booleans(),
    Decimal: _decimals,
    dt.date: _dates,
    dt.datetime: _moments,
    Any: json_values,
    type(None): st.none(),
    codec.UnsetType: st.just(codec.UNSET),
    # An amount is Decimal | int, and as a field no other union than with None or UNSET.
}


def of(annotation: Any) -> st.SearchStrategy[Any]:
    """Return the strategy for an annotation; the rules hung on it hold for every value."""
    return _of(annotation)


@cache
def _of(key: Hashable) -> st.SearchStrategy[Any]:
    annotation: Any = key
    found: Any = _SCALARS.get(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        rules = [rule for rule in annotation.__metadata__ if isinstance(rule, codec.Rule)]
        found = of(annotation.__origin__).filter(lambda value: all(rule.holds(value) for rule in rules))
    elif origin is Literal:
        found = st.sampled_from(get_args(annotation))
    elif origin in (Union, types.UnionType):
        found = st.one_of([of(member) for member in get_args(annotation)])
    elif origin in (list, tuple, Sequence):
        unique = (
            get_origin(get_args(annotation)[0]) is Literal
        )  # else few sets of requirements would be without a repetition
        found = st.lists(of(get_args(annotation)[0]), max_size=6, unique=unique)
        found = found if origin is list else found.map(tuple)
    elif origin is Mapping:
        found = st.dictionaries(_any_text, of(get_args(annotation)[1]), max_size=3)
    elif isinstance(annotation, type) and issubclass(annotation, codec.OpenStrEnum):
        known: list[codec.OpenStrEnum] = list(annotation)
        found = st.one_of(st.sampled_from(known), _any_text.map(annotation))
    elif isinstance(annotation, type) and attrs.has(annotation):
        found = record(annotation)
    if found is None:
        raise TypeError(f"no strategy for {annotation!r}")
    strategy: st.SearchStrategy[Any] = found
    return strategy


def record(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Return the strategy for a record: a field that may be left out often is; a request passes its own check."""
    hints = typing.get_type_hints(cls, include_extras=True)
    needed: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in attrs.fields(cls):
        if field.name == "extra":
            names = _any_text.filter(lambda name: name not in hints)
            optional["extra"] = st.dictionaries(names, json_values, max_size=2)
        elif field.init and field.name != "_keys":
            part = needed if field.default is attrs.NOTHING else optional
            part[field.name] = of(hints[field.name])
    made = st.fixed_dictionaries(needed, optional=optional).map(lambda fields: cls(**fields))
    if not issubclass(cls, codec.Request):
        return made
    return made.map(_MENDED.get(cls, lambda record: record)).filter(lambda record: not check(record, TODAY))


def _sum_to_100(upgrade: KybScopeUpgrade) -> KybScopeUpgrade:
    """Make the owners own the whole, which chance hardly does."""
    owners = upgrade.owners
    halves: list[Decimal | int] = [Decimal("66.67"), Decimal("33.33"), *[0] * len(owners)]
    shares = [100] if len(owners) == 1 else halves
    mended = [attrs.evolve(owner, ownership_percentage=share) for owner, share in zip(owners, shares, strict=False)]
    return attrs.evolve(upgrade, owners=mended)


def _at_home(company: BusinessCustomer) -> BusinessCustomer:
    """Let the two countries that must agree do so, give the one that an operating address needs, and found it before."""
    home = company.incorporation_country
    founded = company.incorporation_date and min(company.incorporation_date, TODAY - dt.timedelta(days=1))
    operating = company.operating_country or home
    return attrs.evolve(company, country=home, operating_country=operating, incorporation_date=founded)


_MENDED: Mapping[type[Any], Callable[[Any], Any]] = {KybScopeUpgrade: _sum_to_100, BusinessCustomer: _at_home}
