"""The shipped place database, and the script that builds it."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geoip2.database
import pytest
from geoip2.errors import AddressNotFoundError
from hypothesis import given
from hypothesis import strategies as st
from maxminddb.decoder import Decoder

from consent import data
from consent.errors import DataError
from consent.geo import Geo
from consent.model import Place
from consent.web.app import utcnow
from tests.places import build

FOLDER = data.folder("data")
EPOCH = 1780666922
SHIPPED = FOLDER / "places.mmdb"

SOURCE = {
    "1.0.0.0/24": ("AU", "Queensland"),
    "1.0.1.0/26": ("US", "California"),
    "1.0.1.64/26": ("US", "California"),
    "1.0.1.128/25": ("US", "Nevada"),
    # The same two halves one level up and one level down: they must not become one.
    "2.0.0.0/10": ("ES", "Madrid"),
    "2.64.0.0/10": ("RO", "Vrancea"),
    "2.128.0.0/9": ("ES", "Madrid"),
    "3.0.0.0/9": ("ES", "Madrid"),
    "3.128.0.0/9": ("RO", "Vrancea"),
    "4.0.0.0/10": ("ES", "Madrid"),
    "4.64.0.0/10": ("RO", "Vrancea"),
    "4.128.0.0/10": ("ES", "Madrid"),
    "4.192.0.0/10": ("RO", "Vrancea"),
    "5.0.0.0/8": ("CA", "Québec"),
    "6.0.0.0/8": ("US", "Elsewhere"),
    "7.0.0.0/8": ("ZZ", ""),
}


def write(networks: Mapping[str, tuple[str, str]], records: Mapping[Any, Any]) -> bytes:
    """A small source: an IPv4 tree whose places are written as ``records`` says."""
    tree = build.Tree()

    def value(prefix: int, length: int) -> int:
        here = ipaddress.ip_network((prefix << (32 - length), length))
        for text, where in networks.items():
            if here.subnet_of(ipaddress.ip_network(text)):
                return int(tree.place(where))
        if length == 32 or not any(ipaddress.ip_network(n).subnet_of(here) for n in networks):
            return 0
        halves = (value(prefix << 1, length + 1), value(prefix << 1 | 1, length + 1))
        return int(tree.join(*halves))

    root = value(0, 0)
    content = build.to_bytes(
        tree, root, epoch=EPOCH, kind="city ipv4", ip_version=4, schema=records.__getitem__
    )
    return bytes(content)


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("places")
    source = folder / "source.mmdb"
    flat = {w: {"country_code": w[0], "state1": w[1], "city": "x" * 300} for w in SOURCE.values()}
    source.write_bytes(write(SOURCE, flat))
    read = build.Source(source)
    tree, root = build.reduce([read])
    out = folder / "places.mmdb"
    out.write_bytes(build.to_bytes(tree, root, epoch=read.epoch))
    return out, read, tree.networks(root)


@pytest.mark.parametrize(
    ("ip", "code"),
    [
        ("1.0.0.9", "AU"),
        ("1.0.1.10", "US-CA"),
        ("1.0.1.127", "US-CA"),
        ("1.0.1.128", "US-NV"),
        ("1.0.2.1", ""),
        ("2.0.0.1", "ES"),
        ("2.64.0.1", "RO"),
        ("2.128.0.1", "ES"),
        ("3.64.0.1", "ES"),
        ("3.128.0.1", "RO"),
        ("4.63.255.255", "ES"),
        ("4.64.0.0", "RO"),
        ("4.128.0.0", "ES"),
        ("4.255.255.255", "RO"),
        ("5.1.1.1", "CA-QC"),
        ("6.1.1.1", "US"),
        ("7.1.1.1", ""),
        ("2a00::1", ""),
    ],
)
def test_a_built_file_has_the_places_of_its_source(rebuilt: Any, ip: str, code: str) -> None:
    geo = Geo(rebuilt[0], [], now=utcnow)
    assert geo.lookup(ip).code == code
    geo.close()


def test_equal_neighbours_become_one_network(rebuilt: Any) -> None:
    out, _, networks = rebuilt
    with geoip2.database.Reader(out) as reader:
        assert reader.city("1.0.1.10").traits.network == ipaddress.ip_network("1.0.1.0/25")
    # Two neighbours became one, and ZZ is no place.
    assert networks == len(SOURCE) - 2


def test_a_region_without_a_code_is_reported(rebuilt: Any) -> None:
    assert rebuilt[1].unmapped == {("US", "Elsewhere"): 1}


def test_the_same_source_gives_the_same_bytes(rebuilt: Any) -> None:
    out, read, _ = rebuilt
    again = build.Source(out.with_name("source.mmdb"))
    tree, root = build.reduce([again])
    assert build.to_bytes(tree, root, epoch=read.epoch) == out.read_bytes()


def test_geoip2s_own_schema_is_read_as_well(tmp_path: Path, rebuilt: Any) -> None:
    named = {
        where: {
            "country": {"iso_code": where[0]},
            "subdivisions": [{"names": {"en": where[1]}}],
        }
        for where in SOURCE.values()
    }
    source = tmp_path / "geoip2.mmdb"
    source.write_bytes(write(SOURCE, named))
    tree, root = build.reduce([build.Source(source)])
    assert build.to_bytes(tree, root, epoch=EPOCH) == rebuilt[0].read_bytes()


def test_every_state_and_province_has_a_code_of_its_own() -> None:
    codes = build._subdivisions()
    states = {code for (country, _), code in codes.items() if country == "US"}
    assert (len(states), len(codes) - len(states)) == (57, 13)
    assert codes["US", "california"] == "CA"
    assert codes["CA", "newfoundland and labrador"] == "NL"


def test_a_country_database_gives_the_country_alone(tmp_path: Path) -> None:
    tree = build.Tree()
    root = tree.join(tree.place(("DE", "")), tree.place(("US", "CA")))
    file = tmp_path / "country.mmdb"
    file.write_bytes(build.to_bytes(tree, root, epoch=1, kind="GeoLite2-Country", ip_version=4))
    geo = Geo(file, [], now=utcnow)
    assert geo.lookup("200.1.1.1") == Place("US", None, "database")
    geo.close()
    file.write_bytes(build.to_bytes(tree, root, epoch=1, kind="GeoLite2-ASN", ip_version=4))
    with pytest.raises(DataError, match="expected a City or a Country database"):
        Geo(file, [], now=utcnow)


@given(st.integers(0, 65_000))
def test_long_and_short_text_is_written_as_readers_read_it(length: int) -> None:
    content = build.encode({"k": ["x" * length]})
    assert Decoder(content, 0).decode(0)[0] == {"k": ["x" * length]}


def test_the_shipped_file_is_small_recent_and_says_where_it_is_from() -> None:
    with geoip2.database.Reader(SHIPPED) as reader:
        metadata = reader.metadata()
    assert SHIPPED.stat().st_size < 9_000_000
    assert metadata.database_type == "Pixelgate-Places-City"
    assert metadata.ip_version == 6
    assert "DB-IP" in metadata.description["en"]
    assert "CC BY 4.0" in metadata.description["en"]
    assert metadata.build_epoch >= EPOCH
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"{SHIPPED.stat().st_size:,}".replace(",", " ") in readme
    assert "https://db-ip.com" in readme


def test_the_shipped_file_names_no_subdivision_outside_the_us_and_canada() -> None:
    seen: set[str] = set()
    with geoip2.database.Reader(SHIPPED) as reader:
        for number in range(0, 1 << 32, 1 << 16):
            ip = ipaddress.IPv4Address(struct.pack(">I", number))
            try:
                found = reader.city(ip)
            except AddressNotFoundError:
                continue
            assert found.country.iso_code is not None
            seen.add(found.country.iso_code)
            if found.country.iso_code in ("US", "CA"):
                assert found.subdivisions[0].iso_code is not None
            else:
                assert len(found.subdivisions) == 0
    assert len(seen) > 150
