"""The pixels of a store: the draft's, what publishing would change, and what each one does.

Whatever is changed here is the draft's alone; visitors notice nothing before it is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import changes, drafts, review, stores
from consent.errors import RefusedError
from consent.model import Pixel, StoreConfig, User
from consent.platforms import custom
from consent.web.admin import access, pages, paste, pixelfacts, pixelform, pixellist, publishing
from consent.web.admin.door import Post, Visit
from consent.web.services import Services

SAVED = {
    "added": ("The pixel is in the draft.", "It goes live"),
    "changed": ("The changes are in the draft.", "They go live"),
    "removed": ("The pixel is out of the draft.", "It is gone from visitors' pages"),
    "reviewed": ("The review is in the draft.", "The pixel goes live"),
}
"""What has been done, and what publishing then does."""


async def overview(visit: Visit) -> Response:
    """The stores; of a user with one store alone, that store."""
    found = await access.visible(visit.connection, visit.user)
    if len(found) == 1:
        return RedirectResponse(pixellist.address(found[0].key), status_code=303)
    drafts = [await stores.draft(visit.connection, store.key) for store in found]
    context = {"here": "pixels", "found": list(zip(found, drafts, strict=True))}
    return pages.render("pixelstores.html", context, user=visit.user)


async def show(visit: Visit) -> Response:
    key, query = visit.request.path_params["key"], visit.request.query_params
    opened = await pixellist.open_store(visit.connection, visit.user, key)
    published = await _published(visit.connection, key, query.get("published", ""))
    said = {"saved": SAVED.get(query.get("saved", "")), "published": published}
    return pixellist.render(visit.services, visit.user, opened, said)


async def one(visit: Visit) -> Response:
    """What one pixel of the draft, or of the live version alone, sends and leaves behind."""
    services, query = visit.services, visit.request.query_params
    opened = await pixellist.open_store(
        visit.connection, visit.user, visit.request.path_params["key"]
    )
    live = opened.live.config if opened.live else None
    wanted = (query.get("platform", ""), query.get("id", ""))
    of = opened.draft if live is None or wanted in _keys(opened.draft) else live
    pixel = of.pixels[pixelform.index_of(of, *wanted)]
    _check_known(services, pixel)
    on = services.now().date()
    context = {
        **pixellist.frame(visit.user, opened),
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
        "edit": pixellist.address(opened.store.key, "edit", pixel),
    }
    return pages.render("pixel.html", context, user=visit.user)


async def edit(visit: Visit) -> Response:
    access.check_change(visit.user, "pixels")
    services, query = visit.services, visit.request.query_params
    opened = await pixellist.open_store(
        visit.connection, visit.user, visit.request.path_params["key"]
    )
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
        opened = await pixellist.open_store(c, post.user, key)
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
        await pixellist.open_store(c, post.user, key)
    await _revise(post, key, None, was)
    return _back(key, saved="removed")


async def review_own(post: Post) -> Response:
    """Says of the store's own pixel that the user has looked at it, as the page had shown it."""
    services, key = post.services, post.request.path_params["key"]
    async with services.database.read() as c:
        await pixellist.open_store(c, post.user, key)
    id_, seen = post.fields.get("id", ""), post.fields.get("seen", "")
    async with services.database.write() as c:
        await review.note(c, key, id_, seen=seen, by=post.user.email, now=services.now())
    return _back(key, saved="reviewed")


async def make_live(post: Post) -> Response:
    """Publishes the draft, if it is the one that the page had shown and has no faults."""
    services, key = post.services, post.request.path_params["key"]
    async with services.database.read() as c:
        opened = await pixellist.open_store(c, post.user, key)
    try:
        version = await publishing.publish_shown(post, key)
    except RefusedError as error:
        refused, status = publishing.why_not(error)
        return pixellist.render(services, post.user, opened, {"refused": refused}, status=status)
    return _back(key, published=str(version.number))


def _check_known(services: Services, pixel: Pixel) -> None:
    """Raises RefusedError for a pixel of a platform that this release does not have."""
    if not services.platforms.knows(pixel):
        raise RefusedError("unknown_platform", "; ".join(services.platforms.faults(pixel)))


def form(
    services: Services,
    user: User,
    opened: pixellist.Opened,
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
    if was:
        action = pixellist.address(opened.store.key, "edit", Pixel(*was))
    else:
        adding = pixellist.address(opened.store.key, "add")
        action = f"{adding}?{urlencode({'platform': pixel.platform})}"
    context = {
        **pixellist.frame(user, opened),
        **pixelform.context(values, found or {}, services.platforms, services.regions, on),
        "offers": _offers(services, opened, pixel, found or {}),
        "was": was,
        "action": action,
    }
    return pages.render("pixelform.html", context, user=user, status=422 if found else 200)


def _offers(
    services: Services, opened: pixellist.Opened, pixel: Pixel, found: Mapping[str, str]
) -> list[paste.Offer]:
    """Where else to go on from an id that has a fault: what is in it, if it is a snippet."""
    if "id" not in found:
        return []
    those = paste.offers(
        pixel.id, services.platforms, opened.draft, pixellist.address(opened.store.key)
    )
    return [one for one in those if one.id and not one.registered]


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
    return RedirectResponse(f"{pixellist.address(key)}?{urlencode(said)}", status_code=303)
