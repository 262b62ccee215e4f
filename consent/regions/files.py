"""The shape of the files in ``consent/regimes``, and everything that can be wrong with them.

Reading collects every fault before it gives up, so that an editor mends them in one go.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from consent import data
from consent.errors import DataError, DataErrors
from consent.model import WITH_STATES, Confidence, Duty, GpcDuty, Model, OwnStatistics
from consent.regions import zones

PSEUDO_CODES = frozenset({"XX", "T1", "EU", "AP", "A1", "A2", "O1", "ZZ"})
"""What feeds send when they know no country; ``EU`` is a guess, not a list of members."""

_CODE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_GROUPS = "groups.toml"
_ZONES = "zones.toml"
_PLACEHOLDERS = {"place", "law", "from"}
_MOST_DAYS = 3650


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Gpc(_Strict, frozen=True, kw_only=True):
    duty: GpcDuty
    overrides_choice: bool
    since: dt.date | None = None
    confidence: Confidence = "unverified"


class PlaceGpc(_Strict, frozen=True, kw_only=True):
    duty: GpcDuty
    since: dt.date | None = None
    confidence: Confidence = "unverified"


class Banner(_Strict, frozen=True, kw_only=True):
    duties: tuple[Duty, ...]


class AskAgain(_Strict, frozen=True, kw_only=True):
    accept_days: int
    refuse_days: int
    confidence: Confidence = "unverified"


class Records(_Strict, frozen=True, kw_only=True):
    """For how long a law wants decisions to be logged."""

    days: int
    law: str
    confidence: Confidence = "unverified"


class PlaceAskAgain(_Strict, frozen=True, kw_only=True):
    accept_days: int | None = None
    refuse_days: int | None = None
    confidence: Confidence = "unverified"


class PlaceTable(_Strict, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What differs in one place from the rest of its file. Law and duties add to the file's."""

    name: str = ""
    law: tuple[str, ...] = ()
    source: str = ""
    reviewed: dt.date | None = None
    from_: dt.date | None = None
    until: dt.date | None = None
    confidence: Confidence | None = None
    gpc: PlaceGpc | None = None
    duties: tuple[Duty, ...] = ()
    ask_again: PlaceAskAgain = PlaceAskAgain()
    own_statistics: OwnStatistics | None = None
    why: str = ""
    note: str = ""


NO_TABLE = PlaceTable()


class RegimeFile(_Strict, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One regime. Days run from ``from`` to the day before ``until``, by the place's clocks."""

    name: str
    model: Model
    law: tuple[str, ...] = ()
    source: str
    reviewed: dt.date
    confidence: Confidence
    applies_to: tuple[str, ...]
    gpc: Gpc
    banner: Banner
    ask_again: AskAgain
    why: str
    google_advanced: bool = False
    automatic_collection: bool = False
    own_statistics: OwnStatistics | None = None
    records: Records | None = None
    from_: dt.date | None = None
    until: dt.date | None = None
    note: str = ""
    places: dict[str, PlaceTable] = {}

    def days(self, code: str) -> Days:
        """The days on which this file speaks for ``code``."""
        own = self.places.get(code, NO_TABLE)
        return Days(own.from_ or self.from_ or dt.date.min, own.until or self.until or dt.date.max)


class Alias(_Strict, frozen=True, kw_only=True, rename={"as_": "as"}):
    """A place that gets another country's rules, and why."""

    as_: str
    name: str
    why: str
    confidence: Confidence


class GroupsFile(_Strict, frozen=True, kw_only=True):
    groups: dict[str, tuple[str, ...]] = {}
    treated_as: dict[str, Alias] = {}


class Days(NamedTuple):
    """A first day, and the first day that is not in it any more (``date.max``: never)."""

    first: dt.date
    end: dt.date

    def __contains__(self, on: object) -> bool:
        """Whether the day ``on`` is one of these."""
        return (
            isinstance(on, dt.date)
            and self.first <= on
            and (on < self.end or self.end == dt.date.max)
        )


class Claim(NamedTuple):
    """One file's word that a code, an ``@group`` or everything (``*``) is its own."""

    key: str
    days: Days
    regime: str


class Read(NamedTuple):
    """All files, read and checked. Groups hold codes only: groups inside groups are opened up."""

    regimes: dict[str, RegimeFile]
    groups: dict[str, frozenset[str]]
    treated_as: dict[str, Alias]
    zones: dict[str, tuple[str, ...]]


def is_code(text: str) -> bool:
    """Whether ``text`` has the form of a country's or subdivision's code and is no pseudo code."""
    return _CODE.fullmatch(text) is not None and text not in PSEUDO_CODES


def is_known(code: str, groups: Mapping[str, frozenset[str]]) -> bool:
    """Whether ``code`` is a country's, or of a state or province that stands in a group."""
    return "-" not in code or any(code in members for members in groups.values())


def unknown_part(code: str) -> str:
    """What to say of a subdivision that is not known: a typing error, or one that never comes."""
    if code[:2] in WITH_STATES:
        return f"no state or province of {code[:2]}; expected one such as US-CA or CA-QC"
    countries = " and ".join(WITH_STATES)
    return f"a part of {code[:2]}; expected {code[:2]}, as only {countries} are told by their parts"


def claims(regimes: Mapping[str, RegimeFile]) -> Iterator[Claim]:
    for id_, file in regimes.items():
        for entry in file.applies_to:
            yield Claim(entry, file.days(entry), id_)


def read(directory: Path) -> Read:
    """Every regime, group and time zone in ``directory``.

    Raises:
        DataErrors: with every fault in every file, each as ``file: key: fault``.
    """
    faults: list[DataError] = []
    regimes: dict[str, RegimeFile] = {}
    shared, clocks = GroupsFile(), zones.ZonesFile()
    for path in sorted(directory.glob("*.toml")):
        name = data.called(path)
        try:
            if path.name == _GROUPS:
                shared = data.convert(data.read_toml(path), GroupsFile, file=name)
            elif path.name == _ZONES:
                clocks = data.convert(data.read_toml(path), zones.ZonesFile, file=name)
            else:
                regimes[path.stem] = data.convert(data.read_toml(path), RegimeFile, file=name)
        except DataErrors as errors:
            faults += errors.faults
        except DataError as error:
            faults.append(error)
    groups = {name: frozenset(_members(name, shared.groups)) for name in shared.groups}
    if not faults:
        faults += _group_faults(shared, f"{directory.name}/{_GROUPS}")
        for id_, file in regimes.items():
            faults += _regime_faults(file, groups, f"{directory.name}/{id_}.toml")
        faults += _claim_faults(regimes, groups, directory.name)
        faults += _zone_faults(clocks, groups, f"{directory.name}/{_ZONES}")
    if faults:
        raise DataErrors(faults)
    return Read(regimes, groups, shared.treated_as, clocks.zones)


def _members(
    name: str, groups: Mapping[str, Sequence[str]], above: tuple[str, ...] = ()
) -> set[str]:
    """The codes in a group and in the groups in it. A loop or an unknown name gives none."""
    if name in above:
        return set()
    codes: set[str] = set()
    for entry in groups.get(name, ()):
        inner = _members(entry[1:], groups, (*above, name)) if entry[:1] == "@" else {entry}
        codes |= inner
    return codes


def _group_faults(shared: GroupsFile, name: str) -> Iterator[DataError]:
    for group, entries in shared.groups.items():
        for entry in entries:
            if entry.startswith("@") and entry[1:] not in shared.groups:
                yield DataError(name, f"groups.{group}", f"no group {entry!r} in this file")
            elif not entry.startswith("@") and not is_code(entry):
                yield DataError(name, f"groups.{group}", _no_place(entry))
        if not _members(group, shared.groups):
            yield DataError(name, f"groups.{group}", "holds no place; expected at least one code")
    for code, alias in shared.treated_as.items():
        if not is_code(code):
            yield DataError(name, f"treated_as.{code}", _no_place(code))
        if not is_code(alias.as_) or "-" in alias.as_ or alias.as_ in shared.treated_as:
            fault = f"{alias.as_!r}; expected a country that is not in this table itself"
            yield DataError(name, f"treated_as.{code}.as", fault)


def _zone_faults(
    file: zones.ZonesFile, groups: Mapping[str, frozenset[str]], name: str
) -> Iterator[DataError]:
    for code in file.zones:
        if not is_code(code):
            yield DataError(name, f"zones.{code}", _no_place(code))
        elif not is_known(code, groups):
            yield DataError(name, f"zones.{code}", unknown_part(code))
    yield from zones.faults(file, name)


def _regime_faults(
    file: RegimeFile, groups: Mapping[str, frozenset[str]], name: str
) -> Iterator[DataError]:
    for key in ("name", "why", "applies_to"):
        if not getattr(file, key):
            yield DataError(name, key, "is empty; expected at least one entry or word")
    lawless = [code for code in file.applies_to if not file.places.get(code, NO_TABLE).law]
    if lawless and not file.law:
        fault = f"is empty; expected a law here, or one in the table of {', '.join(lawless)}"
        yield DataError(name, "law", fault)
    yield from _source_faults(name, "source", file.source)
    if file.google_advanced and file.model == "opt-in":
        fault = "true with model opt-in; expected false, as a refused tag sends nothing there"
        yield DataError(name, "google_advanced", fault)
    if file.automatic_collection and file.model == "opt-in":
        fault = "true with model opt-in; expected false, as no banner asks for it"
        yield DataError(name, "automatic_collection", fault)
    claimed = set(file.applies_to)
    for entry in file.applies_to:
        if entry.startswith("@"):
            claimed |= groups.get(entry[1:], frozenset())
            if entry[1:] not in groups:
                known = ", ".join(f"@{group}" for group in sorted(groups))
                yield DataError(name, "applies_to", f"no group {entry!r}; known are {known}")
        elif entry != "*" and not is_code(entry):
            yield DataError(name, "applies_to", _no_place(entry))
        elif not is_known(entry, groups):
            yield DataError(name, "applies_to", f"{entry}: {unknown_part(entry)}")
    yield from _text_faults(name, "why", file.why)
    yield from _day_faults(name, "ask_again", file.ask_again)
    if file.records is not None and not 1 <= file.records.days <= _MOST_DAYS:
        fault = f"{file.records.days}; expected 1 to {_MOST_DAYS} days"
        yield DataError(name, "records.days", fault)
    for code, own in file.places.items():
        where = f"places.{code}"
        if code not in claimed and "*" not in claimed:
            yield DataError(name, where, "is not in applies_to; add it there or remove the table")
        if file.days(code).first >= file.days(code).end:
            yield DataError(
                name, where, "until is not after from; expected the first day without it"
            )
        if own.source:
            yield from _source_faults(name, f"{where}.source", own.source)
        yield from _text_faults(name, f"{where}.why", own.why)
        yield from _day_faults(name, f"{where}.ask_again", own.ask_again)


def _source_faults(name: str, key: str, source: str) -> Iterator[DataError]:
    if not source.startswith("https://"):
        yield DataError(name, key, f"{source!r}; expected an https address")


def _no_place(entry: str) -> str:
    return f"{entry!r} is no place; expected a code such as DE or US-CA, or a group such as @eea"


def _text_faults(name: str, key: str, text: str) -> Iterator[DataError]:
    try:
        found = {field for _, field, *_ in string.Formatter().parse(text) if field is not None}
    except ValueError as error:
        yield DataError(name, key, f"{text!r} ({error}); expected paired braces")
        return
    if not found <= _PLACEHOLDERS:
        unknown = ", ".join(sorted(found - _PLACEHOLDERS))
        yield DataError(name, key, f"found {{{unknown}}}; expected {{place}}, {{law}} or {{from}}")


def _day_faults(name: str, key: str, ask: AskAgain | PlaceAskAgain) -> Iterator[DataError]:
    for field, count in (("accept_days", ask.accept_days), ("refuse_days", ask.refuse_days)):
        if count is not None and not 1 <= count <= _MOST_DAYS:
            yield DataError(name, f"{key}.{field}", f"{count}; expected 1 to {_MOST_DAYS} days")


def _claim_faults(
    regimes: Mapping[str, RegimeFile], groups: Mapping[str, frozenset[str]], folder: str
) -> Iterator[DataError]:
    """Two files that claim a place in the same way for one day, and a fallback that is not one."""
    by_code: dict[tuple[str, bool], list[Claim]] = {}
    for claim in claims(regimes):
        grouped = claim.key.startswith("@")
        for code in groups.get(claim.key[1:], ()) if grouped else (claim.key,):
            by_code.setdefault((code, grouped), []).append(claim)
    for (code, _), claimants in sorted(by_code.items()):
        for one, other in itertools.combinations(claimants, 2):
            first = max(one.days.first, other.days.first)
            if first < min(one.days.end, other.days.end) and one.regime != other.regime:
                since = "always" if first == dt.date.min else f"from {first.isoformat()}"
                fault = (
                    f"{code} is claimed by {one.regime}.toml and {other.regime}.toml {since};"
                    " expected one file for a place and a day"
                )
                yield DataError(f"{folder}/{other.regime}.toml", "applies_to", fault)
    fallbacks = by_code.get(("*", False), [])
    if not fallbacks:
        yield DataError(folder, "", 'no file has "*" in applies_to; expected exactly one')
    for claim in fallbacks:
        if claim.days != (dt.date.min, dt.date.max):
            fault = "from or until in the file with *; expected neither, for it is the last resort"
            yield DataError(f"{folder}/{claim.regime}.toml", "applies_to", fault)
