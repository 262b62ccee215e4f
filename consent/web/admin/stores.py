"""The stores, for each the snippet to paste and the way to see what it does; and the age of the
place database.
"""

from __future__ import annotations

from starlette.responses import Response

from consent import stores
from consent.web.admin import access, pages
from consent.web.admin.door import Visit


async def show(visit: Visit) -> Response:
    services, found = visit.services, []
    for store in await access.visible(visit.connection, visit.user):
        config = await stores.draft(visit.connection, store.key)
        names = [
            services.platforms[pixel.platform].name
            for pixel in config.pixels
            if pixel.platform in services.platforms
        ]
        snippet = services.composer.snippet(store.key, services.settings.public_url)
        # The loader, which opens the view, is there once a version is.
        debug = [(one, f"{one}/?pixelgate=debug") for one in config.origins if store.published]
        found.append(
            {
                "store": store,
                "config": config,
                "pixels": names,
                "snippet": snippet,
                "debug": debug,
            }
        )
    context = {"here": "stores", "found": found, "places": services.geo.database}
    return pages.render("stores.html", context, user=visit.user)
