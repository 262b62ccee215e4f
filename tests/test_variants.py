"""What a store's file may compare, and what is told of it."""

import datetime as dt

import msgspec
import pytest

from consent import bulk, changes, groups, publish, storefile, stores, variants
from consent.errors import RefusedError
from consent.model import (
    CONTROL,
    BannerConfig,
    Experiment,
    Group,
    Look,
    RegionRule,
    Scheme,
    StoreConfig,
    Template,
    Variant,
    varied,
)
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts

DAY = dt.date(2026, 3, 2)
FILE = """key = "summit"
name = "Summit Outdoor"
origins = ["https://summit.example"]

[experiment]
key = "spring"
name = "A box, and fewer words"
starts = 2026-03-01
ends = 2026-04-01
expected = 45

[[variants]]
key = "box"
banner = {layout = "box"}

[[variants]]
key = "short"
name = "Fewer words"
weight = 2

[variants.banner]
accent = "#1a5fb4"
light = {background = "#fafafa"}

[variants.texts."en"]
"banner.text" = "May we use cookies ({count} services)?"
"""


@pytest.fixture(scope="module")
def files() -> tuple[Platforms, Regions, Texts]:
    return Platforms.load(), Regions.load(), Texts.load()


def a_store(**changes) -> StoreConfig:
    return msgspec.structs.replace(storefile.parse(FILE, "summit.toml"), **changes)


def test_a_file_with_an_experiment_is_written_as_it_was_read():
    assert storefile.to_toml(a_store()) == FILE


def test_a_variant_changes_what_it_says_and_nothing_else(files):
    store = a_store(banner=BannerConfig(radius=3))
    shown = varied(store, store.variants[1])
    assert (shown.banner.radius, shown.banner.accent) == (3, "#1a5fb4")
    assert shown.banner.light == Scheme("#fafafa")
    assert shown.texts["en"]["banner.text"].startswith("May we")
    assert publish.check(store, *files, on=DAY) == []


BAD = [
    ({"experiment": Experiment()}, "experiment.key: missing"),
    ({"experiment": Experiment("Spring!")}, "experiment.key: 'Spring!'"),
    ({"variants": ()}, "variants: 0; expected 1 to 4"),
    ({"variants": (Variant("a"),)}, "variants[0]: looks like the banner as it is"),
    ({"variants": (Variant(CONTROL, banner=Look("box")),)}, "variants[0].key: 'control'"),
    ({"variants": (Variant("a", weight=0, banner=Look("box")),)}, "variants[0].weight: 0"),
    ({"experiment": Experiment("a", expected=100)}, "experiment.expected: 100; expected 1 to 99"),
    ({"experiment": Experiment("a", difference=0)}, "experiment.difference: 0; expected 1 to 50"),
    ({"experiment": Experiment("a", confidence=100)}, "experiment.confidence: 100"),
    ({"experiment": Experiment("a", power=10)}, "experiment.power: 10; expected 50 to 99"),
    ({"experiment": Experiment("a", starts=DAY, ends=DAY)}, "experiment.ends: 2026-03-02"),
    (
        {"variants": (Variant("a", banner=Look(light=Scheme(text="#eeeeee"))),)},
        "variants[0].banner.light.text: text #eeeeee on #ffffff has contrast 1.2",
    ),
    (
        {"variants": (Variant("a", banner=Look(logo="https://cdn.example/logo.svg")),)},
        "variants[0].banner.logo: 'https://cdn.example/logo.svg'",
    ),
    (
        {"variants": (Variant("a", texts={"en": {"banner.reject": " "}}),)},
        "variants[0].texts.en.banner.reject: empty; expected a text, as visitors have to be told",
    ),
    (
        {"variants": (Variant("a", texts={"en": {"purpose.marketing.text": "Nice things"}}),)},
        "variants[0].texts.en.purpose.marketing.text: not of the first layer alone",
    ),
    (
        {"variants": (Variant("a", texts={"xx": {"banner.title": "Hm"}}),)},
        "variants[0].texts.xx: not a language that we have",
    ),
]


@pytest.mark.parametrize(("changed", "fault"), BAD, ids=[fault for _, fault in BAD])
def test_what_no_experiment_may_say_is_refused_in_words(files, changed, fault):
    found = publish.check(a_store(**changed), *files, on=DAY)
    assert any(one.startswith(fault) for one in found), found


def test_a_variant_is_held_to_the_law_like_a_version(files):
    loud = Variant("loud", banner=Look(light=Scheme(background="#777777")))
    found = publish.check(a_store(variants=(loud,)), *files, on=DAY)
    assert any("refusing reads as well as accepting" in one for one in found)


def test_a_fault_of_the_store_itself_is_told_once(files):
    store = a_store(banner=BannerConfig(radius=99))
    found = publish.check(store, *files, on=DAY)
    assert [one for one in found if "radius" in one] == [
        "banner.radius: 99; expected 0 to 24 CSS pixels"
    ]


@pytest.mark.anyio
async def test_an_experiment_compares_the_same_for_as_long_as_it_has_its_key(database, now, files):
    platforms, regions, texts = files

    async def live(store: StoreConfig) -> int:
        async with database.write() as c:
            await stores.save(c, store, now())
        known = {"platforms": platforms, "regions": regions, "texts": texts, "now": now}
        return (await publish.publish(database, "summit", **known)).number

    assert await live(a_store()) == 1
    longer = msgspec.structs.replace(a_store().experiment, name="x", ends=None)
    assert await live(a_store(experiment=longer)) == 2
    plain = variants.ended(a_store())
    assert await live(plain) == 3
    for changed in (
        {"variants": a_store().variants[:1]},
        {"banner": BannerConfig(layout="dialog")},
        {"texts": {"de": {"banner.title": "Hallo"}}},
        {"experiment": msgspec.structs.replace(a_store().experiment, difference=2)},
    ):
        with pytest.raises(RefusedError, match="compared other banners in version"):
            await live(a_store(**changed))
    rule = RegionRule(accept_days=30)
    assert await live(a_store(regions={"DE": rule}, privacy_url="https://summit.example/p")) == 4


def test_a_kept_variant_is_the_banner_of_all():
    store = a_store()
    kept = variants.kept(store, "short")
    assert (kept.experiment, kept.variants) == (Experiment(), ())
    assert kept.banner == varied(store, store.variants[1]).banner
    assert kept.texts == store.variants[1].texts
    assert variants.kept(store, CONTROL) == variants.ended(store)


def test_what_is_kept_wins_over_the_template():
    own = a_store(group="outdoor", variants=(Variant("bar", banner=Look(layout="bar")),))
    draft = stores.Draft(variants.kept(own, "bar"), Template(banner=BannerConfig(layout="box")))
    assert draft.config.banner.layout == "bar"


def test_an_experiment_is_told_in_sentences(files):
    _, regions, _ = files

    def said(before: StoreConfig, after: StoreConfig) -> list[str]:
        one, other = stores.Draft(before, None), stores.Draft(after, None)
        return [told.said for told in changes.told(one, other, regions, on=DAY)]

    plain = variants.ended(a_store())
    assert said(plain, a_store()) == [
        "The experiment A box, and fewer words begins: some visitors see box, Fewer words in place "
        "of the banner as it is from 1 March 2026 until 1 April 2026."
    ]
    assert said(a_store(), plain) == [
        "The experiment A box, and fewer words ends; every visitor gets the same banner."
    ]
    longer = msgspec.structs.replace(a_store().experiment, ends=None)
    assert said(a_store(), a_store(experiment=longer))[0].startswith(
        "The experiment A box, and fewer words is changed"
    )


@pytest.mark.anyio
async def test_a_template_changes_no_banner_that_is_compared(database, now, files):
    platforms, regions, texts = files
    known = bulk.Files(*files)
    async with database.write() as c:
        for key in ("summit", "valley"):
            own = a_store(key=key, group="outdoor")
            store = own if key == "summit" else variants.ended(own)
            await groups.save(c, Group("outdoor", "Outdoor"), now())
            await stores.save(c, store, now())
    for key in ("summit", "valley"):
        parts = {"platforms": platforms, "regions": regions, "texts": texts, "now": now}
        await publish.publish(database, key, **parts)
    template = Template(banner=BannerConfig(accent="#1a5fb4"))
    async with database.write() as c:
        await groups.save(c, Group("outdoor", "Outdoor", template), now())
    done = {one.store: one for one in await bulk.apply(database, "outdoor", known, now=now)}
    assert done["valley"].version == 2
    (why,) = done["summit"].refused
    assert why.startswith("experiment.key: 'spring' compared other banners in version 1")
