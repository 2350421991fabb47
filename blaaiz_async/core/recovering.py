"""After a lost answer: find what a write made, or what it may have made."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

import anyio

from blaaiz_async.core import codec
from blaaiz_async.core.attempts import Course, begin
from blaaiz_async.core.background import now
from blaaiz_async.core.operation import Asked, Doubt, Look, Operation, Recovery, Shape
from blaaiz_async.core.paging import Page, iterate
from blaaiz_async.core.preparing import Prepared
from blaaiz_async.errors import (
    APIStatusError,
    BlaaizError,
    MissingScopeError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    UnreadableOutcomeError,
)

if TYPE_CHECKING:
    from blaaiz_async.core.caller import Caller

T = TypeVar("T")

_CLOCKS = timedelta(minutes=5)
"""The most that the platform's clock is taken to differ from ours."""

_LOOKS = 3
"""How often a listing is read for what a refusal without a key may mean."""


async def adopt(
    caller: "Caller", prepared: Prepared, course: Course, error: APIStatusError, since: datetime, *, lost: bool
) -> Any:
    """Return what was made before, by this call or an earlier one, after the platform refused the write as done already.

    Raises `error` if there is nothing or something else, and OutcomeUnknownError if it can't be told before the deadline.
    Once an attempt of this call was `lost`, nothing counts as something else for sure: the platform may show what was made
    in a form of its own.
    """
    operation = prepared.operation
    recovery, asked = cast("Recovery", operation.recovery), _asked(prepared, since)
    if recovery.look is None:
        return recovery.adopt(asked, error)
    # Beside other fields that are wrong, the key may be a wrong one and not a used one: one look is enough then, and not too
    # much. Refused alone it was used before, even if it was made for this call: a gateway may have sent the call twice.
    beside = operation.key is not None and bool(error.errors.keys() - {operation.key.field})
    sure = lost or prepared.made_key or not beside
    try:
        found, same = await _find_first(caller, recovery.look, asked, course, once=not sure)
    except BlaaizError as failure:
        if not sure and isinstance(failure, NotFoundError):
            raise error from None
        problem = f"was refused as used before, and what it made can't be read back ({failure}); the refusal: {error}"
        raise _unknown(operation, prepared.key, problem, 422) from error
    if prepared.made_key:
        same = True
    elif same and recovery.doubt is not None:
        same = await _undoubted(caller, recovery.doubt, asked, found, course)
    elif lost and prepared.key is not None and same is False:
        problem = "was done before, and what the platform keeps under it differs; compare it by transactions.get"
        raise _unknown(operation, prepared.key, problem, 422, settles=False) from error
    if same is None:
        raise _unknown(operation, prepared.key, "was done before, and can't be told from something else", 422) from error
    if not same:
        if prepared.key is not None:
            differs = "what the platform keeps under it differs; compare it by transactions.get before using another"
            error.args = (f"{error}; {differs}",)
            raise error
        raise _unknown(operation, None, f"may have been done; the repeat was refused: {error}", error.status_code) from error
    return recovery.adopt(asked, found)


async def read_back(
    caller: "Caller", prepared: Prepared, course: Course, error: UnreadableOutcomeError, since: datetime
) -> Any:
    """Return what a key made whose answer can't be read. Raises `error` where that can't be told."""
    recovery, asked = prepared.operation.recovery, _asked(prepared, since)
    if prepared.key is None or recovery is None or recovery.look is None:
        raise error
    try:
        found, same = await _find_first(caller, recovery.look, asked, course)
    except BlaaizError:
        raise error from None
    if not same and not prepared.made_key:
        raise error
    return recovery.adopt(asked, found)


async def settle(caller: "Caller", operation: Operation[T], key: str) -> T:
    """Return what the key made, waiting for it to show until the deadline."""
    recovery = cast("Recovery", operation.recovery)
    look = cast("Look", recovery.look)
    asked = Asked(path={}, request=None, key=key, since=caller.now() - _CLOCKS)
    course = begin(caller.options)
    with caller.watching(look.read, look.ask(asked), course):
        try:
            found, _ = await _find_first(caller, look, asked, course)
        except NotFoundError as error:
            problem = f"{_what(operation, key)} isn't known to the platform, or not yet"
            advice = "initiating it again with the same one is safe"
            unknown = OutcomeUnknownError(operation.id, problem, status_code=404, advice=advice)
            unknown.look_with(lambda: _candidates(caller, look, asked))
            raise unknown from error
    return cast("T", recovery.adopt(asked, found))


def tell(caller: "Caller", prepared: Prepared, error: OutcomeUnknownError, since: datetime) -> None:
    """Give an unknown outcome a way to look for what may have been made."""
    operation = prepared.operation
    look = operation.look or (operation.recovery.look if operation.recovery is not None else None)
    if look is None:
        return
    asked = _asked(prepared, since)

    async def find() -> list[Any]:
        return await _candidates(caller, look, asked)

    error.look_with(find)


def _asked(prepared: Prepared, since: datetime) -> Asked:
    return Asked(
        path=prepared.path,
        request=prepared.request,
        key=prepared.key,
        made_key=prepared.made_key,
        since=since - _CLOCKS,
    )


def _unknown(
    operation: Operation[Any], key: str | None, problem: str, status_code: int, *, settles: bool = True
) -> OutcomeUnknownError:
    recovery = operation.recovery
    how = recovery.settle if settles and recovery is not None else ""
    advice = how and f"settle it with {how}"
    return OutcomeUnknownError(operation.id, f"{_what(operation, key)} {problem}", status_code=status_code, advice=advice)


def _what(operation: Operation[Any], key: str | None) -> str:
    return operation.id if key is None or operation.key is None else f"{operation.key.field} {key}"


async def _find_first(
    caller: "Caller", look: Look, asked: Asked, course: Course, *, once: bool = False
) -> tuple[Any, bool | None]:
    """Read until there is something to compare, or the deadline passes, since what was made may not be visible at once.

    Returns what was found, and whether it is what was asked for; a listing without it counts as nothing found.
    Raises what the last read raised.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            found = await caller.read(look.read, course, look.ask(asked))
        except NotFoundError as error:
            failure = error
        else:
            for each in codec.as_list(found):
                if not asked.made_key and not _is_under(each, asked.key):
                    continue
                same = True if asked.request is None else look.fits(asked, each)
                if same is not False or not isinstance(found, list):
                    return each, same
            if asked.key is None and attempt >= _LOOKS:
                return None, False  # the refusal may have had another reason
            failure = NotFoundError("nothing there", status_code=404, operation=look.read.id)
        wait = caller.options.retry.backoff(attempt)
        if once or wait >= course.left():
            raise failure
        await anyio.sleep(wait)


def _is_under(found: Any, key: str | None) -> bool:
    """Tell whether a record may have been made by a key; a transaction is found by other references, too."""
    reference = getattr(found, "merchant_reference", None)
    return key is None or not reference or reference.strip().casefold() == key.strip().casefold()


async def _undoubted(caller: "Caller", doubt: Doubt, asked: Asked, found: Any, course: Course) -> bool | None:
    if not doubt.about(asked, found):
        return True
    try:
        listed = await caller.read(doubt.read, course, {})
    except (MissingScopeError, PermissionDeniedError):
        return True  # all that this credential can compare is the same
    except BlaaizError:
        return None
    return doubt.fits(asked, found, listed)


async def _candidates(caller: "Caller", look: Look, asked: Asked) -> list[Any]:
    """Return every record that may be what was made."""
    given: Mapping[str, Any] = look.ask(asked)
    try:
        if look.paged:
            found = [row async for row in iterate(_pages(caller, look.read, given))]
        else:
            found = codec.as_list(await caller.call(look.read, **given))
    except NotFoundError:
        return []
    if asked.key is not None and look.read.shape is Shape.ONE:  # read by the key: whoever compares must see it
        return [each for each in found if asked.made_key or _is_under(each, asked.key)]
    return [each for each in found if look.fits(asked, each) is not False]


def _pages(caller: "Caller", read: Operation[Any], given: Mapping[str, Any]) -> "Callable[[int], Any]":
    options = caller.options
    until = None if options.deadline is None else now() + options.deadline

    async def page(number: int) -> Page[Any]:
        # All pages within the one deadline that the caller asked for.
        view = caller if until is None else caller.with_options(deadline=max(until - now(), 0.001))
        return await view.page(
            read, number=number, query=given.get("query", {}), path=given.get("path"), body=given.get("body")
        )

    return page
