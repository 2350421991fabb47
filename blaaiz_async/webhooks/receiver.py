"""An ASGI app that takes the platform's deliveries; mounted in a framework, or run alone.

How it answers follows contract/events.yaml x-webhook-delivery: 2xx ends a delivery, anything else brings it again.

* 204: handled, handled before, no handler for it, or kept in the queue
* 400: not the platform's, or too old
* 405, 408, 413: not POST, too slow, or too long
* 500: a handler failed or took too long, or can't take the event since it has another shape than documented
* 503: another is handling it at this moment, or the store or queue failed
"""

import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from time import monotonic
from typing import Any

import anyio

from blaaiz_async.core.background import DeadlinePassedError, before, begin, turn
from blaaiz_async.errors import ConfigurationError, WebhookVerificationError
from blaaiz_async.webhooks.background import Background
from blaaiz_async.webhooks.handling import Handlers, Handling, Outcome
from blaaiz_async.webhooks.reading import ONCE, read_event
from blaaiz_async.webhooks.seen import SeenStore
from blaaiz_async.webhooks.sqlite import DeliveryQueue, SqliteSeenStore
from blaaiz_async.webhooks.verifier import SIGNATURE_HEADER, TIMESTAMP_HEADER, WebhookVerifier

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 1024 * 1024
"""Bytes. The longest documented delivery has some 2,000."""
DEADLINE = 25.0
"""Seconds; the platform gives up on an answer after 30 (contract/events.yaml x-webhook-delivery)."""
SHUTDOWN = 10.0
"""Seconds that handlers of queued events have to finish when the server stops."""

_AT_ONCE = 0.001
"""Seconds; what took longer is answered before anything else is handled."""
_LOOK_EVERY = 64
"""Where so many deliveries have come one by one, only each 64th looks whether others come with it."""
_SIGNATURE, _TIMESTAMP = SIGNATURE_HEADER.encode(), TIMESTAMP_HEADER.encode()

_Response = tuple[int, tuple[tuple[bytes, bytes], ...]]
_EMPTY = (b"content-length", b"0")
_DONE: _Response = (204, ())
_REFUSED: _Response = (400, (_EMPTY,))  # why is in the log: whoever forges deliveries learns nothing
_NOT_POST: _Response = (405, ((b"allow", b"POST"), _EMPTY))
_TOO_SLOW: _Response = (408, ((b"connection", b"close"), _EMPTY))
_TOO_LONG: _Response = (413, ((b"connection", b"close"), _EMPTY))
_FAILED: _Response = (500, (_EMPTY,))
_LATER: _Response = (503, ((b"retry-after", b"60"), _EMPTY))
_RESPONSES = {
    Outcome.HANDLED: _DONE,
    Outcome.KEPT: _DONE,
    Outcome.NO_HANDLER: _DONE,
    Outcome.SEEN: _DONE,
    Outcome.RUNNING: _LATER,
    Outcome.FAILED: _FAILED,
    Outcome.UNAVAILABLE: _LATER,
}

log = logging.getLogger("blaaiz_async")


class WebhookApp:
    """An ASGI app that takes deliveries; `webhook_app` makes it."""

    def __init__(
        self, verifier: WebhookVerifier, handling: Handling, *, background: Background | None, max_body: int
    ) -> None:
        self._verifier = verifier
        self._handling = handling
        self._background = background
        self._max_body = max_body
        self._max_digits = len(str(max_body))
        self._working = False
        self._begun = 0
        """Requests so far."""
        self._alone = 0
        """Deliveries since one was seen to come together with others."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live through the server's lifespan."""
        if scope["type"] == "http":
            self._begun += 1
            look = self._alone < _LOOK_EVERY or not self._begun % _LOOK_EVERY
            began = monotonic() if look else 0.0
            response = await self._take(scope, receive)
            if response is not None:
                if look and monotonic() - began < _AT_ONCE:
                    await self._let_others_begin()
                status, headers = response
                await send({"type": "http.response.start", "status": status, "headers": [*headers]})
                await send({"type": "http.response.body", "body": b""})
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    @contextlib.asynccontextmanager
    async def working(self, *, grace: float = SHUTDOWN) -> AsyncGenerator[None]:
        """Handle what waits in the queue while the block runs. Without a queue it does nothing.

        Run alone, the app does this by itself. Mounted, it must stand in the lifespan of the application around it, since
        frameworks don't run the lifespan of what is mounted.

        Args:
            grace: Seconds that the handlers under way have at the end of the block. What is cut off then begins anew with
                the next start. It should be less than the time after which your host kills the process.

        Raises:
            ConfigurationError: Another such block runs.
        """
        if self._background is None:
            yield
            return
        if self._working:
            raise ConfigurationError("the queue is worked on already: `async with app.working()` once is enough")
        self._working, failure = True, None
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(self._background.work)
                try:
                    yield
                except anyio.get_cancelled_exc_class():
                    tasks.cancel_scope.cancel()
                    raise
                except BaseException as error:  # noqa: BLE001  # raised below: out of here it would come in a group
                    failure = error
                    tasks.cancel_scope.cancel()
                else:
                    self._background.stop()
                    tasks.cancel_scope.deadline = anyio.current_time() + grace
        finally:
            self._working = False
        if failure is not None:
            raise failure

    async def _let_others_begin(self) -> None:
        """Handle what came together before any of it is answered.

        Handling many in a row, and then answering many in a row, keeps the code of each in the processor's caches.
        """
        begun = self._begun
        await turn()
        self._alone = 0 if self._begun > begun else self._alone + 1

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self.working():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _take(self, scope: Scope, receive: Receive) -> "_Response | None":
        """Take a delivery and return the response; None when the caller has gone."""
        if scope["method"] != "POST":
            return _NOT_POST
        headers: dict[bytes, bytes] = dict(scope["headers"])
        announced = headers.get(b"content-length", b"")
        parts: list[bytes] = []
        try:
            if len(announced) >= self._max_digits:
                _check_announced(announced, self._max_body)
            rest = begin(_read(receive, parts, self._max_body))
            if rest is not None:
                await before(monotonic() + DEADLINE, rest)
        except _TooLongError:
            log.warning("a delivery was refused: it has more than %d bytes", self._max_body)
            return _TOO_LONG
        except DeadlinePassedError:
            log.warning("a delivery was refused: it wasn't all here within %g s", DEADLINE)
            return _TOO_SLOW
        except _GoneError:
            return None
        body = b"".join(parts)  # of one it is that one itself
        signature, timestamp = headers.get(_SIGNATURE, b""), headers.get(_TIMESTAMP, b"")
        try:
            event = read_event(body, self._verifier.verify_raw(body, signature=signature, timestamp=timestamp))
        except WebhookVerificationError as error:
            log.warning("a delivery was refused: %s", error)
            return _REFUSED
        outcome = Outcome.FAILED
        try:
            if self._background is not None and self._handling.handlers.takes(event):
                outcome = await self._background.put(event, body)
            else:
                outcome = await self._handling.handle(event)
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%r: %s", event, outcome)
        finally:  # also when the server stops and cancels it
            response = _RESPONSES[outcome]
            lost = response is not _DONE and outcome is not Outcome.RUNNING and event.name.startswith(ONCE)
            if lost and not self._handling.has_handled(event):
                log.error("%r won't come again: the platform delivers it once; a queue keeps such till they are done", event)
        return response


def webhook_app(
    verifier: WebhookVerifier,
    handlers: Handlers,
    *,
    seen: SeenStore | None = None,
    queue: DeliveryQueue | None = None,
    deadline: float | None = None,
    max_body: int = MAX_BODY,
) -> WebhookApp:
    """Make an ASGI app that takes the platform's deliveries, at whatever path it stands.

    In Starlette and FastAPI give it a route of its own, `Route("/hooks", app)`: a `Mount` answers its path without the
    closing slash with a redirection, which the platform takes for a failure.

    An event is handled before it is answered, so a failing handler brings it again. With `queue` it is answered as soon as
    it is on the disk, and handled afterwards and repeatedly until that succeeds; then see `WebhookApp.working`.
    The platform delivers `auto_deposit_email.*` once, whatever the answer: without a queue, one failure loses it.

    Each handler runs once to success for each event, however often that is delivered. What no software can rule out:
    a process that is killed after a handler's work and before that is remembered. Handlers that move money should pass a key
    of their own, such as `event.dedupe_key`.

    Args:
        verifier: Tells the platform's deliveries from anybody else's.
        handlers: What to do with which events. What has no handler is answered 204, or it would come again and again; what
            would have one if it had the documented shape fails and comes again, unless UnknownEvent is handled.
        seen: Remembers what was handled: a `SqliteSeenStore` for the processes of one host, a `RedisSeenStore` for many
            hosts. By default this process's memory, which holds the latest 100,000 events at least and none after a
            restart; with a queue a `SqliteSeenStore` in its file.
        queue: Keeps what is answered and not handled yet.
        deadline: Seconds after which the handlers of an event are cancelled, and the event comes again; a handler must not
            outlast its cancellation by 30 s. By default 25, and 300 with a queue.
        max_body: Bytes that a delivery may have.

    Raises:
        ConfigurationError: A number isn't above zero.
    """
    if deadline is None:
        deadline = DEADLINE if queue is None else 300.0
    if not deadline > 0 or not max_body > 0:
        raise ConfigurationError("webhook_app: deadline (seconds) and max_body (bytes) must be above zero")
    own = SqliteSeenStore(queue.path) if seen is None and queue is not None else None
    handling = Handling(handlers, own if seen is None else seen, deadline=deadline)
    background = None if queue is None else Background(queue, handling, own=own)
    return WebhookApp(verifier, handling, background=background, max_body=max_body)


class _TooLongError(Exception):
    """More came than may come, or is announced."""


def _check_announced(length: bytes, most: int) -> None:
    if length.isdigit() and int(length[:20]) > most:
        raise _TooLongError


class _GoneError(Exception):
    """The caller left before all was here."""


async def _read(receive: Receive, parts: list[bytes], most: int) -> None:
    """Read a body, to be joined once: whoever sends it in tiny parts makes nobody copy it again and again."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        part: bytes = message.get("body", b"")
        parts.append(part)
        length += len(part)
        if length > most:
            raise _TooLongError
        more = message.get("more_body", False)
