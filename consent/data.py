"""The only finder of data folders, and the only reader of the files in them.

The same folder is beside the package in a checkout (``snippets/`` next to ``consent/``) and inside
it in a wheel (``consent/snippets/``). Nothing else in the package knows that.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from consent.errors import DataError

Folder = Literal["snippets", "locales", "regimes", "data", "browser"]
T = TypeVar("T")

_PACKAGE = Path(__file__).resolve().parent


def folder(name: Folder) -> Path:
    """The folder called ``name``, in a wheel or in a checkout.

    Raises:
        DataError: the installation is incomplete; it names the places looked at.
    """
    for candidate in (_PACKAGE / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise DataError(name, "", f"folder not found; expected in {_PACKAGE} or {_PACKAGE.parent}")


def called(path: Path) -> str:
    """The file's name as its editor knows it: ``regimes/us-ca.toml``."""
    return "/".join(path.parts[-2:])


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(called(path), "", f"cannot be read ({error}); expected UTF-8") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The file as plain values.

    Raises:
        DataError: it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise DataError(called(path), "", f"is not TOML ({error}); see https://toml.io") from error


def read_json(path: Path) -> Any:
    try:
        return msgspec.json.decode(read_text(path))
    except msgspec.DecodeError as error:
        raise DataError(called(path), "", f"is not JSON ({error}); expected an object") from error


def convert(value: Any, type_: type[T], *, file: str) -> T:
    """``value`` as ``type_``, strictly.

    Raises:
        DataError: with the dotted key that is wrong, and what was expected there.
    """
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        fault, _, where = str(error).partition(" - at `")
        raise DataError(
            file, where.rstrip("`").removeprefix("$").removeprefix("."), fault
        ) from error
