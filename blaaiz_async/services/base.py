"""What all services share."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from blaaiz_async.core.caller import Caller, QueryValue
from blaaiz_async.errors import APIStatusError


def is_taken(field: str) -> Callable[[APIStatusError], bool]:
    """Return what tells whether a refusal says that `field` has been used before."""
    return lambda error: error.status_code == 422 and field in error.errors


class Service:
    """One API area."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._call = caller.call


def query_of(kind: type[Any], filters: Mapping[str, object], **more: QueryValue) -> dict[str, QueryValue]:
    """Return filters as a query. Raises TypeError for one that `kind`, their TypedDict, doesn't have."""
    if unknown := filters.keys() - kind.__annotations__.keys():
        raise TypeError(f"unknown filter: {', '.join(sorted(unknown))}")
    return {**cast("Mapping[str, QueryValue]", filters), **more}
