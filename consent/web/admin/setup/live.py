"""The fifth step: publishing, with what goes live in plain words and every reason against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from consent import publish
from consent.errors import RefusedError
from consent.web.admin import diff, publishing
from consent.web.admin.door import Post, Visit
from consent.web.admin.setup import journey, summary
from consent.web.admin.setup.journey import Journey


async def show(visit: Visit) -> Response:
    opened = await journey.opened(visit)
    journey.check_change(opened, visit.user)
    return _page(visit, opened, {})


async def save(post: Post) -> Response:
    """Publishes the draft, if it is the one that the page had shown and nothing speaks against."""
    opened = await journey.reopened(post)
    journey.check_change(opened, post.user)
    if not opened.state.differs:
        return journey.onward(opened, "publish")
    try:
        await publishing.publish_shown(post, opened.key)
    except RefusedError as error:
        refused, status = publishing.why_not(error)
        return _page(post, opened, {"refused": refused}, status=status)
    return journey.onward(opened, "publish")


def _page(
    asked: Visit | Post, opened: Journey, said: Mapping[str, Any], *, status: int = 200
) -> Response:
    services, state = asked.services, opened.state
    found = publish.check(
        state.own,
        services.platforms,
        services.regions,
        services.texts,
        on=services.now().date(),
        template=state.draft.template,
    )
    context = {
        "state": state,
        "live": state.live,
        "parts": summary.of(services, opened),
        "changes": diff.said(services, state.live, state.version),
        "asks": diff.asks(services, state.live, state.version),
        "draft": state.draft.sha256,
        "unfit": [(fault, summary.step_of(fault)) for fault in found],
        "names": journey.NAMES,
        "refused": "",
        **said,
    }
    return journey.render(asked.user, "publish", opened, context, status=status)
