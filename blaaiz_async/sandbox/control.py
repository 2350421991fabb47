"""The sandbox's own endpoints, `/_sandbox/…`: to look into and steer one that is served. Not counted, not journaled."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import control_events
from .faults import Fault, FaultKind

if TYPE_CHECKING:
    from starlette.requests import Request

    from .app import Sandbox

__all__ = ["control_app"]

_SHOWN = ("operation", "method", "path", "status", "at", "customer_id", "fault")


def control_app(sandbox: Sandbox) -> Starlette:
    """Make the app that answers below `/_sandbox/`."""
    endpoints = _Endpoints(sandbox)
    routes = [
        Route("/_sandbox/journal", endpoints.journal, methods=["GET"]),
        Route("/_sandbox/journal", endpoints.clear_journal, methods=["DELETE"]),
        Route("/_sandbox/customers", endpoints.customers, methods=["GET"]),
        Route("/_sandbox/faults", endpoints.add_fault, methods=["POST"]),
        Route("/_sandbox/customers/{id}/verdict", endpoints.decide, methods=["POST"]),
        *control_events.routes(sandbox),
    ]

    async def index(_: Request) -> Response:
        return JSONResponse([_described(each) for each in routes])

    return Starlette(routes=[Route("/_sandbox/", index, methods=["GET"]), *routes])


class _Endpoints:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def journal(self, _: Request) -> Response:
        """List the calls without headers and bodies."""
        calls = self._sandbox.journal.calls
        return JSONResponse([{name: getattr(call, name) for name in _SHOWN} for call in calls])

    async def clear_journal(self, _: Request) -> Response:
        """Forget the calls."""
        self._sandbox.journal.clear()
        return Response(status_code=204)

    async def customers(self, _: Request) -> Response:
        """List the customers briefly, with counts of what hangs on them."""
        return JSONResponse([_brief(each) for each in self._sandbox.customers])

    async def add_fault(self, request: Request) -> Response:
        """Plan a fault: `{"operation", "kind", "times"?, "status"?, "headers"?, "body"?, "seconds"?, "before"?}`.

        An operation is named as in the journal, such as customers_create; the kinds are before_commit, after_commit, status,
        truncated, hang and not_json, and `Fault` tells what each does.
        """
        try:
            asked: dict[str, Any] = await request.json()
            self._sandbox.faults.add(str(asked["operation"]), _fault(asked), int(asked.get("times", 1)))
        except (KeyError, TypeError, ValueError) as wrong:
            return _wrong(f"A fault needs an operation and a kind of {', '.join(FaultKind)}: {wrong!r}")
        return Response(status_code=204)

    async def decide(self, request: Request) -> Response:
        """Give a verdict: `{"outcome": "VERIFIED" | "REJECTED", "comments"?, "owners"?, "documents"?}`."""
        try:
            asked: dict[str, Any] = await request.json()
            if asked["outcome"] not in {"VERIFIED", "REJECTED"}:
                return _wrong("A verdict needs an outcome, VERIFIED or REJECTED")
        except (KeyError, TypeError, ValueError) as wrong:
            return _wrong(f"A verdict needs an outcome, VERIFIED or REJECTED: {wrong!r}")
        try:
            self._sandbox.decide(
                request.path_params["id"],
                asked["outcome"],
                comments=asked.get("comments", ()),
                owners=asked.get("owners"),
                documents=asked.get("documents"),
            )
        except KeyError:
            return JSONResponse({"message": "Customer not found"}, status_code=404)
        return Response(status_code=204)


def _described(route: Route) -> dict[str, str]:
    (method,) = (route.methods or set()) - {"HEAD"}
    return {"call": f"{method} {route.path}", "does": inspect.getdoc(route.endpoint) or ""}


def _brief(customer: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "email", "registration_number", "type", "verification_status")
    return {
        **{name: customer[name] for name in names},
        "files": len(customer["files"]),
        "documents": len(customer["documents"]),
        "owners": len(customer["owners"]),
        "owners_with_files": sum(owner["id_document_path"] is not None for owner in customer["owners"]),
    }


def _fault(asked: dict[str, Any]) -> Fault:
    match FaultKind(asked["kind"]):
        case FaultKind.BEFORE_COMMIT:
            return Fault.before_commit(asked.get("status", 503))
        case FaultKind.AFTER_COMMIT:
            return Fault.after_commit(asked.get("status", 502))
        case FaultKind.STATUS:
            return Fault.status(int(asked["status"]), headers=asked.get("headers"), body=asked.get("body"))
        case FaultKind.HANG:
            return Fault.hang(asked.get("seconds"), before=bool(asked.get("before", False)))
        case FaultKind.TRUNCATED:
            return Fault.truncated()
        case FaultKind.NOT_JSON:
            return Fault.not_json()


def _wrong(text: str) -> Response:
    return JSONResponse({"message": text}, status_code=422)
