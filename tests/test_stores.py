import datetime as dt
import hashlib

import pytest

from consent import model, stores
from consent.errors import NotFoundError, UnavailableError
from consent.model import BannerConfig, Pixel, StoreConfig

pytestmark = pytest.mark.anyio

META = Pixel("meta", "123456789012345")


def a_config(key: str = "summit", **changes) -> StoreConfig:
    values = {"key": key, "name": key.title(), "origins": (f"https://{key}.example",)}
    return StoreConfig(**{**values, **changes})


async def save(database, config, now):
    async with database.write() as c:
        return await stores.save(c, config, now())


async def publish(database, config, now):
    async with database.write() as c:
        await stores.save(c, config, now())
        return await stores.publish(c, config.key, now())


async def test_a_draft_is_read_back_as_it_was_saved(database, now):
    config = a_config(
        pixels=(META, Pixel("ga4", "G-1", ("analytics",), {"Purchase": "x"})),
        regions={"US-CA": model.RegionRule("us-ca")},
        banner=BannerConfig("box", "#ff0000"),
        name="Gipfel & Söhne",
    )
    await save(database, config, now)
    async with database.read() as c:
        assert await stores.draft(c, "summit") == config
        assert await stores.current(c, "summit") is None


async def test_saving_again_replaces_the_draft_and_keeps_the_store(database, now):
    first = await save(database, a_config(), now)
    second = await save(database, a_config(name="Peak"), now)
    async with database.read() as c:
        assert first == second == await stores.id_of(c, "summit")
        assert (await stores.draft(c, "summit")).name == "Peak"


async def test_a_revised_draft_is_what_the_change_makes_of_the_one_before(database, now):
    await save(database, a_config(pixels=(META,)), now)
    renamed = a_config(pixels=(META,), name="Peak")
    async with database.write() as c:
        assert await stores.revise(c, "summit", lambda _: renamed, now()) == renamed

    def refuse(config: StoreConfig) -> StoreConfig:
        raise NotFoundError("no_such_pixel", f"{config.name}: gone")

    with pytest.raises(NotFoundError, match="Peak: gone"):
        async with database.write() as c:
            await stores.revise(c, "summit", refuse, now())
    async with database.read() as c:
        assert await stores.draft(c, "summit") == renamed


async def test_an_unknown_store_has_no_draft_and_cannot_be_published(database, now):
    with pytest.raises(NotFoundError, match="unknown_store: store 'nowhere'"):
        async with database.read() as c:
            await stores.draft(c, "nowhere")
    with pytest.raises(NotFoundError):
        async with database.write() as c:
            await stores.publish(c, "nowhere", now())


async def test_a_version_carries_the_sha256_of_its_canonical_configuration(database, now):
    config = a_config(pixels=(META,))
    version = await publish(database, config, now)
    async with database.read() as c:
        assert await stores.current(c, "summit") == version
        assert await stores.version(c, "summit", 1) == version
    assert (version.number, version.config, version.published_at) == (1, config, now())
    assert version.sha256 == hashlib.sha256(model.canonical(config)).hexdigest()


async def test_versions_are_numbered_in_their_store_and_stay_readable(database, now):
    await publish(database, a_config("valley"), now)
    first = await publish(database, a_config(), now)
    second = await publish(database, a_config(name="Peak"), now)
    assert (first.number, second.number) == (1, 2)
    async with database.read() as c:
        assert await stores.version(c, "summit", 1) == first
        assert await stores.current(c, "summit") == second
        assert await stores.version(c, "summit", 3) is None


async def test_publishing_the_same_again_gives_the_same_version(database, now):
    first = await publish(database, a_config(), now)
    now.advance(days=1)
    assert await publish(database, a_config(), now) == first


async def test_publishing_an_earlier_state_again_makes_a_new_version(database, now):
    await publish(database, a_config(), now)
    await publish(database, a_config(name="Peak"), now)
    third = await publish(database, a_config(), now)
    assert third.number == 3


async def test_only_a_change_of_pixels_or_purposes_asks_anew(database, now):
    ads = Pixel("google-ads", "AW-1")
    states = [
        ({"pixels": (META, ads)}, 1),
        ({"pixels": (ads, META)}, 1),
        ({"pixels": (META, ads), "name": "Peak"}, 1),
        ({"pixels": (META, Pixel("google-ads", "AW-1", labels={"Purchase": "x"}))}, 1),
        ({"pixels": (META, Pixel("google-ads", "AW-2"))}, 5),
        ({"pixels": (META, Pixel("google-ads", "AW-2")), "name": "Peak"}, 5),
        ({"pixels": (META, Pixel("google-ads", "AW-2", ("analytics", "marketing")))}, 7),
        ({"pixels": (META, Pixel("google-ads", "AW-2", ("marketing", "analytics")))}, 7),
        ({"pixels": (META,)}, 9),
        ({"pixels": (META, ads)}, 10),
    ]
    for changes, expected in states:
        assert (await publish(database, a_config(**changes), now)).asks_since == expected


async def test_versions_since_gives_the_newest_of_each_store(database, now):
    summit = await publish(database, a_config(), now)
    valley = await publish(database, a_config("valley"), now)
    newer = await publish(database, a_config(name="Peak"), now)
    async with database.read() as c:
        assert await stores.versions_since(c, 0) == [valley, newer]
        assert await stores.versions_since(c, summit.id) == [valley, newer]
        assert await stores.versions_since(c, valley.id) == [newer]
        assert await stores.versions_since(c, newer.id) == []


async def test_all_stores_are_listed_by_name_with_what_is_published(database, now):
    await publish(database, a_config("valley"), now)
    await publish(database, a_config("summit", name="summit"), now)
    await save(database, a_config("summit", name="a summit"), now)
    await save(database, a_config("brook"), now)
    async with database.read() as c:
        found = await stores.all_stores(c)
    assert [(s.key, s.name, s.published, s.changed) for s in found] == [
        ("summit", "a summit", 1, True),
        ("brook", "Brook", None, True),
        ("valley", "Valley", 1, False),
    ]
    assert found[2].created_at == found[2].published_at == now()
    assert found[1].published_at is None


async def test_a_moment_keeps_its_microseconds(database, now):
    moment = dt.datetime(2031, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)
    version = await publish(database, a_config(), lambda: moment)
    async with database.read() as c:
        assert (await stores.current(c, "summit")).published_at == version.published_at == moment


async def test_a_reader_cannot_write(database, now):
    with pytest.raises(UnavailableError, match=r"read-only|cannot be written"):
        async with database.read() as c:
            await stores.save(c, a_config(), now())


async def test_a_version_knows_what_earlier_ones_had_and_it_has_no_more(database, now):
    ga4, other = Pixel("ga4", "G-1", labels={"Purchase": "x"}), Pixel("meta", "999999999999999")
    had = []
    for pixels in [(META, ga4), (ga4,), (ga4, other), (META, ga4)]:
        version = await publish(database, a_config(pixels=pixels), now)
        async with database.read() as c:
            assert await stores.current(c, "summit") == version
        had.append([(pixel.platform, pixel.id) for pixel in version.former])
    gone = ("meta", "123456789012345")
    assert had == [[], [gone], [gone], [("meta", "999999999999999")]]
