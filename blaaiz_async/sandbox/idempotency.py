"""Idempotency-Key: a repeat gets the first answer, other data 422, and a first call still under way 409."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import attrs

from .exchange import Answer, Exchange, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from .state import Platform

__all__ = ["IdempotencyKeys", "once"]

MAX_LENGTH = 255


@attrs.define(kw_only=True)
class _Kept:
    call: Exchange
    body: dict[str, Any] = attrs.field(repr=False)
    answer: Answer
    running: bool = True


class IdempotencyKeys:
    """Every key that was used; how long the platform remembers one is unpublished, the sandbox never forgets."""

    def __init__(self, _: Platform) -> None:
        self.kept: dict[tuple[str | None, str], _Kept] = {}

    def finish(self, call: Exchange) -> None:
        """Note that a call has its answer: until then, a repeat meets 409."""
        kept = self.kept.get((call.operation, call.headers.get("idempotency-key", "")))
        if kept is not None and kept.call.headers is call.headers:  # the same call, though perhaps told its scopes since
            kept.running = False


def once(handler: Callable[[Platform, Exchange], Answer]) -> Callable[[Platform, Exchange], Answer]:
    """Make a handler that needs an Idempotency-Key and takes effect once for each (crypto_create_payout x-idempotency).

    A refused call leaves its key unused.
    """

    @wraps(handler)
    def answer(platform: Platform, call: Exchange) -> Answer:
        key, body = call.headers.get("idempotency-key", ""), call.json()
        if not key or len(key) > MAX_LENGTH:
            text = f"The Idempotency-Key header is required and must not be greater than {MAX_LENGTH} characters."
            raise refuse(422, text, errors={"Idempotency-Key": [text]})
        keys = platform.book(IdempotencyKeys).kept
        kept = keys.get((call.operation, key))
        if kept is None:
            found = handler(platform, call)
            keys[call.operation, key] = _Kept(call=call, body=body, answer=found)
            return found
        if kept.body != body:
            text = "This Idempotency-Key was already used with different request data."
            raise refuse(422, text, errors={"Idempotency-Key": [text]})
        if kept.running:
            raise refuse(409, "A request with this Idempotency-Key is still being processed.")
        return kept.answer

    return answer
