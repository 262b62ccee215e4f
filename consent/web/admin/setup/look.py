"""The fourth step: how the banner looks and what it says, with the real one beside the form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from consent import inherit, publish, theme
from consent.model import StoreConfig, Template
from consent.stores import Draft
from consent.web.admin import place, preview, ruleform, standing, states, words
from consent.web.admin.door import Post, Visit
from consent.web.admin.setup import journey
from consent.web.admin.setup.journey import Journey
from consent.web.services import Services

PLACES = {"DE": "Germany", "US-CA": "California", "JP": "Japan"}
SCHEMES = {"light": "Light", "dark": "Dark"}
WIDTHS = {"phone": "Phone", "tablet": "Tablet", "desktop": "Desktop"}
WORDS = {
    "banner.title": "Title",
    "banner.text": "Text",
    "banner.accept": "Accept",
    "banner.reject": "Refuse",
    "banner.choose": "Choose in detail",
}
NOTICE = {
    "notice.title": "Title",
    "notice.text": "Text",
    "notice.accept": "Accept",
    "notice.reject": "Opt out",
    "notice.choose": "Choose in detail",
}
COLOURS = {
    "light.background": "Background",
    "light.text": "Text",
    "light.accent": "Buttons",
    "dark.background": "Background",
    "dark.text": "Text",
    "dark.accent": "Buttons",
}
LAYOUTS = {
    "bar": "A bar along the bottom, as wide as the page.",
    "box": "A box in a corner; the page stays in sight.",
    "dialog": "A dialog in the middle of the page.",
}
_NUMBER = re.compile(r"\d{1,3}", re.ASCII)


class Values(NamedTuple):
    """What the form holds. ``look`` and ``texts`` by their dotted keys, as they were typed."""

    look: Mapping[str, str]
    texts: Mapping[str, str]
    language: str
    """The language of ``texts``."""


class Seen(NamedTuple):
    """As whom the preview is looked at."""

    place: str
    language: str
    scheme: str
    width: str


async def show(visit: Visit) -> Response:
    opened, query = await journey.opened(visit), visit.request.query_params
    journey.check_change(opened, visit.user)
    usual = opened.state.version.config.language
    wanted = query.get("language", "")
    language = wanted if wanted in visit.services.texts.languages else usual
    said = {"saved": bool(query.get("saved"))}
    return _page(visit, opened, of(opened, language), _seen(visit.services, query, language), said)


async def save(post: Post) -> Response:
    """Takes look and words into the draft, and goes on."""
    opened, services, fields = await journey.reopened(post), post.services, post.fields
    journey.check_change(opened, post.user)
    values = read(services, fields, opened)
    faults = check(services, opened.state.draft, values)
    if faults:
        seen = _seen(services, fields, values.language)
        return _page(post, opened, values, seen, {"faults": faults}, status=422)
    template = opened.state.draft.template

    def put(config: StoreConfig) -> StoreConfig:
        return applied(config, template, values)

    def told(config: StoreConfig) -> dict[str, Any]:
        own = config.texts.get(values.language, {})
        return {"banner": msgspec.to_builtins(config.banner), f"texts.{values.language}": own}

    await journey.redraft(post, put, ("banner", told))
    then = fields.get("then", "")
    if then == "words":
        wanted = fields.get("other_language", "")
        language = wanted if wanted in services.texts.languages else values.language
        to = journey.address(opened.key, "look", language=language, saved="1")
        return journey.to_page(f"{to}#words")
    if then != "keep":
        await journey.done(post, "look")
    return journey.onward(opened, "look", "stay" if then == "keep" else then)


async def draw(visit: Visit) -> Response:
    """The banner in its frame, as the form in the address would have it."""
    opened, query = await journey.opened(visit), visit.request.query_params
    services, state = visit.services, opened.state
    values = read(services, query, opened)
    if faults := check(services, state.draft, values):
        return preview.waits(list(faults.values()))
    own = applied(state.own, state.draft.template, values)
    drafted = Draft(own, state.draft.template)
    version = states.as_version(services, state.store, drafted, state.live)
    shown = _seen(services, query, values.language)
    at = standing.place_of(shown.place)
    assert at is not None  # nosec B101  # noqa: S101 - one of PLACES
    on = standing.day(services.regions, at, services.now())
    seen = place.Seen(at, on, shown.language, "desktop", False)
    return preview.drawn(services, version, seen, shown.scheme)


def of(opened: Journey, language: str) -> Values:
    """The form of the draft as it is."""
    config = opened.state.version.config
    banner = config.banner
    look = {
        "layout": banner.layout,
        "accent": banner.accent or theme.DEFAULTS["light"].accent,
        "radius": str(banner.radius),
        "logo": banner.logo,
    }
    for key in COLOURS:
        scheme, _, name = key.partition(".")
        look[key] = getattr(getattr(banner, scheme), name)
    return Values(look, dict(opened.state.own.texts.get(language, {})), language)


def read(services: Services, fields: Mapping[str, str], opened: Journey) -> Values:
    """What was typed; a field that is not there is as the draft has it."""
    asked = fields.get("words_in", "")
    usual = opened.state.version.config.language
    values = of(opened, asked if asked in services.texts.languages else usual)
    look = {name: fields.get(name, was).strip() for name, was in values.look.items()}
    texts = dict(values.texts)
    for key in (*WORDS, *NOTICE):
        if key in fields:
            texts[key] = " ".join(fields[key].split())
    return Values(look, {key: text for key, text in texts.items() if text}, values.language)


def applied(own: StoreConfig, template: Template | None, values: Values) -> StoreConfig:
    """``own`` with the look and the words of ``values``."""
    look = {f"banner.{key}": value for key, value in values.look.items()}
    ours = {theme.DEFAULTS[scheme].accent for scheme in theme.DEFAULTS}
    if look["banner.accent"].lower() in ours:
        look["banner.accent"] = ""
    number = look.pop("banner.radius")
    radius = int(number) if _NUMBER.fullmatch(number) else -1
    own = inherit.restated(own, template, {**look, "banner.radius": radius})
    texts = {**own.texts, values.language: dict(values.texts)}
    return msgspec.structs.replace(own, texts={code: own for code, own in texts.items() if own})


def check(services: Services, drafted: Draft, values: Values) -> dict[str, str]:
    """What is wrong with ``values``, by the name of the field that it stands beside."""
    found: dict[str, str] = {}
    layout = values.look["layout"]
    if layout not in LAYOUTS:
        found["layout"] = f"{layout[:20]!r}; expected {words.listed(list(LAYOUTS), 'or')}"
    if not _NUMBER.fullmatch(values.look["radius"]):
        typed = values.look["radius"][:20]
        found["radius"] = f"{typed!r}; expected 0 to {theme.MOST_RADIUS} CSS pixels"
    if found:
        return found
    template = drafted.template
    config = applied(drafted.own, template, values)
    known = (services.platforms, services.regions, services.texts)
    on = services.now().date()
    mine = f"texts.{values.language}."
    for fault in publish.check(config, *known, on=on, draft=True, template=template):
        key, _, said = fault.partition(": ")
        if key.startswith(("banner.", mine)):
            key = key.removeprefix(mine) if key.startswith(mine) else key.removeprefix("banner.")
            # Without colours of its own a scheme has the one that both have.
            if key in ("light.accent", "dark.accent") and not values.look[key]:
                key = "accent"
            found.setdefault(key, said)
    return found


def _seen(services: Services, fields: Mapping[str, str], language: str) -> Seen:
    def one(name: str, choices: Mapping[str, str]) -> str:
        asked = fields.get(name, "")
        return asked if asked in choices else next(iter(choices))

    asked = fields.get("seen_language", "")
    width = fields.get("seen_width", "")
    return Seen(
        one("seen_place", PLACES),
        asked if asked in services.texts.languages else language,
        one("seen_scheme", SCHEMES),
        width if width in WIDTHS else "desktop",
    )


def _page(
    asked: Visit | Post,
    opened: Journey,
    values: Values,
    seen: Seen,
    said: Mapping[str, Any],
    *,
    status: int = 200,
) -> Response:
    services, own = asked.services, opened.state.own
    shipped = dict(services.texts.messages(values.language))
    shipped |= opened.state.version.config.texts.get(values.language, {})
    worded = [(words.language(code), len(texts)) for code, texts in own.texts.items() if texts]
    faults = said.get("faults", {})
    context = {
        "values": values,
        "seen": seen,
        "layouts": {key: (ruleform.LAYOUTS[key], about) for key, about in LAYOUTS.items()},
        "colours": {
            scheme: [(key, name) for key, name in COLOURS.items() if key.startswith(scheme)]
            for scheme in SCHEMES
        },
        "own_colours": any(values.look[key] for key in COLOURS),
        "usual": {scheme: theme.DEFAULTS[scheme] for scheme in theme.DEFAULTS},
        "words": WORDS,
        "notice": NOTICE,
        "own_notice": any(key in values.texts or key in faults for key in NOTICE),
        "shipped": shipped,
        "worded": worded,
        "languages": [(code, words.language(code)) for code in services.texts.languages],
        "places": PLACES,
        "schemes": SCHEMES,
        "widths": WIDTHS,
        "direction": services.texts.direction(values.language),
        "saved": False,
        **said,
    }
    return journey.render(asked.user, "look", opened, context, status=status)
