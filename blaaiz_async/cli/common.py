"""What several commands share."""

import importlib.util
import os
import socket
import sys
from enum import StrEnum
from typing import Annotated

import typer

SANDBOX_ID, SANDBOX_SECRET = "sandbox-client", "sandbox-secret"  # made up, and only good for a sandbox
PLATFORM = (120, 1_500)
"""The platform's limits: calls a minute, calls an hour."""

_MODULES = {"jobs": "dbos", "sandbox": "starlette"}


class UsageError(Exception):
    """Wrong usage or input: the text says what to change."""


class EnvironmentChoice(StrEnum):
    """The platform's two worlds."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


EnvironmentOption = Annotated[EnvironmentChoice, typer.Option(envvar="BLAAIZ_ENVIRONMENT", help="Which platform.")]
BaseUrlOption = Annotated[str | None, typer.Option(envvar="BLAAIZ_BASE_URL", help="Another host, such as a served sandbox.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def credentials(*, otherwise: str = ", or try --sandbox") -> tuple[str, str]:
    """Return the client id and secret of the environment."""
    client_id, client_secret = os.environ.get("BLAAIZ_CLIENT_ID", ""), os.environ.get("BLAAIZ_CLIENT_SECRET", "")
    if not client_id or not client_secret:
        raise UsageError(f"set BLAAIZ_CLIENT_ID and BLAAIZ_CLIENT_SECRET{otherwise}")
    return client_id, client_secret


def refuse_both(base_url: str | None, *, sandbox: bool) -> None:
    """Refuse --base-url beside --sandbox; one that the environment sets is overruled instead."""
    if sandbox and base_url and os.environ.get("BLAAIZ_BASE_URL") != base_url:
        raise UsageError("give either --sandbox or --base-url")


def confirm_production(what: str, *, yes: bool) -> None:
    """Ask before anything is changed on production."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("this works on production; give --yes")
    if typer.prompt(f"This {what} on production. Type production to go on", err=True) != "production":
        raise UsageError("not confirmed")


def need(*extras: str) -> None:
    """See that the extras are installed."""
    missing = [extra for extra in extras if importlib.util.find_spec(_MODULES[extra]) is None]
    if missing:
        raise UsageError(f"this needs an extra: pip install 'blaaiz-async[{','.join(['cli', *missing])}]'")


def need_port(host: str, port: int) -> None:
    """See that nothing else listens there: the server would only tell after the address was printed."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UsageError(f"can't listen at {host}:{port}: {error.strerror}; choose another --host or --port") from None
