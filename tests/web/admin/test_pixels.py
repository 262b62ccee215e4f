"""The form of a pixel: who may send it, what it offers, takes and refuses."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from consent import activity
from consent.activity import ActivityFilter
from consent.model import Pixel, RegionRule
from consent.platforms import EVENTS, Platforms
from tests.web.admin.drafts import BASE, META, beside, kept, post, publish, set_draft
from tests.web.admin.seed import SUMMIT
from tests.web.admin.stage import HOSTILE, ask, soup

PLATFORMS = Platforms.load()

Open = Callable[[str], TestClient]


class TestWho:
    @pytest.mark.parametrize("email", ["owner@summit.example", "dev@example.com"])
    def test_owners_and_developers_may_change_pixels(self, editor: Open, email):
        answer = post(editor(email), f"{BASE}/add?platform=snap", id="x")
        assert answer.status_code == 422

    def test_a_marketer_of_the_store_adds_one_and_publishes_it(self, editor: Open):
        client = editor("mia@summit.example")
        assert client.get("/admin/pixels").headers["location"] == BASE
        saved = post(
            client, f"{BASE}/add?platform=clarity", id="abcdef1234", purpose_analytics="on"
        )
        assert saved.headers["location"] == f"{BASE}?saved=added"
        assert publish(client).headers["location"] == f"{BASE}?published=2"
        _, live = kept(client)
        assert live.config.pixels[-1] == Pixel("clarity", "abcdef1234")

    def test_a_marketer_publishes_no_region_rules_of_others(self, editor: Open):
        client = editor("mia@summit.example")
        set_draft(client, regions={"US-OR": RegionRule("eea")})
        refused = publish(client)
        assert refused.status_code == 403
        assert "its region rules changed; expected an owner or developer" in refused.text
        assert kept(client)[1].number == 1
        set_draft(client, regions={}, name="Renamed")
        assert publish(client).headers["location"] == f"{BASE}?published=2"

    @pytest.mark.parametrize("email", ["lex@example.com", "lex@summit.example"])
    def test_legal_reads_all_of_it_and_changes_nothing(self, editor: Open, email):
        client = editor(email)
        page = soup(client.get(BASE))
        assert page.main.find("form") is None
        assert not page.main.find_all("a", string=["Edit", "Add a pixel"])
        assert client.get(f"{BASE}/one?platform=ga4&id=G-ABCDE12345").status_code == 200
        for path in (f"{BASE}/add", f"{BASE}/add?platform=meta", META):
            assert client.get(path).status_code == 403
        for path in (f"{BASE}/add?platform=meta", META, f"{BASE}/remove", f"{BASE}/publish"):
            answer = post(client, path, id="1", platform="meta")
            assert answer.status_code == 403
            assert "The legal role does not change pixels" in answer.text
        assert kept(client)[0] == SUMMIT

    @pytest.mark.parametrize("path", ["add?platform=meta", META.rpartition("/")[2], "remove"])
    def test_a_form_from_elsewhere_is_refused(self, editor: Open, path):
        client = editor("owner@example.com")
        fields = {"id": "999999999999999", "platform": "meta", "purpose-marketing": "on"}
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
            answer = client.post(f"{BASE}/{path}", data=fields, headers=headers)
            assert answer.status_code == 403
        assert kept(client)[0] == SUMMIT

    def test_a_stranger_changes_nothing_and_another_stores_user_finds_nothing(self, editor: Open):
        client = editor("owner@summit.example")
        for path in ("add?platform=meta", "publish", "remove"):
            answer = post(client, f"/admin/stores/harbor/pixels/{path}", id="1")
            assert answer.status_code == 404
        client.cookies.clear()
        answer = post(client, f"{BASE}/remove", platform="meta", id="123456789012345")
        assert answer.headers["location"].startswith("/admin/login")
        assert kept(client)[0] == SUMMIT

    def test_the_log_has_a_pixel_as_it_was_and_as_it_is(self, editor: Open):
        client = editor("owner@summit.example")
        post(client, META, id="555555555555555", purpose_marketing="on", automatic="on")
        post(client, f"{BASE}/remove", platform="meta", id="555555555555555")
        drafted = ActivityFilter(what="draft")
        removed, edited = ask(client, lambda c: activity.search(c, drafted, limit=9))
        assert (edited.subject, edited.store) == ("pixels meta 555555555555555", "summit")
        assert "id 123456789012345" in edited.detail["before"]
        assert {"id 555555555555555", "automatic True"} <= set(edited.detail["after"])
        assert (removed.detail["before"], removed.detail["after"]) == (edited.detail["after"], [])
        page = client.get("/admin/activity").text
        assert "after: nothing" in page

    def test_an_address_that_only_takes_forms_is_no_page(self, editor: Open):
        client = editor("owner@example.com")
        assert client.get(f"{BASE}/publish").status_code == 404
        assert client.get(f"{BASE}/remove").status_code == 404


class TestForm:
    def test_every_platform_is_offered_in_groups_by_purpose(self, signed_in):
        page = soup(signed_in("mia@example.com").get(f"{BASE}/add"))
        offered = [one["value"] for one in page.select("select[name=platform] optgroup option")]
        assert sorted(offered) == sorted(PLATFORMS)
        group = page.find("option", value="meta").parent
        assert group["label"] == "Marketing"

    @pytest.mark.parametrize("key", list(PLATFORMS))
    def test_each_platform_has_its_own_fields_and_no_other(self, signed_in, key):
        platform = PLATFORMS[key]
        page = soup(signed_in("mia@example.com").get(f"{BASE}/add?platform={key}"))
        field = page.find(id="id")
        assert field["placeholder"] == platform.id_example
        assert page.find(id="help-id").text == platform.id_where
        checked = {one["name"] for one in page.select("input[name^=purpose-][checked]")}
        assert checked == {f"purpose-{purpose}" for purpose in platform.purposes}
        events = [one["name"][6:] for one in page.select("input[name^=label-]")]
        named = platform.events if platform.by_label else ()
        with_label = [one for one in EVENTS if one not in (*platform.unsent, *named)]
        assert events == (with_label if platform.label_pattern else [])
        assert bool(page.select("input[name=opt_out]")) == bool(platform.limited_data)
        assert bool(page.select("input[name=automatic]")) == bool(platform.automatic)
        if platform.automatic:
            assert platform.automatic in page.text
            assert "California (CCPA)" not in page.text
            assert "Holds under United States" in page.text

    @pytest.mark.parametrize("key", ["linkedin", "x"])
    def test_a_platform_by_label_wants_none_for_what_it_has_a_name_for(self, signed_in, key):
        page = soup(signed_in("mia@example.com").get(f"{BASE}/add?platform={key}"))
        assert page.find(id="label-PageView") is None
        assert page.find(id="label-Purchase")

    def test_a_stores_own_pixel_is_said_to_be_declared_in_its_file(self, signed_in):
        page = soup(signed_in("mia@example.com").get(f"{BASE}/add"))
        assert "A pixel of the store's own is declared in the store file" in page.main.text
        assert "snippets/custom/README.md" in page.main.text

    def test_a_vendors_name_that_ends_in_a_full_stop_gets_no_second_one(self, signed_in):
        client = signed_in("mia@example.com")
        lead = soup(client.get(f"{BASE}/add?platform=x")).find(class_="lead").text
        assert lead.startswith("X Corp. It is saved")
        lead = soup(client.get(f"{BASE}/add?platform=linkedin")).find(class_="lead").text
        assert lead.startswith("LinkedIn. It is saved")

    def test_a_whole_snippet_fits_into_the_field_of_the_id(self, editor: Open):
        client = editor("owner@example.com")
        snippet = "<script>" + "%" * 19_991 + "\n"
        page = soup(client.get(f"{BASE}/add?platform=meta"))
        assert int(page.find(id="id")["maxlength"]) >= len(snippet)
        answer = post(client, f"{BASE}/add?platform=meta", id=snippet, purpose_marketing="on")
        assert answer.status_code == 422
        page = BeautifulSoup(answer.text, "html.parser")
        assert page.find(id="id")["value"] == snippet.strip()
        assert "One field needs another value" in page.find(role="alert").text

    @pytest.mark.parametrize(
        ("field", "where"), [("id", "id_where"), ("label-Purchase", "label_where")]
    )
    def test_where_something_is_found_is_said_once(self, editor: Open, field, where):
        client = editor("owner@example.com")
        fields = {"id": "512345", field: "no such thing", "purpose-marketing": "on"}
        answer = post(client, f"{BASE}/add?platform=linkedin", **fields)
        page = BeautifulSoup(answer.text, "html.parser")
        assert "expected one like" in beside(page, field)
        assert page.text.count(getattr(PLATFORMS["linkedin"], where)) == 1

    def test_the_places_of_a_limited_mode_are_named(self, signed_in):
        page = soup(signed_in("mia@example.com").get(f"{BASE}/add?platform=meta"))
        assert "California, Colorado" in page.find(id="help-opt-out").text

    @pytest.mark.parametrize(
        ("platform", "found", "says"),
        [
            ("google-ads", "123-456-7890", "is a customer id; take the conversion id"),
            ("ga4", "AW-123456789", "looks like an id of Google Ads; register it as platform"),
            ("meta", "", "is no Meta Pixel id; expected one like"),
            ("meta", "1" * 4000, "..."),
        ],
    )
    def test_a_wrong_id_is_told_beside_it_and_nothing_is_saved(
        self, editor: Open, platform, found, says
    ):
        client = editor("owner@example.com")
        answer = post(client, f"{BASE}/add?platform={platform}", id=found, purpose_marketing="on")
        assert answer.status_code == 422
        page = BeautifulSoup(answer.text, "html.parser")
        assert says in beside(page, "id")
        assert page.find(id="id")["value"] == found
        assert "Nothing is saved yet" in page.find(role="alert").text
        assert kept(client)[0] == SUMMIT

    def test_all_that_was_typed_is_kept(self, editor: Open):
        client = editor("owner@example.com")
        answer = post(
            client,
            f"{BASE}/add?platform=google-ads",
            id="AW-1234567/abCDe",
            purpose_marketing="on",
            purpose_analytics="on",
            label_Purchase="AW-1234567",
            label_Lead="abCDeFGhij",
            custom_0="Size guide",
            custom_label_0="short",
            custom_1="Half",
            custom_3="1 bad name",
            custom_label_3="abCDeFGhij",
        )
        page = BeautifulSoup(answer.text, "html.parser")
        assert "an id and a label together" in beside(page, "id")
        assert "is the conversion id" in beside(page, "label-Purchase")
        assert page.find(id="fault-label-Lead") is None
        assert "is no Google Ads label" in beside(page, "custom-0")
        assert "has no label" in beside(page, "custom-1")
        assert "is no event name" in beside(page, "labels")
        values = {one["name"]: one["value"] for one in page.select("input[value]")}
        assert values["label-Lead"] == "abCDeFGhij"
        assert [values[f"custom-{n}"] for n in range(3)] == ["Size guide", "Half", "1 bad name"]
        assert page.find("input", {"name": "purpose-analytics"}).has_attr("checked")
        assert not page.find("input", {"name": "purpose-preferences"}).has_attr("checked")

    def test_hostile_text_is_text(self, editor: Open):
        client = editor("owner@example.com")
        path = f"{BASE}/add?platform=google-ads"
        answer = post(client, path, id=HOSTILE, label_Lead=HOSTILE, custom_0=HOSTILE)
        page = BeautifulSoup(answer.text, "html.parser")
        assert page.find(id="id")["value"] == HOSTILE
        assert not [one for one in page.find_all("script") if not one.get("src")]
        assert page.find("img") is None
        assert client.get(f"{BASE}/add", params={"platform": HOSTILE}).status_code == 400

    def test_a_pixel_that_is_there_is_not_added_twice(self, editor: Open):
        client = editor("owner@example.com")
        answer = post(
            client, f"{BASE}/add?platform=ga4", id=" G-ABCDE12345 ", purpose_analytics="on"
        )
        page = BeautifulSoup(answer.text, "html.parser")
        assert "is registered already; expected it once" in beside(page, "id")
        assert kept(client)[0] == SUMMIT

    @pytest.mark.parametrize(
        ("chosen", "says"), [({}, "None is chosen"), ({"purpose_analytics": "on"}, "marketing")]
    )
    def test_purposes_cannot_be_fewer_than_what_the_platform_does(self, editor: Open, chosen, says):
        client = editor("owner@example.com")
        answer = post(client, META, id="123456789012345", **chosen)
        assert says in beside(BeautifulSoup(answer.text, "html.parser"), "purposes")

    def test_everything_of_a_pixel_is_edited_and_stands_where_it_stood(self, editor: Open):
        client = editor("owner@example.com")
        every = {f"purpose_{purpose}": "on" for purpose in ("marketing", "analytics")}
        answer = post(client, META, id="555555555555555", automatic="on", **every)
        assert answer.headers["location"] == f"{BASE}?saved=changed"
        assert kept(client)[0].pixels[0].automatic
        edit = f"{BASE}/edit?platform=meta&id=555555555555555"
        assert soup(client.get(edit)).find("input", {"name": "automatic"}).has_attr("checked")
        post(client, edit, id="555555555555555", opt_out="limit", **every)
        pixels = kept(client)[0].pixels
        assert pixels[0] == Pixel(
            "meta", "555555555555555", ("analytics", "marketing"), {}, "limit"
        )
        assert pixels[1:] == SUMMIT.pixels[1:]
        page = soup(client.get(edit))
        assert not page.find("input", {"name": "automatic"}).has_attr("checked")
        assert page.find("input", {"name": "opt_out", "value": "limit"}).has_attr("checked")

    def test_labels_are_saved_with_their_events(self, editor: Open):
        client = editor("owner@example.com")
        path = f"{BASE}/edit?platform=google-ads&id=AW-123456789"
        answer = post(
            client,
            path,
            id="AW-123456789",
            purpose_marketing="on",
            label_Purchase="abCDeFGhij",
            custom_1="Size guide: open",
            custom_label_1="zyxwvut",
        )
        assert answer.status_code == 303
        labels = kept(client)[0].pixels[2].labels
        assert labels == {"Purchase": "abCDeFGhij", "Size guide: open": "zyxwvut"}
        page = soup(client.get(path))
        assert page.find("input", {"name": "custom-0"})["value"] == "Size guide: open"
        assert page.find(id="label-Purchase")["value"] == "abCDeFGhij"

    def test_a_pixel_that_someone_else_has_removed_is_not_brought_back(self, editor: Open):
        client = editor("owner@example.com")
        set_draft(client, pixels=SUMMIT.pixels[1:])
        answer = post(client, META, id="123456789012345", purpose_marketing="on")
        assert answer.status_code == 404
        assert kept(client)[0].pixels == SUMMIT.pixels[1:]

    def test_the_other_settings_of_the_store_stay_as_they_are(self, editor: Open):
        client = editor("owner@example.com")
        set_draft(client, page_views="automatic", texts={"en": {"banner.title": "Hello"}})
        post(client, f"{BASE}/remove", platform="meta", id="123456789012345")
        draft = kept(client)[0]
        assert draft == msgspec.structs.replace(
            SUMMIT,
            page_views="automatic",
            texts={"en": {"banner.title": "Hello"}},
            pixels=SUMMIT.pixels[1:],
        )


class TestUntouched:
    def test_a_form_that_is_sent_back_as_it_came_changes_nothing(self, editor: Open):
        client = editor("owner@example.com")
        labels = {f"Event {at}": "abCDeFGhij-Kl" for at in range(15)}
        ads = Pixel("google-ads", "AW-123456789", purposes=("marketing",), labels=labels)
        set_draft(client, pixels=(ads,))
        form = soup(client.get(f"{BASE}/edit?platform=google-ads&id=AW-123456789")).main.form
        fields = {
            one["name"]: one.get("value", "on")
            for one in form.find_all("input")
            if one.get("type") not in ("checkbox", "radio") or one.has_attr("checked")
        }
        answer = post(client, f"{BASE}/edit?platform=google-ads&id=AW-123456789", **fields)
        assert answer.headers["location"] == f"{BASE}?saved=changed"
        assert kept(client)[0].pixels == (ads,)
