"""A copy that is made while decisions are written, and what is restored from it."""

import asyncio
import shutil
import sqlite3
import subprocess
import uuid
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from consent import database as database_
from consent import ledger
from consent.database import Database, backup
from consent.errors import SettingsError, UnavailableError
from tests.faults.postgres import PROGRAMS
from tests.test_ledger import a_store, an_entry

pytestmark = pytest.mark.anyio


@pytest.fixture
def programs(monkeypatch):
    monkeypatch.setenv("PATH", str(PROGRAMS), prepend=":")


@pytest.fixture
def restored(request, database_url, tmp_path):
    """Restores a copy as the README says, and gives the address of what came of it."""

    def restore(copy: Path) -> str:
        if database_url.startswith("sqlite"):
            return f"sqlite:///{shutil.copy(copy, tmp_path / 'restored.db')}"
        url = request.getfixturevalue("postgresql_server").empty_url()
        plain = make_url(url).set(drivername="postgresql").render_as_string()
        command = [PROGRAMS / "pg_restore", "--exit-on-error", f"--dbname={plain}", copy]
        subprocess.run(command, check=True)
        return url

    return restore


async def test_a_copy_made_under_writing_is_whole_and_its_ledger_goes_on(
    programs, database, database_url, restored, tmp_path
):
    store = await a_store(database)
    stop = asyncio.Event()

    async def write_on() -> None:
        while not stop.is_set():
            async with database.write() as c:
                await ledger.append(c, [an_entry(store) for _ in range(5)])

    writer = asyncio.create_task(write_on())
    await asyncio.sleep(0)
    while (before := await end(database)) < 20:
        await asyncio.sleep(0.01)
    copy = tmp_path / "copy"
    made = await backup.write(database, database_url, copy)
    stop.set()
    await writer
    assert before <= made.records <= await end(database)
    assert (copy.stat().st_mode & 0o777, copy.stat().st_size) == (0o600, made.size_bytes)
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == ["copy"]
    opened = database_.connect(restored(copy))
    await opened.check(writes=True)
    assert await end(opened) == made.records
    async with opened.write() as c:
        (appended,) = await ledger.append(c, [an_entry(store)])
    assert appended.record.seq == made.records + 1
    await opened.close()


async def end(database: Database) -> int:
    async with database.read() as c:
        return (await c.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM decisions")).scalar_one()


async def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(
    programs, database, database_url, tmp_path
):
    copy = tmp_path / "copy"
    copy.write_text("dear")
    with pytest.raises(SettingsError, match="is there already; expected a new name, or --force"):
        await backup.write(database, database_url, copy)
    assert copy.read_text() == "dear"
    await backup.write(database, database_url, copy, force=True)
    assert copy.stat().st_size > 1000


async def test_a_folder_that_is_not_there_is_said(database, database_url, tmp_path):
    with pytest.raises(SettingsError, match="no such folder"):
        await backup.write(database, database_url, tmp_path / "none" / "copy")


async def test_without_the_programs_it_says_what_to_run_where_they_are(
    monkeypatch, postgresql_url, tmp_path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    database = database_.connect(postgresql_url)
    with pytest.raises(SettingsError, match="pg_dump --format=custom --file=FILE postgresql://"):
        await backup.write(database, postgresql_url, tmp_path / "copy")
    await database.close()
    assert not (tmp_path / "copy").exists()


async def test_a_dump_that_fails_leaves_nothing_behind(monkeypatch, postgresql_url, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (programs / name).write_text("#!/bin/sh\necho 'no room on the device' >&2\nexit 1\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    database = database_.connect(postgresql_url)
    with pytest.raises(UnavailableError, match="backup: pg_dump: no room on the device"):
        await backup.write(database, postgresql_url, tmp_path / "copy")
    await database.close()
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


async def test_a_copy_that_lacks_a_record_is_not_called_whole(sqlite_url, tmp_path):
    database = database_.connect(sqlite_url)
    store = await a_store(database)
    async with database.write() as c:
        await ledger.append(c, [an_entry(store, id=uuid.uuid4()) for _ in range(3)])
    copy = tmp_path / "copy"
    await backup.write(database, sqlite_url, copy)
    await database.close()
    with sqlite3.connect(copy) as opened:
        opened.execute("DROP TRIGGER decisions_no_delete")
        opened.execute("DELETE FROM decisions WHERE seq = 2")
    opened.close()
    with pytest.raises(UnavailableError, match="2 records; expected 3"):
        backup.look_at(copy)
    copy.write_bytes(copy.read_bytes()[:4096])
    with pytest.raises(UnavailableError, match="copy"):
        backup.look_at(copy)
