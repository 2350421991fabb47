"""Print what the contract says: `python -m blaaiz_async.contract [OPERATION_ID | SCHEMA ...]`.

Without a name: every operation with method, path and scopes.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, cast

from blaaiz_async import contract

_CHAPTERS = {
    "x-rules": "Rules",
    "x-idempotency": "Sent twice",
    "x-uncertain": "Uncertain",
}


def _lines_of(value: Any, indent: str = "  ") -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            yield f"{indent}{name}: {json.dumps(item) if isinstance(item, dict | list) else item}"
    elif isinstance(value, list):
        yield from (f"{indent}- {item}" for item in value)  # pyright: ignore[reportUnknownVariableType]  # JSON
    else:
        yield f"{indent}{value}"


def _schema_lines(doc: contract.DocName, schema: Mapping[str, Any], indent: str = "  ") -> Iterator[str]:
    """List the fields of a schema, following references one level: enough to write a request by."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        yield f"{indent}{name}"
        schema = contract.schema(doc, name)
    for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if "$ref" in choice:
            yield from _schema_lines(doc, choice, indent + "  ")
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        kind = field["$ref"].rsplit("/", 1)[1] if "$ref" in field else field.get("type", "")
        about = field.get("description", "")
        yield f"{indent}  {name}{'*' if name in required else ''}: {kind}{'  ' + about if about else ''}"


def _operation_lines(found: contract.OperationDoc) -> Iterator[str]:
    yield f"{found.id}: {found.raw.get('summary', '')}"
    yield f"  {found.method} {found.path}"
    yield f"  scopes: {', '.join(found.scopes) or 'none'}"
    if found.raw.get("deprecated"):
        yield "  deprecated"
    for parameter in found.raw.get("parameters", ()):
        if parameter.get("in") == "query":
            needed = "*" if parameter.get("required") else ""
            yield f"  query {parameter['name']}{needed}: {parameter.get('description', '')}"
    for media in found.raw.get("requestBody", {}).get("content", {}).values():
        yield "Body (* required)"
        yield from _schema_lines(found.doc, media["schema"])
    for status, answer in found.raw.get("responses", {}).items():
        for media in answer.get("content", {}).values():
            if status.startswith("2"):
                yield f"Answer {status}"
                yield from _schema_lines(found.doc, media["schema"])
    for key, title in _CHAPTERS.items():
        if found.raw.get(key):
            yield title
            yield from _lines_of(found.raw[key])


def _lines(name: str) -> list[str]:
    try:
        return list(_operation_lines(contract.operation(name)))
    except KeyError:
        pass
    for doc in contract.DOC_NAMES:
        if name in contract.document(doc)["components"]["schemas"]:
            return [f"{name} ({doc})", *_schema_lines(doc, contract.schema(doc, name))]
    raise SystemExit(f"no operation and no schema is called {name!r}; without a name, all operations are listed")


def main(names: list[str]) -> None:
    """Print the operations or schemas named, or all operations."""
    if not names:
        for each in contract.operations():
            sys.stdout.write(f"{each.id:44} {each.method:6} {each.path}  {' '.join(each.scopes)}\n")
    for name in names:
        sys.stdout.write("\n".join(_lines(name)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
