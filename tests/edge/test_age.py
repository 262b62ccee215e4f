"""How old a script can be that a real nginx cache hands out, by the configuration we ship."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.e2e.service import PATIENCE
from tests.edge.cache import LOADER, NOWHERE, Answer, Edge

OTHER = "/s/summit/loader.js?de,false"


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    edge = Edge(tmp_path_factory.mktemp("age"), seconds=1)
    edge.nginx.start()
    edge.service.start()
    yield edge
    edge.service.stop()
    edge.nginx.stop()


def when_over(edge: Edge, path: str, **headers: str) -> Answer:
    """The first answer after the time of the one that is kept."""
    deadline = time.monotonic() + PATIENCE
    while (found := edge.get(path, **headers)).cached == "HIT":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_whose_time_is_over_is_asked_for_before_anybody_gets_it(edge):
    rare = edge.get(LOADER)
    assert edge.get(OTHER).cached == "MISS"
    assert when_over(edge, OTHER).cached == "REVALIDATED"
    again = edge.get(LOADER)  # nobody has asked for it since, and it is older than the other
    assert (again.cached, again.body) == ("REVALIDATED", rare.body)


def test_no_script_is_handed_out_in_the_hour_after_its_own(edge):
    last, midnight = "2026-11-26T23:59:59+01:00", "2026-11-27T00:00:00+01:00"
    assert edge.get(Test_Time=last).cached == "MISS"
    assert edge.get(Test_Time=last).cached in ("HIT", "REVALIDATED")
    assert edge.get(Test_Time=midnight).cached == "MISS"
    assert edge.get(Test_Time="2026-10-25T02:30:00+02:00").cached == "MISS"
    assert edge.get(Test_Time="2026-10-25T02:30:00+01:00").cached == "MISS"


def test_the_hour_is_that_of_the_clock(edge):
    for _ in range(2):  # nginx may keep what it has answered a moment later, but before the next
        edge.get("/s/summit/loader.js?fr,false", Test_Time="")
    kept = b"".join(path.read_bytes() for path in edge.nginx.folder.glob("cache/*/*/*"))
    assert re.search(rb"\nKEY: .*fr,false\|1\|\d{4}-\d\d-\d\dT\d\d[+-]\d\d:\d\d\|DE-", kept)


def test_scripts_stay_for_their_hour_while_the_service_is_away_and_no_decision_is_taken(edge):
    kept = edge.get(Test_Time="2026-11-26T16:00:00+00:00")
    edge.service.stop()
    try:
        found = when_over(edge, LOADER, Test_Time="2026-11-26T16:59:59+00:00")
        assert (found.status, found.cached, found.body) == (200, "STALE", kept.body)
        assert edge.get(Test_Time="2026-11-26T17:00:00+00:00").status == 502
        assert edge.get(sender=NOWHERE).status == 502
        assert edge.get("/s/summit/receipts/x").status == 502
    finally:
        edge.service.start()
    assert edge.get(Test_Time="2026-11-26T17:00:00+00:00").cached == "MISS"
    assert edge.get(sender=NOWHERE).status == 200
