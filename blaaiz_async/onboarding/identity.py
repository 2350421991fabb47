"""Which job a job database holds, so that nothing is sent twice because a folder moved or a host got another name.

A job is a platform's environment and host, and the input's file name. Neither the folder nor the credential is part of
it: a file moves together with its database, and a rotated client id is the same business. Only digests and names of the
file and the host are kept.
"""

import hashlib
from urllib.parse import urlsplit

import sqlalchemy
from attrs import frozen
from sqlalchemy.exc import SQLAlchemyError

from blaaiz_async.onboarding.reader import InputError

__all__ = ["Claim", "JobIdentity", "claim"]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"http": 80, "https": 443}
_TABLE = sqlalchemy.Table(
    "blaaiz_onboarding_job",
    sqlalchemy.MetaData(),
    sqlalchemy.Column("file", sqlalchemy.Text, primary_key=True),
    sqlalchemy.Column("environment", sqlalchemy.Text, nullable=False),
    sqlalchemy.Column("host", sqlalchemy.Text, nullable=False),
    sqlalchemy.Column("client", sqlalchemy.Text, nullable=False),
)


@frozen(kw_only=True)
class JobIdentity:
    """What makes a job the same job."""

    file: str
    """The input's name, without its folder."""
    environment: str
    host: str
    """The API's host and port, and its path if it has one; a loopback address by its name."""

    @classmethod
    def of(cls, *, file: str, environment: str, base_url: str) -> "JobIdentity":
        """Return the identity of a job on the platform at `base_url`."""
        parts = urlsplit(base_url)
        name = parts.hostname or ""
        name = "localhost" if name in _LOOPBACK else name
        port = parts.port or _PORTS.get(parts.scheme)
        shown = name if port == _PORTS["https"] else f"{name}:{port}"
        # A name that isn't text to the file system can't be kept as it is.
        readable = file.encode(errors="backslashreplace").decode()
        return cls(file=readable, environment=environment, host=shown + parts.path.rstrip("/"))

    @property
    def digest(self) -> str:
        """Name of the job: 16 hexadecimal digits."""
        parts = (self.file, self.environment, self.host)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.file} on {self.host} ({self.environment})"


@frozen(kw_only=True)
class Claim:
    """What the job database said to a job."""

    known: bool
    """Whether the job was begun before."""
    other_client: bool
    """Whether that was with another client id."""


def claim(url: str, identity: JobIdentity, client_id: str) -> Claim:
    """Enter a job into its database at its first run, and see at later ones that it is the same. The job must be locked.

    A SQLite database holds one job; in PostgreSQL every file name is a job of its own.

    Args:
        url: SQLAlchemy URL of the job database.
        identity: the job that is to be run.
        client_id: only a digest of it is kept.

    Raises:
        InputError: the database holds another job, or can't be used.
    """
    parsed = sqlalchemy.make_url(url)
    shared = parsed.get_backend_name() != "sqlite"
    client = hashlib.sha256(client_id.encode()).hexdigest()[:16]
    try:
        engine = sqlalchemy.create_engine(parsed.set(drivername="postgresql+psycopg") if shared else parsed)
        try:
            with engine.begin() as connection:
                _TABLE.create(connection, checkfirst=True)
                held = sqlalchemy.select(_TABLE)
                row = connection.execute(held.where(_TABLE.c.file == identity.file) if shared else held).first()
                if row is None:
                    new = {"file": identity.file, "environment": identity.environment, "host": identity.host}
                    connection.execute(_TABLE.insert().values(**new, client=client))
                    return Claim(known=False, other_client=False)
                kept = JobIdentity(file=row.file, environment=row.environment, host=row.host)
                if kept != identity:
                    raise InputError(
                        f"the job database holds the job of {kept}, and this would be {identity}. If that is meant, "
                        "give a --job-db of its own; starting there sends every row"
                    )
                connection.execute(_TABLE.update().where(_TABLE.c.file == kept.file).values(client=client))
                return Claim(known=True, other_client=row.client != client)
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        raise InputError(f"the job database can't be used ({type(error).__name__}); check --job-db") from None
