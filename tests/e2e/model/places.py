"""Where visitors come from, and what the law there asks, read from the regimes' own files."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

REGIMES = Path(__file__).resolve().parents[3] / "consent" / "regimes"
Model = Literal["opt-in", "opt-out", "notice"]
STRICTNESS: dict[Model, int] = {"notice": 0, "opt-out": 1, "opt-in": 2}
DAY = 86400.0


@dataclass(frozen=True)
class Place:
    """``accept_days`` and ``refuse_days``: how long a yes and a no are kept. ``signal_wins``: GPC
    beats a choice that was made while it was on. ``close``: the first layer has a cross."""

    name: str
    headers: dict[str, str]
    model: Model
    accept_days: int
    refuse_days: int
    signal_wins: bool
    close: bool

    @property
    def opt_in(self) -> bool:
        return self.model == "opt-in"


def _place(name: str, file: str, code: str, model: Model) -> Place:
    content: dict[str, Any] = tomllib.loads((REGIMES / f"{file}.toml").read_text("utf-8"))
    own = content.get("places", {}).get(code, {})
    again = content["ask_again"] | own.get("ask_again", {})
    country, _, region = code.partition("-")
    headers = {"CF-IPCountry": country, "CF-Region-Code": region} if code else {}
    return Place(
        name=name,
        headers={header: value for header, value in headers.items() if value},
        model=model,
        accept_days=again["accept_days"],
        refuse_days=again["refuse_days"],
        signal_wins=content["gpc"]["overrides_choice"],
        close="close-refuses" in [*content["banner"]["duties"], *own.get("duties", [])],
    )


PLACES = {
    place.name: place
    for place in (
        _place("Berlin", "eea", "DE", "opt-in"),
        _place("Rome", "eea", "IT", "opt-in"),
        _place("California", "us-ca", "US-CA", "opt-out"),
        _place("Texas", "us-states", "US-TX", "opt-out"),
        _place("Québec", "ca-qc", "CA-QC", "opt-in"),
        _place("Tokyo", "jp", "JP", "notice"),
        _place("nowhere", "unknown", "", "opt-in"),
    )
}
