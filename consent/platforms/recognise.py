"""Which platforms stand in a page, or in what somebody pasted, and with which ids.

``platform.toml`` says what each one's snippet looks like (``[pasted]``). What code does is not
worked out: an id that a page puts together while it runs is not found, its platform is.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from consent.markup import Element, Page
from consent.platforms import pasted
from consent.platforms.files import Platform, matches
from consent.platforms.pasted import Address, Sighting

Form = Literal["library", "code", "app", "image", "frame"]
"""``app``: what an app of a shop system, or a plugin, writes about a pixel that it brings."""
LONGEST_PASTE = 100_000
_LONGEST_CODE = 1_000_000
"""Of one script; a larger one is an application, in which a snippet comes first."""

JAVASCRIPT = re.compile(r"(?:|module|(?:text|application)/(?:x-)?(?:java|ecma)script)", re.I)
"""The types of scripts that a browser runs. Source: https://mimesniff.spec.whatwg.org/."""
DELAYED = re.compile(
    r"(?:[\da-f]+-(?:text|application)/javascript|rocketlazyloadscript|litespeed/javascript"
    r"|text/(?:partytown|psajs|flyingscripts))",
    re.I,
)
"""Types that a speed plugin runs by itself, later and without asking anybody."""

# Comments, and what may hold something that only looks like one. Each alternative takes what it
# begins, so the whole is linear.
_CODE = re.compile(
    r"""(?P<comment>//[^\n]*+|/\*[\s\S]*?(?:\*/|\Z))"""
    r"""|"(?:[^"\\\n]|\\[\s\S])*+"?|'(?:[^'\\\n]|\\[\s\S])*+'?|`(?:[^`\\]|\\[\s\S])*+`?"""
    r"""|(?:[=(,:;!&|?{}\[+]|return)\s{0,20}+/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.){1,60}+\])"""
    r"""{1,500}+/"""
)


class Seen(NamedTuple):
    """A platform in one element of a page.

    ``ids`` is empty when its id is not written there. ``runs``: a browser would run it as it is;
    ``at`` and ``to`` are offsets of what gave it away.
    """

    platform: str
    ids: tuple[str, ...]
    form: Form
    element: Element | None
    runs: bool
    at: int
    to: int


class Known(NamedTuple):
    """A platform's patterns, ready to match."""

    platform: Platform
    addresses: Mapping[Form, tuple[Address, ...]]

    def fits(self, text: str) -> bool:
        return matches(self.platform.id_pattern, text)

    def ids(self, sightings: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
        return tuple(pasted.ids(self.platform.pasted.id, list(sightings), self.fits))


class Recogniser:
    """Knows the snippets of ``platforms``."""

    def __init__(self, platforms: Iterable[Platform]) -> None:
        self._known = tuple(map(_known, platforms))

    def page(self, page: Page) -> list[Seen]:
        """Every platform in ``page``, in the order of the page."""
        seen = [one for element in page.elements for one in self._element(page, element)]
        return sorted(seen, key=lambda one: one.at)

    def text(self, text: str) -> list[tuple[str, str]]:
        """The platforms and ids in what somebody pasted, each once, in its order.

        Args:
            text: HTML or code; what is past ``LONGEST_PASTE`` is not read. An id is empty when
                the platform is known and its id is not there.
        """
        page = Page(text[:LONGEST_PASTE])
        seen = self.page(page)
        if "<script" not in page.text.lower():
            seen += self._code(page.text, 0, None, runs=True)
        found = dict.fromkeys((one.platform, id_) for one in seen for id_ in one.ids)
        with_id = {platform for platform, _ in found}
        bare = ((one.platform, "") for one in seen if one.platform not in with_id)
        return list(dict.fromkeys((*found, *bare)))

    def bare(self, text: str) -> list[str]:
        """The platforms of which ``text``, an id alone, may be one."""
        return [known.platform.key for known in self._known if known.fits(text.strip())]

    def plugins(self, text: str) -> list[tuple[str, str]]:
        """Platform and plugin, for each plugin whose mark stands in a page's text."""
        return [
            (known.platform.key, name)
            for known in self._known
            for name, mark in known.platform.pasted.plugins.items()
            if mark in text
        ]

    def _element(self, page: Page, element: Element) -> Iterator[Seen]:
        if element.name == "script":
            yield from self._script(page, element)
        elif element.name in ("iframe", "img") and element.get("src"):
            url, runs = page.address(element.get("src")), element.state in ("live", "noscript")
            if element.name == "iframe":
                yield from self._at(url, "frame", element, runs=runs)
            else:
                yield from self._at(url, "image", element, runs=runs)

    def _script(self, page: Page, element: Element) -> Iterator[Seen]:
        kind = element.get("type")
        delayed = bool(DELAYED.fullmatch(kind))
        if "/json" in kind or "+json" in kind:
            return
        runs = element.state == "live" and bool(JAVASCRIPT.fullmatch(kind) or delayed)
        written = element.get("src") or element.get("data-src") or element.get("data-rocket-src")
        if written:
            yield from self._at(page.address(written), "library", element, runs=runs)
        if not element.get("src"):
            yield from self._code(element.text, element.text_start, element, runs=runs)

    def _code(
        self, text: str, offset: int, element: Element | None, *, runs: bool
    ) -> Iterator[Seen]:
        """What stands in code; what is commented out there too, as something that does not run."""
        text = text[:_LONGEST_CODE]
        found = [(known, *_in_code(known, text)) for known in self._known]
        if not any(proofs for _, proofs, _ in found):
            return
        comments = _Spans(match.span() for match in _CODE.finditer(text) if match["comment"])
        seen: list[tuple[Seen, frozenset[int]]] = []
        for known, proofs, places in found:
            for quiet in (False, True):
                mine = [one for one in proofs if comments.cover(one.start) is quiet]
                if mine:
                    ids = known.ids(one.parts for one in (*mine, *places))
                    at, to = offset + min(mine).start, offset + min(mine).end
                    key, runs_now = known.platform.key, runs and not quiet
                    form: Form = "app" if all(one.is_app for one in mine) else "code"
                    said = Seen(key, ids, form, element, runs_now, at, to)
                    seen.append((said, frozenset(one.start for one in mine)))
        yield from _own(seen)

    def _at(self, url: str, form: Form, element: Element, *, runs: bool) -> Iterator[Seen]:
        """The platforms whose address ``url`` is; by its id where several have one library."""
        seen = []
        for known in self._known:
            for pattern in known.addresses[form]:
                parts = pasted.in_address(pattern, url)
                if parts is not None:
                    ids, at, to = known.ids([parts]), element.start, element.end
                    seen.append(Seen(known.platform.key, ids, form, element, runs, at, to))
                    break
        yield from [one for one in seen if one.ids] or seen[:1]


class _Spans:
    """Stretches of a text that do not overlap, in their order."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._spans = list(spans)

    def cover(self, at: int) -> bool:
        before = bisect_right(self._spans, (at, sys.maxsize)) - 1
        return before >= 0 and at < self._spans[before][1]


def _known(platform: Platform) -> Known:
    own, library = platform.pasted, platform.script_url.partition("://")[2]
    # A library on the shop's own host is named by the table alone.
    scripts = own.scripts if "{host}" in library else (library, *own.scripts)
    forms: dict[Form, tuple[str, ...]] = {
        "library": scripts,
        "image": own.images,
        "frame": own.frames,
    }
    return Known(
        platform, {form: tuple(map(pasted.address, those)) for form, those in forms.items()}
    )


def _in_code(known: Known, text: str) -> tuple[list[Sighting], list[Sighting]]:
    """What proves that ``text`` has code of the vendor's, and where ids may stand in it."""
    own = known.platform.pasted
    proofs = list(pasted.in_code(own.code, text))
    apps = pasted.in_code(own.apps, text)
    proofs += [one._replace(is_app=True) for one in apps if known.ids([one.parts])]
    for pattern in (*known.addresses["library"], *known.addresses["frame"]):
        proofs += pasted.mentions(pattern, text)
    return proofs, list(pasted.in_code(own.ids, text)) if proofs else []


def _own(seen: list[tuple[Seen, frozenset[int]]]) -> Iterator[Seen]:
    """``seen`` without those that are known only by what belongs to another one.

    Systems of one vendor share calls and libraries: there the id decides, else the first one.
    """
    taken = {at for one, starts in seen if one.ids for at in starts}
    for one, starts in seen:
        if one.ids:
            yield one
        elif not starts <= taken:
            taken |= starts
            yield one
