"""``python -m tests.bench_geo``: what a look-up costs, beside geoip2's own of the same addresses.

Machines are noisy, so what counts is the ratio of figures that were taken in turns in one run; each
is the best of its rounds. With a path it measures that database instead of the shipped one.
"""

from __future__ import annotations

import ipaddress
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import geoip2.database
from geoip2.errors import AddressNotFoundError

from consent import data
from consent.geo import Geo
from consent.web import signals
from consent.web.app import utcnow

ROUNDS = 9
ADDRESSES = 5000
PROXY = "127.0.0.1"


def addresses() -> list[str]:
    """Public ones all over the Internet, always the same."""
    draw = random.Random(5)
    found: list[str] = []
    while len(found) < ADDRESSES:
        address = ipaddress.IPv4Address(draw.getrandbits(32))
        if address.is_global and not address.is_multicast:
            found.append(str(address))
    return found


def seconds(work: Callable[[str], object], over: Sequence[str]) -> float:
    """Of processor time, for one address."""
    began = time.process_time()
    for one in over:
        work(one)
    return (time.process_time() - began) / len(over)


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else data.folder("data") / "places.mmdb"
    geo = Geo(path, [ipaddress.ip_network(PROXY)], now=utcnow)
    reader = geoip2.database.Reader(path)
    model = reader.city if geo.database.kind.endswith("City") else reader.country

    def geoip2_alone(ip: str) -> None:
        try:
            model(ip)
        except AddressNotFoundError:
            return

    def scope(*headers: tuple[bytes, bytes]) -> dict[str, object]:
        usual = [(b"host", b"a.example"), (b"accept", b"*/*"), (b"accept-language", b"de")]
        return {"client": (PROXY, 1), "headers": [*usual, *headers]}

    cdn = scope((b"cf-ipcountry", b"US"), (b"cf-region-code", b"CA"))
    places: dict[str, Callable[[str], object]] = {
        "geoip2's own look-up": geoip2_alone,
        "`Geo.lookup`, address to place": geo.lookup,
        "a request with `X-Forwarded-For`": lambda ip: signals.place(
            scope((b"x-forwarded-for", ip.encode())), geo
        ),
        "a request with a CDN's headers": lambda ip: signals.place(cdn, geo),
    }
    over = addresses()
    best = dict.fromkeys(places, float("inf"))
    for _ in range(ROUNDS):
        for name, work in places.items():
            best[name] = min(best[name], seconds(work, over))
    print(f"{geo.database.kind} of {geo.database.built_at.date()}, {ADDRESSES} addresses\n")
    print("| what | µs | to geoip2's own |\n|---|---|---|")
    alone = best["geoip2's own look-up"]
    for name, took in best.items():
        print(f"| {name} | {took * 1e6:.1f} | {took / alone:.2f} |")
    geo.close()
    reader.close()


if __name__ == "__main__":
    main()
