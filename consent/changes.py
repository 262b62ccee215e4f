"""What differs between two states of a store, in sentences about its visitors. Pure.

A state is a version or a draft. Where rules differ, every place is asked under both, on the day and
on each day on which a rule ends; places with one answer share a sentence. Everything else of a
store's file is compared key by key.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol

import babel.dates
import msgspec

from consent.called import called
from consent.model import (
    CHOOSABLE,
    Experiment,
    Layout,
    Model,
    Pixel,
    Resolution,
    Rules,
    StoreConfig,
    canonical,
)
from consent.questions import asks, questions
from consent.regions import Regions

Kind = Literal["added", "removed", "changed", "same"]
About = Literal["visitors", "pixels", "settings", "asks"]

WORDS = {
    "purposes": "purposes",
    "labels": "labels",
    "opt_out": "what happens after an opt-out",
    "automatic": "what its library may collect by itself",
    "custom": "its own code",
}
"""The fields of a pixel, as people call them."""

_NOW: Mapping[Model, str] = {
    "opt-in": "are asked first, and nothing runs before a yes",
    "opt-out": "are told, and everything runs until they refuse",
    "notice": "are told, and everything runs",
}
_WAS: Mapping[Model, str] = {
    "opt-in": "they were asked first",
    "opt-out": "everything ran until they refused",
    "notice": "everything ran with a notice",
}
_GROUPS = {
    "eea": "the EEA",
    "eu": "the EU",
    "us": "every state of the US",
    "ca": "every province of Canada",
}
_NAMED_PLACES = 4
_LONGEST_SHOWN = 80
_APART = ("pixels", "regions", "stated", "experiment", "variants")
"""Keys of a store's configuration that are told in sentences of their own, or not at all."""


class State(Protocol):
    """A version or a draft: what holds, and where places look for rules."""

    @property
    def config(self) -> StoreConfig: ...
    @property
    def rules(self) -> Rules: ...


class _Asked(msgspec.Struct, frozen=True, array_like=True):
    rules: Rules
    layout: Layout


class Change(NamedTuple):
    """What has happened to one pixel; ``what`` names its changed fields."""

    kind: Kind
    pixel: Pixel
    what: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """Each label that differs: of which event, from what, to what."""

    @property
    def details(self) -> tuple[str, ...]:
        """``what``, with the labels one by one."""
        each = f"{WORDS['labels']}: {'; '.join(self.labels)}"
        return tuple(each if word == WORDS["labels"] else word for word in self.what)


class Changes(NamedTuple):
    """``pixels``: those of the later state in its order, then the removed ones."""

    pixels: tuple[Change, ...]
    settings: tuple[str, ...]
    """Every other key of the store file that differs."""
    asks: bool
    """Whether visitors who have decided are asked again."""

    @property
    def any(self) -> bool:
        return bool(self.settings) or any(one.kind != "same" for one in self.pixels)


class Told(NamedTuple):
    """One change in one sentence."""

    about: About
    said: str


def between(before: StoreConfig | None, after: StoreConfig) -> Changes:
    """What has to change to get from ``before`` (None: nothing was there) to ``after``."""
    earlier = {(one.platform, one.id): one for one in before.pixels} if before else {}
    found = [_change(earlier.pop((one.platform, one.id), None), one) for one in after.pixels]
    found += [Change("removed", one) for one in earlier.values()]
    new = before is not None and asks(before) != asks(after)
    return Changes(tuple(found), _settings(before, after), new)


def told(before: State | None, after: State, regions: Regions, *, on: dt.date) -> list[Told]:
    """Everything that visitors, and whoever runs the store, would notice; empty: nothing differs.

    Args:
        before: the earlier state; None: nothing was there.
        after: the later one.
        regions: the law.
        on: the day on which ``after`` begins.
    """
    if before is None:
        return [Told("visitors", "The store has its first version; until now it had none.")]
    return [
        *(Told("visitors", said) for said in _visitors(_asked(before), _asked(after), regions, on)),
        *(
            Told("pixels", said)
            for one in between(before.config, after.config).pixels
            if (said := _pixel(one))
        ),
        *(Told("settings", said) for said in _keys(before.config, after.config)),
        *(Told("visitors", said) for said in _experiment(before.config, after.config)),
        *_asked_again(before, after),
    ]


def _asked_again(before: State, after: State) -> Iterator[Told]:
    one, other = (questions(state.config, *state.rules.by_layer) for state in (before, after))
    if one != other:
        yield Told("asks", "Visitors who have decided are asked again.")


def _asked(state: State) -> bytes:
    """All of a state that visitors' places are asked under, as canonical JSON."""
    return canonical([state.rules, state.config.banner.layout])


@lru_cache(maxsize=1024)
def _visitors(earlier: bytes, later: bytes, regions: Regions, on: dt.date) -> tuple[str, ...]:
    """A sentence for each way in which places change, day by day.

    Kept by what ``_asked`` gives of both states, as the stores of a group have the same.
    """
    before, after = (msgspec.json.decode(one, type=_Asked) for one in (earlier, later))
    if earlier == later:
        return ()
    return tuple(_day_by_day(before, after, regions, on))


def _day_by_day(before: _Asked, after: _Asked, regions: Regions, on: dt.date) -> Iterator[str]:
    places = {place.code: place for one in (before, after) for place in regions.places(one.rules)}
    ends = {
        rule.until
        for state in (before, after)
        for _, rules in state.rules.layers
        for rule in rules.values()
        if rule.until is not None and rule.until > on
    }
    for day in sorted({on, *ends}):
        eve = day - dt.timedelta(days=1)
        alike: dict[str, list[str]] = {}
        for code, place in places.items():
            now = regions.resolve(place, on=day, rules=after.rules)
            was = regions.resolve(place, on=day, rules=before.rules)
            usual: set[str] = set()
            if day > on:
                # What the law itself, or the earlier state, changes on that day is no news.
                old = regions.resolve(place, on=eve, rules=before.rules)
                usual = set(_differences(old, was, before.layout))
                was = regions.resolve(place, on=eve, rules=after.rules)
            for difference in _differences(was, now, after.layout):
                if difference not in usual:
                    alike.setdefault(difference, []).append(code)
        for difference, codes in alike.items():
            who = f"isitors from {_where(codes, regions)}"
            yield (f"From {_day(day)} v{who}" if day > on else f"V{who}") + f" {difference}"


def _differences(was: Resolution, now: Resolution, usual: Layout) -> Iterator[str]:
    """Each as what follows ``Visitors from Oregon ``."""
    old, new = was.regime, now.regime
    if old.model != new.model:
        yield f"{_NOW[new.model]} ({new.id}); until then {_WAS[old.model]} ({old.id})."
    elif (old.id, old.duties, old.gpc_duty) != (new.id, new.duties, new.gpc_duty):
        yield f"are under the rules of {new.name} ({new.id}); until then of {old.name} ({old.id})."
    if old.accept_days != new.accept_days:
        yield (
            f"are asked again {new.accept_days} days after a yes; until then after "
            f"{old.accept_days}."
        )
    if old.refuse_days != new.refuse_days:
        yield (
            f"are asked again {new.refuse_days} days after a no; until then after "
            f"{old.refuse_days}."
        )
    if was.layout != now.layout:
        yield f"see a {now.layout or usual}; until then a {was.layout or usual}."
    if gone := [one for one in was.purposes if one not in now.purposes]:
        yield f"are no longer asked for {', '.join(gone)}, and nothing of it runs."
    if new_ones := [one for one in CHOOSABLE if one in now.purposes and one not in was.purposes]:
        yield f"are asked for {', '.join(new_ones)} too."
    if was.pixels != now.pixels:
        yield f"get {_pixels(now.pixels)}; until then {_pixels(was.pixels)}."
    if was.own_statistics != now.own_statistics:
        yield (
            f"get {_own(now.own_statistics)} as own statistics before they choose; until then "
            f"{_own(was.own_statistics)}."
        )
    for one in new.looser:
        if one not in old.looser:
            yield f"get less than the law there gives, as {one.by} has allowed: {one.reason}"
    for one in old.looser:
        if one not in new.looser:
            yield f"get what the law there gives again, not what {one.by} had allowed."


def _pixels(keys: Sequence[str] | None) -> str:
    if keys is None:
        return "every pixel that they allow"
    return f"no pixel but {', '.join(keys)}" if keys else "no pixel at all"


def _own(keys: Sequence[str]) -> str:
    return ", ".join(keys) or "nothing"


def _where(codes: Sequence[str], regions: Regions) -> str:
    """The places, by name where they are few; whole groups first."""
    left, named = set(codes), []
    if left >= {place.code for place in regions.every_place}:
        return "everywhere"
    for group, members in regions.groups.items():
        if len(members) > 1 and members <= left:
            named.append(_GROUPS.get(group, f"@{group}"))
            left -= members
    names = sorted(regions.name(code) for code in left)
    named += names[:_NAMED_PLACES]
    if (more := len(names) - _NAMED_PLACES) > 0:
        named.append(f"{more} more place{'s' if more > 1 else ''}")
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def _day(day: dt.date) -> str:
    return babel.dates.format_date(day, "d MMMM y", locale="en")


def _pixel(change: Change) -> str:
    called = f"{change.pixel.key} {change.pixel.id}"
    match change.kind:
        case "added":
            return f"{called} is new."
        case "removed":
            return f"{called} is gone, and what it left in visitors' browsers is deleted."
        case "changed":
            return f"{called} is changed: {', '.join(change.details)}."
    return ""


def _keys(before: StoreConfig, after: StoreConfig) -> Iterator[str]:
    """Each other key that differs: ``The banner's shape is box; until then bar.``"""
    names = [name for name in _settings(before, after) if name not in _APART]
    old, new = (
        _flat({name: msgspec.to_builtins(getattr(one, name)) for name in names})
        for one in (before, after)
    )
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            now, was = (_words(key, one.get(key)) for one in (new, old))
            yield f"{called(key)} is {now}; until then {was}."


def _flat(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= _flat(item, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = item
    return flat


def _words(key: str, value: Any) -> str:
    """``value`` in a sentence; of a text that a store does not have, what stands instead."""
    return "as it ships" if value is None and key.startswith("texts.") else _shown(value)


def _shown(value: Any) -> str:
    match value:
        case None | "" | {} | []:
            return "not set"
        case bool():
            return "on" if value else "off"
        case list():
            return ", ".join(map(str, value))
    text = str(value)
    short = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return f"“{short}”" if " " in short else short


def _experiment(before: StoreConfig, after: StoreConfig) -> Iterator[str]:
    old, new = ((one.experiment, one.variants) for one in (before, after))
    if old == new:
        return
    called = after.experiment.name or after.experiment.key
    if not after.experiment.key:
        yield (
            f"The experiment {before.experiment.name or before.experiment.key} ends; every visitor "
            f"gets the same banner."
        )
        return
    shown = ", ".join(one.name or one.key for one in after.variants)
    days = _days_of(after.experiment)
    what = f"some visitors see {shown} in place of the banner as it is"
    if before.experiment.key == after.experiment.key:
        yield f"The experiment {called} is changed: {what}{days}."
    else:
        yield f"The experiment {called} begins: {what}{days}."


def _days_of(plan: Experiment) -> str:
    begins = f" from {_day(plan.starts)}" if plan.starts else ""
    return begins + (f" until {_day(plan.ends)}" if plan.ends else "")


def _change(earlier: Pixel | None, pixel: Pixel) -> Change:
    if earlier is None:
        return Change("added", pixel)
    names = Pixel.__struct_fields__
    differing = [name for name in names if getattr(earlier, name) != getattr(pixel, name)]
    what = [WORDS.get(name, name) for name in differing]
    labels = _labels(earlier.labels, pixel.labels)
    return Change("changed" if what else "same", pixel, tuple(what), labels)


def _labels(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    events = dict.fromkeys((*before, *after))
    return tuple(
        f"{event} from {before.get(event, 'none')} to {after.get(event, 'none')}"
        for event in events
        if before.get(event) != after.get(event)
    )


def _settings(before: StoreConfig | None, after: StoreConfig) -> tuple[str, ...]:
    if before is None:
        return ()
    names = [name for name in StoreConfig.__struct_fields__ if name != "pixels"]
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))
