"""`blaaiz-async call`: any method of any service from the command line."""

import inspect
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from blaaiz_async import AsyncBlaaiz
from blaaiz_async.cli import main, methods
from blaaiz_async.cli.common import UsageError
from blaaiz_async.core.operation import OPERATIONS, Safety
from blaaiz_async.sandbox import Fault, Sandbox, running
from tests.test_cli import command, environment, run

ADA = {
    "type": "individual",
    "email": "ada@example.com",
    "country": "NG",
    "first_name": "Ada",
    "last_name": "Obi",
    "id_type": "passport",
    "id_number": "A1234567",
}


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(limits=None)


@pytest.fixture
def variables(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    with running(sandbox) as url:
        yield {"BLAAIZ_CLIENT_ID": "sandbox-client", "BLAAIZ_CLIENT_SECRET": "sandbox-secret", "BLAAIZ_BASE_URL": url}


def test_a_record_is_created_read_listed_and_iterated(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "ada.json").write_text(json.dumps(ADA))
    made = run("call", "customers.create", "--data", "@ada.json", "--json", cwd=tmp_path, **variables)
    assert (0, "") == (made.returncode, made.stderr)
    customer_id = json.loads(made.stdout)["id"]

    shown = run("call", "customers.get", customer_id, cwd=tmp_path, **variables)
    assert "Customer" == shown.stdout.splitlines()[0]
    assert {f"  id: {customer_id}", "  email: ada@example.com", "  owners: -"} <= set(shown.stdout.splitlines())

    for form in (["email=ada@example.com"], ["--email", "ada@example.com"], ["--email=ada@example.com"]):
        assert [customer_id] == [
            each["id"]
            for each in json.loads(run("call", "customers.list", "--json", *form, cwd=tmp_path, **variables).stdout)
        ]
    none = run("call", "customers.list", "email=bob@example.com", "--json", cwd=tmp_path, **variables)
    assert "[]\n" == none.stdout

    bob = json.dumps({**ADA, "email": "bob@example.com", "id_number": "B1"})
    assert 0 == run("call", "customers.create", bob, cwd=tmp_path, **variables).returncode
    lines = run("call", "customers.iterate", "--json", cwd=tmp_path, **variables).stdout.splitlines()
    assert {"ada@example.com", "bob@example.com"} == {json.loads(line)["email"] for line in lines}
    page = json.loads(run("call", "customers.list_page", "1", "--json", cwd=tmp_path, **variables).stdout)
    assert (2, 1) == (len(page["items"]), page["page"])
    assert "page 1" in run("call", "customers.list_page", cwd=tmp_path, **variables).stdout


def test_files_are_given_by_path(variables: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "passport.jpg").write_bytes(b"\xff\xd8\xff" + bytes(64))
    made = run("call", "customers.create", json.dumps(ADA), "--json", cwd=tmp_path, **variables)
    customer_id = json.loads(made.stdout)["id"]
    words = ("files.upload", customer_id, "passport.jpg", "--file-category", "identity_back")
    assert 0 == run("call", *words, cwd=tmp_path, **variables).returncode
    options = json.dumps({"file": "passport.jpg", "file_category": "identity"})
    done = run("call", "customers.upload_file_complete", customer_id, options, cwd=tmp_path, **variables)
    assert 0 == done.returncode, done.stderr
    (customer,) = sandbox.customers
    assert ["id_file"] == list(customer["files"])


def test_amounts_stay_as_written(variables: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    query = '{"from_currency_id": "USD", "to_currency_id": "NGN", "from_amount": 100.10}'
    done = run("call", "fees.get_breakdown", "--data", "-", "--json", cwd=tmp_path, given=query, **variables)
    assert 0 == done.returncode, done.stderr
    (asked,) = [each for each in sandbox.journal.calls if each.operation == "fees_breakdown"]
    assert b"100.10" in asked.body
    assert "100.1" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("customer.get",), "did you mean customers?"),
        (("customers.gett", "x"), "did you mean get"),
        (("customers",), "there is create, list"),
        (("webhooks.construct_event",), "has no method 'construct_event' that makes a call"),
        (("customers.get",), "customer_id is missing; usage: call customers.get CUSTOMER_ID"),
        (("customers.get", "a", "b"), "too many arguments"),
        (("customers.get", "id=a"), "no argument id; usage: call customers.get CUSTOMER_ID"),
        (("customers.create", "email=a@b.ca"), "fields of customer go into --data '{\"email\": …}'; usage: call customers"),
        (("customers.get", "a", "customer_id=b"), "customer_id is given twice"),
        (("customers.get", "customer_id=a", "--customer-id=b"), "customer_id is given twice"),
        (("customers.list", "--emial", "x"), "did you mean --email?"),
        (("customers.list", "--email"), "--email needs a value"),
        (("customers.list_page", "page=x"), "page must be a whole number"),
        (("customers.wait", "x", "deadline=soon"), "deadline must be a number"),
        (("customers.create",), "customer is missing (a JSON object, or --data)"),
        (("customers.create", "[1]"), "customer must be a JSON object"),
        (("customers.create", "--data", "@nowhere.json"), "nowhere.json can't be read"),
        (("customers.create", "--data", "{"), "--data must be a JSON object"),
        (("customers.get", "x", "--data", "{}"), "--data has no argument to go to"),
        (("files.upload", "x", "nowhere.jpg", "file_category=identity"), "source must be a file"),
        (("files.upload", "x", __file__, "file_category=face"), "file_category must be one of identity"),
        (("collections.initiate", "{}", "allow_open_banking=yes"), "allow_open_banking must be one of true, false"),
        (("webhooks.list_logs", "start_date=1.2.26"), "start_date must be a date"),
        (("webhooks.register", "{}"), "signing_secret, which only --json shows; nothing was sent"),
        (("currencies.list", "--sandbox", "--base-url", "http://localhost"), "either --sandbox or --base-url"),
        (("currencies.list",), "set BLAAIZ_CLIENT_ID and BLAAIZ_CLIENT_SECRET"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_to_change(
    words: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in list(os.environ):
        if name.startswith("BLAAIZ_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["blaaiz-async", "call", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert (2, "", 1) == (ended.value.code, told.out, len(told.err.splitlines()))
    assert says in told.err


def test_an_error_is_one_line_and_exit_1(variables: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    missing = run("call", "customers.get", "nobody", cwd=tmp_path, **variables)
    assert (1, "", 1) == (missing.returncode, missing.stdout, len(missing.stderr.splitlines()))
    assert missing.stderr.startswith("blaaiz-async: customers_get answered 404")
    refused = run("call", "customers.create", '{"type": "individual"}', cwd=tmp_path, **variables)
    assert (1, 1) == (refused.returncode, len(refused.stderr.splitlines()))
    assert "not sent: email: is required" in refused.stderr
    sandbox.faults.add("refunds_initiate", Fault.status(403))
    refund = json.dumps({"transaction_id": "t1", "reference": "REFUND-1", "reason": "Sent twice."})
    unknown = run("call", "refunds.initiate", refund, cwd=tmp_path, **variables)
    assert 1 == unknown.returncode
    assert "[idempotency key REFUND-1]" in unknown.stderr


def test_links_and_secrets_show_only_as_json(variables: dict[str, str], tmp_path: Path) -> None:
    hidden = run("call", "customers.create", json.dumps(ADA), "--json", cwd=tmp_path, **variables)
    customer_id = json.loads(hidden.stdout)["id"]
    word = json.dumps({"customer_id": customer_id, "file_category": "identity"})
    refused = run("call", "files.get_presigned_url", word, cwd=tmp_path, **variables)
    assert (2, "") == (refused.returncode, refused.stdout)
    shown = run("call", "files.get_presigned_url", word, "--json", cwd=tmp_path, **variables)
    assert json.loads(shown.stdout)["url"].startswith(variables["BLAAIZ_BASE_URL"])


def test_nested_links_are_hidden_and_control_characters_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    from blaaiz_async.cli.show import show
    from blaaiz_async.types.kyb import KybDocument

    document = KybDocument(id="d1", name="A\x1b[2J", url="https://storage.example/d1?X-Amz-Signature=secret")
    show([document], as_json=False)
    printed = capsys.readouterr().out
    assert printed.startswith("- KybDocument\n    id: d1\n")
    assert "name: A\\x1b[2J" in printed
    assert "url: (hidden; --json shows it)" in printed
    show([document], as_json=True)
    assert "X-Amz-Signature=secret" in capsys.readouterr().out


def test_an_embedded_sandbox_needs_nothing_else(tmp_path: Path) -> None:
    done = run("call", "currencies.list", "--sandbox", cwd=tmp_path, BLAAIZ_BASE_URL="http://127.0.0.1:9")
    assert 0 == done.returncode, done.stderr
    assert "    code: NGN" in done.stdout.splitlines()


def test_a_write_on_production_needs_yes_and_a_read_does_not(
    variables: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    production = {**variables, "BLAAIZ_ENVIRONMENT": "production"}
    for words in (("customers.submit", "x"), ("payouts.initiate", "{}")):
        asked = run("call", *words, cwd=tmp_path, **production)
        assert (2, True) == (asked.returncode, "give --yes" in asked.stderr)
    assert 0 == len(sandbox.journal)
    assert 0 == run("call", "currencies.list", cwd=tmp_path, **production).returncode
    assert 1 == run("call", "customers.submit", "x", "--yes", cwd=tmp_path, **production).returncode
    assert 1 == sandbox.journal.count("customers_submit")


@pytest.mark.parametrize(("typed", "expected"), [("production", (1, 1)), ("yes", (2, 0))])
def test_at_a_terminal_a_write_on_production_is_asked_for(
    typed: str, expected: tuple[int, int], variables: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{typed}\n".encode())
        asked = subprocess.run(
            command("call", "customers.submit", "x"),
            cwd=tmp_path,
            env=environment(**variables, BLAAIZ_ENVIRONMENT="production"),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert expected == (asked.returncode, sandbox.journal.count("customers_submit")), asked.stderr
    assert "calls customers.submit on production" in asked.stderr


def every_method() -> list[str]:
    blaaiz = AsyncBlaaiz(client_id="i", client_secret="s")
    return [
        f"{area}.{name}"
        for area, value in vars(AsyncBlaaiz).items()
        if isinstance(value, cached_property)
        for name, method in vars(type(getattr(blaaiz, area))).items()
        if inspect.isfunction(method) and not name.startswith("_") and "makes no call" not in (method.__doc__ or "")
    ]


@pytest.mark.parametrize("name", [each for each in every_method() if each != "customers.check_update"])
def test_every_method_that_calls_can_be_given_what_it_requires(name: str) -> None:
    method = methods.find(name)
    values: dict[str, Any] = {each: "{}" if each == method.body else "1" for each in method.required}
    if "source" in values:
        values["source"] = __file__
    if "file_category" in values:
        values["file_category"] = "id_document_front" if "owner" in name else "identity"
    bound = method.bind([f"{each}={value}" for each, value in values.items()], None)
    inspect.signature(method.function).bind(None, **bound)
    assert set(values) == set(bound)
    # Whether it is asked for on production goes by the operation, so a wrong guess would be silent.
    named = [each for each in OPERATIONS.values() if each.id in (method.function.__doc__ or "")]
    assert named
    assert method.writes == any(each.method != "GET" and each.safety is not Safety.READ for each in named)


def test_unknown_words_never_pass_as_arguments() -> None:
    with pytest.raises(UsageError, match="no option --limits"):
        methods.find("customers.get").bind(["x", "--limits", "1"], None)
    assert {"customer_id": "a=b"} == methods.find("customers.get").bind(["customer_id=a=b"], None)
    assert sys.modules["blaaiz_async.cli.methods"] is methods
