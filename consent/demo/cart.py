"""The basket, the orders made from it, and the events that pages emit about both.

A basket lives in one signed cookie, which exists only while something is in it. Orders live in
this process's memory, without a name or an address: the demo keeps nothing a visitor types.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec

from consent.demo.catalog import PRODUCTS, Product, euros
from consent.errors import ForbiddenError
from consent.signing import Signer

COOKIE = "summit_cart"
CURRENCY = "EUR"
_MOST_OF_ONE = 20
_MAX_AGE_SECONDS = 86_400
_ORDERS_KEPT = 1_000

Event = tuple[str, dict[str, Any]]
"""What a page says to ``pixelgate('track', ...)``: a name and its parameters."""


class Cart(msgspec.Struct, frozen=True):
    """Product keys and how many of each."""

    quantities: dict[str, int] = {}

    @classmethod
    def read(cls, cookie: str, signer: Signer) -> Cart:
        """The basket in ``cookie``; an empty one if the cookie is not ours."""
        try:
            facts = signer.read_session(cookie, max_age_seconds=_MAX_AGE_SECONDS) if cookie else {}
        except ForbiddenError:
            return cls()
        return cls({key: n for key, n in facts.items() if key in PRODUCTS})

    def cookie(self, signer: Signer) -> str:
        return signer.session(self.quantities)

    def put(self, key: str, quantity: int) -> Cart:
        """The basket with ``quantity`` of ``key`` in it; none of it at zero or below."""
        others = {k: n for k, n in self.quantities.items() if k != key}
        kept = {key: min(quantity, _MOST_OF_ONE)} if quantity > 0 else {}
        return Cart({**others, **kept})

    def add(self, key: str, quantity: int) -> Cart:
        return self.put(key, self.quantities.get(key, 0) + max(quantity, 1))

    @property
    def lines(self) -> list[tuple[Product, int]]:
        return [(PRODUCTS[key], n) for key, n in self.quantities.items()]

    @property
    def count(self) -> int:
        return sum(self.quantities.values())

    @property
    def cents(self) -> int:
        return sum(product.cents * n for product, n in self.lines)

    @property
    def total(self) -> str:
        return euros(self.cents)


class Order(msgspec.Struct, frozen=True):
    id: str
    cart: Cart


class Orders:
    """The last thousand orders of this process."""

    def __init__(self) -> None:
        self._orders: OrderedDict[str, Order] = OrderedDict()

    def place(self, cart: Cart) -> Order:
        order = Order("SO-" + secrets.token_hex(4).upper(), cart)
        self._orders[order.id] = order
        while len(self._orders) > _ORDERS_KEPT:
            self._orders.popitem(last=False)
        return order

    def find(self, order_id: str) -> Order | None:
        return self._orders.get(order_id)


def about(lines: list[tuple[Product, int]]) -> dict[str, Any]:
    """The parameters of an event about ``lines``: value, currency and contents."""
    contents = [
        {"id": product.key, "quantity": n, "price": product.cents / 100, "name": product.name}
        for product, n in lines
    ]
    cents = sum(product.cents * n for product, n in lines)
    return {"value": cents / 100, "currency": CURRENCY, "contents": contents}


def viewed(product: Product) -> Event:
    return "ViewContent", about([(product, 1)])


def added(product: Product) -> Event:
    return "AddToCart", about([(product, 1)])


def checkout(cart: Cart) -> Event:
    return "InitiateCheckout", about(cart.lines)


def purchased(order: Order) -> Event:
    """The event id is the order's, so that a reloaded confirmation counts once at the vendor."""
    facts: Mapping[str, Any] = {"order_id": order.id, "event_id": f"order-{order.id}"}
    return "Purchase", {**about(order.cart.lines), **facts}


def signed_up(token: str) -> Event:
    return "Lead", {"event_id": f"lead-{token}"}
