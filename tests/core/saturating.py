"""A job that takes all it gets, and people who call now and then, in virtual time."""

import math
import random
import statistics

import anyio
from attrs import frozen

from blaaiz_async import RateBudget
from blaaiz_async.core.budget import Priority
from tests.core.counting import Platform

IN_FLIGHT = 64


@frozen(kw_only=True)
class Saturated:
    """What one run came to."""

    share: float
    """Calls let through, over the calls that the limit allows in the time."""
    refused: int
    waits: list[float]
    """Seconds that interactive calls waited for a slot."""

    def wait(self, percent: int) -> float:
        """Return a percentile of the waits."""
        return statistics.quantiles(self.waits, n=100, method="inclusive")[percent - 1] if len(self.waits) > 1 else math.nan


async def saturated(*, limit: int, one_in: int, windows: int, sliding: bool = False, seed: int = 3) -> Saturated:
    """Use a budget up, beside interactive calls that come by chance, one in `one_in` slots on average."""
    budget = RateBudget(per_minute=limit, per_hour=10**7, wall=anyio.current_time)
    platform, slot, waits = Platform(limit=limit, sliding=sliding), 60.0 / limit, list[float]()
    people, latency = random.Random(seed), random.Random(-seed - 1)

    async def call(priority: Priority) -> None:
        asked = anyio.current_time()
        await budget.acquire(priority)
        if priority == "interactive":
            waits.append(anyio.current_time() - asked)
        way = latency.uniform(0.02, 0.15)
        await anyio.sleep(way)
        status, headers = platform.call(anyio.current_time())
        await anyio.sleep(way)
        budget.answered(status, headers)

    async def job() -> None:
        while True:
            await call("bulk")

    with anyio.move_on_after(60.0 * windows):
        async with anyio.create_task_group() as group:
            for _ in range(IN_FLIGHT):
                group.start_soon(job)
            while True:
                await anyio.sleep(people.expovariate(1 / (one_in * slot)))
                group.start_soon(call, "interactive")
    return Saturated(share=platform.accepted / limit / windows, refused=platform.refused, waits=waits)
