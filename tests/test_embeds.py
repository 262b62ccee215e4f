from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from consent import data
from consent.compose import Composer
from consent.embeds import Embed, Embeds
from consent.errors import DataErrors
from consent.model import CHOOSABLE, Place, StoreConfig, Version
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts

EMBEDS = Embeds.load()
GOOD = """
[example]
name = "Example"
vendor = "Example Ltd"
privacy_url = "https://example.com/privacy"
hosts = ["player.example.com", "*.example.org", "www.example.net/maps"]
source = "https://example.com/docs"
reviewed = 2026-01-01
unverified = ["privacy_url", "hosts.player.example.com"]
"""


BERLIN = Regions.load().resolve(Place("DE"), on=dt.date(2026, 11, 1))


def faults_of(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "snippets" / "embeds.toml"
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataErrors) as caught:
        Embeds.load(file)
    return [str(fault) for fault in caught.value.faults]


def version(**changes: Any) -> Version:
    config = StoreConfig("summit", "Summit", ("https://summit.example",), **changes)
    return Version(1, 1, 1, "0" * 64, dt.datetime(2026, 11, 1, tzinfo=dt.UTC), config, 1)


def told(composer: Composer, language: str = "en", **changes: Any) -> dict[str, Any]:
    """What ``content.js`` is told: the object after the function, its names in quotes again."""
    script = composer.content(version(**changes), BERLIN, language)
    assert script.startswith("pixelgate('part',")
    quoted = re.sub(r'(?<=[{,])(\w+):(?=["{\[])', r'"\1":', script[:-1])
    said: dict[str, object] = json.loads(quoted[quoted.rindex(',{"always":') + 1 :])
    return said


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(Regions.load(), Platforms.load(), Texts.load(), EMBEDS)


def test_the_vendors_that_shops_embed_most_are_known() -> None:
    names = {embed.name for embed in EMBEDS}
    assert names >= {"YouTube", "Vimeo", "Google Maps", "OpenStreetMap", "Spotify", "SoundCloud"}
    assert names >= {"Instagram", "Facebook", "X", "TikTok", "Calendly", "Typeform"}


def test_no_host_belongs_to_two_vendors_and_no_path_to_the_host_of_another() -> None:
    hosts = [host for embed in EMBEDS for host in embed.hosts]
    assert len(hosts) == len(set(hosts))
    whole = {host for host in hosts if "/" not in host}
    assert {host.partition("/")[0] for host in hosts if "/" in host} & whole == set()


@pytest.mark.parametrize("embed", EMBEDS, ids=lambda embed: embed.name)
def test_what_no_source_of_the_vendors_says_is_marked(embed: Embed) -> None:
    """A policy on another site than the source is either a platform's too, or marked."""
    known = {platform.privacy_url for platform in Platforms.load().values()}
    site = ".".join((urlsplit(embed.source).hostname or "").split(".")[-2:])
    same = (urlsplit(embed.privacy_url).hostname or "").endswith(site)
    assert same or embed.privacy_url in known or "privacy_url" in embed.unverified


def test_a_good_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "embeds.toml"
    file.write_text(GOOD, encoding="utf-8")
    (embed,) = Embeds.load(file)
    assert (embed.name, embed.vendor) == ("Example", "Example Ltd")
    assert embed.hosts == ("player.example.com", "*.example.org", "www.example.net/maps")


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ('name = "Example"\n', "", "example.name: missing; expected a text"),
        ("[example]", "[Exa_mple]", "Exa_mple: is no key; expected small letters, digits and"),
        ("https://example.com/docs", "http://example.com", "example.source: 'http://example.com'"),
        ("https://example.com/privacy", "javascript:alert(1)", "example.privacy_url: 'javascript:"),
        ("player.example.com", "https://player.example.com", "example.hosts: 'https://player"),
        ("*.example.org", "*.*.example.org", "example.hosts: '*.*.example.org' is no host"),
        ("www.example.net/maps", "www.example.net/maps/", "example.hosts: 'www.example.net/maps/'"),
        ('"privacy_url", "hosts', '"policy", "hosts', "example.unverified: 'policy' is no fact"),
        ("reviewed = 2026-01-01", 'reviewed = "soon"', "example.reviewed: found 'soon'; expected"),
    ],
)
def test_a_fault_is_named_with_its_key(tmp_path: Path, good: str, bad: str, fault: str) -> None:
    assert good in GOOD
    assert any(
        said.startswith(f"snippets/embeds.toml: {fault}")
        for said in faults_of(tmp_path, GOOD.replace(good, bad))
    )


def test_every_fault_comes_at_once(tmp_path: Path) -> None:
    twice = GOOD + GOOD.replace("[example]", "[other]").replace('"*.example.org", ', "")
    empty = GOOD.replace("[example]", "[third]")
    empty = re.sub(r"hosts = \[.*\]", "hosts = []", empty).replace(', "hosts.player', ', "hosts.x')
    said = faults_of(tmp_path, twice + empty)
    assert said == [
        "snippets/embeds.toml: other.hosts: 'player.example.com' is also in example; expected it "
        "once",
        "snippets/embeds.toml: other.hosts: 'www.example.net/maps' is also in example; expected it "
        "once",
        "snippets/embeds.toml: third.hosts: is empty; expected at least one host",
        "snippets/embeds.toml: third.unverified: 'hosts.x.example.com' is no fact of this table; "
        "expected a key of it",
    ]


def test_every_key_of_the_file_is_explained() -> None:
    text = (data.folder("snippets") / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## Embedded content") :]
    assert {key for key in Embed.__struct_fields__ if f"`{key}`" not in section} == set()


@pytest.mark.parametrize("language", Texts.load().languages)
def test_the_placeholder_speaks_every_language(composer: Composer, language: str) -> None:
    said = told(composer, language)
    assert set(said) == {
        *("title", "text", "once", "always", "always_note"),
        *("policy", "waiting", "purposes", "embeds"),
    }
    assert "{vendor}" in str(said["title"])
    assert {"{vendor}", "{host}"} <= set(re.findall(r"\{\w+\}", str(said["text"])))
    assert "{purpose}" in str(said["always_note"])
    assert list(dict(said["purposes"])) == sorted(CHOOSABLE)


def test_the_placeholder_knows_the_vendors_and_takes_the_stores_own_words(
    composer: Composer,
) -> None:
    said = told(composer, texts={"en": {"content.once": "Just this time"}})
    assert said["once"] == "Just this time"
    maps = ["Google Maps", "Google", "https://policies.google.com/privacy"]
    assert [*maps, ["www.google.com/maps", "maps.google.com"]] in said["embeds"]  # type: ignore[operator]


def test_a_composer_that_was_told_of_no_vendors_still_answers() -> None:
    bare = Composer(Regions.load(), Platforms.load(), Texts.load())
    assert told(bare)["embeds"] == []


def test_a_text_cannot_leave_the_script(composer: Composer) -> None:
    hostile = {"en": {"content.once": "</script><script>alert(1)//\u2028"}}
    script = composer.content(version(texts=hostile), BERLIN, "en")
    assert "</script" not in script
    assert "\u2028" not in script
