"""What is written from left to right, on a page that is read from right to left."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.layouts import Stores
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

# Every text of the second layer without an Arabic letter: its characters as they stand on the
# screen, from the left, line by line.
READ = r"""() => {
    const dialog = document.querySelector('#pixelgate').shadowRoot.querySelector('dialog');
    const texts = document.createTreeWalker(dialog, NodeFilter.SHOW_TEXT);
    const seen = [];
    while (texts.nextNode()) {
        const { data } = texts.currentNode;
        if (!/[a-z]/i.test(data) || /\p{Script=Arabic}/u.test(data)) continue;
        const range = document.createRange();
        const characters = [...data].map((character, at) => {
            range.setStart(texts.currentNode, at);
            range.setEnd(texts.currentNode, at + 1);
            const { left, bottom } = range.getBoundingClientRect();
            return { character, left, bottom };
        });
        characters.sort((a, b) => a.bottom - b.bottom || a.left - b.left);
        seen.push([data, characters.map((one) => one.character).join('')]);
    }
    return seen;
}"""


def test_hosts_and_names_read_from_left_to_right_in_arabic(
    visitor_from: Callable[..., Visitor], stores: Stores
) -> None:
    visitor = visitor_from("Berlin")
    stores.show(visitor, "box", language="ar")
    visitor.click("choose")
    dialog = visitor.page.locator("#pixelgate dialog.preferences")
    expect(dialog).to_have_css("direction", "rtl")
    for services in dialog.locator("summary").all():
        services.click()
    seen = visitor.page.evaluate(READ)
    assert {"_ga", "*.google-analytics.com"} <= {text for text, _ in seen}
    assert [pair for pair in seen if pair[0] != pair[1]] == []
