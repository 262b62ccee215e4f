"""The vendors of ``snippets/embeds.toml``: whose content a page may embed, and where it is read up.

A placeholder names the vendor of a frame by the host that the frame would load from.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload
from urllib.parse import urlsplit

import msgspec

from consent import data
from consent.errors import DataError, DataErrors
from consent.model import is_key

_PLACE = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+(/[\w.-]+)*", re.ASCII)


class Embed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service that pages embed, as its table says it."""

    name: str
    vendor: str
    """Who receives the data."""
    privacy_url: str
    hosts: tuple[str, ...]
    """Each a host, or ``*.host`` for all below it; a path after it narrows it down."""
    source: str
    """Where the vendor says so."""
    reviewed: dt.date
    unverified: tuple[str, ...] = ()
    """Keys, and ``hosts.HOST``, for which no source of the vendor's was found."""


class Embeds(Sequence[Embed]):
    """Every known service, in the order of the file; without any, each host stands for itself."""

    def __init__(self, known: Iterable[Embed] = ()) -> None:
        self._known = tuple(known)

    @classmethod
    def load(cls, path: Path | None = None) -> Embeds:
        """Those in the file at ``path``, by default the shipped ``snippets/embeds.toml``.

        Raises:
            DataErrors: with every fault of the file.
            DataError: the file cannot be read.
        """
        file = path or data.folder("snippets") / "embeds.toml"
        name = data.called(file)
        read = data.convert(data.read_toml(file), dict[str, Embed], file=name)
        found = [DataError(name, key, fault) for key, fault in _faults(read)]
        if found:
            raise DataErrors(found)
        return cls(read.values())

    @overload
    def __getitem__(self, index: int) -> Embed: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Embed]: ...
    def __getitem__(self, index: int | slice) -> Embed | Sequence[Embed]:
        return self._known[index]

    def __len__(self) -> int:
        return len(self._known)


def _is_https(address: str) -> bool:
    try:
        return urlsplit(address).scheme == "https"
    except ValueError:  # of a host in brackets that is none
        return False


def _faults(read: dict[str, Embed]) -> Iterator[tuple[str, str]]:
    owners: dict[str, str] = {}
    for key, embed in read.items():
        if not is_key(key):
            yield key, "is no key; expected small letters, digits and hyphens"
        for field in ("privacy_url", "source"):
            if not _is_https(getattr(embed, field)):
                found = getattr(embed, field)
                yield f"{key}.{field}", f"{found!r} is no https address; expected https://..."
        if not embed.hosts:
            yield f"{key}.hosts", "is empty; expected at least one host"
        for host in embed.hosts:
            if not _PLACE.fullmatch(host):
                expected = "host.example, *.host.example or host.example/path"
                yield f"{key}.hosts", f"{host!r} is no host; expected {expected}"
            owner = owners.setdefault(host, key)
            if owner != key:
                yield f"{key}.hosts", f"{host!r} is also in {owner}; expected it once"
        facts = {*embed.__struct_fields__, *(f"hosts.{host}" for host in embed.hosts)}
        for mark in embed.unverified:
            if mark not in facts:
                fault = f"{mark!r} is no fact of this table; expected a key of it"
                yield f"{key}.unverified", fault
