from __future__ import annotations

import json

import pytest

from blaaiz_async.sandbox import Credential, Fault, Limits, Sandbox
from tests.sandbox.sandbox_checking import BUSINESS, CUSTOMER, INDIVIDUAL, Caller, Clock

pytestmark = pytest.mark.anyio


async def test_a_token_is_given_for_the_right_form_only() -> None:
    caller = Caller(Sandbox())
    refused = [
        (answer.status_code, answer.json()["error"])
        for answer in (
            await caller.token(client_secret="wrong"),
            await caller.token(client_id="unknown"),
            await caller.token(grant_type=None),
            await caller.token(grant_type="password"),
            await caller.token(scope="full-access"),
            await caller.token(scope="customer:read no:such"),
            await caller.http.post("/oauth/token", json={"grant_type": "client_credentials"}),
        )
    ]
    assert refused == [
        (401, "invalid_client"),
        (401, "invalid_client"),
        (400, "invalid_request"),
        (400, "unsupported_grant_type"),
        (400, "invalid_scope"),
        (400, "invalid_scope"),
        (400, "invalid_request"),
    ]


async def test_a_call_needs_a_live_token_with_its_scopes() -> None:
    clock = Clock()
    credentials = {"sandbox-client": Credential(secret="sandbox-secret", scopes=frozenset({"customer:read"}))}
    sandbox = Sandbox(credentials=credentials, now=clock)
    caller = Caller(sandbox)
    assert (await caller.call("GET", CUSTOMER, expect=401))["message"] == "Invalid or missing access token"
    await caller.authorize("customer:read customer:write")
    await caller.call("GET", CUSTOMER, expect=200)
    refused = await caller.call("POST", CUSTOMER, INDIVIDUAL, expect=403)
    assert refused["message"] == "Invalid scope(s) provided."
    clock.move(899.9)
    await caller.call("GET", CUSTOMER, expect=200)
    clock.move(0.1)
    await caller.call("GET", CUSTOMER, expect=401)
    await caller.authorize("")
    await caller.call("GET", CUSTOMER, expect=403)
    await caller.authorize("customer:read")
    sandbox.revoke_tokens()
    await caller.call("GET", CUSTOMER, expect=401)
    await caller.authorize("customer:read")
    sandbox.rotate_secret("sandbox-client", "new")
    await caller.call("GET", CUSTOMER, expect=401)
    assert (await caller.token(client_secret="sandbox-secret")).status_code == 401
    assert (await caller.token(client_secret="new")).status_code == 200


async def test_the_withdrawn_api_key_is_refused() -> None:
    caller = Caller(Sandbox())
    answer = await caller.http.get(CUSTOMER, headers={"x-blaaiz-api-key": "key"})
    assert answer.status_code == 401
    assert "OAuth" in answer.json()["message"]


async def test_windows_open_with_the_first_call_and_refused_calls_cost_nothing() -> None:
    clock = Clock(1000.5)
    sandbox = Sandbox(limits=Limits(per_minute=2, per_hour=3), now=clock, token_lifetime=10**6)
    caller = await Caller(sandbox).authorize()

    async def standing() -> tuple[int, str, str, str]:
        answer = await caller.http.get(CUSTOMER)
        values = (answer.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset"))
        return answer.status_code, *values  # type: ignore[return-value]  # three of them

    clock.move(9.5)
    assert await standing() == (200, "2", "1", "1070")
    clock.move(30)
    assert await standing() == (200, "2", "0", "1070")
    assert await standing() == (429, "2", "0", "1070")
    clock.move(29.9)
    assert await standing() == (429, "2", "0", "1070")
    clock.move(0.1)
    assert await standing() == (200, "2", "0", "4610")
    assert await standing() == (429, "2", "0", "4610")
    clock.at = 4610.0
    assert await standing() == (200, "2", "1", "4670")
    await caller.authorize()
    assert (await standing())[0] == 200


async def test_each_client_has_limits_of_its_own_and_only_api_calls_count() -> None:
    sandbox = Sandbox(credentials={"sandbox-client": "sandbox-secret", "b": "b"}, limits=Limits(per_minute=3))
    first = await Caller(sandbox).authorize()
    customer = await first.create(INDIVIDUAL)
    await first.identity_file(customer)
    await first.authorize()
    await first.call("GET", CUSTOMER, expect=200)
    await first.call("GET", CUSTOMER, expect=429)
    second = Caller(sandbox)
    token = (await second.token(client_id="b", client_secret="b", scope="customer:read")).json()["access_token"]
    second.http.headers["authorization"] = f"Bearer {token}"
    await second.call("GET", CUSTOMER, expect=200)


async def test_lists_filter_exactly_and_page_newest_first() -> None:
    caller = await Caller(Sandbox(limits=None)).authorize()
    ids = [await caller.create(INDIVIDUAL, email=f"p{number}@example.com", id_number=f"N{number}") for number in range(16)]
    ids.append(await caller.create(BUSINESS))

    async def found(query: str) -> list[str]:
        answer = await caller.call("GET", f"{CUSTOMER}?{query}", expect=200)
        return [row["id"] for row in answer["data"]]

    assert set(await found("")) == set(ids)
    assert await found("email=p3@example.com") == [ids[3]]
    assert await found("email=p3@example.com&id_number=N4") == []
    assert await found("registration_number=RC1&type=BUSINESS&verification_status=pending") == [ids[16]]
    await caller.call("GET", f"{CUSTOMER}?verification_status=DONE", expect=422)
    newest_first = ids[::-1]
    assert await found("paginate=true") == newest_first[:15]
    assert await found("paginate=1&page=2") == newest_first[15:]
    page = await caller.call("GET", f"{CUSTOMER}?paginate=1&page=2&type=individual", expect=200)
    assert page["meta"] | {"path": ""} == {
        "current_page": 2, "from": 16, "last_page": 2, "path": "", "per_page": 15, "to": 16, "total": 16,
    }  # fmt: skip
    assert page["links"]["prev"] == f"http://sandbox.test{CUSTOMER}?page=1"
    assert page["links"]["next"] is None
    assert set(page["data"][0]).isdisjoint({"kyc_data", "owners", "documents"})


async def test_unknown_things_are_told_of_in_json() -> None:
    caller = await Caller(Sandbox(limits=None)).authorize()
    customer = await caller.create(BUSINESS)
    for path in (f"{CUSTOMER}/none", f"{CUSTOMER}/{customer}/document/none", f"{CUSTOMER}/{customer}/beneficiary/none"):
        await caller.call("GET", path, expect=404)
    await caller.call("DELETE", f"{CUSTOMER}/{customer}/owner/none", expect=404)
    await caller.call("PATCH", CUSTOMER, {}, expect=405)
    await caller.call("GET", "/api/external/nothing", expect=404)
    answer = await caller.http.post(CUSTOMER, content=b"{not json")
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid request parameters")


async def test_beneficiaries_come_in_the_documented_shape() -> None:
    sandbox = Sandbox(limits=None)
    caller = await Caller(sandbox).authorize()
    customer = await caller.create(INDIVIDUAL)
    path = f"{CUSTOMER}/{customer}/beneficiary"
    assert (await caller.call("GET", path, expect=200))["data"] == []
    beneficiary = sandbox.add_beneficiary(customer, first_name="Ben")
    assert (await caller.call("GET", f"{path}/{beneficiary}", expect=200))["data"][0]["first_name"] == "Ben"


async def test_nothing_personal_shows_in_a_repr() -> None:
    sandbox = Sandbox(limits=None)
    caller = await Caller(sandbox).authorize()
    customer = await caller.create(INDIVIDUAL)
    await caller.identity_file(customer)
    stored = sandbox.state.customers[customer]
    shown = repr([sandbox, sandbox.journal, sandbox.journal.calls, stored, sandbox.state.uploads, sandbox.faults])
    for secret in ("Ada", "ada@", "A1234567", "sandbox-secret", caller.http.headers["authorization"][7:], "signature="):
        assert secret not in shown


async def test_the_journal_tells_what_was_asked_about_whom_and_how_it_ended() -> None:
    sandbox = Sandbox(limits=None)
    caller = await Caller(sandbox).authorize()
    customer = await caller.create(INDIVIDUAL)
    await caller.identity_file(customer)
    sandbox.faults.add("customers_create", Fault.after_commit(502))
    await caller.call("POST", CUSTOMER, INDIVIDUAL, 502)
    second = sandbox.customers[1]["id"]
    await caller.call("GET", "/api/external/nothing", expect=404)
    assert [(call.operation, call.status, call.customer_id) for call in sandbox.journal.calls] == [
        ("oauth_token_create", 200, None),
        ("customers_create", 201, customer),
        ("files_get_presigned_url", 200, customer),
        ("presigned_upload_put", 200, customer),
        ("customers_create", 502, second),
        (None, 404, None),
    ]
    assert json.loads(sandbox.journal.calls[1].body) == INDIVIDUAL
    sandbox.journal.clear()
    assert sandbox.journal.count() == 0


async def test_the_same_seed_gives_the_same_ids() -> None:
    async def ids(seed: int | None) -> list[str]:
        caller = await Caller(Sandbox(seed=seed)).authorize()
        return [await caller.create(INDIVIDUAL) for _ in range(2)]

    assert await ids(7) == await ids(7)
    assert await ids(7) != await ids(8)
    assert await ids(None) != await ids(None)
