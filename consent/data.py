"""The only finder of data folders, and the only reader of the files in them.

The same folder is beside the package in a checkout (``snippets/`` next to ``consent/``) and inside
it in a wheel (``consent/snippets/``). Nothing else in the package knows that.
"""

from __future__ import annotations

import itertools
import re
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

MOST_FAULTS = 100
"""A file in which everything is wrong is not told of line by line."""

_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_ENDLESS_KEY = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*\.[ \t]*{_PART}){{32}}")
"""No file of ours has a key of so many parts, and tomllib takes minutes for longer ones."""


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
    return parse_toml(read_text(path), called(path))


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """``text`` as plain values, in a time that grows with its length and no faster.

    Raises:
        DataError: it is not TOML, or nested without end; ``file`` says where.
    """
    if _ENDLESS_KEY.search(text):
        raise DataError(file, "", "has a key of too many parts; expected at most 32")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(file, "", f"is not TOML ({error}); see https://toml.io") from error


def read_json(path: Path) -> Any:
    try:
        return msgspec.json.decode(read_text(path))
    except (msgspec.DecodeError, RecursionError) as error:
        raise DataError(called(path), "", f"is not JSON ({error}); expected an object") from error


def convert(value: Any, type_: type[T], *, file: str, without: Collection[str] = ()) -> T:
    """``value`` as ``type_``, strictly.

    Args:
        value: what was read: tables as dicts, lists, and plain values.
        type_: a type of which ``msgspec.inspect`` knows what it consists of.
        file: the file's name, for messages.
        without: fields of ``type_`` that the file may not set.

    Raises:
        DataErrors: with every fault, each with its dotted key, what was found and what is accepted;
            of more than ``MOST_FAULTS`` the first.
    """
    found = list(itertools.islice(forms.faults(value, type_, without), MOST_FAULTS + 1))
    if len(found) > MOST_FAULTS:
        found[-1] = ("", f"more than {MOST_FAULTS} faults; these are the first")
    if found:
        raise DataErrors([DataError(file, key, fault) for key, fault in found])
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:  # of a kind that ``forms`` does not know
        raise DataErrors([DataError(file, "", str(error))]) from error
