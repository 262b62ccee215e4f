"""``consent experiment``: what an experiment has shown, what the next one takes, and its end."""

from __future__ import annotations

import click
import msgspec

from consent import drafts, experiments, stores, variants
from consent.cli import parts
from consent.clock import utcnow
from consent.database import Database
from consent.errors import RefusedError
from consent.experiments import MEASURED, Result
from consent.model import CONTROL, Experiment, Look, StoreConfig, Variant


@click.group()
def experiment() -> None:
    """Variants of a banner, compared. A store's file says which; see consent/RATES.md."""


@experiment.command()
@click.argument("key")
@parts.as_json
def show(key: str, json_: bool) -> None:
    """Every experiment of a store, newest first: its counts, and what one may say of them."""

    async def work(db: Database) -> list[Result]:
        async with db.read() as connection:
            await stores.draft(connection, key)
            return await experiments.of_store(connection, key, utcnow())

    found = parts.with_database(work)
    if json_:
        parts.echo_json([experiments.facts(one) for one in found])
        return
    for one in found:
        _tell(one)
    if not found:
        click.echo(f"{key} has published no experiment")


@experiment.command()
@click.option("--expected", default=50, show_default=True, help="How many of 100 visits accept.")
@click.option("--difference", default=5, show_default=True, help="What matters, in points.")
@click.option("--variants", "number", default=1, show_default=True, help="Beside the banner as is.")
@click.option("--confidence", default=95, show_default=True, help="In per cent.")
@click.option("--power", default=80, show_default=True, help="In per cent.")
def plan(expected: int, difference: int, number: int, confidence: int, power: int) -> None:
    """How many visits an experiment takes, over all its variants."""
    wanted = Experiment(
        "plan",
        expected=expected,
        difference=difference,
        confidence=confidence,
        power=power,
    )
    tried = tuple(Variant(f"v{n}", banner=Look(radius=n)) for n in range(max(0, number)))
    config = StoreConfig("plan", "plan", (), experiment=wanted, variants=tried)
    if faults := list(variants.faults(config)):
        raise RefusedError("unfit", "; ".join(faults))
    click.echo(f"{experiments.planned(config)} visits, looked at as often as one likes")
    click.echo(f"{experiments.at_one_look(config)} for two banners, looked at once, at the end")


@experiment.command()
@click.argument("key")
@click.option("--keep", default=CONTROL, help="The variant whose banner everybody gets.")
def end(key: str, keep: str) -> None:
    """Take the experiment out of the draft of a store; `consent store publish` ends it."""

    def changed(own: StoreConfig) -> StoreConfig:
        known = [CONTROL, *(one.key for one in own.variants)]
        if keep not in known:
            expected = ", ".join(known)
            raise RefusedError("unknown_variant", f"--keep: {keep[:40]!r}; expected {expected}")
        return variants.kept(own, keep)

    def told(config: StoreConfig) -> object:
        return msgspec.to_builtins([config.experiment, config.variants])

    async def work(db: Database) -> None:
        async with db.write() as connection:
            part = ("experiment", told)
            await drafts.revise(connection, key, changed, part, by=None, at=utcnow())

    parts.with_database(work)
    click.echo(f"{key}: the draft has the banner of {keep}, and no experiment; not published")


def _tell(result: Result) -> None:
    plan = result.plan
    visits = f"{result.visits} of {result.planned} planned visits"
    click.echo(f"{plan.key}\t{plan.name or plan.key}\t{result.standing}\t{visits}")
    for arm in result.arms:
        rates = [f"{each} {arm.rate(each).n}" for each in MEASURED]
        click.echo(f"  {arm.name}: {arm.counts.visits} visits, {', '.join(rates)}")
    if result.uneven:
        click.echo(f"  {result.uneven}")
    for one in result.compared:
        for sentence in one.says:
            click.echo(f"  {sentence}")
