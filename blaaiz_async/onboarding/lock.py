"""One process at a time: two that take up the same row would both send its calls."""

import contextlib
import sys
from collections.abc import Generator
from pathlib import Path

import sqlalchemy
from sqlalchemy.exc import OperationalError

from blaaiz_async.onboarding.reader import InputError

__all__ = ["exclusive", "file_of"]

_BUSY = "another process works on this job already; let it finish, or stop it first"


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database; None for another, or one in memory."""
    parsed = sqlalchemy.make_url(url)
    in_file = parsed.get_backend_name() == "sqlite" and parsed.database not in {None, "", ":memory:"}
    return Path(str(parsed.database)) if in_file else None


@contextlib.contextmanager
def exclusive(url: str, job: str) -> Generator[None]:
    """Hold the job for this process; the lock goes with the process, however that ends.

    Args:
        url: SQLAlchemy URL of the job database.
        job: digest that names the job, 16 hexadecimal digits.

    Raises:
        InputError: another process holds it, or the database can't be reached.
    """
    parsed = sqlalchemy.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if (file := file_of(url)) is None:
            raise InputError("the job database must be a file: what is in memory can't be gone on with")
        with _locked_file(file):
            yield
    else:
        with _locked_database(parsed, job):
            yield


@contextlib.contextmanager
def _locked_file(path: Path) -> Generator[None]:
    if sys.platform == "win32":
        yield  # without flock, it is up to the user
        return
    import fcntl

    try:
        # The database itself: SQLite's own locks are of another kind, and an empty file is a new database to it.
        file = path.open("ab")
    except OSError as error:
        raise InputError(f"the job database {path.name} can't be opened: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(_BUSY) from None
        yield


@contextlib.contextmanager
def _locked_database(url: sqlalchemy.URL, job: str) -> Generator[None]:
    # PostgreSQL's advisory locks are kept by the session and take a signed 64-bit number.
    number = int.from_bytes(bytes.fromhex(job), signed=True)
    # Without a transaction: an open one would keep DBOS's migrations waiting for ever (create index concurrently).
    engine = sqlalchemy.create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            held = connection.execute(sqlalchemy.text("select pg_try_advisory_lock(:number)"), {"number": number})
            if not held.scalar():
                raise InputError(_BUSY)
            yield
    except OperationalError:
        raise InputError("the job database can't be reached; check --job-db") from None
    finally:
        engine.dispose()
