import datetime as dt
import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import accounts, data, publish, storefile, stores
from consent.database import Database
from consent.errors import ConflictError, DataError, ForbiddenError, NotFoundError, RefusedError
from consent.model import (
    WITH_STATES,
    BannerConfig,
    CookieConfig,
    Custom,
    GoogleConfig,
    GpcConfig,
    Hosts,
    Pixel,
    RegionRule,
    Review,
    Scheme,
    StoreConfig,
    Trace,
)
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts

PLATFORMS, REGIONS, TEXTS = Platforms.load(), Regions.load(), Texts.load()
TODAY = dt.date(2026, 3, 2)
SUMMIT = StoreConfig(
    key="summit",
    name="Summit Outdoor",
    origins=("https://summit.example",),
    privacy_url="https://summit.example/privacy",
    pixels=(
        Pixel("meta", "123456789012345"),
        Pixel("google-ads", "AW-123456789", labels={"Purchase": "abCDeFGhij"}),
    ),
    regions={"US-CA": RegionRule("us-ca")},
    banner=BannerConfig(layout="box", accent="#1a5fb4"),
)


def faults(**changes) -> list[str]:
    config = msgspec.structs.replace(SUMMIT, **changes)
    return publish.check(config, PLATFORMS, REGIONS, TEXTS, on=TODAY)


def test_the_file_in_the_readme_form_is_read():
    config = storefile.parse(
        """
        key = "summit"
        name = "Summit Outdoor"
        origins = ["https://summit.example"]
        privacy_url = "https://summit.example/privacy"
        [[pixels]]
        platform = "meta"            # a folder of snippets/
        id = "123456789012345"
        [regions."US-CA"]
        regime = "us-ca"
        [banner]
        layout = "bar"
        """,
        "summit.toml",
    )
    assert config.pixels == (Pixel("meta", "123456789012345"),)
    assert publish.check(config, PLATFORMS, REGIONS, TEXTS, on=TODAY) == []


def test_a_written_store_reads_back_the_same():
    assert storefile.parse(storefile.to_toml(SUMMIT), "summit.toml") == SUMMIT


def test_a_written_store_leaves_defaults_out():
    plain = StoreConfig(key="a", name="A", origins=("https://a.example",))
    assert storefile.to_toml(plain) == 'key = "a"\nname = "A"\norigins = ["https://a.example"]\n'


text = st.text(st.characters(exclude_categories=["Cs"]))
purposes = st.lists(
    st.sampled_from(["necessary", "preferences", "analytics", "marketing"]), unique=True
).map(tuple)
hosts = st.builds(Hosts, st.lists(text, max_size=2).map(tuple))
customs = st.builds(
    Custom,
    *(text, text, text, text, text),
    hosts=hosts,
    traces=st.lists(st.builds(Trace, text), max_size=2).map(tuple),
    reviewed=st.none() | st.builds(Review, text, st.dates(), text),
)
pixels = st.builds(
    Pixel,
    custom=st.none() | customs,
    platform=text,
    id=text,
    purposes=purposes,
    labels=st.dictionaries(text, text),
    opt_out=st.sampled_from(["stop", "limit"]),
)
configs = st.builds(
    StoreConfig,
    key=text,
    name=text,
    origins=st.lists(text).map(tuple),
    privacy_url=text,
    language=text,
    release=st.sampled_from(["after-receipt", "at-once"]),
    pixels=st.lists(pixels, max_size=3).map(tuple),
    regions=st.dictionaries(text, st.builds(RegionRule, text)),
    banner=st.builds(BannerConfig, st.sampled_from(["bar", "box", "dialog"]), text),
    gpc=st.builds(GpcConfig, purposes),
    cookie=st.builds(CookieConfig, text),
)


@given(configs)
def test_whatever_a_store_says_survives_being_written(config):
    assert storefile.parse(storefile.to_toml(config), "any.toml") == config


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("key = ", ""),
        ('key = "a"\nname = "A"', ""),
        ('key = "a"\nname = "A"\norigins = "https://a.example"', "origins"),
        ('key = "a"\nname = "A"\norigins = []\ncolour = "red"', ""),
        ('key = "a"\nname = "A"\norigins = []\n[banner]\nlayout = "wall"', "banner.layout"),
        ('key = "a"\nname = "A"\norigins = []\n[[pixels]]\nplatform = 1\nid = "x"', "pixels[0]"),
    ],
)
def test_a_file_of_the_wrong_form_is_refused_with_its_name_and_key(content, where):
    with pytest.raises(DataError) as caught:
        storefile.parse(content, "store.toml")
    assert str(caught.value).startswith("store.toml: ")
    assert caught.value.key.startswith(where)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"key": "Summit!"}, "key: 'Summit!'"),
        ({"name": " "}, "name: "),
        ({"origins": ()}, "origins: none"),
        ({"origins": ("https://summit.example/",)}, "origins: 'https://summit.example/'"),
        ({"origins": ("ftp://summit.example",)}, "origins: "),
        ({"origins": ("https://Summit.example",)}, "origins: "),
        ({"origins": ("*",)}, "origins: "),
        ({"privacy_url": "javascript:alert(1)"}, "privacy_url: "),
        ({"language": "xx"}, "language: 'xx'"),
        ({"pixels": (Pixel("nobody", "1"),)}, "pixels[0]: "),
        ({"pixels": (Pixel("meta", "');alert(1)//"),)}, "pixels[0]: "),
        ({"pixels": (Pixel("meta", "123456789012345"),) * 2}, "pixels[1]: "),
        ({"pixels": (Pixel("meta", "123456789012345", ("analytics",)),)}, "pixels[0]: purposes: "),
        ({"regions": {"Bavaria": RegionRule("eea")}}, "regions.Bavaria: "),
        ({"regions": {"US-XX": RegionRule("eea")}}, "regions.US-XX: no state or province of US"),
        ({"regions": {"CA-XX": RegionRule("eea")}}, "regions.CA-XX: no state or province of CA"),
        ({"regions": {"DE-BE": RegionRule("eea")}}, "regions.DE-BE: a part of DE; expected DE, as"),
        ({"regions": {"DE": RegionRule("lax")}}, "regions.DE.regime: "),
        ({"banner": BannerConfig(accent="red")}, "banner.accent: "),
        ({"banner": BannerConfig(light=Scheme(accent="#7f7f7f"))}, "banner.light.accent: "),
        ({"banner": BannerConfig(dark=Scheme(text="#444444"))}, "banner.dark.text: "),
        ({"banner": BannerConfig(light=Scheme(background="white"))}, "banner.light.background: "),
        ({"banner": BannerConfig(radius=99)}, "banner.radius: 99; expected 0 to 24"),
        ({"banner": BannerConfig(logo="https://cdn.example/logo.svg")}, "banner.logo: "),
        ({"banner": BannerConfig(logo="//cdn.example/logo.svg")}, "banner.logo: "),
        ({"texts": {"xx": {"banner.title": "Hi"}}}, "texts.xx: not a language"),
        ({"texts": {"de": {"banner.nothing": "Hi"}}}, "texts.de.banner.nothing: is unknown"),
        ({"texts": {"de": {"banner.title": " "}}}, "texts.de.banner.title: empty; expected a text"),
        ({"texts": {"de": {"banner.text": "Ohne Zahl"}}}, "texts.de.banner.text: has placeholders"),
        ({"gpc": GpcConfig(("analytics",))}, "gpc.refuses: "),
        ({"gpc": GpcConfig(("marketing", "necessary"))}, "gpc.refuses: "),
    ],
)
def test_a_store_that_cannot_be_published_is_told_why(changes, found):
    told = faults(**changes)
    assert len(told) == 1
    assert told[0].startswith(found)
    assert "; expected " in told[0] or "; known are " in told[0]


@pytest.mark.parametrize(
    "origin", ["http://localhost:8080", "https://a.example", "http://[::1]:80"]
)
def test_origins_are_scheme_and_host_and_port(origin):
    assert faults(origins=(origin,)) == []


@pytest.mark.parametrize(
    "domain",
    [
        "Summit.example",
        ".summit.example",
        "summit.example.",
        "summit..example",
        "summit",
        "example",
        "https://summit.example",
        "summit.example:443",
        "summit.example/",
        "*.summit.example",
        "summit_shop.example",
        "-summit.example",
        "sümmit.example",
        "summit.example; Secure",
        "summit.example\r\nx: y",
        "summit.example\n",
        " summit.example",
        "127.0.0.1",
        "[::1]",
        "a" * 64 + ".example",
        "a." * 124 + "example",
    ],
)
def test_what_is_no_domain_for_a_cookie_is_said(domain):
    (told,) = faults(cookie=CookieConfig(domain))
    assert told.startswith(f"cookie.domain: {domain!r}; expected a domain in lower case ")


@pytest.mark.parametrize(
    ("domain", "origins"),
    [
        ("summit.example", ("https://summit.example",)),
        ("summit.example", ("https://summit.example:8443", "http://www.summit.example")),
        ("shop.summit.example", ("https://shop.summit.example", "https://a.b.shop.summit.example")),
        ("xn--smmit-kva.example", ("https://xn--smmit-kva.example",)),
        ("localhost", ("http://localhost:8080",)),
        ("1.example", ("https://1.example",)),
    ],
)
def test_a_domain_that_every_origin_is_on_holds_for_all_of_them(domain, origins):
    assert faults(cookie=CookieConfig(domain), origins=origins) == []


@pytest.mark.parametrize(
    "origin",
    [
        "https://fjord.example",
        "https://evilsummit.example",
        "https://summit.example.evil.example",
        "http://localhost:8080",
        "http://[::1]:80",
        "https://example",
    ],
)
def test_an_origin_off_the_cookies_domain_is_named(origin):
    origins = ("https://summit.example", origin)
    (told,) = faults(cookie=CookieConfig("summit.example"), origins=origins)
    assert told.startswith(f"cookie.domain: 'summit.example' leaves out {origin}; expected a ")


def test_the_cookies_domain_is_a_table_of_its_own_in_the_file():
    wide = msgspec.structs.replace(SUMMIT, cookie=CookieConfig("summit.example"))
    assert '\n[cookie]\ndomain = "summit.example"\n' in storefile.to_toml(wide)
    assert storefile.parse(storefile.to_toml(wide), "summit.toml") == wide
    assert "cookie" not in storefile.to_toml(SUMMIT)


def test_all_faults_are_told_at_once():
    assert len(faults(key="!", name="", language="xx")) == 3


def test_a_store_larger_than_any_is_told_so_and_looked_at_no_further():
    many = {
        "pixels": tuple(Pixel("meta", f"{n}") for n in range(5000)),
        "origins": ("x",) * 101,
        "regions": {f"A{n}": RegionRule("eea") for n in range(401)},
        "texts": {f"l{n}": {} for n in range(101)},
    }
    for name, value in many.items():
        assert faults(**{name: value}) == [
            f"{name}: {len(value)}; expected {publish.MOST[name]} at most"
        ]


@pytest.mark.parametrize(
    ("code", "regime", "law"),
    [
        ("DE", "us-ca", "GDPR"),
        ("US-CA", "us-states", "CCPA"),
        ("US", "us-other", "CCPA"),
        ("@eea", "us-ca", "GDPR"),
        ("*", "us-ca", "GDPR"),
    ],
)
def test_a_rule_looser_than_the_law_is_refused_with_the_law(code, regime, law):
    (told,) = faults(regions={code: RegionRule(regime)})
    assert told.startswith(f"regions.{code}.regime: {regime!r}")
    assert law in told


@pytest.mark.parametrize("code", ["US-CA", "US-PR", "CA-ON", "@ca", "US", "JP", "*"])
def test_a_rule_stricter_than_the_law_is_welcome(code):
    assert faults(regions={code: RegionRule("eea")}) == []


def test_a_rule_that_lets_refused_google_tags_ping_where_the_law_does_not_is_refused(tmp_path):
    copied = tmp_path / "regimes"
    shutil.copytree(data.folder("regimes"), copied)
    japan = (copied / "jp.toml").read_text(encoding="utf-8")
    stricter = japan.replace("google_advanced = true", "google_advanced = false")
    (copied / "jp.toml").write_text(stricter, encoding="utf-8")
    config = msgspec.structs.replace(SUMMIT, regions={"JP": RegionRule("us-ca")})
    assert publish.check(config, PLATFORMS, REGIONS, TEXTS, on=TODAY) == []
    (told,) = publish.check(config, PLATFORMS, Regions.load(copied), TEXTS, on=TODAY)
    assert "lets refused Google tags send pings, so is looser than 'jp' in JP" in told


def test_a_rule_that_lets_libraries_collect_where_the_shipped_one_does_not_is_refused():
    (told,) = faults(regions={"JP": RegionRule("us-other")})
    assert "lets vendors' libraries collect by themselves, so is looser than 'jp' in JP" in told


def test_pixels_that_share_one_switch_share_their_purposes():
    two = (Pixel("pinterest", "2612449813015"), Pixel("pinterest", "2612449813016"))
    assert faults(pixels=two) == []
    more = msgspec.structs.replace(two[1], purposes=("marketing", "analytics"))
    (told,) = faults(pixels=(two[0], more))
    assert told.startswith("pixels[1]: purposes: other than those of 2612449813015; expected the")
    apart = (Pixel("ga4", "G-ABCDE12345"), Pixel("ga4", "G-ABCDE99999", ("analytics", "marketing")))
    assert faults(pixels=apart) == []


def test_a_store_is_told_where_its_pixel_collects_nothing_by_itself():
    pixels = (Pixel("meta", "123456789012345", automatic=True),)
    config = msgspec.structs.replace(SUMMIT, pixels=pixels)
    (told,) = publish.notes(config, PLATFORMS, REGIONS, on=TODAY)
    assert told.startswith("pixels[0]: meta 123456789012345 collects nothing by itself under ")
    assert "eea" in told
    assert "us-states" not in told


def test_a_store_is_told_of_a_key_that_filter_lists_stop():
    config = msgspec.structs.replace(SUMMIT, key="statistics")
    (told,) = publish.notes(config, PLATFORMS, REGIONS, on=TODAY)
    assert told.startswith("key: found 'statistics'; expected one without 'statistic', such as ")


def test_a_store_is_told_which_of_its_pixels_stay_basic():
    config = msgspec.structs.replace(
        SUMMIT,
        google=GoogleConfig(consent_mode="advanced"),
        pixels=(Pixel("ga4", "G-ABCDE12345", purposes=("analytics", "marketing")), *SUMMIT.pixels),
    )
    _, pixel = publish.notes(config, PLATFORMS, REGIONS, on=TODAY)
    assert pixel.startswith("pixels[0]: ga4 G-ABCDE12345 stays basic, as it has two purposes")
    assert publish.notes(SUMMIT, PLATFORMS, REGIONS, on=TODAY) == []


def test_no_country_but_these_has_law_by_state():
    named = {
        entry[:2]
        for file in Path(data.folder("regimes")).glob("*.toml")
        for entry in data.read_toml(file).get("applies_to", [])
        if "-" in entry and not entry.startswith("@")
    }
    assert named <= set(WITH_STATES)


@pytest.mark.anyio
class TestPublishing:
    async def publish(self, database: Database, now, key: str = "summit", by=None):
        return await publish.publish(
            database, key, platforms=PLATFORMS, regions=REGIONS, texts=TEXTS, now=now, by=by
        )

    async def test_nobody_brings_live_what_no_role_of_theirs_changes(self, database, now):
        ruled = msgspec.structs.replace(SUMMIT, regions={"US": RegionRule("eea")})
        plain = msgspec.structs.replace(SUMMIT, regions={})
        async with database.write() as c:
            await stores.save(c, plain, now())
            await stores.save(c, msgspec.structs.replace(plain, key="other"), now())
            mia = await accounts.add(c, "mia@x.example", "x", "marketer", "summit", now())
        mia = msgspec.structs.replace(mia, acting=mia.grants)
        with pytest.raises(ForbiddenError, match="expected an owner or developer or marketer of"):
            await self.publish(database, now, "other", by=mia)
        assert (await self.publish(database, now, by=mia)).number == 1
        async with database.write() as c:
            await stores.save(c, ruled, now())
        with pytest.raises(ForbiddenError, match="region rules changed"):
            await self.publish(database, now, by=mia)
        assert (await self.publish(database, now)).number == 2

    async def test_a_sound_draft_becomes_the_next_version(self, database, now):
        async with database.write() as c:
            await stores.save(c, SUMMIT, now())
        version = await self.publish(database, now)
        assert (version.number, version.config) == (1, SUMMIT)
        async with database.read() as c:
            assert await stores.current(c, "summit") == version

    async def test_a_draft_with_faults_is_not_published(self, database, now):
        lax = msgspec.structs.replace(SUMMIT, regions={"DE": RegionRule("us-ca")}, language="xx")
        async with database.write() as c:
            await stores.save(c, lax, now())
        with pytest.raises(RefusedError, match=r"language: .*regions\.DE"):
            await self.publish(database, now)
        async with database.read() as c:
            assert await stores.current(c, "summit") is None

    async def test_only_the_draft_that_was_shown_is_published(self, database, now):
        async with database.write() as c:
            await stores.save(c, SUMMIT, now())
        with pytest.raises(ConflictError, match="someone has changed it meanwhile"):
            await publish.publish(
                database,
                "summit",
                platforms=PLATFORMS,
                regions=REGIONS,
                texts=TEXTS,
                now=now,
                shown=stores.Draft(msgspec.structs.replace(SUMMIT, name="Other"), None).sha256,
            )
        async with database.read() as c:
            assert await stores.current(c, "summit") is None

    async def test_a_store_that_is_not_there_is_said(self, database, now):
        with pytest.raises(NotFoundError):
            await self.publish(database, now, "nobody")
