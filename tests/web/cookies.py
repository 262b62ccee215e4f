"""Decisions as browsers send them back."""

import datetime as dt

NOW = dt.datetime(2026, 3, 2, 10, 30, tzinfo=dt.UTC)
DAY = 86_400
ID, VISITOR = "0f9b2d3c-5a6e-4f7a-8b1c-2d3e4f5a6b7c", "11111111-2222-4333-8444-555555555555"
YESTERDAY = int(NOW.timestamp()) - DAY
ALL, NONE = "111", "000"


def a_text(
    id_: object = ID,
    at: object = YESTERDAY,
    bits: str = ALL,
    *,
    version: object = 1,
    model: str = "opt-in",
    gpc: str = "0",
    refused: str = "",
    state: str = "1",
) -> str:
    return f"{state}.{id_}.{VISITOR}.{version}.{model}.{at}.{bits}.{gpc}{refused and '.' + refused}"
