"""The job as it is used: the real command line in processes of its own, against a served sandbox."""

import contextlib
import csv
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from blaaiz_async.onboarding import InputError, engine
from blaaiz_async.sandbox import Fault, Sandbox
from blaaiz_async.sandbox.server import running
from tests.onboarding.support import (
    SHARED,
    api_calls,
    assert_each_once,
    business,
    calls,
    individual,
    onboard,
    outcomes,
    results,
    run,
    start,
    wait_until,
    write_jsonl,
)


@pytest.mark.skipif(not SHARED.exists(), reason="the project's shared input data isn't there")
@pytest.mark.parametrize("name", ["customers.csv", "businesses.jsonl"])
def test_the_shared_files_end_as_expected_with_the_fewest_calls(
    name: str, tmp_path: Path, sandbox: Sandbox, base_url: str
) -> None:
    shutil.copytree(SHARED, tmp_path / "data")
    file = tmp_path / "data" / name
    expected = json.loads((SHARED / "expected.json").read_text())[name]

    ended = onboard(file, base_url)

    assert 1 == ended.returncode, ended.stderr
    with (file.parent / f"{name}.results.csv").open(encoding="utf-8", newline="") as opened:
        lines = list(csv.DictReader(opened))
    assert list(map(str, range(1, len(lines) + 1))) == [line["row"] for line in lines]
    onboarded = [line["external_id"] for line in lines if line["outcome"] == "onboarded"]
    invalid = [line["external_id"] for line in lines if line["outcome"] == "invalid"]
    twice = expected.get("duplicate_external_id")
    assert sorted(expected["accepted"]) == sorted(onboarded)
    assert sorted([*expected["rejected"], *([twice] if twice else [])]) == sorted(invalid)
    assert len(lines) == len(onboarded) + len(invalid)

    rows = {row["external_id"]: row for row in reversed(list(_rows(file)))}
    accepted = [rows[external_id] for external_id in onboarded]
    assert_each_once(sandbox, accepted)
    ids = {customer["email"]: customer["id"] for customer in sandbox.customers}
    per_customer = Counter(
        call.customer_id for call in sandbox.journal.calls if call.operation != "presigned_upload_put" and call.customer_id
    )
    assert {ids[row["email"]]: calls(row) for row in accepted} == dict(per_customer)
    assert sum(map(calls, accepted)) == len(api_calls(sandbox))


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        if file.suffix == ".csv":
            yield from ({k: v for k, v in row.items() if v} for row in csv.DictReader(opened))
        else:
            yield from map(json.loads, opened)


def test_killed_at_any_moment_it_ends_with_every_customer_exactly_once(
    tmp_path: Path, sandbox: Sandbox, base_url: str
) -> None:
    rows = [*map(individual, range(24)), *map(business, range(6))]
    file = write_jsonl(tmp_path, rows)
    sandbox.latency = 0.02  # so that most kills come between a call's effect and its answer
    random = Random(20)
    for _ in range(5):
        process = start("onboard", file, "--limits", "raised", base_url=base_url)
        target = len(sandbox.journal) + random.randrange(10, 45)
        wait_until(partial(_has_calls, sandbox, target), process)
        process.kill()
        process.communicate()

    ended = onboard(file, base_url)

    assert 0 == ended.returncode, ended.stderr
    assert set(outcomes(file).values()) == {"onboarded"}
    assert_each_once(sandbox, rows)
    before = len(sandbox.journal)
    assert 0 == onboard(file, base_url).returncode
    assert before == len(sandbox.journal), "a finished row was sent again"


def _has_calls(sandbox: Sandbox, count: int) -> bool:
    return len(sandbox.journal) >= count


@pytest.mark.parametrize(
    "fault",
    [Fault.after_commit(None), Fault.after_commit(502), Fault.truncated(), Fault.not_json()],
    ids=lambda fault: f"{fault.kind}-{fault.http_status}",
)
def test_a_lost_answer_makes_nothing_twice(fault: Fault, tmp_path: Path, sandbox: Sandbox, base_url: str) -> None:
    rows = [individual(1), individual(2), business(1)]
    file = write_jsonl(tmp_path, rows)
    for operation in (
        "customers_create",
        "customers_attach_files",
        "customer_owners_attach_files",
        "customer_documents_create",
        "customers_submit",
    ):
        sandbox.faults.add(operation, fault, times=1)

    ended = onboard(file, base_url)

    assert 0 == ended.returncode, ended.stderr
    assert_each_once(sandbox, rows)
    assert len(rows) == sandbox.journal.count("customers_create")


def test_a_create_that_never_arrived_is_sent_again_after_looking(tmp_path: Path, sandbox: Sandbox, base_url: str) -> None:
    file = write_jsonl(tmp_path, [individual(1)])
    sandbox.faults.add("customers_create", Fault.before_commit(None), times=1)

    assert 0 == onboard(file, base_url).returncode

    assert_each_once(sandbox, [individual(1)])
    order = [name for name in api_calls(sandbox) if name in {"customers_create", "customers_list"}]
    # Twice, since a call whose answer was lost may still be under way at the first look.
    assert ["customers_create", "customers_list", "customers_list", "customers_create"] == order


def test_a_passing_failure_is_tried_again_and_a_row_changed_meanwhile_is_not(
    tmp_path: Path, sandbox: Sandbox, base_url: str
) -> None:
    rows = [individual(1), individual(2)]
    file = write_jsonl(tmp_path, rows)
    sandbox.faults.add("files_get_presigned_url", Fault.before_commit(503), times=10_000)
    first = onboard(file, base_url)
    assert 1 == first.returncode
    assert {"p-1": "failed", "p-2": "failed"} == outcomes(file)
    assert "to go on: " in first.stdout
    sandbox.faults.clear()

    write_jsonl(tmp_path, [individual(3), {**rows[0], "city": "Abuja"}, rows[1]])
    assert 1 == onboard(file, base_url).returncode
    assert {"p-3": "onboarded", "p-1": "failed", "p-2": "onboarded"} == outcomes(file)
    changed = results(file)["p-1"]
    assert "the row changed after work on it began" in changed["detail"]
    assert "external_id" not in changed["detail"]  # a new one would make the customer a second time
    made = {customer["email"]: customer["id"] for customer in sandbox.customers}
    assert made[rows[0]["email"]] == changed["customer_id"]

    write_jsonl(tmp_path, [individual(3), *rows])
    assert 0 == onboard(file, base_url).returncode
    assert_each_once(sandbox, [individual(3), *rows])
    assert 3 == sandbox.journal.count("customers_create")


def test_a_refused_row_is_tried_again_once_it_has_changed_and_never_quotes_the_platform(
    tmp_path: Path, sandbox: Sandbox, base_url: str
) -> None:
    file = write_jsonl(tmp_path, [individual(1)])
    body = {"message": "Firstname1x is known to us.", "errors": {"email": ["person1@example.com is taken."]}}
    sandbox.faults.add("customers_create", Fault.status(422, body=body), times=1)
    assert 1 == onboard(file, base_url).returncode
    assert "refused" == results(file)["p-1"]["outcome"]
    assert results(file)["p-1"]["detail"].startswith("customers_create answered 422 for email")
    assert "person1" not in results(file)["p-1"]["detail"]

    assert 1 == onboard(file, base_url).returncode
    assert 1 == sandbox.journal.count("customers_create")

    mended = individual(1, email="other1@example.com")
    write_jsonl(tmp_path, [mended])
    assert 0 == onboard(file, base_url).returncode
    assert_each_once(sandbox, [mended])


def test_a_refusal_after_the_customer_was_made_does_not_make_it_again(
    tmp_path: Path, sandbox: Sandbox, base_url: str
) -> None:
    file = write_jsonl(tmp_path, [individual(1)])
    sandbox.faults.add("customers_attach_files", Fault.status(422, body={"message": "No."}), times=1)
    assert 1 == onboard(file, base_url).returncode
    assert "refused" == results(file)["p-1"]["outcome"]

    write_jsonl(tmp_path, [individual(1, city="Abuja")])
    assert 1 == onboard(file, base_url).returncode
    assert "the platform holds this customer with the earlier data" in results(file)["p-1"]["detail"]

    mended = individual(1, liveness_check_file="documents/selfie.jpg")
    write_jsonl(tmp_path, [mended])
    assert 0 == onboard(file, base_url).returncode
    assert_each_once(sandbox, [mended])
    assert 1 == sandbox.journal.count("customers_create")


def test_an_invalid_row_costs_no_call_and_is_done_once_mended(tmp_path: Path, sandbox: Sandbox, base_url: str) -> None:
    file = write_jsonl(tmp_path, [individual(1, email="nobody"), individual(2)])
    assert 1 == onboard(file, base_url).returncode
    assert {"p-1": "invalid", "p-2": "onboarded"} == outcomes(file)
    assert calls(individual(2)) == len(api_calls(sandbox))

    write_jsonl(tmp_path, [individual(1), individual(2)])
    assert 0 == onboard(file, base_url).returncode
    assert calls(individual(1)) + calls(individual(2)) == len(api_calls(sandbox))


def test_a_row_that_changed_after_it_was_onboarded_is_not_sent_again_and_says_so(
    tmp_path: Path, sandbox: Sandbox, base_url: str
) -> None:
    file = write_jsonl(tmp_path, [individual(1)])
    assert 0 == onboard(file, base_url).returncode
    before = len(sandbox.journal)
    write_jsonl(tmp_path, [individual(1, city="Abuja")])
    assert 0 == onboard(file, base_url).returncode
    assert before == len(sandbox.journal)
    assert "onboarded" == results(file)["p-1"]["outcome"]
    assert "the row has changed since" in results(file)["p-1"]["detail"]


def test_a_customer_that_was_there_before_is_not_taken_for_ours(tmp_path: Path, sandbox: Sandbox, base_url: str) -> None:
    taken = business(1)
    assert 0 == onboard(write_jsonl(tmp_path, [taken], "first.jsonl"), base_url).returncode
    again = write_jsonl(tmp_path, [{**taken, "external_id": "another"}], "second.jsonl")

    assert 1 == onboard(again, base_url).returncode

    assert {"another": "refused"} == outcomes(again)
    assert "" == results(again)["another"]["customer_id"]


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_finishes_calls_and_says_how_to_go_on(
    name: signal.Signals, tmp_path: Path, sandbox: Sandbox, base_url: str
) -> None:
    rows = list(map(individual, range(40)))
    file = write_jsonl(tmp_path, rows)
    sandbox.latency = 0.02
    process = start("onboard", file, "--limits", "raised", base_url=base_url)
    wait_until(lambda: len(sandbox.journal) >= 60, process)
    process.send_signal(name)
    out, err = process.communicate(timeout=60)

    assert 1 == process.returncode, err
    assert f"to go on: blaaiz-async onboard {file} --limits raised" in out
    found = Counter(outcomes(file).values())
    assert len(rows) == found.total()
    assert set(found) <= {"onboarded", "pending"}
    assert found["pending"] > 0

    assert 0 == onboard(file, base_url).returncode
    assert_each_once(sandbox, rows)
    # Calls under way were finished, so none had to be sent twice.
    assert len(rows) == sandbox.journal.count("customers_create")
    assert 3 * len(rows) == sandbox.journal.count("files_get_presigned_url")
    assert len(rows) == sandbox.journal.count("customers_attach_files")


def test_asked_twice_it_does_not_wait_for_calls_that_hang(tmp_path: Path, sandbox: Sandbox, base_url: str) -> None:
    rows = list(map(individual, range(20)))
    file = write_jsonl(tmp_path, rows)
    sandbox.faults.add("customers_attach_files", Fault.hang(), times=100)
    process = start("onboard", file, "--limits", "raised", base_url=base_url)
    wait_until(lambda: sandbox.journal.count("files_get_presigned_url") >= 48, process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("Stopping"):
        pass
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=8)  # less than the grace that one signal gives

    assert 1 == process.returncode
    assert "to go on: " in out
    sandbox.faults.clear()
    assert 0 == onboard(file, base_url).returncode
    assert_each_once(sandbox, rows)


def test_no_personal_data_reaches_the_database_the_output_or_the_results(
    tmp_path: Path, sandbox: Sandbox, base_url: str
) -> None:
    rows = [*map(individual, range(6)), *map(business, range(3))]
    rows = [{**row, "external_id": f"{row['external_id']}@example.org"} for row in rows]
    file = write_jsonl(tmp_path, rows)
    sandbox.faults.add("customers_create", Fault.status(422, body={"message": "Firstname0x Lastname0x"}), times=1)
    sandbox.faults.add("customers_submit", Fault.after_commit(502), times=1)
    sandbox.latency = 0.02
    process = start("onboard", file, "--limits", "raised", base_url=base_url)
    wait_until(lambda: len(sandbox.journal) >= 25, process)
    process.kill()
    killed = "".join(process.communicate())
    left_behind = _bytes_of_database(file)
    ended = onboard(file, base_url)

    kept = left_behind + _bytes_of_database(file) + (killed + ended.stdout + ended.stderr).encode()
    kept += file.with_name("rows.jsonl.results.csv").read_bytes()
    database = file.with_name("rows.jsonl.job.sqlite")
    with sqlite3.connect(database) as connection:
        assert len(rows) == connection.execute("select count(*) from workflow_status").fetchone()[0]
    personal = {"first_name", "last_name", "email", "phone", "id_number", "street", "business_name", "registration_number"}
    people = [*rows, *(owner for row in rows for owner in row.get("owners", []))]
    values = {str(value) for person in people for name, value in person.items() if name in personal}
    assert len(values) > 50
    assert [] == [value for value in sorted(values) if value.encode() in kept]
    assert b"@example.org" not in _bytes_of_database(file)


def _bytes_of_database(file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(file.parent.glob("*.job.sqlite*")))


def test_a_wrong_credential_stops_the_job_and_refuses_no_row(tmp_path: Path, sandbox: Sandbox, base_url: str) -> None:
    file = write_jsonl(tmp_path, list(map(individual, range(40))))
    sandbox.rotate_secret("sandbox-client", "another")

    ended = onboard(file, base_url)

    assert 1 == ended.returncode
    assert "stopped: oauth_token_create answered 401" in ended.stderr
    assert {"pending"} == set(outcomes(file).values())


def test_a_moved_folder_another_name_of_the_host_and_a_rotated_client_go_on_with_the_same_job(
    tmp_path: Path, sandbox: Sandbox, base_url: str
) -> None:
    (tmp_path / "before").mkdir()
    file = write_jsonl(tmp_path / "before", [individual(1), individual(2, email="no")])
    assert 1 == onboard(file, base_url).returncode
    (tmp_path / "before").rename(tmp_path / "after")
    file = write_jsonl(tmp_path / "after", [individual(1), individual(2)])

    rotated = {"BLAAIZ_CLIENT_ID": "rotated", "BLAAIZ_CLIENT_SECRET": "rotated-secret"}
    ended = onboard(file, base_url.replace("127.0.0.1", "localhost"), variables=rotated)

    assert 0 == ended.returncode, ended.stderr
    assert "Warning: the client id isn't the one that this job was last run with" in ended.stderr
    assert_each_once(sandbox, [individual(1), individual(2)])
    assert 2 == sandbox.journal.count("customers_create")


def test_a_job_database_of_another_host_environment_or_file_is_refused_before_any_call(
    tmp_path: Path, sandbox: Sandbox, base_url: str
) -> None:
    file = write_jsonl(tmp_path, [individual(1)])
    assert 0 == onboard(file, base_url).returncode
    before, kept = len(sandbox.journal), results(file)
    database = ("--job-db", str(file.with_name("rows.jsonl.job.sqlite")))
    renamed = write_jsonl(tmp_path, [individual(1)], "renamed.jsonl")
    host = base_url.replace("http://127.0.0.1", "localhost")
    with running(Sandbox()) as elsewhere:
        other_host = onboard(file, elsewhere)
        other_environment = onboard(file, base_url, "--environment", "production", "--yes")
        other_file = onboard(renamed, base_url, *database)
    for ended, other in [
        (other_host, f"rows.jsonl on {elsewhere.replace('http://127.0.0.1', 'localhost')} (development)"),
        (other_environment, f"rows.jsonl on {host} (production)"),
        (other_file, f"renamed.jsonl on {host} (development)"),
    ]:
        assert 2 == ended.returncode
        assert f"holds the job of rows.jsonl on {host} (development), and this would be {other}" in ended.stderr
    assert before == len(sandbox.journal)
    assert kept == results(file)


def test_results_never_replace_the_input_or_the_job_database(tmp_path: Path, base_url: str) -> None:
    file = write_jsonl(tmp_path, [individual(1, email="no")])
    assert 1 == onboard(file, base_url).returncode
    database = file.with_name("rows.jsonl.job.sqlite")
    (tmp_path / "symbolic.csv").symlink_to(file)
    (tmp_path / "hard.csv").hardlink_to(file)
    (tmp_path / "hard.sqlite").hardlink_to(database)
    before = file.read_bytes()
    for results_path, what in [
        (file, "the input"),
        (tmp_path / "documents" / ".." / file.name, "the input"),
        (tmp_path / "symbolic.csv", "the input"),
        (tmp_path / "hard.csv", "the input"),
        (database, "the job database"),
        (tmp_path / "hard.sqlite", "the job database"),
    ]:
        ended = onboard(file, base_url, "--results", str(results_path))
        assert 2 == ended.returncode
        assert f"is {what}, and would replace it" in ended.stderr
    assert before == file.read_bytes()
    assert b"SQLite format 3" == database.read_bytes()[:15]


def test_two_processes_never_work_on_one_job(tmp_path: Path, sandbox: Sandbox, base_url: str) -> None:
    file = write_jsonl(tmp_path, list(map(individual, range(20))))
    sandbox.latency = 2.0  # so that the first still works when the second has started, however slow the machine
    first = start("onboard", file, "--limits", "raised", base_url=base_url)
    wait_until(lambda: len(sandbox.journal) >= 5, first)

    second = onboard(file, base_url)
    sandbox.latency = 0.0
    first.communicate(timeout=60)

    assert 2 == second.returncode
    assert "another process works on this job" in second.stderr
    assert 0 == first.returncode
    assert_each_once(sandbox, list(map(individual, range(20))))


@pytest.mark.skipif("BLAAIZ_TEST_POSTGRES" not in os.environ, reason="BLAAIZ_TEST_POSTGRES names no empty database")
def test_the_job_database_may_be_postgresql(tmp_path: Path, sandbox: Sandbox, base_url: str) -> None:
    rows = [*map(individual, range(12)), business(1)]
    file = write_jsonl(tmp_path, rows)
    database = ("--job-db", os.environ["BLAAIZ_TEST_POSTGRES"])
    sandbox.latency = 2.0  # so that the first still works when the second has started
    process = start("onboard", file, "--limits", "raised", *database, base_url=base_url)
    wait_until(lambda: len(sandbox.journal) >= 20, process)
    assert 2 == onboard(file, base_url, *database).returncode  # another process works on it
    process.kill()
    process.communicate()
    sandbox.latency = 0.0

    ended = onboard(file, base_url, *database)

    assert 0 == ended.returncode, ended.stderr
    assert_each_once(sandbox, rows)


@pytest.mark.parametrize(
    ("python", "sqlite", "fits"), [((3, 12), (3, 41), False), ((3, 12), (3, 42), True), ((3, 11), (3, 40), True)]
)
def test_a_sqlite_that_cannot_keep_a_job_is_refused_in_plain_words(
    python: tuple[int, int], sqlite: tuple[int, int], fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", python)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", sqlite)
    engine._check_sqlite("postgresql://host/name")
    with contextlib.nullcontext() if fits else pytest.raises(InputError, match="or a PostgreSQL database"):
        engine._check_sqlite("sqlite:///rows.job.sqlite")


def test_the_sample_is_onboarded_by_the_embedded_sandbox_and_leaves_only_results(tmp_path: Path) -> None:
    ended = run("onboard", "--sandbox", "--sample", cwd=tmp_path)

    assert 0 == ended.returncode, ended.stderr
    assert "300 onboarded, 0 invalid, 0 refused, 0 failed, 0 pending" in ended.stdout
    assert ["customers.csv.results.csv"] == [path.name for path in tmp_path.iterdir()]
