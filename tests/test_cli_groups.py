"""Rules, groups and versions on the command line, as whoever runs an agency's stores uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from consent.cli import consent as command

GROUP = """key = "outdoor"
name = "Outdoor shops"

[regions."*"]
layout = "box"
"""
LOOSE = """key = "outdoor"
name = "Outdoor shops"

[regions."US-OR"]
regime = "jp"
"""
STORE = """key = "{key}"
name = "{key}"
origins = ["https://{key}.example"]
group = "outdoor"

[[pixels]]
platform = "ga4"
id = "G-ABCDE12345"
"""


class Agency:
    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self._environ = {"CONSENT_DATABASE_URL": url, "CONSENT_SECRET_KEYS": "k" * 40}

    def run(self, *arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(command, arguments, env=self._environ, input=stdin)

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        done = self.run(*arguments, stdin=stdin)
        assert (done.exit_code, done.exception) == (0, None), done.output
        return done.output

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


@pytest.fixture
def agency(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Agency:
    monkeypatch.chdir(tmp_path)
    return Agency(tmp_path, sqlite_url)


def test_a_template_is_shown_applied_compared_and_taken_back(agency: Agency) -> None:
    agency("group", "import", agency.file("group.toml", GROUP))
    assert agency("group", "export", "outdoor") == GROUP
    for key in ("peak", "summit"):
        agency("store", "import", agency.file("store.toml", STORE.format(key=key)), "--publish")
    assert agency("store", "export", "peak") == STORE.format(key="peak")
    assert agency("group", "list") == "outdoor\tOutdoor shops\t2 stores\n"
    assert agency("group", "show", "outdoor").startswith("# 2 stores: peak, summit\n")
    agency("group", "import", agency.file("group.toml", GROUP.replace("box", "dialog")))
    sentence = "  Visitors from everywhere see a dialog; until then a box.\n"
    assert agency("group", "apply", "outdoor", "--dry-run") == (
        "2 would change: peak, summit\n" + sentence
    )
    assert sentence.strip() in agency("store", "diff", "peak")
    assert len(agency("store", "versions", "peak").splitlines()) == 1
    assert agency("group", "apply", "outdoor", "--store", "peak") == (
        "1 are published: peak\n" + sentence
    )
    (first, second) = json.loads(agency("store", "versions", "peak", "--json"))
    assert (first["number"], second["number"], first["group"]) == (2, 1, "outdoor")
    assert agency("store", "diff", "peak", "2", "1").startswith(
        "Visitors from everywhere see a box"
    )
    assert agency("store", "rollback", "peak", "1").startswith(
        "peak: version 3 is published with what 1 had"
    )
    assert agency("store", "diff", "peak", "1", "3") == "nothing differs\n"


def test_what_is_looser_waits_for_a_lawyer(agency: Agency) -> None:
    agency("group", "import", agency.file("group.toml", GROUP))
    agency("store", "import", agency.file("store.toml", STORE.format(key="peak")), "--publish")
    said = agency("group", "import", agency.file("group.toml", LOOSE))
    assert "note: group outdoor: regions.US-OR.regime: 'jp' is notice, looser than" in said
    refused = agency.run("group", "apply", "outdoor")
    assert refused.exit_code == 2
    assert "1 refused:\n  peak: group outdoor: regions.US-OR.regime" in refused.output
    agency("user", "add", "lex@a.example", "--role", "legal", "--password-stdin", stdin="p" * 12)
    reason = ("--by", "lex@a.example", "--reason", "A memo", "--until", "2199-01-01")
    agency("group", "allow", "outdoor", "US-OR", *reason)
    assert "peak\tgroup outdoor: regions.US-OR\tcoming" in agency("store", "looser")
    assert "as lex@a.example has allowed: A memo" in agency("group", "apply", "outdoor")
    (held,) = json.loads(agency("store", "looser", "--json"))
    assert (held["state"], held["by"], held["until"]) == ("in force", "lex@a.example", "2199-01-01")
    there = ("explain", "--country", "US", "--region", "OR", "--store", "peak", "--json")
    explained = json.loads(agency(*there))
    assert explained["looser"][0]["reason"] == "A memo"
    assert explained["rules"] == {"regime": "group outdoor: regions.US-OR"}
    unknown = agency.run("store", "allow", "peak", "US-OR", *reason)
    assert unknown.exit_code != 0
    assert "is no rule of store peak" in str(unknown.exception)
