"""Deliveries: only what the platform signed is read, and nothing of the rest is shown."""

import hashlib
import hmac
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blaaiz_async import AsyncBlaaiz, ConfigurationError, WebhookVerificationError, contract
from blaaiz_async.webhooks import Event, WebhookVerifier, read_event
from tests.webhooks.payloads import NOW, SECRET

VECTORS = contract.document("events")["x-webhook-signature"]["test_vectors"]
BODY = (
    b'{"type":"payout","transaction_status":"SUCCESSFUL","event_id":"e1","transaction_id":"t1","transaction_amount":20.0,'
    b'"transaction_fee":0.4,"transaction_amount_without_fee":19.6,"transaction_currency":"CAD",'
    b'"recipient":{"account_name":"Ada Obi","amount":19.6}}'
)
Verify = Callable[[bytes, str, str, str], Event]


def signed(body: bytes = BODY, timestamp: str = str(NOW), secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Blaaiz-Signature": digest, "X-Blaaiz-Timestamp": timestamp}


def test_a_subclass_is_refused_as_the_receiver_would_not_call_it() -> None:
    with pytest.raises(TypeError, match="no subclasses"):
        type("Stricter", (WebhookVerifier,), {})


def verifier(*secrets: str, now: float = NOW, tolerance: float | None = 300.0) -> WebhookVerifier:
    return WebhookVerifier(*(secrets or (SECRET,)), tolerance=tolerance, clock=lambda: now)


def sent(vector: dict[str, Any]) -> dict[str, str]:
    return {name: vector[name] for name in ("x-blaaiz-signature", "x-blaaiz-timestamp")}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_published_vectors_are_taken_and_refused_as_published(vector: dict[str, Any]) -> None:
    body, verify = vector["raw_body"].encode(), verifier(vector["secret"], now=int(vector["x-blaaiz-timestamp"]))
    if vector["valid"]:
        assert verify.receive(body, sent(vector)).received_at.timestamp() == int(vector["x-blaaiz-timestamp"])
        return
    with pytest.raises(WebhookVerificationError, match="signature"):
        verify.receive(body, sent(vector))


def test_a_delivery_is_read_with_its_numbers_exact_and_its_time_in_utc() -> None:
    event = verifier().receive(BODY, signed())
    assert ("payout.completed", "payout.completed:e1") == (event.name, event.dedupe_key)
    assert (Decimal("20.0"), "20.0") == (event.payload["transaction_amount"], str(event.payload["transaction_amount"]))
    assert datetime(2026, 8, 29, 9, 31, 5, tzinfo=UTC) == event.received_at


def test_what_is_signed_may_be_verified_now_and_read_later() -> None:
    moment = verifier().verify(BODY, signed())
    assert datetime(2026, 8, 29, 9, 31, 5, tzinfo=UTC) == moment
    assert verifier().receive(BODY, signed()) == read_event(BODY, moment)
    assert moment == verifier().verify(b"no JSON", signed(b"no JSON"))
    with pytest.raises(WebhookVerificationError, match="signature"):
        verifier().verify(BODY + b" ", signed())


OFFERED = st.binary(max_size=60)
CHANGES = st.integers(1, 255)


@given(OFFERED, st.data())
def test_a_change_of_any_byte_of_the_body_is_refused(body: bytes, data: st.DataObject) -> None:
    at, change = data.draw(st.integers(0, len(body))), data.draw(CHANGES)
    other = body[:at] + bytes([body[at] ^ change]) + body[at + 1 :] if at < len(body) else body + bytes([change])
    with pytest.raises(WebhookVerificationError, match="signature"):
        verifier(tolerance=None).receive(other, signed(body))


@given(st.integers(1, 200).flatmap(lambda size: st.text("sé", min_size=size, max_size=size)), OFFERED)
def test_it_signs_as_the_standard_library_does_whatever_the_length_of_the_secret(secret: str, body: bytes) -> None:
    right = hmac.new(secret.encode(), b"1." + body, "sha256").hexdigest()
    assert verifier(secret).has_signed(body, signature=right, timestamp="1")


@given(st.one_of(st.text(), st.integers(NOW - 300, NOW + 300).map(str), st.just(f"{NOW}.0"), st.just(f" {NOW}")))
def test_a_change_of_the_timestamp_is_refused(timestamp: str) -> None:
    headers = signed() | {"X-Blaaiz-Timestamp": timestamp}
    if timestamp == str(NOW):
        verifier().receive(BODY, headers)
        return
    for verify in (verifier(), verifier(tolerance=None)):
        with pytest.raises(WebhookVerificationError):
            verify.receive(BODY, headers)


@given(st.integers(0, 63), st.one_of(st.text(max_size=3), st.characters(codec=None, categories=["Cs"])))
def test_a_change_of_the_signature_is_refused(at: int, put: str) -> None:
    right = signed()["X-Blaaiz-Signature"]
    changed = right[:at] + put + right[at + 1 :]
    headers = signed() | {"X-Blaaiz-Signature": changed}
    if changed.lower() == right:
        verifier().receive(BODY, headers)
        return
    with pytest.raises(WebhookVerificationError):
        verifier().receive(BODY, headers)


def test_upper_case_digits_are_taken_as_the_official_sdks_take_them() -> None:
    headers = signed()
    verifier().receive(BODY, headers | {"X-Blaaiz-Signature": headers["X-Blaaiz-Signature"].upper()})


def test_no_part_of_the_body_can_be_passed_off_as_a_part_of_the_timestamp() -> None:
    headers = signed(b'{"a":"x.{}')
    moved = headers | {"X-Blaaiz-Timestamp": f'{NOW}.{{"a":"x'}
    with pytest.raises(WebhookVerificationError, match="signature"):
        verifier(tolerance=None).receive(b"{}", moved)


@pytest.mark.parametrize("secret", ["old", "new"])
def test_while_a_secret_is_rotated_both_are_taken(secret: str) -> None:
    verifier("new", "old").receive(BODY, signed(secret=secret))
    with pytest.raises(WebhookVerificationError):
        verifier("new", "old").receive(BODY, signed(secret="third"))


@pytest.mark.parametrize("absent", ["X-Blaaiz-Signature", "X-Blaaiz-Timestamp"])
def test_both_headers_are_required_and_the_missing_one_is_named(absent: str) -> None:
    headers = signed()
    del headers[absent]
    for incomplete in (headers, {**headers, absent: ""}):
        with pytest.raises(WebhookVerificationError, match=absent.lower()):
            verifier(tolerance=None).receive(BODY, incomplete)


@pytest.mark.parametrize("form", [bytes.decode, bytearray, memoryview])
def test_a_body_is_taken_in_any_form_that_holds_its_bytes(form: Callable[[bytes], Any]) -> None:
    for body in (BODY, '{"type":"société"}'.encode()):  # the second is told by a digest of its bytes
        right = signed(body)
        assert verifier().receive(body, right) == verifier().receive(form(body), right)
        assert verifier().verify(body, right) == verifier().verify(form(body), right)


@pytest.mark.parametrize("wrong", [{"type": "payout"}, None, 5, [b"{}"]])
def test_a_body_that_is_none_is_refused_with_what_to_give(wrong: Any) -> None:
    for take in (verifier().receive, verifier().verify):
        with pytest.raises(ConfigurationError, match="bytes of the request"):
            take(wrong, signed())


def test_headers_that_are_no_mapping_of_str_are_refused_with_what_to_give() -> None:
    of_asgi = [(name.lower().encode(), value.encode()) for name, value in signed().items()]
    wrong: list[Any] = [of_asgi, None, dict(of_asgi), {name: value.encode() for name, value in signed().items()}]
    for headers in wrong:
        with pytest.raises(ConfigurationError, match=r"value\.decode"):
            verifier().receive(BODY, headers)


@pytest.mark.parametrize(("away", "taken"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_delivery_is_taken_up_to_the_tolerance_before_and_after_now(away: int, taken: bool) -> None:
    verifier(now=NOW + away, tolerance=None).receive(BODY, signed())
    if taken:
        verifier(now=NOW + away).receive(BODY, signed())
        return
    with pytest.raises(WebhookVerificationError, match=r"301 s .* tolerance is 300 s"):
        verifier(now=NOW + away).receive(BODY, signed())


@pytest.mark.parametrize("timestamp", ["soon", "1e9", "-1", "٣", "9" * 400])
def test_a_rightly_signed_timestamp_that_is_no_time_is_refused(timestamp: str) -> None:
    with pytest.raises(WebhookVerificationError, match="Unix seconds"):
        verifier().receive(BODY, signed(timestamp=timestamp))


@pytest.mark.parametrize("body", [b"", b"[]", b'"payout"', b"null", b"{", b"\xff", b"[" * 100_000, b'{"a":NaN}'])
def test_a_rightly_signed_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookVerificationError, match="JSON object"):
        verifier().receive(body, signed(body))


@pytest.mark.parametrize("secrets", [(), ("",), ("right", ""), ("  ",), ("right\n",), (b"right",), (["right"],)])
def test_a_verifier_without_a_secret_is_none(secrets: Any) -> None:
    with pytest.raises(ConfigurationError, match="signing secret"):
        WebhookVerifier(*secrets)


@pytest.mark.parametrize("tolerance", [-1, float("nan")])
def test_a_tolerance_that_no_delivery_can_meet_is_refused(tolerance: float) -> None:
    with pytest.raises(ConfigurationError, match="tolerance"):
        WebhookVerifier(SECRET, tolerance=tolerance)


def test_nothing_secret_or_personal_is_shown() -> None:
    verify, right = verifier(), signed()
    event = verify.receive(BODY, right)
    assert "PayoutCompleted(dedupe_key=payout.completed:e1, transaction_id=t1)" == repr(event) == str(event)
    shown = [repr(verify)]
    for body, headers in ((BODY + b" ", right), (b"Ada Obi", signed(b"Ada Obi")), (BODY, signed(timestamp="1"))):
        with pytest.raises(WebhookVerificationError) as caught:
            verify.receive(body, headers)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        shown += [str(caught.value), repr(caught.value), repr(pickle.loads(pickle.dumps(caught.value)))]
    for text in shown:
        assert not any(hidden in text for hidden in (SECRET, "Ada Obi", right["X-Blaaiz-Signature"]))


def offline() -> AsyncBlaaiz:
    return AsyncBlaaiz(client_id="i", client_secret="s")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_service_verifies_and_reads_as_the_verifier_does(vector: dict[str, Any]) -> None:
    webhooks, raw = offline().webhooks, vector["raw_body"]
    given = (vector["x-blaaiz-signature"], vector["x-blaaiz-timestamp"], vector["secret"])
    assert vector["valid"] is webhooks.verify_signature(raw, *given) is webhooks.verify_signature(raw.encode(), *given)
    if vector["valid"]:
        read = verifier(vector["secret"], tolerance=None).receive(raw.encode(), sent(vector))
        event = webhooks.construct_event(raw, *given, tolerance=None)
        assert (read.name, read.dedupe_key, read.payload) == (event.name, event.dedupe_key, event.payload)
    with pytest.raises(WebhookVerificationError, match="tolerance" if vector["valid"] else "signature"):
        webhooks.construct_event(raw, *given, tolerance=0)


def test_a_text_that_no_bytes_can_be_is_signed_by_nobody() -> None:
    webhooks, given = offline().webhooks, (signed(b"?")["X-Blaaiz-Signature"], str(NOW), SECRET)
    assert webhooks.verify_signature("\ud800", *given) is False
    with pytest.raises(WebhookVerificationError, match="signature"):
        webhooks.construct_event("\ud800", *given)


def test_a_header_that_isnt_there_is_no_signature() -> None:
    webhooks = AsyncBlaaiz(client_id="i", client_secret="s").webhooks
    assert webhooks.verify_signature("{}", None, "1787995865", SECRET) is False
    assert webhooks.verify_signature("{}", "0" * 64, None, SECRET) is False
