"""The drivers themselves, for the statements that are worth it; all else goes by SQLAlchemy.

That of PostgreSQL is imported, here and elsewhere, only where the database is one: a start on
SQLite waits for none of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import aiosqlite

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")


class SqliteDriver(aiosqlite.Connection):
    """aiosqlite's connection, with a way to do several things in one hop to its thread."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._thread.daemon = True  # as SQLAlchemy has it: no process waits for it at its end

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What ``work`` gives, called with SQLite's own connection in the connection's thread."""
        done: T = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]  # theirs
        return done


Driver: TypeAlias = "SqliteDriver | asyncpg.Connection"


def sqlite(database: str, **options: Any) -> SqliteDriver:
    """A connection that opens once it is awaited. The arguments are of ``sqlite3.connect``."""

    def connect() -> sqlite3.Connection:
        opened: sqlite3.Connection = sqlite3.connect(database, **options)
        return opened

    return SqliteDriver(connect)
