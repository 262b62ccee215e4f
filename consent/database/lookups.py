"""What an append must know beforehand, in two statements for a batch of any size.

The statements are fixed texts, because building them anew costs more than running them.
"""

from __future__ import annotations

import functools
import itertools
import uuid
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import tables
from consent.database.dialects import Digest, Serial

Pair = tuple[uuid.UUID, int]
"""A visitor and the id of a store."""

_Row = tuple[int, bytes, int, bytes]
T = TypeVar("T")


class Version(NamedTuple):
    store_id: int
    store: str
    number: int
    sha256: str


class References(NamedTuple):
    """``head`` is the newest ``seq``, 0 when there is none; the rest is what was found."""

    head: int
    versions: dict[int, Version]
    banners: dict[str, int]
    regimes: dict[str, int]


async def taken_and_newest(
    c: AsyncConnection, ids: Collection[uuid.UUID], pairs: Collection[Pair]
) -> tuple[set[uuid.UUID], dict[Pair, uuid.UUID]]:
    """Which of ``ids`` are or were in the ledger, and the id of the newest record of each pair.

    One index look-up for each, however long a visitor's history is.
    """
    look_up = _on_postgresql if c.dialect.name == "postgresql" else _on_sqlite
    taken: set[uuid.UUID] = set()
    newest: dict[Pair, uuid.UUID] = {}
    for is_id, visitor, store_id, id_ in await look_up(c, ids, pairs):
        if is_id:
            taken.add(uuid.UUID(bytes=id_))
        else:
            newest[uuid.UUID(bytes=visitor), store_id] = uuid.UUID(bytes=id_)
    return taken, newest


async def _on_postgresql(
    c: AsyncConnection, ids: Collection[uuid.UUID], pairs: Collection[Pair]
) -> list[_Row]:
    visitors, store_ids = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    rows: Sequence[Any] = (
        await c.exec_driver_sql(_POSTGRESQL, (list(ids), visitors, store_ids))
    ).all()
    return [(row[0], row[1].bytes, row[2], row[3].bytes) for row in rows]


_POSTGRESQL = """
SELECT 1, visitor, store_id, id FROM decisions WHERE id = ANY($1::uuid[])
UNION ALL
SELECT 1, id, 0, id FROM erased WHERE id = ANY($1::uuid[])
UNION ALL
SELECT 0, wanted.visitor, wanted.store_id, newest.id
FROM unnest($2::uuid[], $3::integer[]) AS wanted (visitor, store_id)
CROSS JOIN LATERAL (
    SELECT id FROM decisions AS d
    WHERE d.visitor = wanted.visitor AND d.store_id = wanted.store_id
    ORDER BY d.seq DESC LIMIT 1
) AS newest
"""


async def _on_sqlite(
    c: AsyncConnection, ids: Collection[uuid.UUID], pairs: Collection[Pair]
) -> list[_Row]:
    wanted = [id_.bytes for id_ in _padded(list(ids))]
    parameters: list[bytes | int] = [*wanted, *wanted]
    for visitor, store_id in _padded(list(pairs)):
        parameters += visitor.bytes, store_id
    statement = _sqlite(_size(len(ids)), _size(len(pairs)))
    rows: Sequence[Any] = (await c.exec_driver_sql(statement, tuple(parameters))).all()
    return [(row[0], row[1], row[2], row[3]) for row in rows]


@functools.cache
def _sqlite(ids: int, pairs: int) -> str:
    """Sizes are powers of two, so that the driver can keep the few statements prepared."""
    wanted = ", ".join(["?"] * ids)
    one = "(SELECT max(seq) FROM decisions WHERE visitor = ? AND store_id = ?)"
    newest = ", ".join([one] * pairs)
    return (
        "SELECT 1, visitor, store_id, id FROM decisions "  # nosec B608  # noqa: S608 - placeholders only
        f"WHERE id IN ({wanted}) UNION ALL "
        f"SELECT 1, id, 0, id FROM erased WHERE id IN ({wanted}) UNION ALL "
        f"SELECT 0, visitor, store_id, id FROM decisions WHERE seq IN ({newest})"
    )


async def first_unlinked(c: AsyncConnection, after: int, until: int) -> int | None:
    """The first ``seq`` up to ``until`` whose ``previous`` is not the same visitor's record before.

    None when all of them are linked as ``append`` links them. A link to an erased record holds.
    """
    found = await c.execute(_UNLINKED, {"after": after, "until": until})
    return found.scalars().first()


_UNLINKED = sa.text(
    "SELECT seq FROM (SELECT d.seq AS seq, d.previous AS said, ("
    "SELECT p.id FROM decisions p WHERE p.visitor = d.visitor AND p.store_id = d.store_id "
    "AND p.seq < d.seq ORDER BY p.seq DESC LIMIT 1) AS found "
    "FROM decisions d WHERE d.seq > :after AND d.seq <= :until) AS links "
    "WHERE said IS DISTINCT FROM found "
    "AND NOT EXISTS (SELECT 1 FROM erased e WHERE e.id = said) ORDER BY seq LIMIT 1"
)


async def content(c: AsyncConnection, table: str, after: int) -> tuple[int, str, bytes] | None:
    """Id, SHA-256 and content of the row of ``table`` after the one with the id ``after``.

    ``table``: versions, banners or regimes. A version with a template is the list of both.
    """
    row = (await c.execute(_CONTENTS[table], {"after": after})).one_or_none()
    if row is None:
        return None
    content = bytes(row[2])
    if len(row) > 3 and row[3] is not None:
        content = b"[%b,%b]" % (content, bytes(row[3]))
    return row.id, row.sha256, content


def _contents(table: sa.Table, *columns: str) -> sa.Select[Any]:
    id_ = table.c.id
    query: sa.Select[Any] = sa.select(id_, table.c.sha256, *(table.c[name] for name in columns))
    return query.where(id_ > sa.bindparam("after")).order_by(id_).limit(1)


_CONTENTS = {
    "versions": _contents(tables.versions, "config", "template"),
    "banners": _contents(tables.banners, "content"),
    "regimes": _contents(tables.regimes, "content"),
}


async def references(
    c: AsyncConnection,
    *,
    versions: Collection[int],
    banners: Collection[str],
    regimes: Collection[str],
) -> References:
    """The ledger's head, versions by id, and the ids of contents by SHA-256."""
    values = {"versions": list(versions), "banners": list(banners), "regimes": list(regimes)}
    found = References(0, {}, {}, {})
    for kind, id_, store_id, key, number, sha256 in (await c.execute(_REFERENCES, values)).all():
        if kind == "version":
            found.versions[id_] = Version(store_id, key, number, sha256)
        elif kind == "head":
            found = found._replace(head=max(found.head, id_))
        else:
            (found.banners if kind == "banner" else found.regimes)[sha256] = id_
    return found


_REFERENCES = (
    sa.text(
        "SELECT 'version' AS kind, v.id AS id, v.store_id AS store_id, s.key AS key, "
        "v.number AS number, v.sha256 AS sha256 "
        "FROM versions v JOIN stores s ON s.id = v.store_id WHERE v.id IN :versions "
        "UNION ALL SELECT 'head', coalesce(max(seq), 0), 0, NULL, NULL, NULL FROM decisions "
        "UNION ALL SELECT 'head', coalesce(max(seq), 0), 0, NULL, NULL, NULL FROM erased "
        "UNION ALL SELECT 'banner', id, 0, NULL, NULL, sha256 FROM banners "
        "WHERE sha256 IN :banners "
        "UNION ALL SELECT 'regime', id, 0, NULL, NULL, sha256 FROM regimes "
        "WHERE sha256 IN :regimes"
    )
    .bindparams(
        sa.bindparam("versions", expanding=True, type_=sa.Integer()),
        sa.bindparam("banners", expanding=True, type_=Digest()),
        sa.bindparam("regimes", expanding=True, type_=Digest()),
    )
    .columns(
        sa.column("kind", sa.Text()),
        sa.column("id", Serial),
        sa.column("store_id", sa.Integer()),
        sa.column("key", sa.Text()),
        sa.column("number", sa.Integer()),
        sa.column("sha256", Digest()),
    )
)


def _size(n: int) -> int:
    return 1 << (n - 1).bit_length()


def _padded(values: Sequence[T]) -> list[T]:
    return list(itertools.islice(itertools.cycle(values), _size(len(values))))
