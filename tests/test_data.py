from __future__ import annotations

import uuid
from pathlib import Path

import msgspec
import pytest

from consent import data
from consent.errors import DataError, DataErrors


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    inner: dict[str, int] = {}


def test_toml_that_is_broken_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("name = ")
    with pytest.raises(DataError, match=rf"{tmp_path.name}/a.toml: is not TOML"):
        data.read_toml(path)


def test_json_that_is_broken_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{")
    with pytest.raises(DataError, match=r"a\.json: is not JSON"):
        data.read_json(path)


def test_a_file_that_is_not_there_or_not_utf8_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"b\.toml: cannot be read \(No such file .*expected a file in UTF-8"
    ):
        data.read_toml(tmp_path / "b.toml")
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"c\.toml: cannot be read \(byte 0 is not UTF-8"):
        data.read_toml(tmp_path / "c.toml")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"name": 1}, "name: found 1; expected a text"),
        ({"name": "a", "inner": {"b": "c"}}, "inner.b: found 'c'; expected a whole number"),
        ({"name": "a", "other": 1}, "other: unknown; known are name, inner"),
        ({}, "name: missing; expected a text"),
        ([], "found a list; expected a table with name"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(value: object, fault: str) -> None:
    with pytest.raises(DataErrors) as caught:
        data.convert(value, Shape, file="a.toml")
    assert str(caught.value) == f"a.toml: {fault}"


def test_all_faults_of_a_file_are_told_each_on_its_line() -> None:
    with pytest.raises(DataErrors) as caught:
        data.convert({"nam": "a", "inner": {"b": 1.5}}, Shape, file="a.toml")
    assert str(caught.value).splitlines() == [
        "a.toml: nam: unknown, perhaps name; known are name, inner",
        "a.toml: name: missing; expected a text",
        "a.toml: inner.b: found 1.5; expected a whole number",
    ]


def test_a_field_that_is_not_the_files_to_set_is_unknown_in_it() -> None:
    with pytest.raises(DataErrors, match=r"inner: unknown; known are name$"):
        data.convert({"name": "a", "inner": {}}, Shape, file="a.toml", without=("inner",))


def test_a_fault_of_a_kind_that_has_no_words_of_ours_is_told_in_those_of_msgspec() -> None:
    with pytest.raises(DataErrors, match=r"a\.toml: .*UUID"):
        data.convert("no uuid", uuid.UUID, file="a.toml")


def test_a_folder_that_is_missing_says_where_it_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(data, "_PACKAGE", tmp_path / "consent")
    with pytest.raises(DataError, match=r"snippets: folder not found; expected in"):
        data.folder("snippets")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a = " + "9" * 5000, "is not TOML"),
        ("a = " + "[" * 5000, "is not TOML"),
        ("a = " + "{a=" * 5000, "is not TOML"),
        ("a." * 5000 + "b = 1", "has a key of too many parts"),
        ("[" + "'a' . \"b\"\t." * 5000 + "b]", "has a key of too many parts"),
        ("a = { " + "a-1." * 5000 + "b = 1 }", "has a key of too many parts"),
    ],
    ids=["digits", "lists", "tables", "dots", "quoted", "inline"],
)
def test_toml_that_has_no_end_is_refused_before_it_costs_anything(text: str, fault: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.toml: {fault}"):
        data.parse_toml(text, "a.toml")


def test_words_with_many_dots_are_no_key() -> None:
    prose = "One. Two. Three... " * 100 + "a.b.c.d.e.f.g = [0.1, 0.2]"
    assert data.parse_toml(f"a.b.c.d = '{prose}'", "a.toml")["a"]["b"]["c"]["d"] == prose


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, '"\\ud800"'])
def test_json_that_has_no_end_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=r"a\.json: is not JSON"):
        data.read_json(tmp_path / "a.json")


def test_of_very_many_faults_the_first_are_told() -> None:
    with pytest.raises(DataErrors) as caught:
        data.convert({"name": "a", **{f"k{n}": 1 for n in range(5000)}}, Shape, file="a.toml")
    assert len(caught.value.faults) == data.MOST_FAULTS + 1
    assert caught.value.faults[-1].fault == "more than 100 faults; these are the first"
