"""Every documented delivery is read as its own class, written back without loss, and known again when it is repeated."""

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast, get_args

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blaaiz_async import WebhookVerificationError, contract, webhooks
from blaaiz_async.core import codec
from blaaiz_async.webhooks import AnyEvent, Event, UnknownEvent
from blaaiz_async.webhooks.reading import CLASSES, event_class
from tests.conftest import SHARED
from tests.webhooks.payloads import (
    DELIVERIES,
    DOCUMENTED,
    NOW,
    content,
    json_values,
    payloads,
    receive,
    resolved,
    written,
)

EXAMPLES = SHARED / "contract" / "examples" / "events.jsonl"
IDS = [name for name, _ in DOCUMENTED]


def dedupe_key(name: str, payload: Mapping[str, Any]) -> str:
    """Follow the contract's own words for what a repeat is known by."""
    rule: str = DELIVERIES[name]["post"]["x-dedupe-key"].partition(" (")[0]
    value: Any = payload
    for key in rule.removesuffix(" + event").split("."):
        value = value[key]
    return f"{name}:{value}"


def unread(value: object) -> Iterator[str]:
    """Yield the keys that an event, or a record in it, has no field for."""
    if isinstance(value, codec.Answer):
        yield from value.extra
        for each in attrs.fields(type(value)):
            if each.name not in ("extra", "payload"):
                yield from unread(getattr(value, each.name))


def holds(event: Event, name: str, payload: Mapping[str, Any]) -> None:
    assert (event_class(name), name) == (type(event), event.name), event
    assert payload == event.payload
    assert written(payload) == written(event.to_payload())  # to the digit, in form and order
    assert datetime.fromtimestamp(NOW, UTC) == event.received_at


# -- what is documented ------------------------------------------------------------------------------------------------


def test_every_documented_delivery_has_a_class_of_its_own_which_says_by_which_url_it_comes() -> None:
    assert set(DELIVERIES) == set(CLASSES)
    assert len({event_class(name) for name in CLASSES}) == len(DELIVERIES)
    for name, delivery in DELIVERIES.items():
        assert delivery["post"]["x-delivered-to"].partition("_url")[0] == event_class(name).url_kind, name
        assert event_class(name) is getattr(webhooks, event_class(name).__name__)


@pytest.mark.parametrize(("name", "payload"), DOCUMENTED, ids=IDS)
def test_every_documented_payload_is_read_whole_and_written_back(name: str, payload: dict[str, Any]) -> None:
    event = receive(written(payload))
    holds(event, name, payload)
    assert dedupe_key(name, payload) == event.dedupe_key
    assert [] == list(unread(event))
    assert event == pickle.loads(pickle.dumps(event))


@pytest.mark.parametrize("name", DELIVERIES)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_equal_events_are_one_in_a_set(name: str, data: st.DataObject) -> None:
    body = written({**data.draw(payloads(name)), "new_object": {"a": [1]}})
    assert 1 == len({receive(body), receive(body)})


@pytest.mark.skipif(not EXAMPLES.is_file(), reason="the documented payloads are not beside the checkout")
def test_every_published_payload_is_read_whole_and_written_back() -> None:
    lines = [json.loads(line, parse_float=Decimal) for line in EXAMPLES.read_text(encoding="utf-8").splitlines()]
    published = [(each["operation"], each["payload"]) for each in lines if each["kind"] == "webhook"]
    assert len(published) > 30
    for name, payload in published:
        event = receive(written(payload))
        holds(event, name, payload)
        assert dedupe_key(name, payload) == event.dedupe_key
        assert [] == list(unread(event))


@pytest.mark.parametrize("name", DELIVERIES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_the_schemas_allow_is_read_and_written_back(name: str, data: st.DataObject) -> None:
    payload = data.draw(payloads(name))
    event = receive(written(payload))
    holds(event, name, exact_of(payload))
    documented = resolved(content(name)["schema"]).get("properties", {})
    assert all(key.startswith("new_") for key in unread(event)) or not documented
    assert [] == [field for field in documented if is_new(getattr(event, field)) and "enum" in documented[field]]


def is_new(value: object) -> bool:
    return isinstance(value, codec.OpenStrEnum) and not value.is_known


def exact_of(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    # A Decimal without a fraction or exponent, such as 5, is an integer once it is JSON.
    return codec.as_object(json.loads(written(payload), parse_float=Decimal))


def test_amounts_are_exact_and_moments_aware() -> None:
    [refund] = [receive(written(each)) for name, each in DOCUMENTED if name == "refund" and each["status"] == "failed"]
    assert isinstance(refund, webhooks.RefundFinished)
    assert (webhooks.RefundOutcome.FAILED, "500.0") == (refund.status, str(refund.amount))
    assert datetime(2026, 8, 3, 10, 15, tzinfo=UTC) == refund.created_at
    [deposit] = [receive(written(each)) for name, each in DOCUMENTED if name == "crypto.deposit.successful"]
    assert isinstance(deposit, webhooks.CryptoDepositSuccessful)
    assert ("100.000000", "1.000000", "99.000000") == (str(deposit.amount), str(deposit.fee), str(deposit.net_amount))


def test_a_state_that_is_new_to_us_stays_readable() -> None:
    [payload] = [each for name, each in DOCUMENTED if name == "customer.status_changed" and each["new_status"] == "VERIFIED"]
    event = receive(written({**payload, "new_status": "ON_HOLD"}))
    assert isinstance(event, webhooks.CustomerStatusChanged)
    assert ("ON_HOLD", False) == (event.new_status, event.new_status.is_known)


def test_a_field_that_is_changed_is_written_anew_and_the_rest_as_it_came() -> None:
    [payload] = [each for name, each in DOCUMENTED if name == "crypto.deposit.successful"]
    event = receive(written(payload))
    assert isinstance(event, webhooks.CryptoDepositSuccessful)
    changed = attrs.evolve(event, fee=Decimal("2.5"), wallet_id=None)
    assert {**payload, "fee": Decimal("2.5"), "wallet_id": None} == changed.to_payload()


def test_a_field_that_was_not_sent_is_written_once_it_is_set() -> None:
    [payload] = [each for name, each in DOCUMENTED if name == "crypto.deposit.successful"]
    event = receive(written({name: value for name, value in payload.items() if name != "wallet_id"}))
    assert "wallet_id" not in event.to_payload()
    assert "w1" == attrs.evolve(cast("webhooks.CryptoDepositSuccessful", event), wallet_id="w1").to_payload()["wallet_id"]


def test_an_event_made_by_hand_is_written_as_the_platform_would() -> None:
    event = webhooks.SignaIdGrantRevoked(
        name="signa_id.grant.revoked",
        dedupe_key="signa_id.grant.revoked:r",
        payload={},
        received_at=datetime.fromtimestamp(NOW, UTC),
        event="signa_id.grant.revoked",
        data=webhooks.SignaIdGrant(release_id="r"),
    )
    assert {"event": "signa_id.grant.revoked", "data": {"release_id": "r"}} == event.to_payload()


# -- which event it is -------------------------------------------------------------------------------------------------


def read(payload: object) -> Event:
    return receive(json.dumps(payload).encode())


def test_a_delivery_is_named_in_the_documented_order_of_keys() -> None:
    every = {"event": "crypto.new", "event_type": "customer.new", "type": "payout", "transaction_status": "NEW_STATE"}
    names = []
    for key in (None, "event", "event_type", "transaction_status"):
        every = {name: value for name, value in every.items() if name != key}
        event = read(every)
        assert (UnknownEvent, every) == (type(event), event.to_payload())
        names.append(event.name)
    assert ["crypto.new", "customer.new", "payout.new_state", "unknown"] == names


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [
        ("payout", "PROCESSING", "payout.processing"),
        ("payout_initiated", "SUCCESSFUL", "payout.initiated"),
        ("collection", "PENDING", "collection.pending"),
        ("collection", "INITIATED", "collection.initiated"),
        ("refund", "SUCCESSFUL", "refund"),
        ("auto_deposit_email.renamed", None, "auto_deposit_email.renamed"),
        ("subscription", "SUCCESSFUL", "unknown"),
        (7, None, "unknown"),
    ],
)
def test_deliveries_without_a_published_body_are_named_by_type_and_status(kind: Any, status: Any, name: str) -> None:
    assert name == read({"event": None, "type": kind, "transaction_status": status}).name


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"type": "payout", "transaction_status": "FAILED"}, "transaction_id: is required"),
        ({"event": "signa_id.grant.revoked", "data": {}}, "data.release_id: is required"),
        ({"event": "signa_id.grant.revoked", "data": ["Ada Obi"]}, "data: expected an object, got an array"),
        (
            {
                "event": "merchant.kyc.session.completed",
                "data": {"session_id": "s", "result": "REJECTED", "completed_at": "Ada"},
            },
            "data.completed_at: expected an ISO 8601 date and time",
        ),
    ],
)
def test_a_known_event_of_another_shape_is_unknown_and_tells_where_it_differs(payload: Any, problem: str) -> None:
    event = read(payload)
    assert isinstance(event, UnknownEvent)
    assert (problem, payload) == (event.problem, event.payload)
    assert "Ada" not in repr(event)


@pytest.mark.parametrize("label", contract.document("events")["x-legacy-webhook-labels"])
def test_a_label_of_older_documents_is_the_event_it_stood_for(label: str) -> None:
    [payload] = [each for name, each in DOCUMENTED if name == "customer.status_changed" and each["new_status"] == "VERIFIED"]
    holds(receive(written({**payload, "event_type": label})), "customer.status_changed", {**payload, "event_type": label})


def test_an_id_may_be_a_number_and_is_never_the_same_for_two_events_without_one() -> None:
    assert "unknown:17" == read({"event_id": 17}).dedupe_key
    others: list[dict[str, Any]] = [
        {}, {"event_id": None}, {"event_id": ""}, {"event_id": True}, {"data": []}, {"data": {"session_id": None}},
        {"event": "signa_id.grant.revoked", "data": {"release_id": "r"}}, {"event": "other", "data": {"release_id": "r"}},
        {"event": "signa_id.grant.revoked", "data": 1, "release_id": "r"}, {"event": "signa_id.grant.revoked"},
    ]  # fmt: skip
    keys = [read(each).dedupe_key for each in others]
    assert len(set(keys)) == len(others)
    assert keys == [read(each).dedupe_key for each in others]


def test_a_payouts_end_is_no_repeat_of_its_beginning_though_the_published_samples_share_an_event_id() -> None:
    samples = [each for name, each in DOCUMENTED if name.startswith("payout.") and "interac_instruction" in str(each)]
    assert (2, 1) == (len(samples), len({each["event_id"] for each in samples}))
    assert 2 == len({receive(written(each)).dedupe_key for each in samples})


def test_two_deposits_into_one_account_are_two_events() -> None:
    deposits = [{"event": "virtual_account.credited", "virtual_account_id": "v", "amount": each} for each in (5, 7)]
    assert 2 == len({read(each).dedupe_key for each in deposits})


# -- what else may come ------------------------------------------------------------------------------------------------

ODD = st.one_of(
    json_values,
    st.sampled_from([10**30, -(10**400), Decimal("1E+999"), Decimal("1E-999"), "1e5", "NaN", "٣", " 1", "\x00", "9" * 5000]),
    st.sampled_from(
        ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30", "20260829T093105Z", "2026-W01-1"]
    ),
    st.sampled_from([True, 1, 0, -1, "", [], {}, [[]], [{}], [None], {"id": None}, {"session_id": 7, "result": "APPROVED"}]),
)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value in a payload."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(value[key], (*path, key))  # type: ignore[index]  # one of the two


@st.composite
def mutants(draw: st.DrawFn) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(written(draw(st.sampled_from(DOCUMENTED))[1]), parse_float=Decimal)
    for _ in range(draw(st.integers(1, 3))):
        ways = list(places(payload))
        if not ways:
            break
        *outer, last = draw(st.sampled_from(ways))
        holder: Any = payload
        for key in outer:
            holder = holder[key]
        match draw(st.sampled_from(["drop", "rename", "replace", "nest", "case"])):
            case "drop":
                del holder[last]
            case "rename" if isinstance(holder, dict):
                new = draw(
                    st.sampled_from(
                        ["event", "type", "data", "name", "payload", "dedupe_key", "extra", "_keys", "keys", "problem", ""]
                    )
                )
                holder[new] = holder.pop(last)
            case "nest":
                holder[last] = draw(st.sampled_from([[holder[last]], {"data": holder[last]}, {last: holder[last]}]))
            case "case" if isinstance(holder[last], str):
                holder[last] = holder[last].swapcase()
            case _:
                holder[last] = copy.deepcopy(draw(ODD))  # a later step may change it
    return payload


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutants())
def test_no_mutation_crashes_or_loses_anything(payload: dict[str, Any]) -> None:
    body = written(payload)
    try:
        event = receive(body)
    except WebhookVerificationError:
        with pytest.raises(ValueError, match="Error"):  # a number beyond what is read
            codec.from_json(body)
        return
    assert written(codec.from_json(body)) == written(event.to_payload())
    if isinstance(event, UnknownEvent):
        assert (event.name in CLASSES) is (event.problem is not None)
    assert event.dedupe_key
    assert repr(event).startswith(f"{type(event).__name__}(dedupe_key=")


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(DOCUMENTED),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2), st.binary(max_size=3)), max_size=4),
)
def test_no_bytes_crash_or_are_lost(documented: tuple[str, dict[str, Any]], changes: list[tuple[int, int, bytes]]) -> None:
    body = written(documented[1])
    for at, dropped, put in changes:
        at %= len(body)  # noqa: PLW2901  # so that any place is as likely
        body = body[:at] + put + body[at + dropped :]
    try:
        event = receive(body)
    except WebhookVerificationError:
        return
    assert written(codec.from_json(body)) == written(event.to_payload())


BODY = b'{"event":"signa_id.grant.revoked","data":{"release_id":"r"}}'


@pytest.mark.parametrize(
    "body",
    [
        *(BODY.replace(b'"r"', wrong) for wrong in (b"NaN", b"Infinity", b"1e99999999999999999999", b"1" * 5000, b"0" * 10)),
        *(BODY.replace(b'"r"', wrong) for wrong in (b'"\xff"', b'"\\ud800"', b"[" * 100_000, b'{"a":' * 100_000)),
        *(BODY[:-1], BODY + b"}", BODY + b"\x00", b"\xef\xbb\xbf" + BODY, b"[" + BODY + b"]", BODY.replace(b":", b"=", 1)),
        *(BODY.decode().encode("utf-16"), b""),
    ],
)
def test_what_is_no_json_object_is_refused_and_the_error_quotes_nothing(body: bytes) -> None:
    with pytest.raises(WebhookVerificationError, match="isn't a JSON object") as caught:
        receive(body)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_of_a_key_given_twice_the_last_counts_in_the_name_the_fields_and_the_payload() -> None:
    event = receive(b'{"event":"other","data":1,"data":{"release_id":"r"},"event":"signa_id.grant.revoked"}')
    assert isinstance(event, webhooks.SignaIdGrantRevoked)
    assert ("r", {"event": "signa_id.grant.revoked", "data": {"release_id": "r"}}) == (event.data.release_id, event.payload)


@pytest.mark.parametrize("depth", [10, 200, 400, 900])
def test_deep_nesting_is_kept_or_refused(depth: int) -> None:
    body = BODY[:-1] + b',"deep":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    try:
        event = receive(body)
    except WebhookVerificationError:
        assert depth > 400
        return
    assert body == written(event.to_payload())


# -- what is shown and loaded ------------------------------------------------------------------------------------------

PUBLIC = {"event", "event_type", "event_id", "transaction_id", "merchant_reference", "refund_id", "reference", "status"}
PUBLIC |= {"wallet_id", "customer_id", "new_status", "virtual_account_id", "session_id", "result", "release_id", "type"}


@pytest.mark.parametrize(("name", "payload"), DOCUMENTED, ids=IDS)
def test_a_repr_shows_ids_and_states_only(name: str, payload: dict[str, Any]) -> None:
    event = receive(written(payload))
    shown = repr(event)
    assert shown.startswith(f"{type(event).__name__}(dedupe_key={event.dedupe_key}")
    public = {str(value) for way, value in leaves(payload) if way[-1] in PUBLIC}
    for way, value in leaves(payload):
        hidden = str(value)
        assert way[-1] in PUBLIC or hidden in public or len(hidden) < 4 or hidden not in shown, (way, shown)


def leaves(payload: Mapping[str, Any]) -> Iterator[tuple[tuple[Any, ...], object]]:
    for way in places(payload):
        value: Any = payload
        for key in way:
            value = value[key]
        if value is not None and not isinstance(value, dict | list):
            yield way, value


def test_the_classes_of_an_area_load_with_its_first_event() -> None:
    program = """if True:
        import sys
        from datetime import UTC, datetime
        from blaaiz_async import webhooks
        loaded = lambda: [m.rpartition(".")[2] for m in sys.modules if m.startswith("blaaiz_async.webhooks.")]
        print(loaded())
        webhooks.WebhookVerifier, webhooks.Event, webhooks.UnknownEvent
        print([m for m in loaded() if m in ("money", "crypto", "customers", "signa")])
        body = b'{"event":"signa_id.grant.revoked","data":{"release_id":"r"}}'
        print(type(webhooks.read_event(body, datetime.now(UTC))).__name__)
        print([m for m in loaded() if m in ("money", "crypto", "customers", "signa")])
    """
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ["[]", "[]", "SignaIdGrantRevoked", "['signa']"] == run.stdout.split("\n")[:-1]


def test_every_public_name_is_there() -> None:
    assert set(webhooks.__all__) == set(dir(webhooks))
    for name in webhooks.__all__:
        found = getattr(webhooks, name)
        assert name in ("AnyEvent", "Claim", "UrlKind") or name == found.__name__


def test_the_union_of_all_events_has_every_class() -> None:
    assert {event_class(name) for name in CLASSES} | {UnknownEvent} == set(get_args(AnyEvent))
