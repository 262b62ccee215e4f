"""The variants of an experiment, as a store's file states them: what is wrong with them, what they
compare, and what is left once one is kept. Whether each is lawful says ``publish``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import stores
from consent.errors import RefusedError
from consent.model import (
    CONTROL,
    Experiment,
    StoreConfig,
    Variant,
    Version,
    canonical,
    is_key,
    varied,
)

MOST = 4
"""Variants beside the store's own banner: each one more takes visits from all the others."""
MOST_WEIGHT = 100

FIRST_LAYER = ("banner.", "notice.")
_BOTH_LAYERS = ("banner.privacy",)


def faults(config: StoreConfig) -> Iterator[str]:
    """Everything that is wrong with the plan, and what no variant may change, as ``key: fault``."""
    if not config.experiment.key:
        if config.variants or config.experiment != Experiment():
            yield "experiment.key: missing; expected a name for what the variants are compared in"
        return
    yield from _plan_faults(config.experiment)
    if not 1 <= len(config.variants) <= MOST:
        yield f"variants: {len(config.variants)}; expected 1 to {MOST} beside the banner as it is"
    keys = {CONTROL}
    looks = {canonical([config.banner, config.texts]): "the banner as it is"}
    for index, variant in enumerate(config.variants):
        where = f"variants[{index}]"
        if variant.key in keys or not is_key(variant.key):
            yield (
                f"{where}.key: {variant.key[:60]!r}; expected a-z, 0-9 and inner hyphens, at most "
                f"40, another one than {', '.join(sorted(keys))}"
            )
        keys.add(variant.key)
        yield from _variant_faults(where, variant)
        shown = varied(config, variant)
        same = looks.setdefault(canonical([shown.banner, shown.texts]), where)
        if same != where:
            yield f"{where}: looks like {same}; expected another layout, colour or words"


def _plan_faults(plan: Experiment) -> Iterator[str]:
    if not is_key(plan.key):
        yield f"experiment.key: {plan.key[:60]!r}; expected a-z, 0-9 and inner hyphens, at most 40"
    yield from _outside("experiment.weight", plan.weight, 1, MOST_WEIGHT)
    yield from _outside("experiment.expected", plan.expected, 1, 99)
    yield from _outside("experiment.difference", plan.difference, 1, 50)
    yield from _outside("experiment.confidence", plan.confidence, 80, 99)
    yield from _outside("experiment.power", plan.power, 50, 99)
    if plan.starts and plan.ends and plan.ends <= plan.starts:
        yield f"experiment.ends: {plan.ends}; expected a day after experiment.starts"


def _variant_faults(where: str, variant: Variant) -> Iterator[str]:
    yield from _outside(f"{where}.weight", variant.weight, 1, MOST_WEIGHT)
    for language, words in variant.texts.items():
        for key in words:
            if not key.startswith(FIRST_LAYER) or key in _BOTH_LAYERS:
                yield (
                    f"{where}.texts.{language}.{key}: not of the first layer alone; expected words "
                    f"of banner.* or notice.*"
                )


def _outside(key: str, found: int, least: int, most: int) -> Iterator[str]:
    if not least <= found <= most:
        yield f"{key}: {found}; expected {least} to {most}"


def compared(config: StoreConfig) -> bytes:
    """All that must stay as it is for as long as an experiment counts under its key."""
    texts = {
        language: said
        for language, words in config.texts.items()
        if (said := {key: text for key, text in words.items() if key.startswith(FIRST_LAYER)})
    }
    plan = msgspec.structs.replace(config.experiment, name="", starts=None, ends=None)
    shown = [msgspec.structs.replace(one, name="") for one in config.variants]
    return canonical([config.banner, texts, plan, shown])


async def check_same(c: AsyncConnection, config: StoreConfig) -> None:
    """Raises RefusedError where an experiment of the same key compared something else before."""
    if not config.experiment.key:
        return
    for version in await stores.every_version(c, config.key):
        if fault := moved(version, config):
            raise RefusedError("other_banners", fault)


def moved(before: Version, config: StoreConfig) -> str:
    """Why ``config`` cannot go on with the experiment of ``before``; empty where it can."""
    key = config.experiment.key
    if not key or before.config.experiment.key != key:
        return ""
    if compared(before.config) == compared(config):
        return ""
    return (
        f"experiment.key: {key!r} compared other banners in version {before.number}; expected "
        f"another key, or the same banners, words and plan"
    )


def names(config: StoreConfig) -> Mapping[str, str]:
    """What each variant is called, by key, the banner as it is first: ``A · as it is``."""
    called = {CONTROL: "as it is"} | {one.key: one.name or one.key for one in config.variants}
    letters = zip("ABCDE", called.items(), strict=False)
    return {key: f"{letter} · {name}" for letter, (key, name) in letters}


def ended(own: StoreConfig) -> StoreConfig:
    """The store without its experiment; every visitor gets the banner as it is."""
    return msgspec.structs.replace(own, experiment=Experiment(), variants=())


def kept(own: StoreConfig, key: str) -> StoreConfig:
    """The store with the banner and the words of the variant ``key`` for everybody."""
    variant = next((one for one in own.variants if one.key == key), None)
    if variant is None:
        return ended(own)
    # In a group, what says the default has to be stated to win over the template.
    stated = own.stated
    if own.group:
        look = msgspec.structs.asdict(variant.banner)
        said = (f"banner.{name}" for name, value in look.items() if value is not None)
        stated = tuple(dict.fromkeys((*own.stated, *said)))
    return msgspec.structs.replace(ended(varied(own, variant)), stated=stated)
