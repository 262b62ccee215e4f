"""Whom a scan knows by name besides the platforms: other consent systems, and third parties.

Two files of ``snippets/``, ``consents.toml`` and ``thirdparties.toml``; ``snippets/README.md``
explains both.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from consent import data
from consent.errors import DataError, DataErrors
from consent.model import is_key
from consent.platforms import pasted
from consent.platforms.pasted import Address

T = TypeVar("T")
Kind = Literal["tracker", "content", "tool"]


class ConsentSystem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another consent system, as its table says it."""

    name: str
    source: str
    """Where the vendor says so."""
    reviewed: dt.date
    scripts: tuple[str, ...] = ()
    """Addresses of its scripts, as ``pasted.address`` reads them."""
    marks: tuple[str, ...] = ()
    """Texts that stand in a page that has it."""
    unverified: tuple[str, ...] = ()


class ThirdParty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody whose scripts, pictures or styles pages load."""

    name: str
    kind: Kind
    """Measures or advertises; shows something of its own; or does what the page is for."""
    hosts: tuple[str, ...]
    """Each a host, or ``*.host`` for all below it; a path after it narrows it down."""
    unverified: tuple[str, ...] = ()


class Others(NamedTuple):
    """What both files say."""

    systems: Sequence[ConsentSystem]
    parties: Sequence[ThirdParty]

    @classmethod
    def load(cls, folder: Path | None = None) -> Others:
        """Those of ``folder``, by default the shipped ``snippets/``.

        Raises:
            DataErrors: with every fault of both files.
            DataError: one of them cannot be read.
        """
        root = folder or data.folder("snippets")
        systems = _read(root / "consents.toml", dict[str, ConsentSystem])
        parties = _read(root / "thirdparties.toml", dict[str, ThirdParty])
        found = [
            *(DataError("snippets/consents.toml", *one) for one in _system_faults(systems)),
            *(DataError("snippets/thirdparties.toml", *one) for one in _party_faults(parties)),
        ]
        if found:
            raise DataErrors(found)
        return cls(tuple(systems.values()), tuple(parties.values()))

    def __len__(self) -> int:
        return len(self.systems) + len(self.parties)


class Places(Generic[T]):
    """Who is at which host. Of patterns on one host the first that fits counts.

    Args:
        known: ``host.example``, ``*.host.example`` for all below, or one with a path; and who.
    """

    def __init__(self, known: Iterable[tuple[str, T]]) -> None:
        self._by_host: dict[str, list[tuple[str, T]]] = {}
        for pattern, who in known:
            host = pattern.partition("/")[0].removeprefix("*.")
            self._by_host.setdefault(host, []).append((pattern, who))

    def find(self, url: str) -> T | None:
        """Who is at ``url``, as far as it is known."""
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            return None
        while host:
            for pattern, who in self._by_host.get(host, ()):
                if at(pattern, url):
                    return who
            host = host.partition(".")[2]
        return None


def addresses(system: ConsentSystem) -> tuple[Address, ...]:
    return tuple(map(pasted.address, system.scripts))


def at(pattern: str, url: str) -> bool:
    """Whether ``url`` is on the host that ``pattern`` names, and below its path."""
    try:
        split = urlsplit(url)
        found = split.hostname or ""
    except ValueError:
        return False
    host, slash, path = pattern.partition("/")
    below = host.startswith("*.") and (found.endswith(host[1:]) or found == host[2:])
    if not below and found != host:
        return False
    return not slash or split.path == f"/{path}" or split.path.startswith(f"/{path}/")


def _read(file: Path, type_: type[Mapping[str, msgspec.Struct]]) -> dict:  # type: ignore[type-arg]
    return dict(data.convert(data.read_toml(file), type_, file=data.called(file)))


def _system_faults(systems: Mapping[str, ConsentSystem]) -> Iterator[tuple[str, str]]:
    for key, system in systems.items():
        yield from _key_faults(key, system)
        if urlsplit(system.source).scheme != "https":
            yield f"{key}.source", f"{system.source!r} is no https address; expected https://..."
        if not system.scripts and not system.marks:
            yield key, "has neither scripts nor marks; expected one of them"
        for one in system.scripts:
            if not pasted.ADDRESS.fullmatch(one) or "{" in one:
                expected = "host.example/path, with * for any stretch"
                yield f"{key}.scripts", f"{one!r} is no address; expected {expected}"
        for mark in system.marks:
            if len(mark) < 6:
                yield f"{key}.marks", f"{mark!r} is too short; expected 6 characters or more"


def _party_faults(parties: Mapping[str, ThirdParty]) -> Iterator[tuple[str, str]]:
    owners: dict[str, str] = {}
    for key, party in parties.items():
        yield from _key_faults(key, party)
        if not party.hosts:
            yield f"{key}.hosts", "is empty; expected at least one host"
        for host in party.hosts:
            if not pasted.ADDRESS.fullmatch(f"{host}/") or host.startswith(("*/", "{")):
                expected = "host.example, *.host.example or host.example/path"
                yield f"{key}.hosts", f"{host!r} is no host; expected {expected}"
            if owners.setdefault(host, key) != key:
                yield f"{key}.hosts", f"{host!r} is also in {owners[host]}; expected it once"


def _key_faults(key: str, table: ConsentSystem | ThirdParty) -> Iterator[tuple[str, str]]:
    if not is_key(key):
        yield key, "is no key; expected small letters, digits and hyphens"
    for mark in table.unverified:
        if mark not in table.__struct_fields__:
            yield f"{key}.unverified", f"{mark!r} is no key of this table; expected one of its"
