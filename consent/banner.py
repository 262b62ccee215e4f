"""What a banner says: texts, purposes and services, as data with a SHA-256.

The page posts that hash with a decision, the ledger keeps the content, and the same script draws it
again for legal.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from consent import campaign, theme
from consent.model import (
    CHOOSABLE,
    Layout,
    Model,
    Pixel,
    Purpose,
    Resolution,
    Rules,
    Version,
    allowed,
    canonical,
)
from consent.platforms import Platforms
from consent.texts import Texts

_KEPT = 4096
_MOST_OFFERS = 8
"""Of one version, whose banners are looked through by hash; a store has one or two."""


class Banner(msgspec.Struct, frozen=True):
    """What a banner says, as canonical JSON, and that text's SHA-256 in hex."""

    sha256: str
    content: bytes


class Offer(msgspec.Struct, frozen=True):
    """All that a banner's content takes from a store's rules for a place; see ``Resolution``."""

    layout: Layout | None = None
    purposes: tuple[Purpose, ...] = CHOOSABLE
    pixels: tuple[str, ...] | None = None

    @classmethod
    def of(cls, resolution: Resolution) -> Offer:
        return cls(resolution.layout, resolution.purposes, resolution.pixels)

    @classmethod
    def every(cls, rules: Rules) -> Iterator[Offer]:
        """Whatever ``rules`` may come to in some place, but for what no place needs to have."""
        stated = [rule for _, layer in rules.layers for rule in layer.values()]
        layouts = dict.fromkeys((None, *(rule.layout for rule in stated)))
        named = (rule.purposes for rule in stated if rule.purposes is not None)
        offered = (tuple(one for one in CHOOSABLE if one in purposes) for purposes in named)
        pixels = dict.fromkeys((None, *(rule.pixels for rule in stated)))
        some = itertools.product(layouts, dict.fromkeys((CHOOSABLE, *offered)), pixels)
        return itertools.starmap(cls, itertools.islice(some, _MOST_OFFERS))


class Shape(msgspec.Struct, frozen=True):
    """All that a banner's content takes from the law and the rules. Two of one shape look alike."""

    model: Model
    close: bool
    link: bool
    status: bool
    offer: Offer = Offer()

    @classmethod
    def of(cls, resolution: Resolution) -> Shape:
        regime = resolution.regime
        return cls(
            regime.model,
            regime.has("close-refuses"),
            regime.has("opt-out-link"),
            regime.has("gpc-status"),
            Offer.of(resolution),
        )

    @classmethod
    def every(cls, rules: Rules) -> Iterator[Shape]:
        models: tuple[Model, ...] = ("opt-in", "opt-out", "notice")
        flags = (True, False)
        some = itertools.product(Offer.every(rules), models, flags, flags, flags)
        return (cls(model, c, k, s, offer) for offer, model, c, k, s in some)


class Banners:
    """The banners of every version. They are kept, since a version never changes."""

    def __init__(
        self,
        platforms: Platforms,
        texts: Texts,
        kept: Mapping[Purpose, Mapping[str, int]] | None = None,
    ) -> None:
        """``kept``: what a store with ``campaign`` keeps, as ``Campaign.days`` gives it."""
        self._platforms = platforms
        self._texts = texts
        self._kept = kept or {}
        self._banners: dict[tuple[int, str, Shape, str], Banner] = {}
        self._by_hash: dict[tuple[int, str], dict[str, Banner]] = {}

    def under(self, version: Version, resolution: Resolution, language: str) -> Banner:
        """What a visitor is shown in ``language`` where ``resolution`` holds."""
        return self._of_shape(version, Shape.of(resolution), language)

    def find(self, version: Version, sha256: str, language: str) -> Banner | None:
        """The content of ``version``, or of one of its variants, in ``language`` with that hash,
        wherever it is shown.
        """
        if language not in self._texts.languages:
            return None
        known = self._by_hash.get((version.id, language))
        if known is None:
            every = [
                self._of_shape(shown, shape, language)
                for shown in (version, *version.varied.values())
                for shape in Shape.every(version.rules)
            ]
            if len(self._by_hash) >= _KEPT:
                self._by_hash.clear()
            known = self._by_hash[version.id, language] = {one.sha256: one for one in every}
        return known.get(sha256)

    def messages(self, version: Version, language: str) -> Mapping[str, str]:
        """The texts, with the store's own words in place of ours."""
        return {**self._texts.messages(language), **version.config.texts.get(language, {})}

    def _of_shape(self, version: Version, shape: Shape, language: str) -> Banner:
        key = (version.id, version.variant, shape, language)
        banner = self._banners.get(key)
        if banner is None:
            content = canonical(self._content(version, shape, language))
            banner = Banner(hashlib.sha256(content).hexdigest(), content)
            if len(self._banners) >= _KEPT:
                self._banners.clear()
            self._banners[key] = banner
        return banner

    def _content(self, version: Version, shape: Shape, language: str) -> dict[str, Any]:
        texts = self.messages(version, language)
        config = version.config
        pixels = [pixel for pixel in config.pixels if self._allows(shape.offer, pixel)]
        count = str(len({pixel.key for pixel in pixels}))
        content: dict[str, Any] = {
            "language": language,
            "dir": self._texts.direction(language),
            "layout": shape.offer.layout or config.banner.layout,
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
                    *("provider", "hosts", "stored"),
                )
            },
            "purposes": [
                self._purpose(version, pixels, purpose, texts, language)
                for purpose in ("necessary", *shape.offer.purposes)
            ],
        }
        if config.privacy_url:
            content["privacy"] = config.privacy_url
        if config.banner.logo:
            content["logo"] = config.banner.logo
        if look := theme.described(config.banner):
            content["theme"] = look
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

    def _allows(self, offer: Offer, pixel: Pixel) -> bool:
        return allowed(pixel.key, self._platforms.purposes(pixel), offer.purposes, offer.pixels)

    def _purpose(
        self,
        version: Version,
        here: Sequence[Pixel],
        purpose: Purpose,
        texts: Mapping[str, str],
        language: str,
    ) -> dict[str, Any]:
        pixels: dict[str, list[Pixel]] = {}
        for pixel in here:
            if purpose in self._platforms.purposes(pixel):
                pixels.setdefault(pixel.key, []).append(pixel)
        told: dict[str, Any] = {
            "key": purpose,
            "title": texts[f"purpose.{purpose}.title"],
            "text": texts[f"purpose.{purpose}.text"],
            "services": [self._service(own, language) for own in pixels.values()],
        }
        if version.config.campaign and purpose in self._kept:
            days = f"{max(self._kept[purpose].values())} days"
            told["stored"] = [[campaign.TRACE.name, self._texts.lifetime(language, days)]]
        return told

    def _service(self, pixels: Sequence[Pixel], language: str) -> dict[str, Any]:
        """A platform as the second layer tells of it, from its data file, for all pixels of it."""
        platform = self._platforms.of(pixels[0])
        traces = chain.from_iterable(map(self._platforms.traces, pixels))
        hosts = chain.from_iterable(self._platforms.hosts(pixel).every for pixel in pixels)
        return {
            "key": platform.key,
            "name": platform.name,
            "vendor": platform.vendor,
            "privacy": platform.privacy_url,
            "hosts": list(dict.fromkeys(hosts)),
            "stored": [
                [trace.name, self._texts.lifetime(language, trace.lifetime)]
                for trace in dict.fromkeys(traces)
            ],
        }
