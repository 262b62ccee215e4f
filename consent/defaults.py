"""Google's consent defaults by region, for a site that loads Google's tags by itself.

Where Tag Manager is pasted into the page, its tags run while the loader is still on its way. What
holds until then is what Google calls the *default*; with ``region`` it differs from place to place,
and Google finds the place. So the law of every place is said in advance, as lists of ISO 3166-2
codes: denied, but for the places whose regime lets everything run before a choice.

Source: https://developers.google.com/tag-platform/security/guides/consent
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import NamedTuple

from consent.model import CHOOSABLE, Place, Purpose, Rules, StoreConfig, Version
from consent.regions import Regions

TYPES: dict[str, Purpose] = {
    "ad_storage": "marketing",
    "ad_user_data": "marketing",
    "ad_personalization": "marketing",
    "analytics_storage": "analytics",
    "functionality_storage": "preferences",
    "personalization_storage": "preferences",
}
"""Every type, and the purpose that stands for it; ``browser/src/purposes.json`` says the same."""

WAIT = 500
"""Milliseconds for which Google's tags wait for the loader to say what was chosen."""

_SETTINGS = ("ads_data_redaction", "url_passthrough")
_WIDTH = 96


class Lists(NamedTuple):
    """Codes for ``region``. The most specific code wins, in whatever order they are said."""

    granted: tuple[tuple[tuple[Purpose, ...], tuple[str, ...]], ...]
    """What runs before a choice, and where: countries, and parts of those that differ."""
    denied: tuple[str, ...]
    """Parts of granted countries; whatever stands in no list is denied too."""


def lists(regions: Regions, rules: Rules, *, at: dt.datetime) -> Lists:
    """Where what is granted before a choice, and what of that is not.

    Google gives a territory that has a code of its own that code: Réunion is ``RE``, never ``FR``.
    So every code is asked for by itself, and the lists name each that differs from denied. A
    purpose that a place does not offer is denied there. So is all that a law which is known to
    come, or the end of a rule, will deny: a page keeps what was printed beyond that day.

    Args:
        regions: the law.
        rules: the store's own region rules, and its template's.
        at: the moment; each place's law is that of the day which it is there.
    """

    def running(place: Place) -> tuple[Purpose, ...]:
        days = (regions.day(place, at), dt.date.max)
        found = [regions.resolve(place, on=on, rules=rules) for on in days]
        if any(one.regime.model == "opt-in" for one in found):
            return ()
        return tuple(p for p in CHOOSABLE if all(p in one.purposes for one in found))

    found = {place.code: running(place) for place in regions.every_place}
    differing = {
        code: purposes
        for code, purposes in found.items()
        if purposes != (found.get(code[:2], ()) if "-" in code else ())
    }
    granted: dict[tuple[Purpose, ...], list[str]] = {}
    for code, purposes in sorted(differing.items()):
        if purposes:
            granted.setdefault(purposes, []).append(code)
    return Lists(
        tuple((purposes, tuple(codes)) for purposes, codes in granted.items()),
        tuple(code for code, purposes in differing.items() if not purposes),
    )


def script(version: Version, regions: Regions, *, at: dt.datetime) -> str:
    """The script element that goes before Google's, as the law is at the moment ``at``.

    What is granted by region is not said to a visitor who has decided, as the decision is the
    loader's to read, nor to one whose browser sends Global Privacy Control.
    """
    config = version.config
    granted, denied = lists(regions, version.rules, at=at)
    day = at.date().isoformat()
    open_ = [
        *(line for purposes, codes in granted for line in _default(purposes, codes)),
        *(_default((), denied) if denied else ()),
    ]
    lines = [
        f"// Consent defaults of {config.key}, version {version.number}, as of {day}.",
        "// Print them anew when the store's rules or the law have changed.",
        "window.dataLayer = window.dataLayer || [];",
        "function gtag() { dataLayer.push(arguments); }",
        *_default(()),
    ]
    if open_:
        lines += [
            "if (navigator.globalPrivacyControl !== true && !/pixelgate=/.test(document.cookie)) {",
            *(f"  {line}" for line in open_),
            "}",
        ]
    lines += _settings(config)
    return "\n".join(["<script>", *lines, "</script>"])


def _settings(config: StoreConfig) -> list[str]:
    return [f"gtag('set', '{name}', true);" for name in _SETTINGS if getattr(config.google, name)]


def _default(purposes: Collection[Purpose], region: Iterable[str] = ()) -> list[str]:
    """One command that grants ``purposes``: with ``region`` for these places, else for all."""
    lines = ["gtag('consent', 'default', {"]
    for name, purpose in TYPES.items():
        lines.append(f"  '{name}': '{'granted' if purpose in purposes else 'denied'}',")
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
