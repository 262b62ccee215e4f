"""The only finder of data folders, and the only reader of the files in them.

The same folder is beside the package in a checkout (``snippets/`` next to ``consent/``) and inside
it in a wheel (``consent/snippets/``). Nothing else in the package knows that.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from consent import forms
from consent.errors import DataError, DataErrors

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


def read_text(path: Path, *, name: str | None = None) -> str:
    """The file's text; ``name`` is what messages call it, by default as ``called`` does.

    Raises:
        DataError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else f"byte {error.start} is not UTF-8"
        fault = f"cannot be read ({why}); expected a file in UTF-8"
        raise DataError(name or called(path), "", fault) from error


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


def convert(value: Any, type_: type[T], *, file: str, without: Collection[str] = ()) -> T:
    """``value`` as ``type_``, strictly.

    Args:
        value: what was read: tables as dicts, lists, and plain values.
        type_: a type of which ``msgspec.inspect`` knows what it consists of.
        file: the file's name, for messages.
        without: fields of ``type_`` that the file may not set.

    Raises:
        DataErrors: with every fault, each with its dotted key, what was found and what is accepted.
    """
    found = tuple(forms.faults(value, type_, without))
    if found:
        raise DataErrors([DataError(file, key, fault) for key, fault in found])
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:  # of a kind that ``forms`` does not know
        raise DataErrors([DataError(file, "", str(error))]) from error
