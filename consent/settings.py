"""The one table of settings, and the only reader of the environment.

Each setting is a ``CONSENT_*`` variable, or a lower-case key without the prefix in the TOML file
that ``CONSENT_SETTINGS`` names; the variable wins. README.md documents each, and a test holds it
to that.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from consent.errors import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Settings(msgspec.Struct, frozen=True):
    """What an operator decides. See ``SETTINGS`` for the names, the defaults and their meaning."""

    database_url: str
    secret_keys: tuple[str, ...]
    """Newest first. The first signs, all verify."""
    geoip_db: Path | None
    trusted_proxies: tuple[Network, ...]
    public_url: str
    """Without a trailing slash."""


class Setting(NamedTuple):
    """One row of the table: the parser turns text into the value or raises ``ValueError``."""

    name: str
    default: str
    parse: Callable[[str], Any]
    help: str


def _database_url(text: str) -> str:
    if re.match(r"^(sqlite|postgresql)(\+\w+)?://", text) is None:
        raise ValueError("sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    return text


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    if any(len(key) < 32 for key in keys):
        raise ValueError("keys of 32 characters or more, newest first, with commas between")
    return keys


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(p.strip()) for p in text.split(",") if p.strip())
    except ValueError as error:
        raise ValueError("addresses or networks, such as 127.0.0.1,10.0.0.0/8") from error


def _url(text: str) -> str:
    if re.match(r"^https?://[^/\s?#]+(/[^\s?#]*)?$", text) is None:
        raise ValueError("http://HOST or https://HOST")
    return text.rstrip("/")


SETTINGS = (
    Setting(
        "CONSENT_DATABASE_URL",
        "sqlite:///var/pixelgate.db",
        _database_url,
        "where the ledger and the stores are kept: SQLite or PostgreSQL",
    ),
    Setting(
        "CONSENT_SECRET_KEYS",
        "",
        _keys,
        "keys that sign receipts and sessions, newest first, comma between; "
        "empty: one is made and kept in ./var/secret-keys",
    ),
    Setting(
        "CONSENT_GEOIP_DB",
        "",
        _path,
        "a GeoIP2 City or Country database; empty: the one that is shipped",
    ),
    Setting(
        "CONSENT_TRUSTED_PROXIES",
        "",
        _networks,
        "addresses of the proxies whose place and address headers count; empty: none",
    ),
    Setting(
        "CONSENT_PUBLIC_URL",
        "http://localhost:8000",
        _url,
        "the address at which browsers reach this service",
    ),
)


def load(environ: Mapping[str, str] | None = None, *, var: Path = Path("var")) -> Settings:
    """The settings from ``environ``, then the file it names, then the defaults.

    Args:
        environ: variables; None means this process's own.
        var: the folder for what the service makes itself (database, keys).

    Raises:
        SettingsError: an unknown ``CONSENT_`` name, or a value of the wrong form. It names both.
    """
    variables = os.environ if environ is None else environ  # noqa: TID251 - the one reader
    from_file = _file(variables.get("CONSENT_SETTINGS", ""))
    known = {setting.name for setting in SETTINGS} | {"CONSENT_SETTINGS"}
    for name in [*variables, *from_file]:
        if name.startswith("CONSENT_") and name not in known:
            raise SettingsError(f"{name}: no such setting; known are {', '.join(sorted(known))}")
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text = variables.get(setting.name, from_file.get(setting.name, setting.default))
        try:
            values[setting.name.removeprefix("CONSENT_").lower()] = setting.parse(text)
        except ValueError as error:
            shown = "a value that is not shown" if "SECRET" in setting.name else repr(text)
            raise SettingsError(f"{setting.name}: found {shown}; expected {error}") from error
    if not values["secret_keys"]:
        values["secret_keys"] = (_own_key(var),)
    return Settings(**values)


def _file(name: str) -> dict[str, str]:
    if not name:
        return {}
    try:
        content = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"CONSENT_SETTINGS: {name}: {error}; expected a TOML file") from error
    return {f"CONSENT_{key.upper()}": _as_text(value) for key, value in content.items()}


def _as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _own_key(var: Path) -> str:
    """The key in ``var/secret-keys``, made at the first call; readable by this user alone."""
    path = var / "secret-keys"
    try:
        var.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingsError(
            f"CONSENT_SECRET_KEYS: not set, and {path} cannot be written ({error}); "
            "expected keys of 32 characters or more"
        ) from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        key = secrets.token_urlsafe(48)
        file.write(key + "\n")
    return key
