"""How the tables come to be, release by release. The steps are in ``versions/``.

Alembic runs them from the installed package: no ``alembic.ini`` is needed. All steps of a run are
one transaction, in both dialects, so that a failed run changes nothing. It is imported only to do
so: every start asks which step is the newest, and that is told by the names of the files.
"""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent.database import connections, faults
from consent.database.dialects import take_lock
from consent.errors import UnavailableError

WAIT_SECONDS = 60.0
"""How long to wait for another process on SQLite, which may be at it itself."""
_HERE = Path(__file__).resolve().parent


def migrate(url: str) -> list[str]:
    """Brings the database at ``url`` to this release; for synchronous code.

    Makes the folder of a SQLite file. Doing it again changes nothing, and processes that start
    together wait for each other.

    Returns:
        The names of the steps applied now, oldest first; empty when there was nothing to do.

    Raises:
        SettingsError: ``url`` is of another kind.
        UnavailableError: the database does not answer, or has the tables of a later release.
    """
    return asyncio.run(_migrate(url))


def applied(connection: Connection) -> str | None:
    """The newest step that the database has; None for an empty one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    step: str | None = connection.execute(
        sa.text("SELECT version_num FROM alembic_version")
    ).scalar()
    return step


@functools.cache
def newest() -> str:
    """The newest step that this release knows."""
    return max(path.stem[1:5] for path in (_HERE / "versions").glob("v[0-9]*_*.py"))


def behind(found: str) -> str:
    """What is wrong with tables at ``found``, which this release does not take, and what to do."""
    way_out = "run consent migrate" if found < newest() else "install the later release"
    return f"tables are at {found}; this release needs {newest()}: {way_out}"


async def _migrate(url: str) -> list[str]:
    parsed = connections.parse(url)
    if parsed.get_backend_name() == "postgresql":
        engine = connections.open_postgresql(parsed)
    else:
        engine = connections.open_sqlite(parsed, writes=True, busy_seconds=WAIT_SECONDS)
    try:
        with faults.translated():
            if engine.dialect.name == "sqlite":
                Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
            async with engine.begin() as connection:
                await take_lock(connection, "migrations")
                found = await connection.run_sync(applied)
                if found is not None and found > newest():
                    raise UnavailableError(f"database: {behind(found)}")
                return await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> list[str]:
    from alembic import command
    from alembic.config import Config

    names: list[str] = []
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["names"] = names
    command.upgrade(config, "head")
    return names
