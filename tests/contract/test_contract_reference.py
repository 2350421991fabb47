"""The reference on the command line."""

import subprocess
import sys

from blaaiz_async import contract


def printed(*names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "blaaiz_async.contract", *names], capture_output=True, text=True, check=False
    )


def test_an_operation_is_shown_with_its_scope_its_fields_and_its_rules() -> None:
    text = printed("refunds_initiate").stdout
    assert all(part in text for part in ("POST /api/external/refund", "refund:create", "transaction_id*"))
    assert all(rule in text for rule in contract.operation("refunds_initiate").raw["x-rules"])


def test_a_schema_is_shown_and_an_unknown_name_says_so() -> None:
    assert "verification_status*: VerificationStatus" in printed("Customer").stdout
    assert (1, True) == ((unknown := printed("nonsense")).returncode, "nonsense" in unknown.stderr)


def test_without_a_name_every_operation_is_listed() -> None:
    assert [each.id for each in contract.operations()] == [line.split()[0] for line in printed().stdout.splitlines()]
