"""The database as the rest of the package sees it: short reads, durable writes, one check."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from consent.database import connections, faults, migrations
from consent.errors import UnavailableError


class Database:
    """Where everything is kept. Made by ``connect``; belongs to one event loop.

    A write is durable when its block has ended: SQLite in WAL mode with ``synchronous=FULL`` has
    called fsync by then, and so has PostgreSQL with its own defaults. Several processes may use
    one database. On SQLite the writes of one process queue for its one writing connection, and
    processes wait for each other up to the busy timeout.
    """

    def __init__(
        self,
        reader: AsyncEngine,
        writer: AsyncEngine,
        *,
        busy_seconds: float,
        log: connections.WriteAheadLog | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._busy_seconds = busy_seconds
        self._log = log
        self.dialect: str = writer.dialect.name

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which every statement sees the same moment, and none can write.

        Keep it short: an open read keeps SQLite's write-ahead log from starting anew.

        Raises:
            UnavailableError: the database does not answer, or has no tables.
        """
        with faults.translated():
            async with self._reader.begin() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose changes are durable once the block has ended without an error.

        An error inside the block leaves nothing behind.

        Raises:
            UnavailableError: lost connection, lock held for too long, disk full. When the
                connection was lost while committing, the write may still have been made.
        """
        with faults.translated():
            async with self._writer.begin() as connection:
                yield connection
        if self._log is not None and self._log.is_over_limit():
            await self._log.restart(self._writer, busy_seconds=self._busy_seconds)

    async def check(self) -> None:
        """Nothing when the database answers and has the tables of this release.

        Raises:
            UnavailableError: it does not.
        """
        async with self.read() as connection:
            found = await connection.run_sync(migrations.applied)
        if found != migrations.newest():
            raise UnavailableError(
                f"database: tables are at {found}; "
                f"this release needs {migrations.newest()}: run consent migrate"
                if found
                else f"database: {faults.NO_TABLES}"
            )

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()


def connect(url: str, *, busy_seconds: float = connections.BUSY_SECONDS) -> Database:
    """The database at ``url``. Nothing is opened before the first use.

    Args:
        url: ``sqlite:///FILE`` (relative), ``sqlite:////FILE`` or ``postgresql://...``.
        busy_seconds: how long a SQLite write waits for another process.

    Raises:
        SettingsError: another kind of address.
    """
    parsed = connections.parse(url)
    if parsed.get_backend_name() == "postgresql":
        engine = connections.open_postgresql(parsed)
        reader = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        return Database(reader, engine, busy_seconds=busy_seconds)
    return Database(
        connections.open_sqlite(parsed, writes=False, busy_seconds=busy_seconds),
        connections.open_sqlite(parsed, writes=True, busy_seconds=busy_seconds),
        busy_seconds=busy_seconds,
        log=connections.WriteAheadLog(Path(str(parsed.database))),
    )
