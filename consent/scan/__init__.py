"""What in a page bypasses the gate, and whether the gate is there. Pure: text in, findings out.

Nothing of the page runs. So what a script loads later is not seen, and a tag that is seen is seen
because it stands there; ``README.md`` beside this file names every kind of finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from consent.embeds import Embeds
from consent.markup import Element, Page
from consent.platforms import Platforms
from consent.platforms import pasted as patterns
from consent.platforms.recognise import JAVASCRIPT, Seen
from consent.scan import findings, pasted, snippet
from consent.scan.findings import Finding
from consent.scan.others import Others, addresses
from consent.scan.parties import Parties
from consent.scan.snippet import Expected, Write

__all__ = ["Expected", "Finding", "Scanner"]

MOST_FINDINGS = 200
_DEFAULT = patterns.code("gtag('consent', 'default', {")
_LONGEST_DEFAULT = 1000


class Scanner:
    """Looks at pages. Nothing in it changes.

    Args:
        write: makes the snippet of this release, as ``Composer.snippet`` does.
        platforms: those to be known.
        embeds: vendors of frames.
        others: other consent systems, and third parties.
    """

    def __init__(self, write: Write, platforms: Platforms, embeds: Embeds, others: Others) -> None:
        self._write = write
        self._platforms = platforms
        self._parties = Parties(platforms, embeds, others)
        self._systems = [(one, addresses(one)) for one in others.systems]

    def page(
        self,
        text: str,
        *,
        url: str = "",
        policies: tuple[str, ...] = (),
        expected: Expected | None = None,
    ) -> list[Finding]:
        """Every finding, the worst first, at most ``MOST_FINDINGS``.

        Args:
            text: the page's HTML.
            url: where it came from; empty for a file.
            policies: its headers ``Content-Security-Policy``.
            expected: the store it belongs to; None when that is not known.
        """
        page = Page(text, url)
        ours = snippet.find(page)
        mine = {one.element.start for one in ours}
        seen = [
            one
            for one in self._platforms.recogniser.page(page)
            if one.element is not None and one.element.start not in mine
        ]
        known = {one.element.start for one in seen if one.element is not None}
        rest = [one for one in page.elements if one.start not in mine and one.start not in known]
        own = [page.address("/"), *(one.service for one in ours)]
        own += expected.config.origins if expected else ()
        others = [*self._other_systems(page, mine), *self._parties.loaded(page, rest, own)]
        rivals = _rivals(page, seen, others)
        found = [
            *snippet.check(page, ours, rivals, self._write, expected),
            *self._blocked(page, ours, policies, expected, url),
            *_elsewhere(url, expected),
            *pasted.check(
                page,
                seen,
                self._platforms,
                expected.config if expected else None,
                told=_are_told_to_wait(page, mine),
            ),
            *pasted.plugins(text, seen, self._platforms),
            *others,
            *_defaults(page, mine),
        ]
        return findings.in_order(found)[:MOST_FINDINGS]

    def _blocked(
        self,
        page: Page,
        ours: list[snippet.Ours],
        policies: tuple[str, ...],
        expected: Expected | None,
        url: str,
    ) -> Iterator[Finding]:
        running = next((one for one in ours if one.runs), None)
        if running is not None:
            origin = "://".join(urlsplit(url)[:2]) if url else ""
            yield from snippet.blocked(page, running, policies, self._platforms, expected, origin)

    def _other_systems(self, page: Page, mine: set[int]) -> Iterator[Finding]:
        """Other consent systems, each once."""
        scripts = [
            one
            for one in page.elements
            if one.name in ("script", "link") and one.state == "live" and one.start not in mine
        ]
        urls = [(one, page.address(one.get("src") or one.get("href"))) for one in scripts]
        for system, places in self._systems:
            element = next(
                (
                    one
                    for one, url in urls
                    if any(patterns.in_address(place, url) is not None for place in places)
                ),
                None,
            ) or next(
                (one for one in scripts if any(m in _written(page, one) for m in system.marks)),
                None,
            )
            if element is not None:
                yield findings.of(
                    page,
                    element,
                    kind="consent-system",
                    severity="error",
                    says=f"{system.name} is in the page, so visitors are asked twice",
                    do=f"remove {system.name}: two banners fight over what may run",
                )


def _rivals(page: Page, seen: list[Seen], others: list[Finding]) -> list[Element]:
    """What has to come after the snippet: everything that fires by itself."""
    lines = {(one.line, one.column) for one in others if one.severity == "error"}
    firing = {one.element.start for one in seen if one.element is not None and one.runs}
    return [
        one
        for one in page.elements
        if one.name == "script" and (one.start in firing or tuple(page.place(one.start)) in lines)
    ]


def _written(page: Page, element: Element) -> str:
    """An element's tag and its text."""
    return page.text[element.start : element.end]


def _defaults(page: Page, mine: set[int]) -> Iterator[Finding]:
    """Consent defaults of the page's own, which speak against the snippet's."""
    for element in page.elements:
        if element.name != "script" or element.state != "live" or element.start in mine:
            continue
        # What ``consent store defaults`` prints is meant to be there.
        if "pixelgate" in element.text or not JAVASCRIPT.fullmatch(element.get("type")):
            continue
        match = _DEFAULT.search(element.text)
        if match and "granted" in element.text[match.end() :][:_LONGEST_DEFAULT].partition("}")[0]:
            start = element.text_start + match.start()
            end = element.text.find(")", match.end(), match.end() + _LONGEST_DEFAULT) + 1
            yield findings.at(
                page,
                start,
                element.text_start + max(end, match.end()),
                kind="consent-default",
                severity="error",
                says="the page tells Google's tags that consent is granted before anybody is asked",
                do="remove this call; the snippet says denied, and the loader what was granted",
            )


def _are_told_to_wait(page: Page, mine: set[int]) -> bool:
    """Whether the page has defaults of its own as ``consent store defaults`` prints them."""
    return any(
        element.name == "script"
        and element.state == "live"
        and element.start not in mine
        and "wait_for_update" in element.text
        and _DEFAULT.search(element.text) is not None
        for element in page.elements
    )


def _elsewhere(url: str, expected: Expected | None) -> Iterator[Finding]:
    origin = "://".join(urlsplit(url)[:2]).lower() if url else ""
    if expected and origin and origin not in expected.config.origins:
        listed = ", ".join(expected.config.origins)
        yield Finding(
            kind="origin",
            severity="error",
            says=f"the page is on {origin}, from where this store takes no decisions",
            do=f"add it to the store's origins, which are {listed}",
        )
