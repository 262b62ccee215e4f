"""A visitor's own agent can answer for them: the rules that we ship do what they say."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, expect

from tests import npm
from tests.e2e.claims import assert_nothing_left_the_browser
from tests.e2e.layouts import LAYOUTS, Stores
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]

AGENTS = Path(__file__).resolve().parents[2] / "consent" / "browser" / "agents"
AUTOCONSENT = json.loads((AGENTS / "autoconsent.json").read_text(encoding="utf-8"))
CONSENT_O_MATIC = json.loads((AGENTS / "consent-o-matic.json").read_text(encoding="utf-8"))
INTERPRETER = Path(__file__).with_name("agents.js").read_text(encoding="utf-8")
NOTHING = dict.fromkeys("ABDEFX", False)
ASKED_OR_TOLD = ["Berlin", "Rome", "Los Angeles", "Tokyo"]


def act(visitor: Visitor, agent: str, rule: dict[str, Any], wish: Any) -> Any:
    """What the interpreter of ``agent`` (its function's name) says of ``rule`` on this page."""
    return visitor.page.evaluate(
        f"([rule, wish]) => {{ {INTERPRETER}; return {agent}(rule, wish) }}", [rule, wish]
    )


def recorded(visitor: Visitor) -> list[tuple[str, dict[str, bool]]]:
    """Action and grants of every decision, as the ledger answers for them under its receipts."""
    visitor.settle()
    posts = [answer for answer in visitor.answered if answer.url.endswith("/decisions")]
    found = []
    for answer in posts:
        assert answer.status == 201
        address = answer.url.replace(
            "/decisions", f"/receipts/{answer.request.post_data_json['id']}"
        )
        decision = visitor.context.request.get(address).json()
        found.append((decision["action"], decision["grants"]))
    return found


def grants(*granted: str) -> dict[str, bool]:
    return {key: key in granted for key in ("preferences", "analytics", "marketing")}


@pytest.mark.parametrize("place", ASKED_OR_TOLD)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_autoconsent_refuses_and_the_ledger_has_it(
    layout: str, place: str, visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from(place)
    stores.show(visitor, layout)
    if place in ("Berlin", "Rome"):
        assert_nothing_left_the_browser(visitor)
    visitor.forget()
    assert act(visitor, "autoconsent", AUTOCONSENT, "optOut") is True
    assert recorded(visitor) == [("reject_all", grants())]
    assert act(visitor, "autoconsent", AUTOCONSENT, "test") is True
    visitor.page.evaluate("pixelgate('track', 'Lead')")
    visitor.settle()
    assert_nothing_left_the_browser(visitor)
    expect(visitor.page.locator("#pixelgate .first")).to_have_count(0)


@pytest.mark.parametrize("place", ["Berlin", "Los Angeles"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_autoconsent_accepts_where_its_user_wants_that(
    layout: str, place: str, visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from(place)
    stores.show(visitor, layout)
    assert act(visitor, "autoconsent", AUTOCONSENT, "optIn") is True
    assert recorded(visitor) == [("accept_all", grants("preferences", "analytics", "marketing"))]
    assert act(visitor, "autoconsent", AUTOCONSENT, "test") is False  # it is one of refusals


@pytest.mark.parametrize("place", ASKED_OR_TOLD)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_consent_o_matic_refuses_and_the_ledger_has_it(
    layout: str, place: str, visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from(place)
    stores.show(visitor, layout)
    visitor.forget()
    assert act(visitor, "consentOMatic", CONSENT_O_MATIC, NOTHING) == "done"
    assert recorded(visitor) == [("reject_all", grants())]
    assert_nothing_left_the_browser(visitor)


@pytest.mark.parametrize(
    ("categories", "granted"),
    [("B", ["analytics"]), ("AF", ["preferences", "marketing"]), ("DEX", [])],
)
@pytest.mark.parametrize("place", ["Berlin", "Los Angeles"])
def test_consent_o_matic_grants_what_its_user_allows_and_no_more(
    place: str, categories: str, granted: list[str], visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from(place)
    stores.show(visitor, "box")
    wish = {**NOTHING, **dict.fromkeys(categories, True)}
    assert act(visitor, "consentOMatic", CONSENT_O_MATIC, wish) == "done"
    expect(visitor.page.locator("#pixelgate [data-purpose]")).to_have_count(0)
    assert recorded(visitor) == [("save", grants(*granted))]


def test_agents_leave_alone_who_has_decided_and_who_decided_by_signal(
    visitor_from: Make, stores: Stores
) -> None:
    for place, action in (("Berlin", "reject_all"), ("Los Angeles with GPC", "gpc")):
        visitor = visitor_from(place)
        stores.show(visitor, "bar")
        if place == "Berlin":
            visitor.decide("reject")
        assert act(visitor, "autoconsent", AUTOCONSENT, "optIn") == "nothing found"
        assert act(visitor, "consentOMatic", CONSENT_O_MATIC, NOTHING) == "nothing found"
        assert [made for made, _ in recorded(visitor)] == [action]
        expect(visitor.page.locator("#pixelgate [data-action=open]")).to_be_visible()


# What an extension's background says to the agent in the page, and what it hears.
BACKGROUND = """([script, rule]) => {
    const config = { enabled: true, autoAction: 'optOut', disabledCmps: [], enablePrehide: true,
        detectRetries: 20, enableCosmeticRules: false, enableHeuristicDetection: false };
    const initResp = { type: 'initResp', config, rules: { autoconsent: [rule] } };
    const answers = { init: initResp, autoconsentDone: { type: 'selfTest' } };
    const said = {};
    return new Promise((done) => {
        window.autoconsentSendMessage = async (message) => {
            said[message.type] = message;
            const answer = answers[message.type];
            if (answer) setTimeout(() => autoconsentReceiveMessage(answer));
            if (message.type == 'selfTestResult') done(said);
        };
        (0, eval)(script);
    });
}"""
NAME, VERSION = "@duckduckgo/autoconsent", "16.23.0"


@pytest.fixture(scope="module")
def real_autoconsent() -> str:
    """The published agent's script for a page; needs npm."""
    why = "" if npm.has(NAME, VERSION) else npm.install(f"{NAME}@{VERSION}")
    assert npm.has(NAME, VERSION), why
    return (npm.packages() / NAME / "dist" / "autoconsent.playwright.js").read_text("utf-8")


@pytest.mark.soak
@pytest.mark.parametrize("place", ASKED_OR_TOLD)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_real_autoconsent_refuses_and_the_ledger_has_it(
    layout: str, place: str, visitor_from: Make, stores: Stores, real_autoconsent: str
) -> None:
    visitor = visitor_from(place)
    stores.show(visitor, layout)
    with visitor.page.expect_response(lambda one: one.url.endswith("/decisions")):
        said = visitor.page.evaluate(BACKGROUND, [real_autoconsent, AUTOCONSENT])
    assert said["popupFound"]["cmp"] == "pixelgate"
    assert (said["optOutResult"]["result"], said["selfTestResult"]["result"]) == (True, True)
    assert recorded(visitor) == [("reject_all", grants())]
    visitor.forget()
    visitor.page.evaluate("pixelgate('track', 'Lead')")
    visitor.settle()
    assert_nothing_left_the_browser(visitor)
    expect(visitor.page.locator("#pixelgate .first")).to_have_count(0)


def spoiled() -> dict[str, tuple[str, dict[str, Any], str]]:
    """Rules with one thing that the interpreter does not know, by what it is."""
    step, key, rule = (copy.deepcopy(AUTOCONSENT) for _ in range(3))
    step["optOut"].append({"eval": "SNIPPET"})
    key["detectPopup"][0]["optional"] = True
    rule["cosmetic"] = True
    method, action, child = (copy.deepcopy(CONSENT_O_MATIC) for _ in range(3))
    method["Pixelgate"]["methods"][0]["name"] = "UTILITY"
    action["Pixelgate"]["methods"][0]["action"]["falseAction"]["actions"][0]["type"] = "slide"
    child["Pixelgate"]["detectors"][0]["showingMatcher"][0]["target"]["textFilter"] = "Cookies"
    return {
        "a step": ("autoconsent", step, "step: eval"),
        "a key of a step": ("autoconsent", key, "visible: optional"),
        "a key of the rule": ("autoconsent", rule, "rule: cosmetic"),
        "a method": ("consentOMatic", method, "method: UTILITY"),
        "an action": ("consentOMatic", action, "action: slide"),
        "a filter": ("consentOMatic", child, "matcher.target: textFilter"),
    }


@pytest.mark.parametrize("what", spoiled())
def test_the_interpreter_refuses_what_it_does_not_know(what: str, visitor_from: Make) -> None:
    agent, rule, fault = spoiled()[what]
    wish = "optOut" if agent == "autoconsent" else NOTHING
    with pytest.raises(Error, match=fault):
        act(visitor_from("Berlin"), agent, rule, wish)
