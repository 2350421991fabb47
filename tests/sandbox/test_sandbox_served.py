from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from blaaiz_async.sandbox import Fault, FaultKind, Sandbox, running
from tests.sandbox.sandbox_checking import BUSINESS, CUSTOMER, INDIVIDUAL, Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.fixture
async def sandbox() -> Sandbox:
    return Sandbox(limits=None)


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with running(sandbox) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        form = {
            "grant_type": "client_credentials",
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "scope": "customer:read customer:write",
        }
        token = (await client.post("/oauth/token", data=form)).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


@pytest.mark.parametrize("fault", [Fault.before_commit(None), Fault.after_commit(None)])
async def test_a_dropped_connection_is_a_disconnect_and_no_answer(
    sandbox: Sandbox, client: httpx.AsyncClient, fault: Fault
) -> None:
    sandbox.faults.add("customers_create", fault)
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
        await client.post(CUSTOMER, json=INDIVIDUAL)
    assert len(sandbox.customers) == int(fault.takes_effect)
    assert sandbox.journal.calls[-1].status is None
    assert (await client.post(CUSTOMER, json=INDIVIDUAL)).status_code == 201


async def test_a_truncated_answer_breaks_off_inside_its_body(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    sandbox.faults.add("customers_create", Fault.truncated())
    async with client.stream("POST", CUSTOMER, json=INDIVIDUAL) as response:
        assert response.status_code == 201
        with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
            await response.aread()
    assert len(sandbox.customers) == 1


async def test_a_hanging_call_took_effect_and_never_answers(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    sandbox.faults.add("customers_create", Fault.hang())
    with pytest.raises(httpx.ReadTimeout):
        await client.post(CUSTOMER, json=INDIVIDUAL, timeout=0.2)
    sandbox.faults.add("customers_create", Fault.hang(0.01, before=True))
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post(CUSTOMER, json=INDIVIDUAL)
    assert len(sandbox.customers) == 1


async def test_an_answer_instead_is_sent_as_told(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    sandbox.faults.add("customers_create", Fault.before_commit(503))
    sandbox.faults.add("customers_create", Fault.after_commit(502))
    sandbox.faults.add("customers_create", Fault.status(429, headers={"Retry-After": "7"}, body={"message": "Slow"}))
    sandbox.faults.add("customers_create", Fault.not_json())
    answers = [await client.post(CUSTOMER, json=INDIVIDUAL) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [503, 502, 429, 201, 201]
    assert (answers[2].headers["retry-after"], answers[2].json()) == ("7", {"message": "Slow"})
    assert answers[3].headers["content-type"] == "text/html"
    assert [len(sandbox.customers), sandbox.journal.count("customers_create")] == [3, 5]


async def test_random_faults_strike_the_same_calls_for_the_same_seed() -> None:
    async def struck() -> list[str | None]:
        sandbox = Sandbox(limits=None)
        sandbox.faults.random(seed=5, rate=0.5, operations={"customers_list"})
        async with sandbox.http_client() as client:
            for _ in range(30):
                try:
                    await client.get(CUSTOMER)
                except httpx.RemoteProtocolError:
                    continue
        assert sandbox.journal.count() == 30
        return [call.fault for call in sandbox.journal.calls]

    first = await struck()
    assert first == await struck()
    assert None in first
    assert len(set(first)) > 3


async def test_in_process_a_broken_connection_looks_like_one(sandbox: Sandbox) -> None:
    for fault in (Fault.before_commit(None), Fault.truncated()):
        sandbox.faults.add("customers_list", fault)
        async with sandbox.http_client() as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(CUSTOMER)
    sandbox.faults.add("customers_list", Fault.hang())
    async with sandbox.http_client() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(CUSTOMER, timeout=0.01)


async def test_a_caller_who_gives_up_while_it_waits_has_had_its_effect() -> None:
    sandbox = Sandbox(limits=None, latency=lambda operation: 60.0 if operation == "customers_create" else 0.0)
    caller = await Caller(sandbox).authorize()
    with pytest.raises(httpx.ReadTimeout):
        await caller.http.post(CUSTOMER, json=INDIVIDUAL, timeout=0.01)
    assert len(sandbox.customers) == 1


async def test_a_served_sandbox_tells_what_it_takes(client: httpx.AsyncClient) -> None:
    told = {each["call"]: each["does"] for each in (await client.get("/_sandbox/")).json()}
    assert all(told.values())
    assert all(kind in told["POST /_sandbox/faults"] for kind in FaultKind)
    for call in told:
        method, path = call.split()
        answer = await client.request(method, path.format(id="none"), json={})
        assert answer.status_code in {200, 204, 422} or "ot found" in answer.json()["message"], call


async def test_a_served_sandbox_is_steered_over_http(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    customer = (await client.post(CUSTOMER, json=BUSINESS)).json()["data"]["id"]
    plan = {"operation": "customers_get", "kind": "before_commit", "status": 503, "times": 1}
    assert (await client.post("/_sandbox/faults", json=plan)).status_code == 204
    unsound: list[object] = [{"kind": "none"}, {"operation": "customer_get", "kind": "hang"}, []]
    for wrong in unsound:
        assert (await client.post("/_sandbox/faults", json=wrong)).status_code == 422
        assert (await client.post(f"/_sandbox/customers/{customer}/verdict", json=wrong)).status_code == 422
    assert (await client.post("/_sandbox/customers/none/verdict", json={"outcome": "VERIFIED"})).status_code == 404
    assert (await client.get(f"{CUSTOMER}/{customer}")).status_code == 503
    verdict = {"outcome": "REJECTED", "comments": ["No"]}
    assert (await client.post(f"/_sandbox/customers/{customer}/verdict", json=verdict)).status_code == 204
    assert (await client.get("/_sandbox/customers")).json() == [
        {
            "id": customer,
            "email": BUSINESS["email"],
            "registration_number": "RC1",
            "type": "business",
            "verification_status": "REJECTED",
            "files": 0,
            "documents": 0,
            "owners": 0,
            "owners_with_files": 0,
        }
    ]
    journal = (await client.get("/_sandbox/journal")).json()
    assert [call["operation"] for call in journal] == ["oauth_token_create", "customers_create", "customers_get"]
    assert set(journal[0]).isdisjoint({"body", "headers"})
    await client.delete("/_sandbox/journal")
    assert sandbox.journal.count() == 0


async def test_tls_is_served_with_a_given_certificate(sandbox: Sandbox, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    key.write_bytes(certificate.private_key_pem.bytes())
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    async with (
        running(sandbox, ssl_certfile=chain, ssl_keyfile=key) as url,
        httpx.AsyncClient(verify=trusted) as client,
    ):
        assert url.startswith("https://")
        sandbox.faults.add("customers_list", Fault.after_commit(None))
        with pytest.raises(httpx.TransportError):
            await client.get(f"{url}{CUSTOMER}")
        assert (await client.get(f"{url}{CUSTOMER}")).status_code == 401
