from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast, get_args

import pytest

from blaaiz_async import contract

SHARED = Path(__file__).parents[3] / "shared" / "contract"
LEFT_OUT = {"x-source", "x-sources", "x-origin", "x-example-basis", "x-source-note", "x-source-freshness"}
DOCS = cast("tuple[contract.DocName, ...]", get_args(contract.DocName))


def reduced(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: reduced(value) for key, value in node.items() if key not in LEFT_OUT}
    return [reduced(value) for value in node] if isinstance(node, list) else node


def refs(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set[str]()
        return own.union(*(refs(value) for value in node.values()))
    return set[str]().union(*(refs(value) for value in node)) if isinstance(node, list) else set()


@pytest.mark.parametrize("doc", DOCS)
@pytest.mark.skipif(not SHARED.is_dir(), reason="the contract's YAML is not beside the checkout")
def test_the_packaged_data_is_the_contract_without_its_sources(doc: contract.DocName) -> None:
    import yaml

    written = yaml.safe_load((SHARED / f"{doc}.yaml").read_text(encoding="utf-8"))
    assert dict(contract.document(doc)) == reduced(written)


@pytest.mark.parametrize("doc", DOCS)
def test_every_reference_inside_a_document_resolves(doc: contract.DocName) -> None:
    document = contract.document(doc)
    for ref in refs(dict(document)):
        node: Any = document
        for part in ref.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        assert node


def test_operation_ids_are_unique_and_name_their_scopes() -> None:
    found = contract.operations()
    assert len({each.id for each in found}) == len(found)
    assert contract.operation("customers_create").scopes == ("customer:write",)
    assert contract.operation("customers_link_kyc_session").scopes == ("customer:write", "compliance-kyc:pii:read")
    assert contract.operation("signa_id_get_wallet_status").scopes == ()
    assert contract.operation("oauth_token_create").scopes == ()


def test_a_validator_follows_references_and_checks_formats() -> None:
    validator = contract.validator("customers", "BusinessCustomerCreate")
    body: dict[str, Any] = {
        "type": "business",
        "email": "a@b.example",
        "country": "NG",
        "business_name": "Acme",
        "registration_number": "RC1",
        "incorporation_country": "NG",
        "owners": [{"first_name": "A", "last_name": "B", "street": "12345678"}],
        "incorporation_date": "2019-02-30",
        "email2": "ignored",
    }
    found = {".".join(str(part) for part in each.absolute_path) for each in validator.iter_errors(body)}
    assert found == {"owners.0.street", "incorporation_date"}


def test_the_documents_name_no_place_on_a_machine() -> None:
    for doc in DOCS:
        assert "/home/" not in json.dumps(dict(contract.document(doc)))
