"""The look that somebody takes at a store's own code before visitors' browsers may run it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import accounts, activity, stores
from consent.activity import Act
from consent.errors import NotFoundError, RefusedError
from consent.model import Pixel, Review, Role, StoreConfig, User
from consent.platforms import custom

REVIEWERS: tuple[Role, ...] = ("owner", "legal")
"""Who may: whoever answers for the store. A developer writes the code, and does not review it."""


def own_pixel(config: StoreConfig, id_: str) -> Pixel:
    """The pixel of the store's own with that id.

    Raises:
        NotFoundError: the store has none.
    """
    own = {pixel.id: pixel for pixel in config.pixels if pixel.custom}
    if id_ not in own:
        known = ", ".join(own) or "none"
        raise NotFoundError("unknown_pixel", f"{id_!r} is no custom pixel of {config.key}; {known}")
    return own[id_]


async def note(
    c: AsyncConnection, key: str, id_: str, *, seen: str, by: str, now: dt.datetime
) -> StoreConfig:
    """Writes into the draft of ``key`` that ``by`` has looked at its pixel ``id_``.

    Args:
        seen: ``custom.digest`` of what was looked at.

    Raises:
        NotFoundError: the store or the pixel is not known.
        RefusedError: ``by`` is no owner's or lawyer's of this store, what is there now is not what
            was seen, or it has faults, so that nobody can say yes to it.
    """
    config = await stores.draft(c, key)
    pixel = own_pixel(config, id_)
    user = await _reviewer(c, key, by)
    faults = list(custom.faults(pixel))
    if faults:
        raise RefusedError("bad_pixel", "; ".join(faults))
    if seen != custom.digest(pixel):
        raise RefusedError("changed", f"pixel {id_} has changed since; look at it once more")
    review = Review(by.strip().lower(), now.date(), seen)
    pixels = tuple(_reviewed(one, review) if one is pixel else one for one in config.pixels)
    noted = msgspec.structs.replace(config, pixels=pixels)
    await stores.save(c, noted, now)
    act = Act("review", key, pixel.key, {"sha256": seen})
    await activity.add(c, act, by=user, at=now)
    return noted


async def known(c: AsyncConnection, config: StoreConfig) -> StoreConfig:
    """``config`` without the reviews that this database does not have: a file may claim any."""
    try:
        there = [await stores.draft(c, config.key)]
    except NotFoundError:
        return _with_reviews(config, ())
    version = await stores.current(c, config.key)
    there += [version.config] if version else []
    own = {one.custom.reviewed for each in there for one in each.pixels if one.custom}
    return _with_reviews(config, own)


def _with_reviews(config: StoreConfig, those: Collection[Review | None]) -> StoreConfig:
    pixels = tuple(
        _reviewed(one, None) if one.custom and one.custom.reviewed not in those else one
        for one in config.pixels
    )
    return msgspec.structs.replace(config, pixels=pixels)


def _reviewed(pixel: Pixel, review: Review | None) -> Pixel:
    if pixel.custom is None:
        return pixel
    own = msgspec.structs.replace(pixel.custom, reviewed=review)
    return msgspec.structs.replace(pixel, custom=own)


async def _reviewer(c: AsyncConnection, key: str, by: str) -> User:
    user = await accounts.by_email(c, by)
    if user is None or user.disabled_at is not None:
        raise RefusedError("unknown_user", f"{by!r} is no user; `consent user list` shows all")
    of = await stores.group_of(c, key)
    if not any(one.role in REVIEWERS and one.covers(key, of) for one in user.grants):
        has = ", ".join(map(str, user.grants)) or "nothing"
        raise RefusedError(
            "not_allowed", f"{by} is {has}; expected {' or '.join(REVIEWERS)} of {key}"
        )
    return user
