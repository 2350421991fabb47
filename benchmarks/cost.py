"""CPU per typed `customers.get`, against the same call by others, all in one process and in turn.

Every figure is CPU time of this process per call, the median over rounds; the server runs in a process of its own.
"""

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import trustme
from attrs import frozen
from blaaiz import Blaaiz
from httpx_aiohttp import HttpxAiohttpClient

from blaaiz_async import AsyncBlaaiz, RateBudget

ID = "9d4c4ec5-59ea-4130-bf8a-6a5edec401ee"
PATH = f"/api/external/customer/{ID}"
HEADERS = {"authorization": "Bearer benchmark", "accept": "application/json"}

OneCall = Callable[[], Awaitable[object]]


@frozen(kw_only=True)
class Cost:
    """CPU microseconds per call, by contender."""

    tls: bool
    in_flight: int
    ours: float
    bare: float
    plain_httpx: float
    official: float


@contextlib.contextmanager
def server(*, tls: bool) -> Iterator[str]:
    """Run the canned server and yield its address. Its certificate is trusted by way of SSL_CERT_FILE."""
    with tempfile.TemporaryDirectory() as folder:
        arguments: list[str] = []
        if tls:
            authority = trustme.CA()
            trusted, key, chain = (Path(folder) / name for name in ("ca.pem", "key.pem", "chain.pem"))
            authority.cert_pem.write_to_path(str(trusted))
            issued = authority.issue_cert("localhost")
            issued.private_key_pem.write_to_path(str(key))
            for pem in issued.cert_chain_pems:
                pem.write_to_path(str(chain), append=True)
            os.environ["SSL_CERT_FILE"] = str(trusted)
            arguments = [str(chain), str(key)]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.server", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield f"{'https' if tls else 'http'}://localhost:{port}"
        finally:
            process.communicate(b"")
            os.environ.pop("SSL_CERT_FILE", None)


async def _cpu_per_call(call: OneCall, calls: int, in_flight: int) -> float:
    left = calls

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call()

    started = time.process_time()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return (time.process_time() - started) / calls * 1e6


@contextlib.asynccontextmanager
async def _contenders(url: str) -> AsyncIterator[dict[str, OneCall]]:
    # Pacing stays on, with limits nobody reaches: what it costs is part of a call.
    budget = RateBudget(per_minute=10**9, per_hour=10**9)
    async with (
        AsyncBlaaiz(client_id="id", client_secret="secret", base_url=url, budget=budget) as blaaiz,
        HttpxAiohttpClient() as bare,
        httpx.AsyncClient(limits=httpx.Limits(max_connections=128, max_keepalive_connections=128)) as plain,
    ):

        def with_client(client: httpx.AsyncClient) -> OneCall:
            async def call() -> object:
                return (await client.get(url + PATH, headers=HEADERS)).json()

            return call

        yield {
            "ours": lambda: blaaiz.customers.get(ID),
            "bare": with_client(bare),
            "plain_httpx": with_client(plain),
        }


def _official_cpu_per_call(url: str, calls: int, in_flight: int) -> float:
    sdk = Blaaiz(client_id="id", client_secret="secret", base_url=url)
    sdk.customers.get(ID)
    with ThreadPoolExecutor(in_flight) as pool:
        started = time.process_time()
        list(pool.map(sdk.customers.get, [ID] * calls))
        return (time.process_time() - started) / calls * 1e6


def measure(*, tls: bool, in_flight: int, rounds: int, calls: int) -> Cost:
    """Measure all contenders in turn, `rounds` times, and return the medians."""
    figures: dict[str, list[float]] = {"ours": [], "bare": [], "plain_httpx": [], "official": []}

    async def run(url: str) -> None:
        async with _contenders(url) as contenders:
            for call in contenders.values():  # warm-up: connections, token, generated code
                await _cpu_per_call(call, 2 * in_flight + 50, in_flight)
            for _ in range(rounds):
                for name, call in contenders.items():
                    figures[name].append(await _cpu_per_call(call, calls, in_flight))

    with server(tls=tls) as url:
        asyncio.run(run(url))
        for _ in range(rounds):
            figures["official"].append(_official_cpu_per_call(url, max(calls // 5, in_flight), in_flight))
    medians = {name: statistics.median(values) for name, values in figures.items()}
    return Cost(tls=tls, in_flight=in_flight, **medians)


def main(*, quick: bool) -> bool:
    """Print the table, and tell whether a call costs at most 1.3 times bare httpx and a quarter of the official SDK."""
    rounds, number = (3, 200) if quick else (9, 600)
    print("CPU of the client's process per typed customers.get\n")
    print("| connection | in flight | ours, µs | ours : bare httpx on aiohttp | plain httpx : ours | official SDK : ours |")
    print("|---|---:|---:|---:|---:|---:|")
    held = True
    for tls in (False, True):
        for in_flight in (1, 16, 64):
            row = measure(tls=tls, in_flight=in_flight, rounds=rounds, calls=number)
            print(
                f"| {'TLS' if tls else 'plain'} | {in_flight} | {row.ours:.0f} | {row.ours / row.bare:.2f} "
                f"| {row.plain_httpx / row.ours:.2f} | {row.official / row.ours:.2f} |",
                flush=True,
            )
            held = held and row.ours / row.bare <= 1.3 and (row.official / row.ours >= 4 or not (tls and in_flight == 64))
    return held
