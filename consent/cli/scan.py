"""``consent scan``: what in a page bypasses the gate, for people and for CI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import click
import msgspec

from consent import settings, stores
from consent.cli import parts
from consent.compose import Composer
from consent.database import Database
from consent.embeds import Embeds
from consent.errors import ConsentError, DataError, RefusedError, UnavailableError
from consent.fetch import HTML, MOST_BYTES, Fetched, Fetcher, sitemaps
from consent.model import StoreConfig
from consent.scan import Expected, Finding, Scanner, sarif
from consent.scan.findings import ORDER, Severity
from consent.scan.others import Others

CLEAN, FOUND, COULD_NOT_LOOK = 0, 1, 2
_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


class Looked(NamedTuple):
    """One page, and what was found; ``error`` says why it could not be looked at."""

    page: str
    findings: list[Finding]
    error: str = ""


@click.command()
@click.argument("target", metavar="URL-or-FILE")
@click.option("--store", "key", metavar="KEY", help="The store that the page belongs to.")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="At most so many pages of a sitemap.",
)
@parts.as_json
@click.option("--sarif", "sarif_", is_flag=True, help="Answer as SARIF, for a code host.")
def scan(target: str, key: str | None, limit: int, json_: bool, sarif_: bool) -> None:
    """Look at a page, a file of HTML, or the pages of a sitemap.

    Is the snippet there, once, first, and not stopped by a policy? Which pixels, consent systems
    and contents load without asking? Exit code 0: clean; 1: an error or a warning; 2: a page could
    not be looked at.
    """
    if json_ and sarif_:
        raise click.UsageError("--json and --sarif: found both; expected one of them")
    expected = _expected(key) if key else None
    known = parts.files()
    write = Composer(known.regions, known.platforms, known.texts).snippet
    scanner = Scanner(write, known.platforms, Embeds.load(), Others.load())
    fetcher = Fetcher(private=settings.load().scan_private)

    async def look() -> list[Looked]:
        found = []
        async for page, got in _pages(fetcher, target, limit):
            if isinstance(got, Fetched):
                url = got.url if got.url.startswith("http") else ""
                told = scanner.page(got.text, url=url, policies=got.policies, expected=expected)
                found.append(Looked(page, told))
            else:
                found.append(Looked(page, [], str(got)))
            if not json_ and not sarif_:
                _tell(found[-1])
        return found

    looked = asyncio.run(look())
    counts = {level: _count(looked, level) for level in ORDER}
    if sarif_:
        _answer_sarif(looked)
    elif json_:
        _answer_json(looked, counts)
    else:
        said = ", ".join(_plural(count, level) for level, count in counts.items())
        click.echo(f"{_plural(len(looked), 'page')}: {said}")
    if any(one.error for one in looked):
        raise click.exceptions.Exit(COULD_NOT_LOOK)
    raise click.exceptions.Exit(FOUND if counts["error"] or counts["warning"] else CLEAN)


def _answer_json(looked: list[Looked], counts: dict[Severity, int]) -> None:
    pages = [
        {"page": one.page, "error": one.error, "findings": msgspec.to_builtins(one.findings)}
        for one in looked
    ]
    parts.echo_json({"pages": pages, **{f"{level}s": n for level, n in counts.items()}})


def _answer_sarif(looked: list[Looked]) -> None:
    parts.echo_json(sarif.log((one.page, one.findings) for one in looked))
    for one in looked:
        if one.error:
            click.echo(f"consent: {_printable(f'{one.page}: {one.error}')}", err=True)


def _expected(key: str) -> Expected:
    """The published state of the store ``key``; its draft while nothing is published."""

    async def read(db: Database) -> StoreConfig:
        async with db.read() as connection:
            draft = await stores.draft(connection, key)
            version = await stores.current(connection, key)
        return version.config if version else draft

    try:
        return Expected(parts.with_database(read), settings.load().public_url)
    except UnavailableError as error:
        # Exit code 1 would say that something was found.
        raise click.ClickException(str(error)) from error


async def _pages(
    fetcher: Fetcher, target: str, limit: int
) -> AsyncIterator[tuple[str, Fetched | ConsentError]]:
    """Each page of ``target`` with its content, or with why there is none."""
    is_url = target.lower().startswith(("http://", "https://"))
    first = await fetcher.get(target, (*HTML, *sitemaps.KINDS)) if is_url else _file(target)
    if not sitemaps.looks_like_one(first.content):
        yield target, first
        return
    listed = await sitemaps.pages(fetcher, sitemaps.read(first.content, target), limit)
    if is_url:
        listed = sitemaps.on_host(listed, first.url)
    if not listed:
        raise RefusedError("no_pages", f"{target}: names no page; expected a sitemap with pages")
    for page in listed:
        try:
            yield page, await fetcher.get(page)
        except ConsentError as error:
            yield page, error


def _file(name: str) -> Fetched:
    try:
        with Path(name).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        fault = f"cannot be read ({error.strerror}); expected a URL or a file of HTML"
        raise DataError(name, "", fault) from error
    if len(content) > MOST_BYTES:
        raise DataError(name, "", f"is too large; expected at most {MOST_BYTES:,} bytes")
    return Fetched(name, HTML[0], content, ())


def _tell(looked: Looked) -> None:
    click.secho(_printable(looked.page), bold=True)
    if looked.error:
        click.echo(f"  could not look: {_printable(looked.error)}")
    elif not looked.findings:
        click.echo("  nothing found")
    for one in looked.findings:
        level = click.style(f"{one.severity:8}", fg=_COLOURS[one.severity])
        place = f"{one.line}:{one.column}" if one.line else "-"
        click.echo(f"  {level}{place:>8}  {_printable(one.says)}")
        if one.source:
            click.echo(f"{'':20}{_printable(one.source)}")
        if one.do:
            click.echo(f"{'':17}-> {_printable(one.do)}{_lines(one)}")


def _printable(text: str) -> str:
    """``text`` of a page without what would steer a terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _lines(one: Finding) -> str:
    return f" (lines {one.line} to {one.last_line})" if one.last_line > one.line else ""


def _count(looked: list[Looked], severity: str) -> int:
    return sum(one.severity == severity for each in looked for one in each.findings)


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
