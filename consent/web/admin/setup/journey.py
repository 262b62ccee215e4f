"""The way from an address to the first visitor: its steps, and how far a store has come.

Each step is a page of its own that can be opened at any time. What is set up is the store's draft;
which steps somebody has said are done is kept beside it (``consent.setups``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import counts, drafts, setups, stores
from consent.counts import Key
from consent.errors import ForbiddenError, NotFoundError
from consent.model import StoreConfig, User
from consent.setups import STEPS, Setup, Step
from consent.web.admin import access, pages, states
from consent.web.admin.door import Post, Visit
from consent.web.admin.states import State
from consent.web.services import Services

NAMES: Mapping[Step, str] = {
    "shop": "Your shop",
    "pixels": "Pixels",
    "regions": "Regions",
    "look": "Look and words",
    "publish": "Publish",
    "snippet": "Snippet",
    "check": "Check",
    "visitor": "First visitor",
}
START = "/admin/setup"


class Mark(NamedTuple):
    """A step in the list. ``href`` is empty where it cannot be opened yet."""

    step: Step
    name: str
    href: str
    done: bool


class Journey(NamedTuple):
    """A store on its way. ``first``: what was counted first of its visitors."""

    state: State
    setup: Setup
    first: Key | None

    @property
    def key(self) -> str:
        return self.state.store.key

    @property
    def done(self) -> set[Step]:
        """The steps behind it: said to be done, or seen to be."""
        found: set[Step] = {"shop", *self.setup.done}
        state, checked = self.state, self.setup.checked
        if state.own.pixels:
            found.add("pixels")
        if state.live is not None:
            found |= {"pixels", "regions", "look"}
            if not state.differs:
                found.add("publish")
        if checked is not None and checked.snippet:
            found |= {"snippet"} if checked.errors else {"snippet", "check"}
        if self.first is not None:
            found |= {"snippet", "check", "visitor"}
        return found

    @property
    def next(self) -> Step:
        """The first step that is not done; at the end the last one."""
        done = self.done
        return next((step for step in STEPS if step not in done), STEPS[-1])


async def of(services: Services, c: AsyncConnection, user: User, key: str) -> Journey:
    """The journey of the store ``key``.

    Raises:
        NotFoundError: there is no such store for this user.
    """
    state = await states.of(services, c, user, key)
    first = await counts.first(c, state.store.id) if state.live else None
    return Journey(state, await setups.get(c, key), first)


async def opened(visit: Visit) -> Journey:
    """The journey of the store that the address names."""
    key = visit.request.path_params["key"]
    return await of(visit.services, visit.connection, visit.user, key)


async def reopened(post: Post) -> Journey:
    """The same for a form, over a connection that is closed again."""
    async with post.services.database.read() as c:
        return await of(post.services, c, post.user, post.request.path_params["key"])


async def resume(visit: Visit) -> Response:
    """The first step that is not done."""
    journey = await opened(visit)
    return RedirectResponse(address(journey.key, journey.next), status_code=303)


async def first_page(c: AsyncConnection, user: User) -> str | None:
    """Where someone lands who has only a store to set up, or none yet; None: elsewhere."""
    if "stores" not in access.pages(user):
        return None
    found = await access.visible(c, access.opening(user, "stores"))
    if not found:
        none_at_all = not await stores.all_stores(c)
        return START if none_at_all and access.may_add_stores(user) else None
    alone = len(found) == 1 and found[0].published is None
    return f"/admin/stores/{found[0].key}/setup" if alone else None


def address(key: str, step: Step, **query: str) -> str:
    """Where a step of the store ``key`` is."""
    asked = "&".join(f"{name}={value}" for name, value in query.items() if value)
    return f"/admin/stores/{key}/setup/{step}" + (f"?{asked}" if asked else "")


def onward(journey: Journey, step: Step, then: str = "") -> Response:
    """After ``step``: back, to the step that ``then`` names, to itself, or to the next one."""
    at = STEPS.index(step)
    if then in STEPS:
        to = STEPS[STEPS.index(then)]
    elif then == "stay":
        to = step
    else:
        to = STEPS[max(0, at - 1) if then == "back" else min(at + 1, len(STEPS) - 1)]
    return to_page(address(journey.key, to))


def to_page(where: str) -> Response:
    return RedirectResponse(where, status_code=303)


async def revise(post: Post, change: Callable[[Setup], Setup]) -> None:
    """Changes how far the store of the address has come."""
    async with post.services.database.write() as c:
        key = post.request.path_params["key"]
        await setups.revise(c, key, change, post.services.now())


async def done(post: Post, step: Step) -> None:
    """Notes that ``step`` is done."""
    await revise(post, lambda setup: setup.with_done(step))


async def redraft(
    post: Post,
    change: Callable[[StoreConfig], StoreConfig],
    part: tuple[str, Callable[[StoreConfig], Any]],
) -> None:
    """Changes a part of the store's draft; see ``drafts.revise``. The same again is no change."""
    services, key = post.services, post.request.path_params["key"]
    async with services.database.write() as c:
        before = await stores.draft(c, key)
        if change(before) != before:
            await drafts.revise(c, key, change, part, by=post.user, at=services.now())


def check_change(journey: Journey, user: User) -> None:
    """Raises ForbiddenError when the user may not set this store up."""
    if not access.may_change(user, "regions", journey.state.store):
        raise ForbiddenError("role", f"your role does not set up {journey.state.store.name}")


def render(
    user: User,
    step: Step,
    journey: Journey | None,
    context: Mapping[str, Any],
    *,
    status: int = 200,
) -> Response:
    """The page of a step. ``journey`` None: of a store that is not there yet."""
    if journey is None and step != "shop":
        raise NotFoundError("no_such_store", "there is no store to set up; begin with its address")
    at = STEPS.index(step)
    frame: dict[str, Any] = {
        "here": "stores",
        "step": step,
        "number": at + 1,
        "marks": marks(journey),
        "journey": journey,
        "store": journey.state.store if journey else None,
        "base": f"/admin/stores/{journey.key}/setup" if journey else START,
        "back": address(journey.key, STEPS[at - 1]) if journey and at else "",
        "forward": address(journey.key, STEPS[at + 1]) if journey and step != STEPS[-1] else "",
        "faults": {},
    }
    return pages.render(f"setup_{step}.html", {**frame, **context}, user=user, status=status)


def marks(journey: Journey | None) -> list[Mark]:
    """The steps in their order; before there is a store none can be opened."""
    if journey is None:
        return [Mark(step, name, "", False) for step, name in NAMES.items()]
    done_, key = journey.done, journey.key
    return [Mark(step, name, address(key, step), step in done_) for step, name in NAMES.items()]
