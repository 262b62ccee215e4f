"""Is our snippet in the page: once, first, as it is today, for this store and this service?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from consent import csp
from consent.markup import Element, Page
from consent.model import StoreConfig
from consent.platforms import Platforms
from consent.platforms.recognise import DELAYED, JAVASCRIPT
from consent.scan import findings, policy
from consent.scan.findings import Finding

_LOADER = re.compile(r"(https?://[^\s\"'`<>\\]{1,200}?)/s/([a-z0-9-]{1,64})/loader\.js")
_OUTSIDE = ("csp-pixels",)
"""Kinds that the snippet can live with."""

Write = Callable[[str, str], str]
"""The snippet of today's release, for a store's key and the service's public URL."""


class Expected(NamedTuple):
    """The store that the page belongs to, and where its service is."""

    config: StoreConfig
    service: str


class Ours(NamedTuple):
    """Our snippet, or a script that only loads the loader."""

    element: Element
    service: str
    store: str
    whole: bool

    @property
    def runs(self) -> bool:
        kind = self.element.get("type")
        return self.element.state == "live" and bool(JAVASCRIPT.fullmatch(kind))


def find(page: Page) -> list[Ours]:
    """Each of ours in ``page``, in its order, also those that do not run."""
    found = []
    for element in page.elements:
        if element.name != "script":
            continue
        src = element.get("src")
        match = _LOADER.search(src or element.text)
        if match and (src or "pixelgate" in element.text):
            found.append(Ours(element, match[1], match[2], not src))
    return found


def check(
    page: Page,
    ours: list[Ours],
    rivals: list[Element],
    write: Write,
    expected: Expected | None,
) -> Iterator[Finding]:
    """What is wrong with the snippet in ``page``.

    Args:
        page: the page.
        ours: as ``find`` gives them.
        rivals: the elements that load tags by themselves, in the page's order.
        write: makes the snippet of today.
        expected: None when it is not known which store it is.
    """
    running = [one for one in ours if one.runs]
    paste = "paste the snippet as the first script of <head> (consent store snippet KEY prints it)"
    if not running:
        yield Finding(
            kind="snippet-missing",
            severity="error",
            says="the snippet is not in the page",
            do=paste,
        )
    for one in ours:
        if not one.runs:
            yield findings.of(
                page,
                one.element,
                kind="snippet-held",
                severity="error" if not running else "note",
                says=f"the snippet is there, but {_why_held(one.element)}, so it does not run",
                do="put it into the page as it is printed, without anything that holds it",
            )
    for one in running[1:]:
        yield findings.of(
            page,
            one.element,
            kind="snippet-twice",
            severity="error",
            says="the snippet is in the page a second time",
            do="remove this copy",
        )
    if running:
        yield from _first(page, running[0], rivals, write, expected)


def blocked(
    page: Page,
    ours: Ours,
    headers: tuple[str, ...],
    platforms: Platforms,
    expected: Expected | None,
    origin: str,
) -> Iterator[Finding]:
    """What of ours the page's policy stops."""
    config = expected.config if expected else None
    known = config is not None and all(platforms.knows(pixel) for pixel in config.pixels)
    needed = csp.policy(config, platforms, ours.service) if config and known else {}
    for stop in policy.stops(policy.of(page, headers), ours.element, ours.service, needed, origin):
        yield findings.of(
            page,
            ours.element,
            kind=stop.kind,
            severity="warning" if stop.kind in _OUTSIDE else "error",
            says=stop.says,
            do=f"{stop.do}; consent store csp {ours.store} prints the whole policy",
        )


def _first(
    page: Page, one: Ours, rivals: list[Element], write: Write, expected: Expected | None
) -> Iterator[Finding]:
    def said(kind: str, severity: str, says: str, do: str) -> Finding:
        return findings.of(page, one.element, kind=kind, severity=severity, says=says, do=do)

    # The service may stand behind a path of its own address, as in the demo.
    if expected and not f"{one.service}/".startswith(f"{expected.service}/"):
        yield said(
            "snippet-service",
            "error",
            f"the snippet asks the service at {one.service}, not at {expected.service}",
            "paste the snippet of this service, or set CONSENT_PUBLIC_URL",
        )
    if expected and one.store != expected.config.key:
        yield said(
            "snippet-store",
            "error",
            f"the snippet is of the store {one.store}, not of {expected.config.key}",
            "paste the snippet of this store",
        )
    if not one.whole:
        yield said(
            "snippet-partial",
            "error",
            "only the loader is there, so Google's and Microsoft's tags are not told to wait",
            "paste the whole snippet in its place",
        )
    elif _plain(one.element.text) != _plain(_inside(write(one.store, one.service))):
        yield said(
            "snippet-old",
            "warning",
            "the snippet is not the one of this release, or has been changed",
            f"paste it anew: consent store snippet {one.store}",
        )
    before = [rival for rival in rivals if rival.start < one.element.start]
    if before:
        place = page.place(before[0].start)
        where = "the first in" if before[1:] else "in"
        yield said(
            "snippet-late",
            "error",
            f"{_count(before)} before the snippet, {where} line {place.line}",
            "move the snippet up, so that it is the first script of <head>",
        )
    body = next((e for e in page.elements if e.name == "body" and e.state == "live"), None)
    if body is not None and body.start < one.element.start:
        yield said(
            "snippet-body",
            "warning",
            "the snippet stands in <body>, so the banner comes late",
            "move it up into <head>",
        )


def _count(rivals: list[Element]) -> str:
    return "a tag stands" if len(rivals) == 1 else f"{len(rivals)} tags stand"


def _why_held(element: Element) -> str:
    if element.state == "commented":
        return "it is commented out"
    if element.state == "noscript":
        return "it stands in <noscript>"
    if element.state == "inert":
        return "it stands in a <template>"
    if DELAYED.fullmatch(element.get("type")):
        return "a speed plugin delays it"
    return f"its type is {element.get('type')[:40]!r}"


def _inside(snippet: str) -> str:
    return snippet.partition(">")[2].rpartition("</script>")[0]


def _plain(text: str) -> str:
    return " ".join(text.split())
