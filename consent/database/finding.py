"""One statement that finds records by their ids, all they refer to, and the heads that prove them.

A receipt is asked for by whoever has its id, so however many are asked for at once cost one hop to
SQLite's thread, or one round trip to PostgreSQL, as with ``appending``; what SQLAlchemy adds to it
would cost more than all else.
"""

from __future__ import annotations

import datetime as dt
import functools
import sqlite3
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from consent.database.dialects import EPOCH
from consent.database.driver import Driver, SqliteDriver
from consent.model import Grants, Place, Record

_FIND = """SELECT d.seq, d.id, d.visitor, d.previous, s.key, v.number, v.sha256, d.at, d.action,
    d.preferences, d.analytics, d.marketing, d.language, d.banner_sha256, r.regime, r.sha256,
    d.country, d.subdivision, d.place_source, d.gpc_header, d.gpc_property, d.device, d.salt,
    d.refused, c.size, c.root, c.at, c.signature, k.vkey
FROM decisions AS d
JOIN stores AS s ON s.id = d.store_id
JOIN versions AS v ON v.id = d.version_id
JOIN regimes AS r ON r.id = d.regime_id
LEFT JOIN checkpoints AS c ON c.size >= d.seq AND c.size = coalesce(
    (SELECT min(a.size) FROM anchors AS a WHERE a.size >= d.seq),
    (SELECT max(n.size) FROM checkpoints AS n)
)
LEFT JOIN log_keys AS k ON k.id = c.key_id
WHERE d.id """


class Signed(NamedTuple):
    """A head of the log, column by column; ``vkey`` is the text of its key."""

    size: int
    root: bytes
    at: dt.datetime
    signature: bytes
    vkey: str


class Found(NamedTuple):
    """A record, and the first anchored head that has it, else the newest; None: not sealed yet."""

    record: Record
    head: Signed | None


async def find(driver: Driver, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Found]:
    """The records with these ids, by id; what is absent is not there, or was erased.

    Args:
        driver: outside of any transaction; see ``Database.asked``.
        ids: as their pages made them.
    """
    if isinstance(driver, SqliteDriver):
        return await driver.run(functools.partial(_on_sqlite, ids))
    rows = await driver.fetch(f"{_FIND} = ANY($1::uuid[])", ids)
    return {row[1]: _found(*row) for row in rows}


def _on_sqlite(ids: Sequence[uuid.UUID], c: sqlite3.Connection) -> dict[uuid.UUID, Found]:
    found = {}
    for id_ in ids:
        row = c.execute(f"{_FIND} = ?", (id_.bytes,)).fetchone()
        if row is not None:
            found[id_] = _of_sqlite(id_, *row)
    return found


def _of_sqlite(id_: uuid.UUID, seq: int, _: bytes, visitor: bytes, *row: Any) -> Found:
    previous, key, number, sha256, at, *decided = row
    *said, size, root, head_at, signature, vkey = decided
    return _found(
        *(seq, id_, uuid.UUID(bytes=visitor), previous and uuid.UUID(bytes=previous)),
        *(key, number, sha256, _moment(at), *said),
        *(size, root, None if size is None else _moment(head_at), signature, vkey),
    )


def _moment(microseconds: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=microseconds)


def _found(
    seq: int,
    id_: uuid.UUID,
    visitor: uuid.UUID,
    previous: uuid.UUID | None,
    store: str,
    version: int,
    version_sha256: bytes,
    at: dt.datetime,
    action: Any,
    preferences: bool,
    analytics: bool,
    marketing: bool,
    language: str,
    banner_sha256: bytes,
    regime: str,
    regime_sha256: bytes,
    country: str | None,
    subdivision: str | None,
    place_source: Any,
    gpc_header: bool,
    gpc_property: bool,
    device: Any,
    salt: bytes,
    refused: str | None,
    *head: Any,
) -> Found:
    record = Record(
        seq=seq,
        id=id_,
        visitor=visitor,
        previous=previous,
        store=store,
        version=version,
        version_sha256=version_sha256.hex(),
        at=at.astimezone(dt.UTC),
        action=action,
        grants=Grants(bool(preferences), bool(analytics), bool(marketing)),
        language=language,
        banner_sha256=banner_sha256.hex(),
        regime_id=regime,
        regime_sha256=regime_sha256.hex(),
        place=Place(country, subdivision, place_source),
        gpc_header=bool(gpc_header),
        gpc_property=bool(gpc_property),
        device=device,
        salt=salt,
        refused=tuple(refused.split("+")) if refused else (),
    )
    return Found(record, None if head[0] is None else Signed._make(head))
