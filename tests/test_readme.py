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
from blaaiz_async.sandbox import Sandbox
from blaaiz_async.sandbox.server import running

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
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


def test_the_webhook_handler_runs_as_it_stands(tmp_path: Path) -> None:
    program = "signing_secret = 'made-up'\n" + example("WebhookVerifier(") + HANDLE
    assert "400" == run(program, "http://127.0.0.1:9", tmp_path).strip()


HANDLE = """
import asyncio
from starlette.requests import Request

async def receive():
    return {"type": "http.request", "body": b"{}", "more_body": False}

print(asyncio.run(hook(Request({"type": "http", "headers": []}, receive))).status_code)
"""
