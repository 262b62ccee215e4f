"""What was decided, and so what may happen. Written from the rules; it asks nothing of the product.

A visitor's *acts* (clicks, a withdrawal, a recorded signal) are kept with the moments between which
they took effect. For any moment and any page the truth then says whether pixels of some purposes
may run there. What an act denies holds from the click on; what it grants, from its receipt on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from tests.e2e.model.places import DAY, STRICTNESS, Place

PURPOSES = ("preferences", "analytics", "marketing")
Status = Literal["allowed", "asked", "waiting", "refused"]
"""``asked``: consent is needed, and no decision counts. ``waiting``: granted, not stored yet."""


@dataclass(frozen=True)
class Need:
    """What has to be granted: all of ``purposes``, and nothing refused of ``platform``."""

    purposes: frozenset[str]
    platform: str = ""


@dataclass(frozen=True)
class Pixel:
    """A registered pixel; ``traces`` are names that it may leave, with ``*`` at a prefix's end."""

    platform: str
    id: str
    purposes: frozenset[str]
    traces: tuple[str, ...]

    @property
    def need(self) -> Need:
        return Need(self.purposes, self.platform)


@dataclass(frozen=True)
class Version:
    """A published state of the store. ``since``: the first of those that asked the same."""

    number: int
    since: int
    pixels: tuple[Pixel, ...]
    gpc_refuses: frozenset[str]
    after_receipt: bool


@dataclass(frozen=True)
class Setting:
    """What a loader was made for: where the visitor was, whether the request carried the signal,
    and what was published.
    """

    place: Place
    header: bool
    version: Version


@dataclass(eq=False)
class Doc:
    """A page in one life. ``signal``: ``navigator`` has it. ``alive``: when the loader came;
    ``kept``: it is one that the browser had kept, so the service was not asked.
    """

    loader: str
    at: float
    setting: Setting
    signal: bool
    serial: str = ""
    alive: float | None = None
    kept: bool = False

    @property
    def place(self) -> Place:
        return self.setting.place

    @property
    def version(self) -> Version:
        return self.setting.version

    @property
    def gpc(self) -> bool:
        return self.signal or self.setting.header


@dataclass(eq=False)
class Act:
    """``begin`` and ``end``: the act took effect between the two. ``at``: in the service's time.
    ``refused``: platforms that stay off though their purposes are granted.
    """

    kind: str
    begin: float
    end: float
    at: float
    grants: frozenset[str]
    doc: Doc
    gpc: bool = False
    refused: frozenset[str] = frozenset()
    id: str | None = None
    acknowledged: float | None = None
    rejected: bool = False
    """The service has refused it for good, so it never was."""
    unheard: list[Doc] | None = None
    """Pages in other tabs that saw only what came right after it; None before anything settled."""

    def denies(self, need: Need) -> bool:
        return not self.grants.issuperset(need.purposes) or need.platform in self.refused

    @property
    def pending(self) -> bool:
        return self.acknowledged is None and not self.rejected


@dataclass(eq=False)
class Forgotten:
    """The browser has dropped the decision's cookie."""

    begin: float
    end: float


@dataclass(eq=False)
class Truth:
    """``epoch`` is what makes seconds since 1970 of a moment; ``ahead`` says since when everyone's
    clock runs how many seconds ahead, oldest first.
    """

    epoch: float
    acts: list[Act | Forgotten] = field(default_factory=list)
    ahead: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])

    def seconds_ahead(self, at: float) -> float:
        return [seconds for since, seconds in self.ahead if since <= at][-1]

    def add(self, act: Act | Forgotten) -> None:
        self.acts.append(act)
        self.acts.sort(key=lambda one: one.begin)

    def decisions(self) -> list[Act]:
        return [act for act in self.acts if isinstance(act, Act)]

    def newest(self, at: float) -> Act | None:
        """The last act that counts at ``at``; None when there is none, or it is forgotten."""
        view = self._view(at, whole=True)
        return view[-1] if view else None

    def undecided(self, at: float) -> bool:
        """Whether nothing was ever decided, or all of it is forgotten."""
        before = [act for act in self.acts if act.begin <= at]
        return not before or isinstance(before[-1], Forgotten)

    def pending(self) -> bool:
        """Whether the last act is not stored yet."""
        last = self.acts[-1] if self.acts else None
        return isinstance(last, Act) and last.pending

    def allowed(self, need: Need, doc: Doc, at: float) -> bool:
        """Whether it can be right that something with this ``need`` runs in ``doc`` at ``at``."""
        return "allowed" in self.statuses(need, doc, at)

    def status(self, need: Need, doc: Doc, at: float) -> Status | None:
        """What holds for certain at ``at``; None in the middle of an act that changes it."""
        found = self.statuses(need, doc, at)
        return found.pop() if len(found) == 1 else None

    def statuses(self, need: Need, doc: Doc, at: float) -> set[Status]:
        views = [self._view(at, whole=whole) for whole in (False, True)]
        return {self._status(view, need, doc, at) for view in views}

    def stale(self, act: Act, doc: Doc, at: float) -> bool:
        """Whether ``act`` counts for nothing in ``doc``, so that the visitor is asked again."""
        days = doc.place.accept_days if act.grants else doc.place.refuse_days
        if act.at + days * DAY <= self.wall(at):
            return True
        if act.doc.version.number > doc.version.number:
            return True
        if not doc.place.opt_in:
            return False
        milder = STRICTNESS[act.doc.place.model] < STRICTNESS[doc.place.model]
        return milder or act.doc.version.number < doc.version.since

    def wall(self, at: float) -> float:
        """Seconds since 1970 at the moment ``at``, by the clock that everyone sees."""
        return self.epoch + at + self.seconds_ahead(at)

    def _view(self, at: float, *, whole: bool) -> list[Act]:
        """The acts that count at ``at``, with or without one that is just taking effect."""
        acts: list[Act] = []
        for act in self.acts:
            if act.begin > at or (whole and act.end > at):
                continue
            if isinstance(act, Forgotten):
                acts = []
            elif not act.rejected:
                acts.append(act)
        return acts

    def _status(self, acts: list[Act], need: Need, doc: Doc, at: float) -> Status:
        signal = doc.gpc and bool(need.purposes & doc.version.gpc_refuses)
        if not acts:
            if doc.place.opt_in:
                return "asked"
            return "refused" if signal else "allowed"
        if acts[-1].denies(need):
            return "asked" if self.stale(acts[-1], doc, at) else "refused"
        for act in _agreeing(acts, need):
            if act.acknowledged is not None and act.acknowledged <= at:
                if self.stale(act, doc, at):
                    return "asked"
                beaten = signal and (doc.place.signal_wins or not act.gpc)
                return "refused" if beaten else "allowed"
        if any(act.denies(need) for act in acts) or doc.place.opt_in:
            return "waiting"
        return "refused" if signal else "allowed"


def _agreeing(acts: list[Act], need: Need) -> Iterator[Act]:
    """The acts, newest first, down to the last one that denied any of ``need``."""
    for act in reversed(acts):
        if act.denies(need):
            return
        yield act
