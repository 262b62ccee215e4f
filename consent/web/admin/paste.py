"""What somebody pasted in the place of an id: which pixels are in it, and where each is added."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from consent.model import StoreConfig
from consent.platforms import Platform, Platforms
from consent.web.admin.pixelform import Values

LONGEST = 60_000
MOST_WORDS = 400
"""Of a paste that are looked at one by one, whether they are ids."""
_MARKUP = re.compile(r"<(script|noscript|style)\b[\s\S]*?(?:</\1\s*>|\Z)|<[^<>]*>", re.I)
_SEPARATOR = re.compile(r"[\s,;]+")


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
    found = [one for those in meant(text, platforms) for one in those]
    there = {(pixel.platform, pixel.id) for pixel in config.pixels}
    return [
        Offer(platforms[key], id_, _address(base, key, id_), (key, id_) in there)
        for key, id_ in found
    ]


def meant(text: str, platforms: Platforms) -> list[list[tuple[str, str]]]:
    """Platform and id of each pixel in ``text``: one for each in a snippet, and for each word that
    is an id by itself all those that it may be.
    """
    known = platforms.recogniser
    text = text.strip()[:LONGEST]
    found = [[one] for one in known.text(text)]
    if found and "<" not in text:  # code, in which any number may look like an id
        return found
    seen = {id_ for one in found for _, id_ in one}
    words = dict.fromkeys(_SEPARATOR.split(_MARKUP.sub(" ", text))[:MOST_WORDS])
    for word in words:
        # Without a digit it is more likely a word, unless nothing else was pasted.
        if word and word not in seen and (len(words) == 1 or any(map(str.isdigit, word))):
            found += [those] if (those := [(key, word) for key in known.bare(word)]) else []
    return found


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
