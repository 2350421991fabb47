from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from blaaiz_async.sandbox import Sandbox, Verdict
from blaaiz_async.sandbox.oauth import ALL_SCOPES
from tests.sandbox.sandbox_checking import CUSTOMER, INDIVIDUAL, Caller, Clock

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.anyio
SESSIONS = "/api/external/compliance/kyc/sessions"
HEADLESS: dict[str, Any] = {"customer_reference": "user_1", "idempotency_key": "key-1", "requirements": ["DOCUMENTS"]}
HOSTED: dict[str, Any] = {**HEADLESS, "requirements": ["FACE_MATCH", "DOCUMENTS", "SELFIE"]}
PASSPORT = {"filename": "p.jpg", "content_type": "image/jpeg", "id_doc_type": "PASSPORT", "country": "NGA"}
INLINE = {**PASSPORT, "content_base64": base64.b64encode(b"\xff\xd8\xff a passport").decode()}


async def open_caller(clock: Clock | None = None, **options: Any) -> Caller:
    return await Caller(Sandbox(limits=None, now=clock or Clock(), **options)).authorize()


async def start(caller: Caller, body: Mapping[str, Any] = HEADLESS, /, **changes: Any) -> dict[str, Any]:
    answer = await caller.call("POST", SESSIONS, {**body, **changes}, 200)
    data: dict[str, Any] = answer["data"]
    return data


async def read(caller: Caller, session: str) -> dict[str, Any]:
    data: dict[str, Any] = (await caller.call("GET", f"{SESSIONS}/{session}", expect=200))["data"]
    return data


async def finish(caller: Caller, **changes: Any) -> str:
    session = (await start(caller, **changes))["id"]
    await caller.call("POST", f"{SESSIONS}/{session}/documents", INLINE, 200)
    await caller.call("POST", f"{SESSIONS}/{session}/submit", expect=200)
    return str(session)


@pytest.mark.parametrize(
    ("requirements", "mode", "resolved"),
    [
        (["DOCUMENTS"], None, "HEADLESS"),
        (["DOCUMENTS"], "HOSTED", None),
        (["FACE_MATCH", "SELFIE", "DOCUMENTS"], None, "HOSTED"),
        (["FACE_MATCH", "SELFIE", "DOCUMENTS"], "HEADLESS", None),
        (["PROOF_OF_ADDRESS", "FACE_MATCH", "SELFIE", "DOCUMENTS"], None, "HOSTED"),
        (["PROOF_OF_ADDRESS", "DOCUMENTS"], None, "HOSTED"),
        (["PROOF_OF_ADDRESS", "DOCUMENTS"], "HEADLESS", "HEADLESS"),
        (["PROOF_OF_ADDRESS"], "HEADLESS", "HEADLESS"),
        (["SELFIE"], None, None),
        (["DOCUMENTS", "FACE_MATCH"], None, None),
        (["DOCUMENTS", "DOCUMENTS"], None, None),
        (["documents"], None, None),
    ],
)
async def test_only_the_supported_sets_open_in_the_modes_they_allow(
    requirements: list[str], mode: str | None, resolved: str | None
) -> None:
    caller = await open_caller()
    body = {**HEADLESS, "requirements": requirements, **({} if mode is None else {"fulfilment_mode": mode})}
    answer = await caller.call("POST", SESSIONS, body, 422 if resolved is None else 200)
    if resolved is None:
        assert answer["errors"]
        return
    order = ("DOCUMENTS", "SELFIE", "FACE_MATCH", "PROOF_OF_ADDRESS")
    assert answer["data"]["requirements"] == [each for each in order if each in requirements]
    assert (answer["data"]["fulfilment_mode"], answer["data"]["status"]) == (resolved, "AWAITING_INPUT")
    assert (answer["data"]["verification_link"] is None) == (resolved == "HEADLESS")


async def test_a_key_gives_its_session_back_for_ever_and_takes_no_other_details() -> None:
    clock = Clock()
    caller = await open_caller(clock, token_lifetime=1e9)
    first = await start(caller, HOSTED)
    assert await start(caller, HOSTED, requirements=["DOCUMENTS", "SELFIE", "FACE_MATCH"]) == first
    await caller.call("POST", SESSIONS, {**HOSTED, "customer_reference": "user_2"}, 422)
    await caller.call("POST", SESSIONS, {**HOSTED, "requirements": ["DOCUMENTS"]}, 422)
    clock.move(90000)
    again = await start(caller, HOSTED)
    assert (again["id"], again["status"], again["verification_link"]) == (first["id"], "EXPIRED", None)
    assert (await caller.call("GET", SESSIONS, expect=200))["data"]["total"] == 1


async def test_an_unfinished_setup_is_finished_by_the_same_key() -> None:
    caller = await open_caller()
    caller.sandbox.signa.unfinished_setups = 1
    first = await start(caller)
    assert first["status"] == "CREATED"
    assert (await start(caller))["status"] == "AWAITING_INPUT"


async def test_open_sessions_are_capped_until_one_ends() -> None:
    caller = await open_caller()
    caller.sandbox.signa.open_cap = 1
    first = (await start(caller))["id"]
    refused = await caller.call("POST", SESSIONS, {**HEADLESS, "idempotency_key": "key-2"}, 422)
    assert refused["message"].startswith("Too many open verification sessions")
    await caller.call("POST", f"{SESSIONS}/{first}/cancel", expect=200)
    await start(caller, idempotency_key="key-2")


async def test_a_headless_session_goes_by_staged_files_to_review_and_verdict() -> None:
    caller = await open_caller()
    body = {**HEADLESS, "requirements": ["DOCUMENTS", "PROOF_OF_ADDRESS"], "fulfilment_mode": "HEADLESS"}
    session = (await start(caller, body))["id"]
    path = f"{SESSIONS}/{session}"
    await caller.call("POST", f"{path}/submit", expect=422)
    for name, type in (("passport front.jpg", "PASSPORT"), ("bill.pdf", "UTILITY_BILL")):
        target = (await caller.call("POST", f"{path}/documents/upload-url", {"file_name": name, "id_doc_type": type}, 200))[
            "data"
        ]
        sent = {**PASSPORT, "id_doc_type": type, "file_name": target["file_name"]}
        refused = await caller.call("POST", f"{path}/documents", sent, 422)
        assert refused["message"].startswith("No uploaded file was found under that name")
        async with caller.sandbox.http_client() as storage:
            assert (await storage.put(target["url"], content=b"bytes", headers=target["headers"])).status_code == 200
        await caller.call("POST", f"{path}/documents", {**sent, "file_name": name}, 422)
        await caller.call("POST", f"{path}/documents", sent, 200)
    submitted = (await caller.call("POST", f"{path}/submit", expect=200))["data"]
    assert submitted["status"] == "IN_REVIEW"
    assert submitted["steps"] == {"documents": "SUBMITTED", "selfie": None, "proof_of_address": "SUBMITTED"}
    await caller.call("POST", f"{path}/submit", expect=422)
    await caller.call("POST", f"{path}/documents", INLINE, 422)
    assert (await read(caller, session))["status"] == "APPROVED"
    assert [event["data"]["result"] for event in caller.sandbox.events] == ["APPROVED"]
    listed = (await caller.call("GET", f"{path}/documents", expect=200))["data"]
    assert [each["kind"] for each in listed] == ["DOCUMENT", "PROOF_OF_ADDRESS"]


async def test_a_file_is_sent_once_one_way_and_within_its_limits() -> None:
    caller = await open_caller()
    session = (await start(caller))["id"]
    path = f"{SESSIONS}/{session}/documents"
    for body, status in (
        ({**INLINE, "file_name": "a.jpg"}, 422),
        (PASSPORT, 422),
        ({**PASSPORT, "content_base64": "no base64!"}, 422),
        ({**PASSPORT, "content_base64": "A" * 9000}, 413),
    ):
        await caller.call("POST", path, body, status)
    target = (await caller.call("POST", f"{path}/upload-url", {"file_name": "a.jpg", "id_doc_type": "PASSPORT"}, 200))[
        "data"
    ]
    async with caller.sandbox.http_client() as storage:
        assert (await storage.put(target["url"], content=b"x" * (5 * 1024 * 1024 + 1))).status_code == 200
    await caller.call("POST", path, {**PASSPORT, "file_name": target["file_name"]}, 422)
    assert (await read(caller, session))["steps"]["documents"] == "PENDING"


async def test_a_hosted_session_is_the_persons_to_finish() -> None:
    caller = await open_caller()
    session = (await start(caller, HOSTED))["id"]
    path = f"{SESSIONS}/{session}"
    for sent in (
        ("documents", INLINE),
        ("documents/upload-url", {"file_name": "a.jpg", "id_doc_type": "SELFIE"}),
        ("submit", None),
    ):
        await caller.call("POST", f"{path}/{sent[0]}", sent[1], 422)
    caller.sandbox.signa.complete(session)
    assert (await read(caller, session))["status"] == "APPROVED"
    kinds = [each["kind"] for each in (await caller.call("GET", f"{path}/documents", expect=200))["data"]]
    assert kinds == ["DOCUMENT", "SELFIE", "LIVENESS_REFERENCE"]
    with pytest.raises(ValueError, match="no page to finish"):
        caller.sandbox.signa.complete(session)


async def test_links_and_tokens_replace_each_other_by_the_rules() -> None:
    clock = Clock()
    caller = await open_caller(clock, token_lifetime=1e9)
    created = await start(caller, HOSTED)
    path = f"{SESSIONS}/{created['id']}"
    link = (await caller.call("POST", f"{path}/verification-link", expect=200))["data"]["verification_link"]
    assert link != created["verification_link"]
    assert (await start(caller, HOSTED))["verification_link"] == link
    capture = (await caller.call("POST", f"{path}/capture-link", expect=200))["data"]["capture_url"]
    assert (await start(caller, HOSTED))["verification_link"] == capture
    first = (await caller.call("POST", f"{path}/access-token", expect=200))["data"]
    clock.move(1199)
    assert (await caller.call("POST", f"{path}/access-token", expect=200))["data"] == first
    clock.move(1)
    assert (await caller.call("POST", f"{path}/access-token", expect=200))["data"]["access_token"] != first["access_token"]
    assert (await start(caller, HOSTED))["verification_link"] is None
    await caller.call("POST", f"{path}/cancel", expect=200)
    for name in ("verification-link", "capture-link", "access-token"):
        await caller.call("POST", f"{path}/{name}", expect=422)
    headless = (await start(caller, idempotency_key="key-2"))["id"]
    for name in ("verification-link", "capture-link", "access-token"):
        await caller.call("POST", f"{SESSIONS}/{headless}/{name}", expect=422)


async def test_only_waiting_sessions_expire_and_a_cancelled_one_is_told_of_by_no_event() -> None:
    clock = Clock()
    caller = await open_caller(clock, token_lifetime=1e9)
    caller.sandbox.signa.verdict = Verdict.hold()
    waiting = (await start(caller))["id"]
    reviewed = await finish(caller, idempotency_key="key-2")
    cancelled = (await start(caller, idempotency_key="key-3"))["id"]
    await caller.call("POST", f"{SESSIONS}/{cancelled}/cancel", expect=200)
    refused = await caller.call("POST", f"{SESSIONS}/{cancelled}/cancel", expect=422)
    assert refused["message"] == "This session has already been cancelled."
    clock.move(86400)
    states = [(await read(caller, each))["status"] for each in (waiting, reviewed, cancelled)]
    assert states == ["EXPIRED", "IN_REVIEW", "CANCELLED"]
    await caller.call("POST", f"{SESSIONS}/{waiting}/cancel", expect=422)
    assert [(event["event"], event["data"]["session_id"]) for event in caller.sandbox.events] == [
        ("merchant.kyc.session.expired", waiting)
    ]


async def test_a_rejection_tells_its_reason_and_whether_to_try_again() -> None:
    caller = await open_caller()
    caller.sandbox.signa.verdict = Verdict.reject("Too blurred to read.")
    session = await finish(caller)
    assert (await read(caller, session))["rejection"] == {"reason": "Too blurred to read.", "type": "RETRYABLE"}
    caller.sandbox.signa.verdict = Verdict.hold()
    held = await finish(caller, idempotency_key="key-2")
    assert (await read(caller, held))["rejection"] is None
    caller.sandbox.signa.decide(held, "REJECTED", reason="Forged.", rejection_type="FINAL")
    assert (await read(caller, held))["rejection"] == {"reason": "Forged.", "type": "FINAL"}
    assert caller.sandbox.events[-1]["data"]["rejection_type"] == "FINAL"


async def test_personal_data_waits_for_the_verdict_and_is_never_to_be_stored() -> None:
    clock = Clock()
    caller = await open_caller(clock)
    caller.sandbox.signa.verdict = Verdict.hold()
    session = await finish(caller, applicant={"first_name": "Ada", "dob": "1990-01-15", "country": "GBR"})
    reads = [f"{SESSIONS}/{session}/{name}" for name in ("applicant-data", "documents", "documents/sumsub%3A900")]
    for path in reads:
        await caller.call("GET", path, expect=409)
    caller.sandbox.signa.decide(session, "APPROVED")
    for path in reads:
        answer = await caller.http.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    person = (await caller.call("GET", reads[0], expect=200))["data"]
    assert (person["first_name"], person["date_of_birth"], person["country"]) == ("Ada", "1990-01-15", "GBR")
    link = (await caller.call("GET", reads[2], expect=200))["data"]["url"]
    async with caller.sandbox.http_client() as storage:
        assert (await storage.get(link)).content == b"\xff\xd8\xff a passport"
        clock.move(900)
        assert (await storage.get(link)).status_code == 403
    await caller.authorize(" ".join(ALL_SCOPES))
    caller.sandbox.signa.forget_file(session, "sumsub:900")
    await caller.call("GET", reads[2], expect=410)
    await caller.call("GET", f"{SESSIONS}/{session}/documents/{quote('sumsub:1', safe='')}", expect=404)
    caller.sandbox.signa.sessions[session].has_record = False
    assert (await caller.call("GET", reads[0], expect=200))["data"] is None


async def test_without_the_entitlement_only_reads_and_cancel_stay() -> None:
    caller = await open_caller()
    session = (await start(caller))["id"]
    caller.sandbox.signa.enabled = False
    path = f"{SESSIONS}/{session}"
    assert (await caller.call("POST", SESSIONS, HEADLESS, 403))["status"] == 403
    for name in ("submit", "documents", "documents/upload-url", "verification-link", "access-token"):
        await caller.call("POST", f"{path}/{name}", expect=403)
    for name in ("documents", "documents/x", "applicant-data"):
        await caller.call("GET", f"{path}/{name}", expect=403)
    await read(caller, session)
    await caller.call("GET", SESSIONS, expect=200)
    await caller.call("POST", f"{path}/cancel", expect=200)


async def test_document_links_have_a_tighter_limit_of_their_own() -> None:
    caller = await Caller(Sandbox()).authorize()
    session = await finish(caller)
    path = f"{SESSIONS}/{session}/documents/sumsub:900"
    statuses = [(await caller.http.get(path)).status_code for _ in range(31)]
    assert statuses == [200] * 30 + [429]
    await read(caller, session)


async def test_sessions_are_listed_newest_first_by_limit_and_offset() -> None:
    caller = await open_caller()
    made = [(await start(caller, idempotency_key=f"key-{number}"))["id"] for number in range(3)]
    data = (await caller.call("GET", f"{SESSIONS}?limit=2&offset=1", expect=200))["data"]
    assert [each["id"] for each in data["sessions"]] == [made[1], made[0]]
    refused = await caller.call("GET", f"{SESSIONS}?limit=101", expect=422)
    assert refused["errors"] == {"limit": ["The limit must not be greater than 100."]}


async def test_an_approved_session_verifies_the_customer_it_is_linked_to() -> None:
    caller = await open_caller(verdict=Verdict.hold())
    customer = await caller.create(INDIVIDUAL)
    body = {"signa_session_id": (await start(caller))["id"]}
    path = f"{CUSTOMER}/{customer}/kyc-session"
    await caller.call("POST", path, body, 409)
    other = await finish(caller, idempotency_key="key-2", applicant={"first_name": "Eve"})
    await caller.call("POST", path, {"signa_session_id": other}, 422)
    body = {
        "signa_session_id": await finish(caller, idempotency_key="key-3", applicant={"first_name": "Ada", "country": "NGA"})
    }
    await caller.call("POST", path, body, 200)
    found = await caller.read(customer)
    assert (found["verification_status"], found["country"]) == ("VERIFIED", "NG")
