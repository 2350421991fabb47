"""`blaaiz-async check`: credentials, scopes and clock, for one token and one call."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from blaaiz_async.cli.check import held_scopes
from blaaiz_async.sandbox import Credential, Fault, Sandbox, running
from tests.test_cli import environment, run

CLAIMS = base64.urlsafe_b64encode(b'{"scopes": ["a:read"]}').decode().rstrip("=")
KEYS = {"BLAAIZ_CLIENT_ID": "sandbox-client", "BLAAIZ_CLIENT_SECRET": "sandbox-secret"}


@contextmanager
def served(sandbox: Sandbox, **variables: str) -> Iterator[dict[str, str]]:
    with running(sandbox) as url:
        yield {**KEYS, "BLAAIZ_BASE_URL": url, **variables}


def test_all_is_well_for_one_token_and_one_call(tmp_path: Path) -> None:
    sandbox = Sandbox()
    with served(sandbox) as variables:
        told = run("check", cwd=tmp_path, **variables)
        assert (0, "") == (told.returncode, told.stderr)
        assert ["oauth_token_create", "currencies_list"] == [call.operation for call in sandbox.journal.calls]
        rows = {line.split()[1]: line for line in told.stdout.splitlines()}
        assert ["platform", "credentials", "API", "scopes", "clock"] == list(rows)
        assert f"development, {variables['BLAAIZ_BASE_URL']}" in rows["platform"]
        assert "38 asked for; the platform doesn't tell" in rows["scopes"]
        found = json.loads(run("check", "--json", cwd=tmp_path, **variables).stdout)
    assert (True, True, None) == (found["fit"], found["credentials"], found["scopes_held"])
    assert abs(found["clock_offset"]) < 300
    assert "sandbox-secret" not in told.stdout + json.dumps(found)


@pytest.mark.parametrize(
    ("fault", "variables", "credentials", "says"),
    [
        (None, {"BLAAIZ_CLIENT_SECRET": "wrong"}, False, "AuthenticationError"),
        (Fault.status(403), {}, True, "PermissionDeniedError: currencies_list answered 403"),
        (Fault.before_commit(503), {}, True, "ServerError: currencies_list answered 503"),
        (Fault.not_json(), {}, True, "currencies_list"),
        (None, {"BLAAIZ_BASE_URL": "http://127.0.0.1:9"}, None, "APIConnectionError"),
    ],
)
def test_what_is_wrong_is_told_and_the_status_is_1(
    fault: Fault | None, variables: dict[str, str], credentials: bool | None, says: str, tmp_path: Path
) -> None:
    sandbox = Sandbox()
    if fault is not None:
        sandbox.faults.add("currencies_list", fault, times=9)
    with served(sandbox, **variables) as given:
        told = run("check", "--json", cwd=tmp_path, **given)
        assert (1, "") == (told.returncode, told.stderr)
        found = json.loads(told.stdout)
        assert (False, credentials) == (found["ready"], found["credentials"])
        assert says in found["problem"]
        assert "fail" in run("check", cwd=tmp_path, **given).stdout


def test_scopes_that_were_chosen_and_are_not_held_are_named(tmp_path: Path) -> None:
    few = Credential(secret="sandbox-secret", scopes=frozenset({"currency:read", "customer:read"}))
    sandbox = _TellingSandbox(credentials={"sandbox-client": few})
    with served(sandbox) as variables:
        by_default = run("check", cwd=tmp_path, **variables)
        assert 0 == by_default.returncode, by_default.stderr
        assert "38 asked for; not held: wallet:read, bank:read, " in by_default.stdout
        held = run("check", cwd=tmp_path, **variables, BLAAIZ_SCOPES="currency:read customer:read")
        assert (0, True) == (held.returncode, "2 asked for, all held" in held.stdout)
        chosen = run("check", cwd=tmp_path, **variables, BLAAIZ_SCOPES="currency:read payout:create")
        assert (1, True) == (chosen.returncode, "2 asked for; not held: payout:create" in chosen.stdout)


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
    assert ("fail", "behind this machine's") == (clock[0], " ".join(clock[-3:]))


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
