"""How the tables come to be, release by release. The steps are in ``versions/``.

Alembic runs them from the installed package: no ``alembic.ini`` is needed. All steps of a run are
one transaction, in both dialects, so that a failed run changes nothing.
"""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from consent.database import connections, faults
from consent.database.dialects import take_lock

_HERE = Path(__file__).resolve().parent


def migrate(url: str) -> list[str]:
    """Brings the database at ``url`` to this release; for synchronous code.

    Makes the folder of a SQLite file. Doing it again changes nothing, and processes that start
    together wait for each other.

    Returns:
        The names of the steps applied now, oldest first; empty when there was nothing to do.

    Raises:
        SettingsError: ``url`` is of another kind.
        UnavailableError: the database does not answer.
    """
    return asyncio.run(_migrate(url))


def applied(connection: Connection) -> str | None:
    """The newest step that the database has; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


@functools.cache
def newest() -> str:
    """The newest step that this release knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


async def _migrate(url: str) -> list[str]:
    parsed = connections.parse(url)
    if parsed.get_backend_name() == "postgresql":
        engine = connections.open_postgresql(parsed)
    else:
        engine = connections.open_sqlite(parsed, writes=True)
    try:
        with faults.translated():
            if engine.dialect.name == "sqlite":
                Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
            async with engine.begin() as connection:
                await take_lock(connection, "migrations")
                return await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> list[str]:
    names: list[str] = []
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["names"] = names
    command.upgrade(config, "head")
    return names


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    return config
