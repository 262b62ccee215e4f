"""Where a visitor is, what the law says there, and what a visitor granted."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Literal

import msgspec

from consent.model.words import (
    CHOOSABLE,
    Confidence,
    Duty,
    GpcDuty,
    Layout,
    Model,
    PlaceSource,
    Purpose,
    canonical,
)


class Place(msgspec.Struct, frozen=True):
    """Where a visitor is, as far as known, and how that was found.

    ``subdivision`` is a full ISO 3166-2 code (``US-CA``), because ``CA`` alone is Canada.
    """

    country: str | None = None
    subdivision: str | None = None
    source: PlaceSource = "none"

    @property
    def code(self) -> str:
        """The most exact code known: ``US-CA``, ``US``, or an empty string."""
        return self.subdivision or self.country or ""


class Grants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every purpose a visitor can refuse, stated granted or denied."""

    preferences: bool
    analytics: bool
    marketing: bool

    @classmethod
    def all(cls, granted: bool) -> Grants:
        return cls(granted, granted, granted)

    def of(self, purpose: Purpose) -> bool:
        """Whether ``purpose`` is granted; ``necessary`` always is."""
        return purpose == "necessary" or bool(getattr(self, purpose))

    def covers(self, purposes: tuple[Purpose, ...]) -> bool:
        """Whether every one of ``purposes`` is granted."""
        return all(self.of(purpose) for purpose in purposes)

    def without(self, purposes: tuple[Purpose, ...]) -> Grants:
        """The same grants with ``purposes`` denied."""
        return Grants(*(self.of(p) and p not in purposes for p in CHOOSABLE))

    @property
    def kind(self) -> Literal["all", "none", "some"]:
        given = self.preferences + self.analytics + self.marketing
        return "all" if given == len(CHOOSABLE) else "some" if given else "none"


class Looser(msgspec.Struct, frozen=True):
    """A rule that asks less than the shipped regime of its place, and who answers for it."""

    rule: str
    """Whose, and for where: ``regions.DE``, or ``group outdoor: regions.DE``."""
    what: str
    """How much less it asks: ``regime: us-other is opt-out, looser than eea``."""
    reason: str
    by: str
    on: dt.date
    until: dt.date | None
    """The first day on which it holds no more; None: no such day."""


class OwnStatistics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a place lets a site measure its own use without consent, and under which conditions.

    It is never applied by itself: consent/regimes/README.md, "Own statistics".
    """

    law: str
    conditions: tuple[str, ...]
    confidence: Confidence = "unverified"
    since: dt.date | None = None


class Regime(msgspec.Struct, frozen=True):
    """The legal rules for one place on one day, as the regime file and its place table say.

    A store's rule may change it. What then is looser than the shipped one says so itself.
    """

    id: str
    name: str
    model: Model
    law: tuple[str, ...]
    source: str
    reviewed: dt.date
    confidence: Confidence
    gpc_duty: GpcDuty
    gpc_overrides_choice: bool
    duties: tuple[Duty, ...]
    accept_days: int
    refuse_days: int
    sha256: str
    google_advanced: bool = False
    """Whether Google's tags may send pings without cookies after a refusal."""
    automatic_collection: bool = False
    """Whether a vendor's library may collect by itself, where a store lets it."""
    own_statistics: OwnStatistics | None = None
    """None: own statistics need what every other tag needs."""
    looser: tuple[Looser, ...] = ()
    """The rules of the store that ask less here than the shipped regime. Empty: none does."""

    @property
    def content(self) -> bytes:
        """What ``sha256`` is the SHA-256 of: the other fields as canonical JSON.

        ``looser`` and ``own_statistics`` are left out where there are none, so that a regime
        without them reads as it always has.
        """
        fields = msgspec.structs.asdict(self)
        del fields["sha256"]
        if not self.looser:
            del fields["looser"]
        if self.own_statistics is None:
            del fields["own_statistics"]
        return canonical(fields)

    def sealed(self) -> Regime:
        """The same with the SHA-256 of its content."""
        return msgspec.structs.replace(self, sha256=hashlib.sha256(self.content).hexdigest())

    def has(self, duty: Duty) -> bool:
        return duty in self.duties


class Resolution(msgspec.Struct, frozen=True):
    """What holds in one place on one day, and why."""

    regime: Regime
    matched: str
    why: str
    layout: Layout | None = None
    """Of the banner; None: the store's."""
    purposes: tuple[Purpose, ...] = CHOOSABLE
    """Those that are offered here. The others are neither asked for nor granted."""
    pixels: tuple[str, ...] | None = None
    """Keys of the pixels that may run here; None: all that are registered."""
    own_statistics: tuple[str, ...] = ()
    """Keys of the pixels that a lawyer has let run here as own statistics before a choice."""
    given: tuple[tuple[str, str], ...] = ()
    """Each field that a rule gave, and which rule: ``("layout", "regions.@eea")``."""

    @property
    def allows_all(self) -> bool:
        """Whether every pixel may run here, once granted."""
        return self.pixels is None and self.purposes == CHOOSABLE

    def offered(self, purposes: tuple[Purpose, ...]) -> tuple[Purpose, ...]:
        """Those of ``purposes`` that are offered here."""
        return tuple(purpose for purpose in purposes if purpose in self.purposes)

    def allows(self, pixel: str, purposes: tuple[Purpose, ...]) -> bool:
        """Whether the pixel with that key and these purposes may run here, once granted."""
        return allowed(pixel, purposes, self.purposes, self.pixels)


def allowed(
    pixel: str,
    purposes: tuple[Purpose, ...],
    offered: tuple[Purpose, ...],
    pixels: tuple[str, ...] | None,
) -> bool:
    """Whether a pixel with that key and these purposes may run where those are offered."""
    named = pixels is None or pixel in pixels
    return named and all(one == "necessary" or one in offered for one in purposes)
