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


def _complete(sandbox: Sandbox, session_id: str, _: Mapping[str, Any]) -> None:
    """Let a Signa session's customer finish it."""
    sandbox.signa.complete(session_id)


def _judge(sandbox: Sandbox, session_id: str, asked: Mapping[str, Any]) -> None:
    """Give a Signa session's verdict: `{"outcome": "APPROVED" | "REJECTED", "reason"?, "rejection_type"?}`."""
    outcome, type = _choice(asked, "outcome", "APPROVED", "REJECTED"), asked.get("rejection_type", "RETRYABLE")
    _choice({"rejection_type": type}, "rejection_type", "FINAL", "RETRYABLE")
    sandbox.signa.decide(session_id, outcome, reason=asked.get("reason"), rejection_type=type)


def _release(sandbox: Sandbox, release_id: str, _: Mapping[str, Any]) -> dict[str, str]:
    """Let the person of a Signa ID release agree; answers with the code that the page would get."""
    return {"code": sandbox.signa_id.release(release_id)}


def _decline(sandbox: Sandbox, release_id: str, _: Mapping[str, Any]) -> None:
    """Let the person of a Signa ID release say no."""
    sandbox.signa_id.decline(release_id)


def _revoke(sandbox: Sandbox, release_id: str, _: Mapping[str, Any]) -> None:
    """Let the person of a Signa ID release take it back."""
    sandbox.signa_id.revoke(release_id)


def _settle(sandbox: Sandbox, transaction_id: str, asked: Mapping[str, Any]) -> None:
    """End a crypto payout: `{"outcome": "successful" | "failed", "reason"?}`."""
    outcome = _choice(asked, "outcome", "successful", "failed")
    sandbox.crypto.settle(transaction_id, outcome, reason=str(asked.get("reason", "The transfer failed.")))


def _deposit(sandbox: Sandbox, address: str, asked: Mapping[str, Any]) -> dict[str, str]:
    """Let a deposit come in at a crypto address: `{"amount": "12.5"}`; answers with its transaction_id."""
    amount = asked.get("amount")
    if not isinstance(amount, str) or not amount.replace(".", "", 1).isdecimal():
        raise ValueError("A deposit needs an amount in a text such as '12.5'")
    return {"transaction_id": sandbox.crypto.deposit(address, amount)}


def _move(sandbox: Sandbox, registration_id: str, asked: Mapping[str, Any]) -> None:
    """Move an auto-deposit e-mail: `{"status": "PENDING" | "PROCESSING" | "ACTIVE" | "BLOCKED"}`."""
    status = _choice(asked, "status", "PENDING", "PROCESSING", "ACTIVE", "BLOCKED")
    sandbox.auto_deposit.move(registration_id, status)


def _local(sandbox: Sandbox, _: str, asked: Mapping[str, Any]) -> None:
    """Take receivers under development, on addresses of this machine: `{"local_urls": true}`."""
    sandbox.webhooks.local_urls = asked.get("local_urls") is True


_ACTIONS: Mapping[str, _Action] = {
    "/signa/{id}/complete": _complete,
    "/signa/{id}/verdict": _judge,
    "/signa-id/{id}/release": _release,
    "/signa-id/{id}/decline": _decline,
    "/signa-id/{id}/revoke": _revoke,
    "/crypto/payouts/{id}/settle": _settle,
    "/crypto/addresses/{id}/deposit": _deposit,
    "/auto-deposit/{id}/status": _move,
    "/webhooks": _local,
}
"""What a POST does."""


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

    act.__doc__ = action.__doc__
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
