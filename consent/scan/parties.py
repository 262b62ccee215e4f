"""What a page loads from others without asking: scripts, pictures, styles, frames, and hints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from urllib.parse import urlsplit

from consent.embeds import Embeds
from consent.markup import Element, Page
from consent.platforms import Platforms
from consent.platforms import pasted as patterns
from consent.platforms.recognise import DELAYED, JAVASCRIPT
from consent.scan import findings
from consent.scan.findings import Finding, Severity
from consent.scan.others import Others, Places, ThirdParty, addresses

_OF_PARTY: Mapping[str, tuple[str, Severity]] = {
    "tracker": ("tracker", "error"),
    "content": ("content", "warning"),
}
_LOADED = {"script": "a script", "link": "a style", "img": "a picture"}
_WAIT = 'make its script wait, with type="text/plain" and data-purpose, or remove it'
_FETCHED = ("preload", "prefetch", "modulepreload", "preconnect", "prerender", "stylesheet")
_LONGEST_CODE = 1_000_000
_MOST_NAMED = 1000
# An address of a script inside code, as loaders of all kinds write it.
_NAMED = re.compile(
    r"""(?:\\?/){2}((?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,20}(?:\\?/[^\s"'`<>?\\/]{0,100}){0,12}\.js)\b""",
    re.ASCII,
)


class Parties:
    """Who is known by the hosts that things come from."""

    def __init__(self, platforms: Platforms, embeds: Embeds, others: Others) -> None:
        self._embeds = Places((host, one) for one in embeds for host in one.hosts)
        self._parties = Places((host, one) for one in others.parties for host in one.hosts)
        # A host with the id in it is the shop's own, and known by its id alone.
        self._vendors = Places(
            (host, platform.name)
            for platform in platforms.values()
            for host in platform.hosts.script
            if "{" not in host
        )
        self._systems = [place for one in others.systems for place in addresses(one)]

    def loaded(self, page: Page, rest: list[Element], own: Iterable[str]) -> Iterator[Finding]:
        """What ``rest`` loads from others; hosts that nobody knows are told once each.

        Args:
            page: the page.
            rest: elements that are nothing of ours, and no pixel of a known platform.
            own: addresses of the page, of its shop and of the service.
        """
        sites = {_site(_host(one)) for one in own} - {""}
        told: set[str] = set()
        for element in rest:
            if element.state != "live":
                continue
            url = _fetches(page, element)
            host = _host(url)
            if not host:
                yield from self._inline(page, element)
                continue
            if any(host == one or host.endswith(f".{one}") for one in sites):
                continue
            if any(patterns.in_address(place, url) is not None for place in self._systems):
                continue
            for found in self._third_party(page, element, url, host):
                if found.severity != "note" or host not in told:
                    yield found
                    told.add(host)

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
            says = f"{_LOADED[element.name]} of {party.name} loads before anybody is asked"
            yield said(kind, severity, says, _WAIT if element.name == "script" else "remove it")
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

    def _inline(self, page: Page, element: Element) -> Iterator[Finding]:
        """Trackers whose script the page's own code brings, each once in an element."""
        if element.name != "script" or not _runs(element):
            return
        told: set[str] = set()
        for match in islice(_NAMED.finditer(element.text[:_LONGEST_CODE]), _MOST_NAMED):
            party = self._parties.find("https://" + match[1].replace("\\", ""))
            if party is None or party.kind != "tracker" or party.name in told:
                continue
            told.add(party.name)
            at = element.text_start
            yield findings.at(
                page,
                at + match.start(),
                at + match.end(),
                kind="tracker",
                severity="error",
                says=f"the page's code brings a script of {party.name} before anybody is asked",
                do=_WAIT,
            )


def _runs(element: Element) -> bool:
    kind = element.get("type")
    waits = "data-purpose" in element.attributes
    return not waits and bool(JAVASCRIPT.fullmatch(kind) or DELAYED.fullmatch(kind))


def _fetches(page: Page, element: Element) -> str:
    """The address that a browser would fetch for ``element`` by itself; empty when none."""
    written = ""
    if element.name == "script" and _runs(element):
        written = element.get("src")
        if DELAYED.fullmatch(element.get("type")):
            written = written or element.get("data-src") or element.get("data-rocket-src")
    elif element.name == "link" and set(element.get("rel").lower().split()) & {*_FETCHED}:
        written = element.get("href")
    elif element.name in ("iframe", "img"):
        written = element.get("src")
    url = page.address(written) if written else ""
    return url if url.startswith(("http://", "https://")) else ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _site(host: str) -> str:
    """The registered domain of ``host``, as far as two labels (or three) tell."""
    parts = host.split(".")
    short = len(parts) > 2 and re.fullmatch(r"co|com|org|net|gov|ac", parts[-2])
    return ".".join(parts[-3 if short else -2 :])
