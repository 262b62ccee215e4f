"""Places that visitors make up, sent to the real service through the nginx that we ship."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consent.geo import HEADERS, PlaceHeader
from tests.e2e.service import PATIENCE, PUBLISHED, Service
from tests.edge.nginx import Nginx

LOADER = "/s/summit/loader.js?en,false"


class Door:
    """A service that believes every CDN, and the nginx before it."""

    def __init__(self, folder: Path) -> None:
        self.service = Service(folder)
        self.nginx = Nginx(folder / "nginx", "nginx.conf", [self.service.port])
        self.service.consent("migrate")
        self.service.publish(PUBLISHED.format(origin="https://summit.example"))

    def visit(self, headers: dict[str, str]) -> bytes:
        return _loader(self.nginx.port, headers)

    def direct(self, headers: dict[str, str]) -> bytes:
        """What the service itself makes of these headers."""
        return _loader(self.service.port, headers)


def _loader(port: int, headers: dict[str, str]) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with closing(connection):
        connection.request("GET", LOADER, headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()


def texas(kind: PlaceHeader) -> dict[str, str]:
    """Its headers, as a visitor makes them up who would like other laws."""
    if not kind.subdivision:
        return {kind.country: "country_code=US,region_code=TX"}
    return {kind.country: "US", kind.subdivision: "TX"}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    door = Door(tmp_path_factory.mktemp("door"))
    door.service.start()
    door.nginx.start()
    yield door
    door.nginx.stop()
    door.service.stop()


@pytest.mark.parametrize("kind", HEADERS, ids=lambda kind: kind.country.lower())
def test_the_proxy_hands_on_no_place_that_a_visitor_makes_up(door: Door, kind: PlaceHeader):
    nowhere = door.direct({})
    assert door.direct(texas(kind)) != nowhere
    assert door.visit(texas(kind)) == nowhere
    loud = {name.upper(): value for name, value in texas(kind).items()}
    assert door.visit(loud) == nowhere


def test_nor_all_of_them_at_once_nor_an_address(door: Door):
    every = {name: code for kind in HEADERS for name, code in texas(kind).items()}
    assert door.direct(every) == door.direct(texas(HEADERS[0])) != door.direct({})
    assert door.visit({**every, "X-Forwarded-For": "8.8.8.8"}) == door.direct({})
