"""The first step: a shop's address, and what its page says of it as proposals."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import drafts, fetch, inherit, listed, publish, setups, stores
from consent.errors import ForbiddenError, RefusedError
from consent.fetch import named
from consent.fetch.named import Named
from consent.markup import Page
from consent.model import SignalsConfig, StoreConfig, is_key
from consent.scan import shop as shops
from consent.scan.systems import PLAIN, Systems
from consent.setups import Found, Setup
from consent.web.admin import access, words
from consent.web.admin.checking import MOST_BYTES, Turns
from consent.web.admin.door import Post, Visit
from consent.web.admin.setup import journey
from consent.web.admin.setup.journey import Journey
from consent.web.services import Services

MOST_FOUND = 20
"""Pixels of one page that are offered."""
MOST_ORIGINS = 20
LONGEST_NAME = 100
LONGEST_KEY = 40


class Values(NamedTuple):
    """What the form holds, as it was typed. ``looked``: it has more than the address to show."""

    address: str = ""
    name: str = ""
    origins: str = ""
    privacy_url: str = ""
    language: str = "en"
    system: str = ""
    found: Found = Found()
    looked: bool = False


class Shop:
    """The pages of the step. ``turns`` says who may have a page fetched now."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    async def start(self, visit: Visit) -> Response:
        """The form of a new store, and the stores that somebody has begun."""
        _check_adding(access.may_add_stores(visit.user))
        found = await access.visible(visit.connection, visit.user)
        begun = [store for store in found if store.published is None]
        return _page(visit, None, Values(), {"begun": begun})

    async def show(self, visit: Visit) -> Response:
        opened = await journey.opened(visit)
        journey.check_change(opened, visit.user)
        return _page(visit, opened, _of(opened), {})

    async def add(self, post: Post) -> Response:
        """Looks at the page of a new shop, or makes the store."""
        _check_adding(access.may_add_stores(post.user))
        values = _read(post)
        if post.fields.get("then") == "look" or not values.looked:
            return await self._look(post, None, values)
        async with post.services.database.read() as c:
            drafted = {key: one.own for key, one in (await stores.all_drafted(c)).items()}
        config = _new(post.services.systems, _key(values, drafted), values)
        config, faults = _checked(post.services, config, values)
        faults |= _taken(config, drafted)
        if faults:
            return _page(post, None, values, {"faults": faults}, status=422)
        async with post.services.database.write() as c:
            await _save(c, post, config, values)
        return RedirectResponse(journey.address(config.key, "pixels"), status_code=303)

    async def save(self, post: Post) -> Response:
        """Looks at the page anew, or changes the draft."""
        opened = await journey.reopened(post)
        journey.check_change(opened, post.user)
        values = _read(post)._replace(looked=True)
        if post.fields.get("then") == "look":
            return await self._look(post, opened, values)
        before, template = opened.state.own, opened.state.draft.template
        faults = _checked(post.services, before, values, template)[1]
        if faults:
            return _page(post, opened, values, {"faults": faults}, status=422)

        def put(draft: StoreConfig) -> StoreConfig:
            given = _checked(post.services, draft, values, template)[0]
            return _signalling(
                post.services.systems, given, values.system, before=opened.setup.system
            )

        await journey.redraft(post, put, ("shop", _told))

        def told(setup: Setup) -> Setup:
            return msgspec.structs.replace(setup, system=values.system, found=values.found)

        await journey.revise(post, told)
        return journey.onward(opened, "shop", post.fields.get("then", ""))

    async def _look(self, post: Post, opened: Journey | None, values: Values) -> Response:
        """The form with what the page at the address says, where it can be fetched."""
        try:
            read = named.read(values.address)
        except RefusedError as error:
            said: dict[str, Any] = {"faults": {"address": error.detail}}
            return _page(post, opened, values, said, status=422)
        self._turns.take(post.user)
        try:
            async with self._turns.running:
                fetched = await _fetched(post.services, read, values.address)
                values = await _proposed(post.services, fetched, values, fresh=opened is None)
            said = {"seen": fetched.url}
        except RefusedError as error:
            values = _unseen(read, values)
            said = {"unseen": error.detail}
        return _page(post, opened, values._replace(looked=True), said)


def _check_adding(may: bool) -> None:
    if not may:
        who = words.listed(access.who_may("regions"), "or")
        raise ForbiddenError("role", f"only an {who} of all stores adds one; ask them")


async def _fetched(services: Services, read: Named, typed: str) -> fetch.Fetched:
    """The page; of an address without a scheme also the one without encryption.

    Raises:
        RefusedError: it cannot be fetched, or is too large.
    """
    try:
        fetched = await services.fetcher.get(read.url)
    except RefusedError:
        if "://" in typed or not read.url.startswith("https://"):
            raise
        fetched = await services.fetcher.get(f"http{read.url.removeprefix('https')}")
    if len(fetched.content) > MOST_BYTES:
        raise fetch.too_large(MOST_BYTES)
    return fetched


async def _proposed(
    services: Services, fetched: fetch.Fetched, values: Values, *, fresh: bool
) -> Values:
    """``values`` with what the page says. ``fresh``: nothing of it was typed by anybody."""
    text, url = fetched.text, fetched.url
    said = await asyncio.to_thread(shops.read, text, url, services.systems)
    seen = await asyncio.to_thread(services.platforms.recogniser.page, Page(text, url))
    pixels = dict.fromkeys((one.platform, id_) for one in seen for id_ in one.ids)
    found = Found(said.system, tuple(pixels)[:MOST_FOUND])
    language = services.texts.choose([said.language] if said.language else [], values.language)
    at = named.read(url)
    proposals: dict[str, str] = {
        "name": said.name or at.label.replace("-", " ").title(),
        "origins": at.origin,
        "privacy_url": said.privacy_url,
        "language": language if said.language else "",
        "system": said.system or PLAIN,
    }
    kept = {name: getattr(values, name) for name in proposals if getattr(values, name)}
    if fresh and not values.looked:
        kept = {}
    chosen: dict[str, Any] = {**proposals, "language": proposals["language"] or values.language}
    return values._replace(found=found, **{**chosen, **kept})


def _unseen(read: Named, values: Values) -> Values:
    """``values`` with what the address alone says."""
    return values._replace(
        name=values.name or read.label.replace("-", " ").title(),
        origins=values.origins or read.origin,
        system=values.system or PLAIN,
    )


def _of(opened: Journey) -> Values:
    own, setup = opened.state.version.config, opened.setup
    return Values(
        own.origins[0] if own.origins else "",
        own.name,
        "\n".join(own.origins),
        own.privacy_url,
        own.language,
        setup.system or PLAIN,
        setup.found,
        True,
    )


def _read(post: Post) -> Values:
    given = {name: value.strip() for name, value in post.fields.items()}
    systems = post.services.systems
    try:
        found = msgspec.json.decode(given.get("found", "{}"), type=Found)
    except (msgspec.DecodeError, msgspec.ValidationError):
        found = Found()
    platforms = post.services.platforms
    pixels = tuple(one for one in found.pixels if one[0] in platforms)[:MOST_FOUND]
    found = Found(found.system if found.system in systems else "", pixels)
    system = given.get("system", "")
    return Values(
        address=given.get("address", ""),
        name=given.get("name", ""),
        origins=given.get("origins", ""),
        privacy_url=given.get("privacy_url", ""),
        language=given.get("language", "") or "en",
        system=system if system in systems else "",
        found=found,
        looked="name" in given,
    )


def _checked(
    services: Services,
    before: StoreConfig,
    values: Values,
    template: Any = None,
) -> tuple[StoreConfig, dict[str, str]]:
    """``before`` with what was typed, and what is wrong with it by the name of its field."""
    faults: dict[str, str] = {}
    origins: list[str] = []
    for line in values.origins.split():
        try:
            origins.append(named.read(line).origin)
        except RefusedError as error:
            faults.setdefault("origins", error.detail)
    if len(origins) > MOST_ORIGINS:
        faults["origins"] = f"{len(origins)} addresses; expected {MOST_ORIGINS} at most"
    privacy = _privacy(values.privacy_url, origins)
    if len(values.name) > LONGEST_NAME:
        faults["name"] = f"{len(values.name)} characters; expected {LONGEST_NAME} at most"
    config = msgspec.structs.replace(
        before, name=values.name, origins=tuple(dict.fromkeys(origins))
    )
    shared = {"privacy_url": privacy, "language": values.language}
    config = inherit.restated(config, template, shared)
    known = (services.platforms, services.regions, services.texts)
    on = services.now().date()
    for fault in publish.check(config, *known, on=on, draft=True, template=template):
        field, _, said = fault.partition(": ")
        field = {"cookie.domain": "origins"}.get(field, field)
        if field in ("name", "origins", "privacy_url", "language"):
            faults.setdefault(field, said)
    return config, faults


def _privacy(typed: str, origins: list[str]) -> str:
    """A path is on the shop; an address needs no scheme."""
    if not typed or typed.startswith(("http://", "https://")):
        return typed
    if typed.startswith("/"):
        return f"{origins[0]}{typed}" if origins else typed
    return f"https://{typed}" if "." in typed.partition("/")[0] else typed


def _key(values: Values, others: Mapping[str, object]) -> str:
    """A key that no store has and no filter list stops, after the address of the shop."""
    try:
        label = named.read(values.origins.split()[0]).label if values.origins.split() else ""
    except RefusedError:
        label = ""
    label = label[: LONGEST_KEY - 4].strip("-")
    first = label if is_key(label) and not listed.key_fault(label) else "shop"
    number, key = 1, first
    while key in others:
        number += 1
        key = f"{first}-{number}"
    return key


def _new(systems: Systems, key: str, values: Values) -> StoreConfig:
    """A store as the journey begins it: page views need no developer."""
    bare = StoreConfig(key, "", (), page_views="automatic")
    return _signalling(systems, bare, values.system, before="")


def _signalling(systems: Systems, config: StoreConfig, system: str, *, before: str) -> StoreConfig:
    """``config``, which tells the shop system of choices where that asks for it."""
    name = systems[system].signal if system in systems else ""
    if not name or system == before:
        return config
    signals: SignalsConfig = msgspec.structs.replace(config.signals, **{name: True})
    return msgspec.structs.replace(config, signals=signals)


def _taken(config: StoreConfig, others: Mapping[str, StoreConfig]) -> dict[str, str]:
    for other in others.values():
        for origin in config.origins:
            if origin in other.origins:
                said = f"{origin} is the store {other.name!r} already; expected another"
                return {"origins": said}
    return {}


async def _save(c: AsyncConnection, post: Post, config: StoreConfig, values: Values) -> None:
    at = post.services.now()
    await drafts.save(c, config, by=post.user, at=at, shown="", source="set-up")

    def told(_: Setup) -> Setup:
        return Setup(system=values.system, found=values.found).with_done("shop")

    await setups.revise(c, config.key, told, at)


def _told(config: StoreConfig) -> list[str]:
    return [config.name, *config.origins, config.privacy_url, config.language]


def _page(
    asked: Visit | Post,
    opened: Journey | None,
    values: Values,
    said: Mapping[str, Any],
    *,
    status: int = 200,
) -> Response:
    services = asked.services
    found = [services.platforms[key].name for key, _ in values.found.pixels]
    context = {
        "values": values,
        "found": msgspec.json.encode(values.found).decode(),
        "found_names": words.listed(list(dict.fromkeys(found))),
        "languages": [(code, words.language(code)) for code in services.texts.languages],
        "systems": [(key, one.name) for key, one in services.systems.items()],
        "system": services.systems[values.system].name if values.system else "",
        "seen": "",
        "unseen": "",
        "begun": [],
        **said,
    }
    return journey.render(asked.user, "shop", opened, context, status=status)
