"""The web services of `examples/` on real sockets, against a served sandbox: answers, errors, reload and shutdown."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from blaaiz_async.sandbox import Fault, Sandbox, WebhookSender, running

UNTIDY = ("Unclosed", "unclosed", "Warning", "Traceback (most recent", "never awaited")
NUMBERS = itertools.count(1)
ROOT = Path(__file__).parents[1]
UVICORN = ("-m", "uvicorn", "--host", "127.0.0.1", "--port")
SERVICES: dict[str, Callable[[str], tuple[str, ...]]] = {
    "fastapi": lambda port: (*UVICORN, port, "examples.fastapi_service:app"),
    "litestar": lambda port: (*UVICORN, port, "examples.litestar_service:app"),
    "aiohttp": lambda port: ("-m", "examples.aiohttp_service", port),
}
ADA = {
    "type": "individual",
    "email": "ada@example.com",
    "country": "NG",
    "first_name": "Ada",
    "last_name": "Obi",
    "id_type": "passport",
    "id_number": "A1234567",
}


@attrs.define
class Service:
    """A service under test, in a process of its own."""

    url: str
    process: "subprocess.Popen[str]"
    sandbox: Sandbox
    sender: WebhookSender

    def ask(self, method: str, path: str, json: Any = None) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=30) as client:
            return client.request(method, self.url + path, json=json)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> str:
        """Send a signal, and return what the service wrote to the end."""
        self.process.send_signal(how)
        return self.process.communicate(timeout=30)[0]


@contextlib.contextmanager
def started(arguments: Callable[[str], tuple[str, ...]], sandbox: Sandbox, **variables: str) -> Iterator[Service]:
    sender = WebhookSender(sandbox)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with running(sandbox) as base_url:
        process = subprocess.Popen(
            # Development mode tells what was left open.
            [sys.executable, "-X", "dev", *arguments(port)],
            cwd=ROOT,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("BLAAIZ_")},
                "BLAAIZ_CLIENT_ID": "sandbox-client",
                "BLAAIZ_CLIENT_SECRET": "sandbox-secret",
                "BLAAIZ_BASE_URL": base_url,
                "BLAAIZ_WEBHOOK_SECRET": sender.secret,
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            service = Service(f"http://127.0.0.1:{port}", process, sandbox, sender)
            _await(service)
            yield service
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its workers too
            process.communicate()


def _await(service: Service) -> None:
    for _ in range(600):
        assert service.process.poll() is None, service.process.communicate()[0]
        with contextlib.suppress(httpx.TransportError):
            assert 200 == service.ask("GET", "/ready").status_code
            return
        time.sleep(0.05)  # until it listens
    raise AssertionError("the service doesn't listen")


@pytest.fixture(params=SERVICES, scope="module")
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with started(SERVICES[request.param], Sandbox(limits=None)) as found:
        yield found


@pytest.fixture
def fault(service: Service) -> Iterator[Callable[[str, Fault], None]]:
    yield lambda operation, kind: service.sandbox.faults.add(operation, kind, times=9)
    service.sandbox.faults.clear()


def somebody() -> dict[str, str]:
    number = next(NUMBERS)
    return {**ADA, "email": f"ada{number}@example.com", "id_number": f"A{number}"}


def verified_customer(service: Service) -> str:
    made = service.ask("POST", "/customers", somebody())
    assert 201 == made.status_code, made.text
    customer_id = str(made.json()["id"])
    service.sandbox.decide(customer_id, "VERIFIED")
    return customer_id


def payout_for(service: Service, customer_id: str) -> dict[str, Any]:
    return {
        "wallet_id": service.sandbox._wallet("USD").id,
        "customer_id": customer_id,
        "amount": "50.50",
        "currency": "USD",
        "bank_id": "1",
        "account_number": "0123456789",
    }


def test_a_customer_is_created_and_read_and_refusals_are_told(service: Service) -> None:
    customer_id = verified_customer(service)
    assert {"id": customer_id, "status": "VERIFIED"} == service.ask("GET", f"/customers/{customer_id}").json()
    wrong = service.ask("POST", "/customers", {**ADA, "email": "nobody"})
    assert (422, ["email"]) == (wrong.status_code, [fault["field"] for fault in wrong.json()["faults"]])
    assert 404 == service.ask("GET", "/customers/nobody").status_code


@pytest.mark.parametrize(("method", "path"), [("POST", "/customers"), ("PUT", "/payouts/order-0")])
def test_a_body_that_is_no_json_is_the_callers_fault(service: Service, method: str, path: str) -> None:
    with httpx.Client(trust_env=False, timeout=30, headers={"content-type": "application/json"}) as client:
        assert client.request(method, service.url + path, content=b"{").status_code in (400, 422)


def test_a_payout_under_the_callers_reference_is_paid_once(service: Service) -> None:
    payout = payout_for(service, verified_customer(service))
    reference = f"ORDER-{next(NUMBERS)}"
    service.sandbox.journal.clear()
    before = service.sandbox.balances["USD"]
    service.sandbox.faults.add("payouts_initiate", Fault.after_commit(None))  # it took effect, and the answer was lost
    first = service.ask("PUT", f"/payouts/{reference}", payout)
    again = service.ask("PUT", f"/payouts/{reference}", payout)
    assert (200, 200) == (first.status_code, again.status_code), first.text
    assert first.json()["id"] == again.json()["id"]
    sent = [call.body for call in service.sandbox.journal.calls if call.operation == "payouts_initiate"]
    assert 3 == len(sent)  # the first, its repeat, and the caller's
    assert all(b'"from_amount":50.50' in body for body in sent)
    assert Decimal("50.50") == before - service.sandbox.balances["USD"]
    other = service.ask("PUT", f"/payouts/{reference}", {**payout, "amount": "1.00"})
    assert 422 == other.status_code
    for inexact in (10.49, "1e3"):  # a number is a float before it is anything else
        refused = service.ask("PUT", "/payouts/ORDER-0", {**payout, "amount": inexact})
        assert refused.status_code in (400, 422), refused.text


@pytest.mark.parametrize(
    ("kind", "status"),
    [(Fault.status(403), 502), (Fault.after_commit(None), 502), (Fault.status(409, body={"message": "Locked."}), 422)],
)
def test_what_the_platform_does_becomes_a_sensible_answer(
    kind: Fault, status: int, service: Service, fault: Callable[[str, Fault], None]
) -> None:
    fault("customers_create", kind)
    told = service.ask("POST", "/customers", somebody())
    assert status == told.status_code, told.text
    assert "scope" not in told.text


def test_deliveries_are_verified_and_handled_once(service: Service) -> None:
    made = service.sender.make("payout.completed")
    with httpx.Client(trust_env=False) as client:
        url = f"{service.url}/webhooks/blaaiz"
        assert [204, 204, 400] == [each.post(client, url).status_code for each in (made, made, made.tampered())]


@pytest.mark.parametrize("name", SERVICES)
def test_sigterm_lets_the_call_under_way_finish_and_leaves_nothing_open(name: str) -> None:
    arrived, answers = threading.Event(), list[httpx.Response]()

    def latency(operation: str) -> float:
        if operation != "customers_get":
            return 0.0
        arrived.set()
        return 1.0

    with started(SERVICES[name], Sandbox(limits=None, latency=latency)) as service:
        made = service.sender.make("customer.status_changed")
        with httpx.Client(trust_env=False) as client:
            assert [204, 204] == [made.post(client, f"{service.url}/webhooks/blaaiz").status_code for _ in range(2)]
        customer_id = service.ask("POST", "/customers", ADA).json()["id"]
        caller = threading.Thread(target=lambda: answers.append(service.ask("GET", f"/customers/{customer_id}")))
        caller.start()
        assert arrived.wait(30)
        written = service.stop()
        caller.join(30)
    (answer,) = answers
    assert (200, customer_id) == (answer.status_code, answer.json()["id"])
    # After an orderly shutdown uvicorn ends by the signal it got, as a container expects; aiohttp with 0.
    assert (0 if name == "aiohttp" else -signal.SIGTERM) == service.process.returncode, written
    assert [] == [line for line in written.splitlines() if any(word in line for word in UNTIDY)]
    assert 1 == written.count(f"{made.payload['event_id']}: handled")
    assert name == "aiohttp" or "Application shutdown complete." in written


def test_workers_share_one_budget_one_token_and_what_was_handled(redis_url: str) -> None:
    pytest.importorskip("blaaiz_async.redis.budget", reason="the shared budget isn't part of this checkout")

    def two_workers(port: str) -> tuple[str, ...]:
        return (*UVICORN, port, "--workers", "2", "examples.fastapi_service:app")

    with started(two_workers, Sandbox(), REDIS_URL=redis_url) as service:
        made = [service.sender.make("payout.completed") for _ in range(20)]
        with httpx.Client(trust_env=False, timeout=30) as client:
            for each in made * 2:
                # Each on a connection of its own, or one worker would get them all.
                headers = {**each.headers, "connection": "close"}
                answer = client.post(f"{service.url}/webhooks/blaaiz", content=each.body, headers=headers)
                assert 204 == answer.status_code
        for _ in range(20):
            assert 404 == service.ask("GET", "/customers/nobody").status_code
        written = service.stop()
    assert [1] * 20 == [written.count(f"{each.payload['event_id']}: handled") for each in made]
    assert 2 == written.count("Application shutdown complete.")
    assert 1 == service.sandbox.journal.count("oauth_token_create")
    # uvicorn's supervisor leaves its own listener to the end of the process, and development mode says so.
    assert [] == [
        line for line in written.splitlines() if "Unclosed" in line or "Traceback (most" in line or "raddr=" in line
    ]
