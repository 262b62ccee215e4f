"""What a banner may cost the page, and which of it was overspent. Times are medians."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.banner_bench.contestants import BARE, FAR, FLOOR
from tests.banner_bench.views import SETS, Cost, Wire

OURS = "pixelgate"
FIRST_BYTES = 9_000
RETURNING_BYTES = 4_500
REQUESTS = 2
VISIBLE = 1.15  # times the floor's
FIRST_SCRIPT = 45.0  # milliseconds over the bare page, where the CPU is 4x slower
RETURNING_SCRIPT = 25.0
LATER_PAINT = 100.0  # milliseconds, and more than twice the bare page's own spread


@dataclass
class Row:
    """All views of one contestant in one set. ``visible`` is empty where no banner is due."""

    visible: list[float] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)

    def median(self, what: str) -> float:
        return statistics.median(self.values(what))

    def values(self, what: str) -> list[float]:
        if what == "visible":
            return self.visible
        return [float(getattr(cost, what)) for cost in self.costs]

    def quartiles(self, what: str) -> tuple[float, float]:
        """The first and the third; of one value, that value twice."""
        values = self.values(what)
        if len(values) == 1:
            return values[0], values[0]
        first, _, third = statistics.quantiles(values, n=4, method="inclusive")
        return first, third

    def spread(self, what: str) -> float:
        first, third = self.quartiles(what)
        return third - first


Rows = dict[str, Row]


def bytes_over(what: str, wire: Wire, most: int) -> Iterator[str]:
    """The faults of one view's requests, as ``<where>: <what was found>; <what is accepted>``."""
    if wire.bytes > most:
        over = wire.bytes - most
        yield f"{what}: {wire.bytes:,} bytes; at most {most:,} ({over:,} over)"
    if wire.requests > REQUESTS:
        yield f"{what}: {wire.requests} requests; at most {REQUESTS}"


def first_view_over(name: str, rows: Rows) -> Iterator[str]:
    """The faults of first visits in the set ``name``."""
    ours, bare, floor = rows[OURS], rows[BARE.name], rows[FLOOR.name]
    yield from _later_than_others(name, rows)
    if SETS[name].cpu > 1:
        yield from script_over(name, rows, FIRST_SCRIPT)
    shift = max(ours.values("shift"))
    if shift:
        yield f"{name}: layout shift {shift:.4f}; exactly 0"
    longest = max(bare.median("long"), floor.median("long"))
    if ours.median("long") > longest:
        yield (
            f"{name}: long tasks: {ours.median('long'):g}; "
            f"at most {longest:g}, as the bare page or the floor has"
        )
    for what, words in (("paint", "first paint"), ("largest", "largest paint")):
        late = ours.median(what) - bare.median(what)
        most = max(LATER_PAINT, 2 * bare.spread(what))
        if late > most:
            yield f"{name}: {words}: {late:.0f} ms after the bare page's; at most {most:.0f} ms"


def script_over(name: str, rows: Rows, most: float) -> Iterator[str]:
    """The fault of script time over the bare page's."""
    script = rows[OURS].median("script") - rows[BARE.name].median("script")
    if script > most:
        over = script - most
        yield (
            f"{name}: script time: {script:.1f} ms over the bare page's; "
            f"at most {most:.0f} ms ({over:.1f} ms over)"
        )


def _later_than_others(name: str, rows: Rows) -> Iterator[str]:
    visible = rows[OURS].median("visible")
    floor = rows[FLOOR.name].median("visible")
    most = floor * VISIBLE
    if visible > most:
        yield (
            f"{name}: banner visible after {visible:.0f} ms, {visible / floor - 1:.0%} later than "
            f"the floor; at most {VISIBLE - 1:.0%} ({visible - most:.0f} ms over)"
        )
    for other, row in rows.items():
        if other not in (OURS, BARE.name, FLOOR.name, FAR) and _painted(rows[OURS]) > _painted(row):
            yield (
                f"{name}: banner painted after {_painted(rows[OURS]):.0f} ms; "
                f"before {other}, whose was after {_painted(row):.0f} ms"
            )


def _painted(row: Row) -> float:
    """When the banner was visible, and the page painted at all.

    A script that holds the page back has its banner in the first frame, which then comes late.
    """
    return max(row.median("visible"), row.median("paint"))
