"""Random ways through the shop, each step held to the rules; ``make soak`` runs longer ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.model.run import Found, run, stage
from tests.e2e.model.steps import STEPS, make
from tests.e2e.model.world import Stage

pytestmark = pytest.mark.browser

SEEDS = range(1, 13)
LENGTH = 25
META = "https://www.facebook.com/tr/?id=123456789012345&ev=PageView&eid=e1"


@pytest.fixture(scope="module")
def built(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(chromium.browser_type, tmp_path_factory.mktemp("model")) as built:
        yield built


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rules_hold_after_every_step(seed: int, built: Stage) -> None:
    rules = run(built, make(seed, LENGTH))
    assert rules.truth.ahead


def test_the_fixed_ways_have_every_kind_of_step() -> None:
    made = [step for seed in SEEDS for step in make(seed, LENGTH)]
    kinds = Counter(step.removesuffix("!").split()[0] for step in made)
    assert set(kinds) == set(STEPS)
    assert any(step.endswith("!") for step in made)


def test_a_plain_way_is_seen_in_full(built: Stage) -> None:
    rules = run(built, ["region Berlin", "visit /product", "accept", "track Lead", "withdraw"])
    kinds = Counter(hit.kind for hit in rules.hits)
    assert kinds == {"meta": 3, "ga4": 3, "remarketing": 3}
    acts = rules.truth.decisions()
    assert [act.kind for act in acts] == ["accept", "withdraw"]
    assert all(act.id and act.acknowledged for act in acts)


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        (f"new Image().src = '{META}'", "rule 1"),
        ("new Image().src = 'https://stranger.example/'", "rule 1"),
        ("document.cookie = 'stranger=1; path=/'", "rule 1"),
        ("sessionStorage.setItem('seen', '1')", "rule 1"),
        ("document.cookie = 'cart=; path=/; max-age=0'", "the shop's own"),
        ("localStorage.removeItem('shop-pref')", "the shop's own"),
        ("console.error('fbevents.js stand-in: loaded twice')", "events"),
    ],
)
def test_what_a_page_does_against_a_rule_is_found(script: str, rule: str, built: Stage) -> None:
    with pytest.raises(Found) as found:
        run(built, ["region Berlin", "visit /product"], also=f"<script>{script}</script>")
    assert found.value.rule == rule
