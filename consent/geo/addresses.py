"""Addresses as servers and proxies write them, and which of them can be anywhere at all.

Nothing here remembers an address or puts one into an error.
"""

from __future__ import annotations

import bisect
import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::[0-9]{1,5})?|([0-9.]{7,15}):[0-9]{1,5}")
_LONGEST = 64
_NAT64 = int(ipaddress.IPv6Address("64:ff9b::")) >> 32
"""Source: RFC 6052 section 2.1, the well-known prefix, of 96 bits."""

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


def parse(text: str | None) -> Address | None:
    """An address out of what servers and proxies write: ports, brackets, zones, ``::ffff:``.

    One that only carries another (6to4, NAT64, Teredo) stays as it is here: anybody can send from
    one that holds a proxy's address. ``public`` opens it.
    """
    if text is None or len(text) > _LONGEST:
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


def public(address: Address) -> Address | None:
    """The address that has a place: the one that ``address`` carries, if it carries one; None when
    it is private or reserved.
    """
    carried = _carried(address) if isinstance(address, ipaddress.IPv6Address) else address
    ranges, number = _RANGES[carried.version], int(carried)
    before = bisect.bisect(ranges, number, key=lambda ends: ends[0]) - 1
    return carried if before < 0 or number > ranges[before][1] else None


def _carried(address: ipaddress.IPv6Address) -> Address:
    """The sender's IPv4 address, where the way back to it is written in the IPv6 one.

    Source: RFC 3056 (6to4), RFC 6052 (NAT64), RFC 4380 section 4 (Teredo, where the bits of the
    client's address are turned over; databases that alias Teredo take the server's for it).
    """
    number = int(address)
    if number >> 32 == _NAT64:
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if number >> 112 == 0x2002:
        return ipaddress.IPv4Address(number >> 80 & 0xFFFFFFFF)
    if number >> 96 == 0x20010000:
        return ipaddress.IPv4Address(~number & 0xFFFFFFFF)
    return address
