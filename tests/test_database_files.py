"""A SQLite file that is deleted, replaced or moved while the service has it open."""

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from consent import database as database_
from consent import stores
from consent.errors import UnavailableError
from consent.folding import Folder
from consent.model import StoreConfig

pytestmark = pytest.mark.anyio

ORIGINS = ("https://summit.example",)


async def save(database, now, name="Summit"):
    async with database.write() as c:
        await stores.save(c, StoreConfig("summit", name, ORIGINS), now())


@pytest.fixture
async def serving(sqlite_url, now):
    """A database in use: its files are open, and something is in it."""
    database = database_.connect(sqlite_url)
    await save(database, now)
    async with database.read() as c:
        await stores.all_stores(c)
    yield database
    await database.close()


@pytest.fixture
def file(sqlite_url) -> Path:
    return Path(make_url(sqlite_url).database)


def backup(file: Path, to: Path) -> Path:
    with sqlite3.connect(file) as source, sqlite3.connect(to) as target:
        source.backup(target)
    source.close()
    target.close()
    return to


def remove(file: Path) -> None:
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()


async def names(database) -> list[str]:
    async with database.read() as c:
        return [store.name for store in await stores.all_stores(c)]


async def test_nothing_is_stored_in_a_file_that_was_deleted(serving, file, now):
    remove(file)
    for use in (save(serving, now), serving.check(), serving.check(writes=True), names(serving)):
        with pytest.raises(UnavailableError, match="the file is gone"):
            await use
    assert not list(file.parent.glob(f"{file.name}*"))


async def test_a_write_whose_file_is_deleted_before_its_commit_was_not_stored(serving, file, now):
    async def lose():
        async with serving.write() as c:
            await stores.save(c, StoreConfig("peak", "Peak", ORIGINS), now())
            remove(file)

    with pytest.raises(UnavailableError, match="the file is gone"):
        await lose()


async def test_a_deleted_file_that_is_made_anew_is_used(serving, file, sqlite_url, now):
    remove(file)
    file.touch()
    with pytest.raises(UnavailableError, match="no tables yet: run consent migrate"):
        await save(serving, now)
    await asyncio.to_thread(database_.migrate, sqlite_url)
    await serving.check(writes=True)
    assert await names(serving) == []
    await save(serving, now, name="Anew")
    assert await names(serving) == ["Anew"]
    assert serving.generation > 0


async def test_a_backup_that_replaces_the_file_is_what_is_written_to(serving, file, now):
    saved = backup(file, file.with_name("backup"))
    await save(serving, now, name="Lost with the file")
    saved.replace(file)
    await save(serving, now, name="Stored")
    await serving.check(writes=True)
    with sqlite3.connect(backup(file, file.with_name("look"))) as look:
        assert look.execute("SELECT key, name FROM stores").fetchall() == [("summit", "Stored")]
        assert look.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    look.close()


async def test_the_log_of_a_replaced_file_is_not_replayed_but_kept(serving, file, now):
    saved = backup(file, file.with_name("backup"))
    await save(serving, now, name="Lost with the file")
    saved.replace(file)
    assert await names(serving) == ["Summit"]
    aside = [p for p in file.parent.glob(f"{file.name}-wal.*") if p.stat().st_size]
    assert len(aside) == 1
    await serving.check(writes=True)


@pytest.mark.parametrize("noticed", [False, True])
async def test_what_was_counted_beside_a_file_that_is_replaced_goes_with_it(serving, file, noticed):
    written = []

    async def write(_, sums):
        written.append(dict(sums))

    folder = Folder(serving, write)
    saved = backup(file, file.with_name("backup"))
    folder.add("before", 2)
    saved.replace(file)
    if noticed:
        assert await names(serving) == ["Summit"]
        folder.add("after")
    await folder.flush()
    folder.add("after")
    await folder.flush()
    assert sum(sums["after"] for sums in written) == 1 + noticed
    assert "before" not in {key for sums in written for key in sums}
    assert folder.waiting == 0


async def test_a_file_that_is_moved_away_and_back_has_lost_nothing(serving, file, now):
    away = file.with_name("away")
    file.rename(away)
    with pytest.raises(UnavailableError, match="the file is gone"):
        await save(serving, now)
    away.rename(file)
    await save(serving, now, name="Back")
    assert await names(serving) == ["Back"]
    assert serving.generation == 0


async def test_a_log_that_is_deleted_loses_no_commit(serving, file, now):
    await save(serving, now, name="Only in the log")
    file.with_name(f"{file.name}-wal").unlink()
    assert await names(serving) == ["Only in the log"]
    await save(serving, now, name="After it")
    assert await names(serving) == ["After it"]
    with sqlite3.connect(backup(file, file.with_name("look"))) as look:
        assert look.execute("SELECT name FROM stores").fetchall() == [("After it",)]
    look.close()


async def test_a_replaced_file_waits_for_those_who_still_read_the_old_one(serving, file, now):
    saved = backup(file, file.with_name("backup"))

    async def read_on():
        async with serving.read() as c:
            await stores.all_stores(c)
            saved.replace(file)
            with pytest.raises(UnavailableError, match="was replaced"):
                await save(serving, now, name="Too early")
            assert len(await stores.all_stores(c)) == 1

    with pytest.raises(UnavailableError, match="was replaced"):
        await read_on()
    await asyncio.gather(*(save(serving, now, name="In time") for _ in range(5)))
    assert await names(serving) == ["In time"]


async def test_a_copy_of_all_files_that_replaces_them_has_every_commit(serving, file, now):
    await save(serving, now, name="In the log")
    copies = file.parent / "copies"
    copies.mkdir()
    for path in file.parent.glob(f"{file.name}*"):
        shutil.copy(path, copies)
    remove(file)
    for path in copies.iterdir():
        path.rename(file.with_name(path.name))
    assert await names(serving) == ["In the log"]
