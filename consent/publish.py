"""Whether a store may be published, each reason why not, and a draft that becomes a version."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from consent import activity, approve, inherit, lawful, listed, roles, stores, theme, variants
from consent.activity import Act
from consent.database import Database
from consent.database.dialects import take_lock
from consent.errors import ConflictError, NotFoundError, RefusedError
from consent.model import (
    Group,
    Pixel,
    Place,
    Purpose,
    Regime,
    Rules,
    StoreConfig,
    Template,
    User,
    Version,
    host_of,
    is_key,
    varied,
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
MOST = {"pixels": 100, "origins": 100, "regions": 400, "texts": 100}
_PATH = re.compile(r"/(?!/)[^\s<>\"'\\\\]*")


def check(
    config: StoreConfig,
    platforms: Platforms,
    regions: Regions,
    texts: Texts,
    *,
    on: dt.date,
    draft: bool = False,
    template: Template | None = None,
) -> list[str]:
    """Every reason why this store cannot be published on that day, as ``key: fault``; or none.

    Args:
        config: the store's own.
        platforms: the snippets.
        regions: the law.
        texts: the locales.
        on: the day.
        draft: it may still wait for the review of its own pixels, and for a lawyer's approval.
        template: its group's.
    """
    whole = inherit.effective(config, template)
    rules = Rules(config.regions, template.regions if template else {}, config.group)
    return list(_size_faults(whole)) or [
        *_identity_faults(whole, texts),
        *_cookie_faults(whole),
        *pixel_faults(whole, platforms),
        *(() if draft else _review_faults(whole)),
        *lawful.faults(rules, regions, on, approved=draft),
        *lawful.named_faults(rules, whole, platforms),
        *lawful.own_statistics_faults(whole, rules, platforms, regions, on),
        *(() if draft else lawful.other_pixels_faults(config)),
        *_banner_faults(whole, regions.strictest),
        *lawful.retention_faults(whole, rules, regions),
        *lawful.text_faults(whole, texts, regions.strictest),
        *_experiment_faults(whole, regions, texts),
    ]


def template_faults(
    group: Group, regions: Regions, texts: Texts, *, on: dt.date, draft: bool = False
) -> list[str]:
    """Every reason why no store could be published with this group's template; see ``check``."""
    template = group.template
    rules = Rules(template=template.regions, group=group.key)
    bare = StoreConfig(group.key, group.name, ("https://shop.example",))
    whole = inherit.effective(bare, template)
    return list(_size_faults(whole)) or [
        *_identity_faults(whole, texts),
        *lawful.faults(rules, regions, on, approved=draft),
        *_banner_faults(whole, regions.strictest),
        *lawful.retention_faults(whole, rules, regions),
        *lawful.text_faults(whole, texts, regions.strictest),
    ]


def notes(config: StoreConfig, platforms: Platforms, regions: Regions, *, on: dt.date) -> list[str]:
    """Where less holds than the store asks for, as ``key: fact``. It is published all the same.

    A key is among them that filter lists stop.
    """
    every = [regions.regime(id_, Place(), on=on) for id_ in regions.ids]
    manual = ", ".join(regime.id for regime in every if not regime.automatic_collection)
    told = [
        f"pixels[{index}]: {pixel.platform} {pixel.id} collects nothing by itself under {manual}, "
        f"by the law there"
        for index, pixel in enumerate(config.pixels)
        if pixel.automatic
    ]
    if said := listed.key_fault(config.key):
        told.insert(0, f"key: {said}")
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


async def roll_back(
    database: Database,
    key: str,
    number: int,
    *,
    platforms: Platforms,
    regions: Regions,
    texts: Texts,
    now: Callable[[], dt.datetime],
    shown: str | None = None,
    by: User | None = None,
) -> Version:
    """What the store ``key`` had as version ``number`` as its next one, the template included.

    It becomes the draft too. The law is today's, so that what was allowed then may be refused; and
    a lawyer's approval that has ended since, as the rule was edited or removed, does not come back.
    ``shown`` as for ``publish``: of the draft that is lost.

    Raises:
        NotFoundError: there is no such store or version.
        ConflictError: the draft is not what was shown.
        ForbiddenError: as for ``publish``.
        RefusedError: it has faults by now; all of them are named.
    """
    at = now()
    async with database.write() as connection:
        await shown_draft(connection, key, shown)
        old = await stores.version(connection, key, number)
        if old is None or old.own is None:
            raise NotFoundError("unknown_version", f"{key} has no version {number}")
        content = await approve.standing(connection, key, stores.Draft(old.own, old.template))
        await check_right(connection, content, by)
        check_fit(content, platforms, regions, texts, on=at.date())
        await stores.save(connection, content.own, at)
        return await bring_live(connection, content, at, by, {"back_to": number})


async def publish(
    database: Database,
    key: str,
    *,
    platforms: Platforms,
    regions: Regions,
    texts: Texts,
    now: Callable[[], dt.datetime],
    shown: str | None = None,
    by: User | None = None,
) -> Version:
    """The draft of the store ``key`` as its next version, live in every process within a second.

    Args:
        shown: ``Draft.sha256`` of what whoever publishes has seen; None: whatever it is by now.
        by: who publishes; None: whoever may run the command line.

    Returns:
        The newest version; when the draft says the same as it, that one again.

    Raises:
        NotFoundError: there is no such store.
        ConflictError: the draft is not what was shown.
        ForbiddenError: ``by`` may not bring live what it changes; see ``roles.check_publishing``.
        RefusedError: the draft has faults; all of them are named, each with its law.
    """
    at = now()
    async with database.write() as connection:
        draft = await shown_draft(connection, key, shown)
        await check_right(connection, draft, by)
        check_fit(draft, platforms, regions, texts, on=at.date())
        return await bring_live(connection, draft, at, by)


def check_fit(
    content: stores.Draft, platforms: Platforms, regions: Regions, texts: Texts, *, on: dt.date
) -> None:
    """Nothing where ``content`` can be published on that day.

    Raises:
        RefusedError: it has faults; all of them are named, each with its law.
    """
    faults = check(content.own, platforms, regions, texts, on=on, template=content.template)
    if faults:
        raise RefusedError("unfit", "; ".join(faults))


async def shown_draft(c: AsyncConnection, key: str, shown: str | None) -> stores.Draft:
    """The draft, which nobody else changes from now on, if it is what was shown.

    Raises:
        ConflictError: it is not.
        NotFoundError: there is no such store.
    """
    await take_lock(c, "versions")
    draft = await stores.drafted(c, key)
    if shown is not None and draft.sha256 != shown:
        raise ConflictError("moved", "draft: someone has changed it meanwhile; look at it anew")
    return draft


async def check_right(c: AsyncConnection, content: stores.Draft, by: User | None) -> None:
    """Nothing where ``by`` may make ``content`` the next version of its store; None: may all.

    Raises:
        ForbiddenError: not.
    """
    if by is not None:
        key = content.own.key
        group = await stores.group_of(c, key)
        roles.check_publishing(by, content, await stores.current(c, key), group)


async def bring_live(
    c: AsyncConnection,
    content: stores.Draft,
    at: dt.datetime,
    by: User | None,
    detail: Mapping[str, Any] = MappingProxyType({}),
) -> Version:
    """Makes ``content``, which is fit and was allowed, its store's next version; and notes who did
    where that made a new one. ``c`` is of a write that has the lock ``versions``.

    Raises:
        RefusedError: its experiment compared something else before, under the same key.
    """
    key = content.own.key
    await variants.check_same(c, content.config)
    newest = await stores.current(c, key)
    version = await stores.publish(c, key, at, content)
    if newest is None or newest.number != version.number:
        said = {"sha256": version.sha256, **detail}
        await activity.add(c, Act("publishing", key, str(version.number), said), by=by, at=at)
    return version


def _size_faults(config: StoreConfig) -> Iterator[str]:
    """Nobody has so many, and one store must not take the time of all others."""
    for name, most in MOST.items():
        found = len(getattr(config, name))
        if found > most:
            yield f"{name}: {found}; expected {most} at most"


def _identity_faults(config: StoreConfig, texts: Texts) -> Iterator[str]:
    if not is_key(config.key):
        yield f"key: {config.key!r}; expected a-z, 0-9 and inner hyphens, at most 40"
    if not config.name.strip():
        yield "name: empty; expected what people call the store"
    elif min(config.name) < " ":
        yield f"name: {config.name[:60]!r}; expected one line without control characters"
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


def _experiment_faults(config: StoreConfig, regions: Regions, texts: Texts) -> Iterator[str]:
    """What is wrong with the plan, and why a variant could not be a version of its own."""
    yield from variants.faults(config)
    usual = {
        *_banner_faults(config, regions.strictest),
        *lawful.text_faults(config, texts, regions.strictest),
    }
    for index, variant in enumerate(config.variants):
        shown = varied(config, variant)
        for fault in (
            *_banner_faults(shown, regions.strictest),
            *lawful.text_faults(shown, texts, regions.strictest),
        ):
            if fault not in usual:
                yield f"variants[{index}].{fault}"


def _own(address: str, origins: Sequence[str]) -> bool:
    """Whether ``address`` is a path, or stands on one of the origins."""
    if not _ADDRESS.fullmatch(address):
        return _PATH.fullmatch(address) is not None
    return any(address.startswith(f"{origin}/") for origin in origins)
