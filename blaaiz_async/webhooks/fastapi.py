"""A FastAPI dependency that gives an endpoint a verified, typed event. FastAPI itself is for you to install."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar, overload

import anyio
from fastapi import HTTPException, Request

from blaaiz_async.errors import WebhookVerificationError
from blaaiz_async.webhooks.event import Event, UnknownEvent, event_classes
from blaaiz_async.webhooks.reading import event_class
from blaaiz_async.webhooks.receiver import DEADLINE, MAX_BODY
from blaaiz_async.webhooks.verifier import WebhookVerifier

E = TypeVar("E", bound=Event)

log = logging.getLogger("blaaiz_async")


@overload
def webhook_event(verifier: WebhookVerifier, *, max_body: int = MAX_BODY) -> Callable[[Request], Awaitable[Event]]: ...


@overload
def webhook_event(
    verifier: WebhookVerifier, *kinds: type[E], max_body: int = MAX_BODY
) -> Callable[[Request], Awaitable[E]]: ...


def webhook_event(
    verifier: WebhookVerifier, *kinds: type[Event], max_body: int = MAX_BODY
) -> Callable[[Request], Awaitable[Event]]:
    """Make a dependency: `event: Annotated[CustomerEvent, Depends(webhook_event(verifier, CustomerEvent))]`.

    It verifies and reads, no more: deliveries come at least once, so skip the `dedupe_key` that you have handled, or mount
    `webhook_app`, which does. What isn't the platform's is answered 400, what is too slow 408, what is too long 413.

    Args:
        verifier: Tells the platform's deliveries from anybody else's.
        *kinds: The event classes that the endpoint is for; all, if none is given. Another event is answered 204 without
            the endpoint, or it would come again and again; one of these of another shape than documented 500, so that it
            isn't lost, unless UnknownEvent is among them.
        max_body: Bytes that a delivery may have.

    Raises:
        ConfigurationError: One of the `kinds` is no event class.
    """
    classes = event_classes(kinds)

    async def event_of(request: Request) -> Event:
        body = bytearray()
        with anyio.move_on_after(DEADLINE) as slow:
            async with aclosing(request.stream()) as parts:
                async for part in parts:
                    body += part
                    if len(body) > max_body:
                        raise HTTPException(413)
        if slow.cancelled_caught:
            raise HTTPException(408)
        try:
            event = verifier.receive(bytes(body), request.headers)
        except WebhookVerificationError as error:
            log.warning("a delivery was refused: %s", error)
            raise HTTPException(400) from None
        if classes and not isinstance(event, classes):
            if isinstance(event, UnknownEvent) and event.problem and issubclass(event_class(event.name), classes):
                log.error("%r has another shape than documented, so its endpoint can't take it; add UnknownEvent", event)
                raise HTTPException(500)
            log.info("no endpoint for %r", event)
            raise HTTPException(204)
        return event

    return event_of
