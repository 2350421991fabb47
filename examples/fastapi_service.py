"""A FastAPI service: `uvicorn examples.fastapi_service:app`, with `--workers 2` and REDIS_URL for more than one process."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from blaaiz_async import AsyncBlaaiz, BlaaizError
from examples.shared import NewPayout, blaaiz_client, problem, webhooks


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, Any]]:
    async with blaaiz_client() as blaaiz:
        yield {"blaaiz": blaaiz}


def client(request: Request) -> AsyncBlaaiz:
    found: AsyncBlaaiz = request.state.blaaiz
    return found


Blaaiz = Annotated[AsyncBlaaiz, Depends(client)]
app = FastAPI(lifespan=lifespan)
app.mount("/webhooks", webhooks())  # at any path below, such as /webhooks/blaaiz


@app.exception_handler(BlaaizError)
async def told(_: Request, error: BlaaizError) -> JSONResponse:
    answer = problem(error)
    return JSONResponse(answer.body, answer.status, answer.headers)


@app.post("/customers", status_code=201)
async def create_customer(blaaiz: Blaaiz, customer: dict[str, Any]) -> dict[str, str]:
    made = await blaaiz.customers.create(customer)
    return {"id": made.id}


@app.get("/customers/{customer_id}")
async def get_customer(blaaiz: Blaaiz, customer_id: str) -> dict[str, str]:
    customer = await blaaiz.customers.get(customer_id)
    return {"id": customer.id, "status": customer.verification_status}


@app.put("/payouts/{reference}")
async def pay_out(blaaiz: Blaaiz, reference: str, payout: NewPayout) -> dict[str, str | None]:
    paid = await blaaiz.payouts.initiate(payout.under(reference))
    return {"id": paid.id, "status": paid.status, "reference": reference}


@app.get("/ready")
async def ready(blaaiz: Blaaiz) -> JSONResponse:
    health = await blaaiz.check()
    return JSONResponse({"ready": health.ready}, 200 if health.ready else 503)
