"""The list of stores, as somebody of an agency uses it."""

import datetime as dt

import msgspec
import pytest

from consent import stores
from tests.web.admin.seed import HARBOR
from tests.web.admin.stage import NOW, soup, write


def names(page) -> list[str]:
    return [cell.a.text for cell in page.select(".store-list tbody th")]


def test_each_store_has_its_figures_with_their_counts_and_a_trend(signed_in):
    page = soup(signed_in("owner@example.com").get("/admin/stores?sort=name"))
    assert names(page) == ["Harbor Books", "Summit Outdoor"]
    summit = page.select(".store-list tbody tr")[1]
    declined = summit.find("td", {"data-label": "Declined"})
    n, of = declined.small.text.replace(",", "").split(" of ")
    assert declined.text.startswith(f"{int(n) / int(of) * 100:.0f} %")
    assert "with 95 % confidence" in declined.small["title"]
    assert summit.find("svg")["aria-label"].startswith("Declined, week by week: too few")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=SUMMIT.example", ["Summit Outdoor"]),
        ("q=books+harbor", ["Harbor Books"]),
        ("sort=visits", ["Summit Outdoor", "Harbor Books"]),
        ("q=%3Cscript%3E", []),
        ("group=nobody", []),
        ("page=99", ["Harbor Books", "Summit Outdoor"]),
    ],
)
def test_stores_are_found_and_sorted(signed_in, query, found):
    page = soup(signed_in("owner@example.com").get(f"/admin/stores?{query}"))
    assert names(page) == found
    assert bool(found) or "No store is called that" in page.text


def test_another_sort_than_those_offered_is_refused(signed_in):
    answer = signed_in("owner@example.com").get("/admin/stores?sort=price")
    assert (answer.status_code, "expected one of the list" in answer.text) == (400, True)


def test_a_list_of_many_is_turned_page_by_page(client, editor):
    async def open_many(c) -> None:
        for n in range(105):
            shop = msgspec.structs.replace(HARBOR, key=f"shop-{n:03}", name=f"Shop {n:03}")
            await stores.save(c, shop, NOW - dt.timedelta(days=9))

    write(client, open_many)
    first = soup(editor("owner@example.com").get("/admin/stores?sort=name&q=shop"))
    assert (len(names(first)), names(first)[0]) == (100, "Shop 000")
    assert "105 cannot wait." in first.text
    rest = soup(client.get(first.find("a", rel="next")["href"]))
    assert names(rest) == [f"Shop {n}" for n in range(100, 105)]
    assert "Not published yet." in rest.text


def test_who_has_one_store_alone_sees_it_at_once(signed_in):
    page = soup(signed_in("owner@summit.example").get("/admin/stores"))
    assert page.h1.text == "Summit Outdoor"
    assert page.find(id="snippet-1")
    assert signed_in("owner@summit.example").get("/admin/stores/harbor").status_code == 404
