"""The form of one region rule: its values, what is wrong with them, and what they say in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import msgspec

from consent.model import CHOOSABLE, RegionRule, StoreConfig
from consent.platforms import Platforms
from consent.regions import Regions
from consent.web.admin import standing, words

LAYOUTS = {"bar": "Bar", "box": "Box", "dialog": "Dialog"}
_DAYS = {"accept_days": "a yes holds", "refuse_days": "a no holds"}
_MOST_TEXT = 2000


class Values(NamedTuple):
    """What a form holds. ``typed``: days and dates as they were typed, by field."""

    rule: RegionRule
    typed: Mapping[str, str]


def of(rule: RegionRule) -> Values:
    """The form of a rule that is there already."""
    typed = {name: str(getattr(rule, name) or "") for name in (*_DAYS, "until")}
    return Values(rule, typed)


def read(fields: Mapping[str, str]) -> tuple[Values, dict[str, str]]:
    """What was posted, and what of it cannot be read, by field. Never with an approval."""
    given = {name: value.strip() for name, value in fields.items()}
    typed = {name: given.get(name, "")[:20] for name in (*_DAYS, "until")}
    found: dict[str, str] = {}
    numbers: dict[str, int | None] = {}
    for name in _DAYS:
        text = typed[name]
        numbers[name] = int(text) if text.isascii() and text.isdigit() else None
        if text and numbers[name] is None:
            found[name] = f"found {text!r}; expected a number of days, or nothing"
    until = _day(typed["until"])
    if typed["until"] and until is None:
        found["until"] = f"found {typed['until']!r}; expected a day such as 2027-06-30, or nothing"
    layout = given.get("layout", "")
    if layout and layout not in LAYOUTS:
        found["layout"] = f"found {layout[:20]!r}; expected {words.listed(list(LAYOUTS), 'or')}"
    rule = RegionRule(
        regime=given.get("regime", "")[:60],
        accept_days=numbers["accept_days"],
        refuse_days=numbers["refuse_days"],
        layout=cast(Any, layout) if layout in LAYOUTS else None,
        purposes=_purposes(given),
        pixels=_chosen(given, "limit-pixels", "pixel-"),
        own_statistics=_chosen(given, "limit-own", "own-"),
        until=until,
        reason=given.get("reason", "")[:_MOST_TEXT],
    )
    return Values(rule, typed), found


def faults(key: str, rule: RegionRule, regions: Regions, today: dt.date) -> dict[str, str]:
    """What is wrong with a rule for ``key``, by the field that it stands beside."""
    found: dict[str, str] = {}
    for fault in regions.faults({key: rule}):
        where, _, said = fault.removeprefix(f"regions.{key}").lstrip(".").partition(": ")
        found.setdefault(where or "regime", said)
    if rule.until is not None and rule.until <= today:
        found["until"] = f"{rule.until} is over; expected a later day, or nothing"
    if not says(rule):
        found["regime"] = "the rule says nothing; expected one field besides the reason at least"
    return found


def says(rule: RegionRule) -> list[str]:
    """What a rule states, each as a few words."""
    said = [f"regime {rule.regime}"] if rule.regime else []
    for name, words_ in _DAYS.items():
        if (days := getattr(rule, name)) is not None:
            said.append(f"{words_} {days} days")
    if rule.layout:
        said.append(f"the banner is a {rule.layout}")
    if rule.purposes is not None:
        said.append(f"offers {words.listed(rule.purposes) or 'no purpose'}")
    if rule.pixels is not None:
        said.append(f"lets {words.listed(rule.pixels) or 'no pixel'} run")
    if rule.own_statistics is not None:
        own = words.listed(rule.own_statistics) or "no pixel"
        said.append(f"lets {own} run before a choice, as own statistics")
    return said


def put(config: StoreConfig, key: str, rule: RegionRule | None) -> StoreConfig:
    """``config`` with ``rule`` for ``key``, or (None) without one. An approval that fits stays."""
    rules = dict(config.regions)
    rules.pop(key, None)
    if rule is not None:
        rules[key] = rule
    return msgspec.structs.replace(config, regions=rules)


def reach(key: str) -> str:
    """For whom a rule speaks, in words."""
    if key == "*":
        return "every place"
    if key.startswith("@"):
        return standing.AREAS.get(key, f"the group {key}")
    return words.place(key)


def pixel_choices(config: StoreConfig, platforms: Platforms) -> list[tuple[str, str]]:
    """The key and the name of each pixel that a rule may let run."""
    found = {
        pixel.key: platforms.of(pixel).name for pixel in config.pixels if platforms.knows(pixel)
    }
    return list(found.items())


def own_choices(config: StoreConfig, platforms: Platforms) -> list[tuple[str, str]]:
    """The key and the name of each pixel that may be a site's own statistics."""
    known = [pixel for pixel in config.pixels if platforms.knows(pixel)]
    barred = {pixel.key for pixel in known if platforms.not_own_statistics(pixel)}
    return [one for one in pixel_choices(config, platforms) if one[0] not in barred]


def _purposes(given: Mapping[str, str]) -> Any:
    chosen = _chosen(given, "limit-purposes", "purpose-")
    return None if chosen is None else tuple(p for p in CHOOSABLE if p in chosen)


def _chosen(given: Mapping[str, str], switch: str, prefix: str) -> tuple[str, ...] | None:
    """The names of the ticked boxes; None when the switch that makes them count is off."""
    if switch not in given:
        return None
    return tuple(name.removeprefix(prefix) for name in given if name.startswith(prefix))


def _day(text: str) -> dt.date | None:
    try:
        found = dt.date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found is not None and 2000 <= found.year < 2100 else None
