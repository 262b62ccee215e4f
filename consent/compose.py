"""What a browser gets: the loader for one store, place and language, and what it may fetch.

Parts come built from ``consent/browser`` (the script) and ``snippets/`` (the pixels); this module
only puts them together::

    (LOADER)(CONFIG, [{name, purposes, traces, map, pixel, limit, reload}, ...], [[PART, ...], ...],
             CHOICES, CONTENT, SHA256)

A *part* is a function of the page that a store switched on (``pageviews``, ``wordpress``, ...), so
that no other store pays for it. The second layer comes by itself, when it is wanted.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from consent import data, debug, theme
from consent.banner import Banner, Banners
from consent.campaign import Campaign
from consent.decide import consent_mode
from consent.embeds import Embed
from consent.errors import DataError
from consent.model import (
    CHOOSABLE,
    Pixel,
    Place,
    Purpose,
    Regime,
    Resolution,
    Trace,
    Version,
    canonical,
)
from consent.platforms import Platforms
from consent.platforms import custom as own_pixels
from consent.regions import Regions
from consent.texts import Texts

_NAME = re.compile(r"(?<=[{,])\"([A-Za-z_]\w*)\":", re.ASCII)
# The four that Google's tags measure and advertise by. The loader speaks of all of them.
_RECEIPT = ("line", "download", "text", "failed")
_SECOND_LAYER = ("policy", "choices", "purposes", "gpc")
"""What of a banner's content the second layer draws. ``policy`` stands on both."""
_EAGER = "//# allFunctionsCalledOnLoad\n"
"""Chromium then compiles on another thread while the script comes in, not each function at its
first call: that was a third of the script's time. It does so at each visit, since a script that is
asked for anew (304) is kept without what was compiled of it."""
_SNIPPET_TYPES = ("ad_storage", "ad_user_data", "ad_personalization", "analytics_storage")


class Composer:
    """Puts scripts together. Answers are kept, since a version never changes.

    Raises:
        DataError: at the first use, when the browser code was not built.
    """

    def __init__(
        self,
        regions: Regions,
        platforms: Platforms,
        texts: Texts,
        embeds: Iterable[Embed] = (),
        campaign: Campaign | None = None,
    ) -> None:
        self._regions = regions
        self._platforms = platforms
        self._texts = texts
        self._embeds = [(one.name, one.vendor, one.privacy_url, one.hosts) for one in embeds]
        self._campaign = (campaign or Campaign()).days()
        self._banners = Banners(platforms, texts, self._campaign)
        self._built = lru_cache(maxsize=None)(built)

    @property
    def languages(self) -> tuple[str, ...]:
        return self._texts.languages

    def banner(self, version: Version, resolution: Resolution, language: str) -> Banner:
        """What a visitor is shown in ``language`` where ``resolution`` holds."""
        return self._banners.under(version, resolution, language)

    def find_banner(self, version: Version, sha256: str, language: str) -> Banner | None:
        """The content of ``version`` in ``language`` with that hash, wherever it is shown."""
        return self._banners.find(version, sha256, language)

    def loader(
        self,
        version: Version,
        resolution: Resolution,
        place: Place,
        language: str,
        *,
        gpc: bool,
        first: bool,
    ) -> str:
        """The whole of ``loader.js``.

        Args:
            version: the store's, published.
            resolution: the regime at ``place``.
            place: for the vendors' own limited modes, which go by US state.
            language: one of ``texts.languages``.
            gpc: the request carried ``Sec-GPC: 1``.
            first: the page has no decision, so the banner comes along in the same answer.
        """
        banner = self.banner(version, resolution, language)
        config = self._config(version, resolution, language, gpc=gpc)
        pixels = ",".join(self._pixels(version, resolution, place))
        own = self._platforms.own_statistics(version.config.pixels, resolution)
        parts = ",".join(self._parts(version, resolution.regime, own))
        choices = self._choices(version, resolution)
        drawn = f",{choices},{_first_layer(banner)}" if first else ""
        loader = self._offering("loader", resolution)
        text = f"({loader})({_script(canonical(config))},[{pixels}],[{parts}]{drawn})"
        if first and (own or resolution.regime.model != "opt-in"):
            text = f"({self._built('again')})(()=>{text})"
        return _EAGER + text

    def drawn(
        self, version: Version, resolution: Resolution, language: str, *, gpc: bool
    ) -> dict[str, str]:
        """What draws the banner for somebody who looks at it and is no visitor: the loader of a
        first visit with no pixel and no part in it, and what it fetches, by name.
        """
        banner = self.banner(version, resolution, language)
        config = _script(canonical(self._config(version, resolution, language, gpc=gpc)))
        choices, loader = (self._offering(name, resolution) for name in ("choices", "loader"))
        return {
            "loader": f"({loader})({config},[],[],{choices},{_first_layer(banner)})",
            "preferences": self.preferences(version, resolution, language),
            "optout": self.optout(version, resolution, language),
        }

    def apart(self) -> Composer:
        """Another one that knows the same and has kept nothing yet, for what is not published."""
        apart = copy.copy(self)
        apart._banners = Banners(self._platforms, self._texts, self._campaign)
        return apart

    def choices(self, version: Version, resolution: Resolution, language: str) -> str:
        """``choices.js``: the banner for a page whose loader came without it."""
        banner = self.banner(version, resolution, language)
        return _part(self._choices(version, resolution), _first_layer(banner))

    def preferences(self, version: Version, resolution: Resolution, language: str) -> str:
        """``preferences.js``: the second layer, for a visitor who wants to choose in detail."""
        content = msgspec.json.decode(self.banner(version, resolution, language).content)
        second = {key: content[key] for key in _SECOND_LAYER if key in content}
        texts = self._banners.messages(version, language)
        # No part of the content: it tells of a decision that was made before.
        second["receipt"] = {key: texts[f"receipt.{key}"] for key in _RECEIPT}
        return _part(self._built("preferences"), _script(canonical(second)))

    def content(self, version: Version, resolution: Resolution, language: str) -> str:
        """``content.js``: placeholders for what the page embeds, and the scripts that wait."""
        texts = self._banners.messages(version, language)
        own = ("title", "text", "once", "always", "always_note")
        said: dict[str, Any] = {
            **{key: texts[f"content.{key}"] for key in own},
            "policy": texts["banner.privacy"],
            "waiting": texts["status.waiting"],
            "purposes": {purpose: texts[f"purpose.{purpose}.title"] for purpose in CHOOSABLE},
            "embeds": self._embeds,
        }
        if never := [one for one in CHOOSABLE if one not in resolution.purposes]:
            said["never"] = never
        return _part(self._built("content"), _script(canonical(said)))

    def custom(self, version: Version) -> str:
        """``custom.js``: the store's own code for its own pixels."""
        return _part(self._built("custom"), own_pixels.served(version.config.pixels))

    def focus(self) -> str:
        """``focus.js``: keeps the way back in off what has the focus."""
        return f"pixelgate('part',{self._built('focus')})"

    def optout(self, version: Version, resolution: Resolution, language: str) -> str:
        """``optout.js``: the opt-out icon, and that the browser's signal was honoured."""
        wanted = {
            "icon": resolution.regime.has("opt-out-link"),
            "honoured": self._banners.messages(version, language)["gpc.honoured"],
        }
        return _part(self._built("optout"), _script(canonical(wanted)))

    def debug(self, version: Version, resolution: Resolution, place: Place) -> str:
        """``debug.js``: the debug view, a part of the loader, which waits for it."""
        facts = _script(canonical(debug.facts(version, resolution, place, self._platforms)))
        part = f"page=>({self._built('debug')})(page,stub,{facts})"
        return f"{{let stub=pixelgate;stub.debug={part}}}"

    def services(self, version: Version) -> dict[str, list[tuple[Purpose, ...]]]:
        """The platforms of ``version``, each with the purposes of every pixel of it."""
        found: dict[str, list[tuple[Purpose, ...]]] = {}
        for pixel in version.config.pixels:
            found.setdefault(pixel.key, []).append(self._platforms.purposes(pixel))
        return found

    def snippet(self, store: str, public_url: str) -> str:
        """What the owner pastes, once, as the first script of every page's head.

        It defines the queue, sets Google's and Microsoft's consent defaults to denied before any
        tag of theirs can load, and inserts the loader, telling it the page's language and whether
        a decision is there (``?de,true``). Where the page requires Trusted Types, its one policy
        ``pixelgate`` makes the addresses of scripts, the loader's too (``pixelgate.t``). At most
        600 bytes for an address of 40 characters.
        """
        denied = ",".join(f"{name}:n" for name in _SNIPPET_TYPES)
        return (
            "<script>{let w=window,d=document,n='denied',k=['consent','default'],"
            "s=d.createElement('script'),p=w.pixelgate||=(...a)=>p.q.push([+new Date,a]);p.q||=[];"
            "p.createScriptURL=u=>u;p.t||=w.trustedTypes?.createPolicy('pixelgate',p)||p;"
            f"(function(){{(w.dataLayer||=[]).push(arguments)}})(...k,{{{denied}}});"
            "(w.uetq||=[]).push(...k,{ad_storage:n});s.nonce=d.currentScript.nonce;"
            f"s.src=p.t.createScriptURL(`{public_url}/s/{store}/loader.js?"
            "${d.documentElement.lang},${/pixelgate=/.test(d.cookie)}`);d.head.append(s)}</script>"
        )

    def _config(
        self,
        version: Version,
        resolution: Resolution,
        language: str,
        *,
        gpc: bool,
    ) -> dict[str, Any]:
        regime = resolution.regime
        texts = self._banners.messages(version, language)
        link = regime.has("opt-out-link")
        config = {
            "version": version.number,
            "since": version.asks_since,
            "regime": {
                "model": regime.model,
                "accept": regime.accept_days,
                "refuse": regime.refuse_days,
                **({"wins": 1} if regime.gpc_overrides_choice else {}),
            },
            "language": language,
            "dir": "" if self._texts.direction(language) == "ltr" else "rtl",
            "gpc": gpc,
            "off": resolution.offered(version.config.gpc.refuses),
            "hasty": version.config.release == "at-once",
            "domain": version.config.cookie.domain,
            "entry": texts["entry.choices" if link else "entry.cookies"],
            "icon": int(link or (gpc and regime.model != "opt-in")),
            "theme": theme.css(version.config.banner),
        }
        # What is false or empty need not be sent: every page view pays for it.
        return {name: value for name, value in config.items() if value not in (False, "", 0)}

    def _parts(self, version: Version, regime: Regime, own: tuple[str, ...]) -> Iterator[str]:
        """What this store and this law need besides, each as ``[PART, argument, ...]``.

        ``own`` are the keys of the pixels that are own statistics here.
        """
        if own:
            yield self._called("ownstatistics", own)
        every = (p for p in (*version.config.pixels, *version.former) if self._platforms.knows(p))
        if any(t.kind == "indexeddb" for p in every for t in self._platforms.traces(p)):
            yield self._called("databases")
        google = version.config.google
        settings = [name for name, on in msgspec.structs.asdict(google).items() if on is True]
        advanced = consent_mode(regime, google) == "advanced"
        if settings or advanced:
            yield self._called("google", settings, advanced)
        for name, on in msgspec.structs.asdict(version.config.signals).items():
            if on:
                yield self._called(name)
        if version.config.page_views == "automatic":
            yield self._called("pageviews")
        if version.config.campaign:
            yield self._called("campaign", self._campaign)
        if version.config.coverage:
            yield self._called("coverage")
        if version.variant:
            yield self._called("variant", version.variant)

    def _called(self, part: str, *arguments: object) -> str:
        said = (_script(canonical(argument)) for argument in arguments)
        return f"[{','.join((self._built(part), *said))}]"

    def _offering(self, name: str, resolution: Resolution) -> str:
        """What was built of ``name``, for the purposes that the place offers."""
        if resolution.purposes == CHOOSABLE:
            return self._built(name)
        return self._narrow(name, resolution, ())

    def _choices(self, version: Version, resolution: Resolution) -> str:
        """The same of the choices, which also name the pixels that nobody is told of here. Where a
        visitor is asked first, a yes says nothing of them, wherever it is carried.
        """
        withheld: tuple[str, ...] = ()
        if resolution.regime.model == "opt-in" and resolution.pixels is not None:
            here, gone = self._apart(version, resolution)
            kept = {pixel.key for pixel in here}
            withheld = tuple(sorted({pixel.key for pixel in gone} - kept))
        if not withheld:
            return self._offering("choices", resolution)
        return self._narrow("choices", resolution, withheld)

    def _narrow(self, name: str, resolution: Resolution, withheld: tuple[str, ...]) -> str:
        bound = _script(canonical([resolution.purposes, withheld]))
        return f"(([offered,withheld])=>({self._built(f'{name}-offered')}))({bound})"

    def _pixels(self, version: Version, resolution: Resolution, place: Place) -> Iterator[str]:
        regime = resolution.regime
        advanced = consent_mode(regime, version.config.google) == "advanced"
        here, gone = self._apart(version, resolution)
        for pixel in here:
            facts: dict[str, Any] = {
                "name": pixel.key,
                "purposes": self._platforms.purposes(pixel),
                "traces": _traces(self._platforms.traces(pixel)),
                "map": self._platforms.mapping(pixel),
            }
            limit = self._platforms.after_refusal(pixel, place.code, advanced=advanced)
            if limit:
                facts["limit"] = limit
            # No call of the vendor's stops a library that runs: the page is loaded anew.
            if not self._platforms.of(pixel).consent.stops_sending:
                facts["reload"] = 1
            own = self._platforms.render(
                pixel, automatic=regime.automatic_collection, query=f"?,{version.number}"
            )
            yield f"{_script(canonical(facts))[:-1]},pixel:{own}}}"
        yield from self._gone(here, (*version.former, *gone))

    def _apart(self, version: Version, resolution: Resolution) -> tuple[list[Pixel], list[Pixel]]:
        """The pixels that may run in the place once granted, and those that may not."""
        here: list[Pixel] = []
        gone: list[Pixel] = []
        for pixel in version.config.pixels:
            allowed = resolution.allows(pixel.key, self._platforms.purposes(pixel))
            (here if allowed else gone).append(pixel)
        return here, gone

    def _gone(self, here: Sequence[Pixel], gone: Sequence[Pixel]) -> Iterator[str]:
        """Pixels that the store has removed, or that may not run in this place: they never do, and
        what they left is deleted.

        What a pixel that is still there may leave too, such as the Google tag's ``_ga``, stays.
        """
        traces = self._platforms.traces
        kept = [trace for pixel in here for trace in traces(pixel)]
        for pixel in gone:
            if self._platforms.knows(pixel):
                own = (one for one in traces(pixel) if not any(_meet(one, k) for k in kept))
                facts = {
                    "gone": 1,
                    "name": pixel.key,
                    "purposes": ["gone"],
                    "traces": _traces(own),
                }
                yield f"{_script(canonical(facts))[:-1]},pixel(){{}}}}"


def built(name: str) -> str:
    """The function expression of ``browser/dist/NAME.js``.

    Raises:
        DataError: it was not built.
    """
    path = data.folder("browser") / "dist" / f"{name}.js"
    if not path.is_file():
        raise DataError(
            f"browser/dist/{name}.js", "", "not built; run `make build` in the checkout"
        )
    return data.read_text(path)


def _traces(traces: Iterable[Trace]) -> str:
    """What a platform leaves in the browser of a page of the shop, as sweep.js reads it."""
    kinds: dict[str, list[str]] = {}
    for trace in traces:
        if trace.party == "first":
            # JavaScript knows no escape but of what it has a use for.
            name = re.sub(r"[.+?^${}()|\[\]\\/-]", r"\\\g<0>", trace.name).replace("*", ".*")
            kinds.setdefault(trace.kind[0], []).append(name)
    return "|".join(f"{kind}({'|'.join(names)})" for kind, names in kinds.items())


def _meet(one: Trace, other: Trace) -> bool:
    """Whether something may be called by both names, of which each may be a prefix."""
    a, b = one.name.removesuffix("*"), other.name.removesuffix("*")
    if a == one.name and b == other.name:
        same = a == b
    elif a != one.name and b != other.name:
        same = a.startswith(b) or b.startswith(a)
    else:
        same = b.startswith(a) if a != one.name else a.startswith(b)
    return same and one.kind == other.kind


def _part(function: str, argument: str) -> str:
    """A script that hands one more part to the loader, which is there."""
    return f"pixelgate('part',{function},{argument})"


def _first_layer(banner: Banner) -> str:
    """What the first layer draws of a content, and the whole content's hash, as arguments."""
    content = msgspec.json.decode(banner.content)
    second = set(_SECOND_LAYER) - {"policy"}
    drawn = {key: value for key, value in content.items() if key not in second}
    return f"{_script(canonical(drawn))},{_script(canonical(banner.sha256))}"


def _script(json: bytes) -> str:
    """``json`` as JavaScript, also safe inside a script element of a page."""
    # Names without quotes, which every page view would pay for. Inside a text a quote has a
    # backslash before it, so no text looks like a name there.
    text = _NAME.sub(r"\1:", json.decode("utf-8")).replace("<", "\\u003c")
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
