"""Serves a receiver for the tests that need a process of its own, to be killed or to be one of several.

Run as `python -m tests.webhooks.served JSON`, the JSON being the options of `main`. It prints its port, and then the key of
each event as its handler does its work.
"""

import json
import random
import socket
import sys
import time
from typing import Any

import anyio
import uvicorn

from blaaiz_async.redis import RedisSeenStore
from blaaiz_async.webhooks import (
    CustomerStatusChanged,
    DeliveryQueue,
    Handlers,
    MemorySeenStore,
    SeenStore,
    SqliteSeenStore,
    WebhookApp,
    WebhookVerifier,
    webhook_app,
)
from tests.webhooks.payloads import SECRET


def main(
    *,
    sqlite: str | None = None,
    redis: str | None = None,
    queue: str | None = None,
    ahead: float = 0.0,
    failing: float = 0.0,
    stuck_after: int | None = None,
    server: str = "uvicorn",
) -> None:
    """Serve until the process ends.

    Args:
        sqlite: File of the seen store.
        redis: URL of the seen store.
        queue: File of the queue.
        ahead: Seconds by which the clock of the files is ahead of this machine's, so that leases of the dead have lapsed.
        failing: Share of handlings that fail.
        stuck_after: After so many handlings, all others wait for ever.
        server: What serves it: "uvicorn", or "hypercorn" on trio.
    """
    handlers, handled = Handlers(), 0

    @handlers.on(CustomerStatusChanged)
    async def handler(event: CustomerStatusChanged) -> None:
        nonlocal handled
        await anyio.lowlevel.checkpoint()
        if stuck_after is not None and handled >= stuck_after:
            await anyio.sleep_forever()
        if random.random() < failing:
            raise RuntimeError
        handled += 1
        sys.stdout.write(f"{event.payload['event_id']}\n")
        sys.stdout.flush()

    def wall() -> float:
        return time.time() + ahead

    seen: SeenStore = MemorySeenStore()
    if sqlite is not None:
        seen = SqliteSeenStore(sqlite, wall=wall)
    elif redis is not None:
        seen = RedisSeenStore(redis)
    kept = None if queue is None else DeliveryQueue(queue, wall=wall)
    serve(webhook_app(WebhookVerifier(SECRET), handlers, seen=seen, queue=kept), server)


def serve(app: WebhookApp, server: str) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    if server == "uvicorn":
        uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])
        return
    import trio
    from hypercorn.config import Config
    from hypercorn.trio import serve as serve_on_trio

    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.loglevel = "ERROR"
    served: Any = app
    trio.run(serve_on_trio, served, config)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
