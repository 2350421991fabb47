"""Whether anything happens twice, or ends in an untruth, through a network that breaks four attempts in ten.

`python -m benchmarks faults [--quick]` makes 20,000 calls per backend (2,000), and exits with 1 when a promise broke.
"""

import anyio
import httpx

from tests.laboratory.workload import Outcome, laboratory, run

SEED = 20261121
CLIENTS = {"asyncio, aiohttp": ("asyncio", False), "asyncio, httpcore": ("asyncio", True), "trio, httpcore": ("trio", False)}


def measure(backend: str, *, own: bool, calls: int, seed: int = SEED) -> Outcome:
    """Make the calls over one HTTP client."""

    async def main() -> Outcome:
        if not own:
            return await run(lab, calls, None)
        async with httpx.AsyncClient() as client:
            return await run(lab, calls, client)

    with laboratory(seed) as lab:
        return anyio.run(main, backend=backend)


def main(*, quick: bool) -> bool:
    """Print the table, and tell whether every promise held."""
    print("| client | calls | attempts | faulty | done twice | untruthful | keyed unresolved | unkeyed unknown | seconds |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    held, kinds = True, list[str]()
    for name, (backend, own) in CLIENTS.items():
        made = measure(backend, own=own, calls=2_000 if quick else 20_000)
        print(
            f"| {name} | {made.calls} | {made.attempts} | {made.share:.1%} | {len(made.twice)} | {len(made.untruthful)} "
            f"| {len(made.unresolved)} | {made.unknown} | {made.seconds:.0f} |",
            flush=True,
        )
        broken = [*made.twice, *made.untruthful, *made.unresolved]
        held = held and not broken and made.share >= 0.3
        kinds += [f"{name}: " + ", ".join(f"{kind} {times}" for kind, times in made.struck.most_common()), *broken[:10]]
    print("", *kinds, sep="\n")
    return held
