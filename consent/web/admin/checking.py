"""Checking one page of a store's own: ``consent scan`` for who has no terminal."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from consent import fetch, setups, stores
from consent.errors import RefusedError, ThrottledError, UnavailableError
from consent.model import Pixel, StoreConfig, User
from consent.scan import Expected, Finding
from consent.scan.findings import ORDER
from consent.setups import Checked
from consent.web.admin import access, pages, words
from consent.web.admin.door import Post, Visit
from consent.web.admin.pixellist import Opened, address, open_store
from consent.web.services import Services

NOT_THERE = ("snippet-missing", "snippet-held", "snippet-store", "snippet-service")
"""What is found where visitors of the page would not meet this store's loader."""
CHECKS, CHECK_SECONDS = 10, 10 * 60
"""How many pages one user may check in how long."""
MOST_BYTES = 2_000_000
"""Less than ``consent scan`` reads: while a page is read, visitors wait for their answers."""
AT_ONCE = 2
"""How many pages one process looks at at a time: reading a large one takes a second or two."""
LONGEST_ADDRESS = 2000
_USERS_KEPT = 1000


class Turns:
    """Who may check a page now. Kept in memory, forgotten at a restart.

    Args:
        now: the clock, aware UTC.
    """

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        self._now = now
        self._taken: OrderedDict[int, deque[float]] = OrderedDict()
        self.running = asyncio.Semaphore(AT_ONCE)

    def take(self, user: User) -> None:
        """Counts one check.

        Raises:
            ThrottledError: this user has had ``CHECKS``, or ``AT_ONCE`` are at work; nothing was
                counted.
        """
        now = self._now().timestamp()
        times = self._taken.setdefault(user.id, deque())
        self._taken.move_to_end(user.id)
        while times and times[0] <= now - CHECK_SECONDS:
            times.popleft()
        if len(times) >= CHECKS:
            wait = int(times[0] + CHECK_SECONDS - now) + 1
            raise _later(f"{CHECKS} pages were checked in {CHECK_SECONDS // 60} minutes", wait)
        if self.running.locked():
            raise _later("other pages are being checked", 5)
        times.append(now)
        while len(self._taken) > _USERS_KEPT:
            self._taken.popitem(last=False)


class Checking:
    """The page and its form. ``turns`` says who may have a page fetched now."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    async def show(self, visit: Visit) -> Response:
        access.check_change(visit.user, "pixels")
        key = visit.request.path_params["key"]
        opened, config = await _open(visit.connection, visit.user, key)
        return _page(visit.user, opened, config, config.origins[0] + "/", {})

    async def check(self, post: Post) -> Response:
        """Fetches the page that the form names, and says what is in it."""
        services, key = post.services, post.request.path_params["key"]
        async with services.database.read() as c:
            opened, config = await _open(c, post.user, key)
        typed = post.fields.get("address", "").strip()[:LONGEST_ADDRESS]
        url = address_in(config, typed)
        if url is None:
            said = f"is on none of the store's origins; expected {' or '.join(config.origins)}"
            return _page(post.user, opened, config, typed, {"fault": said}, status=422)
        try:
            at, found = await look(services, self._turns, post.user, config, url)
        except ThrottledError:
            raise
        except RefusedError as error:
            return _page(post.user, opened, config, url, {"failed": error.detail}, status=422)
        return _page(post.user, opened, config, url, result(opened, at, found))


async def look(
    services: Services, turns: Turns, user: User, config: StoreConfig, url: str
) -> tuple[str, list[Finding]]:
    """Where the page ``url`` was found in the end, and what is in it; what came out is kept.

    Raises:
        ThrottledError: it is not this user's turn.
        RefusedError: it cannot be fetched, or is none that we read.
    """
    turns.take(user)
    async with turns.running:
        fetched = await services.fetcher.get(url)
        if len(fetched.content) > MOST_BYTES:
            raise fetch.too_large(MOST_BYTES)
        found = await asyncio.to_thread(
            services.scanner.page,
            fetched.text,
            url=fetched.url,
            policies=fetched.policies,
            expected=Expected(config, services.settings.public_url),
        )
    with contextlib.suppress(UnavailableError):  # what was found is worth showing all the same
        checked = judged(found, fetched.url, services.now())
        async with services.database.write() as c:
            await setups.revise(
                c, config.key, lambda one: one.with_checked(checked), services.now()
            )
    return fetched.url, found


def judged(found: Sequence[Finding], url: str, at: dt.datetime) -> Checked:
    """What is kept of a look at a page."""
    errors = [one for one in found if one.severity == "error"]
    return Checked(at, url, not any(one.kind in NOT_THERE for one in errors), len(errors))


def address_in(config: StoreConfig, typed: str) -> str | None:
    """The page of the store that ``typed``, a path or an address, means; None: none of its own."""
    url = f"{config.origins[0]}{typed}" if typed.startswith("/") else typed
    return url if any(_is_on(url, origin) for origin in config.origins) else None


async def _open(c: AsyncConnection, user: User, key: str) -> tuple[Opened, StoreConfig]:
    """A store that the user may see, and what its pages should go by: what is live, if anything."""
    opened = await open_store(c, user, key)
    live = await stores.current(c, key)
    return opened, live.config if live else opened.draft


def result(opened: Opened, url: str, found: list[Finding]) -> dict[str, Any]:
    """What ``findings.html`` needs to show what was found at ``url``."""
    counts = {level: sum(one.severity == level for one in found) for level in ORDER}
    said = [
        f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items() if count
    ]
    return {
        "url": url,
        "found": list(zip(found, _adds(opened, found), strict=True)),
        "summary": words.listed(said) if said else "",
        "clean": not counts["error"] and not counts["warning"],
    }


def _adds(opened: Opened, found: list[Finding]) -> Iterator[str]:
    """For each finding where its pixel is registered; empty where it is, or was offered before."""
    there = {(pixel.platform, pixel.id) for pixel in opened.draft.pixels}
    for one in found:
        pixel = (one.platform, one.id)
        wanted = one.kind == "pasted-pixel" and one.id and "," not in one.id
        yield (
            address(opened.store.key, "add", Pixel(*pixel)) if wanted and pixel not in there else ""
        )
        there.add(pixel)


def _page(
    user: User,
    opened: Opened,
    config: StoreConfig,
    typed: str,
    said: dict[str, Any],
    *,
    status: int = 200,
) -> Response:
    context = {
        "here": "stores" if "stores" in access.pages(user) else "pixels",
        "store": opened.store,
        "live": opened.live,
        "origins": config.origins,
        "typed": typed,
        "fault": "",
        "failed": "",
        "url": "",
        **said,
    }
    return pages.render("check.html", context, user=user, status=status)


def _is_on(url: str, origin: str) -> bool:
    """Whether ``url`` is a page of ``origin``, as written: what follows cannot change its host."""
    return url.lower() == origin or url.lower().startswith((f"{origin}/", f"{origin}?"))


def _later(said: str, seconds: int) -> ThrottledError:
    return ThrottledError(
        "too_many_checks", f"{said}; try again later", retry_after_seconds=seconds
    )
