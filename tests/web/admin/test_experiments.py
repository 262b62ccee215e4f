import re
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup

from consent import counts, stores
from tests.web.admin.drafts import kept
from tests.web.admin.stage import HERE, NOW, soup, write

PATH = "/admin/stores/summit/experiments"
PLAN = {
    "name": "A box, please",
    "expected": "45",
    "difference": "10",
    "confidence": "95",
    "power": "80",
    "weight": "1",
    "language": "en",
    "b-layout": "box",
    "b-name": "a box",
    "b-weight": "1",
    "b-banner.title": "Cookies?",
}


def told(answer) -> str:
    return parsed(answer).find("main").get_text(" ", strip=True)


def parsed(answer) -> BeautifulSoup:
    return BeautifulSoup(answer.text, "html.parser")


def plan(client, **changes):
    return client.post(PATH, data={**PLAN, **changes}, headers=HERE)


def button(page, text: str):
    found = [one for one in page.select("button") if text in one.text]
    assert len(found) == 1, [one.text for one in page.select("button")]
    return found[0]


def press(client, page, text: str):
    """Sends the form of that button, as a browser does."""
    pressed = button(page, text)
    form = pressed.find_parent("form")
    data = {one["name"]: one.get("value", "") for one in form.select("input[name]")}
    if pressed.get("name"):
        data[pressed["name"]] = pressed["value"]
    answer = client.post(form["action"], data=data, headers=HERE)
    assert answer.status_code == 303, told(answer)
    return client.get(answer.headers["location"])


def count(client, **shown) -> None:
    """Adds visits and answers of each variant."""

    async def work(c) -> None:
        version = await stores.current(c, "summit")
        base = counts.Key(
            version.store_id,
            counts.hour_of(NOW),
            "DE",
            "eea",
            "phone",
            "en",
            version.number,
            "visit",
        )
        deltas = {}
        for key, numbers in shown.items():
            told = base._replace(variant=version.counted_as(key))
            for measure, n in zip(("visit", "accepted", "declined"), numbers, strict=True):
                deltas[told._replace(measure=measure)] = n
        await counts.add(c, deltas)

    write(client, work)


@pytest.fixture
def running(editor):
    """A marketer, who has planned and started one."""
    client = editor("mia@summit.example")
    answer = plan(client)
    assert answer.status_code == 303
    page = soup(client.get(answer.headers["location"]))
    assert re.search(r"It takes about 1,\d{3} visits, or \d+ days", page.find("main").text)
    answer = press(client, page, "Start it: publish")
    assert "is live" in told(answer)
    return client


def test_a_marketer_plans_and_starts_one_and_is_told_what_it_takes_before(running):
    page = soup(running.get(PATH))
    text = page.find("main").get_text(" ", strip=True)
    assert "No difference can be told yet; about" in text
    assert "Running" in text
    frames = [urlsplit(one["src"]) for one in page.select("iframe")]
    assert [parse_qs(one.query)["variant"] for one in frames] == [["control"], ["b"]]
    drawn = [running.get(f"{one.path}?{one.query}").text for one in frames]
    assert drawn[0] != drawn[1]


def test_more_accepts_never_stand_without_declines(running):
    count(running, control=(3000, 1300, 900), b=(3000, 1800, 400))
    text = told(running.get(PATH))
    assert "B has more accepts: between" in text
    assert "B has fewer declines: between" in text
    assert "refusing became harder to see" in text


def test_no_difference_is_told_as_none(running):
    count(running, control=(4000, 1800, 900), b=(4000, 1810, 905))
    text = told(running.get(PATH))
    assert "No difference of the size you asked about: accepts differ by less than 10" in text
    assert "harder" not in text


def test_visits_that_are_split_otherwise_than_planned_are_not_trusted(running):
    count(running, control=(5000, 2000, 900), b=(1000, 600, 150))
    assert "Nothing here can be trusted" in told(running.get(PATH))


def test_a_variant_is_kept_for_everybody_by_publishing_it(running):
    page = soup(press(running, soup(running.get(PATH)), "Keep B"))
    assert "The experiment A box, please ends" in page.find("main").text
    assert "is live" in told(press(running, page, "Publish as version"))
    config = kept(running)[1].config
    assert (config.banner.layout, config.experiment.key) == ("box", "")
    assert config.texts["en"]["banner.title"] == "Cookies?"
    text = told(running.get(PATH))
    assert "Ended" in text
    assert "Plan another" in text
    answer = plan(running)
    assert answer.status_code == 422  # all have the box by now
    assert plan(running, **{"b-layout": "bar"}).status_code == 303
    assert kept(running)[0].experiment.key == "a-box-please-2"


def test_one_is_taken_back_before_anybody_saw_it(editor):
    client = editor("owner@example.com")
    before = client.get("/admin/rates.json?store=summit&by=variant").json()
    plan(client)
    page = soup(press(client, soup(client.get(PATH)), "Take it out of the draft"))
    assert "Not live yet" not in page.find("main").text
    assert before["groups"] == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": ""}, "name: empty"),
        ({"expected": "many"}, "expected: 'many'; expected a whole number"),
        ({"expected": "100"}, "experiment.expected: 100"),
        ({"ends": "tomorrow"}, "ends: 'tomorrow'; expected a day"),
        ({"b-layout": "", "b-banner.title": ""}, "variants: none"),
        ({"b-layout": "<b>"}, "B, layout: '<b>'"),
        ({"b-accent": "blue"}, "variants[0].banner.accent: 'blue'; expected a colour"),
        ({"language": "xx"}, "variants[0].texts.xx"),
    ],
)
def test_a_plan_with_faults_saves_nothing_and_keeps_what_was_typed(editor, changes, fault):
    client = editor("mia@summit.example")
    answer = plan(client, **changes)
    assert answer.status_code == 422
    page = parsed(answer)
    alert = page.find(role="alert").get_text(" ", strip=True)
    assert fault.lower() in alert.lower()
    assert page.find(id="b-name")["value"] == "a box"
    assert "It takes about" not in told(client.get(PATH))


def test_legal_looks_and_changes_nothing(editor):
    client = editor("lex@summit.example")
    answer = client.get(PATH)
    assert answer.status_code == 200
    assert "No experiment yet" in told(answer)
    assert not soup(answer).select("main form")
    assert plan(client).status_code == 403


def test_what_is_kept_must_be_a_variant(editor):
    client = editor("owner@example.com")
    answer = client.post(f"{PATH}/end", data={"keep": "<b>"}, headers=HERE)
    assert answer.status_code == 422
    assert "<b>" not in answer.text


def test_rates_by_variant_have_their_names_and_files(running):
    count(running, control=(400, 180, 90), b=(410, 190, 95))
    query = "store=summit&by=variant"
    text = told(running.get(f"/admin/rates?{query}"))
    assert "a-box-please/b" in text
    found = running.get(f"/admin/rates.json?{query}").json()["groups"]
    assert {one["key"]: one["visits"] for one in found} == {
        "a-box-please/control": 400,
        "a-box-please/b": 410,
    }
    assert "summit,variant,a-box-please/b" in running.get(f"/admin/rates.csv?{query}").text
    only = running.get("/admin/rates.json?store=summit&variant=a-box-please/b").json()
    assert only["total"]["visits"] == 410
