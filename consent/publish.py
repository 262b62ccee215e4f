"""A store as one TOML file: read, written, checked, and published.

::

    key = "summit"
    name = "Summit Outdoor"
    origins = ["https://summit.example"]
    privacy_url = "https://summit.example/privacy"

    [[pixels]]
    platform = "meta"
    id = "123456789012345"

    [regions."US-CA"]
    regime = "us-ca"

    [banner]
    layout = "bar"

A file that lacks a key means its default, so writing leaves defaults out. What is written reads
back as the same store.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence

import babel

from consent import stores, theme
from consent.database import Database
from consent.errors import ConflictError, RefusedError
from consent.model import (
    STRICTNESS,
    WITH_STATES,
    Pixel,
    Place,
    Purpose,
    Regime,
    RegionRule,
    StoreConfig,
    Version,
    host_of,
    is_key,
)
from consent.platforms import Platforms, custom
from consent.regions import Regions
from consent.texts import Texts

_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::[1-9]\d{0,4})?")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"localhost|(?:{_LABEL}\.)+(?!\d+$){_LABEL}")
"""The last label is no number, as in an IP address, to which no subdomain belongs."""
_MOST_LETTERS = 253
_ADDRESS = re.compile(r"https?://[^\s<>\"']+")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PATH = re.compile(r"/(?!/)[^\s<>\"'\\\\]*")
_GPC_DUTIES = ("none", "conditional", "required")


def check(
    config: StoreConfig,
    platforms: Platforms,
    regions: Regions,
    texts: Texts,
    *,
    on: dt.date,
    draft: bool = False,
) -> list[str]:
    """Every reason why this store cannot be published on that day, as ``key: fault``; or none.

    A ``draft`` may still wait for the review of its own pixels.
    """
    return [
        *_identity_faults(config, texts),
        *_cookie_faults(config),
        *pixel_faults(config, platforms),
        *(() if draft else _review_faults(config)),
        *_region_faults(config, regions, on),
        *_banner_faults(config, regions.strictest),
        *_text_faults(config, texts),
    ]


def notes(config: StoreConfig, platforms: Platforms, regions: Regions, *, on: dt.date) -> list[str]:
    """Where less holds than the store asks for, as ``key: fact``. It is published all the same."""
    every = [regions.regime(id_, Place(), on=on) for id_ in regions.ids]
    manual = ", ".join(regime.id for regime in every if not regime.automatic_collection)
    told = [
        f"pixels[{index}]: {pixel.platform} {pixel.id} collects nothing by itself under {manual}, "
        f"by the law there"
        for index, pixel in enumerate(config.pixels)
        if pixel.automatic
    ]
    if config.google.consent_mode == "basic":
        return told
    basic = [regime.id for regime in every if not regime.google_advanced]
    told.append(
        f"google.consent_mode: advanced, but basic under {', '.join(basic)}, by the law there"
    )
    for index, pixel in enumerate(config.pixels):
        by_mode = platforms.of(pixel).consent.google_consent_mode
        if by_mode and len(platforms.purposes(pixel)) > 1:
            told.append(
                f"pixels[{index}]: {pixel.platform} {pixel.id} stays basic, as it has two "
                f"purposes, and a refusal of one would leave it the cookies of the other"
            )
    return told


async def publish(
    database: Database,
    key: str,
    *,
    platforms: Platforms,
    regions: Regions,
    texts: Texts,
    now: Callable[[], dt.datetime],
    shown: StoreConfig | None = None,
) -> Version:
    """The draft of the store ``key`` as its next version, live in every process within a second.

    Args:
        shown: the draft as whoever publishes it has seen it; None: whatever it is by now.

    Returns:
        The newest version; when the draft says the same as it, that one again.

    Raises:
        NotFoundError: there is no such store.
        ConflictError: the draft is not what was shown.
        RefusedError: the draft has faults; all of them are named, each with its law.
    """
    at = now()
    async with database.write() as connection:
        draft = await stores.draft(connection, key)
        if shown is not None and draft != shown:
            raise ConflictError("moved", "draft: someone has changed it meanwhile; look at it anew")
        faults = check(draft, platforms, regions, texts, on=at.date())
        if faults:
            raise RefusedError("unfit", "; ".join(faults))
        return await stores.publish(connection, key, at)


def _identity_faults(config: StoreConfig, texts: Texts) -> Iterator[str]:
    if not is_key(config.key):
        yield f"key: {config.key!r}; expected a-z, 0-9 and inner hyphens, at most 40"
    if not config.name.strip():
        yield "name: empty; expected what people call the store"
    if not config.origins:
        yield "origins: none; expected one or more, such as https://shop.example"
    for origin in config.origins:
        if _ORIGIN.fullmatch(origin) is None:
            yield f"origins: {origin!r}; expected scheme and host alone, such as https://shop.example"
    if config.privacy_url and _ADDRESS.fullmatch(config.privacy_url) is None:
        yield f"privacy_url: {config.privacy_url!r}; expected an http or https address"
    if config.language not in texts.languages:
        yield f"language: {config.language!r}; expected one of {', '.join(texts.languages)}"


def _cookie_faults(config: StoreConfig) -> Iterator[str]:
    """A browser refuses a cookie for a domain that its page is not on, and says nothing."""
    domain = config.cookie.domain
    if not domain:
        return
    if len(domain) > _MOST_LETTERS or _DOMAIN.fullmatch(domain) is None:
        yield (
            f"cookie.domain: {domain!r}; expected a domain in lower case without a dot in front, "
            f"such as summit.example"
        )
        return
    for origin in config.origins:
        if not config.cookie.covers(host_of(origin)):
            yield (
                f"cookie.domain: {domain!r} leaves out {origin}; expected a domain that every "
                f"origin is on, or none"
            )


def pixel_faults(config: StoreConfig, platforms: Platforms) -> Iterator[str]:
    """Every reason why these pixels cannot be published, as ``pixels[INDEX]: key: fault``."""
    for index, pixel in enumerate(config.pixels):
        faults = platforms.faults(pixel)
        for fault in faults or _weakened(pixel, platforms.of(pixel).purposes):
            yield f"pixels[{index}]: {fault}"
    seen = set()
    first: dict[str, Pixel] = {}
    for index, pixel in enumerate(config.pixels):
        if (pixel.platform, pixel.id) in seen:
            yield f"pixels[{index}]: {pixel.platform} {pixel.id} is there twice; expected it once"
        seen.add((pixel.platform, pixel.id))
        other = first.setdefault(pixel.platform, pixel)
        platform = platforms.get(pixel.platform)
        if platform is None or not platform.page_wide:
            continue
        if set(platforms.purposes(pixel)) != set(platforms.purposes(other)):
            yield (
                f"pixels[{index}]: purposes: other than those of {other.id}; expected the same, as "
                f"{platform.name} has one switch for all its pixels on a page"
            )


def _review_faults(config: StoreConfig) -> Iterator[str]:
    for index, pixel in enumerate(config.pixels):
        if why := custom.unreviewed(pixel):
            how = f"`consent store review {config.key} {pixel.id} --by EMAIL`"
            yield f"pixels[{index}]: {why}, on its page in the admin or by {how}"


def _weakened(pixel: Pixel, own: tuple[Purpose, ...]) -> Iterator[str]:
    """A store may ask for more than a platform needs, not for less: a visitor who refuses
    marketing, or whose browser does, refuses every pixel that is marketing.
    """
    missing = [purpose for purpose in own if pixel.purposes and purpose not in pixel.purposes]
    if missing:
        yield (
            f"purposes: {', '.join(pixel.purposes)}; expected {', '.join(missing)} among them, "
            f"as that is what {pixel.platform} does"
        )


def _region_faults(config: StoreConfig, regions: Regions, on: dt.date) -> Iterator[str]:
    """What is wrong with the store's rules, and each one that loosens the law of some place."""
    faults = regions.faults(config.regions)
    yield from faults
    if faults or not config.regions:
        return
    told = set()
    for place in _places(config.regions):
        chosen = regions.resolve(place, on=on, rules=config.regions)
        if chosen.matched not in config.regions or chosen.matched in told:
            continue
        shipped = regions.resolve(place, on=on).regime
        looser = _looser(chosen.regime, shipped, precaution=shipped.id == regions.strictest.id)
        if looser is not None:
            told.add(chosen.matched)
            yield (
                f"regions.{chosen.matched}.regime: {chosen.regime.id!r} {looser} than "
                f"{shipped.id!r} in {place.code}; expected nothing looser than the law there: "
                f"{'; '.join(shipped.law)}"
            )


def _places(rules: Mapping[str, RegionRule]) -> Iterator[Place]:
    """The places that rules name, then every country, then every code a state may have."""
    for code in rules:
        if code[0] not in "@*":
            yield Place(code[:2], code if "-" in code else None)
    for code in map(str, babel.Locale("en").territories):
        if _COUNTRY.fullmatch(code):
            yield Place(code)
    for country, *letters in itertools.product(WITH_STATES, *(string.ascii_uppercase,) * 2):
        yield Place(country, f"{country}-{''.join(letters)}")


def _looser(chosen: Regime, shipped: Regime, *, precaution: bool) -> str | None:
    """How ``chosen`` asks less of a store than ``shipped``; None when it does not.

    A stricter model may drop the duties of a milder one. Where the shipped regime is a precaution,
    because no law is known, the model alone counts.
    """
    if STRICTNESS[chosen.model] < STRICTNESS[shipped.model]:
        return f"is {chosen.model}, looser"
    if chosen.google_advanced and not shipped.google_advanced:
        return "lets refused Google tags send pings, so is looser"
    if chosen.automatic_collection and not shipped.automatic_collection:
        return "lets vendors' libraries collect by themselves, so is looser"
    if precaution or STRICTNESS[chosen.model] > STRICTNESS[shipped.model]:
        return None
    if _GPC_DUTIES.index(chosen.gpc_duty) < _GPC_DUTIES.index(shipped.gpc_duty):
        return "heeds Global Privacy Control less"
    missing = [duty for duty in shipped.duties if not chosen.has(duty)]
    return f"leaves out {', '.join(missing)}, so is looser" if missing else None


def _banner_faults(config: StoreConfig, strictest: Regime) -> Iterator[str]:
    """Accept and refuse share one colour, so what is left to break is that it cannot be read."""
    if "marketing" not in config.gpc.refuses:
        yield "gpc.refuses: leaves out marketing; expected it, as the signal refuses its sale"
    if "necessary" in config.gpc.refuses:
        yield "gpc.refuses: names necessary; expected purposes that can be refused"
    for fault in theme.faults(config.banner):
        yield f"{fault}: {'; '.join(strictest.law)}" if "contrast" in fault else fault
    logo = config.banner.logo
    if logo and not _own(logo, config.origins):
        yield (
            f"banner.logo: {logo!r}; expected a path such as /logo.svg or an address on one of the "
            f"store's origins, as nothing loads from third parties before consent"
        )


def _own(address: str, origins: Sequence[str]) -> bool:
    """Whether ``address`` is a path, or stands on one of the origins."""
    if not _ADDRESS.fullmatch(address):
        return _PATH.fullmatch(address) is not None
    return any(address.startswith(f"{origin}/") for origin in origins)


def _text_faults(config: StoreConfig, texts: Texts) -> Iterator[str]:
    """What is wrong with the store's own words."""
    for language, own in config.texts.items():
        if language not in texts.languages:
            known = ", ".join(texts.languages)
            yield f"texts.{language}: not a language that we have; expected one of {known}"
            continue
        for fault in texts.faults(own):
            yield f"texts.{language}.{fault}"
