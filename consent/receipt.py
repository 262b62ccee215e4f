"""What a record says, as bytes that anyone can make again, and the file that proves it. Pure.

The bytes are canonical JSON (RFC 8785). Their SHA-256, the *digest*, is the record's entry in the
log; it can be published, because ``salt`` is in it: nobody can guess a record from its digest.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from typing import Literal

import msgspec

from consent.model import Action, Device, Grants, Place, Record, canonical


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A record, field by field. No address, no user agent and no page is in it.

    A release that adds a field leaves it out of every record that does not have it, so that the
    digest of an older record stays what it was.
    """

    action: Action
    """What the visitor did; ``gpc``: the browser's signal decided."""
    at: str
    """The server's time, RFC 3339 in UTC, always six digits of a second."""
    banner_sha256: str
    """Of what was shown: texts, services and layout, in this language."""
    device: Device
    """Phone, tablet or desktop; nothing else of the user agent is kept."""
    format: Literal["pixelgate-record-1"] = "pixelgate-record-1"
    gpc_header: bool
    """Whether the request carried ``Sec-GPC: 1``."""
    gpc_property: bool
    """Whether the page read it from ``navigator.globalPrivacyControl``."""
    grants: Grants
    """Each purpose that can be refused, true for granted and false for denied."""
    id: uuid.UUID
    """Random, made in the browser; also in its cookie."""
    language: str
    """BCP 47, of the banner."""
    place: Place
    """ISO 3166 country and subdivision, and how they were found."""
    previous: uuid.UUID | None
    """The same visitor's record before this one in the same store."""
    refused: tuple[str, ...]
    """Pixels refused one by one. Every other pixel of the version goes by its purposes."""
    regime: str
    """The set of legal rules that applied."""
    regime_sha256: str
    """Of those rules, as they were."""
    salt: str
    """16 random bytes, hexadecimal."""
    seq: int
    """Its number in the ledger, from 1, without gaps."""
    store: str
    version: int
    """Of the store's published configuration."""
    version_sha256: str
    visitor: uuid.UUID
    """Random, made in the browser; knows no person."""


def content(record: Record) -> Content:
    """What ``record`` says."""
    return Content(
        action=record.action,
        at=_rfc3339(record.at),
        banner_sha256=record.banner_sha256,
        device=record.device,
        gpc_header=record.gpc_header,
        gpc_property=record.gpc_property,
        grants=record.grants,
        id=record.id,
        language=record.language,
        place=record.place,
        previous=record.previous,
        refused=record.refused,
        regime=record.regime_id,
        regime_sha256=record.regime_sha256,
        salt=record.salt.hex(),
        seq=record.seq,
        store=record.store,
        version=record.version,
        version_sha256=record.version_sha256,
        visitor=record.visitor,
    )


def digest(record: Record) -> bytes:
    """The record's entry in the log: SHA-256 over its content, 32 bytes."""
    return hashlib.sha256(canonical(content(record))).digest()


def _rfc3339(at: dt.datetime) -> str:
    text = at.astimezone(dt.UTC).isoformat(timespec="microseconds")
    return text.removesuffix("+00:00") + "Z"
