"""Whatever stands in a header: no exception, no place but the visitor's, and no address anywhere.

Each property runs over a few examples here, and over many in ``make soak``.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent.geo import HEADERS, Geo
from consent.geo.addresses import parse
from consent.model import Place
from consent.web.app import utcnow
from tests.test_geo import sent
from tests.test_geo_files import MAXMIND

PROXY = "10.0.0.7"
NOWHERE = Place()
TRUSTED = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "2001:db8::/32")]
DAMAGED = MAXMIND / "GeoIP2-City-Test-Broken-Double-Format.mmdb"
TRUE = ("DE", "FR", "CH", "BR", "JP", "US", "CA", "US-CA", "US-TX", "US-NY", "CA-QC", "CA-ON")
KINDS = [kind for kind in HEADERS if kind.subdivision]


@pytest.fixture(scope="module")
def geo() -> Iterator[Geo]:
    geo = Geo(None, TRUSTED, now=utcnow)
    yield geo
    geo.close()


@pytest.fixture(scope="module")
def damaged() -> Iterator[Geo]:
    geo = Geo(DAMAGED, TRUSTED, now=utcnow)
    yield geo
    geo.close()


def both(**strategies: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The property over few examples, and over many in the soak."""

    def decorate(check: Callable[..., None]) -> Callable[..., None]:
        quick = settings(max_examples=60, deadline=None)
        many = settings(
            max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        )

        @pytest.mark.parametrize(
            "examples", [quick, pytest.param(many, marks=pytest.mark.soak)], ids=["few", "many"]
        )
        def test(geo: Geo, damaged: Geo, examples: settings) -> None:
            examples(given(**strategies)(lambda **drawn: check(geo, damaged, **drawn)))()

        return test

    return decorate


latin = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=60)
junk = st.one_of(
    latin,
    st.text(max_size=40),
    st.text('0123456789abcdefABCDEF:.%[]",;=/ -', max_size=80),
    st.text("x", min_size=500, max_size=9000),
    st.sampled_from(
        ["unknown", "_hidden", "A1", "A2", "O1", "T1", "XX", "ZZ", "EU", "AP", "-", "null", "\x00"]
    ),
    st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode()),
)
addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


@st.composite
def dressed(draw: Any, address: Any) -> str:
    """An address as servers write it; an IPv4 one sometimes inside an IPv6 one."""
    text = str(address)
    if address.version == 4:
        carried = [
            text,
            f"::ffff:{text}",
            f"64:ff9b::{text}",
            str(ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80)),
        ]
        text = draw(st.sampled_from(carried))
    if ":" in text:
        zone = draw(st.sampled_from(["", "", "%eth0", "%25en1"]))
        text = draw(st.sampled_from([f"{text}{zone}", f"[{text}{zone}]", f"[{text}{zone}]:443"]))
    else:
        text = draw(st.sampled_from([text, f"{text}:1", f"{text}:65535"]))
    return str(draw(st.sampled_from([text, f'"{text}"', f"  {text}\t"])))


@both(values=st.dictionaries(st.sampled_from([n for k in HEADERS for n in k[1:] if n]), junk))
def test_no_header_breaks_it(geo: Geo, damaged: Geo, values: dict[str, str]) -> None:
    found = geo.locate(PROXY, sent(values))
    assert found == NOWHERE or found.source in ("header", "database")
    assert found.subdivision is None or found.subdivision[:3] == f"{found.country}-"


@both(
    true=st.sampled_from(TRUE),
    kind=st.sampled_from(KINDS),
    before=st.sampled_from(["", " ", "\t", ",", ", ", "-", "?", "\x00", "\xa0", "%20", '"', "("]),
    after=st.sampled_from(["", " ", ",", ", ", ";q=1", "\r\n", "\x00", "\xa0", '"', ".", "?", "0"]),
    lower=st.booleans(),
    repeated=st.booleans(),
    other=st.sampled_from(["", "XX", "T1", "ZZ", "A1", "null"]),
)
def test_a_distorted_place_is_the_true_one_or_a_less_exact_one(
    geo: Geo,
    damaged: Geo,
    true: str,
    kind: Any,
    before: str,
    after: str,
    lower: bool,
    repeated: bool,
    other: str,
) -> None:
    country, _, part = true.partition("-")

    def spoilt(text: str) -> str:
        text = before + (text.lower() if lower else text) + after
        return f"{text}, {text}" if repeated else text

    values = {kind.country: spoilt(country), kind.subdivision: spoilt(part)}
    if other:
        values["X-Country-Code"] = other
    found = geo.locate(PROXY, sent(values))
    assert found in (
        Place(country, true if part else None, "header"),
        Place(country, None, "header"),
        NOWHERE,
    )
    if other and kind.cdn != "generic":
        assert found == NOWHERE


@both(data=st.data(), visitor=addresses, forged=st.lists(junk, max_size=3), hops=st.integers(0, 3))
def test_only_the_visitors_own_address_decides(
    geo: Geo, damaged: Geo, data: Any, visitor: Any, forged: list[str], hops: int
) -> None:
    if any(visitor in network for network in TRUSTED):
        return
    proxies = [
        data.draw(st.sampled_from(["10.1.2.3", "[2001:db8::1]:80", "::ffff:10.9.9.9"]))
        for _ in range(hops)
    ]
    written = data.draw(dressed(visitor))
    listed = ",".join([*forged, written, *proxies])
    assert geo.locate(PROXY, sent({"X-Forwarded-For": listed})) == geo.lookup(str(visitor))
    garbage = data.draw(junk.filter(lambda text: parse(text.split(",")[-1]) is None))
    spoilt = ",".join([written, garbage, *proxies])
    assert geo.locate(PROXY, sent({"X-Forwarded-For": spoilt})) == NOWHERE


@both(text=st.one_of(junk, addresses.map(str), addresses.flatmap(dressed)))
def test_no_address_breaks_it(geo: Geo, damaged: Geo, text: str) -> None:
    for asked in (geo, damaged):
        assert asked.lookup(text).source in ("database", "none")
        assert asked.locate(text, sent({"X-Forwarded-For": text})).source in ("database", "none")
        assert asked.locate(PROXY, sent({"X-Forwarded-For": text})).source in ("database", "none")


@both(
    data=st.data(),
    visitor=st.one_of(
        st.ip_addresses(v=4, network="2.125.160.0/24"),
        st.ip_addresses(v=4, network="80.0.0.0/5"),
        st.ip_addresses(v=6, network="2a00::/12"),
    ),
)
def test_an_address_is_kept_nowhere(geo: Geo, damaged: Geo, data: Any, visitor: Any) -> None:
    written = data.draw(dressed(visitor))
    header = sent({"X-Forwarded-For": written})
    with structlog.testing.capture_logs() as logs:
        for asked in (geo, damaged):
            asked.locate(PROXY, header)
            asked.locate(written, header)
            asked.lookup(written)
    forms = {str(visitor), visitor.exploded, repr(visitor), str(int(visitor))}
    for kept in (repr(logs), *(_inside(asked) for asked in (geo, damaged))):
        assert not [form for form in forms if len(form) > 6 and form in kept]


def _inside(geo: Geo) -> str:
    """Everything that an instance holds, in words; of caches, what they would answer."""
    watched = vars(geo)["_file"]
    return repr([geo, vars(geo), vars(watched), vars(watched.current), watched.facts()])


def test_what_a_damaged_database_raises_does_not_come_out() -> None:
    geo = Geo(DAMAGED, [], now=utcnow)
    with structlog.testing.capture_logs() as logs:
        for number in range(256):
            assert geo.lookup(f"2.125.160.{number}").source in ("database", "none")
    assert geo.unreadable > 0
    assert [sorted(line) for line in logs] == [["error", "event", "log_level"]]
    assert "2.125.160" not in repr(logs)
    geo.close()
