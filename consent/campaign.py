"""The parameters of ``snippets/campaign.toml``: what an address may say of where a visit came from.

A store switches them on by ``campaign = true``. ``browser/src/campaign.js`` then keeps them,
first and last touch apart, each under the purpose that covers it and for the days of the file.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

import msgspec

from consent import data
from consent.errors import DataError, DataErrors
from consent.model import Custom, Pixel, Purpose, Trace

TRACE = Trace("pixelgate_campaign", kind="local")
"""The one key in the browser's local storage; ``browser/src/campaign.js`` has its twin."""

CAMPAIGN = Pixel("pixelgate", "campaign", custom=Custom("", "", "", traces=(TRACE,)))
"""Stands among a store's pixels for what we keep ourselves, where it has ``campaign``: visitors are
asked about it, and what it left goes when the store switches it off, as with a pixel of its own."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)
_HIDDEN = {"constructor", "prototype", "at"}
_LONGEST_DAYS = 400
"""Nobody's attribution looks back longer, and a visitor is not to be remembered for ever."""


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parameter of an address, as its table says it. Its name is the table's, capitals too."""

    purpose: Literal["analytics", "marketing"]
    """What has to be granted before it is stored or handed on."""
    days: int
    """How long it is kept."""
    source: str
    """Where the vendor says so."""
    reviewed: dt.date
    platform: str = ""
    """Whose click id it is; empty: nobody's of ``snippets/``."""
    unverified: tuple[str, ...] = ()
    """Keys for which no source of the vendor's was found."""


class Campaign(Mapping[str, Parameter]):
    """Every known parameter by name, in the order of the file; without any, none is kept."""

    def __init__(self, known: Mapping[str, Parameter] | None = None) -> None:
        self._known = dict(known or {})

    @classmethod
    def load(cls, path: Path | None = None) -> Campaign:
        """Those in the file at ``path``, by default the shipped ``snippets/campaign.toml``.

        Raises:
            DataErrors: with every fault of the file.
            DataError: the file cannot be read.
        """
        file = path or data.folder("snippets") / "campaign.toml"
        name = data.called(file)
        read = data.convert(data.read_toml(file), dict[str, Parameter], file=name)
        found = [DataError(name, key, fault) for key, fault in _faults(read)]
        if found:
            raise DataErrors(found)
        return cls(read)

    def __getitem__(self, name: str) -> Parameter:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def days(self) -> dict[Purpose, dict[str, int]]:
        """Purpose to name to days, as ``campaign.js`` reads it."""
        found: dict[Purpose, dict[str, int]] = {}
        for name, one in self.items():
            found.setdefault(cast(Purpose, one.purpose), {})[name] = one.days
        return found


def _faults(read: Mapping[str, Parameter]) -> Iterator[tuple[str, str]]:
    for name, one in read.items():
        if not _NAME.fullmatch(name) or name in _HIDDEN:
            yield name, "is no name of a parameter; expected one like utm_source"
        if not 1 <= one.days <= _LONGEST_DAYS:
            yield f"{name}.days", f"found {one.days}; expected 1 to {_LONGEST_DAYS}"
        if urlsplit(one.source).scheme != "https":
            yield f"{name}.source", f"{one.source!r} is no https address; expected https://..."
        for mark in one.unverified:
            if mark not in one.__struct_fields__:
                fault = f"{mark!r} is no fact of this table; expected a key of it"
                yield f"{name}.unverified", fault
