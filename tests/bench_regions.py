"""What finding the law costs: ``python -m tests.bench_regions``.

Beside each figure stands that of one look-up in a plain dict in the same run, as the machine's
speed changes from run to run. Warm: each question was asked before.
"""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable, Sequence

from consent.model import Place, RegionRule, Rules
from consent.regions import Regions

_RULES = {"US-CA": "us-ca", "@eea": "eea", "*": "unknown"}
_ROUNDS, _TIMES = 15, 2_000
_AT = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
_ON = _AT.date()


def main() -> None:
    regions = Regions.load()
    places = [Place(c[:2], c if "-" in c else None, "header") for c in regions.codes]
    known = {(place.country, place.subdivision, _ON): place for place in places}
    rules = Rules({key: RegionRule(id_) for key, id_ in _RULES.items()})
    measured: list[tuple[str, Callable[[Place], object]]] = [
        ("a plain dict", lambda place: known[place.country, place.subdivision, _ON]),
        ("`day`", lambda place: regions.day(place, _AT)),
        ("`resolve`", lambda place: regions.resolve(place, on=_ON)),
        ("`resolve` with a store's rules", lambda p: regions.resolve(p, on=_ON, rules=rules)),
    ]
    seconds = _each([work for _, work in measured], places)
    print("| what | microseconds | of a plain dict |\n|---|---|---|")
    for (name, _), one in zip(measured, seconds, strict=True):
        print(f"| {name} | {one * 1e6:.2f} | {one / seconds[0]:.1f} |")
    start = time.perf_counter()
    fresh = Regions.load()
    loaded = time.perf_counter()
    for place in places:
        fresh.resolve(place, on=fresh.day(place, _AT))
    cold = (time.perf_counter() - loaded) / len(places)
    print(f"\nReading every file {(loaded - start) * 1e3:.0f} ms; a place that is asked for the")
    print(f"first time {cold * 1e6:.0f} microseconds. {len(places)} places.")


def _each(works: Sequence[Callable[[Place], object]], places: Sequence[Place]) -> list[float]:
    """Seconds for one call of each: the median of rounds in which they take turns."""
    rounds: list[list[float]] = [[] for _ in works]
    asked = [places[n % len(places)] for n in range(_TIMES)]
    for _ in range(_ROUNDS):
        for times, work in zip(rounds, works, strict=True):
            start = time.perf_counter()
            for place in asked:
                work(place)
            times.append((time.perf_counter() - start) / _TIMES)
    return [statistics.median(times) for times in rounds]


if __name__ == "__main__":
    main()
