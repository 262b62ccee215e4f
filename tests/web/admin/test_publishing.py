"""Publishing a draft in plain words, the versions of a store, and going back."""

import msgspec
import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from consent import stores
from consent.model import RegionRule
from consent.stores import Draft
from tests.web.admin.drafts import kept, set_draft, told
from tests.web.admin.seed import SUMMIT
from tests.web.admin.stage import HERE, NOW, soup, write

PUBLISH = "/admin/stores/summit/publish"
BACK = "/admin/stores/summit/rollback"
SCHEDULE = "/admin/stores/summit/schedule"
VERSIONS = "/admin/versions?store=summit"
OREGON = {"US-OR": RegionRule(regime="eea")}


def publish(client: TestClient, **fields: str):
    page = soup(client.get(PUBLISH))
    given = {"draft": page.find("input", {"name": "draft"})["value"], **fields}
    return client.post(PUBLISH, data=given, headers=HERE)


def schedule(client: TestClient, **fields: str):
    page = soup(client.get(PUBLISH))
    given = {"draft": page.find("input", {"name": "draft"})["value"], **fields}
    return client.post(SCHEDULE, data=given, headers=HERE)


def go_back(client: TestClient, number: int, **fields: str):
    form = soup(client.get(f"{BACK}?to={number}")).find("form", {"class": "bar"})
    given = {field["name"]: field["value"] for field in form.find_all("input")}
    return client.post(BACK, data={**given, **fields}, headers=HERE)


class TestPublish:
    def test_what_changes_is_told_in_plain_words_and_then_goes_live(self, editor):
        client = editor("owner@example.com")
        set_draft(client, regions=OREGON)
        page = soup(client.get(PUBLISH))
        assert "Visitors from Oregon are asked first" in told(page, "What changes").text
        answer = publish(client)
        assert answer.status_code == 303
        draft, live = kept(client)
        assert (live.number, live.config) == (2, draft)
        page = soup(client.get(answer.headers["location"]))
        assert "Version 2 is live" in page.find(role="status").text
        assert "owner@example.com" in page.find("li", {"aria-current": "true"}).text

    def test_a_draft_is_published_at_a_set_time_and_that_is_taken_back(self, editor, clock):
        client = editor("owner@example.com")
        set_draft(client, regions=OREGON)
        given = {"day": "2026-12-24", "time": "09:00", "zone": "Europe/Berlin"}
        late = schedule(client, **{**given, "day": "2026-11-01"})
        assert late.status_code == 422
        page = BeautifulSoup(late.text, "html.parser")
        assert "Not scheduled. At: 2026-11-01 08:00 UTC; expected a time after" in page.text
        assert page.find("input", {"name": "day"})["value"] == "2026-11-01"
        assert schedule(client, draft="0" * 64, **given).status_code == 409
        answer = schedule(client, **given)
        waiting = told(soup(client.get(answer.headers["location"])), "At a set time")
        assert "24 December 2026, 09:00 Europe/Berlin" in waiting.text
        assert "A version is scheduled for 24 December, 08:00 UTC." in (
            soup(client.get("/admin/stores/summit")).text
        )
        fields = {"schedule": waiting.find("input", {"name": "schedule"})["value"]}
        assert client.post(f"{SCHEDULE}/cancel", data=fields, headers=HERE).status_code == 303
        assert client.post(f"{SCHEDULE}/cancel", data=fields, headers=HERE).status_code == 409
        bad = client.post(f"{SCHEDULE}/cancel", data={"schedule": "x"}, headers=HERE)
        assert bad.status_code == 404
        assert "Cancelled" in told(soup(client.get(VERSIONS)), "At a set time").text
        assert kept(client)[1].number == 1

    def test_nothing_new_says_so(self, signed_in):
        page = soup(signed_in("owner@example.com").get(PUBLISH))
        assert "The draft says what version 1 says" in page.text
        assert page.find("input", {"name": "draft"}) is None

    def test_a_draft_that_moved_is_shown_anew(self, editor):
        client = editor("owner@example.com")
        set_draft(client, regions=OREGON)
        answer = publish(client, draft="0" * 64)
        assert answer.status_code == 409
        assert "someone has changed it meanwhile" in answer.text
        assert kept(client)[1].number == 1

    def test_a_draft_with_faults_stays_a_draft(self, editor):
        client = editor("owner@example.com")
        set_draft(client, regions={"DE": RegionRule(regime="us-ca")})
        page = soup(client.get(PUBLISH))
        assert "It cannot be published yet" in page.text
        assert not page.find_all("button", string=lambda text: text and "Publish" in text)
        sha256 = Draft(kept(client)[0], None).sha256
        assert client.post(PUBLISH, data={"draft": sha256}, headers=HERE).status_code == 422
        assert kept(client)[1].number == 1

    @pytest.mark.parametrize("email", ["mia@example.com", "lex@example.com"])
    def test_others_read_it(self, editor, email):
        client = editor(email)
        set_draft(client, regions=OREGON)
        assert "An owner or developer publishes it" in soup(client.get(PUBLISH)).text
        for path in (PUBLISH, BACK):
            assert client.post(path, data={"draft": "x"}, headers=HERE).status_code == 403


class TestVersions:
    def test_they_are_listed_compared_and_gone_back_to(self, editor):
        client = editor("owner@example.com")
        set_draft(client, regions=OREGON)
        publish(client)
        page = soup(client.get(VERSIONS))
        heads = [head.find("b").text for head in page.select(".version-head")]
        assert heads == ["Version 2", "Version 1"]
        compared = soup(client.get(f"{VERSIONS}&from=2&to=1"))
        section = told(compared, "From version 2 to version 1").text
        assert "everything runs until they refuse" in section
        page = soup(client.get(f"{BACK}?to=1"))
        assert "Visitors from Oregon" in told(page, "What visitors notice").text
        assert go_back(client, 1).status_code == 303
        draft, live = kept(client)
        assert (live.number, live.config.regions, draft.regions) == (3, {}, {})

    def test_old_ones_say_what_they_changed_when_they_are_asked(self, editor):
        client = editor("owner@example.com")

        async def publish_many(c) -> None:
            for days in range(200, 211):
                rule = RegionRule(refuse_days=days + 200)
                config = msgspec.structs.replace(SUMMIT, regions={"US-OR": rule})
                await stores.save(c, config, NOW)
                await stores.publish(c, "summit", NOW)

        write(client, publish_many)
        page = soup(client.get(VERSIONS))
        asked = next(link for link in page.find_all("a") if "What it changed" in link.text)
        compared = soup(client.get(asked["href"]))
        assert "400 days after a no" in told(compared, "From version 1 to version 2").text

    def test_what_is_lost_is_said_and_what_moved_is_refused(self, editor):
        client = editor("owner@example.com")
        set_draft(client, regions=OREGON)
        publish(client)
        set_draft(client, regions={"US-TX": RegionRule(regime="eea")})
        assert "are lost" in soup(client.get(f"{BACK}?to=1")).text
        assert go_back(client, 1, draft="0" * 64).status_code == 409
        assert go_back(client, 1, live="1").status_code == 409
        assert kept(client)[1].number == 2

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            (f"{VERSIONS}&from=1&to=9", 422),
            (f"{VERSIONS}&from=x&to=1", 422),
            (f"{BACK}?to=9", 404),
            (f"{BACK}?to=one", 404),
            (f"{BACK}", 404),
            ("/admin/stores/nowhere/publish", 404),
        ],
    )
    def test_a_version_that_there_is_not_is_refused(self, signed_in, path, status):
        assert signed_in("owner@example.com").get(path).status_code == status

    def test_without_a_store_one_is_chosen(self, signed_in):
        page: BeautifulSoup = soup(signed_in("lex@example.com").get("/admin/versions"))
        assert page.find("a", string="Harbor Books")["href"] == "/admin/versions?store=harbor"
