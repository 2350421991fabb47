"""One request and its answer as the rooms of the sandbox hand them about, and the refusals that cut a call short."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import attrs
import msgspec

__all__ = ["Answer", "Exchange", "Refusal", "refuse"]

_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@attrs.frozen(kw_only=True)
class Exchange:
    """What a handler may know of the call it answers."""

    operation: str | None
    """The operationId, or None for a route the contract does not have."""
    method: str
    params: Mapping[str, str]
    """Values of the path template."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = attrs.field(repr=False)
    origin: str
    """Scheme and host as the caller addressed them, such as `http://127.0.0.1:8700`."""
    path: str
    at: float
    """When the call came, epoch seconds."""
    scopes: frozenset[str] = frozenset()
    """What the caller's token allows."""

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object, numbers with a point as Decimal; an empty body is an empty object."""
        if not self.body:
            return {}
        try:
            read: object = _DECODER.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise refuse(400, "Invalid request parameters", status=False) from fault
        if not isinstance(read, dict):
            raise refuse(400, "Invalid request parameters", status=False)
        return cast("dict[str, Any]", read)


@attrs.frozen(kw_only=True)
class Answer:
    """What the caller is told."""

    status: int = 200
    body: object = attrs.field(default=None, repr=False)
    """Anything JSON can hold, or bytes sent as they are."""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    customer_id: str | None = None
    """The customer the call was about, for the journal, when the path does not name it."""

    def payload(self) -> bytes:
        """Give the bytes of the body."""
        return self.body if isinstance(self.body, bytes) else _ENCODER.encode(self.body)


class Refusal(Exception):  # noqa: N818  it is an answer more than an error
    """Ends a call with the answer it carries."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"answered {answer.status}")
        self.answer = answer


def refuse(http_status: int, message: str, **more: object) -> Refusal:
    """Make a refusal in the platform's shape.

    Args:
        http_status: the HTTP status.
        message: the text of `message`.
        more: further keys of the body, such as `errors` or `status` (contract/customers.yaml x-errors).
    """
    return Refusal(Answer(status=http_status, body={**more, "message": message}))
