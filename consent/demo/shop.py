"""Summit Outdoor: a shop with real pages, on its own origin, that never heard of consent law.

The visitor is in the path (``/as/tokyo/products/ridgeline-2``; ``/`` is Berlin), so that being
someone needs no cookie. Nothing is stored in the browser before something is in the basket.
"""

from __future__ import annotations

import functools
import re
import secrets
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from consent.demo import cart as basket
from consent.demo import catalog
from consent.demo.cart import Cart, Event, Orders
from consent.demo.visitors import DEFAULT, VISITORS, Visitor
from consent.signing import Signer

_HERE = Path(__file__).resolve().parent
_MOST_FORM_BYTES = 10_000


class Shop(msgspec.Struct, frozen=True):
    """What the shop is told by whoever starts it.

    ``snippet`` gives the one ``<script>`` for a service address; ``hosts`` the vendors' hosts by
    directive (``script``, ``connect``, ``img``, ``frame``) for the Content-Security-Policy;
    ``regimes`` the rules that hold for each visitor, in a few words; ``vendor_cookies`` the names
    that changing the visitor expires.
    """

    service_url: str
    snippet: Callable[[str], str]
    signer: Signer
    hosts: Mapping[str, Sequence[str]] = {}
    regimes: Mapping[str, str] = {}
    vendor_cookies: Sequence[str] = ()
    admin_url: str = ""


class Page(msgspec.Struct, frozen=True):
    """One request: who is asking, below which prefix, with what in the basket."""

    request: Request
    visitor: Visitor
    prefix: str
    cart: Cart

    def to(self, path: str) -> RedirectResponse:
        return RedirectResponse(self.prefix + path, status_code=303)

    async def form(self) -> dict[str, str]:
        """The fields of a urlencoded form.

        Raises:
            HTTPException: 413 over ten kilobytes; 400 when it is not UTF-8.
        """
        body = b""
        async for chunk in self.request.stream():
            body += chunk
            if len(body) > _MOST_FORM_BYTES:
                raise HTTPException(413)
        try:
            return dict(urllib.parse.parse_qsl(body.decode()))
        except UnicodeDecodeError as error:
            raise HTTPException(400) from error


View = Callable[[Page], Awaitable[Response]]


def create_shop(shop: Shop) -> Starlette:
    """The demo shop as an ASGI application."""
    pages = _Pages(shop)
    routes = [
        Route("/", pages.shown(pages.home)),
        Route("/c/{category}", pages.shown(pages.category)),
        Route("/products/{product}", pages.shown(pages.product)),
        Route("/cart", pages.shown(pages.cart)),
        Route("/cart", pages.shown(pages.change_cart), methods=["POST"]),
        Route("/checkout", pages.shown(pages.checkout)),
        Route("/checkout", pages.shown(pages.order), methods=["POST"]),
        Route("/orders/{order}", pages.shown(pages.confirmation)),
        Route("/newsletter", pages.shown(pages.newsletter)),
        Route("/newsletter", pages.shown(pages.sign_up), methods=["POST"]),
        Route("/newsletter/thanks/{token}", pages.shown(pages.thanks)),
        Route("/privacy", pages.shown(pages.privacy)),
    ]
    return Starlette(
        routes=[
            Route("/visit/{visitor}", pages.visit),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
            Mount("/as/{visitor}", routes=routes),
            *routes,
        ],
        exception_handlers={HTTPException: pages.failed},
    )


class _Pages:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._orders = Orders()
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(
            categories=catalog.CATEGORIES,
            products=catalog.PRODUCTS,
            visitors=VISITORS,
            regimes=shop.regimes,
            admin_url=shop.admin_url,
            service_url=shop.service_url,
            euros=catalog.euros,
        )

    def shown(self, view: View) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(view)
        async def endpoint(request: Request) -> Response:
            return await view(self._page(request))

        return endpoint

    def _page(self, request: Request) -> Page:
        key = request.path_params.get("visitor")
        if key is not None and key not in VISITORS:
            raise HTTPException(404)
        cart = Cart.read(request.cookies.get(basket.COOKIE, ""), self._shop.signer)
        visitor = VISITORS[key] if key else DEFAULT
        return Page(request, visitor, f"/as/{key}" if key else "", cart)

    def _render(
        self, page: Page, name: str, *events: Event, status: int = 200, **more: Any
    ) -> Response:
        nonce = secrets.token_urlsafe(16)
        tag = self._shop.snippet(f"{self._shop.service_url}/edge/{page.visitor.key}")
        html = self._templates.get_template(name).render(
            page=page,
            visitor=page.visitor,
            cart=page.cart,
            prefix=page.prefix,
            snippet=re.sub(r"^\s*<script\b", f'<script nonce="{nonce}"', tag, count=1),
            events=[("PageView", {}), *events],
            **more,
        )
        headers = {
            "Content-Security-Policy": self._policy(nonce),
            "Cache-Control": "no-store",
            "Referrer-Policy": "strict-origin-when-cross-origin",
            "X-Content-Type-Options": "nosniff",
        }
        return HTMLResponse(html, status_code=status, headers=headers)

    def _policy(self, nonce: str) -> str:
        def sources(kind: str, *own: str) -> str:
            hosts = sorted({f"https://{host}" for host in self._shop.hosts.get(kind, ())})
            return " ".join([*own, *hosts])

        service = self._shop.service_url
        return "; ".join(
            [
                "default-src 'none'",
                f"script-src {sources('script', chr(39) + 'self' + chr(39), service)}"
                f" 'nonce-{nonce}'",
                f"style-src 'self' 'nonce-{nonce}'",
                "img-src " + sources("img", "'self'", "data:"),
                "connect-src " + sources("connect", "'self'", service),
                "frame-src " + sources("frame", "'self'"),
                "font-src 'self'",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            ]
        )

    async def home(self, page: Page) -> Response:
        picked = [p for p in catalog.PRODUCTS.values() if p.badge]
        return self._render(page, "home.html", picked=picked)

    async def category(self, page: Page) -> Response:
        category = catalog.CATEGORIES.get(page.request.path_params["category"])
        if category is None:
            raise HTTPException(404)
        shown = catalog.of_category(category.key)
        return self._render(page, "category.html", category=category, shown=shown)

    async def product(self, page: Page) -> Response:
        product = catalog.PRODUCTS.get(page.request.path_params["product"])
        if product is None:
            raise HTTPException(404)
        beside = [p for p in catalog.of_category(product.category) if p is not product]
        return self._render(
            page,
            "product.html",
            basket.viewed(product),
            product=product,
            beside=beside,
            added=basket.added(product),
        )

    async def cart(self, page: Page) -> Response:
        return self._render(page, "cart.html")

    async def change_cart(self, page: Page) -> Response:
        form = await page.form()
        key = form.get("product", "")
        if key not in catalog.PRODUCTS:
            raise HTTPException(400)
        quantity = (
            int(form["quantity"]) if re.fullmatch(r"\d{1,3}", form.get("quantity", "")) else 1
        )
        change = page.cart.put if form.get("set") else page.cart.add
        cart = change(key, quantity)
        answer = (
            JSONResponse({"count": cart.count, "total": cart.total})
            if page.request.headers.get("accept") == "application/json"
            else page.to("/cart")
        )
        return self._keep(answer, cart)

    def _keep(self, answer: Response, cart: Cart) -> Response:
        """``answer`` with the basket's cookie, or without one when the basket is empty."""
        if cart.count:
            value = cart.cookie(self._shop.signer)
            answer.set_cookie(basket.COOKIE, value, httponly=True, samesite="lax")
        else:
            answer.delete_cookie(basket.COOKIE, httponly=True, samesite="lax")
        return answer

    async def checkout(self, page: Page) -> Response:
        if not page.cart.count:
            return page.to("/cart")
        return self._render(page, "checkout.html", basket.checkout(page.cart))

    async def order(self, page: Page) -> Response:
        await page.form()  # read to its end and forgotten: the demo keeps no name and no address
        if not page.cart.count:
            return page.to("/cart")
        order = self._orders.place(page.cart)
        return self._keep(page.to(f"/orders/{order.id}"), Cart())

    async def confirmation(self, page: Page) -> Response:
        order = self._orders.find(page.request.path_params["order"])
        if order is None:
            raise HTTPException(404)
        return self._render(page, "order.html", basket.purchased(order), order=order)

    async def newsletter(self, page: Page) -> Response:
        return self._render(page, "newsletter.html", fault="")

    async def sign_up(self, page: Page) -> Response:
        form = await page.form()
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", form.get("email", "")):
            fault = "That does not look like an address. Please write it as name@example.com."
            return self._render(page, "newsletter.html", status=400, fault=fault)
        return page.to(f"/newsletter/thanks/{secrets.token_hex(6)}")

    async def thanks(self, page: Page) -> Response:
        event = basket.signed_up(page.request.path_params["token"])
        return self._render(page, "thanks.html", event)

    async def privacy(self, page: Page) -> Response:
        return self._render(page, "privacy.html")

    async def visit(self, request: Request) -> Response:
        """Become someone else: what this origin stored is cleared, then their home page."""
        visitor = VISITORS.get(request.path_params["visitor"])
        if visitor is None:
            raise HTTPException(404)
        answer = RedirectResponse(f"/as/{visitor.key}/", status_code=303)
        answer.headers["Clear-Site-Data"] = '"cookies", "storage"'
        answer.headers["Cache-Control"] = "no-store"
        # Whoever arrives came from nowhere in this shop, so the service counts a new visit.
        answer.headers["Referrer-Policy"] = "no-referrer"
        names = {"pixelgate", basket.COOKIE, *self._shop.vendor_cookies, *request.cookies}
        for name in sorted(names):
            answer.delete_cookie(name)
        return answer

    async def failed(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        key = request.path_params.get("visitor", "")
        prefix = f"/as/{key}" if key in VISITORS else ""
        page = Page(request, VISITORS.get(key, DEFAULT), prefix, Cart())
        return self._render(page, "missing.html", status=status, code=status)
