"""The words of the house as frozen values. No I/O, no clocks, no HTTP.

Codes are ISO 3166 upper case (``US``, ``US-CA``) and BCP 47 (``pt-BR``). Moments are aware UTC
and end in ``_at`` or are called ``at``; durations name their unit.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import msgspec

Purpose = Literal["necessary", "preferences", "analytics", "marketing"]
Model = Literal["opt-in", "opt-out", "notice"]
Action = Literal["accept_all", "reject_all", "save", "close", "gpc", "withdraw"]
PlaceSource = Literal["header", "database", "none"]
Device = Literal["phone", "tablet", "desktop"]
Reached = Literal[
    "sent",
    "limited",  # in the vendor's limited mode
    "declined",  # the visitor refused it
    "no_choice",  # nobody had chosen when the page was left
    "gpc",  # Global Privacy Control refused it
    "blocked",  # the browser or the page's policy kept the vendor's library out
    "left",  # the page was left before the library, or the receipt, was there
]
"""How an event of a shop ended for one platform."""

Role = Literal["owner", "marketer", "legal", "developer"]
Scope = Literal[
    "stores:read",  # drafts, versions, snippets and policies
    "stores:write",  # drafts, and going back to an earlier version
    "stores:publish",
    "pages:scan",  # having pages of a store fetched and looked at
    "pixels:review",  # a store's own code
    "regions:read",  # region rules, and why which law holds
    "regions:approve",  # rules that are looser than the law
    "groups:read",
    "groups:write",  # templates, and applying them
    "rates:read",
    "coverage:read",
    "ledger:read",
    "activity:read",
    "visitors:erase",
]
"""What an API token may be good for; never more than what its user may do at that moment."""

Layout = Literal["bar", "box", "dialog"]
Confidence = Literal["verified", "unverified"]
GpcDuty = Literal["required", "conditional", "none"]
Duty = Literal[
    "reject-first-layer",  # refuse stands beside accept on the first layer
    "equal-weight",  # accept and refuse have one size, font and contrast
    "granular",  # purposes can be chosen one by one, none ticked before
    "withdraw-link",  # a permanent way back in, as easy as accepting
    "close-refuses",  # an X in the corner that keeps everything off
    "notice",  # tell at or before collection
    "opt-out-link",  # a permanent link to opt out of sale and sharing
    "gpc-status",  # show that the opt-out signal was processed
]

CHOOSABLE: tuple[Purpose, ...] = ("preferences", "analytics", "marketing")
"""The purposes a visitor can refuse, in the order in which they are shown."""

STRICTNESS: dict[Model, int] = {"notice": 0, "opt-out": 1, "opt-in": 2}
"""Higher denies more before a choice."""

WITH_STATES = ("US", "CA")
"""The countries whose law differs from state to state. Of all others no subdivision is kept: less
about a visitor is known, and rates are not split into places that have the same law."""

KEY_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$"
"""A store's key: what stands in its addresses."""


class Place(msgspec.Struct, frozen=True):
    """Where a visitor is, as far as known, and how that was found.

    ``subdivision`` is a full ISO 3166-2 code (``US-CA``), because ``CA`` alone is Canada.
    """

    country: str | None = None
    subdivision: str | None = None
    source: PlaceSource = "none"

    @property
    def code(self) -> str:
        """The most exact code known: ``US-CA``, ``US``, or an empty string."""
        return self.subdivision or self.country or ""


class Grants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every purpose a visitor can refuse, stated granted or denied."""

    preferences: bool
    analytics: bool
    marketing: bool

    @classmethod
    def all(cls, granted: bool) -> Grants:
        return cls(granted, granted, granted)

    def of(self, purpose: Purpose) -> bool:
        """Whether ``purpose`` is granted; ``necessary`` always is."""
        return purpose == "necessary" or bool(getattr(self, purpose))

    def covers(self, purposes: tuple[Purpose, ...]) -> bool:
        """Whether every one of ``purposes`` is granted."""
        return all(self.of(purpose) for purpose in purposes)

    def without(self, purposes: tuple[Purpose, ...]) -> Grants:
        """The same grants with ``purposes`` denied."""
        return Grants(*(self.of(p) and p not in purposes for p in CHOOSABLE))

    @property
    def kind(self) -> Literal["all", "none", "some"]:
        given = self.preferences + self.analytics + self.marketing
        return "all" if given == len(CHOOSABLE) else "some" if given else "none"


class Looser(msgspec.Struct, frozen=True):
    """A rule that asks less than the shipped regime of its place, and who answers for it."""

    rule: str
    """Whose, and for where: ``regions.DE``, or ``group outdoor: regions.DE``."""
    what: str
    """How much less it asks: ``regime: us-other is opt-out, looser than eea``."""
    reason: str
    by: str
    on: dt.date
    until: dt.date | None
    """The first day on which it holds no more; None: no such day."""


class OwnStatistics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a place lets a site measure its own use without consent, and under which conditions.

    It is never applied by itself: consent/regimes/README.md, "Own statistics".
    """

    law: str
    conditions: tuple[str, ...]
    confidence: Confidence = "unverified"
    since: dt.date | None = None


class Regime(msgspec.Struct, frozen=True):
    """The legal rules for one place on one day, as the regime file and its place table say.

    A store's rule may change it. What then is looser than the shipped one says so itself.
    """

    id: str
    name: str
    model: Model
    law: tuple[str, ...]
    source: str
    reviewed: dt.date
    confidence: Confidence
    gpc_duty: GpcDuty
    gpc_overrides_choice: bool
    duties: tuple[Duty, ...]
    accept_days: int
    refuse_days: int
    sha256: str
    google_advanced: bool = False
    """Whether Google's tags may send pings without cookies after a refusal."""
    automatic_collection: bool = False
    """Whether a vendor's library may collect by itself, where a store lets it."""
    own_statistics: OwnStatistics | None = None
    """None: own statistics need what every other tag needs."""
    looser: tuple[Looser, ...] = ()
    """The rules of the store that ask less here than the shipped regime. Empty: none does."""

    @property
    def content(self) -> bytes:
        """What ``sha256`` is the SHA-256 of: the other fields as canonical JSON.

        ``looser`` and ``own_statistics`` are left out where there are none, so that a regime
        without them reads as it always has.
        """
        fields = msgspec.structs.asdict(self)
        del fields["sha256"]
        if not self.looser:
            del fields["looser"]
        if self.own_statistics is None:
            del fields["own_statistics"]
        return canonical(fields)

    def sealed(self) -> Regime:
        """The same with the SHA-256 of its content."""
        return msgspec.structs.replace(self, sha256=hashlib.sha256(self.content).hexdigest())

    def has(self, duty: Duty) -> bool:
        return duty in self.duties


class Resolution(msgspec.Struct, frozen=True):
    """What holds in one place on one day, and why."""

    regime: Regime
    matched: str
    why: str
    layout: Layout | None = None
    """Of the banner; None: the store's."""
    purposes: tuple[Purpose, ...] = CHOOSABLE
    """Those that are offered here. The others are neither asked for nor granted."""
    pixels: tuple[str, ...] | None = None
    """Keys of the pixels that may run here; None: all that are registered."""
    own_statistics: tuple[str, ...] = ()
    """Keys of the pixels that a lawyer has let run here as own statistics before a choice."""
    given: tuple[tuple[str, str], ...] = ()
    """Each field that a rule gave, and which rule: ``("layout", "regions.@eea")``."""

    @property
    def allows_all(self) -> bool:
        """Whether every pixel may run here, once granted."""
        return self.pixels is None and self.purposes == CHOOSABLE

    def offered(self, purposes: tuple[Purpose, ...]) -> tuple[Purpose, ...]:
        """Those of ``purposes`` that are offered here."""
        return tuple(purpose for purpose in purposes if purpose in self.purposes)

    def allows(self, pixel: str, purposes: tuple[Purpose, ...]) -> bool:
        """Whether the pixel with that key and these purposes may run here, once granted."""
        return allowed(pixel, purposes, self.purposes, self.pixels)


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


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which lawyer allowed a rule to be looser than the law, and which rule: ``sha256`` is
    ``regions.rules.digest``'s, so an edit voids it.
    """

    by: str
    on: dt.date
    sha256: str
    pixels: str = ""
    """Of a store's rule with own statistics: ``lawful.exempted``, since a rule only names them."""


class RegionRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A store's or a template's word for one place. What it does not state, the next rule may."""

    regime: str = ""
    """A shipped regime's id."""
    accept_days: int | None = None
    refuse_days: int | None = None
    layout: Layout | None = None
    purposes: tuple[Purpose, ...] | None = None
    """Those that are offered there."""
    pixels: tuple[str, ...] | None = None
    """Keys of the pixels that may run there."""
    own_statistics: tuple[str, ...] | None = None
    """Keys of the pixels that are the site's own statistics there, and run until a refusal."""
    until: dt.date | None = None
    """The first day on which the rule holds no more."""
    reason: str = ""
    """Why it may be looser than the law there."""
    approved: Approval | None = None

    def holds(self, on: dt.date) -> bool:
        return self.until is None or on < self.until


class Rules(msgspec.Struct, frozen=True, eq=False):
    """A store's region rules by code (``US-CA``, ``DE``), group (``@eea``) or ``*``, and those of
    its group's template, which count where the store's say nothing. Never equal to another one, so
    that what was found for it can be kept.
    """

    own: Mapping[str, RegionRule] = {}
    template: Mapping[str, RegionRule] = {}
    group: str = ""
    """The key of the store's group."""

    def __bool__(self) -> bool:
        return bool(self.own or self.template)

    @property
    def by_layer(self) -> tuple[Mapping[str, RegionRule], Mapping[str, RegionRule]]:
        """The store's, and the template's."""
        return self.own, self.template

    @property
    def layers(self) -> tuple[tuple[str, Mapping[str, RegionRule]], ...]:
        """Each with what stands before a rule's key when it is named; the first counts first."""
        return ("regions.", self.own), (f"group {self.group}: regions.", self.template)


class Scheme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Colours in the light or the dark scheme, each ``#rrggbb``; empty means ours."""

    background: str = ""
    text: str = ""
    accent: str = ""
    """Both buttons; empty means the banner's own ``accent``."""


class BannerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a store's banner looks. ``accent`` is ``#rrggbb`` or empty."""

    layout: Layout = "bar"
    accent: str = ""
    radius: int = 8
    """Of the corners, in CSS pixels, 0 to 24."""
    logo: str = ""
    """A picture on one of the store's own origins, or a path there; empty means none."""
    light: Scheme = Scheme()
    dark: Scheme = Scheme()


class SignalsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom else the loader tells what was granted, on every page."""

    wordpress: bool = False
    """The WP Consent API."""
    shopify: bool = False
    """Shopify's Customer Privacy API."""
    datalayer: bool = False
    """Events in ``dataLayer``, for triggers in Google Tag Manager."""


class GoogleConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How Google's tags behave after a refusal. ``advanced`` lets them send pings without cookies,
    and holds only where the regime allows it.
    """

    consent_mode: Literal["basic", "advanced"] = "basic"
    ads_data_redaction: bool = False
    url_passthrough: bool = False


class GpcConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What Global Privacy Control turns off in this store; ``marketing`` always is."""

    refuses: tuple[Purpose, ...] = ("marketing",)


class CookieConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a decision holds: ``summit.example`` means there and on every subdomain of it.

    Empty: on the very host where it was made, and nowhere else.
    """

    domain: str = ""

    def covers(self, host: str) -> bool:
        """Whether ``host`` is the domain or on it."""
        return host == self.domain or host.endswith(f".{self.domain}")


MOST_KEPT_DAYS = 3653
"""Nothing is kept for ever (GDPR article 5(1)(e)): ten years at most."""


class RetentionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a store keeps records.

    The default is three years, in which most claims about a consent become time-barred
    (unverified; no law names a number).
    """

    decisions_days: int = 1096
    """Days after a decision was replaced by the visitor's next one; a visitor's last decision, days
    after it was made, and never while it holds."""


class StoreConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A store as its TOML file says it: what ``consent store import`` reads."""

    key: str
    name: str
    origins: tuple[str, ...]
    privacy_url: str = ""
    language: str = "en"
    release: Literal["after-receipt", "at-once"] = "after-receipt"
    """Whether an accepted pixel waits for the stored receipt (rule 2)."""
    pixels: tuple[Pixel, ...] = ()
    regions: dict[str, RegionRule] = {}
    banner: BannerConfig = BannerConfig()
    gpc: GpcConfig = GpcConfig()
    page_views: Literal["manual", "automatic"] = "manual"
    """``automatic``: the loader tracks PageView by itself, also when a page changes its address."""
    campaign: bool = False
    """Whether campaign parameters and click ids are kept, and handed on with events."""
    coverage: bool = False
    """Whether pages count how much of what they track reaches each platform."""
    signals: SignalsConfig = SignalsConfig()
    google: GoogleConfig = GoogleConfig()
    cookie: CookieConfig = CookieConfig()
    retention: RetentionConfig = RetentionConfig()
    texts: dict[str, dict[str, str]] = {}
    """Language to the store's own words, by the keys of ``locales/``."""
    group: str = ""
    """The key of the group whose template says what this store leaves out."""
    stated: tuple[str, ...] = ()
    """Dotted keys that the file of a store in a group states though they say the default, so that
    they win over the template. No key of the file itself."""


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the stores of a group share; each key means what it means in a store's file.

    Left out is what makes a store the one that it is: its key, name, origins, pixels and cookie.
    """

    privacy_url: str = ""
    language: str = "en"
    release: Literal["after-receipt", "at-once"] = "after-receipt"
    regions: dict[str, RegionRule] = {}
    banner: BannerConfig = BannerConfig()
    gpc: GpcConfig = GpcConfig()
    page_views: Literal["manual", "automatic"] = "manual"
    campaign: bool = False
    coverage: bool = False
    signals: SignalsConfig = SignalsConfig()
    google: GoogleConfig = GoogleConfig()
    retention: RetentionConfig = RetentionConfig()
    texts: dict[str, dict[str, str]] = {}


class Group(msgspec.Struct, frozen=True):
    """Stores that share a template."""

    key: str
    name: str
    template: Template = Template()


class Version(msgspec.Struct, frozen=True, dict=True):
    """An immutable, numbered, published state of a store's configuration.

    ``config`` is what holds: the store's own, and of its group's template what that leaves out. Its
    ``regions`` are the store's own alone; ``rules`` has both.
    """

    id: int
    store_id: int
    number: int
    sha256: str
    published_at: dt.datetime
    config: StoreConfig
    asks_since: int
    """The lowest version number that asked about the same pixels and purposes."""
    former: tuple[Pixel, ...] = ()
    """The pixels of earlier versions that this one has no more. What they left has to go too."""
    own: StoreConfig | None = None
    """The store's own configuration; None: ``config`` is."""
    template: Template | None = None
    """The group's template as it was then; None: the store was in no group."""

    @cached_property
    def rules(self) -> Rules:
        """Where a place looks for its rules: always the same value for one version."""
        template = self.template.regions if self.template else {}
        return Rules(self.config.regions, template, self.config.group)


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


class Grant(msgspec.Struct, frozen=True):
    """A role for one store, for one group of stores, or for every store, where neither is named."""

    role: Role
    store: str | None = None
    group: str | None = None

    @property
    def everywhere(self) -> bool:
        return self.store is None and self.group is None

    def covers(self, store: str, group: str | None) -> bool:
        """Whether it holds for the store with this key, which is in ``group``."""
        if self.everywhere:
            return True
        return self.store == store or (self.group is not None and self.group == group)

    @property
    def where(self) -> str:
        return f"group {self.group}" if self.group is not None else self.store or "every store"

    def __str__(self) -> str:
        return f"{self.role} of {self.where}"


class User(msgspec.Struct, frozen=True):
    """Someone who may sign in."""

    id: int
    email: str
    grants: tuple[Grant, ...]
    created_at: dt.datetime
    disabled_at: dt.datetime | None
    acting: tuple[Grant, ...] = ()
    """Those of the grants by which the user asks for what is answered now; none unless said."""

    @property
    def everywhere(self) -> bool:
        """Whether one of the grants asked by holds for every store."""
        return any(grant.everywhere for grant in self.acting)


class Token(msgspec.Struct, frozen=True):
    """What a program uses the API with. The secret itself is kept nowhere."""

    id: int
    name: str
    user_id: int
    email: str
    scopes: tuple[Scope, ...]
    created_at: dt.datetime
    expires_at: dt.datetime
    used_on: dt.date | None
    """The last day on which it was used, in UTC; None: never."""
    revoked_at: dt.datetime | None

    def holds(self, at: dt.datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at


def canonical(value: Any) -> bytes:
    """``value`` as canonical JSON: sorted keys, no spaces, UTF-8 (RFC 8785 for our types).

    Holds RFC 8785 as long as numbers are integers and keys are ASCII, which every caller keeps.
    """
    return msgspec.json.encode(value, order="sorted")


def allowed(
    pixel: str,
    purposes: tuple[Purpose, ...],
    offered: tuple[Purpose, ...],
    pixels: tuple[str, ...] | None,
) -> bool:
    """Whether a pixel with that key and these purposes may run where those are offered."""
    named = pixels is None or pixel in pixels
    return named and all(one == "necessary" or one in offered for one in purposes)


def is_key(text: str) -> bool:
    return re.fullmatch(KEY_PATTERN, text) is not None


def host_of(origin: str) -> str:
    """``summit.example`` of ``https://summit.example:8443``: an origin without scheme and port."""
    host = origin.partition("://")[2]
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
