import csv
import io
import zipfile

import msgspec
import pytest
from click.testing import CliRunner

from consent import evidence
from consent.cli import consent
from consent.pack import pictures
from tests.web.admin.stage import soup


def exported(client, query: str = "", **headers) -> list[dict]:
    answer = client.get(f"/admin/ledger/export?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    if "format=jsonl" in query:
        return [msgspec.json.decode(line) for line in answer.text.splitlines()]
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


class TestExport:
    def test_the_page_offers_what_it_shows(self, editor):
        client = editor("lex@example.com")
        page = soup(client.get("/admin/ledger?choice=none&store=summit"))
        total = int(page.find(id="found").text.split()[0])
        links = [link["href"] for link in page.select(".handout a")][:2]
        rows = [exported(client, link.partition("?")[2]) for link in links]
        assert [len(each) for each in rows] == [total, total]
        assert {row["marketing"] for row in rows[0]} == {"false"}
        assert {row["store"] for row in rows[1]} == {"summit"}

    def test_it_is_noted_with_who_and_how_much_before_it_goes(self, editor):
        client = editor("lex@example.com")
        exported(client, "place=DE&format=jsonl&after=7")
        (act,) = soup(client.get("/admin/activity?what=export")).select("tbody tr")
        for said in ("lex@example.com", "Exported records", "place: DE", "after: 7", "jsonl"):
            assert said in act.text

    def test_it_is_compressed_for_who_takes_that_and_named_by_its_end(self, signed_in):
        client = signed_in("lex@example.com")
        for accepted, sent in (("gzip", "gzip"), ("identity", None)):
            headers = {"accept-encoding": accepted}
            answer = client.get("/admin/ledger/export?store=summit", headers=headers)
            assert answer.headers.get("content-encoding") == sent
            assert len(answer.text.splitlines()) == 122
        assert 'filename="ledger-summit-to-seq-133.csv"' in answer.headers["content-disposition"]
        assert answer.headers["cache-control"] == "no-store"

    def test_a_store_bound_user_gets_the_own_records_alone(self, signed_in):
        client = signed_in("lex@summit.example")
        for query in ("format=jsonl", "format=jsonl&store=summit"):
            assert {row["store"] for row in exported(client, query)} == {"summit"}
        for key in ("harbor", "hrabor"):
            assert client.get(f"/admin/ledger/export?store={key}").status_code == 404

    @pytest.mark.parametrize(
        ("query", "status"),
        [("store=a%00b", 422), ("store=x%0D%0Ax-more:1", 404), ("store=%F0%9F%98%80", 404)],
    )
    def test_no_name_of_a_store_gets_into_headers_or_the_activity(self, editor, query, status):
        client = editor("lex@example.com")
        assert client.get(f"/admin/ledger/export?{query}").status_code == status
        assert client.get(f"/admin/ledger/evidence?{query}").status_code == status
        page = soup(client.get("/admin/activity?what=export"))
        assert not page.select("tbody tr")

    @pytest.mark.parametrize("email", ["mia@example.com", "mia@summit.example"])
    def test_marketers_get_nothing(self, signed_in, email):
        assert signed_in(email).get("/admin/ledger/export").status_code == 403

    @pytest.mark.parametrize("query", ["format=xls", "after=-1", "after=x", "place=ZZZZ"])
    def test_an_address_that_cannot_be_read_is_refused(self, editor, query):
        client = editor("lex@example.com")
        assert client.get(f"/admin/ledger/export?{query}").status_code == 400
        assert not soup(client.get("/admin/activity")).find("table")


class TestCommand:
    @pytest.fixture
    def run(self, story, tmp_path, monkeypatch, editor):
        client = editor("owner@example.com")
        monkeypatch.setenv("CONSENT_DATABASE_URL", client.app.services.settings.database_url)
        monkeypatch.chdir(tmp_path)

        def run_(*arguments: str):
            return CliRunner().invoke(consent, ["ledger", "export", *arguments])

        return run_

    @pytest.mark.parametrize("format_", ["csv", "jsonl"])
    def test_a_file_cut_off_in_a_line_is_made_whole(self, run, tmp_path, format_):
        file = tmp_path / "out"
        result = run("--format", format_, "--store", "summit", "-o", str(file))
        assert result.exit_code == 0, result.output
        whole = file.read_bytes()
        assert "121 records up to seq 133" in result.stderr
        for cut in (len(whole) // 2, len(whole) - 1, len(whole)):
            file.write_bytes(whole[:cut])
            result = run("--format", format_, "--store", "summit", "-o", str(file), "--resume")
            assert result.exit_code == 0, result.output
            assert file.read_bytes() == whole

    def test_what_cannot_be_done_is_told_and_nothing_is_written(self, run, tmp_path):
        (tmp_path / "other").write_text("hello\n")
        for arguments, told in (
            (["--store", "nowhere"], "--store: 'nowhere' is not known"),
            (["--since", "yesterday"], "--since: 'yesterday'; expected one such as 2026-11-23"),
            (["--resume"], "--resume: without a plain --output"),
            (["--resume", "-o", "other"], "does not end like an export in jsonl"),
        ):
            result = run(*arguments)
            assert result.exit_code != 0
            assert told in f"{result.output}{result.exception}"
            assert result.stdout in ("", result.output)

    def test_a_day_and_a_zone_narrow_it(self, run):
        all_ = run("--since", "2026-11-20").stdout.splitlines()
        some = run("--since", "2026-11-23T18:00+01:00", "--until", "2026-11-24").stdout.splitlines()
        assert 0 < len(some) < len(all_)
        assert all(msgspec.json.decode(line)["at"] >= "2026-11-23T17:00" for line in some)


class TestEvidence:
    def zip_of(self, answer) -> zipfile.ZipFile:
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/zip"
        return zipfile.ZipFile(io.BytesIO(answer.content))

    @pytest.fixture(autouse=True)
    def no_pictures(self, monkeypatch):
        monkeypatch.setattr(pictures, "browser", lambda: None)

    def test_the_buttons_give_packs_and_it_is_noted_who_took_them(self, editor, story):
        client = editor("lex@example.com")
        id_ = story.summit[0]
        page = soup(client.get(f"/admin/ledger/{id_}"))
        link = page.find("a", href=f"/admin/ledger/{id_}/evidence")["href"]
        assert str(id_).encode() in self.zip_of(client.get(link)).read("records.jsonl")
        history = page.find("a", string="What changed from one to the next")["href"]
        button = soup(client.get(history)).find("a", href=f"{history}/evidence")["href"]
        assert self.zip_of(client.get(button)).read("records.jsonl")
        listed = soup(client.get("/admin/ledger?store=harbor")).select(".handout a")[-1]["href"]
        lines = self.zip_of(client.get(listed)).read("records.jsonl").splitlines()
        assert len(lines) == 12
        acts = soup(client.get("/admin/activity?what=evidence")).select("tbody tr")
        assert len(acts) == 3
        assert all("lex@example.com" in act.text for act in acts)
        assert "records: 12" in acts[0].text

    def test_a_store_bound_user_gets_no_other_store_s(self, editor, story):
        client = editor("lex@summit.example")
        for path in (
            f"/admin/ledger/{story.harbor[0]}/evidence",
            f"/admin/ledger/{story.harbor[0]}/receipt",
            f"/admin/ledger/{story.harbor[0]}/shown",
            "/admin/ledger/evidence?store=harbor",
            "/admin/ledger/visitors/x/evidence",
        ):
            assert client.get(path).status_code == 404, path
        visitor = soup(editor("lex@example.com").get(f"/admin/ledger/{story.harbor[0]}")).find(
            "a", string="What changed from one to the next"
        )["href"]
        client = editor("lex@summit.example")
        assert client.get(f"{visitor}/evidence").status_code == 404
        own = self.zip_of(client.get("/admin/ledger/evidence"))
        stores = {msgspec.json.decode(line)["store"] for line in own.open("records.jsonl")}
        assert stores == {"summit"}

    def test_a_sealed_decision_has_a_receipt_file(self, editor, story):
        client = editor("lex@example.com")
        path = f"/admin/ledger/{story.summit[0]}"
        client.portal.call(client.app.services.sealer.seal_all)
        page = soup(client.get(path))
        assert "Entry 0 of the log" in page.find(id="receipt").find_next("dl").text
        link = page.find("a", href=f"{path}/receipt")["href"]
        file = evidence.read(client.get(link).content)
        assert file.record["id"] == str(story.summit[0])

    @pytest.mark.parametrize("email", ["mia@example.com", "mia@summit.example"])
    def test_marketers_get_nothing(self, signed_in, story, email):
        client = signed_in(email)
        for path in ("evidence", f"{story.summit[0]}/evidence", f"{story.summit[0]}/receipt"):
            assert client.get(f"/admin/ledger/{path}").status_code == 403
