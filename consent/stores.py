"""Stores, their drafts and their published versions.

A draft changes as often as one likes. A version never changes: it is numbered from 1 in its
store, holds the template of the store's group as it was then, carries the SHA-256 of its
configuration as canonical JSON, and the database refuses to alter or remove it. Ids of versions
grow in the order of publishing over all stores, so that "everything published since" is one
comparison.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import groups, inherit, model
from consent.database import tables
from consent.database.dialects import take_lock
from consent.errors import NotFoundError
from consent.model import Pixel, Rules, StoreConfig, Template, Version
from consent.questions import former, questions

_s = tables.stores.c
_v = tables.versions.c
_VERSIONS = sa.select(tables.versions)
_AS_THEY_ARE = ("id", "store_id", "number", "sha256", "published_at", "asks_since")
"""What a version and a row of the table call and hold alike."""


class StoreSummary(msgspec.Struct, frozen=True):
    """A store in a list. ``changed``: its draft, or its group's template, is not what is published.

    ``group`` is the key of the draft's; None for none.
    """

    id: int
    key: str
    name: str
    published: int | None
    """The newest version's number; None when nothing was published yet."""
    published_at: dt.datetime | None
    created_at: dt.datetime
    changed: bool
    group: str | None = None


class Draft(msgspec.Struct, frozen=True, dict=True):
    """What the next version would hold."""

    own: StoreConfig
    template: Template | None

    @cached_property
    def config(self) -> StoreConfig:
        """The store's own, and of the template what that leaves out."""
        return inherit.effective(self.own, self.template)

    @cached_property
    def rules(self) -> Rules:
        """Where a place looks for its rules; see ``Version.rules``."""
        shared = self.template.regions if self.template else {}
        return Rules(self.own.regions, shared, self.own.group)

    @property
    def sha256(self) -> str:
        """Of both, as canonical JSON; of a store in no group, of its configuration alone."""
        content = self.own if self.template is None else [self.own, self.template]
        return hashlib.sha256(model.canonical(content)).hexdigest()


async def save(c: AsyncConnection, config: StoreConfig, now: dt.datetime) -> int:
    """Creates the store called ``config.key``, or replaces its draft; gives the store's id.

    Visitors see nothing of it before ``publish``.

    Raises:
        NotFoundError: there is no such group.
    """
    await take_lock(c, "versions")
    values = _values(config, await groups.id_of(c, config.group) if config.group else None, now)
    store_id = await id_of(c, config.key)
    if store_id is None:
        insert = sa.insert(tables.stores).values(key=config.key, created_at=now, **values)
        return int((await c.execute(insert.returning(_s.id))).scalar_one())
    await c.execute(sa.update(tables.stores).where(_s.id == store_id).values(**values))
    return store_id


def _values(config: StoreConfig, group_id: int | None, now: dt.datetime) -> dict[str, Any]:
    content = model.canonical(config)
    return {
        "group_id": group_id,
        "name": config.name,
        "draft": content,
        "draft_sha256": hashlib.sha256(content).hexdigest(),
        "changed_at": now,
    }


async def revise(
    c: AsyncConnection, key: str, change: Callable[[StoreConfig], StoreConfig], now: dt.datetime
) -> StoreConfig:
    """Replaces a draft by what ``change`` makes of it; nobody else saves in between.

    Returns:
        The new draft.

    Raises:
        NotFoundError: there is no such store. What ``change`` raises leaves the draft as it is.
    """
    await take_lock(c, "versions")
    config = change(await draft(c, key))
    await save(c, config, now)
    return config


async def id_of(c: AsyncConnection, key: str) -> int | None:
    found = (await c.execute(sa.select(_s.id).where(_s.key == key))).scalar()
    return None if found is None else int(found)


async def keys(c: AsyncConnection) -> list[str]:
    """The keys of all stores, in alphabetical order."""
    return list((await c.execute(sa.select(_s.key).order_by(_s.key))).scalars())


async def draft(c: AsyncConnection, key: str) -> StoreConfig:
    """The configuration as last saved.

    Raises:
        NotFoundError: there is no such store.
    """
    content = (await c.execute(sa.select(_s.draft).where(_s.key == key))).scalar()
    if content is None:
        raise _unknown(key)
    return _config(content)


async def drafted(c: AsyncConnection, key: str) -> Draft:
    """The configuration as last saved, with its group's template as it is now.

    Raises:
        NotFoundError: there is no such store.
    """
    found = await all_drafted(c, (key,))
    if key not in found:
        raise _unknown(key)
    return found[key]


async def all_drafted(c: AsyncConnection, keys: Sequence[str] | None = None) -> dict[str, Draft]:
    """The drafts of the stores ``keys`` that there are, or of all, by key."""
    joined = tables.stores.outerjoin(tables.groups)
    query = sa.select(_s.key, _s.draft, tables.groups.c.template).select_from(joined)
    if keys is not None:
        query = query.where(_s.key.in_(keys))
    rows = (await c.execute(query.order_by(_s.key))).all()
    return {row.key: Draft(_config(row.draft), _template(row.template)) for row in rows}


async def publish(
    c: AsyncConnection, key: str, now: dt.datetime, content: Draft | None = None
) -> Version:
    """Makes ``content`` the store's newest version; None: its draft.

    Returns:
        The new version; or the newest one again when it says the same.

    Raises:
        NotFoundError: there is no such store.
    """
    await take_lock(c, "versions")
    draft_ = content or await drafted(c, key)
    newest = await current(c, key)
    if newest is not None and (newest.own, newest.template) == (draft_.own, draft_.template):
        return newest
    store_id = newest.store_id if newest else await id_of(c, key) or 0
    version = _after(newest, draft_, await _highest_id(c) + 1, store_id, now)
    await c.execute(sa.insert(tables.versions).values(_row(version, draft_)))
    return version


async def publish_all(
    c: AsyncConnection, wanted: Sequence[tuple[Version, Draft]], now: dt.datetime
) -> list[Version]:
    """Makes each draft its store's draft and next version: many stores by three statements.

    Args:
        c: a connection from ``Database.write`` that has the lock ``versions``.
        wanted: the newest version of each store, and what is to come after it, which differs.
        now: the moment.

    Raises:
        NotFoundError: a draft names a group that is not there.
    """
    if not wanted:
        return []
    named = {draft_.own.group for _, draft_ in wanted if draft_.own.group}
    ids = {key: await groups.id_of(c, key) for key in sorted(named)}
    highest = await _highest_id(c)
    versions = [
        _after(newest, draft_, highest + n, newest.store_id, now)
        for n, (newest, draft_) in enumerate(wanted, start=1)
    ]
    kept = [
        {"of": newest.store_id, **_values(draft_.own, ids.get(draft_.own.group), now)}
        for newest, draft_ in wanted
    ]
    fields: dict[str, Any] = {name: sa.bindparam(name) for name in kept[0] if name != "of"}
    await c.execute(
        sa.update(tables.stores).where(_s.id == sa.bindparam("of")).values(fields), kept
    )
    rows = [_row(one, draft_) for one, (_, draft_) in zip(versions, wanted, strict=True)]
    await c.execute(sa.insert(tables.versions), rows)
    return versions


async def _highest_id(c: AsyncConnection) -> int:
    return int((await c.execute(sa.select(sa.func.coalesce(sa.func.max(_v.id), 0)))).scalar_one())


def _after(
    newest: Version | None, draft_: Draft, id_: int, store_id: int, now: dt.datetime
) -> Version:
    """The version that follows ``newest``, with what ``draft_`` holds."""
    number = newest.number + 1 if newest else 1
    same_questions = newest is not None and (
        questions(newest.config, *newest.rules.by_layer)
        == questions(draft_.config, *draft_.rules.by_layer)
    )
    return Version(
        id=id_,
        store_id=store_id,
        number=number,
        sha256=draft_.sha256,
        published_at=now,
        config=draft_.config,
        asks_since=newest.asks_since if newest and same_questions else number,
        former=former(newest, draft_.config) if newest else (),
        own=draft_.own,
        template=draft_.template,
    )


def _row(version: Version, draft_: Draft) -> dict[str, Any]:
    return {
        **{name: getattr(version, name) for name in _AS_THEY_ARE},
        "config": model.canonical(draft_.own),
        "template": model.canonical(draft_.template) if draft_.template else None,
        "former": model.canonical(version.former) if version.former else None,
    }


async def current(c: AsyncConnection, key: str) -> Version | None:
    """The newest published version; None for an unknown store or one never published."""
    newest_first = _VERSIONS.join(tables.stores).where(_s.key == key).order_by(_v.number.desc())
    return _version((await c.execute(newest_first.limit(1))).one_or_none())


async def all_current(c: AsyncConnection, keys: Sequence[str]) -> dict[str, Version]:
    """The newest published version of each of the stores ``keys`` that has one, by key."""
    newest = sa.select(sa.func.max(_v.id)).group_by(_v.store_id)
    rows = await c.execute(_VERSIONS.join(tables.stores).where(_v.id.in_(newest), _s.key.in_(keys)))
    return {found.config.key: found for row in rows if (found := _version(row)) is not None}


async def version(c: AsyncConnection, key: str, number: int) -> Version | None:
    chosen = _VERSIONS.join(tables.stores).where(_s.key == key, _v.number == number)
    return _version((await c.execute(chosen)).one_or_none())


async def version_content(c: AsyncConnection, key: str, number: int) -> bytes | None:
    """The bytes that a version's SHA-256 is of: its configuration, with the template if any."""
    query = sa.select(_v.config, _v.template).join(tables.stores, _s.id == _v.store_id)
    row = (await c.execute(query.where(_s.key == key, _v.number == number))).one_or_none()
    if row is None:
        return None
    return b"[%b,%b]" % (row.config, row.template) if row.template else bytes(row.config)


async def every_version(c: AsyncConnection, key: str) -> list[Version]:
    """All that the store ``key`` has published, newest first."""
    query = _VERSIONS.join(tables.stores).where(_s.key == key).order_by(_v.number.desc())
    return [found for row in await c.execute(query) if (found := _version(row)) is not None]


async def versions_since(c: AsyncConnection, version_id: int) -> list[Version]:
    """The newest version of each store that published after ``version_id``, oldest first."""
    newest = sa.select(sa.func.max(_v.id)).where(_v.id > version_id).group_by(_v.store_id)
    rows = await c.execute(_VERSIONS.where(_v.id.in_(newest)).order_by(_v.id))
    return [found for row in rows if (found := _version(row)) is not None]


async def group_of(c: AsyncConnection, key: str) -> str | None:
    """The key of the group that the draft of the store ``key`` names; None for none."""
    joined = tables.stores.join(tables.groups, tables.groups.c.id == _s.group_id)
    query = sa.select(tables.groups.c.key).select_from(joined).where(_s.key == key)
    return (await c.execute(query)).scalar()


async def all_stores(c: AsyncConnection) -> list[StoreSummary]:
    """Every store, by name."""
    newest = sa.select(sa.func.max(_v.id)).group_by(_v.store_id)
    published = sa.and_(_v.store_id == _s.id, _v.id.in_(newest))
    changed = sa.or_(
        _v.config.is_(None),
        _v.config != _s.draft,
        _v.template.is_distinct_from(tables.groups.c.template),
    )
    rows = await c.execute(
        sa.select(
            *(_s.id, _s.key, _s.name, _s.created_at, tables.groups.c.key.label("group")),
            *(_v.number, _v.published_at, changed.label("changed")),
        )
        .select_from(
            tables.stores.outerjoin(tables.versions, published).outerjoin(
                tables.groups, tables.groups.c.id == _s.group_id
            )
        )
        .order_by(sa.func.lower(_s.name), _s.key)
    )
    return [
        StoreSummary(
            id=row.id,
            key=row.key,
            name=row.name,
            published=row.number,
            published_at=row.published_at,
            created_at=row.created_at,
            changed=bool(row.changed),
            group=row.group,
        )
        for row in rows
    ]


def _version(row: Any) -> Version | None:
    if row is None:
        return None
    own, template = _config(row.config), _template(row.template)
    return Version(
        **{name: getattr(row, name) for name in _AS_THEY_ARE},
        config=inherit.effective(own, template),
        former=msgspec.json.decode(row.former, type=tuple[Pixel, ...]) if row.former else (),
        own=own,
        template=template,
    )


def unpacked(own: bytes, template: bytes | None) -> Draft:
    """What a version or a schedule holds, from the bytes in which it does."""
    return Draft(_config(own), _template(template))


def _config(content: bytes) -> StoreConfig:
    return msgspec.json.decode(content, type=StoreConfig)


def _template(content: bytes | None) -> Template | None:
    return None if content is None else msgspec.json.decode(content, type=Template)


def _unknown(key: str) -> NotFoundError:
    return NotFoundError(
        "unknown_store", f"store {key!r} is not known; consent store list shows all"
    )
