"""`blaaiz-async listen`: deliveries on a real socket, printed as they come."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from blaaiz_async.sandbox import Sandbox, WebhookSender
from tests.test_cli import command, environment, run


@contextmanager
def listening(*options: str, secret: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    listener = subprocess.Popen(
        command("listen", "--port", str(port), *options),
        env=environment(BLAAIZ_WEBHOOK_SECRET=secret),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert listener.stderr is not None
        assert f"Listening at http://127.0.0.1:{port}. Ctrl-C ends it.\n" == listener.stderr.readline()
        yield f"http://127.0.0.1:{port}", listener
    finally:
        listener.kill()
        listener.communicate(timeout=30)


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    with httpx.Client(transport=httpx.HTTPTransport(retries=5), trust_env=False) as client:
        return client.post(url, content=body, headers=headers).status_code


def test_deliveries_are_printed_typed_and_forgeries_refused() -> None:
    sender = WebhookSender(Sandbox())
    paid = sender.make("payout.completed", {"merchant_reference": "ORDER-7"}, example="gbp")
    odd = sender.make("customer.status_changed", {"new_status": [1], "comment": "https://x.example/?token=a"}, checked=False)
    asks = sender.make("payout.initiated")
    with listening(secret=f"old-secret {sender.secret}") as (url, listener):
        sent = [paid, paid, paid.tampered(), paid.aged(), sender.make("customer.status_changed"), odd, asks]
        assert [204, 204, 400, 400, 204, 204, 204] == [post(f"{url}/any/path", each.body, each.headers) for each in sent]
        listener.send_signal(signal.SIGINT)
        printed, told = listener.communicate(timeout=30)
    assert 0 == listener.returncode
    key = paid.payload["event_id"]
    heads = [line for line in printed.splitlines() if "Z PayoutCompleted payout.completed [" in line]
    assert [True, True] == [line.endswith(f"{key}]") for line in heads]  # a replay is seen again
    assert 1 == printed.count("Z CustomerStatusChanged customer.status_changed [")
    assert "\n  merchant_reference: ORDER-7\n" in printed
    assert "\n  differs from what is documented: new_status: expected a string, got an array\n" in printed
    assert "\n  comment: (hidden; --json shows it)\n" in printed
    assert "\n      answer: (hidden; --json shows it)\n" in printed
    forged, old = told.splitlines()
    assert ("the signature doesn't match" in forged, " s ago, and the tolerance is 300 s" in old) == (True, True)
    assert sender.secret not in printed + told


def test_json_is_one_line_a_delivery_with_numbers_as_written() -> None:
    sender = WebhookSender(Sandbox())
    made = sender.make("collection.completed")
    with listening("--json", secret=sender.secret) as (url, listener):
        assert 204 == post(url, made.body, made.headers)
        listener.send_signal(signal.SIGTERM)
        printed, _ = listener.communicate(timeout=30)
    (line,) = printed.splitlines()
    assert '"transaction_amount":652.0,' in line
    told = json.loads(line)
    assert ("CollectionCompleted", "collection.completed", "collection") == (told["type"], told["name"], told["url_kind"])
    assert json.loads(made.body) == told["payload"]


@pytest.mark.parametrize(
    ("variables", "says"), [({}, "set BLAAIZ_WEBHOOK_SECRET"), ({"BLAAIZ_WEBHOOK_SECRET": " "}, "set ")]
)
def test_there_is_no_listening_without_a_secret(variables: dict[str, str], says: str, tmp_path: Path) -> None:
    ended = run("listen", cwd=tmp_path, **variables)
    assert (2, "") == (ended.returncode, ended.stdout)
    assert says in ended.stderr
