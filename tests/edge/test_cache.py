"""Scripts out of a real nginx cache in front of the real service, by the configuration we ship."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator

import brotli
import pytest
import zstandard

from tests.e2e.service import PATIENCE, PUBLISHED
from tests.edge.cache import AMERICA, BERLIN, CALIFORNIA, LOADER, NOWHERE, ORIGIN, TEXAS, Edge

UNPACKED: dict[str, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "zstd": zstandard.decompress,
    "gzip": gzip.decompress,
}


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    edge = Edge(tmp_path_factory.mktemp("edge"))
    edge.nginx.start()
    edge.service.start()
    yield edge
    edge.service.stop()
    edge.nginx.stop()


def test_the_second_visitor_is_answered_by_the_cache(edge):
    found = edge.until_cached()
    assert found.body == edge.direct(country="DE")
    assert found.headers["Cache-Control"] == "private, no-cache"
    again = edge.get(If_None_Match=found.headers["ETag"])
    assert (again.status, again.body, again.cached) == (304, b"", "HIT")


def test_no_place_gets_what_was_made_for_another(edge):
    places = {
        BERLIN: {"country": "DE"},
        TEXAS: {"country": "US", "region": "TX"},
        CALIFORNIA: {"country": "US", "region": "CA"},
    }
    own = [edge.direct(**place) for place in places.values()]
    assert len(set(own)) == 3
    assert [edge.get(sender=sender).body for sender in places] == own
    again = [edge.get(sender=sender) for sender in places]
    assert [one.body for one in again] == own
    assert {one.cached for one in again} == {"HIT"}


def test_an_edge_that_tells_the_country_alone_gets_the_strictest_of_its_states(edge):
    assert edge.get(sender=AMERICA).body == edge.direct(country="US", region="CA")
    assert edge.get(sender=AMERICA).cached == "HIT"


@pytest.mark.parametrize(
    "made_up",
    [
        {"X-Country-Code": "US"},
        {"X-Country-Code": "US", "X-Region-Code": "TX"},
        {"CF-IPCountry": "US"},
        {"X-Forwarded-For": "8.8.8.8"},
        {"X-Accel-Expires": "0"},
        {"X-Original-URL": "/s/fjord/loader.js"},
        {"X-Forwarded-Host": "evil.example"},
        {"Host": "evil.example"},
        {"Range": "bytes=0-10"},
    ],
    ids=lambda made_up: "-".join(made_up),
)
def test_what_a_visitor_makes_up_changes_nothing_for_anybody(edge, made_up):
    store = f"/s/summit/loader.js?{'-'.join(made_up)[:30].lower()},false"
    odd = edge.get(store, **made_up)
    other = edge.get(store)
    assert other.status == 200
    assert other.body == edge.get(LOADER).body
    assert odd.body == other.body[: len(odd.body)]


def test_without_a_place_nothing_is_kept_and_the_strictest_law_holds(edge):
    found = [edge.get(sender=NOWHERE) for _ in range(3)]
    assert {one.cached for one in found} == {None}
    assert {one.body for one in found} == {edge.direct()}
    assert found[0].headers["Cache-Control"] == "private, no-cache"
    for header in ("CDN-Cache-Control", "Surrogate-Control", "Surrogate-Key"):
        assert found[0].headers[header] is None


def test_the_signal_is_part_of_the_key(edge):
    without = edge.get(sender=CALIFORNIA)
    with_signal = edge.get(sender=CALIFORNIA, Sec_GPC="1")
    assert with_signal.body != without.body
    assert edge.get(sender=CALIFORNIA, Sec_GPC="1").body == with_signal.body
    assert edge.get(sender=CALIFORNIA, Sec_GPC="true").body == without.body
    assert edge.get(sender=CALIFORNIA).body == without.body


def test_each_encoding_is_kept_apart(edge):
    plain = edge.get()
    for _ in range(2):
        for name, unpacked in UNPACKED.items():
            packed = edge.get(Accept_Encoding=f"deflate, {name}")
            assert packed.headers["Content-Encoding"] == name
            assert unpacked(packed.body) == plain.body
    assert edge.get(Accept_Encoding="br;q=0").body == plain.body


def test_the_browsers_language_counts_where_the_page_names_none(edge):
    path = "/s/summit/loader.js?,false"
    french = edge.get(path, Accept_Language="fr-CH, en;q=0.5")
    german = edge.get(path, Accept_Language="de")
    assert b'language:"fr"' in french.body
    assert b'language:"de"' in german.body
    assert edge.get(path, Accept_Language="fr-CH").body == french.body
    named = [edge.get(Accept_Language=one) for one in ("fr", "de")]
    assert named[0].body == named[1].body


def test_whoever_has_decided_is_answered_by_the_service(edge):
    edge.until_cached()
    found = edge.get(Cookie="pixelgate=1.x")
    assert (found.status, found.cached) == (200, None)
    again = edge.get(Cookie="pixelgate=1.x", If_None_Match=found.headers["ETag"])
    assert again.status == 304


def test_an_unknown_store_stays_unknown(edge):
    assert [edge.get("/s/nobody/loader.js?en,false").status for _ in range(2)] == [404, 404]


def test_a_publish_purges_its_store_and_no_other(edge):
    old, other = edge.until_cached(), edge.until_cached("/s/fjord/loader.js?en,false")
    edge.service.publish(PUBLISHED.replace("123456789012345", "5432109876").format(origin=ORIGIN))
    deadline = time.monotonic() + PATIENCE
    while b"5432109876" not in (new := edge.get()).body:
        assert new.body == old.body
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert edge.get().cached == "HIT"
    untouched = edge.get("/s/fjord/loader.js?en,false")
    assert (untouched.cached, untouched.body) == ("HIT", other.body)
