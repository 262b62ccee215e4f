"""``consent explain``: why a visitor gets the rules that he gets."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from consent import stores
from consent.cli import parts
from consent.database import Database
from consent.decide import Asked, Outcome, consent_mode, decide, pixel_state
from consent.errors import NotFoundError
from consent.model import CHOOSABLE, GoogleConfig, Place, Regime, Resolution, Rules, Version
from consent.web.app import utcnow

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


class Case(NamedTuple):
    """One visitor: where, when, with which signal, in which store if in one."""

    place: Place
    on: dt.date
    gpc: bool
    version: Version | None


@click.command()
@click.option("--country", required=True, help="ISO 3166 code, such as US.")
@click.option("--region", help="State or province, such as CA or US-CA.")
@click.option("--gpc", is_flag=True, help="The browser sends Global Privacy Control.")
@click.option("--store", "store_key", metavar="KEY", help="Apply this store's published rules.")
@click.option("--date", "on", type=click.DateTime(["%Y-%m-%d"]), help="A day there; default today.")
@parts.as_json
def explain(
    country: str,
    region: str | None,
    gpc: bool,
    store_key: str | None,
    on: dt.datetime | None,
    json_: bool,
) -> None:
    """Which regime applies to a new visitor, why, under which law, and what may run."""
    place, known = _place(country, region), parts.files()
    day = on.date() if on is not None else known.regions.day(place, utcnow())
    version = _published(store_key) if store_key is not None else None
    case = Case(place, day, gpc, version)
    rules = version.rules if version is not None else Rules()
    resolution = known.regions.resolve(case.place, on=day, rules=rules)
    outcome = _outcome(case, resolution)
    pixels = _pixels(case, resolution, outcome, known)
    if json_:
        parts.echo_json(_facts(case, resolution, outcome, pixels))
    else:
        click.echo(_paragraph(case, resolution, outcome, pixels))


def _place(country: str, region: str | None) -> Place:
    country = country.upper()
    if re.fullmatch(r"[A-Z]{2}", country) is None:
        raise click.UsageError(f"--country: {country!r}; expected two letters, such as US")
    if region is None:
        return Place(country)
    code = region.upper()
    code = code if code.startswith(f"{country}-") else f"{country}-{code}"
    if re.fullmatch(r"[A-Z]{2}-[A-Z0-9]{1,3}", code) is None:
        raise click.UsageError(f"--region: {region!r}; expected such as CA or US-CA")
    return Place(country, code)


def _published(key: str) -> Version:
    async def work(db: Database) -> Version | None:
        async with db.read() as connection:
            return await stores.current(connection, key)

    version = parts.with_database(work)
    if version is None:
        raise NotFoundError("unknown_store", f"--store: {key!r} is not published; see store list")
    return version


def _outcome(case: Case, resolution: Resolution) -> Outcome:
    """What a visitor without a decision gets at noon of the day."""
    version = case.version
    asked = (
        Asked(
            version.number,
            version.asks_since,
            resolution.offered(version.config.gpc.refuses),
            resolution.purposes,
        )
        if version is not None
        else Asked(1, 1)
    )
    noon = dt.datetime.combine(case.on, dt.time(12), dt.UTC)
    return decide(resolution.regime, asked, None, gpc=case.gpc, now=noon)


def _pixels(
    case: Case, resolution: Resolution, outcome: Outcome, known: parts.Files
) -> list[dict[str, str]]:
    """Each registered pixel of the store, and whether it runs."""
    return [
        {
            "platform": pixel.platform,
            "id": pixel.id,
            "state": pixel_state(
                outcome,
                known.platforms.purposes(pixel),
                opt_out=pixel.opt_out,
                model=resolution.regime.model,
                gpc=case.gpc,
            )
            if resolution.allows(pixel.key, known.platforms.purposes(pixel))
            else "not here",
        }
        for pixel in (case.version.config.pixels if case.version is not None else ())
    ]


def _facts(
    case: Case, resolution: Resolution, outcome: Outcome, pixels: list[dict[str, str]]
) -> dict[str, Any]:
    regime = resolution.regime
    return {
        "regime": regime.id,
        "model": regime.model,
        "gpc": regime.gpc_duty,
        "law": "; ".join(regime.law),
        "why": resolution.why,
        "banner": outcome.show,
        "purposes": {
            "necessary": True,
            **{purpose: outcome.grants.of(purpose) for purpose in CHOOSABLE},
        },
        "name": regime.name,
        "matched": resolution.matched,
        "source": regime.source,
        "reviewed": regime.reviewed,
        "confidence": regime.confidence,
        "place": case.place.code,
        "date": case.on,
        "signal": case.gpc,
        "duties": regime.duties,
        "accept_days": regime.accept_days,
        "refuse_days": regime.refuse_days,
        "offered": resolution.purposes,
        "layout": _layout(case, resolution),
        "rules": dict(resolution.given),
        "looser": regime.looser,
        "consent_mode": consent_mode(regime, _google(case)),
        "pixels": pixels,
    }


def _paragraph(
    case: Case, resolution: Resolution, outcome: Outcome, pixels: list[dict[str, str]]
) -> str:
    regime = resolution.regime
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
        *(f"Pixel {pixel['platform']} {pixel['id']}: {pixel['state']}." for pixel in pixels),
        *_consent_mode(regime, _google(case)),
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


def _layout(case: Case, resolution: Resolution) -> str | None:
    if resolution.layout or case.version is None:
        return resolution.layout
    return case.version.config.banner.layout


def _google(case: Case) -> GoogleConfig:
    return case.version.config.google if case.version is not None else GoogleConfig()


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
