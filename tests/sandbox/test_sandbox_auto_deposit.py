from __future__ import annotations

from typing import Any, Literal

import pytest

from blaaiz_async.sandbox import Sandbox
from blaaiz_async.sandbox.auto_deposit import ACCOUNT_EMAIL
from blaaiz_async.sandbox.treasury import Treasury
from tests.sandbox.sandbox_checking import Caller, Clock

pytestmark = pytest.mark.anyio
STEPS: tuple[Literal["PROCESSING", "ACTIVE", "BLOCKED"], ...] = ("PROCESSING", "ACTIVE", "ACTIVE", "BLOCKED")
EMAILS = "/api/external/interac-auto-deposit-email"


async def open_caller(clock: Clock | None = None) -> Caller:
    return await Caller(Sandbox(limits=None, now=clock or Clock())).authorize()


async def register(caller: Caller, email: str = "pay@example.com") -> dict[str, Any]:
    data: dict[str, Any] = (await caller.call("POST", EMAILS, {"email": email}, 201))["data"]
    return data


async def test_staff_activate_or_block_and_only_that_is_told_once() -> None:
    caller = await open_caller()
    made = await register(caller)
    assert made["status"] == "PENDING"
    for status in STEPS:
        caller.sandbox.auto_deposit.move(made["id"], status)
    assert [(event["type"], event["status"]) for event in caller.sandbox.events] == [
        ("auto_deposit_email.active", "ACTIVE"),
        ("auto_deposit_email.blocked", "BLOCKED"),
    ]
    caller.sandbox.auto_deposit.outcome = "ACTIVE"
    second = await register(caller, "other@example.com")
    assert second["status"] == "PENDING"
    assert (await caller.call("GET", f"{EMAILS}/{second['id']}", expect=200))["data"]["status"] == "ACTIVE"


async def test_an_email_is_taken_until_its_registration_is_removed() -> None:
    caller = await open_caller()
    made = await register(caller)
    for email in ("PAY@example.com", ACCOUNT_EMAIL):
        refused = await caller.call("POST", EMAILS, {"email": email}, 422)
        assert refused["errors"] == {"email": ["The email has already been taken."]}
    caller.sandbox.auto_deposit.remove(made["id"])
    await caller.call("GET", f"{EMAILS}/{made['id']}", expect=404)
    await register(caller)


async def test_what_the_business_lacks_refuses_it() -> None:
    caller = await open_caller()
    for body in ({}, {"email": "none"}, {"email": f"{'a' * 250}@example.com"}):
        await caller.call("POST", EMAILS, body, 422)
    caller.sandbox.state.book(Treasury).wallets.pop("CAD")
    refused = await caller.call("POST", EMAILS, {"email": "pay@example.com"}, 400)
    assert refused["message"] == "Please create a CAD wallet before adding an auto deposit email"
    caller.sandbox.auto_deposit.enabled = False
    await caller.call("GET", EMAILS, expect=403)


async def test_pages_of_ten_come_most_recently_updated_first() -> None:
    clock = Clock()
    caller = await open_caller(clock)
    made = [(await register(caller, f"pay{number}@example.com"))["id"] for number in range(11)]
    clock.move(60)
    caller.sandbox.auto_deposit.move(made[3], "ACTIVE")
    first = await caller.call("GET", EMAILS, expect=200)
    second = await caller.call("GET", first["links"]["next"], expect=200)
    assert [each["id"] for each in (*first["data"], *second["data"])] == [made[3], *reversed([*made[:3], *made[4:]])]
    assert (second["meta"]["from"], second["meta"]["to"], second["links"]["next"]) == (11, 11, None)
    active = await caller.call("GET", f"{EMAILS}?status=ACTIVE", expect=200)
    assert [each["id"] for each in active["data"]] == [made[3]]
    empty = await caller.call("GET", f"{EMAILS}?search_term=nobody", expect=200)
    assert (empty["data"], empty["meta"]["total"], empty["meta"]["from"]) == ([], 0, None)
    for query in ("status=active", "page=0", f"search_term={'a' * 256}"):
        await caller.call("GET", f"{EMAILS}?{query}", expect=422)
