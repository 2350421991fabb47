"""Customers: what the contract's rules refuse before sending, and what the platform would take of an update."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from blaaiz_async import (
    AsyncBlaaiz,
    BadRequestError,
    BusinessCustomer,
    CustomerUpdate,
    IndividualCustomer,
    InvalidRequestError,
    OwnerCreate,
    UnprocessableEntityError,
)
from blaaiz_async.sandbox import Sandbox, Verdict
from tests.conftest import Bind
from tests.people import ADA

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
TODAY = datetime.now(UTC).date()
COMPANY: dict[str, Any] = {
    "type": "business",
    "email": "ops@acme.example.com",
    "country": "NG",
    "incorporation_country": "NG",
    "business_name": "Acme",
    "registration_number": "RC123456",
}
OWNER: dict[str, Any] = {"first_name": "Jane", "last_name": "Doe", "ownership_percentage": 100}
MINOR = (TODAY - timedelta(days=17 * 365)).isoformat()


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(limits=None)


REFUSED = {
    "a field of the other type on an individual": (
        "create",
        {**ADA, "registration_number": "RC1"},
        "registration_number",
    ),
    "operating fields on an individual": ("create", {**ADA, "operating_city": "Lagos"}, "operating_city"),
    "kyb_scope on an individual": ("create", {**ADA, "kyb_scope": "FULL"}, "kyb_scope"),
    "owners on an individual": ("create", {**ADA, "owners": []}, "owners"),
    "a national ID card": ("create", {**ADA, "id_type": "id_card"}, "id_type"),
    "an unknown type": ("create", {**ADA, "type": "person"}, "type"),
    "no last name": ("create", {k: v for k, v in ADA.items() if k != "last_name"}, "last_name"),
    "an empty id_number": ("create", {**ADA, "id_number": " "}, "id_number"),
    "a NUL in an e-mail address": ("create", {**ADA, "email": "ada@exam\0ple.com"}, "email"),
    "a name that turns the text's direction": ("create", {**ADA, "last_name": "Obi\u202e"}, "last_name"),
    "born tomorrow": ("create", {**ADA, "dob": (TODAY + timedelta(days=1)).isoformat()}, "dob"),
    "a country by name": ("create", {**ADA, "country": "Nigeria"}, "country"),
    "id_type on a business": ("create", {**COMPANY, "id_type": "passport"}, "id_type"),
    "id_number on a business": ("create", {**COMPANY, "id_number": "A1"}, "id_number"),
    "two countries": ("create", {**COMPANY, "country": "GB"}, "country"),
    "an operating address without its country": ("create", {**COMPANY, "operating_city": "Lagos"}, "operating_country"),
    "six owners": ("create", {**COMPANY, "owners": [OWNER] * 6}, "owners"),
    "a minor as owner": ("create", {**COMPANY, "owners": [{**OWNER, "date_of_birth": MINOR}]}, "owners.0.date_of_birth"),
    "an expired document": (
        "create",
        {**COMPANY, "owners": [{**OWNER, "id_expiry_date": TODAY.isoformat()}]},
        "owners.0.id_expiry_date",
    ),
    "an owner's short street": ("create", {**COMPANY, "owners": [{**OWNER, "street": "Main St"}]}, "owners.0.street"),
    "a float percentage": (
        "create",
        {**COMPANY, "owners": [{**OWNER, "ownership_percentage": 33.3}]},
        "owners.0.ownership_percentage",
    ),
    "incorporated tomorrow": (
        "create",
        {**COMPANY, "incorporation_date": (TODAY + timedelta(days=2)).isoformat()},
        "incorporation_date",
    ),
    "kyb_scope in an update": ("update", {"kyb_scope": "FULL"}, "kyb_scope"),
    "a person's and a company's fields in one update": ("update", {"id_type": "passport", "website": None}, "id_type"),
    "two countries in an update": ("update", {"country": "GB", "incorporation_country": "NG"}, "country"),
    "an owner without a name": ("update", {"owners": [{"title": "CEO"}]}, "owners.0.first_name"),
    "an upgrade that doesn't sum to 100": (
        "upgrade_kyb_scope",
        {"owners": [{**OWNER, "ownership_percentage": "99.99"}]},
        "owners",
    ),
    "an upgrade with one e-mail twice": (
        "upgrade_kyb_scope",
        {
            "owners": [
                {**OWNER, "ownership_percentage": 50, "email": "a@x.com"},
                {**OWNER, "ownership_percentage": 50, "email": "A@x.com"},
            ]
        },
        "owners.1.email",
    ),
    "an upgrade without a percentage": (
        "upgrade_kyb_scope",
        {"owners": [{"first_name": "J", "last_name": "D"}]},
        "owners.0.ownership_percentage",
    ),
    "no file to attach": ("upload_files", {}, ""),
    "an unknown document type": ("create_document", {"type": "PHOTO", "name": "x", "file_id": "f"}, "type"),
}


@pytest.mark.parametrize(("method", "given", "field"), REFUSED.values(), ids=REFUSED)
async def test_what_the_contract_refuses_costs_no_call(
    sandbox: Sandbox, bind: Bind, method: str, given: dict[str, Any], field: str
) -> None:
    async with bind(sandbox) as blaaiz:
        call = getattr(blaaiz.customers, method)
        with pytest.raises(InvalidRequestError) as caught:
            await (call(given) if method == "create" else call("some-id", given))
    assert [] == sandbox.journal.calls
    assert field in [fault.field for fault in caught.value.faults]
    for value in ("Ada", "A1234567", "Jane", "ada@example.com"):
        assert value not in str(caught.value)


async def test_every_fault_of_a_request_comes_at_once_and_none_is_made_up(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox) as blaaiz:
        with pytest.raises(InvalidRequestError) as update:
            await blaaiz.customers.update("some-id", {"emial": "x", "phone": 5, "owners": None})
        owners = [{"first_name": "J", "email": "bad"}, 5, {**OWNER, "email": "bad", "street": "k", "date_of_birth": MINOR}]
        with pytest.raises(InvalidRequestError) as create:
            await blaaiz.customers.create({**COMPANY, "country": "GB", "owners": owners})
    assert ["phone", "owners", "emial"] == [fault.field for fault in update.value.faults]
    assert [
        "country",
        "owners.0.last_name",
        "owners.1",
        "owners.0.email",
        "owners.2.email",
        "owners.2.street",
        "owners.2.date_of_birth",
    ] == [fault.field for fault in create.value.faults]


async def test_an_exact_percentage_reaches_the_platform_as_it_was_written(sandbox: Sandbox, bind: Bind) -> None:
    thirds = ("33.33", "33.33", "33.34")
    owners = [OwnerCreate(first_name="Jane", last_name="Doe", ownership_percentage=Decimal(share)) for share in thirds]
    async with bind(sandbox) as blaaiz:
        made = await blaaiz.customers.create(
            BusinessCustomer(
                email="ops@acme.example.com",
                country="NG",
                incorporation_country="NG",
                business_name="Acme",
                registration_number="RC1",
                owners=owners,
            )
        )
        stored = await blaaiz.customers.get(made.id)
    assert b'"ownership_percentage":33.34' in sandbox.journal.calls[1].body
    assert [Decimal(share) for share in thirds] == [owner.ownership_percentage for owner in stored.owners]


async def test_the_platforms_own_422_comes_through_by_field(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox) as blaaiz:
        with pytest.raises(UnprocessableEntityError) as caught:
            await blaaiz.customers.create({**COMPANY, "zip_code": "not a Nigerian one"})
        await blaaiz.customers.create(COMPANY)
        with pytest.raises(UnprocessableEntityError, match="already has this registration_number"):
            await blaaiz.customers.create(COMPANY)
    assert ["zip_code"] == list(caught.value.errors)


CHANGES: dict[str, Any] = {
    "first_name": "Eve",
    "last_name": "Eze",
    "email": "eve@example.com",
    "country": "GH",
    "id_type": "drivers_license",
    "id_number": "B7654321",
    "phone": "+2348012345678",
    "tin": "12345-A",
    "dob": "1991-01-15",
    "street": "9 Other Street",
    "city": "Accra",
    "state": "Greater Accra",
    "zip_code": "100001",
    "id_expiry_date": "2031-01-01",
    "id_issue_date": "2021-01-01",
}


@pytest.mark.parametrize("field", CHANGES)
async def test_check_update_says_what_the_platform_then_does(sandbox: Sandbox, bind: Bind, field: str) -> None:
    async with bind(sandbox) as blaaiz:
        made = await blaaiz.customers.create({**ADA, "dob": "1990-01-15", "street": "1 Main Street"})
        await blaaiz.customers.upload_file_complete(made.id, {"file": PNG, "file_category": "identity"})
        customer = await blaaiz.customers.get(made.id)
        assert "VERIFIED" == customer.verification_status
        update = {field: CHANGES[field]}
        calls = len(sandbox.journal.calls)
        found = blaaiz.customers.check_update(customer, update)
        assert calls == len(sandbox.journal.calls)
        if found.ok:
            assert (field,) == found.allowed
            await blaaiz.customers.update(made.id, update)
        else:
            assert (field,) == found.locked
            assert "support@blaaiz.com" in found.reason
            with pytest.raises(BadRequestError):
                await blaaiz.customers.update(made.id, update)


@pytest.mark.parametrize("verdict", [Verdict.hold(), Verdict.reject("Blurred."), Verdict.verify()])
async def test_check_update_of_owners_says_what_the_platform_then_does(bind: Bind, verdict: Verdict) -> None:
    sandbox = Sandbox(limits=None, verdict=verdict)
    async with bind(sandbox) as blaaiz:
        customer_id = await a_submitted_business(blaaiz)
        customer = await blaaiz.customers.get(customer_id)
        update = {"owners": [{"id": customer.owners[0].id, "title": "CEO"}]}
        found = blaaiz.customers.check_update(customer, update)
        if found.ok:
            await blaaiz.customers.update(customer_id, update)
        else:
            assert ("owners.0",) == found.locked
            with pytest.raises(BadRequestError):
                await blaaiz.customers.update(customer_id, update)


async def a_submitted_business(blaaiz: AsyncBlaaiz) -> str:
    made = await blaaiz.customers.create({**COMPANY, "owners": [{**OWNER, "id_document_type": "passport"}]})
    owner = (await blaaiz.customers.get(made.id)).owners[0]
    front = await blaaiz.files.upload_owner_file(made.id, owner.id, PNG, file_category="id_document_front")
    await blaaiz.customers.upload_owner_files(made.id, owner.id, {"id_document_front": front})
    paper = await blaaiz.files.upload_document(made.id, b"%PDF-1.7 ...")
    await blaaiz.customers.create_document(
        made.id, {"type": "CERTIFICATE_OF_INCORPORATION", "name": "Certificate", "file_id": paper}
    )
    await blaaiz.customers.submit(made.id)
    return made.id


async def test_a_business_goes_all_the_way(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox) as blaaiz:
        customer = await blaaiz.customers.get(await a_submitted_business(blaaiz))
        assert (
            customer.verification_status,
            [owner.status for owner in customer.owners],
            [document.status for document in customer.documents],
        ) == ("VERIFIED", ["APPROVED"], ["APPROVED"])
        listed = await blaaiz.customers.list_documents(customer.id)
        document = await blaaiz.customers.get_document(customer.id, listed[0].id)
        assert document.url is not None
        assert document.url not in repr(document)


async def test_a_row_of_unknown_state_is_told_apart_from_an_empty_one(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox) as blaaiz:
        made = await blaaiz.customers.create(ADA)
        await blaaiz.customers.upload_file_complete(made.id, {"file": PNG, "file_category": "identity"})
        updated = await blaaiz.customers.update(made.id, CustomerUpdate(tin="12345-A"))
        # The answer of an update doesn't show the KYC data, so nobody can tell whether dob is still empty.
        found = blaaiz.customers.check_update(updated, {"dob": "1990-01-01"})
    assert (found.unknown, found.ok) == (("dob",), False)


async def test_iteration_yields_every_customer_once_though_new_ones_arrive(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox) as blaaiz:
        for number in range(40):
            await blaaiz.customers.create({**ADA, "email": f"p{number}@example.com", "id_number": f"N{number}"})
        seen: list[str | None] = []
        async for customer in blaaiz.customers.iterate(type="individual"):
            seen.append(customer.email)
            if len(seen) == 10:
                await blaaiz.customers.create({**ADA, "email": "late@example.com", "id_number": "L"})
        page = await blaaiz.customers.list_page(3)
    assert [f"p{number}@example.com" for number in reversed(range(40))] == seen
    assert (len(page.items), page.total, page.last, page.has_next) == (11, 41, 3, False)


async def test_filters_find_exactly(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox) as blaaiz:
        made = await blaaiz.customers.create(ADA)
        assert [made.id] == [row.id for row in await blaaiz.customers.list(email="ada@example.com", type="individual")]
        assert [] == await blaaiz.customers.list(email="ada@example.com", id_number="other")


async def test_beneficiaries_are_read_though_one_comes_as_an_array(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox) as blaaiz:
        made = await blaaiz.customers.create(ADA)
        id = sandbox.add_beneficiary(made.id)
        assert (await blaaiz.customers.get_beneficiary(made.id, id)).id == id
        assert [id] == [row.id for row in await blaaiz.customers.list_beneficiaries(made.id)]


def test_no_request_shows_what_it_holds() -> None:
    person = IndividualCustomer(
        email="ada@example.com", country="NG", first_name="Ada", last_name="Obi", id_type="passport", id_number="A1"
    )
    assert "IndividualCustomer()" == repr(person)


async def test_iteration_reads_at_most_one_page_ahead_and_nothing_for_one_row(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox) as blaaiz:
        for number in range(40):
            await blaaiz.customers.create({**ADA, "email": f"p{number}@example.com", "id_number": f"N{number}"})
        async for _ in blaaiz.customers.iterate():
            break
        assert 1 == sandbox.journal.count("customers_list")
        taken = 0
        async for _ in blaaiz.customers.iterate():
            taken += 1
            if taken == 14:
                break
            assert sandbox.journal.count("customers_list") <= 3
