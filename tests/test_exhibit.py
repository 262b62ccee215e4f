import base64
import hashlib
import json
import re

import msgspec
import pytest

from consent import exhibit
from consent.compose import Composer
from consent.exhibit import Law
from consent.model import Grants, Pixel, Place, Record, StoreConfig, Version
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts
from tests.test_ledger import START

OPT_IN = Law("EEA", "opt-in")
OPT_OUT = Law("California", "opt-out", ("opt-out-link",), gpc_overrides_choice=True)
HOSTILE = "</script><script>alert(1)</script>\u2028"


def a_record(**changes) -> Record:
    fields = {
        **{"seq": 1, "id": None, "visitor": None, "previous": None, "store": "summit"},
        **{"version": 1, "version_sha256": "", "at": START, "action": "save"},
        **{"grants": Grants.all(False), "language": "de", "banner_sha256": "", "regime_id": "eea"},
        **{"regime_sha256": "", "place": Place(), "gpc_header": False, "gpc_property": False},
        **{"device": "phone", "salt": b""},
    }
    return Record(**{**fields, **changes})


@pytest.fixture(scope="module")
def version() -> Version:
    config = StoreConfig("summit", "Summit", ("https://summit.example",), "https://s.example/p")
    config = msgspec.structs.replace(config, pixels=(Pixel("ga4", "G-ABCDE12345"),))
    return Version(1, 1, 1, "0" * 64, START, config, 1)


@pytest.fixture(scope="module")
def content(version) -> bytes:
    regions = Regions.load()
    composer = Composer(regions, Platforms.load(), Texts.load())
    place = Place("US", "US-CA", "header")
    resolution = regions.resolve(place, on=START.date())
    return composer.banner(version, resolution, "de").content


def drawn(content, law, layer, version, **record) -> tuple[dict, dict]:
    """What the page hands to the banner's code."""
    previous = record.pop("before", None)
    found = exhibit.page(
        content,
        law,
        layer,
        record=a_record(**record),
        previous=previous,
        version=version,
        entry="Cookies",
    )
    script = re.search(r"<script>(.*)</script>", found.html, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in found.policy
    assert "default-src 'none'" in found.policy
    arguments = script[script.index('({"') + 1 :]
    said, end = _json_at(arguments)
    shown, _ = _json_at(arguments[end + 1 :])
    return said, shown


def _json_at(text: str) -> tuple[dict, int]:
    return json.JSONDecoder().raw_decode(text)


def test_the_page_holds_the_whole_content_and_runs_that_script_alone(content, version):
    said, shown = drawn(content, OPT_IN, "second", version)
    assert said == msgspec.json.decode(content)
    assert (shown["layer"], shown["language"], shown["entry"]) == ("second", "de", "Cookies")


@pytest.mark.parametrize(("law", "layer"), [(OPT_IN, "banner"), (OPT_OUT, "notice")])
def test_the_law_says_which_first_layer_was_drawn(content, version, law, layer):
    assert drawn(content, law, "first", version)[1]["layer"] == layer


def test_the_switches_stand_as_before_the_choice(content, version):
    off = {"preferences": False, "analytics": False, "marketing": False}
    on = dict.fromkeys(off, True)
    assert drawn(content, OPT_IN, "second", version)[1]["grants"] == off
    assert drawn(content, OPT_OUT, "second", version)[1]["grants"] == on
    _, shown = drawn(content, OPT_OUT, "second", version, gpc_header=True)
    assert shown["locked"] == ["marketing"]
    assert shown["grants"] == {**on, "marketing": False}
    before = a_record(grants=Grants(True, False, False), refused=("ga4",))
    _, shown = drawn(content, OPT_IN, "second", version, before=before)
    assert shown["grants"] == {**off, "preferences": True}
    assert shown["refused"] == ["ga4"]


def test_no_content_leaves_the_script(content, version):
    said = {**msgspec.json.decode(content), "language": HOSTILE, "dir": HOSTILE, "region": HOSTILE}
    found = exhibit.page(
        msgspec.json.encode(said),
        msgspec.structs.replace(OPT_IN, name=HOSTILE),
        "first",
        record=a_record(),
        previous=None,
        version=None,
        entry=HOSTILE,
    )
    assert found.html.count("<script") == found.html.count("</script") == 1
    assert "\u2028" not in found.html.partition("<body>")[2]
