"""Handles deliveries after they were answered, again and again until that succeeds."""

import logging
import math

import anyio
from anyio.abc import TaskStatus

from blaaiz_async.webhooks.event import Event
from blaaiz_async.webhooks.handling import Handling, Outcome, key_of
from blaaiz_async.webhooks.sqlite import DeliveryQueue, SqliteSeenStore, Waiting

AT_ONCE = 16
"""Events that are handled at the same time."""
LOOK_EVERY = 1.0
"""Seconds between two looks for what another process left, or what is due again."""
FIRST_DELAY = 5.0
LONGEST_DELAY = 3600.0
"""Seconds before an event is tried again: from the first to the longest they double. It is never given up."""

ELSEWHERE_DELAY = 60.0
"""The longest delay of what another process has a handler for: one may be deployed at any time."""
SETTLE_SECONDS = 5.0
"""How long a locked file holds up a shutdown for an event: what isn't written back is due again when its lease lapses."""

log = logging.getLogger("blaaiz_async")


class Background:
    """Keeps deliveries in a queue and handles them.

    Args:
        queue: Where they are kept.
        handling: How they are handled.
        own: What is to be closed when the work ends.
    """

    def __init__(self, queue: DeliveryQueue, handling: Handling, *, own: SqliteSeenStore | None) -> None:
        self._queue = queue
        self._handling = handling
        self._own = own
        self._news: anyio.Event | None = None
        """None while nobody works."""
        self._taking: anyio.CancelScope | None = None

    async def put(self, event: Event, body: bytes) -> Outcome:
        """Keep a delivery; it is handled soon."""
        if self._news is None:
            log.error("%r can't be taken: nobody works on the queue; put `async with app.working()` in the lifespan", event)
            return Outcome.UNAVAILABLE
        try:
            await self._queue.put(key_of(event), body, event.received_at)
        except Exception as error:  # noqa: BLE001  # whatever it is, the platform brings it again
            log.error("%r can't be kept in the queue: %s", event, type(error).__name__)  # noqa: TRY400  # no values
            return Outcome.UNAVAILABLE
        self._wake()
        return Outcome.KEPT

    def _wake(self) -> None:
        if self._news is not None:  # a shutdown may have come while it was written; the next start finds it
            self._news.set()

    async def work(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Handle what waits, until the task is cancelled, or until what is under way after a `stop` has come to its end."""
        self._news, taking = anyio.Event(), anyio.CancelScope()
        self._taking = taking
        task_status.started()
        free = anyio.Semaphore(AT_ONCE)
        try:
            async with anyio.create_task_group() as tasks:
                with taking:
                    while True:
                        await free.acquire()
                        waiting = await self._next()
                        tasks.start_soon(self._handle, waiting, free)
                self._news = None
        finally:
            self._news = None
            with anyio.CancelScope(shield=True):
                # Their next use opens them again. What was handled last is in the log beside the file till then.
                await self._queue.aclose()
                if self._own is not None:
                    await self._own.aclose()

    def stop(self) -> None:
        """Take nothing more; what is under way goes on."""
        if self._taking is not None:
            self._taking.cancel()

    async def _next(self) -> Waiting:
        while True:
            self._news = news = anyio.Event()
            try:
                waiting = await self._queue.take(lease=self._handling.lease)
            except Exception as error:  # noqa: BLE001  # a bad row, too, must not end the work on all others
                log.error("the queue can't be read: %s; trying again", type(error).__name__)  # noqa: TRY400  # no values
                await anyio.sleep(LOOK_EVERY)
                continue
            if waiting is not None:
                return waiting
            with anyio.move_on_after(LOOK_EVERY):
                await news.wait()

    async def _handle(self, waiting: Waiting, free: anyio.Semaphore) -> None:
        delay = 0.0  # a shutdown while it is handled: whoever comes next takes it up at once
        done = False
        try:
            event = waiting.event
            outcome = await self._handling.handle(event)
            delay = min(FIRST_DELAY * 2 ** min(waiting.attempts - 1, 20), LONGEST_DELAY)
            done = outcome.is_final
            log.debug("%r from the queue, attempt %d: %s", event, waiting.attempts, outcome)
            if outcome is Outcome.NO_HANDLER:  # whoever put it there had one: another version, or another app
                log.error("%r has no handler in this process, and waits in the queue for one that has it", event)
                delay = min(delay, ELSEWHERE_DELAY)
        except Exception as error:  # noqa: BLE001
            # It was read when it came. Another version of the package may see that otherwise; it is kept for the next one.
            log.error("a delivery in the queue can't be read; it is kept: %s", type(error).__name__)  # noqa: TRY400  # no values
            delay = LONGEST_DELAY
        except (KeyboardInterrupt, SystemExit):
            delay = FIRST_DELAY  # so that a process that starts again has the time to handle others
            raise
        except anyio.get_cancelled_exc_class() as error:
            if anyio.current_effective_deadline() == -math.inf:
                raise
            # A handler left this task cancelled; nobody else asked for it, and it would end the work on all events.
            log.error("the handling of an event was cut off and begins anew: %s", type(error).__name__)  # noqa: TRY400
            delay = FIRST_DELAY
        finally:
            with anyio.move_on_after(SETTLE_SECONDS, shield=True) as limit:
                await self._settle(waiting, done=done, delay=delay)
            if limit.cancelled_caught:
                log.error(
                    "the queue can't be written in time: what was under way is due again in %g s", self._handling.lease
                )
            free.release()

    async def _settle(self, waiting: Waiting, *, done: bool, delay: float) -> None:
        try:
            if done:
                await self._queue.drop(waiting.key)
            else:
                await self._queue.put_back(waiting.key, after=delay)
        except Exception as error:  # noqa: BLE001
            # Its lease lapses; if it was handled, the seen store knows.
            log.error("the queue can't be written: %s", type(error).__name__)  # noqa: TRY400  # no values
