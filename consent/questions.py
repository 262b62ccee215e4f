"""What visitors are asked about, and what of it two versions have in common. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from consent.campaign import CAMPAIGN
from consent.model import Pixel, RegionRule, StoreConfig, Version


def questions(
    config: StoreConfig, *regions: Mapping[str, RegionRule]
) -> set[tuple[str, str, frozenset[str]]]:
    """What a visitor is asked about, in any place. A change here makes old answers void.

    Args:
        config: what holds.
        regions: the rules of the store, and of its template.
    """
    asked = asks(config)
    for layer, rules in enumerate(regions):
        for key, rule in rules.items():
            for field in ("purposes", "pixels"):
                if (named := getattr(rule, field)) is not None:
                    asked.add((f"{layer}: {key}", field, frozenset[str](named)))
    return asked


def asks(config: StoreConfig) -> set[tuple[str, str, frozenset[str]]]:
    """What a visitor is asked about where no rule says otherwise."""
    asked = set()
    for pixel in _asking(config):
        asked.add((pixel.key, pixel.id, frozenset[str](pixel.purposes)))
        # Another recipient of the store's own pixel is another question.
        if own := pixel.custom:
            asked.add((pixel.key, "told", frozenset((own.name, own.vendor, own.privacy_url))))
    return asked


def _asking(config: StoreConfig) -> tuple[Pixel, ...]:
    """All that a visitor is asked about, what we keep ourselves as well."""
    return (*config.pixels, CAMPAIGN) if config.campaign else config.pixels


def former(newest: Version, config: StoreConfig) -> tuple[Pixel, ...]:
    """What versions up to ``newest`` had and ``config`` has no more, once each.

    One of the store's own that now names other traces is among them with the old ones.
    """
    kept = {(one.platform, one.id, one.custom and one.custom.traces) for one in _asking(config)}
    gone: dict[tuple[str, str], Pixel] = {}
    for pixel in (*newest.former, *_asking(newest.config)):
        if (pixel.platform, pixel.id, pixel.custom and pixel.custom.traces) not in kept:
            gone[pixel.platform, pixel.id] = Pixel(pixel.platform, pixel.id, custom=pixel.custom)
    return tuple(gone.values())
