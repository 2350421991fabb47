"""One process of the fleet: a bulk load that takes what it gets, and now and then an interactive call.

Run as `python -m benchmarks.fleet_worker JSON` with the fields of `Job`; it calls until its standard input closes, and then
prints how long each interactive call waited for its slot, in seconds, as JSON.
"""

import asyncio
import random
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from blaaiz_async import AsyncBlaaiz, MemoryTokenStore, RateBudget, TokenStore
from blaaiz_async.core.budget import Budget, BudgetStatistics, Priority
from blaaiz_async.redis import RedisRateBudget, RedisTokenStore


class Job(msgspec.Struct, frozen=True):
    """What a process is to do."""

    number: int
    base_url: str
    redis_url: str | None
    """None for a fleet that knows of each other by the headers alone."""
    per_minute: int
    minute: float
    in_flight: int
    interactive_every: float | None
    """Mean seconds between two interactive calls."""


class Timed:
    """Notes how long interactive calls wait for a slot."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.waits: list[float] = []

    async def acquire(self, priority: Priority = "interactive", *, timeout: float | None = None) -> None:
        asked = time.perf_counter()
        await self._budget.acquire(priority, timeout=timeout)
        if priority == "interactive":
            self.waits.append(time.perf_counter() - asked)

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        self._budget.answered(status, headers)

    def unanswered(self, *, sent: bool) -> None:
        self._budget.unanswered(sent=sent)

    def statistics(self) -> BudgetStatistics:
        return self._budget.statistics()


async def work(job: Job) -> list[float]:
    limits: dict[str, Any] = {"per_minute": job.per_minute, "per_hour": 10**6, "minute": job.minute}
    budget: RedisRateBudget | RateBudget
    store: TokenStore
    if job.redis_url is None:
        budget, store = RateBudget(**limits), MemoryTokenStore()
    else:
        budget, store = RedisRateBudget(job.redis_url, name="benchmark", **limits), RedisTokenStore(job.redis_url)
    timed: Any = Timed(budget)  # the client takes any Budget
    async with AsyncBlaaiz(
        client_id="sandbox-client", client_secret="sandbox-secret", base_url=job.base_url, budget=timed, token_store=store
    ) as blaaiz:
        view = blaaiz.with_options(extra_headers={"x-process": str(job.number)})
        bulk = view.with_options(priority="bulk")

        async def take_what_comes() -> None:
            while True:
                await bulk.customers.list(email="nobody@example.com")

        async def call_now_and_then(every: float) -> None:
            while True:
                await asyncio.sleep(random.expovariate(1 / every))
                await view.customers.list(email="nobody@example.com")

        tasks = [asyncio.create_task(take_what_comes()) for _ in range(job.in_flight)]
        if job.interactive_every is not None:
            tasks.append(asyncio.create_task(call_now_and_then(job.interactive_every)))
        await _told_to_stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for part in (budget, store):
        if isinstance(part, RedisRateBudget | RedisTokenStore):
            await part.aclose()
    waits: list[float] = timed.waits
    return waits


async def _told_to_stop() -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(stopped.set)

    threading.Thread(target=read, daemon=True).start()
    await stopped.wait()


if __name__ == "__main__":
    print(msgspec.json.encode(asyncio.run(work(msgspec.json.decode(sys.argv[1], type=Job)))).decode())
