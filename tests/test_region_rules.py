"""A store's own rules over the shipped law: what holds, what is looser, and who answers for it."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.model import (
    CHOOSABLE,
    STRICTNESS,
    Approval,
    Place,
    Regime,
    RegionRule,
    Rules,
)
from consent.regions import Regions
from consent.regions.rules import digest

TODAY = dt.date(2026, 11, 26)
REGIONS = Regions.load()
GERMANY, OREGON, TOKYO = Place("DE"), Place("US", "US-OR"), Place("JP")


def approved(key: str, rule: RegionRule) -> RegionRule:
    word = Approval("lawyer@summit.example", TODAY, digest(key, rule))
    return msgspec.structs.replace(rule, approved=word)


def loose(key: str, regime: str = "us-states", **more) -> RegionRule:
    return approved(key, RegionRule(regime, reason="Counsel's memo of May", **more))


def found(place: Place, own=None, template=None, on: dt.date = TODAY):
    return REGIONS.resolve(place, on=on, rules=Rules(own or {}, template or {}, "outdoor"))


def test_each_field_comes_from_the_most_specific_rule_that_states_it():
    own = {"DE": RegionRule(accept_days=90), "@eea": RegionRule(accept_days=60, layout="box")}
    template = {
        "DE": RegionRule("unknown", layout="dialog", purposes=("analytics",)),
        "*": RegionRule(pixels=("ga4",), refuse_days=400),
    }
    here = found(GERMANY, own, template)
    assert (here.regime.id, here.regime.accept_days, here.regime.refuse_days) == (
        "unknown",
        90,
        400,
    )
    assert (here.layout, here.purposes, here.pixels) == ("box", ("analytics",), ("ga4",))
    assert dict(here.given) == {
        "regime": "group outdoor: regions.DE",
        "accept_days": "regions.DE",
        "refuse_days": "group outdoor: regions.*",
        "layout": "regions.@eea",
        "purposes": "group outdoor: regions.DE",
        "pixels": "group outdoor: regions.*",
    }
    for said in ("the template of group outdoor has a rule for DE", "a yes holds 90 days"):
        assert said in here.why
    france = found(Place("FR"), own, template)
    assert (france.regime.id, france.regime.accept_days) == ("eea", 60)
    assert france.matched == REGIONS.resolve(Place("FR"), on=TODAY).matched
    assert france.purposes == CHOOSABLE


def test_rules_that_say_nothing_of_a_place_leave_it_as_it_is():
    own = {"DE": RegionRule("unknown"), "@us": RegionRule()}
    for place in (TOKYO, OREGON, Place()):
        assert found(place, own, own) == REGIONS.resolve(place, on=TODAY)


def test_an_unknown_place_is_reached_by_no_rule():
    rule = approved("*", RegionRule("jp", reason="why", purposes=(), pixels=()))
    assert found(Place(), {"*": rule}) == REGIONS.resolve(Place(), on=TODAY)


@pytest.mark.parametrize(
    ("key", "rule", "field"),
    [
        ("DE", RegionRule("us-ca"), "regime"),
        ("US-CA", RegionRule("us-states"), "regime"),
        ("DE", RegionRule(accept_days=3000), "accept_days"),
        ("DE", RegionRule(refuse_days=1), "refuse_days"),
    ],
)
def test_what_is_looser_holds_only_once_a_lawyer_has_allowed_it(key, rule, field):
    place = Place(key[:2], key if "-" in key else None)
    shipped = REGIONS.resolve(place, on=TODAY)
    refused = found(place, {key: rule})
    assert refused.regime == shipped.regime
    assert f"{field} of regions.{key} does not hold" in refused.why
    unsaid = found(place, {key: approved(key, rule)})
    assert unsaid.regime == shipped.regime, "an approval without a reason"
    reasoned = msgspec.structs.replace(rule, reason="Counsel's memo of May")
    allowed = found(place, {key: approved(key, reasoned)})
    assert allowed.regime != shipped.regime
    (said,) = allowed.regime.looser
    assert (said.rule, said.reason, said.by) == (
        f"regions.{key}",
        "Counsel's memo of May",
        "lawyer@summit.example",
    )
    assert said.what.startswith(f"{field}: ")
    assert b"memo of May" in allowed.regime.content
    assert "allowed by lawyer@summit.example" in allowed.why


def test_an_edit_voids_an_approval_and_so_does_another_place():
    rule = loose("DE")
    assert found(GERMANY, {"DE": rule}).regime.id == "us-states"
    longer = msgspec.structs.replace(rule, until=dt.date(2030, 1, 1))
    assert found(GERMANY, {"DE": longer}).regime.id == "eea"
    assert found(Place("FR"), {"FR": rule}).regime.id == "eea"


def test_a_rule_ends_on_its_day_and_the_next_one_holds():
    own = {"DE": loose("DE", until=dt.date(2027, 1, 1)), "@eea": RegionRule(layout="box")}
    last = found(GERMANY, own, on=dt.date(2026, 12, 31))
    assert (last.regime.id, last.layout) == ("us-states", "box")
    assert last.regime.looser[0].until == dt.date(2027, 1, 1)
    after = found(GERMANY, own, on=dt.date(2027, 1, 1))
    assert (after.regime, after.layout) == (found(GERMANY, on=TODAY).regime, "box")


def test_a_published_rule_gives_way_where_the_law_becomes_stricter():
    own = {"US-TX": RegionRule("us-other", layout="box")}
    texas, day = Place("US", "US-TX"), dt.date(2025, 1, 1)
    assert found(texas, own, on=day - dt.timedelta(days=1)).regime.id == "us-other"
    later = found(texas, own, on=day)
    assert (later.regime, later.layout) == (REGIONS.resolve(texas, on=day).regime, "box")


def test_a_stricter_model_does_not_lengthen_a_yes():
    spain = found(Place("ES"), {"ES": RegionRule("unknown")})
    oregon = found(OREGON, {"US-OR": RegionRule("eea")})
    assert spain.regime.accept_days == REGIONS.strictest.accept_days
    assert oregon.regime.model == "opt-in"
    assert oregon.regime.refuse_days == REGIONS.resolve(OREGON, on=TODAY).regime.refuse_days


def test_a_stricter_model_heeds_the_signal_no_less():
    california = Place("US", "US-CA")
    asked = found(california, {"US-CA": RegionRule("eea")}).regime
    assert (asked.model, asked.gpc_duty, asked.gpc_overrides_choice) == ("opt-in", "required", True)
    germany = found(GERMANY, {"DE": RegionRule("br")}).regime
    assert (germany.gpc_duty, germany.gpc_overrides_choice) == ("none", False)


def test_what_is_looser_than_a_law_shows_that_law_in_the_ledger():
    shipped = REGIONS.resolve(OREGON, on=TODAY).regime
    for id_ in ("world-notice", "world-opt-in"):
        here = found(OREGON, {"US-OR": loose("US-OR", id_)}).regime
        assert here.id == id_
        assert (here.law, here.source) == (shipped.law, shipped.source)


def test_a_version_is_resolved_once_for_a_place_and_a_day():
    rules = Rules({"DE": RegionRule("unknown")})
    first = REGIONS.resolve(GERMANY, on=TODAY, rules=rules)
    assert REGIONS.resolve(GERMANY, on=TODAY, rules=rules) is first
    assert REGIONS.resolve(GERMANY, on=TODAY, rules=Rules(rules.own)) is not first


DAYS = st.none() | st.integers(1, 900)
RULE = st.builds(
    RegionRule,
    st.sampled_from(["", "", *REGIONS.ids]),
    *(DAYS, DAYS),
    layout=st.sampled_from([None, "box"]),
    purposes=st.none() | st.lists(st.sampled_from(CHOOSABLE), unique=True).map(tuple),
    pixels=st.none() | st.just(("meta",)),
    own_statistics=st.none() | st.just(("matomo",)),
    until=st.none() | st.dates(dt.date(2026, 1, 1), dt.date(2029, 1, 1)),
    reason=st.sampled_from(["", "why"]),
    approved=st.none() | st.just(Approval("x@summit.example", TODAY, "0" * 64)),
)
KEYS = st.sampled_from(["*", "DE", "FR", "ES", "@eea", "@eu", "US", "US-CA", "US-OK", "@us", "JP"])
LAYER = st.dictionaries(KEYS, RULE, max_size=4)
PLACE = st.sampled_from([*REGIONS.every_place, Place()])
ON = st.dates(dt.date(2024, 1, 1), dt.date(2029, 1, 1))


def weakened(here: Regime, shipped: Regime) -> list[str]:
    """In what ``here`` asks less than ``shipped``, by the words of the law's own fields."""
    less = [
        field
        for field in ("google_advanced", "automatic_collection")
        if getattr(here, field) and not getattr(shipped, field)
    ]
    if STRICTNESS[here.model] < STRICTNESS[shipped.model]:
        less.append("model")
    if here.accept_days > shipped.accept_days or here.refuse_days < shipped.refuse_days:
        less.append("days")
    known = here.model == shipped.model and shipped.id != REGIONS.strictest.id
    if known and not set(shipped.duties) <= set(here.duties):
        less.append("duties")
    duties = ("none", "conditional", "required")
    if duties.index(here.gpc_duty) < duties.index(shipped.gpc_duty):
        less.append("gpc")
    if shipped.gpc_overrides_choice and not here.gpc_overrides_choice:
        less.append("a choice over gpc")
    return less


@given(PLACE, ON, LAYER, LAYER)
def test_nothing_is_looser_than_the_shipped_law_without_a_reason_and_an_approval(
    place, on, own, template
):
    here = found(place, own, template, on)
    assert weakened(here.regime, REGIONS.resolve(place, on=on).regime) == []
    assert here.regime.looser == ()
    assert here.own_statistics == ()


@given(PLACE, ON, LAYER, st.booleans())
def test_all_that_is_looser_is_answered_for_by_name(place, on, layer, shared):
    layer = {
        key: approved(key, msgspec.structs.replace(rule, reason="why"))
        for key, rule in layer.items()
    }
    here = found(place, {} if shared else layer, layer if shared else {}, on)
    shipped = REGIONS.resolve(place, on=on).regime
    if weakened(here.regime, shipped) or here.own_statistics:
        assert here.regime.looser
    assert shipped.own_statistics or not here.own_statistics
    for one in here.regime.looser:
        assert (one.reason, one.by, one.on) == ("why", "lawyer@summit.example", TODAY)
        assert one.until is None or on < one.until
