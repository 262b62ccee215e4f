"""Somebody with full access to the database: the triggers dropped, any row changed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from consent.database import connections, tables


@contextlib.asynccontextmanager
async def attacked(url: str) -> AsyncIterator[AsyncConnection]:
    """A connection on which no trigger and no reference holds anything back."""
    engine = create_async_engine(connections.parse(url))
    try:
        async with engine.begin() as c:
            if engine.dialect.name == "postgresql":
                await c.exec_driver_sql("SET session_replication_role = replica")
            else:
                names = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
                for name in (await c.exec_driver_sql(names)).scalars().all():
                    await c.exec_driver_sql(f"DROP TRIGGER {name}")
            yield c
    finally:
        await engine.dispose()


async def run(url: str, *statements: str, **values: object) -> None:
    """Runs ``statements`` as the attacker."""
    async with attacked(url) as c:
        for statement in statements:
            named = {name: value for name, value in values.items() if f":{name}" in statement}
            await c.execute(sa.text(statement), named)


TABLES = ("stores", *(table.name for table in tables.APPEND_ONLY))


async def keep(url: str) -> None:
    """Remembers every row, for ``restore``."""
    await run(url, *(f"CREATE TABLE kept_{name} AS SELECT * FROM {name}" for name in TABLES))


async def restore(url: str) -> None:
    """Puts back what ``keep`` remembered."""
    for name in TABLES:
        await run(url, f"DELETE FROM {name}", f"INSERT INTO {name} SELECT * FROM kept_{name}")
