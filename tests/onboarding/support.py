"""Made-up rows, and the real command line in processes of its own."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import blaaiz_async
from blaaiz_async.sandbox import Sandbox

PACKAGE = Path(blaaiz_async.__file__).parent
SAMPLE = PACKAGE / "onboarding" / "sample"
SHARED = PACKAGE.parent.parent / "shared" / "data"
FILES_OF_INDIVIDUAL = ("id_file", "id_file_back", "proof_of_address_file", "liveness_check_file")


def individual(number: int, **changes: Any) -> dict[str, Any]:
    """A valid row of a made-up person with three files."""
    row = {
        "external_id": f"p-{number}",
        "type": "individual",
        "first_name": f"Firstname{number}x",
        "last_name": f"Lastname{number}x",
        "email": f"person{number}@example.com",
        "country": "NG",
        "phone": f"+23480{number:08d}",
        "id_type": "drivers_license",
        "id_number": f"IDNUMBER{number:06d}",
        "dob": "1990-01-31",
        "street": f"{number} Longstreet Avenue",
        "city": "Lagos",
        "zip_code": "100001",
        "id_file": "documents/licence_front.png",
        "id_file_back": "documents/licence_back.png",
        "proof_of_address_file": "documents/utility_bill.pdf",
    }
    return {name: value for name, value in {**row, **changes}.items() if value is not None}


def owner(number: int, share: Any, **changes: Any) -> dict[str, Any]:
    """A valid owner with both images."""
    row = {
        "first_name": f"Ownername{number}x",
        "last_name": f"Ownerlast{number}x",
        "email": f"owner{number}@example.com",
        "date_of_birth": "1980-05-05",
        "nationality": "NG",
        "country": "NG",
        "ownership_percentage": share,
        "id_document_type": "drivers_license",
        "id_document_front": "documents/licence_front.png",
        "id_document_back": "documents/licence_back.png",
    }
    return {name: value for name, value in {**row, **changes}.items() if value is not None}


def business(number: int, **changes: Any) -> dict[str, Any]:
    """A valid row of a made-up company with two owners and two documents."""
    row = {
        "external_id": f"b-{number}",
        "type": "business",
        "business_name": f"Companyname{number}x Ltd",
        "email": f"company{number}@example.com",
        "country": "NG",
        "incorporation_country": "NG",
        "kyb_scope": "FULL",
        "registration_number": f"REGISTER{number:06d}",
        "owners": [owner(number * 10, 60), owner(number * 10 + 1, 40)],
        "documents": [
            {"type": "CERTIFICATE_OF_INCORPORATION", "name": "Certificate", "file": "documents/utility_bill.pdf"},
            {"type": "OTHER", "name": "Letter", "file": "documents/utility_bill.pdf"},
        ],
    }
    return {name: value for name, value in {**row, **changes}.items() if value is not None}


def write_jsonl(folder: Path, rows: Iterable[dict[str, Any]], name: str = "rows.jsonl") -> Path:
    """Write rows as JSON Lines beside the sample's documents."""
    if not (folder / "documents").exists():
        shutil.copytree(SAMPLE / "documents", folder / "documents")
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def environment(base_url: str = "") -> dict[str, str]:
    """The environment of a command: a sandbox's credentials and nothing of the caller's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BLAAIZ_")}
    named = {"BLAAIZ_CLIENT_ID": "sandbox-client", "BLAAIZ_CLIENT_SECRET": "sandbox-secret"} if base_url else {}
    if base_url:
        named["BLAAIZ_BASE_URL"] = base_url
    return {**kept, **named, "PYTHONPATH": str(PACKAGE.parent), "COLUMNS": "200"}


def command(*args: str | Path) -> list[str]:
    return [sys.executable, "-m", "blaaiz_async.cli", *map(str, args)]


def run(
    *args: str | Path, base_url: str = "", cwd: Path | None = None, timeout: float = 120, variables: Mapping[str, str] = {}
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    env = {**environment(base_url), **variables}
    return subprocess.run(command(*args), env=env, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False)


def onboard(file: Path, base_url: str, *args: str, variables: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    """Onboard a file against a served sandbox with raised limits."""
    return run("onboard", file, "--limits", "raised", *args, base_url=base_url, variables=variables)


def start(*args: str | Path, base_url: str) -> "subprocess.Popen[str]":
    """Start a command."""
    return subprocess.Popen(
        command(*args), env=environment(base_url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_until(holds: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait until something holds; a process that ends before that fails the test with what it printed."""
    while not holds():
        if process.poll() is not None:
            printed, errors = process.communicate()
            pytest.fail(f"the command ended with {process.returncode}: {printed}{errors}")
        time.sleep(0.002)


def results(file: Path) -> dict[str, dict[str, str]]:
    """Read the results file by external_id."""
    with file.with_name(f"{file.name}.results.csv").open(encoding="utf-8", newline="") as opened:
        return {row["external_id"]: row for row in csv.DictReader(opened)}


def outcomes(file: Path) -> dict[str, str]:
    return {external_id: row["outcome"] for external_id, row in results(file).items()}


def assert_each_once(sandbox: Sandbox, rows: Sequence[dict[str, Any]]) -> None:
    """Every row's customer is there exactly once, with all its files, owners and documents, and was handed over."""
    stored = sandbox.customers
    assert sorted(row["email"] for row in rows) == sorted(customer["email"] for customer in stored)
    by_email = {customer["email"]: customer for customer in stored}
    for row in rows:
        customer = by_email[row["email"]]
        assert customer["verification_status"] == "VERIFIED"
        assert sorted(set(row) & set(FILES_OF_INDIVIDUAL)) == sorted(customer["files"])
        assert [(each["type"], each["name"]) for each in row.get("documents", [])] == [
            (each["type"], each["name"]) for each in customer["documents"]
        ]
        for sent, held in zip(row.get("owners", []), customer["owners"], strict=True):
            assert sent["email"] == held["email"]
            assert ("id_document_front" in sent) == bool(held["id_document_path"])
            assert ("id_document_back" in sent) == bool(held["id_document_back_path"])


def calls(row: dict[str, Any]) -> int:
    """How many API calls a row costs when nothing goes wrong: 2 + F for an individual."""
    if row["type"] == "individual":
        return 2 + len(set(row) & set(FILES_OF_INDIVIDUAL))
    owners = [len({"id_document_front", "id_document_back"} & set(each)) for each in row["owners"]]
    # create, reading the owners' ids, per owner its images and one attach, per document two, submit
    return 2 + sum(1 + images for images in owners) + 2 * len(row["documents"]) + 1


def api_calls(sandbox: Sandbox) -> list[str]:
    """The operations that were called and count against the limits."""
    free = {"oauth_token_create", "presigned_upload_put"}
    return [call.operation or call.path for call in sandbox.journal.calls if call.operation not in free]
