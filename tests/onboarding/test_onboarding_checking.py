"""Checking: every fault of a row is found before the first call, with its field and a remedy."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from blaaiz_async.onboarding import check_file
from blaaiz_async.onboarding.filecheck import FileRefusedError, find_file
from tests.onboarding.support import business, individual, owner, write_jsonl

TODAY = date(2026, 6, 1)


def faults_of(tmp_path: Path, *rows: dict[str, Any]) -> list[list[tuple[str, str]]]:
    checked = check_file(write_jsonl(tmp_path, rows), TODAY)
    return [[(fault.field, fault.rule) for fault in row.faults] for row in checked]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"external_id": None}, "external_id"),
        ({"external_id": ""}, "external_id"),
        ({"external_id": 7}, "external_id"),
        ({"external_id": "a\nb"}, "external_id"),
        ({"type": None}, "type"),
        ({"type": "person"}, "type"),
        ({"email": None}, "email"),
        ({"email": "ada@"}, "email"),
        ({"country": "Nigeria"}, "country"),
        ({"country": "XX"}, "country"),
        ({"country": "ng"}, "country"),
        ({"first_name": None}, "first_name"),
        ({"last_name": "  "}, "last_name"),
        ({"id_type": "id_card"}, "id_type"),
        ({"id_number": None}, "id_number"),
        ({"phone": "08012345678"}, "phone"),
        ({"phone": "+234 801 234 5678"}, "phone"),
        ({"dob": "31/01/1990"}, "dob"),
        ({"dob": "1990-02-30"}, "dob"),
        ({"id_expiry_date": "20300101"}, "id_expiry_date"),
        ({"registration_number": "RC1"}, "registration_number"),
        ({"kyb_scope": "FULL"}, "kyb_scope"),
        ({"owners": []}, "owners"),
        ({"documents": [{"type": "OTHER"}]}, "documents"),
        ({"frist_name": "Ada"}, "frist_name"),
        ({"id_file": None}, "id_file"),
        ({"id_file": 5}, "id_file"),
        ({"id_type": "passport"}, "id_file_back"),
    ],
    ids=str,
)
def test_a_fault_of_an_individual_is_found(changes: dict[str, Any], field: str, tmp_path: Path) -> None:
    ((found,),) = faults_of(tmp_path, individual(1, **changes))
    assert field == found[0]


def _owners(*owners: dict[str, Any]) -> dict[str, Any]:
    return {"owners": list(owners)}


def _document(**changes: Any) -> dict[str, Any]:
    given = {"type": "CAC_STATUS_REPORT", "name": "Report", "file": "documents/utility_bill.pdf", **changes}
    return {"documents": [{name: value for name, value in given.items() if value is not None}]}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"business_name": None}, "business_name"),
        ({"registration_number": None}, "registration_number"),
        ({"incorporation_country": None}, "incorporation_country"),
        ({"incorporation_country": "GH"}, "country"),
        ({"incorporation_date": "2026-06-01"}, "incorporation_date"),
        ({"id_number": "A1"}, "id_number"),
        ({"id_file": "documents/passport.jpg"}, "id_file"),
        ({"operating_city": "Lagos"}, "operating_country"),
        ({"expected_monthly_payments": "many"}, "expected_monthly_payments"),
        ({"owners": None}, "owners"),
        ({"owners": None, "kyb_scope": None}, "owners"),
        ({"owners": "Ada"}, "owners"),
        (_owners(owner(1, 50), owner(2, 49)), "owners"),
        (_owners(owner(1, "99.99")), "owners"),
        (_owners(*(owner(number, 20) for number in range(5)), owner(6, 0)), "owners"),
        (_owners(owner(1, 60), owner(2, 40, email="OWNER1@example.com")), "owners.1.email"),
        (_owners(owner(1, 100, date_of_birth="2008-06-02")), "owners.0.date_of_birth"),
        (_owners(owner(1, 100, id_expiry_date="2026-06-01")), "owners.0.id_expiry_date"),
        (_owners(owner(1, 100, phone="12")), "owners.0.phone"),
        (_owners(owner(1, 100, street="Short")), "owners.0.street"),
        (_owners(owner(1, 100, nationality="Ghana")), "owners.0.nationality"),
        (_owners(owner(1, 100, id_document_front=None)), "owners.0.id_document_front"),
        (_owners(owner(1, 100, id_document_back=None)), "owners.0.id_document_back"),
        (_owners(owner(1, 100, id_document_type="passport")), "owners.0.id_document_back"),
        (_owners(owner(1, 100, id_document_front="documents/none.jpg")), "owners.0.id_document_front"),
        (_owners(owner(1, 100, nick="Ada")), "owners.0.nick"),
        ({"documents": []}, "documents"),
        ({"documents": [], "kyb_scope": "MINIMAL"}, "documents"),
        (_document(type="OTHER"), "documents"),
        ({"documents": [*_document()["documents"], *_document(type="PASSPORT")["documents"]]}, "documents.1.type"),
        (_document(name=None), "documents.0.name"),
        (_document(file=None), "documents.0.file"),
        (_document(file="documents/none.pdf"), "documents.0.file"),
        (_document(path="x"), "documents.0.path"),
    ],
    ids=str,
)
def test_a_fault_of_a_business_is_found(changes: dict[str, Any], field: str, tmp_path: Path) -> None:
    ((found,),) = faults_of(tmp_path, business(1, **changes))
    assert field == found[0]


def test_valid_rows_have_no_fault(tmp_path: Path) -> None:
    thirds = [owner(1, "33.33"), owner(2, 33.33), owner(3, 33.34)]
    passport = owner(1, 100, id_document_type="passport", id_document_back=None)
    rows = [
        individual(1),
        individual(2, id_type="passport", id_file_back=None, phone=None),
        business(1),
        business(2, owners=thirds),
        business(3, owners=[passport], kyb_scope=None),
        business(4, owners=None, kyb_scope="MINIMAL"),
        business(5, owners=[owner(1, 10)], kyb_scope="MINIMAL"),
    ]
    assert [[]] * len(rows) == faults_of(tmp_path, *rows)


def test_all_faults_of_a_row_come_at_once(tmp_path: Path) -> None:
    row = individual(1, email="no", country="Nigeria", phone="1", dob="x", id_file="none", first_name=None, nonsense=1)
    (found,) = faults_of(tmp_path, row)
    assert {"email", "country", "phone", "dob", "id_file", "first_name", "nonsense"} == {field for field, _ in found}


def test_a_missing_type_hides_no_fault_that_does_not_depend_on_it(tmp_path: Path) -> None:
    faulty = {"email": "no", "country": "Nigeria", "phone": "1", "dob": "x", "id_file": "none", "first_name": " "}
    company = {"documents": [5], "owners": [owner(1, 100, street="Short", id_document_front="none")], "website": "x"}
    for kind in (None, "person", 5):
        person, firm = faults_of(tmp_path, individual(1, **faulty, type=kind), business(1, **company, type=kind))
        assert {"type", *faulty} == {field for field, _ in person}
        assert {"type", "documents.0", "owners.0.street", "owners.0.id_document_front", "website"} == {
            field for field, _ in firm
        }


def test_a_fault_of_one_document_or_owner_hides_none_of_the_others(tmp_path: Path) -> None:
    (documents,) = faults_of(tmp_path, business(1, documents=[5, {"type": "OTHER", "name": "Letter"}]))
    assert {"documents", "documents.0", "documents.1.file"} == {field for field, _ in documents}

    unreadable = owner(1, 60, date_of_birth="x", email=7)
    same = [owner(2, 30, street="Short"), owner(3, 30, email="owner2@example.com")]
    (owners,) = faults_of(tmp_path, business(1, owners=[unreadable, *same]))
    assert {"owners", "owners.0.date_of_birth", "owners.0.email", "owners.1.street", "owners.2.email"} == {
        field for field, _ in owners
    }


def test_an_owner_that_is_no_object_keeps_its_place(tmp_path: Path) -> None:
    (found,) = faults_of(tmp_path, business(1, owners=[5, owner(1, 100, street="Short", phone="1", nick="A")]))
    assert [("owners.0", "value")] == [each for each in found if each[0].startswith("owners.0")]
    assert {"owners.1.street", "owners.1.phone", "owners.1.nick"} == {
        field for field, _ in found if field.startswith("owners.1")
    }


def test_a_later_row_with_the_same_external_id_or_the_same_person_is_refused(tmp_path: Path) -> None:
    rows = [
        individual(1),
        individual(2, external_id="p-1"),
        individual(1, external_id="p-3"),
        business(1),
        business(1, external_id="b-2", email="other@example.com"),
    ]
    duplicate, same = [("external_id", "duplicate")], [("", "duplicate_customer")]
    assert [[], duplicate, same, [], same] == faults_of(tmp_path, *rows)


def test_a_fault_never_holds_a_value_of_the_row(tmp_path: Path) -> None:
    secret = "SecretValue"
    rows = [
        individual(1, **{name: secret for name in individual(1) if name not in {"external_id", "type"}}),
        individual(2, external_id=f"{secret}\n"),
        business(1, email=secret, owners=[owner(1, secret, email=secret, id_document_front=secret)]),
    ]
    checked = list(check_file(write_jsonl(tmp_path, rows), TODAY))
    assert all(row.faults for row in checked)
    assert [] == [fault for row in checked for fault in row.faults if secret in str(fault)]


def _outside(folder: Path) -> str:
    (folder.parent / "outside.pdf").write_bytes(b"%PDF-1.7")
    return "../outside.pdf"


def _absolute(folder: Path) -> str:
    return str((folder / _outside(folder)).resolve())


def _link(folder: Path) -> str:
    _outside(folder)
    (folder / "link.pdf").symlink_to(folder.parent / "outside.pdf")
    return "link.pdf"


def _linked_folder(folder: Path) -> str:
    _outside(folder)
    (folder / "linked").symlink_to(folder.parent, target_is_directory=True)
    return "linked/outside.pdf"


def _loop(folder: Path) -> str:
    (folder / "loop").symlink_to("loop")
    return "loop"


def _pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe")
    return "pipe"


def _large(folder: Path) -> str:
    with (folder / "large.pdf").open("wb") as file:
        file.write(b"%PDF-1.7")
        file.truncate(25 * 1024 * 1024 + 1)
    return "large.pdf"


def _with(content: bytes) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        (folder / "file.jpg").write_bytes(content)
        return "file.jpg"

    return make


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (_outside, "path_escape"),
        (_absolute, "path_escape"),
        (_link, "path_escape"),
        (_linked_folder, "path_escape"),
        (_loop, "missing_file"),
        (lambda _: "nowhere.jpg", "missing_file"),
        (lambda _: "nul\0.jpg", "missing_file"),
        (lambda _: "x" * 5000, "missing_file"),
        (lambda _: ".", "not_a_file"),
        (_pipe, "not_a_file"),
        (_with(b""), "empty_file"),
        (_with(b"hello"), "not_an_image"),
        (_large, "too_large"),
    ],
)
def test_a_file_that_may_not_be_sent_is_refused(make: Callable[[Path], str], rule: str, tmp_path: Path) -> None:
    folder = tmp_path / "input"
    folder.mkdir()
    with pytest.raises(FileRefusedError) as refused:
        find_file(folder, make(folder))
    assert rule == refused.value.rule


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7"])
def test_a_file_is_judged_by_its_content_and_may_be_a_link_inside_the_folder(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_bytes(content)
    (tmp_path / "link.txt").symlink_to("file.txt")
    assert (tmp_path / "file.txt").resolve() == find_file(tmp_path, "link.txt")
