"""The cookie ``pixelgate`` from the service's side; its twin is ``browser/src/decision.js``.

Safari keeps what a script writes for seven days at most, and what a server sets for as long as it
says. So where the service shares the cookie with the shop, because it runs on the shop's own host
or on a subdomain of the store's ``cookie.domain``, it sets the very cookie that the page writes:
with the answer to a stored refusal, and every decision again at each visit. It is never
``HttpOnly``, since the loader reads it, and it lets nobody in anywhere.

**With a stored decision.** Never where it grants anything: the visitor may have refused while the
post was on its way, and a cookie that comes late would undo that. The page writes a grant itself,
and the next visit renews it. Where it grants nothing, the cookie that came with the post decides:

=========================  =========================================================================
nothing                    set, if it was stored just now. A replay of an old post finds nothing
                           too, once its cookie has expired or was deleted
the decision posted        set, also when this is the second try and the first one's answer was lost
another decision           kept: another tab has decided since, or another subdomain while this post
                           waited in its page's outbox. Times are not compared: the post's is new
                           whenever it arrives, the cookie's may be from a clock that is wrong
``0...``, or unreadable    set, if it was stored just now: a withdrawal is under way, or someone
                           wrote there
=========================  =========================================================================

What no request can tell is what the browser does while the answer is on its way. Then a refusal may
land on a newer decision. If that was a grant, it is lost, and the visitor has less than was chosen.
No answer to a post gives more.

**At each visit.** The same text for what is left of its time. Only a text that has the form, that
is the only one, and that the page would believe too. Not one that still waits to be stored: it may
grant less than was chosen, and its own answer, which brings the rest, may be on its way. Nothing
else of a request gets into an answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from starlette.types import Scope

from consent.model import CHOOSABLE, CookieConfig, Model, Record, Regime, host_of

DAY_SECONDS = 86_400
TEXT_BYTES = 1024
"""The longest cookie that is read. Without refused pixels it has about 110 bytes."""

_UUID = rb"[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}"
_FORM = re.compile(
    rb"([12])\.(%(id)s)\.%(id)s\.(\d{1,9})\.(?:opt-in|opt-out|notice)\.(\d{9,11})\.([01]{3})\.[01]"
    rb"(?:\.[a-z\d-]+(?:\+[a-z\d-]+)*)?" % {b"id": _UUID}
)
_OURS = re.compile(rb"(?:^|;)[ \t]*pixelgate=([^;]*)")
_REFERRER = re.compile(rb"(https?://[^/?#]+)")


class Carried(NamedTuple):
    """A decision as a request carries it: its text, and what of it matters here."""

    text: bytes
    waits: bool
    """The page does not know yet whether the ledger has it."""
    id: str
    version: int
    at: int
    grants_any: bool


class Days(NamedTuple):
    """After how many days a regime asks again whom it was granted something, and whom nothing."""

    accept: int
    refuse: int

    @classmethod
    def of(cls, regime: Regime) -> Days:
        return cls(regime.accept_days, regime.refuse_days)

    def left(self, at: int, now: float, *, grants_any: bool) -> int:
        """Seconds that a decision of the moment ``at`` still holds; 0 or less when it does not."""
        days = self.accept if grants_any else self.refuse
        return int(at + days * DAY_SECONDS - now)


class Shop(NamedTuple):
    """Whose cookie it is: the hosts that share it (``domain``; empty means one), and over TLS?"""

    domain: str
    secure: bool

    def cookie(self, text: bytes, seconds: int) -> tuple[bytes, bytes]:
        """The header that sets ``text`` for so long."""
        attributes = f"; Path=/; Max-Age={seconds}; SameSite=Lax"
        attributes += "; Secure" if self.secure else ""
        attributes += f"; Domain={self.domain}" if self.domain else ""
        return b"set-cookie", b"pixelgate=" + text + attributes.encode()


def shop(
    scope: Scope, config: CookieConfig, origins: Sequence[str], origin: str | None
) -> Shop | None:
    """The shop with which this request's host shares the cookie; None when there is none.

    Args:
        scope: the request's. What counts is ``Host`` as the browser has sent it.
        config: the store's.
        origins: the store's, all of them within the domain, if it names one.
        origin: the one that asks, where the request tells it. Else any may be.
    """
    host = _host(scope)
    asking = origins if origin is None else (origin,)
    if config.domain:
        if not config.covers(host):
            return None
        shared = [one for one in asking if config.covers(host_of(one))]
    else:
        shared = [one for one in asking if host_of(one) == host]
    return Shop(config.domain, all(map(_is_secure, shared))) if shared else None


def _host(scope: Scope) -> str:
    """The host that the request names, without port; empty when it names none or several."""
    named = [value for name, value in scope["headers"] if name == b"host"]
    return host_of("://" + named[0].decode("latin-1").lower()) if len(named) == 1 else ""


def _is_secure(origin: str) -> bool:
    return origin.startswith("https:")


def referrer(header: bytes | None, origins: Sequence[str]) -> str | None:
    """The one of ``origins`` on which the page stands that asks for a script, if it says so."""
    found = _REFERRER.match(header or b"")
    origin = str(found[1], "latin-1") if found else ""
    return origin if origin in origins else None


def carried(scope: Scope) -> Carried | Literal["unreadable"] | None:
    """The decision in the request's cookies; None when there is no cookie of ours.

    ``unreadable``: it has not the form, or there is more than one.
    """
    header = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    texts: list[bytes] = _OURS.findall(header)
    if not texts:
        return None
    text = texts[0].rstrip(b" \t")
    form = _FORM.fullmatch(text) if len(texts) == 1 and len(text) <= TEXT_BYTES else None
    if form is None:
        return "unreadable"
    state, id_, version, at, bits = form.groups()
    return Carried(text, state == b"2", id_.decode(), int(version), int(at), b"1" in bits)


def text(record: Record, model: Model) -> bytes:
    """What a page writes of this decision once it is stored; ``model`` is its regime's."""
    bits = "".join(str(int(record.grants.of(purpose))) for purpose in CHOOSABLE)
    gpc = int(record.gpc_header or record.gpc_property)
    parts = [1, record.id, record.visitor, record.version, model, _second(record), bits, gpc]
    if record.refused:
        parts.append("+".join(record.refused))
    return ".".join(map(str, parts)).encode()


def _second(record: Record) -> int:
    return int(record.at.timestamp())


def of_stored(
    record: Record,
    regime: Regime,
    *,
    fresh: bool,
    known: Carried | Literal["unreadable"] | None,
    shop: Shop,
    now: float,
) -> tuple[bytes, bytes] | None:
    """The header that goes with the answer to a stored decision, or None; see the module's text.

    Args:
        record: as the ledger holds it.
        regime: the record's.
        fresh: it was stored for this post, not for one before.
        known: what the request carried.
        shop: whose cookie it is.
        now: seconds since 1970.
    """
    # Never a grant: the visitor may have refused since this post left, and a header that comes late
    # would undo that. The page writes a grant itself, and the next script renews it.
    if record.grants.kind != "none":
        return None
    wanted = known.id == str(record.id) if isinstance(known, Carried) else fresh
    seconds = Days.of(regime).left(_second(record), now, grants_any=False)
    return shop.cookie(text(record, regime.model), seconds) if wanted and seconds > 0 else None


def renewed(
    known: Carried | Literal["unreadable"] | None,
    days: Days,
    *,
    newest: int,
    shop: Shop,
    now: float,
) -> tuple[bytes, bytes] | None:
    """The header that lets a known decision live for the rest of its time, or None.

    Args:
        known: what the request carried.
        days: of the regime where the visitor is now.
        newest: the number of the store's newest version; a page believes none above it.
        shop: whose cookie it is.
        now: seconds since 1970.
    """
    if not isinstance(known, Carried) or known.waits:
        return None
    if known.at > now or known.version > newest:
        return None
    seconds = days.left(known.at, now, grants_any=known.grants_any)
    return shop.cookie(known.text, seconds) if seconds > 0 else None
