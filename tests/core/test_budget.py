"""The rate budget: all of it used, none of it broken, and room for those who wait."""

import random
from collections.abc import Callable

import anyio
import pytest

from blaaiz_async import RateBudget
from blaaiz_async.core.budget import NoSlotInTimeError, Priority

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: object) -> object:
    return virtual_backend


class Platform:
    """Counts calls as a platform may: in fixed windows from the first call on, or in sliding ones."""

    def __init__(self, *, limit: int, length: float = 60.0, sliding: bool = False, used_by_others: int = 0) -> None:
        self.limit = limit
        self.length = length
        self.sliding = sliding
        self.calls: list[float] = []
        self.opened: float | None = None
        self.counted = 0
        self.others = used_by_others
        self.refused = 0

    def call(self, now: float) -> tuple[int, dict[str, str]]:
        if self.sliding:
            self.calls = [moment for moment in self.calls if moment > now - self.length]
            used, reset = len(self.calls), self.length
        else:
            if self.opened is None or now >= self.opened + self.length:
                self.opened, self.counted = now, self.others
                self.others = 0
            used, reset = self.counted, self.opened + self.length - now
        if used >= self.limit:
            self.refused += 1
            return 429, {"retry-after": str(int(reset) + 1)}
        self.calls.append(now)
        self.counted += 1
        headers = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.limit - used - 1),
            "x-ratelimit-reset": str(int(now + reset) + 1),
        }
        return 200, headers


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
