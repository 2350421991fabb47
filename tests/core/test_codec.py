"""Strict primitives, open enums, exact numbers, and the difference between absent and null."""

import gc
import importlib
import pickle
import pkgutil
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import attrs
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

import blaaiz_async
from blaaiz_async import UNSET, UnsetType
from blaaiz_async.core import codec
from blaaiz_async.core.checking import read_request
from blaaiz_async.core.codec import Answer, DecodeError, Id, OpenStrEnum, Request, Rule
from blaaiz_async.types.common import UploadTarget

TODAY = date(2026, 11, 20)


class Colour(OpenStrEnum):
    RED = "red"


@frozen(kw_only=True, repr=False)
class Thing(Answer):
    id: Id
    text: str | None = None
    count: int | None = None
    flag: bool | None = None
    amount: Decimal | None = None
    day: date | None = None
    moment: datetime | None = None
    colour: Colour | None = None
    parts: "tuple[Part, ...]" = ()


@frozen(kw_only=True, repr=False)
class Part(Answer):
    name: str


@frozen(kw_only=True, repr=False)
class Item(Request):
    name: str
    share: Decimal | int | None = None


@frozen(kw_only=True, repr=False)
class Order(Request):
    type: Literal["order"] = "order"
    name: Annotated[str, Rule("short", lambda value: len(value) <= 5, "at most 5 characters long")]
    kind: Literal["a", "b"] | None = None
    count: int | None = None
    day: date | None = None
    items: Sequence[Item] | None = None
    note: str | None | UnsetType = UNSET


def reads(**fields: Any) -> Thing:
    return codec.decode({"id": "1", **fields}, Thing)


@pytest.mark.parametrize(
    ("field", "sent", "read"),
    [
        ("id", 17, "17"),
        ("count", "15", 15),
        ("flag", 0, False),
        ("amount", "60.00", Decimal("60.00")),
        ("amount", 60, Decimal(60)),
        ("day", "1990-01-15", date(1990, 1, 15)),
        ("day", "1990-01-15T00:00:00.000000Z", date(1990, 1, 15)),
        ("moment", "2024-01-15T10:30:00.000000Z", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("moment", "2024-01-15 10:30:00", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("parts", {"name": "x"}, (Part(name="x"),)),
        ("parts", None, ()),
        ("text", None, None),
    ],
)
def test_reading_is_tolerant_where_the_platform_varies(field: str, sent: Any, read: Any) -> None:
    assert read == getattr(reads(**{field: sent}), field)


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("id", None),
        ("id", True),
        ("text", 5),
        ("text", {}),
        ("count", Decimal("1.9")),
        ("count", "1.9"),
        ("count", True),
        ("flag", "false"),
        ("flag", 2),
        ("amount", True),
        ("amount", "1e5"),
        ("amount", "sixty"),
        ("day", "31/12/1990"),
        ("day", "1990-01-15T10:00:00Z"),
        ("moment", "yesterday"),
        ("colour", 5),
    ],
)
def test_reading_never_guesses(field: str, sent: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        reads(**{field: sent})
    assert field == caught.value.path
    assert str(sent) not in caught.value.problem or sent in (None, True)


def test_a_fault_deep_inside_is_named_by_its_path() -> None:
    with pytest.raises(DecodeError) as caught:
        reads(parts=[{"name": "x"}, {"name": None}])
    assert ("parts.1.name", "expected a string, got null") == (caught.value.path, caught.value.problem)


def test_an_unknown_enum_value_stays_readable() -> None:
    colour = reads(colour="ultraviolet").colour
    assert colour is not None
    assert ("ultraviolet", "ultraviolet", False) == (colour, colour.value, colour.is_known)
    assert colour == pickle.loads(pickle.dumps(colour))
    assert Colour.RED is reads(colour="red").colour


def test_unknown_keys_are_kept_and_absent_is_not_null() -> None:
    sent = {"id": "1", "text": None, "new": {"a": [1]}, "parts": [{"name": "x", "more": 1}]}
    thing = codec.decode(sent, Thing)
    assert {"new": {"a": [1]}} == thing.extra
    assert sent == codec.encode(thing)
    assert (True, False) == (thing.holds("text"), thing.holds("count"))
    assert thing == pickle.loads(pickle.dumps(thing))


def test_what_was_not_sent_is_written_once_it_is_set() -> None:
    thing = codec.decode({"id": "1"}, Thing)
    assert {"id": "1", "count": 2} == codec.encode(attrs.evolve(thing, count=2))
    bare = {"file_id": "f", "url": "https://x.example"}
    assert bare == codec.encode(codec.decode(bare, UploadTarget))


def test_what_is_left_out_has_its_default_and_no_two_records_share_one_that_can_change() -> None:
    assert Thing(id="1") == reads()
    one, other = (codec.decode({"file_id": "f", "url": "https://x.example"}, UploadTarget) for _ in range(2))
    assert one == other
    assert one.headers is not other.headers
    assert one.extra is not other.extra


def test_every_answer_is_read_straight_into_its_slots() -> None:
    for module in pkgutil.walk_packages(blaaiz_async.__path__, "blaaiz_async."):
        if module.name.startswith(("blaaiz_async.types.", "blaaiz_async.webhooks.events.")):
            importlib.import_module(module.name)
    gc.collect()  # attrs makes a class with slots out of one without, which is there till then
    own = [each for each in _below(Answer) if each.__module__.startswith("blaaiz_async.")]
    classes = [each for each in own if "__attrs_attrs__" in each.__dict__]  # not what their readers make them from
    assert len(classes) > 100
    for cls in classes:
        codec.record_reader(cls)


def _upper(text: str) -> str:
    return text.upper()


def _below(cls: type[Answer]) -> Iterator[type[Answer]]:
    for each in cls.__subclasses__():
        yield each
        yield from _below(each)


def test_an_answer_whose_init_does_more_is_made_by_it() -> None:
    @frozen(kw_only=True, repr=False)
    class Loud(Answer):
        text: str = attrs.field(converter=_upper)

    @frozen(kw_only=True, repr=False)
    class Counted(Answer):
        text: str
        length: int = attrs.field(init=False, default=0)

        def __attrs_post_init__(self) -> None:
            object.__setattr__(self, "length", len(self.text))

    @frozen(kw_only=True, repr=False, slots=False)
    class Unslotted(Answer):
        text: str = attrs.field(validator=attrs.validators.min_len(3))

    assert "ABC" == codec.decode({"text": "abc"}, Loud).text
    assert 3 == codec.decode({"text": "abc"}, Counted).length
    assert "abc" == codec.decode({"text": "abc"}, Unslotted).text
    with pytest.raises(DecodeError):
        codec.decode({"text": "ab"}, Unslotted)


def test_records_of_one_form_share_what_tells_their_keys() -> None:
    one, other, longer = (codec.decode(sent, Thing) for sent in ({"id": "a"}, {"id": "b"}, {"id": "c", "text": None}))
    assert one._keys is other._keys
    assert (False, True) == (one.holds("text"), longer.holds("text"))


def test_a_record_that_was_read_can_not_be_changed_and_is_the_one_its_class_makes() -> None:
    read = codec.decode({"id": "a"}, Thing)
    assert Thing is type(read)
    assert Thing(id="a") == read
    assert hash(Thing(id="a")) == hash(read)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        read.id = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_what_the_platform_adds_is_kept_in_however_many_forms_it_comes_and_few_are_remembered() -> None:
    read = codec.record_reader(Thing)
    for number in [*range(1000), *range(10)]:
        record = read({"id": "a", f"new_{number}": number}, Thing)
        assert ({f"new_{number}": number}, True) == (record.extra, record.holds(f"new_{number}"))
    assert len(read.__globals__["form"].__self__) <= 256


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**20), max_value=10**20))
def test_a_decimal_travels_both_ways_exactly_as_written(number: Decimal) -> None:
    assert str(number) == str(codec.from_json(codec.to_json({"n": number}))["n"])


def test_a_number_is_never_a_float() -> None:
    found = codec.from_json(b'{"a": 0.1, "b": 1e2, "c": 60.00, "d": 7}')
    assert {"a": Decimal("0.1"), "b": Decimal("1E+2"), "c": Decimal("60.00"), "d": 7} == found
    assert b'{"c":60.00}' == codec.to_json({"c": found["c"]})


def test_what_a_request_leaves_out_and_what_it_clears() -> None:
    assert {"type": "order", "name": "x"} == codec.encode(Order(name="x"))
    assert {"type": "order", "name": "x", "note": None} == codec.encode(Order(name="x", note=None))
    assert {"type": "order", "name": "x", "items": [{"name": "y", "share": 3}]} == codec.encode(
        Order(name="x", items=[Item(name="y", share=3)])
    )


def test_a_mapping_is_read_strictly_and_all_its_faults_come_at_once() -> None:
    request, faults = read_request(
        Order,
        {
            "name": "too long",
            "kind": "c",
            "count": "1",
            "day": "20240131",
            "items": [{"name": "x", "share": 0.5}, {"share": "0.5"}, {"name": "x", "share": Decimal("NaN")}],
            "knid": "a",
        },
        TODAY,
    )
    assert request is None
    assert ["name", "kind", "count", "day", "items.0.share", "items.1.name", "items.2.share", "knid"] == [
        fault.field for fault in faults
    ]


def test_a_mapping_and_a_record_make_the_same_request() -> None:
    given = {"name": "x", "kind": "a", "day": "2024-01-31", "items": [{"name": "y", "share": "0.50"}], "note": None}
    request, faults = read_request(Order, given, TODAY)
    made = Order(name="x", kind="a", day=date(2024, 1, 31), items=(Item(name="y", share=Decimal("0.50")),), note=None)
    assert ([], made) == (faults, request)


def test_a_record_is_checked_by_the_rules_of_its_fields() -> None:
    _, faults = read_request(Order, Order(name="too long"), TODAY)
    assert [("name", "short")] == [(fault.field, fault.rule) for fault in faults]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": 5}, "name"),
        ({"name": None}, "name"),
        ({"name": "x", "count": True}, "count"),
        ({"name": "x", "day": "2024-01-31x"}, "day"),
        ({"name": "x", "items": [Item(name="y", share=0.5)]}, "items.0.share"),  # type: ignore[arg-type]  # on purpose
        ({"name": "x", "items": "y"}, "items"),
    ],
)
def test_a_record_made_past_the_type_checker_is_refused_as_a_mapping_is(wrong: dict[str, Any], field: str) -> None:
    request, faults = read_request(Order, Order(**wrong), TODAY)
    assert (None, [field]) == (request, [fault.field for fault in faults])


@pytest.mark.parametrize("body", [b"{", b"[1e99999999999999999999]", b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_sane_json_is_a_value_error_and_nothing_else(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        codec.from_json(body)
