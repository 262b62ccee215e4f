"""A platform registered for a store, and a pixel of the store's own."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from consent.model.words import Purpose


class Trace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something a platform leaves in the browser. A name ending in ``*`` is a prefix."""

    name: str
    kind: Literal["cookie", "local", "session", "indexeddb"] = "cookie"
    party: Literal["first", "third"] = "first"
    lifetime: str = ""


class Hosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a platform's code talks to, by Content-Security-Policy directive."""

    script: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()
    img: tuple[str, ...] = ()
    frame: tuple[str, ...] = ()

    @property
    def every(self) -> tuple[str, ...]:
        """Each of them once."""
        return tuple(dict.fromkeys((*self.script, *self.connect, *self.img, *self.frame)))


class Review(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who has looked at a store's own code, and at which: ``sha256`` is ``platforms.custom``'s."""

    by: str
    on: dt.date
    sha256: str


class Custom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pixel of the store's own, as a developer declares it: one of ``script`` and ``template``.

    What is declared is what visitors are told, and what its page's policy has to allow.
    """

    name: str
    vendor: str
    privacy_url: str
    script: str = ""
    """The address of a script that is loaded once its purposes are granted."""
    template: str = ""
    """A function expression like a platform's ``pixel.js``, without placeholders."""
    hosts: Hosts = Hosts()
    traces: tuple[Trace, ...] = ()
    stops_sending: bool = False
    """Whether the template's ``revoke`` keeps it from sending; else the page is loaded anew."""
    reviewed: Review | None = None
    """None: nobody has, so it cannot be published."""


class Pixel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A platform registered for a store, with its ids and purposes."""

    platform: str
    id: str
    purposes: tuple[Purpose, ...] = ()
    """Empty: the platform's own."""
    labels: dict[str, str] = {}
    """Event name to the vendor's conversion label, where the platform wants one per event."""
    opt_out: Literal["stop", "limit"] = "stop"
    """After an opt-out of sale and sharing: send nothing, or what the vendor's own limited mode
    takes, where the platform has one for the place."""
    automatic: bool = False
    """Whether the vendor's library may collect by itself, where the regime allows it."""
    custom: Custom | None = None
    """With platform ``custom``, and only there."""

    @property
    def key(self) -> str:
        """What decisions call it: the platform's name, or that of the store's own pixel."""
        return f"{self.platform}-{self.id}" if self.custom else self.platform
