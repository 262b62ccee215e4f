"""What a browser gets: the loader for one store, place and language, and what its banner says.

The banner's *content* (texts, purposes, services) is data with a SHA-256. The page posts that hash
with a decision, the ledger keeps the content, and the same script draws it again for legal.

Parts come built from ``consent/browser`` (the script) and ``snippets/`` (the pixels); this module
only puts them together::

    (LOADER)(CONFIG, [[platform, purposes, traces, FACTORY, limit], ...], CHOICES, CONTENT, SHA256)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

from consent import data
from consent.errors import DataError
from consent.model import CHOOSABLE, Model, Place, Purpose, Regime, Resolution, Version, canonical
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts

_KEPT = 4096
_TRACE_LETTERS = {"cookie": "c", "local": "l", "session": "s", "indexeddb": "i"}
# The four that Google's tags measure and advertise by. The loader speaks of all of them.
_SNIPPET_TYPES = ("ad_storage", "ad_user_data", "ad_personalization", "analytics_storage")


class Banner(msgspec.Struct, frozen=True):
    """What a banner says, as canonical JSON, and that text's SHA-256 in hex."""

    sha256: str
    content: bytes


class Shape(msgspec.Struct, frozen=True):
    """All that a banner's content takes from a regime. Two regimes of one shape look alike."""

    model: Model
    close: bool
    link: bool
    status: bool

    @classmethod
    def of(cls, regime: Regime) -> Shape:
        return cls(
            regime.model,
            regime.has("close-refuses"),
            regime.has("opt-out-link"),
            regime.has("gpc-status"),
        )

    @classmethod
    def every(cls) -> Iterator[Shape]:
        models: tuple[Model, ...] = ("opt-in", "opt-out", "notice")
        flags = (True, False)
        for model in models:
            yield from (cls(model, c, k, s) for c in flags for k in flags for s in flags)


class Composer:
    """Puts scripts together. Answers are kept, since a version never changes.

    Raises:
        DataError: at the first use, when the browser code was not built.
    """

    def __init__(self, regions: Regions, platforms: Platforms, texts: Texts) -> None:
        self._regions = regions
        self._platforms = platforms
        self._texts = texts
        self._banners: dict[tuple[int, Shape, str], Banner] = {}
        self._by_hash: dict[tuple[int, str], dict[str, Banner]] = {}

    @cached_property
    def _loader(self) -> str:
        return _built("loader.js")

    @cached_property
    def _choices(self) -> str:
        return _built("choices.js")

    @property
    def languages(self) -> tuple[str, ...]:
        return self._texts.languages

    def banner(self, version: Version, resolution: Resolution, language: str) -> Banner:
        """What a visitor under this regime is shown in ``language``."""
        return self._of_shape(version, Shape.of(resolution.regime), language)

    def find_banner(self, version: Version, sha256: str, language: str) -> Banner | None:
        """The content of ``version`` in ``language`` with that hash, under whichever regime."""
        if language not in self._texts.languages:
            return None
        known = self._by_hash.get((version.id, language))
        if known is None:
            every = [self._of_shape(version, shape, language) for shape in Shape.every()]
            if len(self._by_hash) >= _KEPT:
                self._by_hash.clear()
            known = self._by_hash[version.id, language] = {one.sha256: one for one in every}
        return known.get(sha256)

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
        config = self._config(version, resolution.regime, language, gpc=gpc)
        pixels = ",".join(self._pixels(version, place))
        drawn = f",{self._choices},{_told(banner)}" if first else ""
        return f"({self._loader})({_script(canonical(config))},[{pixels}]{drawn})"

    def choices(self, version: Version, resolution: Resolution, language: str) -> str:
        """``choices.js``: the banner for a page whose loader came without it."""
        banner = self.banner(version, resolution, language)
        return f"pixelgate('ui',{self._choices},{_told(banner)})"

    def snippet(self, store: str, public_url: str) -> str:
        """What the owner pastes, once, as the first script of every page's head.

        It defines the queue, sets Google's and Microsoft's consent defaults to denied before any
        tag of theirs can load, and inserts the loader, telling it the page's language (``l``) and
        whether a decision is there (``c``). At most 600 bytes for an address of 40 characters.
        """
        denied = ",".join(f"{name}:n" for name in _SNIPPET_TYPES)
        return (
            "<script>{let w=window,d=document,n='denied',k=['consent','default'],"
            "s=d.createElement('script'),p=w.pixelgate=w.pixelgate||"
            "((...a)=>p.q.push([Date.now(),a]));p.q=p.q||[];"
            "(function(){(w.dataLayer=w.dataLayer||[]).push(arguments)})"
            f"(...k,{{{denied}}});(w.uetq=w.uetq||[]).push(...k,{{ad_storage:n}});"
            "s.nonce=d.currentScript.nonce;"
            f"s.src=`{public_url}/s/{store}/loader.js?l=${{d.documentElement.lang}}"
            "\\x26c=${/pixelgate=/.test(d.cookie)}`;"
            "s.onerror=()=>console.warn('pixelgate: no answer');d.head.append(s)}</script>"
        )

    def _config(
        self,
        version: Version,
        regime: Regime,
        language: str,
        *,
        gpc: bool,
    ) -> dict[str, Any]:
        texts = self._texts.messages(language)
        link = regime.has("opt-out-link")
        config = {
            "version": version.number,
            "since": version.asks_since,
            "regime": {
                "model": regime.model,
                "accept": regime.accept_days,
                "refuse": regime.refuse_days,
                "wins": regime.gpc_overrides_choice,
            },
            "language": language,
            "dir": self._texts.direction(language),
            "gpc": gpc,
            "gpcRefuses": version.config.gpc.refuses,
            "wait": version.config.release == "after-receipt",
            "entry": texts["entry.choices" if link else "entry.cookies"],
            "icon": link,
            "honoured": texts["gpc.honoured"] if regime.model != "opt-in" else "",
        }
        # What is false or empty need not be sent: every page view pays for it.
        return {name: value for name, value in config.items() if value not in (False, "")}

    def _pixels(self, version: Version, place: Place) -> Iterator[str]:
        for pixel in version.config.pixels:
            traces: dict[str, list[str]] = {}
            for trace in self._platforms.traces(pixel):
                if trace.party == "first":
                    traces.setdefault(_TRACE_LETTERS[trace.kind], []).append(trace.name)
            facts = canonical((pixel.platform, self._platforms.purposes(pixel), traces))
            limit = self._platforms.limit(pixel.platform, place.code)
            mode = f",{_script(canonical(limit))}" if limit and pixel.opt_out == "limit" else ""
            yield f"{_script(facts)[:-1]},{self._platforms.render(pixel)}{mode}]"

    def _of_shape(self, version: Version, shape: Shape, language: str) -> Banner:
        key = (version.id, shape, language)
        banner = self._banners.get(key)
        if banner is None:
            content = canonical(self._content(version, shape, language))
            banner = Banner(hashlib.sha256(content).hexdigest(), content)
            if len(self._banners) >= _KEPT:
                self._banners.clear()
            self._banners[key] = banner
        return banner

    def _content(self, version: Version, shape: Shape, language: str) -> dict[str, Any]:
        texts = self._texts.messages(language)
        config = version.config
        count = str(len({pixel.platform for pixel in config.pixels}))
        content: dict[str, Any] = {
            "language": language,
            "dir": self._texts.direction(language),
            "layout": config.banner.layout,
            "region": texts["status.region_label"],
            "policy": texts["banner.privacy"],
            "saved": texts["status.saved"],
            "waiting": texts["status.waiting"],
            "banner": {
                "title": texts["banner.title"],
                "text": texts["banner.text"].replace("{count}", count),
                **{key: texts[f"banner.{key}"] for key in ("accept", "reject", "choose")},
            },
            "choices": {
                key: texts[f"choices.{key}"]
                for key in (
                    *("title", "text", "save", "accept", "reject"),
                    *("close", "always", "services", "none"),
                )
            },
            "purposes": [
                self._purpose(version, purpose, texts) for purpose in ("necessary", *CHOOSABLE)
            ],
        }
        if config.privacy_url:
            content["privacy"] = config.privacy_url
        if config.banner.accent:
            content["accent"] = config.banner.accent
        if shape.close:
            content["close"] = texts["banner.close"]
            content["close_note"] = texts["banner.close_note"]
        if shape.status:
            content["gpc"] = texts["gpc.text"]
        if shape.model != "opt-in":
            content["notice"] = {
                "title": texts["notice.title"],
                "text": texts["notice.text" if shape.link else "notice.text_plain"].replace(
                    "{count}", count
                ),
                "accept": texts["notice.accept"],
                "reject": texts["notice.reject" if shape.link else "banner.reject"],
            }
        return content

    def _purpose(
        self, version: Version, purpose: Purpose, texts: Mapping[str, str]
    ) -> dict[str, Any]:
        services = {
            pixel.platform: self._platforms[pixel.platform]
            for pixel in version.config.pixels
            if purpose in self._platforms.purposes(pixel)
        }
        return {
            "key": purpose,
            "title": texts[f"purpose.{purpose}.title"],
            "text": texts[f"purpose.{purpose}.text"],
            "services": [
                {"name": p.name, "vendor": p.vendor, "privacy": p.privacy_url}
                for p in services.values()
            ],
        }


def _built(name: str) -> str:
    path = data.folder("browser") / "dist" / name
    if not path.is_file():
        raise DataError(f"browser/dist/{name}", "", "not built; run `make build` in the checkout")
    return data.read_text(path)


def _told(banner: Banner) -> str:
    """A banner's content and its hash, as the last two arguments of a script."""
    return f"{_script(banner.content)},{_script(canonical(banner.sha256))}"


def _script(json: bytes) -> str:
    """``json`` as JavaScript, also safe inside a script element of a page."""
    text = json.decode("utf-8").replace("<", "\\u003c")
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
