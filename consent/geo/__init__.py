"""Where a visitor is: a CDN's header, else the database, else nowhere. The only importer of geoip2.

A header counts only when the request comes from a trusted proxy (rule 3). A header that answers
with anything but a country is an answer too: the place is unknown, and the database is not asked,
so that Tor stays unknown. What a database says of anonymous networks is not looked at: a visitor
behind a VPN or a hosting range is where the network is. A subdivision is kept only where the law
asks for it. The address is used and forgotten: it is not kept, cached, logged or put into an error.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from consent.geo import codes
from consent.geo.addresses import Address, parse, public
from consent.geo.headers import FORWARDED, HEADERS, Ears, PlaceHeader, Sent
from consent.geo.watched import OLD_DAYS, Failure, PlaceFacts, Watched
from consent.model import Place
from consent.parsing import CDNS, Network
from consent.rounds import Rounds

__all__ = ["HEADERS", "OLD_DAYS", "Failure", "Geo", "PlaceFacts", "PlaceHeader"]

LOOK_SECONDS = 2.0
_REMEMBERED = 4096

_log = structlog.get_logger("places")


class Geo:
    """Finds places. One for the whole process; it may be used from several threads.

    Args:
        database: a GeoIP2, GeoLite2 or DB-IP file, City or Country, which may be replaced at any
            time; None means ``fetched``, and where nothing is, the shipped one.
        trusted_proxies: the networks whose headers count.
        cdns: whose place headers count, out of ``parsing.CDNS``. A CDN sets its own header anew,
            but lets another's, which a visitor may have made up, through to us.
        now: the clock; it gives aware UTC.
        fetched: where ``consent geo update`` puts a database when ``database`` is None.
        strict: raise when the file at ``database`` or ``fetched`` cannot be used. Otherwise the
            shipped one is used until it can, and ``database`` and the log say so.

    Raises:
        DataError: the database is missing, is no MaxMind DB, or holds no places.
    """

    def __init__(
        self,
        database: Path | None,
        trusted_proxies: Sequence[Network],
        cdns: Sequence[str] = CDNS,
        *,
        now: Callable[[], dt.datetime],
        fetched: Path | None = None,
        strict: bool = True,
    ) -> None:
        codes.states(), codes.countries()
        self._trusted = tuple(trusted_proxies)
        self._headers = tuple(kind for kind in HEADERS if kind.cdn in cdns)
        self._ears = Ears(self._headers)
        # Only proxies and codes of places are remembered, never a visitor's address.
        self._proxies: dict[str, Address] = {}
        self._inner: set[str] = set()
        self._file = Watched(database, fetched, now, strict=strict)
        self._rounds = Rounds(self._round, LOOK_SECONDS)
        self.unreadable = 0
        """Look-ups that the database could not answer because it is damaged."""

    def close(self) -> None:
        self._file.current.close()

    @property
    def database(self) -> PlaceFacts:
        """The database in use: its kind, age and place, and why a newer one is not used."""
        return self._file.facts()

    @property
    def reloads(self) -> int:
        """How often the database was replaced since this process began."""
        return self._file.reloads

    @property
    def failures(self) -> int:
        """How often a file came that could not take the database's place."""
        return self._file.failures

    def look(self) -> None:
        """See ``Watched.look``."""
        self._file.look()

    def start(self) -> None:
        """Begins to look for new databases. Call it in the serving event loop."""
        self._rounds.start()

    async def stop(self) -> None:
        await self._rounds.stop()

    @property
    def place_headers(self) -> tuple[str, ...]:
        """The headers a place may come from, for ``Vary``; none when no proxy is trusted."""
        if not self._trusted:
            return ()
        named = (name for kind in self._headers for name in (kind.country, kind.subdivision))
        return (*filter(None, named), "X-Forwarded-For")

    def address(self, peer: str | None, sent: Sent) -> str | None:
        """The visitor's address, found as ``locate`` finds it; for throttling, and to tell who is
        no visitor.

        The caller keeps it in memory for as long as it counts attempts, and nowhere else.
        """
        address = parse(peer)
        if address is not None and self._is_trusted(address):
            address = self._visitor(address, sent.get(FORWARDED))
        return None if address is None else str(address)

    def is_known_proxy(self, peer: str) -> bool:
        """Whether a place was already found behind this trusted proxy; False says nothing."""
        return peer in self._proxies

    def is_inner_proxy(self, peer: str) -> bool:
        """Whether it is a known proxy whose own address is not public; False says nothing."""
        return peer in self._inner

    def locate(self, peer: str | None, sent: Sent) -> Place:
        """The place of the visitor who sent a request.

        Args:
            peer: the address the connection comes from; None when there is none (a Unix socket).
            sent: the request's headers.

        Returns:
            ``Place()`` when a trusted CDN knows none, when headers contradict each other, and when
            the address is private, reserved, unreadable or in no database.
        """
        proxy = self._proxies.get(peer) if peer is not None else None
        if proxy is None:
            address = parse(peer)
            if peer is None or address is None or not self._is_trusted(address):
                return self._place(address)
            proxy = address
            if len(self._proxies) < _REMEMBERED:
                self._proxies[peer] = proxy
                if public(proxy) is None:
                    self._inner.add(peer)
        said = self._ears.place(sent)
        if said is not None:
            return said
        return self._place(self._visitor(proxy, sent.get(FORWARDED)))

    def lookup(self, ip: str) -> Place:
        """The place of an address, as text, by the database alone; ``Place()`` for no address."""
        return self._place(parse(ip))

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)

    def _visitor(self, peer: Address, forwarded: bytes | None) -> Address | None:
        """The rightmost address that no trusted proxy has; what is left of it may be made up."""
        if forwarded is None:
            return peer
        for text in reversed(forwarded.decode("latin-1").split(",")):
            address = parse(text)
            if address is None or not self._is_trusted(address):
                return address
        return None

    def _place(self, address: Address | None) -> Place:
        found = public(address) if address is not None else None
        if found is None:
            return codes.UNKNOWN
        file = self._file.current
        try:
            return file.place(found)
        except Exception as error:  # a damaged file raises what it likes, with the address in it
            self._count_unreadable(type(error).__name__)
            return codes.UNKNOWN

    def _count_unreadable(self, error: str) -> None:
        if not self.unreadable:
            _log.error("place database damaged", error=error)
        self.unreadable += 1

    async def _round(self) -> float:
        try:
            await asyncio.to_thread(self._file.look)
        except Exception as error:  # whatever happens, the next file gets its look
            _log.error("place database not looked at", error=type(error).__name__)
        return LOOK_SECONDS
