"""The pytest plugin as its users have it: their own tests, in a pytest of their own."""

import json
import subprocess
import sys
from typing import Any

import pytest

from blaaiz_async import WebhookVerificationError, contract
from blaaiz_async.sandbox import Sandbox, WebhookSender
from blaaiz_async.webhooks import WebhookVerifier
from blaaiz_async.webhooks.reading import CLASSES, event_class

pytest_plugins = ("pytester",)

APP = """
    import os
    from contextlib import asynccontextmanager

    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    from blaaiz_async import AsyncBlaaiz, NotFoundError, WebhookVerificationError
    from blaaiz_async.webhooks import WebhookVerifier

    handled = []

    @asynccontextmanager
    async def lifespan(app):
        async with AsyncBlaaiz() as blaaiz:
            yield {"blaaiz": blaaiz}

    async def status(request):
        try:
            customer = await request.state.blaaiz.customers.get(request.path_params["id"])
        except NotFoundError:
            return JSONResponse({}, status_code=404)
        return JSONResponse({"status": customer.verification_status})

    async def hook(request):
        verifier = WebhookVerifier(os.environ["BLAAIZ_WEBHOOK_SECRET"])
        try:
            event = verifier.receive(await request.body(), request.headers)
        except WebhookVerificationError:
            return Response(status_code=400)
        handled.append((event.name, event.payload["event_id"]))
        return Response(status_code=204)

    routes = [Route("/customers/{id}", status), Route("/hooks", hook, methods=["POST"])]
    app = Starlette(routes=routes, lifespan=lifespan)
"""

ADA = """
    ADA = {
        "type": "individual", "email": "ada@example.com", "country": "NG", "first_name": "Ada", "last_name": "Obi",
        "id_type": "passport", "id_number": "A1234567",
    }
"""

ASYNC = f"""
    import pytest
    from blaaiz_async import MissingScopeError, OutcomeUnknownError, PermissionDeniedError
    from blaaiz_async.sandbox import Credential, Fault
    import app
    {ADA}
    FEW = {{"sandbox-client": Credential(secret="sandbox-secret", scopes={{"customer:write"}})}}

    MARK

    async def test_the_client_talks_to_the_sandbox(blaaiz_client, blaaiz_sandbox):
        made = await blaaiz_client.customers.create(ADA)
        assert [made.id] == [each["id"] for each in blaaiz_sandbox.customers]

    async def test_each_test_has_a_sandbox_of_its_own(blaaiz_client, blaaiz_sandbox):
        assert [] == await blaaiz_client.customers.list()
        assert 1 == blaaiz_sandbox.journal.count("customers_list")

    async def test_a_fault_strikes(blaaiz_client, blaaiz_sandbox):
        blaaiz_sandbox.faults.add("customers_create", Fault.after_commit(None))
        with pytest.raises(OutcomeUnknownError):
            await blaaiz_client.customers.create(ADA)
        assert 1 == len(blaaiz_sandbox.customers)

    @pytest.mark.blaaiz_sandbox(credentials=FEW)
    async def test_the_marker_gives_the_sandbox_options(blaaiz_client):
        with pytest.raises(PermissionDeniedError):
            await blaaiz_client.customers.list()

    async def test_more_calls_than_the_platform_would_allow_in_a_minute(blaaiz_client):
        for _ in range(130):
            await blaaiz_client.currencies.list()

    async def test_deliveries_reach_an_app_and_a_url(blaaiz_webhooks, blaaiz_environment):
        made = blaaiz_webhooks.make("payout.completed")
        assert [204, 204] == [(await made.send(app.app, "/hooks")).status_code for _ in range(2)]
        assert [("payout.completed", made.payload["event_id"])] * 2 == app.handled[-2:]
        for bad in (made.tampered(), made.aged(), made.aged(-3600)):
            assert 400 == (await bad.send(app.app, "/hooks")).status_code
        # A server that isn't the app: it was reached, and it has no such route.
        assert 404 == (await made.send(blaaiz_environment["BLAAIZ_BASE_URL"], "/hooks")).status_code
"""

SYNC = f"""
    from starlette.testclient import TestClient
    import app
    {ADA}

    def test_the_apps_own_client_talks_to_the_served_sandbox(blaaiz_environment, blaaiz_sandbox, blaaiz_webhooks):
        with TestClient(app.app) as client:
            assert 404 == client.get("/customers/nobody").status_code
            made = blaaiz_webhooks.make("payout.completed", {{"merchant_reference": "A-7"}})
            assert 204 == made.post(client, "/hooks").status_code
            assert 400 == blaaiz_webhooks.make("payout.completed").tampered().post(client, "/hooks").status_code
        assert 1 == blaaiz_sandbox.journal.count("customers_get")

    def test_what_the_sandbox_emitted_reaches_the_app(blaaiz_environment, blaaiz_sandbox, blaaiz_webhooks, tmp_path):
        from blaaiz_async import AsyncBlaaiz
        import asyncio

        async def onboard():
            async with AsyncBlaaiz() as blaaiz:
                made = await blaaiz.customers.create(ADA)
                face = {{"file": b"\\xff\\xd8\\xff" + bytes(64), "file_category": "identity"}}
                await blaaiz.customers.upload_file_complete(made.id, face)
                return made.id

        customer_id = asyncio.run(onboard())
        with TestClient(app.app) as client:
            emitted = blaaiz_webhooks.emitted()
            assert customer_id in [each.payload["customer_id"] for each in emitted]
            assert {{204}} == {{each.post(client, "/hooks").status_code for each in emitted}}
        assert "customer.status_changed" in [name for name, _ in app.handled]
        assert [] == blaaiz_webhooks.emitted()
"""

INI = """
    [pytest]
    addopts = --strict-markers
    pythonpath = .
    filterwarnings =
        error
        # Starlette would rather have httpx's successor.
        ignore:Using .httpx. with .starlette.testclient.
"""
NO_ASYNCIO = ("-p", "no:asyncio")
PER_TEST = ("-o", "asyncio_default_fixture_loop_scope=function")
STRICT = ("-p", "no:anyio", "-o", "asyncio_mode=strict", *PER_TEST)
STYLES = {
    "pytest-asyncio strict": (
        "pytestmark = pytest.mark.asyncio",
        STRICT,
        6,
    ),
    "pytest-asyncio auto": ("", ("-o", "asyncio_mode=auto", *PER_TEST), 6),
    "anyio, asyncio and trio": ("pytestmark = pytest.mark.anyio", NO_ASYNCIO, 12),
}


@pytest.fixture
def folder(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(app=APP)
    pytester.makeini(INI)
    return pytester


@pytest.mark.parametrize("style", STYLES)
def test_async_tests_run_in_every_style(style: str, folder: pytest.Pytester) -> None:
    mark, options, passed = STYLES[style]
    if "trio" in style:
        mark += "\n\n    @pytest.fixture(params=['asyncio', 'trio'])\n    def anyio_backend(request): return request.param"
    folder.makepyfile(test_users=ASYNC.replace("MARK", mark))
    folder.runpytest_subprocess(*options).assert_outcomes(passed=passed)


def test_sync_tests_run_an_app_that_makes_its_own_client(folder: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLAAIZ_SCOPES", "wallet:read")  # a developer's own settings don't leak in
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    folder.makepyfile(test_users=SYNC)
    folder.runpytest_subprocess(*NO_ASYNCIO).assert_outcomes(passed=2)


ONE_APP = f"""
    import asyncio

    import pytest
    from starlette.applications import Starlette
    from starlette.routing import Route
    from starlette.testclient import TestClient

    from blaaiz_async.webhooks import CustomerStatusChanged, Handlers, PayoutCompleted, WebhookVerifier, webhook_app
    {ADA}
    handlers, handled = Handlers(), []

    @handlers.on(PayoutCompleted, CustomerStatusChanged)
    async def handle(event):
        handled.append(getattr(event, "merchant_reference", event.name))

    app = Starlette(routes=[Route("/hooks", webhook_app(WebhookVerifier("sandbox-webhook-secret"), handlers))])

    @pytest.mark.parametrize("reference", ["ORDER-1", "ORDER-2"])
    def test_each_delivery_is_handled(reference, blaaiz_client, blaaiz_webhooks):
        async def onboard():
            made = await blaaiz_client.customers.create(ADA)
            face = {{"file": b"\\xff\\xd8\\xff" + bytes(64), "file_category": "identity"}}
            await blaaiz_client.customers.upload_file_complete(made.id, face)

        asyncio.run(onboard())
        deliveries = [blaaiz_webhooks.make("payout.completed", {{"merchant_reference": reference}})]
        handled.clear()
        with TestClient(app) as client:
            for each in deliveries + blaaiz_webhooks.emitted():
                assert 204 == each.post(client, "/hooks").status_code
        assert [reference, "customer.status_changed"] == handled
"""


def test_an_app_that_outlives_a_test_takes_the_next_ones_deliveries_for_new(folder: pytest.Pytester) -> None:
    folder.makepyfile(test_users=ONE_APP)
    folder.runpytest_subprocess(*NO_ASYNCIO).assert_outcomes(passed=2)


def test_a_missing_extra_is_named(folder: pytest.Pytester) -> None:
    folder.makeconftest("import sys; sys.modules['starlette'] = None")
    folder.makepyfile(test_users="def test_it(blaaiz_sandbox): pass")
    result = folder.runpytest_subprocess(*NO_ASYNCIO)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*pip install 'blaaiz-async?sandbox?'*"])


def test_a_run_that_asks_for_nothing_loads_nothing(folder: pytest.Pytester) -> None:
    folder.makepyfile(
        test_users="""
        import sys

        def test_it():
            assert "blaaiz_async.pytest_plugin" in sys.modules
            assert {"blaaiz_async", "blaaiz_async.pytest_plugin"} == {m for m in sys.modules if m.startswith("blaaiz")}
        """
    )
    folder.runpytest_subprocess(*NO_ASYNCIO).assert_outcomes(passed=1)
    program = """
import sys, pytest
before = set(sys.modules)
import blaaiz_async.pytest_plugin
print(*{name.partition(".")[0] for name in sys.modules.keys() - before})
"""
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert {"blaaiz_async"} == set(printed)


SHOWN = [
    (name, example)
    for name, webhook in contract.document("events")["webhooks"].items()
    for example in webhook["post"]["requestBody"]["content"]["application/json"].get("examples", {})
]


@pytest.mark.parametrize(("name", "example"), SHOWN)
def test_every_documented_delivery_is_made_signed_and_as_documented(name: str, example: str) -> None:
    sender = WebhookSender(Sandbox(now=lambda: 1_800_000_000.0))
    made = sender.make(name, example=example)
    verifier = WebhookVerifier(sender.secret, clock=lambda: 1_800_000_000.0)
    event = verifier.receive(made.body, made.headers)
    assert json.loads(made.body).keys() == event.payload.keys()
    for refused in (made.tampered(), made.aged(301), made.aged(-301)):
        with pytest.raises(WebhookVerificationError):
            verifier.receive(refused.body, refused.headers)


@pytest.mark.parametrize("name", CLASSES)
def test_every_name_makes_a_delivery_of_its_class_that_no_receiver_has_seen(name: str) -> None:
    keys = set[str]()
    for changes in ({}, {"note": "as I want it"}):
        for sender in (WebhookSender(Sandbox()), WebhookSender(Sandbox())):
            made = sender.make(name, changes)
            event = WebhookVerifier(sender.secret).receive(made.body, made.headers)
            assert (name, event_class(name)) == (event.name, type(event))
            assert changes.items() <= event.payload.items()
            assert "sha256" not in event.dedupe_key
            keys.add(event.dedupe_key)
    assert 4 == len(keys)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("payout.completed", {"event_id": "mine"}),
        ("virtual_account.ready", {"virtual_account_id": "mine"}),
        ("signa_id.grant.revoked", {"data": {"release_id": "mine"}}),
    ],
)
def test_an_id_that_is_given_is_kept(name: str, changes: dict[str, Any]) -> None:
    sender = WebhookSender(Sandbox())
    made = sender.make(name, changes)
    assert f"{name}:mine" == WebhookVerifier(sender.secret).receive(made.body, made.headers).dedupe_key


def test_changes_go_into_the_example_and_must_fit_the_contract() -> None:
    sender = WebhookSender(Sandbox())
    made = sender.make("collection.completed", {"virtual_bank_account": {"bank_name": "B"}})
    assert ("B", "vba_xyz789") == (
        made.payload["virtual_bank_account"]["bank_name"],
        made.payload["virtual_bank_account"]["id"],
    )
    unfit: list[tuple[str, dict[str, Any], str]] = [
        ("payout.complete", {}, "payout.completed"),
        ("payout.completed", {"transaction_id": 7}, "transaction_id: 7 is not of type 'string'"),
        ("payout.completed", {"transaction_status": "FAILED"}, "has the type payout and the transaction_status SUCCESSFUL"),
        ("payout.processing", {"type": "payout_initiated"}, "has the type payout and the transaction_status PROCESSING"),
        ("collection.failed", {"event": "collection.completed"}, "has the type collection"),
        ("refund", {"type": "refund_initiated"}, "has the type refund"),
    ]
    for name, changes, says in unfit:
        with pytest.raises(ValueError, match=says):
            sender.make(name, changes)
    for name in ("payout.completed", "payout.processing"):
        with pytest.raises(ValueError, match="there is ngn, cad_interac, usd, gbp, eur"):
            sender.make(name, example="chf")
    assert "GBP" == sender.make("payout.processing", example="gbp").payload["transaction_currency"]
    assert 7 == sender.make("payout.completed", {"transaction_id": 7}, checked=False).payload["transaction_id"]


@pytest.mark.anyio
async def test_the_secret_is_that_of_the_registration() -> None:
    sandbox = Sandbox()
    sender = WebhookSender(sandbox)
    before = sender.secret
    async with sandbox.http_client() as http_client:
        form = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
        token = (await http_client.post("/oauth/token", data={**form, "scope": "webhook:write"})).json()["access_token"]
        url = "https://app.example/hooks"
        answer = await http_client.post(
            "/api/external/webhook",
            json={"payout_url": url, "collection_url": url},
            headers={"authorization": f"Bearer {token}"},
        )
    assert before != answer.json()["data"]["signing_secret"] == sender.secret
