"""Signa: only what the platform supports is sent, nothing personal or secret is shown, and no session is lost."""

from itertools import chain, combinations
from typing import Any, cast

import pytest

from blaaiz_async import InvalidRequestError, ResponseDecodeError, SignaApplicantInput, contract
from blaaiz_async.types.countries import ALPHA_3
from tests.services.scripted import Scripted, documented

pytestmark = pytest.mark.anyio

SESSION: dict[str, Any] = {"customer_reference": "user_1", "requirements": ["DOCUMENTS"]}
FILE: dict[str, Any] = {
    "filename": "passport.jpg",
    "content_type": "image/jpeg",
    "id_doc_type": "PASSPORT",
    "country": "NGA",
    "file_name": "4a7f1c92e0_passport.jpg",
}
NAMES = ("DOCUMENTS", "SELFIE", "FACE_MATCH", "PROOF_OF_ADDRESS")
SUPPORTED = {frozenset(row["requirements"]): set(row["modes"]) for row in contract.document("events")["x-requirement-sets"]}


async def test_exactly_the_supported_requirements_and_modes_are_sent() -> None:
    platform = Scripted(documented("signa_create_session", "hosted"))
    async with platform.client() as blaaiz:
        for asked in chain.from_iterable(combinations(NAMES, size) for size in range(5)):
            for mode in ("HOSTED", "HEADLESS", None):
                session = {**SESSION, "requirements": asked, "fulfilment_mode": mode}
                supported = SUPPORTED.get(frozenset(asked), set())
                before = len(platform.asked)
                if supported and (mode is None or mode in supported):
                    await blaaiz.signa.create_session(session)
                    assert len(platform.asked) == before + 1
                else:
                    with pytest.raises(InvalidRequestError):
                        await blaaiz.signa.create_session(session)
                    assert len(platform.asked) == before


REFUSED: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "a requirement twice": (
        "create_session",
        ({**SESSION, "requirements": ["DOCUMENTS", "DOCUMENTS"]},),
        "requirements",
    ),
    "an alpha-2 country": ("create_session", ({**SESSION, "applicant": {"country": "NG"}},), "applicant.country"),
    "an alpha-2 country in a class": (
        "create_session",
        ({**SESSION, "applicant": SignaApplicantInput(country="NG")},),
        "applicant.country",
    ),
    "a plain http redirect": ("create_session", ({**SESSION, "redirect_url": "http://shop.example"},), "redirect_url"),
    "a long reference": ("create_session", ({**SESSION, "customer_reference": "x" * 101},), "customer_reference"),
    "neither staged nor inline": ("upload_session_document", ("s1", {**FILE, "file_name": None}), "file_name"),
    "both staged and inline": ("upload_session_document", ("s1", {**FILE, "content_base64": "AAAA"}), "file_name"),
    "inline beyond the network edge": (
        "upload_session_document",
        ("s1", {**FILE, "file_name": None, "content_base64": "A" * 8193}),
        "content_base64",
    ),
    "a name with a path": ("upload_session_document", ("s1", {**FILE, "file_name": "../passport.jpg"}), "file_name"),
}


@pytest.mark.parametrize(("method", "given", "field"), REFUSED.values(), ids=REFUSED)
async def test_what_the_platform_would_refuse_is_not_sent(method: str, given: tuple[Any, ...], field: str) -> None:
    platform = Scripted(500)
    async with platform.client() as blaaiz:
        with pytest.raises(InvalidRequestError) as refused:
            await getattr(blaaiz.signa, method)(*given)
    assert field in {fault.field for fault in refused.value.faults}
    assert platform.asked == []


async def test_a_repeat_after_a_lost_answer_carries_the_same_key_and_the_answer_names_it() -> None:
    platform = Scripted(504, documented("signa_create_session", "hosted"))
    async with platform.client() as blaaiz:
        session = await blaaiz.signa.create_session(SESSION)
    first, second = (body["idempotency_key"] for body in platform.bodies())
    assert first == second == session.idempotency_key


SECRETS = {
    "create_session": ("signa_create_session", "hosted", (SESSION,)),
    "issue_verification_link": ("signa_issue_verification_link", "default", ("s1",)),
    "issue_access_token": ("signa_issue_access_token", "default", ("s1",)),
    "create_document_upload_url": (
        "signa_create_document_upload_url",
        "default",
        ("s1", {"file_name": "passport front.jpg", "id_doc_type": "PASSPORT"}),
    ),
    "get_session_document": ("signa_get_document", "default", ("s1", "sumsub:901")),
    "get_session_applicant_data": ("signa_get_applicant_data", "default", ("s1",)),
}
SHOWN = {"session_id", "id", "fulfilment_mode", "status", "content_type", "expires_at", "link_expires_at"}


def texts(payload: Any, name: str = "") -> set[str]:
    if isinstance(payload, dict):
        fields = cast("dict[str, Any]", payload)
        return {text for key, value in fields.items() for text in texts(value, key)}
    return {payload} if isinstance(payload, str) and name not in SHOWN else set()


@pytest.mark.parametrize(("method", "example"), SECRETS.items(), ids=SECRETS)
async def test_nothing_personal_and_no_credential_shows_in_a_repr(method: str, example: tuple[str, str, Any]) -> None:
    operation, name, args = example
    payload = documented(operation, name)
    async with Scripted(payload).client() as blaaiz:
        answer = await getattr(blaaiz.signa, method)(*args)
    hidden = texts(payload["data"])
    assert hidden
    assert not [text for text in hidden if text in repr(answer)]


async def test_a_session_that_captured_nothing_has_no_applicant_data() -> None:
    async with Scripted(documented("signa_get_applicant_data", "no_record")).client() as blaaiz:
        assert await blaaiz.signa.get_session_applicant_data("s1") is None
    async with Scripted({"message": "no data key at all"}).client() as blaaiz:
        with pytest.raises(ResponseDecodeError, match="data"):
            await blaaiz.signa.get_session_applicant_data("s1")


@pytest.mark.parametrize("told", [True, False], ids=["total told", "total not told"])
async def test_iterating_reads_every_session_once_by_offset(told: bool) -> None:
    names = [f"s{number}" for number in range(5)]

    def part(ids: list[str]) -> dict[str, Any]:
        return {"data": {"sessions": [{"id": id} for id in ids], **({"total": 6} if told else {})}}

    # s1 comes twice: a session was opened meanwhile and pushed it on.
    platform = Scripted(part(names[:2]), part(names[1:4]), part(names[4:]), part([]))
    async with platform.client() as blaaiz:
        assert names == [session.id async for session in blaaiz.signa.iterate()]
    offsets = [request.url.params["offset"] for request in platform.asked]
    assert offsets == (["0", "2", "5"] if told else ["0", "2", "5", "6"])


async def test_headers_without_keys_are_read_as_php_writes_them() -> None:
    data: dict[str, Any] = {**documented("signa_create_document_upload_url")["data"], "headers": []}
    async with Scripted({"message": "ok", "data": data}).client() as blaaiz:
        target = await blaaiz.signa.create_document_upload_url("s1", {"file_name": "a.png", "id_doc_type": "PASSPORT"})
    assert target.headers == {}


async def test_a_document_id_with_a_colon_is_one_path_segment() -> None:
    platform = Scripted(documented("signa_get_document"))
    async with platform.client() as blaaiz:
        await blaaiz.signa.get_session_document("s1", "sumsub:901")
    assert platform.asked[0].url.raw_path.endswith(b"/sessions/s1/documents/sumsub%3A901")


async def test_the_former_capture_link_warns() -> None:
    async with Scripted(documented("signa_issue_capture_link")).client() as blaaiz:
        with pytest.warns(DeprecationWarning, match="issue_verification_link"):
            await blaaiz.signa.issue_capture_link("s1")


def test_countries_of_documents_are_those_of_iso_3166() -> None:
    assert len(ALPHA_3) == 249
    assert {"NGA", "GBR", "CAN", "ZWE"} <= ALPHA_3
