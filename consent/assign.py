"""Which variant of an experiment a browser gets, without anything stored.

The choice follows from what comes with every request, the network it is sent from and the user
agent, by a key that is made anew each day: the same browser gets the same banner from page to page
of a day, and nobody can tell from the banner whose it was. Nothing of it is written, sent or
logged: it is used to choose and forgotten. Workers agree, since all of them derive the day's key
from the same secret.
"""

from __future__ import annotations

import datetime as dt
import hmac
import ipaddress

from consent.model import CONTROL, StoreConfig
from consent.signing import daily_key

MOST_BYTES = 512
"""Of a user agent that count."""


class Assigner:
    """Chooses. ``secret``: the newest secret key; all workers of a service have the same."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._day = dt.date.min
        self._key = b""

    def choose(self, config: StoreConfig, on: dt.date, address: str | None, agent: bytes) -> str:
        """The key of a variant; empty where no experiment runs on that day, in UTC."""
        experiment = config.experiment
        if not experiment.runs(on):
            return ""
        if on != self._day:
            self._key, self._day = daily_key(self._secret, on), on
        about = f"{config.key}\n{experiment.key}\n{network(address)}\n".encode()
        digest = hmac.digest(self._key, about + agent[:MOST_BYTES], "sha256")
        weights = {CONTROL: experiment.weight} | {one.key: one.weight for one in config.variants}
        left = int.from_bytes(digest[:8]) * sum(weights.values()) >> 64
        for key, weight in weights.items():
            if left < weight:
                return key
            left -= weight
        raise AssertionError("the weights add up to their sum")


def network(address: str | None) -> str:
    """The /24 or /48 that an address is in, since it may change within a visit; or nothing."""
    if address is None:
        return ""
    length = 48 if ":" in address else 24
    return str(ipaddress.ip_network(f"{address}/{length}", strict=False))
