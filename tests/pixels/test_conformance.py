"""Every platform as its file says: each event and parameter, typed, once, in order, and no other.

All of it comes from ``snippets/``: a platform that is added is held to it without a line here. What
a library got is told by its stand-in, which takes the queue over as the vendor's own does.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from consent.model import Pixel
from consent.platforms import EVENTS
from consent.platforms.sending import ORDER, Sent, sent
from tests.pixels.shop import PLATFORMS, START, send

pytestmark = pytest.mark.browser

KEYS = sorted(PLATFORMS)
CUSTOM = "Size guide"
STRANGE = ["constructor", "__proto__", "a.b:c-d e", "x" * 60]
LIMITS = [
    (key, place)
    for key in KEYS
    for place in ("US", "US-CA", "US-TX")
    if place in PLATFORMS[key].limited_data
]


def pixel_of(key: str, **changes: Any) -> Pixel:
    """A pixel with a label for every event, where the platform has labels."""
    platform = PLATFORMS[key]
    labels = {}
    if platform.label_pattern and (platform.by_label or platform.no_custom):
        own = [event for event in EVENTS if event not in platform.events]
        labels = dict.fromkeys([CUSTOM] if platform.no_custom else own, platform.label_example)
    return Pixel(key, platform.id_example, labels=labels, **changes)


def expected(pixel: Pixel, event: str, said: dict[str, Any]) -> Sent | None:
    platform = PLATFORMS[pixel.platform]
    return sent(platform, event, said, event_id=f"id-{event}", labels=pixel.labels)


def same(found: str, wanted: str) -> bool:
    """Vendors' names as they are; Google's rule for custom ones makes other signs underscores."""
    return str(found) == str(wanted) or str(found) == wanted.replace(" ", "_")


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("wait", ["", "await libraries();"], ids=["before", "after"])
def test_each_event_arrives_once_in_order_with_every_parameter_that_the_file_names(shop, key, wait):
    pixel = pixel_of(key)
    events = [*EVENTS, CUSTOM]
    seen = shop([pixel], START + wait + "".join(send(event, ORDER) for event in events))
    wanted = [one for event in events if (one := expected(pixel, event, ORDER))]
    told = [hit for hit in seen.told if hit["id"] == pixel.id]
    assert len(told) == len(seen.told)
    assert [
        hit["event"] for hit in told if not any(same(hit["event"], w.event) for w in wanted)
    ] == []
    assert len(told) == len(wanted)
    for hit, want in zip(told, wanted, strict=True):
        assert same(hit["event"], want.event)
        assert {k: hit["data"].get(k) for k in want.data} == want.data, want.event
        assert {k: hit["options"].get(k) for k in want.options} == want.options, want.event
        # What else a pixel says is its own, and nothing of the page's.
        extra = {k: v for k, v in hit["data"].items() if k not in want.data}
        assert not {json.dumps(v) for v in extra.values()} & {
            json.dumps(v) for v in ORDER.values()
        }, extra


def test_an_event_without_parameters_carries_none(shop, key):
    pixel = pixel_of(key)
    seen = shop([pixel], START + "".join(send(event) for event in EVENTS))
    wanted = [one for event in EVENTS if (one := expected(pixel, event, {}))]
    assert len(seen.told) == len(wanted)
    names = {*PLATFORMS[key].parameters.values()} - {PLATFORMS[key].parameters.get("event_id")}
    assert [hit["data"] for hit in seen.told if names & set(hit["data"])] == []


def test_before_the_start_nothing_is_loaded_sent_or_stored(shop, key):
    seen = shop([pixel_of(key)], "")
    assert (seen.scripts, seen.hits, seen.cookies) == ([], [], set())


def test_a_started_pixel_sends_nothing_by_itself(shop, key):
    steps = "await libraries(); history.pushState({}, '', '/next'); document.body.click();"
    seen = shop([pixel_of(key)], START + steps)
    assert seen.hits == []
    assert len(seen.scripts) <= 1


def test_a_name_of_any_form_breaks_nothing(shop, key):
    seen = shop([pixel_of(key)], START + "".join(send(name, ORDER) for name in STRANGE))
    # One more where the library tells a page view of its own when it is brought.
    assert len(seen.told) <= len(STRANGE) + 1


def test_what_no_file_names_stays_in_the_page(shop, key):
    secret = {**ORDER, "email": "lena@example.com", "phone": "+49 30 123456"}
    seen = shop([pixel_of(key)], START + send("Purchase", secret) + send(CUSTOM, secret))
    assert "lena" not in str(seen.hits)
    assert "123456" not in str([hit["data"] for hit in seen.told])


def test_everything_that_is_stored_is_named_in_the_file(shop, key):
    steps = START + send("PageView") + send("Purchase", ORDER) + "await libraries();"
    steps += "return [Object.keys(localStorage), Object.keys(sessionStorage)];"
    seen = shop([pixel_of(key)], steps)
    kinds = {"cookie": seen.cookies, "local": seen.result[0], "session": seen.result[1]}
    for kind, names in kinds.items():
        known = [t.name for t in PLATFORMS.traces(pixel_of(key)) if t.kind == kind]
        exact = {name for name in known if not name.endswith("*")}
        prefixes = tuple(name[:-1] for name in known if name.endswith("*")) or ("\n",)
        assert [n for n in names if n not in exact and not n.startswith(prefixes)] == []


def test_withdrawn_nothing_is_sent_where_the_file_says_so_and_granted_again_it_goes_on(shop, key):
    if not PLATFORMS[key].consent.stops_sending:
        # The page is loaded anew: the pixel only has to take the call.
        seen = shop([pixel_of(key)], START + "await libraries(); pixels[0].revoke();")
        assert seen.hits == []
        return
    steps = START + send("PageView") + "await libraries(); const before = hits.length;"
    steps += "pixels[0].revoke();" + send("AddToCart", ORDER) + "const then = hits.length;"
    seen = shop(
        [pixel_of(key)],
        steps + "pixels[0].grant();" + send("Purchase", ORDER) + "return [before, then];",
    )
    before, then = seen.result
    assert before == then
    assert same(seen.told[-1]["event"], expected(pixel_of(key), "Purchase", ORDER).event)


def test_what_was_granted_and_taken_back_before_the_library_came_is_not_sent(shop, key):
    pixel = pixel_of(key)
    events = [event for event in EVENTS if event != "PageView"]
    steps = "".join(send(event, ORDER) for event in ["PageView", *events])
    seen = shop([pixel], START + steps + "pixels[0].revoke(); await libraries();")
    if PLATFORMS[key].consent.stops_sending:
        assert seen.told == []
    # Elsewhere the page is loaded anew; until then a library may say by itself that it is there.
    wanted = {one.event for event in events if (one := expected(pixel, event, ORDER))}
    assert [hit["event"] for hit in seen.told if hit["event"] in wanted] == []


def test_a_page_that_withdrew_and_granted_again_is_not_held_back(shop, key):
    steps = START + "await libraries(); pixels[0].revoke(); pixels[0].grant();"
    seen = shop([pixel_of(key)], steps + send("PageView") + send("Purchase", ORDER))
    wanted = [expected(pixel_of(key), "PageView", {}), expected(pixel_of(key), "Purchase", ORDER)]
    assert len(seen.told) == len([one for one in wanted if one])


@pytest.mark.parametrize(("key", "place"), LIMITS)
def test_the_limited_mode_is_said_where_the_place_has_one(shop, key, place):
    pixel = pixel_of(key, opt_out="limit")
    limit = PLATFORMS.limit(key, place)
    steps = START + send("PageView") + send("Purchase", ORDER)
    plain = shop([pixel], steps)
    limited = shop([pixel], steps, limits={0: limit})
    assert len(limited.hits) == len(plain.hits) > 0

    def shape(seen):
        return [
            (hit.params, told["options"]) for hit, told in zip(seen.hits, seen.told, strict=True)
        ]

    assert shape(limited)[-1] != shape(plain)[-1]
