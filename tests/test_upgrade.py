"""From the last release with data to this one; ``releases/make.py`` made what it left behind."""

import asyncio
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from consent import audit, ledger, stores
from consent import database as database_
from consent.database import migrations, tables
from consent.model import Grants
from consent.proof import Sealer
from consent.signing import log_key
from tests.e2e.service import Service
from tests.faults.postgres import PROGRAMS
from tests.test_ledger import an_entry

pytestmark = pytest.mark.anyio

RELEASES = Path(__file__).parent / "releases"
LAST = "0002"
DECISIONS = 48

KILLED = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from consent import database
left = int(sys.argv[2])

@event.listens_for(Engine, "after_cursor_execute")
def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

@event.listens_for(Engine, "commit")
def committing(_):
    if left < 0 and sys.argv[2] == "-1":
        os.kill(os.getpid(), signal.SIGKILL)

database.migrate(sys.argv[1])
print(-left)
"""
"""Migrates, and is killed after so many statements; with -1 when it is about to commit."""


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request, tmp_path) -> str:
    """The address of a database as the last release left it."""
    if request.param == "sqlite":
        file = tmp_path / "pixelgate.db"
        with sqlite3.connect(file) as opened:
            opened.executescript((RELEASES / f"{LAST}.sqlite.sql").read_text())
            opened.execute("PRAGMA journal_mode = WAL")
        opened.close()
        return f"sqlite:///{file}"
    url = str(request.getfixturevalue("postgresql_server").empty_url())
    plain = make_url(url).set(drivername="postgresql").render_as_string()
    script = str(RELEASES / f"{LAST}.postgresql.sql")
    command = [PROGRAMS / "psql", "--quiet", "-v", "ON_ERROR_STOP=1", "-f", script, plain]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return url


async def content(url: str) -> dict[str, dict[str, list]]:
    """Every column of every table, each sorted by itself; and the newest step of the tables."""

    def read(connection: sa.Connection) -> dict[str, dict[str, list]]:
        found = sa.MetaData()
        found.reflect(connection)
        return {
            table.name: {
                column.name: sorted(map(repr, connection.execute(sa.select(column)).scalars()))
                for column in table.columns
            }
            for table in found.tables.values()
        }

    database = database_.connect(url)
    async with database.read() as c:
        kept = await c.run_sync(read)
    await database.close()
    return kept


def is_kept(before: dict[str, dict[str, list]], after: dict[str, dict[str, list]]) -> bool:
    """Whether each column that was there still says the same."""
    return all(
        after[table][column] == values
        for table, columns in before.items()
        for column, values in columns.items()
        if table != "alembic_version"
    )


async def test_all_data_of_the_last_release_is_there_and_the_ledger_goes_on(old_url, now):
    before = await content(old_url)
    assert len(before["decisions"]["id"]) == DECISIONS
    steps = await asyncio.to_thread(database_.migrate, old_url)
    assert steps[-1:] == [migrations.newest()]
    assert is_kept(before, await content(old_url))
    database = database_.connect(old_url)
    await database.check(writes=True)
    async with database.read() as c:
        version = await stores.current(c, "summit")
        visitor, last = await newest(c, version.store_id)
    entry = an_entry(Store(version), visitor=visitor, grants=Grants.all(False), action="withdraw")
    async with database.write() as c:
        (appended,) = await ledger.append(c, [entry])
    assert (appended.record.seq, appended.record.previous) == (DECISIONS + 1, last)
    sealer = Sealer(database, log_key((), ("k" * 40,)), "consent.example/log", now)
    assert await sealer.seal_all() == DECISIONS + 1
    report = await audit.verify(database)
    assert (report.fault, report.sealed) == (None, DECISIONS + 1)
    await database.close()


class Store:
    """What ``an_entry`` asks of a store."""

    def __init__(self, version) -> None:
        self.id = version.store_id
        self.version_id = version.id


async def newest(c, store_id):
    """Who decided last in a store, and the id of that record."""
    d = tables.decisions.c
    query = sa.select(d.visitor, d.id).where(d.store_id == store_id).order_by(d.seq.desc()).limit(1)
    return (await c.execute(query)).one()


async def test_a_migration_that_is_killed_leaves_the_old_tables(old_url):
    before = await content(old_url)
    for statements in (4, 40, -1):
        command = [sys.executable, "-c", KILLED, old_url, str(statements)]
        killed = subprocess.run(command, capture_output=True, text=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed
        assert await content(old_url) == before
    assert (await asyncio.to_thread(database_.migrate, old_url))[-1:] == [migrations.newest()]
    assert is_kept(before, await content(old_url))


def test_serving_the_tables_of_the_last_release_is_refused_with_what_to_run(old_url, tmp_path):
    service = Service(tmp_path, database_url=old_url)
    with pytest.raises(AssertionError, match=re.escape(f"tables are at {LAST}")):
        service.start()
    assert "run consent migrate" in (tmp_path / "service.log").read_text()
