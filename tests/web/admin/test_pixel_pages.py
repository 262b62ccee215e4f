"""What the pixel pages say of a draft, of publishing it, and of each pixel."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from bs4 import BeautifulSoup, Tag
from starlette.testclient import TestClient

from consent import csp
from consent.model import Custom, Hosts, Pixel, Review, Trace
from consent.platforms import EVENTS, Platforms, custom
from consent.platforms.sending import ORDER, sent
from tests.web.admin.drafts import BASE, kept, post, publish, set_draft, told
from tests.web.admin.seed import OWN, SUMMIT
from tests.web.admin.stage import NOW, soup

PLATFORMS = Platforms.load()

Open = Callable[[str], TestClient]


class TestPublishing:
    def test_a_draft_like_the_live_version_has_nothing_to_publish(self, signed_in):
        page = soup(signed_in("mia@example.com").get(BASE))
        assert page.find("input", {"name": "draft"}) is None
        assert "As in version 1" in page.text
        assert [one.text for one in page.select("td[data-label=State]")] == ["Live"] * 3

    def test_what_would_change_is_told_before_and_what_has_changed_after(self, editor: Open):
        client = editor("owner@example.com")
        post(client, f"{BASE}/remove", platform="ga4", id="G-ABCDE12345")
        post(client, f"{BASE}/add?platform=hotjar", id="123456", purpose_analytics="on")
        page = soup(client.get(f"{BASE}?saved=added"))
        assert "The pixel is in the draft" in page.find(role="status").text
        pending = told(page, "The draft differs from version 1").text
        assert "Added: Hotjar" in pending
        assert "Removed: Google Analytics 4 G-ABCDE12345" in pending
        assert "are asked again" in pending
        done = soup(client.get(publish(client).headers["location"])).find(role="status").text
        assert "Version 2 is live." in done
        assert "so visitors are asked again" in done
        assert "Removed: Google Analytics 4 G-ABCDE12345" in done
        _, live = kept(client)
        assert (live.number, live.asks_since) == (2, 2)

    def test_labels_alone_ask_nobody_again(self, editor: Open):
        client = editor("owner@example.com")
        path = f"{BASE}/edit?platform=google-ads&id=AW-123456789"
        post(client, path, id="AW-123456789", purpose_marketing="on", label_Lead="abCDeFGhij")
        pending = told(soup(client.get(BASE)), "The draft differs").text
        assert "Changed: Google Ads AW-123456789 (labels: Lead from none to abCDeFGhij)" in pending
        assert "Who has decided is not asked again" in pending
        done = soup(client.get(publish(client).headers["location"])).find(role="status").text
        assert "Who has decided is not asked again" in done
        assert kept(client)[1].asks_since == 1

    def test_a_label_is_told_from_what_to_what(self, editor: Open):
        client = editor("owner@example.com")
        path = f"{BASE}/edit?platform=google-ads&id=AW-123456789"
        fields = {"id": "AW-123456789", "purpose_marketing": "on"}
        post(client, path, **fields, label_Lead="abCDeFGhij", label_Purchase="zyxwvut")
        publish(client)
        post(client, path, **fields, label_Lead="klmnopq")
        expected = "(labels: Lead from abCDeFGhij to klmnopq; Purchase from zyxwvut to none)"
        assert expected in told(soup(client.get(BASE)), "The draft differs").text

    def test_a_removed_pixel_is_said_to_go_and_not_to_go_live(self, editor: Open):
        client = editor("owner@example.com")
        post(client, f"{BASE}/remove", platform="ga4", id="G-ABCDE12345")
        said = soup(client.get(f"{BASE}?saved=removed")).find(role="status").text
        assert "It is gone from visitors' pages when you publish." in said
        assert "live" not in said

    def test_legal_is_told_who_publishes(self, editor: Open):
        client = editor("lex@example.com")
        set_draft(client, pixels=SUMMIT.pixels[1:])
        page = soup(client.get(f"{BASE}?saved=reviewed"))
        assert "An owner, developer or marketer publishes it." in page.main.text
        assert "when an owner, developer or marketer publishes" in page.find(role="status").text
        assert "you publish" not in page.main.text

    def test_other_settings_that_go_live_with_it_are_named(self, editor: Open):
        client = editor("owner@example.com")
        set_draft(client, page_views="automatic", language="de")
        assert "Changed besides: language, page_views" in soup(client.get(BASE)).text

    def test_what_breaks_the_rules_is_refused_with_every_reason(self, editor: Open):
        client = editor("owner@example.com")
        bad = (Pixel("meta", "12"), Pixel("nobody", "1"), *SUMMIT.pixels[1:])
        set_draft(client, pixels=bad, language="xx")
        answer = publish(client)
        assert answer.status_code == 422
        page = BeautifulSoup(answer.text, "html.parser")
        assert "Not published" in page.find(role="alert").text
        reasons = told(page, "The draft differs").find(class_="bad").text
        for reason in ("Meta Pixel 12: id: '12'", "Nobody 1: platform:", "Language: 'xx'"):
            assert reason in reasons
        assert kept(client)[1].number == 1
        # What no release knows can still be taken out.
        assert post(client, f"{BASE}/remove", platform="nobody", id="1").status_code == 303

    def test_a_draft_that_has_changed_since_it_was_shown_is_not_published(self, editor: Open):
        client = editor("owner@example.com")
        set_draft(client, pixels=SUMMIT.pixels[1:])
        seen = soup(client.get(BASE)).find("input", {"name": "draft"})["value"]
        set_draft(client, pixels=SUMMIT.pixels[:1])
        answer = post(client, f"{BASE}/publish", draft=seen)
        assert answer.status_code == 409
        assert "someone has changed it meanwhile" in answer.text
        assert kept(client)[1].number == 1

    def test_an_address_cannot_claim_a_version_that_is_not_there(self, signed_in):
        client = signed_in("owner@example.com")
        for number in ("7", "-1", "x", "9" * 40, "²"):
            page = soup(client.get(BASE, params={"published": number}))
            assert page.find(role="status") is None


class TestPolicy:
    def test_it_stands_there_to_be_copied(self, signed_in):
        client = signed_in("dev@example.com")
        page = soup(client.get(BASE))
        services = client.app.services
        policy = csp.policy(SUMMIT, services.platforms, services.settings.public_url)
        assert page.find("pre", id="policy").text == "\n".join(csp.lines(policy))
        assert page.find("button", {"data-copy": "policy"})

    def test_there_is_none_while_a_pixel_has_faults(self, editor: Open):
        client = editor("dev@example.com")
        set_draft(client, pixels=(Pixel("meta", "12"),))
        assert soup(client.get(BASE)).find("pre", id="policy") is None


class TestFacts:
    def row(self, page: BeautifulSoup, event: str) -> Tag:
        heading = page.find("th", string=lambda text: text and text.startswith(event))
        return heading.find_parent("tr")

    @pytest.mark.parametrize("key", list(PLATFORMS))
    def test_each_event_stands_there_as_the_vendor_gets_it(self, signed_in, key):
        platform = PLATFORMS[key]
        page = soup(
            signed_in("lex@example.com" if key == "meta" else "mia@example.com").get(
                f"{BASE}/one?platform={key}&id={SUMMIT.pixels[0].id}"
                if key == "meta"
                else f"{BASE}/add?platform={key}"
            )
        )
        for event in EVENTS:
            row = self.row(page, event)
            expected = sent(platform, event, ORDER, event_id="event-1")
            if expected is None:
                assert "Not sent" in row.text
                continue
            assert expected.event in row.text
            for name, value in {**expected.data, **expected.options}.items():
                assert f"{name} {json.dumps(value, ensure_ascii=False)}" in row.text
        assert "stands for any custom event" in page.text

    def test_why_an_event_is_not_sent_is_said(self, signed_in):
        client = signed_in("mia@example.com")
        klaviyo = soup(client.get(f"{BASE}/add?platform=klaviyo"))
        assert "Klaviyo has no use for it" in self.row(klaviyo, "Purchase").text
        linkedin = soup(client.get(f"{BASE}/add?platform=linkedin"))
        assert "by a label alone, and none is given" in self.row(linkedin, "Purchase").text

    def test_a_label_is_shown_beside_its_event(self, editor: Open):
        client = editor("owner@example.com")
        labels = {"Purchase": "11563522", "Fitting": "11563523"}
        set_draft(client, pixels=(*SUMMIT.pixels, Pixel("linkedin", "512345", labels=labels)))
        page = soup(client.get(f"{BASE}/one?platform=linkedin&id=512345"))
        assert "11563522" in self.row(page, "Purchase").text
        assert "11563523" in self.row(page, "Fitting").text
        assert "stands for any custom event" not in page.text

    def test_what_it_stores_whom_it_talks_to_and_where_that_is_from(self, signed_in):
        page = soup(signed_in("lex@example.com").get(f"{BASE}/one?platform=ga4&id=G-ABCDE12345"))
        stored = told(page, "What it stores").text
        assert "_ga_ABCDE12345" in stored
        assert "2 years" in stored
        assert "*.google-analytics.com" in told(page, "Whom it talks to").text
        assert "Unverified" in told(page, "Whom it talks to").text
        source = told(page, "Where this is from")
        assert source.find("a")["href"] == PLATFORMS["ga4"].source
        assert "23 November 2026" in source.text
        assert "id_pattern" in source.text

    def test_a_library_that_no_call_stops_is_said_to_need_a_new_page(self, signed_in):
        client = signed_in("lex@example.com")
        ads = soup(client.get(f"{BASE}/one?platform=google-ads&id=AW-123456789"))
        assert "the page is loaded anew" in told(ads, "What a withdrawal does").text
        assert "cannot be deleted from the shop" in told(ads, "What a withdrawal does").text
        ga4 = soup(client.get(f"{BASE}/one?platform=ga4&id=G-ABCDE12345"))
        assert "stops it from sending" in told(ga4, "What a withdrawal does").text

    def test_a_live_pixel_is_tested_on_each_origin_and_a_new_one_is_not(self, editor: Open):
        client = editor("owner@example.com")
        page = soup(client.get(f"{BASE}/one?platform=ga4&id=G-ABCDE12345"))
        links = told(page, "Try it").find_all("a")
        assert [link["href"] for link in links] == ["https://summit.example/?pixelgate=debug"]
        assert {(link["target"], *link["rel"]) for link in links} == {("_blank", "noopener")}
        set_draft(client, pixels=(Pixel("hotjar", "123456"),))
        new = soup(client.get(f"{BASE}/one?platform=hotjar&id=123456"))
        assert told(new, "Try it").find("a") is None
        gone = soup(client.get(f"{BASE}/one?platform=ga4&id=G-ABCDE12345"))
        assert "It is out of the draft, and runs until you publish" in gone.text

    def test_a_stores_own_pixel_is_shown_as_declared_and_edited_elsewhere(self, editor: Open):
        client = editor("owner@example.com")
        own = Custom(
            name="Heat <b>map</b>",
            vendor="Heat Ltd",
            privacy_url="https://heat.example/privacy",
            template="function (page) { return {} }",
            hosts=Hosts(connect=("heat.example",)),
            traces=(Trace("heat_id", lifetime="1 year"),),
        )
        pixel = Pixel("custom", "heat-map", ("analytics",), custom=own)
        set_draft(client, pixels=(*SUMMIT.pixels, pixel))
        assert "Added: Heat <b>map</b> heat-map" in soup(client.get(BASE)).text
        page = soup(client.get(f"{BASE}/one?platform=custom&id=heat-map"))
        assert page.find("pre").text == "function (page) { return {} }"
        assert "heat.example" in told(page, "Whom it talks to").text
        assert "1 year" in told(page, "What it stores").text
        assert not page.main.find_all("a", string="Edit")
        assert client.get(f"{BASE}/edit?platform=custom&id=heat-map").status_code == 422
        answer = post(client, f"{BASE}/edit?platform=custom&id=heat-map", id="heat-map")
        assert answer.status_code == 422
        assert kept(client)[0].pixels[-1] == pixel
        answer = publish(client)
        assert answer.status_code == 422
        alert = BeautifulSoup(answer.text, "html.parser").find(class_="bad", role=None)
        assert "needs review: nobody has looked at it yet." in alert.text
        assert alert.a["href"] == f"{BASE}/one?platform=custom&id=heat-map"
        post(client, f"{BASE}/remove", platform="custom", id="heat-map")
        assert kept(client)[0] == SUMMIT

    def test_a_stores_own_pixel_that_nobody_has_looked_at_needs_review(self, editor: Open):
        client = editor("owner@example.com")
        set_draft(client, pixels=(*SUMMIT.pixels, OWN))
        states = soup(client.get(BASE)).select("td[data-label=State]")
        assert states[-1].text.startswith("Needs review")
        assert states[-1].a["href"] == f"{BASE}/one?platform=custom&id=heat-map"
        review = Review("lex@example.com", NOW.date(), "0" * 64)
        seen = msgspec.structs.replace(OWN.custom, reviewed=review)
        set_draft(client, pixels=(msgspec.structs.replace(OWN, custom=seen),))
        page = soup(client.get(f"{BASE}/one?platform=custom&id=heat-map"))
        said = "It has changed since lex@example.com looked at it on 23 November 2026."
        assert said in told(page, "Declared by the store").text
        assert "Custom.reviewed" not in page.text

    def test_what_is_said_of_a_stores_own_pixel_is_no_more_than_the_store_says(self, editor: Open):
        client = editor("lex@example.com")
        set_draft(client, pixels=(OWN,))
        one = f"{BASE}/one?platform=custom&id=heat-map"
        page = soup(client.get(one))
        assert "every event with all that the page said of it" in told(page, "What it is hand").text
        assert "is not handed on" in told(page, "What it is handed").text
        assert "The page is loaded anew" in told(page, "What a withdrawal does").text
        assert "As the store declares it" in told(page, "Whom it talks to").text
        assert page.find("table", class_="events") is None
        for untrue in ("collects nothing by itself", "has no call", "The library"):
            assert untrue not in page.main.text
        own = msgspec.structs.replace(OWN.custom, stops_sending=True)
        set_draft(client, pixels=(msgspec.structs.replace(OWN, custom=own),), campaign=True)
        page = soup(client.get(one))
        assert "and, as the store has campaign = true, where" in told(page, "What it is hand").text
        said = "Its revoke() stops it from sending, says the store."
        assert said in told(page, "What a withdrawal does").text

    def test_the_code_stands_above_the_button_in_a_card_of_its_own(self, editor: Open):
        client = editor("lex@example.com")
        set_draft(client, pixels=(OWN,))
        page = soup(client.get(f"{BASE}/one?platform=custom&id=heat-map"))
        card = told(page, "Declared by the store, not checked by us")
        assert card.find("pre").text == OWN.custom.template.strip()
        assert card.find("pre").find_next("button").text == "I have looked at it, and it may run"
        assert "An owner, developer or marketer publishes it then." in card.text
        assert card.find_parent(class_="two") is None

    def test_owners_and_legal_say_that_a_stores_own_code_may_run(self, editor: Open):
        own = Custom(
            name="Heat map",
            vendor="Heat Ltd",
            privacy_url="https://heat.example/privacy",
            template="function (page) { return {} }",
        )
        pixel = Pixel("custom", "heat-map", ("analytics",), custom=own)
        one, said = f"{BASE}/one?platform=custom&id=heat-map", {"id": "heat-map"}
        for email in ("dev@example.com", "mia@example.com"):
            client = editor(email)
            set_draft(client, pixels=(*SUMMIT.pixels, pixel))
            page = soup(client.get(one))
            assert "An owner or legal has to look at it" in page.text
            assert page.main.find("form") is None
            answer = post(client, f"{BASE}/review", seen=custom.digest(pixel), **said)
            assert answer.status_code == 403
        client = editor("lex@example.com")
        set_draft(client, pixels=(*SUMMIT.pixels, pixel))
        form = soup(client.get(one)).main.find("form")
        assert form["action"] == f"{BASE}/review"
        seen = form.find("input", {"name": "seen"})["value"]
        assert post(client, f"{BASE}/review", seen="0" * 64, **said).status_code == 422
        assert post(client, f"{BASE}/review", seen=seen, id="other").status_code == 404
        answer = post(client, f"{BASE}/review", seen=seen, **said)
        assert answer.headers["location"] == f"{BASE}?saved=reviewed"
        reviewed = kept(client)[0].pixels[-1].custom.reviewed
        assert (reviewed.by, reviewed.sha256) == ("lex@example.com", custom.digest(pixel))
        said = f"Reviewed by lex@example.com on 23 November 2026, SHA-256 {seen[:12]}."
        assert said in soup(client.get(one)).text

    def test_a_pixel_that_is_not_there_says_so(self, signed_in):
        answer = signed_in("mia@example.com").get(f"{BASE}/one?platform=meta&id=1")
        assert answer.status_code == 404
        assert "no pixel" in answer.text
