import uuid

import pytest
from bs4 import BeautifulSoup

from consent import activity, review, stores
from consent.activity import Act
from consent.platforms import custom
from tests.web.admin.seed import LODGE, OWN
from tests.web.admin.stage import HOSTILE, NOW, soup, write


def lines(client, query: str = "") -> list[str]:
    page = soup(client.get(f"/admin/activity?{query}"))
    return [row.get_text(" ", strip=True) for row in page.select("tbody tr")]


def note(client, *acts: Act) -> None:
    write(client, lambda c: activity.add(c, *acts, by=None, at=NOW))


def test_opening_a_decision_is_noted_with_who_and_when(editor, story):
    client = editor("lex@example.com")
    id_ = str(story.summit[0])
    assert lines(client) == []
    soup(client.get(f"/admin/ledger/{id_}"))
    (line,) = lines(client)
    for said in ("23 Nov 2026", "17:20:00", "lex@example.com", "Opened a decision", id_):
        assert said in line
    assert soup(client.get("/admin/activity")).find("a", href=f"/admin/ledger/{id_}")


def test_what_was_not_shown_is_not_noted(editor, story):
    client = editor("lex@summit.example")
    for id_ in (story.harbor[0], uuid.uuid4(), "x"):
        assert client.get(f"/admin/ledger/{id_}").status_code == 404
    assert lines(client) == []


def test_what_cannot_be_noted_is_not_shown(editor, story):
    client = editor("lex@example.com")
    write(client, _refuse_acts)
    answer = client.get(f"/admin/ledger/{story.summit[0]}")
    assert answer.status_code in (500, 503)
    assert str(story.summit[0]) not in answer.text


async def _refuse_acts(c) -> None:
    await c.exec_driver_sql(
        "CREATE TRIGGER full BEFORE INSERT ON activity BEGIN SELECT RAISE(ABORT, 'full'); END"
    )


def test_a_store_sees_its_own_acts_alone(editor):
    client = editor("owner@summit.example")
    note(client, *(Act("export", store, f"of {store}") for store in ("summit", "harbor", None)))
    (line,) = lines(client)
    assert "of summit" in line
    assert client.get("/admin/activity?store=harbor").status_code == 404
    assert len(lines(editor("owner@example.com"))) == 3


def test_filters_narrow_and_pages_miss_nothing(editor):
    client = editor("owner@example.com")
    note(client, *(Act("look_up", "summit", f"number {n}") for n in range(60)))
    note(client, Act("export", "harbor", "the file"))
    assert len(lines(client, "what=export")) == len(lines(client, "store=harbor")) == 1
    assert lines(client, "who=nobody@example.com") == []
    first = soup(client.get("/admin/activity"))
    older = soup(client.get(first.find("a", rel="next")["href"]))
    shown = [cell.text for page in (first, older) for cell in page.select(".subject .hash")]
    assert shown == ["the file", *(f"number {n}" for n in reversed(range(60)))]
    assert older.find("a", rel="first")["href"] == "/admin/activity"


def test_an_unknown_word_is_told_beside_its_field(signed_in):
    answer = signed_in("lex@example.com").get("/admin/activity?what=%3Cscript%3E")
    assert answer.status_code == 400
    page = BeautifulSoup(answer.text, "html.parser")
    assert "expected look_up, history" in page.find(id="fault-what").text
    assert not page.find("table")


def test_what_others_wrote_is_text(editor):
    client = editor("owner@example.com")
    note(client, Act("export", "summit", HOSTILE, {HOSTILE: HOSTILE}))
    answer = client.get("/admin/activity")
    assert "<script>alert" not in answer.text
    assert HOSTILE in soup(answer).text


@pytest.mark.parametrize("email", ["dev@example.com", "mia@example.com"])
def test_others_do_not_open_it(signed_in, email):
    assert signed_in(email).get("/admin/activity").status_code == 403


def test_a_review_is_noted(editor):
    client = editor("lex@example.com")

    async def review_it(c) -> None:
        await stores.save(c, LODGE, NOW)
        seen = custom.digest(OWN)
        await review.note(c, "lodge", OWN.id, seen=seen, by="lex@example.com", now=NOW)

    write(client, review_it)
    (line,) = lines(client)
    assert "Reviewed a store's own pixel" in line
    assert "custom-heat-map" in line
    assert "lex@example.com" in line
