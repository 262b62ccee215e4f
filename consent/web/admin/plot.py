"""Plots as SVG, drawn on the server. Colours come from the style sheet by class, sizes from here.

A plot is drawn twice, wide and narrow, since text in a scaled drawing does not stay readable; the
style sheet shows one of them. The numbers stand in a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape


class Column(NamedTuple):
    """One step of time. ``parts`` go from the bottom to the top; ``title`` is shown on hover.

    Where some columns have no ``label``, every other one's is drawn; else as many as there is room.
    """

    label: str
    title: str
    parts: tuple[int, ...]


class Frame(NamedTuple):
    """Sizes in units of the drawing, which are pixels at its natural size."""

    name: str
    width: int
    height: int
    labels: int
    left: int = 44
    right: int = 4
    top: int = 12
    bottom: int = 26


WIDE = Frame("wide", 1120, 300, labels=10)
NARROW = Frame("narrow", 360, 230, labels=4, left=38)


def stacked(
    columns: Sequence[Column],
    classes: Sequence[str],
    *,
    title: str,
    desc: str,
    as_share: bool,
    frame: Frame,
) -> Markup:
    """Stacked columns with a scale.

    Args:
        columns: in order of time; their parts in the order of ``classes``.
        classes: a class of the style sheet for each part.
        title: what the plot shows.
        desc: what a reader who cannot see it should know.
        as_share: every column fills the height, and the scale goes from 0 to 100 %.
        frame: how large.
    """
    top = 100 if as_share else max((sum(c.parts) for c in columns), default=0)
    ticks = (0, 25, 50, 75, 100) if as_share else scale(top)
    drawing = [_grid(ticks, frame, unit=" %" if as_share else "")]
    step = (frame.width - frame.left - frame.right) / max(len(columns), 1)
    every = math.ceil(len(columns) / frame.labels) if all(c.label for c in columns) else 1
    for i, column in enumerate(columns):
        x = i * step + frame.left
        drawing.append(_column(column, classes, x, step, ticks[-1], frame, as_share))
        if column.label and (len(columns) - 1 - i) % every == 0:
            drawing.append(
                f'<text class="axis" x="{_n(x + step / 2)}" y="{frame.height - 6}"'
                f' text-anchor="middle">{escape(column.label)}</text>'
            )
    name = frame.name
    return Markup(  # nosec B704  # noqa: S704 - made of numbers, our own classes and escaped texts
        f'<svg class="plot {name}" viewBox="0 0 {frame.width} {frame.height}" role="img"'
        f' aria-labelledby="plot-{name}-title plot-{name}-desc">'
        f'<title id="plot-{name}-title">{escape(title)}</title>'
        f'<desc id="plot-{name}-desc">{escape(desc)}</desc>{"".join(drawing)}</svg>'
    )


def strip(parts: Sequence[int], classes: Sequence[str], *, width: int, height: int) -> Markup:
    """One bar from left to right, its parts in proportion. It repeats numbers beside it."""
    total, x, drawing = sum(parts), 0.0, []
    for part, class_ in zip(parts, classes, strict=True):
        if not part or not total:
            continue
        wide = part / total * width
        drawing.append(_rect(class_, x, 0, max(wide - 1.5, 0.75), height))
        x += wide
    return Markup(  # nosec B704  # noqa: S704 - made of numbers and our own classes
        f'<svg class="strip" viewBox="0 0 {width} {height}" preserveAspectRatio="none"'
        f' aria-hidden="true" focusable="false">{"".join(drawing)}</svg>'
    )


def trend(shares: Sequence[float | None], top: float, label: str) -> Markup:
    """A line as small as a word, with a dot at its end; it breaks where there is no share.

    Args:
        shares: from 0 to 1, in order of time.
        top: the share at the upper edge.
        label: what a reader who cannot see it should know.
    """
    width, height, edge = 96, 26, 3
    step = (width - 2 * edge) / max(1, len(shares) - 1)
    runs: list[list[str]] = [[]]
    end = ""
    for i, share in enumerate(shares):
        if share is None:
            runs.append([])
            continue
        x, y = edge + i * step, edge + (height - 2 * edge) * (1 - min(share / top, 1))
        runs[-1].append(f"{_n(x)},{_n(y)}")
        end = f'<circle cx="{_n(x)}" cy="{_n(y)}" r="2.4"/>'
    lines = "".join(f'<polyline points="{" ".join(run)}"/>' for run in runs if len(run) > 1)
    return Markup(  # nosec B704  # noqa: S704 - made of numbers and escaped texts
        f'<svg class="trend" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{escape(label)}"><line class="base" x1="0" x2="{width}"'
        f' y1="{height - 1}" y2="{height - 1}"/>{lines}{end}</svg>'
    )


def between(low: float, high: float, *, matters: float, reach: float, label: str) -> Markup:
    """A line from ``low`` to ``high`` beside zero, over the band of what does not matter.

    Args:
        low: where the line begins.
        high: where it ends.
        matters: half the band.
        reach: the number at either edge.
        label: what a reader who cannot see it should know.
    """
    width, height = 260, 24

    def x(value: float) -> str:
        return _n(width / 2 * (1 + max(-1.0, min(1.0, value / reach))))

    side = "more" if low > 0 else "fewer" if high < 0 else "open"
    half = _n(width * matters / reach)
    return Markup(  # nosec B704  # noqa: S704 - made of numbers and escaped texts
        f'<svg class="between {side}" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{escape(label)}"><rect class="band" x="{x(-matters)}" y="0" width="{half}"'
        f' height="{height}"/><line class="zero" x1="{x(0)}" x2="{x(0)}" y1="0" y2="{height}"/>'
        f'<line class="ends" x1="{x(low)}" x2="{x(high)}" y1="12" y2="12"/>'
        f'<circle cx="{x((low + high) / 2)}" cy="12" r="4"/></svg>'
    )


def scale(top: int) -> tuple[int, ...]:
    """Round numbers from 0 to at least ``top``, in three to five steps."""
    if top <= 4:
        return tuple(range(max(top, 1) + 1))
    magnitude = 10 ** math.floor(math.log10(top / 4))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude * 4.6 >= top)
    step = max(1, math.ceil(step))
    return tuple(step * n for n in range(math.ceil(top / step) + 1))


def _grid(ticks: Sequence[int], frame: Frame, *, unit: str) -> str:
    lines = []
    for tick in ticks:
        y, right = _y(tick, ticks[-1], frame), frame.width - frame.right
        lines.append(
            f'<line class="{"grid" if tick else "base"}" x1="{frame.left}" x2="{right}"'
            f' y1="{_n(y)}" y2="{_n(y)}"/><text class="axis" x="{frame.left - 8}"'
            f' y="{_n(y + 4)}" text-anchor="end">{tick:,}{unit}</text>'
        )
    return "".join(lines)


def _column(
    column: Column,
    classes: Sequence[str],
    x: float,
    step: float,
    top: int,
    frame: Frame,
    as_share: bool,
) -> str:
    total = sum(column.parts)
    wide = min(step * 0.76, 46)
    left = x + (step - wide) / 2
    drawn, below = [], 0.0
    for part, class_ in zip(column.parts, classes, strict=True):
        value = part / total * 100 if as_share and total else part
        if not value:
            continue
        low, high = _y(below, top, frame), _y(below + value, top, frame)
        drawn.append(_rect(class_, left, high, wide, max(low - high - 0.6, 0.4)))
        below += value
    hit = _rect("hit", x, frame.top, step, frame.height - frame.top - frame.bottom)
    title = escape(column.title)
    return f'<g class="column"><title>{title}</title>{hit}{"".join(drawn)}</g>'


def _y(value: float, top: int, frame: Frame) -> float:
    room = frame.height - frame.top - frame.bottom
    return frame.top + room * (1 - value / top)


def _rect(class_: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{class_}" x="{_n(x)}" y="{_n(y)}"'
        f' width="{_n(width)}" height="{_n(height)}"/>'
    )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
