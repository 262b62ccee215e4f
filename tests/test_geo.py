"""Places out of headers and addresses: who may say them, and what counts as an answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import data
from consent.errors import DataError
from consent.geo import HEADERS, Geo
from consent.model import Place
from consent.regions import Regions
from consent.web.app import utcnow

PROXY = "10.0.0.7"
UCLA = "128.97.27.37"
LOS_ANGELES = Place("US", "US-CA", "database")
NOWHERE = Place()

EDGESCAPE = "georegion=246,country_code=US,region_code=CA,city=LOSANGELES,lat=34.04,continent=NA"


@pytest.fixture(scope="module")
def geo() -> Iterator[Geo]:
    networks = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "127.0.0.1", "2001:db8::/32")]
    geo = Geo(None, networks, now=utcnow)
    yield geo
    geo.close()


def sent(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.lower().encode(): _wire(value) for name, value in headers.items()}


def _wire(value: str) -> bytes:
    """As HTTP has it; what it does not have, as clients send it all the same."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def cloudflare(country: str, region: str | None = None) -> dict[bytes, bytes]:
    headers = {"CF-IPCountry": country}
    return sent(headers if region is None else headers | {"CF-Region-Code": region})


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        ({"CF-IPCountry": "US", "CF-Region-Code": "CA"}, "US-CA"),
        ({"CF-IPCountry": "DE"}, "DE"),
        ({"CF-IPCountry": "DE", "CF-Region-Code": "BE"}, "DE"),
        ({"CloudFront-Viewer-Country": "CA", "CloudFront-Viewer-Country-Region": "QC"}, "CA-QC"),
        ({"X-Vercel-IP-Country": "BR", "X-Vercel-IP-Country-Region": "SP"}, "BR"),
        ({"Fastly-Geo-Country": "US", "Fastly-Geo-Region": "TX"}, "US-TX"),
        ({"X-Geo-Country": "JP"}, "JP"),
        ({"X-Akamai-Edgescape": EDGESCAPE}, "US-CA"),
        ({"X-Akamai-Edgescape": "country_code=FR"}, "FR"),
        ({"CDN-RequestCountryCode": "US", "CDN-RequestStateCode": "TX"}, "US-TX"),
        ({"X-Client-Region": "US", "X-Client-Region-Subdivision": "USCA"}, "US-CA"),
        ({"X-Client-Region": "CA", "X-Client-Region-Subdivision": "CAON"}, "CA-ON"),
        ({"X-Client-Region": "PL", "X-Client-Region-Subdivision": "PL14"}, "PL"),
        ({"X-Appengine-Country": "US", "X-Appengine-Region": "ca"}, "US-CA"),
        ({"X-Appengine-Country": "ZZ", "X-Appengine-Region": "?"}, ""),
        ({"Fastly-Geo-Country": "**", "Fastly-Geo-Region": "NO REGION"}, ""),
        ({"Fastly-Geo-Country": "US", "Fastly-Geo-Region": "NO REGION"}, "US"),
        ({"X-Akamai-Edgescape": "georegion=1,country_code=reserved,region_code=reserved"}, ""),
        ({"X-Akamai-Edgescape": "country_code=US, country_code=DE"}, ""),
        ({"X-Akamai-Edgescape": "country_code=US,region_code=CA,region_code=TX"}, "US"),
        ({"X-Akamai-Edgescape": "nothing"}, ""),
        ({"X-Country-Code": "gb", "X-Region-Code": " eng "}, "GB"),
        ({"X-Country-Code": "FR", "X-Region-Code": "75"}, "FR"),
    ],
)
def test_a_trusted_cdn_says_the_place(geo: Geo, headers: dict[str, str], place: str) -> None:
    found = geo.locate(PROXY, sent(headers))
    assert (found.code, found.source) == (place, "header" if place else "none")


def test_every_cdn_in_the_table_is_understood(geo: Geo) -> None:
    for kind in HEADERS:
        values = {kind.country: "US", kind.subdivision: "TX"} if kind.subdivision else {}
        header = sent(values or {kind.country: "country_code=US,region_code=TX"})
        assert geo.locate(PROXY, header) == Place("US", "US-TX", "header"), kind.cdn


def test_a_header_from_anybody_else_is_not_looked_at(geo: Geo) -> None:
    assert geo.locate(UCLA, cloudflare("DE")) == LOS_ANGELES
    assert geo.locate(None, cloudflare("DE")) == NOWHERE
    assert geo.locate("unix:/run/app.sock", cloudflare("DE")) == NOWHERE


@pytest.mark.parametrize(
    "value",
    [
        *("XX", "T1", "EU", "AP", "A1", "A2", "O1", "ZZ", "QM", "XZ", "AA"),
        *("USA", "U", "1", "--", "us,de", "ß", "ﬁ", "", " ", "U S"),
    ],
)
def test_a_cdn_that_knows_no_country_is_believed_and_the_database_is_not_asked(
    geo: Geo, value: str
) -> None:
    header = sent({"CF-IPCountry": value, "CF-Region-Code": "CA", "X-Forwarded-For": UCLA})
    assert geo.locate(PROXY, header) == NOWHERE


@pytest.mark.parametrize("alias", [("UK", "GB"), ("EL", "GR"), ("XK", "XK")])
def test_other_codes_for_a_country_are_made_one(geo: Geo, alias: tuple[str, str]) -> None:
    assert geo.locate(PROXY, cloudflare(alias[0])) == Place(alias[1], None, "header")


@pytest.mark.parametrize(
    ("region", "subdivision"),
    [
        ("CA", "US-CA"),
        ("US-CA", "US-CA"),
        ("us-ca", "US-CA"),
        ("USCA", "US-CA"),
        (" usca ", "US-CA"),
        ("California", "US-CA"),
        ("NEW YORK", "US-NY"),
        ("06", "US-CA"),
        ("US-PR", "US-PR"),
        ("CA-QC", None),
        ("QC", None),
        ("Quebec", None),
        ("ZZ", None),
        ("AA", None),
        ("6", None),
        ("006", None),
        ("03", None),
        ("US06", None),
        ("US-06", None),
        ("US-California", None),
        ("Calif.", None),
        ("CA,TX", None),
        ("CA, CA", None),
        ("\xaaL", None),
        ("ＣＡ", None),
        ("reserved", None),
        ("NO REGION", None),
        ("California" * 9, None),
        ("-CA", None),
        ("", None),
        ("C A", None),
        ("??", None),
    ],
)
def test_a_subdivision_counts_only_if_it_fits_the_country(
    geo: Geo, region: str, subdivision: str | None
) -> None:
    assert geo.locate(PROXY, cloudflare("US", region)) == Place("US", subdivision, "header")


@pytest.mark.parametrize(
    ("region", "subdivision"),
    [
        ("QC", "CA-QC"),
        ("ca-qc", "CA-QC"),
        ("CAQC", "CA-QC"),
        ("Québec", "CA-QC"),
        ("Quebec", "CA-QC"),
        ("newfoundland and labrador", "CA-NL"),
        ("CA", None),
        ("CACA", None),
        ("TX", None),
        ("24", None),
        ("10", None),
    ],
)
def test_a_province_is_known_by_its_code_and_its_name(
    geo: Geo, region: str, subdivision: str | None
) -> None:
    assert geo.locate(PROXY, cloudflare("CA", region)) == Place("CA", subdivision, "header")


def test_every_state_is_known_by_each_of_its_words(geo: Geo) -> None:
    read = data.read_toml(data.folder("data") / "states.toml")
    assert {country: len(parts) for country, parts in read.items()} == {"US": 57, "CA": 13}
    words = [word.lower() for word in (w for parts in read["US"].values() for w in parts)]
    assert len(words) == len(set(words)) == 2 * 57
    for country, parts in read.items():
        for code, others in parts.items():
            for word in (code, f"{country}-{code}", f"{country}{code}", *others):
                found = geo.locate(PROXY, cloudflare(country, word.upper()))
                assert found.subdivision == f"{country}-{code}", word


def test_states_are_those_that_the_law_files_know() -> None:
    read = data.read_toml(data.folder("data") / "states.toml")
    codes = {f"{country}-{code}" for country, parts in read.items() for code in parts}
    assert codes == set(Regions.load().subdivisions)


@pytest.mark.parametrize("code", ["AB", "DD", "SU", "YU", "JJ", "QQ", "UN", "EZ", "OO", "AP"])
def test_two_letters_that_are_no_country_are_an_unknown_place(geo: Geo, code: str) -> None:
    assert geo.locate(PROXY, cloudflare(code)) == NOWHERE


def test_a_country_without_a_state_is_not_looked_up_further(geo: Geo) -> None:
    header = sent({"CF-IPCountry": "US", "X-Forwarded-For": UCLA})
    assert geo.locate(PROXY, header) == Place("US", None, "header")


def test_headers_that_contradict_each_other_say_nothing(geo: Geo) -> None:
    both = {"CF-IPCountry": "DE", "X-Country-Code": "US"}
    assert geo.locate(PROXY, sent(both)) == NOWHERE
    states = {
        "CF-IPCountry": "US",
        "CF-Region-Code": "TX",
        "X-Country-Code": "US",
        "X-Region-Code": "CA",
    }
    assert geo.locate(PROXY, sent(states)) == Place("US", None, "header")
    assert geo.locate(PROXY, sent({"CF-IPCountry": "US", "X-Country-Code": "XX"})) == NOWHERE


@pytest.mark.parametrize(
    "forwarded",
    [
        UCLA,
        f"81.2.69.160, {UCLA}",
        f"garbage, {UCLA}, 10.1.1.1",
        f"{UCLA}:443",
        f'"{UCLA}"',
        f"::ffff:{UCLA}",
        f"[::ffff:{UCLA}]:8080",
        f"{UCLA},::ffff:10.3.3.3,[2001:db8::9]:1",
        "2002:8061:1b25::1",
        "64:ff9b::8061:1b25",
        f"64:ff9b::{UCLA}",
        f"[64:ff9b::{UCLA}]:443",
        "2001:0:4136:e378:8000:63bf:7f9e:e4da",
        f" {UCLA}\t",
    ],
)
def test_the_rightmost_address_that_is_no_proxy_is_the_visitor(geo: Geo, forwarded: str) -> None:
    header = sent({"X-Forwarded-For": forwarded})
    assert geo.locate(PROXY, header) == LOS_ANGELES
    assert geo.locate("::ffff:10.0.0.7", header) == LOS_ANGELES
    assert geo.locate("81.2.69.160", header).country == "GB"


@pytest.mark.parametrize(
    "forwarded",
    [
        "",
        ",",
        f"{UCLA}, ",
        f"{UCLA}, unknown",
        f"{UCLA}, _hidden",
        f"{UCLA}, 192.168.1.1",
        f"{UCLA} 1.2.3.4",
        "10.0.0.9",
        "[]:80",
        "1.2.3.4.5",
        "1:2",
        "%",
        "9" * 5000,
    ],
)
def test_what_stands_left_of_an_unreadable_address_is_not_believed(
    geo: Geo, forwarded: str
) -> None:
    assert geo.locate(PROXY, sent({"X-Forwarded-For": forwarded})) == NOWHERE


@pytest.mark.parametrize(
    "carrier", ["2002:0a00:0007::1", "64:ff9b::10.0.0.7", "2001:0:1:1:0:0:f5ff:fff8"]
)
def test_an_address_that_carries_a_proxys_is_no_proxy(geo: Geo, carrier: str) -> None:
    assert geo.locate(carrier, cloudflare("DE")) == NOWHERE
    header = sent({"X-Forwarded-For": f"{UCLA}, {carrier}"})
    assert geo.locate(PROXY, header) == NOWHERE


@pytest.mark.parametrize(
    "ip",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.1.1"),
        *("100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.7"),
        *("203.0.113.9", "::1", "::", "fe80::1%eth0", "fc00::1"),
        *("ff02::1", "2001:db8::1", "2001::1", "2002:7f00:1::1", "::ffff:127.0.0.1"),
        *("64:ff9b::10.0.0.1", "64:ff9b::ffff:ffff", "64:ff9b:1::8061:1b25"),
        *("2001:0:8061:1b25::", "2001:0:1:1::f5ff:fff8", "::128.97.27.37", "::ffff:0:8061:1b25"),
        *("128.97.27.37%eth0", "128.097.027.037", "0x80611b25", "2153847589", "１28.97.27.37"),
        *("64:ff9b::1", "garbage", "1.2.3", "1.2.3.4/8", "[::1"),
    ],
)
def test_an_address_that_is_not_public_is_nowhere(geo: Geo, ip: str) -> None:
    assert geo.lookup(ip) == NOWHERE


# Ranges of universities, which stay where they are.
VISITORS = {
    "Berlin": ("130.149.7.201", "DE"),
    "London": ("128.40.1.1", "GB"),
    "Los Angeles": (UCLA, "US-CA"),
    "Los Angeles, IPv6": ("2607:f010::1", "US-CA"),
    "Dallas": ("129.110.10.1", "US-TX"),
    "Montréal": ("132.206.1.1", "CA-QC"),
    "Toronto": ("128.100.1.1", "CA-ON"),
    "São Paulo": ("143.107.1.1", "BR"),
    "Tokyo": ("133.11.1.1", "JP"),
    "Tokyo, IPv6": ("2001:200:180::1", "JP"),
    "Zürich": ("129.132.1.1", "CH"),
    "San Juan": ("136.145.1.1", "PR"),
}


@pytest.mark.parametrize("where", VISITORS)
def test_the_shipped_database_knows_where_they_are(geo: Geo, where: str) -> None:
    ip, code = VISITORS[where]
    found = geo.lookup(ip)
    assert (found.code, found.source) == (code, "database")
    assert geo.locate(ip, sent({})) == found
    assert geo.locate(PROXY, sent({"X-Forwarded-For": ip})) == found


@given(st.text(max_size=80), st.text(max_size=20))
def test_no_header_breaks_it_or_gives_a_code_of_another_form(value: str, region: str) -> None:
    geo = _shared()
    for kind in HEADERS:
        header = sent({kind.country: value, kind.subdivision or "X-None": region})
        place = geo.locate(PROXY, header)
        if place.country is None:
            assert place == NOWHERE
        else:
            assert place.country.isascii()
            assert place.country.isupper()
            assert len(place.country) == 2
            assert place.subdivision is None or place.subdivision.startswith(("US-", "CA-"))


@given(st.text(alphabet='0123456789abcdef:.%[]",/ fF', max_size=120))
def test_no_forwarded_address_breaks_it(forwarded: str) -> None:
    geo = _shared()
    assert geo.locate(PROXY, sent({"X-Forwarded-For": forwarded})).source in ("database", "none")
    assert geo.locate(forwarded, sent({})).source in ("database", "none")


@given(st.ip_addresses())
def test_every_address_has_a_place_or_none(ip: ipaddress.IPv4Address) -> None:
    place = _shared().lookup(str(ip))
    assert (place.source == "database") == (place.country is not None)
    if ip.is_private or ip.is_loopback or ip.is_link_local:
        assert place == NOWHERE


def test_the_throttle_gets_the_visitors_address_and_not_a_made_up_one(geo: Geo) -> None:
    forged = sent({"X-Forwarded-For": f"1.2.3.4, {UCLA}"})
    assert geo.address(PROXY, forged) == UCLA
    assert geo.address("81.2.69.160", forged) == "81.2.69.160"
    assert geo.address(None, forged) is None


def test_caches_are_told_of_place_headers_only_where_a_proxy_is_trusted(geo: Geo) -> None:
    assert "CF-IPCountry" in geo.place_headers
    assert "X-Forwarded-For" in geo.place_headers
    assert "" not in geo.place_headers
    assert _shared_untrusting().place_headers == ()


def test_a_database_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.mmdb: cannot be opened"):
        Geo(tmp_path / "none.mmdb", [], now=utcnow)
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(b"not a database")
    with pytest.raises(DataError, match=r"broken\.mmdb: cannot be opened"):
        Geo(broken, [], now=utcnow)


_GEOS: dict[bool, Geo] = {}


def _shared() -> Geo:
    """One for all examples of a property; a fixture would be made once per test all the same."""
    if True not in _GEOS:
        _GEOS[True] = Geo(None, [ipaddress.ip_network("10.0.0.0/8")], now=utcnow)
    return _GEOS[True]


def _shared_untrusting() -> Geo:
    if False not in _GEOS:
        _GEOS[False] = Geo(None, [], now=utcnow)
    return _GEOS[False]


def test_only_the_named_cdn_is_believed() -> None:
    own = Geo(None, [ipaddress.ip_network("10.0.0.0/8")], now=utcnow, cdns=("cloudflare",))
    made_up = sent({"X-Country-Code": "JP", "X-Forwarded-For": UCLA})
    assert own.locate(PROXY, made_up) == LOS_ANGELES
    assert own.locate(PROXY, cloudflare("FR")).code == "FR"
    assert own.place_headers == ("CF-IPCountry", "CF-Region-Code", "X-Forwarded-For")
    own.close()


def test_a_proxy_without_a_cdn_gives_the_address_alone() -> None:
    alone = Geo(None, [ipaddress.ip_network("10.0.0.0/8")], now=utcnow, cdns=())
    assert alone.locate(PROXY, sent({"CF-IPCountry": "JP", "X-Forwarded-For": UCLA})) == LOS_ANGELES
    alone.close()
