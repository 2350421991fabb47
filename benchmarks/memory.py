"""Whether memory stays flat over hundreds of thousands of calls that succeed, fail and are cancelled.

`python -m benchmarks memory [--quick]` makes 200,000 calls per backend (20,000), and exits with 1 when memory grows.
"""

import contextlib
import gc
import itertools
import random
import statistics
from pathlib import Path

import anyio
from attrs import frozen

from benchmarks.cost import ID, server
from blaaiz_async import AsyncBlaaiz, BlaaizError, MemoryTokenStore, RateBudget, RetryPolicy

AT_ONCE = 32
SAMPLES = 20
WARM_UP = 4
"""Samples that don't count: pools, caches and the allocator's arenas fill first."""
BYTES_PER_CALL = 8.0
"""A growth below this is the allocator's noise; one leaked object of any kind would be 50 or more."""


@frozen(kw_only=True)
class Memory:
    """What the process held, by calls made."""

    calls: list[int]
    resident: list[int]
    objects: list[int]

    @property
    def bytes_per_call(self) -> float:
        """The growth of the resident memory."""
        return statistics.linear_regression(self.calls, self.resident).slope

    @property
    def objects_per_call(self) -> float:
        """The growth of the number of objects the collector knows."""
        return statistics.linear_regression(self.calls, self.objects).slope


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure(backend: str, calls: int) -> Memory:
    """Make the calls, and sample the memory between them."""
    memory = Memory(calls=[], resident=[], objects=[])
    chance = random.Random(1)

    async def main(url: str) -> None:
        budget = RateBudget(per_minute=2 * AT_ONCE, per_hour=2 * AT_ONCE, minute=0.001, hour=0.001)
        async with AsyncBlaaiz(
            client_id="id",
            client_secret="secret",
            base_url=url,
            budget=budget,
            retry=RetryPolicy(max_attempts=2, wait_initial=0.0),
            token_store=MemoryTokenStore(),
        ) as blaaiz:
            # The canned server answers every call with a customer, which no list and no bank can be read from.
            kinds = [blaaiz.customers.get, blaaiz.customers.get, blaaiz.transactions.get, blaaiz.refunds.get]
            numbers = itertools.count()

            async def worker(until: int) -> None:
                while next(numbers) < until:
                    with contextlib.suppress(BlaaizError):
                        if chance.random() < 0.1:
                            with anyio.move_on_after(chance.random() * 0.01):
                                await chance.choice(kinds)(ID)
                        else:
                            await chance.choice(kinds)(ID)

            for sample in range(SAMPLES + WARM_UP):
                numbers = itertools.count()
                async with anyio.create_task_group() as group:
                    for _ in range(AT_ONCE):
                        group.start_soon(worker, calls // SAMPLES)
                gc.collect()
                if sample >= WARM_UP:
                    memory.calls.append((sample - WARM_UP) * calls // SAMPLES)
                    memory.resident.append(_resident())
                    memory.objects.append(len(gc.get_objects()))

    with server(tls=False) as url:
        anyio.run(main, url, backend=backend)
    return memory


def main(*, quick: bool) -> bool:
    """Print the table, and tell whether memory stayed flat."""
    calls = 20_000 if quick else 200_000
    print("| backend | calls | resident first, MB | last, MB | bytes per call | objects first | last | objects per call |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    flat = True
    for backend in ("asyncio", "trio"):
        seen = measure(backend, calls)
        print(
            f"| {backend} | {calls} | {seen.resident[0] / 1e6:.1f} | {seen.resident[-1] / 1e6:.1f} "
            f"| {seen.bytes_per_call:.2f} | {seen.objects[0]} | {seen.objects[-1]} | {seen.objects_per_call:.4f} |",
            flush=True,
        )
        # Over few calls a page more or less is a large part of the slope; the objects tell a leak at once.
        flat = flat and seen.objects_per_call < 0.01 and (quick or seen.bytes_per_call < BYTES_PER_CALL)
    return flat
