"""The second step: which pixels the store has, found in its page, or in what somebody pasted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from starlette.responses import RedirectResponse, Response

from consent import publish
from consent.model import Pixel, StoreConfig
from consent.platforms import Platform, Platforms
from consent.web.admin import access, paste, pixelform, pixellist, words
from consent.web.admin.door import Post, Visit
from consent.web.admin.setup import journey
from consent.web.admin.setup.journey import Journey

MOST_AT_ONCE = 50
MOST_NAMED = 5
"""Of those that were just added; more are counted."""
NOTHING = (
    "nothing of a platform that is known here; expected an id, or the code that the vendor gave you"
)

Ids = tuple[str, str]
"""Platform and id."""


class Line(NamedTuple):
    """A pixel of the draft. ``label``: it could have labels, and has none."""

    pixel: Pixel
    name: str
    purposes: str
    edit: str
    label: bool


class Offer(NamedTuple):
    """A pixel that may be added. ``value`` is what the form says for it."""

    platform: Platform
    id: str
    value: str


async def show(visit: Visit) -> Response:
    opened = await journey.opened(visit)
    access.check_change(visit.user, "pixels")
    said = _added(visit.services.platforms, opened, visit.request.query_params.get("added", ""))
    return _page(visit, opened, {"added": said})


async def save(post: Post) -> Response:
    """Adds what was chosen or pasted, takes one out, or goes on."""
    access.check_change(post.user, "pixels")
    opened = await journey.reopened(post)
    match post.fields.get("then", ""):
        case "paste":
            return await _paste(post, opened)
        case "add":
            chosen = [name for name in post.fields if name.startswith("pixel ")]
            wanted = [_split(name.removeprefix("pixel ")) for name in chosen]
            return await _add(post, opened, wanted)
        case "remove":
            was = _split(post.fields.get("pixel", ""))
            await _revise(post, [], was)
            return journey.onward(opened, "pixels", "stay")
        case then:
            await journey.done(post, "pixels")
            return journey.onward(opened, "pixels", then)


async def _paste(post: Post, opened: Journey) -> Response:
    """Adds every pixel that can only be one; asks about the others."""
    platforms, text = post.services.platforms, post.fields.get("pasted", "")
    there = {(one.platform, one.id) for one in opened.state.own.pixels}
    groups = [[one for one in group if one not in there] for group in paste.meant(text, platforms)]
    certain = [group[0] for group in groups if len(group) == 1 and group[0][1]]
    open_ = [one for group in groups if len(group) > 1 for one in group]
    bare = [platforms[key] for group in groups for key, id_ in group if not id_]
    if not certain and not open_ and not bare:
        found = "registered already" if groups else f"{_short(text)}: {NOTHING}"
        context: dict[str, Any] = {"faults": {"pasted": found}, "pasted": text[: paste.LONGEST]}
        return _page(post, opened, context, status=422)
    if certain and not open_ and not bare:
        return await _add(post, opened, certain)
    # What is certain is added at once; the page then asks about the rest.
    if certain:
        await _revise(post, certain)
        opened = await journey.reopened(post)
    context = {
        "choices": [_offer(platforms, one) for one in open_],
        "bare": bare,
        "added": _named(platforms, certain),
    }
    return _page(post, opened, context)


async def _add(post: Post, opened: Journey, wanted: list[Ids]) -> Response:
    platforms, own = post.services.platforms, opened.state.own
    there = {(one.platform, one.id) for one in own.pixels}
    fresh = [one for one in dict.fromkeys(wanted) if one not in there][:MOST_AT_ONCE]
    if not fresh:
        said = {"faults": {"found": "none is chosen; expected one or more, or go on without"}}
        return _page(post, opened, said, status=422)
    if fault := _fault(platforms, own, fresh):
        return _page(post, opened, {"faults": {"found": fault}}, status=422)
    await _revise(post, fresh)
    to = journey.address(opened.key, "pixels", added=str(len(fresh)))
    return RedirectResponse(to, status_code=303)


def _fault(platforms: Platforms, own: StoreConfig, fresh: Iterable[Ids]) -> str:
    """What is wrong with one of the pixels; empty when nothing is."""
    for key, id_ in fresh:
        alone = msgspec.structs.replace(own, pixels=(Pixel(key, id_),))
        for fault in publish.pixel_faults(alone, platforms):
            return fault.removeprefix("pixels[0]: ")
    return ""


async def _revise(post: Post, fresh: Iterable[Ids], was: Ids | None = None) -> None:
    those = [Pixel(*one) for one in fresh]

    def put(config: StoreConfig) -> StoreConfig:
        if was is not None:
            config = pixelform.put(config, None, was)
        for pixel in those:
            config = pixelform.put(config, pixel, None)
        return config

    def told(config: StoreConfig) -> list[str]:
        return [f"{one.platform} {one.id}" for one in config.pixels]

    await journey.redraft(post, put, ("pixels", told))


def _page(
    asked: Visit | Post, opened: Journey, said: Mapping[str, Any], *, status: int = 200
) -> Response:
    platforms, own = asked.services.platforms, opened.state.own
    there = {(one.platform, one.id) for one in own.pixels}
    found = [
        one
        for one in opened.setup.found.pixels
        if one not in there and not _fault(platforms, own, [one])
    ]
    context = {
        "lines": [_line(platforms, opened.key, pixel) for pixel in own.pixels],
        "offers": [_offer(platforms, one) for one in found],
        "choices": [],
        "bare": [],
        "pasted": "",
        "added": "",
        "pages": pixellist.address(opened.key),
        **said,
    }
    return journey.render(asked.user, "pixels", opened, context, status=status)


def _line(platforms: Platforms, key: str, pixel: Pixel) -> Line:
    if not platforms.knows(pixel):
        return Line(pixel, pixel.platform, "unknown in this release", "", False)
    platform = platforms.of(pixel)
    purposes = words.listed(platforms.purposes(pixel))
    edit = "" if pixel.custom else pixellist.address(key, "edit", pixel)
    label = bool(platform.label_pattern) and not pixel.labels
    return Line(pixel, platform.name, purposes, edit, label)


def _offer(platforms: Platforms, one: Ids) -> Offer:
    return Offer(platforms[one[0]], one[1], " ".join(one))


def _added(platforms: Platforms, opened: Journey, number: str) -> str:
    """What the newest ``number`` pixels of the draft are called."""
    count = int(number) if number.isascii() and number.isdigit() and len(number) < 3 else 0
    newest = opened.state.own.pixels[-count:] if count else ()
    return _named(platforms, [(one.platform, one.id) for one in newest])


def _named(platforms: Platforms, those: Iterable[Ids]) -> str:
    named = [f"{platforms[key].name if key in platforms else key} {id_}" for key, id_ in those]
    return words.listed(named) if len(named) <= MOST_NAMED else f"{len(named)} pixels"


def _split(value: str) -> Ids:
    platform, _, id_ = value.partition(" ")
    return platform[:40], id_[:200]


def _short(text: str) -> str:
    said = " ".join(text.split())
    return repr(said if len(said) <= 40 else f"{said[:37]}...") if said else "empty"
