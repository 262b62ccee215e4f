"""What many tests need: a clock that stands still, and each kind of database, ready for use."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.engine import make_url

from consent import accounts, data
from consent import database as database_
from consent.campaign import Campaign
from consent.database import Database, connections
from consent.embeds import Embeds
from consent.platforms import Platforms
from consent.regions import Regions
from consent.scan.others import Others
from consent.scan.systems import Systems
from consent.texts import Texts

# A machine that is busy makes no test fail.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is in no folder comes last: small files, so that no process waits long for another."""
    items.sort(key=lambda item: item.path.parent == Path(__file__).parent)


class Clock:
    """Shows one moment until it is moved."""

    def __init__(self, moment: dt.datetime) -> None:
        self.moment = moment

    def __call__(self) -> dt.datetime:
        return self.moment

    def advance(self, **duration: float) -> dt.datetime:
        self.moment += dt.timedelta(**duration)
        return self.moment


# What a test may have left in a database is taken out, past the triggers that forbid it; and its
# shape is told, since one that a test has altered is of no use to the next.
_RESET = """
\\set ON_ERROR_STOP on
\\connect {name}
SET client_min_messages = warning;
SELECT pg_terminate_backend(pid) IS NULL FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();
SET session_replication_role = replica;
DO $$ DECLARE one text; BEGIN
    FOR one IN SELECT format('DELETE FROM %I', tablename) FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP EXECUTE one; END LOOP;
    FOR one IN SELECT format('ALTER SEQUENCE %I RESTART', sequencename) FROM pg_sequences
        WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP EXECUTE one; END LOOP;
END $$;
\\t
\\echo shape
SELECT md5(string_agg(told, ' ' ORDER BY told)) FROM (
    SELECT concat_ws(' ', relname, attname, atttypid, attnotnull) AS told
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', tgrelid, tgname, tgenabled) FROM pg_trigger
    UNION ALL SELECT concat_ws(' ', proname, prosrc) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT version_num FROM alembic_version
    UNION ALL SELECT concat_ws(' ', setconfig) FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL SELECT concat_ws(' ', conrelid, conname) FROM pg_constraint
) AS parts;
"""


class PostgreSQL:
    """A real server for the whole run. Each test gets a migrated and empty database."""

    def __init__(self, folder: Path) -> None:
        from tests.pgserver import get_server

        folder.mkdir(exist_ok=True)
        self._server = get_server(folder, cleanup_mode="delete")
        self._numbers = itertools.count(1)
        # No machine crashes in a test, and syncing a thousand new databases takes minutes. What a
        # killed server keeps is tested on one of its own (tests/faults), which does sync.
        self._server.psql("ALTER SYSTEM SET fsync = off")
        self._server.psql("SELECT pg_reload_conf()")
        self.empty_url("template_pixelgate")
        database_.migrate(self._server.get_uri("template_pixelgate"))
        self._shape = self._reset("template_pixelgate")
        self._spare: list[str] = []

    def empty_url(self, name: str | None = None) -> str:
        name = name or f"empty_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(name))

    def migrated_url(self) -> str:
        if self._spare:
            return self._spare.pop()
        name = f"test_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name} TEMPLATE template_pixelgate")
        return str(self._server.get_uri(name))

    def give_back(self, url: str) -> None:
        """Make the database ready for the next test: to make one takes longer than many tests."""
        name = str(make_url(url).database)
        with contextlib.suppress(subprocess.CalledProcessError):  # one that takes no writes
            if self._reset(name) == self._shape:
                self._spare.append(url)
                return
        self._server.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _reset(self, name: str) -> str:
        return str(self._server.psql(_RESET.format(name=name))).partition("shape\n")[2].strip()

    def stop(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="session", autouse=True)
def shipped_files_are_read_once() -> Iterator[None]:
    """Nobody changes what was read of them, and most tests start from it."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in (Campaign, Embeds, Others, Platforms, Regions, Systems, Texts):
            patch.setattr(kind, "load", _once(kind.load))
        yield


@pytest.fixture(scope="session", autouse=True)
def many_who_wait_for_a_slow_disk_all_get_their_turn() -> Iterator[None]:
    """Else the last of them are turned away, as they should be in service."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "BUSY_SECONDS", 60.0)
        patch.setitem(database_.connect.__kwdefaults__, "busy_seconds", 60.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def shipped_hasher() -> Iterator[PasswordHash]:
    """Tests need not pay what an attacker has to; what is shipped is held by ``test_accounts``."""
    shipped = accounts._HASHER
    with pytest.MonkeyPatch.context() as patch:
        quick = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(accounts, "_HASHER", PasswordHash((quick,)))
        yield shipped


def _once(load: Callable[..., Any]) -> Callable[..., Any]:
    shipped = functools.cache(lambda folder: load())

    def read(path: Path | None = None) -> Any:
        # A test may have put another folder in the place of the shipped ones.
        return load(path) if path is not None else shipped(data.folder)

    return read


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def now() -> Clock:
    return Clock(dt.datetime(2026, 3, 2, 10, 30, tzinfo=dt.UTC))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    # short, since the server's socket is inside and its address may have only 107 bytes
    server = PostgreSQL(Path(tempfile.mkdtemp(prefix="pg-")))
    yield server
    server.stop()


@pytest.fixture
def postgresql_url(postgresql_server: PostgreSQL) -> Iterator[str]:
    url = postgresql_server.migrated_url()
    yield url
    postgresql_server.give_back(url)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "pixelgate.db"
    database_.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    path = tmp_path / "pixelgate.db"
    shutil.copy(migrated_file, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a migrated, empty database of its own."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = database_.connect(database_url)
    yield opened
    await opened.close()
