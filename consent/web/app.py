"""The app factory: the only place where the parts are wired together.

Any ASGI server can run it: ``create_app(settings)``, or ``factory()`` with the settings of the
environment. Visitor endpoints are answered before Starlette's routing, since every page view of
every store passes there; admin pages and the rest are ordinary Starlette routes.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
import importlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from consent import counts, coverage, database
from consent import settings as setting_table
from consent.anchor import Anchorer, authority
from consent.assign import Assigner
from consent.bulk import Files
from consent.campaign import Campaign
from consent.clock import utcnow
from consent.compose import Composer
from consent.embeds import Embeds
from consent.erase import Eraser
from consent.fetch import Fetcher
from consent.folding import Folder
from consent.geo import OLD_DAYS, Geo, PlaceFacts
from consent.overview import Overview
from consent.platforms import Platforms
from consent.proof import Finder, Sealer, origin_of
from consent.purge import Purger
from consent.record import Recorder
from consent.regions import Regions
from consent.retain import Retainer
from consent.scan import Scanner
from consent.scan.others import Others
from consent.scan.systems import Systems
from consent.schedule import Scheduler
from consent.settings import Settings
from consent.signing import Signer, log_key
from consent.texts import Texts
from consent.tiles import Tiles
from consent.web import errors, log, logs
from consent.web.later import Later
from consent.web.limits import Limits
from consent.web.metrics import Metrics, of_places, of_retention, of_schedules, of_service
from consent.web.services import Published, Services
from consent.web.tally import Tally, shared_folder
from consent.web.visitor import PREFIX, Visitor

if TYPE_CHECKING:
    from consent.oidc import Provider

GPC_SINCE = "2026-11-23"
"""When what we say about Global Privacy Control last changed."""


API = "/api/v1"
LATER_SECONDS = 1.0
"""After its start a process has visitors to answer first."""


class App(Starlette):
    """Starlette, with the visitor endpoints in front. ``services`` is for tests and the demo."""

    def __init__(self, services: Services, figures: Path | None) -> None:
        self.services = services
        self._visitor = visitor = Visitor(services, services.geo.place_headers)
        self._log = log.Log(services)
        sources = (
            lambda: of_service(
                services.recorder.committer,
                (services.folder, services.coverage),
                services.sealer,
                services.anchorer,
                services.purger,
                visitor.scripts,
            ),
            lambda: of_places(services.geo),
            lambda: of_retention(services.retainer),
            lambda: of_schedules(services.scheduler),
            visitor.answered.figures,
        )
        self.tally = Tally(sources, figures)
        super().__init__(
            routes=[
                Route("/healthz", _alive),
                Route("/readyz", _ready),
                Route("/metrics", _metrics(Metrics(self.tally))),
                Route("/.well-known/gpc.json", _gpc),
                Mount(API, Later(lambda: _api(services))),
                Route("/admin", _to_admin),
                Mount("/admin", Later(lambda: _admin(services))),
            ],
            exception_handlers=errors.HANDLERS,
            lifespan=_lifespan,
        )
        # Starlette redirects to the host that the request names; ours name only a path.
        self.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._visitor(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"].startswith(log.PREFIX):
            await self._log(scope, receive, send)
            return
        # Starlette raises again what its handler has already logged and answered.
        if scope["type"] == "http":
            with contextlib.suppress(Exception):
                await super().__call__(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings,
    *,
    now: Callable[[], dt.datetime] = utcnow,
    platforms: Platforms | None = None,
    files: Files | None = None,
    fetcher: Fetcher | None = None,
    provider: Provider | None = None,
    figures: Path | None = None,
) -> App:
    """The service for ``settings``.

    Args:
        settings: what the operator decided.
        now: the clock; it gives aware UTC.
        platforms: None means the shipped ones.
        files: those, and regions and texts, where they were read already.
        fetcher: brings pages to be checked; None means one that the settings allow.
        provider: with whom users sign in; None means the one of the settings.
        figures: where the processes of one service share their figures; None: this one is alone.

    Raises:
        DataError: a data file is missing or wrong.
    """
    db = database.connect(settings.database_url)
    if files is None:
        files = Files(platforms or Platforms.load(), Regions.load(), Texts.load())
    platforms, regions, texts = files
    signer = Signer(settings.secret_keys)
    embeds = Embeds.load()
    key = log_key(settings.log_keys, settings.secret_keys)
    sealer = Sealer(db, key, origin_of(settings.public_url), now)
    eraser = Eraser(db, sealer, key, now)
    kept = settings.cache_seconds
    purger = Purger(settings.purge_url, settings.purge_key, 2 * kept)
    composer = Composer(regions, platforms, texts, embeds, Campaign.load())
    geo = Geo(
        settings.geoip_db,
        settings.trusted_proxies,
        settings.place_headers,
        now=now,
        fetched=settings.fetched_places,
        strict=False,  # a worker that is started anew serves, whatever the file is by then
    )
    folder = Folder(db, counts.add)
    return App(
        Services(
            settings=settings,
            database=db,
            geo=geo,
            limits=Limits(geo, settings.posts_per_address, settings.posts_per_store),
            regions=regions,
            platforms=platforms,
            texts=texts,
            composer=composer,
            assigner=Assigner(settings.secret_keys[0]),
            recorder=Recorder(db, folder, composer, regions, signer, now),
            folder=folder,
            coverage=Folder(db, coverage.add),
            sealer=sealer,
            tiles=Tiles(db),
            finder=Finder(db),
            eraser=eraser,
            retainer=Retainer(db, eraser, now),
            anchorer=Anchorer(db, authority(settings.anchor_url, settings.anchor_trust), now),
            purger=purger,
            signer=signer,
            fetcher=fetcher or Fetcher(private=settings.scan_private),
            scanner=Scanner(composer.snippet, platforms, embeds, Others.load()),
            systems=Systems.load(),
            published=Published(db, purger.changed),
            overview=Overview(files),
            scheduler=Scheduler(db, files, now),
            provider=provider or provider_of(settings, now),
            now=now,
        ),
        figures,
    )


def provider_of(settings: Settings, now: Callable[[], dt.datetime]) -> Provider | None:
    """The OpenID provider that the operator named; None when there is none."""
    if not settings.oidc_issuer:
        return None
    from consent.oidc import Client, Provider  # who signs in by passwords waits for none of it

    client = Client(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret,
        settings.oidc_scope,
        settings.oidc_email_claim,
        settings.oidc_groups_claim,
    )
    return Provider(client, now)


def factory(files: Files | None = None) -> App:
    """The service for the settings of the environment; what an ASGI server is pointed at.

    Args:
        files: see ``create_app``.
    """
    logs.configure()
    app = create_app(setting_table.load(), files=files, figures=shared_folder(os.getppid()))
    # What was made so far stays for good. Taking it out of the garbage collector's sight saves a
    # fifth of the processor time of a request for a script; to look for garbage in it first would
    # take a tenth of the start.
    gc.freeze()
    return app


async def _import_soon() -> None:
    await asyncio.sleep(LATER_SECONDS)
    await asyncio.to_thread(import_the_rest)


def import_the_rest() -> None:
    """Imports what is not needed at once, so that it is of the release that runs."""
    for name in ("web.admin", "web.api", "fetch.network"):
        importlib.import_module(f"consent.{name}")


@contextlib.asynccontextmanager
async def _lifespan(app: App) -> AsyncIterator[None]:
    await app.services.start()
    app.tally.start()
    importing = asyncio.create_task(_import_soon())
    try:
        yield
    finally:
        importing.cancel()
        await app.services.stop()
        await app.tally.stop()


async def _alive(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _ready(request: Request) -> Response:
    """200 when storage is migrated, if by a later release, and takes writes; else 503.

    ``warnings`` are what an operator should see to, and no reason to send visitors elsewhere.
    """
    services = request.app.services
    await services.database.check(writes=True, later=True)
    places = services.geo.database
    facts = {"kind": places.kind, "built_at": _iso(places.built_at), "age_days": places.age_days}
    warnings = list(_place_warnings(places))
    return JSONResponse({"status": "ready", "places": facts, "warnings": warnings})


def _place_warnings(places: PlaceFacts) -> Iterator[str]:
    if places.is_old:
        yield f"places: built {places.age_days} days ago; expected at most {OLD_DAYS}"
    if places.failure is not None:
        yield f"places: since {_iso(places.failure.at)} the file {places.failure.fault}"


def _iso(at: dt.datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _admin(services: Services) -> list[BaseRoute]:
    from consent.web import admin

    return [*admin.routes(services)]


def _api(services: Services) -> list[BaseRoute]:
    from consent.web import api

    return [*api.routes(services, API)]


async def _to_admin(request: Request) -> Response:
    return RedirectResponse("/admin/", status_code=307)


async def _gpc(request: Request) -> Response:
    """Source: https://www.w3.org/TR/gpc/ section 4."""
    return JSONResponse({"gpc": True, "lastUpdate": GPC_SINCE})


def _metrics(told: Metrics) -> Callable[[Request], Response]:
    def metrics(request: Request) -> Response:
        return Response(told.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return metrics
