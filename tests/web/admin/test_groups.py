"""Groups in the admin: a template edited as text, applied to many, never to a neighbour's."""

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from consent import groups
from consent.model import Group, RegionRule, Template
from tests.web.admin.drafts import kept, set_draft, told
from tests.web.admin.stage import HERE, HOSTILE, NOW, soup, write

GROUP = "/admin/groups/outdoor"
TEXT = """
key = "outdoor"
name = "Outdoor shops"
[regions."US-OR"]
regime = "eea"
"""


def save(client: TestClient, text: str = TEXT, path: str = GROUP, **fields: str):
    """Posts the form as the page had it."""
    was = BeautifulSoup(client.get(path).text, "html.parser").find("input", {"name": "was"})
    given = {"was": was["value"]} if was else {}
    return client.post(path, data={**given, "text": text, **fields}, headers=HERE)


def set_group(client: TestClient, **rules: RegionRule) -> None:
    named = {key.replace("_", "-"): rule for key, rule in rules.items()}
    group = Group("outdoor", "Outdoor shops", Template(regions=named))
    write(client, lambda c: groups.save(c, group, NOW))


def apply(client: TestClient, *stores: str, **fields: str):
    chosen = "&".join(f"store-{store}=on" for store in stores)
    page = soup(client.get(f"{GROUP}/apply?look=1&{chosen}"))
    form = page.find("form", {"aria-labelledby": "preview"})
    given = {field["name"]: field["value"] for field in form.find_all("input")}
    return client.post(f"{GROUP}/apply", data={**given, **fields}, headers=HERE)


class TestTemplate:
    def test_a_group_is_added_as_text_and_edited(self, editor):
        client = editor("owner@example.com")
        assert "No group yet" in soup(client.get("/admin/groups")).text
        answer = save(client, path="/admin/groups/add")
        assert answer.headers["location"] == f"{GROUP}?done=saved"
        page = soup(client.get(GROUP))
        assert "Oregon" in told(page, "Its region rules").text
        save(client, TEXT.replace("US-OR", "US-TX"))
        assert "Texas" in told(soup(client.get(GROUP)), "Its region rules").text

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("key = ", "is not toml"),
            ('key = "outdoor"', "name"),
            (TEXT.replace("outdoor", "indoor"), "a group keeps its key"),
            (TEXT.replace("eea", "moon"), "known are"),
            (TEXT.replace("US-OR", "US-ZZ"), "no state or province"),
            (TEXT.replace("regime", "regmie"), "regmie"),
            (HOSTILE, "is not toml"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_saved(self, editor, text, said):
        client = editor("owner@example.com")
        set_group(client)
        answer = save(client, text)
        assert answer.status_code == 422
        page = BeautifulSoup(answer.text, "html.parser")
        assert said in page.find(role="alert").text.lower()
        assert page.find("textarea").text.strip() == text.strip()
        assert "<script>alert" not in answer.text
        assert "None: the shipped law holds" in soup(client.get(GROUP)).text

    def test_no_group_is_replaced_by_a_new_one_or_by_an_older_form(self, editor):
        client = editor("owner@example.com")
        set_group(client, US_TX=RegionRule(regime="eea"))
        assert save(client, path="/admin/groups/add").status_code == 409
        assert save(client, was="0" * 64).status_code == 409
        assert "Texas" in told(soup(client.get(GROUP)), "Its region rules").text

    def test_legal_allows_what_is_looser(self, editor):
        client = editor("lex@example.com")
        set_group(client, CH=RegionRule(regime="us-other"))
        form = told(soup(client.get(GROUP)), "Its region rules").find("form")
        given = {field["name"]: field["value"] for field in form.find_all("input")}
        answer = client.post(
            f"{GROUP}/allow", data={**given, "reason": "Business alone."}, headers=HERE
        )
        assert answer.headers["location"] == f"{GROUP}?done=allowed"
        assert "lex@example.com" in told(soup(client.get(GROUP)), "Its region rules").text


class TestApply:
    def test_many_stores_get_it_as_it_was_shown(self, editor):
        client = editor("owner@example.com")
        set_group(client, US_OR=RegionRule(regime="eea"))
        page = soup(client.get(f"{GROUP}/apply?look=1&store-summit=on&store-harbor=on"))
        shown = page.find("form", {"aria-labelledby": "preview"})
        assert shown.find("details").p.text == "Harbor Books, Summit Outdoor"
        assert shown.text.count("from Oregon") == 1
        done = soup(apply(client, "summit", "harbor"))
        assert "2 of 2 stores done" in done.find("h1").text
        for store in ("summit", "harbor"):
            draft, live = kept(client, store)
            assert (live.number, live.config.group, draft.group) == (2, "outdoor", "outdoor")
            assert live.rules.template == {"US-OR": RegionRule(regime="eea")}
        assert "2 stores" in soup(client.get("/admin/groups")).text

    def test_a_refusal_is_named_and_holds_up_no_other(self, editor):
        client = editor("owner@example.com")
        set_group(client, US_OR=RegionRule(regime="eea"))
        set_draft(client, name="Changed meanwhile")
        done = soup(apply(client, "summit", "harbor"))
        assert "1 of 2 stores done" in done.find("h1").text
        assert "changes that are not published" in done.text
        assert kept(client)[1].number == 1
        assert kept(client, "harbor")[1].number == 2

    def test_what_was_not_shown_is_not_published(self, editor):
        client = editor("owner@example.com")
        set_group(client, US_OR=RegionRule(regime="eea"))
        assert apply(client, "summit", seen="0" * 64).status_code == 409
        assert kept(client)[1].number == 1


class TestWho:
    @pytest.mark.parametrize("email", ["lex@example.com", "owner@summit.example"])
    def test_who_has_not_all_stores_and_the_role_changes_nothing(self, editor, email):
        client = editor(email)
        set_group(client, US_OR=RegionRule(regime="eea"))
        for path in (GROUP, "/admin/groups/add", f"{GROUP}/apply"):
            assert save(client, path=path).status_code == 403, path

    def test_a_store_bound_user_sees_the_own_group_without_its_other_stores(self, editor):
        client = editor("owner@example.com")
        set_group(client, US_OR=RegionRule(regime="eea"))
        bound = editor("owner@summit.example")
        assert bound.get(GROUP).status_code == 404
        assert "This store is in no group" in bound.get("/admin/groups").text
        apply(editor("owner@example.com"), "summit", "harbor")
        bound = editor("owner@summit.example")
        for path in ("/admin/groups", GROUP, f"{GROUP}/apply"):
            text = bound.get(path).text
            assert "Summit Outdoor" in text, path
            assert "arbor" not in text, path
        assert "2 stores" not in bound.get("/admin/groups").text

    def test_a_marketer_does_not_open_them(self, signed_in):
        assert signed_in("mia@example.com").get("/admin/groups").status_code == 403
