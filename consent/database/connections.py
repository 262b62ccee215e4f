"""How a connection is opened in each dialect, and how SQLite's write-ahead log is kept small."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, cast

import aiosqlite
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from consent.database import driver
from consent.database.files import Files
from consent.errors import SettingsError

BUSY_SECONDS = 5.0
"""How long a write waits for another process, and anyone for a free connection."""

WAL_LIMIT_BYTES = 64 * 1024 * 1024
"""Past this size a write waits for the readers, and the write-ahead log starts anew."""

_CHECKPOINT_PAGES = 4000
"""Every so often SQLite moves the log into the file: 16 MB, in which hot pages are moved once."""

_WAL_WAIT_SECONDS = 1.0
_POSTGRESQL_CONNECTIONS = 10
_STATEMENT_SECONDS = 60.0
_SQLITE_READERS = 8


def parse(url: str) -> URL:
    """``url`` with the driver that this package uses.

    Raises:
        SettingsError: neither SQLite in a file nor PostgreSQL.
    """
    parsed = make_url(url)
    name = parsed.get_backend_name()
    if name == "postgresql":
        return parsed.set(drivername="postgresql+asyncpg")
    if name == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite+aiosqlite")
    raise SettingsError(
        f"CONSENT_DATABASE_URL: found {parsed.render_as_string()!r}; "
        "expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    )


def open_postgresql(url: URL) -> AsyncEngine:
    """Connections that find out before use whether the server was restarted."""
    return create_async_engine(
        url,
        pool_size=_POSTGRESQL_CONNECTIONS,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,
        pool_use_lifo=True,  # after a fault the newest are the good ones
        connect_args={"timeout": BUSY_SECONDS, "command_timeout": _STATEMENT_SECONDS},
    )


def open_postgresql_appender(url: URL) -> AsyncEngine:
    """One connection for ``appending``, which pays for no round trip before its own.

    That it was lost is seen by the driver as soon as the server hangs up. Each look-up goes by an
    index from the first record on, whatever the planner thinks of tables that nobody analyzed yet.
    """
    engine = create_async_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        connect_args={
            "timeout": BUSY_SECONDS,
            "command_timeout": _STATEMENT_SECONDS,
            "server_settings": {"enable_seqscan": "off", "jit": "off"},
        },
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def look(connection: Any, _: Any, __: Any) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError("the server hung up")

    return engine


def open_sqlite(
    url: URL, *, writes: bool, busy_seconds: float = BUSY_SECONDS, files: Files | None = None
) -> AsyncEngine:
    """One connection that writes, or several on which nothing can be written.

    Args:
        url: of a file.
        writes: whether every transaction begins as a write.
        busy_seconds: how long a write waits for another process.
        files: is told what is opened; without it a file that is missing is made.
    """
    engine = create_async_engine(
        url,
        pool_size=1 if writes else _SQLITE_READERS,
        max_overflow=0,
        pool_timeout=busy_seconds,
        pool_reset_on_return=None,  # see ``reset``
        connect_args={
            "timeout": busy_seconds,
            "isolation_level": None,
            "async_creator_fn": driver.sqlite,
        },
    )
    pragmas = [
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
        f"journal_size_limit = {WAL_LIMIT_BYTES}",
        f"cache_size = {-65536 if writes else -8192}",  # KiB; the ids' indexes grow at random
        "secure_delete = ON",  # what is erased is overwritten
        "temp_store = MEMORY",
        f"query_only = {'OFF' if writes else 'ON'}",
    ]

    @event.listens_for(engine.sync_engine, "do_connect")
    def look(_: Any, __: Any, arguments: list[str], options: dict[str, Any]) -> None:
        # aiosqlite leaves its thread behind when a file cannot be opened
        if files is not None:
            files.opening()
            arguments[0] = f"{files.path.absolute().as_uri()}?mode=rw"
            options["uri"] = True

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        if files is not None:
            files.opened()

    @event.listens_for(engine.sync_engine, "reset")
    def reset(connection: Any, _: Any, __: Any) -> None:
        # Only where something is open, which costs a hop to the connection's thread.
        if connection.driver_connection.in_transaction:
            connection.rollback()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


class WriteAheadLog:
    """SQLite's log beside the database file.

    SQLite moves the log's content into the file by itself, but starts the log anew only in a
    moment when no one reads. Under steady reading that moment never comes by chance.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + "-wal")
        self._limit_bytes = WAL_LIMIT_BYTES

    def is_over_limit(self) -> bool:
        return self._size_bytes() > self._limit_bytes

    async def restart(self, writer: AsyncEngine, *, busy_seconds: float) -> None:
        """Waits for the readers and empties the log; gives up while a long read goes on.

        Having given up, it tries again when the log has grown by another quarter of the limit.
        """
        async with writer.connect() as connection:
            raw = await connection.get_raw_connection()
            driver = cast(aiosqlite.Connection, raw.driver_connection)
            await _pragma(driver, f"busy_timeout = {int(_WAL_WAIT_SECONDS * 1000)}")
            with contextlib.suppress(aiosqlite.OperationalError):
                await _pragma(driver, "wal_checkpoint(TRUNCATE)")
            await _pragma(driver, f"busy_timeout = {int(busy_seconds * 1000)}")
        self._limit_bytes = max(WAL_LIMIT_BYTES, self._size_bytes() + WAL_LIMIT_BYTES // 4)

    def _size_bytes(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0


async def _pragma(driver: aiosqlite.Connection, pragma: str) -> None:
    async with driver.execute(f"PRAGMA {pragma}") as cursor:
        await cursor.fetchall()
