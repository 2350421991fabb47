"""One line for every row of a run, on disk and gone with the process: so memory doesn't grow with the file.

It says what the checks found and what became of the row; the results file is written from it. What must outlive the
process is in the job database instead.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Literal, Self

from attrs import frozen

from blaaiz_async.errors import Fault
from blaaiz_async.onboarding.outcome import Outcome, RowOutcome
from blaaiz_async.onboarding.reader import RowPlace

__all__ = ["Ledger", "LedgerRow"]

_TABLE = """
create table entry (
    row integer primary key, line integer, offset integer, length integer, digest text, creation text, calls integer,
    external_id text, identity text,
    outcome text not null, customer_id text not null default '', status text not null default '',
    detail text not null default ''
);
create index by_external_id on entry (external_id);
create index by_identity on entry (identity);
"""
_ALL = """
select row, line, offset, length, digest, external_id, creation, calls, outcome, customer_id, status, detail
from entry where row > ? order by row limit 500
"""
_DUE = """
select row, line, offset, length, digest, external_id, creation, calls, outcome, customer_id, status, detail
from entry where row > ? and outcome = 'pending' order by row limit 500
"""
_FIRST = {
    "external_id": "select min(row) from entry where external_id = ?",
    "identity": "select min(row) from entry where identity = ?",
}


@frozen(kw_only=True)
class LedgerRow:
    """A row as the ledger knows it."""

    place: RowPlace
    external_id: str
    creation: str
    """Digest of what the create call sends; empty for an invalid row."""
    calls: int
    """How many API calls it takes when nothing goes wrong."""
    end: RowOutcome


class Ledger:
    """The rows of this run."""

    def __init__(self) -> None:
        # An empty name is SQLite's own temporary file: it has no name on disk and is removed when closed.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(_TABLE)
        self._db.execute("begin")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._db.close()

    def add(
        self, place: RowPlace, external_id: str, *, identity: str, creation: str, calls: int, faults: Sequence[Fault]
    ) -> list[Fault]:
        """Enter a checked row; returns its faults, with those that only show beside the rows before it."""
        found = list(faults)
        if external_id and (first := self._first("external_id", external_id)) is not None:
            text = f"stands in row {first} already; give each row its own"
            found.append(Fault(field="external_id", rule="duplicate", message=text))
        elif identity and (first := self._first("identity", identity)) is not None:
            text = f"row {first} is the same customer already; take one of them out"
            found.append(Fault(field="", rule="duplicate_customer", message=text))
        detail = "; ".join(map(str, found))
        self._db.execute(
            "insert into entry (row, line, offset, length, digest, creation, calls, external_id, identity, outcome, detail)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                place.number,
                place.line,
                place.offset,
                place.length,
                place.digest,
                creation,
                calls,
                external_id,
                None if found else identity,
                Outcome.INVALID if found else Outcome.PENDING,
                detail,
            ),
        )
        return found

    def set(self, number: int, end: RowOutcome) -> None:
        """Note what became of a row."""
        self._db.execute(
            "update entry set outcome = ?, customer_id = ?, status = ?, detail = ? where row = ?",
            (end.outcome, end.customer_id, end.verification_status, end.detail, number),
        )

    def rows(self) -> Iterator[LedgerRow]:
        """Yield all rows in the order of the file."""
        yield from self._pages(_ALL)

    def due(self) -> Iterator[LedgerRow]:
        """Yield the rows that are still to be done, in the order of the file; rows may be set meanwhile."""
        yield from self._pages(_DUE)

    def counts(self) -> dict[Outcome, int]:
        """Count the rows by outcome; those that no row has are 0."""
        found = dict(self._db.execute("select outcome, count(*) from entry group by outcome").fetchall())
        return {outcome: found.get(outcome.value, 0) for outcome in Outcome}

    def calls_due(self) -> int:
        """Return how many calls the rows take that are still to be done."""
        found: int = self._db.execute(
            "select coalesce(sum(calls), 0) from entry where outcome = ?", (Outcome.PENDING,)
        ).fetchone()[0]
        return found

    def _first(self, column: Literal["external_id", "identity"], value: str) -> int | None:
        found: int | None = self._db.execute(_FIRST[column], (value,)).fetchone()[0]
        return found

    def _pages(self, query: str) -> Iterator[LedgerRow]:
        last = 0
        while True:
            # By pages: an open cursor would see, or not see, what is set while it is read.
            page = self._db.execute(query, (last,)).fetchall()
            if not page:
                return
            for row, line, offset, length, digest, external_id, creation, calls, outcome, customer, status, detail in page:
                last = row
                yield LedgerRow(
                    place=RowPlace(number=row, line=line, offset=offset, length=length, digest=digest),
                    external_id=external_id,
                    creation=creation,
                    calls=calls,
                    end=RowOutcome(
                        outcome=Outcome(outcome), customer_id=customer, verification_status=status, detail=detail
                    ),
                )
