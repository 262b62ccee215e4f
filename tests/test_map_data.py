"""The outlines of the admin's map: every place once, in paths that a browser can draw."""

import json
import re

import pytest

from consent import data
from consent.regions import Regions
from consent.web.admin import words, worldmap

FILE = data.folder("data") / "map.json"
VIEWS = json.loads(FILE.read_text(encoding="utf-8"))
PATH = re.compile(r"(?:M-?\d+ -?\d+l-?\d+(?:[ -]\d+| -\d+)*z)+")


def test_it_is_small_enough_to_stand_in_a_page():
    assert FILE.stat().st_size < 150_000
    assert set(VIEWS) == set(worldmap.VIEWS)


@pytest.mark.parametrize("view", VIEWS)
def test_every_outline_is_of_a_place_and_can_be_drawn(view):
    drawn = VIEWS[view]
    for code, path in drawn["outlines"].items():
        assert words.is_place(code), code
        assert PATH.fullmatch(path), code
    for code, (x, y) in {**drawn["dots"], **drawn["labels"]}.items():
        assert words.is_place(code), code
        assert 0 <= x <= drawn["width"], code
        assert 0 <= y <= drawn["height"], code


def test_the_world_has_every_place_whose_law_differs():
    drawn = set(VIEWS["world"]["outlines"]) | set(VIEWS["world"]["dots"])
    regions = Regions.load()
    assert drawn >= set(words.subdivisions())
    assert drawn >= {code for code in regions.groups["eea"] if "-" not in code}
    # Their parts are drawn in place of the two, and the others are too far from any shop.
    assert drawn.isdisjoint({"US", "CA", "AQ"})


@pytest.mark.parametrize("code", ["MT", "LI", "MC", "SM", "GI", "AD", "BB", "GP", "RE", "TV"])
def test_what_is_too_small_to_be_hit_is_a_dot(code):
    assert code in VIEWS["world"]["dots"]


def test_a_place_with_a_sign_leads_to_its_page_from_the_sign_too():
    mark = worldmap.Mark("opt-in", "looser", "Malta <b>", "/admin/regions/MT?store=a&b")
    drawn = str(worldmap.svg("world", {"MT": mark}))
    assert drawn.count('href="/admin/regions/MT?store=a&amp;b"') == 3
    assert drawn.count("Malta &lt;b&gt;") == 3
    assert 'class="looser"' in drawn
