from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from playwright.sync_api import sync_playwright

from consent.browser import build
from consent.decide import Asked, Decided, Outcome, consent_mode, decide, pixel_state
from consent.model import CHOOSABLE, GoogleConfig, Grants, Model, Purpose, Regime
from tests import browser_setup

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
ALL, NONE = Grants.all(True), Grants.all(False)
ANALYTICS_ONLY = Grants(preferences=False, analytics=True, marketing=False)
ASKED = Asked(version=5, since=3)


def regime(model: Model, *, wins: bool = False, accept: int = 365, refuse: int = 180) -> Regime:
    return Regime(
        id="here",
        name="Here",
        model=model,
        law=("a law",),
        source="https://law.example",
        reviewed=NOW.date(),
        confidence="verified",
        gpc_duty="none",
        gpc_overrides_choice=wins,
        duties=(),
        accept_days=accept,
        refuse_days=refuse,
        sha256="0" * 64,
    )


EEA = regime("opt-in")
CALIFORNIA = regime("opt-out", wins=True)
JAPAN = regime("notice")


def decided(
    grants: Grants = ALL,
    *,
    days_ago: float = 1,
    version: int = 5,
    model: Model = "opt-in",
    gpc: bool = False,
    refused: tuple[str, ...] = (),
) -> Decided:
    return Decided(grants, NOW - dt.timedelta(days=days_ago), version, model, gpc, refused)


def test_a_newcomer_under_opt_in_is_asked_and_everything_is_denied() -> None:
    outcome = decide(EEA, ASKED, None, gpc=False, now=NOW)
    assert outcome == Outcome(NONE, "banner", None, "regime")


@pytest.mark.parametrize("open_regime", [CALIFORNIA, JAPAN])
def test_a_newcomer_under_opt_out_or_notice_is_told_and_everything_runs(
    open_regime: Regime,
) -> None:
    outcome = decide(open_regime, ASKED, None, gpc=False, now=NOW)
    assert outcome == Outcome(ALL, "notice", None, "regime")


def test_a_valid_decision_speaks_and_nothing_is_shown() -> None:
    outcome = decide(EEA, ASKED, decided(ANALYTICS_ONLY), gpc=False, now=NOW)
    assert outcome == Outcome(ANALYTICS_ONLY, "none", None, "decided")


@pytest.mark.parametrize("any_regime", [EEA, CALIFORNIA, JAPAN])
def test_an_unreadable_decision_counts_as_none_under_the_strictest_regime(
    any_regime: Regime,
) -> None:
    outcome = decide(any_regime, ASKED, "unreadable", gpc=False, now=NOW)
    assert outcome == Outcome(NONE, "banner", None, "unreadable")


def test_consent_and_refusal_have_periods_of_their_own() -> None:
    short = regime("opt-in", accept=365, refuse=180)
    accepted, refused = decided(ALL, days_ago=200), decided(NONE, days_ago=200)
    assert decide(short, ASKED, accepted, gpc=False, now=NOW).why == "decided"
    assert decide(short, ASKED, refused, gpc=False, now=NOW).why == "expired"


def test_an_expired_accept_lets_nothing_run_not_even_under_opt_out() -> None:
    outcome = decide(CALIFORNIA, ASKED, decided(days_ago=366), gpc=False, now=NOW)
    assert outcome == Outcome(NONE, "banner", None, "expired")


def test_a_decision_under_an_unknown_version_lets_nothing_run() -> None:
    assert decide(EEA, ASKED, decided(version=6), gpc=False, now=NOW).why == "unknown-version"


def test_a_new_pixel_is_asked_about_and_under_opt_in_nothing_runs_until_then() -> None:
    old = decided(version=2)
    assert decide(EEA, ASKED, old, gpc=False, now=NOW) == Outcome(
        NONE, "banner", None, "version-changed"
    )
    assert decide(CALIFORNIA, ASKED, decided(version=2, model="opt-out"), gpc=False, now=NOW) == (
        Outcome(ALL, "notice", None, "version-changed")
    )


@pytest.mark.parametrize("old", [decided(ANALYTICS_ONLY, version=2), decided(NONE, version=2)])
def test_who_opted_out_is_not_asked_back_when_a_pixel_is_new(old: Decided) -> None:
    outcome = decide(CALIFORNIA, ASKED, old, gpc=False, now=NOW)
    assert outcome == Outcome(old.grants, "none", None, "decided")


def test_who_moves_to_a_stricter_regime_is_asked_again_and_not_the_other_way() -> None:
    from_texas, from_japan = decided(model="opt-out"), decided(model="notice")
    assert decide(EEA, ASKED, from_texas, gpc=False, now=NOW).why == "stricter-regime"
    assert decide(CALIFORNIA, ASKED, from_japan, gpc=False, now=NOW) == (
        Outcome(ALL, "notice", None, "stricter-regime")
    )
    assert decide(CALIFORNIA, ASKED, decided(model="opt-in"), gpc=False, now=NOW).why == "decided"


def test_a_pixel_refused_by_itself_stays_off_though_its_purpose_is_granted() -> None:
    outcome = decide(EEA, ASKED, decided(refused=("meta",)), gpc=False, now=NOW)

    def state(platform: str) -> str:
        return pixel_state(
            outcome, ("marketing",), opt_out="limit", model="opt-in", gpc=False, platform=platform
        )

    assert outcome == Outcome(ALL, "none", None, "decided", ("meta",))
    assert (state("meta"), state("google-ads")) == ("blocked", "run")
    signal = decide(EEA, ASKED, decided(refused=("ga4",)), gpc=True, now=NOW)
    assert (signal.why, signal.refused) == ("gpc", ("ga4",))


def test_gpc_refuses_marketing_at_once_without_a_dialog_and_is_recorded() -> None:
    outcome = decide(CALIFORNIA, ASKED, None, gpc=True, now=NOW)
    assert outcome == Outcome(ALL.without(("marketing",)), "none", "gpc", "gpc")


def test_gpc_takes_what_the_store_lists() -> None:
    strict = Asked(5, 3, ("marketing", "analytics"))
    outcome = decide(CALIFORNIA, strict, None, gpc=True, now=NOW)
    assert outcome.grants == Grants(preferences=True, analytics=False, marketing=False)


@pytest.mark.parametrize("any_regime", [EEA, CALIFORNIA, JAPAN])
def test_gpc_wins_over_an_older_accept_everywhere(any_regime: Regime) -> None:
    outcome = decide(any_regime, ASKED, decided(gpc=False), gpc=True, now=NOW)
    assert not outcome.grants.marketing
    assert (outcome.record, outcome.why) == ("gpc", "gpc")


def test_an_accept_made_with_gpc_on_stands_under_opt_in_but_not_where_the_signal_wins() -> None:
    later = decided(gpc=True)
    assert decide(EEA, ASKED, later, gpc=True, now=NOW).grants == ALL
    assert not decide(CALIFORNIA, ASKED, later, gpc=True, now=NOW).grants.marketing


def test_gpc_never_counts_as_consent_and_the_banner_is_still_shown_under_opt_in() -> None:
    outcome = decide(EEA, ASKED, None, gpc=True, now=NOW)
    assert outcome == Outcome(NONE, "banner", None, "regime")


def test_the_signals_decision_is_recorded_once() -> None:
    after = decided(ALL.without(("marketing",)), model="opt-out", gpc=True)
    assert decide(CALIFORNIA, ASKED, after, gpc=True, now=NOW).record is None


def test_a_limited_pixel_runs_after_an_opt_out_by_hand_only() -> None:
    opted_out = decide(CALIFORNIA, ASKED, decided(NONE, model="opt-out"), gpc=False, now=NOW)
    by_signal = decide(CALIFORNIA, ASKED, None, gpc=True, now=NOW)
    in_europe = decide(EEA, ASKED, decided(NONE), gpc=False, now=NOW)

    def state(outcome: Outcome, model: Model, *, gpc: bool = False, limit: bool = True) -> str:
        opt_out = "limit" if limit else "stop"
        return pixel_state(outcome, ("marketing",), opt_out=opt_out, model=model, gpc=gpc)

    assert state(opted_out, "opt-out") == "limited"
    assert state(opted_out, "opt-out", limit=False) == "blocked"
    assert state(by_signal, "opt-out", gpc=True) == "blocked"
    assert state(in_europe, "opt-in") == "blocked"
    in_japan = decide(JAPAN, ASKED, decided(NONE, model="notice"), gpc=False, now=NOW)
    assert state(in_japan, "notice") == "limited"
    assert state(in_japan, "notice", gpc=True) == "blocked"


def test_consent_mode_is_advanced_only_where_store_and_regime_say_so() -> None:
    allowing = msgspec.structs.replace(JAPAN, google_advanced=True)
    wanted, basic = GoogleConfig(consent_mode="advanced"), GoogleConfig()
    assert [consent_mode(law, store) for law in (allowing, JAPAN) for store in (wanted, basic)] == [
        "advanced",
        "basic",
        "basic",
        "basic",
    ]


def cases(offered: tuple[Purpose, ...]) -> Iterator[dict[str, Any]]:
    """Every combination that could matter, as both implementations get it."""
    models: tuple[Model, ...] = ("opt-in", "opt-out", "notice")
    grants = [ALL, NONE, ANALYTICS_ONLY, Grants(True, False, True)]
    days = (1, 179, 180, 364.9, 365, 400) if offered == CHOOSABLE else (1, 200, 400)
    decisions: list[Decided | str | None] = [None, "unreadable"]
    decisions += [
        decided(g, days_ago=d, version=v, model=m, gpc=signal)
        for g, d, v, m, signal in itertools.product(
            grants, days, (2, 3, 5, 6), models, (True, False)
        )
    ]
    decisions += [
        decided(g, version=v, model=m, gpc=signal, refused=("meta",))
        for g, v, m, signal in itertools.product((ALL, NONE), (2, 5), models, (True, False))
    ]
    refuses = (("marketing",), ("analytics", "marketing"))
    for model, wins, refused, decision, gpc in itertools.product(
        models, (True, False), refuses, decisions, (True, False)
    ):
        yield {
            "regime": regime(model, wins=wins),
            "asked": Asked(5, 3, tuple(one for one in refused if one in offered), offered),
            "decided": decision,
            "gpc": gpc,
        }


def for_browser(case: dict[str, Any]) -> list[Any]:
    rule, asked, decision = case["regime"], case["asked"], case["decided"]
    config = {
        "regime": {
            "model": rule.model,
            "accept": rule.accept_days,
            "refuse": rule.refuse_days,
            "wins": rule.gpc_overrides_choice,
        },
        "version": asked.version,
        "since": asked.since,
        "off": asked.gpc_refuses,
    }
    if isinstance(decision, Decided):
        # As decision.js reads it where less is offered.
        held = decision.grants.without(asked.withheld)
        decision = msgspec.structs.replace(decision, grants=held)
        decision = {**msgspec.to_builtins(decision), "at": decision.at.timestamp()}
    return [config, decision, case["gpc"], NOW.timestamp()]


@pytest.mark.browser
@pytest.mark.parametrize("offered", [CHOOSABLE, ("analytics",)])
def test_the_browser_decides_every_case_as_the_service_does(offered: tuple[Purpose, ...]) -> None:
    table = list(cases(offered))
    expected = []
    for case in table:
        outcome = decide(case["regime"], case["asked"], case["decided"], gpc=case["gpc"], now=NOW)
        states = [
            pixel_state(
                outcome,
                purposes,
                opt_out=opt_out,
                model=case["regime"].model,
                gpc=case["gpc"],
                platform="meta",
            )
            for purposes in (("marketing",), ("analytics", "marketing"))
            for opt_out in ("stop", "limit")
        ]
        said = msgspec.to_builtins(outcome)
        assert said.pop("record") == ("gpc" if outcome.why == "gpc" else None)
        expected.append([{**said, "refused": list(outcome.refused)}, states])
    path = browser_setup.find()
    assert path is not None, browser_setup.MISSING
    script = """(cases) => {
        const { decide, pixelState } = BOTH;
        const answers = JSON.parse(cases).map((given) => {
            const outcome = decide(...given);
            const states = [];
            for (const purposes of [['marketing'], ['analytics', 'marketing']]) {
                for (const optOut of ['stop', 'limit']) {
                    const model = given[0].regime.model;
                    const limit = optOut == 'limit';
                    states.push(pixelState(outcome, purposes, limit, model, given[2], 'meta'));
                }
            }
            return [outcome, states];
        });
        return JSON.stringify(answers);
    }"""
    instead = {} if offered == CHOOSABLE else {"grants.js": "offered.js"}
    bundle = build.bundle("decide", instead).replace(
        "return decide}", "return { decide, pixelState }}"
    )
    script = script.replace("BOTH", f"(offered => ({bundle}))({json.dumps(offered)})")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(browser_setup.FLAGS))
        # As one text: value by value the way to the browser and back takes longer than all answers.
        given = json.dumps([for_browser(case) for case in table])
        answers = json.loads(browser.new_page().evaluate(script, given))
        browser.close()
    assert len(table) > 5_000
    assert answers == expected
