"""Adding a pixel: which one it is to be, chosen or found in what somebody pasted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from consent.model import User
from consent.web.admin import access, pages, paste, pixelform, pixellist, pixels
from consent.web.admin.door import Post, Visit
from consent.web.services import Services


async def add(visit: Visit) -> Response:
    """The form of a new pixel: first its platform, then the fields that this platform has."""
    access.check_change(visit.user, "pixels")
    services = visit.services
    opened = await pixellist.open_store(
        visit.connection, visit.user, visit.request.path_params["key"]
    )
    query = visit.request.query_params
    key = query.get("platform", "")
    if key not in services.platforms:
        said = f"{key[:40]!r} is no platform; expected one of the list" if key else ""
        status = 400 if key else 200
        return _choice(services, visit.user, opened, {"unknown": said}, status=status)
    values = pixelform.empty(services.platforms[key], query.get("id", "")[: paste.LONGEST])
    return pixels.form(services, visit.user, opened, values, None)


async def recognise(post: Post) -> Response:
    """What was pasted: on to the form of the one pixel in it, or the choice between several."""
    services, key = post.services, post.request.path_params["key"]
    async with services.database.read() as c:
        opened = await pixellist.open_store(c, post.user, key)
    text = post.fields.get("pasted", "")
    found = paste.offers(text, services.platforms, opened.draft, pixellist.address(key))
    if len(found) == 1 and found[0].id and not found[0].registered:
        return RedirectResponse(found[0].address, status_code=303)
    said = {"pasted": text[: paste.LONGEST], "offers": found}
    status = 200 if found else 422
    return _choice(services, post.user, opened, said, status=status)


def _choice(
    services: Services,
    user: User,
    opened: pixellist.Opened,
    said: Mapping[str, Any],
    *,
    status: int,
) -> Response:
    """The page that asks for a platform, or for something to find it in."""
    context = {
        **pixellist.frame(user, opened),
        "groups": pixelform.groups(services.platforms),
        "unknown": "",
        "pasted": "",
        "offers": None,
        **said,
    }
    return pages.render("pixelplatform.html", context, user=user, status=status)
