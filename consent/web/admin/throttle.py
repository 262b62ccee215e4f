"""How often a password may be tried. Kept in memory, forgotten at a restart.

Two counters, each over a sliding window:

- the pair (account, address): a few wrong tries and this address has to wait for this account.
  The account's owner, who comes from elsewhere, is not touched: nobody can be locked out.
- the address alone: more tries, over all accounts, so that one address cannot try one password on
  a thousand accounts.

Six digits are soon guessed from many addresses, by whoever knows the password. So for them there is
a third one: the account, over all browsers that are not known. It locks nobody out either: a known
browser is not counted there, and recovery codes are not, which are too long to be guessed.

A browser in which an account's owner has signed in before counts by itself instead of by its
address (``sessions.known_browser``), so that an attacker behind the same address, such as that of
an office, locks nobody out who is known there. Its cookie helps with that one account alone.
Source: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies.

There is no counter over everybody: whoever has many addresses would lock all others out with it.
What a check costs is bounded by how many run at once, see ``login.CHECKS_AT_ONCE``.

Addresses and accounts are held only as keyed hashes under a salt that this process drew at its
start and tells nobody, and only for as long as the window lasts (rule 3: addresses are forgotten).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import math
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable

from consent.errors import ThrottledError

PAIR_TRIES, PAIR_SECONDS = 5, 15 * 60
ACCOUNT_TRIES, ACCOUNT_SECONDS = 30, 24 * 60 * 60
ADDRESS_TRIES, ADDRESS_SECONDS = 30, 15 * 60
KEYS_KEPT = 20_000
"""Beyond this the oldest counters go first: an attacker's memory, not ours, is the limit."""


class Throttle:
    """Counts tries before the password is looked at, so that parallel tries count too.

    Args:
        now: the clock, aware UTC.
    """

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        self._now = now
        self._salt = secrets.token_bytes(32)
        self._tries: OrderedDict[bytes, deque[float]] = OrderedDict()

    def take(self, email: str, address: str, *, of_account: bool = False) -> None:
        """Counts one try.

        Args:
            email: as typed; compared without regard to case.
            address: the visitor's address, or the name of a known browser; an IPv6 address counts
                as its /64 network.
            of_account: whether it counts for the account too, wherever it comes from.

        Raises:
            ThrottledError: there were too many; nothing was counted, so waiting helps.
        """
        now = self._now().timestamp()
        rules = [
            (self._pair(email, address), PAIR_TRIES, PAIR_SECONDS),
            (self._key("address", _network(address)), ADDRESS_TRIES, ADDRESS_SECONDS),
        ]
        if of_account:
            rules.append((self._key("account", _plain(email)), ACCOUNT_TRIES, ACCOUNT_SECONDS))
        wait = max(self._wait(key, tries, seconds, now) for key, tries, seconds in rules)
        if wait > 0:
            raise ThrottledError(
                "too_many_attempts",
                f"too many attempts to sign in; try again in {_in_words(wait)}",
                retry_after_seconds=wait,
            )
        for key, _, _ in rules:
            self._tries.setdefault(key, deque()).append(now)
            self._tries.move_to_end(key)
        while len(self._tries) > KEYS_KEPT:
            self._tries.popitem(last=False)

    def succeeded(self, email: str, address: str) -> None:
        """Forgets the tries of a pair whose password was right."""
        self._tries.pop(self._pair(email, address), None)

    def _wait(self, key: bytes, tries: int, seconds: int, now: float) -> int:
        """Whole seconds until the next try under ``key`` is allowed; 0 when it is now."""
        times = self._tries.get(key)
        while times and times[0] <= now - seconds:
            times.popleft()
        if times is None or len(times) < tries:
            return 0
        return max(1, math.ceil(times[-tries] + seconds - now))

    def _pair(self, email: str, address: str) -> bytes:
        return self._key("pair", _plain(email), _network(address))

    def _key(self, *parts: str) -> bytes:
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._salt, digest_size=16).digest()


def _plain(email: str) -> str:
    return email.strip().lower()


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


def _in_words(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} second{'s' if seconds != 1 else ''}"
    if seconds > 2 * 60 * 60:
        return f"{math.ceil(seconds / 3600)} hours"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
