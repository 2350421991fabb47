"""Calls of every safety through a network that breaks four attempts in ten: none takes effect twice, none ends in a lie."""

import anyio
import httpx
import pytest

from tests.laboratory.workload import Outcome, laboratory, run

CALLS = 500
CLIENTS = {
    "asyncio, aiohttp": ("asyncio", False),
    "asyncio, httpcore": ("asyncio", True),
    "trio, httpcore": ("trio", False),
}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("backend", "own"), CLIENTS.values(), ids=CLIENTS)
def test_no_write_takes_effect_twice_and_every_call_ends_in_the_truth(backend: str, own: bool, seed: int) -> None:
    async def through(lab_client: httpx.AsyncClient | None) -> Outcome:
        return await run(lab, CALLS, lab_client)

    async def main() -> Outcome:
        if not own:
            return await through(None)
        async with httpx.AsyncClient() as client:
            return await through(client)

    with laboratory(seed) as lab:
        outcome = anyio.run(main, backend=backend)
    assert [] == outcome.twice
    assert [] == outcome.untruthful
    assert [] == outcome.unresolved
    assert outcome.share >= 0.3
    # The platform refuses no call of the workload by its rules: one that it refuses shows nothing.
    assert {"UnprocessableEntityError", "BadRequestError"}.isdisjoint(end.split(": ")[1] for end in outcome.ended)
    assert outcome.unknown > 0  # answers to writes without a key did get lost
    assert len(outcome.struck) >= 11  # faults of every kind
