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


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a variant changes of ``BannerConfig``; None leaves it as it is."""

    layout: Layout | None = None
    accent: str | None = None
    radius: int | None = None
    logo: str | None = None
    light: Scheme | None = None
    dark: Scheme | None = None


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another banner that an experiment shows to some visitors: what differs from the store's."""

    key: str
    name: str = ""
    """What people call it; empty: its key."""
    weight: int = 1
    """How many visitors get it, beside the other weights."""
    banner: Look = Look()
    texts: dict[str, dict[str, str]] = {}
    """Language to words of the first layer (``banner.*``, ``notice.*``)."""


CONTROL = "control"
"""The key of the variant that is the store's own banner, as it stands."""


class Experiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is compared with the store's own banner, and how sure one wants to be. An empty ``key``:
    nothing is.
    """

    key: str = ""
    """Names it for good: what is counted is kept under it."""
    name: str = ""
    weight: int = 1
    """How many visitors get the banner as it stands."""
    starts: dt.date | None = None
    """The first day, in UTC; None: as soon as it is published."""
    ends: dt.date | None = None
    """The first day on which everybody gets the banner as it stands again."""
    expected: int = 50
    """How many of 100 visits accept now, as far as one knows."""
    difference: int = 5
    """The smallest change that matters, in percentage points."""
    confidence: int = 95
    """In per cent: how rarely chance alone is told as a difference, however often one looks."""
    power: int = 80
    """In per cent: how often a change that matters is told once the planned visits were counted."""

    def runs(self, on: dt.date) -> bool:
        began = self.starts is None or self.starts <= on
        return bool(self.key) and began and (self.ends is None or on < self.ends)


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
    experiment: Experiment = Experiment()
    variants: tuple[Variant, ...] = ()
    """The other banners of the experiment."""
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
    variant: str = ""
    """Of which variant of the experiment ``config`` is; empty for what is shown to all."""

    @cached_property
    def rules(self) -> Rules:
        """Where a place looks for its rules: always the same value for one version."""
        template = self.template.regions if self.template else {}
        return Rules(self.config.regions, template, self.config.group)

    @cached_property
    def varied(self) -> Mapping[str, Version]:
        """This version as each variant of its experiment shows it, by key; empty without one."""
        config = self.config
        if not config.experiment.key:
            return {}
        shown = {CONTROL: config} | {one.key: varied(config, one) for one in config.variants}
        return {
            key: msgspec.structs.replace(self, config=config, variant=key)
            for key, config in shown.items()
        }

    def counted_as(self, variant: str) -> str:
        """What the counts call a variant, such as ``spring/box``; empty for none."""
        return f"{self.config.experiment.key}/{variant}" if variant else ""


def varied(config: StoreConfig, variant: Variant) -> StoreConfig:
    """``config`` with the banner and the words of ``variant``."""
    look = msgspec.structs.asdict(variant.banner)
    stated = {name: value for name, value in look.items() if value is not None}
    texts = {
        language: {**config.texts.get(language, {}), **variant.texts.get(language, {})}
        for language in dict.fromkeys((*config.texts, *variant.texts))
    }
    banner = msgspec.structs.replace(config.banner, **stated)
    return msgspec.structs.replace(config, banner=banner, texts=texts)
