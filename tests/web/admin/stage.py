"""What the tests of the admin pages share: a seeded database, and small ways to use the pages."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import hashlib
import io
import re
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

import msgspec
import sqlalchemy as sa
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from consent import database, ledger, settings
from consent.database import Database, tables
from consent.model import Role
from consent.oidc import Provider
from consent.sessions import Session
from consent.web.admin import sessions
from consent.web.app import App, create_app
from tests.conftest import Clock
from tests.web.admin.seed import HARBOR, PASSWORD, SUMMIT, Seed

NOW = dt.datetime(2026, 11, 23, 17, 20, tzinfo=dt.UTC)
ORIGIN = "http://localhost:8000"
HERE = {"Origin": ORIGIN}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
USERS: tuple[tuple[str, Role, str | None], ...] = (
    ("owner@example.com", "owner", None),
    ("dev@example.com", "developer", None),
    ("mia@example.com", "marketer", None),
    ("lex@example.com", "legal", None),
    ("mia@summit.example", "marketer", "summit"),
    ("lex@summit.example", "legal", "summit"),
    ("owner@summit.example", "owner", "summit"),
)
USER_IDS = {email: n for n, (email, _, _) in enumerate(USERS, start=1)}


async def begin_sessions(db: Database, users: Iterable[int]) -> None:
    """A session for each user, by the id that ``as_user`` knows."""
    async with db.write() as c:
        for id_ in users:
            row = Session(uuid.UUID(int=id_), id_, NOW, NOW.date(), "Firefox")
            await c.execute(sa.insert(tables.sessions).values(msgspec.structs.asdict(row)))


def as_user(client: TestClient, email: str) -> TestClient:
    """``client`` with the cookie of that user's session, as signing in gives it."""
    token = sessions.token(client.app.services, uuid.UUID(int=USER_IDS[email]))
    client.cookies.clear()
    client.cookies.set(sessions.COOKIE, token, path="/admin")
    return client


class Story:
    """A seeded database in a file, and the ids of what is in it. Tests open copies of it."""

    def __init__(self, folder: Path, migrated: Path) -> None:
        self.original = folder / "seeded.db"
        shutil.copy(migrated, self.original)
        asyncio.run(self._tell())

    def copy(self, folder: Path, name: str = "pixelgate.db") -> Path:
        return Path(shutil.copy(self.original, folder / name))

    async def _tell(self) -> None:
        db = database.connect(f"sqlite:///{self.original}")
        seed = Seed(db, NOW)
        summit, harbor = await seed.store(SUMMIT), await seed.store(HARBOR)
        await seed.counts(summit, days=62)
        await seed.coverage(summit)
        await seed.counts(harbor, days=8, size=0.2)
        self.summit = await seed.decisions(summit, 120)
        self.harbor = await seed.decisions(harbor, 12)
        self.hostile = await self._hostile(db, seed, summit)
        for email, role, store in USERS:
            await seed.user(email, role, store)
        await begin_sessions(db, USER_IDS.values())
        await db.close()

    async def _hostile(self, db, seed: Seed, version) -> uuid.UUID:
        """A decision whose every free text tries to break out of the page."""
        entry = seed._entry(version, NOW, uuid.uuid4(), "DE", "de", "reject_all")
        content = msgspec.json.encode(
            {
                "language": HOSTILE,
                "dir": HOSTILE,
                "banner": {"title": HOSTILE, "text": HOSTILE, "accept": HOSTILE},
                "purposes": [{"title": HOSTILE, "text": HOSTILE, "services": [{"name": HOSTILE}]}],
            }
        )
        hostile = msgspec.structs.replace(
            entry,
            language=HOSTILE,
            banner_content=content,
            banner_sha256=hashlib.sha256(content).hexdigest(),
        )
        async with db.write() as c:
            await ledger.append(c, [hostile])
        return hostile.id


def open_app(
    file: Path, clock: Clock, folder: Path, *, provider: Provider | None = None, **environ: str
) -> App:
    """The service over ``file``. It seals nothing by itself, since an answer tells what is."""
    given = {
        "CONSENT_DATABASE_URL": f"sqlite:///{file}",
        "CONSENT_SECRET_KEYS": "k" * 40,
        "CONSENT_TRUSTED_PROXIES": "127.0.0.1",
        **environ,
    }
    app = create_app(settings.load(given, var=folder), now=clock, provider=provider)
    app.services.sealer.start = lambda: None
    app.unnoted = watch(app.services.database)
    return app


HELD = {
    *("stores", "versions", "groups", "users", "grants", "invitations", "sessions", "api_tokens"),
    *("second_factors", "recovery_codes", "schedules", "identities"),
}
"""Nothing in these tables changes without a line in the log of activity."""
WRITE = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM) (\w+)")
UNTOLD = {("UPDATE", "sessions"), ("UPDATE", "api_tokens")}
"""That something was used today changes nothing."""


def watch(db: Database) -> list[str]:
    """A list that every transaction is added to which changes what is held and notes nothing.

    So each test of a page that changes something is a test of the log too.
    """
    engine, unnoted, written = db._writer.sync_engine, [], set()

    @sa.event.listens_for(engine, "before_cursor_execute")
    def heard(conn, cursor, statement, *_):
        if found := WRITE.match(statement):
            written.add(found.groups())

    @sa.event.listens_for(engine, "commit")
    def ended(conn):
        told = ("INSERT INTO", "activity") in written
        changed = {one for one in written if one[1] in HELD and one not in UNTOLD}
        if changed and not told:
            unnoted.append(f"{sorted(changed)} without a line in the activity")
        written.clear()

    @sa.event.listens_for(engine, "rollback")
    def gone(conn):
        written.clear()

    return unnoted


def sign_in(client, email, password=PASSWORD, *, headers=None, **fields):
    form = {"email": email, "password": password, **fields}
    return client.post("/admin/login", data=form, headers={**HERE, **(headers or {})})


def soup(response) -> BeautifulSoup:
    assert response.status_code == 200, response.text
    return BeautifulSoup(response.text, "html.parser")


def write(client: TestClient, work) -> None:
    async def run() -> None:
        db = database.connect(client.app.services.settings.database_url)
        async with db.write() as c:
            await work(c)
        await db.close()

    asyncio.run(run())


def ask(client: TestClient, question):
    """What ``question`` finds in the service's database."""

    async def run():
        db = database.connect(client.app.services.settings.database_url)
        async with db.read() as c:
            found = await question(c)
        await db.close()
        return found

    return asyncio.run(run())


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))
