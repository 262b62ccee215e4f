"""The visitor's texts in ``locales/``: one JSON file for each language, and the choice of one.

Files are found by listing the folder and are named by BCP 47 (``pt-BR.json``). English is the
model: it has every key, and a key that another file lacks is read from its base language, then
from English. Placeholders look like ``{count}``; the page fills them in, as text.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast

import msgspec
from babel.core import Locale, get_global

from consent import data
from consent.errors import DataError, DataErrors

MODEL = "en"
"""The language that has every key."""

Direction = Literal["ltr", "rtl"]

MOST_CHARACTERS = 600
"""In a store's own text."""

_TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_PERIOD = re.compile(r"(\d+) (minute|hour|day|week|month|year)s?")
_Unit = Literal["minute", "hour", "day", "week", "month", "year"]
_SECONDS: Mapping[_Unit, int] = {
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
    "year": 31_536_000,
}
"""Of each unit, as Babel counts them."""
_LIFETIMES = {
    "session": "lifetime.session",
    "until deleted": "lifetime.deleted",
    "no expiry": "lifetime.deleted",
}
_PLACEHOLDER = re.compile(r"\{\w+\}")

_ALIASES: Mapping[str, str] = get_global("language_aliases")
_LIKELY: Mapping[str, str] = get_global("likely_subtags")
_PARENTS: Mapping[str, str] = get_global("parent_exceptions")


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``_meta`` of a file; ``reviewed`` and ``reviewer``: who last read it, if anyone has."""

    language: str
    name: str
    direction: Direction
    reviewed: dt.date | None
    reviewer: str | None


class Texts:
    """Every language, whole: what a file lacks is filled in at loading."""

    def __init__(self, files: Mapping[str, tuple[Language, Mapping[str, str]]]) -> None:
        self._info = {language: files[language][0] for language in sorted(files)}
        self._messages = {
            language: MappingProxyType(_filled(language, files)) for language in self._info
        }
        self._by_lower = {language.lower(): language for language in self._info}
        self._kin = {language: _kin(language) for language in self._info}

    @classmethod
    def load(cls, path: Path | None = None) -> Texts:
        """The texts in ``path``, by default the shipped ``locales/``.

        Raises:
            DataErrors: with every fault of every file.
        """
        root = path or data.folder("locales")
        files: dict[str, tuple[Language, Mapping[str, str]]] = {}
        faults: list[DataError] = []
        for file in sorted(root.glob("*.json")):
            try:
                files[file.stem] = _read(file)
            except DataErrors as errors:
                faults.extend(errors.faults)
            except DataError as error:
                faults.append(error)
        if MODEL in files:
            for language, (_, messages) in files.items():
                name = f"{root.name}/{language}.json"
                faults += _compared(name, messages, files[MODEL][1])
        elif not faults:
            faults.append(
                DataError(f"{root.name}/{MODEL}.json", "", "is missing; it has every key")
            )
        if faults:
            raise DataErrors(faults)
        return cls(files)

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP 47 tags, in alphabetical order."""
        return tuple(self._info)

    def choose(self, wanted: Sequence[str], default: str) -> str:
        """The best language for someone who reads ``wanted``, best first.

        Each wish in turn: that very tag, then the tag with its last parts cut off one by one as
        long as the script stays the same, then any language with the same base and script (``pt``
        finds ``pt-BR``, ``zh-TW`` finds ``zh-Hant``, ``no`` finds ``nb``), then any with the same
        base. ``default`` is the last wish.

        Args:
            wanted: BCP 47 tags, in any case; what is no tag matches nothing.
            default: the store's language.

        Returns:
            One of ``languages``; English when nothing fits.

        Source: RFC 4647, section 3.4; Unicode CLDR's likely subtags for the script.
        """
        for wish in (*wanted, default):
            for found in self._candidates(wish):
                return found
        return MODEL

    def messages(self, language: str) -> Mapping[str, str]:
        """Every text by key, read-only. ``language`` is one of ``languages``."""
        return self._messages[language]

    def faults(self, own: Mapping[str, str]) -> list[str]:
        """What keeps ``own`` from standing in for texts of ours, each as ``key: fault``."""
        compared = _compared("", own, self._messages[MODEL])
        found = [f"{one.key}: {one.fault}" for one in compared]
        for key, text in own.items():
            if not text.strip() or len(text) > MOST_CHARACTERS:
                found.append(f"{key}: {len(text)} characters; expected 1 to {MOST_CHARACTERS}")
        return found

    def lifetime(self, language: str, lifetime: str) -> str:
        """How long a trace stays, in ``language``; ``lifetime`` is a platform file's, in English.

        ``90 days`` becomes ``90 Tage``. What is no period reads "period not stated".
        """
        period = _PERIOD.fullmatch(lifetime)
        if period is None:
            key = _LIFETIMES.get(lifetime, "lifetime.unknown")
            return self._messages[language][key]
        from babel.dates import format_timedelta  # for the second layer alone

        locale = Locale.parse(language, sep="-")
        unit = cast(_Unit, period[2])
        # Babel's format_unit() does not know these units in most languages: "90 duration-day".
        # Below its threshold a larger unit is passed over, so 90 days stay days.
        seconds = int(period[1]) * _SECONDS[unit]
        return format_timedelta(seconds, granularity=unit, threshold=math.inf, locale=locale)

    def direction(self, language: str) -> Direction:
        return self._info[language].direction

    def about(self, language: str) -> Language:
        return self._info[language]

    def _candidates(self, wish: str) -> Iterator[str]:
        parts = _parts(wish)
        base, script = _kin(wish)
        for length in range(len(parts), 0, -1):
            found = self._by_lower.get("-".join(parts[:length]))
            if found and (length == len(parts) or self._kin[found] == (base, script)):
                yield found
        for language, kin in self._kin.items():
            if kin == (base, script):
                yield language
        for language, kin in self._kin.items():
            if kin[0] == base:
                yield language


def _parts(tag: str) -> list[str]:
    return tag.strip().lower().replace("_", "-").split("-")


def _kin(tag: str) -> tuple[str, str]:
    """The base language and the script of ``tag``, also where the tag does not say its script.

    ``zh-TW`` is ``zh`` in ``Hant``. Old codes count as new ones (``iw`` as ``he``), and ``nb`` and
    ``nn`` as ``no``.
    """
    first, *rest = _parts(tag)
    base, *parts = *_ALIASES.get(first, first).lower().split("_"), *rest
    script = next((part.title() for part in parts if re.fullmatch("[a-z]{4}", part)), "")
    regions = (part.upper() for part in parts if re.fullmatch("[a-z]{2}|[0-9]{3}", part))
    likely = _LIKELY.get(f"{base}_{next(regions, '')}") or _LIKELY.get(base) or "__"
    return _PARENTS.get(base, base), script or likely.split("_")[1]


def _read(file: Path) -> tuple[Language, Mapping[str, str]]:
    name = data.called(file)
    raw = data.read_json(file)
    if not isinstance(raw, dict):
        raise DataError(name, "", "is no object; expected keys and texts")
    faults: list[DataError] = []
    about: Language | None = None
    try:
        about = data.convert(raw.pop("_meta", None), Language, file=name)
    except DataErrors as errors:
        faults += [
            DataError(name, f"_meta.{one.key}".rstrip("."), one.fault) for one in errors.faults
        ]
    if about and (about.language != file.stem or not _TAG.fullmatch(file.stem)):
        fault = f"is {about.language!r}; expected the file's name, a BCP 47 tag such as pt-BR"
        faults.append(DataError(name, "_meta.language", fault))
    for key, text in raw.items():
        if not isinstance(text, str) or not text.strip():
            faults.append(DataError(name, key, f"is {text!r}; expected a text"))
    if faults or about is None:
        raise DataErrors(faults)
    return about, raw


def _compared(
    file: str, messages: Mapping[str, str], model: Mapping[str, str]
) -> Iterator[DataError]:
    for key, text in messages.items():
        if key not in model:
            yield DataError(file, key, f"is unknown; expected a key of {MODEL}.json")
            continue
        found, expected = (sorted(_PLACEHOLDER.findall(one)) for one in (text, model[key]))
        if found != expected:
            fault = f"has placeholders {_listed(found)}; expected {_listed(expected)}"
            yield DataError(file, key, fault)


def _listed(placeholders: Sequence[str]) -> str:
    return ", ".join(placeholders) or "none"


def _filled(
    language: str, files: Mapping[str, tuple[Language, Mapping[str, str]]]
) -> dict[str, str]:
    filled: dict[str, str] = {}
    for source in (MODEL, language.split("-")[0], language):
        if source in files:
            filled.update(files[source][1])
    return filled
