"""The verifier page in a real Chromium, opened from a file and without a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from consent import evidence
from consent.web import verifier
from tests.tampered import NAMES, NO_FILES, TABLE, VKEY, tampered

pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium: Browser, tmp_path: Path):
    """The page as a lawyer opens it from a folder; whatever it wants to fetch is a failure."""
    path = tmp_path / "verify.html"
    path.write_text(verifier.page([VKEY]), encoding="utf-8")
    context = chromium.new_context(offline=True, viewport={"width": 375, "height": 740})
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text))
    opened.on("request", lambda request: faults.append(request.url))
    opened.goto(path.as_uri())
    faults.clear()
    yield opened
    assert faults == []
    context.close()


def look(page: Page, name: str, content: bytes) -> dict[str, bool]:
    """Drops a file on the page; gives its checks."""
    file = {"name": name, "mimeType": "application/json", "buffer": content}
    page.set_input_files("#file", [file])
    page.wait_for_function("name => document.querySelector('#name').textContent === name", arg=name)
    found = page.locator("#checks li").evaluate_all(
        "all => all.map(({dataset: {check, holds}}) => [check, holds === 'true'])"
    )
    return dict(found)


def test_the_page_agrees_with_python_on_every_tampered_file(page: Page):
    for number, name in enumerate(TABLE):
        content = tampered(name)
        theirs = {
            check.name: check.holds for check in evidence.verify(evidence.read(content), [VKEY])
        }
        ours = look(page, f"{number}.json", content)
        assert ours == theirs, name
        assert tuple(ours) == NAMES
        assert {check for check, holds in ours.items() if not holds} == TABLE[name][1], name
        holds = page.locator("#verdict").get_attribute("data-holds")
        assert holds == ("false" if TABLE[name][1] else "true"), name
    for number, (name, content) in enumerate(NO_FILES.items()):
        assert look(page, f"no-{number}.json", content) == {}, name
        assert page.locator("#verdict").get_attribute("data-holds") == "false"


def test_a_lawyer_reads_the_decision_first(page: Page):
    look(page, "receipt.json", tampered("nothing"))
    content = evidence.decision(evidence.read(tampered("nothing")))
    said = page.locator("#sentences p").all_inner_texts()
    assert [one.replace("’", "'") for one in said] == evidence.sentences(content)
    assert page.locator("#open li").all_inner_texts() == list(evidence.UNCHECKED)
    file = json.loads(tampered("nothing"))
    file["anchors"] = [{"kind": "rfc3161", "url": "https://t.example", "at": "", "answer": ""}]
    assert all(look(page, "anchored.json", json.dumps(file).encode()).values())
    assert "What https://t.example said" in page.locator("#open li").last.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert Axe().run(page).violations_count == 0


def test_another_key_and_a_dropped_file_count(page: Page):
    look(page, "receipt.json", tampered("nothing"))
    page.locator("summary").first.click()
    page.fill("#keys", VKEY._replace(public=b"x" * 32).text)
    page.locator("#keys").blur()
    page.wait_for_selector("#verdict[data-holds=false]")
    page.fill("#keys", "no key")
    page.locator("#keys").blur()
    page.wait_for_function(
        "document.querySelector('#verdict').textContent.includes('is not a public key')"
    )
    page.fill("#keys", VKEY.text)
    page.locator("#keys").blur()
    page.wait_for_selector("#verdict[data-holds=true]")
    page.evaluate(
        """text => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([text], 'dropped.json'));
            const event = new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true});
            document.body.dispatchEvent(event);
        }""",
        tampered("grants").decode(),
    )
    page.wait_for_selector("#verdict[data-holds=false]")
    assert page.locator("#name").inner_text() == "dropped.json"
