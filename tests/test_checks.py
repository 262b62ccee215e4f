"""What the debug view checks, in the browser that runs it: each flag, and a good event has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from consent.browser import build
from consent.platforms import EVENTS, Platforms
from tests import browser_setup

pytestmark = pytest.mark.browser

PLATFORMS = Platforms.load()
PURCHASE = {
    "value": 511,
    "currency": "EUR",
    "order_id": "SO-1",
    "contents": [
        {"id": "tent-2p", "quantity": 2, "price": 249.5, "name": "Ridge 2"},
        {"id": "peg-8", "price": "12"},
    ],
}
Check = Callable[..., list[str]]


@pytest.fixture(scope="module")
def check() -> Iterator[Check]:
    """Checks an event and returns its flags, each as ``level where: text``."""
    path = browser_setup.find()
    assert path is not None, browser_setup.MISSING
    around = {
        "standard": EVENTS,
        "platforms": [
            {
                "key": one.key,
                "name": one.name,
                "events": one.events,
                "required": {event: list(wanted) for event, wanted in one.required.items()},
            }
            for one in map(PLATFORMS.__getitem__, ("ga4", "google-ads", "meta"))
        ],
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(browser_setup.FLAGS))
        page = browser.new_page()
        page.evaluate(f"window.checks = {build.bundle('checks')}, 0")
        script = """([event, around]) => checks(event, around)
            .map((flag) => `${flag.level} ${flag.where}: ${flag.text}`)"""

        def check(
            name: Any,
            given: Any = None,
            *,
            id_: str = "id-1",
            earlier: list[dict[str, Any]] | None = None,
            products: list[str] | None = None,
        ) -> list[str]:
            event = {"name": name, "id": id_, "given": given}
            known = {**around, "earlier": earlier or [], "products": products or []}
            found: list[str] = page.evaluate(script, [event, known])
            return found

        yield check
        browser.close()


def without(*keys: str, **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**PURCHASE, **changes}.items() if key not in keys}


def test_a_complete_event_has_no_flag(check: Check) -> None:
    assert check("Purchase", PURCHASE, products=["tent-2p", "peg-8", "boot"]) == []
    assert check("PageView") == []
    assert check("PageView", {}) == []
    assert check("Quiz done", {"event_id": "q-1"}) == []
    assert check("Search", {"search": "tent"}) == []


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        (
            without("currency"),
            "error currency: missing beside value, which is no money without it;",
        ),
        (without(currency="eur"), "error currency: 'eur' has small letters; write 'EUR'"),
        (without(currency="Eur"), "error currency: 'Eur' has small letters; write 'EUR'"),
        (without(currency="€"), "error currency: '€' is no ISO 4217 code; write three capital"),
        (without(currency=978), "error currency: 978 is no ISO 4217 code;"),
        (without(currency="EUX"), "warning currency: 'EUX' is not a code in use; take it from"),
        (without(value="€ 511"), "error value: '€ 511' is no number and is not sent; write it"),
        (without(value="511,00"), "error value: '511,00' is no number and is not sent;"),
        (without(value=-5), "error value: -5 is below 0; write what the visitor pays,"),
        (without(value=51100), "error value: 51100 is a hundred times what contents add up to;"),
        (without(value=520), "note value: 520, while contents add up to 511 (quantity x price);"),
        (without("order_id"), "error order_id: missing in Purchase, so an order told twice counts"),
        (
            without("contents"),
            "error contents: missing in Purchase, and Google Analytics 4 and Meta Pixel need it;",
        ),
        (
            without("value", "contents"),
            "error value: missing in Purchase, and Google Analytics 4, Google Ads and Meta Pixel",
        ),
        (without(contents="tent-2p"), "error contents: 'tent-2p' is not sent; write a list,"),
        (without(contents={"id": "a"}), "note contents: an object, taken as the only one; write"),
        (without(contents=["a"]), "error contents[0]: 'a' is not sent; write { id: 'tent-2p',"),
        (without(contents=[{"name": "Tent"}]), "error contents[0]: has no id, so it is not sent;"),
        (
            without(contents=[{"item_id": "a"}]),
            "error contents[0]: has item_id and no id, so it is not sent;",
        ),
        (
            without(contents=[{"id": "a", "quantity": "two"}]),
            "error contents[0].quantity: 'two' is no number above 0; write how many,",
        ),
        (
            without(contents=[{"id": "a", "quantity": 0}]),
            "error contents[0].quantity: 0 is no number above 0;",
        ),
        (
            without(contents=[{"id": "a", "price": "$ 5"}]),
            "error contents[0].price: '$ 5' is no number and is not sent; write the price of one,",
        ),
        (
            without(contents=[{"id": "a", "item_price": 5}]),
            "warning contents[0].item_price: is not sent; call it price",
        ),
        (without(coupon="X"), "note coupon: not sent; sent are value, currency, contents,"),
        (without(transaction_id="SO-1"), "note transaction_id: not sent; sent are"),
        (
            without("order_id", transactionId="SO-1"),
            "warning transactionId: is not sent; call it order_id, as in order_id: 'SO-1001'",
        ),
        (without(email="l@example.com"), "warning email: is personal and never sent; leave it out"),
        (
            without(search="lena@example.com"),
            "error search: looks like an e-mail address, which every platform forbids; leave it",
        ),
        ("SO-1", "error parameters: found 'SO-1'; hand over an object,"),
        ([1], "error parameters: found a list of 1; hand over an object,"),
    ],
)
def test_what_is_wrong_with_a_purchase_is_said_with_what_to_do(
    check: Check, given: Any, flag: str
) -> None:
    found = check("Purchase", given)
    assert any(one.startswith(flag) for one in found), found
    assert all("; " in one for one in found), found


def test_a_free_order_is_asked_about_and_nothing_else(check: Check) -> None:
    (flag,) = check("Purchase", without(value=0, contents=[{"id": "a"}]))
    assert flag.startswith("warning value: 0 for a Purchase; unless the order is free, write")


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        (
            "purchase",
            "error name: 'purchase' is a custom event to every platform; write 'Purchase'",
        ),
        (
            "add to cart",
            "error name: 'add to cart' is a custom event to every platform; write 'Add",
        ),
        ("begin_checkout", "error name: 'begin_checkout' is Google Analytics 4's own name and a"),
    ],
)
def test_a_name_that_means_a_standard_event_is_told_apart_from_a_custom_one(
    check: Check, name: str, flag: str
) -> None:
    assert check(name, PURCHASE)[0].startswith(flag)


def test_an_event_under_another_name_is_held_to_what_its_standard_event_needs(
    check: Check,
) -> None:
    flags = check("purchase", without("order_id"))
    assert [flag.split(":")[0] for flag in flags] == ["error name", "error order_id"]


def test_what_is_there_and_wrong_is_not_also_called_missing(check: Check) -> None:
    flags = check("Purchase", without(value="€ 511", contents=[{"sku": "a"}]))
    assert [flag.split(":")[0] for flag in flags] == ["error value", "error contents[0]"]


def test_an_order_told_twice_and_an_id_used_twice_are_flagged(check: Check) -> None:
    before = [{"name": "Purchase", "id": "id-1", "given": PURCHASE}]
    (order,) = check("Purchase", PURCHASE, id_="id-2", earlier=before)
    assert order == (
        "error order_id: 'SO-1' was in an earlier Purchase on this page; announce each order once"
    )
    (event,) = check("Purchase", PURCHASE, earlier=before)
    assert event.startswith(
        "error event_id: 'id-1' was that of an earlier 'Purchase' on this page,"
    )
    assert check("PageView", {}, earlier=before) == []


def test_ids_are_compared_with_the_pages_products_and_its_earlier_events(check: Check) -> None:
    viewed = [{"name": "ViewContent", "id": "v", "given": {"contents": [{"id": "peg-8"}]}}]
    assert check("Purchase", PURCHASE, earlier=viewed, products=["tent-2p"]) == []
    (flag,) = check("Purchase", PURCHASE, products=["peg-8", "TENT-2P"])
    assert flag == (
        "warning contents[0].id: 'tent-2p' is not matching any product of this page, "
        "'TENT-2P' differs in its capitals; give the id of the product feed"
    )
    given = without(contents=[{}, {"id": "other", "price": 511}])
    unknown = check("Purchase", given, products=["a", "b", "c", "d"])[-1]
    assert unknown == (
        "warning contents[1].id: 'other' is not matching any product of this page, "
        "which has 'a', 'b' and 'c' and more; give the id of the product feed"
    )


def test_with_nothing_to_compare_with_ids_are_not_flagged(check: Check) -> None:
    assert check("Purchase", PURCHASE) == []


@pytest.mark.parametrize(
    "name", ["constructor", "__proto__", "<b>bold</b>", "\u202egnp.exe", "", None, 5, {"a": 1}]
)
def test_no_name_and_no_key_however_hostile_stops_the_checks(check: Check, name: Any) -> None:
    given = {"constructor": 1, "toString": 2, "<img src=x>": 3, "contents": [None, 5, []]}
    for flag in check(name, given):
        assert flag.partition(" ")[2].isprintable()
