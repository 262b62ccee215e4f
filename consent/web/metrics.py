"""Figures of one process for Prometheus. The hot paths count in plain integers; a scrape reads."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from consent.record import Folder, Recorder
from consent.web.scripts import Scripts


class Figures(Collector):
    """What ``/metrics`` says."""

    def __init__(self, recorder: Recorder, folder: Folder, scripts: Scripts) -> None:
        self._recorder = recorder
        self._folder = folder
        self._scripts = scripts
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        recorder, folder, scripts = self._recorder, self._folder, self._scripts
        for name, help_, value in (
            ("decisions", "Decisions stored in the ledger.", recorder.recorded),
            ("commits", "Commits that stored them.", recorder.batches),
            ("scripts_served", "Scripts answered, 304 included.", scripts.served),
            ("scripts_composed", "Scripts composed and compressed.", scripts.made),
            ("counts_dropped", "Counts dropped while storage was away.", folder.dropped),
        ):
            yield CounterMetricFamily(f"pixelgate_{name}", help_, value)
        yield GaugeMetricFamily(
            "pixelgate_decisions_waiting", "Decisions waiting for a commit.", recorder.waiting
        )
