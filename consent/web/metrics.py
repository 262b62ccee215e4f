"""What ``/metrics`` says, for Prometheus. The hot paths count in plain integers; a scrape reads."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from consent.anchor import Anchorer
from consent.commit import Committer
from consent.folding import Folder
from consent.geo import Geo
from consent.model import Action
from consent.proof import Sealer
from consent.purge import Purger
from consent.retain import Retainer
from consent.schedule import Scheduler
from consent.web.scripts import Scripts
from consent.web.tally import Figure, Tally

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The steps of the histogram of decisions."""


class Answered:
    """How posts of decisions ended: stored after how long and by which action, or refused why."""

    def __init__(self) -> None:
        self.actions: Counter[Action] = Counter()
        self.refusals: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        """Posts of bots, by what they post, that no rate has."""
        self._steps = [0] * (len(SECONDS) + 1)
        self._seconds = 0.0

    def stored(self, action: Action, seconds: float) -> None:
        self.actions[action] += 1
        self._steps[bisect.bisect_left(SECONDS, seconds)] += 1
        self._seconds += seconds

    def figures(self) -> Iterator[Figure]:
        told = "Decisions answered with a receipt, repeated posts included."
        for action, n in self.actions.items():
            yield Figure("decisions_answered", told, n, labels=(("action", action),))
        for reason, n in self.refusals.items():
            yield Figure("posts_refused", "Posts refused.", n, labels=(("reason", reason),))
        for what, n in self.left_out.items():
            yield Figure("bot_posts", "Posts of bots, in no rate.", n, labels=(("post", what),))
        told = "From a decision's post to its answer, both sides of the commit."
        for le, n in zip((*map(str, SECONDS), "+Inf"), self._steps, strict=True):
            yield Figure("decision_seconds", told, n, "bucket", (("le", le),))
        yield Figure("decision_seconds", told, self._seconds, "bucket", (("le", "sum"),))


def of_service(
    committer: Committer,
    folders: Iterable[Folder[Any]],
    sealer: Sealer,
    anchorer: Anchorer,
    purger: Purger,
    scripts: Scripts,
) -> Iterator[Figure]:
    """The figures of one process."""
    yield Figure("decisions", "Decisions stored in the ledger.", committer.recorded)
    yield Figure("commits", "Commits that stored them.", committer.batches)
    yield Figure("scripts_served", "Scripts answered, 304 included.", scripts.served)
    yield Figure("scripts_composed", "Scripts composed and compressed.", scripts.made)
    kept = "Bytes of scripts in memory."
    yield Figure("scripts_kept_bytes", kept, scripts.kept_bytes, "gauge")
    folders = tuple(folders)
    dropped = sum(folder.dropped for folder in folders)
    yield Figure("counts_dropped", "Counts dropped while storage was away.", dropped)
    held = "Counts that a crash would lose now."
    yield Figure("counts_waiting", held, sum(folder.waiting for folder in folders), "gauge")
    waiting = "Decisions waiting for a commit."
    yield Figure("decisions_waiting", waiting, committer.waiting, "gauge")
    yield Figure("sealed_records", "Records put into the log.", sealer.sealed)
    yield Figure("seal_failures", "Times that records were not sealed.", sealer.failures)
    yield Figure("anchored", "Checkpoints that somebody outside signed.", anchorer.anchored)
    yield Figure("anchor_failures", "Times that nobody did.", anchorer.failures)
    yield Figure("purges", "Posts by which caches were told of new versions.", purger.purges)
    yield Figure("purge_failures", "Times that they could not be told.", purger.failures)
    lag = "Records that are not sealed yet."
    yield Figure("unsealed_records", lag, sealer.waiting, "gauge", over="max")
    lag = "How long the oldest of them has waited."
    yield Figure("seal_lag_seconds", lag, sealer.lag_seconds, "gauge", over="max")
    yield Figure("processes", "Processes that answer.", 1, "gauge")


def of_retention(retainer: Retainer) -> Iterator[Figure]:
    """The figures of one process's part in erasing what is old."""
    told = "Records erased because their store's period was over."
    yield Figure("erased_records", told, retainer.erased)
    yield Figure("retention_failures", "Times that they were not erased.", retainer.failures)
    if retainer.oldest is not None:
        told = "When the oldest record that is kept was made."
        at = retainer.oldest.timestamp()
        yield Figure("oldest_record_timestamp_seconds", told, at, "gauge", over="max")


def of_schedules(scheduler: Scheduler) -> Iterator[Figure]:
    """The figures of one process's part in publishing what is scheduled."""
    told = "Versions published at their set time."
    yield Figure("scheduled_versions", told, scheduler.published)
    told = "Versions that were refused at their set time."
    yield Figure("scheduled_refusals", told, scheduler.refused)


def of_places(geo: Geo) -> Iterator[Figure]:
    """The figures of one process's place database."""
    told = "When the place database in use was built; of several processes, the oldest."
    built = geo.database.built_at.timestamp()
    yield Figure("places_built_timestamp_seconds", told, built, "gauge", over="min")
    told = "Place databases taken in place of an older one."
    yield Figure("places_reloads", told, geo.reloads)
    told = "Files that could not become the place database."
    yield Figure("places_failures", told, geo.failures)
    told = "Look-ups that found the place database damaged."
    yield Figure("places_unreadable", told, geo.unreadable)


class Metrics(Collector):
    """A tally in Prometheus' words."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        families: dict[str, list[Figure]] = {}
        for figure in self._tally.figures():
            families.setdefault(figure.name, []).append(figure)
        for name, figures in families.items():
            yield _family(f"pixelgate_{name}", figures)


def _family(name: str, figures: Iterable[Figure]) -> Metric:
    figures = list(figures)
    first = figures[0]
    if first.kind == "bucket":
        return _histogram(name, first.help, {dict(one.labels)["le"]: one.value for one in figures})
    labels = [label for label, _ in first.labels]
    kind = CounterMetricFamily if first.kind == "counter" else GaugeMetricFamily
    family = kind(name, first.help, labels=labels)
    for figure in figures:
        family.add_metric([value for _, value in figure.labels], figure.value)
    return family


def _histogram(name: str, told: str, steps: dict[str, float]) -> Metric:
    seconds = steps.pop("sum")
    buckets, n = [], 0.0
    for le, more in steps.items():
        n += more
        buckets.append((le, n))
    family = HistogramMetricFamily(name, told)
    family.add_metric([], buckets=buckets, sum_value=seconds)
    return family
