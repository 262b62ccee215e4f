"""What must be known of the ledger's own links and contents."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import tables
from consent.database.dialects import Digest, Serial


class Version(NamedTuple):
    store_id: int
    store: str
    number: int
    sha256: str


class References(NamedTuple):
    """What was found: versions by id, and the SHA-256 of each content."""

    versions: dict[int, Version]
    banners: set[str]
    regimes: set[str]


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
    """Those versions by id, and which of those contents are stored."""
    values = {"versions": list(versions), "banners": list(banners), "regimes": list(regimes)}
    found = References({}, set(), set())
    for kind, id_, store_id, key, number, sha256 in (await c.execute(_REFERENCES, values)).all():
        if kind == "version":
            found.versions[id_] = Version(store_id, key, number, sha256)
        else:
            (found.banners if kind == "banner" else found.regimes).add(sha256)
    return found


_REFERENCES = (
    sa.text(
        "SELECT 'version' AS kind, v.id AS id, v.store_id AS store_id, s.key AS key, "
        "v.number AS number, v.sha256 AS sha256 "
        "FROM versions v JOIN stores s ON s.id = v.store_id WHERE v.id IN :versions "
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
