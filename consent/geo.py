"""Where a visitor is: a CDN's header, else the database, else nowhere. The only importer of geoip2.

A header counts only when the request comes from a trusted proxy (rule 3). A header that answers
with anything but a country is an answer too: the place is unknown, and the database is not asked,
so that Tor stays unknown. A subdivision is kept only where the law asks for it. The address is used
and forgotten: it is not kept, cached, logged or put into an error.
"""

from __future__ import annotations

import bisect
import ipaddress
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import geoip2.database
import geoip2.errors

from consent import data
from consent.errors import DataError
from consent.model import WITH_STATES, Place, PlaceSource
from consent.settings import CDNS, Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Header = Callable[[str], str | None]


class PlaceHeader(NamedTuple):
    """How one CDN says where the visitor is."""

    cdn: str
    country: str
    subdivision: str
    """Empty: the first header says both, as ``country_code=US,region_code=CA``."""


HEADERS = (
    PlaceHeader("cloudflare", "CF-IPCountry", "CF-Region-Code"),
    PlaceHeader("cloudfront", "CloudFront-Viewer-Country", "CloudFront-Viewer-Country-Region"),
    PlaceHeader("vercel", "X-Vercel-IP-Country", "X-Vercel-IP-Country-Region"),
    PlaceHeader("fastly", "Fastly-Geo-Country", "Fastly-Geo-Region"),
    PlaceHeader("fastly", "X-Geo-Country", "X-Geo-Region"),  # as its VCL is often written
    PlaceHeader("akamai", "X-Akamai-Edgescape", ""),
    PlaceHeader("generic", "X-Country-Code", "X-Region-Code"),
)
"""The one table of place headers. All that are sent must agree; otherwise the place is unknown."""

UNKNOWN = Place()

_ALIASES = {"UK": "GB", "EL": "GR"}
# No country: what feeds send when they know none, and the codes ISO 3166 leaves to users, of which
# XK (Kosovo) alone is in use.
_NO_COUNTRY = re.compile(r"AP|EU|AA|Q[M-Z]|X[A-JL-Z]|ZZ")
_COUNTRY = re.compile(r"[A-Z]{2}")
_SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}")
_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+):\d{1,5}")
_LONGEST_ADDRESS = 64
_REMEMBERED = 4096
_USUAL = 300
"""Header values longer than any CDN writes are read anew each time rather than remembered."""

# Source: IANA's registries of special-purpose addresses. The properties of ``ipaddress`` would do,
# but they remember the addresses they were asked about.
_NOT_PUBLIC = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15"),
    *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    *("::/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2", "8000::/1"),
)
_RANGES = {
    version: sorted(
        (int(network[0]), int(network[-1]))
        for network in map(ipaddress.ip_network, _NOT_PUBLIC)
        if network.version == version
    )
    for version in (4, 6)
}


class Geo:
    """Finds places. One for the whole process; it may be used from several threads.

    Args:
        database: a GeoIP2, GeoLite2 or DB-IP file, City or Country; None means the shipped one.
        trusted_proxies: the networks whose headers count.
        cdns: whose place headers count, out of ``settings.CDNS``. A CDN sets its own header anew,
            but lets another's, which a visitor may have made up, through to us.

    Raises:
        DataError: the database is missing, is no MaxMind DB, or holds no places.
    """

    def __init__(
        self,
        database: Path | None,
        trusted_proxies: Sequence[Network],
        cdns: Sequence[str] = CDNS,
    ) -> None:
        self._trusted = tuple(trusted_proxies)
        self._headers = tuple(kind for kind in HEADERS if kind.cdn in cdns)
        self._names = tuple(
            name for kind in self._headers for name in (kind.country, kind.subdivision) if name
        )
        # Only proxies and codes of places are remembered, never a visitor's address.
        self._proxies: dict[str, Address] = {}
        self._spoken = lru_cache(maxsize=_REMEMBERED)(self._said)
        path = database or data.folder("data") / "places.mmdb"
        self._reader = _open(path)
        kind = self._reader.metadata().database_type
        if "City" in kind:
            self._read = self._city
        elif "Country" in kind:
            self._read = self._country
        else:
            self._reader.close()
            fault = f"a database of type {kind!r}; expected a City or a Country database"
            raise DataError(data.called(path), "", fault)

    def close(self) -> None:
        self._reader.close()

    @property
    def place_headers(self) -> tuple[str, ...]:
        """The headers a place may come from, for ``Vary``; none when no proxy is trusted."""
        if not self._trusted:
            return ()
        return (*self._names, "X-Forwarded-For")

    def address(self, peer: str | None, header: Header) -> str | None:
        """The visitor's address, found as ``locate`` finds it; for throttling alone.

        The caller keeps it in memory for as long as it counts attempts, and nowhere else.
        """
        address = _address(peer)
        if address is not None and self._is_trusted(address):
            address = self._visitor(address, header("X-Forwarded-For"))
        return None if address is None else str(address)

    def locate(self, peer: str | None, header: Header) -> Place:
        """The place of the visitor who sent a request.

        Args:
            peer: the address the connection comes from; None when there is none (a Unix socket).
            header: the request's header of a name in any case, or None. Lines of one name must be
                joined with commas in their order, since a proxy may append a line of its own to
                one that the visitor made up.

        Returns:
            ``Place()`` when a trusted CDN knows none, when headers contradict each other, and when
            the address is private, reserved, unreadable or in no database.
        """
        proxy = self._proxies.get(peer) if peer is not None else None
        if proxy is None:
            address = _address(peer)
            if peer is None or address is None or not self._is_trusted(address):
                return self._place(address)
            proxy = address
            if len(self._proxies) < _REMEMBERED:
                self._proxies[peer] = proxy
        values = tuple([header(name) for name in self._names])
        place = (self._spoken if len(str(values)) <= _USUAL else self._said)(values)
        if place is not None:
            return place
        return self._place(self._visitor(proxy, header("X-Forwarded-For")))

    def lookup(self, ip: str) -> Place:
        """The place of an address, as text, by the database alone; ``Place()`` for no address."""
        return self._place(_address(ip))

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)

    def _visitor(self, peer: Address, forwarded: str | None) -> Address | None:
        """The rightmost address that no trusted proxy has; what is left of it may be made up."""
        if forwarded is None:
            return peer
        for text in reversed(forwarded.split(",")):
            address = _address(text)
            if address is None or not self._is_trusted(address):
                return address
        return None

    def _said(self, values: tuple[str | None, ...]) -> Place | None:
        """What the place headers say, in the order of ``_names``; None when none was sent."""
        sent = dict(zip(self._names, values, strict=True))
        said = []
        for kind in self._headers:
            country = sent[kind.country]
            if country is None:
                continue
            if kind.subdivision:
                said.append(_checked(country, sent[kind.subdivision], "header"))
            else:
                fields = dict(pair.partition("=")[::2] for pair in country.split(","))
                region = fields.get("region_code")
                said.append(_checked(fields.get("country_code"), region, "header"))
        return _agreed(said) if said else None

    def _place(self, address: Address | None) -> Place:
        if address is None:
            return UNKNOWN
        if isinstance(address, ipaddress.IPv6Address) and address.sixtofour is not None:
            address = address.sixtofour
        if not _is_public(address):
            return UNKNOWN
        try:
            country, subdivision = self._read(address)
        except geoip2.errors.AddressNotFoundError:
            return UNKNOWN
        return _checked(country, subdivision, "database")

    def _city(self, address: Address) -> tuple[str | None, str | None]:
        found = self._reader.city(address)
        parts = found.subdivisions
        return found.country.iso_code, parts[0].iso_code if parts else None

    def _country(self, address: Address) -> tuple[str | None, str | None]:
        return self._reader.country(address).country.iso_code, None


def _open(path: Path) -> geoip2.database.Reader:
    try:
        return geoip2.database.Reader(path, mode=geoip2.database.MODE_AUTO)
    except (OSError, ValueError, RuntimeError) as error:
        fault = f"cannot be opened ({error}); expected a MaxMind DB file"
        raise DataError(data.called(path), "", fault) from error


def _agreed(said: Sequence[Place]) -> Place:
    """The one place all of them mean; unknown if they do not mean one country."""
    countries = {place.country for place in said}
    if len(countries) > 1 or None in countries:
        return UNKNOWN
    subdivisions = {place.subdivision for place in said} - {None}
    subdivision = subdivisions.pop() if len(subdivisions) == 1 else None
    return Place(countries.pop(), subdivision, "header")


def _checked(country: str | None, subdivision: str | None, source: PlaceSource) -> Place:
    """The place, if the country has the form of a code; the subdivision only if it fits to it and
    the law asks for it.
    """
    code = _code(country)
    code = _ALIASES.get(code, code)
    if _COUNTRY.fullmatch(code) is None or _NO_COUNTRY.fullmatch(code) is not None:
        return UNKNOWN
    if code not in WITH_STATES:
        return Place(code, None, source)
    of, dash, part = _code(subdivision).rpartition("-")
    if (dash and of != code) or _SUBDIVISION.fullmatch(part) is None:
        return Place(code, None, source)
    return Place(code, f"{code}-{part}", source)


def _code(text: str | None) -> str:
    """``text`` stripped, in upper case; nothing if it is not ASCII, since ``ß`` becomes ``SS``."""
    return text.strip().upper() if text is not None and text.isascii() else ""


def _is_public(address: Address) -> bool:
    ranges, number = _RANGES[address.version], int(address)
    before = bisect.bisect(ranges, number, key=lambda ends: ends[0]) - 1
    return before < 0 or number > ranges[before][1]


def _address(text: str | None) -> Address | None:
    """An address out of what servers and proxies write: ports, brackets, zones, ``::ffff:``.

    A 6to4 address stays as it is here: anybody can send from one that holds a proxy's address.
    """
    if text is None or len(text) > _LONGEST_ADDRESS:
        return None
    bare = text.strip().strip('"')
    with_port = _WITH_PORT.fullmatch(bare)
    if with_port is not None:
        bare = with_port[1] or with_port[2]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0] if ":" in bare else bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
