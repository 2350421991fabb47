"""Durable rows: the only room that knows DBOS.

A row is one workflow, named by its job and a digest of its external_id; each call of its flow is a step, whose result is
kept once it is there. Nothing personal is kept: inputs are digests and ids, results are ids and states, and no error is
ever raised into a workflow.

A row that can't go on, whether the network failed, Ctrl-C came or the process died, is left as it is: its workflow stays
pending, and the next run takes it up at the same step. The first step that runs after that may have run before, and is
told so. Rows are taken up one by one as the file is gone through, and not all at once when DBOS starts: so at most
`max_in_flight` are under way, and each has been read and checked again.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import attrs
from attrs import define, frozen
from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID, WorkflowHandleAsync, WorkflowStatus
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from blaaiz_async.onboarding.flow import Step
from blaaiz_async.onboarding.outcome import JobStoppedError, Outcome, RowInterruptedError, RowOutcome, RowRefusedError, judge
from blaaiz_async.onboarding.reader import InputError

__all__ = ["Engine", "RowWork", "database_url"]

_FORMAT = "2"
"""Version of the steps and what they keep. A new one can't take up rows of the old, so it only changes when they do."""
_POLL_SECONDS = 0.2
_KEEP_SECONDS = 5.0
_ERROR = "blaaiz_error"
_CREATE = "create"
"""The step of the flow that makes the customer."""
_UNFINISHED = frozenset({"PENDING", "ENQUEUED", "DELAYED"})

Work = Callable[["RowWork", Step, datetime, str], Awaitable[RowOutcome]]
"""What to do for a row: given the row, its step function, when its first call was due, and an earlier form's customer."""


@frozen(kw_only=True)
class RowWork:
    """A row as the engine needs it."""

    number: int
    external_id: str
    digest: str
    creation: str


def database_url(given: str) -> str:
    """Return an SQLAlchemy URL for a path or a URL of SQLite or PostgreSQL."""
    if "://" not in given:
        return f"sqlite:///{given}"
    try:
        known = make_url(given).get_backend_name() in {"sqlite", "postgresql"}
    except (ArgumentError, ValueError):
        known = False
    if not known:
        raise InputError("--job-db takes a path, or a URL of SQLite or PostgreSQL")
    return given


class _Json(Serializer):
    """Keeps what is kept readable: a reader can see that nothing personal is in it, and reading it runs no code."""

    def name(self) -> str:
        return "blaaiz_json"

    def serialize(self, data: Any) -> str:
        if isinstance(data, BaseException):
            # Unreachable by design; if a fault of ours gets here, its text may still hold anything.
            return json.dumps({_ERROR: type(data).__name__})
        return json.dumps(data)

    def deserialize(self, serialized_data: str) -> Any:
        value: Any = json.loads(serialized_data, object_hook=_kept_object)
        return value


def _kept_object(fields: dict[str, Any]) -> Any:
    return RuntimeError(fields[_ERROR]) if _ERROR in fields else fields


@define
class _UnderWay:
    """A row that this process works on."""

    row: RowWork
    done: asyncio.Future[RowOutcome]
    task: asyncio.Task[Any] | None = None
    customer_id: str = ""
    resumed: bool = False
    lived: bool = False
    """Whether a step has run in this process yet, and not merely been read back."""


class Engine:
    """Runs rows durably, within one event loop. Only one may be open in a process (DBOS is a singleton).

    Args:
        job: digest that names the job, as `JobIdentity.digest` gives it.
        url: SQLAlchemy URL of the job database.
        work: the flow of a row.
    """

    def __init__(self, *, job: str, url: str, work: Work) -> None:
        self._job = job
        self._url = url
        self._work = work
        self._run = uuid4().hex
        self._queue = f"{job}-{self._run[:8]}"
        self._rows: dict[str, _UnderWay] = {}
        self._stopping = False
        self._calls = 0
        self._stopped_for: JobStoppedError | None = None

    async def open(self) -> None:
        """Open the database, making its tables if need be. Raises InputError if it can't be used."""
        _check_sqlite(self._url)
        global _engine  # noqa: PLW0603  # workflows are module functions, and DBOS is a singleton too
        _engine = self
        # What DBOS logs at lower levels may hold an exception's text.
        config = DBOSConfig(
            name="blaaiz-onboarding",
            system_database_url=self._url,
            # A version of its own for every job: one job never takes up another's rows in a shared database.
            application_version=f"{_FORMAT}-{self._job}",
            # An executor of its own for every run: rows are taken up by `run`, not all at once at launch.
            executor_id=self._run,
            serializer=_Json(),
            log_level="CRITICAL",
            scheduler_polling_interval_sec=3600.0,
        )
        DBOS(config=config)
        logging.getLogger("dbos").setLevel(logging.CRITICAL)
        DBOS.listen_queues([self._queue])
        try:
            _write_ahead(self._url)
            DBOS.launch()
        except Exception as error:  # noqa: BLE001  # SQLAlchemy's, the driver's, or DBOS's own
            DBOS.destroy(workflow_completion_timeout_sec=0)
            raise InputError(f"the job database can't be used ({type(error).__name__}); check --job-db") from None
        # Queues are kept in the database; those of runs that died have no use any more.
        for queue in await asyncio.to_thread(DBOS.list_queues):
            if queue.name.startswith(f"{self._job}-"):
                await DBOS.delete_queue_async(queue.name)
        await DBOS.register_queue_async(self._queue, polling_interval_sec=_POLL_SECONDS)

    async def release(self) -> None:
        """Let go of the rows under way, which stay pending: after this, every `run` returns."""
        self._stopping = True
        cut_off = [each for each in self._rows.values() if not each.done.done()]
        for each in cut_off:
            self._leave(each, RowOutcome(outcome=Outcome.PENDING, customer_id=each.customer_id))
            if each.task is not None:
                each.task.cancel()
        if tasks := [each.task for each in cut_off if each.task is not None]:
            await asyncio.wait(tasks, timeout=_KEEP_SECONDS)

    async def close(self) -> None:
        """Close the database. Every `run` must have returned."""
        with contextlib.suppress(Exception):
            await DBOS.delete_queue_async(self._queue)
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)

    def stop(self) -> None:
        """Let no row begin another step; a step under way ends by itself."""
        self._stopping = True

    @property
    def stopped_for(self) -> JobStoppedError | None:
        """Why no row can go on, once a row has found that out."""
        return self._stopped_for

    async def run(self, row: RowWork) -> RowOutcome:  # noqa: PLR0911  # one for every state that a row may be in
        """Do a row, go on with it, or tell how it ended: whatever is needed. Never raises for what a row may meet."""
        attempt, earlier = 1, ""
        while not self._stopping:
            workflow_id = self._workflow_id(row, attempt)
            status = await DBOS.get_workflow_status_async(workflow_id)
            if status is None:
                return await self._start(workflow_id, row, earlier)
            kept = _Inputs.of(status)
            if status.status in _UNFINISHED:
                if kept.digest != row.digest:
                    # Never "give it a new external_id": the create may have been sent, and would be sent again.
                    text = (
                        "the row changed after work on it began, and its customer may exist already: put it back as it "
                        "was; what is to change, change afterwards on the platform (customers.update)"
                    )
                    customer_id = kept.earlier or await self._customer_of(workflow_id)
                    return RowOutcome(outcome=Outcome.FAILED, customer_id=customer_id, detail=text)
                return await self._resume(workflow_id, row)
            if status.status != "SUCCESS":
                return RowOutcome(outcome=Outcome.FAILED, detail=f"the job database has it as {status.status}")
            end = _end_of(cast("dict[str, str]", status.output))
            if kept.digest == row.digest:
                return end
            if end.outcome != Outcome.REFUSED:
                text = "the row has changed since; the platform holds the earlier data: correct it there (customers.update)"
                return attrs.evolve(end, detail=text)
            if end.customer_id and kept.creation != row.creation:
                text = (
                    "the platform holds this customer with the earlier data; correct it there (customers.update), "
                    "then put the row's data back and change only its files"
                )
                return attrs.evolve(end, detail=text)
            attempt, earlier = attempt + 1, end.customer_id
        return RowOutcome(outcome=Outcome.PENDING)

    def _workflow_id(self, row: RowWork, attempt: int) -> str:
        # A digest, since an external_id may be personal itself, such as an e-mail address.
        name = hashlib.sha256(row.external_id.encode()).hexdigest()[:32]
        return f"{self._job}:{name}" if attempt == 1 else f"{self._job}.{attempt}:{name}"

    async def _customer_of(self, workflow_id: str) -> str:
        """Return the customer that an unfinished row is known to have made, or nothing."""
        for step in await DBOS.list_workflow_steps_async(workflow_id):
            if step["function_name"] == _CREATE and (kept := cast("dict[str, Any]", step["output"] or {})).get("value"):
                return str(kept["value"]["id"])
        return ""

    async def _start(self, workflow_id: str, row: RowWork, earlier: str) -> RowOutcome:
        under_way = self._enter(workflow_id, row)
        with SetWorkflowID(workflow_id):
            handle = await DBOS.start_workflow_async(_row_workflow, row.digest, row.creation, earlier)
        return await self._end(workflow_id, under_way, handle)

    async def _resume(self, workflow_id: str, row: RowWork) -> RowOutcome:
        under_way = self._enter(workflow_id, row)
        handle = await DBOS.resume_workflow_async(workflow_id, queue_name=self._queue)
        return await self._end(workflow_id, under_way, handle)

    def _enter(self, workflow_id: str, row: RowWork) -> _UnderWay:
        under_way = _UnderWay(row=row, done=asyncio.get_running_loop().create_future())
        self._rows[workflow_id] = under_way
        return under_way

    async def _end(self, workflow_id: str, under_way: _UnderWay, handle: WorkflowHandleAsync[Any]) -> RowOutcome:
        try:
            end = await under_way.done
            if end.outcome in {Outcome.ONBOARDED, Outcome.REFUSED}:
                # Until it is kept. If that fails, the next run reads the same steps back and comes to the same end.
                kept = asyncio.ensure_future(handle.get_result(polling_interval_sec=_POLL_SECONDS))
                await asyncio.wait({kept}, timeout=_KEEP_SECONDS)
                kept.cancel()
            return end
        finally:
            del self._rows[workflow_id]

    # -- inside a workflow -------------------------------------------------------------------------------------------

    async def perform(self, workflow_id: str, earlier: str) -> dict[str, str]:
        """Do the work of a row; returns what is kept of its end."""
        under_way = self._rows.get(workflow_id)
        if under_way is None:
            raise asyncio.CancelledError  # not a row of this run: it stays pending
        under_way.task = asyncio.current_task()
        under_way.customer_id = earlier
        step = _Steps(self, under_way)
        try:
            begun: dict[str, Any] = await step.begin(self._run)
            end = await self._work(under_way.row, step, datetime.fromtimestamp(begun["at"], UTC), earlier)
        except asyncio.CancelledError:
            self._leave(under_way, RowOutcome(outcome=Outcome.PENDING, customer_id=under_way.customer_id))
            raise
        except Exception as error:  # noqa: BLE001  # nothing may be raised into DBOS, which would keep its text
            reason = judge(error)
            if not isinstance(reason, RowRefusedError):
                self.interrupt(under_way, reason)
                raise asyncio.CancelledError from None
            end = RowOutcome(outcome=Outcome.REFUSED, customer_id=under_way.customer_id, detail=str(reason))
        self._leave(under_way, end)
        return attrs.asdict(end)

    def interrupt(self, under_way: _UnderWay, reason: RowInterruptedError | JobStoppedError) -> None:
        """End a row for this run; its workflow stays as it is."""
        if isinstance(reason, JobStoppedError):
            self._stopped_for = reason
            self._stopping = True
        outcome = Outcome.PENDING if isinstance(reason, JobStoppedError) else Outcome.FAILED
        self._leave(under_way, RowOutcome(outcome=outcome, customer_id=under_way.customer_id, detail=str(reason)))

    @property
    def stopping(self) -> bool:
        """Whether no further step may begin."""
        return self._stopping

    @property
    def calls(self) -> int:
        """How many steps have run in this process: about as many API calls were made."""
        return self._calls

    def count_call(self) -> None:
        """Count a step that runs, and isn't read back."""
        self._calls += 1

    def _leave(self, under_way: _UnderWay, end: RowOutcome) -> None:
        if not under_way.done.done():
            under_way.done.set_result(end)


class _Steps:
    """The step function of one row."""

    def __init__(self, engine: Engine, under_way: _UnderWay) -> None:
        self._engine = engine
        self._under_way = under_way

    async def begin(self, run: str) -> dict[str, Any]:
        """Keep which run began this row and when: whoever reads another run back knows that a call may have been sent."""

        async def body() -> dict[str, Any]:
            return {"run": run, "at": time.time()}

        begun: dict[str, Any] = await DBOS.run_step_async({"name": "begin"}, body)
        self._under_way.resumed = begun["run"] != run
        return begun

    async def __call__(self, name: str, action: Callable[[bool], Awaitable[Any]]) -> Any:
        if self._engine.stopping:
            raise asyncio.CancelledError

        async def body() -> dict[str, Any]:
            # Of the steps of a resumed row, only the first that isn't read back can have been under way.
            repeated = self._under_way.resumed and not self._under_way.lived
            self._under_way.lived = True
            self._engine.count_call()
            try:
                return {"value": await action(repeated)}
            except Exception as error:  # noqa: BLE001  # nothing may be raised into DBOS, which would keep its text
                reason = judge(error)
                if isinstance(reason, RowRefusedError):
                    return {"refused": str(reason)}
                self._engine.interrupt(self._under_way, reason)
                # Cancelled, a step isn't kept, and the workflow stays pending: the next run comes here again.
                raise asyncio.CancelledError from None

        kept: dict[str, Any] = await DBOS.run_step_async({"name": name}, body)
        if "refused" in kept:
            raise RowRefusedError(kept["refused"])
        value = kept["value"]
        if name == _CREATE:
            self._under_way.customer_id = cast("dict[str, str]", value)["id"]
        return value


_engine: Engine | None = None


@DBOS.workflow(name="onboard_row", max_recovery_attempts=None)
async def _row_workflow(digest: str, creation: str, earlier: str) -> dict[str, str]:
    del digest, creation  # kept for the next run to compare
    workflow_id = DBOS.workflow_id
    if _engine is None or workflow_id is None:
        raise asyncio.CancelledError
    return await _engine.perform(workflow_id, earlier)


@frozen
class _Inputs:
    """What is kept of a row when its work begins."""

    digest: str
    creation: str
    earlier: str

    @classmethod
    def of(cls, status: WorkflowStatus) -> "_Inputs":
        args = (status.input or {"args": ("", "", "")})["args"]
        return cls(*args)


def _check_sqlite(url: str) -> None:
    """Raise InputError for a SQLite that can't keep DBOS's tables: under these Pythons they need its `subsec`."""
    lacks = sys.version_info >= (3, 12) and sqlite3.sqlite_version_info < (3, 42)
    if lacks and make_url(url).get_backend_name() == "sqlite":
        raise InputError(
            f"under Python 3.12 and newer a job database needs SQLite 3.42 or newer, and this Python has "
            f"{sqlite3.sqlite_version}; use another Python, or a PostgreSQL database (--job-db)"
        )


def _write_ahead(url: str) -> None:
    # One flush to disk a step instead of several. Each is still flushed: a power cut mustn't forget what was sent.
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with contextlib.closing(sqlite3.connect(str(parsed.database))) as connection:
            connection.execute("pragma journal_mode = wal")


def _end_of(kept: dict[str, str]) -> RowOutcome:
    return RowOutcome(
        outcome=Outcome(kept["outcome"]),
        customer_id=kept["customer_id"],
        verification_status=kept["verification_status"],
        detail=kept["detail"],
    )
