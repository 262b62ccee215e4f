"""The tables, in Markdown."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from tests.banner_bench.budgets import Row, Rows
from tests.banner_bench.contestants import BARE, Contestant
from tests.banner_bench.views import Set, Wire


def machine(chromium: str, runs: int) -> str:
    """When and on what this was measured."""
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, Chromium {chromium}, "
        f"medians of {runs} runs in turns"
    )


def busy() -> str:
    """Whether the machine had work already when asked, for then times are of little worth."""
    load = os.getloadavg()[0]
    if load < (os.cpu_count() or 1) / 4:
        return f"bench: load average {load:.1f} at the start"
    return f"bench: load average {load:.1f} at the start: times may be over budget for that alone"


def bytes_table(wires: Mapping[str, tuple[Wire, Wire | None]], versions: list[Contestant]) -> str:
    lines = ["| bytes | version | first visit | requests | returning | requests |"]
    lines.append("|---|---|---|---|---|---|")
    version = {one.name: one.version for one in versions}
    for name, (first, later) in wires.items():
        again = f"{later.bytes:,} | {later.requests}" if later else "- | -"
        lines.append(f"| {name} | {version[name]} | {first.bytes:,} | {first.requests} | {again} |")
    return "\n".join(lines)


def first_view_table(where: Set, rows: Rows) -> str:
    """First visits. Script and task time are over the bare page's."""
    titles = (where.label, "visible, quartiles", "script", "task", "long tasks", "blocking")
    lines = [_line(*titles, "CLS", "FCP", "LCP"), "|---" * 9 + "|"]
    for name, row in rows.items():
        lines.append(
            _line(
                name,
                _with_quartiles(row, "visible") if row.visible else "",
                *_over(rows, name),
                f"{row.median('long'):g}",
                f"{row.median('blocking'):.0f}",
                f"{max(row.values('shift')):.3g}",
                _with_quartiles(row, "paint"),
                _with_quartiles(row, "largest"),
            )
        )
    return "\n".join(lines)


def returning_table(where: Set, rows: Rows) -> str:
    lines = [
        f"| returning visit, {where.label} | script | task | long tasks | CLS |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        shift = f"{max(row.values('shift')):.3g}"
        lines.append(_line(name, *_over(rows, name), f"{row.median('long'):g}", shift))
    return "\n".join(lines)


def words_table(where: Set, rows: Rows) -> str:
    lines = [
        f"| page without a picture, {where.label} | LCP | largest element |",
        "|---|---|---|",
    ]
    for name, row in rows.items():
        elements = sorted({cost.element for cost in row.costs})
        lines.append(_line(name, _with_quartiles(row, "largest"), "; ".join(elements)))
    return "\n".join(lines)


def _over(rows: Rows, name: str) -> tuple[str, str]:
    """Script and task time over the bare page's; of the bare page, its own in brackets."""
    own = [rows[name].median(what) for what in ("script", "task")]
    if name == BARE.name:
        return f"({own[0]:.1f})", f"({own[1]:.0f})"
    bare = [rows[BARE.name].median(what) for what in ("script", "task")]
    return f"{own[0] - bare[0]:.1f}", f"{own[1] - bare[1]:.0f}"


def _with_quartiles(row: Row, what: str) -> str:
    first, third = row.quartiles(what)
    return f"{row.median(what):.0f} ({first:.0f}-{third:.0f})"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
