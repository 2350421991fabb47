"""What the README promises: its table of areas is whole, and its examples run."""

import inspect
import os
import re
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pytest

from blaaiz_async import AsyncBlaaiz
from blaaiz_async.sandbox import Fault, Sandbox
from blaaiz_async.sandbox.server import running

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SCOPE = re.compile(r"`([a-z-]+(?::[a-z-]+)+)`")


def rows() -> list[str]:
    blaaiz = AsyncBlaaiz(client_id="i", client_secret="s")
    found = []
    for area, value in vars(AsyncBlaaiz).items():
        if isinstance(value, cached_property):
            service = type(getattr(blaaiz, area))
            methods = [name for name, m in vars(service).items() if not name.startswith("_") and inspect.isfunction(m)]
            texts = ("".join((inspect.getdoc(getattr(service, name)) or "").partition("Scope")[2:]) for name in methods)
            scopes = sorted({scope for text in texts for scope in SCOPE.findall(text)})
            found.append(f"| `{area}` | {', '.join(f'`{m}`' for m in methods)} | {', '.join(f'`{s}`' for s in scopes)} |")
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.split("`")[1])
def test_the_table_of_areas_names_every_method_and_scope(row: str) -> None:
    assert row in README.splitlines()


def example(opening: str) -> str:
    found: str = next(block for block in BLOCKS if opening in block)
    return found


def run(program: str, url: str, folder: Path) -> str:
    (folder / "passport.jpg").write_bytes(b"\xff\xd8\xff" + bytes(64))
    variables = {
        **os.environ,
        "BLAAIZ_BASE_URL": url,
        "BLAAIZ_CLIENT_ID": "sandbox-client",
        "BLAAIZ_CLIENT_SECRET": "sandbox-secret",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "" == done.stderr
    return done.stdout


def test_the_first_call_and_the_payout_run_as_they_stand(tmp_path: Path) -> None:
    sandbox = Sandbox()
    with running(sandbox) as url:
        run(example("upload_file_complete"), url, tmp_path)
        assert "VERIFIED" == sandbox.customers[0]["verification_status"]
        assert re.search(r"^\S+ (PENDING|PROCESSING|SUCCESSFUL) \S+$", run(example("payouts.initiate"), url, tmp_path))


def test_the_web_service_runs_as_it_stands(tmp_path: Path) -> None:
    program = (
        example("Starlette(")
        + """
from starlette.testclient import TestClient
with TestClient(app) as client:
    print(client.get("/customers/nobody").status_code)
"""
    )
    with running(Sandbox()) as url:
        assert "404" == run(program, url, tmp_path).strip()


def test_the_test_with_a_fault_runs_as_it_stands(tmp_path: Path) -> None:
    program = example("test_a_lost_answer") + "\nimport asyncio\nasyncio.run(test_a_lost_answer_is_not_sent_again())\n"
    run(program, "http://127.0.0.1:9", tmp_path)


DELIVER = """
import logging
logging.disable()  # it says why one was refused
from blaaiz_async.sandbox import Sandbox, WebhookSender
from starlette.testclient import TestClient

paid = WebhookSender(Sandbox()).make("payout.completed")
with TestClient(app) as client:
    print(paid.post(client, "/hooks").status_code, paid.post(client, "/hooks").status_code)
    print(paid.tampered().post(client, "/hooks").status_code)
unfit = WebhookSender(Sandbox()).make("payout.completed", {"transaction_amount": "652,00"}, checked=False)
event = WebhookVerifier(signing_secret).receive(unfit.body, unfit.headers)
print("unfit", [each.handler is handle for each in handlers.matching(event)])
"""


def test_the_webhook_receiver_runs_as_it_stands(tmp_path: Path) -> None:
    program = example("DeliveryQueue(").replace("as webhooks.register returned it", "sandbox-webhook-secret")
    lines = run(program + DELIVER, "http://127.0.0.1:9", tmp_path).splitlines()
    # Once from the queue, whenever it gets to it.
    assert ["204 204", "400"] == [line for line in lines if line[:3] in ("204", "400")]
    assert "unfit [False, True]" in lines  # the case for UnknownEvent is reached


def test_the_tests_of_an_own_app_run_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text("from examples.fastapi_service import app\n", encoding="utf-8")
    (tmp_path / "test_service.py").write_text(example("blaaiz_webhooks.make"), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n", encoding="utf-8")
    variables = {"BLAAIZ_WEBHOOK_SECRET": "sandbox-webhook-secret", "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "pytest", "-q"],
        cwd=tmp_path,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    # The async one runs under asyncio and under trio.
    assert "3 passed" in done.stdout


def test_many_processes_share_as_it_stands(tmp_path: Path, redis_url: str) -> None:
    program = example("RedisRateBudget(") + (
        "import asyncio\nfrom cryptography.fernet import Fernet\n"
        f"print(asyncio.run(count({redis_url!r}, Fernet.generate_key())))\n"
    )
    with running(Sandbox()) as url:
        assert "0" == run(program, url, tmp_path).strip()


LOSE = """
import asyncio
from blaaiz_async import AsyncBlaaiz, RetryPolicy

kept = []

async def later(key):
    kept.append(key)

async def main():
    async with AsyncBlaaiz(retry=RetryPolicy(max_attempts=1)) as blaaiz:
        usd, ngn = [(await blaaiz.wallets.by_currency(code)).id for code in ("USD", "NGN")]
        print(len(await swap(blaaiz, {"from_business_wallet_id": usd, "to_business_wallet_id": ngn, "amount": 5})))
        await pay(blaaiz, {
            "wallet_id": usd, "customer_id": "c", "method": "bank_transfer", "from_currency_id": "USD",
            "to_currency_id": "NGN", "from_amount": 5, "bank_id": "1", "account_number": "0123456789",
            "merchant_reference": "order-1",
        })
        print(kept)

asyncio.run(main())
"""


def test_the_lost_answers_are_settled_as_they_stand(tmp_path: Path) -> None:
    sandbox = Sandbox()
    sandbox.set_balance("USD", 100)
    sandbox.faults.add("swaps_initiate", Fault.after_commit(None))
    sandbox.faults.add("payouts_initiate", Fault.before_commit(None))
    with running(sandbox) as url:
        assert ["1", "['order-1']"] == run(example("find_candidates") + LOSE, url, tmp_path).split("\n")[:2]


SHOW = """
import asyncio
from types import SimpleNamespace

async def main():
    async with AsyncBlaaiz() as blaaiz:
        print((await ready(SimpleNamespace(state=SimpleNamespace(blaaiz=blaaiz)))).body)
        print(figures(blaaiz))

asyncio.run(main())
"""


def test_the_probe_and_the_figures_run_as_they_stand(tmp_path: Path) -> None:
    with running(Sandbox()) as url:
        ready, figures = run(example("health = await") + SHOW, url, tmp_path).strip().split("\n")
    assert 'b\'{"ready":true,"problem":null}\'' == ready
    assert "'calls': 2, 'retries': 0" in figures
