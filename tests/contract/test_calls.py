"""Every operation through its public method: what is sent, which scopes it needs, and what becomes of the answer."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote

import anyio
import attrs
import httpx
import pytest

from blaaiz_async import MissingScopeError, contract
from blaaiz_async.contract import validators
from blaaiz_async.core import codec
from blaaiz_async.core.operation import OPERATIONS
from blaaiz_async.core.paging import Page
from blaaiz_async.errors import InvalidRequestError
from blaaiz_async.types.common import Message
from tests.conftest import SHARED
from tests.contract import calls
from tests.contract.calls import CALLS, UNDER_OTHER_CALLS, Example, Platform

PAGE_IS_ASSUMED = frozenset(
    {
        # x-uncertain: "A page query parameter is not documented although the body carries current_page; assume page works."
        "crypto_list_transactions",
        "crypto_list_wallet_transactions",
        # x-uncertain: "page parameter undocumented; assume it works."
        "webhook_list_logs",
    }
)


def test_every_operation_of_the_contract_is_declared_and_called() -> None:
    ids = {each.id for each in contract.operations()}
    assert ids == set(OPERATIONS)
    assert ids == set(CALLS) | UNDER_OTHER_CALLS


def parameters(operation: contract.OperationDoc) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every parameter with the JSON pointer of its schema's place."""
    for index, given in enumerate(operation.raw.get("parameters", ())):
        yield f"{place(operation)}/parameters/{index}/schema", given


def place(operation: contract.OperationDoc) -> str:
    path = operation.path.replace("~", "~0").replace("/", "~1")
    return f"/paths/{path}/{operation.method.lower()}"


def body_validator(operation: contract.OperationDoc, media: str = "application/json") -> validators.Validator:
    at = f"{place(operation)}/requestBody/content/{media.replace('/', '~1')}/schema"
    return validators.at(operation.doc, at)


def sent(id: str, body: Any = None) -> tuple[Platform, httpx.Request]:
    """Call an operation with a documented answer, and return the one request that was made."""
    example = calls.an_answer(id)
    platform = Platform(example.payload, example.status)

    async def once() -> None:
        async with platform.client() as blaaiz:
            await calls.call(id, blaaiz, body)

    anyio.run(once)
    (request,) = platform.asked
    return platform, request


@pytest.mark.parametrize("id", CALLS)
def test_a_call_sends_what_the_contract_says(id: str) -> None:
    theirs = contract.operation(id)
    platform, request = sent(id, calls.a_request(id))
    names = [each["name"] for _, each in parameters(theirs) if each["in"] == "path"]
    path = theirs.path
    for name in names:
        path = path.replace("{" + name + "}", quote(calls.an(name), safe=""))
    assert (theirs.method, path) == (request.method, request.url.raw_path.decode().partition("?")[0])
    assert re.findall(r"\{(\w+)\}", theirs.path) == names

    assert bool(theirs.scopes) == bool(platform.tokens)
    assert ("Bearer the-token" if theirs.scopes else None) == request.headers.get("authorization")
    assert "application/json" == request.headers["accept"]
    for _, header in parameters(theirs):
        assert header["in"] != "header" or request.headers[header["name"]]

    if "requestBody" not in theirs.raw:
        assert (b"", None) == (request.content, request.headers.get("content-type"))
    else:
        assert "application/json" == request.headers["content-type"]
        body_validator(theirs).validate(json.loads(request.content))


@pytest.mark.parametrize("id", CALLS)
def test_every_documented_filter_can_be_given_and_no_other_is_sent(id: str) -> None:
    theirs = contract.operation(id)
    _, request = sent(id, calls.a_request(id))
    pairs = parse_qsl(request.url.query.decode(), keep_blank_values=True)
    found = dict(pairs)
    assert len(pairs) == len(found)
    known = {each["name"]: at for at, each in parameters(theirs) if each["in"] == "query"}
    assert set(found) - ({"page"} if id in PAGE_IS_ASSUMED else set()) == set(known)
    for name, at in known.items():
        # In a query everything is text: a number or a boolean is what reads as one.
        as_json = json.loads(found[name]) if re.fullmatch(r"\d+|true|false", found[name]) else found[name]
        assert any(validators.at(theirs.doc, at).is_valid(value) for value in (found[name], as_json)), name


@pytest.mark.parametrize("id", [id for id in CALLS if contract.operation(id).scopes])
def test_without_its_scope_nothing_is_sent(id: str) -> None:
    for scope in contract.operation(id).scopes:
        platform = Platform()

        async def once(platform: Platform = platform, scope: str = scope) -> None:
            async with platform.client(scopes=[each for each in calls.every_scope() if each != scope]) as blaaiz:
                await calls.call(id, blaaiz, calls.a_request(id))

        with pytest.raises(MissingScopeError) as caught:
            anyio.run(once)
        assert ((scope,), id) == (caught.value.missing, caught.value.operation)
        assert ([], []) == (platform.asked, platform.tokens)


_OF_PARTS = {
    "collections_initiate",
    "customers_link_kyc_session",
    "mock_simulate_interac_webhook",
    "signa_id_exchange_release_code",
    "transactions_list",
    "virtual_accounts_close",
}
"""Their methods make the body or need none, or the caller above looks into it."""


@pytest.mark.parametrize("id", [id for id, each in OPERATIONS.items() if each.body and id not in _OF_PARTS])
def test_what_is_no_record_is_refused_before_anything_is_sent(id: str) -> None:
    for nothing in (None, list[str](), "x"):
        platform = Platform()
        with pytest.raises(InvalidRequestError, match="such a record, or a mapping"):
            anyio.run(calls.call, id, platform.client(), nothing)
        assert ([], []) == (platform.asked, platform.tokens)


def test_a_token_is_fetched_by_the_documented_form() -> None:
    platform, _ = sent("wallets_list")
    (request,) = platform.tokens
    theirs = contract.operation("oauth_token_create")
    assert (theirs.method, theirs.path) == (request.method, request.url.raw_path.decode())
    (media,) = theirs.raw["requestBody"]["content"]
    assert (media, None) == (request.headers["content-type"], request.headers.get("authorization"))
    form = {name: value for name, (value,) in parse_qs(request.content.decode(), strict_parsing=True).items()}
    body_validator(theirs, media).validate(form)
    assert set(calls.every_scope()) == set(form["scope"].split())


def test_a_file_is_put_to_the_very_link_that_was_given_without_a_token() -> None:
    target = calls.an_answer("files_get_presigned_url").payload
    platform = Platform(target)

    async def once() -> str:
        async with platform.client() as blaaiz:
            return await blaaiz.files.upload("c1", b"%PDF-1.7 x", file_category="identity")

    assert target["file_id"] == anyio.run(once)
    asked, put = platform.asked
    assert contract.operation("files_get_presigned_url").path == asked.url.path
    theirs = contract.operation("presigned_upload_put")
    assert (theirs.method, httpx.URL(target["url"]), b"%PDF-1.7 x") == (put.method, put.url, put.content)
    assert "authorization" not in put.headers
    assert put.headers["content-type"] in theirs.raw["requestBody"]["content"]
    given = {name.lower(): ",".join(codec.as_list(value)) for name, value in target["headers"].items()}
    assert given.items() - {("host", given.get("host"))} <= dict(put.headers).items()


# -- documented answers ------------------------------------------------------------------------------------------------

ENVELOPE = {"message", "status", "success", "data", "links", "meta", "current_page", "last_page", "per_page", "total"}
"""What may lie beside a payload; a page tells the numbers among it."""


def named(examples: tuple[Example, ...]) -> list[Any]:
    return [pytest.param(each, id=f"{each.operation}-{each.label}") for each in examples]


def at(body: Any, way: str) -> Any:
    for name in way.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def carried(example: Example) -> Any:
    """Return what an answer carries, and see that what lies beside it says nothing more."""
    ways = OPERATIONS[example.operation].under
    way = next((way for way in ways if at(example.payload, way) is not None), None)
    if way is None:
        return example.payload["data"] if example.operation == "signa_get_applicant_data" else example.payload
    beside: set[str] = set(example.payload) - {way.partition(".")[0]}
    assert beside <= ENVELOPE
    return at(example.payload, way)


def as_moment(text: str) -> datetime | str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def same(documented: Any, ours: Any) -> bool:
    """Tell whether two JSON values are the same, up to how numbers, moments and single-row lists are spelled."""
    if isinstance(documented, list) and isinstance(ours, dict):
        ours = [ours]  # x-conflicts: "single beneficiary: data is an array in the docs"
    elif isinstance(ours, list) and not isinstance(documented, list):
        documented = [] if documented is None else [documented]
    if isinstance(documented, dict) and isinstance(ours, dict):
        return documented.keys() == ours.keys() and all(same(documented[name], ours[name]) for name in ours)
    if isinstance(documented, list) and isinstance(ours, list):
        return len(documented) == len(ours) and all(map(same, documented, ours))
    if isinstance(documented, str) and isinstance(ours, str):
        return as_moment(documented) == as_moment(ours)
    if any(value is None or isinstance(value, bool | list | dict) for value in (documented, ours)):
        return documented is ours
    return Decimal(str(documented)) == Decimal(str(ours))


def unknown(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every key that a record's type doesn't know."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from unknown(item, path)
    elif isinstance(value, codec.Answer):
        yield from (f"{path}{name}" for name in value.extra)
        for field in attrs.fields(type(value)):
            yield from unknown(getattr(value, field.name), f"{path}{field.name}.")


@pytest.mark.parametrize("example", named(tuple(each for each in calls.documented_answers() if each.operation in CALLS)))
def test_a_documented_answer_is_read_without_loss(example: Example) -> None:
    platform = Platform(example.payload, example.status)

    async def once() -> Any:
        async with platform.client() as blaaiz:
            return await calls.call(example.operation, blaaiz, calls.a_request(example.operation))

    found = anyio.run(once)
    rows = list(found.items) if isinstance(found, Page) else found
    documented, ours = carried(example), json.loads(codec.to_json(codec.encode(rows)))
    if isinstance(documented, dict) and isinstance(ours, dict):  # without the key that this client made
        made = {"merchant_reference", "idempotency_key"} - documented.keys()
        ours = {name: value for name, value in ours.items() if name not in made}
    assert same(documented, ours)
    # What was taken out since, or stands beside a message, stays readable in `extra`.
    assert example.superseded or isinstance(rows, Message) or [] == list(unknown(rows))


def test_every_operation_with_an_answer_has_a_documented_one() -> None:
    assert {each.operation for each in calls.documented_answers()} == set(OPERATIONS) - {"presigned_upload_put"}


# -- documented requests -----------------------------------------------------------------------------------------------

ADDRESS = frozenset({"street", "city", "zip_code", "country"})

REFUSED: Mapping[tuple[str, frozenset[str]], str] = {
    (
        "customers_create",
        frozenset({"registration_number", "incorporation_country", "id_type", "id_number"}),
    ): "business: id_type and id_number are prohibited, else 422",
    (
        "customers_update",
        frozenset({"first_name", "last_name", "id_type", "id_number"}),
    ): "The sample request mixes individual and business keys (business_name with id_type); do not send such a mix.",
    (
        "payouts_initiate",
        frozenset({"method"}),
    ): "Do not use method crypto: it was withdrawn on 2026-08-12 in favour of POST /api/external/crypto/payouts.",
    (
        "payouts_initiate",
        ADDRESS,  # what README samples leave out, of GBP and EUR
    ): "GBP: method bank_transfer with sort_code, account_number, account_name and street, city, zip_code, country.",
    (
        "payouts_initiate",
        ADDRESS | {"state"},  # of USD
    ): "USD: method ach or wire with type, account_number, account_name, account_type, bank_name, routing_number, street, "
    "city, state, zip_code, country; wire adds swift_code.",
    (
        "collections_initiate",
        frozenset({"currency", "email", "narration", "phone_number", "reference"}),  # of a form long gone
    ): "Do not send currency; the wallet decides it.",
    (
        "fees_breakdown",
        frozenset({"method"}),  # of a form long gone
    ): "Use the item of payout_fees or collection_fees whose method you intend to use.",
    (
        "banks_lookup_account",
        frozenset({"bank_id", "bank_code", "currency"}),
    ): "The first spec used bank_code and currency and wrapped the answer in data.",
    (
        "virtual_accounts_create",
        frozenset({"account_name"}),
    ): "customer_id is required for every currency since 2026-04-05; account_name was removed.",
    (
        "mock_simulate_interac_webhook",
        frozenset({"collection_email"}),
    ): "Python SDK README names the field collection_email; OpenAPI, Java and Laravel say interac_email (trusted).",
}
"""Documented requests that are refused: by which fields, and in which words the contract itself is against them."""


def refused_fields(example: Example) -> frozenset[str]:
    try:
        sent(example.operation, example.payload)
    except InvalidRequestError as error:
        return frozenset(fault.field for fault in error.faults)
    return frozenset()


@pytest.mark.parametrize("example", named(tuple(each for each in calls.documented_requests() if each.operation in CALLS)))
def test_a_documented_request_is_sent_as_it_stands_or_refused_for_the_contracts_own_reason(example: Example) -> None:
    theirs = contract.operation(example.operation)
    if refused := refused_fields(example):
        reason = REFUSED[example.operation, refused]
        assert reason in (*theirs.raw["x-rules"], *theirs.raw["x-uncertain"])
        return
    _, request = sent(example.operation, example.payload)
    body = json.loads(request.content)
    body_validator(theirs).validate(body)
    key = OPERATIONS[example.operation].key
    if key is not None and key.field not in example.payload:
        body.pop(key.field, None)
    assert same(example.payload, body)


def test_no_refusal_is_listed_that_does_not_happen() -> None:
    if not SHARED.is_dir():
        pytest.skip("the examples aren't beside the checkout")
    happened = {(each.operation, refused_fields(each)) for each in calls.documented_requests() if each.operation in CALLS}
    assert set(REFUSED) == {each for each in happened if each[1]}
