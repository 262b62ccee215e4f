"""The map of places as SVG, drawn on the server out of ``consent/data/map.json``.

Colours and patterns come from the style sheet by class. The map repeats what the table beside it
says, so it is hidden from readers and left out of the order of the keyboard; the table is not.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec
from markupsafe import Markup, escape

from consent import data

Kind = Literal["opt-in", "precaution", "opt-out", "notice"]
Sign = Literal["", "own", "looser"]

KINDS: dict[Kind, str] = {
    "opt-in": "Opt-in",
    "precaution": "Opt-in as a precaution",
    "opt-out": "Opt-out",
    "notice": "Notice only",
}
"""What a place is drawn as. A precaution: the law asks for less, or none is known."""

VIEWS = {"world": "World", "north-america": "North America", "europe": "Europe"}

_SIGN = {"own": 9, "looser": 12}


class Mark(NamedTuple):
    """How one place is drawn, what the pointer is told there, and where a click leads."""

    kind: Kind
    sign: Sign
    title: str
    href: str


class _View(msgspec.Struct, frozen=True):
    """One picture: outlines as SVG path data, and points, by code."""

    width: int
    height: int
    outlines: dict[str, str]
    dots: dict[str, tuple[int, int]]
    """Places too small to be hit, and where each of them is."""
    labels: dict[str, tuple[int, int]]
    """Where a code has room."""
    middles: dict[str, tuple[int, int]]
    lakes: str


def svg(view: str, marks: Mapping[str, Mark]) -> Markup:
    """The picture called ``view`` of ``VIEWS``; a place without a mark is drawn as empty land."""
    drawn = _views()[view]
    parts = [_defs(), '<g class="land">']
    for kind in KINDS:
        codes = [code for code in drawn.outlines if code in marks and marks[code].kind == kind]
        parts.append(f'<g class="{kind}" fill="url(#fill-{kind})">')
        parts += [_place(marks[code], _outline(drawn, code)) for code in codes]
        parts.append("</g>")
    rest = [code for code in drawn.outlines if code not in marks]
    parts += [f'<path class="empty-land" d="{drawn.outlines[code]}"/>' for code in rest]
    parts.append(f'</g><path class="lakes" d="{drawn.lakes}"/>')
    parts += _small(drawn, marks)
    parts += _signs(drawn, marks)
    for code, (x, y) in drawn.labels.items():
        if code in marks:
            kind = marks[code].kind
            parts.append(
                f'<text class="of-{kind}" x="{x}" y="{y}">{code.rpartition("-")[2]}</text>'
            )
    frame = f'viewBox="0 0 {drawn.width} {drawn.height}" focusable="false" aria-hidden="true"'
    return Markup(  # nosec B704  # noqa: S704 - made of numbers, our own classes and escaped texts
        f'<svg class="map {view}" {frame}>{"".join(parts)}</svg>'
    )


def swatch(kind: Kind) -> Markup:
    """A sample of how that kind is drawn, for a legend on a page with a map."""
    box = f'<rect class="{kind}" width="26" height="16" rx="3" fill="url(#fill-{kind})"/>'
    return Markup(  # nosec B704  # noqa: S704 - made of numbers and our own classes
        f'<svg class="swatch" viewBox="0 0 26 16" aria-hidden="true">{box}</svg>'
    )


def sign(which: Sign) -> Markup:
    """The sign of a place with a rule of its own, for a legend or a table."""
    shape = _shape(which, 8, 8, 0.62)
    return Markup(  # nosec B704  # noqa: S704 - made of numbers and our own classes
        f'<svg class="sign" viewBox="0 0 16 16" aria-hidden="true">{shape}</svg>'
    )


def _place(mark: Mark, shape: str) -> str:
    title = f"<title>{escape(mark.title)}</title>"
    return f'<a class="column" href="{escape(mark.href)}" tabindex="-1">{title}{shape}</a>'


def _outline(drawn: _View, code: str) -> str:
    return f'<path d="{drawn.outlines[code]}"/>'


def _small(drawn: _View, marks: Mapping[str, Mark]) -> Iterable[str]:
    for code, (x, y) in drawn.dots.items():
        if code in marks:
            mark = marks[code]
            dot = f'<circle class="{mark.kind} spot" cx="{x}" cy="{y}" r="6"/>'
            yield _place(mark, dot)


def _signs(drawn: _View, marks: Mapping[str, Mark]) -> Iterable[str]:
    # Where a code is written, the sign stands above it.
    above = {code: (x, y - 24) for code, (x, y) in drawn.labels.items()}
    for code, (x, y) in {**drawn.middles, **drawn.dots, **above}.items():
        if code in marks and marks[code].sign:
            yield _place(marks[code], _shape(marks[code].sign, x, y))


def _shape(which: Sign, x: float, y: float, size: float = 1) -> str:
    """A ring for a rule of the store, a triangle for a looser one: told apart without colour."""
    if which == "own":
        return f'<circle class="own" cx="{x}" cy="{y}" r="{_SIGN["own"] * size:g}"/>'
    r = _SIGN["looser"] * size
    points = f"{x:g},{y - r:g} {x + r:g},{y + r * 0.8:g} {x - r:g},{y + r * 0.8:g}"
    return f'<polygon class="looser" points="{points}"/>'


def patterns() -> Markup:
    """What ``swatch`` draws with, for a page without a map."""
    return Markup(  # nosec B704  # noqa: S704 - made of numbers and our own classes
        f'<svg class="patterns" aria-hidden="true" focusable="false">{_defs()}</svg>'
    )


def _defs() -> str:
    """Each kind has a pattern besides its colour, so that it can be told without seeing colours."""
    size = 'width="14" height="14" patternUnits="userSpaceOnUse"'
    inside = {
        "opt-in": "",
        "precaution": '<circle class="line" cx="3.5" cy="3.5" r="1.5"/>'
        '<circle class="line" cx="10.5" cy="10.5" r="1.5"/>',
        "opt-out": '<path class="line" d="M0 0h4v14h-4z"/>',
        "notice": '<path class="line" d="M0 6h14v2h-14z"/>',
    }
    turned = {"opt-out": ' patternTransform="rotate(45)"'}
    found = "".join(
        f'<pattern id="fill-{kind}" class="{kind}" {size}{turned.get(kind, "")}>'
        f'<rect class="ground" width="14" height="14"/>{lines}</pattern>'
        for kind, lines in inside.items()
    )
    return f"<defs>{found}</defs>"


@functools.cache
def _views() -> dict[str, _View]:
    found = data.read_json(data.folder("data") / "map.json")
    return msgspec.convert(found, dict[str, _View])
