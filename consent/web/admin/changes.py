"""What differs between two states of a store: the live version and its draft, or two versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from consent import stores
from consent.model import Pixel, StoreConfig

Kind = Literal["added", "removed", "changed", "same"]

WORDS = {
    "purposes": "purposes",
    "labels": "labels",
    "opt_out": "what happens after an opt-out",
    "automatic": "what its library may collect by itself",
    "custom": "its own code",
}
"""The fields of a pixel, as people call them."""


class Change(NamedTuple):
    """What has happened to one pixel; ``what`` names its changed fields."""

    kind: Kind
    pixel: Pixel
    what: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """Each label that differs: of which event, from what, to what."""

    @property
    def details(self) -> tuple[str, ...]:
        """``what``, with the labels one by one."""
        each = f"{WORDS['labels']}: {'; '.join(self.labels)}"
        return tuple(each if word == WORDS["labels"] else word for word in self.what)


class Changes(NamedTuple):
    """``pixels``: those of the later state in its order, then the removed ones."""

    pixels: tuple[Change, ...]
    settings: tuple[str, ...]
    """Every other key of the store file that differs."""
    asks: bool
    """Whether visitors who have decided are asked again."""

    @property
    def any(self) -> bool:
        return bool(self.settings) or any(one.kind != "same" for one in self.pixels)


def between(before: StoreConfig | None, after: StoreConfig) -> Changes:
    """What has to change to get from ``before`` (None: nothing was there) to ``after``."""
    earlier = {(one.platform, one.id): one for one in before.pixels} if before else {}
    found = [_change(earlier.pop((one.platform, one.id), None), one) for one in after.pixels]
    found += [Change("removed", one) for one in earlier.values()]
    asks = before is not None and stores.asks(before) != stores.asks(after)
    return Changes(tuple(found), _settings(before, after), asks)


def _change(earlier: Pixel | None, pixel: Pixel) -> Change:
    if earlier is None:
        return Change("added", pixel)
    names = [field.name for field in msgspec.structs.fields(Pixel)]
    differing = [name for name in names if getattr(earlier, name) != getattr(pixel, name)]
    what = [WORDS.get(name, name) for name in differing]
    labels = _labels(earlier.labels, pixel.labels)
    return Change("changed" if what else "same", pixel, tuple(what), labels)


def _labels(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    events = dict.fromkeys((*before, *after))
    return tuple(
        f"{event} from {before.get(event, 'none')} to {after.get(event, 'none')}"
        for event in events
        if before.get(event) != after.get(event)
    )


def _settings(before: StoreConfig | None, after: StoreConfig) -> tuple[str, ...]:
    if before is None:
        return ()
    names = [field.name for field in msgspec.structs.fields(StoreConfig) if field.name != "pixels"]
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))
