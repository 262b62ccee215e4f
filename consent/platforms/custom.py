"""A store's own pixels: a script of its choice, or code of its own, declared and reviewed.

No platform file speaks for them, so the store does: whom it tells, what it leaves, and for which
purpose.
The code of templates is served beside the loader, which it therefore cannot break.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator

import msgspec

from consent.model import Custom, Pixel, canonical
from consent.platforms.files import (
    EVENT_PARAMETERS,
    ITEM_PARAMETERS,
    Platform,
    Switch,
    declared_faults,
)
from consent.platforms.templates import template_faults

try:
    import minify
except ImportError:  # no wheel for this system: then the browser is the first to parse it
    minify = None

KEY = "custom"
MOST_BYTES = 20_000
"""Of a template: as much as all of ours together."""

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ADDRESS = re.compile(r"https://([a-z0-9.-]+)/[\w./~-]*(?:\?[\w.~=&%-]*)?", re.ASCII)
_UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Co", "Cn"}
_LONGEST = 40


def platform(pixel: Pixel, own: Custom) -> Platform:
    """``pixel`` as a platform of its own, which takes everything as the page says it."""
    names = {one: one for one in EVENT_PARAMETERS}
    return Platform(
        key=pixel.key,
        name=own.name,
        vendor=own.vendor,
        privacy_url=own.privacy_url,
        purposes=pixel.purposes,
        source=own.privacy_url,
        reviewed=own.reviewed.on if own.reviewed else _NEVER,
        id_pattern=_ID.pattern,
        id_example=pixel.id,
        id_where="",
        script_url=own.script,
        hosts=own.hosts,
        traces=own.traces,
        parameters=names,
        items={one: one for one in ITEM_PARAMETERS},
        consent=Switch(stops_sending=own.stops_sending),
    )


def digest(pixel: Pixel) -> str:
    """The SHA-256 of all that a reviewer has to look at: any change asks for another look."""
    own = pixel.custom and msgspec.structs.replace(pixel.custom, reviewed=None)
    return hashlib.sha256(canonical(msgspec.structs.replace(pixel, custom=own))).hexdigest()


def faults(pixel: Pixel) -> Iterator[str]:
    """All that is wrong with the declaration, each as ``key: what was found; what is accepted``."""
    own = pixel.custom
    if own is None:
        yield "custom: missing; expected a table that declares the store's own pixel"
        return
    if not _ID.fullmatch(pixel.id) or len(pixel.id) > _LONGEST:
        yield f"id: {pixel.id[:_LONGEST]!r}; expected small letters, digits and hyphens, at most 40"
    if not pixel.purposes:
        yield "purposes: missing; expected preferences, analytics or marketing"
    for key in ("labels", "opt_out", "automatic"):
        if getattr(pixel, key) != getattr(_PLAIN, key):
            yield f"{key}: is for platforms; expected none on the store's own pixel"
    for key, fault in declared_faults(platform(pixel, own)):
        yield f"custom.{key}: {fault}"
    if any("{" in trace.name for trace in own.traces):
        yield "custom.traces: has a placeholder; expected plain names"
    for key in ("name", "vendor"):
        if not 1 <= len(getattr(own, key).strip()) <= 2 * _LONGEST:
            yield f"custom.{key}: {getattr(own, key)[:_LONGEST]!r}; expected 1 to 80 characters"
    yield from _code_faults(own)


def _code_faults(own: Custom) -> Iterator[str]:
    if bool(own.script) == bool(own.template):
        yield "custom: script and template; expected exactly one of them"
    elif own.script:
        # Python and browsers read an odd address in two ways, so there are no odd ones.
        match = _ADDRESS.fullmatch(own.script)
        if match is None or match[1] not in own.hosts.script:
            found = f"custom.script: {own.script[:80]!a}"
            yield f"{found}; expected a plain https address of a host that is in hosts.script"
        if own.stops_sending:
            yield "custom.stops_sending: true for a script; expected it of a template alone"
    elif len(own.template.encode()) > MOST_BYTES:
        yield f"custom.template: is too long; expected at most {MOST_BYTES} bytes"
    else:
        for fault in template_faults(own.template) or _reading_faults(own.template):
            yield f"custom.template: {fault}"


def _reading_faults(template: str) -> Iterator[str]:
    """What keeps a reviewer, or a parser, from reading the template as one function."""
    if "{{" in template:
        yield "has a placeholder; expected plain JavaScript"
    for char in sorted(set(template)):
        if unicodedata.category(char) in _UNSEEN and char not in "\n\t":
            yield f"has the invisible character U+{ord(char):04X}; expected it written as an escape"
    # As it is served, among others, and as a value alone: what closes one of the two early is
    # no part of the other.
    for form in ("var pixel=(\n{}\n)", f"({{{_served('k', '{}')}}})", "[\n{}\n]"):
        try:
            if minify is not None:
                minify.string("application/javascript", form.replace("{}", template.strip()))
        except Exception as error:
            yield f"is no JavaScript ({str(error).splitlines()[0][:80]}); expected a function"
            return


def _served(key: str, template: str) -> str:
    """One of ``custom.js``: read with the others, and made only once its pixel is released."""
    return f"{msgspec.json.encode(key).decode()}:()=>(\n{template}\n)"


def unreviewed(pixel: Pixel) -> str:
    """Why ``pixel`` cannot be published, or nothing: somebody has looked at this very code."""
    if pixel.custom is None:
        return ""
    review = pixel.custom.reviewed
    if review is None:
        return "custom.reviewed: missing; expected the review of an owner or of legal"
    if review.sha256 != digest(pixel):
        return f"custom.reviewed: {review.by} saw something else; expected a review of it as it is"
    return ""


def served(pixels: Iterable[Pixel]) -> str:
    """The store's own code by the name of its pixel, as ``browser/src/custom.js`` takes it."""
    own = ((pixel.key, pixel.custom) for pixel in pixels)
    made = [_served(key, one.template.strip()) for key, one in own if one and one.template]
    return f"{{{','.join(made)}}}"


_NEVER = dt.date.min
_PLAIN = Pixel(KEY, "")
