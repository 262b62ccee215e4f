"""The platforms of ``snippets/``: what each one is, and its pixel as JavaScript for a store.

A platform is a folder with a ``platform.toml`` and a ``pixel.js``, found by listing ``snippets/``;
``snippets/README.md`` explains both. A pixel takes parameters only as ``{{ name | tojson }}``, and
only values that the platform's own patterns accept (rule 7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from consent import data
from consent.errors import DataError, DataErrors, RefusedError
from consent.model import Hosts, Pixel, Purpose, Resolution, Trace
from consent.platforms import custom
from consent.platforms.files import (
    EVENT_PARAMETERS,
    EVENTS,
    Fixed,
    Platform,
    filled,
    hinted,
    matches,
    purpose_faults,
    read,
)
from consent.platforms.recognise import Recogniser
from consent.platforms.sending import takes
from consent.platforms.templates import compiled, digests, fill

__all__ = ["BY_CONSENT_MODE", "EVENTS", "EVENT_PARAMETERS", "Platform", "Platforms"]

BY_CONSENT_MODE = 1
"""``browser/src/google.js`` has its twin."""

_EVENT = re.compile(r"[A-Za-z][\w .:-]{0,59}", re.ASCII)


class Platforms(Mapping[str, Platform]):
    """Every platform by key, in alphabetical order, with its compiled template."""

    def __init__(self, found: Iterable[tuple[Platform, str]], own: str = "") -> None:
        pairs = sorted(found, key=lambda pair: pair[0].key)
        self._own = own
        self._platforms = {platform.key: platform for platform, _ in pairs}
        self._templates = {platform.key: template for platform, template in pairs}

    @classmethod
    def load(cls, path: Path | None = None) -> Platforms:
        """The platforms in ``path``, by default the shipped ``snippets/``.

        Raises:
            DataErrors: with every fault of every file.
        """
        root = path or data.folder("snippets")
        found: list[tuple[Platform, str]] = []
        faults: list[DataError] = []
        built = digests()
        for file in sorted(root.glob("*/platform.toml")):
            try:
                found.append(read(file, built))
            except DataErrors as errors:
                faults.extend(errors.faults)
            except DataError as error:
                faults.append(error)
        if not found and not faults:
            faults.append(
                DataError(root.name, "", "has no platform; expected KEY/platform.toml in it")
            )
        if faults:
            raise DataErrors(faults)
        own = root / custom.KEY / "pixel.js"
        return cls(found, compiled(custom.KEY, data.read_text(own), built) if own.is_file() else "")

    def with_scripts(self, urls: Mapping[str, str]) -> Platforms:
        """The same platforms, but loading their libraries from ``urls`` (key to address)."""
        moved = (
            msgspec.structs.replace(one, script_url=urls.get(key, one.script_url))
            for key, one in self.items()
        )
        return Platforms(((one, self._templates[one.key]) for one in moved), self._own)

    def __getitem__(self, key: str) -> Platform:
        return self._platforms[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._platforms)

    def __len__(self) -> int:
        return len(self._platforms)

    @cached_property
    def recogniser(self) -> Recogniser:
        """What knows these platforms' snippets where somebody has pasted them."""
        return Recogniser(self.values())

    def knows(self, pixel: Pixel) -> bool:
        """Whether there is a platform for ``pixel``, which a release may have taken away."""
        return pixel.custom is not None or pixel.platform in self

    def of(self, pixel: Pixel) -> Platform:
        """The platform of ``pixel``; of a store's own pixel, what the store declares.

        Raises:
            KeyError: no such platform is known.
        """
        return custom.platform(pixel, pixel.custom) if pixel.custom else self[pixel.platform]

    def purposes(self, pixel: Pixel) -> tuple[Purpose, ...]:
        """The purposes that must all be granted before ``pixel`` runs. Never empty."""
        return pixel.purposes or self.of(pixel).purposes

    def takes(self, pixel: Pixel, event: str) -> bool:
        """Whether ``pixel`` sends ``event`` at all, whatever was granted."""
        return pixel.custom is not None or takes(self.of(pixel), event, pixel.labels)

    def traces(self, pixel: Pixel) -> tuple[Trace, ...]:
        """What this pixel leaves behind; ``{id}`` in a name is its id without the prefix."""
        own = pixel.id.rpartition("-")[2]
        return tuple(
            msgspec.structs.replace(trace, name=trace.name.replace("{id}", own))
            for trace in self.of(pixel).traces
        )

    def hosts(self, pixel: Pixel) -> Hosts:
        """Where this pixel's code talks to."""
        platform = self.of(pixel)
        own = msgspec.structs.asdict(platform.hosts)
        return Hosts(
            **{
                key: tuple(filled(platform, host, pixel.id) for host in hosts)
                for key, hosts in own.items()
            }
        )

    def script_url(self, pixel: Pixel) -> str:
        """The address of the library that this pixel loads."""
        platform = self.of(pixel)
        if not platform.script_url:
            # Its code is served beside the loader, for which no address is known here.
            return f"{custom.KEY}.js"
        url = filled(platform, platform.script_url, pixel.id)
        return url.replace("{id}", quote(pixel.id, safe=""))

    def mapping(self, pixel: Pixel) -> list[Mapping[str, Any]]:
        """What the vendor calls our parameters, as ``browser/src/typed.js`` reads it.

        Every page view pays for it, so a name that is the vendor's too stands as 0.
        """
        platform = self.of(pixel)
        names = (_short(platform.parameters), _short(platform.items))
        parts = [*names, platform.with_contents, platform.each_item]
        while len(parts) > 1 and not parts[-1]:
            parts.pop()
        return parts

    def limit(self, key: str, place: str) -> Fixed | None:
        """The vendor's own words for its limited mode at ``place``, a country or a subdivision.

        Returns:
            None where there is no such mode: then an opt-out has to stop the pixel.
        """
        known = self[key].limited_data
        return known.get(place) or known.get(place.partition("-")[0])

    def after_refusal(self, pixel: Pixel, place: str, *, advanced: bool) -> Fixed | int | None:
        """What a pixel is told that runs on after a refusal; ``BY_CONSENT_MODE`` is no number of a
        vendor's, but says that Google's Consent Mode holds the library.

        Args:
            pixel: as the store registered it.
            place: the visitor's, as a code.
            advanced: Consent Mode is ``advanced`` for this store under this regime.

        Returns:
            None where a refusal stops the pixel, as it does unless the store chose otherwise.
        """
        if pixel.opt_out == "limit":
            return self.limit(pixel.platform, place)
        # With a second purpose a refusal of one would leave the other's cookies granted.
        held = self.of(pixel).consent.google_consent_mode and len(self.purposes(pixel)) == 1
        return BY_CONSENT_MODE if advanced and held else None

    def not_own_statistics(self, pixel: Pixel) -> str:
        """Why ``pixel`` cannot be the site's own statistics, whatever a lawyer says; or empty.

        A vendor that reuses the data meets no place's conditions for them, nor does a purpose other
        than analytics. Source: consent/regimes/README.md, "Own statistics".
        """
        platform = self.of(pixel)
        purposes = self.purposes(pixel)
        if purposes != ("analytics",):
            return f"{pixel.key} is for {', '.join(purposes)}; expected analytics alone"
        if pixel.custom is not None:
            return ""
        if platform.reuses_data:
            said = f"{platform.vendor} may reuse what {pixel.key} sends"
            return f"{said}; expected a vendor that does not"
        if not platform.vendor_hosted or re.fullmatch(platform.vendor_hosted, pixel.id):
            return f"{pixel.id} is on servers of {platform.vendor}; expected one on your own"
        return ""

    def own_statistics(self, pixels: Iterable[Pixel], resolution: Resolution) -> tuple[str, ...]:
        """Keys of those ``pixels`` that may run as own statistics before a choice in a place."""
        named = [pixel for pixel in pixels if pixel.key in resolution.own_statistics]
        not_ = {pixel.key for pixel in named if self.not_own_statistics(pixel)}
        here = {pixel.key for pixel in named if resolution.allows(pixel.key, self.purposes(pixel))}
        return tuple(sorted(here - not_))

    def faults(self, pixel: Pixel) -> list[str]:
        """All that is wrong with ``pixel``, each as ``key: what was found; what is accepted``."""
        if pixel.platform == custom.KEY:
            return list(custom.faults(pixel))
        platform = self.get(pixel.platform)
        if platform is None:
            known = ", ".join((*self, custom.KEY))
            return [f"platform: {_shown(pixel.platform)} is unknown; expected one of {known}"]
        own = ["custom: is for platform custom; expected none"] if pixel.custom else []
        return [
            *own,
            *self._id_faults(platform, pixel.id),
            *_label_faults(platform, pixel),
            *purpose_faults(pixel.purposes),
            *_choice_faults(platform, pixel),
        ]

    def render(self, pixel: Pixel, *, automatic: bool = False, query: str = "") -> str:
        """``pixel`` as a JavaScript function expression, safe inside a script element.

        Args:
            automatic: the regime lets a library collect by itself, if the store wants it.
            query: what the address of ``custom.js`` ends with, so that it goes with its loader.

        Raises:
            RefusedError: it has faults (``faults`` lists them), so nothing is rendered.
        """
        faults = self.faults(pixel)
        if faults:
            raise RefusedError("bad_pixel", "; ".join(faults))
        platform = self.of(pixel)
        values = {
            "id": pixel.id,
            "labels": pixel.labels,
            "events": platform.events,
            "script": self.script_url(pixel) + ("" if platform.script_url else query),
            "omits": platform.omits,
            "automatic": automatic and pixel.automatic,
        }
        return fill(self._own if pixel.custom else self._templates[platform.key], values)

    def _id_faults(self, platform: Platform, found: str) -> list[str]:
        if matches(platform.id_pattern, found):
            return []
        says = hinted(platform.hints, found)
        if matches(platform.id_pattern, found.strip()):
            says = "has spaces or line breaks around it; write it without"
        says = says or self._pasted(platform, found)
        if not says:
            others = [one for one in self.values() if matches(one.id_pattern, found)]
            if len(others) == 1:
                other = others[0]
                says = f"looks like an id of {other.name}; register it as platform {other.key}"
        if says:
            return [f"id: {_shown(found)} {says}"]
        expected = f"expected one like {platform.id_example} ({platform.id_where})"
        return [f"id: {_shown(found)} is no {platform.name} id; {expected}"]

    def _pasted(self, platform: Platform, text: str) -> str:
        """What is said of a whole snippet in the place of an id; nothing of other texts."""
        if "(" not in text and "<" not in text:
            return ""
        found = [(key, id_) for key, id_ in self.recogniser.text(text) if id_]
        inside = [id_ for key, id_ in found if key == platform.key]
        if len(inside) == 1:
            return f"is more than an id; the id in it is {inside[0]}"
        if inside:
            return f"has several ids; register each by itself: {', '.join(inside)}"
        if found:
            key, id_ = found[0]
            return f"is a snippet of {self[key].name}; register it as platform {key}, id {id_}"
        return ""


def _short(names: Mapping[str, str]) -> Mapping[str, Any]:
    return {ours: theirs if theirs != ours else 0 for ours, theirs in names.items()}


def _label_faults(platform: Platform, pixel: Pixel) -> Iterator[str]:
    labels = pixel.labels
    pattern = platform.label_pattern.replace("{id}", re.escape(pixel.id))
    if labels and not platform.label_pattern:
        yield f"labels: {platform.name} takes none; expected no labels"
        return
    for event, label in labels.items():
        if not _EVENT.fullmatch(event):
            yield f"labels: {_shown(event)} is no event name; expected one like Purchase"
            continue
        if platform.by_label and event in platform.events:
            yield f"labels.{event}: {platform.name} wants none for it; expected it left out"
            continue
        says = hinted(platform.label_hints, label)
        if not says and not matches(pattern, label):
            expected = f"expected one like {platform.label_example} ({platform.label_where})"
            says = f"is no {platform.name} label; {expected}"
        if says:
            yield f"labels.{event}: {_shown(label)} {says}"


def _choice_faults(platform: Platform, pixel: Pixel) -> Iterator[str]:
    if pixel.opt_out == "limit" and not platform.limited_data:
        yield f"opt_out: {platform.name} has no limited mode; expected 'stop'"
    if pixel.automatic and not platform.automatic:
        yield f"automatic: {platform.name} collects nothing by itself; expected false"
    elif pixel.automatic and pixel.opt_out == "limit":
        yield "automatic: true with opt_out 'limit', which collects less; expected one of the two"


def _shown(text: str) -> str:
    """``text`` quoted for a message: at most 60 characters, controls as escapes."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")
