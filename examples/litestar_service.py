"""A Litestar service: `uvicorn examples.litestar_service:app`, with `--workers 2` and REDIS_URL for more processes."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from litestar import Litestar, Request, Response, asgi, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from litestar.types import Receive, Scope, Send

from blaaiz_async import AsyncBlaaiz, BlaaizError
from examples.shared import NewPayout, blaaiz_client, problem, webhooks


@contextlib.asynccontextmanager
async def lifespan(app: Litestar) -> AsyncGenerator[None]:
    async with blaaiz_client() as app.state.blaaiz:
        yield


async def client(state: State) -> AsyncBlaaiz:
    found: AsyncBlaaiz = state.blaaiz
    return found


def told(_: Request[Any, Any, Any], error: BlaaizError) -> Response[dict[str, Any]]:
    answer = problem(error)
    return Response(answer.body, status_code=answer.status, headers=answer.headers)


@post("/customers")
async def create_customer(blaaiz: NamedDependency[AsyncBlaaiz], data: JSONBody[dict[str, Any]]) -> dict[str, str]:
    made = await blaaiz.customers.create(data)
    return {"id": made.id}


@get("/customers/{customer_id:str}")
async def get_customer(blaaiz: NamedDependency[AsyncBlaaiz], customer_id: FromPath[str]) -> dict[str, str]:
    customer = await blaaiz.customers.get(customer_id)
    return {"id": customer.id, "status": customer.verification_status}


@put("/payouts/{reference:str}")
async def pay_out(
    blaaiz: NamedDependency[AsyncBlaaiz], reference: FromPath[str], data: JSONBody[NewPayout]
) -> dict[str, str | None]:
    paid = await blaaiz.payouts.initiate(data.under(reference))
    return {"id": paid.id, "status": paid.status, "reference": reference}


@get("/ready")
async def ready(blaaiz: NamedDependency[AsyncBlaaiz]) -> Response[dict[str, bool]]:
    health = await blaaiz.check()
    return Response({"ready": health.ready}, status_code=200 if health.ready else 503)


receiver = webhooks()


@asgi("/webhooks/blaaiz", copy_scope=True)
async def hooks(scope: Scope, receive: Receive, send: Send) -> None:
    await receiver(scope, receive, send)  # type: ignore[arg-type]  # Litestar's own names for ASGI's messages


app = Litestar(
    route_handlers=[create_customer, get_customer, pay_out, ready, hooks],
    dependencies={"blaaiz": Provide(client)},
    exception_handlers={BlaaizError: told},
    lifespan=[lifespan],
)
