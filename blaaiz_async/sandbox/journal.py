"""What was asked of the sandbox and what it answered, in order."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["Call", "Journal"]


@attrs.frozen(kw_only=True)
class Call:
    """One call.

    Attributes:
        operation: operationId of the contract, or None for a route it does not have.
        method: HTTP method in capitals.
        path: the path without the query.
        query: the query's parameters.
        headers: the request's headers, names in lower case.
        body: the request's body.
        status: the HTTP status that was sent, or None when the connection was dropped or never answered.
        at: when the call came, epoch seconds.
        customer_id: the customer the call was about, if any.
        fault: the injected fault's kind, if one struck.
    """

    operation: str | None
    method: str
    path: str
    query: Mapping[str, str] = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    status: int | None
    at: float
    customer_id: str | None = None
    fault: str | None = None


class Journal:
    """Every call since the sandbox began or the journal was cleared."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    @property
    def calls(self) -> list[Call]:
        """A copy of the list of calls, oldest first."""
        return list(self._calls)

    def count(self, operation: str | None = None) -> int:
        """Count all calls, or those of one operationId."""
        if operation is None:
            return len(self._calls)
        return sum(call.operation == operation for call in self._calls)

    def add(self, call: Call) -> None:
        """Write one call down."""
        self._calls.append(call)

    def clear(self) -> None:
        """Forget every call."""
        self._calls.clear()

    def __len__(self) -> int:
        return len(self._calls)

    def __repr__(self) -> str:
        return f"<Journal of {len(self._calls)} calls>"
