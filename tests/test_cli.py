"""The command line: exit statuses, what it prints, and what it asks for."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import blaaiz_async

PACKAGE = Path(blaaiz_async.__file__).parent
SAMPLE = PACKAGE / "onboarding" / "sample"
ROW = {
    "external_id": "a",
    "type": "individual",
    "email": "ada@example.com",
    "country": "NG",
    "first_name": "Ada",
    "last_name": "Obi",
    "id_type": "passport",
    "id_number": "A1",
    "id_file": "documents/passport.jpg",
}


def command(*args: str | Path) -> list[str]:
    return [sys.executable, "-m", "blaaiz_async.cli", *map(str, args)]


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BLAAIZ_")}
    return {**kept, "PYTHONPATH": str(PACKAGE.parent), "COLUMNS": "200", **variables}


def run(*args: str | Path, cwd: Path, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*args),
        cwd=cwd,
        env=environment(**variables),
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SAMPLE / "documents", tmp_path / "documents")
    (tmp_path / "good.jsonl").write_text(json.dumps(ROW) + "\n")
    (tmp_path / "bad.jsonl").write_text(json.dumps({**ROW, "email": "Secretvalue", "dob": "1.2.1990"}) + "\n")
    return tmp_path


def test_validate_names_row_line_field_and_remedy_but_no_value(folder: Path) -> None:
    good, bad = run("validate", "good.jsonl", cwd=folder), run("validate", "bad.jsonl", cwd=folder)
    assert (0, "1 rows: 1 valid, 0 invalid\n") == (good.returncode, good.stdout)
    assert 1 == bad.returncode
    assert [
        "row 1 (line 1): email: must be an e-mail address such as ada@example.com",
        "row 1 (line 1): dob: must be a date in the form YYYY-MM-DD",
        "1 rows: 0 valid, 1 invalid",
    ] == bad.stdout.splitlines()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("validate", "nowhere.csv"), "nowhere.csv can't be opened"),
        (("validate",), "Missing argument"),
        (("onboard",), "give FILE or --sample"),
        (("onboard", "good.jsonl", "--sample"), "give FILE or --sample"),
        (("onboard", "good.jsonl"), "set BLAAIZ_CLIENT_ID and BLAAIZ_CLIENT_SECRET"),
        (("onboard", "good.jsonl", "--environment", "moon"), "'moon' is not one of"),
        (("onboard", "good.jsonl", "--environment", "production"), "give --yes"),
        (("onboard", "good.jsonl", "--limits", "raised"), "is for a sandbox"),
        (("onboard", "good.jsonl", "--max-in-flight", "0"), "--max-in-flight"),
        (("onboard", "good.jsonl", "--sandbox", "--base-url", "http://localhost"), "either --sandbox or --base-url"),
        (("onboard", "good.jsonl", "--sandbox", "--job-db", "mysql://x/y"), "SQLite or PostgreSQL"),
        (("onboard", "good.jsonl", "--sandbox", "--job-db", "no/such/folder.sqlite"), "can't be opened"),
        (("onboard", "good.jsonl", "--sandbox", "--job-db", "bad.jsonl"), "can't be used"),
        (("onboard", "good.jsonl", "--sandbox", "--results", "no/such/out.csv"), "can't be written"),
        (("onboard", "good.jsonl", "--sandbox", "--job-db", "://"), "SQLite or PostgreSQL"),
        (("onboard", "good.jsonl", "--sandbox", "--job-db", "postgresql://h:port/x"), "SQLite or PostgreSQL"),
        (("onboard", "good.jsonl", "--sandbox", "--job-db", "sqlite://"), "must be a file"),
        (("onboard", "good.jsonl", "--sandbox", "--results", "good.jsonl"), "is the input, and would replace it"),
        (("sandbox", "--hold", "--reject"), "either --hold or --reject"),
        (("sandbox", "--host", "203.0.113.1"), "choose another --host or --port"),
    ],
)
def test_wrong_usage_or_input_exits_with_2_and_says_what_to_change(args: tuple[str, ...], says: str, folder: Path) -> None:
    ended = run(*args, cwd=folder)
    assert 2 == ended.returncode
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_told_before_an_address_is(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run("sandbox", "--port", str(taken.getsockname()[1]), cwd=folder)
    assert (2, "") == (ended.returncode, ended.stdout)
    assert "choose another --host or --port" in ended.stderr


def test_the_version_is_told(folder: Path) -> None:
    assert f"blaaiz-async {blaaiz_async.__version__}\n" == run("--version", cwd=folder).stdout


def test_onboard_exits_with_0_when_every_row_is_done_and_1_otherwise(folder: Path) -> None:
    done = run("onboard", "good.jsonl", "--sandbox", cwd=folder)
    assert 0 == done.returncode, done.stderr
    assert "1,200" not in done.stderr
    assert "limits raised to 6,000 calls a minute" in done.stderr
    mixed = run("onboard", "bad.jsonl", "--sandbox", "--limits", "platform", "--results", "out.csv", cwd=folder)
    assert 1 == mixed.returncode
    assert "limits as on the platform: 120 calls a minute, 1,500 an hour" in mixed.stderr
    assert (folder / "out.csv").read_text().splitlines()[1].startswith("a,1,invalid,,,")
    assert "Secretvalue" not in mixed.stdout + mixed.stderr + (folder / "out.csv").read_text()


def test_the_served_sandbox_prints_what_to_set_and_takes_a_job(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    served = subprocess.Popen(
        command("sandbox", "--port", str(port), "--per-minute", "500", "--hold"),
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert served.stdout is not None
        lines = [served.stdout.readline().strip() for _ in range(4)]
        variables = dict(line.removeprefix("export ").split("=") for line in lines[1:])
        assert {"BLAAIZ_BASE_URL", "BLAAIZ_CLIENT_ID", "BLAAIZ_CLIENT_SECRET"} == set(variables)
        ended = run("onboard", "good.jsonl", cwd=folder, **variables)
        assert 0 == ended.returncode, ended.stderr
        with urllib.request.urlopen(f"{variables['BLAAIZ_BASE_URL']}/_sandbox/customers") as answer:
            (customer,) = json.load(answer)
        assert "PENDING" == customer["verification_status"]  # held
    finally:
        served.send_signal(signal.SIGINT)
        served.communicate(timeout=30)


@pytest.mark.parametrize(
    ("module", "args", "says"),
    [
        ("typer", ("validate", "good.jsonl"), "pip install 'blaaiz-async[cli]'"),
        ("dbos", ("onboard", "good.jsonl", "--sandbox"), "pip install 'blaaiz-async[cli,jobs]'"),
        ("starlette", ("onboard", "good.jsonl", "--sandbox"), "pip install 'blaaiz-async[cli,sandbox]'"),
        ("starlette", ("sandbox",), "pip install 'blaaiz-async[cli,sandbox]'"),
    ],
)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    module: str, args: tuple[str, ...], says: str, folder: Path
) -> None:
    assert importlib.util.find_spec(module)
    # None in sys.modules is how Python itself marks a module that can't be imported.
    code = f"""
import importlib.util, sys
sys.modules[{module!r}] = None
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == {module!r} else found(name, *rest)
sys.argv = ["blaaiz-async", *{args!r}]
from blaaiz_async.cli import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert 2 == ended.returncode
    assert says in ended.stderr


@pytest.mark.parametrize(
    ("command_name", "says"), [("onboard", "stopped before the first call"), ("validate", "stopped after 0 rows")]
)
def test_ctrl_c_while_rows_are_checked_ends_with_a_word(command_name: str, says: str, folder: Path) -> None:
    code = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background has it ignored
from blaaiz_async.onboarding import job
def interrupted(*args, check=job.check_row):
    signal.raise_signal(signal.SIGINT)
    return check(*args)
job.check_row = interrupted
sys.argv = ["blaaiz-async", {command_name!r}, "good.jsonl"]
from blaaiz_async.cli import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment(BLAAIZ_CLIENT_ID="a", BLAAIZ_CLIENT_SECRET="b", BLAAIZ_BASE_URL="http://localhost:9"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert 1 == ended.returncode
    assert ended.stderr.startswith(says)
    assert "Traceback" not in ended.stderr
    assert not (folder / "good.jsonl.results.csv").exists()


def test_validate_needs_neither_jobs_nor_sandbox(folder: Path) -> None:
    code = """
import sys
sys.argv = ["blaaiz-async", "validate", "good.jsonl"]
from blaaiz_async.cli import main
try:
    main()
finally:
    print(*sorted({"dbos", "sqlalchemy", "starlette"} & set(sys.modules)))
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert "1 rows: 1 valid, 0 invalid\n\n" == ended.stdout
