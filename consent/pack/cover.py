"""The cover page of a pack, in plain words: what it is, how to check it, what each file is."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from consent import evidence, receipt
from consent.model import Record
from consent.seals import Head

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Told(NamedTuple):
    """A record as the page lists it. ``shown``: files with what the visitor saw."""

    record: Record
    sealed: bool
    shown: list[str]


def page(subject: str, told: list[Told], head: Head | None, now: dt.datetime) -> str:
    """The page, without script and without a network."""
    lines = [(one, evidence.sentences(receipt.content(one.record))[:2]) for one in reversed(told)]
    return _PAGES.get_template("cover.html").render(
        subject=subject,
        lines=lines,
        head=head,
        now=now,
        unsealed=sum(not one.sealed for one in told),
        unchecked=evidence.UNCHECKED,
    )
