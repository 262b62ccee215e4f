"""Plots as SVG, drawn by hand so that the bench needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

Values = Sequence[float | None]

WIDTH = 760
LABEL = 250
RIGHT = 90
ROW = 15
COLOURS = ("#1d4f91", "#9aa5b1", "#c8553d", "#5b8c5a")
STYLE = "font-family='system-ui,sans-serif' font-size='12' fill='#17191c'"


class Bars(NamedTuple):
    """Bars of several series by name."""

    title: str
    names: Sequence[str]
    series: Mapping[str, Values]


class Dots(NamedTuple):
    """Dots on a logarithmic axis, by name."""

    title: str
    names: Sequence[str]
    series: Mapping[str, Values]


class Lines(NamedTuple):
    """Lines over x."""

    title: str
    series: Mapping[str, Sequence[tuple[float, float]]]


Panel = Bars | Dots | Lines


def drawn(panels: Sequence[Panel]) -> str:
    """All panels under each other, on white, so that they read on a dark page too."""
    parts: list[str] = []
    y = 16
    for panel in panels:
        parts.append(
            f"<text x='16' y='{y + 12}' font-size='14' font-weight='600'>"
            f"{escape(panel.title)}</text>"
        )
        y += 22
        body, height = _body(panel, y)
        parts += body
        y += height + 18
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{y}' "
        f"viewBox='0 0 {WIDTH} {y}' {STYLE}>"
        f"<rect width='100%' height='100%' fill='#fff'/>{''.join(parts)}</svg>\n"
    )


def _body(panel: Panel, y: int) -> tuple[list[str], int]:
    if isinstance(panel, Lines):
        return _lines(panel, y)
    body = list(_legend(panel.series, y))
    drawn_rows, height = _bars(panel, y + 18) if isinstance(panel, Bars) else _dots(panel, y + 18)
    return [*body, *drawn_rows], height + 18


def _legend(names: Mapping[str, object], y: int) -> Iterator[str]:
    x = LABEL
    for name, colour in zip(names, COLOURS, strict=False):
        yield f"<rect x='{x}' y='{y + 2}' width='10' height='10' fill='{colour}'/>"
        yield f"<text x='{x + 14}' y='{y + 11}'>{escape(name)}</text>"
        x += 30 + 7 * len(name)


def _bars(panel: Bars, y: int) -> tuple[list[str], int]:
    most = max((v for values in panel.series.values() for v in values if v), default=1.0)
    room = WIDTH - LABEL - RIGHT
    parts, top = [], y
    for index, name in enumerate(panel.names):
        parts.append(_name(name, y + 11))
        for values, colour in zip(panel.series.values(), COLOURS, strict=False):
            value = values[index]
            if value is None:
                continue
            long = max(1.0, room * value / most)
            parts.append(
                f"<rect x='{LABEL}' y='{y + 1}' width='{long:.1f}' height='12' fill='{colour}'/>"
                f"<text x='{LABEL + long + 5:.1f}' y='{y + 11}'>{value:,.0f}</text>"
            )
            y += ROW
        y += 5
    return parts, y - top


def _dots(panel: Dots, y: int) -> tuple[list[str], int]:
    values = [v for one in panel.series.values() for v in one if v]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    room = WIDTH - LABEL - RIGHT
    height = len(panel.names) * (ROW + 5)
    parts = []

    def at(value: float) -> float:
        return LABEL + room * (math.log10(value) - low) / max(1, high - low)

    for power in range(low, high + 1):
        x = at(10**power)
        parts.append(f"<line x1='{x}' x2='{x}' y1='{y}' y2='{y + height}' stroke='#dde1e6'/>")
        parts.append(
            f"<text x='{x}' y='{y + height + 12}' text-anchor='middle'>{10**power:g}</text>"
        )
    for index, name in enumerate(panel.names):
        middle = y + index * (ROW + 5) + 8
        parts.append(_name(name, middle + 4))
        for series, colour in zip(panel.series.values(), COLOURS, strict=False):
            value = series[index]
            if value:
                parts.append(f"<circle cx='{at(value):.1f}' cy='{middle}' r='5' fill='{colour}'/>")
    return parts, height + 16


def _lines(panel: Lines, y: int) -> tuple[list[str], int]:
    height, room = 140, WIDTH - 60 - RIGHT
    points = [point for one in panel.series.values() for point in one]
    if not points:
        return [], 0
    wide, high = max(x for x, _ in points) or 1.0, max(y_ for _, y_ in points) * 1.1
    parts = [
        f"<line x1='60' x2='{60 + room}' y1='{y + height}' y2='{y + height}' stroke='#9aa5b1'/>"
    ]
    for share in (0.0, 0.5, 1.0):
        parts.append(f"<text x='8' y='{y + height * (1 - share) + 4}'>{high * share:,.0f}</text>")
        middle = 60 + room * share
        parts.append(f"<text x='{middle}' y='{y + height + 14}'>{wide * share:.1f}</text>")
    for one, colour in zip(panel.series.values(), COLOURS, strict=False):
        path = " ".join(
            f"{60 + room * x / wide:.1f},{y + height * (1 - v / high):.1f}" for x, v in one
        )
        parts.append(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
    return parts, height + 20


def _name(name: str, y: float) -> str:
    return f"<text x='{LABEL - 8}' y='{y}' text-anchor='end'>{escape(name)}</text>"
