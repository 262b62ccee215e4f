"""A place where a store's rules offer less: what is composed, told and recorded there."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import msgspec
import pytest

from consent import counts, debug, defaults, ledger, stores
from consent.compose import Composer
from consent.errors import RefusedError
from consent.folding import Folder
from consent.model import (
    DecisionPost,
    Grants,
    Pixel,
    Place,
    RegionRule,
    StoreConfig,
    Template,
    Version,
)
from consent.platforms import Platforms
from consent.questions import questions
from consent.record import Recorder
from consent.regions import Regions
from consent.signing import Signer
from consent.texts import Texts

ON = dt.date(2026, 11, 26)
BERLIN, PARIS, TOKYO = Place("DE"), Place("FR"), Place("JP")
REGIONS, PLATFORMS = Regions.load(), Platforms.load()
COMPOSER = Composer(REGIONS, PLATFORMS, Texts.load())
META, GA4 = Pixel("meta", "123456789012345"), Pixel("ga4", "G-ABCDE12345")
CLARITY = Pixel("clarity", "abcdefgh12")
NARROW = RegionRule(purposes=("analytics",), pixels=("ga4", "meta"), layout="dialog")
CONFIG = StoreConfig(
    key="summit",
    name="Summit",
    origins=("https://summit.example",),
    pixels=(META, GA4, CLARITY),
    regions={"DE": NARROW, "JP": NARROW},
)


def version(config: StoreConfig = CONFIG, number: int = 1) -> Version:
    at = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    return Version(number, 1, number, "0" * 64, at, config, 1, own=config)


def at(place: Place, of: Version):
    return REGIONS.resolve(place, on=ON, rules=of.rules)


def banner(place: Place, of: Version) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(COMPOSER.banner(of, at(place, of), "en").content)
    return found


class TestScripts:
    def test_only_what_the_place_offers_is_composed_and_the_rest_is_swept(self):
        of = version()
        text = COMPOSER.loader(of, at(BERLIN, of), BERLIN, "en", gpc=False, first=True)
        assert "(([offered,withheld])=>(" in text
        assert '([["analytics"],[]])' in text
        assert '([["analytics"],["clarity","meta"]])' in text
        assert 'gone:1,name:"meta"' in text
        assert 'gone:1,name:"clarity"' in text
        assert "connect.facebook.net" not in text
        assert "clarity.ms" not in text
        assert "off:[]" in text, "the signal refuses marketing, which is not offered"

    def test_every_other_place_gets_what_it_always_got(self):
        of, plain = version(), version(msgspec.structs.replace(CONFIG, regions={}))
        for place in (PARIS, Place(), Place("US", "US-CA")):
            for first in (True, False):
                told = [
                    COMPOSER.loader(one, at(place, one), place, "en", gpc=False, first=first)
                    for one in (of, plain)
                ]
                assert told[0] == told[1]

    def test_a_platform_that_one_pixel_leaves_keeps_the_traces_of_the_other(self):
        own = msgspec.structs.replace(CONFIG, pixels=(GA4, Pixel("google-ads", "AW-123456789")))
        of = version(own, 7)
        text = COMPOSER.loader(of, at(TOKYO, of), TOKYO, "en", gpc=False, first=False)
        gone = text[text.index('gone:1,name:"google-ads"') :]
        assert "_gcl" in gone
        assert "_ga|" not in gone[: gone.index("}")]

    def test_placeholders_know_what_no_button_can_grant(self):
        of = version()
        assert 'never:["preferences","marketing"]' in COMPOSER.content(of, at(BERLIN, of), "en")
        assert "never:" not in COMPOSER.content(of, at(PARIS, of), "en")


class TestBanner:
    def test_it_names_what_is_offered_and_counts_what_may_run(self):
        of = version()
        here, elsewhere = banner(BERLIN, of), banner(PARIS, of)
        assert [one["key"] for one in here["purposes"]] == ["necessary", "analytics"]
        assert [one["name"] for one in here["purposes"][1]["services"]] == ["Google Analytics 4"]
        assert (here["layout"], elsewhere["layout"]) == ("dialog", "bar")
        assert len(elsewhere["purposes"]) == 4
        assert "(1)" in here["banner"]["text"]
        assert "(3)" in elsewhere["banner"]["text"]

    def test_the_ledger_finds_each_of_them_by_its_hash(self):
        of = version()
        for place in (BERLIN, PARIS, TOKYO):
            shown = COMPOSER.banner(of, at(place, of), "en")
            assert COMPOSER.find_banner(of, shown.sha256, "en") == shown


class TestTold:
    def test_googles_defaults_deny_what_is_not_offered(self):
        moment = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
        script = defaults.script(version(), REGIONS, at=moment)
        japan = script[: script.index("'JP'")].rsplit("gtag(", 1)[1]
        assert "'ad_storage': 'denied'" in japan
        assert "'analytics_storage': 'granted'" in japan
        found = defaults.lists(REGIONS, version().rules, at=moment)
        assert (("analytics",), ("JP",)) in found.granted
        assert not any("DE" in codes for _, codes in found.granted)

    def test_the_debug_view_knows_the_pixels_that_may_run_there(self):
        of = version()
        facts = debug.facts(of, at(BERLIN, of), BERLIN, PLATFORMS)
        assert [one["platform"] for one in facts["pixels"]] == ["ga4"]
        assert facts["platforms"]["meta"]["registered"] is False
        assert "offered: analytics" in facts["regime"]["why"]

    def test_a_changed_offer_asks_again_and_a_changed_layout_does_not(self):
        layout = msgspec.structs.replace(NARROW, layout="box")
        wider = msgspec.structs.replace(NARROW, purposes=("analytics", "marketing"))

        def asked(rule: RegionRule | None, template: Template | None = None):
            regions = {"DE": rule} if rule else {}
            shared = template.regions if template else {}
            return questions(CONFIG, regions, shared)

        assert asked(NARROW) == asked(layout)
        assert asked(NARROW) != asked(wider)
        assert asked(NARROW) != asked(None)
        assert asked(None) != asked(None, Template(regions={"DE": NARROW}))


@pytest.mark.anyio
class TestRecord:
    @pytest.fixture
    async def send(self, database, now):
        async with database.write() as c:
            await stores.save(c, CONFIG, now())
            published = await stores.publish(c, "summit", now())
        folder = Folder(database, counts.add)
        recorder = Recorder(database, folder, COMPOSER, REGIONS, Signer(["k" * 40]), now)
        recorder.start()

        async def post(place: Place = BERLIN, **changes: Any):
            values = {
                "id": uuid.uuid4(),
                "visitor": uuid.uuid4(),
                "version": published.number,
                "action": "accept_all",
                "grants": Grants(False, True, False),
                "language": "en",
                "banner": COMPOSER.banner(published, at(place, published), "en").sha256,
            }
            made = DecisionPost(**{**values, **changes})
            done = await recorder.record(
                published, made, place=place, gpc_header=False, device="phone"
            )
            return done.record

        yield post
        await recorder.stop()

    async def test_to_accept_all_is_to_accept_what_is_offered(self, send, database):
        record = await send(pixels={"ga4": True})
        assert record.grants == Grants(False, True, False)
        assert record.refused == ("clarity",), "it may not run there, though its purpose is granted"
        async with database.read() as c:
            content = await ledger.banner_content(c, record.banner_sha256)
        assert [one["key"] for one in json.loads(content)["purposes"]] == ["necessary", "analytics"]

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"grants": Grants.all(True)}, "preferences, marketing granted where it is not"),
            ({"action": "save", "grants": Grants(False, True, True)}, "marketing granted where"),
            ({"grants": Grants.all(False)}, "accept_all denies a purpose"),
            ({"pixels": {"clarity": True}}, "granted where it may not run"),
            ({"pixels": {"meta": True}}, "granted"),
        ],
    )
    async def test_a_post_that_says_more_is_refused(self, send, changes, said):
        with pytest.raises(RefusedError, match=said):
            await send(**changes)

    async def test_elsewhere_all_is_all(self, send):
        assert (await send(PARIS, grants=Grants.all(True))).refused == ()
        with pytest.raises(RefusedError, match="accept_all denies"):
            await send(PARIS)
