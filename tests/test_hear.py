"""How the debug view hears a pixel's calls: each is told, and nobody else sees a difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from consent.browser import build
from tests import browser_setup

pytestmark = pytest.mark.browser

HEAR = f"""
window.hear = {build.bundle("hear").replace("return hear}", "return hearCalls}")};
window.told = [];
window.listen = (names, work) => hear(names, work, (call) => told.push(call));
"""
Run = Callable[[str], Any]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    path = browser_setup.find()
    assert path is not None, browser_setup.MISSING
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(browser_setup.FLAGS))
        yield browser.new_page()
        browser.close()


@pytest.fixture
def run(page: Page) -> Run:
    """Runs ``code``, the body of a function, in a window of its own; returns its result."""
    complaints: list[str] = []
    page.goto("about:blank")
    page.add_script_tag(content=HEAR)
    page.on("console", lambda message: complaints.append(message.text))

    def run(code: str) -> Any:
        result = page.evaluate(f"() => {{ {code} }}")
        assert complaints == []
        return result

    return run


def test_calls_are_told_in_order_with_what_they_were_given_at_that_moment(run: Run) -> None:
    told = run(
        """
        window.fbq = () => 0;
        listen(['fbq'], () => {
            const data = { value: 1 };
            window.fbq('track', data);
            data.value = 2;
            window.fbq('track', data, [1, 'x']);
        });
        window.fbq('not heard');
        return told;
        """
    )
    assert told == [
        {"path": "fbq", "given": ["track", {"value": 1}]},
        {"path": "fbq", "given": ["track", {"value": 2}, [1, "x"]]},
    ]


def test_an_arguments_object_is_told_as_what_it_holds_and_arrives_as_it_is(run: Run) -> None:
    told, kinds = run(
        """
        window.dataLayer = [];
        function gtag() { window.dataLayer.push(arguments); }
        listen(['dataLayer.push'], () => { gtag('event', 'purchase', { value: 1 }); });
        const kinds = dataLayer.map((one) => Object.prototype.toString.call(one));
        const own = Object.getOwnPropertyNames(dataLayer).join();
        return [told, [...kinds, own, dataLayer.push === Array.prototype.push]];
        """
    )
    assert told == [{"path": "dataLayer.push", "given": ["event", "purchase", {"value": 1}]}]
    assert kinds == ["[object Arguments]", "0,length", True]


def test_a_function_that_the_pixel_makes_itself_is_heard_and_stays_the_one_it_made(
    run: Run,
) -> None:
    told, same = run(
        """
        let made;
        listen(['fbq', 'q.push'], () => {
            const fbq = (window.fbq = made = function () { fbq.queue.push(arguments); });
            window._fbq = window.fbq;
            window.fbq.queue = [];
            window.fbq.push = window.fbq;
            window.fbq('init', '1');
            window.q = window.q || [];
            window.q.push('a', 'b');
        });
        const own = Object.getOwnPropertyDescriptor(window, 'fbq');
        return [told, [
            fbq === made, _fbq === made, fbq.push === made, made.queue.length, q.length,
            own.writable && own.enumerable && own.configurable,
        ]];
        """
    )
    assert [call["path"] for call in told] == ["fbq", "q.push"]
    assert same == [True, True, True, 1, 2, True]


def test_the_vendors_own_code_sees_the_page_as_it_is(run: Run) -> None:
    assert run(
        """
        const seen = [];
        const library = function (...given) {
            seen.push(window.fbq === library, this === window);
            if (given[0] == 'first') window.fbq('by the library');
            window.other = () => 'replaced';
        };
        window.fbq = library;
        window.other = () => 'first';
        const results = listen(['fbq', 'other'], () => [window.fbq('first'), window.other()]);
        return [seen, results[1], told.map((call) => call.given), other()];
        """
    ) == [[True, True, True, True], "replaced", [["first"], []], "replaced"]


def test_a_replaced_function_stays_replaced(run: Run) -> None:
    assert run(
        """
        const late = () => 'late';
        window.fbq = () => 'early';
        const said = listen(['fbq'], () => { window.fbq = late; return window.fbq('x'); });
        return [said, window.fbq === late, told.length];
        """
    ) == ["late", True, 1]


def test_a_name_declared_at_the_top_of_a_script_is_heard_and_put_back(run: Run, page: Page) -> None:
    page.add_script_tag(content="var ttq = () => 1; window.first = ttq;")
    assert run(
        "listen(['ttq'], () => window.ttq('x')); return [window.ttq === first, told.length];"
    ) == [True, 1]


def test_what_a_call_returns_is_heard_too(run: Run) -> None:
    told, kept = run(
        """
        const own = { name: 'c', track(...given) { this.last = given; return this === own; } };
        window.ttq = { instance: () => own };
        const kept = [];
        listen(['ttq.instance'], () => {
            const mine = window.ttq.instance('C1');
            kept.push(mine.track('Purchase', { value: 1 }), mine.name);
            window.mine = mine;
        });
        window.mine.track('later');
        return [told, [...kept, own.last[0], window.ttq.instance() === own, window.mine === own]];
        """
    )
    assert told == [
        {"path": "ttq.instance", "given": ["C1"]},
        {"path": "ttq.instance().track", "given": ["Purchase", {"value": 1}]},
    ]
    assert kept == [True, "c", "later", True, True]


@pytest.mark.parametrize(
    "made",
    [
        "Object.defineProperty(window, 'fbq', { get: () => real, configurable: true });",
        "Object.defineProperty(window, 'fbq', { value: real });",
        "window.fbq = real; Object.freeze(window.fbq);",
    ],
)
def test_what_must_not_be_touched_works_as_before(run: Run, made: str) -> None:
    assert run(
        f"""
        const real = () => 'real';
        {made}
        const before = JSON.stringify(Object.getOwnPropertyDescriptor(window, 'fbq'));
        const said = listen(['fbq', 'fbq.deep', 'no.such.name'], () => window.fbq('x'));
        const after = JSON.stringify(Object.getOwnPropertyDescriptor(window, 'fbq'));
        return [said, window.fbq === real, before == after, 'no' in window];
        """
    ) == ["real", True, True, False]


def test_errors_and_results_pass_through_and_leave_nothing_behind(run: Run) -> None:
    assert run(
        """
        const real = (window.fbq = () => { throw new Error('the vendor'); });
        let said;
        try { listen(['fbq'], () => window.fbq('x')); } catch (error) { said = error.message; }
        const caught = [said, window.fbq === real, told.length];
        window.fbq = () => 42;
        return [...caught, listen(['fbq'], () => window.fbq() + 1)];
        """
    ) == ["the vendor", True, 1, 43]


def test_a_listener_that_fails_stops_nothing(run: Run, page: Page) -> None:
    said = page.evaluate(
        """() => {
            window.fbq = () => 'real';
            return hear(['fbq'], () => window.fbq('x'), () => { throw new Error('ours'); });
        }"""
    )
    assert said == "real"


def test_one_pixel_within_anothers_call_is_told_apart(run: Run) -> None:
    assert run(
        """
        const inner = [];
        window.fbq = (word) => {
            if (word == 'outer') hear(['gq.push'], () => window.gq.push(1), tell);
        };
        const tell = (call) => inner.push(call.path);
        window.gq = [];
        listen(['fbq'], () => {
            window.fbq('outer');
            hear(['gq.push'], () => window.gq.push(2), tell);
            window.fbq('again');
        });
        return [told.map((call) => call.given[0]), inner, gq];
        """
    ) == [["outer", "again"], ["gq.push", "gq.push"], [1, 2]]


def test_copies_run_no_code_of_the_page_and_are_bounded(run: Run) -> None:
    told = run(
        """
        let ran = 0;
        const data = { get trap() { ran++; return 1; }, text: 'x'.repeat(5000), self: null };
        data.self = data;
        data.list = new Array(500).fill(0);
        data.element = document.body;
        data.when = new Date(0);
        data.big = 10n;
        Object.defineProperty(data, '__proto__', { value: { own: 1 }, enumerable: true });
        let wide = [1];
        for (let i = 0; i < 5; i++) wide = new Array(60).fill(wide);
        data.wide = wide;
        window.fbq = () => 0;
        listen(['fbq'], () => window.fbq(data, () => 0, Object.create(null)));
        const [copy, fn, empty] = told[0].given;
        return [
            ran, copy.trap.says, copy.self.says, copy.text.length < 400, copy.list.length,
            copy.element.says, copy.when.says, copy.big.says,
            Object.getPrototypeOf(copy) == Object.prototype, fn.says, Object.keys(empty).length,
            JSON.stringify(copy).length < 50000,
        ];
        """
    )
    assert told == [
        0,
        "a getter",
        "itself",
        True,
        61,
        "a part of the page",
        "the moment 1970-01-01T00:00:00.000Z",
        "10",
        True,
        "a function",
        0,
        True,
    ]
