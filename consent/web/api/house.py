"""The rest of the API: the token itself, the activity, platforms, and looking at a page."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

from consent import activity, stores
from consent.activity import ActivityFilter, Noted, What
from consent.errors import RefusedError
from consent.model import Grant, Purpose, Scope
from consent.scan import Finding
from consent.web.admin import access, checking
from consent.web.admin.checking import Turns
from consent.web.api.operation import PAGE, Ask, Before, Limit, Operation, Order, Text
from consent.web.api.stores import PATH, of


class Me(msgspec.Struct, frozen=True):
    """The token. ``usable`` are those of its scopes that its user may use now."""

    name: str
    email: str
    roles: tuple[Grant, ...]
    """Each for a store, for a group, or for every store where neither is named."""
    scopes: tuple[Scope, ...]
    usable: list[Scope]
    expires_at: dt.datetime


class Acts(msgspec.Struct, frozen=True):
    """Newest first. ``before``: what the next page goes on from; None: this is the last."""

    acts: list[Noted]
    before: int | None


class PlatformFacts(msgspec.Struct, frozen=True):
    """A system that a store can register a pixel of, and what its ids look like."""

    key: str
    name: str
    vendor: str
    privacy_url: str
    purposes: tuple[Purpose, ...]
    id_pattern: str
    id_example: str
    reviewed: dt.date
    source: str


class PlatformList(msgspec.Struct, frozen=True):
    platforms: list[PlatformFacts]


class ScanBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page on one of the store's origins: its address, or its path alone."""

    url: Annotated[str, Meta(min_length=1, max_length=checking.LONGEST_ADDRESS)]


class Scanned(msgspec.Struct, frozen=True):
    """What bypasses the gate in a page; ``url`` is where it was found in the end."""

    url: str
    findings: list[Finding]


class ActivityQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``by``: an e-mail address. ``before``: what the page before this one said."""

    store: Text = ""
    what: What | None = None
    by: Text = ""
    subject: Text = ""
    before: Before | None = None
    limit: Limit = PAGE


async def me(ask: Ask) -> Me:
    token, user = ask.token, ask.user
    usable = [scope for scope in access.scopes_of(user) if scope in token.scopes]
    return Me(token.name, user.email, user.grants, token.scopes, usable, token.expires_at)


async def acts(ask: Ask) -> Acts:
    c, query = ask.connection, ask.query
    chosen = access.pick(await access.visible(c, ask.user), query.store)
    filter_ = ActivityFilter(
        stores=(chosen.key,) if chosen else ask.own,
        what=query.what,
        email=query.by.strip().lower() or None,
        subject=query.subject or None,
    )
    found = await activity.search(c, filter_, before=query.before, limit=query.limit + 1)
    more = found[query.limit - 1].id if len(found) > query.limit else None
    return Acts(found[: query.limit], more)


async def platforms(ask: Ask) -> PlatformList:
    names = PlatformFacts.__struct_fields__
    every = ask.services.platforms.values()
    return PlatformList(
        [PlatformFacts(**{name: getattr(one, name) for name in names}) for one in every]
    )


class Scanning:
    """Looking at pages; ``turns`` says how many."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    async def look(self, order: Order) -> Scanned:
        services, typed = order.services, order.body.url.strip()
        async with services.database.read() as c:
            store = await of(c, order.user, order.path["store"])
            live = await stores.current(c, store.key)
            config = live.config if live else await stores.draft(c, store.key)
        url = checking.address_in(config, typed)
        if url is None:
            expected = " or ".join(config.origins)
            raise RefusedError("elsewhere", f"url: on none of the origins; expected {expected}")
        return Scanned(*await checking.look(services, self._turns, order.user, config, url))


def operations(turns: Turns) -> tuple[Operation, ...]:
    return (
        Operation(
            *("me", "GET", "/me", None, me),
            "What the token is good for.",
            Me,
        ),
        Operation(
            *("activity.list", "GET", "/activity", "activity:read", acts),
            "Who looked at what, handed out what, and changed what.",
            Acts,
            ActivityQuery,
        ),
        Operation(
            *("platforms.list", "GET", "/platforms", None, platforms),
            "The ad and analytics systems of this release.",
            PlatformList,
        ),
        Operation(
            *("pages.scan", "POST", f"{PATH}/scan", "pages:scan", Scanning(turns).look),
            "Fetches a page of the store and says what in it bypasses the gate.",
            Scanned,
            body=ScanBody,
        ),
    )
