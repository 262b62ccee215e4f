"""How much one address and one store may ask of a process. In memory, forgotten at a restart.

- one address (an IPv6 one counts as its /64 network): so many posts a second, and ten seconds'
  worth at once. A script that has to be composed first counts as ``SCRIPT_COST`` of them, one
  that is there counts nothing. Addresses that are not public are a proxy's or the operator's own:
  nobody else can be told behind them, so they are not held up.
- one store: so many posts a second, and no more than ``AT_ONCE`` that wait for a commit together,
  so that whoever floods a store leaves its neighbours their part of every commit.

Addresses are held only as hashes under a key that this process drew at its start and tells nobody,
and for two minutes at most (rule 3: addresses are forgotten). The table is bounded. Each process
counts by itself.

What is refused is answered 429 with ``Retry-After``; a page keeps its decision and posts it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator

from starlette.types import Scope

from consent.errors import ThrottledError
from consent.geo import Geo
from consent.geo.addresses import parse, public
from consent.web import signals

BURST_SECONDS = 10
SCRIPT_COST = 10
AT_ONCE = 2048
"""A quarter of what the recorder lets wait."""
KEYS_KEPT = 50_000
"""Of the newer half of the table; the older one goes when the newer one is full, or old."""
HALF_SECONDS = 60.0


class Pace:
    """So many a second for each key, and ``BURST_SECONDS`` worth at once; 0: as many as come.

    Of a key it keeps one moment, at which it will have its whole burst again.
    Source: the generic cell rate algorithm, ITU-T I.371 annex A.

    Args:
        a_second: how many.
        clock: seconds that only grow.
    """

    def __init__(self, a_second: int, clock: Callable[[], float]) -> None:
        self._interval = 1 / a_second if a_second else 0.0
        self._clock = clock
        self._newer: dict[bytes | str, float] = {}
        self._older: dict[bytes | str, float] = {}
        self._turns_at = clock() + HALF_SECONDS

    def wait(self, key: bytes | str, cost: int = 1) -> float:
        """Seconds until ``cost`` more are allowed; 0 when they are now, and then they count."""
        if not self._interval:
            return 0.0
        now = self._clock()
        if now >= self._turns_at or len(self._newer) >= KEYS_KEPT:
            self._older, self._newer, self._turns_at = self._newer, {}, now + HALF_SECONDS
        whole_at = self._newer.get(key) or self._older.get(key, now)
        whole_at = max(whole_at, now) + cost * self._interval
        wait = whole_at - now - BURST_SECONDS
        if wait > 0:
            return wait
        self._newer[key] = whole_at
        return 0.0

    @property
    def kept(self) -> int:
        """How many keys are remembered."""
        return len(self._newer) + len(self._older)


class Limits:
    """One for each application, since it counts.

    Args:
        geo: knows proxies.
        per_address: posts a second; 0: as many as come.
        per_store: likewise.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        geo: Geo,
        per_address: int,
        per_store: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._geo = geo
        self._addresses = Pace(per_address, clock)
        self._stores = Pace(per_store, clock)
        self._hash = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=12)
        self._waiting: Counter[str] = Counter()

    def take(self, scope: Scope, cost: int = 1) -> None:
        """Counts one request of an address.

        Raises:
            ThrottledError: there were too many; nothing was counted.
        """
        nearest = self._nearest(scope)
        if nearest is None:
            return
        network = _network(nearest)
        if network is None or self._addresses.wait(self._named(network), cost):
            self._take_exactly(scope, cost)

    def take_for(self, store: str) -> None:
        """Counts one post for a store.

        Raises:
            ThrottledError: there were too many; nothing was counted.
        """
        wait = self._stores.wait(store)
        if wait:
            raise _too_many("too_many_for_store", "for one store", wait)

    @contextlib.contextmanager
    def waiting(self, store: str) -> Iterator[None]:
        """Around what waits for a commit.

        Raises:
            ThrottledError: the store has ``AT_ONCE`` that do.
        """
        if self._waiting[store] >= AT_ONCE:
            raise _too_many("too_many_for_store", "for one store", 1)
        self._waiting[store] += 1
        try:
            yield
        finally:
            self._waiting[store] -= 1
            if not self._waiting[store]:
                del self._waiting[store]

    def _nearest(self, scope: Scope) -> str | None:
        """Whom the request came from, or what a known proxy says of that; quick, and good enough
        to let it pass. None: from an inner proxy, for itself.
        """
        client = scope.get("client")
        peer: str = client[0] if client else ""
        if not self._geo.is_known_proxy(peer):
            return peer
        forwarded = signals.joined(scope).get(b"x-forwarded-for")
        if forwarded is None:
            return None if self._geo.is_inner_proxy(peer) else ""
        return forwarded.rpartition(b",")[2].strip().decode("latin-1")

    def _take_exactly(self, scope: Scope, cost: int) -> None:
        """The same by the visitor's address, found as it is found for the place."""
        address = parse(signals.address(scope, self._geo))
        if address is None or public(address) is None:
            return
        wait = self._addresses.wait(self._named(_network(str(address)) or b""), cost)
        if wait:
            raise _too_many("too_many_from_address", "from one address", wait)

    def _named(self, network: bytes) -> bytes:
        named = self._hash.copy()
        named.update(network)
        return named.digest()


def _network(address: str) -> bytes | None:
    """The bytes that tell one sender from another; None for what is no plain address, and for an
    IPv4 one that is written as IPv6.
    """
    try:
        if ":" in address:
            network = socket.inet_pton(socket.AF_INET6, address)[:8]
            return network if any(network) else None
        return socket.inet_pton(socket.AF_INET, address)
    except (OSError, ValueError):
        return None


def _too_many(code: str, whose: str, wait: float) -> ThrottledError:
    return ThrottledError(
        code,
        f"requests: more than are taken {whose}; expected fewer",
        retry_after_seconds=max(1, math.ceil(wait)),
    )
