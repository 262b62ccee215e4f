"""A store that keeps campaign parameters, its pages, and what they and the browser then hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

Pages = Callable[..., str]

STORE = """
campaign = true
[[pixels]]
platform = "meta"
id = "123456789012345"
[[pixels]]
platform = "ga4"
id = "G-TEST123456"
[signals]
datalayer = true
"""
# What pages and pixels get is written down before the first event.
NOTES = """<script>
  window.heard = []; window.told = []; window.sent = [];
  const copy = (one) => one && JSON.parse(JSON.stringify(one));
  pixelgate('part', (page) => page.rack.slots.filter((slot) => !slot.gone).forEach(({ pixel }) => {
    const own = pixel.send;
    pixel.send = (name, params, ...rest) => {
      sent.push([name, copy(params.campaign)]);
      own(name, params, ...rest);
    };
  }));
  pixelgate('campaign', (now) => told.push(copy(now)));
  pixelgate('on', 'event', ({ name, params }) => heard.push([name, copy(params.campaign)]));
</script>"""
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Summit</title>'
    '<link rel="icon" href="data:,">{snippet}{head}</head><body><h1>Summit</h1>'
    '<a id="inside" href="/spa/tent">A tent</a> <a id="out" href="https://maps.example/?q=1">Map</a>'
    "</body></html>"
)
NEWS = "utm_source=News&utm_medium=email&utm_campaign=Spring%20sale"
CLICK = "gclid=Cj0-A_b&ScCid=a-B&sccid=no"
ADDRESS = f"{NEWS}&{CLICK}&color=red"
UTM = {"utm_source": "News", "utm_medium": "email", "utm_campaign": "Spring sale"}
IDS = {"gclid": "Cj0-A_b", "ScCid": "a-B"}


@contextmanager
def making(shop: Shop, snippet: str) -> Iterator[Pages]:
    """Makes pages of the shop's with that snippet, for a while: ``pages("/spa", "gclid=1")``."""

    def make(path: str = "/spa", query: str = "", *, head: str = "") -> str:
        shop.own[path] = PAGE.format(snippet=snippet, head=NOTES + head)
        return f"{shop.origin}{path}{'?' if query else ''}{query}"

    yield make
    for path in [path for path in shop.own if path.startswith("/spa")]:
        del shop.own[path]


def kept(visitor: Visitor) -> Any:
    """What is in the browser's storage."""
    return visitor.page.evaluate("JSON.parse(localStorage.getItem('pixelgate_campaign'))")


def values(touch: Any) -> Any:
    return {key: value for key, value in touch.items() if key != "at"} if touch else touch


def touches(campaign: Any) -> Any:
    """First and last without their times; None where there is nothing."""
    return (values(campaign["first"]), values(campaign["last"])) if campaign else None


def track(visitor: Visitor, name: str = "Lead") -> Any:
    """Tells an event, and gives what it carried for the page's listeners."""
    carried = visitor.page.evaluate(
        f"(pixelgate('track', '{name}'), heard.filter(([one]) => one == '{name}').at(-1)[1])"
    )
    return carried
