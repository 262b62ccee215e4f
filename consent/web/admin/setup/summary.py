"""What a store would be for its visitors, in plain words: what its first publishing brings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from consent import theme
from consent.model import BannerConfig, StoreConfig
from consent.platforms import Platforms
from consent.setups import Step
from consent.web.admin import standing, words
from consent.web.admin.setup import regions
from consent.web.admin.setup.journey import Journey
from consent.web.services import Services

_LAYOUTS = {"bar": "a bar along the bottom", "box": "a box in a corner", "dialog": "a dialog"}
_STEPS: tuple[tuple[str, Step], ...] = (
    ("pixels[", "pixels"),
    ("regions", "regions"),
    ("group", "regions"),
    ("banner", "look"),
    ("texts", "look"),
    ("name", "shop"),
    ("origins", "shop"),
    ("privacy_url", "shop"),
    ("language", "shop"),
)


class Part(NamedTuple):
    """What one step has settled."""

    step: Step
    title: str
    says: list[str]


def of(services: Services, opened: Journey) -> list[Part]:
    """All that would be published, step by step."""
    config = opened.state.version.config
    return [
        Part("shop", "The shop", list(_shop(config))),
        Part("pixels", "Pixels", list(_pixels(config, services.platforms))),
        Part("regions", "Regions", list(_regions(services, opened))),
        Part("look", "Look and words", list(_look(config))),
    ]


def step_of(fault: str) -> Step | None:
    """The step on which ``fault``, as ``publish.check`` says it, is mended; None: on none."""
    for start, step in _STEPS:
        if fault.startswith(start):
            return step
    return None


def _shop(config: StoreConfig) -> Iterator[str]:
    yield f"Decisions count from pages on {words.listed(config.origins)}, and from nowhere else."
    if config.privacy_url:
        yield f"The banner links to {config.privacy_url}."
    else:
        yield "The banner has no link to a privacy policy, as no address of one is given."
    if config.page_views == "automatic":
        yield "Page views are told to the pixels by themselves."
    told = [name for name, on in _signals(config) if on]
    if told:
        yield f"Told of each choice: {words.listed(told)}."


def _signals(config: StoreConfig) -> tuple[tuple[str, bool], ...]:
    signals = config.signals
    return (
        ("WordPress plugins", signals.wordpress),
        ("Shopify", signals.shopify),
        ("Google Tag Manager", signals.datalayer),
    )


def _pixels(config: StoreConfig, platforms: Platforms) -> Iterator[str]:
    for pixel in config.pixels:
        if platforms.knows(pixel):
            waits = words.listed(platforms.purposes(pixel))
            yield f"{platforms.of(pixel).name} {pixel.id} waits until {waits} is allowed."
        else:
            yield f"{pixel.platform} {pixel.id} is unknown in this release."
    if not config.pixels:
        yield "None: the banner asks, and nothing runs after a yes."


def _regions(services: Services, opened: Journey) -> Iterator[str]:
    counts = regions.split(services.regions, opened, services.now())
    yield f"Visitors {words.listed([f'of {n} places {said}' for _, n, said in counts])}."
    unknown = standing.at(
        services.regions,
        opened.state.version.rules,
        standing.places()[-1],
        services.now().date(),
    )
    if unknown.regime.model == "opt-in":
        yield "Whoever comes from a place that cannot be told is asked first."
    rules = opened.state.own.regions
    if rules:
        strictest = services.regions.strictest.id
        everybody = regions.asks_everybody(opened.state.own, strictest)
        others = len(rules) - everybody
        if everybody:
            yield "Everybody is asked first, by the rule for everywhere."
        if others:
            yield f"The store has {others} rule{'' if others == 1 else 's'} of its own for places."


def _look(config: StoreConfig) -> Iterator[str]:
    banner = config.banner
    where = _LAYOUTS[banner.layout]
    usual = theme.palettes(BannerConfig())
    colours = "the usual colours" if theme.palettes(banner) == usual else "colours of its own"
    yield f"The banner is {where} in {colours}, light and dark as the visitor's device is."
    yield "Accept and refuse have one size and one colour; nothing can make refusing weaker."
    worded = [words.language(code) for code, texts in config.texts.items() if texts]
    if worded:
        yield f"It has your own words in {words.listed(worded)}, else those that ship."
    yield f"It speaks each visitor's language, else {words.language(config.language)}."
