"""A whole run: check every row, do what is due, write the results."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Generator, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

from attrs import field, frozen

from blaaiz_async.core.budget import BudgetStatistics
from blaaiz_async.errors import Fault
from blaaiz_async.onboarding.checking import check_row
from blaaiz_async.onboarding.ledger import Ledger, LedgerRow
from blaaiz_async.onboarding.outcome import Outcome, RowInterruptedError, RowOutcome
from blaaiz_async.onboarding.reader import RowPlace, Source
from blaaiz_async.onboarding.report import JobSummary, check_results_path, write_results

__all__ = ["CheckedRow", "JobSettings", "Watcher", "check_file", "check_rows", "run_job"]

GRACE_SECONDS = 10.0
"""How long calls under way may still take after Ctrl-C. What is cut off then is looked up by the next run."""
_BREATH = 500
"""Rows checked at a stretch."""
_OTHER_CLIENT = (
    "the client id isn't the one that this job was last run with. It goes on, taking both for the same business's; "
    "if they aren't, stop it and give a --job-db of its own"
)


@frozen(kw_only=True)
class JobSettings:
    """What a run works on and how."""

    source: Path
    results: Path
    database: str
    """Path, or SQLAlchemy URL of SQLite or PostgreSQL."""
    base_url: str
    environment: str
    client_id: str
    client_secret: str = field(repr=False)
    per_minute: int = 120
    per_hour: int = 1500
    max_in_flight: int = 16
    name: str = ""
    """What the job is known by in its database; the input's file name, without its folder, if empty."""


@frozen(kw_only=True)
class CheckedRow:
    """A row's place and everything that is wrong with it."""

    place: RowPlace
    faults: tuple[Fault, ...]


class Watcher(Protocol):
    """Is told how a run goes, in counts only."""

    def checking(self, rows: int) -> None:
        """So many rows have been checked."""

    def warning(self, text: str) -> None:
        """Something is unusual, but doesn't keep the run from going on."""

    def working(self, counts: dict[Outcome, int]) -> None:
        """The first call is near; `counts` are the rows by outcome."""

    def row(self, outcome: Outcome, budget: BudgetStatistics, *, made: int, left: int) -> None:
        """A row has ended for this run; so many calls were made in it, and so many are left at most."""

    def stopping(self) -> None:
        """The run was asked to stop, and waits for calls under way."""


def check_rows(source: Source, ledger: Ledger, today: date) -> Iterator[CheckedRow]:
    """Check every row of a file and enter it into the ledger; yields the rows in the order of the file."""
    for row in source.rows():
        plan, faults = check_row(row, source.folder, today)
        faults = ledger.add(
            row.place,
            row.external_id,
            identity="" if plan is None else plan.identity(),
            creation="" if plan is None else plan.creation_digest(),
            calls=0 if plan is None else plan.calls,
            faults=faults,
        )
        yield CheckedRow(place=row.place, faults=tuple(faults))


def check_file(path: Path, today: date | None = None) -> Iterator[CheckedRow]:
    """Check a file without any call.

    Args:
        path: CSV or JSON Lines.
        today: the UTC date that ages and expiries are counted from; today if None.

    Yields:
        Every row with all of its faults, in the order of the file.

    Raises:
        InputError: the file as a whole can't be used.
    """
    source = Source(path)
    with Ledger() as ledger:
        yield from check_rows(source, ledger, today or datetime.now(UTC).date())


async def run_job(settings: JobSettings, watcher: Watcher) -> JobSummary:
    """Onboard every row of a file, or go on where an earlier run of the same job stopped.

    Stops cleanly at SIGINT and SIGTERM: no step begins any more, calls under way get 10 seconds; a second signal doesn't
    wait. The results file is written in any case, but for an error that is raised: then an earlier one stays as it is.

    Args:
        settings: what to work on.
        watcher: is told how it goes.

    Raises:
        InputError: the file, the job database or the results file can't be used; no call was made.
        ConfigurationError: settings of the client that can't work.
    """
    source = Source(settings.source)
    check_results_path(settings.results, _taken(settings))  # a bad path mustn't show after hours
    today = datetime.now(UTC).date()
    with Ledger() as ledger:
        for count, _ in enumerate(check_rows(source, ledger, today), start=1):
            watcher.checking(count)
            if count % _BREATH == 0:
                await asyncio.sleep(0)  # else Ctrl-C would have to wait for the last row
        await asyncio.sleep(0)
        return await _Run(settings, source, ledger, watcher, today).all()


def _taken(settings: JobSettings) -> dict[str, Path]:
    from blaaiz_async.onboarding.lock import file_of

    taken = {"the input": settings.source}
    if (database := file_of(settings.database)) is not None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            taken[f"the job database{suffix}"] = database.with_name(database.name + suffix)
    return taken


class _Run:
    """The part of a run that makes calls."""

    def __init__(self, settings: JobSettings, source: Source, ledger: Ledger, watcher: Watcher, today: date) -> None:
        self._settings = settings
        self._source = source
        self._ledger = ledger
        self._watcher = watcher
        self._today = today
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._failures = 0
        self._unreachable = ""

    async def all(self) -> JobSummary:
        from blaaiz_async import AsyncBlaaiz, RateBudget
        from blaaiz_async.onboarding.engine import Engine, RowWork
        from blaaiz_async.onboarding.flow import SETTLE_SECONDS, Flow, Step
        from blaaiz_async.onboarding.identity import JobIdentity, claim
        from blaaiz_async.onboarding.lock import exclusive

        settings = self._settings
        budget = RateBudget(per_minute=settings.per_minute, per_hour=settings.per_hour)
        async with AsyncBlaaiz(
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            environment=settings.environment,
            base_url=settings.base_url,
            budget=budget,
        ) as client:
            api = client.with_options(priority="bulk")

            # What an earlier run sent, it sent before this one began.
            settled = time.monotonic() + SETTLE_SECONDS

            async def work(row: RowWork, step: Step, since: datetime, earlier: str) -> RowOutcome:
                found = self._source.again(entries[row.number].place)
                plan = None if found is None else check_row(found, self._source.folder, self._today)[0]
                if plan is None:
                    raise RowInterruptedError("the row or a file of it changed since it was checked")
                flow = Flow(api=api, plan=plan, step=step, since=since, earlier=earlier, settled=settled)
                return await flow.run()

            entries: dict[int, LedgerRow] = {}
            rows = self._ledger.due()
            left = self._ledger.calls_due()

            async def worker() -> None:
                nonlocal left
                for entry in rows:
                    entries[entry.place.number] = entry
                    row = RowWork(
                        number=entry.place.number,
                        external_id=entry.external_id,
                        digest=entry.place.digest,
                        creation=entry.creation,
                    )
                    end = await engine.run(row)
                    del entries[entry.place.number]
                    self._note(entry, end)
                    left -= entry.calls
                    self._watcher.row(end.outcome, budget.statistics(), made=engine.calls, left=left)
                    if engine.stopping or self._stop.is_set():
                        return

            identity = JobIdentity.of(
                file=settings.name or settings.source.name, environment=settings.environment, base_url=client.base_url
            )
            engine = Engine(job=identity.digest, url=settings.database, work=work)
            with exclusive(settings.database, identity.digest), self._signals():
                if claim(settings.database, identity, settings.client_id).other_client:
                    self._watcher.warning(_OTHER_CLIENT)
                await engine.open()
                self._watcher.working(self._ledger.counts())
                workers = asyncio.gather(*(worker() for _ in range(settings.max_in_flight)))
                try:
                    await _first(workers, self._stop)
                    if not workers.done():
                        self._watcher.stopping()
                        engine.stop()
                        await _first(workers, self._hurry, GRACE_SECONDS)
                    await engine.release()
                    await workers
                finally:
                    await engine.close()
                    write_results(self._ledger, settings.results)
        return JobSummary(
            counts=self._ledger.counts(),
            results=settings.results,
            interrupted=self._stop.is_set() and not self._unreachable,
            stopped_for=str(engine.stopped_for or self._unreachable),
        )

    def _note(self, entry: LedgerRow, end: RowOutcome) -> None:
        self._ledger.set(entry.place.number, end)
        self._failures = self._failures + 1 if end.outcome == Outcome.FAILED else 0
        limit = 2 * self._settings.max_in_flight
        if self._failures >= limit:
            # What keeps so many rows in a row from being done isn't in the rows; the others needn't meet it too.
            self._unreachable = f"the last {limit} rows all failed: {end.detail}"
            self._stop.set()

    @contextlib.contextmanager
    def _signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()

        def asked() -> None:
            (self._hurry if self._stop.is_set() else self._stop).set()

        handled: list[signal.Signals] = []
        for name in (signal.SIGINT, signal.SIGTERM):
            # Not on Windows, nor outside the main thread.
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(name, asked)
                handled.append(name)
        try:
            yield
        finally:
            for name in handled:
                loop.remove_signal_handler(name)


async def _first(workers: "asyncio.Future[list[None]]", event: asyncio.Event, timeout: float | None = None) -> None:
    """Wait until the workers are done, the event is set, or time is up; none of them is cancelled."""
    waiter = asyncio.ensure_future(event.wait())
    either: set[asyncio.Future[Any]] = {workers, waiter}
    try:
        await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()
