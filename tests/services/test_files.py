"""Uploads: every kind of source, what is refused before a call, and what the storage gets to see."""

import base64
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from blaaiz_async import AsyncBlaaiz, InvalidRequestError, MemoryTokenStore, UploadError
from blaaiz_async.sandbox import Fault, Sandbox
from blaaiz_async.sandbox.server import running
from blaaiz_async.services.files import MAX_FILE_BYTES
from tests.conftest import Bind
from tests.people import ADA
from tests.services.test_customers import PNG

pytestmark = pytest.mark.anyio


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(limits=None)


async def a_stream(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 20):
        yield data[start : start + 20]


@pytest.mark.parametrize("kind", ["bytes", "path", "stream", "data URL"])
@pytest.mark.parametrize("served", [False, True], ids=["in process", "over a socket"])
async def test_every_kind_of_source_arrives_whole(
    sandbox: Sandbox, tmp_path: Path, bind: Bind, kind: str, served: bool
) -> None:
    data = PNG + bytes(range(256)) * 700  # more than one chunk of a file
    path = tmp_path / "id.png"
    path.write_bytes(data)
    source: Any = {
        "bytes": data,
        "path": path,
        "stream": a_stream(data),
        "data URL": "data:image/png;base64," + base64.b64encode(data).decode(),
    }[kind]

    async def upload(blaaiz: AsyncBlaaiz) -> None:
        made = await blaaiz.customers.create(ADA)
        await blaaiz.customers.upload_file_complete(made.id, {"file": source, "file_category": "identity"})

    if served:
        with running(sandbox) as url:
            async with AsyncBlaaiz(
                client_id="sandbox-client", client_secret="sandbox-secret", base_url=url, token_store=MemoryTokenStore()
            ) as blaaiz:
                await upload(blaaiz)
    else:
        async with bind(sandbox) as blaaiz:
            await upload(blaaiz)
    put = next(call for call in sandbox.journal.calls if call.operation == "presigned_upload_put")
    assert data == put.body
    assert str(len(data)) == put.headers["content-length"]
    assert "authorization" not in put.headers


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        (b"", "empty"),
        (b"hello, I am a text", "content"),
        (PNG + bytes(MAX_FILE_BYTES), "too_large"),
        ("https://example.com/id.png", "url"),
        ("data:image/png;base64,***", "base64"),
        ("iVBORw0KGgo=", "kind"),
        (Path("nowhere.png"), "missing"),
        (5, "kind"),
    ],
)
async def test_a_file_that_would_be_refused_costs_no_call(sandbox: Sandbox, bind: Bind, source: Any, rule: str) -> None:
    async with bind(sandbox) as blaaiz:
        with pytest.raises(InvalidRequestError) as caught:
            await blaaiz.files.upload("some-id", source, file_category="identity")
    assert ([rule], []) == ([fault.rule for fault in caught.value.faults], sandbox.journal.calls)


async def test_file_options_that_lack_something_are_refused(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox) as blaaiz:
        with pytest.raises(InvalidRequestError, match="file_category: is required"):
            await blaaiz.customers.upload_file_complete("some-id", {"file": PNG})  # type: ignore[typeddict-item]  # on purpose
    assert [] == sandbox.journal.calls


async def test_a_content_type_that_contradicts_the_content_is_refused(sandbox: Sandbox, bind: Bind) -> None:
    async with bind(sandbox) as blaaiz:
        with pytest.raises(InvalidRequestError, match="image/png by its content"):
            await blaaiz.files.upload("some-id", PNG, file_category="identity", content_type="application/pdf")


@pytest.mark.parametrize("envelope", ["documented", "flat", "arrays"])
async def test_the_signed_headers_go_back_in_every_form_they_come(bind: Bind, envelope: Any) -> None:
    sandbox = Sandbox(limits=None, upload_envelope=envelope)
    company = {
        "type": "business",
        "email": "ops@acme.example.com",
        "country": "NG",
        "incorporation_country": "NG",
        "business_name": "Acme",
        "registration_number": "RC1",
    }
    async with bind(sandbox) as blaaiz:
        made = await blaaiz.customers.create(company)
        file_id = await blaaiz.files.upload_document(made.id, b"%PDF-1.7 ...")
        document = await blaaiz.customers.create_document(made.id, {"type": "OTHER", "name": "A paper", "file_id": file_id})
    assert "PENDING" == document.status
    put = next(call for call in sandbox.journal.calls if call.operation == "presigned_upload_put")
    assert "application/pdf" == put.headers["content-type"]


LOST = [Fault.before_commit(None), Fault.after_commit(None), Fault.status(503), Fault.status(403, body="<Error/>")]


@pytest.mark.parametrize("fault", LOST)
async def test_a_failed_put_is_tried_again_at_a_fresh_target(sandbox: Sandbox, bind: Bind, fault: Fault) -> None:
    sandbox.faults.add("presigned_upload_put", fault)
    async with bind(sandbox) as blaaiz:
        made = await blaaiz.customers.create(ADA)
        await blaaiz.customers.upload_file_complete(made.id, {"file": PNG, "file_category": "identity"})
        assert (await blaaiz.customers.get(made.id)).verification_status == "VERIFIED"
    assert 2 == sandbox.journal.count("files_get_presigned_url")


async def test_a_put_without_an_etag_is_a_failure(sandbox: Sandbox, bind: Bind) -> None:
    sandbox.faults.add("presigned_upload_put", Fault.status(200, body=b""), times=9)
    async with bind(sandbox) as blaaiz:
        made = await blaaiz.customers.create(ADA)
        with pytest.raises(UploadError, match="ETag"):
            await blaaiz.files.upload(made.id, PNG, file_category="identity")
    assert 0 == sandbox.journal.count("customers_attach_files")


async def test_no_presigned_link_is_in_a_log_or_an_error(
    sandbox: Sandbox, bind: Bind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox.faults.add("presigned_upload_put", Fault.before_commit(None), times=9)
    async with bind(sandbox) as blaaiz:
        made = await blaaiz.customers.create(ADA)
        target = await blaaiz.files.get_presigned_url({"customer_id": made.id, "file_category": "identity"})
        with pytest.raises(UploadError) as caught:
            await blaaiz.files.upload(made.id, PNG, file_category="identity")
    assert "signature" in target.url
    for told in (repr(target), repr(caught.value), str(caught.value.__cause__), caplog.text):
        assert "signature" not in told


async def test_the_label_of_a_tax_number_is_fetched(bind: Bind) -> None:
    # The sandbox knows no virtual accounts yet; the documented answer stands in for it.
    import httpx

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "token_type": "Bearer", "expires_in": 900})
        assert {"country": "NG", "type": "individual"} == dict(request.url.params)
        return httpx.Response(200, json={"message": "ok", "data": {"label": "BVN", "type": "BVN"}})

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http_client,
        AsyncBlaaiz(client_id="i", client_secret="s", http_client=http_client) as blaaiz,
    ):
        found = await blaaiz.virtual_bank_accounts.get_identification_type(country="NG", type="individual")
    assert ("BVN", "BVN") == (found.label, found.type)
