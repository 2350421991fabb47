"""An aiohttp service: `python -m examples.aiohttp_service PORT`. Several of them behind a balancer share REDIS_URL."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from blaaiz_async import AsyncBlaaiz, BlaaizError
from examples.shared import NewPayout, blaaiz_client, problem, webhooks

BLAAIZ = web.AppKey("blaaiz", AsyncBlaaiz)
receiver = webhooks()


async def client(app: web.Application) -> AsyncIterator[None]:
    async with blaaiz_client() as app[BLAAIZ]:
        yield


@web.middleware
async def told(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    try:
        return await handler(request)
    except BlaaizError as error:
        answer = problem(error)
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)
    except (msgspec.DecodeError, json.JSONDecodeError, UnicodeDecodeError) as error:  # no JSON, or not of the expected shape
        return web.json_response({"error": str(error)}, status=400)


async def create_customer(request: web.Request) -> web.Response:
    made = await request.app[BLAAIZ].customers.create(await request.json())
    return web.json_response({"id": made.id}, status=201)


async def get_customer(request: web.Request) -> web.Response:
    customer = await request.app[BLAAIZ].customers.get(request.match_info["id"])
    return web.json_response({"id": customer.id, "status": customer.verification_status})


async def pay_out(request: web.Request) -> web.Response:
    reference = request.match_info["reference"]
    payout = msgspec.json.decode(await request.read(), type=NewPayout)
    paid = await request.app[BLAAIZ].payouts.initiate(payout.under(reference))
    return web.json_response({"id": paid.id, "status": paid.status, "reference": reference})


async def ready(request: web.Request) -> web.Response:
    health = await request.app[BLAAIZ].check()
    return web.json_response({"ready": health.ready}, status=200 if health.ready else 503)


async def hook(request: web.Request) -> web.Response:
    """Hand a delivery to the receiver, which speaks ASGI."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": await request.read()}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.lower(), value) for name, value in request.raw_headers]
    await receiver({"type": "http", "method": request.method, "headers": headers}, receive, send)
    return web.Response(
        status=sent[0]["status"], headers={name.decode(): value.decode() for name, value in sent[0]["headers"]}
    )


app = web.Application(middlewares=[told])
app.cleanup_ctx.append(client)
app.add_routes(
    [
        web.post("/customers", create_customer),
        web.get("/customers/{id}", get_customer),
        web.put("/payouts/{reference}", pay_out),
        web.get("/ready", ready),
        web.post("/webhooks/blaaiz", hook),
    ]
)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)  # SIGTERM: what is under way is finished
