"""Writes the function that reads a JSON object as a record, as attrs writes a class's `__init__`.

A line of source for each field costs half of what a loop over the fields does, for every record that any call reads.
"""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any

import attrs

RecordReader = Callable[..., Any]
"""Reads a JSON object as a record: a hook for cattrs, given the object and its class, and then what stands apart from it.
It raises anything: whoever calls it has another reader that says what is wrong, and where."""


@attrs.frozen
class FieldReader:
    """How the value of one field is read."""

    field: "attrs.Attribute[Any]"
    as_it_is: Collection[type[Any]]
    """Types of decoded JSON that are taken unchanged."""
    read: Callable[[Any, Any], Any]
    """Reads all others, given the value and `kind`."""
    kind: Any


def write_reader(cls: type[Any], fields: Sequence[FieldReader], apart: Sequence[str] = ()) -> RecordReader:
    """Write what reads a JSON object as a record of a class: `read(payload, cls, *apart)`.

    Args:
        cls: An answer's class, with slots, whose `__init__` does nothing but set them.
        fields: All but `_keys` and `extra`, which are filled here, and those of `apart`.
        apart: Names of fields whose values are given to the reader.

    Raises:
        TypeError: The class isn't such a one.
    """
    if not _is_plain(cls):
        raise TypeError(f"{cls.__name__} has to be made by its __init__")
    known = {each.field.name for each in fields}

    forms: dict[tuple[str, ...], tuple[frozenset[str], Sequence[str]]] = {}
    """What objects with the same keys have in common. Each object asks for it, and an lru_cache would take twice as long."""

    def new_form(keys: tuple[str, ...]) -> tuple[frozenset[str], Sequence[str]]:
        if len(forms) >= 256:
            forms.clear()
        return forms.setdefault(keys, (key_set(keys), [name for name in keys if name not in known]))

    names: dict[str, Any] = {"absent": object(), "mutable": _mutable(cls), "new": object.__new__}
    names |= {"form": forms.get, "new_form": new_form}
    lines = [
        f"def read({', '.join(('payload', 'cls', *(f'own_{name}' for name in apart)))}):",
        "if type(payload) is not dict: raise TypeError",
        "record = new(mutable)",
        "keys = tuple(payload)",
        "record._keys, unknown = form(keys) or new_form(keys)",
        "record.extra = {name: payload[name] for name in unknown} if unknown else {}",
        *(f"record.{name} = own_{name}" for name in apart),
        "get = payload.get",
    ]
    for number, each in enumerate(fields):
        lines += _lines(each, number)
        names |= {f"read_{number}": each.read, f"kind_{number}": each.kind, f"default_{number}": each.field.default}
        names |= {kind.__name__: kind for kind in each.as_it_is}
    lines += ["record.__class__ = cls", "return record"]
    exec("\n    ".join(lines), names)  # noqa: S102  # all of it is written here, but for the names of the class's fields
    reader: RecordReader = names["read"]
    return reader


def _lines(each: FieldReader, number: int) -> Sequence[str]:
    name, default = each.field.name, each.field.default
    fits = " or ".join(
        "value is None" if kind is type(None) else f"type(value) is {kind.__name__}" for kind in each.as_it_is
    )
    read = f"read_{number}(value, kind_{number})"
    put = f"record.{name} = {f'value if {fits} else {read}' if fits else read}"
    if default is attrs.NOTHING:
        return [f"value = payload[{name!r}]", put]
    if default is None and type(None) in each.as_it_is:
        return [f"value = get({name!r})", put]
    made = f"default_{number}.factory()" if hasattr(default, "factory") else f"default_{number}"
    return [f"value = get({name!r}, absent)", f"if value is absent: record.{name} = {made}", f"else: {put}"]


def _mutable(cls: type[Any]) -> Any:
    """Return a class of the same layout whose fields can be set: a record is one until it is read, and frozen then."""
    settable = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    mutable: Any = type(cls.__name__, cls.__bases__, {"__slots__": cls.__dict__["__slots__"], **settable})
    object.__new__(mutable).__class__ = cls  # a TypeError now rather than at every record
    return mutable


def _is_plain(cls: type[Any]) -> bool:
    """Tell whether a class has slots, and its `__init__` does nothing but set them."""
    if "__slots__" not in cls.__dict__ or hasattr(cls, "__attrs_pre_init__") or hasattr(cls, "__attrs_post_init__"):
        return False
    return all(each.init and not each.converter and not each.validator for each in attrs.fields(cls))


@lru_cache(1024)
def key_set(keys: tuple[str, ...]) -> frozenset[str]:
    """Return the set of an object's keys, one for all objects of a form: it takes more memory than the record itself."""
    return frozenset(keys)
