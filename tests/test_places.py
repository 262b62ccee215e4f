"""Every place that the facts name, on every day that matters, as the facts have it.

The facts are in ``facts/regions.json`` and were gathered apart from the regime files. What the
files do otherwise, always to the strict side, is said here with its reason.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest

from consent.model import STRICTNESS, Place, Resolution
from consent.regions import Regions

REGIONS = Regions.load()
FACTS = Path(__file__).parent / "facts" / "regions.json"
ROWS: list[dict[str, Any]] = json.loads(FACTS.read_text(encoding="utf-8"))["regions"]
BY_CODE = {row["code"]: row for row in ROWS}

DAYS = [
    dt.date(2024, 1, 1),
    dt.date(2025, 1, 1),
    dt.date(2026, 2, 5),
    dt.date(2026, 11, 23),  # the facts' own
    dt.date(2026, 11, 30),
    dt.date(2026, 12, 1),  # Chile
    dt.date(2026, 12, 31),
    dt.date(2027, 1, 1),  # Oklahoma, Louisiana
    dt.date(2027, 5, 1),  # Alabama
    dt.date(2027, 5, 12),
    dt.date(2027, 5, 13),  # India
    dt.date(2028, 1, 1),  # Vermont
    dt.date(2031, 7, 4),
]

CHANGES = {
    "CL": (dt.date(2026, 12, 1), "notice", "opt-in"),  # Law 21.719
    "IN": (dt.date(2027, 5, 13), "opt-in", "opt-in"),  # notice, shipped as opt-in; DPDP Act
}
"""Of the facts' remarks: the first day, the model before it and the model from it on."""

BEGINS = {
    "JP": dt.date(2023, 6, 16),
    "VN": dt.date(2026, 1, 1),
    "SA": dt.date(2024, 9, 14),
    "NG": dt.date(2025, 9, 19),
}
"""The first days in the facts' laws. Before them nothing is said, so the strictest holds."""

MONTHS = {6: (181, 184), 12: (365, 366), 24: (730, 731)}
"""The most days that a yes may live, and the fewest that a no has to, for so many months."""

LEFT_OUT = {
    "GB": {"2026/82"},  # the instrument that set the day
    "CH": {"2023-09-01"},  # stands in the file as from
    "CA-QC": {"2023-09-22"},
    "JP": {"2023-06-16"},
    "KR": {"14", "39-3"},  # an age; an article that was merged into another
    "IN": {"13/14"},  # November 2025, when the rules were notified
    "AU": {"2026-12-10"},  # a code that is due
}
"""Figures of the facts' citations that ours do without."""


def place(code: str) -> Place:
    if code == "null":
        return Place()
    if code == "*":
        return Place("PE", None, "header")  # no row names Peru
    return Place(code[:2], code if "-" in code else None, "header")


def found(code: str, on: dt.date) -> Resolution:
    return REGIONS.resolve(place(code), on=on)


def expected(row: dict[str, Any], on: dt.date) -> str:
    """The model that the facts want to be shipped."""
    code = row["code"]
    if "alias_of" in row:
        return expected(BY_CODE[row["alias_of"]], on)
    if code in CHANGES:
        first, before, after = CHANGES[code]
        return before if on < first else after
    if code == "CA":  # the row is of Canada outside Québec; without a province it may be Québec
        return "opt-in"
    if code in BEGINS and on < BEGINS[code]:
        return "opt-in"
    return row.get("strict_default", row["model"])


def test_the_facts_are_of_164_codes() -> None:
    assert len(BY_CODE) == 164
    assert set(BY_CODE) - {"*", "null"} <= set(REGIONS.codes)


@pytest.mark.parametrize("on", DAYS, ids=str)
def test_every_place_gets_the_model_of_the_facts(on: dt.date) -> None:
    shipped = {row["code"]: found(row["code"], on).regime.model for row in ROWS}
    assert shipped == {row["code"]: expected(row, on) for row in ROWS}


@pytest.mark.parametrize("on", DAYS, ids=str)
def test_no_place_is_less_strict_than_the_law(on: dt.date) -> None:
    for row in ROWS:
        if row["code"] in CHANGES or "alias_of" in row:
            continue
        assert STRICTNESS[found(row["code"], on).regime.model] >= STRICTNESS[row["model"]], row


@pytest.mark.parametrize("on", DAYS, ids=str)
def test_a_state_is_under_its_own_law_from_its_first_day_on(on: dt.date) -> None:
    for row in ROWS:
        if row["group"] != "US" or row["code"] == "US":
            continue
        resolution = found(row["code"], on)
        began = on >= dt.date.fromisoformat(row["in_force_from"])
        assert (resolution.regime.id != "us-other") == began, row["code"]
        assert (row["in_force_from"] in resolution.why) == began or not began, row["code"]


@pytest.mark.parametrize("on", DAYS, ids=str)
def test_the_signal_is_a_duty_where_and_since_when_the_facts_say(on: dt.date) -> None:
    for row in ROWS:
        if "gpc" not in row or row["code"] == "CA":
            continue
        duty, since = row["gpc"]["duty"], row["gpc"]["since"]
        if duty == "advice" or (row["code"] in BEGINS and on < BEGINS[row["code"]]):
            duty = "conditional"  # nobody knows where the visitor is, or what the law was
        elif row["code"] == "*":
            duty = "conditional"
        elif since is not None and on < dt.date.fromisoformat(since):
            duty = "none"
        assert found(row["code"], on).regime.gpc_duty == duty, row["code"]


def test_every_regime_takes_the_signal_as_a_refusal_in_the_united_states() -> None:
    for row in ROWS:
        if row["group"] in ("US", "US-none"):
            assert found(row["code"], DAYS[3]).regime.gpc_overrides_choice, row["code"]


@pytest.mark.parametrize("on", DAYS, ids=str)
def test_a_yes_lives_no_longer_and_in_half_a_year_nobody_asks_after_a_no(on: dt.date) -> None:
    for row in ROWS:
        months = BY_CODE[row.get("alias_of", row["code"])]["reask_months"]
        regime = found(row["code"], on).regime
        at_most, at_least = MONTHS[months]
        assert regime.accept_days <= at_most, row["code"]
        european = row["group"] in ("EU", "EEA", "UK", "CH", "territory")
        assert regime.refuse_days >= (184 if european else at_least), row["code"]


def test_the_law_is_cited_by_article() -> None:
    for row in ROWS:
        code = "CA-ON" if row["code"] == "CA" else row["code"]
        cited = "; ".join("; ".join(found(code, on).regime.law) for on in DAYS)
        for law in row.get("laws", ()):
            figures = set(re.findall(r"\d[\d.:/-]*\d|\d", law))
            missing = {figure for figure in figures if figure not in cited}
            assert missing <= LEFT_OUT.get(row["code"], set()), (row["code"], law)


@pytest.mark.parametrize("on", DAYS[3:], ids=str)
def test_what_is_unverified_in_the_facts_is_marked(on: dt.date) -> None:
    for row in ROWS:
        alias = "alias_of" in row
        doubtful = "unverified" in (row["model_confidence"], row.get("laws_confidence"))
        regime = found(row["code"], on).regime
        doubts = REGIONS.unverified(regime.id, place(row["code"]), on=on)
        if doubtful:
            assert ("treated_as" if alias else "law") in doubts, row["code"]
        elif row["code"] not in ("CH", "CA", "US"):
            assert "treated_as" not in doubts, row["code"]
        if row["group"] == "US-none" and row["gpc"]["confidence"] == "unverified":
            assert "gpc" in doubts, row["code"]
        assert regime.source.startswith("https://")
        assert regime.reviewed >= dt.date(2026, 11, 23)


def test_own_statistics_are_exempt_where_the_facts_say() -> None:
    exempt = {
        row["code"]
        for row in ROWS
        if BY_CODE[row.get("alias_of", row["code"])].get("analytics_without_consent", "no") != "no"
    }
    shipped = {row["code"]: found(row["code"], DAYS[3]).regime for row in ROWS}
    assert {code for code, regime in shipped.items() if regime.own_statistics} == exempt
    assert exempt >= {"GB", "FR", "IT", "ES", "NL", "CH", "RE"}


def test_the_united_kingdom_exempts_own_statistics_since_february_2026() -> None:
    assert found("GB", dt.date(2026, 2, 4)).regime.own_statistics is None
    exemption = found("GB", dt.date(2026, 2, 5)).regime.own_statistics
    assert exemption is not None
    assert exemption.law == "PECR Sch. A1 para 5"
    assert len(exemption.conditions) == 4


@pytest.mark.parametrize(
    ("state", "country"),
    [("CA", "opt-in"), ("DE", "opt-in"), ("IN", "opt-in"), ("CO", "opt-in"), ("AL", "opt-in")],
)
def test_a_state_and_a_country_of_one_name_are_told_apart(state: str, country: str) -> None:
    on = dt.date(2026, 11, 23)
    assert found(f"US-{state}", on).regime.model == "opt-out"
    assert found(state, on).regime.model == country


def test_canada_is_opt_out_outside_quebec_and_strict_where_the_province_is_not_known() -> None:
    on = dt.date(2026, 11, 23)
    provinces = [code for code in REGIONS.subdivisions if code.startswith("CA-")]
    models = {code: found(code, on).regime.model for code in provinces}
    assert [code for code, model in models.items() if model != "opt-out"] == ["CA-QC"]
    assert found("CA", on).regime.id == "ca-qc"
    assert "province is not known" in found("CA", on).why


def test_chile_and_india_change_by_day() -> None:
    before, after = (found("CL", dt.date(2026, 11, 30)), found("CL", dt.date(2026, 12, 1)))
    assert (before.regime.model, before.regime.law) == ("notice", ("Law 19.628",))
    assert "its own law begins on 2026-12-01 (world-opt-in)" in before.why
    assert (after.regime.model, after.regime.id) == ("opt-in", "world-opt-in")
    early, late = found("IN", dt.date(2027, 5, 12)), found("IN", dt.date(2027, 5, 13))
    assert "notice only" in early.why
    assert (early.regime.id, late.regime.id) == ("world-precaution", "world-opt-in")
