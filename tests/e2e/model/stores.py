"""The store as it may be published: each configuration by a name, as TOML and for the model."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.model.truth import Pixel

SNIPPETS = Path(__file__).resolve().parents[3] / "snippets"
META, OTHER_META, GA4, ADS = "123456789012345", "555556789012345", "G-TEST123456", "AW-123456789"


@dataclass(frozen=True)
class Config:
    pixels: tuple[Pixel, ...]
    toml: str
    gpc_refuses: frozenset[str]
    after_receipt: bool

    def text(self, key: str, origin: str) -> str:
        """The store file, as an operator imports it."""
        return f'key = "{key}"\nname = "Summit"\norigins = ["{origin}"]\n{self.toml}'


def _config(
    *pixels: tuple[str, ...], top: str = "", bottom: str = "", gpc: str = "marketing"
) -> Config:
    made, lines = [], [top]
    for platform, id_, *purposes in pixels:
        lines += ["[[pixels]]", f'platform = "{platform}"', f'id = "{id_}"']
        if purposes:
            lines.append(f"purposes = {json.dumps(purposes)}")
        made.append(_pixel(platform, id_, purposes))
    lines += ["[gpc]", f"refuses = {json.dumps(gpc.split())}", bottom]
    refuses = frozenset(gpc.split())
    return Config(tuple(made), "\n".join(lines), refuses, after_receipt="at-once" not in top)


def _pixel(platform: str, id_: str, purposes: list[str]) -> Pixel:
    text = (SNIPPETS / platform / "platform.toml").read_text("utf-8")
    content: dict[str, Any] = tomllib.loads(text)
    bare = id_.removeprefix("G-")
    first = [trace for trace in content["traces"] if trace.get("party", "first") == "first"]
    names = tuple(trace["name"].replace("{id}", bare) for trace in first)
    return Pixel(platform, id_, frozenset(purposes or content["purposes"]), names)


CONFIGS = {
    "all": _config(("meta", META), ("ga4", GA4), ("google-ads", ADS)),
    "no-ads": _config(("meta", META), ("ga4", GA4)),
    "analytics-alone": _config(("ga4", GA4)),
    "wider": _config(("meta", META, "marketing", "analytics"), ("ga4", GA4, "analytics")),
    "narrow": _config(("ga4", GA4, "analytics", "marketing"), ("google-ads", ADS)),
    "two-metas": _config(
        ("meta", META), ("meta", OTHER_META, "marketing", "preferences"), ("ga4", GA4)
    ),
    "dialog": _config(
        ("meta", META), ("ga4", GA4), ("google-ads", ADS), bottom='[banner]\nlayout = "dialog"'
    ),
    "gpc-more": _config(("meta", META), ("ga4", GA4), gpc="marketing analytics"),
    "at-once": _config(("meta", META), ("ga4", GA4), top='release = "at-once"'),
}
