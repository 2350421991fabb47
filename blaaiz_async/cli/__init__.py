"""The command line `blaaiz-async`.

| command                           | room      |
|-----------------------------------|-----------|
| `onboard`, `validate`             | `jobs`    |
| `call`, which makes a single call | `call`    |
| `check`, of credentials and clock | `check`   |
| `sandbox`, `listen`               | `serving` |

Exit status: 0 done (all rows done or valid), 1 something failed or was refused, 2 wrong usage or input.
"""

import sys
from typing import Annotated

try:
    import typer

    from blaaiz_async.cli import call, check, jobs, serving
    from blaaiz_async.cli.common import UsageError
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in {"typer", "rich"}:
        raise
    sys.stderr.write("The command line needs an extra: pip install 'blaaiz-async[cli]'\n")
    raise SystemExit(2) from None

__all__ = ["app", "main"]

app = typer.Typer(
    help="Call the Blaaiz Platform; onboard customers from a file; receive webhooks; serve an offline sandbox.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a rich traceback prints local variables, which hold personal data and secrets
)
app.command()(jobs.onboard)
app.command()(jobs.validate)
app.command(context_settings=call.CONTEXT)(call.call)
app.command()(check.check)
app.command()(serving.listen)
app.command()(serving.sandbox)


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


def main() -> None:
    """Run the command line; the entry point of `blaaiz-async`."""
    from blaaiz_async.errors import ConfigurationError
    from blaaiz_async.onboarding import InputError

    try:
        app()
    except (UsageError, InputError, ConfigurationError) as error:
        sys.stderr.write(f"blaaiz-async: {error}\n")
        raise SystemExit(2) from None
