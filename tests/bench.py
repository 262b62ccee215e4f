"""``make bench``: everything that is measured here, in turns with what it is measured against.

Machines are noisy and this one may be shared, so what counts is the ratio of two figures that were
taken in turns in one run. Ends with status 1 when a script is over its budget of bytes, the banner
over one of its own or without a peer beside it (see ``tests.bench_banner``), memory grew, or an
answer of 201 was no record; the service's speed is only printed. ``--write`` keeps all of it in
``consent/BENCHMARKS.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests import (
    bench_banner,
    bench_decisions,
    bench_endpoints,
    bench_pixels,
    bench_report,
    bench_search,
    bench_soak,
    bench_start,
)
from tests.banner_bench.budgets import FIRST_BYTES, RETURNING_BYTES
from tests.bench_report import Part
from tests.decisions_bench.load import get
from tests.e2e.service import PUBLISHED, Service

ORIGIN = "https://summit.example"
BUDGETS = {"true": ("returning visitor", RETURNING_BYTES), "false": ("first visit", FIRST_BYTES)}
TWO_PIXELS = PUBLISHED.partition('[[pixels]]\nplatform = "google-ads"')[0]


class Task(NamedTuple):
    """One part: its word for ``--only``, and the arguments of a whole and of a quick run."""

    word: str
    title: str
    run: Callable[[list[str]], int]
    module: str
    whole: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()

    def given(self, *, quick: bool) -> list[str]:
        return list(self.quick if quick else self.whole)

    def titled(self, *, quick: bool) -> str:
        """Its title; ``{records}`` in it is how many this run fills in."""
        given = self.given(quick=quick)
        records = int(given[given.index("--records") + 1]) if "--records" in given else 0
        return self.title.format(records=f"{records:,}")


def bytes_(given: list[str]) -> int:
    """Bytes on the wire of a store with two pixels."""
    over = 0
    with tempfile.TemporaryDirectory() as name:
        service = Service(Path(name))
        service.consent("migrate")
        service.publish(TWO_PIXELS.format(origin=ORIGIN))
        service.start()
        try:
            print("| bytes, brotli, Germany | measured | bar |\n|---|---|---|")
            for known, (what, most) in BUDGETS.items():
                url = f"{service.url}/s/summit/loader.js?en,{known}"
                body = get(url, Accept_Encoding="br", CF_IPCountry="DE")
                over += len(body) > most
                print(f"| {what} | {len(body):,} | {most:,} |")
        finally:
            service.stop()
    print()
    bench_pixels.main()
    return 1 if over else 0


def search(given: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        print("| what | took |\n|---|---|")
        bench_search.fill_and_measure(int(given[0]), f"sqlite:///{Path(folder) / 'bench.db'}")
    return 0


TASKS = (
    # First, while the machine is still quiet, and since it needs no load generator.
    Task(
        *("banner", "The banner beside others", bench_banner.main, "bench_banner"),
        whole=("--require-peers",),
        quick=("--runs", "3", "--sets", "desktop-4x"),
    ),
    Task("bytes", "Bytes", bytes_, "bench --only bytes"),
    Task(
        *("endpoints", "Endpoints", bench_endpoints.main, "bench_endpoints"),
        quick=("--seconds", "2", "--rounds", "1"),
    ),
    Task(
        *("decisions", "Durable decisions", bench_decisions.main, "bench_decisions"),
        quick=("--seconds", "2", "--rounds", "1"),
    ),
    *(
        Task(
            "growth",
            "Durable decisions after {records} records",
            bench_decisions.main,
            "bench_decisions",
            whole=("--records", str(records), "--rounds", "2"),
            quick=("--records", str(records // 10), "--rounds", "1", "--seconds", "2"),
        )
        for records in (100_000, 1_000_000)
    ),
    Task(
        *("search", "Look-ups and exports", search, "bench_search"),
        whole=("1000000",),
        quick=("100000",),
    ),
    Task(
        *("start", "Start", bench_start.main, "bench_start"),
        quick=("--rounds", "2"),
    ),
    Task(
        *("soak", "Soak", bench_soak.main, "bench_soak"),
        whole=("--minutes", "10"),
        quick=("--minutes", "1", "--stores", "100"),
    ),
)


class _Both(io.TextIOBase):
    """Writes on the screen, and keeps it."""

    def __init__(self, screen: io.TextIOBase) -> None:
        self._screen = screen
        self.kept = io.StringIO()

    def write(self, text: str) -> int:
        self._screen.write(text)
        return self.kept.write(text)

    def flush(self) -> None:
        self._screen.flush()


def measured(task: Task, *, quick: bool) -> Part:
    """Runs one part. Whatever it raises is its fault, and the others go on."""
    given, title = task.given(quick=quick), task.titled(quick=quick)
    both, fault, began = _Both(sys.stdout), "", time.monotonic()  # type: ignore[arg-type]
    print(f"\n## {title}\n", flush=True)
    with contextlib.redirect_stdout(both):  # type: ignore[type-var]
        try:
            fault = "A bar was missed: see the command's messages." if task.run(given) else ""
        except SystemExit as error:
            fault = str(error.code or "")
        except Exception as error:
            fault = f"Not measured: {type(error).__name__}: {error}"
    if fault:
        print(f"bench: {title}: {fault}", file=sys.stderr)
    command = " ".join(["python -m", f"tests.{task.module}", *given])
    return Part(title, command, both.kept.getvalue(), time.monotonic() - began, fault)


def _arguments(given: list[str] | None) -> argparse.Namespace:
    words = list(dict.fromkeys(task.word for task in TASKS))
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under ten minutes in all")
    parser.add_argument("--write", action="store_true", help="keep it in consent/BENCHMARKS.md")
    parser.add_argument("--only", help=f"some of {','.join(words)} (default all)")
    options = parser.parse_args(given)
    chosen = options.only.split(",") if options.only else words
    if unknown := [word for word in chosen if word not in words]:
        parser.error(f"--only: {', '.join(unknown)}; accepted are {', '.join(words)}")
    options.tasks = [task for task in TASKS if task.word in chosen]
    return options


def main(given: list[str] | None = None) -> int:
    options = _arguments(given)
    if shutil.which("wrk") is None:
        sys.exit("bench: wrk was not found; install it with `apt-get install wrk`")
    load = os.getloadavg()[0]
    parts = [measured(task, quick=options.quick) for task in options.tasks]
    said = " ".join(["python -m tests.bench", *(given if given is not None else sys.argv[1:])])
    if options.write:
        bench_report.write(parts, said, load)
    return 1 if any(part.fault for part in parts) else 0


if __name__ == "__main__":
    sys.exit(main())
