"""What pages tell of the reach of their events, and what is made of what they should not tell."""

import json
from collections import Counter

import pytest

from consent.model import Pixel, StoreConfig
from tests.web.shop import FROM_SHOP, ORIGIN, published, refused

SHOP = StoreConfig(
    key="harbor",
    name="Harbor",
    origins=(ORIGIN,),
    pixels=(
        Pixel("meta", "123456789012345"),
        Pixel("gtm", "GTM-ABC1234"),
        Pixel("criteo", "12345"),
    ),
    coverage=True,
)
BOUGHT = {
    "name": "Purchase",
    "value": 20.5,
    "currency": "EUR",
    "reached": {"meta": "sent", "criteo": "declined"},
}


@pytest.fixture
def told(client, now, monkeypatch):
    """Posts events as a page does; gives the answer and what was added for it so far."""
    published(client.app.services.settings.database_url, now, SHOP)
    assert client.portal is not None
    client.portal.call(client.app.services.published.refresh)
    folder, added = client.app.services.coverage, Counter()
    add = folder.add

    def adding(key, n=1):
        added[key.platform, key.event, key.reached, key.currency] += n
        add(key, n)

    monkeypatch.setattr(folder, "add", adding)

    def tell(*events, headers=FROM_SHOP, version=1):
        content = json.dumps({"version": version, "events": events}).encode()
        return client.post("/s/harbor/coverage", content=content, headers=headers), added

    return tell


def test_a_purchase_is_counted_for_each_platform_with_its_worth(told):
    answer, added = told(BOUGHT)
    assert answer.status_code == 204
    assert added == {
        ("meta", "Purchase", "sent", ""): 1,
        ("meta", "Purchase", "sent", "EUR"): 20_500,
        ("criteo", "Purchase", "declined", ""): 1,
        ("criteo", "Purchase", "declined", "EUR"): 20_500,
    }


def test_what_a_crawler_tracks_is_left_out(told):
    answer, added = told(BOUGHT, headers={**FROM_SHOP, "User-Agent": "Googlebot/2.1"})
    assert (answer.status_code, added) == (204, {})


def test_a_platform_that_has_no_use_for_an_event_has_lost_nothing(told):
    reached = {"meta": "declined", "criteo": "declined"}
    _, added = told({"name": "Lead", "reached": reached})
    assert set(added) == {("meta", "Lead", "declined", "")}


def test_names_that_a_shop_has_made_up_are_one(told):
    _, added = told(*({"name": f"x{n}", "reached": {"meta": "sent"}} for n in range(3)))
    assert added == {("meta", "custom", "sent", ""): 3}


def test_what_is_no_pixel_of_the_version_is_left_out(told):
    _, added = told({"name": "PageView", "reached": {"tiktok": "sent", "<script>": "sent"}})
    assert added == {}


@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        ({"name": "PageView", "reached": {"meta": "stolen"}}, 422, "invalid_count"),
        ({"name": 5, "reached": {}}, 422, "invalid_count"),
        ({"name": "PageView"}, 422, "invalid_count"),
        ({**BOUGHT, "value": "12"}, 422, "invalid_count"),
    ],
)
def test_what_is_malformed_is_refused_and_counts_nothing(told, event, status, code):
    answer, added = told(BOUGHT, event)
    refused(answer, status, code)
    assert added == {}


def test_too_many_events_are_refused(told):
    answer, added = told(*[BOUGHT] * 41)
    refused(answer, 422, "too_many")
    assert added == {}


def test_a_version_that_is_not_there_and_a_foreign_origin_are_refused(told):
    refused(told(BOUGHT, version=9)[0], 404, "unknown_version")
    foreign = {**FROM_SHOP, "Origin": "https://evil.example"}
    answer, added = told(BOUGHT, headers=foreign)
    refused(answer, 403, "forbidden_origin")
    assert added == {}
