"""Reading what a caller gave as a request, and checking it by the rules of the contract, before anything is sent."""

import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn
from msgspec import UNSET, UnsetType

from blaaiz_async.core.codec import DECIMAL, FLAT, OneOf, Request, Rule, expected, faults_in, is_request, join_path
from blaaiz_async.errors import Fault

R = TypeVar("R", bound=Request)


def read_request(cls: type[R], given: R | Mapping[str, Any] | None, today: date) -> tuple[R | None, list[Fault]]:
    """Read a mapping or a record as the request `cls`, and check it by the kind and every rule of its fields.

    Returns the request (None if it couldn't be read) and all faults, in field order. `today` is the date that ages and
    expiries are counted from.
    """
    if isinstance(given, cls):
        cls = type(given)
        fields: Mapping[str, Any] = _fields_of(given)
    elif isinstance(given, Mapping):
        fields = cls.__decode__(given)
    else:
        problem = f"expected the fields of {cls.__name__}: such a record, or a mapping"
        return None, [Fault(field="", rule="kind", message=problem)]
    try:
        request = _mapping_reader().structure(given, cls)
    except Exception as error:  # noqa: BLE001  # cattrs raises groups of anything a hook raises
        # What could be read is checked as well, so that all faults of a record come at once.
        faults = [
            *(_flat(fault, cls) for fault in faults_in(error, "")),
            *check(_readable_part(cls, fields), today),
        ]
        order = {a.name: place for place, a in enumerate(attrs.fields(cast("type[Any]", cls)))}
        return None, sorted(faults, key=lambda fault: order.get(fault.field.split(".")[0], len(order)))
    return request, check(request, today)


def check(request: Request, today: date) -> list[Fault]:
    """Return every rule that a request breaks: of its fields, of nested records, and between fields."""
    faults: list[Fault] = []
    for name, rules in _rules(cast("Any", type(request))):
        value = getattr(request, name)
        if value is None or value is UNSET:
            continue
        faults += [
            Fault(field=name, rule=rule.name, message=f"must be {rule.expected}") for rule in rules if not rule.holds(value)
        ]
        if isinstance(value, Request):
            inner = (attrs.evolve(fault, field=join_path(name, fault.field)) for fault in check(value, today))
            faults += [_flat(fault, type(request)) for fault in inner]
        elif isinstance(value, list | tuple):
            for index, item in enumerate(cast("Sequence[object]", value)):
                if isinstance(item, Request):
                    where = f"{name}.{index}"
                    faults += [attrs.evolve(fault, field=join_path(where, fault.field)) for fault in check(item, today)]
    return faults + list(request.__faults__(today))


def _fields_of(request: Request) -> dict[str, Any]:
    """Return a record's own fields: what type checkers didn't see, such as a float amount, is found as in a mapping."""
    values = {a.name: getattr(request, a.name) for a in attrs.fields(cast("type[Any]", type(request)))}
    return {name: value for name, value in values.items() if value is not UNSET}


def _readable_part(cls: type[R], given: Mapping[str, Any]) -> R:
    """Make a record of the fields that can be read, with None for all others; it is only ever checked, never sent."""
    part = cls.__new__(cls)
    for a in attrs.fields(cast("type[Any]", cls)):
        # What isn't there counts as not given: UNSET where that is a field's word for it.
        value: Any = UNSET if a.default is UNSET else None
        if a.name in given:
            try:
                value = _mapping_reader().structure(given[a.name], a.type)
            except Exception:  # noqa: BLE001  # reported already, by reading the whole record
                value = _readable_inside(given[a.name], a.type, value)
        object.__setattr__(part, a.name, value)
    return part


def _readable_inside(value: Any, annotation: Any, otherwise: Any) -> Any:
    """Return what can be read of a nested record, or of the records in a list: an unreadable one is None there."""
    if isinstance(value, OneOf):
        return _readable_part(value.kind, value.fields)
    if isinstance(value, Request):
        return _readable_part(value.__class__, _fields_of(value))
    kind = _item_of(annotation)
    if kind is None or not isinstance(value, list | tuple):
        return otherwise
    items = cast("Sequence[Any]", value)
    return tuple(
        _readable_part(
            kind, _fields_of(item) if isinstance(item, Request) else kind.__decode__(cast("Mapping[str, Any]", item))
        )
        if isinstance(item, kind | Mapping)
        else None
        for item in items
    )


@cache
def _item_of(annotation: Any) -> type[Request] | None:
    """Return the request class that a field lists, if it lists any."""
    if _is_sequence(annotation):
        item = get_args(annotation)[0]
        return item if is_request(item) else None
    if _is_annotated(annotation):
        return _item_of(annotation.__origin__)
    members = get_args(annotation) if _is_union(annotation) else ()
    return next((item for member in members if (item := _item_of(member)) is not None), None)


@cache
def _rules(cls: type[Any]) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    return tuple((a.name, tuple(_rules_in(a.type))) for a in attrs.fields(cls))


def _flat(fault: Fault, cls: type[Any]) -> Fault:
    """Return the fault of a record with the name of a flat field taken off."""
    name, _, rest = fault.field.partition(".")
    return attrs.evolve(fault, field=rest) if rest and name in _flat_fields(cast("Any", cls)) else fault


@cache
def _flat_fields(cls: type[Any]) -> frozenset[str]:
    return frozenset(a.name for a in attrs.fields(cls) if _is_annotated(a.type) and FLAT in a.type.__metadata__)


def _rules_in(annotation: Any) -> Iterator[Rule]:
    if _is_annotated(annotation):
        yield from (extra for extra in annotation.__metadata__ if isinstance(extra, Rule))
        yield from _rules_in(annotation.__origin__)
    elif _is_union(annotation):
        for member in get_args(annotation):
            yield from _rules_in(member)


def _is_annotated(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated


@cache
def _mapping_reader() -> cattrs.Converter:
    reader = cattrs.Converter(forbid_extra_keys=True)
    reader.register_structure_hook(str, _take_str)
    reader.register_structure_hook(int, _take_int)
    reader.register_structure_hook(bool, _take_bool)
    reader.register_structure_hook(Decimal, _take_decimal)
    reader.register_structure_hook(date, _take_date)
    reader.register_structure_hook_func(_is_literal, _take_literal)
    reader.register_structure_hook_factory(_is_union, _union_taker)
    reader.register_structure_hook_factory(_is_sequence, _sequence_taker)
    reader.register_structure_hook_factory(is_request, _request_taker)
    return reader


def _request_taker(cls: type[Any], reader: cattrs.Converter) -> Callable[[Any, Any], Any]:
    read = make_dict_structure_fn(cls, reader, _cattrs_forbid_extra_keys=True)

    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, cls):
            kind: type[Any] = value.__class__
            return read(_fields_of(value), cls) if kind is cls else reader.structure(value, kind)
        if not isinstance(value, Mapping):
            raise TypeError(expected("an object", value))
        return read(cls.__decode__(cast("Mapping[str, Any]", value)), cls)

    return hook


def _is_literal(cls: Any) -> bool:
    return get_origin(cls) is Literal


def _is_union(cls: Any) -> bool:
    return get_origin(cls) in (Union, types.UnionType)


def _union_taker(cls: Any, reader: cattrs.Converter) -> Callable[[Any, Any], Any]:
    members = get_args(cls)
    blanks = [blank for blank, kind in ((None, type(None)), (UNSET, UnsetType)) if kind in members]
    kinds = [member for member in members if member not in (type(None), UnsetType)]
    if len(kinds) > 1 and all(is_request(kind) for kind in kinds):
        return _one_of_taker(tuple(kinds), reader)
    # Decimal | int is how an exact number is annotated; otherwise one kind is left.
    kind = Decimal if Decimal in kinds else kinds[0]

    def hook(value: Any, _: Any) -> Any:
        return value if any(value is blank for blank in blanks) else reader.structure(value, kind)

    return hook


def _one_of_taker(kinds: tuple[type[Any], ...], reader: cattrs.Converter) -> Callable[[Any, Any], Any]:
    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, OneOf):
            return reader.structure(value.fields, value.kind)
        if isinstance(value, kinds):
            return reader.structure(value, value.__class__)
        raise TypeError(f"must be one of {', '.join(kind.__name__ for kind in kinds)}")

    return hook


def _is_sequence(cls: Any) -> bool:
    return get_origin(cls) is Sequence


def _sequence_taker(cls: Any, reader: cattrs.Converter) -> Callable[[Any, Any], Any]:
    many: Any = types.GenericAlias(list, get_args(cls)[:1])

    def hook(value: Any, _: Any) -> tuple[Any, ...]:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
            raise TypeError("must be a list")
        return tuple(reader.structure([*value], many))

    return hook


def _take_str(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("must be a string")
    return str(value)


def _take_int(value: Any, _: Any) -> int:
    if type(value) is not int:
        raise TypeError("must be a whole number")
    return value


def _take_bool(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def _take_decimal(value: Any, _: Any) -> Decimal:
    if isinstance(value, float):
        raise TypeError("must be a Decimal, a whole number or a decimal string; a float isn't exact")
    if isinstance(value, Decimal):
        number = value
    elif type(value) is int:
        number = Decimal(value)
    elif isinstance(value, str) and DECIMAL.fullmatch(value):
        try:
            number = Decimal(value)
        except InvalidOperation:  # more digits than the context takes
            raise TypeError("must be a decimal number") from None
    else:
        raise TypeError("must be a Decimal, a whole number or a decimal string")
    if not number.is_finite():
        raise TypeError("must be a finite number")
    return number


def _take_date(value: Any, _: Any) -> date:
    if isinstance(value, datetime):
        raise TypeError("must be a date without a time of day")
    if isinstance(value, date):
        return value
    # fromisoformat also takes 20240131 and week dates, which the platform doesn't.
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise TypeError("must be a day of the calendar") from None
    raise TypeError("must be a date in the form YYYY-MM-DD")


def _take_literal(value: Any, cls: Any) -> Any:
    choices = get_args(cls)
    if value not in choices:
        raise ValueError(f"must be one of {', '.join(map(str, choices))}")
    return str(value)
