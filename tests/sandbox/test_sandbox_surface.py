"""What holds for every operation at once, drawn from the contract."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blaaiz_async import contract
from blaaiz_async.sandbox import Sandbox, Verdict
from blaaiz_async.sandbox.oauth import ALL_SCOPES
from tests.sandbox.sandbox_checking import BUSINESS, INDIVIDUAL, JANE, Caller

OPERATIONS = [each for each in contract.operations() if each.doc in {"customers", "events"} and each.scopes]
WRITES = [each for each in OPERATIONS if each.doc == "customers" and each.method in {"POST", "PUT"}]


def some_path(doc: contract.OperationDoc, **ids: str) -> str:
    path = doc.path
    for name in ("customer_id", "owner_id", "document_id", "beneficiary_id"):
        path = path.replace(f"{{{name}}}", ids.get(name, "none"))
    return re.sub(r"\{\w+\}", "none", path)


@pytest.mark.anyio
@pytest.mark.parametrize("doc", OPERATIONS, ids=lambda doc: doc.id)
async def test_every_operation_is_served_to_those_who_hold_its_scopes(doc: contract.OperationDoc) -> None:
    sandbox = Sandbox(limits=None)
    caller = Caller(sandbox)
    for scope in doc.scopes:
        await caller.authorize(" ".join(sorted(ALL_SCOPES - {scope})))
        await caller.call(doc.method, some_path(doc), expect=403)
    await caller.authorize(" ".join(doc.scopes))
    answer = await caller.http.request(doc.method, some_path(doc))
    assert answer.status_code in {200, 400, 404, 422}
    assert sandbox.journal.calls[-1].operation == doc.id


def fields_of(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set[str]()
        return own.union(*(fields_of(value) for value in schema.values()))
    return set[str]().union(*(fields_of(value) for value in schema)) if isinstance(schema, list) else set()


SCHEMAS = contract.document("customers")["components"]["schemas"]
FIELDS = sorted(fields_of({name: SCHEMAS[name] for name in SCHEMAS if not name.endswith(("Response", "Event"))}))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["individual", "business", "passport", "NG", "2030-01-15", "1990-01-15", "identity", "FULL", "a@b.co"]),
)
BODIES = st.dictionaries(
    st.sampled_from(FIELDS),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
        max_leaves=6,
    ),
    max_size=6,
)
BASES = st.sampled_from([{}, INDIVIDUAL, {**BUSINESS, "owners": [JANE]}, {"owners": [JANE]}])


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, base=BASES)
async def test_no_body_brings_it_down_and_every_refusal_keeps_its_shape(
    anyio_backend: str, body: dict[str, Any], base: dict[str, Any]
) -> None:
    sandbox = Sandbox(limits=None, verdict=Verdict.hold(), minimal_kyb=True)
    caller = await Caller(sandbox).authorize()
    individual = await caller.create(INDIVIDUAL)
    business = await caller.create(BUSINESS, registration_number="RC9", owners=[JANE], kyb_scope="FULL")
    minimal = await caller.create(BUSINESS, registration_number="RC10")
    owner = (await caller.read(business))["owners"][0]["id"]
    document = await caller.document(business)
    for doc in WRITES:
        for customer in (individual, business, minimal):
            path = some_path(doc, customer_id=customer, owner_id=owner, document_id=document)
            sent = {**base, **body}
            answer = await caller.http.request(doc.method, path, json=sent)
            assert answer.status_code in {200, 201, 400, 404, 409, 422}
    for customer in (individual, business, minimal):
        await caller.read(customer)
    await caller.call("GET", "/api/external/customer?paginate=1", expect=200)
