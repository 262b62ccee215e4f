"""The one table of settings, and the only reader of the environment.

Each setting is a ``CONSENT_*`` variable, or a lower-case key without the prefix in the TOML file
that ``CONSENT_SETTINGS`` names; the variable wins. README.md documents each, and a test holds it
to that.
"""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from consent import parsing
from consent.errors import SettingsError
from consent.model import Grant
from consent.parsing import Network

_FILE = "CONSENT_SETTINGS"


class Settings(msgspec.Struct, frozen=True):
    """What an operator decides. See ``SETTINGS`` for the names, the defaults and their meaning."""

    database_url: str
    secret_keys: tuple[str, ...]
    """Newest first. The first signs, all verify."""
    log_keys: tuple[bytes, ...]
    """Ed25519 seeds, newest first. The first signs checkpoints. Empty: derived from a secret."""
    geoip_db: Path | None
    maxmind_account: str
    maxmind_key: str
    """Both or neither."""
    trusted_proxies: tuple[Network, ...]
    place_headers: tuple[str, ...]
    """Names out of ``parsing.CDNS``."""
    public_url: str
    """Without a trailing slash."""
    anchor_url: str
    """Without a trailing slash; empty: nobody anchors checkpoints."""
    anchor_trust: str
    """The path of a PEM file, or a witness's vkey."""
    scripts_mb: int
    """How much memory of each process composed scripts may take."""
    cache_seconds: int
    """How long a cache in front may keep scripts; 0: not at all."""
    purge_url: str
    """Who is told that a store has a new version; empty: nobody."""
    purge_key: str
    """A header that goes along, ``Name: value``; empty: none."""
    scan_private: bool
    """Whether ``consent scan`` and the admin's check may fetch from private addresses."""
    posts_per_address: int
    posts_per_store: int
    """A second, in each process; 0: as many as come."""
    second_factor: tuple[str, ...]
    """The roles that may do nothing without one; ``parsing.EVERYBODY`` means all."""
    oidc_issuer: str
    """Empty: nobody signs in with a provider."""
    oidc_client_id: str
    oidc_client_secret: str
    oidc_scope: str
    oidc_label: str
    oidc_email_claim: str
    oidc_verified: bool
    oidc_groups_claim: str
    oidc_roles: tuple[tuple[str, Grant], ...]
    oidc_only: bool
    fetched_places: Path
    """No setting: where ``consent geo update`` puts a database when ``geoip_db`` names no file."""


class Setting(NamedTuple):
    """One row of the table: the parser turns text into the value or raises ``ValueError``."""

    name: str
    default: str
    parse: Callable[[str], Any]
    help: str

    @property
    def key(self) -> str:
        """What it is called in the settings file and in ``Settings``."""
        return self.name.removeprefix("CONSENT_").lower()


SETTINGS = (
    Setting(
        "CONSENT_DATABASE_URL",
        "sqlite:///var/pixelgate.db",
        parsing.database_url,
        "where the ledger and the stores are kept: SQLite or PostgreSQL",
    ),
    Setting(
        "CONSENT_SECRET_KEYS",
        "",
        parsing.keys,
        "keys that sign receipts and sessions, newest first, comma between; "
        "empty: one is made and kept in ./var/secret-keys",
    ),
    Setting(
        "CONSENT_LOG_KEYS",
        "",
        parsing.seeds,
        "Ed25519 seeds in base64 that sign the ledger's checkpoints, newest first, comma between; "
        "empty: one is derived from the newest of CONSENT_SECRET_KEYS",
    ),
    Setting(
        "CONSENT_GEOIP_DB",
        "",
        parsing.path,
        "a GeoIP2 City or Country database, and where `consent geo update` puts it; empty: the "
        "one in ./var/places.mmdb if it was fetched, else the one that is shipped",
    ),
    Setting(
        "CONSENT_MAXMIND_ACCOUNT",
        "",
        parsing.account,
        "a MaxMind account, from which `consent geo update` fetches GeoLite2 City; empty: DB-IP's",
    ),
    Setting(
        "CONSENT_MAXMIND_KEY",
        "",
        parsing.licence,
        "a licence key of that account",
    ),
    Setting(
        "CONSENT_TRUSTED_PROXIES",
        "",
        parsing.networks,
        "addresses of the proxies whose place and address headers count; empty: none",
    ),
    Setting(
        "CONSENT_PLACE_HEADERS",
        "all",
        parsing.cdns,
        "whose place headers count, from a trusted proxy: all, none, or the names of your CDN; a "
        "proxy passes on what a visitor makes up, unless the CDN before it sets the header anew",
    ),
    Setting(
        "CONSENT_PUBLIC_URL",
        "http://localhost:8000",
        parsing.url,
        "the address at which browsers reach this service",
    ),
    Setting(
        "CONSENT_SCRIPTS_MB",
        "64",
        parsing.megabytes,
        "memory of each process for composed scripts; more for thousands of stores",
    ),
    Setting(
        "CONSENT_CACHE_SECONDS",
        "0",
        parsing.seconds,
        "how long a cache in front may keep scripts whose place came from a trusted header; "
        "0: not at all",
    ),
    Setting(
        "CONSENT_PURGE_URL",
        "",
        parsing.optional_url,
        "who is told by a post that a store has a new version, `{store}` being its key; "
        "empty: nobody",
    ),
    Setting(
        "CONSENT_PURGE_KEY",
        "",
        parsing.header,
        "a header that goes along, such as `Authorization: Bearer TOKEN`",
    ),
    Setting(
        "CONSENT_SCAN_PRIVATE",
        "false",
        parsing.yes,
        "whether pages on private addresses and other ports than 80 and 443 may be checked",
    ),
    Setting(
        "CONSENT_ANCHOR_URL",
        "",
        parsing.optional_url,
        "an RFC 3161 timestamp authority or a witness (C2SP) that anchors a checkpoint each hour; "
        "empty: nobody",
    ),
    Setting(
        "CONSENT_ANCHOR_TRUST",
        "",
        str,
        "whom to believe there: a PEM file of certificates, or the witness's vkey",
    ),
    Setting(
        "CONSENT_POSTS_PER_ADDRESS",
        "20",
        parsing.rate,
        "posts a second that one address may make of each process; 0: as many as come",
    ),
    Setting(
        "CONSENT_POSTS_PER_STORE",
        "5000",
        parsing.rate,
        "posts a second that each process takes for one store; 0: as many as come",
    ),
    Setting(
        "CONSENT_SECOND_FACTOR",
        "nobody",
        parsing.needing,
        "who may do nothing in the admin before a second factor is set up: nobody, everybody, or "
        "roles with commas between",
    ),
    Setting(
        "CONSENT_OIDC_ISSUER",
        "",
        parsing.issuer,
        "the OpenID provider with which users may sign in, as its description calls itself; empty: "
        "none",
    ),
    Setting("CONSENT_OIDC_CLIENT_ID", "", str, "what this service is called there"),
    Setting(
        "CONSENT_OIDC_CLIENT_SECRET",
        "",
        str,
        "its secret there; empty: it is a public client, held by PKCE alone",
    ),
    Setting(
        "CONSENT_OIDC_SCOPE",
        "openid email profile",
        parsing.scope,
        "what the provider is asked for; some tell of groups only if asked for them too",
    ),
    Setting(
        "CONSENT_OIDC_LABEL",
        "single sign-on",
        parsing.named,
        "what the button says after `Sign in with`",
    ),
    Setting("CONSENT_OIDC_EMAIL_CLAIM", "email", parsing.named, "the claim that has the address"),
    Setting(
        "CONSENT_OIDC_VERIFIED",
        "true",
        parsing.yes,
        "whether an address counts only with the claim email_verified; false: the provider lets "
        "nobody choose an address",
    ),
    Setting("CONSENT_OIDC_GROUPS_CLAIM", "groups", parsing.named, "the claim that has the groups"),
    Setting(
        "CONSENT_OIDC_ROLES",
        "",
        parsing.roles_of_groups,
        "the roles that groups of the provider have here: GROUP=ROLE, GROUP=ROLE store KEY or "
        "GROUP=ROLE group KEY, with semicolons between; empty: groups change nothing",
    ),
    Setting(
        "CONSENT_OIDC_ONLY",
        "false",
        parsing.yes,
        "whether the provider is the only way in, and passwords are not asked for",
    ),
)


class _Found(NamedTuple):
    """What somebody wrote for a setting, and what that place is called in messages."""

    where: str
    text: str


def load(environ: Mapping[str, str] | None = None, *, var: Path = Path("var")) -> Settings:
    """The settings from ``environ``, then the file it names, then the defaults.

    Args:
        environ: variables; None means this process's own.
        var: the folder for what the service makes itself (database, keys).

    Raises:
        SettingsError: with every unknown name and every value of the wrong form, each by the name
            it has where it was written.
    """
    variables = os.environ if environ is None else environ  # noqa: TID251 - the one reader
    faults: list[str] = []
    found = _in_file(variables.get(_FILE, ""), faults) | _in_variables(variables, faults)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        where, text = found.get(setting.name, _Found(setting.name, setting.default))
        try:
            values[setting.key] = setting.parse(text)
        except ValueError as error:
            hidden = "KEY" in setting.name or "SECRET" in setting.name
            shown = "a value that is not shown" if hidden else repr(text)
            faults.append(f"{where}: found {shown}; expected {error}")
    faults += [] if faults else _halves(values)
    if faults:
        raise SettingsError(*faults)
    if not values["secret_keys"]:
        values["secret_keys"] = (_own_key(var),)
    return Settings(**values, fetched_places=var / "places.mmdb")


def _halves(values: Mapping[str, Any]) -> list[str]:
    """What is set without that which it needs."""
    faults = []
    if bool(values["maxmind_account"]) != bool(values["maxmind_key"]):
        missing = "KEY" if values["maxmind_account"] else "ACCOUNT"
        faults.append(f"CONSENT_MAXMIND_{missing}: not set; expected with the other of the two")
    if values["oidc_issuer"] and not values["oidc_client_id"]:
        faults.append("CONSENT_OIDC_CLIENT_ID: not set; expected with CONSENT_OIDC_ISSUER")
    for name in ("client_id", "client_secret", "roles", "only"):
        if values[f"oidc_{name}"] and not values["oidc_issuer"]:
            faults.append(
                f"CONSENT_OIDC_ISSUER: not set; expected with CONSENT_OIDC_{name.upper()}"
            )
            break
    return faults


def _in_variables(variables: Mapping[str, str], faults: list[str]) -> dict[str, _Found]:
    known = {setting.name for setting in SETTINGS}
    for name in variables:
        if name.startswith("CONSENT_") and name not in known | {_FILE}:
            listed = ", ".join(sorted(known | {_FILE}))
            faults.append(f"{name}: no such setting; known are {listed}")
    return {name: _Found(name, text) for name, text in variables.items() if name in known}


def _in_file(name: str, faults: list[str]) -> dict[str, _Found]:
    """What the settings file called ``name`` says; nothing when there is none."""
    if not name:
        return {}
    try:
        content = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        faults.append(f"{_FILE}: {name}: cannot be read ({why}); expected a file in TOML")
        return {}
    by_key = {setting.key: setting.name for setting in SETTINGS}
    for key in content:
        if key not in by_key:
            listed = ", ".join(sorted(by_key))
            faults.append(f"{name}: {key}: no such setting; known are {listed}")
    return {
        by_key[key]: _Found(f"{name}: {key}", _as_text(value))
        for key, value in content.items()
        if key in by_key
    }


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
