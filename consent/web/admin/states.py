"""Which state of a store a page is about: its draft, or the version that is live."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from consent import stores
from consent.errors import NotFoundError
from consent.model import Rules, StoreConfig, User, Version
from consent.stores import Draft, StoreSummary
from consent.web.admin import access
from consent.web.services import Services

Which = Literal["draft", "live"]

NO_RULES = Rules()


class State(NamedTuple):
    """One state of a store, as the version that it is, or would be once published."""

    store: StoreSummary
    which: Which
    version: Version
    live: Version | None
    draft: Draft

    @property
    def own(self) -> StoreConfig:
        """The store's own draft, without what its group gives it."""
        return self.draft.own

    @property
    def differs(self) -> bool:
        """Whether the draft, or its group's template, is not what is live."""
        live = self.live
        return live is None or (live.own, live.template) != (self.draft.own, self.draft.template)

    @property
    def called(self) -> str:
        if self.which == "live":
            return f"Version {self.version.number}, live"
        return "Draft"


async def of(
    services: Services, c: AsyncConnection, user: User, key: str, which: str = ""
) -> State:
    """A state of the store ``key``: the draft, unless ``which`` asks for the live version.

    Raises:
        NotFoundError: there is no such store for this user, or none of its versions is live.
    """
    store = access.pick(await access.visible(c, user), key)
    if store is None:
        raise NotFoundError("no_such_store", "there is no store without a key")
    draft, live = await stores.drafted(c, key), await stores.current(c, key)
    if which != "live":
        return State(store, "draft", as_version(services, store, draft, live), live, draft)
    if live is None:
        raise NotFoundError("not_live", f"nothing of the store {key!r} is live yet")
    return State(store, "live", live, live, draft)


def as_version(
    services: Services, store: StoreSummary, draft: Draft, live: Version | None
) -> Version:
    """The draft as the version that it would be."""
    number = live.number + 1 if live else 1
    return Version(
        id=0,
        store_id=store.id,
        number=number,
        sha256=draft.sha256,
        published_at=services.now(),
        config=draft.config,
        asks_since=number,
        own=draft.own,
        template=draft.template,
    )
