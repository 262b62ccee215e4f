from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from consent import data
from consent.errors import DataError


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
    with pytest.raises(DataError, match=r"b\.toml: cannot be read"):
        data.read_toml(tmp_path / "b.toml")
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"c\.toml: cannot be read"):
        data.read_toml(tmp_path / "c.toml")


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"name": 1}, "name"),
        ({"name": "a", "inner": {"b": "c"}}, "inner"),
        ({"name": "a", "other": 1}, ""),
        ({}, ""),
    ],
)
def test_a_wrong_value_is_named_by_its_key(value: object, key: str) -> None:
    with pytest.raises(DataError) as caught:
        data.convert(value, Shape, file="a.toml")
    assert caught.value.key.startswith(key)
    assert str(caught.value).startswith("a.toml: ")


def test_a_folder_that_is_missing_says_where_it_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(data, "_PACKAGE", tmp_path / "consent")
    with pytest.raises(DataError, match=r"snippets: folder not found; expected in"):
        data.folder("snippets")
