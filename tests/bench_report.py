"""What ``make bench`` printed, as a page: the tables with machine, date and command, and a plot."""

from __future__ import annotations

import os
import platform
import re
import time
from pathlib import Path
from typing import NamedTuple

from tests import bench_plot
from tests.bench_plot import Bars, Dots, Lines, Panel

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "consent" / "BENCHMARKS.md"
PLOT = ROOT / ".readme" / "bench.svg"
BY_HAND = "## Run by hand"
"""From here on the page has what takes too long for every run; ``write`` leaves it there."""
_NUMBER = re.compile(r"[\d,]+(?:\.\d+)?")


class Part(NamedTuple):
    """One part of the bench: what it is called, its command, what it printed, how it ended."""

    title: str
    command: str
    text: str
    seconds: float
    fault: str


Table = tuple[list[str], list[list[str]]]


def tables(text: str) -> list[Table]:
    """The tables in Markdown, each as its titles and its rows."""
    found: list[Table] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if re.fullmatch(r"\|(-+\|)+", line) and number:
            rows = []
            for row in lines[number + 1 :]:
                if not row.startswith("|"):
                    break
                rows.append(_cells(row))
            found.append((_cells(lines[number - 1]), rows))
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def number(cell: str) -> float | None:
    """The first number in a cell."""
    found = _NUMBER.search(cell)
    return float(found[0].replace(",", "")) if found else None


def machine() -> str:
    """What this was measured on."""
    model = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        model = f" ({found[1]})" if found else ""
    return f"{os.cpu_count()} cores{model}, {platform.system()}, Python {platform.python_version()}"


def write(parts: list[Part], command: str, load: float) -> None:
    """Writes the page and the plot; what was run by hand stays."""
    panels = list(_panels(parts))
    if panels:
        PLOT.write_text(bench_plot.drawn(panels), encoding="utf-8")
    lines = [
        "# Benchmarks",
        "",
        f"Written by `{command}` on {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC.",
        f"Machine: {machine()}; load average {load:.1f} before, {os.getloadavg()[0]:.1f} after.",
        "Load generator and service share the cores, so read the ratios and not the rates.",
        "",
        *(["![Results as a plot](../.readme/bench.svg)", ""] if panels else []),
    ]
    for part in parts:
        lines += [f"## {part.title}", "", f"`{part.command}`, {part.seconds:.0f} s.", ""]
        if part.fault:
            lines += [f"**{part.fault}**", ""]
        lines += [part.text.strip(), ""]
    PAGE.write_text("\n".join([*lines, *_by_hand()]), encoding="utf-8")


def _by_hand() -> list[str]:
    found = PAGE.read_text(encoding="utf-8").partition(BY_HAND) if PAGE.exists() else ("", "", "")
    return [f"{BY_HAND}{found[2]}"] if found[1] else []


def _panels(parts: list[Part]) -> list[Panel]:
    panels: list[Panel] = []
    for part in parts:
        for titles, rows in tables(part.text):
            panels += _of_table(titles, rows)
    return panels


def _of_table(titles: list[str], rows: list[list[str]]) -> list[Panel]:
    if titles[0] == "endpoint":
        names = [row[0] for row in rows]
        rates = Bars(
            "Requests per second, one process, 64 connections",
            names,
            {"ours": _column(rows, 2), "bare ASGI app": _column(rows, 6)},
        )
        tails = Dots(
            "Latency, milliseconds, 64 connections",
            names,
            {"p50": _column(rows, 3), "p99": _column(rows, 4), "p99.9": _column(rows, 5)},
        )
        return [rates, tails]
    if titles[0] == "database":
        most = [row for row in rows if row[2] == "64"]
        names = [f"{row[0]}, {row[1]} records" for row in most]
        series = {
            "ours": _column(most, 3),
            "bare ASGI app": _column(most, 6),
            "c15t": _column(most, 8),
        }
        return [Bars("Durable decisions per second, 64 connections", names, series)]
    if len(titles) > 1 and titles[1] == "visible, quartiles":
        shown = [row for row in rows if number(row[1]) is not None]
        title = f"Banner visible after milliseconds, {titles[0]}"
        return [Bars(title, [row[0] for row in shown], {"median": _column(shown, 1)})]
    if titles[0] == "minute":
        minutes, memory = _column(rows, 0), _column(rows, 2)
        points = [(x, y) for x, y in zip(minutes, memory, strict=True) if None not in (x, y)]
        return [Lines("Memory in MB over minutes of mixed load", {"one process": points})]
    return []


def _column(rows: list[list[str]], index: int) -> list[float | None]:
    return [number(row[index]) if index < len(row) else None for row in rows]
