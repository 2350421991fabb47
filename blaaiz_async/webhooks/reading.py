"""Which event a delivery is, and by what to tell it from a repeat (contract/events.yaml x-webhook-delivery)."""

import hashlib
import importlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import attrs

from blaaiz_async.core import codec
from blaaiz_async.core.records import RecordReader
from blaaiz_async.errors import WebhookVerificationError
from blaaiz_async.webhooks.event import ABOUT, Event, UnknownEvent

if TYPE_CHECKING:
    from blaaiz_async.webhooks.events.union import AnyEvent

ONCE = "auto_deposit_email."
"""How the names of those begin that are delivered once, with no replay (x-webhook-delivery.retry_policies.none)."""
UNKNOWN = "unknown"
"""The name of an event of none of the documented forms."""

CLASSES: Mapping[str, tuple[str, str]] = {
    "collection.initiated": ("money", "CollectionInitiated"),
    "collection.pending": ("money", "CollectionPending"),
    "collection.completed": ("money", "CollectionCompleted"),
    "collection.failed": ("money", "CollectionFailed"),
    "collection.expired": ("money", "CollectionExpired"),
    "payout.initiated": ("money", "PayoutInitiated"),
    "payout.processing": ("money", "PayoutProcessing"),
    "payout.completed": ("money", "PayoutCompleted"),
    "payout.failed": ("money", "PayoutFailed"),
    "refund_initiated": ("money", "RefundInitiated"),
    "refund": ("money", "RefundFinished"),
    "crypto.payout.processing": ("crypto", "CryptoPayoutProcessing"),
    "crypto.payout.successful": ("crypto", "CryptoPayoutSuccessful"),
    "crypto.payout.failed": ("crypto", "CryptoPayoutFailed"),
    "crypto.deposit.successful": ("crypto", "CryptoDepositSuccessful"),
    "customer.created": ("customers", "CustomerCreated"),
    "customer.status_changed": ("customers", "CustomerStatusChanged"),
    "virtual_account.created": ("customers", "VirtualAccountCreated"),
    "virtual_account.ready": ("customers", "VirtualAccountReady"),
    "virtual_account.rejected": ("customers", "VirtualAccountRejected"),
    "virtual_account.failed": ("customers", "VirtualAccountFailed"),
    "virtual_account.credited": ("customers", "VirtualAccountCredited"),
    "auto_deposit_email.active": ("customers", "AutoDepositEmailActivated"),
    "auto_deposit_email.blocked": ("customers", "AutoDepositEmailBlocked"),
    "merchant.kyc.session.completed": ("signa", "SignaSessionCompleted"),
    "merchant.kyc.session.expired": ("signa", "SignaSessionExpired"),
    "signa_id.grant.revoked": ("signa", "SignaIdGrantRevoked"),
}
"""The class of every documented event, and its module in `events`, which loads with the first event of its area."""

_LABELS: Mapping[str, str] = dict.fromkeys(("customer.verified", "customer.rejected"), "customer.status_changed")
"""Names that documents have used for an event, should one come after all (x-legacy-webhook-labels)."""

_SUBSTITUTES: Mapping[str, tuple[str, ...]] = {
    **{f"virtual_account.{state}": ("virtual_account_id",) for state in ("created", "ready", "rejected", "failed")},
    **{f"merchant.kyc.session.{state}": ("data", "session_id") for state in ("completed", "expired")},
    "signa_id.grant.revoked": ("data", "release_id"),
}
"""What identifies an event without `event_id` (x-dedupe-key of each). No others: an account is credited many times."""


def read_event(body: bytes, received_at: datetime) -> "AnyEvent":
    """Read a delivery that has been verified.

    Args:
        body: The bytes of the request's body.
        received_at: When it was verified, in UTC.

    Returns:
        An event of its class; an UnknownEvent if there is none, or if the payload doesn't fit.

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
    dedupe_key = _dedupe_key(name, payload, body)
    if name not in CLASSES:
        return _unknown(name, dedupe_key, payload, received_at)
    cls, read = _reading(name)
    try:
        event: AnyEvent = read(payload, cls, name, dedupe_key, payload, received_at)
    except Exception:  # noqa: BLE001  # whatever it was, the exact reader says where
        return _unknown(name, dedupe_key, payload, received_at, problem=_problem(cls, payload))
    return event


def _unknown(
    name: str, dedupe_key: str, payload: Mapping[str, Any], received_at: datetime, *, problem: str | None = None
) -> UnknownEvent:
    return UnknownEvent(name=name, dedupe_key=dedupe_key, payload=payload, received_at=received_at, problem=problem)


def event_name(payload: Mapping[str, Any]) -> str:
    """Name an event by the keys it has, in the documented order (x-webhook-delivery.parsing_order)."""
    for key in ("event", "event_type"):
        name = payload.get(key)
        if name and isinstance(name, str):
            return _LABELS.get(name, name)
    kind = payload.get("type")
    if type(kind) is not str:
        return UNKNOWN
    if kind in {"payout", "collection"}:
        status = payload.get("transaction_status")
        if status and type(status) is str:
            # These carry no name of their own; the contract's labels say "completed" where the status says SUCCESSFUL.
            status = status.lower()
            return f"{kind}.completed" if status == "successful" else f"{kind}.{status}"
    if kind.startswith(ONCE) or kind in {"refund_initiated", "refund"}:
        return kind
    if kind == "payout_initiated":
        return "payout.initiated"
    return UNKNOWN


@cache
def event_class(name: str) -> type[Event]:
    """Return the class of a documented event. Raises KeyError."""
    module, cls = CLASSES[name]
    return cast("type[Event]", getattr(importlib.import_module(f"blaaiz_async.webhooks.events.{module}"), cls))


@cache
def _reading(name: str) -> tuple[type[Event], RecordReader]:
    cls = event_class(name)
    return cls, codec.record_reader(cls, "name", "dedupe_key", "payload", "received_at")


def _own(cls: type[Event]) -> "list[attrs.Attribute[Any]]":
    """Return the platform's fields of an event."""
    return [each for each in attrs.fields(cls) if each.name not in ABOUT]


def _problem(cls: type[Event], payload: Mapping[str, Any]) -> str:
    """Say where and how a payload doesn't fit, of which it is known that it doesn't."""
    for field in _own(cls):
        if field.name in payload:
            try:
                codec.decode(payload[field.name], cast("Any", field.type))
            except codec.DecodeError as error:
                return f"{codec.join_path(field.name, error.path)}: {error.problem}"
        elif field.default is attrs.NOTHING:
            return f"{field.name}: is required"
    return "can't be read"


def _dedupe_key(name: str, payload: Mapping[str, Any], body: bytes) -> str:
    # With the name, since the published samples of payout.initiated and payout.completed share an event_id: if deliveries
    # do so too, the second is still no repeat of the first.
    known = _identifier(payload, "event_id")
    if not known and name in _SUBSTITUTES:
        *outer, key = _SUBSTITUTES[name]
        holder: object = payload.get(outer[0]) if outer else payload
        known = _identifier(holder, key) if _is_object(holder) else ""
    return f"{name}:{known or 'sha256:' + hashlib.sha256(body).hexdigest()}"


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    return type(value) is dict


def _identifier(payload: Mapping[str, Any], key: str) -> str:
    value = payload.get(key)
    if type(value) is str:
        return value
    # Ids are documented as strings, and the platform has been seen to send numbers.
    return str(value) if type(value) is int else ""
