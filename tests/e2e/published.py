"""A store with every signal switched on, and what its pages are then to say."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from typing import Any

from playwright.sync_api import Page

from tests.e2e.service import PATIENCE, Service
from tests.e2e.shop import Shop


def publish(service: Service, shop: Shop, key: str, toml: str, *, origin: str = "") -> str:
    """Publishes ``toml`` as the store ``key``, and returns its snippet once the loader is there.

    ``origin`` is the shop's own where it is not said.
    """
    origins = f'origins = ["{origin or shop.origin}"]'
    service.publish(f'key = "{key}"\nname = "{key}"\n{origins}\n{toml}')
    return served(service, shop, key)


def reviewed(service: Service, shop: Shop, key: str, toml: str, *pixels: str) -> str:
    """Publishes ``toml`` after legal has let through its custom ``pixels``; returns the snippet."""
    path = service.folder / f"{key}.toml"
    origins = f'origins = ["{shop.origin}"]'
    path.write_text(f'key = "{key}"\nname = "{key}"\n{origins}\n{toml}', encoding="utf-8")
    service.consent("store", "import", str(path))
    legal = f"legal@{key}.example"
    service.consent(
        *("user", "add", legal, "--role", "legal", "--password-stdin"),
        stdin="a long enough password\n",
    )
    for id_ in pixels:
        shown = service.consent("store", "review", key, id_, "--by", legal, "--yes")
        assert f"custom pixel {id_} is reviewed, by {legal}" in shown
    service.consent("store", "publish", key)
    return served(service, shop, key)


def served(service: Service, shop: Shop, key: str) -> str:
    """The snippet of the published store ``key``, once the loader is there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{service.url}/s/{key}/loader.js", timeout=PATIENCE):
                return shop.snippet.replace("/s/summit/", f"/s/{key}/")
        except urllib.error.HTTPError:
            time.sleep(0.05)
    raise AssertionError(f"{key} is not served")


SIGNALLING = """
privacy_url = "https://summit.example/privacy"
[[pixels]]
platform = "meta"
id = "123456789012345"
[[pixels]]
platform = "ga4"
id = "G-TEST123456"
[[pixels]]
platform = "google-ads"
id = "AW-123456789"
labels = { Purchase = "abCDeFGhij" }
[signals]
wordpress = true
shopify = true
datalayer = true
[google]
consent_mode = "advanced"
ads_data_redaction = true
url_passthrough = true
"""
"""With every signal switched on."""


def google_commands(page: Page) -> list[list[Any]]:
    """The commands in ``dataLayer``: Arguments objects alone, as Google takes no other."""
    found: list[list[Any]] = page.evaluate(
        """dataLayer
            .filter((one) => Object.prototype.toString.call(one) == '[object Arguments]')
            .map((one) => Array.from(one))"""
    )
    return found


def consent_types(analytics: str, marketing: str) -> dict[str, str]:
    return {
        **dict.fromkeys(("ad_storage", "ad_user_data", "ad_personalization"), marketing),
        **dict.fromkeys(("functionality_storage", "personalization_storage"), analytics),
        "analytics_storage": analytics,
    }
