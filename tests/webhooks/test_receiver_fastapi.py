"""The FastAPI dependency: an endpoint gets a verified event of its class, and nothing else reaches it."""

from typing import Annotated, Any

import anyio
import httpx
import pytest
from fastapi import Depends, FastAPI

from blaaiz_async.core.body import Body
from blaaiz_async.webhooks import CollectionEvent, CustomerEvent, CustomerStatusChanged, Event
from blaaiz_async.webhooks.fastapi import webhook_event
from tests.webhooks.deliveries import delivery
from tests.webhooks.test_verifier import verifier

pytestmark = pytest.mark.anyio


async def test_an_endpoint_gets_verified_events_of_its_classes_only(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, got = FastAPI(), list[Event]()

    @app.post("/any", status_code=202)
    async def any_event(event: Annotated[Event, Depends(webhook_event(verifier()))]) -> None:
        got.append(event)

    @app.post("/customers", status_code=202)
    async def customers(event: Annotated[CustomerEvent, Depends(webhook_event(verifier(), CustomerEvent))]) -> None:
        got.append(event)

    @app.post("/money", status_code=202)
    async def money(
        event: Annotated[CollectionEvent, Depends(webhook_event(verifier(), CollectionEvent, max_body=999))],
    ) -> None:
        got.append(event)

    one = delivery("e1")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:

        async def post(path: str, content: Any = one.body) -> tuple[int, bytes]:
            # As a stream of ours: httpx's own stays half read where the app doesn't read to the end, and trio says so.
            url = f"http://shop.example{path}"
            answer = await client.send(httpx.Request("POST", url, headers=one.headers, stream=Body(content)))
            return answer.status_code, answer.content

        assert [(202, b"null")] * 2 == [await post("/any"), await post("/customers")]
        assert (204, b"") == await post("/money")
        assert (400, b'{"detail":"Bad Request"}') == await post("/any", one.body + b" ")
        assert 413 == (await post("/money", bytes(1000)))[0]
        assert "has another shape" not in caplog.text
        one = delivery("e2", customer_id=[])
        assert 500 == (await post("/customers", one.body))[0]
    monkeypatch.setattr("blaaiz_async.webhooks.fastapi.DEADLINE", 0.05)
    parts, statuses = [b"{"], list[int]()

    async def receive() -> dict[str, Any]:
        if not parts:
            await anyio.sleep_forever()
        return {"type": "http.request", "body": parts.pop(), "more_body": True}

    async def answer(message: Any) -> None:
        statuses.append(message.get("status", 0))

    scope = {"type": "http", "method": "POST", "path": "/any", "query_string": b"", "headers": []}
    await app(scope, receive, answer)
    assert 408 == statuses[0]
    assert ["e1", "e1"] == [each.payload["event_id"] for each in got if isinstance(each, CustomerStatusChanged)]
    assert "the signature doesn't match" in caplog.text
    assert "has another shape than documented, so its endpoint can't take it" in caplog.text
    assert "john@example.com" not in caplog.text
