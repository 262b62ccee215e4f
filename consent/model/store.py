"""A store as its file says it, the template of its group, and a published version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import msgspec

from consent.model.pixel import Pixel
from consent.model.words import Layout, Purpose


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
