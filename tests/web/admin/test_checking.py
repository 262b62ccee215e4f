"""Checking a page, and pasting a snippet, in the admin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from consent import settings
from consent.errors import RefusedError
from consent.fetch import Fetched, Fetcher
from consent.model import Pixel
from consent.platforms import Platforms
from consent.web.admin.checking import CHECK_SECONDS, CHECKS, MOST_BYTES
from consent.web.app import create_app
from tests.conftest import Clock
from tests.pasted import META, SNIPPETS
from tests.web.admin.drafts import BASE, beside, kept, post, set_draft
from tests.web.admin.seed import SUMMIT
from tests.web.admin.stage import HOSTILE, ORIGIN, Story, as_user, soup

PLATFORMS = Platforms.load()
CHECK = "/admin/stores/summit/check"
Open = Callable[[str], TestClient]


class Pages(Fetcher):
    """One page for every address."""

    def __init__(self) -> None:
        super().__init__()
        self.page = ""
        self.ends = ""
        self.policies: tuple[str, ...] = ()
        self.asked: list[str] = []

    async def get(self, url, kinds=()):
        self.asked.append(url)
        if not self.page:
            raise RefusedError("unfetchable", f"{url}: answered with status 404; expected 200")
        return Fetched(self.ends or url, "text/html", self.page.encode(), self.policies)


@pytest.fixture
def internet() -> Pages:
    return Pages()


@pytest.fixture
def open_(story: Story, clock: Clock, tmp_path: Path, internet: Pages) -> Iterator[Open]:
    file = story.copy(tmp_path)
    given = {"CONSENT_DATABASE_URL": f"sqlite:///{file}", "CONSENT_SECRET_KEYS": "k" * 40}
    app = create_app(settings.load(given, var=tmp_path), now=clock, fetcher=internet)
    with TestClient(app, base_url=ORIGIN, follow_redirects=False) as client:

        def sign(email: str) -> TestClient:
            return as_user(client, email)

        yield sign


def snippet(client: TestClient) -> str:
    return client.app.services.composer.snippet("summit", ORIGIN)


def findings(page: BeautifulSoup) -> list[str]:
    return [" ".join(one.text.split()) for one in page.select(".findings .said")]


class TestCheck:
    def test_the_form_says_which_pages_and_compared_with_what(self, open_):
        page = soup(open_("mia@example.com").get(CHECK))
        assert page.find(id="address")["value"] == f"{SUMMIT.origins[0]}/"
        help_ = page.find(id="help-address").text
        assert SUMMIT.origins[0] in help_
        assert "Compared with version 1, which is live" in help_

    def test_what_is_found_is_told_with_what_to_do(self, open_, internet):
        client = open_("owner@example.com")
        internet.policies = ("img-src 'self'",)
        unknown = META.replace("123456789012345", "777777777777")
        internet.page = f"<head>{snippet(client)}{META}{unknown}</head>"
        page = soup(post(client, CHECK, address="/tents"))
        assert internet.asked == [f"{SUMMIT.origins[0]}/tents"]
        assert page.find(id="result").text.startswith("4 errors and 1 warning")
        said = findings(page)
        assert said[0] == "Error Meta Pixel 123456789012345 fires before anybody is asked."
        assert said[-1].startswith("Warning The page's Content-Security-Policy stops registered")
        adds = [one["href"] for one in page.select(".findings a")]
        assert adds == [f"{BASE}/add?platform=meta&id=777777777777"]
        assert "the registered pixel does the same after consent" in page.text

    def test_a_clean_page_is_said_to_be_clean(self, open_, internet):
        client = open_("dev@example.com")
        internet.page = f"<head>{snippet(client)}</head>"
        page = soup(post(client, CHECK, address=f"{SUMMIT.origins[0]}/"))
        assert page.find(id="result").text == "Nothing bypasses the gate"

    def test_a_page_that_leads_elsewhere_is_told_of(self, open_, internet):
        client = open_("owner@example.com")
        internet.page, internet.ends = f"<head>{snippet(client)}</head>", "https://else.example/"
        page = soup(post(client, CHECK, address="/"))
        assert "The page is on https://else.example, from where this store" in page.text

    @pytest.mark.parametrize(
        "address",
        [
            *("", "https://harbor.example/", "http://127.0.0.1/", "file:///etc/passwd"),
            *(f"{SUMMIT.origins[0]}.evil.example/", f"{SUMMIT.origins[0]}@evil.example/"),
            *(f"{SUMMIT.origins[0]}:8080/", f"{SUMMIT.origins[0]}\\@evil.example", HOSTILE),
        ],
    )
    def test_pages_of_others_are_not_asked_for(self, open_, internet, address):
        answer = post(open_("owner@example.com"), CHECK, address=address)
        assert answer.status_code == 422
        page = BeautifulSoup(answer.text, "html.parser")
        assert "none of the store's origins; expected" in beside(page, "address")
        assert internet.asked == []

    def test_a_page_that_does_not_answer_is_an_error_that_says_so(self, open_):
        answer = post(open_("owner@example.com"), CHECK, address="/")
        assert answer.status_code == 422
        alert = BeautifulSoup(answer.text, "html.parser").find(role="alert").text
        assert "could not be looked at" in alert
        assert "with status 404" in alert

    def test_a_large_one_is_left_to_the_command(self, open_, internet):
        internet.page = " " * (MOST_BYTES + 1)
        answer = post(open_("owner@example.com"), CHECK, address="/")
        assert answer.status_code == 422
        assert "expected at most 2,000,000 bytes" in answer.text

    def test_what_a_page_holds_is_text(self, open_, internet):
        client = open_("owner@example.com")
        internet.page = f"<iframe src='https://a.example/{HOSTILE}'>{HOSTILE}</iframe>"
        page = soup(post(client, CHECK, address="/"))
        assert not [one for one in page.find_all("script") if not one.get("src")]
        assert page.main.find("img") is None

    @pytest.mark.parametrize(
        ("email", "status"),
        [("lex@example.com", 403), ("lex@summit.example", 403), ("mia@summit.example", 200)],
    )
    def test_who_may(self, open_, internet, email, status):
        internet.page = "<head></head>"
        client = open_(email)
        assert client.get(CHECK).status_code == status
        assert post(client, CHECK, address="/").status_code == status

    def test_a_neighbours_store_is_not_there(self, open_, internet):
        client = open_("owner@summit.example")
        assert client.get("/admin/stores/harbor/check").status_code == 404
        assert post(client, "/admin/stores/harbor/check", address="/").status_code == 404
        assert internet.asked == []
        assert client.post(CHECK, data={}, headers={"Origin": "https://x"}).status_code == 403

    def test_one_user_has_a_few_in_a_while_and_no_other_is_held_up(self, open_, internet, clock):
        internet.page = "<head></head>"
        client = open_("owner@example.com")
        for _ in range(CHECKS):
            assert post(client, CHECK, address="/").status_code == 200
        answer = post(client, CHECK, address="/")
        assert answer.status_code == 429
        assert "10 pages were checked in 10 minutes" in answer.text
        assert len(internet.asked) == CHECKS
        assert post(open_("mia@example.com"), CHECK, address="/").status_code == 200
        clock.advance(seconds=CHECK_SECONDS)
        assert post(open_("owner@example.com"), CHECK, address="/").status_code == 200

    def test_what_came_out_stands_in_the_list_until_somebody_looks_again(self, open_, internet):
        client = open_("owner@example.com")

        def said() -> str:
            return soup(client.get("/admin/stores/summit")).find("section").text

        for page, told in (
            ("<p>No snippet</p>", True),
            (f"<head>{snippet(client)}</head>", False),
        ):
            internet.page = page
            assert post(client, CHECK, address="/").status_code == 200
            told_so = "The snippet was not in the page, looked at on 23 November." in said()
            assert told_so is told

    def test_there_is_a_way_to_it(self, open_):
        assert f'href="{CHECK}"' in open_("owner@example.com").get("/admin/stores/summit").text
        assert f'href="{CHECK}"' in open_("mia@example.com").get(BASE).text
        assert f'href="{CHECK}"' not in open_("lex@example.com").get(BASE).text


class TestPaste:
    @pytest.mark.parametrize("key", SNIPPETS)
    def test_a_snippet_leads_to_the_form_of_its_platform_filled_in(self, open_, key):
        client = open_("mia@example.com")
        set_draft(client, pixels=())
        answer = post(client, f"{BASE}/paste", pasted=SNIPPETS[key])
        assert answer.status_code == 303
        page = soup(client.get(answer.headers["location"]))
        assert PLATFORMS[key].name in page.h1.text
        assert page.find(id="id")["value"] == PLATFORMS[key].id_example

    def test_several_are_offered_one_by_one(self, open_):
        client = open_("mia@example.com")
        found = soup(post(client, f"{BASE}/paste", pasted=META + SNIPPETS["x"] + "fbq('init', id)"))
        offers = [" ".join(one.text.split()) for one in found.select(".offers li")]
        assert offers == [
            "Meta Pixel 123456789012345 is registered already",
            "Add X Pixel q27qa",
        ]
        assert found.find(id="pasted").text.strip().startswith("<!-- Meta")

    def test_an_id_alone_may_be_several_platforms(self, open_):
        client = open_("mia@example.com")
        page = soup(post(client, f"{BASE}/paste", pasted=" 512345 "))
        assert {"Add LinkedIn Insight Tag 512345"} <= {
            " ".join(one.text.split()) for one in page.select(".offers a")
        }
        answer = post(client, f"{BASE}/paste", pasted="GTM-AB12CD3")
        assert answer.headers["location"] == f"{BASE}/add?platform=gtm&id=GTM-AB12CD3"

    def test_a_snippet_whose_id_is_elsewhere_names_its_platform(self, open_):
        page = soup(post(open_("mia@example.com"), f"{BASE}/paste", pasted="fbq('init', shop.id)"))
        assert "its id is not written in the snippet" in page.find(class_="offers").text

    @pytest.mark.parametrize("pasted", ["", "hello there", "<script>", HOSTILE])
    def test_what_is_none_is_said_beside_it(self, open_, pasted):
        answer = post(open_("mia@example.com"), f"{BASE}/paste", pasted=pasted)
        assert answer.status_code == 422
        page = BeautifulSoup(answer.text, "html.parser")
        assert "No snippet and no id" in beside(page, "pasted")
        assert page.find(id="pasted").text.strip() == pasted.strip()

    def test_only_who_may_change_pixels_may_paste(self, open_):
        assert post(open_("lex@example.com"), f"{BASE}/paste", pasted=META).status_code == 403
        client = open_("mia@summit.example")
        assert post(client, "/admin/stores/harbor/pixels/paste", pasted=META).status_code == 404


class TestId:
    def test_a_snippet_in_the_field_of_the_id_is_as_good_as_the_id(self, open_):
        client = open_("mia@example.com")
        set_draft(client, pixels=())
        fields = {"purpose-marketing": "on"}
        answer = post(client, f"{BASE}/add?platform=meta", id=META, **fields)
        assert answer.headers["location"] == f"{BASE}?saved=added"
        assert kept(client)[0].pixels == (Pixel("meta", "123456789012345"),)

    @pytest.mark.parametrize(
        ("pasted", "says", "offers"),
        [
            (SNIPPETS["x"], "is a snippet of X Pixel; register it as", ["Add X Pixel q27qa"]),
            (
                "fbq('init', '777777777'); fbq('init', '888888888')",
                "has several ids; register each by itself: 777777777, 888888888",
                ["Add Meta Pixel 777777777", "Add Meta Pixel 888888888"],
            ),
            (
                "fbq('init', '777777777');" + SNIPPETS["x"].split(">")[1],
                "is more than an id; the id in it is 777777777",
                ["Add Meta Pixel 777777777", "Add X Pixel q27qa"],
            ),
            ("G-XYZ1234567", "looks like an id of Google Analytics 4", ["Add Google Analytics 4"]),
        ],
    )
    def test_what_else_is_in_it_is_offered(self, open_, pasted, says, offers):
        client = open_("mia@example.com")
        answer = post(client, f"{BASE}/add?platform=meta", id=pasted, purpose_marketing="on")
        assert answer.status_code == 422
        page = BeautifulSoup(answer.text, "html.parser")
        assert says in beside(page, "id")
        found = [" ".join(one.text.split()) for one in page.select(".offers a")]
        assert all(one.startswith(said) for one, said in zip(found, offers, strict=True))
        assert kept(client)[0] == msgspec.structs.replace(SUMMIT)
