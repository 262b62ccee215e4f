from __future__ import annotations

import datetime as dt

import brotli
import msgspec
import pytest

from consent import debug
from consent.compose import Composer
from consent.model import Custom, Pixel, Place, StoreConfig, Version
from consent.platforms import EVENTS, Platforms
from consent.regions import Regions
from consent.texts import Texts

PLATFORMS = Platforms.load()
REGIONS = Regions.load()
LOS_ANGELES = Place("US", "US-CA", "database")
BYTES = 17_000
"""What the view may weigh, brotli. It is fetched by those who ask for it, and by nobody else."""


def version(*pixels: Pixel) -> Version:
    config = StoreConfig(
        key="summit", name="Summit", origins=("https://summit.example",), pixels=pixels
    )
    return Version(1, 1, 3, "0" * 64, dt.datetime(2026, 11, 1, tzinfo=dt.UTC), config, 1)


META, GA4 = Pixel("meta", "123456789012345"), Pixel("ga4", "G-ABCDE12345", ("marketing",))
RESOLUTION = REGIONS.resolve(LOS_ANGELES, on=dt.date(2026, 11, 23))


def test_the_view_is_told_the_place_the_law_and_why() -> None:
    told = debug.facts(version(META), RESOLUTION, LOS_ANGELES, PLATFORMS)
    assert told["place"] == {"country": "US", "subdivision": "US-CA", "source": "database"}
    assert (told["store"], told["version"], told["events"]) == ("summit", 3, EVENTS)
    regime = RESOLUTION.regime
    assert told["regime"]["why"] == RESOLUTION.why
    assert (told["regime"]["id"], told["regime"]["model"]) == ("us-ca", "opt-out")
    assert (told["regime"]["law"], told["regime"]["source"]) == (regime.law, regime.source)
    assert told["regime"]["reviewed"] == regime.reviewed.isoformat()


def test_each_pixel_stands_in_the_place_of_its_slot() -> None:
    told = debug.facts(version(GA4, META, GA4), RESOLUTION, LOS_ANGELES, PLATFORMS)
    assert [one["platform"] for one in told["pixels"]] == ["ga4", "meta", "ga4"]
    assert [one["purposes"] for one in told["pixels"]] == [("marketing",)] * 3


def test_each_pixel_says_which_events_it_takes() -> None:
    linkedin = Pixel("linkedin", "512345", labels={"Purchase": "11563522"})
    chat = Custom("Chat", "Chat Ltd", "https://chat.example", script="https://chat.example/c.js")
    pixels = (META, linkedin, Pixel("criteo", "12345"), Pixel("custom", "chat", custom=chat))
    config = version(*(msgspec.structs.replace(one, purposes=("marketing",)) for one in pixels))
    told = debug.facts(config, RESOLUTION, LOS_ANGELES, PLATFORMS)["pixels"]
    assert [one["takes"] for one in told] == ["", "labels", "", "own"]
    assert [one["labels"] for one in told] == [[], ["Purchase"], [], []]
    assert told[2]["unsent"] == ("Lead", "CompleteRegistration")


def test_a_platform_that_is_not_registered_is_known_by_its_scripts_alone() -> None:
    told = debug.facts(version(META), RESOLUTION, LOS_ANGELES, PLATFORMS)["platforms"]
    assert set(told) == set(PLATFORMS)
    assert told["meta"]["queues"] == ("fbq",)
    assert told["meta"]["required"]["Purchase"] == ("value", "currency", "contents")
    assert set(told["ga4"]) == {"name", "library", "hosts", "registered"}
    assert {key for key, one in told.items() if one["registered"]} == {"meta"}


@pytest.fixture(scope="module")
def script() -> str:
    composer = Composer(REGIONS, PLATFORMS, Texts.load())
    return composer.debug(version(META, GA4), RESOLUTION, LOS_ANGELES)


def test_the_script_leaves_the_snippets_stub_as_it_is_but_for_the_part(script: str) -> None:
    assert script.startswith("{let stub=pixelgate;stub.debug=page=>(")
    assert script.count("stub.debug=") == 1


def test_the_script_stays_within_its_bytes(script: str) -> None:
    assert len(brotli.compress(script.encode(), quality=11)) <= BYTES


def test_addresses_with_a_part_of_the_id_are_those_of_the_stores_pixels() -> None:
    sites = (Pixel("matomo", "3@stats.example.org/m"), Pixel("matomo", "7@numbers.example.net"))
    facts = debug.facts(version(*sites), RESOLUTION, LOS_ANGELES, PLATFORMS)
    told = facts["platforms"]["matomo"]
    assert told["library"] == "https://stats.example.org/m/matomo.js"
    assert told["hosts"] == ("stats.example.org", "numbers.example.net")
    assert told["every"] == told["hosts"]
