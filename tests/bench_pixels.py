"""What each pixel costs a returning visitor, in bytes: ``python -m tests.bench_pixels``.

Brotli, as the service sends it, for a visitor in Germany: the loader without pixels, what each one
adds to that alone, and beside Meta's and Google Analytics'; then all of them in one script.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import brotli

from consent.compose import Composer
from consent.model import Pixel, Place, StoreConfig, Version
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts

EVERY = 9_000
"""The budget of a returning visit with every platform that there is."""

_BERLIN = Place("DE", "DE-BE", "header")
_BOTH = ("meta", "ga4")


class Scale:
    """Weighs the loader of a store with these pixels."""

    def __init__(self) -> None:
        self.platforms = Platforms.load()
        self._regions, self._texts = Regions.load(), Texts.load()

    def pixel(self, key: str) -> Pixel:
        platform = self.platforms[key]
        labels = {"Purchase": platform.label_example} if platform.label_pattern else {}
        return Pixel(key, platform.id_example, labels=labels)

    def weigh(self, keys: Sequence[str], *, first: bool = False) -> int:
        """The bytes of ``loader.js``; ``first``: with the banner."""
        now = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
        pixels = tuple(map(self.pixel, keys))
        config = StoreConfig("summit", "Summit", ("https://summit.example",), pixels=pixels)
        version = Version(1, 1, 1, "0" * 64, now, config, 1)
        at = self._regions.resolve(_BERLIN, on=now.date())
        composer = Composer(self._regions, self.platforms, self._texts)
        text = composer.loader(version, at, _BERLIN, "en", gpc=False, first=first)
        return len(brotli.compress(text.encode()))


def main() -> None:
    scale = Scale()
    keys = list(scale.platforms)
    none, both = scale.weigh([]), scale.weigh(_BOTH)
    every, first = scale.weigh(keys), scale.weigh(keys, first=True)
    print(f"no pixel {none:,} B; {' and '.join(_BOTH)} {both:,} B")
    print(f"all {len(keys)} {every:,} B (budget {EVERY:,}), first visit {first:,} B")
    print("\n| pixel | alone, bytes | beside two others, bytes |\n|---|---|---|")
    for key in keys:
        beside = "" if key in _BOTH else f"{scale.weigh([*_BOTH, key]) - both:,}"
        print(f"| `{key}` | {scale.weigh([key]) - none:,} | {beside} |")


if __name__ == "__main__":
    main()
