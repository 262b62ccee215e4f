"""``consent check``: settings and data files, or a whole installation, with all faults at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sized
from typing import NamedTuple, TypeVar

import click
import msgspec

from consent import database, installation, settings
from consent.anchor import authority
from consent.bulk import Files
from consent.campaign import Campaign
from consent.cli import parts
from consent.clock import utcnow
from consent.compose import Composer
from consent.embeds import Embeds
from consent.errors import DataError, DataErrors, SettingsError
from consent.geo import PlaceFacts
from consent.installation import Finding, Parts
from consent.platforms import Platforms
from consent.regions import Regions
from consent.scan.others import Others
from consent.scan.systems import Systems
from consent.settings import Settings
from consent.texts import Texts

T = TypeVar("T")


class Read(NamedTuple):
    """What was read; None: it has faults."""

    settings: Settings | None
    regions: Regions | None
    platforms: Platforms | None
    embeds: Embeds | None
    campaign: Campaign | None
    others: Others | None
    systems: Systems | None
    texts: Texts | None
    places: PlaceFacts | None


@click.command()
@click.option("--installation", "whole", is_flag=True, help="The database and all around it too.")
@parts.as_json
def check(whole: bool, json_: bool) -> None:
    """Check the settings and every data file. Each fault is a line: FILE: KEY: FAULT.

    With --installation also whether the database answers and is safe, what is live keeps the law of
    today, records are sealed and anchored, and keys, proxies, disk and clocks are sound. It changes
    nothing. A fault exits with 2; a warning alone with 0.
    """
    faults: list[str] = []
    read = _read(faults)
    found = [Finding("fault", *_parted(fault)) for fault in faults]
    if whole and not faults:
        try:
            found = asyncio.run(_look(read))
        except SettingsError as error:
            found = [Finding("fault", *_parted(fault)) for fault in error.faults]
    bad = installation.faults(found)
    if json_:
        answer = {"ok": not bad, "findings": msgspec.to_builtins(found)}
        parts.echo_json({**answer, "read": _counts(read)})
    else:
        for one in found:
            click.echo(str(one), err=True)
    if bad:
        raise click.exceptions.Exit(2)
    if not json_:
        click.echo(f"ok: {', '.join(f'{n} {word}' for word, n in _counts(read).items())}")


def _read(faults: list[str]) -> Read:
    def attempt(load: Callable[[], T]) -> T | None:
        try:
            return load()
        except DataErrors as errors:
            faults.extend(str(fault) for fault in errors.faults)
        except SettingsError as error:
            faults.extend(error.faults)
        except DataError as error:
            faults.append(str(error))
        return None

    chosen = attempt(settings.load)
    return Read(
        chosen,
        attempt(Regions.load),
        attempt(Platforms.load),
        attempt(Embeds.load),
        attempt(Campaign.load),
        attempt(Others.load),
        attempt(Systems.load),
        attempt(Texts.load),
        attempt(lambda: _places(chosen)) if chosen else None,
    )


def _places(chosen: Settings) -> PlaceFacts:
    geo = parts.geo(chosen)
    try:
        return geo.database
    finally:
        geo.close()


async def _look(read: Read) -> list[Finding]:
    chosen, (_, regions, platforms, embeds, campaign, _, _, texts, places) = read.settings, read
    if chosen is None or regions is None or platforms is None or texts is None or places is None:
        return []  # its faults were told
    db = database.connect(chosen.database_url)
    whole = Parts(
        chosen,
        db,
        Files(platforms, regions, texts),
        Composer(regions, platforms, texts, embeds or (), campaign),
        places,
        authority(chosen.anchor_url, chosen.anchor_trust),
    )
    try:
        return await installation.findings(whole, utcnow)
    finally:
        await db.close()


def _counts(read: Read) -> dict[str, int]:
    things: dict[str, Sized] = {
        "regimes": read.regions.ids if read.regions else (),
        "platforms": read.platforms or (),
        "embeds": read.embeds or (),
        "campaign parameters": read.campaign or (),
        "other consent systems": read.others.systems if read.others else (),
        "third parties": read.others.parties if read.others else (),
        "shop systems": read.systems or (),
        "languages": read.texts.languages if read.texts else (),
    }
    return {word: len(of) for word, of in things.items()}


def _parted(fault: str) -> tuple[str, str]:
    where, _, said = fault.partition(": ")
    return where, said
