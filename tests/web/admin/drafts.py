"""Ways to work with the pixel pages of a store, and to see what is then stored."""

from __future__ import annotations

import asyncio

import msgspec
from bs4 import BeautifulSoup, Tag
from starlette.testclient import TestClient

from consent import database, stores
from consent.model import StoreConfig, Version
from tests.web.admin.seed import SUMMIT
from tests.web.admin.stage import HERE, NOW, soup, write

BASE = "/admin/stores/summit/pixels"
META = f"{BASE}/edit?platform=meta&id=123456789012345"


def post(client: TestClient, path: str, **fields: str):
    given = {name.replace("_", "-"): value for name, value in fields.items() if name != "opt_out"}
    if "opt_out" in fields:
        given["opt_out"] = fields["opt_out"]
    return client.post(path, data=given, headers=HERE)


def kept(client: TestClient, key: str = "summit") -> tuple[StoreConfig, Version | None]:
    """The draft and the live version, as they are stored."""

    async def run() -> tuple[StoreConfig, Version | None]:
        db = database.connect(client.app.services.settings.database_url)
        async with db.read() as c:
            found = await stores.draft(c, key), await stores.current(c, key)
        await db.close()
        return found

    return asyncio.run(run())


def set_draft(client: TestClient, **fields: object) -> None:
    config = msgspec.structs.replace(SUMMIT, **fields)
    write(client, lambda c: stores.save(c, config, NOW))


def publish(client: TestClient):
    draft = soup(client.get(BASE)).find("input", {"name": "draft"})["value"]
    return post(client, f"{BASE}/publish", draft=draft)


def beside(page: BeautifulSoup, field: str) -> str:
    """The fault that stands beside a field, and that the field names it."""
    fault = page.find(id=f"fault-{field}")
    marked = page.find(attrs={"aria-describedby": lambda ids: ids and fault["id"] in ids.split()})
    assert marked["aria-invalid"] == "true"
    return str(fault.text)


def told(page: BeautifulSoup, heading: str) -> Tag:
    """The section with that heading."""
    return page.find(["h1", "h2"], string=lambda text: text and heading in text).find_parent(
        "section"
    )
