"""The command line: `blaaiz-async onboard`, `validate` and `sandbox`.

Exit status: 0 all rows done (or valid), 1 some rows refused, failed or left, 2 wrong usage or input.
"""

import importlib.util
import os
import shlex
import socket
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

try:
    import typer
    from rich.console import Console
except ModuleNotFoundError:
    sys.stderr.write("The command line needs an extra: pip install 'blaaiz-async[cli]'\n")
    raise SystemExit(2) from None

if TYPE_CHECKING:
    from blaaiz_async.onboarding import JobSettings, JobSummary

__all__ = ["app", "main"]

app = typer.Typer(
    help="Onboard customers to the Blaaiz Platform from a file; check a file; serve an offline sandbox.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a rich traceback prints local variables, which hold personal data and secrets
)

SANDBOX_ID, SANDBOX_SECRET = "sandbox-client", "sandbox-secret"  # made up, and only good for a sandbox
RAISED = (6_000, 100_000)
PLATFORM = (120, 1_500)
VERIFICATION = (
    "onboarded is handed over: verification goes on at the platform, minutes to days; "
    "its end comes as the webhook customer.status_changed"
)
_MODULES = {"jobs": "dbos", "sandbox": "starlette"}


class LimitsChoice(StrEnum):
    """Which rate limits to work with."""

    PLATFORM = "platform"
    RAISED = "raised"


class EnvironmentChoice(StrEnum):
    """The platform's two worlds."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class _UsageError(Exception):
    """Wrong usage or input: the text says what to change."""


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # what typer calls
    if wanted:
        from blaaiz_async import __version__

        typer.echo(f"blaaiz-async {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def onboard(
    file: Annotated[Path | None, typer.Argument(help="CSV or JSON Lines (.jsonl). See also --sample.")] = None,
    *,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Run against an embedded sandbox; it needs no credentials.")
    ] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Use the file of made-up people that comes along.")] = False,
    environment: Annotated[
        EnvironmentChoice, typer.Option(envvar="BLAAIZ_ENVIRONMENT", help="Which platform.")
    ] = EnvironmentChoice.DEVELOPMENT,
    base_url: Annotated[
        str | None, typer.Option(envvar="BLAAIZ_BASE_URL", help="Another host, such as a served sandbox.")
    ] = None,
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
    _need("jobs", *(["sandbox"] if sandbox else []))
    from blaaiz_async.onboarding import JobSettings
    from blaaiz_async.onboarding.engine import database_url

    source, beside = _source(file, sample=sample)
    if sandbox and base_url and os.environ.get("BLAAIZ_BASE_URL") != base_url:
        raise _UsageError("give either --sandbox or --base-url")
    if limits == LimitsChoice.RAISED and not sandbox and not base_url:
        raise _UsageError("--limits raised is for a sandbox; the platform would answer 429")
    if environment == EnvironmentChoice.PRODUCTION and not sandbox:
        _confirm_production(yes=yes)
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
            client_id, client_secret = _credentials()
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


@app.command()
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


@app.command("sandbox")
def serve_sandbox(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8700,
    per_minute: Annotated[int, typer.Option(min=1, help="Calls a minute.")] = PLATFORM[0],
    per_hour: Annotated[int, typer.Option(min=1, help="Calls an hour.")] = PLATFORM[1],
    hold: Annotated[bool, typer.Option("--hold", help="Leave every customer under review.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Reject every customer.")] = False,
    latency: Annotated[float, typer.Option(min=0, help="Seconds that every call takes.")] = 0.0,
) -> None:
    """Serve a stand-in for the platform until Ctrl-C. Its customers live as long as it does."""
    _need("sandbox")
    from blaaiz_async.sandbox import Limits, Sandbox, Verdict
    from blaaiz_async.sandbox.server import serve

    if hold and reject:
        raise _UsageError("give either --hold or --reject")
    _need_port(host, port)
    verdict = Verdict.hold() if hold else Verdict.reject("The image is blurred.") if reject else Verdict.verify()
    made = Sandbox(limits=Limits(per_minute=per_minute, per_hour=per_hour), verdict=verdict, latency=latency)
    typer.echo(f"Sandbox at http://{host}:{port}, {per_minute} calls a minute, {per_hour} an hour. Ctrl-C ends it.")
    typer.echo(f"export BLAAIZ_BASE_URL=http://{host}:{port}")
    typer.echo(f"export BLAAIZ_CLIENT_ID={SANDBOX_ID}")
    typer.echo(f"export BLAAIZ_CLIENT_SECRET={SANDBOX_SECRET}")
    sys.stdout.flush()
    serve(made, host, port)


def main() -> None:
    """Run the command line; the entry point of `blaaiz-async`."""
    from blaaiz_async.errors import ConfigurationError
    from blaaiz_async.onboarding import InputError

    try:
        app()
    except (_UsageError, InputError, ConfigurationError) as error:
        sys.stderr.write(f"blaaiz-async: {error}\n")
        raise SystemExit(2) from None


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
        raise _UsageError("give FILE or --sample")
    if file is not None:
        return file, file
    packaged = Path(__file__).with_name("onboarding") / "sample" / "customers.csv"
    return packaged, Path(packaged.name)


def _credentials() -> tuple[str, str]:
    client_id, client_secret = os.environ.get("BLAAIZ_CLIENT_ID", ""), os.environ.get("BLAAIZ_CLIENT_SECRET", "")
    if not client_id or not client_secret:
        raise _UsageError("set BLAAIZ_CLIENT_ID and BLAAIZ_CLIENT_SECRET, or try --sandbox")
    return client_id, client_secret


def _confirm_production(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise _UsageError("this works on production; give --yes")
    if typer.prompt("This makes customers on production. Type production to go on") != "production":
        raise _UsageError("not confirmed")


@contextmanager
def _embedded_sandbox(per_minute: int, per_hour: int) -> Generator[str]:
    from blaaiz_async.sandbox import Limits, Sandbox
    from blaaiz_async.sandbox.server import running

    with running(Sandbox(limits=Limits(per_minute=per_minute, per_hour=per_hour))) as url:
        yield url


def _need(*extras: str) -> None:
    missing = [extra for extra in extras if importlib.util.find_spec(_MODULES[extra]) is None]
    if missing:
        raise _UsageError(f"this needs an extra: pip install 'blaaiz-async[{','.join(['cli', *missing])}]'")


def _need_port(host: str, port: int) -> None:
    """See that nothing else listens there: the server would only tell after the address was printed."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise _UsageError(f"can't listen at {host}:{port}: {error.strerror}; choose another --host or --port") from None


def _err() -> Console:
    return Console(stderr=True)


if __name__ == "__main__":
    main()
