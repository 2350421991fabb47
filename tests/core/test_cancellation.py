"""Ten thousand calls cancelled at any moment leave no connection, lock, slot or token flight behind; all works as new."""

import gc
import random
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import pytest

from benchmarks.cost import ID, server
from blaaiz_async import AsyncBlaaiz, MemoryTokenStore, RateBudget, RetryPolicy
from blaaiz_async.core.tokens import Token, _flights_of_this_loop

pytestmark = pytest.mark.anyio

CANCELLED = 10_000
AT_ONCE = 100
WHOLE = 200


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server(tls=False) as address:
        yield address


def sockets() -> int:
    """Count what this process holds open."""
    return len(list(Path("/proc/self/fd").iterdir()))


class Forgetful(MemoryTokenStore):
    """Loses the token now and then, so that calls are cancelled in its fetch, too."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = random.Random(3)

    async def get(self, key: str) -> Token | None:
        return None if self.chance.random() < 0.02 else await super().get(key)


@pytest.mark.parametrize("kind", ["ours", "httpx"])
async def test_ten_thousand_cancelled_calls_leave_nothing_behind(url: str, kind: str) -> None:
    chance, done = random.Random(11), 0
    # Small enough for calls to wait in front of it, quick enough to let all of them through.
    budget = RateBudget(per_minute=40, per_hour=10**9, minute=0.01)
    before = sockets()
    own = httpx.AsyncClient(limits=httpx.Limits(max_connections=20)) if kind == "httpx" else None
    async with AsyncBlaaiz(
        client_id="id",
        client_secret="secret",
        base_url=url,
        http_client=own,
        budget=budget,
        retry=RetryPolicy(max_attempts=1),
        token_store=Forgetful(),
        timeout=10.0,
    ) as blaaiz:

        async def cancelled() -> None:
            nonlocal done
            with anyio.move_on_after(chance.random() ** 3 * 0.06):
                await blaaiz.customers.get(ID)
                done += 1

        async def whole(got: list[str]) -> None:
            got.append((await blaaiz.customers.get(ID)).id)

        for _ in range(CANCELLED // AT_ONCE):
            async with anyio.create_task_group() as group:
                for _ in range(AT_ONCE):
                    group.start_soon(cancelled)
        assert 0 < done < CANCELLED  # both ends were seen
        assert 0 == budget.statistics().waiting
        assert (0, 0) == (budget._minute.in_flight, budget._hour.in_flight)
        assert {} == _flights_of_this_loop()
        assert 0 == blaaiz._transport.statistics().in_flight
        got: list[str] = []
        async with anyio.create_task_group() as group:
            for _ in range(WHOLE):
                group.start_soon(whole, got)
        assert [ID] * WHOLE == got
    if own is not None:
        await own.aclose()
    gc.collect()  # what was never closed says so now
    for _ in range(3):  # asyncio closes a socket a turn later
        await anyio.lowlevel.checkpoint()
    assert before == sockets()
