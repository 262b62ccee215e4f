"""What the tests hold a visitor to, said once."""

from __future__ import annotations

from tests.e2e.visitor import Visitor

META, GA4 = "www.facebook.com", "www.google-analytics.com"
ADS, CONVERSIONS = "googleads.g.doubleclick.net", "www.googleadservices.com"
NOTHING: dict[str, list[str]] = {"local": [], "session": [], "databases": [], "caches": []}


def assert_nothing_left_the_browser(visitor: Visitor) -> None:
    assert visitor.requests == []
    assert visitor.cookies() <= {"pixelgate"}
    assert visitor.storage() == NOTHING


def assert_no_complaints(visitor: Visitor) -> None:
    assert [line for line in visitor.console if line.startswith(("error", "warning"))] == []


def assert_exact_purchase(visitor: Visitor) -> None:
    meta = visitor.hits(META)
    assert [hit["ev"] for hit in meta] == ["PageView", "Purchase"]
    purchase = meta[1]
    assert purchase["id"] == "123456789012345"
    assert purchase["eid"] == "order-SO-1001"
    assert (float(purchase["cd[value]"]), purchase["cd[currency]"]) == (511.0, "EUR")
    assert "tent-2p" in purchase["cd[content_ids]"]
    assert "peg-8" in purchase["cd[content_ids]"]
    ga4 = visitor.hits(GA4)
    assert [hit["en"] for hit in ga4] == ["page_view", "purchase"]
    assert {hit["tid"] for hit in ga4} == {"G-TEST123456"}
    assert ga4[1]["ep.transaction_id"] == "SO-1001"
    assert {hit["gcs"] for hit in ga4} == {"G111"}
    assert len(visitor.hits(ADS)) == 2
    conversions = visitor.hits(CONVERSIONS)
    assert [hit["label"] for hit in conversions] == ["abCDeFGhij"]
    assert (float(conversions[0]["value"]), conversions[0]["oid"]) == (511.0, "SO-1001")
