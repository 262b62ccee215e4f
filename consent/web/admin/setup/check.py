"""The last two steps: the service looks at the shop's page, and waits for its first visitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from consent.errors import RefusedError
from consent.model import StoreConfig
from consent.web.admin import access, checking, words
from consent.web.admin.checking import LONGEST_ADDRESS, Turns
from consent.web.admin.door import Post, Visit
from consent.web.admin.pixellist import Opened
from consent.web.admin.setup import journey
from consent.web.admin.setup.journey import Journey


class Check:
    """The page of the step, and its form. ``turns`` says who may have a page fetched now."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    async def show(self, visit: Visit) -> Response:
        opened = await journey.opened(visit)
        journey.check_change(opened, visit.user)
        return _page(visit, opened, f"{_config(opened).origins[0]}/", {})

    async def save(self, post: Post) -> Response:
        """Fetches the page that the form names, and says what is in it."""
        opened = await journey.reopened(post)
        journey.check_change(opened, post.user)
        config = _config(opened)
        typed = post.fields.get("address", "").strip()[:LONGEST_ADDRESS]
        typed = typed or f"{config.origins[0]}/"
        url = checking.address_in(config, typed)
        if url is None:
            origins = words.listed(config.origins, "or")
            said = {"faults": {"address": f"is on none of the store's origins; expected {origins}"}}
            return _page(post, opened, typed, said, status=422)
        try:
            at, found = await checking.look(post.services, self._turns, post.user, config, url)
        except RefusedError as error:
            return _page(post, opened, url, {"failed": error.detail}, status=422)
        there = checking.judged(found, at, post.services.now()).snippet
        if there:
            await journey.done(post, "snippet")
        state = opened.state
        result = checking.result(Opened(state.store, state.draft, state.live), at, found)
        opened = await journey.reopened(post)
        return _page(post, opened, url, {**result, "there": there})


async def visitor(visit: Visit) -> Response:
    """Who came first, or that nobody has yet."""
    opened = await journey.opened(visit)
    journey.check_change(opened, visit.user)
    origins = opened.state.live.config.origins if opened.state.live else ()
    context = {
        "live": opened.state.live,
        "first": opened.first,
        "origins": origins,
        "checked": opened.setup.checked,
        "pages": access.pages(visit.user),
        "left": [mark for mark in journey.marks(opened) if not mark.done],
    }
    return journey.render(visit.user, "visitor", opened, context)


async def seen(visit: Visit) -> Response:
    """Whether there was a visitor, for the page that waits: ``{seen}``."""
    opened = await journey.opened(visit)
    return JSONResponse({"seen": opened.first is not None})


def _config(opened: Journey) -> StoreConfig:
    """What the pages should go by: what is live, if anything."""
    return opened.state.live.config if opened.state.live else opened.state.version.config


def _page(
    asked: Visit | Post, opened: Journey, typed: str, said: Mapping[str, Any], *, status: int = 200
) -> Response:
    context = {
        "live": opened.state.live,
        "origins": _config(opened).origins,
        "typed": typed,
        "failed": "",
        "url": "",
        "there": False,
        "checked": opened.setup.checked,
        **said,
    }
    return journey.render(asked.user, "check", opened, context, status=status)
