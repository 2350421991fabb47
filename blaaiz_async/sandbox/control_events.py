"""Endpoints `/_sandbox/…` of Signa, Signa ID, crypto, auto-deposit and webhooks: the knobs, for a served sandbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .clock import stamp
from .exchange import Answer

if TYPE_CHECKING:
    from starlette.requests import Request

    from .app import Sandbox

__all__ = ["routes"]

_Action = Callable[["Sandbox", str, Mapping[str, Any]], object]


def _judge(sandbox: Sandbox, session_id: str, asked: Mapping[str, Any]) -> None:
    outcome, type = _choice(asked, "outcome", "APPROVED", "REJECTED"), asked.get("rejection_type", "RETRYABLE")
    _choice({"rejection_type": type}, "rejection_type", "FINAL", "RETRYABLE")
    sandbox.signa.decide(session_id, outcome, reason=asked.get("reason"), rejection_type=type)


def _settle(sandbox: Sandbox, transaction_id: str, asked: Mapping[str, Any]) -> None:
    outcome = _choice(asked, "outcome", "successful", "failed")
    sandbox.crypto.settle(transaction_id, outcome, reason=str(asked.get("reason", "The transfer failed.")))


def _deposit(sandbox: Sandbox, address: str, asked: Mapping[str, Any]) -> dict[str, str]:
    amount = asked.get("amount")
    if not isinstance(amount, str) or not amount.replace(".", "", 1).isdecimal():
        raise ValueError("A deposit needs an amount in a text such as '12.5'")
    return {"transaction_id": sandbox.crypto.deposit(address, amount)}


def _move(sandbox: Sandbox, registration_id: str, asked: Mapping[str, Any]) -> None:
    status = _choice(asked, "status", "PENDING", "PROCESSING", "ACTIVE", "BLOCKED")
    sandbox.auto_deposit.move(registration_id, status)


def _local(sandbox: Sandbox, _: str, asked: Mapping[str, Any]) -> None:
    sandbox.webhooks.local_urls = asked.get("local_urls") is True


_ACTIONS: Mapping[str, _Action] = {
    "/signa/{id}/complete": lambda sandbox, key, _: sandbox.signa.complete(key),
    "/signa/{id}/verdict": _judge,
    "/signa-id/{id}/release": lambda sandbox, key, _: {"code": sandbox.signa_id.release(key)},
    "/signa-id/{id}/decline": lambda sandbox, key, _: sandbox.signa_id.decline(key),
    "/signa-id/{id}/revoke": lambda sandbox, key, _: sandbox.signa_id.revoke(key),
    "/crypto/payouts/{id}/settle": _settle,
    "/crypto/addresses/{id}/deposit": _deposit,
    "/auto-deposit/{id}/status": _move,
    "/webhooks": _local,
}
"""What a POST does; `/webhooks` takes `{"local_urls": true}`, so that receivers under development can be registered."""


def routes(sandbox: Sandbox) -> list[Route]:
    """Make the routes below `/_sandbox`."""
    acting = [Route(f"/_sandbox{path}", _acting(sandbox, action), methods=["POST"]) for path, action in _ACTIONS.items()]

    async def events(_: Request) -> Response:
        """List the webhook bodies of everything that happened."""
        return Response(Answer(body=sandbox.events).payload(), media_type="application/json")

    async def deliveries(_: Request) -> Response:
        """List what is on its way, briefly."""
        return JSONResponse(
            [
                {
                    "id": each.id,
                    "type": each.type,
                    "url": each.url,
                    "status": each.status,
                    "answers": [attempt.status for attempt in each.attempts],
                    "due_at": None if each.due_at is None else stamp(each.due_at),
                }
                for each in sandbox.webhooks.deliveries
            ]
        )

    return [
        *acting,
        Route("/_sandbox/events", events, methods=["GET"]),
        Route("/_sandbox/webhooks", deliveries, methods=["GET"]),
    ]


def _acting(sandbox: Sandbox, action: _Action) -> Callable[[Request], Any]:
    async def act(request: Request) -> Response:
        try:
            done = action(sandbox, request.path_params.get("id", ""), await _body(request))
        except KeyError as missing:
            return JSONResponse({"message": f"Not found: {missing}"}, status_code=404)
        except ValueError as wrong:
            return JSONResponse({"message": str(wrong)}, status_code=422)
        return Response(status_code=204) if done is None else JSONResponse(done)

    return act


async def _body(request: Request) -> dict[str, Any]:
    read: object = await request.json() if await request.body() else {}
    if not isinstance(read, dict):
        raise ValueError("The body must be an object")  # noqa: TRY004  a wrong value of the caller's
    return cast("dict[str, Any]", read)


def _choice(asked: Mapping[str, Any], name: str, *allowed: str) -> Any:
    if asked.get(name) not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}")
    return asked[name]
