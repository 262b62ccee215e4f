"""The ledger: every decision of every visitor, appended and never changed.

Promises:

* **No update, no delete.** This module has neither, and triggers in the database refuse them.
* **Durable.** When the transaction around ``append`` has ended without an error, the decision is
  on disk (see ``consent.database.Database.write``).
* **Once.** An id is stored at most once, however often it is posted, at once or later, by one
  process or by several. The same id with other content is reported as a conflict.
* **In order.** ``append`` holds one lock over all processes until its transaction ends. So ``seq``
  has no gaps, a higher ``seq`` was committed later, and a reader who has seen all up to a ``seq``
  never misses one below it. A sealer may therefore take records by ``seq`` alone.
* **Linked.** ``previous`` is the id of the record that the same visitor made before this one in
  the same store, within one batch too.
* **Self-contained.** What was shown and the law that asked for it are kept by SHA-256, once each,
  before the first decision that refers to them.
* **The clock may go back.** ``at`` is the server's time as given; only ``seq`` orders the ledger.
  ``search`` shows by time, and by ``seq`` among equals.

Whoever later removes a person's content must keep the row's ``seq`` taken.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import itertools
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import model
from consent.database import tables
from consent.database.dialects import Id, take_lock
from consent.errors import NotFoundError
from consent.model import CHOOSABLE, Action, Entry, Grants, Place, Record, Regime

MOST_AT_ONCE = 1000
"""The most entries in one ``append``; SQLite takes 32 766 parameters in a statement."""

_MERGED_STORES = 20
"""Up to so many stores are searched one by one and merged; more are picked out of all."""

_SAME = ("id", "visitor", "action", "language", "gpc_header", "gpc_property", "device", "salt")
"""What an entry, a record and a row of the table call and hold alike."""

_d = tables.decisions.c


class Appended(msgspec.Struct, frozen=True):
    """What became of one entry.

    ``fresh``: stored now. Otherwise ``record`` is the one that had the id before, and
    ``conflict`` says that it is a different decision.
    """

    record: Record
    fresh: bool
    conflict: bool = False


class LedgerFilter(msgspec.Struct, frozen=True):
    """Which records are meant. An empty filter means all; every part given must hold.

    ``stores`` are keys: None for all of them, an empty tuple for none. ``since`` counts,
    ``until`` no longer does. ``place`` is a country or a subdivision: ``US`` includes ``US-CA``.
    ``kind`` is about the grants, ``regime`` is a regime's id.
    """

    stores: tuple[str, ...] | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    place: str | None = None
    action: Action | None = None
    kind: Literal["all", "none", "some"] | None = None
    regime: str | None = None


class _Version(NamedTuple):
    store_id: int
    store: str
    number: int
    sha256: str


async def append(c: AsyncConnection, entries: Sequence[Entry]) -> list[Appended]:
    """Appends a batch: a handful of statements, however many entries.

    Args:
        c: a connection from ``Database.write``. No other process appends until it ends.
        entries: at most ``MOST_AT_ONCE``.

    Returns:
        One for each entry, in the same order.

    Raises:
        NotFoundError: an entry's version does not exist, or is another store's.
        ValueError: a banner's or a regime's content does not have the SHA-256 it came with, or
            there are too many entries.
        UnavailableError: at the end of the transaction, when storage does not take it.
    """
    if len(entries) > MOST_AT_ONCE:
        raise ValueError(f"append: {len(entries)} entries; at most {MOST_AT_ONCE} at once")
    if not entries:
        return []
    await take_lock(c, "ledger")
    known = await _by_ids(c, {entry.id for entry in entries})
    head, versions = await _versions(c, {entry.version_id for entry in entries})
    new = {entry.id: entry for entry in reversed(entries) if entry.id not in known}
    fresh = await _records(c, [e for e in entries if new.get(e.id) is e], versions, head)
    if fresh:
        await _insert(c, [new[id_] for id_ in fresh], fresh)
    appended = []
    for entry in entries:
        record = fresh.get(entry.id) or known[entry.id]
        is_fresh = new.get(entry.id) is entry
        is_same = is_fresh or _says_the_same(entry, record, versions[entry.version_id])
        appended.append(Appended(record, is_fresh, conflict=not is_same))
    return appended


async def get(c: AsyncConnection, id_: uuid.UUID) -> Record | None:
    return (await _by_ids(c, {id_})).get(id_)


async def history(c: AsyncConnection, store: str, visitor: uuid.UUID) -> list[Record]:
    """All that ``visitor`` decided in ``store``, oldest first."""
    store_id = sa.select(tables.stores.c.id).where(tables.stores.c.key == store).scalar_subquery()
    rows = sa.select(tables.decisions).where(_d.visitor == visitor, _d.store_id == store_id)
    return await _read(c, rows.subquery("d"), lambda d: [d.seq])


async def search(
    c: AsyncConnection, filter_: LedgerFilter, *, before: int | None = None, limit: int
) -> list[Record]:
    """The newest records that pass the filter, newest first.

    Args:
        c: a connection from ``Database.read``.
        filter_: which records.
        before: the ``seq`` of the last record of the page before; None for the first page.
        limit: how many at most.
    """
    clauses = _clauses(filter_)
    if before is not None:
        cursor = (await c.execute(sa.select(_d.at).where(_d.seq == before))).scalar()
        if cursor is None:
            return []
        clauses.append(sa.tuple_(_d.at, _d.seq) < sa.tuple_(sa.literal(cursor, _d.at.type), before))
    store_ids = await _store_ids(c, filter_.stores)
    query = sa.select(tables.decisions).where(*clauses)
    if store_ids is None:
        rows = _newest(query, limit)
    elif not store_ids:
        return []
    elif len(store_ids) <= _MERGED_STORES:
        each = (_newest(query.where(_d.store_id == one), limit) for one in store_ids)
        rows = _merged(list(each), limit)
    else:
        rows = _newest(query.where(_d.store_id.in_(store_ids)), limit)
    return await _read(c, rows.subquery("d"), lambda d: [d.at.desc(), d.seq.desc()])


async def count(c: AsyncConnection, filter_: LedgerFilter) -> int:
    """How many records pass the filter."""
    query = sa.select(sa.func.count()).select_from(tables.decisions).where(*_clauses(filter_))
    store_ids = await _store_ids(c, filter_.stores)
    if store_ids is not None:
        query = query.where(_d.store_id.in_(store_ids))
    return int((await c.execute(query)).scalar_one())


async def banner_content(c: AsyncConnection, sha256: str) -> bytes | None:
    return await _content(c, tables.banners, sha256)


async def regime_content(c: AsyncConnection, sha256: str) -> bytes | None:
    return await _content(c, tables.regimes, sha256)


async def _content(c: AsyncConnection, table: sa.Table, sha256: str) -> bytes | None:
    found = (await c.execute(sa.select(table.c.content).where(table.c.sha256 == sha256))).scalar()
    return None if found is None else bytes(found)


async def _by_ids(c: AsyncConnection, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Record]:
    rows = sa.select(tables.decisions).where(_d.id.in_(list(ids)))
    return {record.id: record for record in await _read(c, rows.subquery("d"), lambda d: [d.seq])}


async def _versions(c: AsyncConnection, ids: Iterable[int]) -> tuple[int, dict[int, _Version]]:
    """The ledger's newest ``seq`` (0 when empty), and the versions asked for."""
    s, v = tables.stores.c, tables.versions.c
    head = sa.select(sa.func.coalesce(sa.func.max(_d.seq), 0)).scalar_subquery()
    rows = await c.execute(
        sa.select(head.label("head"), v.id, v.store_id, s.key, v.number, v.sha256)
        .select_from(tables.versions.join(tables.stores))
        .where(v.id.in_(list(ids)))
    )
    found = rows.all()
    versions = {row.id: _Version(row.store_id, row.key, row.number, row.sha256) for row in found}
    return (found[0].head if found else 0), versions


async def _records(
    c: AsyncConnection, entries: Sequence[Entry], versions: dict[int, _Version], head: int
) -> dict[uuid.UUID, Record]:
    """What the ledger will hold of ``entries``, in their order."""
    newest = await _newest_of(c, {(entry.visitor, entry.store_id) for entry in entries})
    records = {}
    for seq, entry in enumerate(entries, head + 1):
        version = versions.get(entry.version_id)
        if version is None or version.store_id != entry.store_id:
            raise NotFoundError(
                "unknown_version", f"version: {entry.version_id} is not one of this store's"
            )
        key = (entry.visitor, entry.store_id)
        records[entry.id] = _record(entry, version, seq, newest.get(key))
        newest[key] = entry.id
    return records


def _record(entry: Entry, version: _Version, seq: int, previous: uuid.UUID | None) -> Record:
    return Record(
        **{name: getattr(entry, name) for name in _SAME},
        seq=seq,
        previous=previous,
        store=version.store,
        version=version.number,
        version_sha256=version.sha256,
        at=entry.at.astimezone(dt.UTC),
        grants=entry.grants,
        banner_sha256=entry.banner_sha256,
        regime_id=entry.regime.id,
        regime_sha256=entry.regime.sha256,
        place=entry.place,
    )


def _says_the_same(entry: Entry, record: Record, version: _Version) -> bool:
    """Whether the post is the one recorded, sent again. Time and place may differ."""
    said = (entry.visitor, entry.action, entry.grants, entry.language, entry.banner_sha256)
    kept = (record.visitor, record.action, record.grants, record.language, record.banner_sha256)
    return said == kept and (version.store, version.number) == (record.store, record.version)


async def _newest_of(
    c: AsyncConnection, pairs: set[tuple[uuid.UUID, int]]
) -> dict[tuple[uuid.UUID, int], uuid.UUID]:
    """The id of the newest record of each visitor in each store.

    One index look-up for each pair, however long a visitor's history is.
    """
    if not pairs:
        return {}
    size = 1 << (len(pairs) - 1).bit_length()  # few sizes: few statements to prepare
    values: dict[str, Any] = {}
    for n, (visitor, store_id) in zip(range(size), itertools.cycle(pairs), strict=False):
        values[f"v{n}"], values[f"s{n}"] = visitor, store_id
    rows = await c.execute(_newest_query(size), values)
    return {(row.visitor, row.store_id): row.id for row in rows}


@functools.cache
def _newest_query(size: int) -> sa.TextualSelect:
    one = "(SELECT max(seq) FROM decisions WHERE visitor = :v{0} AND store_id = :s{0})"
    wanted = ", ".join(one.format(n) for n in range(size))
    binds = (sa.bindparam(f"v{n}", type_=Id()) for n in range(size))
    stores = (sa.bindparam(f"s{n}", type_=sa.Integer()) for n in range(size))
    text = f"SELECT visitor, store_id, id FROM decisions WHERE seq IN ({wanted})"  # noqa: S608
    return sa.text(text).bindparams(*binds, *stores).columns(_d.visitor, _d.store_id, _d.id)


async def _insert(
    c: AsyncConnection, entries: Sequence[Entry], records: dict[uuid.UUID, Record]
) -> None:
    shown = {entry.banner_sha256: {"content": entry.banner_content} for entry in entries}
    laws = {entry.regime.sha256: entry.regime for entry in entries}
    banner_ids = await _content_ids(c, tables.banners, shown)
    regime_ids = await _content_ids(c, tables.regimes, {h: _law(r) for h, r in laws.items()})
    rows = [
        {
            **{name: getattr(entry, name) for name in _SAME},
            **{purpose: entry.grants.of(purpose) for purpose in CHOOSABLE},
            "seq": records[entry.id].seq,
            "at": entry.at,
            "previous": records[entry.id].previous,
            "store_id": entry.store_id,
            "version_id": entry.version_id,
            "banner_id": banner_ids[entry.banner_sha256],
            "regime_id": regime_ids[entry.regime.sha256],
            "country": entry.place.country,
            "subdivision": entry.place.subdivision,
            "place_source": entry.place.source,
        }
        for entry in entries
    ]
    await c.execute(sa.insert(tables.decisions), rows)


def _law(regime: Regime) -> dict[str, Any]:
    fields = msgspec.structs.asdict(regime)
    del fields["sha256"]
    return {"regime": regime.id, "content": model.canonical(fields)}


async def _content_ids(
    c: AsyncConnection, table: sa.Table, contents: dict[str, dict[str, Any]]
) -> dict[str, int]:
    """The row of each SHA-256; made now where there is none."""
    query = sa.select(table.c.sha256, table.c.id).where(table.c.sha256.in_(list(contents)))
    ids: dict[str, int] = {row.sha256: row.id for row in (await c.execute(query)).all()}
    for sha256, values in contents.items():
        if sha256 in ids:
            continue
        found = hashlib.sha256(values["content"]).hexdigest()
        if found != sha256:
            raise ValueError(f"{table.name}: content has SHA-256 {found}; expected {sha256}")
        insert = sa.insert(table).values(sha256=sha256, **values).returning(table.c.id)
        ids[sha256] = (await c.execute(insert)).scalar_one()
    return ids


async def _store_ids(c: AsyncConnection, keys: tuple[str, ...] | None) -> list[int] | None:
    if keys is None:
        return None
    query = sa.select(tables.stores.c.id).where(tables.stores.c.key.in_(keys))
    return list((await c.execute(query)).scalars())


def _clauses(filter_: LedgerFilter) -> list[sa.ColumnElement[bool]]:
    clauses: list[sa.ColumnElement[bool]] = []
    if filter_.since is not None:
        clauses.append(_d.at >= filter_.since)
    if filter_.until is not None:
        clauses.append(_d.at < filter_.until)
    if filter_.place is not None:
        clauses.append((_d.subdivision if "-" in filter_.place else _d.country) == filter_.place)
    if filter_.action is not None:
        clauses.append(_d.action == filter_.action)
    if filter_.regime is not None:
        regimes = sa.select(tables.regimes.c.id).where(tables.regimes.c.regime == filter_.regime)
        clauses.append(_d.regime_id.in_(regimes))
    given = [_d[purpose] for purpose in CHOOSABLE]
    if filter_.kind == "all":
        clauses.append(sa.and_(*given))
    elif filter_.kind == "none":
        clauses.append(sa.not_(sa.or_(*given)))
    elif filter_.kind == "some":
        clauses.append(sa.and_(sa.or_(*given), sa.not_(sa.and_(*given))))
    return clauses


def _newest(query: sa.Select[Any], limit: int) -> sa.Select[Any]:
    return query.order_by(_d.at.desc(), _d.seq.desc()).limit(limit)


def _merged(queries: list[sa.Select[Any]], limit: int) -> sa.Select[Any]:
    """The newest of several stores, each read from its own index."""
    if len(queries) == 1:
        return queries[0]
    all_ = sa.union_all(*(sa.select(query.subquery()) for query in queries)).subquery()
    return sa.select(all_).order_by(all_.c.at.desc(), all_.c.seq.desc()).limit(limit)


async def _read(
    c: AsyncConnection,
    d: sa.Subquery,
    order: Callable[[Any], Sequence[sa.ColumnElement[Any]]],
) -> list[Record]:
    """The records in the rows of ``d``."""
    s, v, b, r = (t.c for t in (tables.stores, tables.versions, tables.banners, tables.regimes))
    query = (
        sa.select(
            d,
            *(s.key, v.number, v.sha256.label("version_sha256")),
            *(b.sha256.label("banner_sha256"), r.regime, r.sha256.label("regime_sha256")),
        )
        .select_from(d)
        .join(tables.stores, s.id == d.c.store_id)
        .join(tables.versions, v.id == d.c.version_id)
        .join(tables.banners, b.id == d.c.banner_id)
        .join(tables.regimes, r.id == d.c.regime_id)
        .order_by(*order(d.c))
    )
    return [_of_row(row) for row in await c.execute(query)]


def _of_row(row: Any) -> Record:
    return Record(
        **{name: getattr(row, name) for name in _SAME},
        seq=row.seq,
        previous=row.previous,
        store=row.key,
        version=row.number,
        version_sha256=row.version_sha256,
        at=row.at,
        grants=Grants(row.preferences, row.analytics, row.marketing),
        banner_sha256=row.banner_sha256,
        regime_id=row.regime,
        regime_sha256=row.regime_sha256,
        place=Place(row.country, row.subdivision, row.place_source),
    )
