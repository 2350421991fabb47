"""What must outlive a process, in a SQLite file: which events were handled, and deliveries that wait to be handled.

Several processes of one host may share a file. Every change is on the disk before it counts (synchronous=FULL), so it
outlives a kill and a power cut. The work is done in worker threads: the event loop never waits for the disk.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio.to_thread
from anyio.lowlevel import RunVar
from attrs import field, frozen

from blaaiz_async.errors import ConfigurationError
from blaaiz_async.webhooks.reading import read_event
from blaaiz_async.webhooks.seen import KEEP, Claim

if TYPE_CHECKING:
    from blaaiz_async.webhooks.events.union import AnyEvent

A = TypeVar("A")

_BUSY_SECONDS = 10.0
"""How long one process waits for another's write."""
_PRUNE_EVERY = 1000
"""Claims between two prunings."""

_SEEN = "create table if not exists seen (key text primary key, owner text, until real not null) without rowid"
_SEEN_INDEX = "create index if not exists seen_until on seen (until)"
_CLAIM = """
insert into seen (key, owner, until) values (:key, :owner, :until)
on conflict (key) do update set owner = excluded.owner, until = excluded.until where until <= :now returning 1
"""
_DONE = "insert or replace into seen (key, owner, until) values (?, null, ?)"

_WAITING = """
create table if not exists delivery (
    key text primary key, body blob not null, received_at real not null, due real not null, attempts integer not null
)
"""
_WAITING_INDEX = "create index if not exists delivery_due on delivery (due)"
_TAKE = """
update delivery set due = :until, attempts = attempts + 1
where key = (select key from delivery where due <= :now order by due limit 1) returning key, body, received_at, attempts, due
"""


class _File:
    """One connection to a file, opened on first use: a server that forks its workers must not carry one over."""

    def __init__(self, path: str | os.PathLike[str], *schema: str) -> None:
        if os.fspath(path) == ":memory:":
            raise ConfigurationError("':memory:' outlives no process: give a file, or use a MemorySeenStore")
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise ConfigurationError(f"the folder of {self.path.name} doesn't exist; make it first")
        self._schema = schema
        # Who waits for a locked file takes no thread from anybody else.
        self._turn = RunVar[anyio.CapacityLimiter]("turn at a file")  # one for each event loop; the lock is for all
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def run(self, statement: str, parameters: Callable[[], Any] = tuple) -> list[Any]:
        """Run one statement, which is one transaction, and return its rows.

        `parameters` is called when its turn has come: a time that was read before could be over by then.
        Raises sqlite3.Error, and OSError for a file that can't be used, TimeoutError if its turn doesn't come.
        """
        return await self._in_thread(lambda: self._run(statement, parameters))

    async def empty_log(self) -> bool:
        """Empty the log beside the file, and tell whether that could be done: not while somebody else reads."""
        return await self._in_thread(self._empty_log)

    async def aclose(self) -> None:
        """Close the file; its next use opens it again."""
        await anyio.to_thread.run_sync(self._close)

    async def _in_thread(self, work: Callable[[], A]) -> A:
        turn = self._turn.get(None)
        if turn is None:
            self._turn.set(turn := anyio.CapacityLimiter(1))
        with anyio.move_on_after(_BUSY_SECONDS):  # once it has begun it ends by SQLite's own wait
            return await anyio.to_thread.run_sync(work, limiter=turn)
        raise TimeoutError(f"another statement held {self.path.name}")

    def _run(self, statement: str, parameters: Callable[[], Any]) -> list[Any]:
        with self._lock:
            # All rows are fetched: a statement with RETURNING that is left half read keeps its transaction open.
            return self._opened().execute(statement, parameters()).fetchall()

    def _empty_log(self) -> bool:
        with self._lock:
            connection = self._opened()
            connection.execute("pragma busy_timeout = 0")  # it holds the write lock while it waits for those who read
            try:
                ((busy, *_),) = connection.execute("pragma wal_checkpoint(truncate)").fetchall()
            finally:
                connection.execute(f"pragma busy_timeout = {_BUSY_SECONDS * 1000:.0f}")
            return not busy

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        # Made before SQLite makes it, to be the owner's alone; the files beside it (-wal, -shm) get the same mode.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        self.path.chmod(0o600)
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        settings = ("journal_mode = wal", "synchronous = full", "secure_delete = on")
        try:
            for statement in (*(f"pragma {each}" for each in settings), *self._schema):
                connection.execute(statement)
        except sqlite3.Error:  # such as a file that is no database
            connection.close()
            raise
        return connection

    def _close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class _Closing:
    """Closes its file with the block."""

    _file: _File

    async def aclose(self) -> None:
        """Close the file."""
        await self._file.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.aclose()


class SqliteSeenStore(_Closing):
    """Remembers in a file, for the processes of one host. It holds digests and times only.

    Args:
        path: The file; it is made if need be, in a folder that exists. Not on a network file system.
        keep: Seconds for which a handled event is remembered.
        wall: Tells the time as Unix seconds.

    Raises:
        ConfigurationError: The folder doesn't exist.
    """

    def __init__(self, path: str | os.PathLike[str], *, keep: float = KEEP, wall: Callable[[], float] = time.time) -> None:
        self._file = _File(path, _SEEN, _SEEN_INDEX)
        self._keep = keep
        self._wall = wall
        self._claims = 0

    async def claim(self, key: str, *, owner: str, lease: float) -> Claim:
        """Take a key for `lease` seconds, if nobody has it and it isn't done."""
        if self._claims % _PRUNE_EVERY == 0:
            await self._file.run("delete from seen where until <= ?", lambda: (self._wall(),))
        self._claims += 1
        if await self._file.run(_CLAIM, lambda: {"key": key, "owner": owner, **_lease(self._wall(), lease)}):
            return "new"
        # Between the two it may have been released: then it is told as running, and comes again.
        return "done" if await self.is_done(key) else "running"

    async def done(self, key: str) -> None:
        """Remember a key as handled, whoever has it."""
        await self._file.run(_DONE, lambda: (key, self._wall() + self._keep))

    async def is_done(self, key: str) -> bool:
        """Tell whether a key was handled."""
        found = "select 1 from seen where key = ? and owner is null and until > ?"
        return bool(await self._file.run(found, lambda: (key, self._wall())))

    async def release(self, key: str, *, owner: str) -> None:
        """Give a key back. It changes nothing if `owner` doesn't have it, or no more."""
        await self._file.run("delete from seen where key = ? and owner = ?", lambda: (key, owner))


def _lease(now: float, seconds: float) -> dict[str, float]:
    return {"now": now, "until": now + seconds}


@frozen(kw_only=True)
class Waiting:
    """A verified delivery that waits to be handled."""

    key: str
    """By which a repeat is known."""
    body: bytes = field(repr=False)
    received_at: datetime
    attempts: int
    """How often it was taken, this time included."""
    due: datetime
    """When it may be taken again."""

    @property
    def event(self) -> "AnyEvent":
        """The event.

        Raises:
            WebhookVerificationError: The body can't be read. It could when it came: another version kept it.
        """
        return read_event(self.body, self.received_at)


def _waiting(row: Sequence[Any]) -> Waiting:
    key, body, received_at, attempts, due = row
    at, again = (datetime.fromtimestamp(each, UTC) for each in (received_at, due))
    return Waiting(key=key, body=body, received_at=at, attempts=attempts, due=again)


class DeliveryQueue(_Closing):
    """Keeps deliveries that were answered but not handled yet, so that a kill loses none.

    Unlike a seen store **it holds personal data**: the bodies as they came. The file is the owner's alone (mode 0600), a
    body is deleted when it is handled, what is deleted is overwritten, and the log beside it is emptied when nothing is due.

    Args:
        path: The file; it may be the seen store's too. Not on a network file system.
        wall: Tells the time as Unix seconds.

    Raises:
        ConfigurationError: The folder doesn't exist.
    """

    def __init__(self, path: str | os.PathLike[str], *, wall: Callable[[], float] = time.time) -> None:
        self._file = _File(path, _WAITING, _WAITING_INDEX)
        self._wall = wall
        self._dropped = False
        """Whether the log beside the file holds what was deleted."""

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    async def put(self, key: str, body: bytes, received_at: datetime) -> None:
        """Keep a delivery; one that waits already is kept once."""
        await self._file.run(
            "insert or ignore into delivery (key, body, received_at, due, attempts) values (?, ?, ?, ?, 0)",
            lambda: (key, body, received_at.timestamp(), self._wall()),
        )

    async def take(self, *, lease: float) -> Waiting | None:
        """Take the delivery that is due longest, for `lease` seconds; None if none is due."""
        for row in await self._file.run(_TAKE, lambda: _lease(self._wall(), lease)):
            return _waiting(row)
        if self._dropped:
            self._dropped = not await self._file.empty_log()
        return None

    async def put_back(self, key: str, *, after: float) -> None:
        """Let a delivery be taken again in `after` seconds."""
        await self._file.run("update delivery set due = ? where key = ?", lambda: (self._wall() + after, key))

    async def drop(self, key: str) -> None:
        """Delete a delivery: it was handled."""
        await self._file.run("delete from delivery where key = ?", lambda: (key,))
        self._dropped = True  # the next one who finds nothing due empties the log

    async def waiting(self, *, most: int = 100) -> list[Waiting]:
        """List what waits, what was tried most often first, such as to find what fails again and again.

        What you give up, `drop`: nobody else does, and the platform doesn't bring it again.
        """
        rows = await self._file.run(
            "select key, body, received_at, attempts, due from delivery order by attempts desc, received_at limit ?",
            lambda: (most,),
        )
        return [_waiting(row) for row in rows]

    async def size(self) -> int:
        """Count the deliveries that wait."""
        (count,) = (await self._file.run("select count(*) from delivery"))[0]
        return int(count)
