"""Whether the region rules of a store and of its template may be published: form and law."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from consent.model import MOST_KEPT_DAYS, Regime, RegionRule, Rules, StoreConfig, canonical
from consent.platforms import Platforms, custom
from consent.regions import Regions
from consent.texts import Texts


def faults(rules: Rules, regions: Regions, on: dt.date, *, approved: bool = False) -> Iterator[str]:
    """What is wrong with the rules, and each field that loosens the law and may not.

    Args:
        rules: the store's and its template's.
        regions: the law.
        on: the day.
        approved: take every rule as approved.
    """
    wrong = [
        f"{prefix.removesuffix('regions.')}{fault}"
        for prefix, layer in rules.layers
        for fault in regions.faults(layer)
    ]
    yield from wrong
    if wrong or approved:
        return
    yield from _unallowed(canonical(rules), regions, on)


def named_faults(rules: Rules, config: StoreConfig, platforms: Platforms) -> Iterator[str]:
    """Pixels that a rule names and nobody knows. A template may name what one store lacks."""
    own = {pixel.key for pixel in config.pixels}
    for prefix, layer in rules.layers:
        for key, rule in layer.items():
            for name in rule.pixels or ():
                if name not in own and name not in platforms:
                    known = ", ".join(sorted(own)) or "no pixel"
                    yield f"{prefix}{key}.pixels: found {name!r}; expected {known}, or a platform"


@lru_cache(maxsize=1024)
def _unallowed(content: bytes, regions: Regions, on: dt.date) -> tuple[str, ...]:
    """Each field of the rules that loosens the law of some place, and may not.

    Kept by ``content``, the rules as canonical JSON, as the stores of a group have the same.
    """
    rules = msgspec.json.decode(content, type=Rules)
    told: dict[str, str] = {}
    for place in regions.places(rules):
        for one in regions.loosened(place, on=on, rules=rules):
            field = f"{one.stated.called}.{one.field}"
            if not one.stated.approved and field not in told:
                told[field] = (
                    f"{field}: {one.value!r} {one.how} than {one.shipped.id!r} in {place.code}; "
                    f"expected nothing looser than the law there, or a reason and the approval of "
                    f"a lawyer: {'; '.join(one.shipped.law)}"
                )
    return tuple(told.values())


def own_statistics_faults(
    config: StoreConfig, rules: Rules, platforms: Platforms, regions: Regions, on: dt.date
) -> Iterator[str]:
    """What no lawyer can allow: pixels that are no own statistics, places that exempt none.

    A template may name pixels that a store has not.
    """
    for prefix, layer in rules.layers:
        for key, rule in layer.items():
            where = f"{prefix}{key}.own_statistics"
            for name in rule.own_statistics or ():
                meant = [pixel for pixel in config.pixels if pixel.key == name]
                for pixel in meant:
                    if platforms.knows(pixel) and (why := platforms.not_own_statistics(pixel)):
                        yield f"{where}: {why}"
                if not meant and layer is rules.own:
                    known = ", ".join(sorted({pixel.key for pixel in config.pixels})) or "none"
                    yield f"{where}: no pixel {name!r}; registered are {known}"
            places = regions.places(Rules({key: rule})) if rule.own_statistics else ()
            laws = [regions.resolve(place, on=on).regime for place in places]
            if laws and not any(law.own_statistics for law in laws):
                said = "; ".join(laws[0].law)
                yield f"{where}: no law there exempts them; expected a place that does: {said}"


def exempted(config: StoreConfig, rule: RegionRule) -> str:
    """The SHA-256 of the pixels that ``rule`` lets run as own statistics, as ``config`` has them:
    ids, servers, and the store's own code. Empty where it lets none.
    """
    if not rule.own_statistics:
        return ""
    named = [one for one in config.pixels if one.key in rule.own_statistics]
    return hashlib.sha256(canonical([custom.digest(one) for one in named])).hexdigest()


def other_pixels_faults(config: StoreConfig) -> Iterator[str]:
    """Own statistics that are no longer what the lawyer had looked at, under the same name."""
    for key, rule in config.regions.items():
        if rule.approved is not None and rule.approved.pixels != exempted(config, rule):
            named = ", ".join(rule.own_statistics or ())
            yield (
                f"regions.{key}.own_statistics: {named} changed since {rule.approved.by} "
                f"allowed it; expected a lawyer's word for it as it is"
            )


def retention_faults(config: StoreConfig, rules: Rules, regions: Regions) -> Iterator[str]:
    """What holds can be shown, what a law wants logged is there, and nothing is kept for ever."""
    days = config.retention.decisions_days
    if days > MOST_KEPT_DAYS:
        yield (
            f"retention.decisions_days: {days}; expected {MOST_KEPT_DAYS} at most, as nothing may "
            f"be kept longer than it is needed (GDPR article 5(1)(e))"
        )
    wanted = list(regions.least_kept)
    for prefix, layer in rules.layers:
        for place, rule in layer.items():
            own = max(rule.accept_days or 0, rule.refuse_days or 0)
            wanted.append((own, f"{prefix}{place} lets an answer hold for so long"))
    least, why = max(wanted)
    if days < least:
        yield f"retention.decisions_days: {days}; expected {least} or more, as {why}"


def text_faults(config: StoreConfig, texts: Texts, strictest: Regime) -> Iterator[str]:
    """What is wrong with the store's own words. Two buttons that say the same are no choice."""
    law = "; ".join(strictest.law)
    for language, own in config.texts.items():
        if language not in texts.languages:
            known = ", ".join(texts.languages)
            yield f"texts.{language}: not a language that we have; expected one of {known}"
            continue
        for key in (key for key, text in own.items() if not text.strip()):
            expected = f"expected a text, as visitors have to be told: {law}"
            yield f"texts.{language}.{key}: empty; {expected}"
        for fault in texts.faults({key: text for key, text in own.items() if text.strip()}):
            yield f"texts.{language}.{fault}"
        said = {**texts.messages(language), **own}
        for layer in ("banner", "notice", "choices"):
            if said[f"{layer}.accept"].casefold() == said[f"{layer}.reject"].casefold():
                yield (
                    f"texts.{language}.{layer}.reject: {said[f'{layer}.reject'][:60]!r} is the "
                    f"same as the words that accept; expected words that refuse: {law}"
                )
