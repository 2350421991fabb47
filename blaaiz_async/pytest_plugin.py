"""The pytest plugin `blaaiz_sandbox`: tests of your own code against a sandbox, without network or accounts.

| fixture                 | gives                                                                                        |
|-------------------------|----------------------------------------------------------------------------------------------|
| `blaaiz_sandbox`        | a fresh `Sandbox`: its `faults`, `journal`, `customers`, verdicts and clock                  |
| `blaaiz_client`         | an `AsyncBlaaiz` bound to it in process                                                      |
| `blaaiz_served_sandbox` | the base URL of the same sandbox on a socket                                                 |
| `blaaiz_environment`    | the `BLAAIZ_*` variables that make a client of the application's own talk to that URL        |
| `blaaiz_webhooks`       | a `WebhookSender`: signed deliveries, by name or of what the sandbox emitted                 |

All are plain fixtures, so they serve sync tests and async ones alike, under pytest-asyncio in either mode and under anyio's
plugin. `@pytest.mark.blaaiz_sandbox(**options)` gives a test's sandbox other options, such as `limits=Limits()`; there is no
rate limit, and no id that another test has, unless it says so.

Pytest loads this module in every run where the package is installed: it imports the sandbox only when a test asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blaaiz_async import AsyncBlaaiz
    from blaaiz_async.sandbox import Sandbox
    from blaaiz_async.sandbox.signed import WebhookSender

__all__ = ["blaaiz_client", "blaaiz_environment", "blaaiz_sandbox", "blaaiz_served_sandbox", "blaaiz_webhooks"]

_ID, _SECRET = "sandbox-client", "sandbox-secret"  # made up, and only good for a sandbox


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, for runs with --strict-markers."""
    config.addinivalue_line("markers", "blaaiz_sandbox(**options): what to make the fixture's Sandbox with")


@pytest.fixture
def blaaiz_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """A fresh sandbox without rate limits, or as the marker `blaaiz_sandbox` says."""
    try:
        from blaaiz_async.sandbox import Sandbox
    except ModuleNotFoundError as missing:
        pytest.fail(f"no module {missing.name}: pip install 'blaaiz-async[sandbox]'", pytrace=False)
    marker = request.node.get_closest_marker("blaaiz_sandbox")
    # Ids of its own: what it emits must be new to an application that has seen another test's events.
    options: dict[str, Any] = {"limits": None, "seed": None, **(marker.kwargs if marker else {})}
    return Sandbox(**options)


@pytest.fixture
def blaaiz_client(blaaiz_sandbox: Sandbox) -> AsyncBlaaiz:
    """A client bound to the sandbox in process. It doesn't wait between attempts, and having no sockets needs no closing."""
    from blaaiz_async import AsyncBlaaiz, Environment, RetryPolicy
    from blaaiz_async.settings import ALL_SCOPES

    return AsyncBlaaiz(
        client_id=_ID,
        client_secret=_SECRET,
        environment=Environment.DEVELOPMENT,
        base_url="http://sandbox.test",
        scopes=ALL_SCOPES,
        budget=None,
        retry=RetryPolicy(wait_initial=0.0),
        http_client=blaaiz_sandbox.http_client(),
    )


@pytest.fixture
def blaaiz_served_sandbox(blaaiz_sandbox: Sandbox) -> Iterator[str]:
    """The base URL of the sandbox, served from a thread of its own: for code, or processes, with clients of their own."""
    from blaaiz_async.sandbox import running

    with running(blaaiz_sandbox) as url:
        yield url


@pytest.fixture
def blaaiz_environment(
    blaaiz_served_sandbox: str, blaaiz_webhooks: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The variables of the served sandbox, set for the test; `BLAAIZ_WEBHOOK_SECRET` is that of `blaaiz_webhooks`."""
    variables = {
        "BLAAIZ_CLIENT_ID": _ID,
        "BLAAIZ_CLIENT_SECRET": _SECRET,
        "BLAAIZ_ENVIRONMENT": "development",
        "BLAAIZ_BASE_URL": blaaiz_served_sandbox,
        "BLAAIZ_WEBHOOK_SECRET": blaaiz_webhooks.secret,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_PROXY", "no_proxy"):  # a proxy of the developer's doesn't reach this machine
        monkeypatch.setenv(name, "127.0.0.1", prepend=",")
    for name in ("BLAAIZ_SCOPES", "BLAAIZ_API_KEY"):  # of the developer's own account
        monkeypatch.delenv(name, raising=False)
    return variables


@pytest.fixture
def blaaiz_webhooks(blaaiz_sandbox: Sandbox) -> WebhookSender:
    """Plays the platform towards the application's webhook receiver."""
    from blaaiz_async.sandbox.signed import WebhookSender

    return WebhookSender(blaaiz_sandbox)
