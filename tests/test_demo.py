from __future__ import annotations

import html
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from consent.demo.edge import edge
from consent.demo.shop import Shop, create_shop
from consent.demo.visitors import VISITORS
from consent.signing import Signer
from tests.e2e.service import free_port

SERVICE = "http://service.test"
PATIENCE_SECONDS = 120
PAGES = (
    "/",
    "/c/tents",
    "/products/ridgeline-2",
    "/cart",
    "/newsletter",
    "/privacy",
)
EVENTS = re.compile(r'<script type="application/json" id="summit-events">(.*?)</script>', re.S)


@pytest.fixture
def shop() -> TestClient:
    app = create_shop(
        Shop(
            service_url=SERVICE,
            snippet=lambda base: f'<script>load("{base}")</script>',
            signer=Signer(["k" * 32]),
            hosts={"script": ["vendor.test"], "img": ["hits.vendor.test"]},
            vendor_cookies=["_fbp"],
        )
    )
    return TestClient(app, base_url="http://shop.test", follow_redirects=False)


def events(response: Any) -> Any:
    found = EVENTS.search(response.text)
    assert found
    return json.loads(found[1])


def fill_basket(shop: TestClient, **quantities: int) -> None:
    for key, quantity in quantities.items():
        data = {"product": key.replace("_", "-"), "quantity": str(quantity)}
        assert shop.post("/cart", data=data).status_code == 303


@pytest.mark.parametrize("path", PAGES)
def test_every_page_announces_itself_and_sets_no_cookie(shop: TestClient, path: str) -> None:
    response = shop.get(path)
    assert response.status_code == 200
    assert events(response)[0] == ["PageView", {}]
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("visitor", VISITORS)
def test_the_visitor_stays_in_every_link_and_in_the_snippets_address(
    shop: TestClient, visitor: str
) -> None:
    page = shop.get(f"/as/{visitor}/").text
    links = re.findall(r'href="(/[^"]*)"', page)
    kept = ("/static/", "/visit/", f"/as/{visitor}/")
    assert links
    assert [link for link in links if not link.startswith(kept)] == []
    assert f'load("{SERVICE}/edge/{visitor}")' in page


def test_without_a_visitor_in_the_path_one_comes_from_berlin(shop: TestClient) -> None:
    page = shop.get("/").text
    assert f'load("{SERVICE}/edge/berlin")' in page
    assert 'data-visitor="berlin" aria-current="true"' in page
    assert 'href="/c/tents"' in page


def test_the_snippet_stands_once_in_the_head_and_only_its_nonce_runs(shop: TestClient) -> None:
    response = shop.get("/")
    head = response.text.partition("</head>")[0]
    policy = response.headers["content-security-policy"]
    nonce = re.findall(r'<script nonce="([^"]+)">', response.text)
    assert len(nonce) == 1
    assert f"'nonce-{nonce[0]}'" in policy
    assert f'nonce="{nonce[0]}"' in head
    assert "unsafe" not in policy
    assert f"script-src 'self' {SERVICE} https://vendor.test 'nonce-" in policy
    assert "https://hits.vendor.test" in policy
    assert nonce[0] not in shop.get("/").text


def test_a_product_page_says_what_was_viewed_and_what_would_be_added(shop: TestClient) -> None:
    page = shop.get("/products/ridgeline-2")
    about = {
        "value": 429.0,
        "currency": "EUR",
        "contents": [{"id": "ridgeline-2", "quantity": 1, "price": 429.0, "name": "Ridgeline 2"}],
    }
    assert events(page) == [["PageView", {}], ["ViewContent", about]]
    added = re.search(r'data-event="([^"]+)"', page.text)
    assert added
    assert json.loads(html.unescape(added[1])) == ["AddToCart", about]


def test_an_order_goes_from_the_basket_to_a_purchase_with_its_contents(shop: TestClient) -> None:
    fill_basket(shop, ridgeline_2=2, ember_stove=1)
    assert "€937.00" in shop.get("/cart").text
    started = events(shop.get("/checkout"))[1]
    placed = shop.post("/checkout", data={"name": "Robin"})
    assert placed.status_code == 303
    order_id = placed.headers["location"].removeprefix("/orders/")
    name, bought = events(shop.get(placed.headers["location"]))[1]
    assert started[0] == "InitiateCheckout"
    assert name == "Purchase"
    assert bought == {
        **started[1],
        "order_id": order_id,
        "event_id": f"order-{order_id}",
    }
    assert bought["value"] == 937.0
    assert bought["contents"][0] == {
        "id": "ridgeline-2",
        "quantity": 2,
        "price": 429.0,
        "name": "Ridgeline 2",
    }


def test_the_basket_is_one_signed_cookie_that_goes_with_the_last_piece(shop: TestClient) -> None:
    data = {"product": "talus-45"}
    cookie = shop.post("/cart", data=data).headers["set-cookie"]
    assert cookie.startswith("summit_cart=")
    assert "HttpOnly" in cookie
    assert "Max-Age" not in cookie
    gone = shop.post("/cart", data={**data, "set": "1", "quantity": "0"}).headers["set-cookie"]
    assert "Max-Age=0" in gone
    assert "Nothing in it yet" in shop.get("/cart").text


def test_a_forged_basket_is_an_empty_one(shop: TestClient) -> None:
    shop.cookies.set("summit_cart", "eyJ0YWx1cy00NSI6OTl9.forged.forged")
    assert "Nothing in it yet" in shop.get("/cart").text


def test_adding_by_script_answers_with_the_new_count(shop: TestClient) -> None:
    fill_basket(shop, talus_45=1)
    answer = shop.post(
        "/as/tokyo/cart",
        data={"product": "talus-45", "quantity": "2"},
        headers={"accept": "application/json"},
    )
    assert answer.json() == {"count": 3, "total": "€657.00"}


def test_checkout_with_nothing_in_the_basket_leads_back_to_it(shop: TestClient) -> None:
    assert shop.get("/as/london/checkout").headers["location"] == "/as/london/cart"
    assert shop.post("/as/london/checkout").headers["location"] == "/as/london/cart"


def test_signing_up_announces_a_lead_once(shop: TestClient) -> None:
    answer = shop.post("/as/dallas/newsletter", data={"email": "robin@example.com"})
    token = answer.headers["location"].removeprefix("/as/dallas/newsletter/thanks/")
    thanks = shop.get(answer.headers["location"])
    assert events(thanks) == [["PageView", {}], ["Lead", {"event_id": f"lead-{token}"}]]
    assert "robin" not in thanks.text


def test_signing_up_without_an_address_is_refused_on_the_same_page(shop: TestClient) -> None:
    answer = shop.post("/newsletter", data={"email": "robin"})
    assert answer.status_code == 400
    assert "name@example.com" in answer.text
    assert events(answer) == [["PageView", {}]]


def test_becoming_someone_clears_what_the_shop_and_the_pixels_stored(shop: TestClient) -> None:
    shop.cookies.set("_ga_DEMO", "1")
    answer = shop.get("/visit/la-gpc")
    assert answer.headers["location"] == "/as/la-gpc/"
    assert answer.headers["clear-site-data"] == '"cookies", "storage"'
    expired = answer.headers.get_list("set-cookie")
    names = {cookie.partition("=")[0] for cookie in expired}
    assert names == {"pixelgate", "summit_cart", "_fbp", "_ga_DEMO"}
    assert all("Max-Age=0" in cookie for cookie in expired)


@pytest.mark.parametrize(
    "path",
    ["/as/mars/", "/visit/mars", "/nothing", "/c/skis", "/products/yeti", "/orders/SO-0"],
)
def test_what_is_not_there_is_a_page_of_the_shop_with_404(shop: TestClient, path: str) -> None:
    answer = shop.get(path)
    assert answer.status_code == 404
    assert "Off the trail" in answer.text


def test_a_missing_page_keeps_the_visitor(shop: TestClient) -> None:
    assert 'href="/as/tokyo/c/tents"' in shop.get("/as/tokyo/products/yeti").text
    assert 'href="/as/tokyo/c/tents"' in shop.get("/as/tokyo/nothing").text


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"email=" + b"x" * 20_000, 413), (b"email=\xff", 400), (b"", 400)],
)
def test_a_form_that_cannot_be_read_is_refused(shop: TestClient, body: bytes, status: int) -> None:
    assert shop.post("/newsletter", content=body).status_code == status


def test_an_unknown_product_is_not_put_into_the_basket(shop: TestClient) -> None:
    answer = shop.post("/cart", data={"product": "yeti"})
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers


@pytest.fixture
def behind_edge() -> TestClient:
    async def echo(request: Request) -> Response:
        return JSONResponse(
            {
                "path": request.url.path,
                "raw": request.scope["raw_path"].decode(),
                "headers": request.headers.items(),
            }
        )

    return TestClient(edge(Starlette(routes=[Route("/{rest:path}", echo)])))


def place_headers(answer: dict[str, list[list[str]]]) -> list[tuple[str, str]]:
    wanted = ("cf-ipcountry", "cf-region-code", "x-country-code", "sec-gpc")
    return [(name, value) for name, value in answer["headers"] if name in wanted]


@pytest.mark.parametrize(
    ("visitor", "expected"),
    [
        ("berlin", [("cf-ipcountry", "DE"), ("cf-region-code", "BE")]),
        ("london", [("cf-ipcountry", "GB")]),
        ("la", [("cf-ipcountry", "US"), ("cf-region-code", "CA")]),
        ("la-gpc", [("cf-ipcountry", "US"), ("cf-region-code", "CA"), ("sec-gpc", "1")]),
        ("dallas", [("cf-ipcountry", "US"), ("cf-region-code", "TX")]),
        ("montreal", [("cf-ipcountry", "CA"), ("cf-region-code", "QC")]),
        ("sao-paulo", [("cf-ipcountry", "BR"), ("cf-region-code", "SP")]),
        ("tokyo", [("cf-ipcountry", "JP"), ("cf-region-code", "13")]),
        ("nowhere", [("cf-ipcountry", "XX")]),
    ],
)
def test_the_edge_says_where_the_visitor_is_over_what_the_client_says(
    behind_edge: TestClient, visitor: str, expected: list[tuple[str, str]]
) -> None:
    lies = {"CF-IPCountry": "FR", "CF-Region-Code": "IDF", "X-Country-Code": "FR"}
    answer = behind_edge.get(f"/edge/{visitor}/s/summit/loader.js?l=de", headers=lies).json()
    assert answer["path"] == "/s/summit/loader.js"
    assert answer["raw"] == "/s/summit/loader.js"
    assert place_headers(answer) == expected


def test_the_edge_leaves_the_browsers_own_gpc_signal(behind_edge: TestClient) -> None:
    answer = behind_edge.get("/edge/berlin/x", headers={"Sec-GPC": "1"}).json()
    assert ("sec-gpc", "1") in place_headers(answer)


@pytest.mark.parametrize(
    "path", ["/s/summit/loader.js", "/edge/mars/x", "/edge/berlin", "/edgeways"]
)
def test_requests_outside_the_edge_pass_untouched(behind_edge: TestClient, path: str) -> None:
    answer = behind_edge.get(path, headers={"CF-IPCountry": "FR"}).json()
    assert answer["path"] == path
    assert place_headers(answer) == [("cf-ipcountry", "FR")]


class Demo:
    """``consent demo`` in a process of its own, in ``folder``."""

    def __init__(self, folder: Path, ports: Sequence[int] | None = None) -> None:
        self.port, self.shop_port = ports or (free_port(), free_port())
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "consent", "demo", "--days", "0"),
                *("--port", str(self.port), "--shop-port", str(self.shop_port)),
            ],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        lines = list(iter(self.process.stdout.readline, "Stop with Ctrl-C.\n"))[:80]
        self.printed = "".join(lines)
        self.shop = f"http://localhost:{self.shop_port}"

    def ended(self) -> tuple[int, str]:
        """The exit status and what stood on standard error."""
        _, said = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, said

    def interrupt(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        return self.ended()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    if demo.process.poll() is None:
        demo.process.kill()
        demo.process.communicate()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def test_the_demo_prints_its_addresses_serves_both_and_stops_with_ctrl_c(demo: Demo) -> None:
    assert f"http://localhost:{demo.shop_port}/" in demo.printed
    assert f"http://127.0.0.1:{demo.port}/admin/" in demo.printed
    assert re.search(r"Login +owner@summit\.example\n +Password +\S{12,}", demo.printed)
    status, page = get(f"{demo.shop}/as/la/")
    assert status == 200
    assert f"http://localhost:{demo.port}/edge/la" in page
    assert get(f"http://localhost:{demo.port}/readyz")[0] == 200
    assert get(f"http://localhost:{demo.port}/edge/la/s/summit/loader.js")[0] == 200
    assert get(f"http://127.0.0.1:{demo.port}/admin/")[0] == 200
    assert demo.interrupt() == (0, "")


def test_a_second_start_keeps_the_database_and_makes_a_new_login(
    demo: Demo, tmp_path: Path
) -> None:
    demo.interrupt()
    again = Demo(tmp_path, (demo.port, demo.shop_port))
    status, said = again.interrupt()
    passwords = [re.search(r"Password +(\S+)", d.printed)[1] for d in (demo, again)]
    assert (status, said) == (0, "")
    assert passwords[0] != passwords[1]
    assert len(list((tmp_path / "var" / "demo").glob("*.db"))) == 1


@pytest.mark.parametrize(("place", "name"), [(0, "PORT"), (1, "SHOP_PORT")])
def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path, place: int, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [free_port(), free_port()]
        ports[place] = taken.getsockname()[1]
        process = subprocess.run(
            [
                *(sys.executable, "-m", "consent", "demo"),
                *("--port", str(ports[0]), "--shop-port", str(ports[1])),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert process.returncode == 2
    assert f"consent: {name}: {ports[place]} is taken" in process.stderr
    assert f"`make demo {name}=" in process.stderr
