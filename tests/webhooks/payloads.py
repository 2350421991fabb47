"""What deliveries look like: the documented ones, and others made from the contract's schemas."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

from blaaiz_async import contract
from blaaiz_async.webhooks import Event, WebhookVerifier

NOW = 1787995865
SECRET = "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8s9t0"
DELIVERIES: Mapping[str, Any] = contract.document("events")["webhooks"]
SCHEMAS: Mapping[str, Any] = contract.document("events")["components"]["schemas"]

_encoder = msgspec.json.Encoder(decimal_format="number")


def written(payload: object) -> bytes:
    """Write a payload; a Decimal with its digits."""
    return _encoder.encode(payload)


def exact(payload: object) -> Any:
    """Read a payload anew with its numbers as Decimal, from what json makes of it."""
    return json.loads(json.dumps(payload), parse_float=Decimal)


def receive(body: bytes) -> Event:
    """Sign a body rightly and receive it."""
    digest = hmac.new(SECRET.encode(), f"{NOW}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Blaaiz-Signature": digest, "X-Blaaiz-Timestamp": str(NOW)}
    return WebhookVerifier(SECRET, clock=lambda: float(NOW)).receive(body, headers)


def content(name: str) -> dict[str, Any]:
    """Return the schema and the examples of a delivery."""
    found: dict[str, Any] = DELIVERIES[name]["post"]["requestBody"]["content"]["application/json"]
    return found


DOCUMENTED = [(name, exact(each["value"])) for name in DELIVERIES for each in content(name).get("examples", {}).values()]
"""Every example of the contract, with its event's name."""

_TELLING: Mapping[str, Mapping[str, str]] = {
    **{f"collection.{state.lower()}": {"transaction_status": state} for state in ("FAILED", "EXPIRED")},
    "collection.completed": {"transaction_status": "SUCCESSFUL"},
    "payout.initiated": {"type": "payout_initiated"},
    "payout.completed": {"type": "payout", "transaction_status": "SUCCESSFUL"},
    "payout.failed": {"type": "payout", "transaction_status": "FAILED"},
    "refund": {"type": "refund"},
    "refund_initiated": {"type": "refund_initiated"},
    **{
        name: {"event": name}
        for name in DELIVERIES
        if name.startswith(("crypto.", "virtual_account.", "merchant.", "signa_"))
    },
    **{name: {"type": name} for name in DELIVERIES if name.startswith("auto_deposit_email.")},
    # Listed and never shown, and told by this as the contract presumes:
    "collection.initiated": {"type": "collection", "transaction_status": "INITIATED"},
    "collection.pending": {"type": "collection", "transaction_status": "PENDING"},
    "payout.processing": {"type": "payout", "transaction_status": "PROCESSING"},
    "customer.created": {"event_type": "customer.created"},
    "virtual_account.credited": {"event": "virtual_account.credited"},
}
"""What tells an event from the others of its schema (x-discriminator)."""

_text = st.text(st.characters(codec="utf-8"), max_size=12)
_numbers = st.one_of(
    st.integers(0, 10**12),
    st.decimals(0, 10**9, places=2),
    st.sampled_from([Decimal(text) for text in ("0.0", "20.0", "1E+3", "0.00000001", "652.10", "12345678901234567890.12")]),
)
_moments = st.one_of(
    st.sampled_from(["2026-08-29T09:31:05.000Z", "2026-08-03T10:15:00+00:00", "2026-01-01T00:00:00.123456+01:00"]),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
)
_FORMATS: Mapping[str, st.SearchStrategy[str]] = {
    "date-time": _moments,
    "decimal": st.decimals(0, 10**9, places=6).map(str),
    "uuid": st.uuids().map(str),
}
_SCALARS: Mapping[str, st.SearchStrategy[Any]] = {
    "string": _text,
    "number": _numbers,
    "integer": st.integers(0, 10**6),
    "null": st.none(),
}
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), _numbers, _text),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_text, inner, max_size=3)),
    max_leaves=6,
)


def payloads(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return the strategy for the bodies that an event may have, with keys besides that nobody knows."""
    return _of(content(name)["schema"]).map(lambda body: {**body, **_TELLING.get(name, {})})


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a schema refers to, or itself."""
    found: Mapping[str, Any] = SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def _of(reference: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    schema = resolved(reference)
    if "oneOf" in schema:
        return st.one_of([_of(each) for each in schema["oneOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return st.one_of([_of_type(each, schema) for each in types])


def _of_type(name: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if name == "array":
        return st.lists(_of(schema["items"]), max_size=4)
    if name == "object":
        parts = {key: _of(each) for key, each in schema.get("properties", {}).items()}
        needed = {key: parts.pop(key) for key in schema.get("required", ())}
        more = st.dictionaries(_text.map("new_{}".format), json_values, max_size=2)
        return st.builds(lambda body, new: {**body, **new}, st.fixed_dictionaries(needed, optional=parts), more)
    return _FORMATS.get(schema.get("format", ""), _SCALARS[name]) if name == "string" else _SCALARS[name]
