"""A banner's colours: what a store may set, whether they can be read, and the CSS they become.

A store names up to three colours for each scheme; every other one is mixed from these, here for the
check and in ``browser/src/*.css`` for the page, by the same shares. So whatever passes ``faults``
can be read in both schemes. Accept and refuse share one colour always (rule 8).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from consent.model import BannerConfig, Scheme

SchemeName = Literal["light", "dark"]

MIN_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3: text on its ground."""
MIN_LINE_CONTRAST = 3.0
"""WCAG 2.2, 1.4.11: what shows where a control is."""
SOFT_SHARE, LINE_SHARE = 0.76, 0.55
"""How much of the text's colour is in secondary text and in lines; see shell.css."""
MOST_RADIUS = 24

DEFAULTS: dict[SchemeName, Scheme] = {
    "light": Scheme(background="#ffffff", text="#17191c", accent="#1d4f91"),
    "dark": Scheme(background="#1b1e23", text="#f2f3f5", accent="#1d4f91"),
}
_ON_ACCENT = ("#ffffff", "#17191c")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class Palette(NamedTuple):
    """The colours of one scheme, each ``#rrggbb``; ``on_accent`` is that of the buttons' words."""

    background: str
    text: str
    accent: str
    on_accent: str


def palette(banner: BannerConfig, scheme: SchemeName) -> Palette:
    """What a store's banner is drawn in, with our colours where the store says nothing."""
    own: Scheme = getattr(banner, scheme)
    ours = DEFAULTS[scheme]
    accent = own.accent or banner.accent or ours.accent
    on_accent = max(_ON_ACCENT, key=lambda colour: contrast(colour, accent) >= MIN_CONTRAST)
    return Palette(own.background or ours.background, own.text or ours.text, accent, on_accent)


def palettes(banner: BannerConfig) -> dict[SchemeName, Palette]:
    """What it is drawn in, by scheme."""
    return {scheme: palette(banner, scheme) for scheme in DEFAULTS}


def css(banner: BannerConfig) -> str:
    """The custom properties by which a store's banner differs from ours; often empty.

    Hand in only what has no ``faults``: the text goes into a style sheet as it is.
    """
    light = _properties(banner, "light")
    if banner.radius != BannerConfig().radius:
        light.append(f"--pg-radius:{banner.radius}px")
    dark = _properties(banner, "dark")
    # The id makes it win over ours, whichever sheet comes first.
    rules = [f":host(#pixelgate){{{';'.join(light)}}}"] if light else []
    if dark:
        rules.append(f"@media(prefers-color-scheme:dark){{:host(#pixelgate){{{';'.join(dark)}}}}}")
    return "".join(rules)


def described(banner: BannerConfig) -> dict[str, Any]:
    """The look as data for the banner's content, which legal keeps; empty when it is ours."""
    if not css(banner):
        return {}
    looks: dict[str, Any] = {name: used._asdict() for name, used in palettes(banner).items()}
    return {**looks, "radius": banner.radius}


@functools.lru_cache(maxsize=1024)
def faults(banner: BannerConfig) -> tuple[str, ...]:
    """All that is wrong with the look, each as ``banner.key: what was found; what is accepted``.

    Kept, as the stores of a group look alike.
    """
    return tuple(_faults(banner))


def _faults(banner: BannerConfig) -> Iterator[str]:
    if not 0 <= banner.radius <= MOST_RADIUS:
        yield f"banner.radius: {banner.radius}; expected 0 to {MOST_RADIUS} CSS pixels"
    wrong = list(_malformed(banner))
    yield from wrong
    if not wrong:
        for scheme in DEFAULTS:
            yield from _unreadable(scheme, palette(banner, scheme))


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black and white), for two ``#rrggbb``.

    Source: WCAG 2.2, relative luminance and contrast ratio.
    """
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def mixed(one: str, other: str, share: float) -> str:
    """``share`` of ``one`` in ``other``, as CSS ``color-mix(in srgb, ...)`` does it."""
    return "#" + "".join(
        f"{round(a * share + b * (1 - share)):02x}"
        for a, b in zip(_channels(one), _channels(other), strict=True)
    )


def _properties(banner: BannerConfig, scheme: SchemeName) -> list[str]:
    """What a scheme says: the store's own colours, and in the dark ours where the light has others.

    The light rule holds in both schemes, so what it sets the dark one has to set again.
    """
    own: Scheme = getattr(banner, scheme)
    again = banner.light if scheme == "dark" else Scheme()
    used = palette(banner, scheme)
    said = []
    if own.background or again.background:
        said.append(f"--pg-bg:{used.background}")
    if own.text or again.text:
        said.append(f"--pg-fg:{used.text}")
    # In the dark the buttons keep the banner's own accent unless a scheme says otherwise.
    if own.accent or again.accent or (scheme == "light" and banner.accent):
        said.append(f"--pg-accent:{used.accent}")
        said.append(f"--pg-on-accent:{used.on_accent}")
    return said


def _malformed(banner: BannerConfig) -> Iterator[str]:
    found = {"banner.accent": banner.accent}
    for scheme in DEFAULTS:
        own: Scheme = getattr(banner, scheme)
        for name in ("background", "text", "accent"):
            found[f"banner.{scheme}.{name}"] = getattr(own, name)
    for key, colour in found.items():
        if colour and not _COLOUR.fullmatch(colour):
            yield f"{key}: {colour[:40]!r}; expected a colour such as #1a5fb4"


def _unreadable(scheme: SchemeName, used: Palette) -> Iterator[str]:
    soft = mixed(used.text, used.background, SOFT_SHARE)
    line = mixed(used.text, used.background, LINE_SHARE)
    for key, name, one, other, least in (
        ("accent", "the buttons' words", used.on_accent, used.accent, MIN_CONTRAST),
        ("text", "text", used.text, used.background, MIN_CONTRAST),
        ("text", "secondary text", soft, used.background, MIN_CONTRAST),
        ("text", "a line", line, used.background, MIN_LINE_CONTRAST),
    ):
        found = contrast(one, other)
        if found < least:
            yield (
                f"banner.{scheme}.{key}: {name} {one} on {other} has contrast {found:.1f}; "
                f"expected {least} or more, so that refusing reads as well as accepting "
                f"(WCAG 2.2, 1.4.3 and 1.4.11)"
            )
            return


def _channels(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def _luminance(colour: str) -> float:
    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = map(linear, _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
