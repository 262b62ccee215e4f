"""What several commands need: the settings, the database for one call, the data files, output."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click
import msgspec

from consent import settings
from consent.clock import utcnow
from consent.errors import DataError, RefusedError, SettingsError
from consent.geo import Geo
from consent.notes import Vkey
from consent.platforms import Platforms
from consent.regions import Regions
from consent.settings import Settings
from consent.texts import Texts

if TYPE_CHECKING:
    from consent.database import Database

T = TypeVar("T")

until = click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The first day on which it holds no more.",
)
as_json = click.option("--json", "json_", is_flag=True, help="Answer as JSON.")


class Files(NamedTuple):
    """The data files that decide what a store may be."""

    platforms: Platforms
    regions: Regions
    texts: Texts


KEY_HELP = "A public key of the log (vkey), or a file of them. May be repeated."


def vkeys(given: Sequence[str]) -> list[Vkey]:
    """The keys that ``--key`` names, each itself or by a file with one a line.

    Raises:
        click.UsageError: neither a vkey nor such a file.
    """
    texts: list[str] = []
    for one in given:
        texts += [one] if "+" in one else text_of(Path(one)).split()
    try:
        return [Vkey.parse(text) for text in texts]
    except RefusedError as error:
        raise click.UsageError(f"--key: {error.detail}") from error


def text_of(path: Path) -> str:
    """The text in a file.

    Raises:
        click.UsageError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path}: {error}; expected a text in UTF-8") from error


def files() -> Files:
    """The data files.

    Raises:
        DataError: one of them is wrong.
    """
    return Files(Platforms.load(), Regions.load(), Texts.load())


def check_address(name: str, text: str) -> None:
    """Nothing when ``text``, given as ``name``, is an IP address.

    Raises:
        click.UsageError: it is not.
    """
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise click.UsageError(f"{name}: {text!r}; expected an IPv4 or IPv6 address") from error


def geo(chosen: Settings) -> Geo:
    """What finds places, as the settings say. Close it.

    Raises:
        SettingsError: the operator's own place database cannot be used.
        DataError: the shipped one cannot.
    """
    try:
        return Geo(
            chosen.geoip_db,
            chosen.trusted_proxies,
            chosen.place_headers,
            now=utcnow,
            fetched=chosen.fetched_places,
        )
    except DataError as error:
        if chosen.geoip_db is None:
            raise
        fault = f"CONSENT_GEOIP_DB: {chosen.geoip_db}: {error.fault}"
        raise SettingsError(fault + "; `consent geo update` fetches one") from error


def with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """What ``work`` gives, run with the database of the settings.

    Raises:
        UnavailableError: it does not answer, or was not migrated.
    """
    from consent import database  # it takes longer to import than most commands to run

    async def run() -> T:
        db = database.connect(settings.load().database_url)
        try:
            await db.check()
            return await work(db)
        finally:
            await db.close()

    return asyncio.run(run())


def write(text: str, output: Path | None) -> None:
    """``text`` into a file, or to stdout."""
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def echo_json(content: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())


def split(fault: str) -> tuple[str, str]:
    """``key: fault`` apart. Of a template's the key begins with ``group KEY: ``."""
    head, colon, rest = fault.partition(": ")
    if head.startswith("group ") and colon:
        inner, _, rest = rest.partition(": ")
        return f"{head}: {inner}", rest
    return head, rest
