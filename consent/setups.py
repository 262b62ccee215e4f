"""How far a store's guided set-up has come, so that it goes on where somebody left it.

Nothing of it is part of the store: what is set up is in the draft, what is live in its versions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Literal, get_args

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import stores
from consent.database import tables
from consent.database.dialects import take_lock
from consent.errors import NotFoundError
from consent.model import canonical

Step = Literal["shop", "pixels", "regions", "look", "publish", "snippet", "check", "visitor"]
STEPS: tuple[Step, ...] = get_args(Step)
"""In their order."""

_s = tables.setups.c


class Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stood in the shop's page when it was looked at."""

    system: str = ""
    """A key of ``snippets/systems.toml``; empty where it does not show."""
    pixels: tuple[tuple[str, str], ...] = ()
    """Platforms and ids."""


class Checked(msgspec.Struct, frozen=True):
    """The newest look at a page with the snippet in it, or without. ``errors``: how many."""

    at: dt.datetime
    url: str
    snippet: bool
    errors: int


class Setup(msgspec.Struct, frozen=True):
    """One store's. ``done``: the steps that somebody has said are done."""

    done: tuple[Step, ...] = ()
    system: str = ""
    """Which shop system the owner says it is; see ``Found.system``."""
    found: Found = Found()
    checked: Checked | None = None

    def with_checked(self, checked: Checked) -> Setup:
        return msgspec.structs.replace(self, checked=checked)

    def with_done(self, step: Step) -> Setup:
        done = tuple(one for one in STEPS if one == step or one in self.done)
        return msgspec.structs.replace(self, done=done)


async def get(c: AsyncConnection, key: str) -> Setup:
    """That of the store ``key``; nothing is done where nobody has begun."""
    facts = (
        await c.execute(
            sa.select(_s.facts)
            .join_from(tables.setups, tables.stores)
            .where(tables.stores.c.key == key)
        )
    ).scalar()
    return Setup() if facts is None else msgspec.json.decode(facts, type=Setup)


async def checked_of_each(c: AsyncConnection) -> dict[str, Checked]:
    """The newest look at a page of each store that had one, by the store's key."""
    joined = sa.select(tables.stores.c.key, _s.facts).join_from(tables.setups, tables.stores)
    found = {key: msgspec.json.decode(facts, type=Setup) for key, facts in await c.execute(joined)}
    return {key: one.checked for key, one in found.items() if one.checked is not None}


async def revise(
    c: AsyncConnection, key: str, change: Callable[[Setup], Setup], at: dt.datetime
) -> Setup:
    """Replaces it by what ``change`` makes of it; nobody else saves in between.

    Raises:
        NotFoundError: there is no such store.
    """
    await take_lock(c, "versions")
    store_id = await stores.id_of(c, key)
    if store_id is None:
        raise NotFoundError("unknown_store", f"store {key!r} is not known")
    after = change(await get(c, key))
    values = {"facts": canonical(after), "changed_at": at}
    there = sa.update(tables.setups).where(_s.store_id == store_id).values(**values)
    if not (await c.execute(there)).rowcount:
        await c.execute(sa.insert(tables.setups).values(store_id=store_id, **values))
    return after
