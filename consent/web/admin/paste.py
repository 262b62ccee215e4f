"""What somebody pasted in the place of an id: which pixels are in it, and where each is added."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from consent.model import StoreConfig
from consent.platforms import Platform, Platforms
from consent.web.admin.pixelform import Values

LONGEST = 20_000


class Offer(NamedTuple):
    """A pixel that may be meant. ``id`` is empty when it was not in what was pasted."""

    platform: Platform
    id: str
    address: str
    """The form in which it is added, filled in."""
    registered: bool
    """Whether the store's draft has it."""


def offers(text: str, platforms: Platforms, config: StoreConfig, base: str) -> list[Offer]:
    """The pixels in ``text``: a vendor's snippet, several of them, or an id alone.

    Args:
        text: as pasted; what is past ``LONGEST`` is not read.
        platforms: those that are known.
        config: the store's draft.
        base: the address of the store's pixels.
    """
    known = platforms.recogniser
    text = text.strip()[:LONGEST]
    found = known.text(text) or [(key, text) for key in known.bare(text)]
    there = {(pixel.platform, pixel.id) for pixel in config.pixels}
    return [
        Offer(platforms[key], id_, _address(base, key, id_), (key, id_) in there)
        for key, id_ in found
    ]


def taken(values: Values, platforms: Platforms) -> Values:
    """``values`` with the id out of a snippet, where one pixel of this very platform is in it."""
    pixel = values.pixel
    if "(" not in pixel.id and "<" not in pixel.id:
        return values
    found = platforms.recogniser.text(pixel.id[:LONGEST])
    if len(found) != 1 or found[0][0] != pixel.platform or not found[0][1]:
        return values
    return values._replace(pixel=msgspec.structs.replace(pixel, id=found[0][1]))


def _address(base: str, key: str, id_: str) -> str:
    return f"{base}/add?{urlencode({'platform': key, **({'id': id_} if id_ else {})})}"
