"""The database as the rest of the package sees it: short reads, durable writes, one check."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from consent.database import connections, dialects, faults, migrations, tables
from consent.database.driver import Driver
from consent.database.files import Files
from consent.errors import UnavailableError

CHECK_SECONDS = 0.5
"""How long a check waits for whoever is writing."""


class Database:
    """Where everything is kept. Made by ``connect``; belongs to one event loop.

    A write is durable when its block has ended: SQLite in WAL mode with ``synchronous=FULL`` has
    called fsync by then, and so has PostgreSQL with its own defaults. Several processes may use
    one database. On SQLite the writes of one process queue for its one writing connection, and
    processes wait for each other up to the busy timeout.

    A SQLite file may be deleted or replaced while it is in use. Nothing written to the lost file
    is called stored; as soon as another file is there, it is opened. ``generation`` counts these
    changes: what was read in an earlier generation may not be true of this one.
    """

    def __init__(
        self,
        reader: AsyncEngine,
        writer: AsyncEngine,
        *,
        busy_seconds: float,
        checker: AsyncEngine | None = None,
        appender: AsyncEngine | None = None,
        files: Files | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._checker = checker or writer
        self._appender = appender or writer
        self._busy_seconds = busy_seconds
        self._files = files
        self._log = connections.WriteAheadLog(files.path) if files else None
        self._uses = 0
        self._opening = asyncio.Lock()
        self._trusted = True
        self._worn = False
        self._writes = 0
        self.generation = 0
        self.dialect: str = writer.dialect.name

    @property
    def path(self) -> Path | None:
        """Where SQLite's file is; None: a server holds the database."""
        return self._files.path if self._files else None

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which every statement sees the same moment, and none can write.

        Keep it short: an open read keeps SQLite's write-ahead log from starting anew.

        Raises:
            UnavailableError: the database does not answer, or has no tables.
        """
        async with self._begun(self._reader) as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose changes are durable once the block has ended without an error.

        An error inside the block leaves nothing behind.

        Raises:
            UnavailableError: lost connection, lock held for too long, disk full, or the file was
                deleted or replaced meanwhile. When the connection was lost while committing, the
                write may still have been made.
        """
        async with self._begun(self._writer) as connection:
            yield connection
        await self._written()

    @contextlib.asynccontextmanager
    async def driven(self) -> AsyncIterator[Driver]:
        """The driver itself, outside of any transaction, for a statement that is one by itself.

        What it wrote is durable once the block has ended without an error.

        Raises:
            UnavailableError: see ``write``.
        """
        if not self._trusted:
            async with self.write():
                pass  # has looked at the tables
        async with self._drivers(self._appender) as driver:
            yield driver
        await self._written()

    @contextlib.asynccontextmanager
    async def asked(self) -> AsyncIterator[Driver]:
        """The driver itself, outside of any transaction, for one statement that reads.

        Raises:
            UnavailableError: see ``read``.
        """
        if not self._trusted:
            async with self.read():
                pass  # has looked at the tables
        async with self._drivers(self._reader) as driver:
            yield driver

    @contextlib.asynccontextmanager
    async def _drivers(self, engine: AsyncEngine) -> AsyncIterator[Driver]:
        async with self._opened(engine) as connection:
            driver: Any = await driver_of(connection)
            try:
                yield driver
            except Exception as error:
                if self.dialect == "sqlite" or not faults.is_lost(error, closed=driver.is_closed()):
                    raise
                driver.terminate()
                raise UnavailableError(
                    f"database: {faults.LOST}; expected one that lasts"
                ) from error

    async def _written(self) -> None:
        self._writes += 1
        if self._log is not None and self._log.is_over_limit():
            with self._used():
                await self._log.restart(self._writer, busy_seconds=self._busy_seconds)

    async def overwrite(self) -> None:
        """Leaves nothing of rows that were removed in SQLite's log, unless a long read goes on.

        In its file they were overwritten as they went (``secure_delete``). PostgreSQL does both by
        itself, at its next vacuum and as it recycles its log.
        """
        if self._log is not None:
            with faults.translated(), self._used():
                await self._log.restart(self._writer, busy_seconds=self._busy_seconds)

    async def check(self, *, writes: bool = False, later: bool = False) -> None:
        """Nothing when the database answers and has the tables of this release.

        Args:
            writes: a write has to be able to begin now, too. Where another process keeps writes
                waiting, that is found out within about a second.
            later: the tables of a later release will do. For a process that was serving when they
                were migrated: steps only add to what it uses.

        Raises:
            UnavailableError: it does not answer, has other tables, or takes no writes.
        """
        if not writes:
            async with self.read() as connection:
                await _check_tables(connection, later=later)
            return
        before = self._writes
        try:
            async with self._begun(self._checker) as connection:
                await _check_tables(connection, later=later)
                await dialects.try_to_write(
                    connection, tables.decisions, wait_seconds=CHECK_SECONDS
                )
        except UnavailableError:
            if before == self._writes:  # else our own were only quicker: writes do come through
                raise

    async def close(self) -> None:
        for engine in (self._reader, self._checker, self._appender, self._writer):
            await engine.dispose()

    @contextlib.asynccontextmanager
    async def _begun(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A transaction of ``engine`` in the database that is at its address now."""
        async with self._opened(engine) as connection, connection.begin():
            if not self._trusted:
                await _check_tables(connection)
                self._trusted = True
            yield connection

    @contextlib.asynccontextmanager
    async def _opened(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A connection of ``engine`` to the database that is at its address now."""
        with faults.translated():
            await self._open_what_is_there()
            with self._used(), self._wearing():
                async with engine.connect() as connection:
                    self._check_files()
                    yield connection
                self._check_files()

    @contextlib.contextmanager
    def _used(self) -> Iterator[None]:
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1

    @contextlib.contextmanager
    def _wearing(self) -> Iterator[None]:
        """Notices a fault after which no connection that is open now is of use any more."""
        try:
            yield
        except Exception as error:
            self._worn = self._worn or faults.outlives_its_cause(error)
            raise

    async def _open_what_is_there(self) -> None:
        """Lets go of connections that are worn, or whose file was replaced, once unused."""
        if self._files is None:
            return
        if self._worn and not self._uses:
            async with self._opening:
                if self._worn and not self._uses:
                    await self.close()
                    self._worn = False
        if self._files.are_in_place():
            return
        async with self._opening:
            if self._files.are_gone() or self._uses:
                self._check_files()
            if not self._files.are_in_place():
                self._files.set_leftovers_aside()
                await self.close()
                self._files.forget()
                self._trusted = False
                self.generation += 1

    def _check_files(self) -> None:
        """Raises UnavailableError when what is open is no longer what is at the path."""
        if self._files is not None and not self._files.are_in_place():
            found = "is gone" if self._files.are_gone() else "was replaced or lost its log"
            raise UnavailableError(f"database: the file {found}; expected it to stay where it is")


async def driver_of(connection: AsyncConnection) -> Driver:
    """The driver's own connection below ``connection``, in the same transaction."""
    opened = await connection.get_raw_connection()
    return cast(Driver, opened.driver_connection)


async def _check_tables(connection: AsyncConnection, *, later: bool = False) -> None:
    found, needed = await connection.run_sync(migrations.applied), migrations.newest()
    if found is None:
        raise UnavailableError(f"database: {faults.NO_TABLES}")
    if found == needed or (later and found > needed):
        return
    raise UnavailableError(f"database: {migrations.behind(found)}")


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
        appender = connections.open_postgresql_appender(parsed)
        return Database(reader, engine, busy_seconds=busy_seconds, appender=appender)
    files = Files(Path(str(parsed.database)))
    reader, writer, checker = (
        connections.open_sqlite(parsed, writes=writes, busy_seconds=seconds, files=files)
        for writes, seconds in ((False, busy_seconds), (True, busy_seconds), (True, CHECK_SECONDS))
    )
    return Database(reader, writer, busy_seconds=busy_seconds, checker=checker, files=files)
