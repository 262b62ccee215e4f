"""``consent explain``: why a visitor gets the rules that he gets."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from consent import explain as cases
from consent.cli import parts
from consent.clock import utcnow
from consent.decide import consent_mode
from consent.errors import NotFoundError
from consent.explain import Case
from consent.model import CHOOSABLE, GoogleConfig, Place, Regime, Resolution, Version
from consent.regions.files import PSEUDO_CODES

if TYPE_CHECKING:
    from consent.database import Database

_SHOWN = {
    "banner": "is asked by a banner before anything runs",
    "notice": "is told by a notice, with the way to refuse in it",
    "none": "is shown no banner; the way back in is there",
}
_DUTY = {
    "required": "must be honoured here",
    "conditional": "counts here under conditions",
    "none": "has no force of law here",
}
_COLUMNS = ("code", "place", "model", "regime", "gpc", "yes", "no", "unverified", "law")


@click.command()
@click.option("--country", help="ISO 3166 code, such as US.")
@click.option("--region", help="State or province, such as CA or US-CA.")
@click.option("--all", "all_", is_flag=True, help="Every code and group that the files name.")
@click.option("--unverified", is_flag=True, help="With --all: what a lawyer has still to check.")
@click.option("--gpc", is_flag=True, help="The browser sends Global Privacy Control.")
@click.option("--store", "store_key", metavar="KEY", help="Apply this store's published rules.")
@click.option("--date", "on", type=click.DateTime(["%Y-%m-%d"]), help="A day there; default today.")
@parts.as_json
def explain(
    country: str | None,
    region: str | None,
    all_: bool,
    unverified: bool,
    gpc: bool,
    store_key: str | None,
    on: dt.datetime | None,
    json_: bool,
) -> None:
    """Which regime applies to a new visitor, why, under which law, and what may run."""
    if all_ == (country is not None) or (all_ and region) or (unverified and not all_):
        raise click.UsageError(
            "expected --country, with --region or without, or --all, with --unverified or without"
        )
    place = _place(country, region) if country is not None else None
    version = _published(store_key) if store_key is not None else None
    loaded, now = parts.files(), utcnow()
    known = cases.Files(loaded.platforms, loaded.regions)

    def case_of(place: Place) -> Case:
        day = on.date() if on is not None else known.regions.day(place, now)
        return Case(place, day, gpc, version)

    if place is None:
        rows = cases.rows(known, case_of, unverified=unverified)
        parts.echo_json(rows) if json_ else click.echo(_table(rows))
        return
    case = case_of(place)
    found = cases.answer(case, known)
    if json_:
        parts.echo_json(cases.facts(case, found))
    else:
        click.echo(_paragraph(case, found))


def _place(country: str, region: str | None) -> Place:
    country = country.upper()
    if re.fullmatch(r"[A-Z]{2}", country) is None and country not in PSEUDO_CODES:
        raise click.UsageError(f"--country: {country!r}; expected two letters, such as US")
    if region is None:
        return Place(country)
    code = region.upper()
    code = code if code.startswith(f"{country}-") else f"{country}-{code}"
    if re.fullmatch(r"[A-Z]{2}-[A-Z0-9]{1,3}", code) is None:
        raise click.UsageError(f"--region: {region!r}; expected such as CA or US-CA")
    return Place(country, code)


def _published(key: str) -> Version:
    from consent import stores  # as ``parts.with_database``

    async def work(db: Database) -> Version | None:
        async with db.read() as connection:
            return await stores.current(connection, key)

    version = parts.with_database(work)
    if version is None:
        raise NotFoundError("unknown_store", f"--store: {key!r} is not published; see store list")
    return version


def _table(rows: list[dict[str, Any]]) -> str:
    """One line for each code; the law stands last, as it is as long as it likes."""
    lines = [_COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    said = [row[field] for field in ("model", "regime", "gpc", "accept_days", "refuse_days")]
    words = ["differs" if value is None else str(value) for value in said]
    if "members" in row:
        return (row["code"], f"{len(row['members'])} places", *words, "", "")
    doubts = ", ".join(row["unverified"])
    return (row["code"], row["place_name"], *words, doubts, row["law"])


def _paragraph(case: Case, found: cases.Answer) -> str:
    resolution, outcome, regime = found.resolution, found.outcome, found.resolution.regime
    granted = [purpose for purpose in CHOOSABLE if outcome.grants.of(purpose)]
    denied = [purpose for purpose in CHOOSABLE if purpose not in granted]
    lines = [
        f"{regime.name} ({regime.id}, {regime.model})",
        resolution.why,
        f"A new visitor {_SHOWN[outcome.show]}.",
        f"May run: {', '.join(['necessary', *granted])}. Denied: {', '.join(denied) or 'nothing'}.",
        *_offer(resolution),
        f"Asked again {regime.accept_days} days after a yes, {regime.refuse_days} after a no.",
        f"Global Privacy Control {'is on and ' if case.gpc else ''}{_DUTY[regime.gpc_duty]}.",
        *(f"Pixel {pixel['platform']} {pixel['id']}: {pixel['state']}." for pixel in found.pixels),
        *_consent_mode(regime, cases.google(case)),
        *_own_statistics(regime),
        f"Law: {'; '.join(regime.law).rstrip('.')}.",
        f"Source: {regime.source} (reviewed {regime.reviewed}, {regime.confidence}).",
    ]
    return "\n".join(lines)


def _offer(resolution: Resolution) -> Iterator[str]:
    """A line for a place where a store's rules offer less, or another banner."""
    if resolution.purposes != CHOOSABLE:
        yield f"Offered here: {', '.join(resolution.purposes) or 'nothing but the necessary'}."
    if resolution.layout:
        yield f"The banner is a {resolution.layout}."


def _consent_mode(regime: Regime, google: GoogleConfig) -> Iterator[str]:
    """A line for a store that asks for more than Google's basic Consent Mode."""
    if google.consent_mode == "basic":
        return
    if consent_mode(regime, google) == "advanced":
        yield "Google Consent Mode: advanced; refused Google pixels send pings without cookies."
    else:
        yield (
            f"Google Consent Mode: basic, though the store asks for advanced: {regime.id} does not "
            f"allow pings after a refusal."
        )


def _own_statistics(regime: Regime) -> Iterator[str]:
    exemption = regime.own_statistics
    if exemption is not None:
        conditions = "; ".join(exemption.conditions)
        yield (
            f"Own statistics need no consent ({exemption.law}, {exemption.confidence}) if"
            f" {conditions}. Legal has to decide it for a pixel."
        )
