from __future__ import annotations

from typing import Any

import pytest

from blaaiz_async import contract
from blaaiz_async.sandbox import Sandbox, Verdict
from tests.sandbox.sandbox_checking import BUSINESS, CUSTOMER, INDIVIDUAL, JANE, PDF, Caller, Clock

pytestmark = pytest.mark.anyio
MACHINES = contract.document("customers")["x-state-machines"]
STATES = ("PENDING", "PROCESSING", "VERIFIED", "REJECTED")
CHILD_STATES = ("PENDING", "PROCESSING", "APPROVED", "REJECTED")


@pytest.fixture
async def caller() -> Caller:
    return await Caller(Sandbox(limits=None)).authorize()


def force(caller: Caller, customer: str, status: str, child_status: str | None = None) -> None:
    stored = caller.sandbox.state.customers[customer]
    stored.status = status
    for child in stored.children:
        child.status = child_status or child.status


@pytest.mark.parametrize("customer_state", STATES)
@pytest.mark.parametrize("child_state", CHILD_STATES)
async def test_locks_owners_and_documents_as_the_lock_matrix_says(
    caller: Caller, customer_state: str, child_state: str
) -> None:
    customer = await caller.ready_business()
    data = await caller.read(customer)
    owner, document = data["owners"][0]["id"], data["documents"][0]["id"]
    path = f"{CUSTOMER}/{customer}"
    owner_calls: list[tuple[str, str, Any]] = [
        ("POST", f"{path}/owner/{owner}/file/presigned-url", {"file_category": "id_document_front"}),
        ("POST", f"{path}/owner/{owner}/files", {}),
        ("PUT", path, {"owners": [{"id": owner, "title": "CFO"}]}),
        ("DELETE", f"{path}/owner/{owner}", None),
    ]
    document_calls: list[tuple[str, str, Any]] = [
        ("PUT", f"{path}/document/{document}", {"name": "renamed"}),
        ("DELETE", f"{path}/document/{document}", None),
    ]
    matrix = MACHINES["lock_matrix"]
    for kind, calls in (("owner", owner_calls), ("document", document_calls)):
        for method, where, body in calls:
            force(caller, customer, customer_state, child_state)
            free = matrix[kind][customer_state][child_state]
            await caller.call(method, where, body, 200 if free else 400)


@pytest.mark.parametrize("state", STATES)
async def test_takes_new_documents_only_while_the_customer_is_open(caller: Caller, state: str) -> None:
    customer = await caller.create(BUSINESS)
    file_id = await caller.upload(f"{CUSTOMER}/{customer}/document/presigned-url")
    force(caller, customer, state)
    body = {"type": "OTHER", "name": "a.pdf", "file_id": file_id}
    locked = state in {"PROCESSING", "VERIFIED"}
    answer = await caller.call("POST", f"{CUSTOMER}/{customer}/document", body, 400 if locked else 201)
    if locked:
        assert answer["message"] == MACHINES["lock_matrix"]["document_create_message"]


async def test_lets_customer_fields_be_edited_as_the_lock_matrix_says(caller: Caller) -> None:
    customer = await caller.create(INDIVIDUAL)
    path = f"{CUSTOMER}/{customer}"
    for state in ("PENDING", "REJECTED"):
        force(caller, customer, state)
        await caller.call("PUT", path, {"phone": "+2348012345678", "first_name": "Ada"}, 200)
        await caller.call("PUT", path, {"phone": None}, 200)
    force(caller, customer, "PROCESSING")
    await caller.call("PUT", path, {"phone": "+2348012345678"}, 400)
    force(caller, customer, "VERIFIED")
    answer = await caller.call("PUT", path, {"first_name": "Eve", "phone": "+2348012345678"}, 400)
    assert answer["message"] == "Verified customers can only update fields that are currently null"
    await caller.call("PUT", path, {"phone": "+2348012345678", "city": "Lagos"}, 200)
    data = await caller.read(customer)
    assert (data["first_name"], data["phone"], data["kyc_data"]["city"]) == ("Ada", "+2348012345678", "Lagos")


async def test_an_update_that_is_refused_saves_nothing(caller: Caller) -> None:
    await caller.create(BUSINESS, registration_number="RC-TAKEN")
    customer = await caller.create(BUSINESS, owners=[JANE])
    before = await caller.read(customer)
    path = f"{CUSTOMER}/{customer}"
    await caller.call("PUT", path, {"website": "https://a.example", "registration_number": "RC-TAKEN"}, 422)
    await caller.call("PUT", path, {"website": "https://a.example", "country": "GB"}, 422)
    await caller.call("PUT", path, {"website": "https://a.example", "id_number": "1"}, 422)
    await caller.call("PUT", path, {"website": "https://a.example", "kyb_scope": "MINIMAL"}, 422)
    await caller.call("PUT", path, {"website": "https://a.example", "owners": [JANE] * 5}, 422)
    force(caller, customer, "PENDING", "APPROVED")
    edit = {"owners": [{"first_name": "New", "last_name": "Owner"}, {"id": before["owners"][0]["id"], "title": "CFO"}]}
    await caller.call("PUT", path, edit, 400)
    force(caller, customer, "PENDING", "PENDING")
    assert await caller.read(customer) == before


async def test_a_business_is_verified_at_once_or_reviewed_by_verdict(caller: Caller) -> None:
    verified = await caller.ready_business()
    answer = (await caller.submit(verified))["data"]
    assert (answer["verification_status"], answer["owners"][0]["status"]) == ("VERIFIED", "APPROVED")
    await caller.submit(verified, 400)

    caller.sandbox.verdict = Verdict.reject("The image is blurred")
    rejected = await caller.ready_business(registration_number="RC2")
    answer = (await caller.submit(rejected))["data"]
    assert (answer["verification_status"], answer["documents"][0]["status"]) == ("PROCESSING", "PROCESSING")
    data = await caller.read(rejected)
    assert data["verification_status"] == "REJECTED"
    assert data["owners"][0]["admin_comments"] == ["The image is blurred"]

    await caller.call("PUT", f"{CUSTOMER}/{rejected}", {"owners": [{"id": data["owners"][0]["id"], "title": "CFO"}]}, 200)
    owner = (await caller.read(rejected))["owners"][0]
    assert (owner["status"], owner["admin_comments"], owner["title"]) == ("PENDING", None, "CFO")

    caller.sandbox.verdict = Verdict.hold()
    await caller.submit(rejected)
    data = await caller.read(rejected)
    assert (data["owners"][0]["status"], data["documents"][0]["status"]) == ("PROCESSING", "REJECTED")
    caller.sandbox.decide(rejected, "VERIFIED")
    changes = [
        (event["old_status"], event["new_status"], event["comment"])
        for event in caller.sandbox.events
        if event["customer_id"] == rejected and event["event_type"] == "customer.status_changed"
    ]
    assert changes == [
        ("PENDING", "PROCESSING", None),
        ("PROCESSING", "REJECTED", "The image is blurred"),
        ("REJECTED", "PROCESSING", None),
        ("PROCESSING", "VERIFIED", None),
    ]


async def test_id_file_starts_the_verification_of_an_individual_and_nothing_else_does(caller: Caller) -> None:
    caller.sandbox.verdict = Verdict.hold()
    customer = await caller.create(INDIVIDUAL)
    selfie = await caller.identity_file(customer, "liveness_check")
    front = await caller.identity_file(customer)
    path = f"{CUSTOMER}/{customer}/files"
    await caller.call("POST", path, {"id_file": selfie}, 422)
    await caller.call("POST", path, {"liveness_check_file": selfie}, 200)
    caller.sandbox.verdict = Verdict.reject("Expired")
    await caller.call("POST", path, {"id_file": front}, 200)
    assert (await caller.read(customer))["verification_status"] == "REJECTED"

    caller.sandbox.verdict = Verdict.hold()
    await caller.call("POST", path, {"id_file": await caller.identity_file(customer)}, 200)
    await caller.call("POST", path, {"id_file": front}, 400)
    await caller.submit(customer, 400)
    caller.sandbox.decide(customer, "VERIFIED")
    assert (await caller.read(customer))["verification_status"] == "VERIFIED"


async def test_a_business_has_no_identity_files_and_an_individual_no_documents(caller: Caller) -> None:
    business, individual = await caller.create(BUSINESS), await caller.create(INDIVIDUAL)
    target = {"customer_id": business, "file_category": "identity"}
    await caller.call("POST", "/api/external/file/get-presigned-url", target, 400)
    await caller.call("POST", f"{CUSTOMER}/{business}/files", {"id_file": "x"}, 400)
    await caller.call("GET", f"{CUSTOMER}/{individual}/document", expect=400)


async def test_submit_names_every_gap_in_the_platforms_words() -> None:
    clock = Clock()
    caller = await Caller(Sandbox(limits=None, now=clock, token_lifetime=10**9)).authorize()
    seen: list[str] = []

    async def gap(customer: str) -> None:
        seen.append((await caller.submit(customer, 422))["message"])

    async def mend(customer: str, **fields: object) -> None:
        await caller.call("PUT", f"{CUSTOMER}/{customer}", fields, 200)

    await gap(await caller.create(INDIVIDUAL))
    customer = await caller.create(BUSINESS, owners=[{**JANE, "ownership_percentage": 90}])
    path = f"{CUSTOMER}/{customer}"
    owner = (await caller.read(customer))["owners"][0]["id"]
    for name in ("business_name", "registration_number", "incorporation_country"):
        await mend(customer, **{name: None})
        await gap(customer)
        await mend(customer, **{name: BUSINESS[name]})
    await mend(customer, country="XX", incorporation_country="XX")
    await gap(customer)
    await mend(customer, country="NG", incorporation_country="NG")
    caller.sandbox.state.customers[customer].fields["country"] = "GB"  # no call leads there: update refuses it
    await gap(customer)
    await mend(customer, country="NG")
    await gap(customer)
    await caller.document(customer, "BANK_STATEMENT")
    await gap(customer)
    await caller.document(customer)
    await gap(customer)
    twin = {"first_name": "John", "last_name": "Smith", "email": "JANE@example.com", "ownership_percentage": 10}
    await mend(customer, owners=[twin])
    await gap(customer)
    twin_id = (await caller.read(customer))["owners"][1]["id"]
    await caller.call("DELETE", f"{path}/owner/{twin_id}", expect=200)
    await mend(customer, owners=[{"id": owner, "ownership_percentage": 100}])
    await gap(customer)
    await caller.owner_file(customer, owner)
    await mend(customer, owners=[{"id": owner, "id_document_type": "drivers_license"}])
    await gap(customer)
    await caller.owner_file(customer, owner, "id_document_back")
    await mend(customer, owners=[{"id": owner, "id_document_type": "passport"}])
    await gap(customer)
    await mend(customer, owners=[{"id": owner, "id_document_type": "id_card", "id_expiry_date": "2027-02-01"}])
    clock.move(365 * 86400.0)
    await gap(customer)
    await mend(customer, owners=[{"id": owner, "id_expiry_date": None, "date_of_birth": "2010-01-01"}])
    clock.move(-365 * 86400.0)
    await gap(customer)
    await caller.call("DELETE", f"{path}/owner/{owner}", expect=200)
    await gap(customer)

    documented = {
        example["value"]["message"]
        for example in contract.operation("customers_submit")
        .raw["responses"]["422"]["content"]["application/json"]["examples"]
        .values()
    }
    assert documented - set(seen) == set()
    assert caller.sandbox.customers[1]["verification_status"] == "PENDING"


async def test_shares_are_added_up_exactly_and_read_as_text(caller: Caller) -> None:
    shares = (33.34, 33.33, 33.33)
    owners = [{"first_name": "A", "last_name": str(share), "ownership_percentage": share} for share in shares]
    customer = await caller.create(BUSINESS, owners=owners)
    assert [owner["ownership_percentage"] for owner in (await caller.read(customer))["owners"]] == [
        "33.34",
        "33.33",
        "33.33",
    ]
    await caller.document(customer)
    assert "is missing id_document_front" in (await caller.submit(customer, 422))["message"]


async def test_a_minimal_business_needs_no_owners_and_is_upgraded_once() -> None:
    caller = await Caller(Sandbox(limits=None, minimal_kyb=True)).authorize()
    customer = await caller.create(BUSINESS)
    await caller.document(customer)
    await caller.submit(customer)
    path = f"{CUSTOMER}/{customer}/upgrade-kyb-scope"
    two = [{**JANE, "ownership_percentage": 60}, {**JANE, "ownership_percentage": 40}]
    refused = [
        (await caller.call("POST", path, body, 422))["message"]
        for body in (
            {},
            {"owners": [{**JANE, "ownership_percentage": 90}]},
            {"owners": two},
            {"owners": [JANE], "country": "GB"},
        )
    ]
    answer = (await caller.call("POST", path, {"owners": [JANE]}, 200))["data"]
    assert (answer["kyb_scope"], answer["verification_status"], answer["owners"][0]["ownership_percentage"]) == (
        "FULL",
        "PENDING",
        100,
    )
    refused.append((await caller.call("POST", path, {"owners": [JANE]}, 422))["message"])
    individual = await caller.create(INDIVIDUAL)
    wrong_type = await caller.call("POST", f"{CUSTOMER}/{individual}/upgrade-kyb-scope", {"owners": [JANE]}, 422)
    refused.append(wrong_type["message"])
    await caller.create(BUSINESS, registration_number="RC-TAKEN")
    third = await caller.create(BUSINESS, registration_number="RC3")
    taken = {"owners": [JANE], "registration_number": "RC-TAKEN"}
    refused.append((await caller.call("POST", f"{CUSTOMER}/{third}/upgrade-kyb-scope", taken, 422))["message"])
    examples = contract.operation("customers_upgrade_kyb_scope").raw["responses"]["422"]["content"]
    assert set(refused) == {each["value"]["message"] for each in examples["application/json"]["examples"].values()}

    full_only = await Caller(Sandbox()).authorize()
    answer = await full_only.call("POST", CUSTOMER, {**BUSINESS, "kyb_scope": "MINIMAL"}, 422)
    assert "not configured for minimal KYB" in answer["message"]


async def test_an_approved_signa_session_verifies_the_individual_it_agrees_with(caller: Caller) -> None:
    customer = await caller.create(INDIVIDUAL)
    path = f"{CUSTOMER}/{customer}/kyc-session"
    year_ago = caller.sandbox.state.now() - 366 * 86400.0
    caller.sandbox.add_signa_session("open", approved=False)
    caller.sandbox.add_signa_session("old", approved_at=year_ago)
    caller.sandbox.add_signa_session("other", applicant={"first_name": "Eve"})
    caller.sandbox.add_signa_session("good", applicant={"first_name": "ADA", "dob": "1990-01-15"})
    for session, status in (("none", 404), ("open", 409), ("old", 422), ("other", 422), ("good", 200), ("good", 409)):
        await caller.call("POST", path, {"signa_session_id": session}, status)
    data = await caller.read(customer)
    assert (data["verification_status"], data["kyc_data"]["dob"]) == ("VERIFIED", "1990-01-15")


async def test_an_object_that_is_too_large_is_refused_when_it_is_registered(caller: Caller) -> None:
    customer = await caller.create(BUSINESS)
    answer = await caller.call("POST", f"{CUSTOMER}/{customer}/document/presigned-url", expect=200)
    assert (await caller.put(answer, PDF.ljust(25 * 1024 * 1024 + 1))).status_code == 200
    body = {"type": "OTHER", "name": "big.pdf", "file_id": answer["data"]["file_id"]}
    refused = await caller.call("POST", f"{CUSTOMER}/{customer}/document", body, 422)
    assert refused["message"] == "Document file exceeds the 25 MB maximum."
