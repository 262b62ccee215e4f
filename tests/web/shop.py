"""A published shop, its neighbour, and what their pages send."""

import asyncio
import datetime as dt
import json
from collections import Counter
from pathlib import Path

from starlette.testclient import TestClient

from consent import counts, search, settings, stores
from consent.database import Database, connect
from consent.filters import LedgerFilter
from consent.model import Pixel, StoreConfig, Version
from consent.web.app import App, create_app

ORIGIN = "https://summit.example"
BERLIN = {"CF-IPCountry": "DE"}
CALIFORNIA = {"CF-IPCountry": "US", "CF-Region-Code": "CA"}
FROM_SHOP = {"Origin": ORIGIN, "Content-Type": "text/plain", **BERLIN}
SUMMIT = StoreConfig(
    key="summit",
    name="Summit Outdoor",
    origins=(ORIGIN, "http://localhost:8080"),
    pixels=(Pixel("meta", "123456789012345"),),
)
NEIGHBOUR = StoreConfig(key="fjord", name="Fjord", origins=("https://fjord.example",))


async def with_new_connection(url: str, work):
    """Runs ``work`` as another process would: with a connection of its own."""
    opened = connect(url)
    try:
        return await work(opened)
    finally:
        await opened.close()


def published(url: str, now, *configs: StoreConfig) -> list[Version]:
    async def work(db: Database) -> list[Version]:
        versions = []
        async with db.write() as c:
            for config in configs:
                await stores.save(c, config, now())
                versions.append(await stores.publish(c, config.key, now()))
        return versions

    return asyncio.run(with_new_connection(url, work))


def an_app(url: str, now, folder: Path) -> App:
    environ = {
        "CONSENT_DATABASE_URL": url,
        "CONSENT_SECRET_KEYS": "k" * 40,
        "CONSENT_TRUSTED_PROXIES": "127.0.0.1",
    }
    return create_app(settings.load(environ, var=folder), now=now)


def send(client: TestClient, post, headers=FROM_SHOP, store: str = "summit"):
    content = post if isinstance(post, bytes) else json.dumps(post).encode()
    return client.post(f"/s/{store}/decisions", content=content, headers=headers)


def stored(client: TestClient) -> int:
    async def work(db: Database) -> int:
        async with db.read() as c:
            return (await search.count(c, LedgerFilter())).n

    return _asked(client, work)


def _asked(client: TestClient, work):
    url = client.app.services.settings.database_url
    return asyncio.run(with_new_connection(url, work))


def counted(client: TestClient) -> dict[str, int]:
    """What was counted so far. It is written before, be it by the service itself."""
    folder = client.app.services.folder
    assert client.portal is not None
    while folder.waiting:
        client.portal.call(folder.flush)

    async def written(db: Database) -> Counter[str]:
        now = client.app.services.now()
        since, until = now - dt.timedelta(days=1), now + dt.timedelta(days=1)
        async with db.read() as c:
            found = await counts.totals_by(c, None, since, until, ("none",))
        return Counter({one.measure: one.n for one in found["none"]})

    return dict(_asked(client, written))


def refused(response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, code)
    assert set(response.json()) == {"error", "detail"}
    assert response.headers["content-type"] == "application/json"
