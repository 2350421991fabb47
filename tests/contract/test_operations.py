"""Every operation as declared against the contract's own statement of it."""

import re

import pytest

from blaaiz_async import contract
from blaaiz_async.core.operation import OPERATIONS, Safety


def test_no_operation_is_missing_and_none_is_invented() -> None:
    assert {each.id for each in contract.operations()} == set(OPERATIONS)


def bare(path: str) -> str:
    """Forget the names of path parameters."""
    return re.sub(r"\{\w+\}", "{}", path)


@pytest.mark.parametrize("id", sorted(OPERATIONS))
def test_an_operation_is_declared_as_the_contract_says(id: str) -> None:
    ours, theirs = OPERATIONS[id], contract.operation(id)
    assert (theirs.method, bare(theirs.path), set(theirs.scopes)) == (ours.method, bare(ours.path), set(ours.scopes))
    assert (ours.safety is Safety.READ) or ours.method != "GET"
    assert bool(ours.body) == ("requestBody" in theirs.raw) or id in ("oauth_token_create", "presigned_upload_put")
    assert bool(ours.deprecated) == bool(theirs.raw.get("deprecated"))
