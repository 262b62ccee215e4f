"""Which place databases can serve: MaxMind's own test files, DB-IP's form, and damaged ones."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from consent.errors import DataError
from consent.geo import Geo
from consent.geo.placefile import PlaceFile
from consent.model import Place
from consent.web.app import utcnow
from tests import places

MAXMIND = Path(__file__).parent / "data" / "maxmind"
EXPECTED: Mapping[str, Mapping[str, list[str | None]]] = json.loads(
    (MAXMIND / "expected.json").read_text(encoding="utf-8")
)


def opened(path: Path) -> Geo:
    return Geo(path, [], now=utcnow)


class Networks:
    """What one of MaxMind's databases is made of; those in ``::/96`` are IPv4."""

    def __init__(self, values: Mapping[str, list[str | None]]) -> None:
        self._ranges = []
        for text, value in values.items():
            network = ipaddress.ip_network(text, strict=False)
            self._ranges.append((int(network[0]), int(network[-1]), value))

    def __iter__(self) -> Iterator[tuple[str, list[str | None]]]:
        """The first address of each, and what the narrowest network with that in it says."""
        for first, _, _ in self._ranges:
            holding = [(end - start, v) for start, end, v in self._ranges if start <= first <= end]
            ip = ipaddress.IPv4Address(first) if first < 1 << 32 else ipaddress.IPv6Address(first)
            yield str(ip), min(holding, key=lambda pair: pair[0])[1]


@pytest.mark.parametrize("name", EXPECTED)
def test_maxminds_own_databases_say_what_maxmind_says(name: str) -> None:
    geo = opened(MAXMIND / f"{name}.mmdb")
    for ip, (country, part) in Networks(EXPECTED[name]):
        found = geo.lookup(ip)
        assert found.country == country, ip
        assert found.subdivision == (f"US-{part}" if country == "US" and part else None), ip
    assert geo.database.kind == name.removesuffix("-Test")
    assert not geo.unreadable
    geo.close()


def test_where_an_address_is_registered_is_not_where_the_visitor_is(tmp_path: Path) -> None:
    registered = {
        "registered_country": {"iso_code": "US"},
        "represented_country": {"iso_code": "US"},
        "continent": {"code": "EU"},
    }
    file = tmp_path / "registered.mmdb"
    file.write_bytes(places.content(kind="GeoLite2-City", schema=lambda where: registered))
    geo = opened(file)
    assert geo.lookup("128.97.27.37") == Place()
    geo.close()


@pytest.mark.parametrize("country", ["A1", "A2", "O1", "T1", "EU", "AP", "XX", "ZZ", "", "usa"])
def test_a_code_that_is_no_country_is_an_unknown_place(tmp_path: Path, country: str) -> None:
    record = {"country": {"iso_code": country}, "traits": {"connection_type": "Corporate"}}
    file = tmp_path / "anonymous.mmdb"
    file.write_bytes(places.content(kind="GeoIP2-City", schema=lambda where: record))
    geo = opened(file)
    assert geo.lookup("128.97.27.37") == Place()
    geo.close()


def test_db_ip_names_states_and_they_become_codes(tmp_path: Path) -> None:
    geo = opened(places.write(tmp_path / "db-ip.mmdb"))
    for ip, code in (("128.97.27.37", "US-CA"), ("132.206.1.1", "CA-QC"), ("130.149.7.1", "DE")):
        assert geo.lookup(ip).code == code
    assert geo.database.credit == ("IP Geolocation by DB-IP", "https://db-ip.com")
    geo.close()


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("DBIP-Country-Lite", "US"),
        ("DBIP-City", "US-CA"),
        ("DBIP-Location (compat=City)", "US-CA"),
        ("DBIP-Location-ISP (compat=Enterprise)", "US-CA"),
        ("GeoIP2-City-North-America", "US-CA"),
    ],
)
def test_every_kind_with_countries_serves(tmp_path: Path, kind: str, code: str) -> None:
    geo = opened(places.write(tmp_path / "places.mmdb", kind=kind))
    assert geo.lookup("128.97.27.37").code == code
    geo.close()


def test_a_database_of_ipv4_alone_knows_no_ipv6(tmp_path: Path) -> None:
    geo = opened(places.write(tmp_path / "four.mmdb", ip_version=4))
    assert geo.lookup("128.97.27.37").code == "US-CA"
    assert geo.lookup("2001:200:180::1") == Place()
    assert not geo.unreadable
    geo.close()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("GeoIP2-Anonymous-IP-Test", "'GeoIP2-Anonymous-IP'; expected a City or a Country"),
        ("MaxMind-DB-string-value-entries", "expected a City or a Country"),
        ("MaxMind-DB-test-broken-search-tree-24", "expected a City or a Country"),
        ("GeoIP2-City-Test-Invalid-Node-Count", "cannot be opened (it does not end as one)"),
    ],
)
def test_a_file_that_cannot_serve_is_refused(name: str, fault: str) -> None:
    with pytest.raises(DataError) as caught:
        opened(MAXMIND / f"{name}.mmdb")
    assert fault in str(caught.value)
    assert f"maxmind/{name}.mmdb: " in str(caught.value)
    assert "pixelgate-" not in str(caught.value)  # the copy that was opened


def test_a_damaged_tree_is_found_before_it_serves(tmp_path: Path) -> None:
    whole = places.content()
    damaged = tmp_path / "damaged.mmdb"
    damaged.write_bytes(bytes([255]) * 600 + whole[600:])
    with pytest.raises(DataError, match=r"damaged\.mmdb: is damaged"):
        opened(damaged)


def test_damage_found_while_serving_is_an_unknown_place_and_names_no_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    geo = opened(MAXMIND / "GeoIP2-City-Test-Broken-Double-Format.mmdb")
    for ip, _ in Networks(EXPECTED["GeoIP2-City-Test"]):
        before, found = geo.unreadable, geo.lookup(ip)
        assert geo.unreadable == before or found == Place()
    said = capsys.readouterr().out
    assert geo.unreadable > 1
    assert said.count("place database damaged") == 1
    assert not any(ip in said for ip, _ in Networks(EXPECTED["GeoIP2-City-Test"]))
    geo.close()


def test_a_closed_database_knows_nothing_more(tmp_path: Path) -> None:
    geo = opened(places.write(tmp_path / "places.mmdb"))
    geo.close()
    assert geo.lookup("128.97.27.37") == Place()


def test_the_copy_that_is_read_is_out_of_everybodys_reach(tmp_path: Path) -> None:
    path = places.write(tmp_path / "places.mmdb")
    file = PlaceFile(path, copied=True)
    path.write_bytes(b"")  # were it mapped, the next look-up would end the process
    address = ipaddress.ip_address("128.97.27.37")
    assert file.place(address).code == "US-CA"
    file.close()
