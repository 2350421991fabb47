"""How much of the rate budget is used, and how many 429s are met on the way.

The sandbox allows 1,200 calls a minute, in windows of 6 s of 120 calls each, so that 500 calls take four whole windows and
a bit. The share is the least time in which the limit lets that many calls through, over the time it took.
"""

import asyncio
import math
import time

from attrs import frozen

from blaaiz_async import AsyncBlaaiz, MemoryTokenStore, RateBudget
from blaaiz_async.core.budget import Priority
from blaaiz_async.sandbox import Limits, Sandbox
from blaaiz_async.sandbox.server import running

CALLS = 500
PER_WINDOW = 120
WINDOW = 6.0


@frozen(kw_only=True)
class Pacing:
    """What one run of 500 calls came to."""

    priority: Priority
    share: float
    refused: int
    seconds: float


def measure(priority: Priority, *, in_flight: int = 32) -> Pacing:
    """Make 500 calls as fast as the budget lets them."""
    sandbox = Sandbox(limits=Limits(per_minute=PER_WINDOW, per_hour=10**6, minute=WINDOW))

    async def run(url: str) -> float:
        budget = RateBudget(per_minute=PER_WINDOW, per_hour=10**6, minute=WINDOW)
        async with AsyncBlaaiz(
            client_id="sandbox-client",
            client_secret="sandbox-secret",
            base_url=url,
            budget=budget,
            token_store=MemoryTokenStore(),
        ) as blaaiz:
            view = blaaiz.with_options(priority=priority)
            left = CALLS

            async def worker() -> None:
                nonlocal left
                while left > 0:
                    left -= 1
                    await view.customers.list(email="nobody@example.com")

            started = time.monotonic()
            await asyncio.gather(*(worker() for _ in range(in_flight)))
            return time.monotonic() - started

    with running(sandbox) as url:
        seconds = asyncio.run(run(url))
    least = (math.ceil(CALLS / PER_WINDOW) - 1) * WINDOW
    refused = sum(call.status == 429 for call in sandbox.journal.calls)
    return Pacing(priority=priority, share=least / seconds, refused=refused, seconds=seconds)
