import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from consent import database as database_
from consent import stores
from consent.database import connections, migrations, tables
from consent.database.dialects import take_lock
from consent.errors import SettingsError, UnavailableError
from consent.model import StoreConfig

pytestmark = pytest.mark.anyio

SUMMIT = StoreConfig("summit", "Summit", ("https://summit.example",))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path) -> str:
    """The address of a database without tables; for SQLite not even the folder is there."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'var' / 'pixelgate.db'}"
    return request.getfixturevalue("postgresql_server").empty_url()


def file_of(url: str) -> Path:
    return Path(make_url(url).database)


async def save(database, now, name="Summit"):
    async with database.write() as c:
        await stores.save(c, StoreConfig("summit", name, SUMMIT.origins), now())


def test_migrating_makes_the_tables_once(empty_url):
    first = database_.migrate(empty_url)
    assert first == sorted(first)
    assert first
    assert database_.migrate(empty_url) == []


async def test_the_check_tells_an_empty_database_from_a_migrated_one(database, empty_url):
    await database.check()
    if database_.connect(empty_url).dialect == "sqlite":
        file_of(empty_url).parent.mkdir(parents=True)
    empty = database_.connect(empty_url)
    fault = "^database: no tables yet: run consent migrate$"
    with pytest.raises(UnavailableError, match=fault):
        await empty.check()
    with pytest.raises(UnavailableError, match=fault):
        async with empty.read() as c:
            await stores.all_stores(c)
    await empty.close()


def test_the_newest_step_is_the_one_that_alembic_finds():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert migrations.newest() == ScriptDirectory.from_config(config).get_current_head()


async def test_the_check_says_which_tables_are_there_and_which_are_needed(database):
    newest = migrations.newest()
    async with database.write() as c:
        await c.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    fault = f"tables are at 0000; this release needs {newest}: run consent migrate"
    with pytest.raises(UnavailableError, match=fault):
        await database.check()


async def test_tables_of_a_later_release_are_those_of_a_process_that_serves_alone(
    database, database_url
):
    async with database.write() as c:
        await c.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    fault = f"tables are at 9999; this release needs {migrations.newest()}: install the later"
    await database.check(writes=True, later=True)
    with pytest.raises(UnavailableError, match=fault):
        await database.check(writes=True)
    with pytest.raises(UnavailableError, match=fault):
        await asyncio.to_thread(database_.migrate, database_url)


def test_processes_that_migrate_at_once_wait_for_each_other(empty_url):
    script = f"from consent import database; print(database.migrate({empty_url!r}))"
    started = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=300)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert printed.count("[]") == 1


async def test_the_tables_are_those_that_the_steps_make(database):
    def differences(connection):
        options = {"compare_type": True}
        return compare_metadata(
            MigrationContext.configure(connection, opts=options), tables.metadata
        )

    async with database.read() as c:
        assert await c.run_sync(differences) == []


async def test_an_error_inside_a_write_leaves_nothing_behind(database, now):
    async def fail():
        async with database.write() as c:
            await stores.save(c, SUMMIT, now())
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        await fail()
    async with database.read() as c:
        assert await stores.all_stores(c) == []


async def test_every_statement_of_a_read_sees_the_same_moment(database, now):
    async with database.read() as c:
        before = await stores.all_stores(c)
        await save(database, now)
        assert await stores.all_stores(c) == before == []
    async with database.read() as c:
        assert len(await stores.all_stores(c)) == 1


async def test_many_writes_at_once_all_come_through(database, now):
    names = [f"store-{n}" for n in range(30)]

    async def one(name):
        async with database.write() as c:
            await stores.save(c, StoreConfig(name, name, SUMMIT.origins), now())

    await asyncio.gather(*map(one, names))
    async with database.read() as c:
        assert {store.key for store in await stores.all_stores(c)} == set(names)


@pytest.mark.parametrize("url", ["mysql://host/name", "sqlite://", "sqlite:///:memory:"])
def test_other_addresses_are_refused(url):
    with pytest.raises(SettingsError, match="CONSENT_DATABASE_URL"):
        database_.connect(url)


def test_a_password_in_an_address_is_not_shown():
    with pytest.raises(SettingsError) as caught:
        database_.connect("mysql://user:swordfish@host/name")
    assert "swordfish" not in str(caught.value)


async def test_a_sqlite_write_is_synced_and_logged_ahead(sqlite_url):
    database = database_.connect(sqlite_url)
    async with database.write() as c:
        found = [
            (await c.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    await database.close()
    assert found == ["wal", 2, 1]


async def test_a_locked_sqlite_file_is_unavailable_and_then_works_again(sqlite_url, now):
    database = database_.connect(sqlite_url, busy_seconds=0.1)
    other = sqlite3.connect(file_of(sqlite_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked by another process"):
        await save(database, now)
    async with database.read() as c:
        assert await stores.all_stores(c) == []
    other.execute("ROLLBACK")
    other.close()
    await save(database, now)
    await database.close()


async def test_a_full_disk_is_unavailable_and_loses_nothing(sqlite_url, now):
    database = database_.connect(sqlite_url)
    await save(database, now)
    async with database.write() as c:
        pages = (await c.exec_driver_sql("PRAGMA page_count")).scalar()
        await c.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UnavailableError, match="the disk is full"):
        await save(database, now, name="x" * 100_000)
    async with database.write() as c:
        await c.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1000}")
        assert [store.name for store in await stores.all_stores(c)] == ["Summit"]
    await save(database, now, name="x" * 100_000)
    await database.close()


async def test_a_file_that_is_no_database_is_unavailable(tmp_path, now):
    path = tmp_path / "pixelgate.db"
    path.write_bytes(b"not a database" * 1000)
    database = database_.connect(f"sqlite:///{path}")
    with pytest.raises(UnavailableError, match="not a database"):
        await database.check()
    await database.close()


async def test_a_missing_folder_is_unavailable(tmp_path):
    database = database_.connect(f"sqlite:///{tmp_path}/none/pixelgate.db")
    with pytest.raises(UnavailableError, match="no such folder, so no tables yet: run consent mig"):
        await database.check()
    await database.close()


async def test_the_check_finds_that_no_write_can_begin(database, database_url):
    other, third = (database_.connect(database_url, busy_seconds=60) for _ in range(2))

    async def write() -> None:
        async with third.write() as c:
            await take_lock(c, "ledger")

    async with other.write() as c:
        await take_lock(c, "ledger")
        writing = asyncio.create_task(write())
        with pytest.raises(UnavailableError, match="locked by"):
            await database.check(writes=True)
        await database.check()
        assert not writing.done()  # who writes waits longer
    await writing
    await database.check(writes=True)
    await other.close()
    await third.close()


async def test_the_check_passes_while_this_process_keeps_writing(database, now):
    stop = asyncio.Event()

    async def write_on():
        while not stop.is_set():
            await save(database, now)

    writers = [asyncio.create_task(write_on()) for _ in range(3)]
    for _ in range(20):
        await database.check(writes=True)
    stop.set()
    await asyncio.gather(*writers)


async def test_a_check_leaves_nothing_behind(database):
    await database.check(writes=True)
    async with database.read() as c:
        assert (await c.execute(sa.select(tables.decisions))).all() == []


async def test_postgresql_that_takes_no_writes_is_not_ready(postgresql_url):
    owner = database_.connect(postgresql_url)
    name = make_url(postgresql_url).database
    async with owner.write() as c:
        await c.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await owner.close()
    database = database_.connect(postgresql_url)
    with pytest.raises(UnavailableError, match="read-only"):
        await database.check(writes=True)
    await database.close()


async def test_the_write_ahead_log_starts_anew_under_steady_reading(sqlite_url, now):
    database = database_.connect(sqlite_url)
    log = file_of(sqlite_url).with_name("pixelgate.db-wal")
    largest = 0
    stop = asyncio.Event()

    async def read_on():
        while not stop.is_set():
            async with database.read() as c:
                await stores.draft(c, "summit")
                await asyncio.sleep(0.02)

    await save(database, now)
    readers = [asyncio.create_task(read_on()) for _ in range(3)]
    try:
        for n in range(60):
            await save(database, now, name=str(n % 10) * 3_000_000)
            largest = max(largest, log.stat().st_size)
    finally:
        stop.set()
        await asyncio.gather(*readers)
        await database.close()
    assert largest < 2 * connections.WAL_LIMIT_BYTES


async def test_a_long_read_holds_the_log_but_not_the_writes(sqlite_url, now):
    database = database_.connect(sqlite_url)
    log = file_of(sqlite_url).with_name("pixelgate.db-wal")
    async with database.read() as c:
        assert await stores.all_stores(c) == []
        for n in range(24):
            await save(database, now, name=str(n % 10) * 3_000_000)
        largest = log.stat().st_size
        assert largest > connections.WAL_LIMIT_BYTES
        assert await stores.all_stores(c) == []
    for n in range(12):
        await save(database, now, name=str(n % 10) * 3_000_000)
    assert log.stat().st_size <= connections.WAL_LIMIT_BYTES < largest
    await database.close()


async def test_postgresql_that_hangs_up_is_unavailable_and_then_works_again(postgresql_url, now):
    database = database_.connect(postgresql_url)
    other = database_.connect(postgresql_url)
    hang_up = sa.text("SELECT pg_terminate_backend(:pid)")

    async def lose_the_connection():
        async with database.write() as c:
            pid = (await c.exec_driver_sql("SELECT pg_backend_pid()")).scalar()
            await stores.save(c, SUMMIT, now())
            async with other.write() as killer:
                await killer.execute(hang_up, {"pid": pid})
            await stores.all_stores(c)

    with pytest.raises(UnavailableError, match=r"the connection was lost|shutting down"):
        await lose_the_connection()
    async with database.read() as c:
        assert await stores.all_stores(c) == []
    await save(database, now)
    await database.close()
    await other.close()


async def test_a_connection_that_died_while_idle_is_replaced_unseen(postgresql_url, now):
    database = database_.connect(postgresql_url)
    other = database_.connect(postgresql_url)
    await save(database, now)
    async with other.write() as killer:
        await killer.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await save(database, now, name="Peak")
    await database.close()
    await other.close()


async def test_a_server_that_is_not_there_is_unavailable(tmp_path):
    for url in ("postgresql://u@127.0.0.1:1/x", f"postgresql://u@/x?host={tmp_path}"):
        database = database_.connect(url)
        with pytest.raises(UnavailableError, match="not reachable"):
            await database.check()
        await database.close()


async def test_a_database_that_is_not_there_is_unavailable(postgresql_url):
    url = make_url(postgresql_url).set(database="nowhere")
    database = database_.connect(url.render_as_string(hide_password=False))
    with pytest.raises(UnavailableError, match="no such database"):
        await database.check()
    await database.close()


async def test_a_mistake_of_ours_is_not_called_unavailable(database, now):
    await save(database, now)

    async def insert_the_same_key():
        async with database.write() as c:
            row = (await c.execute(sa.select(tables.stores))).one()._asdict()
            await c.execute(sa.insert(tables.stores).values({**row, "id": row["id"] + 1}))

    with pytest.raises(sa.exc.IntegrityError):
        await insert_the_same_key()
