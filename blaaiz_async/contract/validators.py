"""JSON Schema validators over the contract's documents; the one place that knows jsonschema and referencing."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, cast
from uuid import UUID

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from . import document

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterable, Mapping

    from . import DocName

__all__ = ["Finding", "Validator", "at", "inline"]

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

FORMATS = FormatChecker(formats=())


class Finding(Protocol):
    """One fault that a validator found (a jsonschema ValidationError)."""

    message: str
    validator: str
    validator_value: Any
    absolute_path: deque[str | int]
    instance: Any


class Validator(Protocol):
    """What is used of a jsonschema validator."""

    def iter_errors(self, instance: object) -> Iterable[Finding]:
        """Go through every fault of an instance."""
        ...

    def is_valid(self, instance: object) -> bool:
        """Tell whether an instance has no fault."""
        ...

    def validate(self, instance: object) -> None:
        """Raise jsonschema's ValidationError for the first fault of an instance."""
        ...


@FORMATS.checks("email")
def _is_email(value: object) -> bool:
    return not isinstance(value, str) or _EMAIL.fullmatch(value) is not None


@FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or _URI.fullmatch(value) is not None


@FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    if isinstance(value, str):
        date.fromisoformat(value)
        return _DATE.fullmatch(value) is not None
    return True


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(UUID(value)) == value.lower()


@cache
def at(doc: DocName, pointer: str) -> Validator:
    """Build, once, the validator of the schema at a JSON pointer; its references resolve inside the document.

    Args:
        doc: the document that holds it.
        pointer: such as `/components/schemas/Customer`; a `/` inside a key is written `~1`.
    """
    uri = f"urn:blaaiz:{doc}"
    built = Draft202012Validator({"$ref": f"{uri}#{pointer}"}, registry=_registry(doc, uri), format_checker=FORMATS)
    return cast("Validator", built)


@cache
def _registry(doc: DocName, uri: str) -> Registry[Any]:
    empty: Registry[Any] = Registry()
    registry: Registry[Any] = empty.with_resource(uri, DRAFT202012.create_resource(dict(document(doc))))
    return registry


def inline(doc: DocName, name: str) -> Validator:
    """Build a validator of a named schema with every `$ref` replaced by what it names.

    It finds the same faults as `at` in less time, for schemas that do not refer to themselves.

    Args:
        doc: the document that holds the schema.
        name: its key under `components/schemas`.
    """
    schemas = document(doc)["components"]["schemas"]
    built = Draft202012Validator(_without_refs(schemas[name], schemas), format_checker=FORMATS)
    return cast("Validator", built)


def _without_refs(node: object, schemas: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        mapping = cast("dict[str, Any]", node)
        if "$ref" in mapping:
            return _without_refs(schemas[mapping["$ref"].rpartition("/")[2]], schemas)
        return {key: _without_refs(value, schemas) for key, value in mapping.items()}
    if isinstance(node, list):
        return [_without_refs(value, schemas) for value in cast("list[object]", node)]
    return node
