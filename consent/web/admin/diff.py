"""What differs between two states of a store, in plain words."""

from __future__ import annotations

from consent import changes
from consent.changes import State
from consent.web.services import Services


def said(services: Services, before: State | None, after: State) -> list[str]:
    """Each change as a sentence; nothing when both say the same, or nothing was there before."""
    told = _told(services, before, after) if before else []
    return [one.said for one in told if one.about != "asks"]


def asks(services: Services, before: State | None, after: State) -> bool:
    """Whether visitors who have decided are asked again."""
    return before is None or any(one.about == "asks" for one in _told(services, before, after))


def _told(services: Services, before: State | None, after: State) -> list[changes.Told]:
    return changes.told(before, after, services.regions, on=services.now().date())
