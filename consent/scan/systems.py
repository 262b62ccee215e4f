"""Shop systems by what their pages show, and how the snippet gets into each: ``systems.toml``.

``snippets/README.md`` explains the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from consent import data
from consent.errors import DataError, DataErrors
from consent.model import is_key

PLAIN = "html"
"""The key of the one that every page may be."""
_LEAST_MARK = 8
_LONGEST_STEP = 240


class System(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shop system, as its table says it."""

    name: str
    steps: tuple[str, ...]
    """How the snippet gets into the shop, a sentence or two each."""
    guide: str
    """The heading in ``snippets/GUIDES.md`` with complete code."""
    marks: tuple[str, ...] = ()
    """Texts of which one stands in every page of it."""
    signal: Literal["", "wordpress", "shopify", "datalayer"] = ""
    """The key of ``[signals]`` that such a shop needs."""
    note: str = ""
    unverified: tuple[str, ...] = ()


class Systems(Mapping[str, System]):
    """Every shop system by its key, in the order of the file."""

    def __init__(self, tables: Mapping[str, System]) -> None:
        self._tables = dict(tables)

    @classmethod
    def load(cls, folder: Path | None = None) -> Systems:
        """Those of ``folder``, by default the shipped ``snippets/``.

        Raises:
            DataErrors: with every fault of the file.
            DataError: it cannot be read.
        """
        root = folder or data.folder("snippets")
        file = root / "systems.toml"
        tables = data.convert(data.read_toml(file), dict[str, System], file=data.called(file))
        guides = (root / "GUIDES.md").read_text(encoding="utf-8")
        faults = [DataError("snippets/systems.toml", *one) for one in _faults(tables, guides)]
        if faults:
            raise DataErrors(faults)
        return cls(tables)

    def __getitem__(self, key: str) -> System:
        return self._tables[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def of(self, text: str) -> str:
        """The key of the first whose mark stands in a page's ``text``; empty when none does."""
        for key, system in self._tables.items():
            if any(mark in text for mark in system.marks):
                return key
        return ""


def _faults(tables: Mapping[str, System], guides: str) -> Iterator[tuple[str, str]]:
    if PLAIN not in tables:
        yield PLAIN, "is missing; expected the system that every other shop is"
    for key, system in tables.items():
        if not is_key(key):
            yield key, "is no key; expected small letters, digits and hyphens"
        if not system.steps:
            yield f"{key}.steps", "is empty; expected at least one sentence"
        for step in system.steps:
            if len(step) > _LONGEST_STEP:
                yield f"{key}.steps", f"{step[:40]!r} is too long; expected {_LONGEST_STEP} at most"
        for mark in system.marks:
            if len(mark) < _LEAST_MARK:
                yield f"{key}.marks", f"{mark!r} is too short; expected {_LEAST_MARK} or more"
        if f"\n## {system.guide}\n" not in guides:
            yield f"{key}.guide", f"{system.guide!r} is no heading of GUIDES.md; expected one"
        for mark in system.unverified:
            if mark not in System.__struct_fields__:
                yield f"{key}.unverified", f"{mark!r} is no key of this table; expected one of its"
