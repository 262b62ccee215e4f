"""A seeded service for each test, a new one, and a way to sign in."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from consent import database
from tests.conftest import Clock
from tests.web.admin.seed import SUMMIT, Seed
from tests.web.admin.stage import NOW, ORIGIN, Story, as_user, open_app


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Story:
    return Story(tmp_path_factory.mktemp("story"), migrated_file)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture(scope="session")
def shared_client(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """For tests that only look. Its clock stands still."""
    folder = tmp_path_factory.mktemp("shared")
    app = open_app(story.copy(folder), Clock(NOW), folder)
    with TestClient(
        app, base_url=ORIGIN, client=("127.0.0.1", 1), follow_redirects=False
    ) as client:
        yield client
        assert app.unnoted == []


@pytest.fixture
def client(story: Story, clock: Clock, tmp_path: Path) -> Iterator[TestClient]:
    """For tests that change something or count tries: a service of its own."""
    app = open_app(story.copy(tmp_path), clock, tmp_path)
    with TestClient(
        app, base_url=ORIGIN, client=("127.0.0.1", 1), follow_redirects=False
    ) as client:
        yield client
        assert app.unnoted == []


@pytest.fixture
def signed_in(shared_client: TestClient) -> Iterator[Callable[[str], TestClient]]:
    """The shared client with the session of a user, as signing in gives it."""

    def sign(email: str) -> TestClient:
        return as_user(shared_client, email)

    yield sign
    shared_client.cookies.clear()


@pytest.fixture
def editor(client: TestClient) -> Callable[[str], TestClient]:
    """A service of one's own, with the session of a user."""

    def sign(email: str) -> TestClient:
        return as_user(client, email)

    return sign


@pytest.fixture
def empty_client(migrated_file: Path, clock: Clock, tmp_path: Path) -> Iterator[TestClient]:
    """A store that nobody has visited yet."""
    file = tmp_path / "empty.db"
    shutil.copy(migrated_file, file)

    async def tell() -> None:
        db = database.connect(f"sqlite:///{file}")
        seed = Seed(db, NOW)
        await seed.store(SUMMIT)
        await seed.user("owner@example.com", "owner")
        await seed.user("lex@example.com", "legal")
        await db.close()

    asyncio.run(tell())
    app = open_app(file, clock, tmp_path)
    with TestClient(
        app, base_url=ORIGIN, client=("127.0.0.1", 1), follow_redirects=False
    ) as client:
        yield client
        assert app.unnoted == []
