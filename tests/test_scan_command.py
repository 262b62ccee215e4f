"""``consent scan`` as people and CI use it: files, pages, sitemaps, exit codes, JSON."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from consent.cli import main
from consent.compose import Composer
from consent.platforms import Platforms
from consent.regions import Regions
from consent.scan.findings import Finding
from consent.texts import Texts
from tests.pasted import META
from tests.test_cli import STORE, Shell

SNIPPET = Composer(Regions.load(), Platforms.load(), Texts.load()).snippet(
    "summit", "https://gate.example"
)
CLEAN = f"<html><head>{SNIPPET}</head><body>hello</body></html>"
DIRTY = f"<html><head>{SNIPPET}{META}</head><body>hello</body></html>"


class Done(NamedTuple):
    code: int
    out: str
    said: str


Run = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in Shell(tmp_path).environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store.toml").write_text(STORE, encoding="utf-8")
    (tmp_path / "clean.html").write_text(CLEAN, encoding="utf-8")
    (tmp_path / "dirty.html").write_text(DIRTY, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_file_is_clean_or_not(run):
    clean = run("scan", "clean.html")
    assert (clean.code, clean.said) == (0, "")
    assert clean.out.endswith("1 page: 0 errors, 0 warnings, 0 notes\n")
    dirty = run("scan", "dirty.html")
    assert dirty.code == 1
    assert "Meta Pixel 123456789012345 fires before anybody is asked" in dirty.out
    assert "-> remove these lines; register it as platform meta" in dirty.out
    assert "(lines 2 to 13)" in dirty.out


def test_what_a_page_holds_does_not_steer_a_terminal(run, folder):
    held = SNIPPET.replace(
        "<script", "<script src='https://a.example/\x1b[31m\x07'></script><script"
    )
    (folder / "odd.html").write_text(f"<head>{held}", encoding="utf-8")
    done = run("scan", "odd.html")
    assert "a.example" in done.out
    assert "\x1b" not in done.out + done.said
    assert "\x07" not in done.out + done.said


def test_with_a_store_it_says_what_takes_the_place(run, sqlite_url):
    assert run("store", "import", "store.toml", "--publish").code == 0
    done = run("scan", "dirty.html", "--store", "summit", "--json")
    assert done.code == 1
    content = json.loads(done.out)
    assert set(content) == {"pages", "errors", "warnings", "notes"}
    (page,) = content["pages"]
    assert (page["page"], page["error"]) == ("dirty.html", "")
    assert all(set(one) == set(Finding.__struct_fields__) for one in page["findings"])
    assert page["findings"][0]["replaced_by"] == "meta 123456789012345"
    assert content["errors"] == len(page["findings"]) == 2
    unknown = run("scan", "clean.html", "--store", "harbor")
    assert (unknown.code, unknown.out) == (2, "")


def test_a_code_host_gets_each_finding_at_its_line(run):
    done = run("scan", "dirty.html", "--sarif")
    assert done.code == 1
    (one,) = json.loads(done.out)["runs"]
    assert one["tool"]["driver"]["rules"] == [{"id": "pasted-pixel"}]
    first = one["results"][0]
    assert (first["ruleId"], first["level"]) == ("pasted-pixel", "error")
    assert "fires before anybody is asked; remove these lines" in first["message"]["text"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "dirty.html"}
    assert (place["region"]["startLine"], place["region"]["endLine"]) == (2, 13)
    assert json.loads(run("scan", "clean.html", "--sarif").out)["runs"][0]["results"] == []
    both = run("scan", "clean.html", "--sarif", "--json")
    assert (both.code, both.out) == (2, "")


def test_a_page_on_this_machine_is_asked_only_where_the_operator_says_so(run, folder, monkeypatch):
    with served(folder) as here:
        refused = run("scan", f"{here}/clean.html")
        assert refused.code == 2
        assert "expected 80 or 443" in refused.said
        monkeypatch.setenv("CONSENT_SCAN_PRIVATE", "true")
        assert run("scan", f"{here}/clean.html").code == 0


def test_the_pages_of_a_sitemap_are_looked_at_one_by_one(run, folder, monkeypatch):
    monkeypatch.setenv("CONSENT_SCAN_PRIVATE", "true")
    with served(folder) as here:
        places = [f"{here}/clean.html", "https://elsewhere.example/", f"{here}/gone.html"]
        urls = "".join(f"<url><loc>{one}</loc></url>" for one in places)
        sitemap = f'<?xml version="1.0"?><urlset>{urls}</urlset>'
        (folder / "sitemap.xml").write_text(sitemap, encoding="utf-8")
        done = run("scan", f"{here}/sitemap.xml", "--json")
        assert done.code == 2
        clean, gone = json.loads(done.out)["pages"]
        assert clean == {"page": places[0], "error": "", "findings": []}
        assert "with status 404" in gone["error"]
        first = run("scan", f"{here}/sitemap.xml", "--limit", "1")
        assert (first.code, first.out.count("nothing found")) == (0, 1)


@pytest.mark.parametrize("target", ["gone.html", ".", "ftp://summit.example/"])
def test_what_cannot_be_looked_at_is_an_error_in_one_line(run, target):
    done = run("scan", target)
    assert (done.code, done.said.count("\n"), done.out) == (2, 1, "")
    assert "expected" in done.said


def test_a_database_that_does_not_answer_is_no_finding(run):
    assert run("scan", "clean.html", "--store", "summit").code == 2
