"""What experiments have shown, through the API. They begin and end by a store's draft."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from consent import experiments
from consent.experiments import Measured, Standing
from consent.web.api.figures import Share
from consent.web.api.operation import Ask, Operation
from consent.web.api.stores import PATH, of


class VariantNumbers(msgspec.Struct, frozen=True):
    """``key``: ``control`` for the banner as it is. ``planned``: its part of all visits."""

    key: str
    name: str
    planned: float
    visits: int
    rates: dict[Measured, Share]


class Ends(msgspec.Struct, frozen=True):
    """How much larger a share is than that of the banner as it is, at every look at once."""

    low: float
    high: float


class VariantCompared(msgspec.Struct, frozen=True):
    """``differences``: null where too few visits were counted. ``more``: about how many more visits
    it takes until there is something to say.
    """

    key: str
    differences: dict[Measured, Ends | None]
    more: int
    says: list[str]


class ExperimentFacts(msgspec.Struct, frozen=True):
    """``uneven``: why none of it can be trusted; empty where the visits are split as planned."""

    key: str
    name: str
    standing: Standing
    since: dt.datetime | None
    planned: int
    visits: int
    uneven: str
    variants: list[VariantNumbers]
    compared: list[VariantCompared]


class ExperimentList(msgspec.Struct, frozen=True):
    """Newest first."""

    experiments: list[ExperimentFacts]


async def listed(ask: Ask) -> dict[str, Any]:
    store = await of(ask.connection, ask.user, ask.path["store"])
    found = await experiments.of_store(ask.connection, store.key, ask.services.now())
    return {"experiments": [experiments.facts(one) for one in found]}


OPERATIONS = (
    Operation(
        *("experiments.list", "GET", f"{PATH}/experiments", "rates:read", listed),
        "What each experiment of the store has shown, and what one may say of it.",
        ExperimentList,
    ),
)
