"""What a visitor sees, drawn by the very script that draws it on the shop's pages.

It stands in a frame of its own with nothing of this page's: sandboxed, so without an origin,
cookies or storage, and with no way to any network. No pixel is in it. What a click posts goes
nowhere.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from consent.errors import NotFoundError
from consent.model import StoreConfig, Version
from consent.web.admin import pages, place
from consent.web.admin.door import Visit
from consent.web.services import Services

_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]+")
_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)")
_BOTH = re.compile(r"(?<=color-scheme:)\s*light dark")
_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'nonce-{nonce}'; "
    "style-src 'nonce-{nonce}'; img-src data: {origins}; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)


async def show(visit: Visit) -> Response:
    """The page in the frame; of a variant of the store's experiment where the address names it."""
    services, query = visit.services, visit.request.query_params
    state = await place.state_of(visit)
    if state is None:
        raise NotFoundError("no_store", "a preview is of one store; the address names none")
    seen = place.read_seen(services, visit.request.path_params["place"], query, state)
    variant = query.get("variant", "")
    return drawn(services, state.version.varied.get(variant, state.version), seen)


def drawn(services: Services, version: Version, seen: place.Seen, scheme: str = "") -> Response:
    """What ``seen`` sees of ``version``, as the page in the frame.

    Args:
        services: the wiring.
        version: may be one that is not published.
        seen: as whom.
        scheme: ``light`` or ``dark``; empty: what the browser that looks prefers.
    """
    version = _with_logo(version)
    resolution = services.regions.resolve(seen.place, on=seen.on, rules=version.rules)
    composer = services.composer.apart()
    scripts = composer.drawn(version, resolution, seen.language, gpc=seen.gpc)
    nonce = secrets.token_urlsafe(16)
    context = {
        "nonce": nonce,
        "language": seen.language,
        "dir": services.texts.direction(seen.language),
        "name": version.config.name,
        "scheme": scheme,
        "scripts": {name: _as_data(_under(scheme, text)) for name, text in scripts.items()},
    }
    # A draft may still hold what is no origin, and a policy is a text.
    origins = " ".join(one for one in version.config.origins if _ORIGIN.fullmatch(one))
    return _framed("preview.html", context, origins)


def waits(faults: Sequence[str]) -> Response:
    """What stands in the frame while something cannot be drawn."""
    context = {"nonce": secrets.token_urlsafe(16), "faults": faults}
    return _framed("nopreview.html", context, "")


def _framed(template: str, context: Mapping[str, Any], origins: str) -> Response:
    response = pages.render(template, context)
    policy = _POLICY.format(nonce=context["nonce"], origins=origins)
    response.headers["content-security-policy"] = policy
    response.headers["x-frame-options"] = "SAMEORIGIN"
    return response


def _under(scheme: str, script: str) -> str:
    """``script``, whose styles take ``scheme`` for the preferred one."""
    if not scheme:
        return script
    return _BOTH.sub(scheme, _DARK.sub(" all " if scheme == "dark" else " not all ", script))


def _with_logo(version: Version) -> Version:
    """``version`` with a logo that is a path led to the shop, where it is."""
    config: StoreConfig = version.config
    if not config.banner.logo.startswith("/") or not config.origins:
        return version
    banner = msgspec.structs.replace(config.banner, logo=config.origins[0] + config.banner.logo)
    return msgspec.structs.replace(version, config=msgspec.structs.replace(config, banner=banner))


def _as_data(script: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(script.encode()).decode()}"
