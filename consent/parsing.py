"""How the text of each setting is read: the value, or ``ValueError`` with what is accepted."""

from __future__ import annotations

import base64
import ipaddress
import re
from pathlib import Path
from typing import cast, get_args
from urllib.parse import urlsplit

from consent.model import Grant, Role

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def database_url(text: str) -> str:
    if re.match(r"^(sqlite|postgresql)(\+\w+)?://", text) is None:
        raise ValueError("sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    return text


def keys(text: str) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    if any(len(key) < 32 for key in keys):
        raise ValueError("keys of 32 characters or more, newest first, with commas between")
    return keys


def seeds(text: str) -> tuple[bytes, ...]:
    try:
        seeds = tuple(
            base64.b64decode(part.strip(), validate=True) for part in text.split(",") if part
        )
    except ValueError:
        seeds = (b"",)
    if any(len(seed) != 32 for seed in seeds):
        raise ValueError("Ed25519 seeds of 32 bytes in base64, newest first, with commas between")
    return seeds


def path(text: str) -> Path | None:
    return Path(text) if text else None


def account(text: str) -> str:
    if text and re.fullmatch(r"[0-9]{1,12}", text) is None:
        raise ValueError("the number of a MaxMind account")
    return text


def licence(text: str) -> str:
    if text and re.fullmatch(r"[A-Za-z0-9_]{6,64}", text) is None:
        raise ValueError("a MaxMind licence key")
    return text


def networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(p.strip()) for p in text.split(",") if p.strip())
    except ValueError as error:
        raise ValueError("addresses or networks, such as 127.0.0.1,10.0.0.0/8") from error


def url(text: str) -> str:
    if re.match(r"^https?://[^/\s?#]+(/[^\s?#]*)?$", text) is None:
        raise ValueError("http://HOST or https://HOST")
    return text.rstrip("/")


def optional_url(text: str) -> str:
    return url(text) if text else ""


MOST_CACHE_SECONDS = 86_400


MOST_MEGABYTES = 65_536


def megabytes(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text) is None or not 1 <= int(text) <= MOST_MEGABYTES:
        raise ValueError(f"megabytes, from 1 to {MOST_MEGABYTES}")
    return int(text)


def seconds(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text) is None or int(text) > MOST_CACHE_SECONDS:
        raise ValueError(f"seconds, from 0 to {MOST_CACHE_SECONDS}")
    return int(text)


def header(text: str) -> str:
    if text and re.fullmatch(r"[A-Za-z0-9-]+:[ \t]*[!-~]([ -~]*[!-~])?", text) is None:
        raise ValueError("a header, such as Authorization: Bearer TOKEN")
    return text


CDNS = (
    *("cloudflare", "cloudfront", "vercel", "fastly", "akamai", "bunny", "google"),
    "generic",
)
"""Those whose place headers are known; ``generic`` is X-Country-Code and X-Region-Code."""


def cdns(text: str) -> tuple[str, ...]:
    if text in ("all", "none"):
        return CDNS if text == "all" else ()
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or not set(names) <= set(CDNS):
        raise ValueError(f"all, none, or some of {', '.join(CDNS)}")
    return names


EVERYBODY = "everybody"


def needing(text: str) -> tuple[str, ...]:
    if text in ("nobody", EVERYBODY):
        return () if text == "nobody" else (EVERYBODY,)
    roles = tuple(role.strip() for role in text.split(",") if role.strip())
    if not roles or not set(roles) <= set(get_args(Role)):
        raise ValueError(f"nobody, {EVERYBODY}, or some of {', '.join(get_args(Role))}")
    return roles


def yes(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return text.lower() == "true"


def rate(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) is None:
        raise ValueError("a whole number from 0 to 999999, a second")
    return int(text)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine by its name or address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def issuer(text: str) -> str:
    """An issuer's address, to the letter: a slash at its end is part of its name."""
    read = urlsplit(text)
    plain = not (read.query or read.fragment or read.username) and text.isascii()
    if text and not (
        plain
        and read.hostname
        and (read.scheme == "https" or (read.scheme == "http" and is_loopback(read.hostname)))
    ):
        raise ValueError("https://HOST, as the provider's description says it; http on localhost")
    return text


def named(text: str) -> str:
    """The name of a claim, or of a button."""
    if not 1 <= len(text) <= 60 or not text.isprintable():
        raise ValueError("1 to 60 characters")
    return text


def scope(text: str) -> str:
    """Words of a scope (RFC 6749, section 3.3), ``openid`` among them."""
    if re.fullmatch(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*", text) is None or "openid" not in text.split():
        raise ValueError("words with a space between, openid among them")
    return text


def roles_of_groups(text: str) -> tuple[tuple[str, Grant], ...]:
    """``GROUP=ROLE``, ``GROUP=ROLE store KEY`` or ``GROUP=ROLE group KEY``, semicolons between.

    Of a group's name only the last ``=`` counts, since names of a directory have some themselves.
    """
    found = []
    for part in filter(None, (one.strip() for one in text.split(";"))):
        group, _, meant = part.rpartition("=")
        role, *where = meant.split()
        if not group or role not in get_args(Role) or (where and len(where) != 2):
            raise ValueError(_GROUPS)
        kind, key = where or ("", "")
        if kind not in ("", "store", "group"):
            raise ValueError(_GROUPS)
        grant = Grant(
            cast(Role, role), key if kind == "store" else None, key if kind == "group" else None
        )
        found.append((group.strip(), grant))
    return tuple(found)


_GROUPS = "GROUP=ROLE, GROUP=ROLE store KEY or GROUP=ROLE group KEY, with semicolons between"
