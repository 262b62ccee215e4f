"""Own statistics without consent: by the law of the place and a lawyer's word, for no one else."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from consent import lawful, publish
from consent.compose import Composer
from consent.decide import Asked, decide, pixel_state
from consent.model import (
    Approval,
    Custom,
    Hosts,
    Pixel,
    Place,
    RegionRule,
    Rules,
    StoreConfig,
    Template,
    Version,
)
from consent.platforms import Platforms
from consent.regions import Regions
from consent.regions.rules import digest
from consent.texts import Texts

ON = dt.date(2026, 11, 26)
REGIONS, PLATFORMS, TEXTS = Regions.load(), Platforms.load(), Texts.load()
COMPOSER = Composer(REGIONS, PLATFORMS, TEXTS)
MATOMO = Pixel("matomo", "3@stats.summit.example")
META = Pixel("meta", "123456789012345")
EXEMPT = ("GB", "FR", "RE", "IT", "ES", "NL", "CH")


def rule(key: str, *pixels: str, word: bool = True, **more: object) -> RegionRule:
    own = RegionRule(own_statistics=pixels or ("matomo",), reason="Memo of May", **more)  # type: ignore[arg-type]
    approval = Approval("lawyer@summit.example", ON, digest(key, own))
    return msgspec.structs.replace(own, approved=approval if word else None)


def version(*pixels: Pixel, **regions: RegionRule) -> Version:
    keyed = {key.replace("everywhere", "*").replace("_", "-"): one for key, one in regions.items()}
    config = StoreConfig(
        "summit", "Summit", ("https://summit.example",), pixels=pixels, regions=keyed
    )
    return Version(1, 1, 1, "0" * 64, dt.datetime(2026, 11, 1, tzinfo=dt.UTC), config, 1)


def loader(found: Version, code: str, **more: bool) -> str:
    place = Place(code[:2], code if "-" in code else None, "header")
    at = REGIONS.resolve(place, on=ON, rules=found.rules)
    said = {"gpc": False, "first": False, **more}
    return COMPOSER.loader(found, at, place, "en", **said)


def faults(config: StoreConfig, template: Template | None = None, **more: bool) -> list[str]:
    return publish.check(config, PLATFORMS, REGIONS, TEXTS, on=ON, template=template, **more)


def test_it_holds_where_the_law_exempts_them_and_nowhere_else() -> None:
    rules = Rules({"*": rule("*")})
    holding = {
        place.code
        for place in REGIONS.every_place
        if REGIONS.resolve(place, on=ON, rules=rules).own_statistics
    }
    assert holding >= set(EXEMPT)
    assert not holding & {"DE", "AT", "NO", "US", "US-CA", "CA-QC", "JP", "BR", "PE"}
    assert REGIONS.resolve(Place(), on=ON, rules=rules).own_statistics == ()
    before = dt.date(2026, 2, 4)
    assert REGIONS.resolve(Place("GB"), on=before, rules=rules).own_statistics == ()


def test_only_with_a_lawyers_word_and_until_its_end() -> None:
    bare = Rules({"FR": rule("FR", word=False)})
    found = REGIONS.resolve(Place("FR"), on=ON, rules=bare)
    assert (found.own_statistics, found.regime.looser) == ((), ())
    assert "no lawyer has allowed it" in found.why
    ending = Rules({"FR": rule("FR", until=dt.date(2027, 1, 1))})
    assert REGIONS.resolve(Place("FR"), on=dt.date(2026, 12, 31), rules=ending).own_statistics
    assert not REGIONS.resolve(Place("FR"), on=dt.date(2027, 1, 1), rules=ending).own_statistics


def test_the_ledger_shows_it_on_every_decision_that_it_touched() -> None:
    found = REGIONS.resolve(Place("FR"), on=ON, rules=Rules({"FR": rule("FR")}))
    (one,) = found.regime.looser
    assert one.what == (
        "own_statistics: ('matomo',) may run before a choice, so is looser than 'eea'"
    )
    assert (one.rule, one.by) == ("regions.FR", "lawyer@summit.example")
    assert found.regime.sha256 != REGIONS.resolve(Place("FR"), on=ON).regime.sha256
    assert "own statistics before a choice: matomo, by regions.FR" in found.why


def test_another_places_regime_brings_no_exemption_along() -> None:
    strict = Rules({"DE": rule("DE", regime="uk")})
    found = REGIONS.resolve(Place("DE"), on=ON, rules=strict)
    assert found.regime.id == "uk"
    assert (found.own_statistics, found.regime.own_statistics) == ((), None)


def test_no_other_store_and_no_other_place_pays_for_it() -> None:
    plain, ruled = version(MATOMO, META), version(MATOMO, META, FR=rule("FR"))
    assert loader(ruled, "DE") == loader(plain, "DE")
    waiting = version(MATOMO, META, FR=rule("FR", word=False))
    assert loader(waiting, "FR") == loader(plain, "FR")
    here = loader(ruled, "FR")
    assert '["matomo"]' in here
    assert len(here) - len(loader(plain, "FR")) < 700
    assert "performance.navigation" in loader(ruled, "FR", first=True)
    assert "performance.navigation" not in loader(plain, "FR", first=True)


CUSTOM = Custom(
    *("Counter", "Summit", "https://summit.example/privacy", "https://c.example/c.js"),
    hosts=Hosts(script=("c.example",)),
)


@pytest.mark.parametrize(
    ("pixel", "fault"),
    [
        (Pixel("ga4", "G-ABCDE12345"), "Google may reuse what ga4 sends; expected a vendor"),
        (Pixel("matomo", "3@summit.matomo.cloud"), "is on servers of Matomo; expected one on your"),
        (Pixel("matomo", "3@s.example", ("analytics", "marketing")), "is for analytics, marketing"),
        (Pixel("custom", "c", ("marketing",), custom=CUSTOM), "is for marketing; expected analy"),
    ],
)
def test_no_lawyer_can_let_run_what_is_no_own_statistics(pixel: Pixel, fault: str) -> None:
    found = version(pixel, FR=rule("FR", pixel.key))
    assert any(
        one.startswith("regions.FR.own_statistics: ") and fault in one
        for one in faults(found.config, draft=True)
    )
    assert loader(found, "FR") == loader(version(pixel), "FR")


def test_a_stores_own_counter_qualifies() -> None:
    own = Pixel("custom", "c", ("analytics",), custom=CUSTOM)
    found = version(own, FR=rule("FR", own.key))
    assert faults(found.config, draft=True) == []
    assert f'["{own.key}"]' in loader(found, "FR")


def test_what_has_no_effect_or_no_word_is_not_published() -> None:
    def said(key: str, one: RegionRule) -> list[str]:
        return faults(msgspec.structs.replace(version(MATOMO).config, regions={key: one}))

    allowed = rule("FR")
    word = msgspec.structs.replace(
        allowed.approved, pixels=lawful.exempted(version(MATOMO).config, allowed)
    )
    assert said("FR", msgspec.structs.replace(allowed, approved=word)) == []
    (changed,) = said("FR", allowed)
    assert changed.endswith("allowed it; expected a lawyer's word for it as it is")
    (unapproved,) = said("FR", rule("FR", word=False))
    assert unapproved.startswith("regions.FR.own_statistics: ('matomo',) may run before a choice")
    assert "approval of a lawyer" in unapproved
    nowhere, _ = said("DE", rule("DE"))
    assert "no law there exempts them" in nowhere
    assert "TDDDG" in nowhere
    unknown, _ = said("FR", rule("FR", "matomo", "piwik"))
    assert unknown == "regions.FR.own_statistics: no pixel 'piwik'; registered are matomo"


def test_a_template_may_name_pixels_that_a_store_has_not() -> None:
    template = Template(regions={"FR": rule("FR")})
    grouped = msgspec.structs.replace(version(META).config, group="outdoor")
    assert faults(grouped, template) == []
    vendor = Template(regions={"FR": rule("FR", "meta")})
    (fault,) = faults(grouped, vendor)
    assert fault.startswith("group outdoor: regions.FR.own_statistics: ")


def test_only_matomo_is_known_not_to_reuse_data() -> None:
    assert [key for key, platform in PLATFORMS.items() if not platform.reuses_data] == ["matomo"]


@pytest.mark.parametrize(
    ("gpc", "refused", "own", "state"),
    [
        (False, False, True, "run"),
        (False, False, False, "blocked"),
        (True, False, True, "blocked"),
        (False, True, True, "blocked"),
    ],
)
def test_they_run_until_a_refusal_or_the_signal(
    gpc: bool, refused: bool, own: bool, state: str
) -> None:
    regime = REGIONS.resolve(Place("FR"), on=ON).regime
    now = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
    decided = "unreadable" if refused else None
    outcome = decide(regime, Asked(1, 1), decided, gpc=gpc, now=now)
    found = pixel_state(
        outcome, ("analytics",), opt_out="stop", model="opt-in", gpc=gpc, own_statistics=own
    )
    assert found == state
