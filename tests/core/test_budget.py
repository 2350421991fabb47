"""The rate budget: all of it used, none of it broken, and room for those who wait."""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial

import anyio
import pytest

from blaaiz_async import RateBudget
from blaaiz_async.core.budget import NoSlotInTimeError, Priority
from tests.core.counting import Platform
from tests.core.saturating import saturated

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: object) -> object:
    return virtual_backend


def a_budget(**options: object) -> RateBudget:
    return RateBudget(wall=anyio.current_time, **options)  # type: ignore[arg-type]  # options of the test's choice


async def spend(
    budget: RateBudget,
    platform: Platform,
    calls: int,
    *,
    priority: Priority = "bulk",
    in_flight: int = 16,
    latency: Callable[[], float] = lambda: 0.2,
) -> float:
    """Make calls as fast as the budget lets them, and return the seconds it took."""
    left = calls
    started = anyio.current_time()

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await budget.acquire(priority)
            await anyio.sleep(latency() / 2)
            status, headers = platform.call(anyio.current_time())
            await anyio.sleep(latency() / 2)
            budget.answered(status, headers)
            if status == 429:
                left += 1

    async with anyio.create_task_group() as group:
        for _ in range(in_flight):
            group.start_soon(worker)
    return anyio.current_time() - started


@pytest.mark.parametrize("sliding", [False, True])
@pytest.mark.parametrize("priority", ["interactive", "bulk"])
async def test_the_whole_minute_is_used_and_never_broken(sliding: bool, priority: Priority) -> None:
    platform = Platform(limit=120, sliding=sliding)
    windows = 10
    jitter = random.Random(7)
    took = await spend(
        a_budget(per_hour=10**6), platform, 120 * windows + 1, priority=priority, latency=lambda: jitter.uniform(0.05, 0.9)
    )
    assert 0 == platform.refused
    # The last call needs the first slot of the window after `windows` full ones.
    assert took <= windows * 60.0 / 0.98


async def test_the_hour_is_used_and_never_broken() -> None:
    minute, hour = Platform(limit=120), Platform(limit=1500, length=3600.0)

    class Both(Platform):
        def call(self, now: float) -> tuple[int, dict[str, str]]:
            status, headers = hour.call(now)
            return (status, headers) if status == 429 else minute.call(now)

    took = await spend(a_budget(), Both(limit=0), 3001)
    assert 0 == minute.refused + hour.refused
    assert took <= 2 * 3600.0 / 0.98


@pytest.mark.parametrize("sliding", [False, True])
@pytest.mark.parametrize("one_in", [10, 16, 32, 64])
@pytest.mark.parametrize("limit", [120, 1200])
async def test_interactive_calls_wait_less_than_a_slot_while_a_job_uses_the_whole_budget(
    limit: int, one_in: int, sliding: bool
) -> None:
    run = await saturated(limit=limit, one_in=one_in, windows=40 if limit == 120 else 3, sliding=sliding)
    assert 0 == run.refused
    # Of windows that slide, an answer may tell of calls that have just left them; for a window they count as others'.
    assert run.share >= (0.975 if sliding else 0.98)
    assert run.wait(99) < 60.0 / limit


async def test_a_job_alone_takes_at_once_what_comes_back_at_once() -> None:
    platform = Platform(limit=120)
    took = await spend(a_budget(per_hour=10**6), platform, 500)
    assert 0 == platform.refused
    assert 240.0 <= took < 240.0 / 0.98


async def test_a_small_job_on_an_idle_budget_goes_at_once_beside_people() -> None:
    budget = a_budget()
    await budget.acquire("interactive")
    budget.answered(200, {})
    started = anyio.current_time()
    for _ in range(30):
        await budget.acquire("bulk")
    assert started == anyio.current_time()


async def test_an_interactive_call_finds_a_slot_while_a_job_uses_the_whole_budget() -> None:
    budget, platform = a_budget(per_hour=10**6), Platform(limit=120)
    waits: list[float] = []

    async def a_person_now_and_then() -> None:
        for _ in range(60):
            await anyio.sleep(7.3)
            asked = anyio.current_time()
            await budget.acquire("interactive")
            waits.append(anyio.current_time() - asked)
            budget.answered(*platform.call(anyio.current_time()))

    async with anyio.create_task_group() as group:
        group.start_soon(a_person_now_and_then)
        group.start_soon(spend, budget, platform, 850)
    assert 0 == platform.refused
    assert max(waits) < 60.0 / 120


async def test_a_429_pauses_every_caller_and_is_met_once() -> None:
    # Somebody else has used the minute up, and nothing said so before.
    platform = Platform(limit=120, used_by_others=120)
    took = await spend(a_budget(per_hour=10**6), platform, 50)
    assert 1 == platform.refused
    assert 60.0 <= took < 63.0


async def test_calls_of_other_processes_count_as_used() -> None:
    platform = Platform(limit=120, used_by_others=100)
    await spend(a_budget(per_hour=10**6), platform, 60)
    assert 0 == platform.refused


async def test_the_limit_of_the_headers_counts() -> None:
    platform = Platform(limit=100)
    await spend(a_budget(per_hour=10**6), platform, 350)
    assert 0 == platform.refused


async def test_a_call_that_was_never_sent_costs_nothing() -> None:
    budget = a_budget(per_minute=1)
    for _ in range(5):
        await budget.acquire()
        budget.unanswered(sent=False)
    await budget.acquire()
    assert 1 == budget.statistics().minute.used


async def test_a_cancelled_waiter_leaves_the_queue_and_the_next_one_goes_on() -> None:
    budget = a_budget(per_minute=1, per_hour=1000)
    await budget.acquire()
    budget.answered(200, {})
    with anyio.move_on_after(1.0):
        await budget.acquire()
    assert 0 == budget.statistics().waiting
    started = anyio.current_time()
    await budget.acquire()
    assert anyio.current_time() - started == pytest.approx(59.0)


async def test_a_caller_with_a_deadline_is_told_at_once_that_no_slot_comes_in_time() -> None:
    budget = a_budget(per_minute=1, per_hour=1000)
    await budget.acquire()
    budget.answered(200, {})
    started = anyio.current_time()
    with pytest.raises(NoSlotInTimeError) as caught:
        await budget.acquire(timeout=10.0)
    assert started == anyio.current_time()
    assert caught.value.seconds == pytest.approx(60.0)


@pytest.mark.parametrize("options", [{"per_minute": 0}, {"reserve": 1.0}, {"minute": 0.0}])
async def test_limits_that_can_not_work_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="per_minute and per_hour"):
        a_budget(**options)


async def test_a_platform_that_tells_no_limits_does_not_slow_a_job_down() -> None:
    budget = a_budget()

    async def call() -> None:
        await budget.acquire("bulk")
        await anyio.sleep(0.1)
        budget.answered(200, {})

    started = anyio.current_time()
    async with anyio.create_task_group() as group:
        for _ in range(17):
            group.start_soon(call)
    assert anyio.current_time() - started == pytest.approx(0.2)  # the first alone, then all others at once


WORKERS = {"equal": (16,) * 8, "unequal": (1, 64, 4, 32, 2, 16, 8, 64)}
LATENCIES: dict[str, Callable[[random.Random], float]] = {
    "quick": lambda jitter: jitter.uniform(0.02, 0.08),
    "slow": lambda jitter: jitter.uniform(0.1, 0.9),
    "long tail": lambda jitter: 0.05 + 0.05 * jitter.paretovariate(2),
}


@pytest.mark.parametrize("sliding", [False, True])
@pytest.mark.parametrize(("workers", "latency"), [("unequal", "quick"), ("equal", "slow"), ("unequal", "long tail")])
async def test_processes_that_only_see_the_headers_share_the_limit_and_meet_a_429_at_most_once_a_window(
    sliding: bool, workers: str, latency: str
) -> None:
    jitter, platform, minutes = random.Random(f"{workers} {latency}"), Platform(limit=1200, sliding=sliding), 3
    began = anyio.current_time()
    refused: Counter[tuple[int, int]] = Counter()

    async def worker(process: int, budget: RateBudget, starts: float) -> None:
        await anyio.sleep(starts)
        while True:
            await budget.acquire("bulk")
            await anyio.sleep(LATENCIES[latency](jitter) / 2)
            now = anyio.current_time()
            status, headers = platform.call(now)
            refused[process, int((now - began) // 60)] += status == 429
            await anyio.sleep(LATENCIES[latency](jitter) / 2)
            budget.answered(status, headers)

    with anyio.move_on_after(60.0 * minutes):
        async with anyio.create_task_group() as group:
            for process, count in enumerate(WORKERS[workers]):
                budget, starts = a_budget(per_minute=1200, per_hour=10**6), jitter.uniform(0.0, 20.0)
                for _ in range(count):
                    group.start_soon(worker, process, budget, starts)
    assert platform.accepted >= 0.9 * 1200 * minutes
    assert max(refused.values()) <= 1


async def moments(budget: RateBudget, platform: Platform, calls: int, *, tells: bool) -> Counter[int]:
    """Make all calls at once, interactive and bulk, as the budget lets them; count in which second each goes."""
    went = Counter[int]()
    began = anyio.current_time()

    async def call(priority: Priority) -> None:
        await budget.acquire(priority)
        went[round(anyio.current_time() - began)] += 1
        status, headers = platform.call(anyio.current_time())
        await anyio.sleep(0.1)
        budget.answered(status, headers if tells else {})

    async with anyio.create_task_group() as group:
        for number in range(calls):
            group.start_soon(call, "bulk" if number % 2 else "interactive")
    return went


async def test_a_process_that_lost_sight_of_the_others_sends_a_probe_and_after_a_window_keeps_to_its_share() -> None:
    budget = a_budget(per_hour=10**6, reserve=0.0)
    for _ in range(5):
        budget.take()
        budget.answered(200, {})
    budget.keep_to_share(processes=4, spare_hour=1000.0)
    went = await moments(budget, Platform(limit=120), 1 + 29 + 2, tells=False)
    # The slot of the probe comes back a little later than the moment from which the share of 30 is kept to.
    assert {0: 1, 60: 30, 120: 1} == went


@pytest.mark.parametrize(("priority", "goes"), [("interactive", 20), ("bulk", 50)])
async def test_where_nothing_remains_a_probe_goes_in_place_of_a_call_that_came_back(priority: Priority, goes: int) -> None:
    budget = a_budget(per_hour=10**6, reserve=0.0)
    budget.take()
    budget.answered(200, {})
    await anyio.sleep(10.0)
    began = anyio.current_time()
    budget.keep_to_share(processes=4, spare_hour=1000.0, full_for=20.0)
    await budget.acquire(priority)
    assert goes == pytest.approx(anyio.current_time() - began)


@pytest.mark.parametrize("used_by_others", [0, 60, 113, 117, 118])
async def test_processes_that_lost_sight_of_one_another_share_what_remains(used_by_others: int) -> None:
    platform = Platform(limit=120, used_by_others=used_by_others)
    platform.call(anyio.current_time())
    budgets = [a_budget(per_hour=10**6) for _ in range(4)]
    before = platform.accepted
    with anyio.move_on_after(55.0):
        async with anyio.create_task_group() as group:
            for budget in budgets:
                budget.keep_to_share(processes=4, spare_hour=1000.0)
                group.start_soon(partial(moments, budget, platform, 100, tells=True))
    remained = 120 - used_by_others - 1
    # Probes that find nothing left are the only calls that may be refused: one of each process.
    assert max(0, 4 - remained) == platform.refused
    assert min(4, remained) <= platform.accepted - before <= remained
    assert platform.accepted - before >= remained - 2 * 4


async def test_what_is_not_known_of_the_hour_is_felt_call_by_call() -> None:
    budget, platform = a_budget(per_hour=1000), Platform(limit=120)
    budget.keep_to_share(processes=2, spare_hour=10.0)
    under_way, beside = 0, list[int]()

    async def call() -> None:
        nonlocal under_way
        await budget.acquire()
        beside.append(under_way)
        under_way += 1
        await anyio.sleep(0.1)
        under_way -= 1
        budget.answered(*platform.call(anyio.current_time()))

    async with anyio.create_task_group() as group:
        for _ in range(40):
            group.start_soon(call)
    assert [0, *range(9), *[0] * 30] == beside  # the probe, what is spare for certain, and one at a time
