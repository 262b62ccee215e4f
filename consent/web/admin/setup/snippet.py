"""The sixth step: the snippet, and how it gets into the shop's pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import Response

from consent import listed
from consent.scan.systems import PLAIN
from consent.web.admin.door import Post, Visit
from consent.web.admin.setup import journey


async def show(visit: Visit) -> Response:
    services, opened = visit.services, await journey.opened(visit)
    journey.check_change(opened, visit.user)
    wanted = visit.request.query_params.get("system", "") or opened.setup.system
    system = wanted if wanted in services.systems else PLAIN
    url = services.settings.public_url
    parts = listed.key_fault(opened.key), listed.host_fault(urlsplit(url).hostname or "")
    context = {
        "snippet": services.composer.snippet(opened.key, url),
        "listed": [
            f"{where}: {said}"
            for where, said in zip(("The store's key", "CONSENT_PUBLIC_URL"), parts, strict=True)
            if said
        ],
        "systems": [(key, one.name) for key, one in services.systems.items()],
        "chosen": system,
        "system": services.systems[system],
        "guessed": opened.setup.found.system == system,
        "live": opened.state.live,
    }
    return journey.render(visit.user, "snippet", opened, context)


async def save(post: Post) -> Response:
    """That the snippet is in the pages, as somebody says."""
    opened = await journey.reopened(post)
    journey.check_change(opened, post.user)
    await journey.done(post, "snippet")
    return journey.onward(opened, "snippet", post.fields.get("then", ""))
