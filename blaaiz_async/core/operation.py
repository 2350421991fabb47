"""One frozen Operation per endpoint of the platform, and the map of all of them."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Generic, Literal, TypeVar

from attrs import frozen

from blaaiz_async.errors import APIStatusError

T = TypeVar("T")


class Safety(Enum):
    """What happens when the operation is sent twice; it decides what may be repeated (see core/retry.py)."""

    READ = "read"
    """Changes nothing."""
    IDEMPOTENT = "idempotent"
    """Sending it twice has the effect of sending it once."""
    KEYED = "keyed"
    """A key in the request, or what it is about, makes the platform refuse or replay the second one."""
    WRITE = "write"
    """Sending it twice does it twice: after a lost answer the outcome is unknown."""


class Shape(Enum):
    """How the payload lies in the answer. Reading is tolerant: an object may stand for a list and the reverse."""

    ONE = "one"
    MANY = "many"
    PAGE = "page"


@frozen(kw_only=True)
class Key:
    """A key of the caller's that makes a repeat harmless. The library makes one where the caller gives none."""

    field: str
    """The request's field, or the header, that carries it."""
    header: bool = False


@frozen(kw_only=True)
class Asked:
    """What a write asked for: what a look for its effect goes by."""

    path: Mapping[str, str]
    request: Any
    """The checked request; None where there is no body, or where only the key is known."""
    key: str | None
    made_key: bool = False
    """Whether the key in the body was made for this call."""
    since: datetime
    """When it was sent first, less the most that two clocks may differ."""


@frozen(kw_only=True)
class Look:
    """How to look for what a write made, or may have made."""

    read: "Operation[Any]"
    ask: Callable[[Asked], Mapping[str, Any]]
    """Returns what to call `read` with: its `path`, `query` or `body`."""
    fits: Callable[[Asked, Any], bool | None] = lambda _asked, _found: True
    """Tells whether a record that was found can be what the write made, or None if that can't be told."""
    paged: bool = False
    """Whether `read` is paged by the query's `page`: then every page is read."""


@frozen(kw_only=True)
class Doubt:
    """What a record that was found doesn't tell by itself, and a listing does."""

    read: "Operation[Any]"
    about: Callable[[Asked, Any], bool]
    """Whether there is a doubt at all."""
    fits: Callable[[Asked, Any, Any], bool | None]
    """Tells by the listing whether the record is what the write made, or None if that can't be told."""


@frozen(kw_only=True)
class Recovery:
    """For a write that the platform refuses to do twice without telling what the first one made."""

    echo: Callable[[APIStatusError], bool]
    """Tells whether a refusal says that it was done before."""
    look: Look | None = None
    """Finds what was made. None: that it was done is all there is to know."""
    doubt: Doubt | None = None
    """What is left to compare where the look finds nothing different."""
    adopt: Callable[[Asked, Any], Any] = lambda _asked, found: found
    """Turns what was found into the write's own answer."""
    settle: str = ""
    """The method that a caller who comes back later settles it with, such as `payouts.settle`."""


@frozen(kw_only=True)
class Operation(Generic[T]):
    """An endpoint of the platform. `T` is what a call returns."""

    id: str
    """The operationId of the contract."""
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    """Path template, such as `/api/external/customer/{customer_id}`."""
    scopes: tuple[str, ...]
    """All of these are needed; empty for calls without a token."""
    safety: Safety
    answer: type[Any]
    """The record class of the payload, or of its items."""
    shape: Shape = Shape.ONE
    under: tuple[str, ...] = ("data",)
    """Keys that may wrap the payload, with dots between keys in keys; the first one present counts. Empty: it's the body."""
    body: tuple[type[Any], ...] = ()
    """The request classes that are accepted; the one whose `type` matches is taken for a mapping."""
    limited: bool = True
    """Whether the call counts against the rate limit."""
    key: Key | None = None
    recovery: Recovery | None = None
    look: Look | None = None
    """Where a write of unknown outcome may be looked for, other than by its recovery."""
    deprecated: str = ""
    """What to use instead, if the platform is giving it up."""


_operations: dict[str, Operation[Any]] = {}


def operation(
    id: str,
    method: Literal["GET", "POST", "PUT", "DELETE"],
    path: str,
    answer: type[T],
    *,
    scope: str | tuple[str, ...] = (),
    safety: Safety | None = None,
    under: tuple[str, ...] = ("data",),
    body: type[Any] | tuple[type[Any], ...] = (),
    limited: bool = True,
    key: Key | None = None,
    recovery: Recovery | None = None,
    look: Look | None = None,
    deprecated: str = "",
) -> Operation[T]:
    """Declare the operation that answers with one `answer`. A GET is a read, all else a write unless said."""
    return _declare(
        Operation(
            id=id,
            method=method,
            path=path,
            scopes=(scope,) if isinstance(scope, str) else scope,
            safety=safety or (Safety.KEYED if key else Safety.READ if method == "GET" else Safety.WRITE),
            answer=answer,
            under=under,
            body=body if isinstance(body, tuple) else (body,),
            limited=limited,
            key=key,
            recovery=recovery,
            look=look,
            deprecated=deprecated,
        )
    )


def list_operation(
    id: str,
    path: str,
    answer: type[T],
    *,
    scope: str,
    method: Literal["GET", "POST"] = "GET",
    safety: Safety = Safety.READ,
    under: tuple[str, ...] = ("data",),
    body: type[Any] | tuple[type[Any], ...] = (),
    look: Look | None = None,
) -> Operation[list[T]]:
    """Declare the operation that answers with a list of `answer`. It is a read unless said."""
    return _declare(
        Operation(
            id=id,
            method=method,
            path=path,
            scopes=(scope,),
            safety=safety,
            answer=answer,
            shape=Shape.MANY,
            under=under,
            body=body if isinstance(body, tuple) else (body,),
            look=look,
        )
    )


def _declare(declared: Operation[T]) -> Operation[T]:
    if _operations.setdefault(declared.id, declared) != declared:
        raise ValueError(f"operation {declared.id} is declared twice")
    return declared


class _Operations(Mapping[str, Operation[Any]]):
    """Every operation by its operationId. The first look imports all service modules, which declare their own."""

    _complete = False

    def _all(self) -> dict[str, Operation[Any]]:
        if not self._complete:
            package = importlib.import_module("blaaiz_async.services")
            for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
                importlib.import_module(module.name)
            self._complete = True
        return _operations

    def __getitem__(self, id: str) -> Operation[Any]:
        return self._all()[id]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._all()))

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return f"OPERATIONS({len(self)})"


OPERATIONS: Mapping[str, Operation[Any]] = _Operations()
"""Every endpoint as one Operation, by operationId."""
