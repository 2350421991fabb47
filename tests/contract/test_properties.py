"""What holds for any value of our types, and for any answer, however bent."""

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blaaiz_async import RetryPolicy, contract
from blaaiz_async.core import codec
from blaaiz_async.core.operation import OPERATIONS, Safety
from blaaiz_async.errors import OutcomeUnknownError, ResponseDecodeError
from blaaiz_async.types.customers import BusinessCustomer
from blaaiz_async.types.kyb import OwnerFileUrlRequest
from tests.conftest import JumpingLoop
from tests.contract import calls, strategies
from tests.contract.calls import CALLS, Platform
from tests.contract.test_calls import body_validator


def examples(count: int) -> settings:
    """Return how a property is tried: the same values in every run."""
    unhealthy = [HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(derandomize=True, database=None, deadline=None, max_examples=count, suppress_health_check=unhealthy)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        yield runner


REQUESTS = [
    pytest.param(id, kind, id=f"{id}-{kind.__name__}") for id, operation in OPERATIONS.items() for kind in operation.body
]


@pytest.mark.parametrize(("id", "kind"), REQUESTS)
def test_any_request_that_passes_our_check_is_one_that_the_contract_takes(id: str, kind: type[Any]) -> None:
    blaaiz = Platform().client()
    blaaiz._caller._wall = lambda: datetime.combine(strategies.TODAY, time(12), UTC).timestamp()
    validator = body_validator(contract.operation(id))
    taken = 0

    @examples(100)
    @given(strategies.of(kind))
    def holds(request: Any) -> None:
        nonlocal taken
        content = blaaiz._caller._prepare(OPERATIONS[id], {}, {}, request).content
        assert content is not None
        assert [] == [
            f"{list(found.absolute_path)}: {found.message}" for found in validator.iter_errors(json.loads(content))
        ]
        taken += 1

    holds()
    assert taken >= FEW.get(kind, 10)


FEW = {OwnerFileUrlRequest: 2, BusinessCustomer: 5}
"""Kinds of request of which there aren't 10 different ones, or of which few pass of what is tried."""


@pytest.mark.parametrize("cls", {each.answer: None for each in OPERATIONS.values()}, ids=lambda cls: cls.__name__)
def test_any_answer_is_the_same_after_it_was_written_and_read(cls: type[Any]) -> None:
    @examples(40)
    @given(strategies.of(cls))
    def holds(record: Any) -> None:
        again = codec.decode(codec.from_json(codec.to_json(codec.encode(record))), cls)
        assert record == again
        assert again == codec.decode(codec.from_json(codec.to_json(codec.encode(again))), cls)

    holds()


# -- bent answers ------------------------------------------------------------------------------------------------------

Place = tuple[str | int, ...]


def places(value: Any, here: Place = ()) -> Iterator[Place]:
    yield here
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inside:
        yield from places(item, (*here, name))


_STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    1e300,
    "",
    "BRAND_NEW",
    "\x00",
    "2026-02-30",
    "1e5",
    [],
    [[]],
    [None],
    {},
]
_STRANGE += [{"extra": 1, "_keys": 2, "self": 3}, ["x"], "NaN", "-", " 5", "٣"]


@st.composite
def bent(draw: Callable[[st.SearchStrategy[Any]], Any], documented: Any) -> Any:
    """Change one to three places of a documented body: drop, add, replace, repeat, or wrap what lies there."""
    body = {"body": copy.deepcopy(documented)}
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([place for place in places(body) if place]))
        parent: Any = body
        for name in way:
            parent = parent[name]
        kind = draw(st.sampled_from(("drop", "add", "replace", "replace", "repeat", "wrap")))
        if kind == "drop" and way:
            del parent[last]
        elif kind == "add" and isinstance(parent[last], dict):
            name = draw(st.sampled_from(("brand_new", "data", "extra", "_keys", "message", "id")))
            parent[last][name] = copy.deepcopy(draw(st.sampled_from(_STRANGE)))
        elif kind == "repeat" and isinstance(parent[last], list):
            parent[last] = parent[last] * 2
        elif kind == "wrap":
            parent[last] = draw(st.sampled_from(([parent[last]], {"data": parent[last]})))
        else:
            parent[last] = copy.deepcopy(draw(st.sampled_from(_STRANGE)))
    return body["body"]


def read_or_refused(id: str, call: Callable[[], Any]) -> None:
    """Make a call; the only error it may end in is a ResponseDecodeError that says where.

    A write without any body may or may not have taken effect; with a key it was repeated until the deadline.
    """
    refused = None
    try:
        call()
    except (ResponseDecodeError, OutcomeUnknownError) as error:
        refused = error
    if refused is None:
        return
    assert id == refused.operation
    if isinstance(refused, ResponseDecodeError):
        # Only what isn't even a record is at fault as a whole.
        assert refused.path or refused.problem.startswith(("expected an object, got", "the body is empty"))
    else:
        assert Safety.READ is not OPERATIONS[id].safety
        assert "the body is empty" in f"{refused} {refused.__cause__}"


@pytest.mark.parametrize("id", CALLS)
def test_a_bent_answer_is_read_or_refused_with_its_path(id: str, loop: asyncio.Runner) -> None:
    documented = [each.payload for each in calls.documented_answers() if each.operation == id]
    platform = Platform()
    blaaiz = platform.client(retry=RetryPolicy())

    @examples(40)
    @given(st.sampled_from(documented).flatmap(bent))
    def holds(answer: Any) -> None:
        platform.answer = answer
        read_or_refused(id, lambda: loop.run(calls.call(id, blaaiz, calls.a_request(id))))

    holds()


def test_a_bent_token_is_read_or_refused_with_its_path(loop: asyncio.Runner) -> None:
    (documented, *_) = (each.payload for each in calls.documented_answers() if each.operation == "oauth_token_create")

    @examples(100)
    @given(bent(documented))
    def holds(answer: Any) -> None:
        platform = Platform([])
        platform.token = answer
        read_or_refused("oauth_token_create", lambda: loop.run(calls.call("wallets_list", platform.client())))

    holds()
