"""Which event a delivery is, and by what to tell it from a repeat (contract/events.yaml x-webhook-delivery)."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeGuard

from attrs import frozen

from blaaiz_async.core import codec
from blaaiz_async.errors import WebhookVerificationError

UNKNOWN = "unknown"
"""The name of an event of none of the documented forms."""


@frozen(kw_only=True, repr=False)
class Event(codec.Record):
    """A verified delivery. Its repr shows only name and id.

    Deliveries come at least once and in no promised order: keep the pair of `name` and `id` of what you have handled, and
    skip what is there already.
    """

    _shown: ClassVar[tuple[str, ...]] = ("name", "id")

    name: str
    """Such as "payout.completed", "refund" or "customer.status_changed"; "unknown" if the payload has no documented form."""
    id: str
    """The platform's `event_id`. Where it sends none, the documented substitute: "virtual_account.ready:" and the account's
    id, "merchant.kyc.session.completed:" and the session's. Where there is none of those either, a digest of the body."""
    payload: Mapping[str, Any]
    """The whole body as decoded JSON; numbers with a fraction are Decimal."""
    received_at: datetime
    """When it was verified, in UTC."""


def read_event(body: bytes, received_at: datetime) -> Event:
    """Read a delivery that has been verified.

    Raises:
        WebhookVerificationError: The body isn't a JSON object.
    """
    try:
        payload = codec.from_json(body)
    except (ValueError, RecursionError):
        payload = None
    if not _is_object(payload):
        # The decoder's own error could quote the body.
        raise WebhookVerificationError("the delivery is signed rightly, but its body isn't a JSON object") from None
    name = event_name(payload)
    return Event(name=name, id=_id(name, payload, body), payload=payload, received_at=received_at)


def event_name(payload: Mapping[str, Any]) -> str:
    """Name an event by the keys it has, in the documented order (x-webhook-delivery.parsing_order)."""
    for key in ("event", "event_type"):
        if name := _text(payload, key):
            return name
    kind = _text(payload, "type")
    if kind.startswith("auto_deposit_email.") or kind in {"refund_initiated", "refund"}:
        return kind
    if kind == "payout_initiated":
        return "payout.initiated"
    status = _text(payload, "transaction_status").lower()
    if kind in {"payout", "collection"} and status:
        # These carry no name of their own; the contract's labels say "completed" where the status says SUCCESSFUL.
        return f"{kind}.{'completed' if status == 'successful' else status}"
    return UNKNOWN


def _id(name: str, payload: Mapping[str, Any], body: bytes) -> str:
    if event_id := _identifier(payload, "event_id"):
        return event_id
    data = payload.get("data")
    for holder, key in ((payload, "virtual_account_id"), (data, "session_id"), (data, "release_id")):
        if _is_object(holder) and (substitute := _identifier(holder, key)):
            return f"{name}:{substitute}"
    return f"{name}:sha256:{hashlib.sha256(body).hexdigest()}"


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _text(payload: Mapping[str, Any], key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""


def _identifier(payload: Mapping[str, Any], key: str) -> str:
    value = payload.get(key)
    # Ids are documented as strings, and the platform has been seen to send numbers.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(payload, key)
