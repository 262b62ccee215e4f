"""``consent explain --all``: every place at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from consent.cli.explain import explain


def said(*arguments: str) -> str:
    done = CliRunner().invoke(explain, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def rows(*arguments: str) -> dict[str, dict[str, Any]]:
    found = json.loads(said("--all", "--json", *arguments))
    by_code = {row["code"]: row for row in found}
    assert len(by_code) == len(found)
    return by_code


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("DE", ["--country", "DE"]),
        ("US-OK", ["--country", "US", "--region", "OK"]),
        ("A1", ["--country", "A1"]),
    ],
)
def test_a_row_says_what_the_place_gets_by_itself(code: str, place: list[str]) -> None:
    day = ("--date", "2027-01-01", "--gpc")
    row = rows(*day)[code]
    alone = json.loads(said(*place, *day, "--json"))
    assert {key: row[key] for key in alone} == alone


def test_there_is_a_row_for_every_code_and_group_and_for_what_has_no_code() -> None:
    found = rows("--date", "2027-01-01")
    assert len(found) > 164
    assert found["US-OK"]["regime"] == "us-states"
    assert (found["*"]["regime"], found["null"]["regime"]) == ("unknown", "unknown")
    assert "for the country on that day" in found["*"]["why"]
    eea, us = found["@eea"], found["@us"]
    assert (eea["regime"], eea["accept_days"], len(eea["members"])) == ("eea", None, 30)
    assert (us["regime"], us["model"]) == (None, "opt-out")


def test_people_get_a_line_for_each() -> None:
    table = said("--all", "--date", "2026-11-30").splitlines()
    assert table[0].split() == [
        *("code", "place", "model", "regime", "gpc", "yes", "no", "unverified", "law")
    ]
    lines = {line.split()[0]: line for line in table}
    assert " notice " in lines["CL"]
    assert "Law 19.628" in lines["CL"]
    assert "30 places" in lines["@eea"]
    assert "differs" in lines["@eea"]


def test_what_counsel_has_to_check_is_a_list() -> None:
    found = rows("--unverified", "--date", "2026-11-23")
    doubts = {code: row["unverified"] for code, row in found.items()}
    assert "IT" not in doubts
    assert doubts["FR"] == ["own_statistics"]
    assert doubts["NC"] == ["treated_as", "own_statistics"]
    assert doubts["JE"] == ["law", "gpc", "ask_again"]
    assert not any(code.startswith("@") for code in doubts)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--all", "--country", "DE"),
        ("--all", "--region", "CA"),
        ("--country", "DE", "--unverified"),
        ("--all", "--date", "tomorrow"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(explain, arguments)
    assert done.exit_code == 2
    assert "expected" in done.output or "does not match" in done.output
