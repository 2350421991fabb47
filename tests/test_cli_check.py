"""`blaaiz-async check`: credentials, scopes and clock, for one token and one call."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from blaaiz_async.cli import app
from blaaiz_async.cli.check import held_scopes
from blaaiz_async.sandbox import Credential, Fault, Sandbox, running
from tests.test_cli import environment, run

CLAIMS = base64.urlsafe_b64encode(b'{"scopes": ["a:read"]}').decode().rstrip("=")
TOKEN, LISTING = "oauth_token_create", "currencies_list"
REFUSED = (False, "fail credentials are refused: ")
UNTOLD = (None, "fail credentials can't be told: ")
DENIED = (True, "fail API ")
KEYS = {"BLAAIZ_CLIENT_ID": "sandbox-client", "BLAAIZ_CLIENT_SECRET": "sandbox-secret"}


@contextmanager
def served(sandbox: Sandbox, **variables: str) -> Iterator[dict[str, str]]:
    with running(sandbox) as url:
        yield {**KEYS, "BLAAIZ_BASE_URL": url, **variables}


def told(*args: str, **variables: str) -> Result:
    """Run it in this process, which takes a tenth of the time."""
    own = dict.fromkeys(name for name in os.environ if name.startswith("BLAAIZ_"))
    return CliRunner().invoke(app, ["check", *args], env={**own, "COLUMNS": "400", **variables})


def rows(printed: str) -> dict[str, str]:
    return {line.split()[1]: " ".join(line.split()) for line in printed.splitlines()}


def test_all_is_well_for_one_token_and_one_call(tmp_path: Path) -> None:
    sandbox = Sandbox()
    with served(sandbox) as variables:
        printed = run("check", cwd=tmp_path, **variables)
        assert (0, "") == (printed.returncode, printed.stderr)
        assert [TOKEN, LISTING] == [call.operation for call in sandbox.journal.calls]
        found = rows(printed.stdout)
        assert ["platform", "credentials", "API", "scopes", "clock"] == list(found)
        assert f"development, {variables['BLAAIZ_BASE_URL']}" in found["platform"]
        assert "38 asked for; the platform doesn't tell" in found["scopes"]
        as_json = json.loads(run("check", "--json", cwd=tmp_path, **variables).stdout)
    assert (True, True, None) == (as_json["fit"], as_json["credentials"], as_json["scopes_held"])
    assert abs(as_json["clock_offset"]) < 300
    assert "sandbox-secret" not in printed.stdout + json.dumps(as_json)


@pytest.mark.parametrize(
    ("faults", "variables", "row", "says", "remedy"),
    [
        ({}, {"BLAAIZ_CLIENT_SECRET": "wrong"}, REFUSED, "AuthenticationError", "check BLAAIZ_CLIENT_ID"),
        (
            {},
            {"BLAAIZ_SCOPES": "no:such"},
            REFUSED,
            f"{TOKEN} answered 400: Invalid scope(s) provided",
            "documents no no:such",
        ),
        ({TOKEN: Fault.status(403)}, {}, REFUSED, f"{TOKEN} answered 403", "check BLAAIZ_CLIENT_ID"),
        ({TOKEN: Fault.before_commit(503)}, {}, UNTOLD, f"{TOKEN} answered 503", "try again"),
        ({TOKEN: Fault.status(429, body={"message": "scope"})}, {}, UNTOLD, f"{TOKEN} answered 429", "wait, and try"),
        ({TOKEN: Fault.status(404)}, {}, UNTOLD, f"{TOKEN} answered 404", "is the platform's"),
        ({TOKEN: Fault.not_json()}, {}, UNTOLD, f"{TOKEN}: ", "is the platform's"),
        ({}, {"BLAAIZ_BASE_URL": "http://127.0.0.1:9"}, UNTOLD, f"APIConnectionError: {TOKEN}", "is reached"),
        ({LISTING: Fault.status(403)}, {}, DENIED, "it needs the scope currency:read", "set BLAAIZ_SCOPES"),
        ({LISTING: Fault.status(401)}, {}, DENIED, f"{LISTING} answered 401", "refuses their token"),
        ({LISTING: Fault.before_commit(503)}, {}, DENIED, f"ServerError: {LISTING} answered 503", "try again"),
        ({LISTING: Fault.not_json()}, {}, DENIED, LISTING, "is the platform's"),
    ],
)
def test_what_is_wrong_is_told_with_a_remedy_and_the_status_is_1(
    faults: dict[str, Fault], variables: dict[str, str], row: tuple[bool | None, str], says: str, remedy: str
) -> None:
    sandbox = Sandbox()
    for operation, fault in faults.items():
        sandbox.faults.add(operation, fault, times=2)
    with served(sandbox, **variables) as given:
        as_json, shown = told("--json", **given), told(**given)
    assert (1, 1) == (as_json.exit_code, shown.exit_code)
    found, (credentials, begins) = json.loads(as_json.stdout), row
    assert (credentials, False, False) == (found["credentials"], found["ready"], found["fit"])
    assert (True, True) == (says in found["problem"], remedy in found["remedy"])
    (failed,) = [each for each in rows(shown.stdout).values() if each.startswith("fail")]
    assert (True, True, True) == (failed.startswith(begins), says in failed, remedy in failed)
    # Without a token nothing is known of calls and scopes, and none of them is called fit.
    assert credentials or not {"API", "scopes"} & set(rows(shown.stdout))


def test_the_platforms_words_reach_the_terminal_as_words() -> None:
    sandbox = Sandbox()
    sandbox.faults.add(TOKEN, Fault.status(401, body={"message": "No [/bold] \x1b[31m[red]way"}))
    with served(sandbox) as variables:
        assert r"No [/bold] \x1b[31m[red]way;" in told(**variables).stdout


def test_what_the_token_holds_is_what_it_is_tried_with() -> None:
    with served(reads := _TellingSandbox.holding("wallet:read")) as variables:
        found = told(**variables)
    assert (0, True) == (found.exit_code, rows(found.stdout)["API"].startswith("ok API answers"))
    assert [TOKEN, "wallets_list"] == [call.operation for call in reads.journal.calls]

    with served(pays := _TellingSandbox.holding("payout:create")) as variables:
        found = told(**variables)
    assert (0, True) == (found.exit_code, rows(found.stdout)["API"].startswith("note API not tried"))
    assert [TOKEN] == [call.operation for call in pays.journal.calls]


def test_a_platform_at_its_limit_is_no_fault() -> None:
    sandbox = Sandbox()
    sandbox.faults.add(LISTING, Fault.status(429))
    with served(sandbox) as variables:
        found = told(**variables)
    assert (0, True) == (found.exit_code, rows(found.stdout)["API"].startswith(f"note API RateLimitError: {LISTING}"))


def test_scopes_that_were_chosen_and_are_not_held_are_named() -> None:
    with served(_TellingSandbox.holding("currency:read", "customer:read")) as variables:
        by_default = told(**variables)
        assert (0, True) == (by_default.exit_code, "38 asked for; not held: wallet:read, bank:read, " in by_default.stdout)
        held = told(**variables, BLAAIZ_SCOPES="currency:read customer:read")
        assert (0, True) == (held.exit_code, "2 asked for, all held" in held.stdout)
        chosen = told(**variables, BLAAIZ_SCOPES="currency:read payout:create")
        assert 1 == chosen.exit_code
        assert (
            "fail scopes 2 asked for; not held: payout:create; give them to the credential" in rows(chosen.stdout)["scopes"]
        )
    with served(_TellingSandbox.holding()) as variables:
        assert 1 == told(**variables).exit_code  # such a token can call nothing


def test_a_clock_that_would_refuse_webhooks_is_told() -> None:
    code = """
import sys, time
real = time.time
time.time = lambda: real() + 400
sys.argv = ["blaaiz-async", "check", *sys.argv[1:]]
from blaaiz_async.cli import main
main()
"""
    with served(Sandbox()) as variables:
        told = subprocess.run(
            [sys.executable, "-c", code], env=environment(**variables), capture_output=True, text=True, check=False
        )
    assert 1 == told.returncode, told.stderr
    (clock,) = [line.split() for line in told.stdout.splitlines() if " clock " in line]
    assert ("fail", True) == (clock[0], "behind this machine's" in " ".join(clock))


@pytest.mark.parametrize(
    ("answer", "held"),
    [
        ({"access_token": "opaque"}, None),
        ({"access_token": "opaque", "scope": "a:read b:write"}, ("a:read", "b:write")),
        ({"access_token": "opaque", "scope": ""}, ()),
        ({"access_token": f"h.{CLAIMS}.s"}, ("a:read",)),
        ({"access_token": "h.!!!.s"}, None),
        ({"access_token": "a.b.c", "scope": 7}, None),
        ({}, None),
    ],
)
def test_scopes_are_read_from_the_answer_or_the_token(answer: dict[str, Any], held: tuple[str, ...] | None) -> None:
    claims = base64.urlsafe_b64encode(b'{"scopes": ["a:read"]}').decode().rstrip("=")
    assert held == held_scopes(
        {name: str(v).replace("PAYLOAD", claims) if isinstance(v, str) else v for name, v in answer.items()}
    )


class _TellingSandbox(Sandbox):
    """Answers with `scope`, as RFC 6749 5.1 has it where fewer are granted than were asked for."""

    @classmethod
    def holding(cls, *scopes: str) -> "_TellingSandbox":
        return cls(credentials={"sandbox-client": Credential(secret="sandbox-secret", scopes=frozenset(scopes))})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") != "/oauth/token":
            await super().__call__(scope, receive, send)
            return
        start: dict[str, Any] = {}

        async def with_scopes(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            answer = json.loads(message["body"])
            if token := answer.get("access_token"):
                answer["scope"] = " ".join(sorted(self._authority._grants[token].scopes))
            body = json.dumps(answer).encode()
            rest = [header for header in start["headers"] if header[0] != b"content-length"]
            await send({**start, "headers": [*rest, (b"content-length", str(len(body)).encode())]})
            await send({**message, "body": body})

        await super().__call__(scope, receive, with_scopes)
