"""What others write for a country and a state, as ISO 3166 codes, or as nothing."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping

from babel.core import get_global

from consent import data
from consent.model import WITH_STATES, Place, PlaceSource

UNKNOWN = Place()

_ALIASES = {"UK": "GB", "EL": "GR"}
# No country: what feeds send when they know none, unions, and the codes ISO 3166 leaves to users,
# of which XK (Kosovo) alone is in use.
_NO_COUNTRY = re.compile(r"AP|EU|EZ|UN|AA|Q[M-Z]|X[A-JL-Z]|ZZ")
_LONGEST_NAME = 40
_CODE_LETTERS = 2


def place(country: str | None, subdivision: str | None, source: PlaceSource) -> Place:
    """The place, if the country is one; the subdivision only if it is one of that country's and
    the law asks for it.

    Args:
        country: ISO 3166-1, two letters in any case.
        subdivision: ``CA``, ``US-CA``, ``USCA`` (CLDR), ``California``, or in the US the number of
            FIPS 5-2 (``06``); anything else is an unknown state.
        source: where both come from.
    """
    code = country.strip().upper() if country is not None and country.isascii() else ""
    code = _ALIASES.get(code, code)
    if code not in countries():
        return UNKNOWN
    if code not in WITH_STATES or subdivision is None:
        return Place(code, None, source)
    part = _state(code, subdivision)
    return Place(code, f"{code}-{part}" if part else None, source)


@functools.cache
def countries() -> frozenset[str]:
    """The codes that name a country or territory, by CLDR, which has all of ISO 3166-1."""
    known = map(str, get_global("territory_languages"))
    two_letters = re.compile(r"[A-Z]{2}")
    return frozenset(
        code for code in known if two_letters.fullmatch(code) and not _NO_COUNTRY.fullmatch(code)
    )


@functools.cache
def states() -> Mapping[str, Mapping[str, str]]:
    """By country, the code of every word for a state in ``data/states.toml``, and of itself.

    Raises:
        DataError: the file is missing or wrong.
    """
    read = data.read_toml(data.folder("data") / "states.toml")
    return {
        country: {plain(word): code for code, words in parts.items() for word in (code, *words)}
        for country, parts in read.items()
    }


def plain(word: str) -> str:
    """A word without accents and case, so that Québec is quebec."""
    parts = unicodedata.normalize("NFKD", word)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold().strip()


def _state(country: str, text: str) -> str | None:
    if len(text) > _LONGEST_NAME:
        return None
    word, known = plain(text), states()[country]
    if not text.isascii():  # a code has no accents
        return known.get(word) if len(word) > _CODE_LETTERS else None
    for prefix in (f"{country.lower()}-", country.lower()):
        # Behind its country only a code may stand.
        if word.startswith(prefix) and len(word) == len(prefix) + _CODE_LETTERS:
            return known.get(word[len(prefix) :]) if word[-_CODE_LETTERS:].isalpha() else None
    return known.get(word)
