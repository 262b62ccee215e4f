"""The guided set-up: one way from a shop's address to its first visitor, in eight steps.

============  ==================================================================
``shop``      its address, and what its page says of it
``pixels``    found in the page, pasted, or left for later
``regions``   who is asked how, in sentences
``look``      the banner's look and words, beside the real banner
``publish``   what goes live, and what speaks against it
``snippet``   the one line to paste, and where in this shop system
``check``     the page is fetched, and what bypasses the gate is named
``visitor``   the first one, as soon as they come
============  ==================================================================

Each step works without script. What other pages do already is done by their code.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from consent.web.admin import door
from consent.web.admin.checking import Turns
from consent.web.admin.setup import check, journey, live, look, pixels, regions, snippet
from consent.web.admin.setup.journey import first_page
from consent.web.admin.setup.shop import Shop
from consent.web.services import Services

__all__ = ["first_page", "routes"]


def routes(services: Services, turns: Turns) -> list[BaseRoute]:
    """The pages of the journey. ``turns`` says who may have a page fetched now."""
    shop, checks = Shop(turns), check.Check(turns)

    def read(show: door.Page) -> door.Endpoint:
        return door.page(services, "stores", show)

    def write(act: door.Act) -> door.Endpoint:
        return door.change(services, "regions", act)

    path = "/stores/{key}/setup"
    steps: dict[str, tuple[door.Page, door.Act]] = {
        "shop": (shop.show, shop.save),
        "pixels": (pixels.show, pixels.save),
        "regions": (regions.show, regions.save),
        "look": (look.show, look.save),
        "publish": (live.show, live.save),
        "snippet": (snippet.show, snippet.save),
        "check": (checks.show, checks.save),
    }
    return [
        Route("/setup", read(shop.start), methods=["GET"]),
        Route("/setup", write(shop.add), methods=["POST"]),
        Route(path, read(journey.resume)),
        *(
            route
            for step, (show, act) in steps.items()
            for route in (
                Route(f"{path}/{step}", read(show), methods=["GET"]),
                Route(f"{path}/{step}", write(act), methods=["POST"]),
            )
        ),
        Route(f"{path}/look/preview", read(look.draw)),
        Route(f"{path}/visitor", read(check.visitor)),
        Route(f"{path}/visitor/seen", read(check.seen)),
    ]
