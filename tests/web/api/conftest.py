"""A seeded service, and a token of every user for everything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from consent import accounts, database, tokens
from tests.conftest import Clock
from tests.web.admin.stage import NOW, ORIGIN, USERS, Story, open_app
from tests.web.api.caller import Caller


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Story:
    """With ``secrets``: a token for every scope, by its user's address."""
    story = Story(tmp_path_factory.mktemp("api"), migrated_file)
    story.secrets = asyncio.run(_tokens(story.original))
    return story


async def _tokens(file: Path) -> dict[str, str]:
    db = database.connect(f"sqlite:///{file}")
    secrets = {}
    async with db.write() as c:
        for email, _, _ in USERS:
            user = await accounts.by_email(c, email)
            _, secrets[email] = await tokens.add(
                c, user, "Everything", tokens.SCOPES, days=30, now=NOW
            )
    await db.close()
    return secrets


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def client(story: Story, clock: Clock, tmp_path: Path) -> Iterator[TestClient]:
    app = open_app(story.copy(tmp_path), clock, tmp_path)
    with TestClient(app, base_url=ORIGIN) as client:
        yield client
        assert app.unnoted == []


@pytest.fixture
def call(client: TestClient, story: Story) -> Caller:
    return Caller(client, story.secrets)
