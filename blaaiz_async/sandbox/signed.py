"""Signed deliveries made to order, or of what the sandbox has emitted, for an application under test."""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast
from uuid import uuid4

import attrs

from blaaiz_async import contract

from .delivery import sign
from .exchange import Answer

if TYPE_CHECKING:
    import httpx

    from .app import Sandbox

__all__ = ["Poster", "SignedDelivery", "WebhookSender"]

R_co = TypeVar("R_co", covariant=True)

_SECRET = "sandbox-webhook-secret"  # noqa: S105  # made up, and only good for a sandbox

_UNPUBLISHED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "collection.initiated": (
        "collection.completed",
        {"message": "Transaction Initiated", "transaction_status": "INITIATED"},
    ),
    "collection.pending": ("collection.completed", {"message": "Transaction Pending", "transaction_status": "PENDING"}),
    "payout.processing": ("payout.completed", {"message": "Transaction Processing", "transaction_status": "PROCESSING"}),
    "customer.created": (
        "customer.status_changed",
        {
            "message": "Customer created",
            "event_type": "customer.created",
            "old_status": None,
            "new_status": "PENDING",
            "comment": None,
        },
    ),
    "virtual_account.credited": ("virtual_account.ready", {"event": "virtual_account.credited"}),
}
"""Deliveries that the platform lists and has never shown: the nearest that it has shown, and what must differ."""


class Poster(Protocol[R_co]):
    """An HTTP client such as Starlette's TestClient or `httpx.AsyncClient`."""

    def post(self, url: str, *, content: bytes, headers: dict[str, str]) -> R_co:
        """Send a POST."""
        ...


@attrs.frozen(kw_only=True)
class SignedDelivery:
    """One delivery as it goes over the wire. Sent twice, it is the same delivery twice.

    Attributes:
        body: its bytes.
        headers: content type, timestamp and signature.
        payload: what the bytes say.
    """

    body: bytes = attrs.field(repr=False)
    headers: dict[str, str] = attrs.field(repr=False)
    payload: Mapping[str, Any] = attrs.field(repr=False)
    _secret: str = attrs.field(repr=False, alias="secret")

    @classmethod
    def of(cls, payload: Mapping[str, Any], *, secret: str, at: float) -> SignedDelivery:
        """Sign a body as the platform does.

        Args:
            payload: the body.
            secret: the signing secret.
            at: when, epoch seconds.
        """
        body = Answer(body=payload).payload()
        return cls(body=body, headers=_headers(secret, at, body), payload=payload, secret=secret)

    def tampered(self) -> SignedDelivery:
        """Give the same headers with other bytes, which a receiver must refuse."""
        return attrs.evolve(self, body=self.body + b" ")

    def aged(self, seconds: float = 3600.0) -> SignedDelivery:
        """Give the same body, rightly signed some seconds earlier (or later, if negative): a replay of an old delivery."""
        at = int(self.headers["x-blaaiz-timestamp"]) - seconds
        return attrs.evolve(self, headers=_headers(self._secret, at, self.body))

    def post(self, client: Poster[R_co], url: str) -> R_co:
        """Send it with a client of yours; await the answer if the client is an async one.

        Args:
            client: such as `TestClient(app)`.
            url: the receiver's address, or its path if the client is bound to the application.
        """
        return client.post(url, content=self.body, headers=self.headers)

    async def send(self, to: Callable[..., Any] | str, path: str = "") -> httpx.Response:
        """Send it to an application or to a server.

        Args:
            to: an ASGI app, which is called in process without its lifespan; or a URL.
            path: of the receiver, after the app's root or the URL.
        """
        import httpx

        if isinstance(to, str):
            async with httpx.AsyncClient(trust_env=False) as client:
                return await self.post(client, to + path)
        transport = httpx.ASGITransport(app=to)
        async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
            return await self.post(client, path or "/")


class WebhookSender:
    """Plays the platform towards an application's webhook receiver.

    Args:
        sandbox: whose clock, secret and events are used.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._taken = 0

    @property
    def secret(self) -> str:
        """The signing secret: what `webhooks.register` returned, or a made-up one until then."""
        config = self._sandbox.webhooks.config
        return _SECRET if config is None else config.secret

    def make(
        self, name: str, changes: Mapping[str, Any] | None = None, *, example: str | None = None, checked: bool = True
    ) -> SignedDelivery:
        """Make a documented delivery, signed now, which no receiver has seen before.

        What a receiver tells it from a repeat by is its own, unless `changes` sets it: the `event_id`, or for a kind without
        one the id of the account, session or release. A kind whose body was never published is made from the nearest one.

        Args:
            name: such as `payout.completed` or `customer.status_changed`.
            changes: fields to set in the documented example; an object in it changes fields of that object.
            example: which of several documented examples, such as `gbp`; the first by default.
            checked: False to make a body that the platform wouldn't send.

        Raises:
            ValueError: no such name or example, or a body that doesn't have the documented shape or is another delivery's.
        """
        documented = _documented(name)
        payload = _example(name, example)
        _give_key(payload, documented)
        telling = _telling(payload)
        _merge(payload, changes or {})
        if checked:
            _check(name, documented, payload, telling)
        return SignedDelivery.of(payload, secret=self.secret, at=self._sandbox.state.now())

    def emitted(self) -> list[SignedDelivery]:
        """Give what the sandbox would have delivered since the last time it was asked, oldest first, signed now."""
        events = self._sandbox.events
        new, self._taken = events[self._taken :], len(events)
        return [SignedDelivery.of(event, secret=self.secret, at=self._sandbox.state.now()) for event in new]


def _headers(secret: str, at: float, body: bytes) -> dict[str, str]:
    timestamp = str(int(at))
    return {
        "content-type": "application/json",
        "user-agent": "Blaaiz",
        "x-blaaiz-timestamp": timestamp,
        "x-blaaiz-signature": sign(secret, timestamp, body),
    }


def _documented(name: str) -> Mapping[str, Any]:
    webhooks = cast("Mapping[str, Any]", contract.document("events")["webhooks"])
    if name not in webhooks:
        near = difflib.get_close_matches(name, webhooks, n=3) or sorted(webhooks)
        raise ValueError(f"the contract has no delivery {name!r}; there is {', '.join(near)}")
    return cast("Mapping[str, Any]", webhooks[name]["post"])


def _content(documented: Mapping[str, Any]) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", documented["requestBody"]["content"]["application/json"])


def _example(name: str, wanted: str | None) -> dict[str, Any]:
    shown, differences = _UNPUBLISHED.get(name, (name, {}))
    examples = cast("Mapping[str, Any]", _content(_documented(shown))["examples"])
    if wanted is not None and wanted not in examples:
        raise ValueError(f"{name} has no example {wanted!r}; there is {', '.join(examples)}")
    chosen = cast("Mapping[str, Any]", examples[wanted or next(iter(examples))]["value"])
    return {**copy.deepcopy(chosen), **differences}


def _give_key(payload: dict[str, Any], documented: Mapping[str, Any]) -> None:
    """Set what a receiver tells this delivery from others by (such as `data.session_id + event`)."""
    *outer, key = str(documented["x-dedupe-key"]).split()[0].split(".")
    holder = payload[outer[0]] if outer else payload
    # New in every process too: a receiver's memory may outlast the run.
    holder[key] = str(uuid4())


def _telling(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that say which delivery it is (events x-webhook-delivery.parsing_order)."""
    for key in ("event", "event_type"):
        if key in payload:
            return {key: payload[key]}
    keys = ("type", "transaction_status") if payload.get("type") in ("payout", "collection") else ("type",)
    return {key: payload.get(key) for key in keys}


def _merge(payload: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        inner = payload.get(name)
        if isinstance(value, Mapping) and isinstance(inner, dict):
            _merge(cast("dict[str, Any]", inner), cast("Mapping[str, Any]", value))
        else:
            payload[name] = value


def _check(name: str, documented: Mapping[str, Any], payload: Mapping[str, Any], telling: Mapping[str, Any]) -> None:
    schema = str(_content(documented)["schema"]["$ref"]).rpartition("/")[2]
    # Through JSON, as the receiver gets it: the schema knows no Decimal.
    as_sent = json.loads(Answer(body=payload).payload())
    wrong = [
        f"{'.'.join(map(str, found.absolute_path)) or 'the body'}: {found.message}"
        for found in contract.validator("events", schema).iter_errors(as_sent)
    ]
    if _telling(as_sent) != telling:
        wrong.append(f"one has the {' and the '.join(f'{key} {value}' for key, value in telling.items())}")
    if wrong:
        raise ValueError(f"not a {name} as documented ({'; '.join(wrong)}); checked=False makes it all the same")
