"""A visitor reads and downloads the own receipt in the settings; after an erasure it is gone."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from consent import evidence
from consent.notes import Vkey
from tests.e2e.layouts import Stores
from tests.e2e.service import Service
from tests.e2e.test_accessible import violations
from tests.e2e.test_policies import HEAR_VIOLATIONS, STRICT
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser


def test_the_own_receipt_is_read_downloaded_and_gone_after_an_erasure(
    visitor_from: Callable[..., Visitor], stores: Stores, service: Service
) -> None:
    visitor = visitor_from("Berlin")
    visitor.context.add_init_script(HEAR_VIOLATIONS)
    policy = STRICT.format(service=service.url) + "; trusted-types pixelgate"
    stores.show(visitor, "bare", policy=policy)
    receipt = visitor.page.locator("#pixelgate .receipt")
    visitor.click("choose")
    expect(visitor.page.locator("#pixelgate [data-purpose]").first).to_be_visible()
    expect(receipt).to_have_count(0)
    visitor.decide("save")
    service.consent("ledger", "seal")
    _, id_, who, _, _, at, *_ = visitor.context.cookies()[0]["value"].split(".")

    visitor.page.evaluate("pixelgate('show')")
    expect(receipt).to_contain_text(f"Your choice of {visitor.page.evaluate(DAY, int(at))}")
    expect(receipt).to_contain_text(f"receipt {id_}")
    receipt.locator("button").focus()
    with visitor.page.expect_download() as started:
        visitor.page.keyboard.press("Enter")
    assert started.value.suggested_filename == f"receipt-{id_}.json"
    content = Path(started.value.path()).read_bytes()
    with urllib.request.urlopen(f"{service.url}/log/key") as answer:
        keys = [Vkey.parse(line) for line in answer.read().decode().split()]
    assert all(check.holds for check in evidence.verify(evidence.read(content), keys))
    assert json.loads(content)["record"]["visitor"] == who
    expect(receipt.locator("a")).to_have_attribute("href", f"{service.url}/log/verify")

    because = "Asked by the visitor by letter today"
    erase = ("--visitor", who, "--reason", because, "--yes")
    store = json.loads(content)["record"]["store"]
    assert "erased 1 records" in service.consent("ledger", "erase", "--store", store, *erase)
    receipt.locator("button").click()
    expect(receipt.get_by_role("status")).to_contain_text("cannot be downloaded at the moment")
    assert visitor.page.evaluate("violations") == []
    assert all(check.holds for check in evidence.verify(evidence.read(content), keys))
    stores.show(visitor, "bare")
    visitor.page.evaluate("pixelgate('show')")
    expect(receipt).to_be_visible()
    assert violations(visitor) == []


DAY = "(at) => new Date(at * 1000).toLocaleDateString('en', {dateStyle: 'long'})"
