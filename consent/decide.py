"""What may run and what is shown: regime + signals + decision + version -> outcome. Pure.

This is the heart of the product, and it beats twice: here, for the record, ``consent explain`` and
the admin, and in ``browser/src/decide.js``, which holds the pixels in the visitor's page. A test
runs both over every combination of their inputs and finds no difference.

The rules, in order:

1. An unreadable or expired decision, or one under a version that is not known, counts as none
   under the strictest regime: everything is denied and the visitor is asked.
2. A decision made under a milder regime, or before the store's pixels or purposes changed, is asked
   for again. Under opt-in everything is denied until then. Elsewhere the decision holds meanwhile,
   and who refused anything is left in peace: an opt-out is not asked back (11 CCR 7028).
3. Without a decision the regime's model speaks: opt-in denies, opt-out and notice grant.
4. Global Privacy Control takes away what the store's ``gpc.refuses`` lists, over any decision made
   without it. A choice made while it was on stands, unless the regime says the signal wins.
5. A pixel that the visitor refused by itself stays off, whatever its purposes say.
6. A purpose that the place does not offer is denied, whatever was chosen elsewhere, and no one is
   asked for it: all that counts as accepted, refused or left out is among those offered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal

import msgspec

from consent.model import (
    CHOOSABLE,
    STRICTNESS,
    Action,
    DecisionPost,
    GoogleConfig,
    Grants,
    Model,
    Purpose,
    Regime,
)

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
    """A decision as the visitor's browser carries it.

    ``model`` is that of its regime; ``refused`` are the platforms refused one by one.
    """

    grants: Grants
    at: dt.datetime
    version: int
    model: Model
    gpc: bool
    refused: tuple[str, ...] = ()

    def denies(self, offered: tuple[Purpose, ...]) -> bool:
        """Whether anything that is ``offered`` was refused."""
        return not self.grants.covers(offered) or bool(self.refused)


class Asked(msgspec.Struct, frozen=True):
    """What the store asks now: its version, since which version it asks the same, and for GPC.

    ``offered`` are the purposes that it asks for in this place.
    """

    version: int
    since: int
    gpc_refuses: tuple[Purpose, ...] = ("marketing",)
    offered: tuple[Purpose, ...] = CHOOSABLE

    @property
    def withheld(self) -> tuple[Purpose, ...]:
        """The purposes that are not offered."""
        return tuple(purpose for purpose in CHOOSABLE if purpose not in self.offered)


class Outcome(msgspec.Struct, frozen=True):
    """What follows. ``record``: the decision to be recorded without asking, if any."""

    grants: Grants
    show: Show
    record: Action | None
    why: Why
    refused: tuple[str, ...] = ()


def decide(
    regime: Regime,
    asked: Asked,
    decided: Decided | Literal["unreadable"] | None,
    *,
    gpc: bool,
    now: dt.datetime,
) -> Outcome:
    """The outcome for one visitor at one moment. See the module's text for the rules."""
    open_model = regime.model != "opt-in"
    if not isinstance(decided, Decided):
        if decided is not None:
            return Outcome(Grants.all(False), "banner", None, "unreadable")
        grants = Grants.all(open_model).without(asked.withheld)
        if gpc and open_model:
            return Outcome(grants.without(asked.gpc_refuses), "none", "gpc", "gpc")
        return Outcome(grants, "notice" if open_model else "banner", None, "regime")
    given = decided.grants.without(asked.withheld)
    decided = msgspec.structs.replace(decided, grants=given)
    fault = _fault(regime, asked, decided, now)
    if fault in ("expired", "unknown-version") or (fault and not open_model):
        return Outcome(Grants.all(False), "banner", None, fault)
    if gpc and (regime.gpc_overrides_choice or not decided.gpc):
        left = decided.grants.without(asked.gpc_refuses)
        if left != decided.grants:
            return Outcome(left, "none", "gpc", "gpc", decided.refused)
    if fault and not decided.denies(asked.offered):
        return Outcome(decided.grants, "notice", None, fault)
    return Outcome(decided.grants, "none", None, "decided", decided.refused)


def _fault(regime: Regime, asked: Asked, decided: Decided, now: dt.datetime) -> Why | None:
    """Why a decision that is there does not count, or not for good; None when it does."""
    days = regime.refuse_days if decided.grants.kind == "none" else regime.accept_days
    if decided.at + dt.timedelta(days=days) <= now:
        return "expired"
    if decided.version > asked.version:
        return "unknown-version"
    if STRICTNESS[decided.model] < STRICTNESS[regime.model]:
        return "stricter-regime"
    return "version-changed" if decided.version < asked.since else None


def pixel_state(
    outcome: Outcome,
    purposes: tuple[Purpose, ...],
    *,
    opt_out: Literal["stop", "limit"],
    model: Model,
    gpc: bool,
    platform: str = "",
    own_statistics: bool = False,
) -> PixelState:
    """Whether a pixel with ``purposes`` runs.

    ``limited`` is for a store that chose it: after a refusal the pixel still runs, with the
    vendor's own restriction on (Meta's Limited Data Use, Google's Consent Mode). Never where
    consent is asked for, and never against the signal.

    The site's own statistics, where a lawyer has said that they are exempt, run before a choice
    too. Then the choice counts, as it is how a visitor objects, and so does the signal.

    Args:
        outcome: from ``decide``.
        purposes: all of them have to be granted.
        opt_out: the store's word; ``stop`` where the vendor has no restricted mode for the place.
        model: the regime's.
        gpc: the signal is on, or was when the decision was made.
        platform: the pixel's; one that the visitor refused by itself is blocked.
        own_statistics: it is among ``Resolution.own_statistics``.
    """
    if platform in outcome.refused:
        return "blocked"
    if outcome.grants.covers(purposes):
        return "run"
    if own_statistics and outcome.why == "regime" and not gpc:
        return "run"
    if opt_out == "limit" and model != "opt-in" and outcome.why == "decided" and not gpc:
        return "limited"
    return "blocked"


def consent_mode(regime: Regime, google: GoogleConfig) -> Literal["basic", "advanced"]:
    """Google's Consent Mode as it holds: ``advanced`` only where store and regime both say so."""
    return google.consent_mode if regime.google_advanced else "basic"


def contradicts(
    post: DecisionPost,
    regime: Regime,
    gpc: bool,
    gpc_refuses: Sequence[Purpose],
    offered: tuple[Purpose, ...] = CHOOSABLE,
) -> str | None:
    """Why the grants cannot come from the action, the law and the signal, and from what is
    ``offered`` in the place; None if they can.
    """
    action, kind = post.action, post.grants.kind
    strange = [one for one in CHOOSABLE if post.grants.of(one) and one not in offered]
    if strange:
        return f"grants: {', '.join(strange)} granted where it is not offered; expected it denied"
    if action == "accept_all" and not post.grants.covers(offered):
        return "grants: accept_all denies a purpose; expected every purpose granted"
    if action in ("reject_all", "withdraw") and kind != "none":
        return f"grants: {action} grants a purpose; expected every purpose denied"
    if action == "close" and regime.model == "opt-in" and kind != "none":
        return "grants: close grants a purpose under an opt-in regime; expected every one denied"
    if action == "gpc" and not gpc:
        return "action: gpc without the signal; expected Sec-GPC: 1 or a true gpc"
    kept = [purpose for purpose in gpc_refuses if post.grants.of(purpose)]
    if kept and gpc and (action == "gpc" or regime.gpc_overrides_choice):
        return f"grants: {', '.join(kept)} granted under GPC; expected what it refuses denied"
    return None
