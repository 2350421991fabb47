"""How much of one rate budget a fleet of processes uses, and how many 429s it meets.

Eight processes call a served sandbox as fast as they may, and now and then each makes an interactive call. Midway two are
killed. The share is the smaller of two: the calls let through in the time of three windows over three windows' limits;
and the time of three windows over the time until the first call of the fourth.
"""

import asyncio
import math
import statistics
import subprocess
import sys
import time
from collections import Counter
from typing import Any, cast

import msgspec
from attrs import frozen

from benchmarks.fleet_worker import Job
from benchmarks.redis_server import RedisServer
from blaaiz_async.redis import RedisRateBudget
from blaaiz_async.sandbox import Limits, Sandbox
from blaaiz_async.sandbox.journal import Call
from blaaiz_async.sandbox.server import running

PROCESSES = 8
KILLED = 2
WINDOWS = 3
IN_FLIGHT = 8


@frozen(kw_only=True)
class Fleet:
    """What one run came to."""

    share: float
    refused: int
    """429s met by all."""
    refused_most: int
    """429s met by one process in one window, at most."""
    tokens: int
    """Tokens fetched."""
    waits: list[float]
    """Seconds that interactive calls waited for a slot."""

    def wait(self, percent: int) -> float:
        """Return a percentile of the waits."""
        return statistics.quantiles(self.waits, n=100, method="inclusive")[percent - 1] if len(self.waits) > 1 else math.nan


def measure(*, redis_url: str | None, per_minute: int, minute: float, kill: int = 0, interactive: bool = True) -> Fleet:
    """Let the fleet call for three windows and a little longer."""
    sandbox = Sandbox(limits=Limits(per_minute=per_minute, per_hour=10**6, minute=minute))
    wanted, waits = WINDOWS * per_minute + 1, list[float]()

    def accepted() -> list[float]:
        return [call.at for call in sandbox.journal.calls if call.operation == "customers_list" and call.status == 200]

    with running(sandbox) as url:
        jobs = [
            Job(
                number=number,
                base_url=url,
                redis_url=redis_url,
                per_minute=per_minute,
                minute=minute,
                in_flight=IN_FLIGHT,
                # One slot in sixteen.
                interactive_every=16 * PROCESSES * minute / per_minute if interactive else None,
            )
            for number in range(PROCESSES)
        ]
        fleet = [_start(job) for job in jobs]
        try:
            began, killed = time.monotonic(), False
            while len(accepted()) < wanted and time.monotonic() < began + (WINDOWS + 1) * minute + 10:
                time.sleep(minute / 100)
                if not killed and time.monotonic() > began + WINDOWS * minute / 2:
                    killed = True
                    for process in fleet[:kill]:
                        process.kill()
            for process in fleet:
                printed, _ = process.communicate()
                waits += msgspec.json.decode(printed, type=list[float]) if printed else []
        finally:
            for process in fleet:
                process.kill()
    moments = accepted()
    whole = moments[0] + WINDOWS * minute
    share = sum(moment <= whole for moment in moments) / (wanted - 1)
    if len(moments) >= wanted:
        share = min(share, WINDOWS * minute / (moments[wanted - 1] - moments[0]))
    refused = _refused(sandbox.journal.calls, minute)
    return Fleet(
        share=share,
        refused=refused.total(),
        refused_most=max(refused.values(), default=0),
        tokens=sandbox.journal.count("oauth_token_create"),
        waits=waits,
    )


def _refused(calls: list[Call], minute: float) -> Counter[tuple[int, str]]:
    """Count the 429s of each of the platform's windows and each process."""
    window, opened, refused = 0, -math.inf, Counter[tuple[int, str]]()
    for call in sorted(calls, key=lambda call: call.at):
        if call.status == 429:
            refused[window, call.headers["x-process"]] += 1
        elif call.operation == "customers_list" and call.at >= opened + minute:
            window, opened = window + 1, call.at
    return refused


def _start(job: Job) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "benchmarks.fleet_worker", msgspec.json.encode(job).decode()]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@frozen(kw_only=True)
class Cost:
    """What one slot costs when it is there for the taking."""

    microseconds: float
    round_trips: float


async def ours(url: str, calls: int) -> Cost:
    """Take slots one after the other from the shared budget, and give each back."""
    async with RedisRateBudget(url, name="cost", per_minute=10**6, per_hour=10**6, reserve=0.0) as budget:

        async def take() -> None:
            await budget.acquire()
            budget.answered(200, {})

        return await _cost(url, calls, take)


async def of_the_limits_library(url: str, calls: int) -> Cost | None:
    """Take slots in two moving windows of PyPI `limits`; None if it isn't installed."""
    try:
        from limits import RateLimitItemPerHour, RateLimitItemPerMinute
        from limits.aio.storage import RedisStorage
        from limits.aio.strategies import MovingWindowRateLimiter
    except ImportError:
        return None
    storage = RedisStorage(f"async+{url}", implementation="redispy")
    limiter: Any = MovingWindowRateLimiter(storage)
    windows = (RateLimitItemPerMinute(10**6), RateLimitItemPerHour(10**6))

    async def take() -> None:
        for window in windows:
            assert await limiter.hit(window, "cost")

    cost = await _cost(url, calls, take)
    await cast("Any", storage.bridge).storage.aclose()  # it has no way to close of its own
    return cost


async def _cost(url: str, calls: int, take: Any) -> Cost:
    import redis.asyncio

    client: Any  # redis-py leaves much untyped
    async with redis.asyncio.Redis.from_url(url) as client:
        for _ in range(10):
            await take()
        await client.execute_command("CONFIG", "RESETSTAT")
        began = time.perf_counter()
        for _ in range(calls):
            await take()
        seconds = time.perf_counter() - began
        commands: Any = await client.info("commandstats")
        trips = sum(each["calls"] for name, each in commands.items() if name in ("cmdstat_evalsha", "cmdstat_eval"))
    return Cost(microseconds=seconds / calls * 1e6, round_trips=trips / calls)


def main(*, quick: bool) -> bool:
    """Print the figures; return whether every promise holds."""
    per_minute, minute = (120, 6.0) if quick else (1200, 60.0)
    slot = minute / per_minute
    broken = list[str]()
    with RedisServer() as server:
        for name, run in (("ours", ours), ("limits, two moving windows", of_the_limits_library)):
            cost = asyncio.run(run(server.url, 2000))
            if cost is not None:
                print(f"{name}: {cost.microseconds:.0f} µs, {cost.round_trips:.2f} round trips a slot", flush=True)
    print(
        f"\n{PROCESSES} processes, {per_minute} calls in {minute:g} s, {WINDOWS} windows; a slot is {slot * 1000:.0f} ms\n"
    )
    print("| fleet | budget used | 429s met | … by one process in a window | tokens | interactive wait p50, ms | p99, ms |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    with RedisServer() as server:
        for name, kill in (("through Redis", 0), (f"… {KILLED} killed midway", KILLED)):
            run_ = measure(redis_url=server.url, per_minute=per_minute, minute=minute, kill=kill)
            _print(name, run_)
            server.kill()
            server.start()
            if run_.share < (0.9 if quick else 0.97) or run_.refused or run_.tokens != 1 or run_.wait(99) >= slot:
                broken.append(name)
    # The headers tell the end of a window in whole seconds, which costs up to three: a short window can't show it.
    per_minute, minute = (400, 20.0) if quick else (1200, 60.0)
    run_ = measure(redis_url=None, per_minute=per_minute, minute=minute, interactive=False)
    _print(f"headers alone, {per_minute} in {minute:g} s", run_)
    if run_.share < (0.7 if quick else 0.9) or run_.refused_most > 1:
        broken.append("headers alone")
    for name in broken:
        print(f"\nBROKEN PROMISE: {name}")
    return not broken


def _print(name: str, run: Fleet) -> None:
    print(
        f"| {name} | {run.share:.1%} | {run.refused} | {run.refused_most} | {run.tokens} "
        f"| {run.wait(50) * 1000:.1f} | {run.wait(99) * 1000:.1f} |",
        flush=True,
    )
