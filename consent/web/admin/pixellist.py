"""The list of a store's pixels: what each waits for, what publishing changes, what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from consent import changes, csp, publish, stores
from consent.changes import Change
from consent.errors import NotFoundError
from consent.model import Pixel, Purpose, StoreConfig, User, Version
from consent.platforms import Platforms, custom
from consent.stores import Draft, StoreSummary
from consent.web.admin import access, pages, pixelfacts, words
from consent.web.services import Services

_INDEX = re.compile(r"pixels\[(\d+)\]: ")


class Line(NamedTuple):
    """A pixel in the list. ``known``: this release has its platform, or the store declares it."""

    change: Change
    name: str
    vendor: str
    known: bool
    purposes: tuple[Purpose, ...]
    address: str
    unreviewed: bool


class Told(NamedTuple):
    """A fault or a note. ``about``: the pixel that it is about, and ``address``: its page."""

    said: str
    about: str = ""
    address: str = ""


class Opened(NamedTuple):
    """A store that the user may see."""

    store: StoreSummary
    drafted: Draft
    live: Version | None

    @property
    def draft(self) -> StoreConfig:
        """The store's own."""
        return self.drafted.own


async def open_store(c: AsyncConnection, user: User, key: str) -> Opened:
    """The store called ``key``, if ``user`` may see it.

    Raises:
        NotFoundError: it is not there, or not for this user.
    """
    store = access.pick(await access.visible(c, user), key)
    if store is None:
        raise NotFoundError("no_such_store", "there is no store without a key")
    return Opened(store, await stores.drafted(c, key), await stores.current(c, key))


def address(key: str, page: str = "", pixel: Pixel | None = None) -> str:
    """Where a page about the pixels of the store ``key`` is."""
    path = f"/admin/stores/{key}/pixels" + (f"/{page}" if page else "")
    if pixel is None:
        return path
    return f"{path}?{urlencode({'platform': pixel.platform, 'id': pixel.id})}"


def frame(user: User, opened: Opened) -> dict[str, Any]:
    """What every page about a store's pixels needs."""
    return {
        "here": "pixels",
        "store": opened.store,
        "live": opened.live,
        "base": address(opened.store.key),
        "may_change": access.may_change(user, "pixels", opened.store),
        "publishers": words.listed(access.who_may("pixels"), "or"),
    }


def render(
    services: Services,
    user: User,
    opened: Opened,
    said: Mapping[str, Any],
    *,
    status: int = 200,
) -> Response:
    live = opened.live.config if opened.live else None
    pending = changes.between(live, opened.drafted.config)
    on, platforms = services.now().date(), services.platforms
    template = opened.drafted.template
    found = publish.check(
        opened.draft, platforms, services.regions, services.texts, on=on, template=template
    )
    whole = opened.drafted.config
    notes = [] if found else publish.notes(whole, platforms, services.regions, on=on)
    context = {
        **frame(user, opened),
        "lines": [_line(services, change) for change in pending.pixels],
        "name_of": lambda pixel: _name(pixel, platforms),
        "pending": pending,
        "draft": opened.drafted.sha256,
        "unfit": [_told(fault, opened.draft, platforms) for fault in found],
        "notes": [_told(note, opened.draft, platforms) for note in notes],
        "saved": None,
        "published": None,
        "refused": "",
        **_policy(services, opened.draft),
        **said,
    }
    return pages.render("pixels.html", context, user=user, status=status)


def _told(fault: str, config: StoreConfig, platforms: Platforms) -> Told:
    """``fault`` with a pixel by what it is called, not by its place in the file."""
    match = _INDEX.match(fault)
    if match is None:
        return Told(fault)
    pixel = config.pixels[int(match[1])]
    said = fault[match.end() :].removeprefix(f"{pixel.platform} {pixel.id} ")
    about = f"{_name(pixel, platforms)} {pixel.id}"
    if not platforms.knows(pixel):
        return Told(f"{about}: {said}")
    why = custom.unreviewed(pixel)
    if why and said.startswith(why):
        said = f"needs review: {pixelfacts.unreviewed(pixel)}"
    return Told(said, about, address(config.key, "one", pixel))


def _name(pixel: Pixel, platforms: Platforms) -> str:
    return platforms.of(pixel).name if platforms.knows(pixel) else pixel.platform


def _line(services: Services, change: Change) -> Line:
    pixel, platforms = change.pixel, services.platforms
    query = urlencode({"platform": pixel.platform, "id": pixel.id})
    if not platforms.knows(pixel):
        vendor = "no such platform in this release"
        return Line(change, pixel.platform, vendor, False, pixel.purposes, query, False)
    platform, waits_for = platforms.of(pixel), platforms.purposes(pixel)
    unreviewed = bool(custom.unreviewed(pixel)) and change.kind != "removed"
    return Line(change, platform.name, platform.vendor, True, waits_for, query, unreviewed)


def _policy(services: Services, config: StoreConfig) -> dict[str, Any]:
    """The Content-Security-Policy of the pages; nothing while a pixel has faults."""
    if any(publish.pixel_faults(config, services.platforms)):
        return {"policy": "", "policy_notes": []}
    policy = csp.policy(config, services.platforms, services.settings.public_url)
    return {
        "policy": "\n".join(csp.lines(policy)),
        "policy_notes": csp.notes(config, services.platforms),
    }
