import asyncio
import hashlib
import uuid

import msgspec
import pytest
from bs4 import BeautifulSoup

from consent import database, ledger, search
from consent.model import Grants, Place, Record, Review
from consent.platforms import custom
from consent.rates import Rate
from consent.web.admin import words
from tests.web.admin.seed import LODGE, OWN, Seed
from tests.web.admin.stage import HOSTILE, NOW, sign_in, soup

CHANGED = "What changed from one to the next"


class TestLedger:
    def found(self, client, query: str) -> tuple[int, list[str]]:
        page = soup(client.get(f"/admin/ledger?{query}"))
        heading = page.find(id="found")
        total = int(heading.text.split()[0].replace(",", "")) if heading else 0
        return total, [row.text for row in page.select("table.records tbody tr")]

    @pytest.mark.parametrize(
        ("query", "word"),
        [
            ("action=withdraw", "Withdraw"),
            ("choice=none", "denied: Marketing"),
            ("choice=all", "granted: Marketing"),
            ("place=DE", "Germany"),
            ("place=US", "United States"),
            ("place=US-CA", "California"),
            ("place=@eea", "European"),
            ("regime=eea", "European"),
            ("language=fr", "French"),
            ("version=1&language=ja", "version 1"),
            ("store=harbor", "Harbor"),
        ],
    )
    def test_a_filter_leaves_only_what_it_says(self, signed_in, query, word):
        client = signed_in("lex@example.com")
        total, lines = self.found(client, query)
        assert 0 < total < 133
        assert len(lines) == min(total, 50)
        if not query.startswith("store"):
            assert all(word in line for line in lines)

    def test_the_days_of_a_filter_both_count(self, signed_in):
        client = signed_in("lex@example.com")
        today, _ = self.found(client, "from=2026-11-23&until=2026-11-23")
        before, _ = self.found(client, "until=2026-11-22")
        assert today + before == 133
        assert 0 < today < 133

    def test_times_are_told_and_meant_in_the_zone_of_the_address(self, signed_in):
        client = signed_in("lex@example.com")
        moment = "from=2026-11-23&from_time=18:20&until=2026-11-23&until_time=18:20"
        assert self.found(client, moment)[0] == 0
        total, lines = self.found(client, f"{moment}&zone=Europe/Berlin")
        assert total >= 1
        assert all("18:20:" in line for line in lines)
        page = soup(client.get("/admin/ledger?zone=Europe/Berlin"))
        assert "times in Europe/Berlin" in page.text
        assert page.find("details", class_="more").has_attr("open")

    def test_filters_add_up(self, signed_in):
        client = signed_in("lex@example.com")
        kinds = [self.found(client, f"store=summit&choice={kind}")[0] for kind in words.KINDS]
        assert sum(kinds) == 121

    def test_pages_go_to_older_ones_and_back_and_miss_nothing(self, signed_in):
        client = signed_in("lex@example.com")
        address, pages = "/admin/ledger?store=summit", []
        while address:
            page = soup(client.get(address))
            pages.append([link["href"] for link in page.select("table.records th a")])
            older = page.find("a", rel="next")
            address = older["href"] if older else None
        seen = [link for links in pages for link in links]
        assert len(seen) == len(set(seen)) == 121
        assert len(pages) == 3
        page = soup(client.get(page.find("a", rel="prev")["href"]))
        assert [link["href"] for link in page.select("table.records th a")] == pages[1]
        page = soup(client.get(page.find("a", rel="prev")["href"]))
        assert [link["href"] for link in page.select("table.records th a")] == pages[0]
        assert not page.find("a", rel="prev")
        assert page.find("a", rel="next")

    @pytest.mark.parametrize(
        "query",
        [
            "before=x",
            "before=-4",
            "after=99999999999999999999999",
            "after=900&before=x",
            "from=&until=&place=&choice=&action=",
            "nothing=1",
        ],
    )
    def test_a_page_that_makes_no_sense_is_the_newest(self, signed_in, query):
        page = soup(signed_in("lex@example.com").get(f"/admin/ledger?{query}"))
        assert page.h1.text == "Ledger"

    @pytest.mark.parametrize(
        ("query", "field", "told"),
        [
            ("place=%3Cscript%3E", "place", "'<script>'"),
            ("place=ZZZZ", "place", "a country such as DE"),
            ("place=US-ZZ", "place", "a state or a province"),
            ("action=foo", "action", "accept_all, reject_all"),
            ("choice=maybe", "choice", "all, some or none"),
            ("from=2026-99-99", "from", "a day such as 2026-11-23"),
            ("zone=Nowhere/Else", "zone", "Europe/Berlin"),
            ("zone=..%2F..%2Fetc%2Fpasswd", "zone", "Europe/Berlin"),
            ("from_time=12:00", "from_time", "without its day"),
            ("from=2026-11-20&from_time=25:00", "from_time", "14:30"),
            ("regime=xx", "regime", "eea"),
            ("language=xx", "language", "pt-BR"),
            ("version=0x3", "version", "number such as 3"),
            ("visitor=me", "visitor", "32 hexadecimal digits"),
            ("place=@nowhere", "place", "a country such as DE"),
            ("until=yesterday", "until", "a day such as 2026-11-23"),
            ("from=2026-11-20&until=2026-11-10", "until", "is before 2026-11-20"),
        ],
    )
    def test_a_filter_that_cannot_be_used_is_told_beside_its_field_and_finds_nothing(
        self, signed_in, query, field, told
    ):
        answer = signed_in("lex@example.com").get(f"/admin/ledger?{query}")
        assert answer.status_code == 400
        page = BeautifulSoup(answer.text, "html.parser")
        control = page.find(attrs={"name": field})
        assert told in page.find(id=control["aria-describedby"]).text
        assert control["aria-invalid"] == "true"
        assert not page.find("table")
        assert "<script>alert" not in answer.text

    def test_a_visitor_is_looked_up_in_the_filter_and_that_is_noted(self, editor, story):
        client = editor("lex@example.com")
        link = soup(client.get(f"/admin/ledger/{story.summit[0]}")).find("a", string=CHANGED)
        visitor = link["href"].rpartition("/")[2]
        total, _ = self.found(client, f"visitor={visitor}")
        assert total >= 1
        acts = soup(client.get("/admin/activity?what=history"))
        assert [one.text for one in acts.select(".subject .hash")] == [visitor]

    def test_a_total_that_is_not_known_says_so(self, signed_in, monkeypatch):
        monkeypatch.setattr(search, "WINDOWS", (20, 40))
        page = soup(signed_in("lex@example.com").get("/admin/ledger?choice=none"))
        assert page.find(id="found").text.startswith("At least")
        assert "not all looked at" in page.text
        assert page.find("a", rel="next").text == "Look further"
        monkeypatch.setattr(search, "WINDOWS", (1,))
        impossible = "/admin/ledger?action=accept_all&choice=none"
        page = soup(signed_in("lex@example.com").get(impossible))
        assert page.find(class_="empty").h2.text == "None among the newest"
        assert "before=" in page.find("a", rel="next")["href"]

    def test_nothing_found_offers_to_clear_the_filter(self, signed_in):
        page = soup(signed_in("lex@example.com").get("/admin/ledger?place=FJ"))
        assert page.h2.text == "No decision matches"

    def test_an_empty_ledger_says_what_will_stand_here(self, empty_client):
        sign_in(empty_client, "lex@example.com")
        page = soup(empty_client.get("/admin/ledger"))
        assert page.h2.text == "No decision yet"
        assert not page.find("a", href="/admin/stores")


class TestDecision:
    def shown(self, signed_in, id_) -> BeautifulSoup:
        return soup(signed_in("lex@example.com").get(f"/admin/ledger/{id_}"))

    def record(self, client, id_):
        async def read():
            db = database.connect(client.app.services.settings.database_url)
            async with db.read() as c:
                found = await ledger.get(c, id_)
            await db.close()
            return found

        return asyncio.run(read())

    def test_it_reads_as_a_sentence_first(self, signed_in, story):
        client = signed_in("lex@example.com")
        for id_ in story.summit[:20]:
            record = self.record(client, id_)
            sentence = self.shown(signed_in, id_).h1.text
            assert sentence == words.sentence(record)
            assert sentence.startswith(f"On {record.at.day} November 2026 at ")
            assert " UTC a visitor " in sentence

    def test_the_second_sentence_says_the_law_and_what_could_run(self, signed_in, story):
        client = signed_in("lex@example.com")
        records = [self.record(client, id_) for id_ in story.summit]
        for action, place, expected in (
            ("accept_all", "DE", ("The banner was the one", "(opt-in)", "Google Ads could run.")),
            ("reject_all", "DE", ("European Economic Area", "Google Ads could not.")),
            ("accept_all", "US-CA", ("The notice was the one", "(opt-out)")),
            ("gpc", "US-CA", ("Nothing was asked", "could run and Meta Pixel")),
        ):
            found = (r for r in records if (r.action, r.place.code) == (action, place))
            told = self.shown(signed_in, next(found).id).find(class_="consequence").text
            assert all(part in told for part in expected), told

    @pytest.mark.parametrize(
        ("place", "kind", "buttons"),
        [
            ("DE", "banner", ("banner.reject", "banner.accept", "banner.choose")),
            ("US-CA", "notice", ("notice.reject", "notice.accept")),
        ],
    )
    def test_it_shows_the_first_layer_in_the_order_in_which_it_was_drawn(
        self, signed_in, story, place, kind, buttons
    ):
        client = signed_in("lex@example.com")
        records = (self.record(client, id_) for id_ in story.summit)
        record = next(r for r in records if r.place.code == place and r.action != "gpc")
        texts = client.app.services.texts.messages(record.language)
        section = self.shown(signed_in, record.id).find("section", {"aria-labelledby": "shown"})
        first = section.find(class_="sub")
        assert f"the {kind} of this" in first.text
        assert "a bar along the lower edge of the page" in first.text
        layer = first.find_next(class_="layer")
        parts = [part.get_text(" ", strip=True) for part in layer.find_all(["h3", "p", "li"])]
        links = ["banner.privacy", *(["entry.choices"] if kind == "notice" else [])]
        expected = [texts[f"{kind}.title"], *(texts[name] for name in (*links, *buttons))]
        assert [part for part in parts if part in expected] == expected
        assert parts[1] == texts[f"{kind}.text"].replace("{count}", "3")
        closing = f"× {texts['banner.close']}"
        assert (closing == parts[-1]) == (texts["banner.close_note"] in parts)

    def test_it_shows_the_second_layer_with_its_purposes_and_buttons(self, signed_in, story):
        client = signed_in("lex@example.com")
        record = self.record(client, story.summit[0])
        texts = client.app.services.texts.messages(record.language)
        layer = self.shown(signed_in, record.id).find_all(class_="layer")[1]
        buttons = [button.text for button in layer.select(".acts li")]
        assert buttons == [texts[f"choices.{key}"] for key in ("reject", "accept", "save")]
        for key in ("choices.title", "purpose.marketing.title", "purpose.analytics.text"):
            assert texts[key] in layer.text
        assert "Meta Pixel" in layer.text

    def test_each_layer_is_drawn_in_a_frame_that_acts_as_nobody(self, signed_in, story):
        page = self.shown(signed_in, story.summit[0])
        frames = page.find_all("iframe")
        assert [frame["sandbox"] for frame in frames] == [["allow-scripts"]] * 2
        for frame in frames:
            answer = signed_in("lex@example.com").get(frame["src"])
            policy = answer.headers["content-security-policy"]
            for part in ("default-src 'none'", "sandbox allow-scripts", "frame-ancestors 'self'"):
                assert part in policy
            assert answer.headers["x-frame-options"] == "SAMEORIGIN"
            assert answer.headers["x-content-type-options"] == "nosniff"

    def test_what_it_refers_to_is_there_byte_for_byte(self, signed_in, story):
        client = signed_in("lex@example.com")
        record = self.record(client, story.summit[0])
        page = self.shown(signed_in, record.id)
        for what in ("version", "banner", "regime"):
            address = f"/admin/ledger/{record.id}/kept/{what}"
            answer = client.get(page.find("a", href=address)["href"])
            fingerprint = getattr(record, f"{what}_sha256")
            assert hashlib.sha256(answer.content).hexdigest() == fingerprint
            assert answer.headers["content-type"] == "application/json"
        assert client.get(f"/admin/ledger/{record.id}/kept/secrets").status_code == 404
        bound = signed_in("lex@summit.example")
        for what in ("version", "banner", "regime"):
            path = f"/admin/ledger/{story.harbor[0]}/kept/{what}"
            assert bound.get(path).status_code == 404

    def test_it_says_which_pixels_were_released_and_which_blocked(self, signed_in, story):
        client = signed_in("lex@example.com")
        records = [self.record(client, id_) for id_ in story.summit]
        for kind, word, other in (("all", "released", "blocked"), ("none", "blocked", "released")):
            record = next(r for r in records if r.grants.kind == kind)
            chosen = self.shown(signed_in, record.id).find("section", {"aria-labelledby": "chosen"})
            assert word in chosen.text
            assert other not in chosen.text
            assert "123456789012345" in chosen.text

    def test_it_names_the_law_and_links_to_its_source(self, signed_in, story):
        client = signed_in("lex@example.com")
        record = next(
            r for r in (self.record(client, i) for i in story.summit) if r.place.country == "DE"
        )
        law = self.shown(signed_in, record.id).find("section", {"aria-labelledby": "law"})
        assert "GDPR" in law.text
        assert law.a["href"].startswith("https://")
        assert "noopener" in law.a["rel"]

    def test_it_shows_all_that_this_visitor_decided(self, signed_in, story):
        client = signed_in("lex@example.com")
        records = [self.record(client, id_) for id_ in story.summit]
        withdrawal = next(record for record in records if record.previous is not None)
        page = self.shown(signed_in, withdrawal.id)
        history = page.find("ol", class_="history").find_all("li")
        assert len(history) >= 2
        assert history[0].get("aria-current") == "true"
        assert page.find("a", href=f"/admin/ledger/{withdrawal.previous}")

    def test_its_receipt_is_the_one_that_the_visitor_was_given(self, signed_in, story):
        client = signed_in("lex@example.com")
        receipt = self.shown(signed_in, story.summit[0]).find(id="receipt-text").text
        facts = client.app.services.signer.read_receipt(receipt)
        assert facts["id"] == str(story.summit[0])

    @pytest.mark.parametrize("id_", ["x", str(uuid.UUID(int=0)), "..%2f..%2fetc", HOSTILE[:20]])
    def test_an_id_that_leads_to_nothing_is_not_found(self, signed_in, id_):
        assert signed_in("lex@example.com").get(f"/admin/ledger/{id_}").status_code == 404

    def test_what_a_visitor_sent_is_text_and_never_markup(self, signed_in, story):
        client = signed_in("lex@example.com")
        for path in (f"/admin/ledger/{story.hostile}", "/admin/ledger"):
            answer = client.get(path)
            page = soup(answer)
            assert "<script>alert" not in answer.text
            assert "<img" not in answer.text
            assert HOSTILE in page.text
            for tag in page.find_all(True):
                assert not [name for name in tag.attrs if name.startswith("on")]


class TestDecisionOnAStoresOwnPixel:
    """A store that keeps campaigns, and whose own code somebody has looked at."""

    @pytest.fixture
    def page(self, editor) -> BeautifulSoup:
        client = editor("lex@example.com")

        async def decide() -> Record:
            db = database.connect(client.app.services.settings.database_url)
            seed = Seed(db, NOW)
            review = Review("lex@lodge.example", NOW.date(), custom.digest(OWN))
            own = msgspec.structs.replace(
                OWN, custom=msgspec.structs.replace(OWN.custom, reviewed=review)
            )
            store = await seed.store(msgspec.structs.replace(LODGE, pixels=(own,)))
            (id_,) = await seed.decisions(store, 1)
            async with db.read() as c:
                record = await ledger.get(c, id_)
                self.content = await ledger.banner_content(c, record.banner_sha256)
            await db.close()
            return record

        return soup(client.get(f"/admin/ledger/{asyncio.run(decide()).id}"))

    def test_what_pixelgate_keeps_itself_is_shown_as_the_visitor_saw_it(self, page):
        content = msgspec.json.decode(self.content)
        kept = [one["stored"] for one in content["purposes"] if "stored" in one]
        assert [name for [[name, _]] in kept] == ["pixelgate_campaign"] * 2
        shown = [part.text for part in page.find_all(class_="layer")[1].find_all("p")]
        for [[name, lifetime]] in kept:
            assert f"{content['choices']['stored']}: {name} {lifetime}" in shown

    def test_who_had_looked_at_the_code_and_at_which_stands_beside_it(self, page):
        chosen = page.find("section", {"aria-labelledby": "chosen"})
        said = (
            f"reviewed by lex@lodge.example on 23 November 2026, SHA-256 {custom.digest(OWN)[:12]}"
        )
        assert said in chosen.text

    def test_each_thing_that_is_said_of_a_service_has_a_line_of_its_own(self, page):
        service = page.find(class_="services").li
        lines = [part.text for part in service.find_all(["span", "p"], recursive=False)]
        assert lines[0] == "Heat map · Heat Ltd"
        assert lines[1].endswith(": heat.example")
        assert ": heat_id 1 " in lines[2]


class TestWords:
    @pytest.fixture
    def record(self):
        return Record(
            seq=1,
            id=uuid.UUID(int=1),
            visitor=uuid.UUID(int=2),
            previous=None,
            store="summit",
            version=1,
            version_sha256="0" * 64,
            at=NOW,
            action="save",
            grants=Grants.all(False),
            language="en",
            banner_sha256="0" * 64,
            regime_id="us-ca",
            regime_sha256="0" * 64,
            place=Place("US", "US-CA", "database"),
            gpc_header=False,
            gpc_property=False,
            device="phone",
            salt=b"",
        )

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("DE", "in Germany"),
            ("US", "in the United States"),
            ("US-CA", "in California"),
            ("NL", "in the Netherlands"),
            ("", "at an unknown place"),
            ("DE-BE", "in Germany"),
            ("US-ZZ", "in the United States"),
            ("XY", "at a place without a name (XY)"),
        ],
    )
    def test_a_place_in_a_sentence(self, code, expected):
        assert words.in_place(code) == expected

    @pytest.mark.parametrize(
        ("code", "name", "beside"),
        [
            ("DE", "Germany", ""),
            ("US-CA", "California", "United States"),
            ("DE-BE", "Germany", "DE-BE"),
            ("XY", "Place without a name", "XY"),
            ("", "Unknown place", ""),
        ],
    )
    def test_a_code_never_stands_for_a_name(self, code, name, beside):
        assert (words.place(code), words.beside_place(code)) == (name, beside)

    @pytest.mark.parametrize(
        ("action", "grants", "gpc", "expected"),
        [
            ("save", Grants(True, True, False), False, "preferences and analytics allowed"),
            ("save", Grants(True, False, False), False, "analytics and marketing not"),
            ("save", Grants(False, False, False), False, "saved a choice: nothing is allowed"),
            ("save", Grants(True, True, True), False, "saved a choice: everything is allowed"),
            ("close", Grants(False, False, False), False, "first layer: nothing is allowed"),
            ("gpc", Grants(True, True, False), True, "allowed, marketing not"),
        ],
    )
    def test_a_sentence_says_what_holds_and_not_who_wanted_it(
        self, record, action, grants, gpc, expected
    ):
        changes = {"action": action, "grants": grants, "gpc_header": gpc}
        told = words.did(msgspec.structs.replace(record, **changes))
        assert expected in told
        assert "refused" not in told

    def test_a_choice_saved_under_the_signal_says_that_it_was_sent(self, record):
        changes = {"action": "save", "grants": Grants(True, True, False)}
        for signal in ({"gpc_header": True}, {"gpc_property": True}):
            told = words.did(msgspec.structs.replace(record, **changes, **signal))
            assert told.endswith("and the browser sent the Global Privacy Control signal")

    @pytest.mark.parametrize(
        ("rate", "expected"),
        [((38, 100), "38 %"), ((1, 30), "3.3 %"), ((0, 30), "0 %"), ((3, 9), "–")],
    )
    def test_a_rate_in_words(self, rate, expected):
        assert words.percent(Rate(*rate)) == expected
