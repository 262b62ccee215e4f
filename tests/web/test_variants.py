"""An experiment over HTTP: who gets which banner, with nothing stored, and what is counted."""

import asyncio
import datetime as dt
import json
import re
import uuid

import msgspec
import pytest
from starlette.testclient import TestClient

from consent import counts, settings
from consent.model import BannerConfig, Experiment, Look, Place, Variant
from consent.web.app import create_app
from tests.web.shop import (
    FROM_SHOP,
    ORIGIN,
    SUMMIT,
    counted,
    published,
    refused,
    send,
    with_new_connection,
)

TRIED = msgspec.structs.replace(
    SUMMIT,
    banner=BannerConfig(accent="#1a5fb4"),
    experiment=Experiment("spring"),
    variants=(
        Variant("box", banner=Look(layout="box"), texts={"en": {"banner.title": "Cookies?"}}),
    ),
)
MANY = [f"Mozilla/5.0 (visitor {n})" for n in range(24)]


@pytest.fixture
def client(database_url, now, tmp_path):
    published(database_url, now, TRIED)
    environ = {
        "CONSENT_DATABASE_URL": database_url,
        "CONSENT_SECRET_KEYS": "k" * 40,
        "CONSENT_TRUSTED_PROXIES": "127.0.0.1",
        "CONSENT_CACHE_SECONDS": "60",
    }
    app = create_app(settings.load(environ, var=tmp_path), now=now)
    with TestClient(app, client=("127.0.0.1", 1)) as client:
        yield client


def loader(client, agent: str, asked: str = "en,false", **headers):
    sent = {"CF-IPCountry": "DE", "User-Agent": agent, **headers}
    return client.get(f"/s/summit/loader.js?{asked}", headers=sent)


def variant_of(answer) -> str:
    """What the script says that it shows."""
    found = re.search(r',"(\w+)"\]\]', answer.text)
    return found[1] if found else ""


def test_the_same_browser_gets_the_same_variant_and_others_get_others(client):
    first = {agent: variant_of(loader(client, agent)) for agent in MANY}
    assert set(first.values()) == {"control", "box"}
    assert {agent: variant_of(loader(client, agent)) for agent in MANY} == first
    drawn = {variant_of(answer): answer.text for answer in (loader(client, one) for one in MANY)}
    assert 'layout:"box"' in drawn["box"]
    assert "Cookies?" in drawn["box"]
    assert 'layout:"bar"' in drawn["control"]


def test_nothing_in_the_answer_tells_one_visitor_from_another(client):
    """Neither a cookie, nor an ETag or a date of one's own, nor anything that a cache may keep."""
    told = {}
    for agent in MANY:
        answer = loader(client, agent)
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "private, no-cache"
        assert not {"cdn-cache-control", "surrogate-control"} & set(answer.headers)
        told.setdefault(variant_of(answer), set()).add(
            (answer.text, *sorted(answer.headers.items()))
        )
    assert [len(answers) for answers in told.values()] == [1, 1]


def test_an_etag_of_one_variant_does_not_choose_it(client):
    by = {variant_of(answer): answer for answer in (loader(client, agent) for agent in MANY)}
    agent = next(one for one in MANY if variant_of(loader(client, one)) == "box")
    other = loader(client, agent, **{"If-None-Match": by["control"].headers["etag"]})
    assert (other.status_code, variant_of(other)) == (200, "box")
    same = loader(client, agent, **{"If-None-Match": by["box"].headers["etag"]})
    assert same.status_code == 304


def test_who_has_decided_gets_no_variant_and_a_cache_may_keep_it(client):
    answers = [loader(client, agent, "en,true") for agent in MANY]
    assert {variant_of(answer) for answer in answers} == {""}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].headers["cdn-cache-control"].startswith("public, max-age=60")


def test_the_banner_as_it_is_costs_one_part_and_no_other_byte(client, now):
    services = client.app.services
    version = services.current("summit")
    place = Place("DE", None, "header")
    resolution = services.regions.resolve(place, on=now().date())

    def text(shown) -> str:
        composer = services.composer.apart()
        return composer.loader(shown, resolution, place, "en", gpc=False, first=True)

    part = services.composer._called("variant", "control")
    varied = text(version.varied["control"])
    assert varied.count(part) == 1
    assert varied.replace(part, "") == text(version)


def post_for(client, variant: str, **changes) -> dict:
    services = client.app.services
    version = services.current("summit")
    resolution = services.regions.resolve(Place("DE", None, "header"), on=services.now().date())
    shown = version.varied[variant]
    return {
        "id": str(uuid.uuid4()),
        "visitor": str(uuid.uuid4()),
        "version": 1,
        "action": "accept_all",
        "grants": {"preferences": True, "analytics": True, "marketing": True},
        "language": "en",
        "banner": services.composer.banner(shown, resolution, "en").sha256,
        **changes,
    }


def by_variant(client) -> dict[tuple[str, str], int]:
    services = client.app.services

    async def work(db):
        day = dt.timedelta(days=1)
        async with db.read() as c:
            now = services.now()
            found = await counts.totals_by(c, None, now - day, now + day, ("variant",))
        return {(one.group, one.measure): one.n for one in found["variant"]}

    return asyncio.run(with_new_connection(services.settings.database_url, work))


def test_a_visit_and_its_answer_count_for_the_variant_that_was_shown(client):
    for variant in ("box", "control"):
        seen = json.dumps({"version": 1, "language": "en"})
        answer = client.post(f"/s/summit/~{variant}/seen", content=seen, headers=FROM_SHOP)
        assert answer.status_code == 204
        answer = send(client, post_for(client, variant), store=f"summit/~{variant}")
        assert answer.status_code == 201
    client.portal.call(client.app.services.folder.flush)
    assert by_variant(client) == {
        (f"spring/{variant}", measure): 1
        for variant in ("box", "control")
        for measure in ("visit", "accepted")
    }


@pytest.mark.parametrize(
    ("path", "shown", "changes"),
    [
        ("summit", "box", {}),
        ("summit/~box", "control", {}),
        ("summit/~box", "box", {"banner": "0" * 64}),
        ("summit/~nosuch", "control", {}),
        ("summit/~box", "box", {"action": "gpc", "gpc": True, "grants": "none"}),
    ],
    ids=["no variant", "another banner", "no banner", "no such variant", "the browser's signal"],
)
def test_what_was_not_chosen_for_a_visitor_counts_for_no_variant(client, path, shown, changes):
    post = post_for(client, shown, **changes)
    if post["grants"] == "none":
        post["grants"] = {"preferences": True, "analytics": True, "marketing": False}
    assert send(client, post, store=path).status_code == 201
    assert by_variant(client) == {}


def test_a_page_cannot_count_for_a_variant_that_is_none(client):
    seen = json.dumps({"version": 1, "language": "en"})
    answer = client.post("/s/summit/~nosuch/seen", content=seen, headers=FROM_SHOP)
    refused(answer, 422, "unknown_variant")
    assert counted(client) == {}


def test_what_a_variant_showed_can_be_drawn_again(client):
    """The ledger has the content under the hash that the decision names."""
    post = post_for(client, "box")
    send(client, post, store="summit/~box")
    answer = client.get(f"/s/summit/~box/receipts/{post['id']}", headers={"Origin": ORIGIN})
    assert answer.json()["banner"] == post["banner"]
    services = client.app.services
    version = services.current("summit")
    found = services.composer.find_banner(version, post["banner"], "en")
    assert json.loads(found.content)["layout"] == "box"
