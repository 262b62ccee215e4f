"""What in a page bypasses the gate, and whether the gate is there. Pure: text in, findings out.

Nothing of the page runs. So what a script loads later is not seen, and a tag that is seen is seen
because it stands there; ``README.md`` beside this file names every kind of finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from consent.embeds import Embeds
from consent.markup import Element, Page
from consent.model import host_of
from consent.platforms import Platforms
from consent.platforms import pasted as patterns
from consent.platforms.recognise import DELAYED, JAVASCRIPT, Seen
from consent.scan import findings, pasted, snippet
from consent.scan.findings import Finding, Severity
from consent.scan.others import Others, Places, ThirdParty, addresses
from consent.scan.snippet import Expected, Write

__all__ = ["Expected", "Finding", "Scanner"]

MOST_FINDINGS = 200
_DEFAULT = patterns.code("gtag('consent', 'default', {")
_LONGEST_DEFAULT = 1000
_OF_PARTY: Mapping[str, tuple[str, Severity]] = {
    "tracker": ("tracker", "error"),
    "content": ("content", "warning"),
}
_WAIT = 'make its script wait, with type="text/plain" and data-purpose, or remove it'
_FETCHED = ("preload", "prefetch", "modulepreload", "preconnect", "prerender", "stylesheet")


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
        self._embeds = Places((host, one) for one in embeds for host in one.hosts)
        self._parties = Places((host, one) for one in others.parties for host in one.hosts)
        # A host with the id in it is the shop's own, and known by its id alone.
        self._vendors = Places(
            (host, platform.name)
            for platform in platforms.values()
            for host in platform.hosts.script
            if "{" not in host
        )
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
        others = [*self._other_systems(page, mine), *self._loaded(page, rest, ours, expected)]
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

    def _loaded(
        self,
        page: Page,
        rest: list[Element],
        ours: list[snippet.Ours],
        expected: Expected | None,
    ) -> Iterator[Finding]:
        """What else the page loads from others without asking."""
        own = {_host(page.address("/")), *(_host(one.service) for one in ours)}
        if expected:
            own |= {host_of(origin) for origin in expected.config.origins}
        systems = [place for _, places in self._systems for place in places]
        for element in rest:
            if element.state != "live":
                continue
            url = _fetches(page, element)
            host = _host(url)
            if not host or any(_is_same_site(host, one) for one in own if one):
                continue
            if any(patterns.in_address(place, url) is not None for place in systems):
                continue
            yield from self._third_party(page, element, url, host)

    def _third_party(self, page: Page, element: Element, url: str, host: str) -> Iterator[Finding]:
        def said(kind: str, severity: str, says: str, do: str) -> Finding:
            return findings.of(page, element, kind=kind, severity=severity, says=says, do=do)

        party = self._parties.find(url)
        if element.name == "iframe":
            yield from self._framed(page, element, url, host, party)
        elif element.name == "link" and "stylesheet" not in element.get("rel").lower():
            is_tracker = party is not None and party.kind == "tracker"
            name = party.name if party and is_tracker else self._vendors.find(url)
            if name:
                says = f"the page gets in touch with {name} ({host}) before anybody is asked"
                yield said("hint", "warning", says, "remove this line")
        elif party is not None and party.kind != "tool":
            kind, severity = _OF_PARTY[party.kind]
            yield said(kind, severity, f"{party.name}: loads before anybody is asked", _WAIT)
        elif element.name == "script" and party is None and (name := self._vendors.find(url)):
            says = f"a script of {name} loads before anybody is asked"
            yield said("tracker", "error", says, "remove it, or register it")
        elif element.name == "script" and party is None:
            says = f"a script from {host} loads; it is nobody that we know"
            yield said("unknown", "note", says, f"look at it; if it needs consent, {_WAIT}")

    def _framed(
        self, page: Page, element: Element, url: str, host: str, party: ThirdParty | None
    ) -> Iterator[Finding]:
        embed = self._embeds.find(url)
        if embed is None and party is not None and party.kind == "tool":
            return
        name = embed.name if embed else party.name if party else host
        yield findings.of(
            page,
            element,
            kind="embed",
            severity="warning" if embed or party else "note",
            says=f"content from {name} loads before anybody is asked",
            do='write data-src instead of src, and data-purpose="marketing"',
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


def _fetches(page: Page, element: Element) -> str:
    """The address that a browser would fetch for ``element`` by itself; empty when none."""
    if element.name == "script":
        kind = element.get("type")
        delayed = bool(DELAYED.fullmatch(kind))
        if "data-purpose" in element.attributes or not (JAVASCRIPT.fullmatch(kind) or delayed):
            return ""
        written = element.get("src") or (element.get("data-src") if delayed else "")
    elif element.name == "link":
        written = (
            element.get("href") if set(element.get("rel").lower().split()) & {*_FETCHED} else ""
        )
    elif element.name in ("iframe", "img"):
        written = element.get("src")
    else:
        return ""
    url = page.address(written) if written else ""
    return url if url.startswith(("http://", "https://")) else ""


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


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_same_site(host: str, own: str) -> bool:
    """Whether both are of one registered domain, as far as two labels (or three) tell."""
    parts = own.split(".")
    short = len(parts) > 2 and re.fullmatch(r"(co|com|org|net|gov|ac)", parts[-2])
    site = ".".join(parts[-3 if short else -2 :])
    return host in (own, site) or host.endswith(f".{site}")
