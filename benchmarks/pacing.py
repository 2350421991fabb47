"""How much of the rate budget is used, and how many 429s are met on the way.

The sandbox allows 1,200 calls a minute, in windows of 6 s of 120 calls each, so that 500 calls take four whole windows and
a bit. The share is the least time in which the limit lets that many calls through, over the time it took.

How long interactive calls wait beside a job that takes all it gets, is measured in virtual time, over 40 windows.
"""

import asyncio
import math
import time
from functools import partial

import trio
import trio.testing
from attrs import frozen

from blaaiz_async import AsyncBlaaiz, MemoryTokenStore, RateBudget
from blaaiz_async.core.budget import Priority
from blaaiz_async.sandbox import Limits, Sandbox
from blaaiz_async.sandbox.server import running
from tests.core.saturating import saturated

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


def main(*, quick: bool) -> bool:
    """Print the tables; tell whether the budget was used to 98 % without a 429, and interactive waits were under a slot."""
    print(f"{CALLS} calls against a sandbox limit of 1,200 a minute (120 in 6 s)\n")
    print("| lane | budget used | 429s met | seconds |")
    print("|---|---:|---:|---:|")
    held = True
    lanes: tuple[Priority, ...] = ("interactive", "bulk")
    for priority in lanes:
        run = measure(priority)
        print(f"| {priority} | {run.share:.1%} | {run.refused} | {run.seconds:.2f} |", flush=True)
        held = held and run.share >= 0.98 and run.refused == 0
    return _print_waits(windows=4 if quick else 40) and held


def _print_waits(*, windows: int) -> bool:
    print(f"\nInteractive calls beside a saturating job, {windows} windows of 60 s in virtual time\n")
    print("| calls a minute | interactive | platform's windows | budget used | 429s met | wait p99, slots | longest |")
    print("|---:|---|---|---:|---:|---:|---:|")
    held = True
    for limit in (120, 1200):
        for one_in in (10, 16, 32, 64):
            for sliding in (False, True):
                clock = trio.testing.MockClock(autojump_threshold=0)
                run = trio.run(partial(saturated, limit=limit, one_in=one_in, windows=windows, sliding=sliding), clock=clock)
                slot, kind = 60.0 / limit, "sliding" if sliding else "fixed"
                print(
                    f"| {limit} | one in {one_in} | {kind} | {run.share:.1%} | {run.refused} "
                    f"| {run.wait(99) / slot:.2f} | {max(run.waits) / slot:.1f} |",
                    flush=True,
                )
                held = held and run.refused == 0 and run.wait(99) < slot and run.share >= (0.975 if sliding else 0.98)
    return held
