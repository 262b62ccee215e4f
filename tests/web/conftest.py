import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from consent.web import signals
from tests.web.shop import (
    NEIGHBOUR,
    SUMMIT,
    an_app,
    published,
)


@pytest.fixture
def client(database_url: str, now, tmp_path: Path) -> Iterator[TestClient]:
    published(database_url, now, SUMMIT, NEIGHBOUR)
    app = an_app(database_url, now, tmp_path)
    with TestClient(app, client=("127.0.0.1", 1)) as client:
        yield client


@pytest.fixture
def banner(client: TestClient, now) -> str:
    """What the loader tells a page in Berlin."""
    services = client.app.services
    version = services.current("summit")
    place = signals.Place("DE", None, "header")
    resolution = services.regions.resolve(place, on=now().date())
    return services.composer.banner(version, resolution, "de").sha256


@pytest.fixture
def a_post(banner: str):
    def make(**changes) -> dict:
        return {
            "id": str(uuid.uuid4()),
            "visitor": str(uuid.uuid4()),
            "version": 1,
            "action": "accept_all",
            "grants": {"preferences": True, "analytics": True, "marketing": True},
            "language": "de",
            "banner": banner,
            "gpc": False,
            **changes,
        }

    return make
