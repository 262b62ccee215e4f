"""The guided set-up by its forms alone, as a browser without script sends them."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

from consent import counts, database, drafts, groups, stores
from consent.counts import Key, hour_of
from consent.errors import RefusedError
from consent.fetch import Fetched
from consent.model import BannerConfig, Group, RegionRule, StoreConfig, Template
from tests.conftest import Clock
from tests.pasted import META, SNIPPETS
from tests.web.admin.drafts import kept, set_draft
from tests.web.admin.seed import SUMMIT, Seed
from tests.web.admin.stage import (
    HERE,
    HOSTILE,
    NOW,
    ORIGIN,
    as_user,
    begin_sessions,
    open_app,
    soup,
    write,
)

SHOP = "https://zelte.example"
SETUP = "/admin/stores/zelte/setup"
PAGE = f"""<html lang="de"><head><title>Zelte | Alles für draußen</title>{META}{SNIPPETS["ga4"]}
<link href="/wp-content/plugins/woocommerce/a.css"></head><a href="/datenschutz">Datenschutz</a>"""


class Internet:
    """Has one page, at whatever address; empty: none."""

    def __init__(self) -> None:
        self.page = PAGE
        self.asked: list[str] = []

    async def get(self, url: str, kinds=()) -> Fetched:
        self.asked.append(url)
        if not self.page:
            raise RefusedError("unfetchable", f"{url}: cannot be reached")
        return Fetched(url, "text/html", self.page.encode(), ())


@pytest.fixture
def internet() -> Internet:
    return Internet()


@pytest.fixture
def owner(
    migrated_file: Path, clock: Clock, tmp_path: Path, internet: Internet
) -> Iterator[TestClient]:
    """An installation that nobody has signed in to before."""
    file = tmp_path / "new.db"
    shutil.copy(migrated_file, file)

    async def tell() -> None:
        db = database.connect(f"sqlite:///{file}")
        await Seed(db, NOW).user("owner@example.com", "owner")
        await begin_sessions(db, [1])
        await db.close()

    asyncio.run(tell())
    app = open_app(file, clock, tmp_path)
    object.__setattr__(app.services, "fetcher", internet)
    with TestClient(app, base_url=ORIGIN, follow_redirects=False) as client:
        yield as_user(client, "owner@example.com")
        assert app.unnoted == []


def send(client: TestClient, path: str, **fields: str):
    given = {"then": "", **{name.replace("__", "."): value for name, value in fields.items()}}
    return client.post(path, data=given, headers=HERE)


def begin(client: TestClient, **changes: str):
    """A store as the first step makes it."""
    given = {
        "name": "Zelte",
        "origins": SHOP,
        "privacy_url": "/datenschutz",
        "language": "de",
        "system": "woocommerce",
        "found": '{"pixels":[["meta","123456789012345"],["ga4","G-ABCDE12345"]]}',
    }
    return send(client, "/admin/setup", **{**given, **changes})


def form(page) -> dict[str, str]:
    """What a form of the first step would send as it stands."""
    fields = {one["name"]: one.get("value", "") for one in page.select("form input[name]")}
    fields |= {one["name"]: one.text for one in page.select("form textarea")}
    chosen = page.select("form select option[selected]")
    return fields | {one.find_parent("select")["name"]: one["value"] for one in chosen}


def faults(answer) -> dict[str, str]:
    """Each fault by the field that it stands beside."""
    assert answer.status_code == 422, answer.text
    page = soup(answer_as_ok(answer))
    found = {}
    for one in page.select("[aria-invalid]"):
        first = one["aria-describedby"].split()[0]
        found[first.removeprefix("fault-")] = page.find(id=first).text
    return found


def answer_as_ok(answer):
    answer.status_code = 200
    return answer


def test_the_first_one_to_sign_in_is_led_from_an_address_to_the_first_visitor(
    owner: TestClient, internet: Internet, clock: Clock
):
    assert owner.get("/admin/").headers["location"] == "/admin/setup"
    looked = soup(send(owner, "/admin/setup", then="look", address="zelte.example"))
    assert internet.asked == [f"{SHOP}/"]
    assert "WooCommerce, with Meta Pixel and Google Analytics 4" in looked.text
    sent = form(looked)
    assert (sent["name"], sent["origins"], sent["privacy_url"]) == (
        "Zelte",
        SHOP,
        f"{SHOP}/datenschutz",
    )
    made = send(owner, "/admin/setup", **sent)
    assert made.headers["location"] == f"{SETUP}/pixels"
    assert owner.get("/admin/").headers["location"] == SETUP

    offers = soup(owner.get(f"{SETUP}/pixels")).select(".checks input")
    ticked = {one["name"]: "on" for one in offers}
    assert len(ticked) == 2
    added = send(owner, f"{SETUP}/pixels", then="add", **ticked)
    assert "Meta Pixel 123456789012345 and Google" in owner.get(added.headers["location"]).text
    assert send(owner, f"{SETUP}/pixels").headers["location"] == f"{SETUP}/regions"

    text = soup(owner.get(f"{SETUP}/regions")).text
    assert "Is asked first: nothing runs before a yes." in text
    assert "A link to opt out stays on every page." in text
    gone_on = send(owner, f"{SETUP}/regions", asked="law")
    assert gone_on.headers["location"] == f"{SETUP}/look"
    assert owner.get(SETUP).headers["location"] == f"{SETUP}/look"
    gone_on = send(owner, f"{SETUP}/look", layout="box", accent="#0a5c36", radius="12")
    assert gone_on.headers["location"] == f"{SETUP}/publish"

    page = soup(owner.get(f"{SETUP}/publish"))
    assert "The banner is a box in a corner in colours of its own" in page.text
    draft = page.find("input", {"name": "draft"})["value"]
    published = send(owner, f"{SETUP}/publish", draft=draft)
    assert published.headers["location"] == f"{SETUP}/snippet"
    config, live = kept(owner, "zelte")
    assert live is not None
    assert config == live.config
    assert config == StoreConfig(
        "zelte",
        "Zelte",
        (SHOP,),
        f"{SHOP}/datenschutz",
        "de",
        pixels=config.pixels,
        page_views="automatic",
        banner=BannerConfig("box", "#0a5c36", 12),
        signals=msgspec.structs.replace(config.signals, wordpress=True),
    )

    page = soup(owner.get(f"{SETUP}/snippet"))
    snippet = page.select_one("#snippet").text
    assert snippet == owner.app.services.composer.snippet("zelte", ORIGIN)
    assert page.find(id="where-title").text == "Where it goes in WooCommerce"
    checked = soup(send(owner, f"{SETUP}/check", address=""))
    assert checked.find(id="result").text == "The snippet is not there yet"
    internet.page = f"<head>{snippet}{META}</head>"
    checked = soup(send(owner, f"{SETUP}/check", address=f"{SHOP}/tents"))
    assert "The snippet is there; beside it" in checked.text
    assert "Meta Pixel 123456789012345 fires before anybody is asked." in checked.text
    internet.page = f"<head>{snippet}</head>"
    assert "All is well" in soup(send(owner, f"{SETUP}/check", address="/")).text

    assert owner.get(f"{SETUP}/visitor/seen").json() == {"seen": False}
    assert "Nobody yet" in owner.get(f"{SETUP}/visitor").text
    store_id = live.store_id
    key = Key(store_id, hour_of(clock()), "DE", "eea", "phone", "de", 1, "visit")
    write(owner, lambda c: counts.add(c, {key: 1}))
    assert owner.get(f"{SETUP}/visitor/seen").json() == {"seen": True}
    page = soup(owner.get(f"{SETUP}/visitor"))
    assert "Germany, phone, German, 23 November 2026, between 17:00 and 18:00 UTC" in page.text
    assert len(page.select(".steps .done")) == 8


def test_a_page_that_cannot_be_looked_at_stops_nobody(owner, internet):
    internet.page = ""
    page = soup(send(owner, "/admin/setup", then="look", address="zelte.example/shop"))
    assert internet.asked == [f"{SHOP}/shop", "http://zelte.example/shop"]
    assert "The page could not be looked at" in page.text
    sent = form(page)
    assert (sent["name"], sent["origins"], sent["system"]) == ("Zelte", SHOP, "html")
    assert send(owner, "/admin/setup", **sent).status_code == 303


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest", "http://127.0.0.1/", "http://[::ffff:10.0.0.1]/"]
)
def test_nobody_looks_into_the_service_s_own_network(address, client):
    page = soup(send(as_user(client, "owner@example.com"), "/admin/setup", address=address))
    assert "expected a public address" in page.text
    assert "Go on by hand" in page.text


def test_a_shop_whose_name_filter_lists_stop_gets_another_key_and_an_old_one_is_told(owner):
    other = begin(owner, origins="https://cookie-bakery.example")
    assert other.headers["location"] == "/admin/stores/shop/setup/pixels"
    told = "Blockers may stop this address"
    assert told not in owner.get("/admin/stores/shop/setup/snippet").text
    old = StoreConfig("cookies", "Cookies", ("https://cookies.example",))
    write(owner, lambda c: drafts.save(c, old, by=None, at=owner.app.services.now()))
    page = owner.get("/admin/stores/cookies/setup/snippet").text
    assert told in page
    assert "expected one without" in page


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("address", "me@zelte.example", "has an @ in it"),
        ("name", "", "Empty; expected what people call the store"),
        ("name", "x" * 101, "101 characters; expected 100 at most"),
        ("origins", "", "None; expected one or more"),
        ("origins", "https://a.example\nnonsense", "'nonsense' is no address"),
        ("origins", "\n".join(f"a{n}.example" for n in range(21)), "expected 20 at most"),
        ("privacy_url", "javascript:alert(1)", "expected an http or https address"),
        ("language", "tlh", "expected one of"),
    ],
)
def test_what_is_wrong_with_a_shop_stands_beside_its_field(field, value, said, owner):
    begin(owner)
    before = kept(owner, "zelte")
    given = {"name": "Z", "origins": SHOP, "privacy_url": "", "language": "de", "address": SHOP}
    then = {"then": "look"} if field == "address" else {}
    answer = send(owner, f"{SETUP}/shop", **{**given, field: value, **then})
    assert said in faults(answer)[field]
    assert kept(owner, "zelte") == before


def test_a_shop_that_is_there_already_is_named(owner):
    assert begin(owner).status_code == 303
    assert "is the store 'Zelte' already" in faults(begin(owner, name="Again"))["origins"]
    other = begin(owner, origins="https://www.zelte.co.uk https://zelte.shop.example")
    assert other.headers["location"] == "/admin/stores/zelte-2/setup/pixels"


def test_what_a_hostile_page_says_is_text(owner, internet):
    internet.page = f"<title>{HOSTILE}</title><a href='/privacy?{HOSTILE}'>privacy</a>"
    page = soup(send(owner, "/admin/setup", then="look", address=SHOP))
    assert page.find("img") is None
    assert [one.get("src") for one in page.find_all("script")] == [
        one["src"] for one in page.select("head script[src^='/admin/static/']")
    ]
    found = begin(owner, name=HOSTILE, found=f'{{"pixels":[["meta","{HOSTILE[:9]}"]]}}')
    assert soup(owner.get(found.headers["location"])).select(".checks input") == []


class TestPixels:
    def test_several_snippets_and_ids_are_added_at_once(self, owner):
        begin(owner)
        pasted = f"{META}\n{SNIPPETS['tiktok']}\nAW-123456789, GTM-AB12CD3"
        assert send(owner, f"{SETUP}/pixels", then="paste", pasted=pasted).status_code == 303
        added = {(one.platform, one.id) for one in kept(owner, "zelte")[0].pixels}
        assert added == {
            ("meta", "123456789012345"),
            ("tiktok", "CHT3MJJC77U0O25ESA0G"),
            ("google-ads", "AW-123456789"),
            ("gtm", "GTM-AB12CD3"),
        }

    def test_an_id_of_several_platforms_is_asked_about_and_the_rest_is_kept(self, owner):
        begin(owner)
        page = soup(send(owner, f"{SETUP}/pixels", then="paste", pasted="G-ABCDE12345 1234567"))
        assert [one.id for one in kept(owner, "zelte")[0].pixels] == ["G-ABCDE12345"]
        offered = [one["name"] for one in page.select("[aria-labelledby=choices-title] input")]
        assert "pixel hotjar 1234567" in offered
        send(owner, f"{SETUP}/pixels", then="add", **{"pixel hotjar 1234567": "on"})
        assert len(kept(owner, "zelte")[0].pixels) == 2
        send(owner, f"{SETUP}/pixels", then="remove", pixel="hotjar 1234567")
        assert len(kept(owner, "zelte")[0].pixels) == 1

    @pytest.mark.parametrize("pasted", ["", "hello there", HOSTILE, "<script>" * 5000, "\\" * 999])
    def test_nothing_in_a_paste_is_said_beside_it(self, pasted, owner):
        begin(owner)
        answer = send(owner, f"{SETUP}/pixels", then="paste", pasted=pasted)
        assert "expected an id, or the code that the vendor gave you" in faults(answer)["pasted"]
        assert kept(owner, "zelte")[0].pixels == ()

    @pytest.mark.parametrize("one", ["meta nonsense", "nobody 1", "meta ", f"meta {HOSTILE}"])
    def test_what_no_platform_accepts_is_not_added(self, one, owner):
        begin(owner)
        answer = send(owner, f"{SETUP}/pixels", then="add", **{f"pixel {one}": "on"})
        assert answer.status_code == 422
        assert kept(owner, "zelte")[0].pixels == ()


class TestRegions:
    def test_everybody_may_be_asked_first_and_again_by_law(self, owner):
        begin(owner)
        send(owner, f"{SETUP}/regions", asked="everybody")
        assert kept(owner, "zelte")[0].regions == {"*": RegionRule(regime="unknown")}
        page = soup(owner.get(f"{SETUP}/regions"))
        assert page.select_one("[value=everybody]").has_attr("checked")
        assert "Sees a notice" not in page.text
        send(owner, f"{SETUP}/regions", asked="law")
        assert kept(owner, "zelte")[0].regions == {}

    def test_a_rule_of_somebody_else_stays(self, owner):
        begin(owner)
        rules = {"*": RegionRule(regime="eea"), "DE": RegionRule(accept_days=90)}
        write(
            owner,
            lambda c: stores.revise(
                c, "zelte", lambda one: msgspec.structs.replace(one, regions=rules), NOW
            ),
        )
        assert "2 rules of its own" in soup(owner.get(f"{SETUP}/regions")).text
        send(owner, f"{SETUP}/regions", asked="law")
        assert kept(owner, "zelte")[0].regions == rules

    def test_another_choice_is_none(self, owner):
        begin(owner)
        assert "nothing is chosen" in send(owner, f"{SETUP}/regions").text.lower()
        assert "expected one of the two" in send(owner, f"{SETUP}/regions", asked="nobody").text


class TestLook:
    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("layout", "wall", "expected bar, box or dialog"),
            ("radius", "99", "expected 0 to 24"),
            ("radius", "round", "expected 0 to 24"),
            ("accent", "red;}*{color:red", "expected a colour such as"),
            ("accent", "#7a7a7a", "so that refusing reads as well as accepting"),
            ("dark__text", "#222222", "expected 4.5 or more"),
            ("logo", "https://else.example/a.svg", "as nothing loads from third parties"),
            ("banner__text", "We like cookies.", "placeholders none; expected {count}"),
            ("banner__reject", "x" * 601, "601 characters"),
            ("banner__reject", "Alle annehmen", "the same as the words that accept"),
        ],
    )
    def test_what_is_wrong_stands_beside_its_field_and_is_drawn_nowhere(
        self, field, value, said, owner
    ):
        begin(owner)
        before = kept(owner, "zelte")
        answer = send(owner, f"{SETUP}/look", **{field: value})
        found = faults(answer)
        assert said in found[field.replace("__", ".")]
        assert kept(owner, "zelte") == before
        query = {field.replace("__", "."): value}
        drawn = owner.get(f"{SETUP}/look/preview", params=query)
        assert "The preview waits." in drawn.text
        assert "<script" not in drawn.text
        assert "frame-ancestors 'self'" in drawn.headers["content-security-policy"]

    def test_weak_buttons_are_refused_with_the_law(self, owner):
        begin(owner)
        said = faults(send(owner, f"{SETUP}/look", accent="#7a7a7a"))["accent"]
        assert "WCAG 2.2" in said
        assert "GDPR" in said

    def test_the_preview_draws_what_is_typed_and_keeps_nothing(self, owner):
        begin(owner)
        before = kept(owner, "zelte")
        asked = {"layout": "dialog", "words_in": "de", "banner.title": HOSTILE, "accent": "#0a5c36"}
        drawn = owner.get(f"{SETUP}/look/preview", params={**asked, "seen_scheme": "dark"})
        assert "default-src 'none'" in drawn.headers["content-security-policy"]
        assert soup(drawn).find("img") is None
        assert kept(owner, "zelte") == before

    def test_words_are_of_one_language_and_go_when_emptied(self, owner):
        begin(owner)
        saved = send(
            owner,
            f"{SETUP}/look",
            then="words",
            other_language="fr",
            words_in="de",
            banner__title="  Cookies  bei uns ",
        )
        assert saved.headers["location"] == f"{SETUP}/look?language=fr&saved=1#words"
        assert kept(owner, "zelte")[0].texts == {"de": {"banner.title": "Cookies bei uns"}}
        page = soup(owner.get(f"{SETUP}/look?language=fr"))
        assert page.find(id="words-title").text == "Words in French"
        assert "German (1)" in page.text
        send(owner, f"{SETUP}/look", words_in="de", banner__title="")
        assert kept(owner, "zelte")[0].texts == {}

    def test_a_store_of_a_group_states_only_what_differs(self, owner):
        begin(owner)

        async def join(c) -> None:
            await groups.save(c, Group("outdoor", "O", Template(banner=BannerConfig("box"))), NOW)
            config = await stores.draft(c, "zelte")
            await stores.save(c, msgspec.structs.replace(config, group="outdoor"), NOW)

        write(owner, join)
        page = soup(owner.get(f"{SETUP}/look"))
        assert page.select_one("[name=layout][checked]")["value"] == "box"
        send(owner, f"{SETUP}/look", layout="box")
        assert "banner.layout" not in kept(owner, "zelte")[0].stated
        send(owner, f"{SETUP}/look", layout="bar")
        assert "banner.layout" in kept(owner, "zelte")[0].stated


class TestPublish:
    def test_what_breaks_a_duty_is_refused_with_the_law_and_where_it_is_mended(self, editor):
        client = editor("owner@example.com")
        set_draft(
            client,
            banner=BannerConfig(accent="#7a7a7a"),
            texts={"en": {"banner.reject": " "}},
            pixels=(msgspec.structs.replace(SUMMIT.pixels[0], purposes=("necessary",)),),
        )
        at = "/admin/stores/summit/setup/publish"
        page = soup(client.get(at))
        said = page.select_one(".notice.bad").text
        assert "so that refusing reads as well as accepting" in said
        assert "GDPR" in said
        assert "expected a text, as visitors have to be told" in said
        assert "'necessary' cannot be refused" in said
        links = {one["href"].rpartition("/")[2] for one in page.select(".notice.bad a")}
        assert links == {"look", "pixels"}
        draft = page.find("input", {"name": "draft"})["value"]
        assert send(client, at, draft=draft).status_code == 422
        assert kept(client)[1].number == 1

    def test_another_draft_than_the_one_shown_is_not_published(self, owner):
        begin(owner)
        page = soup(owner.get(f"{SETUP}/publish"))
        draft = page.find("input", {"name": "draft"})["value"]
        send(owner, f"{SETUP}/look", layout="box")
        answer = send(owner, f"{SETUP}/publish", draft=draft)
        assert answer.status_code == 409
        assert "someone has changed it meanwhile" in answer.text
        assert kept(owner, "zelte")[1] is None


class TestWho:
    @pytest.mark.parametrize("email", ["mia@example.com", "lex@example.com"])
    def test_who_changes_no_rules_sets_nothing_up(self, email, editor):
        client = editor(email)
        for path in (
            "/admin/setup",
            "/admin/stores/summit/setup",
            "/admin/stores/summit/setup/look",
        ):
            assert client.get(path).status_code == 403
        assert (
            send(client, "/admin/setup", name="X", origins="https://x.example").status_code == 403
        )

    def test_an_owner_of_one_store_changes_that_one_and_adds_none(self, editor):
        client = editor("owner@summit.example")
        assert client.get("/admin/stores/summit/setup").headers["location"].endswith("/visitor")
        assert client.get("/admin/stores/harbor/setup/look").status_code == 404
        assert send(client, "/admin/stores/harbor/setup/look", layout="box").status_code == 404
        assert client.get("/admin/setup").status_code == 403
        assert begin(client).status_code == 403
        assert "Add a store" not in client.get("/admin/stores").text

    def test_a_post_from_elsewhere_makes_no_store(self, owner):
        elsewhere = {"Origin": "https://evil.example"}
        assert owner.post("/admin/setup", data={"name": "X"}, headers=elsewhere).status_code == 403


def test_every_step_opens_in_any_order_and_says_when_it_is_too_early(owner):
    begin(owner)
    for step in ("visitor", "check", "snippet", "publish", "look", "regions", "pixels", "shop"):
        assert owner.get(f"{SETUP}/{step}").status_code == 200
    assert "Nothing is published yet" in owner.get(f"{SETUP}/snippet").text
    assert "Nobody can come before" in owner.get(f"{SETUP}/visitor").text
    back = send(owner, f"{SETUP}/look", then="back", layout="box")
    assert back.headers["location"] == f"{SETUP}/regions"
    assert kept(owner, "zelte")[0].banner.layout == "box"
