"""What the banner costs the page, in a real Chromium: ``python -m tests.bench_banner``.

One page, and on it in turns: no banner (``none``), the least that a banner can cost (``floor``),
the same that comes as a product does, from elsewhere and as heavy as ours may be (``floor-far``),
ours as a store has it, and what others publish on npm when npm is on the machine. In turns, since
machines are noisy: a busy minute then hits all alike. Ends with status 1, and says which budget was
overspent by how much, when ours costs more than ``tests.banner_bench.budgets`` allows, and with
``--require-peers``, as ``make bench`` asks for it, also when a peer could not be measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from tests.banner_bench import budgets, report
from tests.banner_bench.budgets import OURS, Row, Rows
from tests.banner_bench.contestants import (
    BARE,
    FLOOR,
    LEFT_OUT,
    PEERS,
    Contestant,
    far,
    ours,
    peers,
)
from tests.banner_bench.edge import Edge
from tests.banner_bench.site import Site
from tests.banner_bench.views import SETS, Set, Visitor, Wire, chromium
from tests.e2e.service import PUBLISHED, Service

RUNS = 7
QUICK_RUNS = 3
QUICK_SETS = ("desktop-4x", "phone")
RETURNING = SETS["desktop-4x"]
TWO_PIXELS = PUBLISHED.partition('[[pixels]]\nplatform = "google-ads"')[0]


class Bench:
    """Runs views of ``contestants`` in turns."""

    def __init__(
        self, browser: Browser, site: Site, contestants: list[Contestant], runs: int
    ) -> None:
        self._browser = browser
        self._site = site
        self._contestants = contestants
        self._runs = runs

    def wires(self) -> dict[str, tuple[Wire, Wire | None]]:
        """What a first visit and, after everything was accepted, the next one ask of the network.

        These views also warm the service and the site up.
        """
        found: dict[str, tuple[Wire, Wire | None]] = {}
        for contestant in self._contestants:
            with self._visitor(contestant, SETS["desktop"]) as visitor:
                first = visitor.loads()
            later = None
            if contestant.name == OURS:
                with self._visitor(contestant, SETS["desktop"]) as visitor:
                    visitor.accepts()
                    later = visitor.loads()
            found[contestant.name] = first, later
        return found

    def first_views(self, where: Set) -> Rows:
        def views(contestant: Contestant, row: Row) -> None:
            if contestant.banner:
                with self._visitor(contestant, where) as visitor:
                    row.visible.append(visitor.sees())
            with self._visitor(contestant, where) as visitor:
                row.costs.append(visitor.pays(banner=True))

        return self._in_turns(f"first visits, {where.label}", views)

    def later_views(self, where: Set) -> Rows:
        """Views of visitors who have accepted everything, and whose browser keeps its cache."""
        with ExitStack() as stack:
            visitors = {
                contestant.name: stack.enter_context(self._visitor(contestant, where))
                for contestant in self._contestants
            }
            for visitor in visitors.values():
                visitor.accepts()
                visitor.pays(banner=False)

            def views(contestant: Contestant, row: Row) -> None:
                row.costs.append(visitors[contestant.name].pays(banner=False))

            return self._in_turns(f"returning visits, {where.label}", views)

    def words(self, where: Set) -> Rows:
        """The page without its picture, where a banner's own text may be the largest."""

        def views(contestant: Contestant, row: Row) -> None:
            with self._visitor(contestant, where) as visitor:
                row.costs.append(visitor.pays(kind="words", banner=True))

        return self._in_turns(f"no picture, {where.label}", views)

    def _in_turns(self, what: str, views: Callable[[Contestant, Row], None]) -> Rows:
        rows = {contestant.name: Row() for contestant in self._contestants}
        for run in range(self._runs):
            print(f"bench: {what}: run {run + 1} of {self._runs}", file=sys.stderr)
            for contestant in self._contestants:
                views(contestant, rows[contestant.name])
        return rows

    @contextmanager
    def _visitor(self, contestant: Contestant, where: Set) -> Iterator[Visitor]:
        visitor = Visitor(self._browser, self._site, contestant, where)
        try:
            yield visitor
        finally:
            visitor.close()


@contextmanager
def pixelgate(site: Site) -> Iterator[Contestant]:
    """Ours: a service of its own with two pixels, pasted in as a store's owner does.

    The visitor is in Germany.
    """
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        edge = Edge(service.port)
        service.environ["CONSENT_PUBLIC_URL"] = edge.url
        service.consent("migrate")
        service.publish(TWO_PIXELS.format(origin=site.origin))
        service.start()
        try:
            yield ours(service.snippet())
        finally:
            service.stop()
            edge.close()


def measure(runs: int, sets: list[Set], others: list[Contestant]) -> list[str]:
    """Prints the tables and returns the faults."""
    site, elsewhere = Site(), Site()
    with ExitStack() as stack:
        stack.callback(site.close)
        stack.callback(elsewhere.close)
        own = stack.enter_context(pixelgate(site))
        browser = stack.enter_context(chromium())
        elsewhere.send_floor(budgets.FIRST_BYTES)
        least = [BARE, FLOOR, far(elsewhere.origin), own]
        for contestant in [*least, *others]:
            site.enter(contestant)
        everyone = Bench(browser, site, [*least, *others], runs)
        wires = everyone.wires()
        print(report.bytes_table(wires, [*least, *others]), end="\n\n")
        first, later = wires[OURS]
        faults = list(budgets.bytes_over("first visit", first, budgets.FIRST_BYTES))
        if later:
            faults += budgets.bytes_over("returning visit", later, budgets.RETURNING_BYTES)
        for where in sets:
            rows = everyone.first_views(where)
            print(report.first_view_table(where, rows), end="\n\n")
            faults += budgets.first_view_over(where.name, rows)
        if RETURNING in sets:
            rows = everyone.later_views(RETURNING)
            print(report.returning_table(RETURNING, rows), end="\n\n")
            name = f"returning visit, {RETURNING.name}"
            faults += budgets.script_over(name, rows, budgets.RETURNING_SCRIPT)
        for where in sets:
            few = Bench(browser, site, least, min(runs, QUICK_RUNS))
            print(report.words_table(where, few.words(where)), end="\n\n")
        print("Times in milliseconds; script and task time over the bare page's. ", end="")
        print(report.machine(browser.version, runs))
    return faults


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_banner", description=__doc__)
    parser.add_argument("--runs", type=int, help=f"views of each kind (default {RUNS})")
    parser.add_argument("--sets", help=f"some of {','.join(SETS)} (default all)")
    parser.add_argument("--only", help="these peers (default all; `none`, `floor` and ours always)")
    parser.add_argument(
        "--require-peers", action="store_true", help="end with status 1 where a peer is missing"
    )
    parser.add_argument("--quick", action="store_true", help="a first look: a minute, no peers")
    options = parser.parse_args(given)
    if options.runs is None:
        options.runs = QUICK_RUNS if options.quick else RUNS
    names = options.sets.split(",") if options.sets else QUICK_SETS if options.quick else SETS
    unknown = [name for name in names if name not in SETS]
    if unknown:
        parser.error(f"--sets: {', '.join(unknown)}; accepted are {', '.join(SETS)}")
    if options.runs < 1:
        parser.error(f"--runs: {options.runs}; at least 1")
    options.sets = [SETS[name] for name in names]
    return options


def main(given: list[str] | None = None) -> int:
    """Measures and prints; returns 1 when a budget was overspent, or a required peer is missing."""
    options = _arguments(given)
    busy = report.busy()
    others: list[Contestant] = []
    if not options.quick:
        others, why = peers()
        if why:
            print(f"Without {'some' if others else 'the'} peers: {why}.\n")
    here = {other.name for other in others}
    missing = [peer.name for peer in PEERS if peer.name not in here]
    if options.only is not None:
        others = [other for other in others if other.name in options.only.split(",")]
    faults = measure(options.runs, options.sets, others)
    print(LEFT_OUT)
    print(busy, file=sys.stderr)
    for fault in faults:
        print(f"bench: over budget: {fault}", file=sys.stderr)
    if missing:
        print(f"Nothing is proven beside {', '.join(missing)}: not measured.")
    if not faults:
        print("Every budget was kept.")
    return 1 if faults or (missing and options.require_peers) else 0


if __name__ == "__main__":
    sys.exit(main())
