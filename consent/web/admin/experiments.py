"""Experiments of a store: what they have shown, the plan of the next, its start and its end.

Whatever is planned, ended or kept here changes the draft; publishing it is a step of its own, on
the same page, with all that the draft changes in words.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import drafts, experiments, publish, rates, variants
from consent.errors import RefusedError
from consent.experiments import MEASURED, Measured, Result
from consent.model import CONTROL, StoreConfig, User
from consent.web.admin import access, diff, pages, plot, publishing, states, trialform, words
from consent.web.admin.door import Post, Visit
from consent.web.admin.states import State
from consent.web.services import Services

LATELY = dt.timedelta(days=30)
"""From how long ago the visits are of which a plan is made."""

NAMES: Mapping[Measured, str] = {
    "accepted": "Accepted",
    "declined": "Declined",
    "answered": "Answered",
}
SAVED = {
    "planned": "The experiment is in the draft. No visitor sees it before you start it.",
    "ended": "The draft has no experiment any more. Publish it to end it.",
    "kept": "The draft has that banner for everybody. Publish it to end the experiment.",
}


class Line(NamedTuple):
    """One measure of one variant beside the banner as it is."""

    name: str
    said: str
    drawn: Markup | None


class Shown(NamedTuple):
    """An experiment as the page tells of it."""

    result: Result
    lines: dict[str, list[Line]]
    previews: list[tuple[str, str]]
    days: int | None
    """How many it takes, at the visits of late; None: nobody knows."""
    at_one_look: int


async def show(visit: Visit) -> Response:
    key, query = visit.request.path_params["key"], visit.request.query_params
    state = await states.of(visit.services, visit.connection, visit.user, key)
    said = {"saved": SAVED.get(query.get("saved", "")), "published": query.get("published", "")}
    return await _page(visit.services, visit.connection, visit.user, state, said)


async def plan(post: Post) -> Response:
    """Puts an experiment into the draft, if it could be published so."""
    services, key = post.services, post.request.path_params["key"]
    values = trialform.read(post.fields)
    async with services.database.read() as c:
        state = await states.of(services, c, post.user, key)
        taken = [one.plan.key for one in await experiments.of_store(c, key, services.now())]
        config, faults = trialform.planned(values, state.own, taken)
        faults = faults or _faults(services, state, config)
        if faults:
            said = {"values": values, "faults": faults}
            return await _page(services, c, post.user, state, said, status=422)
    await _revise(post, key, lambda own: trialform.planned(values, own, taken)[0])
    return _back(key, saved="planned")


async def end(post: Post) -> Response:
    """Takes the experiment out of the draft, with the banner of a variant for everybody or none."""
    services, key = post.services, post.request.path_params["key"]
    keep = post.fields.get("keep", "")
    async with services.database.read() as c:
        state = await states.of(services, c, post.user, key)
    known = [one.key for one in state.own.variants]
    if keep and keep not in known:
        expected = words.listed([CONTROL, *known], "or")
        raise RefusedError("unknown_variant", f"keep: {keep[:40]!r}; expected {expected}")
    await _revise(post, key, lambda own: variants.kept(own, keep or CONTROL))
    return _back(key, saved="kept" if keep else "ended")


async def make_live(post: Post) -> Response:
    """Publishes the draft, if it is the one that the page had shown and has no faults."""
    services, key = post.services, post.request.path_params["key"]
    async with services.database.read() as c:
        state = await states.of(services, c, post.user, key)
    try:
        version = await publishing.publish_shown(post, key)
    except RefusedError as error:
        refused, status = publishing.why_not(error)
        async with services.database.read() as c:
            said = {"refused": refused}
            return await _page(services, c, post.user, state, said, status=status)
    return _back(key, published=str(version.number))


async def _revise(post: Post, key: str, change: Callable[[StoreConfig], StoreConfig]) -> None:
    def told(config: StoreConfig) -> Any:
        return msgspec.to_builtins([config.experiment, config.variants])

    services = post.services
    async with services.database.write() as c:
        access.pick(await access.visible(c, post.user), key)
        part = ("experiment", told)
        await drafts.revise(c, key, change, part, by=post.user, at=services.now())


async def _page(
    services: Services,
    c: AsyncConnection,
    user: User,
    state: State,
    said: Mapping[str, Any],
    status: int = 200,
) -> Response:
    key, now = state.store.key, services.now()
    lately = await rates.total(c, [state.store.id], now - LATELY, now + dt.timedelta(hours=1))
    found = [_shown(one, key, lately, "live") for one in await experiments.of_store(c, key, now)]
    draft = state.draft.config
    live, planned = state.live.config.experiment.key if state.live else "", None
    if draft.experiment.key not in ("", live) and not list(variants.faults(draft)):
        planned = _shown(experiments.judged(draft, {}), key, lately, "draft")
    accepted = lately.rate("accepted").share
    context = {
        "here": "rates",
        "state": state,
        "found": found,
        "planned": planned,
        "changes": diff.said(services, state.live, state.version) if state.differs else [],
        "asks": diff.asks(services, state.live, state.version),
        "draft": state.draft.sha256,
        "unfit": _faults(services, state, state.own) if state.differs else [],
        "may_change": access.may_change(user, "pixels", state.store),
        "publishers": words.listed(access.who_may("pixels"), "or"),
        "may_plan": not draft.experiment.key,
        "values": trialform.blank(draft, round(accepted * 100) if accepted else None),
        "numbers": trialform.NUMBERS,
        "words": trialform.WORDS,
        "letters": trialform.LETTERS,
        "languages": [(one, words.language(one)) for one in services.texts.languages],
        "measured": [NAMES[each] for each in MEASURED],
        "usual": {
            **services.texts.messages(draft.language),
            **draft.texts.get(draft.language, {}),
        },
        "faults": [],
        "saved": "",
        "published": "",
        "refused": "",
        **said,
    }
    return pages.render("experiments.html", context, user=user, status=status)


def _faults(services: Services, state: State, own: StoreConfig) -> list[str]:
    on, template = services.now().date(), state.draft.template
    known = (services.platforms, services.regions, services.texts)
    return publish.check(own, *known, on=on, template=template)


def _shown(result: Result, key: str, lately: rates.Counts, which: str) -> Shown:
    a_day = lately.visits / LATELY.days
    left = max(0, result.planned - result.visits)
    return Shown(
        result,
        {one.arm.key: _lines(result, one) for one in result.compared},
        _previews(result, key, which) if result.standing != "ended" else [],
        round(left / a_day) if a_day >= 1 else None,
        experiments.at_one_look(result.config),
    )


def _previews(result: Result, key: str, which: str) -> list[tuple[str, str]]:
    """Each variant's name, and where the banner is drawn as a visitor of it sees it."""
    query = {"store": key, "state": which, "language": result.config.language}
    return [
        (arm.name, f"/admin/regions/DE/preview?{urlencode({**query, 'variant': arm.key})}")
        for arm in result.arms
    ]


def _lines(result: Result, compared: experiments.Compared) -> list[Line]:
    matters = result.plan.difference / 100
    known = [abs(end) for one in result.compared for b in one.bounds.values() if b for end in b]
    reach = 1.1 * max(matters, *known, 0.01)
    found = []
    for each in MEASURED:
        bounds = compared.bounds[each]
        if bounds is None:
            found.append(Line(NAMES[each], "too few visits to say", None))
            continue
        said = f"{bounds.low * 100:+.1f} to {bounds.high * 100:+.1f} points".replace("-", "−")
        label = f"{NAMES[each]}: {said}"
        drawn = plot.between(*bounds, matters=matters, reach=reach, label=label)
        found.append(Line(NAMES[each], said, drawn))
    return found


def address(key: str) -> str:
    return f"/admin/stores/{quote(key)}/experiments"


def _back(key: str, **said: str) -> Response:
    return RedirectResponse(f"{address(key)}?{urlencode(said)}", status_code=303)
