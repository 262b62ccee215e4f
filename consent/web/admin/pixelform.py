"""The form of one pixel: its values, what is wrong with them, and what it offers to choose."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from consent import publish
from consent.errors import ConflictError, NotFoundError
from consent.model import CHOOSABLE, Pixel, Place, Purpose, StoreConfig
from consent.platforms import EVENTS, Platform, Platforms, custom
from consent.regions import Regions
from consent.web.admin import pixelfacts, words

MOST_CUSTOM = 100
EMPTY_ROWS = 2
"""How many rows for custom events are there to fill in."""

PURPOSES: Mapping[Purpose, str] = {
    "preferences": "remembers what the visitor prefers",
    "analytics": "measures how the shop is used",
    "marketing": "advertises, and measures advertising",
}


class Values(NamedTuple):
    """What a form holds; after a fault as it was typed."""

    pixel: Pixel
    purposes: tuple[Purpose, ...]
    custom: tuple[tuple[str, str], ...]
    """Custom events and their labels, as rows; what is empty counts for nothing."""


def empty(platform: Platform, id_: str = "") -> Values:
    """The form of a new pixel, with the id if it is known already."""
    return Values(Pixel(platform.key, id_), platform.purposes, ())


def of(platforms: Platforms, pixel: Pixel) -> Values:
    """The form of a pixel that is there already."""
    rows = tuple((event, pixel.labels[event]) for event in pixelfacts.custom_events(pixel.labels))
    return Values(pixel, platforms.purposes(pixel), rows)


def read(platform: Platform, fields: Mapping[str, str]) -> Values:
    """What was posted. Spaces around a value are a slip of copying, so they are left out."""
    given = {name: value.strip() for name, value in fields.items()}
    purposes = tuple(purpose for purpose in CHOOSABLE if f"purpose-{purpose}" in given)
    rows = [
        (given.get(f"custom-{row}", ""), given.get(f"custom-label-{row}", ""))
        for row in range(MOST_CUSTOM)
    ]
    custom = tuple(row for row in rows if any(row))
    labels = {event: given.get(f"label-{event}", "") for event in label_events(platform)} | {
        event: label for event, label in custom if event
    }
    pixel = Pixel(
        platform.key,
        given.get("id", ""),
        # Another order of the same purposes, or all that it has anyway, is no other question.
        () if set(purposes) == set(platform.purposes) else purposes,
        {event: label for event, label in labels.items() if label},
        "limit" if given.get("opt_out") == "limit" else "stop",
        "automatic" in given,
    )
    return Values(pixel, purposes, custom)


def faults(
    values: Values, config: StoreConfig, was: tuple[str, str] | None, platforms: Platforms
) -> dict[str, str]:
    """What is wrong with ``values``, by the name of the field it stands beside.

    Args:
        values: as posted.
        config: the draft that the pixel is to be part of.
        was: platform and id of the pixel that is edited; None when it is new.
        platforms: those that are known.
    """
    pixel, platform = values.pixel, platforms[values.pixel.platform]
    found: dict[str, str] = {}
    alone = msgspec.structs.replace(config, pixels=(pixel,))
    for fault in publish.pixel_faults(alone, platforms):
        field, said = _placed(fault.removeprefix("pixels[0]: "), values)
        # Where it is found stands in the help beside the field already.
        for where in (platform.id_where, platform.label_where):
            said = said.removesuffix(f" ({where})")
        found.setdefault(field, said)
    if not values.purposes:
        accepted = ", ".join(platform.purposes)
        found["purposes"] = f"none is chosen; expected {accepted} at least"
    others = [(one.platform, one.id) for one in config.pixels]
    if was in others:
        others.remove(was)
    if (pixel.platform, pixel.id) in others:
        found["id"] = f"{pixel.id!r} is registered already; expected it once, so edit that pixel"
    return found | _custom_faults(values)


def put(config: StoreConfig, pixel: Pixel | None, was: tuple[str, str] | None) -> StoreConfig:
    """``config`` with ``pixel`` in the place of ``was``, at the end, or (None) without ``was``.

    Raises:
        NotFoundError: ``was`` is not there any more.
        ConflictError: another one has the same platform and id.
    """
    keys = [(one.platform, one.id) for one in config.pixels]
    pixels = list(config.pixels)
    at = len(pixels)
    if was is not None:
        at = index_of(config, *was)
        del pixels[at], keys[at]
    if pixel is not None:
        if (pixel.platform, pixel.id) in keys:
            fault = f"pixel: {pixel.platform} {pixel.id!r} is there already; expected it once"
            raise ConflictError("twice", fault)
        pixels.insert(at, pixel)
    return msgspec.structs.replace(config, pixels=tuple(pixels))


def index_of(config: StoreConfig, platform: str, id_: str) -> int:
    """Where that pixel stands.

    Raises:
        NotFoundError: it is not among the draft's.
    """
    for index, pixel in enumerate(config.pixels):
        if (pixel.platform, pixel.id) == (platform, id_):
            return index
    raise NotFoundError(
        "no_such_pixel", f"this draft has no pixel {platform[:40]!r} with the id {id_[:60]!r}"
    )


def groups(platforms: Platforms) -> list[tuple[str, list[Platform]]]:
    """Every platform by the purposes it has of its own, each group in alphabetical order."""
    found: dict[tuple[Purpose, ...], list[Platform]] = {}
    for platform in sorted(platforms.values(), key=lambda one: one.name.lower()):
        found.setdefault(platform.purposes, []).append(platform)
    order = sorted(found, key=lambda those: (len(those), [CHOOSABLE.index(p) for p in those]))
    return [(words.listed(those).capitalize(), found[those]) for those in order]


def context(
    values: Values,
    found: Mapping[str, str],
    platforms: Platforms,
    regions: Regions,
    on: dt.date,
) -> dict[str, Any]:
    """What the template of the form needs besides the store."""
    platform = platforms[values.pixel.platform]
    rows = [*values.custom, *((("", ""),) * EMPTY_ROWS)][:MOST_CUSTOM]
    shown = values.pixel
    if "id" in found or not shown.id:
        shown = msgspec.structs.replace(shown, id=platform.id_example)
    return {
        "platform": platform,
        "values": values,
        "faults": dict(found),
        "label_events": label_events(platform),
        "rows": rows,
        "purposes": [
            (purpose, text, purpose in platform.purposes, purpose in values.purposes)
            for purpose, text in PURPOSES.items()
        ],
        "limited_places": limited_places(platform),
        "automatic_regimes": automatic_regimes(regions, on),
        "facts": pixelfacts.facts(platforms, shown),
    }


def label_events(platform: Platform) -> list[str]:
    """The standard events that can have a label.

    A platform that goes by labels needs none where it has a name of its own for the event.
    """
    if not platform.label_pattern:
        return []
    named = platform.events if platform.by_label else {}
    return [event for event in EVENTS if event not in platform.unsent and event not in named]


def limited_places(platform: Platform) -> list[str]:
    """The places where the vendor has a limited mode, by name."""
    return sorted(words.place(code) for code in platform.limited_data)


def automatic_regimes(regions: Regions, on: dt.date) -> list[str]:
    """The regimes under which a library may collect by itself, by name."""
    every = (regions.regime(id_, Place(), on=on) for id_ in regions.ids)
    return [words.short(one.name) for one in every if one.automatic_collection]


def _placed(fault: str, values: Values) -> tuple[str, str]:
    """The field that ``fault`` belongs to, and what it says there."""
    for event in values.pixel.labels:
        mark = f"labels.{event}: "
        if fault.startswith(mark):
            row = [name for name, _ in values.custom]
            field = f"custom-{row.index(event)}" if event in row else f"label-{event}"
            return field, fault.removeprefix(mark)
    where, _, said = fault.partition(": ")
    return where, said


def _custom_faults(values: Values) -> dict[str, str]:
    """Rows that are filled by half, or name an event that has a place of its own."""
    found: dict[str, str] = {}
    names: Sequence[str] = [event for event, _ in values.custom]
    for row, (event, label) in enumerate(values.custom):
        if not event:
            found[f"custom-{row}"] = f"label {label!r} has no event; expected its name"
        elif not label:
            found[f"custom-{row}"] = f"{event!r} has no label; expected one, or an empty line"
        elif event in EVENTS or event in names[:row]:
            found[f"custom-{row}"] = f"{event!r} is there twice; expected it once"
    return found


def noted(pixel: Pixel) -> list[str]:
    """What the log of activity holds of a pixel: all that is set; of own code its SHA-256."""
    facts = msgspec.to_builtins(msgspec.structs.replace(pixel, custom=None))
    said = [f"{name} {value}" for name, value in facts.items() if value]
    return said + ([f"code {custom.digest(pixel)}"] if pixel.custom else [])
