"""The third step: what visitors see where, in sentences, and whether everybody is asked first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from consent.model import CHOOSABLE, Model, RegionRule, Resolution, StoreConfig
from consent.regions import Regions
from consent.web.admin import regions as region_pages
from consent.web.admin import standing, words
from consent.web.admin.door import Post, Visit
from consent.web.admin.setup import journey
from consent.web.admin.setup.journey import Journey
from consent.web.admin.standing import Standing

EXAMPLES = {"DE": "in Germany", "US-CA": "in California", "SG": "elsewhere, such as in Singapore"}
"""Places that stand for many, and how a sentence names them."""
EVERYWHERE = "*"
ASKED = {
    "law": "As the law of each place says",
    "everybody": "Ask everybody first, wherever they are",
}
_EXPECTED = "expected one of the two"


class Example(NamedTuple):
    """What a visitor of one place gets."""

    one: Standing
    where: str
    says: list[str]
    page: str
    preview: str


async def show(visit: Visit) -> Response:
    opened = await journey.opened(visit)
    journey.check_change(opened, visit.user)
    return _page(visit, opened, {})


async def save(post: Post) -> Response:
    """Takes the choice into the draft, and goes on."""
    opened = await journey.reopened(post)
    journey.check_change(opened, post.user)
    chosen, strictest = post.fields.get("asked", ""), post.services.regions.strictest.id
    if chosen not in ASKED:
        found = f"{chosen[:20]!r} is chosen" if chosen else "nothing is chosen"
        said = {"faults": {"asked": f"{found}; {_EXPECTED}"}}
        return _page(post, opened, said, status=422)

    def put(config: StoreConfig) -> StoreConfig:
        rules = dict(config.regions)
        if chosen == "everybody":
            rules[EVERYWHERE] = RegionRule(regime=strictest)
        elif asks_everybody(config, strictest):
            del rules[EVERYWHERE]
        return msgspec.structs.replace(config, regions=rules)

    await journey.redraft(post, put, (f"regions.{EVERYWHERE}", _told))
    await journey.done(post, "regions")
    return journey.onward(opened, "regions", post.fields.get("then", ""))


def asks_everybody(config: StoreConfig, strictest: str) -> bool:
    """Whether the store's rule for everywhere is just what this step makes it."""
    return config.regions.get(EVERYWHERE) == RegionRule(regime=strictest)


def says(resolution: Resolution) -> list[str]:
    """What a visitor notices where ``resolution`` holds, a sentence each."""
    regime = resolution.regime
    held = f"A yes holds {_period(regime.accept_days)}, a no {_period(regime.refuse_days)}."
    match regime.model:
        case "opt-in":
            found = [
                "Is asked first: nothing runs before a yes.",
                "Refusing takes one click, as accepting does.",
            ]
        case "opt-out":
            found = [
                "Sees a notice, and pixels run at once, until the visitor refuses.",
                "A link to opt out stays on every page."
                if regime.has("opt-out-link")
                else "The settings stay within reach on every page.",
            ]
        case _:
            found = [
                "Sees a short notice, and pixels run at once.",
                "The settings stay within reach on every page, to switch them off.",
            ]
    if regime.model != "opt-in":
        found.append("A browser that sends Global Privacy Control counts as a refusal.")
    if resolution.purposes != CHOOSABLE:
        found.append(f"Offered there: {words.listed(resolution.purposes) or 'no purpose'}.")
    return [*found, held]


def split(regions: Regions, opened: Journey, now: Any) -> list[tuple[str, int, str]]:
    """How many places get what, as a word for the kind, a number and a sentence."""
    every = standing.every(regions, opened.state.version.rules, now)
    counts = Counter(one.regime.model for one in every)
    told: tuple[tuple[Model, str], ...] = (
        ("opt-in", "are asked first"),
        ("opt-out", "may opt out"),
        ("notice", "see a notice"),
    )
    return [(model, counts[model], said) for model, said in told if counts[model]]


def _period(days: int) -> str:
    if days >= 350:
        return "a year"
    months = round(days / 30.4)
    return f"{months} months" if months > 1 else f"{days} days"


def _page(
    asked: Visit | Post, opened: Journey, said: Mapping[str, Any], *, status: int = 200
) -> Response:
    services, own = asked.services, opened.state.own
    strictest = services.regions.strictest.id
    everybody = asks_everybody(own, strictest)
    others = [key for key in own.regions if not (everybody and key == EVERYWHERE)]
    context = {
        "examples": [_example(asked, opened, code) for code in EXAMPLES],
        "split": split(services.regions, opened, services.now()),
        "asked": ASKED,
        "chosen": "everybody" if everybody else "law",
        "others": len(others),
        "all_regions": region_pages.page_address(opened.state),
        **said,
    }
    return journey.render(asked.user, "regions", opened, context, status=status)


def _example(asked: Visit | Post, opened: Journey, code: str) -> Example:
    services, state = asked.services, opened.state
    place = standing.place_of(code)
    assert place is not None  # nosec B101  # noqa: S101 - they are named above
    on = standing.day(services.regions, place, services.now())
    one = standing.at(services.regions, state.version.rules, place, on)
    page = region_pages.place_address(code, state)
    preview = page.replace(f"/regions/{code}", f"/regions/{code}/preview", 1)
    return Example(one, EXAMPLES[code], says(one.resolution), page, preview)


def _told(config: StoreConfig) -> str:
    rule = config.regions.get(EVERYWHERE)
    return rule.regime if rule else ""
