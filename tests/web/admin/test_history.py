import uuid

import msgspec
import pytest
import sqlalchemy as sa
from bs4 import BeautifulSoup

from consent import accounts, search
from consent.database import tables
from consent.erase import Eraser
from consent.filters import LedgerFilter
from consent.model import Grants, Place, Record
from consent.regions import Regions
from consent.sessions import Session
from consent.web.admin import history, sessions
from tests.web.admin.stage import HERE, NOW, ask, soup, write


def the_record(client, id_) -> Record:
    async def read(c):
        found = await search.find(c, LedgerFilter(), limit=1000)
        return next(one for one in found.records if one.id == id_)

    return ask(client, read)


def returning(client, ids) -> Record:
    """A record of someone who had decided before."""
    return next(r for r in (the_record(client, id_) for id_ in ids[11::12]) if r.previous)


def find(client, text):
    return client.post("/admin/ledger/find", data={"text": text}, headers=HERE)


class TestHistory:
    def test_it_tells_all_decisions_in_order_and_what_changed(self, editor, story):
        client = editor("lex@example.com")
        record = returning(client, story.summit)
        page = soup(client.get(f"/admin/ledger/visitors/{record.visitor}"))
        links = [link["href"] for link in page.select(".story h2 a")]
        assert links.index(f"/admin/ledger/{record.previous}") < links.index(
            f"/admin/ledger/{record.id}"
        )
        assert "nothing is allowed" in page.find(class_="story-lead").text
        assert page.select(".story .changes li")
        assert " later" in page.find(class_="after").text
        (act,) = soup(client.get("/admin/activity")).select("tbody tr")
        assert "Opened a visitor's history" in act.text
        assert str(record.visitor) in act.text

    def test_another_store_s_visitor_is_not_there(self, editor, story):
        client = editor("lex@summit.example")
        visitor = the_record(client, story.harbor[0]).visitor
        for address in (visitor, "x", "../../etc"):
            assert client.get(f"/admin/ledger/visitors/{address}").status_code == 404
        assert find(client, str(visitor)).status_code == 404
        assert find(client, str(story.harbor[0])).status_code == 404
        page = soup(client.get(f"/admin/ledger?visitor={visitor}"))
        assert page.h2.text == "No decision matches"

    def test_the_differences_between_two_decisions_are_named(self, signed_in, story):
        client = signed_in("lex@example.com")
        one = the_record(client, story.summit[0])
        one = msgspec.structs.replace(
            one, grants=Grants(True, False, False), place=Place("DE", None, "header"), refused=()
        )
        other = msgspec.structs.replace(
            one,
            grants=Grants(False, True, False),
            place=Place("US", "US-CA", "header"),
            version=2,
            language="ja",
            regime_id="us-ca",
            refused=("meta",),
        )
        told = "; ".join(history.changes(one, other, Regions.load()))
        for said in (
            "Now allowed: analytics",
            "No longer allowed: preferences",
            "Refused by name since: meta",
            "Version 2 instead of 1",
            "From California",
            "In Japanese",
            "instead of",
        ):
            assert said in told
        assert history.changes(one, one, Regions.load()) == ["The same choice again"]


class TestFind:
    def test_an_id_a_receipt_and_a_file_lead_to_the_decision(self, signed_in, story):
        client = signed_in("lex@example.com")
        id_ = str(story.summit[3])
        receipt = soup(client.get(f"/admin/ledger/{id_}")).find(id="receipt-text").text
        answer = {"id": id_, "at": "2026", "receipt": receipt}
        for text in (
            id_,
            f"  {id_.upper()}\n",
            id_.replace("-", ""),
            receipt,
            msgspec.json.encode(answer).decode(),
            msgspec.json.encode({"receipt": receipt}).decode(),
            msgspec.json.encode({"record": {"id": id_, "seq": 4}}).decode(),
        ):
            assert find(client, text).headers["location"] == f"/admin/ledger/{id_}"

    def test_a_visitor_s_id_leads_to_the_history(self, signed_in, story):
        client = signed_in("lex@example.com")
        visitor = the_record(client, story.summit[3]).visitor
        found = find(client, str(visitor))
        assert found.headers["location"] == f"/admin/ledger/visitors/{visitor}"

    @pytest.mark.parametrize(
        ("text", "status"),
        [
            ("", 400),
            ("hello", 400),
            ("a.forged.receipt", 400),
            ("{", 400),
            ("{}", 400),
            ('{"record": 3, "receipt": 4}', 400),
            ("00000000-0000-4000-8000-000000000000", 404),
            ("x" * 70_000, 413),
        ],
    )
    def test_what_leads_nowhere_is_told(self, signed_in, text, status):
        answer = find(signed_in("lex@example.com"), text)
        assert answer.status_code == status
        assert BeautifulSoup(answer.text, "html.parser").h1

    def test_another_site_cannot_ask(self, signed_in, story):
        client = signed_in("lex@example.com")
        elsewhere = {"Origin": "https://evil.example"}
        answer = client.post(
            "/admin/ledger/find", data={"text": str(story.summit[0])}, headers=elsewhere
        )
        assert answer.status_code == 403


class TestErased:
    @pytest.fixture
    def record(self, editor, story) -> Record:
        """A record of a visitor who was erased since."""
        client = editor("lex@example.com")
        services = client.app.services
        record = returning(client, story.summit)

        async def erase() -> None:
            eraser = Eraser(services.database, services.sealer, services.sealer._key, services.now)
            await eraser.visitor("summit", record.visitor, "Asked by letter", by=None)

        client.portal.call(erase)
        return record

    def test_its_page_says_when_by_whom_and_why(self, editor, record):
        client = editor("lex@example.com")
        addresses = (record.id, f"visitors/{record.visitor}", f"{record.id}/evidence")
        answers = [client.get(f"/admin/ledger/{address}") for address in addresses]
        answers += [find(client, str(record.id)), find(client, str(record.visitor))]
        for answer in answers:
            assert answer.status_code == 410
            page = BeautifulSoup(answer.text, "html.parser")
            assert page.h1.text == "This was erased"
            assert "erased on 23 November 2026 by the command line" in page.text
            assert "Asked by letter" in page.text
        total = soup(client.get("/admin/ledger?store=summit")).find(id="found").text
        assert int(total.split()[0]) < 121
        assert str(record.id) not in client.get("/admin/ledger/export?format=jsonl").text

    def test_another_store_s_user_is_told_nothing(self, client, editor, record):
        id_ = uuid.UUID(int=8)

        async def arrive(c) -> None:
            await accounts.add(c, "lex@harbor.example", "x", "legal", "harbor", NOW)
            row = Session(id_, 8, NOW, NOW.date(), "Firefox")
            await c.execute(sa.insert(tables.sessions).values(msgspec.structs.asdict(row)))

        write(client, arrive)
        token = sessions.token(client.app.services, id_)
        client.cookies.set(sessions.COOKIE, token, path="/admin")
        for address in (record.id, f"visitors/{record.visitor}"):
            assert client.get(f"/admin/ledger/{address}").status_code == 404
        assert find(client, str(record.id)).status_code == 404
