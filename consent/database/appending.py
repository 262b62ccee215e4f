"""One statement that appends a whole batch to the ledger, and is a transaction by itself.

It gives out ``seq``, links each record to the one before of its visitor, and leaves out what has
an id that is or was in the ledger. Where a version, a law or what was shown is not stored yet, or
where another process appends at the moment, it appends nothing at all. So a batch costs one hop to
SQLite's thread, or one round trip to PostgreSQL, however many entries are in it.

The statements are fixed texts, because building them anew costs more than running them.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from consent.database.dialects import EPOCH, LEDGER_LOCK
from consent.database.driver import Driver, SqliteDriver
from consent.database.lookups import Version
from consent.model import Entry

if TYPE_CHECKING:
    import asyncpg

_MICROSECOND = dt.timedelta(microseconds=1)

_GIVEN = {
    "n": "integer",  # its place in the batch
    "at": "timestamptz",
    "id": "uuid",
    "visitor": "uuid",
    "salt": "bytea",
    "store_id": "integer",
    "version_id": "integer",
    "version_sha256": "bytea",
    "banner_sha256": "bytea",
    "has_content": "boolean",  # of the banner
    "regime_sha256": "bytea",
    "preferences": "boolean",
    "analytics": "boolean",
    "marketing": "boolean",
    "gpc_header": "boolean",
    "gpc_property": "boolean",
    "action": "text",
    "language": "text",
    "device": "text",
    "country": "text",
    "subdivision": "text",
    "place_source": "text",
    "refused": "text",
}
_KEPT = [one for one in _GIVEN if one not in ("n", "version_sha256", "has_content")]
_KEPT.remove("regime_sha256")

_APPEND = """INSERT INTO decisions (seq, previous, regime_id, {kept})
WITH {source},
missing AS (
    SELECT 1 FROM given
    WHERE NOT EXISTS (
        SELECT 1 FROM versions AS v
        WHERE v.id = given.version_id
        AND v.store_id = given.store_id AND v.sha256 = given.version_sha256
    )
    OR NOT EXISTS (SELECT 1 FROM regimes AS r WHERE r.sha256 = given.regime_sha256)
    OR (given.has_content AND NOT EXISTS (
        SELECT 1 FROM banners AS b WHERE b.sha256 = given.banner_sha256
    ))
),
fresh AS (
    SELECT given.*, row_number() OVER (ORDER BY n) AS number,
        lag(id) OVER (PARTITION BY visitor, store_id ORDER BY n) AS earlier
    FROM given
    WHERE NOT EXISTS (SELECT 1 FROM decisions AS d WHERE d.id = given.id)
    AND NOT EXISTS (SELECT 1 FROM erased AS e WHERE e.id = given.id)
),
head AS (
    SELECT max(seq) AS seq FROM (
        SELECT 0 AS seq UNION ALL SELECT max(seq) FROM decisions
        UNION ALL SELECT max(seq) FROM erased
    ) AS heads
)
SELECT (SELECT seq FROM head) + number,
    coalesce(earlier, (
        SELECT d.id FROM decisions AS d
        WHERE d.visitor = fresh.visitor AND d.store_id = fresh.store_id
        ORDER BY d.seq DESC LIMIT 1
    )),
    (SELECT r.id FROM regimes AS r WHERE r.sha256 = fresh.regime_sha256),
    {kept}
FROM fresh
WHERE {alone} AND NOT EXISTS (SELECT 1 FROM missing)
ORDER BY number
"""


class Appended(NamedTuple):
    seq: int
    previous: uuid.UUID | None


async def append(
    driver: Driver, entries: Sequence[Entry], versions: Mapping[int, Version]
) -> dict[uuid.UUID, Appended]:
    """Appends ``entries``, no two of which may have one id; durable when it returns.

    Args:
        driver: outside of any transaction; see ``Database.driven``.
        entries: in their order.
        versions: those of the entries, by id.

    Returns:
        By id what was appended now. What is absent had its id taken, or nothing was appended.
    """
    if isinstance(driver, SqliteDriver):
        return await driver.run(functools.partial(_on_sqlite, entries, versions))
    return await _on_postgresql(driver, entries, versions)


def _on_sqlite(
    entries: Sequence[Entry], versions: Mapping[int, Version], c: sqlite3.Connection
) -> dict[uuid.UUID, Appended]:
    """Few calls of SQLite, since after each of them this thread waits for the interpreter."""
    size = 1 << (len(entries) - 1).bit_length()
    rows = [_row(n, one, versions[one.version_id]) for n, one in enumerate(entries)]
    rows += [(None,) * len(_GIVEN)] * (size - len(entries))
    done = c.execute(_sqlite(size), list(itertools.chain.from_iterable(rows)))
    n, last = done.rowcount, done.lastrowid
    if n <= 0 or last is None:
        return {}
    if n == len(entries):
        appended = {one.id: Appended(seq, None) for seq, one in enumerate(entries, last - n + 1)}
        found = c.execute(_LINKED, (last - n, last))
    else:
        appended = {}
        found = c.execute(_RANGE, (last - n, last))
    for seq, id_, previous in found.fetchall():
        linked = None if previous is None else uuid.UUID(bytes=previous)
        appended[uuid.UUID(bytes=id_)] = Appended(seq, linked)
    return appended


_RANGE = "SELECT seq, id, previous FROM decisions WHERE seq > ? AND seq <= ?"
_LINKED = f"{_RANGE} AND previous IS NOT NULL"


async def _on_postgresql(
    driver: asyncpg.Connection, entries: Sequence[Entry], versions: Mapping[int, Version]
) -> dict[uuid.UUID, Appended]:
    import asyncpg

    rows = [
        _row(n, one, versions[one.version_id], uuid_of=_same, moment_of=_same)
        for n, one in enumerate(entries)
    ]
    columns = list(zip(*rows, strict=True))
    try:
        found = await driver.fetch(_POSTGRESQL, *columns)
    except asyncpg.UniqueViolationError:  # another process was quicker by a hair
        found = []
    if not found:
        async with driver.transaction():
            await driver.execute(_WAIT)
            found = await driver.fetch(_POSTGRESQL, *columns)
    return {id_: Appended(seq, previous) for id_, seq, previous in found}


def _microseconds(at: dt.datetime) -> int:
    return (at - EPOCH) // _MICROSECOND


def _bytes(id_: uuid.UUID) -> bytes:
    return id_.bytes


def _same(value: Any) -> Any:
    return value


def _row(
    n: int,
    entry: Entry,
    version: Version,
    *,
    uuid_of: Callable[[uuid.UUID], Any] = _bytes,
    moment_of: Callable[[dt.datetime], Any] = _microseconds,
) -> tuple[Any, ...]:
    """What is given of one entry, in the order of ``_GIVEN``."""
    grants, place = entry.grants, entry.place
    return (
        n,
        moment_of(entry.at),
        uuid_of(entry.id),
        uuid_of(entry.visitor),
        entry.salt,
        entry.store_id,
        entry.version_id,
        bytes.fromhex(version.sha256),
        bytes.fromhex(entry.banner_sha256),
        entry.banner_content is not None,
        bytes.fromhex(entry.regime.sha256),
        grants.preferences,
        grants.analytics,
        grants.marketing,
        entry.gpc_header,
        entry.gpc_property,
        entry.action,
        entry.language,
        entry.device,
        place.country,
        place.subdivision,
        place.source,
        "+".join(entry.refused) or None,
    )


@functools.cache
def _sqlite(size: int) -> str:
    """Sizes are powers of two, so that the driver can keep the few statements prepared."""
    row = f"({', '.join('?' * len(_GIVEN))})"
    source = (
        f"padded ({', '.join(_GIVEN)}) AS (VALUES {', '.join([row] * size)}), "  # nosec B608  # noqa: S608 - placeholders only
        "given AS (SELECT * FROM padded WHERE id IS NOT NULL)"
    )
    return _APPEND.format(source=source, kept=", ".join(_KEPT), alone="TRUE")


def _postgresql() -> str:
    arrays = (f"${n}::{type_}[]" for n, type_ in enumerate(_GIVEN.values(), 1))
    source = (
        f"alone AS MATERIALIZED (SELECT pg_try_advisory_xact_lock({LEDGER_LOCK}) AS yes), "  # nosec B608  # noqa: S608 - placeholders only
        f"given AS MATERIALIZED (SELECT * FROM unnest({', '.join(arrays)}) "
        f"AS arrays ({', '.join(_GIVEN)}))"
    )
    text = _APPEND.format(source=source, kept=", ".join(_KEPT), alone="(SELECT yes FROM alone)")
    return f"{text} RETURNING id, seq, previous"


_POSTGRESQL = _postgresql()
_WAIT = f"SELECT pg_advisory_xact_lock({LEDGER_LOCK})"
