"""Where the time between a navigation and the banner goes: ``python -m tests.bench_path``.

The floor, the floor on our way and ours, in turns, from Chromium's own trace of each view, where
the CPU is 4x slower. Moments are milliseconds since the navigation began; work is processor time
of the page's own thread. A trace costs time itself: read the differences, not the times, and take
when a banner is visible from ``tests.bench_banner``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from contextlib import ExitStack
from typing import Any

from tests.banner_bench import budgets, report
from tests.banner_bench.contestants import FLOOR, far
from tests.banner_bench.site import Site
from tests.banner_bench.views import SETS, Set, Visitor, chromium
from tests.bench_banner import pixelgate

Event = dict[str, Any]
PAINTING = ("PrePaint", "Paint", "Commit")
FRAME = 60_000  # microseconds after the banner was seen in which its frame was painted


def items(visible: float, events: list[Event]) -> dict[str, float]:
    """What one view's trace says of the way to the banner.

    Raises:
        ValueError: the page, or a script that it asked for, is not in the trace.
    """
    starts = [e for e in events if e["name"] == "navigationStart" and "/shop/" in str(e["args"])]
    if not starts:
        raise ValueError("trace: no navigation to /shop/")
    start = starts[-1]["ts"]
    own = [e for e in events if e["pid"] == starts[-1]["pid"] and e.get("ts", 0) >= start]
    ran = [e for e in own if e["name"] == "EvaluateScript"]
    script = next((e for e in ran if _is_script(e)), None)
    sent = next((e for e in own if e["name"] == "ResourceSendRequest" and _is_script(e)), None)
    if script is None or sent is None:
        raise ValueError("trace: no script was asked for and run")
    began = script["ts"]
    seen = start + visible * 1000
    thread = [e for e in own if e["tid"] == script["tid"] and began <= e["ts"] <= seen + FRAME]
    inline = [e for e in ran if not _is_script(e) and e["ts"] < sent["ts"] + 1]
    return {
        "inline script, work": sum(_work(e) for e in inline),
        "script asked for, at": (sent["ts"] - start) / 1000,
        "script begins to run, at": (began - start) / 1000,
        "script, work": _work(script),
        "style, work": sum(_work(e) for e in thread if e["name"] == "UpdateLayoutTree"),
        "layout, work": sum(_work(e) for e in thread if e["name"] == "Layout"),
        "banner's frame begins, at": visible,
        "paint, work": sum(_work(e) for e in thread if e["name"] in PAINTING),
    }


def _work(event: Event) -> float:
    return float(event.get("tdur", 0)) / 1000


def _is_script(event: Event) -> bool:
    url = str(event["args"].get("data", {}).get("url", ""))
    return url.partition("?")[0].endswith(".js")


def measure(where: Set, runs: int) -> str:
    """The table of ``where``, in Markdown: medians."""
    site, elsewhere = Site(), Site()
    with ExitStack() as stack:
        for one in (site, elsewhere):
            stack.callback(one.close)
        own = stack.enter_context(pixelgate(site))
        browser = stack.enter_context(chromium())
        elsewhere.send_floor(budgets.FIRST_BYTES)
        contestants = [FLOOR, far(elsewhere.origin), own]
        views: dict[str, list[dict[str, float]]] = {one.name: [] for one in contestants}
        for one in contestants:
            site.enter(one)
        for run in range(runs + 1):
            print(f"bench: path, {where.label}: run {run} of {runs}", file=sys.stderr)
            for one in contestants:
                visitor = Visitor(browser, site, one, where)
                found = items(*visitor.traces())
                visitor.close()
                if run:  # the first warms service and site up
                    views[one.name].append(found)
        lines = [f"| {where.label} | {' | '.join(views)} |", "|---" * (len(views) + 1) + "|"]
        for item in views[FLOOR.name][0]:
            medians = (statistics.median(view[item] for view in rows) for rows in views.values())
            lines.append(f"| {item} | {' | '.join(f'{one:.1f}' for one in medians)} |")
        return "\n".join([*lines, "", report.machine(browser.version, runs)])


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_path", description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--sets", default="desktop-4x,phone")
    options = parser.parse_args(given)
    for name in options.sets.split(","):
        print(measure(SETS[name], options.runs), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
