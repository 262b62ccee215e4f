"""Serves the shop and the service in one process until Ctrl-C.

The database is kept in ``./var/demo``, so decisions outlive a restart; the login is new each time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
import signal
from collections.abc import Mapping
from pathlib import Path

import msgspec
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from starlette.types import ASGIApp

from consent import accounts, database, publish, settings, stores
from consent.clock import utcnow
from consent.compose import Composer
from consent.database import Database
from consent.demo import past
from consent.demo.edge import edge
from consent.demo.shop import Shop, create_shop
from consent.demo.visitors import VISITORS
from consent.errors import SettingsError
from consent.model import Pixel, StoreConfig, Version
from consent.platforms import Platforms
from consent.regions import Regions
from consent.settings import Settings
from consent.signing import Signer
from consent.texts import Texts
from consent.web.app import create_app
from consent.web.logs import STANDARD, configure
from consent.web.ports import LOOPBACK, check_free

STORE = "summit"
PIXELS = (
    Pixel("meta", "123456789012345"),
    Pixel("ga4", "G-DEMO123456"),
    Pixel("google-ads", "AW-123456789", labels={"Purchase": "SummitPurchase01"}),
)
VAR = Path("var/demo")
_MODELS = {
    "opt-in": "Nothing runs before you agree.",
    "opt-out": "Pixels run until you opt out.",
    "notice": "Pixels run after a notice.",
}


class Data(msgspec.Struct, frozen=True):
    """The data files, read once for the shop, the store and the texts on screen."""

    platforms: Platforms
    regions: Regions
    texts: Texts

    @classmethod
    def load(cls) -> Data:
        return cls(Platforms.load(), Regions.load(), Texts.load())


class Login(msgspec.Struct, frozen=True):
    email: str
    password: str


def run(port: int = 8000, shop_port: int = 8080, *, days: int = 0, neighbours: int = 0) -> None:
    """The whole demo; returns after Ctrl-C or SIGTERM.

    Args:
        port: of the service, on this machine only.
        shop_port: of the shop.
        days: how many a new demo has behind it; one that was started before keeps its own.
        neighbours: how many stores a new demo has besides the shop's.

    Raises:
        SettingsError: a port is taken.
        DataError: a data file is missing or wrong.
        UnavailableError: ``./var/demo`` cannot be written.
    """
    for name, number in (("PORT", port), ("SHOP_PORT", shop_port)):
        check_free(LOOPBACK, number, name=name, way_out=f"make demo {name}={number + 100}")
    if port == shop_port:
        raise SettingsError(f"SHOP_PORT: found {port}, which is PORT too; expected another")
    configure()
    chosen = _settings(port)
    database.migrate(chosen.database_url)
    asyncio.run(_serve(chosen, port, shop_port, days, neighbours))


def store_config(shop_port: int) -> StoreConfig:
    """The demo's store."""
    shop_url = f"http://localhost:{shop_port}"
    return StoreConfig(
        key=STORE,
        name="Summit Outdoor",
        origins=(shop_url, f"http://127.0.0.1:{shop_port}"),
        privacy_url=f"{shop_url}/privacy",
        coverage=True,
        pixels=PIXELS,
    )


def demo_shop(service_url: str, admin_url: str, data: Data) -> ASGIApp:
    """The shop, told of the vendors' hosts and of the rules at each visitor's place."""
    composer = Composer(data.regions, data.platforms, data.texts)
    registered = [data.platforms[pixel.platform] for pixel in PIXELS]
    traces = [trace for pixel in PIXELS for trace in data.platforms.traces(pixel)]
    kinds = ("script", "connect", "img", "frame")
    return create_shop(
        Shop(
            service_url=service_url,
            snippet=lambda base: composer.snippet(STORE, base),
            signer=Signer([secrets.token_urlsafe(48)]),
            hosts={k: [h for p in registered for h in getattr(p.hosts, k)] for k in kinds},
            regimes=_rules(data.regions),
            vendor_cookies=[
                trace.name
                for trace in traces
                if (trace.kind, trace.party) == ("cookie", "first") and "*" not in trace.name
            ],
            admin_url=admin_url,
        )
    )


def _rules(regions: Regions) -> Mapping[str, str]:
    now = utcnow()
    regimes = {
        key: regions.resolve(visitor.place, on=regions.day(visitor.place, now)).regime
        for key, visitor in VISITORS.items()
    }
    gpc = "Global Privacy Control opts you out at once."
    return {
        key: f"{regime.name}. {gpc if VISITORS[key].gpc else _MODELS[regime.model]}"
        for key, regime in regimes.items()
    }


def _settings(port: int) -> Settings:
    values = {
        "CONSENT_DATABASE_URL": f"sqlite:///{VAR}/pixelgate-{port}.db",
        "CONSENT_TRUSTED_PROXIES": "127.0.0.1/32,::1/128",
        "CONSENT_PUBLIC_URL": f"http://localhost:{port}",
        "CONSENT_SCAN_PRIVATE": "true",  # the shop to check is on this machine
    }
    return settings.load(values, var=VAR)


async def _prepare(
    chosen: Settings, shop_port: int, data: Data, days: int, neighbours: int
) -> Login:
    """Saves and publishes the store, and makes a login that replaces the one of the last start."""
    db = database.connect(chosen.database_url)
    try:
        now = utcnow()
        config = store_config(shop_port)
        async with db.read() as c:
            fresh = await stores.current(c, config.key) is None
        began = now - dt.timedelta(days=days + 1) if fresh else now
        # The shop of the demo shows one banner; what it tried before stands on its page.
        versions = [
            await _publish(db, past.tried(config) if fresh and days else config, data, began)
        ]
        if fresh:
            for other in past.neighbours(neighbours, PIXELS):
                versions.append(await _publish(db, other, data, began))
            composer = Composer(data.regions, data.platforms, data.texts)
            lived = past.Past(db, composer, data.regions, Signer(chosen.secret_keys))
            await lived.fill(versions, days, now)
            await _publish(db, config, data, now)
        return await _new_login(db)
    finally:
        await db.close()


async def _publish(db: Database, config: StoreConfig, data: Data, at: dt.datetime) -> Version:
    async with db.write() as c:
        await stores.save(c, config, at)
    return await publish.publish(
        db,
        config.key,
        platforms=data.platforms,
        regions=data.regions,
        texts=data.texts,
        now=lambda: at,
    )


async def _new_login(db: Database) -> Login:
    password = secrets.token_urlsafe(12)
    hashed = accounts.hash_password(password)
    async with db.write() as c:
        known = await accounts.all_users(c)
        for user in known:
            await accounts.disable(c, user.email, utcnow())
        name = f"owner{len(known) + 1}" if known else "owner"
        email = f"{name}@summit.example"
        await accounts.add(c, email, hashed, "owner", None, utcnow())
    return Login(email, password)


async def _serve(chosen: Settings, port: int, shop_port: int, days: int, neighbours: int) -> None:
    data = Data.load()
    # Another host name than the shop's: changing the visitor clears the cookies of `localhost`.
    admin_url = f"http://127.0.0.1:{port}/admin/"
    service = edge(create_app(chosen, platforms=data.platforms))
    login = await _prepare(chosen, shop_port, data, days, neighbours)
    shop = demo_shop(chosen.public_url, admin_url, data)
    servers = [_server(service, port), _server(shop, shop_port)]

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)  # a second Ctrl-C ends it at once
        for server in servers:
            server.stop()  # type: ignore[no-untyped-call]

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    running = [asyncio.create_task(server.serve()) for server in servers]
    answering = asyncio.gather(_answers(port), _answers(shop_port))
    await asyncio.wait([answering, *running], return_when=asyncio.FIRST_COMPLETED)
    if not answering.cancel():
        _tell(f"http://localhost:{shop_port}/", admin_url, login, rules=_rules(data.regions))
    _, left = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    if left:
        stop()
    await asyncio.gather(*running)
    print("The demo has stopped.", flush=True)


def _server(app: ASGIApp, port: int) -> Server:
    return Server(
        app,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig=STANDARD,
    )


async def _answers(port: int) -> None:
    """Returns when something accepts connections at ``port``."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _tell(shop_url: str, admin_url: str, login: Login, *, rules: Mapping[str, str]) -> None:
    print(
        f"""
Pixelgate demo

  Shop      {shop_url}
  Admin     {admin_url}
  Login     {login.email}
  Password  {login.password}

What to try

  1. Open the shop as a visitor from Berlin. {rules["berlin"]}
     The panel on the right shows that nothing has left your browser.
  2. Accept, and watch the pixels report. Put a tent in the basket and order it.
  3. Change your mind with the control at the lower edge of the page: hits stop, cookies go.
  4. Become a visitor from Los Angeles, with and without GPC, in the bar at the top.
  5. Sign in to the admin: the decline rates, what an experiment has shown, and every decision
     in the ledger.

Stop with Ctrl-C.
""",
        flush=True,
    )
