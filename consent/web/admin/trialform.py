"""The form by which an experiment is planned: what is typed, and the experiment that it means.

It has two variants at most, in one language; a store's file can say more.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from typing import Any, get_args

import msgspec

from consent.model import Experiment, Layout, Look, StoreConfig, Variant

LETTERS = ("b", "c")
NUMBERS = {
    "expected": "Accept now, of 100 visits",
    "difference": "Smallest change, in points",
    "confidence": "Confidence, %",
    "power": "Power, %",
    "weight": "Weight of A, as it is",
}
WORDS = {
    "banner.title": "Heading",
    "banner.text": "Text",
    "banner.accept": "Accept button",
    "banner.reject": "Refuse button",
    "banner.choose": "Choose button",
}
OWN = ("name", "layout", "accent", "weight", *WORDS)
"""What each variant has, after its letter and a hyphen."""
FIELDS = (
    *("name", "starts", "ends", "language", *NUMBERS),
    *(f"{letter}-{name}" for letter in LETTERS for name in OWN),
)
MOST = 2000
"""Characters of one field that are read."""


def blank(config: StoreConfig, expected: int | None) -> dict[str, str]:
    """The form before anybody has typed: ``expected`` is what was counted lately."""
    usual = Experiment()
    values = dict.fromkeys(FIELDS, "") | {name: str(getattr(usual, name)) for name in NUMBERS}
    values |= {"expected": str(expected or usual.expected), "language": config.language}
    return values | {f"{letter}-weight": "1" for letter in LETTERS}


def read(fields: Mapping[str, str]) -> dict[str, str]:
    """What was typed, by field."""
    return {name: fields.get(name, "").strip()[:MOST] for name in FIELDS}


def planned(
    values: Mapping[str, str], own: StoreConfig, taken: Collection[str]
) -> tuple[StoreConfig, list[str]]:
    """The draft with the experiment that ``values`` mean, and what cannot be read of them.

    Args:
        values: what was typed.
        own: the draft.
        taken: keys of experiments that there were.
    """
    faults: list[str] = []
    name = values["name"]
    if not name:
        faults.append("name: empty; expected what the experiment is called")
    numbers = {field: _number(values[field], field, faults) for field in NUMBERS}
    plan = Experiment(
        key=_key(name, taken),
        name=name,
        starts=_day(values["starts"], "starts", faults),
        ends=_day(values["ends"], "ends", faults),
        **numbers,
    )
    tried = tuple(_variants(values, faults))
    if not tried:
        faults.append("variants: none; expected another layout, colour or words for B")
    return msgspec.structs.replace(own, experiment=plan, variants=tried), faults


def _variants(values: Mapping[str, str], faults: list[str]) -> Iterator[Variant]:
    for letter in LETTERS:
        typed = {name: values[f"{letter}-{name}"] for name in OWN}
        given = {name: text for name, text in typed.items() if text}
        look: dict[str, Any] = {}
        if layout := given.get("layout"):
            if layout in get_args(Layout):
                look["layout"] = layout
            else:
                faults.append(
                    f"{letter.upper()}, layout: {layout[:20]!r}; expected bar, box, dialog"
                )
        if accent := given.get("accent"):
            look["accent"] = accent
        words = {key: given[key] for key in WORDS if key in given}
        if not look and not words:
            continue
        weight = _number(given.get("weight", "1"), f"{letter.upper()}, weight", faults)
        texts = {values["language"]: words} if words else {}
        yield Variant(letter, given.get("name", ""), weight, Look(**look), texts)


def _number(text: str, field: str, faults: list[str]) -> int:
    if re.fullmatch(r"[0-9]{1,4}", text, re.ASCII):
        return int(text)
    faults.append(f"{field}: {text[:20]!r}; expected a whole number")
    return 1


def _day(text: str, field: str, faults: list[str]) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        faults.append(f"{field}: {text[:20]!r}; expected a day such as 2026-11-23, or none")
        return None


def _key(name: str, taken: Collection[str]) -> str:
    """A key of its own, after the name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:34].strip("-") or "experiment"
    number = 1
    while (key := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    return key
