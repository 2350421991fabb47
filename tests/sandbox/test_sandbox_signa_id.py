from __future__ import annotations

from typing import Any

import pytest

from blaaiz_async.sandbox import Sandbox
from blaaiz_async.sandbox.oauth import ALL_SCOPES
from tests.sandbox.sandbox_checking import Caller, Clock

pytestmark = pytest.mark.anyio
ID = "/api/external/signa-id"
ASKED: dict[str, Any] = {
    "idempotency_key": "release-1",
    "purpose": "Open your account",
    "scopes": ["identity", "document_images"],
    "origin": "https://shop.example",
}


async def open_caller(clock: Clock | None = None) -> Caller:
    return await Caller(Sandbox(limits=None, now=clock or Clock(), token_lifetime=1e9)).authorize()


async def ask(caller: Caller, **changes: object) -> dict[str, Any]:
    data: dict[str, Any] = (await caller.call("POST", f"{ID}/release-requests", {**ASKED, **changes}, 200))["data"]
    return data


async def read(caller: Caller, release: str) -> dict[str, Any]:
    data: dict[str, Any] = (await caller.call("GET", f"{ID}/releases/{release}", expect=200))["data"]
    return data


async def test_a_code_gives_what_was_asked_for_and_only_once() -> None:
    caller = await open_caller()
    release = (await ask(caller))["id"]
    assert (await read(caller, release))["data"] is None
    code = caller.sandbox.signa_id.release(release, first_name="Ada")
    assert len(code) == 43
    assert (await read(caller, release))["release"]["status"] == "RELEASED"
    got = (await caller.call("POST", f"{ID}/releases/exchange", {"code": code}, 200))["data"]
    assert (got["release"]["id"], got["release"]["status"], got["release"]["access"]["status"]) == (
        release,
        "EXCHANGED",
        "ACTIVE",
    )
    assert got["data"].keys() == {"verification", "identity", "document_images"}
    assert got["data"]["identity"]["first_name"] == "Ada"
    await caller.call("POST", f"{ID}/releases/exchange", {"code": code}, 422)
    assert (await read(caller, release))["data"] == got["data"]
    image = got["data"]["document_images"][0]["id"]
    path = f"{ID}/releases/{release}/documents/{image}"
    link = (await caller.call("GET", path, expect=200))["data"]["url"]
    async with caller.sandbox.http_client() as storage:
        assert (await storage.get(link)).content.startswith(b"\xff\xd8")
    await caller.call("GET", f"{ID}/releases/{release}/documents/none", expect=404)
    caller.sandbox.signa_id.forget_image(release, image)
    await caller.call("GET", path, expect=410)


async def test_timers_end_requests_codes_and_access() -> None:
    clock = Clock()
    caller = await open_caller(clock)
    release = (await ask(caller))["id"]
    code = caller.sandbox.signa_id.release(release)
    clock.move(300)
    await caller.call("POST", f"{ID}/releases/exchange", {"code": code}, 422)
    second = (await ask(caller, idempotency_key="release-2"))["id"]
    clock.move(1800)
    assert (await read(caller, second))["release"]["status"] == "EXPIRED"
    third = (await ask(caller, idempotency_key="release-3"))["id"]
    await caller.call("POST", f"{ID}/releases/exchange", {"code": caller.sandbox.signa_id.release(third)}, 200)
    clock.move(30 * 86400)
    ended = await read(caller, third)
    assert (ended["release"]["access"]["status"], ended["data"]) == ("EXPIRED", None)


async def test_a_revoked_grant_shows_nothing_any_more_and_is_told_of() -> None:
    caller = await open_caller()
    release = (await ask(caller))["id"]
    with pytest.raises(ValueError, match="nothing was released"):
        caller.sandbox.signa_id.revoke(release)
    await caller.call("POST", f"{ID}/releases/exchange", {"code": caller.sandbox.signa_id.release(release)}, 200)
    caller.sandbox.signa_id.revoke(release)
    ended = await read(caller, release)
    assert (ended["release"]["access"]["status"], ended["data"]) == ("REVOKED", None)
    assert caller.sandbox.events == [{"event": "signa_id.grant.revoked", "data": {"release_id": release}}]


async def test_a_repeated_request_gives_the_same_release_without_its_token() -> None:
    caller = await open_caller()
    first = await ask(caller)
    again = await ask(caller)
    assert first["request_token"]
    assert again == {**first, "request_token": None, "release_url": None}
    await caller.call("POST", f"{ID}/release-requests", {**ASKED, "purpose": "Other"}, 422)
    caller.sandbox.signa_id.decline(first["id"])
    assert (await read(caller, first["id"]))["release"]["status"] == "DECLINED"
    with pytest.raises(ValueError, match="DECLINED"):
        caller.sandbox.signa_id.release(first["id"])


@pytest.mark.parametrize("changes", [{"scopes": []}, {"scopes": ["Identity"]}, {"origin": "shop"}, {"purpose": ""}])
async def test_a_request_against_the_schema_is_refused(changes: dict[str, Any]) -> None:
    caller = await open_caller()
    refused = await caller.call("POST", f"{ID}/release-requests", {**ASKED, **changes}, 422)
    assert refused["errors"]


async def test_requests_are_limited_to_thirty_a_minute_for_the_whole_business() -> None:
    clock = Clock()
    caller = await Caller(Sandbox(now=clock)).authorize(" ".join(ALL_SCOPES))
    statuses = [(await caller.http.post(f"{ID}/release-requests", json=ASKED)).status_code for _ in range(31)]
    assert statuses == [200] * 30 + [429]
    clock.move(60)
    await ask(caller)


async def test_a_wallets_status_is_public_and_by_chain() -> None:
    sandbox = Sandbox(limits=None)
    caller = Caller(sandbox)
    path = "/api/v1/signa-id/public/wallets/0xAb/status"
    assert (await caller.call("GET", path, expect=200))["verified"] is False
    sandbox.signa_id.attest("0xaB", level=1, chain_ids=(1, 8453))
    assert len((await caller.call("GET", path, expect=200))["attestations"]) == 2
    found = await caller.call("GET", f"{path}?chain_id=8453", expect=200)
    assert (found["verified"], found["level"], [each["chain_id"] for each in found["attestations"]]) == (True, 1, [8453])
    assert (await caller.call("GET", f"{path}?chain_id=10", expect=200))["verified"] is False
