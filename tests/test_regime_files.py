"""What can be wrong with a regime file, and how it is said."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from consent import data
from consent.errors import DataErrors
from consent.model import Place
from consent.regions import Regions

TODAY = dt.date(2026, 11, 23)
REGIONS = Regions.load()


def at(code: str) -> Place:
    country, dash, _ = code.partition("-")
    return Place(country, code if dash else None, "header")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = tmp_path / "regimes"
    shutil.copytree(data.folder("regimes"), copied)
    return copied


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(DataErrors) as caught:
        Regions.load(folder)
    return [str(fault) for fault in caught.value.faults]


def test_a_change_in_a_file_is_all_it_takes(folder: Path) -> None:
    edit(folder / "ch.toml", 'model = "opt-in"', 'model = "opt-out"')
    edit(folder / "us-states.toml", "from = 2027-05-01", "from = 2026-11-01")
    shutil.copy(folder / "jp.toml", folder / "pe.toml")
    edit(folder / "pe.toml", 'applies_to = ["JP"]', 'applies_to = ["PE"]')
    edit(folder / "pe.toml", '[places.JP]\nname = "Japan"', '[places.PE]\nname = "Peru"')
    changed = Regions.load(folder)
    assert changed.resolve(at("CH"), on=TODAY).regime.model == "opt-out"
    assert changed.resolve(at("US-AL"), on=TODAY).regime.id == "us-states"
    assert changed.resolve(at("PE-LIM"), on=TODAY).why.startswith("PE-LIM: Peru asks for")


def test_two_files_that_claim_one_place_and_day_are_both_named(folder: Path) -> None:
    edit(folder / "jp.toml", 'applies_to = ["JP"]', 'applies_to = ["JP", "BR", "@eu"]')
    faults = faults_of(folder)
    assert (
        "regimes/jp.toml: applies_to: BR is claimed by br.toml and jp.toml from 2023-06-16;"
        " expected one file for a place and a day" in faults
    )
    assert sum("eea.toml and jp.toml" in fault for fault in faults) == 27


def test_two_files_may_share_a_place_on_different_days(folder: Path) -> None:
    edit(folder / "jp.toml", 'applies_to = ["JP"]', 'applies_to = ["JP", "BR"]')
    edit(folder / "jp.toml", "from = 2023-06-16", "from = 2027-06-16")
    edit(folder / "br.toml", "from = 2020-09-18", "from = 2020-09-18\nuntil = 2027-06-16")
    both = Regions.load(folder)
    assert both.resolve(at("BR"), on=dt.date(2027, 6, 15)).regime.id == "br"
    assert both.resolve(at("BR"), on=dt.date(2027, 6, 16)).regime.id == "jp"


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (
            "jp",
            'model = "notice"',
            'model = "opt-maybe"',
            "model: found 'opt-maybe'; expected one of",
        ),
        ("jp", '"notice", "withdraw-link"', '"nag"', "banner.duties[0]: found 'nag'; expected one"),
        ("jp", "refuse_days = 366", "refuse_days = 0", "ask_again.refuse_days: 0; expected 1 to"),
        ("jp", "reviewed = ", "rewiewed = ", "rewiewed: unknown, perhaps reviewed"),
        ("jp", 'source = "https', 'source = "http', "source: 'http://"),
        ("jp", "from = 2023-06-16", "from = 2023-06-16\nuntil = 2023-06-16", "places.JP: until is"),
        ("jp", "{place}", "{country}", "why: found {country}; expected {place}"),
        ("jp", "{place}", "{place", "why: "),
        ("jp", "[places.JP]", "[places.KR]", "places.KR: is not in applies_to"),
        ("jp", '["JP"]', '["Japan"]', "applies_to: 'Japan' is no place"),
        ("jp", '["JP"]', '["EU"]', "applies_to: 'EU' is no place"),
        (
            "jp",
            '["JP"]',
            '["@asia"]',
            "applies_to: no group '@asia'; known are @ca, @eea, @eu",
        ),
        ("jp", '["JP"]', '["JP", "US-XX"]', "applies_to: US-XX: no state or province of US; exp"),
        ("jp", '["JP"]', '["JP", "DE-BE"]', "applies_to: DE-BE: a part of DE; expected DE, as"),
        ("jp", '["JP"]', "[]", "applies_to: is empty"),
        ("jp", 'name = "Japan (', "name = Japan (", "is not TOML"),
        (
            "br",
            "google_advanced = false",
            "google_advanced = true",
            "google_advanced: true with model opt-in; expected false",
        ),
        ("jp", "google_advanced = true", "google_advanced = 1", "google_advanced: found 1"),
        ("unknown", '["*"]', '["AQ"]', 'no file has "*" in applies_to'),
        ("unknown", '["*"]', '["*"]\nfrom = 2020-01-01', "from or until in the file with *"),
        ("groups", '"IS"', '"Iceland"', "groups.eea: 'Iceland' is no place"),
        ("groups", '"@eu"', '"@ue"', "groups.eea: no group '@ue'"),
        ("groups", 'as = "FR"', 'as = "France"', "treated_as.GP.as: 'France'"),
        ("zones", "US-OK", "DE-BE", "zones.DE-BE: a part of DE; expected DE, as only US and CA"),
        ("zones", "US-OK", "Tulsa", "zones.Tulsa: 'Tulsa' is no place; expected a code"),
        ("zones", "/Chicago", "/Tulsa", "zones.US-AL: 'America/Tulsa' is no time zone; expected"),
        ("zones", "America/Chicago", "../../etc/passwd", "zones.US-AL: '../../etc/passwd' is no"),
        ("zones", '["America/Chicago"]', "[]", "zones.US-AL: is empty; expected at least one"),
    ],
)
def test_a_fault_is_named_by_file_and_key(
    folder: Path, file: str, old: str, new: str, fault: str
) -> None:
    edit(folder / f"{file}.toml", old, new)
    assert any(fault in found for found in faults_of(folder)), faults_of(folder)


def test_all_faults_come_at_once(folder: Path) -> None:
    edit(folder / "jp.toml", '["JP"]', '["Japan"]')
    edit(folder / "br.toml", "https://", "ftp://")
    assert [fault.split(":")[0] for fault in faults_of(folder)] == [
        "regimes/br.toml",
        "regimes/jp.toml",
        "regimes/jp.toml",
    ]


def test_the_readme_explains_every_key_and_duty() -> None:
    folder = data.folder("regimes")
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for id_ in REGIONS.ids:
        values = data.read_toml(folder / f"{id_}.toml")
        tables = [values, values["gpc"], values["banner"], values["ask_again"]]
        tables += list(values.get("places", {}).values())
        for key in {key for table in tables for key in table} - {"places", "banner", "gpc"}:
            assert f"`{key}`" in readme or f"] {key}`" in readme or f"[{key}]" in readme, key
        for duty in REGIONS.regime(id_, Place(), on=TODAY).duties:
            assert f"`{duty}`" in readme, duty


def test_pings_after_a_refusal_are_allowed_by_the_file_and_by_none_that_asks_first(
    folder: Path,
) -> None:
    allowing = {
        id_ for id_ in REGIONS.ids if REGIONS.regime(id_, Place(), on=TODAY).google_advanced
    }
    assert allowing == {"us-ca", "us-states", "us-other", "jp"}
    edit(folder / "jp.toml", "google_advanced = true\n", "")
    strict = Regions.load(folder).resolve(at("JP"), on=TODAY).regime
    loose = REGIONS.resolve(at("JP"), on=TODAY).regime
    assert not strict.google_advanced
    assert strict.sha256 != loose.sha256
