"""What differs between SQLite and PostgreSQL: column types, locks and the guards of the ledger.

Everything above this package writes one statement for both.

======================  ==========================  =========================
column                  SQLite                      PostgreSQL
======================  ==========================  =========================
``Id`` (UUID)           BLOB, 16 bytes              uuid
``Digest`` (SHA-256)    BLOB, 32 bytes              bytea
``Moment`` (UTC)        INTEGER, microseconds       timestamp with time zone
``Hour`` (UTC)          INTEGER, hours since 1970   integer, the same
``Serial``              INTEGER (the rowid)         bigint
``Keys`` (a few)        TEXT, ``+`` between         text, the same
======================  ==========================  =========================
"""

from __future__ import annotations

import datetime as dt
import functools
import uuid
from collections.abc import Mapping
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_HOUR = dt.timedelta(hours=1)

Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A key that the database or its caller counts up. On SQLite it is the rowid itself."""

Lock = Literal["ledger", "versions", "accounts", "migrations", "log", "retention"]
LEDGER_LOCK = 0x70_67_6C_01
_LOCKS: Mapping[Lock, int] = {
    "ledger": LEDGER_LOCK,
    "versions": 0x70_67_6C_02,
    "accounts": 0x70_67_6C_03,
    "migrations": 0x70_67_6C_04,
    "log": 0x70_67_6C_05,
    "retention": 0x70_67_6C_06,
}


class Id(TypeDecorator[uuid.UUID]):
    """A UUID in 16 bytes."""

    impl = sa.LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=True))
        return dialect.type_descriptor(sa.LargeBinary())

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else value.bytes

    def process_result_value(self, value: Any, dialect: Dialect) -> uuid.UUID | None:
        return value if value is None or dialect.name == "postgresql" else uuid.UUID(bytes=value)


class Digest(TypeDecorator[str]):
    """A hexadecimal digest in half as many bytes."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else value.hex()


class Moment(TypeDecorator[dt.datetime]):
    """An aware moment, to the microsecond; read back in UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.BigInteger())

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            moment: dt.datetime = value.astimezone(dt.UTC)
            return moment
        return EPOCH + int(value) * _MICROSECOND


class Hour(TypeDecorator[dt.datetime]):
    """A full hour in UTC as one small number, so that days are a division."""

    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // _HOUR

    def process_result_value(self, value: int | None, dialect: Dialect) -> dt.datetime | None:
        return None if value is None else EPOCH + value * _HOUR


class Keys(TypeDecorator[tuple[str, ...]]):
    """A few keys in one text; none of them is NULL, which costs no byte."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        return "+".join(value) if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:
        return tuple(value.split("+")) if value else ()


async def take_lock(connection: AsyncConnection, name: Lock) -> None:
    """Waits until no other transaction holds ``name``; the end of this one gives it back.

    SQLite needs nothing: a write transaction is alone from its first statement.
    """
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql("SELECT pg_advisory_xact_lock($1)", (_LOCKS[name],))


async def try_lock(connection: AsyncConnection, name: Lock) -> bool:
    """Whether this transaction has ``name`` now, without waiting for another; else it has not."""
    if connection.dialect.name != "postgresql":
        return True
    took = await connection.exec_driver_sql("SELECT pg_try_advisory_xact_lock($1)", (_LOCKS[name],))
    return bool(took.scalar_one())


async def try_to_write(
    connection: AsyncConnection, table: sa.Table, *, wait_seconds: float
) -> None:
    """Appends no row to ``table``, with all that appending one to the ledger takes.

    Args:
        connection: of a write, which on SQLite has its lock already.
        table: may be any.
        wait_seconds: how long to wait for each lock on PostgreSQL.

    Raises:
        DBAPIError: someone else holds a lock, or the database takes no writes.
    """
    if connection.dialect.name == "postgresql":
        wait = f"SET LOCAL lock_timeout = {int(wait_seconds * 1000)}"
        await connection.exec_driver_sql(wait)
    await take_lock(connection, "ledger")
    nothing = sa.select(table).where(sa.false())
    await connection.execute(sa.insert(table).from_select(list(table.c), nothing))


async def clock(connection: AsyncConnection) -> dt.datetime | None:
    """What time it is where the database runs; None: on this machine."""
    if connection.dialect.name != "postgresql":
        return None
    found = await connection.exec_driver_sql("SELECT clock_timestamp()")
    moment: dt.datetime = found.scalar_one()
    return moment.astimezone(dt.UTC)


async def unsafe_settings(connection: AsyncConnection) -> list[tuple[str, str]]:
    """The settings of a server by which what it calls stored may be lost, each with its value."""
    if connection.dialect.name != "postgresql":
        return []
    found = []
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        value = str((await connection.exec_driver_sql(f"SHOW {name}")).scalar_one())
        if value == "off":
            found.append((name, value))
    return found


@functools.cache
def adding(dialect: str, table: sa.Table, *columns: str) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that, where the primary key is taken, adds each of ``columns`` to that row's."""
    if dialect == "postgresql":
        insert: Any = postgresql.insert(table)
    else:
        insert = sqlite.insert(table)
    changed = {column: table.c[column] + insert.excluded[column] for column in columns}
    statement: postgresql.Insert | sqlite.Insert = insert.on_conflict_do_update(
        index_elements=list(table.primary_key), set_=changed
    )
    return statement


def erasable(dialect: str) -> list[str]:
    """The statements after which ``decisions`` lets go of a row that ``erased`` names, and of no
    other, and ``erased`` takes nothing but a sealed row of its erasure's store.
    """
    kept = "decisions: rows are never changed or removed"
    taken = "erased: only a sealed decision of its own store is erased"
    is_erased = "EXISTS (SELECT 1 FROM erased WHERE seq = OLD.seq AND id = OLD.id)"
    may_be = (
        "NEW.seq <= (SELECT max(size) FROM checkpoints) AND EXISTS (SELECT 1 FROM decisions d "
        "JOIN erasures e ON e.store_id = d.store_id "
        "WHERE d.seq = NEW.seq AND d.id = NEW.id AND e.id = NEW.erasure_id)"
    )
    if dialect == "sqlite":
        return [
            "DROP TRIGGER decisions_no_delete",
            f"CREATE TRIGGER decisions_no_delete BEFORE DELETE ON decisions WHEN NOT {is_erased} "
            f"BEGIN SELECT RAISE(ABORT, '{kept}'); END",
            f"CREATE TRIGGER erased_sealed BEFORE INSERT ON erased WHEN ({may_be}) IS NOT 1 "
            f"BEGIN SELECT RAISE(ABORT, '{taken}'); END",
        ]
    return [
        "DROP TRIGGER decisions_no_change ON decisions",
        "CREATE TRIGGER decisions_no_change BEFORE UPDATE OR TRUNCATE ON decisions "
        "FOR EACH STATEMENT EXECUTE FUNCTION decisions_refuse()",
        f"CREATE FUNCTION decisions_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {is_erased} THEN RETURN OLD; END IF; RAISE EXCEPTION '{kept}'; END $$",
        "CREATE TRIGGER decisions_no_delete BEFORE DELETE ON decisions "
        "FOR EACH ROW EXECUTE FUNCTION decisions_keep()",
        f"CREATE FUNCTION erased_take() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {may_be} THEN RETURN NEW; END IF; RAISE EXCEPTION '{taken}'; END $$",
        "CREATE TRIGGER erased_sealed BEFORE INSERT ON erased "
        "FOR EACH ROW EXECUTE FUNCTION erased_take()",
    ]


def counted_by_day(dialect: str) -> list[str]:
    """The statements after which what is added to ``counts`` is added to ``day_counts`` too.

    What is taken out of ``counts`` stays in ``day_counts``.
    """
    alike = "measure, place, regime, device, language, version"
    new = ", ".join(f"NEW.{name}" for name in alike.split(", "))
    key = f"store_id, day, {alike}"

    def added(n: str) -> str:
        return (
            f"INSERT INTO day_counts ({key}, n) "  # nosec B608  # noqa: S608 - names only
            f"VALUES (NEW.store_id, NEW.hour / 24, {new}, {n}) "
            f"ON CONFLICT ({key}) DO UPDATE SET n = day_counts.n + excluded.n;"
        )

    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER counts_day_begun AFTER INSERT ON counts BEGIN {added('NEW.n')} END",
            "CREATE TRIGGER counts_day_grown AFTER UPDATE OF n ON counts "
            f"BEGIN {added('NEW.n - OLD.n')} END",
        ]
    n = "NEW.n - CASE WHEN TG_OP = 'UPDATE' THEN OLD.n ELSE 0 END"
    return [
        "CREATE FUNCTION counts_by_day() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {added(n)} RETURN NULL; END $$",
        "CREATE TRIGGER counts_day AFTER INSERT OR UPDATE OF n ON counts "
        "FOR EACH ROW EXECUTE FUNCTION counts_by_day()",
    ]


def refusals(dialect: str, table: str) -> list[str]:
    """The statements after which the database itself refuses to change a row of ``table``."""
    message = f"{table}: rows are never changed or removed"
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            for verb in ("update", "delete")
        ]
    return [
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{message}'; END $$",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
    ]
