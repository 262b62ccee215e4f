"""What a page posts, and what the ledger holds of it."""

from __future__ import annotations

import datetime as dt
import uuid

import msgspec

from consent.model.law import Grants, Place, Regime
from consent.model.words import Action, Device


class DecisionPost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page posts. Place and time are not in it: the server decides those (rule 3)."""

    id: uuid.UUID
    visitor: uuid.UUID
    version: int
    action: Action
    grants: Grants
    language: str
    banner: str
    gpc: bool = False
    pixels: dict[str, bool] = {}
    """Platforms granted or refused one by one; one that is not named goes by its purposes."""


class SeenPost(msgspec.Struct, frozen=True):
    """A banner was shown. ``entry``: on a page without a same-site referrer, so a visit.

    ``version`` 0 means the newest.
    """

    version: int = 0
    entry: bool = True
    language: str = "en"


class Entry(msgspec.Struct, frozen=True):
    """One decision on its way into the ledger."""

    id: uuid.UUID
    visitor: uuid.UUID
    store_id: int
    version_id: int
    at: dt.datetime
    action: Action
    grants: Grants
    language: str
    banner_sha256: str
    banner_content: bytes | None
    """None: the page named a banner that this release does not compose."""
    regime: Regime
    place: Place
    gpc_header: bool
    gpc_property: bool
    device: Device
    salt: bytes
    refused: tuple[str, ...] = ()
    """Platforms refused one by one though their purposes were granted, in alphabetical order."""
    bot: bool = False
    """No visitor made it; the rates leave it out. The ledger does not say so."""
    variant: str = ""
    """What the counts call the variant that it was made on. The ledger has the banner's hash."""


class Record(msgspec.Struct, frozen=True):
    """One decision as the ledger holds it. ``seq`` grows with time; gaps mean nothing."""

    seq: int
    id: uuid.UUID
    visitor: uuid.UUID
    previous: uuid.UUID | None
    store: str
    version: int
    version_sha256: str
    at: dt.datetime
    action: Action
    grants: Grants
    language: str
    banner_sha256: str
    regime_id: str
    regime_sha256: str
    place: Place
    gpc_header: bool
    gpc_property: bool
    device: Device
    salt: bytes
    refused: tuple[str, ...] = ()
