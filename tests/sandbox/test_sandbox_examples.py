"""The documented payloads: what the platform's own pages send is taken, what they say is refused is refused so."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from blaaiz_async import contract
from blaaiz_async.sandbox import Sandbox
from tests.sandbox.sandbox_checking import BUSINESS, CUSTOMER, INDIVIDUAL, JANE, Caller

pytestmark = pytest.mark.anyio
SHARED = Path(__file__).parents[3] / "shared"
EXAMPLES = SHARED / "contract" / "examples" / "customers.jsonl"
DATA = SHARED / "data"
needs_examples = pytest.mark.skipif(not EXAMPLES.is_file(), reason="the documented payloads are not beside the checkout")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the onboarding input is not beside the checkout")


def documented(kind: str) -> list[dict[str, Any]]:
    if not EXAMPLES.is_file():
        return []
    lines = EXAMPLES.read_text(encoding="utf-8").splitlines()
    return [each for each in map(json.loads, lines) if each["kind"] == kind and "webhook" not in each["operation"]]


async def open_caller(**options: Any) -> Caller:
    return await Caller(Sandbox(limits=None, **options)).authorize()


async def replay(caller: Caller, operation: str, payload: dict[str, Any]) -> int:
    """Send a documented body to its operation, with the ids it names made real, and give the status."""
    doc = contract.operation(operation)
    business = "owner" in doc.path or "document" in doc.path or "upgrade" in operation
    business |= any(name in payload for name in ("owners", "incorporation_country", "website", "operating_street"))
    customer = await caller.create(BUSINESS if business else INDIVIDUAL)
    path = doc.path.replace("{customer_id}", customer)
    body = dict(payload)
    if operation == "files_get_presigned_url":
        body["customer_id"] = customer
    if operation == "customers_attach_files":
        categories = {"id_file": "identity", "id_file_back": "identity_back"}
        for slot in body:
            body[slot] = await caller.identity_file(customer, categories.get(slot, slot.removesuffix("_file")))
    if "{owner_id}" in path:
        await caller.call("PUT", f"{CUSTOMER}/{customer}", {"owners": [JANE]}, 200)
        owner = (await caller.read(customer))["owners"][0]["id"]
        path = path.replace("{owner_id}", owner)
        for slot in body.keys() & {"id_document_front", "id_document_back"}:
            target = f"{CUSTOMER}/{customer}/owner/{owner}/file/presigned-url"
            body[slot] = await caller.upload(target, {"file_category": slot})
    if "file_id" in body:
        body["file_id"] = await caller.upload(f"{CUSTOMER}/{customer}/document/presigned-url")
    if "{document_id}" in path:
        path = path.replace("{document_id}", await caller.document(customer))
    if operation == "customers_link_kyc_session":
        caller.sandbox.add_signa_session(body["signa_session_id"])
    return (await caller.http.request(doc.method, path, json=body)).status_code


@needs_examples
async def test_every_documented_request_that_the_contract_allows_is_taken() -> None:
    for example in documented("request"):
        operation, payload = example["operation"], example["payload"]
        if operation == "oauth_token_create":
            continue
        caller = await open_caller(minimal_kyb=operation != "customers_create" or payload.get("kyb_scope") == "MINIMAL")
        if operation == "customers_create":
            status = (await caller.http.post(CUSTOMER, json=payload)).status_code
        else:
            status = await replay(caller, operation, payload)
        expected = 200 if operation not in {"customers_create", "customer_documents_create"} else 201
        if operation == "customers_update" and {"business_name", "id_type"} <= payload.keys():
            expected = 422  # the contract says not to send this mix of both types' fields (x-uncertain)
        if operation == "customers_create" and payload["type"] == "business" and "id_type" in payload:
            expected = 422  # refused since 2026-05-06 (x-conflicts)
        assert status == expected, (operation, payload)


@needs_examples
async def test_every_documented_refusal_of_an_update_comes_in_its_words() -> None:
    caller = await open_caller()
    await caller.create(BUSINESS, registration_number="RC-TAKEN")
    customer = await caller.create(BUSINESS)
    path = f"{CUSTOMER}/{customer}"
    said = {
        (await caller.call("PUT", path, body, 422))["message"]
        for body in ({"country": "GB"}, {"registration_number": "RC-TAKEN"}, {"id_type": "passport"})
    }
    errors = [each for each in documented("error") if each["operation"] == "customers_update" and each["status"] == 422]
    assert said == {each["payload"]["message"] for each in errors}


async def test_a_refusal_names_every_field_at_fault_and_counts_the_rest() -> None:
    caller = await open_caller()
    owner = {"last_name": "Doe", "street": "short", "date_of_birth": "2020-01-01", "ownership_percentage": 101}
    body = {**BUSINESS, "email": "no", "business_type": "club", "expected_monthly_payments": "many", "owners": [owner]}
    del body["business_name"]
    answer = await caller.call("POST", CUSTOMER, {**body, "id_type": "passport"}, 422)
    assert answer["errors"] == {
        "id_type": ["The id type field is prohibited when type is business."],
        "email": ["The email field must be a valid email address."],
        "business_name": ["The business name field is required."],
        "business_type": ["The selected business type is invalid."],
        "expected_monthly_payments": ["The expected monthly payments field must be an integer."],
        "owners.0.first_name": ["The owners.0.first_name field is required."],
        "owners.0.ownership_percentage": ["The owners.0.ownership_percentage field must not be greater than 100."],
        "owners.0.street": ["The owners.0.street field must be at least 9 characters."],
        "owners.0.date_of_birth": ["The owners.0.date_of_birth field must be at least 18 years ago."],
    }
    assert answer["message"] == "The id type field is prohibited when type is business. (and 8 more errors)"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**INDIVIDUAL, "id_type": "id_card"}, "id_type"),
        ({**INDIVIDUAL, "kyb_scope": "FULL"}, "kyb_scope"),
        ({**INDIVIDUAL, "owners": []}, "owners"),
        ({**INDIVIDUAL, "operating_city": "Lagos"}, "operating_city"),
        ({**INDIVIDUAL, "first_name": ""}, "first_name"),
        ({**INDIVIDUAL, "zip_code": "!"}, "zip_code"),
        ({**INDIVIDUAL, "country": "Nigeria"}, "country"),
        ({**INDIVIDUAL, "dob": "15/01/1990"}, "dob"),
        ({**BUSINESS, "owners": [JANE] * 6}, "owners"),
        ({**BUSINESS, "operating_city": "Lagos"}, "operating_country"),
        ({**BUSINESS, "incorporation_date": "2999-01-01"}, "incorporation_date"),
        ({**BUSINESS, "owners": [{**JANE, "id_expiry_date": "2000-01-01"}]}, "owners.0.id_expiry_date"),
        ({**BUSINESS, "owners": [{**JANE, "tin": "1234"}]}, "owners.0.tin"),
        ({**BUSINESS, "owners": ["Jane"]}, "owners.0"),
        ({"type": ["individual"]}, "type"),
        ({}, "type"),
    ],
)
async def test_a_create_against_a_rule_names_the_field(body: dict[str, Any], field: str) -> None:
    caller = await open_caller()
    assert field in (await caller.call("POST", CUSTOMER, body, 422))["errors"]
    assert caller.sandbox.customers == []


async def test_a_business_identity_is_taken_once_per_country_and_follows_updates() -> None:
    caller = await open_caller()
    first = await caller.create(BUSINESS)
    await caller.call("POST", CUSTOMER, BUSINESS, 422)
    await caller.create(BUSINESS, country="GB", incorporation_country="GB")
    await caller.call("POST", CUSTOMER, {**BUSINESS, "country": "GB"}, 422)
    await caller.call("PUT", f"{CUSTOMER}/{first}", {"registration_number": "RC2"}, 200)
    await caller.create(BUSINESS)
    await caller.call("PUT", f"{CUSTOMER}/{first}", {"registration_number": "RC1"}, 422)


@needs_data
async def test_the_onboarding_input_that_is_sound_is_taken() -> None:
    caller = await open_caller()
    expected = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))
    good = set(expected["customers.csv"]["accepted"])
    known = contract.schema("customers", "IndividualCustomerCreate")["properties"].keys()
    seen = set[str]()
    with (DATA / "customers.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["external_id"] in good - seen:
                seen.add(row["external_id"])
                await caller.create({name: value for name, value in row.items() if name in known and value})
    good = set(expected["businesses.jsonl"]["accepted"])
    known = contract.schema("customers", "BusinessCustomerCreate")["properties"].keys()
    for line in (DATA / "businesses.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["external_id"] in good:
            await caller.create({name: value for name, value in row.items() if name in known}, kyb_scope="FULL")
    assert len(caller.sandbox.customers) == sum(len(each["accepted"]) for each in expected.values())
