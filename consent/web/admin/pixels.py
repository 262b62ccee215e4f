"""The pixels of a store: the draft's, what publishing would change, and what each one does.

Whatever is changed here is the draft's alone; visitors notice nothing before it is published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import changes, csp, drafts, publish, review, stores
from consent.changes import Change
from consent.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError
from consent.model import Pixel, Purpose, StoreConfig, User, Version
from consent.platforms import Platforms, custom
from consent.stores import Draft, StoreSummary
from consent.web.admin import access, pages, paste, pixelfacts, pixelform, words
from consent.web.admin.door import Post, Visit
from consent.web.services import Services

_INDEX = re.compile(r"pixels\[(\d+)\]: ")

SAVED = {
    "added": ("The pixel is in the draft.", "It goes live"),
    "changed": ("The changes are in the draft.", "They go live"),
    "removed": ("The pixel is out of the draft.", "It is gone from visitors' pages"),
    "reviewed": ("The review is in the draft.", "The pixel goes live"),
}
"""What has been done, and what publishing then does."""


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


async def overview(visit: Visit) -> Response:
    """The stores; of a user with one store alone, that store."""
    found = await access.visible(visit.connection, visit.user)
    if len(found) == 1:
        return RedirectResponse(address(found[0].key), status_code=303)
    drafts = [await stores.draft(visit.connection, store.key) for store in found]
    context = {"here": "pixels", "found": list(zip(found, drafts, strict=True))}
    return pages.render("pixelstores.html", context, user=visit.user)


async def show(visit: Visit) -> Response:
    key, query = visit.request.path_params["key"], visit.request.query_params
    opened = await open_store(visit.connection, visit.user, key)
    published = await _published(visit.connection, key, query.get("published", ""))
    said = {"saved": SAVED.get(query.get("saved", "")), "published": published}
    return _list(visit.services, visit.user, opened, said)


async def one(visit: Visit) -> Response:
    """What one pixel of the draft, or of the live version alone, sends and leaves behind."""
    services, query = visit.services, visit.request.query_params
    opened = await open_store(visit.connection, visit.user, visit.request.path_params["key"])
    live = opened.live.config if opened.live else None
    wanted = (query.get("platform", ""), query.get("id", ""))
    of = opened.draft if live is None or wanted in _keys(opened.draft) else live
    pixel = of.pixels[pixelform.index_of(of, *wanted)]
    _check_known(services, pixel)
    on = services.now().date()
    context = {
        **frame(visit.user, opened),
        "pixel": pixel,
        "platform": services.platforms.of(pixel),
        "purposes": services.platforms.purposes(pixel),
        "facts": pixelfacts.facts(services.platforms, pixel),
        "is_draft": wanted in _keys(opened.draft),
        "is_live": live is not None and wanted in _keys(live),
        "tests": [(origin, f"{origin}/?pixelgate=debug") for origin in live.origins]
        if live
        else [],
        "limited_places": pixelform.limited_places(services.platforms.of(pixel)),
        "automatic_regimes": pixelform.automatic_regimes(services.regions, on),
        "unreviewed": pixelfacts.unreviewed(pixel),
        "seen": custom.digest(pixel),
        "may_review": access.may_change(visit.user, "reviews", opened.store),
        "with_campaign": of.campaign,
        "edit": address(opened.store.key, "edit", pixel),
    }
    return pages.render("pixel.html", context, user=visit.user)


async def edit(visit: Visit) -> Response:
    access.check_change(visit.user, "pixels")
    services, query = visit.services, visit.request.query_params
    opened = await open_store(visit.connection, visit.user, visit.request.path_params["key"])
    was = (query.get("platform", ""), query.get("id", ""))
    pixel = opened.draft.pixels[pixelform.index_of(opened.draft, *was)]
    _check_known(services, pixel)
    if pixel.custom is not None:
        raise RefusedError("own_pixel", "pixel: the store's own; expected to be edited in its file")
    values = pixelform.of(services.platforms, pixel)
    return form(services, visit.user, opened, values, was)


async def save(post: Post) -> Response:
    """A new pixel, or another state of the one that the address names."""
    services, query = post.services, post.request.query_params
    key = post.request.path_params["key"]
    was = (query.get("platform", ""), query.get("id", "")) if "id" in query else None
    platform = query.get("platform", "")
    if platform not in services.platforms:
        raise RefusedError("unknown_platform", f"platform: {platform[:40]!r} is unknown")
    values = pixelform.read(services.platforms[platform], post.fields)
    values = paste.taken(values, services.platforms)
    async with services.database.read() as c:
        opened = await open_store(c, post.user, key)
    if was is not None:
        values = _as_before(values, opened.draft.pixels[pixelform.index_of(opened.draft, *was)])
    found = pixelform.faults(values, opened.draft, was, services.platforms)
    if found:
        return form(services, post.user, opened, values, was, found)
    await _revise(post, key, values.pixel, was)
    return _back(key, saved="changed" if was else "added")


def _as_before(values: pixelform.Values, old: Pixel) -> pixelform.Values:
    """The same purposes are written as they were: another way to write them asks every visitor."""
    if set(old.purposes) != set(values.purposes):
        return values
    return values._replace(pixel=msgspec.structs.replace(values.pixel, purposes=old.purposes))


async def remove(post: Post) -> Response:
    key = post.request.path_params["key"]
    was = (post.fields.get("platform", ""), post.fields.get("id", ""))
    async with post.services.database.read() as c:
        await open_store(c, post.user, key)
    await _revise(post, key, None, was)
    return _back(key, saved="removed")


async def review_own(post: Post) -> Response:
    """Says of the store's own pixel that the user has looked at it, as the page had shown it."""
    services, key = post.services, post.request.path_params["key"]
    async with services.database.read() as c:
        await open_store(c, post.user, key)
    id_, seen = post.fields.get("id", ""), post.fields.get("seen", "")
    async with services.database.write() as c:
        await review.note(c, key, id_, seen=seen, by=post.user.email, now=services.now())
    return _back(key, saved="reviewed")


async def make_live(post: Post) -> Response:
    """Publishes the draft, if it is the one that the page had shown and has no faults."""
    services, key = post.services, post.request.path_params["key"]
    async with services.database.read() as c:
        opened = await open_store(c, post.user, key)
    try:
        if post.fields.get("draft") != opened.drafted.sha256:
            raise ConflictError("moved", "draft: someone has changed it meanwhile; look at it anew")
        access.check_publishing(post.user, opened.store, opened.drafted, opened.live)
        version = await publish.publish(
            services.database,
            key,
            platforms=services.platforms,
            regions=services.regions,
            texts=services.texts,
            now=services.now,
            shown=opened.drafted.sha256,
            by=post.user,
        )
    except ConflictError as error:
        return _list(services, post.user, opened, {"refused": error.detail}, status=409)
    except ForbiddenError as error:
        return _list(services, post.user, opened, {"refused": error.detail}, status=403)
    except RefusedError as error:
        if error.code != "unfit":
            raise
        return _list(services, post.user, opened, {"refused": "draft: it has faults"}, status=422)
    return _back(key, published=str(version.number))


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


def _list(
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


def _check_known(services: Services, pixel: Pixel) -> None:
    """Raises RefusedError for a pixel of a platform that this release does not have."""
    if not services.platforms.knows(pixel):
        raise RefusedError("unknown_platform", "; ".join(services.platforms.faults(pixel)))


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


def form(
    services: Services,
    user: User,
    opened: Opened,
    values: pixelform.Values,
    was: tuple[str, str] | None,
    found: Mapping[str, str] | None = None,
) -> Response:
    """The form of one pixel, with what is wrong beside each field.

    Args:
        was: platform and id of the pixel that is edited; None when it is new.
        found: faults by field.
    """
    pixel = values.pixel
    on = services.now().date()
    action = (
        address(opened.store.key, "edit", Pixel(*was))
        if was
        else (f"{address(opened.store.key, 'add')}?{urlencode({'platform': pixel.platform})}")
    )
    context = {
        **frame(user, opened),
        **pixelform.context(values, found or {}, services.platforms, services.regions, on),
        "offers": _offers(services, opened, pixel, found or {}),
        "was": was,
        "action": action,
    }
    return pages.render("pixelform.html", context, user=user, status=422 if found else 200)


def _offers(
    services: Services, opened: Opened, pixel: Pixel, found: Mapping[str, str]
) -> list[paste.Offer]:
    """Where else to go on from an id that has a fault: what is in it, if it is a snippet."""
    if "id" not in found:
        return []
    those = paste.offers(pixel.id, services.platforms, opened.draft, address(opened.store.key))
    return [one for one in those if one.id and not one.registered]


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


async def _revise(post: Post, key: str, pixel: Pixel | None, was: tuple[str, str] | None) -> None:
    now = (pixel.platform, pixel.id) if pixel else was

    def put(config: StoreConfig) -> StoreConfig:
        return pixelform.put(config, pixel, was)

    def told(config: StoreConfig) -> list[str]:
        those = [one for one in config.pixels if (one.platform, one.id) in (was, now)]
        return [said for one in those for said in pixelform.noted(one)]

    async with post.services.database.write() as c:
        part = (f"pixels {' '.join(now or ())}", told)
        await drafts.revise(c, key, put, part, by=post.user, at=post.services.now())


async def _published(c: AsyncConnection, key: str, number: str) -> dict[str, Any] | None:
    """What the version ``number``, just published, has changed; None when there is none."""
    if not (number.isascii() and number.isdigit() and len(number) < 9):
        return None
    version = await stores.version(c, key, int(number))
    if version is None:
        return None
    before = await stores.version(c, key, version.number - 1)
    return {
        "version": version,
        "changes": changes.between(before.config if before else None, version.config),
    }


def _keys(config: StoreConfig) -> set[tuple[str, str]]:
    return {(pixel.platform, pixel.id) for pixel in config.pixels}


def _back(key: str, **said: str) -> Response:
    return RedirectResponse(f"{address(key)}?{urlencode(said)}", status_code=303)
