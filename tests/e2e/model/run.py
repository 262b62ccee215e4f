"""Sequences: run one, and make one that breaks a rule shorter."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, BrowserType, Error

from tests import browser_setup
from tests.e2e.model.rules import Rules
from tests.e2e.model.servers import ModelShop, Vendors
from tests.e2e.model.service import MovableService
from tests.e2e.model.steps import perform
from tests.e2e.model.stores import CONFIGS
from tests.e2e.model.world import Broken, Stage, World

_NUMBERS = itertools.count(1)


class Found(AssertionError):
    """A sequence broke a rule: ``cause`` says which, ``done`` are the steps up to there."""

    def __init__(self, cause: Exception, done: Sequence[str], log: Sequence[str]) -> None:
        steps = "; ".join(done)
        super().__init__(
            f"{cause}\nafter {len(done)} steps; again with\n"
            f'  python -m tests.e2e.model --steps "{steps}"\n' + "\n".join(log)
        )
        self.cause, self.done = cause, list(done)

    @property
    def rule(self) -> str:
        return self.cause.rule if isinstance(self.cause, Broken) else type(self.cause).__name__


@contextlib.contextmanager
def stage(chromium: BrowserType, folder: Path) -> Iterator[Stage]:
    """The service, the shop, the vendors, and a browser that knows of nothing else."""
    path = browser_setup.find()
    if path is None:
        raise AssertionError(browser_setup.MISSING)
    vendors, shop, service = Vendors(folder), ModelShop(), MovableService(folder)
    browser: Browser = chromium.launch(
        executable_path=path,
        args=[*browser_setup.FLAGS, *vendors.chromium_flags()],
        # Pages that come back as they were left are part of the model.
        ignore_default_args=["--disable-back-forward-cache"],
    )
    try:
        yield Stage(browser, service, shop, vendors)
    finally:
        browser.close()
        service.stop()
        shop.stop()
        vendors.stop()


def run(stage: Stage, steps: Sequence[str], *, also: str = "") -> Rules:
    """Performs ``steps`` for a new visitor of a new store, and holds the rules up after each.

    Args:
        stage: what all sequences share.
        steps: as ``steps.make`` gives them.
        also: what else stands in every page, after the snippet.

    Raises:
        Found: one does not hold, or a step could not be performed.
    """
    key = f"model{next(_NUMBERS)}"
    stage.shop.snippet = stage.service.snippet(key) + also
    world = World(stage, key)
    done: list[str] = []
    try:
        world.publish(CONFIGS["all"])
        rules = Rules(world)
        for step in steps:
            done.append(step)
            perform(world, step)
            if not step.endswith("!"):
                rules.hold()
    except (Broken, AssertionError, Error) as error:
        raise Found(error, done, _log(world)) from error
    finally:
        world.close()
    return rules


def shorten(stage: Stage, found: Found, *, tries: int = 2) -> Found:
    """A sequence that breaks the same rule with fewer steps: none of them can be left out."""
    size = max(1, len(found.done) // 2)
    while size:
        at = 0
        while at < len(found.done):
            fewer = found.done[:at] + found.done[at + size :]
            shorter = _breaks(stage, fewer, found.rule, tries)
            if shorter is None:
                at += size
            else:
                found = shorter
        size //= 2
    return found


def _breaks(stage: Stage, steps: Sequence[str], rule: str, tries: int) -> Found | None:
    for _ in range(tries):
        try:
            run(stage, steps)
        except Found as found:
            if found.rule == rule:
                return found
    return None


def _log(world: World) -> list[str]:
    """What happened, in the order of its moments."""
    lines = []
    for sent in world.sent:
        id_ = (sent.content or {}).get("id", "")[:8]
        lines.append((sent.at, f"sent      {sent.url[:110]} {id_}"))
    for act in world.truth.decisions():
        lines.append((act.begin, f"act       {act.kind} granting {sorted(act.grants)}"))
    for post in world.posted():
        said = f"{post.content['action']} {post.id[:8]}: {post.status}"
        lines.append((post.answered, f"answer    {said}"))
    for event in world.events.values():
        lines.append((event.begin, f"event     {event.id} {event.name} on {event.doc.serial}"))
    for tab in world.tabs:
        for doc in tab.docs.values():
            signal = ", GPC" if doc.gpc else ""
            lines.append((doc.at, f"page      {doc.serial} in {doc.place.name}{signal}"))
    first = min((at for at, _ in lines), default=0.0)
    return [f"  {at - first:8.3f}  {text}" for at, text in sorted(lines)]
