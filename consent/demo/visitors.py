"""The visitors one can be in the demo, and how the demo's edge describes each to the service."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from consent.model import WITH_STATES, Place


class Visitor(msgspec.Struct, frozen=True):
    """Someone who opens the shop.

    ``key`` stands in addresses (``/as/{key}/``). ``country`` and ``region`` are what a CDN would
    say: ISO 3166-1, ``XX`` for unknown, and the subdivision without its country.
    """

    key: str
    name: str
    country: str
    region: str = ""
    gpc: bool = False

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The request headers that an edge adds for this visitor, as ASGI wants them."""
        region = [(b"cf-region-code", self.region.encode())] if self.region else []
        gpc = [(b"sec-gpc", b"1")] if self.gpc else []
        return ((b"cf-ipcountry", self.country.encode()), *region, *gpc)

    @property
    def place(self) -> Place:
        """The place that the service should find from ``headers``."""
        if self.country == "XX":
            return Place()
        kept = self.region and self.country in WITH_STATES
        subdivision = f"{self.country}-{self.region}" if kept else None
        return Place(country=self.country, subdivision=subdivision, source="header")


VISITORS: Mapping[str, Visitor] = MappingProxyType(
    {
        visitor.key: visitor
        for visitor in (
            Visitor("berlin", "Berlin", "DE", "BE"),
            Visitor("london", "London", "GB"),
            Visitor("la", "Los Angeles", "US", "CA"),
            Visitor("la-gpc", "Los Angeles with GPC", "US", "CA", gpc=True),
            Visitor("dallas", "Dallas", "US", "TX"),
            Visitor("montreal", "Montréal", "CA", "QC"),
            Visitor("sao-paulo", "São Paulo", "BR", "SP"),
            Visitor("tokyo", "Tokyo", "JP", "13"),
            Visitor("nowhere", "nowhere", "XX"),
        )
    }
)

DEFAULT = VISITORS["berlin"]
"""Who one is at ``/``."""
