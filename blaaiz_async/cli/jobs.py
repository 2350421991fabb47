"""`onboard` and `validate`: customers from a file."""

import shlex
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from blaaiz_async.cli.common import (
    PLATFORM,
    SANDBOX_ID,
    SANDBOX_SECRET,
    BaseUrlOption,
    EnvironmentChoice,
    EnvironmentOption,
    UsageError,
    confirm_production,
    credentials,
    need,
    refuse_both,
)

if TYPE_CHECKING:
    from blaaiz_async.onboarding import JobSettings, JobSummary

RAISED = (6_000, 100_000)
VERIFICATION = (
    "onboarded is handed over: verification goes on at the platform, minutes to days; "
    "its end comes as the webhook customer.status_changed"
)


class LimitsChoice(StrEnum):
    """Which rate limits to work with."""

    PLATFORM = "platform"
    RAISED = "raised"


def onboard(
    file: Annotated[Path | None, typer.Argument(help="CSV or JSON Lines (.jsonl). See also --sample.")] = None,
    *,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Run against an embedded sandbox; it needs no credentials.")
    ] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Use the file of made-up people that comes along.")] = False,
    environment: EnvironmentOption = EnvironmentChoice.DEVELOPMENT,
    base_url: BaseUrlOption = None,
    job_db: Annotated[
        str | None,
        typer.Option(
            help="Job database: a path or an SQLAlchemy URL of SQLite or PostgreSQL. Default: FILE.job.sqlite. It holds "
            "what was sent, for one host and environment; move it together with FILE. SQLite holds the job of one FILE; "
            "in PostgreSQL every file name (without its folder) is a job of its own, so don't rename FILE meanwhile."
        ),
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Results CSV. Default: FILE.results.csv.")] = None,
    max_in_flight: Annotated[int, typer.Option(min=1, max=256, help="Rows under way at once.")] = 16,
    limits: Annotated[
        LimitsChoice | None,
        typer.Option(help="platform: 120 calls a minute, 1,500 an hour; raised: for a sandbox, and the default there."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before working on production.")] = False,
) -> None:
    """Onboard every customer of FILE, or go on where an earlier run of the same command stopped.

    Credentials come from BLAAIZ_CLIENT_ID and BLAAIZ_CLIENT_SECRET.
    """
    need("jobs", *(["sandbox"] if sandbox else []))
    from blaaiz_async.onboarding import JobSettings
    from blaaiz_async.onboarding.engine import database_url

    source, beside = _source(file, sample=sample)
    refuse_both(base_url, sandbox=sandbox)
    if limits == LimitsChoice.RAISED and not sandbox and not base_url:
        raise UsageError("--limits raised is for a sandbox; the platform would answer 429")
    if environment == EnvironmentChoice.PRODUCTION and not sandbox:
        confirm_production("makes customers", yes=yes)
    chosen = limits or (LimitsChoice.RAISED if sandbox else LimitsChoice.PLATFORM)
    per_minute, per_hour = RAISED if chosen == LimitsChoice.RAISED else PLATFORM

    with ExitStack() as stack:
        if sandbox:
            base_url = stack.enter_context(_embedded_sandbox(per_minute, per_hour))
            client_id, client_secret = SANDBOX_ID, SANDBOX_SECRET
            how = "limits raised to" if chosen == LimitsChoice.RAISED else "limits as on the platform:"
            typer.echo(f"Embedded sandbox, {how} {per_minute:,} calls a minute, {per_hour:,} an hour.", err=True)
            if job_db is None:
                # The sandbox's customers are gone with the process, so there would be nothing to go on with.
                job_db = str(Path(stack.enter_context(TemporaryDirectory(prefix="blaaiz-"))) / "job.sqlite")
        else:
            client_id, client_secret = credentials()
        settings = JobSettings(
            source=source,
            results=results or beside.with_name(f"{beside.name}.results.csv"),
            database=database_url(job_db or str(beside.with_name(f"{beside.name}.job.sqlite").resolve())),
            base_url=base_url or "",
            environment=environment.value,
            client_id=client_id,
            client_secret=client_secret,
            per_minute=per_minute,
            per_hour=per_hour,
            max_in_flight=max_in_flight,
            name="--sample" if sample else "",  # never to be taken for a file of the user's with the same name
        )
        summary = _run(settings)
    _tell(summary, resumable=not sandbox)
    raise typer.Exit(0 if summary.done else 1)


def validate(
    file: Annotated[Path, typer.Argument(help="CSV or JSON Lines (.jsonl).")],
) -> None:
    """Check every row of FILE and print all faults, without any call. No value of a row is printed."""
    from blaaiz_async.onboarding import check_file

    rows = invalid = 0
    try:
        for checked in check_file(file):
            rows += 1
            invalid += bool(checked.faults)
            for fault in checked.faults:
                typer.echo(f"row {checked.place.number} (line {checked.place.line}): {fault}")
    except KeyboardInterrupt:
        typer.echo(f"stopped after {rows} rows", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{rows} rows: {rows - invalid} valid, {invalid} invalid")
    raise typer.Exit(1 if invalid else 0)


def _run(settings: "JobSettings") -> "JobSummary":
    import asyncio

    from blaaiz_async.onboarding import run_job
    from blaaiz_async.onboarding.progress import watcher_for

    try:
        with watcher_for(_err()) as watcher:
            return asyncio.run(run_job(settings, watcher))
    except KeyboardInterrupt:
        # Once calls are made, the run itself takes signals and ends in order.
        typer.echo("stopped before the first call; the same command starts again", err=True)
        raise typer.Exit(1) from None


def _tell(summary: "JobSummary", *, resumable: bool) -> None:
    from blaaiz_async.onboarding import Outcome

    typer.echo(summary.line())
    typer.echo(f"results: {summary.results}")
    if summary.counts[Outcome.ONBOARDED]:
        typer.echo(VERIFICATION)
    if summary.stopped_for:
        typer.echo(f"stopped: {summary.stopped_for}", err=True)
    if summary.worth_repeating:
        command = shlex.join(["blaaiz-async", *sys.argv[1:]])
        if resumable:
            typer.echo(f"to go on: {command}")
        else:
            typer.echo("the embedded sandbox is gone with its customers: the same command starts afresh")


def _source(file: Path | None, *, sample: bool) -> tuple[Path, Path]:
    """Return the input, and the path that the names of results and database are made from."""
    if (file is None) != sample:
        raise UsageError("give FILE or --sample")
    if file is not None:
        return file, file
    packaged = Path(__file__).parents[1] / "onboarding" / "sample" / "customers.csv"
    return packaged, Path(packaged.name)


@contextmanager
def _embedded_sandbox(per_minute: int, per_hour: int) -> Generator[str]:
    from blaaiz_async.sandbox import Limits, Sandbox
    from blaaiz_async.sandbox.server import running

    with running(Sandbox(limits=Limits(per_minute=per_minute, per_hour=per_hour))) as url:
        yield url


def _err() -> Console:
    return Console(stderr=True)
