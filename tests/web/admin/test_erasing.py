import uuid

from bs4 import BeautifulSoup

from consent import ledger
from tests.web.admin.stage import HERE, ask, soup
from tests.web.admin.test_history import find, returning

REASON = "Asked by the visitor by letter, received on 3 March 2026"


def erase(client, visitor, store="summit", reason=REASON):
    return client.post(
        f"/admin/ledger/visitors/{visitor}/erase",
        data={"store": store, "reason": reason},
        headers=HERE,
        follow_redirects=False,
    )


class TestErasing:
    def test_legal_erases_a_visitor_and_every_way_to_it_says_so(self, editor, story):
        client = editor("lex@summit.example")
        record = returning(client, story.summit)
        page = soup(client.get(f"/admin/ledger/visitors/{record.visitor}"))
        asked = client.get(page.find("a", string="Erase this visitor")["href"])
        assert "name nobody" in soup(asked).text
        assert erase(client, record.visitor).status_code == 303
        for way in (
            client.get(f"/admin/ledger/{record.id}"),
            client.get(f"/admin/ledger/visitors/{record.visitor}"),
            client.get(f"/admin/ledger/visitors/{record.visitor}/erase"),
            find(client, str(record.id)),
            find(client, str(record.visitor)),
        ):
            assert way.status_code == 410
            said = BeautifulSoup(way.text, "html.parser").main.text
            assert "erased on 23 November 2026 by lex@summit.example, because: Asked by" in said
        (act, *_) = soup(client.get("/admin/activity")).select("tbody tr")
        assert "Erased a visitor" in act.text
        assert REASON in act.text
        assert str(record.visitor) not in act.text
        told = client.get(f"/s/summit/receipts/{record.id}")
        assert (told.status_code, told.json()["error"]) == (410, "erased")
        assert told.json()["detail"] == f"receipt: erased on 2026-11-23 (UTC); {REASON}"
        assert client.get(f"/s/harbor/receipts/{record.id}").status_code == 404

    def test_a_reason_that_names_somebody_erases_nothing(self, editor, story):
        client = editor("owner@example.com")
        record = returning(client, story.summit)
        answer = erase(client, record.visitor, reason="jo@example.com has asked <today>")
        page = BeautifulSoup(answer.text, "html.parser")
        assert answer.status_code == 422
        assert page.textarea["aria-invalid"] == "true"
        assert page.textarea.text == "jo@example.com has asked <today>"
        assert "name nobody" in page.find(id="fault-reason").text
        assert client.get(f"/admin/ledger/{record.id}").status_code == 200

    def test_nobody_else_may_and_no_other_store_s_visitor_is_there(self, editor, story):
        record = returning(editor("owner@example.com"), story.summit)
        for email in ("dev@example.com", "mia@example.com"):
            client = editor(email)
            assert client.get(f"/admin/ledger/visitors/{record.visitor}/erase").status_code == 403
            assert erase(client, record.visitor).status_code == 403
        client = editor("lex@summit.example")

        async def elsewhere(c):
            return await ledger.get(c, story.harbor[0])

        visitor = ask(client, elsewhere).visitor
        assert client.get(f"/admin/ledger/visitors/{visitor}/erase").status_code == 404
        assert erase(client, visitor, "harbor").status_code == 404
        assert erase(client, visitor).status_code == 404
        assert erase(client, uuid.uuid4()).status_code == 404
        assert erase(client, "x").status_code == 404
