"""One store: the snippet to paste, how to see what it does, what needs a look; and the age of the
place database.
"""

from __future__ import annotations

from starlette.responses import Response

from consent import stores
from consent.stores import StoreSummary
from consent.web.admin import access, pages, storelist
from consent.web.admin.door import Visit


async def show(visit: Visit) -> Response:
    """The list of the stores; of a user with one store alone, that store."""
    found = await access.visible(visit.connection, visit.user)
    if len(found) == 1:
        return await _page(visit, found[0], alone=True)
    return await storelist.show(visit, found)


async def one(visit: Visit) -> Response:
    found = await access.visible(visit.connection, visit.user)
    store = access.pick(found, visit.request.path_params["key"])
    if store is None:
        raise access.no_such_store("")
    return await _page(visit, store, alone=len(found) == 1)


async def _page(visit: Visit, store: StoreSummary, *, alone: bool) -> Response:
    services = visit.services
    config = await stores.draft(visit.connection, store.key)
    names = [
        services.platforms[pixel.platform].name
        for pixel in config.pixels
        if pixel.platform in services.platforms
    ]
    (line,) = await storelist.lines(visit, [store])
    context = {
        "here": "stores",
        "store": store,
        "alone": alone,
        "config": config,
        "line": line,
        "about": storelist.about(store.key),
        "pixels": names,
        "snippet": services.composer.snippet(store.key, services.settings.public_url),
        # The loader, which opens the view, is there once a version is.
        "debug": [(at, f"{at}/?pixelgate=debug") for at in config.origins if store.published],
        "places": services.geo.database,
    }
    return pages.render("store.html", context, user=visit.user)
