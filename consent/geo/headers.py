"""The headers by which CDNs say where a visitor is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consent.geo import codes
from consent.model import Place

Sent = Mapping[bytes, bytes]
"""A request's headers by lower-case name. Lines of one name are joined with commas in their order,
since a proxy may append a line of its own to one that the visitor made up.
"""
FORWARDED = b"x-forwarded-for"

_REMEMBERED = 4096
_USUAL = 300
"""Bytes of headers. Longer ones are read, and not remembered."""


class PlaceHeader(NamedTuple):
    """How one CDN says where the visitor is."""

    cdn: str
    country: str
    subdivision: str
    """Empty: the first header says both, as ``country_code=US,region_code=CA``."""


HEADERS = (
    # https://developers.cloudflare.com/rules/transform/managed-transforms/reference/
    PlaceHeader("cloudflare", "CF-IPCountry", "CF-Region-Code"),
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html
    PlaceHeader("cloudfront", "CloudFront-Viewer-Country", "CloudFront-Viewer-Country-Region"),
    # https://vercel.com/docs/headers/request-headers
    PlaceHeader("vercel", "X-Vercel-IP-Country", "X-Vercel-IP-Country-Region"),
    # Fastly has no names of its own; these two are what its VCL is often written with.
    # https://www.fastly.com/documentation/reference/vcl/variables/geolocation/
    PlaceHeader("fastly", "Fastly-Geo-Country", "Fastly-Geo-Region"),
    PlaceHeader("fastly", "X-Geo-Country", "X-Geo-Region"),
    # https://techdocs.akamai.com/property-mgr/docs/content-tgting
    PlaceHeader("akamai", "X-Akamai-Edgescape", ""),
    # https://bunny.net/docs/cdn/request-headers-to-origin
    PlaceHeader("bunny", "CDN-RequestCountryCode", "CDN-RequestStateCode"),
    # https://docs.cloud.google.com/appengine/docs/flexible/reference/request-headers
    PlaceHeader("google", "X-Appengine-Country", "X-Appengine-Region"),
    # The load balancer's header is named by the operator; these are its variables {client_region}
    # and {client_region_subdivision}. https://docs.cloud.google.com/load-balancing/docs/https/custom-headers
    PlaceHeader("google", "X-Client-Region", "X-Client-Region-Subdivision"),
    PlaceHeader("generic", "X-Country-Code", "X-Region-Code"),
)
"""The one table of place headers. All that are sent must agree; otherwise the place is unknown."""


class Said(NamedTuple):
    """What one CDN's headers say, as they came."""

    kind: PlaceHeader
    country: bytes
    subdivision: bytes | None


class Ears:
    """Knows what the headers of ``kinds`` say, and remembers it: few places send most visitors."""

    def __init__(self, kinds: Sequence[PlaceHeader]) -> None:
        self._kinds = {_on_the_wire(kind.country): kind for kind in kinds}
        self._names = frozenset(self._kinds)
        self._subdivisions = {
            name: _on_the_wire(kind.subdivision) for name, kind in self._kinds.items()
        }
        self._known: dict[tuple[bytes | None, ...], Place] = {}

    def place(self, sent: Sent) -> Place | None:
        """The one place that they all mean, which may be unknown; None when none of them was sent.

        A subdivision without a country says nothing.
        """
        said: tuple[bytes | None, ...] = ()
        for name in self._names.intersection(sent):
            said += (name, sent[name], sent.get(self._subdivisions[name]))
        if not said:
            return None
        known = self._known.get(said)
        if known is not None:
            return known
        found = place([self._said(name, sent) for name in self._names.intersection(sent)])
        if sum(len(one or b"") for one in said) <= _USUAL:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[said] = found
        return found

    def _said(self, name: bytes, sent: Sent) -> Said:
        return Said(self._kinds[name], sent[name], sent.get(self._subdivisions[name]))


def _on_the_wire(name: str) -> bytes:
    return name.lower().encode()


def place(said: Sequence[Said]) -> Place:
    """The one place that all of ``said`` mean; unknown if they do not mean one country."""
    places = [_place(one) for one in said]
    countries = {place.country for place in places}
    if len(countries) > 1 or None in countries:
        return codes.UNKNOWN
    subdivisions = {place.subdivision for place in places} - {None}
    subdivision = subdivisions.pop() if len(subdivisions) == 1 else None
    return Place(countries.pop(), subdivision, "header")


def _place(said: Said) -> Place:
    country = said.country.decode("latin-1")
    if said.kind.subdivision:
        subdivision = None if said.subdivision is None else said.subdivision.decode("latin-1")
        return codes.place(country, subdivision, "header")
    pairs = [pair.strip().partition("=") for pair in country.split(",")]
    countries = [value for name, _, value in pairs if name == "country_code"]
    regions = [value for name, _, value in pairs if name == "region_code"]
    if len(countries) != 1:  # none, or one that the visitor made up beside the CDN's
        return codes.UNKNOWN
    return codes.place(countries[0], regions[0] if len(regions) == 1 else None, "header")
