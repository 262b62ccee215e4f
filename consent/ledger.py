"""The ledger: every decision of every visitor, appended and never changed.

Promises:

* **No update, no delete.** This module has neither, and triggers in the database refuse them.
  ``consent.erasures`` alone takes records out: it keeps their ``seq`` and ``id`` taken.
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
  before the first decision that refers to them. Where a page named a banner that the service does
  not know, its hash is kept and its content is not there.
* **The clock may go back.** ``at`` is the server's time as given; only ``seq`` orders the ledger.
  ``consent.search`` shows by time, and by ``seq`` among equals.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import Database, appending, driver_of, finding, lookups, tables
from consent.database.dialects import take_lock
from consent.errors import GoneError, NotFoundError
from consent.model import Entry, Record, Regime, Version

MOST_AT_ONCE = 1000
"""The most entries in one ``append``; SQLite takes 32 766 parameters in a statement."""

_SAME = (
    *("id", "visitor", "action", "language", "banner_sha256"),
    *("gpc_header", "gpc_property", "device", "salt", "refused"),
)
"""What an entry and a record call and hold alike."""


class Appended(msgspec.Struct, frozen=True):
    """What became of one entry.

    ``fresh``: stored now. Otherwise ``record`` is the one that had the id before, and
    ``conflict`` says that it is a different decision.
    """

    record: Record
    fresh: bool
    conflict: bool = False


async def append_at_once(
    db: Database, entries: Sequence[Entry], versions: Mapping[int, Version]
) -> list[Appended | None]:
    """Appends a batch in a transaction of its own, durable when this returns.

    It costs one hop to SQLite's thread, or one round trip to PostgreSQL, however many entries. Only
    a batch with a new banner or law, or with nothing but taken ids, goes the way of ``append`` too.

    Args:
        db: this task may have no transaction open on it.
        entries: at most ``MOST_AT_ONCE``, each with an id of its own.
        versions: those of the entries, by their own id, as they were published.

    Returns:
        One for each entry, in the same order. None: its id is taken, while others were appended;
        what became of it is known when it is given again without them.

    Raises:
        as ``append``.
    """
    _check_size(entries)
    if not entries:
        return []
    known = {
        id_: lookups.Version(one.store_id, one.config.key, one.number, one.sha256)
        for id_, one in versions.items()
    }
    async with db.driven() as driver:
        done = await appending.append(driver, entries, known)
    if not done:
        async with db.write() as c:
            return [*await append(c, entries)]
    return [
        Appended(_record(one, known[one.version_id], done[one.id]), fresh=True)
        if one.id in done
        else None
        for one in entries
    ]


async def append(c: AsyncConnection, entries: Sequence[Entry]) -> list[Appended]:
    """Appends a batch: a handful of statements, however many entries.

    Args:
        c: a connection from ``Database.write``. No other process appends until it ends.
        entries: at most ``MOST_AT_ONCE``.

    Returns:
        One for each entry, in the same order.

    Raises:
        NotFoundError: an entry's version does not exist, or is another store's.
        GoneError: an entry's id is that of an erased record. Whether it is the same decision sent
            again, nobody can tell any more.
        ValueError: a banner's or a regime's content does not have the SHA-256 it came with, or
            there are too many entries.
        UnavailableError: at the end of the transaction, when storage does not take it.
    """
    _check_size(entries)
    if not entries:
        return []
    await take_lock(c, "ledger")
    first = {entry.id: entry for entry in reversed(entries)}
    records = await _by_ids(c, first)
    new = [e for e in entries if first[e.id] is e and e.id not in records]
    versions = await _keep_references(c, entries, new)
    if new:
        done = await appending.append(await driver_of(c), new, versions)
        if len(done) < len(new):
            raise GoneError("erased", "id: of a decision that was erased; expected a new one")
        records |= {e.id: _record(e, versions[e.version_id], done[e.id]) for e in new}
    fresh = {id(entry) for entry in new}
    return [_appended(e, records[e.id], versions, fresh=id(e) in fresh) for e in entries]


def _check_size(entries: Sequence[Entry]) -> None:
    if len(entries) > MOST_AT_ONCE:
        raise ValueError(f"append: {len(entries)} entries; at most {MOST_AT_ONCE} at once")


async def get(c: AsyncConnection, id_: uuid.UUID) -> Record | None:
    return (await _by_ids(c, {id_})).get(id_)


async def history(c: AsyncConnection, store: str, visitor: uuid.UUID) -> list[Record]:
    """All that ``visitor`` decided in ``store``, oldest first."""
    return await finding.of_visitor(await driver_of(c), store, visitor)


async def last(c: AsyncConnection) -> int:
    """The newest ``seq``, erased or not; 0 when there is none."""
    heads = [sa.select(sa.func.max(one)) for one in (tables.decisions.c.seq, tables.erased.c.seq)]
    return max(seq or 0 for seq in (await c.execute(sa.union_all(*heads))).scalars())


async def newest_of_each(c: AsyncConnection) -> dict[int, dt.datetime]:
    """When the last decision of each store was made that has one, by the store's id."""
    of = tables.stores.c.id
    made = tables.decisions.c
    newest = sa.select(sa.func.max(made.at, type_=made.at.type)).where(made.store_id == of)
    rows = await c.execute(sa.select(of, newest.scalar_subquery()))
    return {id_: at for id_, at in rows if at is not None}


async def following(c: AsyncConnection, seq: int, limit: int) -> list[Record]:
    """The records after ``seq``, in order, at most ``limit``."""
    return await finding.following(await driver_of(c), seq, limit)


async def by_seqs(c: AsyncConnection, seqs: Iterable[int]) -> list[Record]:
    """The records with these ``seq``, newest first by time and by ``seq`` among equals."""
    found = await finding.by_seqs(await driver_of(c), seqs)
    return sorted(found, key=lambda record: (record.at, record.seq), reverse=True)


async def banner_content(c: AsyncConnection, sha256: str) -> bytes | None:
    return await _content(c, tables.banners, sha256)


async def banner_hashes(c: AsyncConnection) -> set[str]:
    """The SHA-256 of every banner whose content is here."""
    return set((await c.execute(sa.select(tables.banners.c.sha256))).scalars())


async def regime_content(c: AsyncConnection, sha256: str) -> bytes | None:
    return await _content(c, tables.regimes, sha256)


async def _content(c: AsyncConnection, table: sa.Table, sha256: str) -> bytes | None:
    found = (await c.execute(sa.select(table.c.content).where(table.c.sha256 == sha256))).scalar()
    # What has another SHA-256 is not what was shown, or not the law that was asked.
    return found if found and hashlib.sha256(found).hexdigest() == sha256 else None


async def _by_ids(c: AsyncConnection, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Record]:
    return {record.id: record for record in await finding.by_ids(await driver_of(c), ids)}


def _record(entry: Entry, version: lookups.Version, stored: appending.Appended) -> Record:
    return Record(
        **{name: getattr(entry, name) for name in _SAME},
        seq=stored.seq,
        previous=stored.previous,
        store=version.store,
        version=version.number,
        version_sha256=version.sha256,
        at=entry.at.astimezone(dt.UTC),
        grants=entry.grants,
        regime_id=entry.regime.id,
        regime_sha256=entry.regime.sha256,
        place=entry.place,
    )


def _appended(
    entry: Entry, record: Record, versions: Mapping[int, lookups.Version], *, fresh: bool
) -> Appended:
    """Says whether the post is the one recorded, sent again. Time and place may differ."""
    if fresh:
        return Appended(record, fresh=True)
    version = versions.get(entry.version_id)
    said, kept = (
        (one.visitor, one.action, one.grants, one.refused, one.language, one.banner_sha256)
        for one in (entry, record)
    )
    same = version is not None and (version.store, version.number) == (record.store, record.version)
    return Appended(record, fresh=False, conflict=not (same and said == kept))


async def _keep_references(
    c: AsyncConnection, entries: Sequence[Entry], new: Sequence[Entry]
) -> dict[int, lookups.Version]:
    """The versions of ``entries``; what was shown and the law of ``new`` are stored from here on.

    Raises:
        NotFoundError, ValueError: see ``append``.
    """
    found = await lookups.references(
        c,
        versions={entry.version_id for entry in entries},
        banners={entry.banner_sha256 for entry in new},
        regimes={entry.regime.sha256 for entry in new},
    )
    for entry in new:
        version = found.versions.get(entry.version_id)
        if version is None or version.store_id != entry.store_id:
            raise NotFoundError(
                "unknown_version", f"version: {entry.version_id} is not one of this store's"
            )
        if entry.banner_content is not None and entry.banner_sha256 not in found.banners:
            content = {"content": entry.banner_content}
            await _keep(c, tables.banners, entry.banner_sha256, content)
            found.banners.add(entry.banner_sha256)
        if entry.regime.sha256 not in found.regimes:
            await _keep(c, tables.regimes, entry.regime.sha256, _law(entry.regime))
            found.regimes.add(entry.regime.sha256)
    return found.versions


def _law(regime: Regime) -> dict[str, Any]:
    return {"regime": regime.id, "content": regime.content}


async def _keep(c: AsyncConnection, table: sa.Table, sha256: str, values: dict[str, Any]) -> None:
    """Stores a content that no row has yet."""
    found = hashlib.sha256(values["content"]).hexdigest()
    if found != sha256:
        raise ValueError(f"{table.name}: content has SHA-256 {found}; expected {sha256}")
    await c.execute(sa.insert(table).values(sha256=sha256, **values))
