"""Pixels that stand in a page beside ours: what to remove, and what does the same after consent."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from consent.markup import Page
from consent.model import StoreConfig
from consent.platforms import Platforms
from consent.platforms.recognise import DELAYED, JAVASCRIPT, Seen
from consent.scan import findings
from consent.scan.findings import Finding

_CONTAINER = "gtm"
_BY_CONSENT_MODE = (
    "right only if each of its tags asks for consent (snippets/GUIDES.md, Google Tag Manager); "
    "else remove it, and register it"
)
_SHORT = 4000
"""Longer code is not the vendor's snippet alone, so only the call in it has to go."""


def check(
    page: Page,
    seen: list[Seen],
    platforms: Platforms,
    config: StoreConfig | None,
    *,
    told: bool,
) -> Iterator[Finding]:
    """A finding for each element that brings a pixel of a known platform.

    Args:
        page: the page.
        seen: what was recognised in it, besides what is ours.
        platforms: those that are known.
        config: the store's; None when it is not known.
        told: the page itself tells Google's tags to wait, for a container that it loads itself.
    """
    together: dict[tuple[str, int], list[Seen]] = {}
    for one in seen:
        start = one.element.start if one.element else one.at
        together.setdefault((one.platform, start), []).append(one)
    # A snippet may be in two scripts: one says the id, the other brings the library.
    said: dict[str, set[str]] = {}
    for one in seen:
        said.setdefault(one.platform, set()).update(one.ids)
    elements: dict[int, int] = {}
    for _, start in together:
        elements[start] = elements.get(start, 0) + 1
    plugins = dict(platforms.recogniser.plugins(page.text))
    for (key, start), those in together.items():
        firing = [one for one in those if one.runs]
        one = (firing or those)[0]
        ids = tuple(dict.fromkeys(id_ for each in firing or those for id_ in each.ids))
        if not ids and len(said[key]) == 1:
            ids = tuple(said[key])
        alone = elements[start] == 1
        found = _finding(page, one, ids, platforms, config, plugins.get(key, ""), alone=alone)
        by_google = key == _CONTAINER or platforms[key].consent.google_consent_mode
        if told and by_google and found.severity == "error":
            found = msgspec.structs.replace(found, severity="warning", do=_BY_CONSENT_MODE)
        yield found


def plugins(text: str, seen: list[Seen], platforms: Platforms) -> Iterator[Finding]:
    """Plugins that bring a platform whose pixel itself does not stand in the page."""
    running = {one.platform for one in seen if one.runs}
    for key, name in platforms.recogniser.plugins(text):
        if key not in running:
            yield Finding(
                kind="plugin",
                severity="warning",
                says=f"{name} is in the page, which may bring {platforms[key].name} by itself",
                do=f"switch its pixel off in {name}",
                platform=key,
            )


def _finding(
    page: Page,
    one: Seen,
    ids: tuple[str, ...],
    platforms: Platforms,
    config: StoreConfig | None,
    plugin: str,
    *,
    alone: bool,
) -> Finding:
    platform = platforms[one.platform]
    name = f"{platform.name} {', '.join(ids)}" if ids else platform.name
    element = one.element
    whole = element is not None and alone and element.end - element.start <= _SHORT
    start, end = (element.start, element.end) if whole and element else (one.at, one.to)
    said = {"platform": one.platform, "id": ", ".join(ids)}
    if not one.runs:
        return findings.at(
            page,
            start,
            end,
            kind="pasted-quiet",
            severity="note",
            says=f"{name} stands in the page, and does not fire: {_why_quiet(one)}",
            do="remove it when you tidy up",
            **said,
        )
    container = (
        " What its tags do cannot be seen from outside." if one.platform == _CONTAINER else ""
    )
    noscript = element is not None and element.state == "noscript"
    when = "for visitors without scripts, " if noscript else ""
    what = "these lines" if page.place(start).line != page.place(end - 1).line else "this line"
    do = f"switch it off in {plugin}" if plugin else f"remove {what if whole else 'this call'}"
    replaced, instead = _instead(one.platform, ids, platform.name, config)
    fires = f"{name} fires {when}before anybody is asked.{container}".removesuffix(".")
    if one.form == "app":
        fires = f"{name} is brought by an app or a plugin, which does not wait for us"
        do = f"switch it off in {plugin or 'that app (in Shopify: Settings, Customer events)'}"
    return findings.at(
        page,
        start,
        end,
        kind="pasted-pixel",
        severity="error",
        says=fires,
        do=f"{do}; {instead}",
        replaced_by=replaced,
        **said,
    )


def _why_quiet(one: Seen) -> str:
    element = one.element
    if element is not None and element.state == "inert":
        return "it is in a <template>"
    if element is not None and "data-purpose" in element.attributes:
        return "it waits for the purpose that it names"
    if element is not None and element.state == "live":
        kind = element.get("type")
        if not (JAVASCRIPT.fullmatch(kind) or DELAYED.fullmatch(kind)):
            return f"its type is {kind[:40]!r}"
    return "it is commented out"


def _instead(
    key: str, ids: tuple[str, ...], name: str, config: StoreConfig | None
) -> tuple[str, str]:
    """The registered pixel that takes its place, and what is said of it."""
    if config is None:
        return "", f"register it as platform {key}, and it fires after consent"
    registered = [pixel.id for pixel in config.pixels if pixel.platform == key]
    same = [id_ for id_ in ids if id_ in registered]
    if same and len(same) == len(ids):
        return f"{key} {same[0]}", "the registered pixel does the same after consent"
    if registered and not ids:
        return f"{key} {registered[0]}", f"{name} {registered[0]} is registered"
    if registered:
        listed = ", ".join(registered)
        return "", f"registered is {listed}; register this one too if it is still wanted"
    return "", f"register it first as platform {key}, and it fires after consent"
