"""What every event has in common; `reading` makes them, and the classes of each area are in `events`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import UnionType
from typing import Any, ClassVar, Literal, TypeGuard, Union, get_args, get_origin

import attrs
from attrs import field, frozen

from blaaiz_async.core import codec
from blaaiz_async.errors import ConfigurationError

UrlKind = Literal["collection", "payout", "kyc"]
"""Which of the registered addresses: `collection_url`, `payout_url` or `kyc_url`."""

REQUIRED: Any = attrs.NOTHING
"""No default, of a field that the base class has one for: a type checker wants to see one there too."""


@frozen(kw_only=True, repr=False)
class Event(codec.Answer):
    """A verified delivery. Its repr shows ids and states, no personal data.

    Deliveries come at least once and in no promised order: keep the `dedupe_key` of what you have handled, and skip what is
    there already.

    The classes require what identifies their subject, its state and its money; any other field is None where the platform
    left it out, and `extra` holds the keys that a class doesn't know.
    """

    _shown: ClassVar[tuple[str, ...]] = ("dedupe_key",)

    url_kind: ClassVar[UrlKind | None] = None
    """Which registered address it comes by; None if the event is unknown."""

    name: str
    """Such as "payout.completed", "refund" or "customer.status_changed"; "unknown" if the payload has no documented form."""
    dedupe_key: str
    """The same for every delivery of one event, and for no other event: its name and the platform's `event_id`. Where there
    is none, the documented substitute: the account's id in "virtual_account.ready:…", the session's in
    "merchant.kyc.session.completed:…". Where there is none of those either, a digest of the body."""
    payload: Mapping[str, Any] = field(hash=False)
    """The whole body as decoded JSON; numbers with a fraction are Decimal."""
    received_at: datetime
    """When it was verified, in UTC."""

    def to_payload(self) -> dict[str, Any]:
        """Return the body for this event's fields, as builtins for `codec.to_json`.

        What a field holds unchanged has the form in which it came: an amount as a number or a string, a moment with its
        milliseconds.
        """
        # Without the payload, which may nest deeper than an encoder goes.
        fields: dict[str, Any] = codec.encode(attrs.evolve(self, payload={}))
        own = {name: value for name, value in fields.items() if name not in ABOUT or name in self.extra}
        payload: dict[str, Any] = _as_it_came(own, self.payload)
        return payload


ABOUT = frozenset(each.name for each in attrs.fields(Event))
"""Fields of an event that aren't the platform's."""


@frozen(kw_only=True, repr=False)
class UnknownEvent(Event):
    """An event that this version has no class for, or whose payload doesn't fit its class; `payload` has all of it.

    Answer what you have looked after with 2xx like any other: the platform would send the same again and again.
    """

    _shown: ClassVar[tuple[str, ...]] = ("dedupe_key", "problem")

    problem: str | None = None
    """Where and how the payload differs from what is documented for `name`; None if nothing is documented for it."""

    def to_payload(self) -> dict[str, Any]:
        """Return the body as it came."""
        return dict(self.payload)


def event_classes(kinds: Iterable[object]) -> tuple[type[Event], ...]:
    """Return what was given as event classes; a union stands for its members.

    Raises:
        ConfigurationError: Something else is among them.
    """
    unions = (Union, UnionType)
    classes: list[Any] = [each for kind in kinds for each in (get_args(kind) if get_origin(kind) in unions else (kind,))]
    for each in classes:
        if not (isinstance(each, type) and issubclass(each, Event)):
            raise ConfigurationError(f"give event classes, such as CustomerEvent, or Event for all; {each!r} is none")
    return tuple(classes)


def _as_it_came(value: object, came: object) -> Any:
    """Return an encoded value, in the form of what came wherever that says the same."""
    if value is came:
        return came
    if _is_object(value) and _is_object(came):
        in_order = {name: _as_it_came(value[name], was) for name, was in came.items() if name in value}
        return in_order | {name: each for name, each in value.items() if name not in came}
    if _is_array(value):
        before = [] if came is None else codec.as_list(came)
        written = [_as_it_came(item, was) for item, was in zip(value, before, strict=False)] + value[len(before) :]
        return came if written == before else written  # what isn't an array was read as one
    kind: Any = codec.Id if isinstance(value, str) else type(value)
    try:
        return came if value == came or value == codec.decode(came, kind) else value
    except codec.DecodeError:
        return value


def _is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)


def _is_array(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)
