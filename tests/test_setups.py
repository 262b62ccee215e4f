"""How far a set-up has come, what an owner types as an address, what a page says of its shop."""

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import inherit, setups, stores
from consent.errors import DataErrors, NotFoundError, RefusedError
from consent.fetch import named
from consent.model import BannerConfig, StoreConfig, Template
from consent.scan import shop
from consent.scan.systems import Systems
from consent.setups import Checked, Found, Setup

SYSTEMS = Systems.load()
STORE = StoreConfig("summit", "Summit", ("https://summit.example",))


@pytest.mark.anyio
async def test_a_set_up_goes_on_where_it_was_left(database, now):
    found = Found("shopify", (("meta", "123456789012345"),))
    async with database.write() as c:
        await stores.save(c, STORE, now())
        assert await setups.get(c, "summit") == Setup()
        await setups.revise(c, "summit", lambda _: Setup(system="wix", found=found), now())
        await setups.revise(c, "summit", lambda one: one.with_done("look").with_done("shop"), now())
        checked = Checked(now(), "https://summit.example/", True, 2)
        kept = await setups.revise(
            c, "summit", lambda one: msgspec.structs.replace(one, checked=checked), now()
        )
    async with database.read() as c:
        assert await setups.get(c, "summit") == kept
    assert kept == Setup(("shop", "look"), "wix", found, checked)
    with pytest.raises(NotFoundError, match="'other' is not known"):
        async with database.write() as c:
            await setups.revise(c, "other", lambda one: one, now())


@pytest.mark.parametrize(
    ("typed", "url", "origin", "label"),
    [
        ("Summit.example", "https://summit.example/", "https://summit.example", "summit"),
        (
            " http://www.summit.co.uk/en?a=1#b ",
            "http://www.summit.co.uk/en?a=1",
            "http://www.summit.co.uk",
            "summit",
        ),
        ("shop.zelte.example:8443", "https://shop.zelte.example:8443/", None, "zelte"),
        ("https://summit.example.:443", "https://summit.example/", None, "summit"),
        ("müller.example", "https://xn--mller-kva.example/", None, "xn--mller-kva"),
        ("localhost:8080", "http://localhost:8080/", None, ""),
        ("127.0.0.1/a", "http://127.0.0.1/a", "http://127.0.0.1", ""),
    ],
)
def test_an_address_is_read_as_it_is_typed(typed, url, origin, label):
    read = named.read(typed)
    assert (read.url, read.label) == (url, label)
    assert read.origin == (origin or url.rstrip("/"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "empty"),
        ("me@summit.example", "has an @"),
        ("https://me:pw@summit.example", "has an @"),
        ("two words.example", "has a space or an invisible"),
        ("summit\u202e.example", "has a space or an invisible"),
        ("javascript:alert(1)", "'javascript' is no address of a web page"),
        ("ftp://summit.example", "'ftp' is no address of a web page"),
        ("file:///etc/passwd", "'file' is no address of a web page"),
        ("summit", "'summit' is no address of a web page"),
        ("https://", "is no address"),
        ("https://a..b", "is no address"),
        ("https://summit.example:99999", "99999"),
        ("a" * 501, "501 characters"),
    ],
)
def test_what_is_no_address_is_told_with_what_is(typed, said):
    with pytest.raises(RefusedError, match="expected your shop's address") as caught:
        named.read(typed)
    assert said in caught.value.detail


@given(st.text(max_size=80))
@settings(max_examples=40)
def test_whatever_is_typed_is_the_same_address_again_or_refused(typed):
    with contextlib.suppress(RefusedError):
        read = named.read(typed)
        assert named.read(read.url).origin == read.origin


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            '<html lang="de-AT"><title>Zelte | Summit</title><a class="x" href="/agb">AGB</a>'
            "<a href='/daten&amp;schutz#oben'><b>Daten</b>schutz</a><script>Shopify.theme</script>",
            ("Summit", "https://summit.example/daten&schutz", "de-AT", "shopify"),
        ),
        (
            '<meta property="og:site_name" content=" Summit\n &amp; Sons "><title>Home</title>'
            '<a href="https://policies.example/privacy">Privacy</a>'
            '<a href="/legal">Privacy notice</a><link href="/plugins/woocommerce/a.css">',
            ("Summit & Sons", "https://summit.example/legal", "", "woocommerce"),
        ),
        (
            '<title> – </title><a href="javascript:alert(1)">Privacy</a><a href="#p">Privacy</a>'
            '<a href="https://[bad/privacy">Privacy</a><a>Privacy</a>',
            ("–", "", "", ""),
        ),
    ],
)
def test_a_page_says_what_its_shop_is_called(page, expected):
    assert shop.read(page, "https://summit.example/", SYSTEMS) == expected


@given(st.text(max_size=300), st.sampled_from(("<a ", '<a href="', "<title>", "<html lang=", "<")))
@settings(max_examples=40)
def test_no_page_says_what_cannot_stand_in_a_form(text, start):
    said = shop.read(f"{start}{text}>privacy", "https://summit.example/", SYSTEMS)
    assert len(said.name) <= shop.LONGEST_NAME
    assert said.name.isprintable()
    assert said.privacy_url == "" or said.privacy_url.startswith(("http://", "https://"))
    assert "<" not in said.privacy_url


def test_every_fault_of_the_shop_systems_is_told(tmp_path):
    (tmp_path / "GUIDES.md").write_text("# Guides\n\n## Plain HTML\n")
    (tmp_path / "systems.toml").write_text(
        '[Odd]\nname = "x"\nsteps = []\nguide = "None"\nmarks = ["short"]\nunverified = ["y"]\n'
    )
    with pytest.raises(DataErrors) as caught:
        Systems.load(tmp_path)
    keys = ["html", "Odd", "Odd.steps", "Odd.marks", "Odd.guide", "Odd.unverified"]
    assert [fault.key for fault in caught.value.faults] == keys


class TestRestated:
    TEMPLATE = Template(privacy_url="https://a.example/p", banner=BannerConfig("box", "#123456"))

    def test_what_the_template_says_is_left_to_it(self):
        own = inherit.restated(STORE, self.TEMPLATE, {"banner.layout": "box", "privacy_url": ""})
        assert (own.banner.layout, own.stated) == ("bar", ("privacy_url",))
        whole = inherit.effective(own, self.TEMPLATE)
        assert (whole.banner.layout, whole.privacy_url) == ("box", "")

    def test_a_default_is_stated_where_the_template_says_otherwise(self):
        values = {"banner.layout": "bar", "banner.accent": "#123456", "banner.light.text": ""}
        own = inherit.restated(STORE, self.TEMPLATE, values)
        assert own.stated == ("banner.layout",)
        assert inherit.effective(own, self.TEMPLATE).banner == BannerConfig("bar", "#123456")
        back = inherit.restated(own, self.TEMPLATE, {"banner.layout": "box"})
        assert back == STORE

    def test_without_a_template_a_value_is_the_value(self):
        own = inherit.restated(STORE, None, {"banner.dark.accent": "#ff0000", "language": "de"})
        assert (own.banner.dark.accent, own.language, own.stated) == ("#ff0000", "de", ())
