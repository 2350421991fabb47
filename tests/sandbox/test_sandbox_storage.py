from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from blaaiz_async.sandbox import Sandbox
from tests.sandbox.sandbox_checking import BUSINESS, CUSTOMER, INDIVIDUAL, JANE, PDF, Caller, Clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

pytestmark = pytest.mark.anyio


async def test_a_target_takes_one_put_within_five_minutes_with_every_signed_header() -> None:
    clock = Clock()
    caller = await Caller(Sandbox(limits=None, now=clock)).authorize()
    customer = await caller.create(BUSINESS)
    path = f"{CUSTOMER}/{customer}/document/presigned-url"

    async def attempt(headers: Mapping[str, str] | None = None, *, wait: float = 0, spoil: bool = False) -> httpx.Response:
        answer = await caller.call("POST", path, expect=200)
        answer["data"]["url"] += "0" if spoil else ""
        clock.move(wait)
        return await caller.put(answer, headers=headers)

    assert (await attempt({"authorization": "Bearer x"})).status_code == 400
    for refused in (
        await attempt(wait=300),
        await attempt(spoil=True),
        await attempt({"x-amz-acl": "public"}),
        await attempt({"content-type": "text/plain"}),
    ):
        assert refused.status_code == 403
        assert refused.headers["content-type"] == "application/xml"
    answer = await caller.call("POST", path, expect=200)
    first, second = await caller.put(answer), await caller.put(answer)
    assert (first.status_code, second.status_code) == (200, 403)
    assert first.headers["etag"].startswith('"')
    assert caller.sandbox.journal.count("presigned_upload_put") == 7


async def test_a_file_serves_only_the_slot_it_was_asked_for_and_only_once_stored() -> None:
    caller = await Caller(Sandbox(limits=None)).authorize()
    customer = await caller.create(BUSINESS, owners=[JANE, {"first_name": "B", "last_name": "C"}])
    stranger = await caller.create(BUSINESS, registration_number="RC2")
    jane, other = (owner["id"] for owner in (await caller.read(customer))["owners"])
    path = f"{CUSTOMER}/{customer}"
    front = {"file_category": "id_document_front"}
    file_id = await caller.upload(f"{path}/owner/{jane}/file/presigned-url", front)
    unsent = (await caller.call("POST", f"{path}/owner/{jane}/file/presigned-url", front))["data"]["file_id"]
    for owner, slot, given in (
        (other, "id_document_front", file_id),
        (jane, "id_document_back", file_id),
        (jane, "id_document_front", unsent),
    ):
        await caller.call("POST", f"{path}/owner/{owner}/files", {slot: given}, 422)
    document = await caller.upload(f"{path}/document/presigned-url")
    body = {"type": "OTHER", "name": "a.pdf", "file_id": document}
    await caller.call("POST", f"{CUSTOMER}/{stranger}/document", body, 422)
    await caller.call("POST", f"{path}/document", {**body, "file_id": file_id}, 422)
    answer = await caller.call("POST", f"{path}/owner/{jane}/files", {"id_document_front": file_id}, 200)
    assert file_id in answer["data"]["id_document_path"]


async def test_a_document_link_is_fresh_at_every_read_and_dies_after_two_minutes() -> None:
    clock = Clock()
    caller = await Caller(Sandbox(limits=None, now=clock)).authorize()
    customer = await caller.create(BUSINESS)
    await caller.document(customer)

    async def link() -> str:
        return str((await caller.read(customer))["documents"][0]["url"])

    first = await link()
    assert (await caller.http.get(first)).content == PDF
    clock.move(120)
    assert (await caller.http.get(first)).status_code == 403
    second = await link()
    assert second != first
    assert (await caller.http.get(second)).status_code == 200


@pytest.mark.parametrize("envelope", ["documented", "flat", "arrays"])
async def test_upload_targets_come_in_every_shape_seen(envelope: Literal["documented", "flat", "arrays"]) -> None:
    caller = await Caller(Sandbox(limits=None, upload_envelope=envelope)).authorize()
    customer, business = await caller.create(INDIVIDUAL), await caller.create(BUSINESS)
    file_target = {"customer_id": customer, "file_category": "identity"}
    flat = await caller.call("POST", "/api/external/file/get-presigned-url", file_target, 200)
    nested = await caller.call("POST", f"{CUSTOMER}/{business}/document/presigned-url", expect=200)
    assert "file_id" in flat
    assert ("data" in nested) is (envelope == "documented")
    headers = nested.get("data", nested)["headers"]
    assert headers == (
        {"Host": ["sandbox.test"], "x-amz-acl": ["private"]} if envelope == "arrays" else {"x-amz-acl": "private"}
    )
    assert (await caller.put(nested)).status_code == 200
