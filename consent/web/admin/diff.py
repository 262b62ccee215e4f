"""What differs between two states of a store, in plain words."""

from __future__ import annotations

from consent import changes, stores
from consent.model import Version
from consent.web.admin import effects
from consent.web.services import Services


def said(services: Services, before: Version | None, after: Version) -> list[str]:
    """Each change as a sentence; nothing when both say the same."""
    if before is None:
        return []
    found = []
    now = services.now()
    for effect in effects.of(services.regions, after.config, before.rules, after.rules, now):
        rows = "; ".join(f"{name.lower()} {new}, not {old}" for name, old, new in effect.rows)
        found.append(f"Visitors from {effect.where}: {rows}.")
    differing = changes.between(before.config, after.config)
    for one in differing.pixels:
        if one.kind != "same":
            found.append(f"{one.kind.capitalize()}: {one.pixel.platform} {one.pixel.id}.")
    besides = [name for name in differing.settings if name not in ("regions", "stated")]
    if besides:
        found.append(f"Changed besides: {', '.join(besides)}.")
    return found


def asks(before: Version | None, after: Version) -> bool:
    """Whether visitors who have decided are asked again."""
    return before is None or stores.asks(before.config) != stores.asks(after.config)
