"""Reading: what a row is, what a fault of the file is, and memory that doesn't grow."""

import tracemalloc
from datetime import date
from pathlib import Path

import pytest

from blaaiz_async.onboarding import InputError, check_file
from blaaiz_async.onboarding.reader import MAX_ROW_BYTES, Source
from tests.onboarding.support import SAMPLE, individual, write_jsonl

HEADER = "external_id,type,first_name,city\n"


def csv_of(tmp_path: Path, content: bytes | str) -> Source:
    path = tmp_path / "rows.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Source(path)


@pytest.mark.parametrize(
    "content",
    [
        b"external_id,city\na,Lagos\nb,Accra\n",
        b"\xef\xbb\xbfexternal_id,city\na,Lagos\nb,Accra\n",
        b"external_id,city\r\na,Lagos\r\nb,Accra\r\n",
        b'"external_id","city"\r\n"a","Lagos"\r\n"b","Accra"',
        b" external_id , city \n\na, Lagos \n\n\nb,Accra\n\n",
    ],
    ids=["plain", "bom", "crlf", "quoted-without-last-newline", "spaces-and-empty-lines"],
)
def test_every_way_to_write_a_csv_reads_the_same(content: bytes, tmp_path: Path) -> None:
    rows = list(csv_of(tmp_path, content).rows())
    assert [{"external_id": "a", "city": "Lagos"}, {"external_id": "b", "city": "Accra"}] == [row.fields for row in rows]
    assert [1, 2] == [row.place.number for row in rows]


def test_a_quoted_cell_may_hold_commas_quotes_and_line_breaks_and_lines_are_still_counted(tmp_path: Path) -> None:
    source = csv_of(tmp_path, HEADER + 'a,individual,"Ada ""the\nfirst"", L.",Lagos\nb,individual,Bo,Accra\n')
    first, second = source.rows()
    assert 'Ada "the\nfirst", L.' == first.fields["first_name"]
    assert (2, 4) == (first.place.line, second.place.line)


def test_an_empty_cell_means_absent(tmp_path: Path) -> None:
    (row,) = csv_of(tmp_path, HEADER + "a,, ,Lagos\n").rows()
    assert {"external_id": "a", "city": "Lagos"} == row.fields


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"a,individual,Ada", "has 3 cells where the header has 4"),
        (b"a,individual,Ada,Lagos,NG", "has 5 cells where the header has 4"),
        (b"a,individual,\xff\xfe,Lagos", "isn't valid UTF-8"),
        (b'a,individual,"Ada,Lagos', "a quote isn't closed"),
        (b'a,individual,Ada 5" tall,Lagos', "a quote isn't closed"),
        (b"a,individual," + b"x" * MAX_ROW_BYTES + b",Lagos", "is longer than"),
        (b"a,individual," + b"x" * 200_000 + b",Lagos", "a cell is longer than 131072 characters"),
    ],
)
def test_a_broken_csv_row_is_a_fault_of_that_row_alone(line: bytes, says: str, tmp_path: Path) -> None:
    good = b"b,individual,Bo,Accra\n"
    rows = list(csv_of(tmp_path, HEADER.encode() + good + line + b"\n" + good + good).rows())
    assert [True, False, True, True] == [row.fault is None for row in rows]
    assert rows[1].fault is not None
    assert says in rows[1].fault.message
    assert [2, 3, 4, 5] == [row.place.line for row in rows]


@pytest.mark.parametrize(
    "line",
    [
        "{'external_id': 'a'}",
        "[1]",
        '{"external_id": "a"',
        '{"a": 1,}',
        "[" * 100_000,
        *('{"owners": ' + "[" * depth + "]" * depth + "}" for depth in (9, 500, 990, 20_000)),
        '{"external_id": "b", "city": "Lagos", "city": "Accra"}',
        '{"external_id": "b", "owners": [{"email": "a@example.com", "email": "b@example.com"}]}',
    ],
    ids=lambda line: line[:30],
)
def test_a_broken_json_line_is_a_fault_of_that_row_alone(line: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"external_id": "a"}}\n{line}\n{{"external_id": "c"}}\n')
    assert [True, False, True] == [row.fault is None for row in Source(path).rows()]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("external_id,frist_name\n", "unknown column frist_name; did you mean first_name?"),
        ("first_name\n", "no column external_id"),
        ("external_id;city\n", "cells are parted by commas, and here by semicolons"),
        ('"city"\t"external_id"\n', "cells are parted by commas, and here by tabs"),
        ("external_id,city,city\n", "column city stands twice"),
        ("external_id,owners\n", "owners and documents need JSON Lines"),
        ("external_id,city\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_a_wrong_header_is_a_fault_of_the_file_and_says_what_to_change(
    content: bytes | str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=says.replace("?", r"\?")):
        csv_of(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    ["p-1,individual,Adaeze,adaeze@example.com\n", "p-1;individual;Adaeze;adaeze@example.com\n", "external_id,Adaeze\n"],
)
def test_a_header_that_may_be_a_row_is_not_quoted(content: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must be the header|the name of column 2 isn't known") as raised:
        csv_of(tmp_path, content)
    assert "daeze" not in str(raised.value)


def test_a_row_is_read_again_only_while_it_is_the_same(tmp_path: Path) -> None:
    source = csv_of(tmp_path, HEADER + "a,individual,Ada,Lagos\nb,individual,Bo,Accra\n")
    _, second = source.rows()
    again = source.again(second.place)
    assert again is not None
    assert second.fields == again.fields
    csv_of(tmp_path, HEADER + "a,individual,Ada,Lagos\nb,individual,Bo,Osaka\n")
    assert source.again(second.place) is None


def test_a_digest_depends_on_what_a_row_says_and_not_on_how_it_is_written(tmp_path: Path) -> None:
    (quoted,) = csv_of(tmp_path, 'external_id,city\n"a","Lagos"\n').rows()
    (turned,) = csv_of(tmp_path, "city,type,external_id\r\nLagos,,a\r\n").rows()
    (other,) = csv_of(tmp_path, "external_id,city\na,Accra\n").rows()
    assert quoted.place.digest == turned.place.digest
    assert quoted.place.digest != other.place.digest


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_memory_does_not_grow_with_the_file(kind: str, tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        if kind == "jsonl":
            path = write_jsonl(tmp_path, map(individual, range(rows)), f"{rows}.jsonl")
        else:
            write_jsonl(tmp_path, [])
            path = tmp_path / f"{rows}.csv"
            with path.open("w", encoding="utf-8") as file:
                file.write(",".join(individual(0)) + "\n")
                file.writelines(",".join(individual(number).values()) + "\n" for number in range(rows))
        tracemalloc.start()
        try:
            checked = sum(not row.faults for row in check_file(path, date(2026, 1, 1)))
            highest = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert rows == checked
        return highest

    peak(10)  # what is loaded once
    small, large = peak(500), peak(5_000)
    assert large < small + 64 * 1024


def test_the_sample_has_300_valid_rows() -> None:
    rows = list(check_file(SAMPLE / "customers.csv"))
    assert 300 == len(rows)
    assert [] == [row for row in rows if row.faults]
