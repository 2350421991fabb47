"""One budget for a fleet: all of it used, none of it broken, whatever becomes of a process or of Redis.

A budget object stands for a process here; `test_redis_fleet.py` has real ones. Redis counts on its own clock: time is real.
"""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
import redis.asyncio

from benchmarks.redis_server import RedisServer
from blaaiz_async import ConfigurationError
from blaaiz_async.core.budget import NoSlotInTimeError, Priority
from blaaiz_async.redis import RedisRateBudget
from blaaiz_async.redis.lanes import Lanes, Waiter
from tests.core.counting import Platform

pytestmark = pytest.mark.anyio

Start = Callable[..., RedisRateBudget]


@pytest.fixture
async def start(redis_server: RedisServer) -> AsyncIterator[Start]:
    """Start a process of the fleet, with a clock of its own; all are closed at the end."""
    async with contextlib.AsyncExitStack() as stack:

        def process(url: str = redis_server.url, **options: Any) -> RedisRateBudget:
            behind = random.uniform(0, 10**6)
            settings = {"per_minute": 60, "per_hour": 10**6, "minute": 1.0, "timeout": 0.5, **options}
            settings.setdefault("now", lambda: time.monotonic() - behind)
            budget = RedisRateBudget(url, name="n", wall=time.monotonic, **settings)
            stack.push_async_callback(budget.aclose)
            return budget

        yield process


async def spend(budget: RedisRateBudget, platform: Platform, *, tells: bool) -> None:
    """Call as fast as the budget lets it."""
    while True:
        await budget.acquire("bulk")
        status, headers = platform.call(time.monotonic())
        await asyncio.sleep(0.01)
        budget.answered(status, headers if tells else {})


async def held(url: str, window: str = "minute") -> int:
    client: Any  # redis-py leaves much untyped
    async with redis.asyncio.Redis.from_url(url) as client:
        count: int = await client.zcard(f"blaaiz:{{n}}:{window}")
        return count


def reported(budget: RedisRateBudget) -> bool:
    """Tell whether Redis knows all that this process has to tell."""
    return budget._report_by == math.inf and not budget._link._running


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # no bell rings
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def load(budgets: list[RedisRateBudget], platform: Platform, *, tells: bool = True) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(spend(budget, platform, tells=tells)) for budget in budgets for _ in range(8)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        assert {True} == {
            isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*tasks, return_exceptions=True)
        }


@pytest.mark.parametrize("sliding", [False, True])
async def test_a_fleet_uses_the_limit_and_meets_no_429(start: Start, sliding: bool) -> None:
    platform = Platform(limit=60, length=1.0, sliding=sliding)
    async with load([start() for _ in range(4)], platform):
        await until(lambda: platform.accepted >= 4 * 60)
    assert 0 == platform.refused


async def test_a_killed_process_gives_its_slots_back_and_a_living_one_keeps_its_own(start: Start) -> None:
    killed, living, other = (start(per_minute=4, reserve=0.0) for _ in range(3))
    for budget in (killed, killed, living, living):
        await budget.acquire()
    await killed._link.aclose()
    with pytest.raises(NoSlotInTimeError):
        await other.acquire(timeout=0.9)  # its calls may have reached the platform
    got = 0
    with contextlib.suppress(NoSlotInTimeError):
        while True:
            await other.acquire(timeout=1.5)
            got += 1
    assert 2 == got


async def test_the_limit_that_one_process_hears_of_holds_for_all(start: Start) -> None:
    one, other = start(), start()
    await one.acquire()
    one.answered(200, {"x-ratelimit-limit": "7", "x-ratelimit-remaining": "4"})
    await until(lambda: one.statistics().minute.limit == 7)
    await other.acquire()
    # Its own two calls, and two of somebody who doesn't share the budget.
    assert (7, 4, 2) == (other.statistics().minute.limit, other.statistics().minute.used, other.statistics().processes)


async def test_a_429_of_one_process_pauses_all(start: Start) -> None:
    one, other = start(), start()
    await one.acquire()
    one.answered(429, {"retry-after": "30"})
    await until(lambda: one.statistics().paused_for > 20)
    with pytest.raises(NoSlotInTimeError) as caught:
        await other.acquire(timeout=10.0)
    assert 20 < caught.value.seconds <= 30


async def test_callers_that_give_up_leave_no_slot_behind(
    start: Start, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets, chance = [start(per_minute=20, minute=60.0) for _ in range(3)], random.Random(11)
    got, join = 0, Lanes.join

    def cancelled_in_the_very_moment(lanes: Lanes, priority: Priority, timeout: float | None) -> Waiter:
        waiter, task = join(lanes, priority, timeout), asyncio.current_task()
        if chance.random() < 0.3 and task is not None:
            waiter.slot.add_done_callback(lambda _: task.cancel())
        return waiter

    monkeypatch.setattr(Lanes, "join", cancelled_in_the_very_moment)

    async def caller(budget: RedisRateBudget) -> None:
        nonlocal got
        priority: Priority = chance.choice(["interactive", "bulk"])
        await budget.acquire(priority)
        if chance.random() < 0.5:
            budget.unanswered(sent=False)
        else:
            got += 1
            budget.answered(200, {})

    tasks = [asyncio.create_task(caller(chance.choice(budgets))) for _ in range(300)]
    for task in chance.sample(tasks, 280):
        await asyncio.sleep(chance.choice([0.0, 0.0, 0.0005, 0.002]))
        task.cancel()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await until(lambda: all(budget.statistics().waiting == 0 and reported(budget) for budget in budgets))
    assert 0 < got <= 20
    assert got == await held(redis_server.url)


async def test_an_interactive_call_of_one_process_goes_before_the_bulk_calls_of_another(start: Start) -> None:
    one, other, third = (start(per_minute=2, minute=6.0, reserve=0.0) for _ in range(3))
    for _ in range(2):
        await third.acquire()
    order: list[str] = []

    async def wait(budget: RedisRateBudget, priority: Priority) -> None:
        await budget.acquire(priority)
        order.append(priority)
        budget.unanswered(sent=False)

    async with asyncio.TaskGroup() as group:
        group.create_task(wait(one, "bulk"))
        await until(lambda: one.statistics().minute.used == 2)
        group.create_task(wait(other, "interactive"))
        await until(lambda: other.statistics().minute.used == 2)
        for _ in range(2):
            third.unanswered(sent=False)
    assert ["interactive", "bulk"] == order


async def test_beside_people_the_bulk_calls_of_all_processes_keep_to_the_pace_of_the_limit(start: Start) -> None:
    platform = Platform(limit=60, length=3.0)
    fleet = [start(minute=3.0) for _ in range(2)]
    await fleet[0].acquire("interactive")
    fleet[0].answered(*platform.call(time.monotonic()))
    async with load(fleet, platform):
        await until(lambda: platform.accepted >= 3 * 60)
    later = platform.calls[60:]
    most = max(sum(moment <= each < moment + 0.5 for each in later) for moment in later)
    # Ten slots are due in half a second; without a pace, over fifty come back at once.
    assert most <= 30


async def test_nobody_rushes_before_the_first_answer_told_what_was_used_before(start: Start) -> None:
    platform = Platform(limit=60, length=1.0, used_by_others=55)
    async with load([start() for _ in range(4)], platform):
        await until(lambda: platform.accepted >= 60)
    assert 0 == platform.refused


@pytest.mark.parametrize("tells", [True, False])
async def test_the_limit_holds_while_redis_is_lost_and_when_it_is_back(
    start: Start, redis_server: RedisServer, caplog: pytest.LogCaptureFixture, tells: bool
) -> None:
    # Where the headers tell nothing, all rests on each process's share.
    slower = {"minute": 2.0, "timeout": 0.3}  # a process comes back sooner than its slots do
    platform = Platform(limit=60, length=2.0)
    url = redis_server.url.replace("redis://", "redis://default:a-password@")
    fleet = [start(url, **slower) for _ in range(4)]
    with caplog.at_level(logging.WARNING, logger="blaaiz_async"):
        async with load(fleet, platform, tells=tells):
            await until(lambda: platform.accepted >= 70)
            redis_server.kill()
            await until(lambda: all(budget.statistics().lost for budget in fleet))
            known = platform.accepted
            await until(lambda: platform.accepted >= known + 60)
            assert {4} == {budget.statistics().processes for budget in fleet}
            redis_server.start()
            await until(lambda: not any(budget._alone for budget in fleet))
            known = platform.accepted
            await until(lambda: platform.accepted >= known + 90)
    assert 0 == platform.refused
    assert 4 == len(caplog.records)  # one for each process
    assert "a-password" not in caplog.text


async def snapshot(server: RedisServer) -> None:
    client: Any  # redis-py leaves much untyped
    async with redis.asyncio.Redis.from_url(server.url) as client:
        await client.save()


async def forget(server: RedisServer, what: str) -> None:
    """Make Redis lose its memory, in whole or in part, or go back to its last snapshot."""
    if what == "since the snapshot":
        server.kill()
        server.start()
        return
    client: Any  # redis-py leaves much untyped
    async with redis.asyncio.Redis.from_url(server.url) as client:
        await (client.flushall() if what == "everything" else client.delete(f"blaaiz:{{n}}:{what}"))
        await client.script_flush()


@pytest.mark.parametrize("what", ["everything", "minute"])
@pytest.mark.parametrize("tells", [True, False])
async def test_a_redis_that_forgets_is_told_again(start: Start, redis_server: RedisServer, tells: bool, what: str) -> None:
    slower = {"minute": 2.0, "timeout": 0.3}  # a process comes back sooner than its slots do
    platform = Platform(limit=60, length=2.0)
    async with load([start(**slower) for _ in range(4)], platform, tells=tells):
        for _ in range(3):
            known = platform.accepted
            await until(lambda: platform.accepted >= known + 45)  # noqa: B023  # it is awaited within the turn
            await forget(redis_server, what)
    assert 0 == platform.refused


@pytest.mark.parametrize("what", ["everything", "since the snapshot", "minute", "hour", "processes", "state"])
async def test_what_redis_forgets_of_an_idle_process_is_not_granted_again(
    start: Start, redis_server: RedisServer, what: str
) -> None:
    asking, idle = (start(minute=12.0, reserve=0.0) for _ in range(2))
    got = 0
    for budget, calls in ((asking, 1), (idle, 50)):
        await snapshot(redis_server)
        for _ in range(calls):
            await budget.acquire()
            budget.answered(200, {})
            got += 1
    await until(lambda: reported(asking) and reported(idle))
    await forget(redis_server, what)
    got += await take(asking, "interactive")
    await until(lambda: not asking._alone)
    got += await take(asking, "interactive")
    await until(lambda: reported(asking))
    assert (60, 60, 60) == (got, await held(redis_server.url), await held(redis_server.url, "hour"))


async def test_who_asks_first_is_not_given_what_redis_forgot_of_others_since_its_snapshot(
    start: Start, redis_server: RedisServer
) -> None:
    asking, idle = (start(minute=12.0, reserve=0.0) for _ in range(2))
    got = 52
    for budget, calls in ((idle, 1), (asking, 1), (idle, 50)):
        for _ in range(calls):
            await budget.acquire()
            budget.answered(200, {})
        await until(lambda: reported(asking) and reported(idle))
        if budget is asking:
            await snapshot(redis_server)  # all of `asking` is in it, and all that comes is of others
    await forget(redis_server, "since the snapshot")
    got += await take(asking, "interactive")
    await until(lambda: not asking._alone)
    got += await take(asking, "interactive")
    assert 60 == got


async def test_who_rested_and_asks_first_is_not_given_what_redis_forgot(start: Start, redis_server: RedisServer) -> None:
    passed = 0.0
    asking, idle = start(minute=12.0, reserve=0.0, now=lambda: time.monotonic() + passed), start(minute=12.0, reserve=0.0)
    got = 50
    for budget, calls in ((asking, 1), (idle, 1), (asking, 1), (idle, 49)):
        for _ in range(calls):
            await budget.acquire()
            budget.answered(200, {})
        await until(lambda: reported(asking) and reported(idle))
        if calls == 1 and budget is idle:
            await snapshot(redis_server)  # it knows both, and lacks what each tells next
    passed = 30.0  # what it held has come back, and it doesn't tell anybody to settle
    await forget(redis_server, "since the snapshot")
    got += await take(asking, "interactive")
    await until(lambda: not asking._alone)
    got += await take(asking, "interactive")
    assert got <= 60


async def test_a_process_is_heard_while_it_holds_slots_of_the_minute_and_then_no_longer(start: Start) -> None:
    idle, closed = start(minute=1.0), start(minute=60.0)
    for budget in (idle, closed):
        await budget.acquire()
        budget.answered(200, {})
    await until(lambda: reported(idle) and reported(closed))
    told = idle._seen
    await until(lambda: idle._seen > told)
    await closed.aclose()
    async with asyncio.timeout(2):
        await until(lambda: not idle._running and not closed._running)


async def test_a_pause_outlives_the_memory_of_redis(start: Start, redis_server: RedisServer) -> None:
    paused, other = (start(minute=12.0) for _ in range(2))
    await paused.acquire()
    paused.answered(429, {"retry-after": "30"})
    await until(lambda: paused.statistics().paused_for > 20)
    await forget(redis_server, "everything")
    await until(lambda: paused._alone)
    await until(lambda: not paused._alone)
    with pytest.raises(NoSlotInTimeError):
        await other.acquire(timeout=10.0)


async def take(budget: RedisRateBudget, priority: Priority, platform: Platform | None = None) -> int:
    """Call until no slot comes at once; tell how many were let through. Without a platform, answers tell nothing."""
    got = 0
    with contextlib.suppress(NoSlotInTimeError):
        while True:
            await budget.acquire(priority, timeout=0.5)
            got += 1
            budget.answered(*((200, {}) if platform is None else platform.call(time.monotonic())))
    return got


@pytest.mark.parametrize("priority", ["interactive", "bulk"])
async def test_what_the_others_took_since_redis_told_last_is_not_taken_again(
    start: Start, redis_server: RedisServer, priority: Priority
) -> None:
    one, other = (start(minute=60.0, reserve=0.0) for _ in range(2))
    await one.acquire()
    one.answered(200, {})
    await until(lambda: reported(one))  # it has reported, and was told that much is free
    assert 59 == await take(other, "bulk")
    redis_server.kill()
    # A probe of the one that doesn't know that nothing remains, and nothing else.
    assert [1, 0] == [*await asyncio.gather(take(one, priority), take(other, priority))]


@pytest.mark.parametrize(("taken", "refused"), [(1, 0), (20, 0), (55, 0), (59, 1), (60, 1)])
async def test_after_redis_is_lost_the_processes_share_what_the_headers_tell(
    start: Start, redis_server: RedisServer, taken: int, refused: int
) -> None:
    one, other = (start(minute=60.0, processes=2) for _ in range(2))
    platform = Platform(limit=60, length=60.0)
    for number in range(taken):
        budget = other if number else one
        await budget.acquire()
        budget.answered(200, platform.call(time.monotonic())[1])
    redis_server.kill()
    got = await asyncio.gather(take(one, "interactive", platform), take(other, "interactive", platform))
    assert refused == platform.refused  # the probe of one that didn't know that nothing remained
    assert min(60, taken + 2) <= platform.accepted <= 60
    assert max(got) <= 30


async def crowd(budget: RedisRateBudget, platform: Platform, *, tells: bool) -> int:
    """Ten people call at once, each with a deadline; tell how many were let through."""

    async def call() -> bool:
        try:
            await budget.acquire(timeout=5.0)
        except NoSlotInTimeError:
            return False
        await asyncio.sleep(0.1)
        status, headers = platform.call(time.monotonic())
        budget.answered(status, headers if tells else {})
        return True

    return sum(await asyncio.gather(*(call() for _ in range(10))))


async def test_after_redis_is_lost_nobody_is_refused_before_the_probe_is_answered(
    start: Start, redis_server: RedisServer
) -> None:
    budget, platform = start(minute=60.0, processes=2), Platform(limit=60, length=60.0)
    assert 10 == await crowd(budget, platform, tells=True)
    redis_server.kill()
    assert 10 == await crowd(budget, platform, tells=True)


async def test_nobody_is_refused_who_can_wait_until_all_have_told_redis_again(
    start: Start, redis_server: RedisServer
) -> None:
    budget, platform = start(minute=12.0, processes=2), Platform(limit=60, length=12.0)
    assert 10 == await crowd(budget, platform, tells=False)
    await forget(redis_server, "everything")
    assert 10 == await crowd(budget, platform, tells=False)


async def test_an_idle_process_shows_what_it_was_told_last_and_how_long_ago(start: Start) -> None:
    passed = 0.0
    idle, busy = start(minute=60.0, now=lambda: time.monotonic() + passed), start(minute=60.0)
    for _ in range(5):
        await busy.acquire()
        busy.answered(200, {})
    await until(lambda: reported(busy))
    await idle.acquire()
    idle.unanswered(sent=False)
    await until(lambda: reported(idle))
    passed = 300.0
    told = idle.statistics()
    assert (5, 5, False) == (told.minute.used, told.hour.used, told.lost)
    assert 300 <= told.age < 310


async def test_a_budget_closed_while_the_fleet_settles_serves_who_waits_and_then_rests(
    start: Start, redis_server: RedisServer
) -> None:
    budget = start(per_minute=6, minute=6.0, processes=1)
    await budget.acquire()
    budget.answered(200, {})
    await forget(redis_server, "everything")
    callers = [asyncio.create_task(budget.acquire("bulk")) for _ in range(9)]
    await until(lambda: budget._settled_at < math.inf)
    budget._settled_at = budget._now() + 0.2  # the silence in which nobody takes a slot
    await budget.aclose()
    await until(lambda: any(each.done() for each in callers))
    for each in callers:
        each.cancel()
    await until(lambda: not budget._running)


@pytest.mark.parametrize(("processes", "second"), [(8, 8 * 7), (None, 8 * 60)])
async def test_processes_that_never_reached_redis_send_a_probe_each_and_say_what_they_go_by(
    start: Start, processes: int | None, second: int, caplog: pytest.LogCaptureFixture
) -> None:
    passed = 0.0

    def now() -> float:
        return time.monotonic() + passed

    fleet = [start("redis://127.0.0.1:1", minute=60.0, processes=processes, now=now) for _ in range(8)]
    with caplog.at_level(logging.WARNING, logger="blaaiz_async"):
        assert 8 == sum(await asyncio.gather(*(take(budget, "interactive") for budget in fleet)))
    says = "one in 8" if processes else "isn't known (give processes=)"
    assert [True] * 8 == [says in line for line in caplog.messages]
    passed = 61.0
    assert second == sum(await asyncio.gather(*(take(budget, "interactive") for budget in fleet)))
    assert {processes or 1} == {budget.statistics().processes for budget in fleet}


async def test_a_redis_that_hangs_costs_the_first_caller_a_moment_and_nobody_a_failure(start: Start) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    budget = start(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", timeout=0.1)
    async with asyncio.timeout(20):
        for _ in range(50):
            await budget.acquire()
            budget.answered(200, {})
    assert budget.statistics().lost
    server.close()


def test_under_trio_it_says_what_to_use_instead() -> None:
    async def main() -> None:
        budget = RedisRateBudget("redis://127.0.0.1:1/0", name="n")
        with pytest.raises(ConfigurationError, match="use RateBudget"):
            await budget.acquire()

    anyio.run(main, backend="trio")


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://user:a-password@host"])
def test_a_url_that_can_not_be_read_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="redis://HOST") as caught:
        RedisRateBudget(url, name="n")
    assert "a-password" not in repr(caught.value) + repr(caught.value.__cause__)
