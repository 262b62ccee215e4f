"""What may run and what is shown: regime + signals + decision + version -> outcome. Pure.

This is the heart of the product, and it beats twice: here, for the record, ``consent explain`` and
the admin, and in ``browser/src/decide.js``, which holds the pixels in the visitor's page. A test
runs both over every combination of their inputs and finds no difference.

The rules, in order:

1. An unreadable or expired decision, or one under a version that is not known, counts as none
   under the strictest regime: everything is denied and the visitor is asked.
2. Under an opt-in regime a decision made under a milder one, or before the store's pixels or
   purposes changed, is asked for again, and until then everything is denied.
3. Without a decision the regime's model speaks: opt-in denies, opt-out and notice grant.
4. Global Privacy Control takes away what the store's ``gpc.refuses`` lists, over any decision made
   without it. A choice made while it was on stands, unless the regime says the signal wins.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from consent.model import STRICTNESS, Action, Grants, Model, Purpose, Regime

Show = Literal["banner", "notice", "none"]
PixelState = Literal["run", "limited", "blocked"]
Why = Literal[
    "regime",  # no decision yet: the regime's model speaks
    "decided",  # a valid decision speaks
    "gpc",  # the decision or the regime speaks, less what the signal refuses
    "unreadable",
    "expired",
    "unknown-version",
    "stricter-regime",
    "version-changed",
]


class Decided(msgspec.Struct, frozen=True):
    """A decision as the visitor's browser carries it. ``model`` is that of its regime."""

    grants: Grants
    at: dt.datetime
    version: int
    model: Model
    gpc: bool


class Asked(msgspec.Struct, frozen=True):
    """What the store asks now: its version, since which version it asks the same, and for GPC."""

    version: int
    since: int
    gpc_refuses: tuple[Purpose, ...] = ("marketing",)


class Outcome(msgspec.Struct, frozen=True):
    """What follows. ``record``: the decision to be recorded without asking, if any."""

    grants: Grants
    show: Show
    record: Action | None
    why: Why


def decide(
    regime: Regime,
    asked: Asked,
    decided: Decided | Literal["unreadable"] | None,
    *,
    gpc: bool,
    now: dt.datetime,
) -> Outcome:
    """The outcome for one visitor at one moment. See the module's text for the rules."""
    fault = _fault(regime, asked, decided, now)
    if fault is not None:
        return Outcome(Grants.all(False), "banner", None, fault)
    if not isinstance(decided, Decided):
        open_model = regime.model != "opt-in"
        show: Show = "notice" if open_model else "banner"
        grants = Grants.all(open_model)
        if not (gpc and open_model):
            return Outcome(grants, show, None, "regime")
        return Outcome(grants.without(asked.gpc_refuses), "none", "gpc", "gpc")
    if gpc and (regime.gpc_overrides_choice or not decided.gpc):
        left = decided.grants.without(asked.gpc_refuses)
        if left != decided.grants:
            return Outcome(left, "none", "gpc", "gpc")
    return Outcome(decided.grants, "none", None, "decided")


def _fault(
    regime: Regime, asked: Asked, decided: Decided | str | None, now: dt.datetime
) -> Why | None:
    """Why a decision that is there does not count; None when it does or there is none."""
    if decided is None:
        return None
    if not isinstance(decided, Decided):
        return "unreadable"
    days = regime.refuse_days if decided.grants.kind == "none" else regime.accept_days
    if decided.at + dt.timedelta(days=days) <= now:
        return "expired"
    if decided.version > asked.version:
        return "unknown-version"
    if regime.model == "opt-in":
        if STRICTNESS[decided.model] < STRICTNESS[regime.model]:
            return "stricter-regime"
        if decided.version < asked.since:
            return "version-changed"
    return None


def pixel_state(
    outcome: Outcome,
    purposes: tuple[Purpose, ...],
    *,
    opt_out: Literal["stop", "limit"],
    model: Model,
    gpc: bool,
) -> PixelState:
    """Whether a pixel with ``purposes`` runs.

    ``limited`` is for a store that chose it: after an opt-out under an opt-out regime the pixel
    still runs, with the vendor's own restriction on (Meta's Limited Data Use). Never where consent
    is asked for.

    Args:
        outcome: from ``decide``.
        purposes: all of them have to be granted.
        opt_out: the store's word; ``stop`` where the vendor has no restricted mode for the place.
        model: the regime's.
        gpc: the signal is on, or was when the decision was made.
    """
    if outcome.grants.covers(purposes):
        return "run"
    if opt_out == "limit" and model == "opt-out" and outcome.why == "decided" and not gpc:
        return "limited"
    return "blocked"
