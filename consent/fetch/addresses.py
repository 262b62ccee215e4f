"""Which addresses may be asked: those of the public internet, and private ones where allowed.

Sources: https://www.iana.org/assignments/iana-ipv4-special-registry/ and its IPv6 twin.
"""

from __future__ import annotations

import ipaddress

OPEN = "CONSENT_SCAN_PRIVATE=true"
"""What an operator sets so that private addresses may be asked."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "169.254.0.0/16",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
            # Where clouds tell a machine its secrets, besides the link-local address.
            "100.100.100.200/32",
            "168.63.129.16/32",
            "192.0.0.192/32",
            "fd00:ec2::/32",
            "fd20:ce::254/128",
        ),
    )
)
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "::1/128",
            "fc00::/7",
        ),
    )
)
# Networks of IPv6 whose addresses stand for one of IPv4, and how many bits stand after it.
_STANDS_FOR = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_TEREDO = ipaddress.IPv6Network("2001::/32")


def refused(text: str, *, private: bool) -> str:
    """Why ``text``, an IP address, is not asked; empty when it may be.

    Args:
        text: as a resolver gives it.
        private: whether loopback, private, shared (RFC 6598) and unique local addresses may be.
    """
    try:
        address = _meant(ipaddress.ip_address(text))
    except ValueError:
        return "is no address"
    if any(address in network for network in _NEVER if network.version == address.version):
        return "is link-local, multicast, reserved or a cloud's metadata"
    if any(address in network for network in _PRIVATE if network.version == address.version):
        return "" if private else "is private"
    public = address.is_global and not address.is_multicast
    if address.version == 6:
        public = public and address in _GLOBAL_6 and address not in _TEREDO
    return "" if public else "is not public"


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, else itself; never with a scope."""
    if address.version == 4:
        return address
    for network, after in _STANDS_FOR:
        if address in network:
            return ipaddress.IPv4Address(int(address) >> after & 0xFFFFFFFF)
    return ipaddress.IPv6Address(int(address))
