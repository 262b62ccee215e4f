"""What a pixel sends, stores and talks to, and what stops it: its platform's file, for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from consent.model import Pixel
from consent.platforms import EVENTS, Platform, Platforms, custom
from consent.platforms.sending import ORDER, sent
from consent.web.admin import words

CUSTOM = "SizeGuideOpened"
"""Stands for every event that is no standard one."""

_HOSTS = {
    "script": "Scripts from",
    "connect": "Requests to",
    "img": "Images from",
    "frame": "Frames from",
}
_KINDS = {
    "cookie": "cookie",
    "local": "local storage",
    "session": "session storage",
    "indexeddb": "IndexedDB",
}


class Line(NamedTuple):
    """One event. ``why`` says why it is not sent; without it, ``name`` is what the vendor hears."""

    event: str
    name: str = ""
    label: str = ""
    data: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    why: str = ""


class Stored(NamedTuple):
    """Something that stays in the browser."""

    name: str
    kind: str
    first_party: bool
    lifetime: str
    unverified: bool


class Facts(NamedTuple):
    """All that the pages say of one pixel besides what its store has chosen."""

    platform: Platform
    lines: tuple[Line, ...]
    """Without any for a store's own pixel: nobody knows what its code makes of an event."""
    stored: tuple[Stored, ...]
    hosts: tuple[tuple[str, tuple[str, ...], bool], ...]
    """What for, the hosts, and whether a vendor's source is missing."""
    marks: tuple[str, ...]
    """Every other fact without a vendor's source."""
    own: bool
    """Whether the store declares it, and no file of ours speaks for it."""


def facts(platforms: Platforms, pixel: Pixel) -> Facts:
    """Everything about ``pixel``, whose platform has to be known."""
    platform = platforms.of(pixel)
    hosts = platforms.hosts(pixel)
    told = [f"hosts.{key}" for key in _HOSTS] + [f"traces.{one.name}" for one in platform.traces]
    return Facts(
        platform,
        () if pixel.custom else tuple(_line(platform, pixel, e) for e in _events(pixel)),
        tuple(_stored(platforms, pixel)),
        tuple(
            (title, getattr(hosts, key), is_unverified(platform, f"hosts.{key}"))
            for key, title in _HOSTS.items()
            if getattr(hosts, key)
        ),
        tuple(mark for mark in platform.unverified if mark not in told),
        pixel.custom is not None,
    )


def unreviewed(pixel: Pixel) -> str:
    """Why nobody's review covers the store's own ``pixel`` as it is; empty where one does."""
    if not custom.unreviewed(pixel):
        return ""
    review = pixel.custom.reviewed if pixel.custom else None
    if review is None:
        return "nobody has looked at it yet"
    return f"it has changed since {review.by} looked at it on {words.day(review.on)}"


def is_unverified(platform: Platform, key: str) -> bool:
    """Whether no vendor's source was found for the fact ``key``, or for all that it is part of."""
    return key in platform.unverified or key.partition(".")[0] in platform.unverified


def custom_events(labels: Mapping[str, str]) -> list[str]:
    """The events with a label that are no standard ones."""
    return [event for event in labels if event not in EVENTS]


def _events(pixel: Pixel) -> Iterable[str]:
    return (*EVENTS, *(custom_events(pixel.labels) or [CUSTOM]))


def _line(platform: Platform, pixel: Pixel, event: str) -> Line:
    told = sent(platform, event, ORDER, event_id="event-1", labels=pixel.labels)
    label = pixel.labels.get(event, "")
    if told is None:
        return Line(event, why=_why(platform, event))
    needs = platform.required.get(event, ())
    beside = label if label != told.event else ""
    return Line(event, told.event, beside, _pairs(told.data), _pairs(told.options), needs)


def _why(platform: Platform, event: str) -> str:
    if event in platform.unsent:
        return f"{platform.name} has no use for it"
    if platform.label_pattern:
        return f"{platform.name} knows it by a label alone, and none is given"
    return f"{platform.name} takes no custom events"


def _pairs(told: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((key, json.dumps(value, ensure_ascii=False)) for key, value in told.items())


def _stored(platforms: Platforms, pixel: Pixel) -> Iterable[Stored]:
    platform = platforms.of(pixel)
    for raw, trace in zip(platform.traces, platforms.traces(pixel), strict=True):
        yield Stored(
            trace.name,
            _KINDS[trace.kind],
            trace.party == "first",
            trace.lifetime,
            is_unverified(platform, f"traces.{raw.name}"),
        )
