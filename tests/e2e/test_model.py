"""Long random ways through a shop, held to the rules after every step; see ``model``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.model.run import Found, run, stage
from tests.e2e.model.steps import make
from tests.e2e.model.world import Stage

pytestmark = pytest.mark.browser

SEEDS = (1, 2, 3, 4, 5, 6, 7, 9, 10)
LENGTH = 30

# The browser runs everything that the page has, whatever was decided.
FIRES_EARLY = "<script>new Image().src = 'https://www.facebook.com/tr/?id=1&ev=Early'</script>"


@pytest.fixture(scope="module")
def built(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(chromium.browser_type, tmp_path_factory.mktemp("model")) as made:
        yield made


@pytest.mark.parametrize("seed", SEEDS)
def test_no_step_of_a_random_way_breaks_a_rule(seed: int, built: Stage) -> None:
    rules = run(built, make(seed, LENGTH))
    assert rules.world.posted() is not None


def test_a_page_that_fires_early_is_found(built: Stage) -> None:
    with pytest.raises(Found, match="rule 1"):
        run(built, ["region Berlin", "visit /product"], also=FIRES_EARLY)
