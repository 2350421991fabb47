"""Between typed records and JSON.

Requests: attrs → builtins → JSON bytes. A field whose default is UNSET is left out until it is set, and None in it is sent
as null; a field whose default is None is left out while it is None. Answers: JSON bytes → builtins → attrs, with strict
primitives (cattrs alone would turn null into 'None', 'false' into True and 1.9 into 1), open enums, and unknown keys kept
in `extra`. Numbers with a fraction become Decimal exactly as written, in both directions.
"""

import re
import types
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Self, TypeVar, Union, cast, get_args, get_origin

import attrs
import cattrs
import msgspec
from attrs import field, frozen
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from msgspec import UNSET, UnsetType

from blaaiz_async.core.records import FieldReader, RecordReader, key_set, write_reader
from blaaiz_async.errors import Fault

__all__ = ["UNSET", "UnsetType"]

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
        return f"{type(self).__name__}({printable(shown)})"


def printable(text: str) -> str:
    """Escape what could rewrite a terminal or begin a line of its own: what the platform sends may hold anything."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


@frozen(kw_only=True, repr=False)
class Answer(Record):
    """Base of everything the platform sends."""

    extra: Mapping[str, Any] = field(factory=dict[str, Any], hash=False)
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

    def __encode__(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the body for these encoded fields; for requests whose parts lie flat in the platform's form."""
        return fields

    @classmethod
    def __decode__(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return this class's own fields for a caller's mapping; the other way round."""
        return given

    def __repeatable__(self) -> bool:
        """Tell whether sending this twice has the effect of sending it once, where the operation allows it at all."""
        return True


@frozen
class Rule:
    """A rule for one string, number or date, hung on a type with Annotated."""

    name: str
    holds: Callable[[Any], bool]
    expected: str


FLAT = "its fields lie beside the record's own in the platform's form"
"""Hung on a request's field with Annotated: faults inside it are named as the platform names the fields."""


@frozen
class OneOf:
    """What `__decode__` returns for a field of several request classes: which of them the caller's mapping describes."""

    kind: type[Request]
    fields: Mapping[str, Any]


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
    try:
        return _decoder.decode(data)
    except (ArithmeticError, RecursionError) as error:  # a number or a nesting beyond any use
        raise ValueError(type(error).__name__) from None


def encode(record: Any) -> Any:
    """Turn a request or an answer into builtins, dates and Decimals, ready for `to_json`."""
    return _writer().unstructure(record)


@cache
def _writer() -> cattrs.Converter:
    writer = cattrs.Converter()
    for scalar in (Decimal, date, datetime):
        writer.register_unstructure_hook(scalar, _as_is)
    writer.register_unstructure_hook(OpenStrEnum, str)
    writer.register_unstructure_hook_factory(is_request, _request_writer)
    writer.register_unstructure_hook_factory(_is_answer, _answer_writer)
    return writer


def _as_is(value: A) -> A:
    return value


def is_request(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Request) and attrs.has(cls)


def _is_answer(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Answer)


def _request_writer(cls: type[Any], writer: cattrs.Converter) -> Callable[[Any], dict[str, Any]]:
    # Only None and UNSET mean "leave out": a constant such as type="business" is a default that must be sent.
    constants = [a.name for a in attrs.fields(cls) if not _leaves_out(a.default)]
    overrides: dict[str, Any] = {name: override(omit_if_default=False) for name in constants}
    write = make_dict_unstructure_fn(cls, writer, _cattrs_omit_if_default=True, **overrides)
    if cls.__encode__ is Request.__encode__:
        return write
    return lambda request: request.__encode__(write(request))


def _leaves_out(default: object) -> bool:
    return default is None or default is UNSET


def _answer_writer(cls: type[Any], writer: cattrs.Converter) -> Callable[[Any], dict[str, Any]]:
    write = make_dict_unstructure_fn(cls, writer, extra=override(omit=True), _keys=override(omit=True))

    def hook(record: Any) -> dict[str, Any]:
        out = {name: value for name, value in write(record).items() if has(record, name)}
        return {**out, **record.extra}

    return hook


def has(record: Any, name: str) -> bool:
    """Tell whether the platform sent a field of an answer, or it was set since, by `attrs.evolve`."""
    return bool(record.holds(name) or getattr(record, name) != _defaults(record.__class__)[name])


@cache
def _defaults(cls: type[Any]) -> Mapping[str, Any]:
    given = {each.name: each.default for each in attrs.fields(cls)}
    return {name: value.factory() if hasattr(value, "factory") else value for name, value in given.items()}


# -- decoding answers --------------------------------------------------------------------------------------------------


def as_object(value: Any) -> dict[str, Any]:
    """Return a decoded JSON value as an object: empty if it's none."""
    return cast("dict[str, Any]", value) if type(value) is dict else {}


def as_list(value: Any) -> list[Any]:
    """Return a decoded JSON value as an array: of one, if it's none."""
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]  # JSON


class DecodeError(Exception):
    """A payload without the expected shape: `path` and `problem`. Callers turn it into a public error."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


def decode(payload: Any, cls: type[A]) -> A:
    """Read a decoded JSON payload as `cls`. Raises DecodeError with the path of the field."""
    try:
        return _fast_reader().structure(payload, cls)
    except Exception:  # noqa: BLE001  # whatever it was, the detailed reader says where
        try:
            return _exact_reader().structure(payload, cls)
        except Exception as error:  # noqa: BLE001  # cattrs raises groups of anything a hook raises
            fault = next(faults_in(error, ""))
            raise DecodeError(fault.field, fault.message) from None


@cache
def _fast_reader() -> cattrs.Converter:
    return _reader(detailed=False)


@cache
def _exact_reader() -> cattrs.Converter:
    return _reader(detailed=True)


def _reader(*, detailed: bool) -> cattrs.Converter:
    reader = cattrs.Converter(detailed_validation=detailed)
    reader.register_structure_hook(str, _read_str)
    reader.register_structure_hook(OpenStrEnum, _read_enum)
    reader.register_structure_hook(int, _read_int)
    reader.register_structure_hook(bool, _read_bool)
    reader.register_structure_hook(Decimal, _read_decimal)
    reader.register_structure_hook(date, _read_date)
    reader.register_structure_hook(datetime, _read_datetime)
    reader.register_structure_hook_func(_is_id, _read_id)
    reader.register_structure_hook_func(_is_text_or_texts, _read_text_or_texts)
    reader.register_structure_hook_factory(_is_optional, _optional_reader)
    reader.register_structure_hook_factory(_is_tuple, _tuple_reader)
    reader.register_structure_hook_factory(_is_mapping, _mapping_reader)
    reader.register_structure_hook_factory(_is_answer, _exact_answer_reader if detailed else _record_reader)
    return reader


def record_reader(cls: type[Any], *apart: str) -> RecordReader:
    """Return what reads a JSON object as a record of a class at the least cost.

    It raises anything; `decode` then says what is wrong and where.

    Args:
        cls: An answer's class.
        apart: Fields that aren't read; their values are given to the reader after the object and the class.
    """
    return _record_reader(cls, _fast_reader(), *apart)


def _record_reader(cls: type[Any], reader: cattrs.Converter, *apart: str) -> RecordReader:
    fields: list[FieldReader] = []
    for each in attrs.fields(cls):
        if each.name not in {"_keys", "extra", *apart}:
            kind = _besides_none(each.type)
            fields.append(FieldReader(each, unchanged(each.type), reader.get_structure_hook(kind), kind))
    return write_reader(cls, fields, apart)


def _exact_answer_reader(cls: type[Any], reader: cattrs.Converter) -> Callable[[Any, Any], Any]:
    read = make_dict_structure_fn(cls, reader, extra=override(omit=True), _keys=override(omit=True))
    names = frozenset(a.name for a in attrs.fields(cls)) - {"extra", "_keys"}

    def hook(payload: Any, _: Any) -> Any:
        if type(payload) is not dict:
            raise TypeError(expected("an object", payload))
        given = cast("dict[str, Any]", payload)
        record = read(given, cls)
        keys = key_set(tuple(given))
        # The record is frozen for everyone else; it is still being made here.
        object.__setattr__(record, "_keys", keys)
        if unknown := keys - names:
            object.__setattr__(record, "extra", {name: given[name] for name in given if name in unknown})
        return record

    return hook


def expected(what: str, value: object) -> str:
    """Say what was expected and what kind of value came, never the value: it may be a secret or a personal datum."""
    return f"expected {what}, got {_KINDS.get(type(value), 'a number')}"


_KINDS: dict[type[Any], str] = {
    type(None): "null",
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
}


def _read_str(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise TypeError(expected("a string", value))
    return value


def _read_int(value: Any, _: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is str and value.isascii() and value.isdigit():
        return int(value)
    raise TypeError(expected("a whole number", value))


def _read_bool(value: Any, _: Any) -> bool:
    if value is True or value is False:
        return value
    if type(value) is int and value in (0, 1):
        return bool(value)
    raise TypeError(expected("a boolean", value))


DECIMAL = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def _read_decimal(value: Any, _: Any) -> Decimal:
    if type(value) is Decimal:
        return value
    if type(value) is int:
        return Decimal(value)
    if type(value) is str and DECIMAL.fullmatch(value):
        return Decimal(value)
    raise TypeError(expected("a number or a decimal string", value))


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
    known = _members(cls)
    return known[value] if type(value) is str and value in known else cls(_read_str(value, cls))


@cache
def _members(cls: type[OpenStrEnum]) -> Mapping[str, OpenStrEnum]:
    return {member.value: member for member in cls}  # an enum's own look-up takes three calls


def _read_text_or_texts(value: Any, _: Any) -> TextOrTexts:
    return [_read_str(item, _) for item in as_list(value)] if type(value) is list else _read_str(value, _)


def _is_text_or_texts(cls: Any) -> bool:
    return bool(cls == TextOrTexts)


def _is_optional(cls: Any) -> bool:
    return get_origin(cls) in (Union, types.UnionType) and len(get_args(cls)) == 2 and type(None) in get_args(cls)


def _optional_reader(cls: Any, reader: cattrs.Converter) -> Callable[[Any, Any], Any]:
    kind = _besides_none(cls)
    read = reader.get_structure_hook(kind)  # looked up once; cattrs looks it up for every value
    as_it_is = unchanged(cls)
    return lambda value, _: value if type(value) in as_it_is else read(value, kind)


def _besides_none(cls: Any) -> Any:
    return next(kind for kind in get_args(cls) if kind is not type(None)) if _is_optional(cls) else cls


def unchanged(cls: Any) -> frozenset[type[Any]]:
    """Return the types of decoded JSON that are read as `cls` without any change: most values, so they need no reader."""
    if _is_optional(cls):
        return unchanged(_besides_none(cls)) | {type(None)}
    if _is_id(cls):
        return frozenset({str})
    return frozenset({cls}) & {str, int, bool, Decimal}


def _is_tuple(cls: Any) -> bool:
    return get_origin(cls) is tuple


def _tuple_reader(cls: Any, reader: cattrs.Converter) -> Callable[[Any, Any], tuple[Any, ...]]:
    many: Any = types.GenericAlias(list, get_args(cls)[:1])

    def hook(value: Any, _: Any) -> tuple[Any, ...]:
        if value is None:
            return ()
        # An object stands where an array of one was documented, in places.
        return tuple(reader.structure(as_list(value), many))

    return hook


def _is_mapping(cls: Any) -> bool:
    return get_origin(cls) is Mapping


def _mapping_reader(cls: Any, reader: cattrs.Converter) -> Callable[[Any, Any], dict[str, Any]]:
    plain: Any = types.GenericAlias(dict, get_args(cls))

    def hook(value: Any, _: Any) -> dict[str, Any]:
        if value == []:
            return {}  # how PHP writes an object without keys
        if type(value) is not dict:
            raise TypeError(expected("an object", value))
        return cast("dict[str, Any]", reader.structure(value, plain))

    return hook


# -- from cattrs's errors to ours --------------------------------------------------------------------------------------


def faults_in(error: BaseException, path: str) -> Iterator[Fault]:
    if isinstance(error, cattrs.ClassValidationError):
        with_notes, bare = error.group_exceptions()
        for inner, note in with_notes:
            yield from faults_in(inner, join_path(path, note.name))
        for inner in bare:
            yield from faults_in(inner, path)
    elif isinstance(error, cattrs.IterableValidationError):
        items, bare = error.group_exceptions()
        for inner, item in items:
            yield from faults_in(inner, join_path(path, str(item.index)))
        for inner in bare:
            yield from faults_in(inner, path)
    elif isinstance(error, cattrs.ForbiddenExtraKeysError):
        for name in sorted(map(str, error.extra_fields)):
            text = f"isn't a field of {error.cl.__name__}; take it out"
            yield Fault(field=join_path(path, name), rule="not_allowed", message=text)
    elif isinstance(error, KeyError):
        name = str(error.args[0])
        yield Fault(field=path if path.endswith(name) else join_path(path, name), rule="missing", message="is required")
    elif isinstance(error, TypeError | ValueError) and error.args and type(error.args[0]) is str:
        yield Fault(field=path, rule="value", message=error.args[0])
    else:
        yield Fault(field=path, rule="value", message="can't be read")


def join_path(path: str, name: str) -> str:
    return f"{path}.{name}".strip(".")
