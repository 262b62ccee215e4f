"""Google's consent defaults by region, for a site that loads Google's tags by itself.

Where Tag Manager is pasted into the page, its tags run while the loader is still on its way. What
holds until then is what Google calls the *default*; with ``region`` it differs from place to place,
and Google finds the place. So the law of every place is said in advance, as lists of ISO 3166-2
codes: denied, but for the places whose regime lets everything run before a choice.

Source: https://developers.google.com/tag-platform/security/guides/consent
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import babel

from consent.model import Place, RegionRule, StoreConfig, Version
from consent.regions import Regions
from consent.regions.files import is_code

TYPES = (
    "ad_storage",
    "ad_user_data",
    "ad_personalization",
    "analytics_storage",
    "functionality_storage",
    "personalization_storage",
)
"""Every type that a purpose stands for; ``browser/src/purposes.json`` says which."""

WAIT = 500
"""Milliseconds for which Google's tags wait for the loader to say what was chosen."""

_SETTINGS = ("ads_data_redaction", "url_passthrough")
_WIDTH = 96


class Lists(NamedTuple):
    """Codes for ``region``. The most specific code wins, in whatever order they are said."""

    granted: tuple[str, ...]
    """Countries, and parts of denied countries."""
    denied: tuple[str, ...]
    """Parts of granted countries; whatever stands in no list is denied too."""


def lists(regions: Regions, rules: Mapping[str, RegionRule], *, at: dt.datetime) -> Lists:
    """Where everything is granted before a choice, and what of that is not.

    Google gives a territory that has a code of its own that code: Réunion is ``RE``, never ``FR``.
    So every code is asked for by itself, and the lists name each that differs from denied.

    Args:
        regions: the law.
        rules: the store's own region rules.
        at: the moment; each place's law is that of the day which it is there.
    """

    def is_open(code: str) -> bool:
        country, dash, _ = code.partition("-")
        place = Place(country, code if dash else None)
        on = regions.day(place, at)
        return regions.resolve(place, on=on, rules=rules).regime.model != "opt-in"

    codes = map(str, babel.Locale("en").territories)
    open_countries = {code for code in codes if _is_country(code) and is_open(code)}
    differing = [
        code for code in regions.subdivisions if is_open(code) != (code[:2] in open_countries)
    ]
    return Lists(
        tuple(sorted([*open_countries, *(code for code in differing if is_open(code))])),
        tuple(code for code in differing if not is_open(code)),
    )


def script(version: Version, regions: Regions, *, at: dt.datetime) -> str:
    """The script element that goes before Google's, as the law is at the moment ``at``.

    What is granted by region is not said to a visitor who has decided, as the decision is the
    loader's to read, nor to one whose browser sends Global Privacy Control.
    """
    config = version.config
    granted, denied = lists(regions, config.regions, at=at)
    day = at.date().isoformat()
    open_ = [
        *(_default("granted", granted) if granted else ()),
        *(_default("denied", denied) if denied else ()),
    ]
    lines = [
        f"// Consent defaults of {config.key}, version {version.number}, as of {day}.",
        "// Print them anew when the store's rules or the law have changed.",
        "window.dataLayer = window.dataLayer || [];",
        "function gtag() { dataLayer.push(arguments); }",
        *_default("denied"),
    ]
    if open_:
        lines += [
            "if (navigator.globalPrivacyControl !== true && !/pixelgate=/.test(document.cookie)) {",
            *(f"  {line}" for line in open_),
            "}",
        ]
    lines += _settings(config)
    return "\n".join(["<script>", *lines, "</script>"])


def _is_country(code: str) -> bool:
    return "-" not in code and is_code(code)


def _settings(config: StoreConfig) -> list[str]:
    return [f"gtag('set', '{name}', true);" for name in _SETTINGS if getattr(config.google, name)]


def _default(state: Literal["granted", "denied"], region: Iterable[str] = ()) -> list[str]:
    """One command, with ``region`` for these places, without it for all."""
    lines = ["gtag('consent', 'default', {"]
    lines += [f"  '{name}': '{state}'," for name in TYPES]
    if region:
        lines += ["  'region': [", *_wrapped(region), "  ],"]
    else:
        lines += ["  'security_storage': 'granted',"]
    return [*lines, f"  'wait_for_update': {WAIT}", "});"]


def _wrapped(codes: Iterable[str]) -> list[str]:
    """The codes as strings, some in a line."""
    lines = [""]
    for code in codes:
        said = f"'{code}',"
        if len(lines[-1]) + len(said) > _WIDTH - 6:
            lines.append("")
        lines[-1] += f" {said}" if lines[-1] else said
    lines[-1] = lines[-1].rstrip(",")
    return [f"    {line}" for line in lines]
