"""Reads CSV and JSON Lines as a stream of rows, and any one row again by its place in the file.

Memory doesn't grow with the file. A row that can't be read is a row with a fault; the rest goes on. A file that can't be
read at all (no header, an unknown column, a wrong encoding) is an InputError.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any, cast

import attrs
import msgspec
from attrs import frozen

from blaaiz_async.core.codec import Record, from_json, to_json
from blaaiz_async.errors import BlaaizError, Fault
from blaaiz_async.types.customers import BusinessCustomer, CustomerFiles, IndividualCustomer
from blaaiz_async.types.kyb import DocumentCreate

__all__ = ["InputError", "RowPlace", "Source", "SourceRow", "nearest"]

MAX_ROW_BYTES = 1 << 20
"""A longer row is a fault: it would break the promise of bounded memory."""
_MAX_DEPTH = 8
"""A row, its owners or documents, and their fields: more than that is no row, and would break what walks through it."""

FILE_SLOTS = tuple(a.name for a in attrs.fields(CustomerFiles))
CSV_FIELDS = frozenset(
    {"external_id", *FILE_SLOTS}
    | {a.name for a in attrs.fields(IndividualCustomer)}
    | ({a.name for a in attrs.fields(BusinessCustomer)} - {"owners"})
)
"""Columns of a CSV. Owners and documents are lists, which only JSON Lines can hold."""
ROW_FIELDS = CSV_FIELDS | {"owners", "documents"}
DOCUMENT_FIELDS = frozenset({a.name for a in attrs.fields(DocumentCreate)} - {"file_id"} | {"file"})
_WHOLE_NUMBERS = frozenset({"expected_monthly_payments"})

_JSON_LINES = frozenset({".jsonl", ".ndjson"})
_BOM = b"\xef\xbb\xbf"


class InputError(BlaaizError):
    """The input file as a whole can't be used; the text says why and what to change."""


@frozen(kw_only=True)
class RowPlace:
    """Where a row stands, and what it was when it was checked: enough to read it again and to see that it is the same."""

    number: int
    """From 1, counting data rows."""
    line: int
    """From 1, counting lines of the file; where the row begins."""
    offset: int
    length: int
    """In bytes, from the start of the file."""
    digest: str
    """Of the row's fields and values, however they are written down."""


@frozen(kw_only=True, repr=False)
class SourceRow(Record):
    """One row: its place, and either its fields or the fault that keeps it from being read."""

    place: RowPlace
    fields: dict[str, Any]
    fault: Fault | None = None

    @property
    def external_id(self) -> str:
        """The row's `external_id` as text, or an empty one."""
        given = self.fields.get("external_id")
        return given if isinstance(given, str) else ""


class Source:
    """An input file.

    Args:
        path: `.jsonl` and `.ndjson` are read as JSON Lines, everything else as CSV (UTF-8, with or without BOM).

    Raises:
        InputError: the file can't be opened, isn't UTF-8, or its header names an unknown column.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.parent
        """What paths in the rows are relative to, and may not leave."""
        self._columns: list[str] = []
        self.is_csv = path.suffix.lower() not in _JSON_LINES
        with self._open() as file:
            start = file.read(3)
            if start[:2] in {b"\xff\xfe", b"\xfe\xff"}:
                raise InputError(f"{path.name} is UTF-16; save it as UTF-8")
            self._start = 3 if start == _BOM else 0
            self._first_line = 1
            if self.is_csv:
                file.seek(self._start)
                self._columns = self._header(file)
                self._start = file.tell()

    def rows(self) -> Iterator[SourceRow]:
        """Yield every row in the order of the file. Empty lines are none."""
        with self._open() as file:
            file.seek(self._start)
            line, number, offset = self._first_line, 0, self._start
            while True:
                raw, lines, whole = self._record(file)
                if not raw:
                    return
                if raw.strip():
                    number += 1
                    yield self._row(raw, number=number, line=line, offset=offset, whole=whole)
                line += lines
                offset = file.tell()

    def again(self, place: RowPlace) -> SourceRow | None:
        """Read one row again; None if something else stands in its place now."""
        with self._open() as file:
            file.seek(place.offset)
            raw = file.read(place.length)
        row = self._row(raw, number=place.number, line=place.line, offset=place.offset, whole=True)
        return row if row.fault is None and row.place.digest == place.digest else None

    def _open(self) -> IO[bytes]:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise InputError(f"{self.path.name} can't be opened: {error.strerror}") from None

    def _header(self, file: IO[bytes]) -> list[str]:
        raw, lines, _ = self._record(file)
        self._first_line += lines
        if not raw.strip():
            raise InputError(f"{self.path.name} is empty: its first line must name the columns, external_id among them")
        try:
            text = raw.decode()
            self._refuse_other_delimiters(text)
            columns = [name.strip() for name in _cells(text)]
        except (UnicodeDecodeError, csv.Error):
            raise InputError(f"{self.path.name}: the header can't be read; save it as CSV in UTF-8") from None
        if problems := _header_problems(columns):
            raise InputError(f"{self.path.name}, line 1: " + "; ".join(problems))
        return columns

    def _refuse_other_delimiters(self, header: str) -> None:
        for delimiter, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if delimiter in header and {cell.strip(' "\r\n') for cell in header.split(delimiter)} & CSV_FIELDS:
                text = f"cells are parted by commas, and here by {name}; save the file with commas"
                raise InputError(f"{self.path.name}, line 1: {text}")

    def _record(self, file: IO[bytes]) -> tuple[bytes, int, bool]:
        """Read one record: its bytes, how many lines it took, and whether it is whole."""
        first = file.readline(MAX_ROW_BYTES)
        if len(first) == MAX_ROW_BYTES and not first.endswith(b"\n"):
            while (rest := file.readline(MAX_ROW_BYTES)) and not rest.endswith(b"\n"):
                pass
            return first, 1, False
        if not self.is_csv or first.count(b'"') % 2 == 0:
            return first, 1, True
        after_first = file.tell()
        parts, size, quotes = [first], len(first), first.count(b'"')
        while quotes % 2 and size <= MAX_ROW_BYTES and (more := file.readline(MAX_ROW_BYTES)):
            parts.append(more)
            size += len(more)
            quotes += more.count(b'"')
        raw = b"".join(parts)
        if quotes % 2 == 0 and self._fits(raw):
            return raw, len(parts), True
        # A stray quote would swallow the rows after it: only its own line is lost, and the next is read as a row.
        file.seek(after_first)
        return first, 1, False

    def _fits(self, raw: bytes) -> bool:
        try:
            cells = _cells(raw.decode())
        except (UnicodeDecodeError, csv.Error):
            return False
        return not self._columns or len(cells) == len(self._columns)

    def _row(self, raw: bytes, *, number: int, line: int, offset: int, whole: bool) -> SourceRow:
        fields: dict[str, Any] = {}
        fault: Fault | None = None
        try:
            fields = self._fields(raw, whole=whole)
        except UnicodeDecodeError:
            fault = Fault(field="", rule="encoding", message="isn't valid UTF-8; save the file as UTF-8")
        except _UnreadableError as problem:
            fault = Fault(field="", rule="unreadable", message=str(problem))
        digest = hashlib.sha256(to_json(_canonical(fields)) if fields else raw).hexdigest()
        place = RowPlace(number=number, line=line, offset=offset, length=len(raw), digest=digest)
        return SourceRow(place=place, fields=fields, fault=fault)

    def _fields(self, raw: bytes, *, whole: bool) -> dict[str, Any]:
        if not whole:
            raise _UnreadableError(f"is longer than {MAX_ROW_BYTES} bytes, or a quote isn't closed")
        return self._read_cells(raw) if self.is_csv else _read_object(raw)

    def _read_cells(self, raw: bytes) -> dict[str, Any]:
        try:
            cells = _cells(raw.decode())
        except csv.Error as error:
            if "field limit" in str(error):
                raise _UnreadableError(f"a cell is longer than {csv.field_size_limit()} characters; shorten it") from None
            raise _UnreadableError("isn't a CSV row: quote cells that hold quotes, and double the quotes in them") from None
        if len(cells) != len(self._columns):
            raise _UnreadableError(f"has {len(cells)} cells where the header has {len(self._columns)} columns")
        return {
            name: int(cell) if name in _WHOLE_NUMBERS and re.fullmatch("[0-9]{1,18}", cell) else cell
            for name, cell in zip(self._columns, map(str.strip, cells), strict=True)
            if cell
        }


def _header_problems(columns: list[str]) -> list[str]:
    if not {*columns} & (CSV_FIELDS | {"owners", "documents"}):
        # Then it is likely a row, whose values are nobody's business.
        return ["must be the header, which names the columns (external_id among them), and names none that is known"]
    problems = [
        # What isn't near a known name may be a value.
        f"unknown column {name}{near}" if (near := nearest(name, CSV_FIELDS)) else f"the name of column {place} isn't known"
        for place, name in enumerate(columns, start=1)
        if name not in ROW_FIELDS
    ]
    problems += [f"column {name} stands twice" for name in columns if name in CSV_FIELDS and columns.count(name) > 1]
    if "external_id" not in columns:
        problems.append("no column external_id")
    if {"owners", "documents"} & {*columns}:
        problems.append("owners and documents need JSON Lines (.jsonl)")
    return list(dict.fromkeys(problems))


class _UnreadableError(Exception):
    """Why a row can't be read; never with a value of the row."""


def _cells(text: str) -> list[str]:
    nothing: list[str] = []
    return next(csv.reader([text], strict=True), nothing)


def _read_object(raw: bytes) -> dict[str, Any]:
    raw.decode()
    try:
        value = from_json(raw)
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise _UnreadableError("isn't JSON: one object a line, in double quotes, without trailing commas") from None
    if not isinstance(value, dict):
        raise _UnreadableError("isn't a JSON object")
    if _deeper_than(_MAX_DEPTH, cast("object", value)):
        raise _UnreadableError("is nested too deeply: a row holds fields, and lists of owners and documents")
    # Only numbers are left as they are written: how many digits they have doesn't matter here.
    json.loads(raw, object_pairs_hook=_refuse_twins, parse_int=str, parse_float=str)
    return {name: item for name, item in cast("dict[str, Any]", value).items() if item is not None}


def _deeper_than(levels: int, value: object) -> bool:
    inner: Iterable[object] = ()
    if isinstance(value, dict):
        inner = cast("dict[str, object]", value).values()
    elif isinstance(value, list):
        inner = cast("list[object]", value)
    return levels < 0 or any(_deeper_than(levels - 1, each) for each in inner)


def _refuse_twins(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _UnreadableError(f"field {name[:60]} stands twice in one object")
        seen.add(name)


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return {name: _canonical(entries[name]) for name in sorted(entries)}
    if isinstance(value, list):
        return [_canonical(item) for item in cast("list[object]", value)]
    return value


def nearest(name: str, known: Sequence[str] | frozenset[str]) -> str:
    """Say which known name is nearest to a wrong one, as the end of a sentence; empty if none is near."""
    found = get_close_matches(name.lower(), sorted(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
