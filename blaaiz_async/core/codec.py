"""Between typed records and JSON.

Requests: attrs → builtins → JSON bytes. A field whose default is UNSET is left out until it is set, and None in it is sent
as null; a field whose default is None is left out while it is None. Answers: JSON bytes → builtins → attrs, with strict
primitives (cattrs alone would turn null into 'None', 'false' into True and 1.9 into 1), open enums, and unknown keys kept
in `extra`. Numbers with a fraction become Decimal exactly as written, in both directions.
"""

import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, Union, cast, get_args, get_origin

import attrs
import cattrs
import msgspec
from attrs import field, frozen
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from msgspec import UNSET, UnsetType

from blaaiz_async.errors import Fault

__all__ = ["UNSET", "UnsetType"]

R = TypeVar("R", bound="Request")
A = TypeVar("A")


class OpenStrEnum(StrEnum):
    """A string enum that keeps values it doesn't know, since the platform may add some at any time.

    `Status("BRAND_NEW").value` is `"BRAND_NEW"`; `is_known` tells such a value from the documented ones.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = value
        member._value_ = value
        return member

    @property
    def is_known(self) -> bool:
        """Whether this value is one of the documented ones."""
        return self._name_ in type(self).__members__


class Record:
    """Base of all data classes: its repr shows only what is fit for a log."""

    __slots__ = ()

    _shown: ClassVar[tuple[str, ...]] = ()
    """The fields that hold neither personal data nor secrets. All others stay out of the repr."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!s}" for name in self._shown if getattr(self, name, None))
        return f"{type(self).__name__}({shown})"


@frozen(kw_only=True, repr=False)
class Answer(Record):
    """Base of everything the platform sends."""

    extra: Mapping[str, Any] = field(factory=dict[str, Any])
    """Keys the platform sent that this version doesn't know, as decoded JSON."""
    _keys: frozenset[str] | None = field(default=None, eq=False)
    """Which keys were sent, so that encoding tells an absent key from a null; None for a record made by hand."""

    def holds(self, name: str) -> bool:
        """Tell whether the platform sent this field at all, be it as null."""
        return self._keys is None or name in self._keys


class Request(Record):
    """Base of everything a caller sends."""

    __slots__ = ()

    def __faults__(self, today: date) -> Iterator[Fault]:
        """Yield what is wrong between this record's fields. Rules of a single field stand in its annotation."""
        del today
        yield from ()

    def __repeatable__(self) -> bool:
        """Tell whether sending this twice has the effect of sending it once, where the operation allows it at all."""
        return True


@frozen
class Rule:
    """A rule for one string, number or date, hung on a type with Annotated."""

    name: str
    holds: Callable[[Any], bool]
    expected: str


NumericOk = "a numeric JSON value is fine too"
Id = Annotated[str, NumericOk]
"""An opaque id. The platform documents strings; numbers were seen and are read as their digits."""

TextOrTexts = str | list[str]
"""A header value: one string, or an array of them."""


# -- encoding ----------------------------------------------------------------------------------------------------------

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def to_json(value: Any) -> bytes:
    """Write builtins, dates and Decimals as JSON; a Decimal keeps every digit it was written with."""
    return _encoder.encode(value)


def from_json(data: bytes) -> Any:
    """Read JSON; a number with a fraction or exponent becomes a Decimal. Raises ValueError."""
    return _decoder.decode(data)


def encode(record: Any) -> Any:
    """Turn a request or an answer into builtins, dates and Decimals, ready for `to_json`."""
    return _writer().unstructure(record)


@cache
def _writer() -> cattrs.Converter:
    writer = cattrs.Converter(unstruct_collection_overrides={})
    for scalar in (Decimal, date, datetime):
        writer.register_unstructure_hook(scalar, _as_is)
    writer.register_unstructure_hook(OpenStrEnum, str)
    writer.register_unstructure_hook_factory(_is_request, lambda cls: _request_writer(cls, writer))
    writer.register_unstructure_hook_factory(_is_answer, lambda cls: _answer_writer(cls, writer))
    return writer


def _as_is(value: A) -> A:
    return value


def _is_request(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Request) and attrs.has(cls)


def _is_answer(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Answer)


def _request_writer(cls: type[Any], writer: cattrs.Converter) -> Callable[[Any], dict[str, Any]]:
    # Only None and UNSET mean "leave out": a constant such as type="business" is a default that must be sent.
    constants = {a.name: override(omit_if_default=False) for a in attrs.fields(cls) if not _leaves_out(a.default)}
    return make_dict_unstructure_fn(cls, writer, _cattrs_omit_if_default=True, **constants)


def _leaves_out(default: object) -> bool:
    return default is None or default is UNSET


def _answer_writer(cls: type[Any], writer: cattrs.Converter) -> Callable[[Any], dict[str, Any]]:
    write = make_dict_unstructure_fn(
        cls, writer, extra=override(omit=True), _keys=override(omit=True)
    )

    def hook(record: Any) -> dict[str, Any]:
        out = write(record)
        keys = record._keys  # noqa: SLF001  # the codec and Answer are one room
        if keys is not None:
            out = {name: value for name, value in out.items() if name in keys}
        return {**out, **record.extra}

    return hook


# -- decoding answers --------------------------------------------------------------------------------------------------


class DecodeError(Exception):
    """A payload without the expected shape: `path` and `problem`. Callers turn it into a public error."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


def decode(payload: Any, cls: type[A]) -> A:
    """Read a decoded JSON payload as `cls`. Raises DecodeError with the path of the field."""
    try:
        return _reader(detailed=False).structure(payload, cls)
    except Exception:  # noqa: BLE001  # whatever it was, the detailed reader says where
        try:
            return _reader(detailed=True).structure(payload, cls)
        except Exception as error:  # noqa: BLE001  # cattrs raises groups of anything a hook raises
            fault = next(_faults_in(error, ""))
            raise DecodeError(fault.field, fault.message) from None


@cache
def _reader(*, detailed: bool) -> cattrs.Converter:
    reader = cattrs.Converter(detailed_validation=detailed, prefer_attrib_converters=False)
    reader.register_structure_hook(str, _read_str)
    reader.register_structure_hook(OpenStrEnum, _read_enum)
    reader.register_structure_hook(int, _read_int)
    reader.register_structure_hook(bool, _read_bool)
    reader.register_structure_hook(Decimal, _read_decimal)
    reader.register_structure_hook(date, _read_date)
    reader.register_structure_hook(datetime, _read_datetime)
    reader.register_structure_hook_func(_is_id, _read_id)
    reader.register_structure_hook_func(lambda cls: cls == TextOrTexts, _read_text_or_texts)
    reader.register_structure_hook_factory(_is_tuple, lambda cls: _tuple_reader(cls, reader))
    reader.register_structure_hook_factory(_is_answer, lambda cls: _answer_reader(cls, reader))
    return reader


def _answer_reader(cls: type[Any], reader: cattrs.Converter) -> Callable[[Any, Any], Any]:
    read = make_dict_structure_fn(cls, reader, extra=override(omit=True), _keys=override(omit=True))
    names = frozenset(a.name for a in attrs.fields(cls)) - {"extra", "_keys"}

    def hook(payload: Any, _: Any) -> Any:
        if type(payload) is not dict:
            raise TypeError(_expected("an object", payload))
        record = read(payload, cls)
        keys = frozenset(cast("dict[str, Any]", payload))
        # The record is frozen for everyone else; it is still being made here.
        object.__setattr__(record, "_keys", keys)
        if unknown := keys - names:
            object.__setattr__(record, "extra", {name: payload[name] for name in payload if name in unknown})
        return record

    return hook


def _expected(what: str, value: object) -> str:
    # Names the kind of the value, never the value: it may be a secret or a personal datum.
    kinds = {type(None): "null", dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return f"expected {what}, got {kinds.get(type(value), 'a number')}"


def _read_str(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise TypeError(_expected("a string", value))
    return value


def _read_int(value: Any, _: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is str and value.isascii() and value.isdigit():
        return int(value)
    raise TypeError(_expected("a whole number", value))


def _read_bool(value: Any, _: Any) -> bool:
    if value is True or value is False:
        return value
    if type(value) is int and value in (0, 1):
        return bool(value)
    raise TypeError(_expected("a boolean", value))


_DECIMAL = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def _read_decimal(value: Any, _: Any) -> Decimal:
    if type(value) is Decimal:
        return value
    if type(value) is int:
        return Decimal(value)
    if type(value) is str and _DECIMAL.fullmatch(value):
        return Decimal(value)
    raise TypeError(_expected("a number or a decimal string", value))


def _read_date(value: Any, _: Any) -> date:
    text = _read_str(value, _)
    try:
        return date.fromisoformat(text)
    except ValueError:
        moment = _read_datetime(text, _)
        if moment.time() != time(0):
            raise ValueError("expected a date, got a time of day too") from None
        return moment.date()


def _read_datetime(value: Any, _: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_read_str(value, _))
    except ValueError:
        raise ValueError("expected an ISO 8601 date and time") from None
    # Laravel prints UTC without an offset in places.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_id(cls: Any) -> bool:
    return get_origin(cls) is Annotated and NumericOk in get_args(cls)


def _read_id(value: Any, _: Any) -> str:
    return str(value) if type(value) is int else _read_str(value, _)


def _read_enum(value: Any, cls: Any) -> Any:
    return cls(_read_str(value, cls))


def _read_text_or_texts(value: Any, _: Any) -> TextOrTexts:
    return [_read_str(item, _) for item in value] if type(value) is list else _read_str(value, _)


def _is_tuple(cls: Any) -> bool:
    return get_origin(cls) is tuple


def _tuple_reader(cls: Any, reader: cattrs.Converter) -> Callable[[Any, Any], tuple[Any, ...]]:
    item = get_args(cls)[0]
    many = list[item]

    def hook(value: Any, _: Any) -> tuple[Any, ...]:
        if value is None:
            return ()
        # An object stands where an array of one was documented, in places.
        return tuple(reader.structure(value if type(value) is list else [value], many))

    return hook


# -- reading what a caller gave ----------------------------------------------------------------------------------------


def read_request(cls: type[R], given: R | Mapping[str, Any], today: date) -> tuple[R | None, list[Fault]]:
    """Read a mapping as the request `cls`, or take one as it is, and check it by every rule of its fields.

    Returns the request (None if it couldn't be read) and all faults, in field order. `today` is the date that ages and
    expiries are counted from.
    """
    if isinstance(given, cls):
        return given, check(given, today)
    if not isinstance(given, Mapping):
        problem = f"expected a {cls.__name__} or a mapping of its fields"
        return None, [Fault(field="", rule="kind", message=problem)]
    try:
        request = _mapping_reader().structure(given, cls)
    except Exception as error:  # noqa: BLE001  # cattrs raises groups of anything a hook raises
        # What could be read is checked as well, so that all faults of a record come at once.
        faults = [*_faults_in(error, ""), *check(_readable_part(cls, given), today)]
        order = {a.name: place for place, a in enumerate(attrs.fields(cls))}
        return None, sorted(faults, key=lambda fault: order.get(fault.field.split(".")[0], len(order)))
    return request, check(request, today)


def check(request: Request, today: date) -> list[Fault]:
    """Return every rule that a request breaks: of its fields, of nested records, and between fields."""
    faults: list[Fault] = []
    for name, rules in _rules(type(request)):
        value = getattr(request, name)
        if value is None or value is UNSET:
            continue
        faults += [
            Fault(field=name, rule=rule.name, message=f"must be {rule.expected}")
            for rule in rules
            if not rule.holds(value)
        ]
        if isinstance(value, Request):
            faults += [attrs.evolve(fault, field=_join(name, fault.field)) for fault in check(value, today)]
        elif isinstance(value, list | tuple):
            for index, item in enumerate(cast("Sequence[object]", value)):
                if isinstance(item, Request):
                    where = f"{name}.{index}"
                    faults += [attrs.evolve(fault, field=_join(where, fault.field)) for fault in check(item, today)]
    return faults + list(request.__faults__(today))


def _readable_part(cls: type[R], given: Mapping[str, Any]) -> R:
    """Make a record of the fields that can be read, with None for all others; it is only ever checked, never sent."""
    part = cls.__new__(cls)
    for a in attrs.fields(cast("Any", cls)):
        try:
            value = _mapping_reader().structure(given.get(a.name), a.type)
        except Exception:  # noqa: BLE001  # reported already, by reading the whole record
            value = None
        object.__setattr__(part, a.name, value)
    return part


@cache
def _rules(cls: type[Any]) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    return tuple((a.name, tuple(_rules_in(a.type))) for a in attrs.fields(cls))


def _rules_in(annotation: Any) -> Iterator[Rule]:
    if get_origin(annotation) is Annotated:
        yield from (extra for extra in annotation.__metadata__ if isinstance(extra, Rule))
        yield from _rules_in(annotation.__origin__)
    elif get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _rules_in(member)


@cache
def _mapping_reader() -> cattrs.Converter:
    reader = cattrs.Converter(forbid_extra_keys=True)
    reader.register_structure_hook(str, _take_str)
    reader.register_structure_hook(int, _take_int)
    reader.register_structure_hook(bool, _take_bool)
    reader.register_structure_hook(Decimal, _take_decimal)
    reader.register_structure_hook(date, _take_date)
    reader.register_structure_hook_func(lambda cls: get_origin(cls) is Literal, _take_literal)
    reader.register_structure_hook_func(_is_optional, lambda value, cls: _take_optional(reader, value, cls))
    reader.register_structure_hook_factory(_is_sequence, lambda cls: _sequence_taker(cls, reader))
    reader.register_structure_hook_factory(_is_request, lambda cls: _request_taker(cls, reader))
    return reader


def _request_taker(cls: type[Any], reader: cattrs.Converter) -> Callable[[Any, Any], Any]:
    read = make_dict_structure_fn(cls, reader, _cattrs_forbid_extra_keys=True)

    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise TypeError(_expected("an object", value))
        return read(value, cls)

    return hook


def _is_optional(cls: Any) -> bool:
    return get_origin(cls) in (Union, types.UnionType)


def _take_optional(reader: cattrs.Converter, value: Any, cls: Any) -> Any:
    members = [member for member in get_args(cls) if member not in (type(None), UnsetType)]
    if (value is None and type(None) in get_args(cls)) or (value is UNSET and UnsetType in get_args(cls)):
        return value
    if set(members) == {int, Decimal}:  # how an exact amount is annotated
        return _take_decimal(value, Decimal)
    return reader.structure(value, members[0])


def _is_sequence(cls: Any) -> bool:
    return get_origin(cls) is Sequence


def _sequence_taker(cls: Any, reader: cattrs.Converter) -> Callable[[Any, Any], Any]:
    item = get_args(cls)[0]
    many = list[item]

    def hook(value: Any, _: Any) -> tuple[Any, ...]:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
            raise TypeError("must be a list")
        return tuple(reader.structure(list(cast("Sequence[Any]", value)), many))

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
    elif isinstance(value, str) and _DECIMAL.fullmatch(value):
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


# -- from cattrs's errors to ours --------------------------------------------------------------------------------------


def _faults_in(error: BaseException, path: str) -> Iterator[Fault]:
    if isinstance(error, cattrs.ClassValidationError):
        with_notes, bare = error.group_exceptions()
        for inner, note in with_notes:
            yield from _faults_in(inner, _join(path, note.name))
        for inner in bare:
            yield from _faults_in(inner, path)
    elif isinstance(error, cattrs.IterableValidationError):
        items, bare = error.group_exceptions()
        for inner, item in items:
            yield from _faults_in(inner, _join(path, str(item.index)))
        for inner in bare:
            yield from _faults_in(inner, path)
    elif isinstance(error, cattrs.ForbiddenExtraKeysError):
        for name in sorted(map(str, error.extra_fields)):
            text = f"isn't a field of {error.cl.__name__}; take it out"
            yield Fault(field=_join(path, name), rule="not_allowed", message=text)
    elif isinstance(error, KeyError):
        name = str(error.args[0])
        yield Fault(field=path if path.endswith(name) else _join(path, name), rule="missing", message="is required")
    elif isinstance(error, TypeError | ValueError) and error.args and type(error.args[0]) is str:
        yield Fault(field=path, rule="value", message=error.args[0])
    else:
        yield Fault(field=path, rule="value", message="can't be read")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}".strip(".")
