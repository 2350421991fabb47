"""The flow of a row where only a careful look tells what an earlier call has done."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from blaaiz_async import AsyncBlaaiz
from blaaiz_async.onboarding.checking import check_row
from blaaiz_async.onboarding.flow import Flow
from blaaiz_async.onboarding.outcome import Outcome, RowInterruptedError
from blaaiz_async.onboarding.reader import Source
from blaaiz_async.sandbox import Fault, Sandbox, Verdict
from tests.onboarding.support import individual, write_jsonl


async def _no_wait(_seconds: float) -> None:
    pass


async def _run(sandbox: Sandbox, folder: Path, *, attach_repeated: bool) -> str:
    (row,) = Source(write_jsonl(folder, [individual(1)])).rows()
    plan, _ = check_row(row, folder, date(2026, 1, 1))
    assert plan is not None

    async def step(name: str, action: Callable[[bool], Awaitable[Any]]) -> Any:
        return await action(attach_repeated and name == "attach")

    async with AsyncBlaaiz(
        client_id="sandbox-client", client_secret="sandbox-secret", http_client=sandbox.http_client(), budget=None
    ) as api:
        flow = Flow(api=api, plan=plan, step=step, since=datetime.now(UTC), now=lambda: 0.0, sleep=_no_wait)
        end = await flow.run()
    assert Outcome.ONBOARDED == end.outcome
    return end.customer_id


@pytest.mark.asyncio
async def test_files_whose_attaching_was_not_answered_are_known_to_be_there_once_the_review_has_begun(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.verdict = Verdict.hold()  # under review, but PENDING all the while
    sandbox.faults.add("customers_attach_files", Fault.after_commit(None), times=1)
    await _run(sandbox, tmp_path, attach_repeated=False)
    (customer,) = sandbox.customers
    assert {"id_file", "id_file_back", "proof_of_address_file"} == set(customer["files"])


@pytest.mark.asyncio
@pytest.mark.parametrize("attach_repeated", [True, False], ids=["after a crash", "after a lost answer"])
async def test_a_row_is_never_called_onboarded_while_nothing_is_attached(
    attach_repeated: bool,
    sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    if not attach_repeated:
        sandbox.faults.add("customers_attach_files", Fault.before_commit(None), times=1)
    sandbox.faults.add("customers_attach_files", Fault.status(400, body={"message": "No."}), times=5)
    with pytest.raises(RowInterruptedError, match="look at this customer on the platform"):
        await _run(sandbox, tmp_path, attach_repeated=attach_repeated)
    (customer,) = sandbox.customers
    assert not customer["files"]
