from __future__ import annotations

import datetime as dt
import json
import re

import brotli
import msgspec
import pytest
from bs4 import BeautifulSoup

from consent.compose import Composer
from consent.model import (
    BannerConfig,
    GoogleConfig,
    Pixel,
    Place,
    Resolution,
    SignalsConfig,
    StoreConfig,
    Version,
)
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts
from tests import bench_pixels

ON = dt.date(2026, 11, 23)
BERLIN = Place("DE", "DE-BE", "header")
ROME = Place("IT", None, "header")
LOS_ANGELES = Place("US", "US-CA", "header")
TOKYO = Place("JP", None, "header")


@pytest.fixture(scope="module")
def regions() -> Regions:
    return Regions.load()


@pytest.fixture(scope="module")
def composer(regions: Regions) -> Composer:
    return Composer(regions, Platforms.load(), Texts.load())


def version(number: int = 1, **changes: object) -> Version:
    fields: dict[str, object] = {
        "key": "summit",
        "name": "Summit Outdoor",
        "origins": ("https://summit.example",),
        "privacy_url": "https://summit.example/privacy",
        "pixels": (
            Pixel("meta", "123456789012345"),
            Pixel("ga4", "G-ABCDE12345"),
        ),
        **changes,
    }
    at = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    return Version(number, 1, number, "0" * 64, at, StoreConfig(**fields), 1)  # type: ignore[arg-type]


def test_the_banner_of_an_opt_in_regime_offers_accept_reject_and_choose(
    composer: Composer, regions: Regions
) -> None:
    banner = composer.banner(version(), regions.resolve(BERLIN, on=ON), "de")
    content = json.loads(banner.content)
    assert {"title", "text", "accept", "reject", "choose"} == set(content["banner"])
    assert "notice" not in content
    assert "close" not in content
    assert [p["key"] for p in content["purposes"]] == [
        "necessary",
        "preferences",
        "analytics",
        "marketing",
    ]
    assert [s["name"] for s in content["purposes"][3]["services"]] == ["Meta Pixel"]


def test_italy_gets_the_cross_that_refuses(composer: Composer, regions: Regions) -> None:
    content = json.loads(composer.banner(version(), regions.resolve(ROME, on=ON), "en").content)
    assert content["close"]
    assert content["close_note"]


def test_california_gets_its_link_and_tokyo_a_plain_notice(
    composer: Composer, regions: Regions
) -> None:
    there = composer.banner(version(), regions.resolve(LOS_ANGELES, on=ON), "en")
    assert json.loads(there.content)["notice"]["reject"].startswith("Do Not Sell or Share")
    tokyo = json.loads(composer.banner(version(), regions.resolve(TOKYO, on=ON), "en").content)
    assert "Do Not Sell" not in tokyo["notice"]["reject"]


@pytest.mark.parametrize("place", [BERLIN, ROME, LOS_ANGELES, TOKYO, Place()])
@pytest.mark.parametrize("language", ["en", "de", "ja"])
def test_a_banner_is_found_again_by_its_hash_alone(
    place: Place, language: str, composer: Composer, regions: Regions
) -> None:
    banner = composer.banner(version(), regions.resolve(place, on=ON), language)
    assert composer.find_banner(version(), banner.sha256, language) == banner


def test_a_hash_of_another_version_or_language_is_not_found(
    composer: Composer, regions: Regions
) -> None:
    banner = composer.banner(version(), regions.resolve(BERLIN, on=ON), "en")
    other = version(2, privacy_url="https://summit.example/other")
    assert composer.find_banner(other, banner.sha256, "en") is None
    assert composer.find_banner(version(), banner.sha256, "de") is None
    assert composer.find_banner(version(), banner.sha256, "xx") is None
    assert composer.find_banner(version(), "0" * 64, "en") is None


def loader(composer: Composer, at: Resolution, place: Place, *, first: bool) -> bytes:
    text = composer.loader(version(), at, place, "en", gpc=False, first=first)
    return brotli.compress(text.encode(), quality=11)


def test_bytes_stay_within_the_bars(composer: Composer, regions: Regions) -> None:
    for place in (BERLIN, LOS_ANGELES, TOKYO):
        at = regions.resolve(place, on=ON)
        assert len(loader(composer, at, place, first=False)) <= 4_500
        assert len(loader(composer, at, place, first=True)) <= 9_000


def test_a_store_with_every_platform_has_one_script_within_its_budget() -> None:
    scale = bench_pixels.Scale()
    assert scale.weigh(list(scale.platforms)) <= bench_pixels.EVERY


def test_the_limit_of_a_us_state_reaches_the_pixel(composer: Composer, regions: Regions) -> None:
    at = regions.resolve(LOS_ANGELES, on=ON)
    text = composer.loader(version(), at, LOS_ANGELES, "en", gpc=False, first=False)
    assert '"state":1000' not in text
    limiting = version(5, pixels=(Pixel("meta", "123456789012345", opt_out="limit"),))
    text = composer.loader(limiting, at, LOS_ANGELES, "en", gpc=False, first=False)
    assert "{limit:{country:1,state:1000},map:" in text


def test_where_the_vendor_cannot_limit_itself_the_pixel_stops(
    composer: Composer, regions: Regions
) -> None:
    virginia = Place("US", "US-VA", "header")
    limiting = version(6, pixels=(Pixel("meta", "123456789012345", opt_out="limit"),))
    at = regions.resolve(virginia, on=ON)
    text = composer.loader(limiting, at, virginia, "en", gpc=False, first=False)
    assert "country:" not in text


PART_MARKS = {
    "wp_set_consent": {"signals": SignalsConfig(wordpress=True)},
    "consent-tracking-api": {"signals": SignalsConfig(shopify=True)},
    "pixelgate_decision": {"signals": SignalsConfig(datalayer=True)},
    "url_passthrough": {"google": GoogleConfig(url_passthrough=True)},
    "ads_data_redaction": {"google": GoogleConfig(ads_data_redaction=True)},
    "persisted": {"page_views": "automatic"},
    "pixelgate_campaign": {"campaign": True},
    "/coverage": {"coverage": True},
}


@pytest.mark.parametrize("mark", PART_MARKS)
def test_a_part_comes_along_only_where_its_switch_is_on(
    mark: str, composer: Composer, regions: Regions
) -> None:
    at = regions.resolve(BERLIN, on=ON)
    on = version(7, **PART_MARKS[mark])
    text = composer.loader(on, at, BERLIN, "en", gpc=False, first=False)
    assert {one for one in PART_MARKS if one in text} == {mark}
    plain = composer.loader(version(), at, BERLIN, "en", gpc=False, first=True)
    assert not any(one in plain for one in PART_MARKS)


GOOGLE = (
    Pixel("meta", "123456789012345"),
    Pixel("ga4", "G-ABCDE12345"),
    Pixel("google-ads", "AW-123456789"),
    Pixel("ga4", "G-BOTH123456", purposes=("analytics", "marketing")),
)


def limits(
    composer: Composer, at: Resolution, place: Place, google: GoogleConfig
) -> list[tuple[str, str]]:
    """Of each of ``GOOGLE`` in the loader: its limit, and whether to load the page anew."""
    one = version(8, pixels=GOOGLE, google=google)
    text = composer.loader(one, at, place, "en", gpc=False, first=False)
    return re.findall(
        r'\{(?:limit:(\d+),)?map:[^;]*?,name:"[\w-]+",purposes:\[[^]]*\](,reload:1)?,traces:',
        text,
    )


@pytest.mark.parametrize("place", [LOS_ANGELES, TOKYO, Place("US", "US-AK", "header")])
def test_where_the_law_allows_it_googles_pixels_of_one_purpose_go_on_by_consent_mode(
    place: Place, composer: Composer, regions: Regions
) -> None:
    at = regions.resolve(place, on=ON)
    advanced = GoogleConfig(consent_mode="advanced")
    assert limits(composer, at, place, advanced) == [
        ("", ""),
        ("1", ""),
        ("1", ",reload:1"),
        ("", ""),
    ]
    assert limits(composer, at, place, GoogleConfig()) == [
        ("", ""),
        ("", ""),
        ("", ",reload:1"),
        ("", ""),
    ]


@pytest.mark.parametrize(
    "place", [BERLIN, Place("GB"), Place("CH"), Place("CA", "CA-QC"), Place("BR"), Place()]
)
def test_where_the_law_forbids_it_a_store_that_asks_for_advanced_gets_basic(
    place: Place, composer: Composer, regions: Regions
) -> None:
    at = regions.resolve(place, on=ON)
    advanced = GoogleConfig(consent_mode="advanced")
    assert limits(composer, at, place, advanced) == [
        ("", ""),
        ("", ""),
        ("", ",reload:1"),
        ("", ""),
    ]


def test_texts_cannot_leave_the_script(composer: Composer, regions: Regions) -> None:
    hostile = version(4, privacy_url="https://x.example/</script><script>alert(1)//\u2028")
    at = regions.resolve(BERLIN, on=ON)
    text = composer.loader(hostile, at, BERLIN, "en", gpc=False, first=True)
    assert "</script" not in text
    assert "\u2028" not in text


def test_the_snippet_is_one_small_inline_script(composer: Composer) -> None:
    snippet = composer.snippet("summit", "https://consent.summit.example")
    assert len(snippet.encode()) <= 600
    scripts = BeautifulSoup(snippet, "html.parser").find_all("script")
    assert len(scripts) == 1
    assert "src" not in scripts[0].attrs
    assert "https://consent.summit.example/s/summit/loader.js" in snippet


def test_the_layout_and_the_accent_are_the_stores(composer: Composer, regions: Regions) -> None:
    boxed = version(3, banner=BannerConfig(layout="box", accent="#0a5c36"))
    at = regions.resolve(BERLIN, on=ON)
    assert json.loads(composer.banner(boxed, at, "en").content)["layout"] == "box"
    text = composer.loader(boxed, at, BERLIN, "en", gpc=False, first=True)
    assert "--pg-accent:#0a5c36" in text


def test_a_removed_pixel_is_swept_but_not_what_a_kept_one_may_leave_too(
    composer: Composer, regions: Regions
) -> None:
    kept, gone = Pixel("ga4", "G-KEPT123456"), Pixel("ga4", "G-GONE123456")
    at = regions.resolve(BERLIN, on=ON)
    one = msgspec.structs.replace(version(9, pixels=(kept,)), former=(gone,))
    text = composer.loader(one, at, BERLIN, "en", gpc=False, first=False)
    left = re.findall(
        r'\{gone:1,name:"ga4",purposes:\["gone"\],traces:"([^"]*)",pixel\(\)\{\}\}', text
    )
    assert left == ["c(_ga_GONE123456)"]
    assert "gone:1" not in composer.loader(version(), at, BERLIN, "en", gpc=False, first=False)
