from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from consent import data
from consent.campaign import CAMPAIGN, TRACE, Campaign
from consent.compose import Composer
from consent.errors import DataErrors
from consent.model import Place, StoreConfig, Version
from consent.platforms import Platforms
from consent.questions import asks
from consent.regions import Regions
from consent.texts import Texts

KNOWN = Campaign.load()
UTM = {"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id"}
CLICK_IDS = {
    *("fbclid", "gclid", "gbraid", "wbraid", "dclid", "msclkid", "ttclid", "epik", "ScCid"),
    *("rdt_cid", "li_fat_id", "twclid"),
}
GOOD = """
[utm_source]
purpose = "analytics"
days = 90
source = "https://example.com/docs"
reviewed = 2026-01-01
[ClickId]
purpose = "marketing"
platform = "meta"
days = 7
source = "https://example.com/docs"
reviewed = 2026-01-01
unverified = ["days"]
"""
ON = dt.date(2026, 11, 26)
BERLIN = Place("DE", None, "header")


def version(*, on: bool = True, **more: Any) -> Version:
    config = StoreConfig("summit", "Summit", ("https://summit.example",), campaign=on)
    at = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    return Version(1 + on, 1, 1, "0" * 64, at, config, 1, **more)


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(Regions.load(), Platforms.load(), Texts.load(), campaign=KNOWN)


def loader(composer: Composer, one: Version) -> str:
    at = Regions.load().resolve(BERLIN, on=ON)
    return composer.loader(one, at, BERLIN, "en", gpc=False, first=False)


def test_campaigns_need_analytics_and_click_ids_marketing() -> None:
    days = KNOWN.days()
    assert set(days) == {"analytics", "marketing"}
    assert set(days["analytics"]) == UTM
    assert set(days["marketing"]) == CLICK_IDS


def test_each_click_id_is_that_of_a_platform_we_know_or_of_none() -> None:
    known = Platforms.load()
    assert [
        one.platform for one in KNOWN.values() if one.platform and one.platform not in known
    ] == []


def test_a_click_of_tiktok_counts_for_a_week() -> None:
    assert KNOWN["ttclid"].days == 7


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("[utm_source]", '["utm source"]', "utm source: is no name of a parameter; expected one"),
        ("[utm_source]", "[constructor]", "constructor: is no name of a parameter; expected one"),
        ("days = 7", "days = 0", "ClickId.days: found 0; expected 1 to 400"),
        ("days = 7", "days = 5000", "ClickId.days: found 5000; expected 1 to 400"),
        ("days = 7\n", "", "ClickId.days: missing; expected"),
        ('"marketing"', '"necessary"', "ClickId.purpose: found 'necessary'; expected one of"),
        ('["days"]', '["day"]', "ClickId.unverified: 'day' is no fact of this table; expected"),
        (
            'source = "https://example.com/docs"\nreviewed = 2026-01-01\nunverified',
            'source = "http://example.com"\nreviewed = 2026-01-01\nunverified',
            "ClickId.source: 'http://example.com' is no https address; expected https://...",
        ),
    ],
)
def test_a_fault_is_named_with_its_key(tmp_path: Path, good: str, bad: str, fault: str) -> None:
    assert good in GOOD
    file = tmp_path / "snippets" / "campaign.toml"
    file.parent.mkdir()
    file.write_text(GOOD, encoding="utf-8")
    assert Campaign.load(file).days()["marketing"] == {"ClickId": 7}
    file.write_text(GOOD.replace(good, bad), encoding="utf-8")
    with pytest.raises(DataErrors) as caught:
        Campaign.load(file)
    assert str(caught.value.faults[0]).startswith(f"snippets/campaign.toml: {fault}")


def test_every_key_of_the_file_and_every_parameter_is_explained() -> None:
    text = (data.folder("snippets") / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## Campaign parameters") :]
    keys = ("purpose", "days", "source", "reviewed", "platform", "unverified")
    assert [key for key in keys if f"`{key}`" not in section] == []


def test_the_part_is_told_its_parameters_and_no_other_store_pays_for_it(
    composer: Composer,
) -> None:
    text = loader(composer, version())
    assert "ScCid:365" in text
    assert "utm_source:90" in text
    assert TRACE.name not in loader(composer, version(on=False))


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_settings_name_what_is_kept_and_for_how_long(composer: Composer, language: str) -> None:
    at = Regions.load().resolve(BERLIN, on=ON)
    content = json.loads(composer.banner(version(), at, language).content)
    told = {one["key"]: one.get("stored") for one in content["purposes"]}
    days = {"en": "days", "de": "Tage"}[language]
    assert told == {
        "necessary": None,
        "preferences": None,
        "analytics": [[TRACE.name, f"90 {days}"]],
        "marketing": [[TRACE.name, f"365 {days}"]],
    }
    off = composer.banner(version(on=False), at, language).content
    assert TRACE.name.encode() not in off


def test_visitors_are_asked_about_it() -> None:
    on, off = version().config, version(on=False).config
    assert asks(on) != asks(off)


def test_switched_off_it_is_deleted_like_a_removed_pixel(composer: Composer) -> None:
    text = loader(composer, version(on=False, former=(CAMPAIGN,)))
    assert (
        '{gone:1,name:"pixelgate-campaign",purposes:["gone"],traces:"l(pixelgate_campaign)",pixel(){}}'
        in text
    )
