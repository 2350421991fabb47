"""Our types against the contract: every field of every schema is carried, every documented example passes unharmed."""

import datetime as dt
import json
from decimal import Decimal
from functools import cache
from typing import Any

import attrs
import pytest

from blaaiz_async import contract
from blaaiz_async.core import codec
from blaaiz_async.core.checking import check, read_request
from blaaiz_async.core.operation import OPERATIONS, Shape
from blaaiz_async.types import common, customers, oauth
from tests.conftest import SHARED

TODAY = dt.date(2026, 11, 20)

TYPES: dict[str, type[Any]] = {
    "OwnerCreate": customers.OwnerCreate,
    "OwnerUpgradeCreate": customers.OwnerUpgradeCreate,
    "OwnerUpsert": customers.OwnerUpsert,
    "IndividualCustomerCreate": customers.IndividualCustomer,
    "BusinessCustomerCreate": customers.BusinessCustomer,
    "CustomerUpdate": customers.CustomerUpdate,
    "KycDataInput": customers.KycData,
    "KybScopeUpgrade": customers.KybScopeUpgrade,
    "KycSessionLink": customers.KycSessionLink,
    "CustomerFilesAttach": customers.CustomerFiles,
    "OwnerFileUrlRequest": customers.OwnerFileUrlRequest,
    "OwnerFilesAttach": customers.OwnerFiles,
    "FileUrlRequest": customers.FileUrlRequest,
    "DocumentCreate": customers.DocumentCreate,
    "DocumentUpdate": customers.DocumentUpdate,
    "Owner": customers.Owner,
    "KybDocument": customers.KybDocument,
    "KycData": customers.StoredKycData,
    "CustomerComment": customers.CustomerComment,
    "Customer": customers.Customer,
    "CustomerSummary": customers.CustomerSummary,
    "Beneficiary": customers.Beneficiary,
    "MessageResponse": common.Message,
    "UploadTarget": common.UploadTarget,
    "FileUrlResponse": common.UploadTarget,
    "OAuthTokenResponse": oauth.AccessToken,
}
"""The class that carries each object schema."""

NOT_TYPES = {
    # Envelopes, which a call unwraps.
    "CustomerResponse",
    "CustomerListResponse",
    "PaginatedCustomerListResponse",
    "PaginationLinks",
    "PaginationMeta",
    "BeneficiaryListResponse",
    "BeneficiaryResponse",
    "OwnerResponse",
    "DocumentResponse",
    "DocumentListResponse",
    # Errors, which become exceptions (tests/core/test_caller.py).
    "ErrorResponse",
    "ValidationErrorResponse",
    "OAuthErrorResponse",
    # The form of the token call, written by services/oauth.py.
    "OAuthTokenRequest",
    # A webhook delivery: not an answer of this area's calls.
    "CustomerStatusChangedEvent",
}


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = contract.document("customers")["components"]["schemas"]
    return found


def object_schemas() -> list[str]:
    return [name for name, schema in schemas().items() if "properties" in schema]


@pytest.mark.parametrize("name", object_schemas())
def test_every_field_of_every_schema_is_carried(name: str) -> None:
    if name in NOT_TYPES:
        assert name not in TYPES
        return
    ours = {a.name for a in attrs.fields(TYPES[name])} - {"extra", "_keys"}
    assert ours >= set(schemas()[name]["properties"])
    if issubclass(TYPES[name], codec.Request):
        assert ours == set(schemas()[name]["properties"])


@pytest.mark.parametrize("name", [name for name in TYPES if issubclass(TYPES[name], codec.Request)])
def test_a_request_requires_what_the_contract_requires(name: str) -> None:
    required = {a.name for a in attrs.fields(TYPES[name]) if a.default is attrs.NOTHING}
    constants = {"type"} if name.endswith("CustomerCreate") else set[str]()
    assert set(schemas()[name].get("required", ())) == required | constants


ENUMS = {
    "CustomerType": customers.CustomerType,
    "KybScope": customers.KybScope,
    "VerificationStatus": customers.VerificationStatus,
    "ReviewStatus": customers.ReviewStatus,
    "IndividualIdType": customers.IndividualIdType,
    "OwnerIdDocumentType": customers.OwnerIdDocumentType,
    "BusinessType": customers.BusinessType,
    "SourceOfFunds": customers.SourceOfFunds,
    "EstimatedAnnualRevenue": customers.EstimatedAnnualRevenue,
    "AccountPurpose": customers.AccountPurpose,
    "KybDocumentType": customers.KybDocumentTypeName,
    "FileCategory": customers.FileCategory,
    "OwnerFileCategory": customers.OwnerFileCategory,
}


@pytest.mark.parametrize("name", ENUMS)
def test_every_documented_value_of_an_enum_is_known(name: str) -> None:
    ours: Any = ENUMS[name]
    values = list(getattr(ours, "__args__", ())) or [member.value for member in ours]
    assert sorted(schemas()[name]["enum"]) == sorted(values)
    assert set(schemas()["FormationDocumentType"]["enum"]) == customers.FORMATION_DOCUMENTS


@cache
def examples() -> list[dict[str, Any]]:
    path = SHARED / "contract" / "examples" / "customers.jsonl"
    if not path.exists():
        pytest.skip("the shared contract examples aren't here")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def plain(value: Any) -> Any:
    """Bring a payload to one form: decimals of any spelling, moments of any precision."""
    if isinstance(value, dict):
        return {
            name: Decimal(str(item)) if name == "ownership_percentage" and item is not None else plain(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str) and "T" in value:
        try:
            return dt.datetime.fromisoformat(value)
        except ValueError:
            return value
    return value


def test_every_documented_answer_decodes_and_encodes_back_without_loss() -> None:
    seen = 0
    for example in examples():
        if example["kind"] != "response":
            continue
        operation = OPERATIONS[example["operation"]]
        body = codec.from_json(json.dumps(example["payload"]).encode())
        payload = next((body[key] for key in operation.under if key in body), body)
        rows = payload if isinstance(payload, list) else [payload]
        assert operation.shape is Shape.MANY or 1 == len(rows)
        for row in rows:
            record = codec.decode(row, operation.answer)
            assert plain(row) == plain(codec.from_json(codec.to_json(codec.encode(record))))
            assert {} == record.extra or operation.answer is common.Message
            seen += 1
    assert seen >= 24


WRONG_BY_THE_CONTRACT = {
    # x-conflicts: any id_type or id_number on a business is a 422.
    ("customers_create", "id_type"),
    # customers_update x-uncertain: "the sample request mixes individual and business keys; do not send such a mix".
    ("customers_update", "business_name"),
}


def test_every_documented_request_encodes_to_itself_or_is_refused_for_the_contracts_own_reason() -> None:
    seen = refused = 0
    for example in examples():
        operation = example["operation"]
        if example["kind"] != "request" or operation not in OPERATIONS or not OPERATIONS[operation].body:
            continue
        payload = example["payload"]
        by_type = {
            kind.__attrs_attrs__.type.default: kind
            for kind in OPERATIONS[operation].body
            if len(OPERATIONS[operation].body) > 1
        }
        kind = by_type.get(payload.get("type"), OPERATIONS[operation].body[0])
        request, faults = read_request(kind, payload, TODAY)
        if faults:
            fields = {fault.field for fault in faults}
            assert any(operation == where and field in payload and fields for where, field in WRONG_BY_THE_CONTRACT)
            assert fields & {"id_type", "id_number"}
            refused += 1
            continue
        assert request is not None
        assert [] == check(request, TODAY)
        assert payload == json.loads(codec.to_json(codec.encode(request)))
        seen += 1
    assert (2, True) == (refused, seen >= 18)
