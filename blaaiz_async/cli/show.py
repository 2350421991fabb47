"""Records on paper: typed, one field to a line, or as JSON."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

import attrs
import typer

from blaaiz_async.cli.methods import secrets_of
from blaaiz_async.core import codec
from blaaiz_async.core.paging import Page

if TYPE_CHECKING:
    from blaaiz_async.webhooks import Event

HIDDEN = "(hidden; --json shows it)"
_SIGNED_LINK = re.compile(r"https?://\S*[?&][^=&]*(signature|token|credential)[^=&]*=", re.IGNORECASE)
"""A link that opens what it points to for anybody who has it."""


def show(value: object, *, as_json: bool) -> None:
    """Print what a method returned: as JSON, or its class and fields with links, tokens and secrets hidden."""
    typer.echo(codec.to_json(_builtins(value)).decode() if as_json else "\n".join(_lines(value)))
    sys.stdout.flush()  # whoever reads along sees each record as it comes


def show_event(event: "Event", *, as_json: bool) -> None:
    """Print a webhook delivery: what it is and when it came, then its fields."""
    from blaaiz_async.webhooks.event import ABOUT, UnknownEvent

    kind, problem, fields = type(event).__name__, None, event.payload
    if isinstance(event, UnknownEvent):
        problem = event.problem
    else:
        fields = {name: value for name, value in _fields(event) if name not in ABOUT or name in event.extra}
    if as_json:
        facts = {"type": kind, "name": event.name, "dedupe_key": event.dedupe_key, "url_kind": event.url_kind}
        facts |= {"problem": problem} if problem else {}
        line = codec.to_json({**facts, "received_at": event.received_at, "payload": event.payload}).decode()
        typer.echo(line)
    else:
        head = f"{event.received_at:%Y-%m-%d %H:%M:%S}Z {kind} {_scalar(event.name)} [{_scalar(event.dedupe_key)}]"
        why = [f"  differs from what is documented: {_scalar(problem)}"] if problem else []
        typer.echo("\n".join([head, *why, *_lines(fields)]))
    sys.stdout.flush()


def _builtins(value: Any) -> Any:
    if isinstance(value, Page):
        items = codec.encode([*value.items])  # pyright: ignore[reportUnknownMemberType]  # of any kind
        return {"items": items, "page": value.number, "last": value.last, "total": value.total}
    return codec.encode(value)


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Page):
        yield from _lines([*value.items])  # pyright: ignore[reportUnknownMemberType]  # of any kind
        yield f"page {value.number}" + (f" of {value.last}" if value.last else "") + _counted(value.total)
    elif attrs.has(value.__class__):
        yield value.__class__.__name__
        for name, inner in _fields(value):
            yield from _field(name, inner)
    elif isinstance(value, Mapping):
        for name, inner in cast("Mapping[str, Any]", value).items():
            yield from _field(name, inner)
    elif isinstance(value, list | tuple):
        for item in cast("Sequence[Any]", value):
            first, *rest = [*_lines(item)] or [""]
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _counted(total: int | None) -> str:
    return "" if total is None else f", {total} in all"


def _fields(record: Any) -> Iterator[tuple[str, Any]]:
    """Give the fields that were sent, or set since; what this version doesn't know comes last."""
    kind: type[Any] = record.__class__
    hidden = secrets_of(kind)
    for each in attrs.fields(kind):
        value = getattr(record, each.name)
        if each.name in ("extra", "_keys"):
            continue
        if isinstance(record, codec.Answer) and not codec.has(record, each.name):
            continue
        yield each.name, HIDDEN if each.name in hidden and value is not None else value
    yield from getattr(record, "extra", {}).items()


def _field(name: str, value: Any) -> Iterator[str]:
    if _is_plain(value) or not value:
        yield f"  {name}: {_scalar(value)}"
        return
    inner = [*_lines(value)]
    # The class of a nested record says less than its field's name.
    yield f"  {name}:"
    yield from (f"  {line}" for line in (inner[1:] if attrs.has(value.__class__) else inner))


def _is_plain(value: Any) -> bool:
    return not isinstance(value, Mapping | list | tuple) and not attrs.has(value.__class__)


def _scalar(value: object) -> str:
    if value in (None, [], (), {}):
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value.value) if isinstance(value, Enum) else str(value)
    if _SIGNED_LINK.search(text):
        return HIDDEN
    return codec.printable(text)
