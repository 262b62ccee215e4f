"""A real nginx cache in front of the real service, by the configuration that we ship."""

from __future__ import annotations

import http.client
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tests.e2e.service import PATIENCE, PUBLISHED, Service
from tests.edge.nginx import Nginx

ORIGIN = "https://summit.example"
NEIGHBOUR = PUBLISHED.replace('"summit"', '"fjord"').replace("Summit Outdoor", "Fjord")
BERLIN, TEXAS, CALIFORNIA, NOWHERE = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"
AMERICA = "127.0.0.6"
"""Of whom the edge knows the country alone."""
PLACES = f"""
geo $visitor_country {{ default ""; {BERLIN} DE; {TEXAS} US; {CALIFORNIA} US; {AMERICA} US; }}
geo $visitor_region {{ default ""; {TEXAS} TX; {CALIFORNIA} CA; }}
"""
AFTERNOON = "2026-11-26T14:30:00+00:00"
"""When whoever names no ``Test_Time`` asks, so that no hour ends in a test."""
LOADER = "/s/summit/loader.js?en,false"


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def cached(self) -> str | None:
        return self.headers["X-Cache"]


class Edge:
    """The cache, which keeps answers for ``seconds``, with the service behind it."""

    def __init__(self, folder: Path, *, seconds: int = 300) -> None:
        self.service = Service(folder)
        self.nginx = Nginx(folder / "nginx", "nginx-cache.conf", [self.service.port], before=PLACES)
        self.service.environ |= {
            "CONSENT_PLACE_HEADERS": "generic",
            "CONSENT_CACHE_SECONDS": str(seconds),
            "CONSENT_PURGE_URL": f"{self.nginx.url}/purge/{{store}}",
        }
        self.service.consent("migrate")
        for store in (NEIGHBOUR, PUBLISHED):
            self.service.publish(store.format(origin=ORIGIN))

    def get(self, path: str = LOADER, sender: str = BERLIN, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Test-Time", AFTERNOON)
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.nginx.port, timeout=PATIENCE, source_address=(sender, 0)
        )
        with closing(connection):
            connection.request("GET", path, headers={"Accept-Encoding": "identity", **named})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def direct(self, **place: str) -> bytes:
        """What the service itself says of a place."""
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=PATIENCE)
        with closing(connection):
            headers = {f"X-{name.capitalize()}-Code": code for name, code in place.items()}
            connection.request("GET", LOADER, headers=headers)
            return connection.getresponse().read()

    def until_cached(self, path: str = LOADER) -> Answer:
        self.get(path)
        found = self.get(path)
        assert found.cached == "HIT"
        return found
