"""The contract of the Blaaiz Platform API as data: three OpenAPI 3.1 documents, loaded on first use.

`operation` and `operations` look endpoints up, `schema` gives one schema as written, and `validator` checks
JSON against one (extra `sandbox`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .validators import Validator

__all__ = ["DOC_NAMES", "DocName", "OperationDoc", "document", "operation", "operations", "schema", "validator"]

DocName = Literal["customers", "money", "events"]
"""The areas, one document each."""

DOC_NAMES: tuple[DocName, ...] = get_args(DocName)

_METHODS = frozenset({"get", "post", "put", "patch", "delete"})


@attrs.frozen(kw_only=True)
class OperationDoc:
    """One endpoint as the contract describes it."""

    id: str
    """The operationId, such as `customers_create`."""
    method: str
    """HTTP method in capitals."""
    path: str
    """Path template, such as `/api/external/customer/{customer_id}`."""
    scopes: tuple[str, ...]
    """Every OAuth scope the call needs; empty when it needs none."""
    doc: DocName
    """The document that holds it."""
    raw: Mapping[str, Any] = attrs.field(repr=False, eq=False)
    """The OpenAPI operation object with its `x-rules` and examples."""


@cache
def document(doc: DocName) -> Mapping[str, Any]:
    """Load one whole document, once.

    Args:
        doc: `customers`, `money` or `events`.

    Returns:
        the OpenAPI document; treat it as read-only, it is shared.
    """
    text = resources.files(__name__).joinpath(f"{doc}.json").read_text(encoding="utf-8")
    return MappingProxyType(cast("dict[str, Any]", json.loads(text)))


@cache
def operations() -> tuple[OperationDoc, ...]:
    """Give every operation of every document, in the order of the documents."""
    return tuple(found for doc in DOC_NAMES for found in _operations_of(doc))


def operation(operation_id: str) -> OperationDoc:
    """Look one operation up.

    Args:
        operation_id: the operationId, such as `customers_create`.

    Raises:
        KeyError: no document has such an operation.
    """
    return _by_id()[operation_id]


def schema(doc: DocName, name: str) -> Mapping[str, Any]:
    """Give one schema as written, with its `$ref`s unresolved.

    Args:
        doc: the document that holds it.
        name: its key under `components/schemas`.

    Raises:
        KeyError: the document has no such schema.
    """
    return cast("Mapping[str, Any]", document(doc)["components"]["schemas"][name])


def validator(doc: DocName, name: str) -> Validator:
    """Build a JSON Schema (2020-12) validator for one schema, once; formats are checked.

    Args:
        doc: the document that holds it.
        name: its key under `components/schemas`.

    Raises:
        KeyError: the document has no such schema.
        ImportError: jsonschema is not installed (extra `sandbox`).
    """
    from .validators import at

    schema(doc, name)
    return at(doc, f"/components/schemas/{name}")


@cache
def _by_id() -> Mapping[str, OperationDoc]:
    return MappingProxyType({found.id: found for found in operations()})


def _operations_of(doc: DocName) -> Iterator[OperationDoc]:
    for path, methods in document(doc)["paths"].items():
        for method, raw in methods.items():
            if method in _METHODS:
                yield OperationDoc(
                    id=raw["operationId"],
                    method=method.upper(),
                    path=path,
                    scopes=_scopes(raw.get("x-scope")),
                    doc=doc,
                    raw=MappingProxyType(raw),
                )


def _scopes(written: object) -> tuple[str, ...]:
    # One operation spells its absence out: "none (public, no authentication)" (events signa_id_get_wallet_status).
    if isinstance(written, list):
        return tuple(cast("list[str]", written))
    return (written,) if isinstance(written, str) and " " not in written else ()
