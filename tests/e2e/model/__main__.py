"""``python -m tests.e2e.model``: see the package's text."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.e2e.model.run import Found, run, shorten, stage
from tests.e2e.model.steps import make
from tests.e2e.model.world import Stage


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.model", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long new seeds are run")
    parser.add_argument("--seed", type=int, help="run this one alone")
    parser.add_argument("--length", type=int, default=40, help="steps in a sequence")
    parser.add_argument("--steps", help="run these, with semicolons between")
    parser.add_argument("--shorten", action="store_true", help="leave out what it breaks without")
    parser.add_argument("--go-on", action="store_true", help="also after one that breaks a rule")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        stage(playwright.chromium, Path(folder)) as built,
    ):
        return _sequences(built, chosen)


def _sequences(built: Stage, chosen: argparse.Namespace) -> int:
    end, faults = time.monotonic() + chosen.minutes * 60, 0
    while True:
        seed = chosen.seed if chosen.seed is not None else random.randrange(2**31)
        steps = chosen.steps.split(";") if chosen.steps else make(seed, chosen.length)
        begin = time.monotonic()
        try:
            rules = run(built, [step.strip() for step in steps])
        except Found as found:
            faults += 1
            print(f"seed {seed}: {found}", flush=True)
            if chosen.shorten:
                print(f"shortened: {shorten(built, found)}", flush=True)
        else:
            took = f"{len(steps)} steps, {len(rules.hits)} hits, {time.monotonic() - begin:.1f} s"
            print(f"seed {seed}: {took}", flush=True)
        once = chosen.steps or chosen.seed is not None
        if once or time.monotonic() > end or (faults and not chosen.go_on):
            return 1 if faults else 0


sys.exit(main())
