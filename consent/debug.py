"""What the debug view is told, beyond what the loader has: the place, the law, the platforms.

Nothing in it is a secret: anyone can open the view, and it holds what the page and this repository
hold already. ``consent/browser/src/debug.js`` shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from consent.model import Pixel, Place, Regime, Resolution, Version
from consent.platforms import EVENTS, Platform, Platforms


def facts(
    version: Version, resolution: Resolution, place: Place, platforms: Platforms
) -> dict[str, Any]:
    """Everything that ``debug.js`` shows and checks against, as values for JSON.

    Returns:
        ``pixels``: those that may run in the place, in the order of the version, so that each
        stands for the slot of that place in the loader; ``platforms`` by key, every one that is
        known, since a tag of one that the store has not registered fires without a decision.
    """
    registered: dict[str, list[Pixel]] = {}
    here = [
        pixel
        for pixel in version.config.pixels
        if resolution.allows(pixel.key, platforms.purposes(pixel))
    ]
    for pixel in here:
        registered.setdefault(pixel.key, []).append(pixel)
    own = {pixel.key: platforms.of(pixel) for pixel in here if pixel.custom}
    return {
        "store": version.config.key,
        "version": version.number,
        "place": {
            "country": place.country,
            "subdivision": place.subdivision,
            "source": place.source,
        },
        "regime": _regime(resolution.regime, resolution.why),
        "events": EVENTS,
        "pixels": [_pixel(pixel, platforms) for pixel in here],
        "platforms": {
            key: _platform(platform, registered.get(key, ()), platforms)
            for key, platform in {**platforms, **own}.items()
        },
    }


def _regime(regime: Regime, why: str) -> dict[str, Any]:
    return {
        "id": regime.id,
        "name": regime.name,
        "model": regime.model,
        "why": why,
        "law": regime.law,
        "source": regime.source,
        "reviewed": regime.reviewed.isoformat(),
        "confidence": regime.confidence,
        "accept_days": regime.accept_days,
        "refuse_days": regime.refuse_days,
    }


def _pixel(pixel: Pixel, platforms: Platforms) -> dict[str, Any]:
    platform = platforms.of(pixel)
    return {
        "platform": pixel.key,
        "id": pixel.id,
        "purposes": platforms.purposes(pixel),
        "labels": sorted(pixel.labels),
        "unsent": platform.unsent,
        "takes": _takes(pixel, platform),
    }


def _takes(pixel: Pixel, platform: Platform) -> str:
    """Which events: empty for all, ``labels`` for those with a name of the vendor's or a label,
    ``named`` for those with a name, ``own`` for those that a store's own script asks for itself.
    The rule is ``sending.sent``'s.
    """
    if pixel.custom and pixel.custom.script:
        return "own"
    if not (platform.by_label or platform.no_custom):
        return ""
    return "labels" if platform.label_pattern else "named"


def _platform(platform: Platform, pixels: Sequence[Pixel], platforms: Platforms) -> dict[str, Any]:
    """``pixels``: those that the store has of it, whose ids may be part of the addresses."""
    hosts = [platforms.hosts(pixel) for pixel in pixels] or [platform.hosts]
    told: dict[str, Any] = {
        "name": platform.name,
        "library": platform.script_url,
        "hosts": _once(one.script for one in hosts),
        "registered": bool(pixels),
    }
    if pixels:
        if platform.script_url:
            told["library"] = platforms.script_url(pixels[0])
        told |= {
            "every": _once(one.every for one in hosts),
            "events": platform.events,
            "queues": platform.queues,
            "required": platform.required,
        }
    return told


def _once(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(lists)))
