"""The shipped law, how a place finds it, and what is wrong with a file."""

from __future__ import annotations

import datetime as dt
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from consent import data
from consent.errors import NotFoundError
from consent.model import STRICTNESS, Place, Regime, RegionRule
from consent.regions import Regions, files
from consent.regions.files import PSEUDO_CODES

TODAY = dt.date(2026, 11, 23)
REGIONS = Regions.load()

EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
FRENCH = "GP MQ GF RE YT MF BL PM WF PF NC TF"
IN_FORCE = "VA CO CT UT TX OR FL MT DE IA NE NH NJ TN MN MD IN KY RI"
COMING = {
    "OK": dt.date(2027, 1, 1),
    "LA": dt.date(2027, 1, 1),
    "AL": dt.date(2027, 5, 1),
    "VT": dt.date(2028, 1, 1),
}
WITHOUT = "AK AZ AR DC GA HI ID IL KS MA ME MI MO MS NC ND NM NV NY OH PA SC SD WA WI WV WY"


def at(code: str) -> Place:
    country, dash, _ = code.partition("-")
    return Place(country, code if dash else None, "header")


def regime(code: str, on: dt.date = TODAY) -> Regime:
    return REGIONS.resolve(at(code), on=on).regime


@pytest.mark.parametrize(
    ("code", "id_", "model"),
    [
        ("DE", "eea", "opt-in"),  # Berlin
        ("GB", "uk", "opt-in"),  # London
        ("US-CA", "us-ca", "opt-out"),  # Los Angeles
        ("US-TX", "us-states", "opt-out"),  # Dallas
        ("CA-QC", "ca-qc", "opt-in"),  # Montréal
        ("BR-SP", "br", "opt-in"),  # São Paulo
        ("JP-13", "jp", "notice"),  # Tokyo
        ("CH", "ch", "opt-in"),
        ("GB-NIR", "uk", "opt-in"),
        ("ES-CN", "eea", "opt-in"),
        ("PT-20", "eea", "opt-in"),
        ("US", "us-ca", "opt-out"),
        ("US-ZZ", "us-ca", "opt-out"),
        ("US-06", "us-ca", "opt-out"),
        ("US-OH", "us-other", "opt-out"),
        ("US-PR", "us-other", "opt-out"),
        ("PR", "us-other", "opt-out"),
        ("CA", "ca-qc", "opt-in"),
        ("CA-ON", "ca", "opt-out"),
        ("AR", "world-precaution", "opt-in"),
        ("JE", "europe-other", "opt-in"),
        ("MX", "mx", "opt-out"),
        ("AU", "world-notice", "notice"),
        ("KR", "world-opt-in", "opt-in"),
        ("PE", "unknown", "opt-in"),
        ("QQ", "unknown", "opt-in"),
    ],
)
def test_a_visitor_gets_the_law_of_the_place(code: str, id_: str, model: str) -> None:
    assert (regime(code).id, regime(code).model) == (id_, model)


@pytest.mark.parametrize(
    "code", [*EU.split(), "IS", "LI", "NO", *FRENCH.split(), "AX", "IC", "EA", "SJ", "BV"]
)
def test_the_eea_and_its_odd_corners_are_opt_in(code: str) -> None:
    found = regime(code)
    assert (found.id, found.model, found.gpc_overrides_choice) == ("eea", "opt-in", False)
    assert found.refuse_days >= 184
    assert len(found.law) > 2, "its own act stands before the GDPR"


def test_territories_get_the_particulars_of_their_country() -> None:
    assert {regime(code).sha256 for code in FRENCH.split()} == {regime("FR").sha256}
    assert regime("AX").sha256 == regime("FI").sha256
    assert regime("EL").sha256 == regime("GR").sha256
    assert regime("UK").sha256 == regime("GB").sha256
    why = REGIONS.resolve(at("NC"), on=TODAY).why
    assert "New Caledonia is treated as FR" in why
    assert "unverified" in why


@pytest.mark.parametrize(
    ("months", "codes"),
    [(6, "FR IT IE BE NL CZ GB"), (12, "DE AT PL CH BR CA-QC JP"), (24, "ES")],
)
def test_a_yes_never_lives_longer_than_the_place_says(months: int, codes: str) -> None:
    for code in codes.split():
        assert regime(code).accept_days == {6: 181, 12: 365, 24: 730}[months], code


def test_italy_wants_an_x_that_refuses() -> None:
    assert regime("IT").has("close-refuses")
    assert not regime("DE").has("close-refuses")


@pytest.mark.parametrize("state", IN_FORCE.split())
def test_a_state_with_a_law_has_its_own_citation(state: str) -> None:
    found = regime(f"US-{state}")
    assert (found.id, found.model, found.gpc_overrides_choice) == ("us-states", "opt-out", True)
    assert len(found.law) == 2


@pytest.mark.parametrize("state", WITHOUT.split())
def test_a_state_without_a_law_is_opt_out_all_the_same(state: str) -> None:
    found = regime(f"US-{state}")
    assert (found.id, found.model, found.gpc_overrides_choice) == ("us-other", "opt-out", True)


@pytest.mark.parametrize("state", COMING)
def test_a_coming_law_begins_on_its_day_and_is_announced(state: str) -> None:
    place, first = at(f"US-{state}"), COMING[state]
    before = REGIONS.resolve(place, on=first - dt.timedelta(days=1))
    assert before.regime.id == "us-other"
    assert f"its own law begins on {first.isoformat()}" in before.why
    on_the_day = REGIONS.resolve(place, on=first)
    assert on_the_day.regime.id == "us-states"
    assert f"since {first.isoformat()}" in on_the_day.why


def test_texas_has_its_law_since_2024_and_the_signal_since_2025() -> None:
    assert regime("US-TX", dt.date(2024, 6, 30)).id == "us-other"
    assert regime("US-TX", dt.date(2024, 7, 1)).gpc_duty == "none"
    assert regime("US-TX", dt.date(2025, 1, 1)).gpc_duty == "required"
    assert REGIONS.resolve(at("US-TX"), on=TODAY).why == (
        "US-TX: Texas has had its own opt-out law since 2024-07-01"
        " (TDPSA Tex. Bus. & Com. Code ch. 541)"
    )


def test_california_binds_to_the_signal_and_shows_its_status() -> None:
    found = regime("US-CA")
    assert (found.gpc_duty, found.gpc_overrides_choice) == ("required", True)
    assert set(found.duties) == {"notice", "opt-out-link", "gpc-status", "equal-weight"}


@pytest.mark.parametrize(
    "place",
    [
        Place(),
        Place(subdivision="US-CA"),
        *(Place(code) for code in sorted(PSEUDO_CODES)),
        Place("us", "us-ca"),
        Place("US", "CA-QC"),
        Place("US", "CA"),
        Place("US", "US-"),
        Place("US-CA"),
        Place("DEU"),
        Place(""),
        Place("Ü1"),
    ],
)
def test_a_place_that_is_not_known_gets_the_strictest_whatever_the_rules(place: Place) -> None:
    loose = {key: RegionRule("jp") for key in ("*", "US", "US-CA", "@eea", "@us", "XX", "")}
    for rules in ({}, loose):
        found = REGIONS.resolve(place, on=TODAY, rules=rules)
        assert found.regime == REGIONS.strictest
        assert "not known" in found.why


def test_every_regime_of_a_model_has_what_the_model_needs() -> None:
    for id_ in REGIONS.ids:
        found = REGIONS.regime(id_, Place(), on=TODAY)
        if found.model == "opt-in":
            needed = {"reject-first-layer", "equal-weight", "granular", "withdraw-link", "notice"}
            # Who may be anywhere may be a Californian.
            assert found.gpc_overrides_choice == (id_ == "unknown"), id_
        else:
            needed = {"notice"}
            assert found.gpc_overrides_choice, id_
        assert needed <= set(found.duties), id_
        if found.model == "opt-out":
            assert found.has("opt-out-link"), id_


def test_the_regimes_are_these() -> None:
    assert REGIONS.ids == (
        *("br", "ca", "ca-qc", "ch", "eea", "europe-other", "jp", "mx", "uk", "unknown"),
        *("us-ca", "us-other", "us-states", "world-notice", "world-opt-in", "world-precaution"),
    )


def is_as_strict(one: Regime, other: Regime) -> bool:
    """Whether ``one`` lets nothing run, and asks no more often after a no, than ``other``."""
    in_opt_in = set(other.duties) if other.model == "opt-in" else set()
    return (
        STRICTNESS[one.model] >= STRICTNESS[other.model]
        and one.refuse_days >= other.refuse_days
        and one.accept_days <= other.accept_days
        and one.gpc_overrides_choice >= other.gpc_overrides_choice
        and in_opt_in <= set(one.duties)
    )


KNOWN = sorted({*REGIONS.codes, "PE"} - PSEUDO_CODES)
DAYS = st.dates(dt.date(2024, 1, 1), dt.date(2030, 12, 31))


@given(st.sampled_from(KNOWN), DAYS)
def test_knowing_nothing_is_never_less_strict_than_knowing_the_place(
    code: str, on: dt.date
) -> None:
    unknown = REGIONS.resolve(Place(), on=on).regime
    assert is_as_strict(unknown, regime(code, on))


@given(st.sampled_from([code for code in KNOWN if "-" in code]), DAYS)
def test_knowing_the_country_alone_is_never_less_strict(code: str, on: dt.date) -> None:
    assert STRICTNESS[regime(code[:2], on).model] >= STRICTNESS[regime(code, on).model]
    if code[:2] == "US":
        assert regime("US", on).gpc_duty == "required"


PLACES = st.builds(
    Place,
    st.none() | st.sampled_from(["US", "CA", "DE", "RE", "XX"]) | st.text(max_size=4),
    st.none() | st.sampled_from(["US-CA", "CA-QC", "DE-BE"]) | st.text(max_size=6),
)
RULES = st.dictionaries(
    st.sampled_from(["US-CA", "US", "DE", "FR", "RE", "@eea", "@eu", "@us", "*"])
    | st.text(max_size=5),
    st.builds(RegionRule, st.sampled_from(REGIONS.ids) | st.text(max_size=5)),
    max_size=4,
)


@given(PLACES, st.dates(), RULES)
def test_resolution_never_fails_and_always_says_why(
    place: Place, on: dt.date, rules: dict[str, RegionRule]
) -> None:
    found = REGIONS.resolve(place, on=on, rules=rules)
    assert found.regime.id in REGIONS.ids
    assert found.why
    assert "{" not in found.why or "{" in f"{place}{rules}"
    assert REGIONS.resolve(place, on=on, rules=rules) == found


@given(st.sampled_from(KNOWN), st.sampled_from(KNOWN), DAYS)
def test_a_rule_for_one_place_changes_no_other(code: str, other: str, on: dt.date) -> None:
    rules = {code: RegionRule("unknown", layout="box")}
    alias = REGIONS._treated_as.get(other)
    if code in (other, alias and alias.as_) or other.startswith(f"{code}-"):
        found = REGIONS.resolve(at(other), on=on, rules=rules)
        assert (found.regime.id, found.layout) == ("unknown", "box")
    else:
        assert REGIONS.resolve(at(other), on=on, rules=rules) == REGIONS.resolve(at(other), on=on)


@pytest.mark.parametrize(
    ("code", "matched"),
    [
        ("US-CA", "US-CA"),
        ("US-TX", "@us"),
        ("US", "@us"),
        ("CA-QC", "CA"),
        ("RE", "RE"),
        ("GP", "FR"),
        ("FR", "FR"),
        ("DE", "@eu"),
        ("NO", "@eea"),
        ("JP", "*"),
    ],
)
def test_a_stores_most_specific_rule_wins(code: str, matched: str) -> None:
    keys = ("US-CA", "@us", "CA", "RE", "FR", "@eu", "@eea", "*")
    rules = {key: RegionRule("unknown") for key in keys}
    found = REGIONS.resolve(at(code), on=TODAY, rules=rules)
    assert found.matched == matched
    assert f"rule of its own for {matched}" in found.why


def test_a_stores_rule_keeps_the_places_particulars_of_that_regime() -> None:
    rules = {"*": RegionRule("eea")}
    assert REGIONS.resolve(at("FR"), on=TODAY, rules=rules).regime == regime("FR")
    assert REGIONS.resolve(at("US-TX"), on=TODAY, rules=rules).regime.law[0].startswith("GDPR")


def test_a_rule_that_names_no_regime_gives_the_strictest_and_says_so() -> None:
    japan, peru = (
        REGIONS.resolve(at(code), on=TODAY, rules={code: RegionRule("gone")})
        for code in ("JP", "PE")
    )
    assert japan.regime.id == "unknown"
    assert peru.regime == REGIONS.strictest
    found = japan
    assert "'gone'" in found.why


def test_faults_in_a_stores_rules_are_all_listed() -> None:
    rules = {
        "US-CA": RegionRule("us-ca"),
        "@eea": RegionRule("eea"),
        "*": RegionRule("unknown"),
        "@europe": RegionRule("eea"),
        "California": RegionRule("us-ca"),
        "EU": RegionRule("eea"),
        "DE": RegionRule("gdpr"),
    }
    faults = REGIONS.faults(rules)
    assert [fault.split(":")[0] for fault in faults] == [
        "regions.@europe",
        "regions.California",
        "regions.EU",
        "regions.DE.regime",
    ]


def test_a_regimes_hash_is_that_of_its_other_fields() -> None:
    found = regime("IT")
    content = found.content
    assert hashlib.sha256(content).hexdigest() == found.sha256
    assert "sha256" not in json.loads(content)
    assert json.loads(content)["reviewed"] == found.reviewed.isoformat()
    assert regime("FR").sha256 != found.sha256


def test_an_unknown_regime_is_refused_with_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="known are br, ca, ca-qc"):
        REGIONS.regime("gdpr", Place(), on=TODAY)


READ = files.read(data.folder("regimes"))
ADDED = files.RegimeFile(
    name="New",
    model="notice",
    law=("New Act",),
    source="https://law.example/",
    reviewed=TODAY,
    confidence="verified",
    applies_to=(),
    gpc=files.Gpc(duty="none", overrides_choice=True),
    banner=files.Banner(duties=("notice",)),
    ask_again=files.AskAgain(accept_days=1, refuse_days=1),
    why="{place}: {law}",
)


@given(st.sampled_from(KNOWN), DAYS, st.dates(dt.date(2024, 1, 1), dt.date(2030, 12, 31)))
@settings(max_examples=40)
def test_a_file_for_one_place_changes_no_other(code: str, on: dt.date, first: dt.date) -> None:
    """Of the claims that a code has, that by code; those that are treated as it follow it."""
    others = {name: file for name, file in READ.regimes.items() if code not in file.applies_to}
    taken = {name: file for name, file in READ.regimes.items() if name not in others}
    without = {
        name: structs.replace(file, applies_to=tuple(c for c in file.applies_to if c != code))
        for name, file in taken.items()
    }
    new = structs.replace(ADDED, applies_to=(code,), from_=first)
    with_it = Regions(READ._replace(regimes={**READ.regimes, **without, "new": new}))
    before = Regions(READ._replace(regimes={**READ.regimes, **without}))
    follow = {code, *(c for c, alias in READ.treated_as.items() if alias.as_ == code)}
    assert with_it.resolve(at(code), on=max(on, first)).regime.id == "new"
    for other in set(KNOWN) - follow:
        found = with_it.resolve(at(other), on=on).regime
        assert found == before.resolve(at(other), on=on).regime, other
