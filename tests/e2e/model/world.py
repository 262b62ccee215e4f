"""The browser and everything that leaves it: tabs, pages in them, requests with their moments."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, CDPSession, Error, Page

from tests.e2e.model.places import DAY, PLACES, Place
from tests.e2e.model.servers import OWN_COOKIE, ModelShop, Vendors
from tests.e2e.model.service import MovableService, Posted
from tests.e2e.model.stores import Config
from tests.e2e.model.truth import Act, Doc, Forgotten, Setting, Truth, Version

QUIET_ROUNDS = 3
SETTLE_SECONDS = 120.0
LOST_SECONDS = 10.0
HANDED = "debug: handed over "


@dataclass(frozen=True)
class Sent:
    """A request as the browser's own network log has it."""

    at: float
    url: str
    doc: Doc
    content: dict[str, Any] | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


@dataclass
class Event:
    """``begin`` and ``end``: the page tracked it between the two. ``sure``: it surely did."""

    id: str
    name: str
    doc: Doc
    begin: float
    end: float | None = None
    sure: bool = True

    @property
    def number(self) -> int:
        return int(self.id[1:])


@dataclass
class Tab:
    page: Page
    session: CDPSession
    docs: dict[str, Doc] = field(default_factory=dict)
    under_way: dict[str, tuple[str, str, float]] = field(default_factory=dict)
    """Request to the page (its loader id) that sent it, its address, and when it was sent."""
    kept: set[str] = field(default_factory=set)
    """Requests that the browser answered from its memory."""
    now: Doc | None = None


@dataclass
class Stage:
    """What all sequences share."""

    browser: Browser
    service: MovableService
    shop: ModelShop
    vendors: Vendors


class World:
    """One visitor, one store, one sequence. Times are those of ``time.monotonic``."""

    def __init__(self, stage: Stage, key: str) -> None:
        self.stage, self.key = stage, key
        self.truth = Truth(epoch=time.time() - time.monotonic())
        self.place: Place = PLACES["Berlin"]
        self.gpc_header = self.blocked = False
        self.versions: list[Version] = []
        self.sent: list[Sent] = []
        self.events: dict[str, Event] = {}
        self.console: list[str] = []
        self.handed: dict[str, float] = {}
        """The address of each hit to when a library handed it over to the browser."""
        self.cookies: dict[tuple[object, ...], float] = {}
        """Each cookie that there was, to how far ahead the clock was when it was written."""
        self.loaders: dict[str, Setting] = {}
        """What the newest answer from each loader's address was made for."""
        self.tabs: list[Tab] = []
        self.restless = self.left = False
        """Whether the step before did not wait for what follows from it."""
        self.context = stage.browser.new_context()
        self.context.set_default_timeout(SETTLE_SECONDS * 1000)
        self._travel()
        self.set_clock(0.0)
        self.tab = self.open()
        self.tab.page.goto(f"{stage.shop.origin}/begin")

    # What changes around the visitor. Nothing may be under way.

    def _travel(self) -> None:
        signal = {"Sec-GPC": "1"} if self.gpc_header else {}
        self.stage.service.gate.headers = {**self.place.headers, **signal}

    def go_to(self, place: Place) -> None:
        self.place = place
        self._travel()

    def signal(self, *, header: bool, in_page: bool) -> None:
        self.gpc_header, self.stage.shop.gpc_property = header, in_page
        self._travel()

    def _setting(self) -> Setting:
        return Setting(self.place, self.gpc_header, self.versions[-1])

    def set_clock(self, seconds: float) -> None:
        self.truth.ahead.append((time.monotonic(), seconds))
        self.stage.service.seconds_ahead = self.stage.shop.seconds_ahead = seconds
        for tab in self.tabs:
            self.ask(f"window.moveClock && moveClock({seconds * 1000})", tab)

    def days_pass(self, days: int, *, keep: bool) -> None:
        """The clock goes forward. Cookies whose time is over go, the decision's own unless kept."""
        begin = time.monotonic()
        before = self.truth.seconds_ahead(begin)
        ahead = before + days * DAY
        self.set_clock(ahead)
        for cookie in self.context.cookies():
            written = self.cookies.get(identity(cookie), before)
            name, expires = str(cookie["name"]), float(cookie["expires"])
            if name == OWN_COOKIE[0] or expires < 0 or expires + written > time.time() + ahead:
                continue
            if name != "pixelgate":
                self.context.clear_cookies(name=name)
            elif not keep and not self.truth.pending():
                self.context.clear_cookies(name=name)
                self.truth.add(Forgotten(begin, time.monotonic()))

    def publish(self, config: Config) -> None:
        toml = config.text(self.key, self.stage.shop.origin)
        number = self.stage.service.publish(toml)
        last = self.versions[-1] if self.versions else None
        if last and last.number == number:
            return  # the same again
        asked = {(pixel.platform, pixel.id, pixel.purposes) for pixel in config.pixels}
        before = {(p.platform, p.id, p.purposes) for p in last.pixels} if last else None
        since = last.since if last and asked == before else number
        given = (config.pixels, config.gpc_refuses, config.after_receipt)
        self.versions.append(Version(number, since, *given))

    def block(self, on: bool) -> None:
        """Whether the service can be reached at all."""
        self.blocked = on
        for tab in self.tabs:
            self._block(tab)

    def _block(self, tab: Tab) -> None:
        urls = [f"{self.stage.service.url}/*"] if self.blocked else []
        tab.session.send("Network.setBlockedURLs", {"urls": urls})

    @property
    def reachable(self) -> bool:
        return not self.blocked and self.stage.service.gate.mode == "up"

    # Tabs and pages.

    def open(self) -> Tab:
        page = self.context.new_page()
        page.on("console", lambda message: self._hears(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"Uncaught: {error}"))
        tab = Tab(page, self.context.new_cdp_session(page))
        tab.session.on("Network.requestWillBeSent", lambda event: self._sends(tab, event))
        tab.session.on("Network.responseReceived", lambda event: self._answered(tab, event))
        kept = "Network.requestServedFromCache"
        tab.session.on(kept, lambda event: tab.kept.add(event["requestId"]))
        for over in ("Network.loadingFinished", "Network.loadingFailed"):
            tab.session.on(over, lambda event: self._over(tab, event))
        tab.session.send("Network.enable")
        self._block(tab)
        self.tabs.append(tab)
        return tab

    def close_tab(self) -> None:
        self.tabs.remove(self.tab)
        self.tab.page.close()
        self.tab = self.tabs[-1]

    def doc(self, tab: Tab | None = None) -> Doc | None:
        """The page that ``tab`` shows now; None where it is none of the shop's."""
        tab = tab or self.tab
        frame = tab.session.send("Page.getFrameTree")["frameTree"]["frame"]
        tab.now = tab.docs.get(frame["loaderId"])
        return tab.now if tab.now and tab.now.serial else None

    def ask(self, script: str, tab: Tab | None = None, given: Any = None) -> Any:
        """What ``script`` says in the page; None, and ``left``, when the page was left."""
        self.left = False
        try:
            return (tab or self.tab).page.evaluate(script, given)
        except Error as error:
            self.left = "navigat" in str(error) or "context" in str(error)
            if self.left:
                return None
            raise

    def _hears(self, line: str) -> None:
        if not line.startswith(HANDED):
            self.console.append(line)
            return
        moment, url = line.removeprefix(HANDED).split(" ", 1)
        self.handed[url] = float(moment) / 1000 - self.truth.epoch

    def _sends(self, tab: Tab, event: dict[str, Any]) -> None:
        request, loader = event["request"], event["loaderId"]
        if request["url"].startswith(("data:", "about:")):
            return
        at = float(event["timestamp"])
        if event["type"] == "Document" and event["requestId"] == loader and self.versions:
            signal = self.stage.shop.gpc_property
            tab.docs[loader] = Doc(loader, at, self._setting(), signal)
        tab.under_way[event["requestId"]] = (loader, request["url"], at)
        own = urlsplit(request["url"]).netloc == urlsplit(self.stage.shop.origin).netloc
        if not own and loader in tab.docs:
            body = request.get("postData")
            content = json.loads(body) if body and request["url"].endswith("/decisions") else None
            self.sent.append(Sent(at, request["url"], tab.docs[loader], content))

    def _over(self, tab: Tab, event: dict[str, Any]) -> None:
        tab.under_way.pop(event["requestId"], None)

    def _answered(self, tab: Tab, event: dict[str, Any]) -> None:
        response, doc = event["response"], tab.docs.get(event["loaderId"])
        if doc is None:
            return
        if event["type"] == "Document":
            headers = {name.lower(): value for name, value in response["headers"].items()}
            doc.serial = headers.get("x-serial", "")
            for id_, name in self.stage.shop.served.get(doc.serial, []):
                self.events.setdefault(id_, Event(id_, name, doc, doc.at))
        elif "/loader.js" in response["url"] and response["status"] < 400:
            doc.alive = float(event["timestamp"])
            doc.kept = bool(response.get("fromDiskCache")) or event["requestId"] in tab.kept
            if not doc.kept:
                self.loaders[response["url"]] = self._setting()
            doc.setting = self.loaders[response["url"]]

    # Waiting.

    def settle(self) -> None:
        """Waits until nothing is under way that could still change something."""
        quiet, deadline = 0, time.monotonic() + SETTLE_SECONDS
        while quiet < QUIET_ROUNDS:
            self.tab.page.wait_for_timeout(8)
            for tab in self.tabs:
                self.ask("new Promise((done) => setTimeout(done))", tab)
                self.doc(tab)
            quiet = 0 if self._busy() else quiet + 1
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing settles: {[tab.under_way for tab in self.tabs]}")
        self.note_events()

    def _busy(self) -> bool:
        stage = self.stage
        held = stage.service.gate.mode != "up"
        # The browser does not tell how a request ended whose page was not shown meanwhile.
        recently = time.monotonic() - LOST_SECONDS
        waiting = [
            url
            for tab in self.tabs
            for loader, url, at in tab.under_way.values()
            if tab.now and tab.now.loader == loader and at > recently
            if not (held and url.endswith("/decisions"))
        ]
        return bool(waiting or stage.service.gate.busy or stage.vendors.busy or stage.shop.busy)

    def note_events(self) -> None:
        """Pages that have loaded have tracked what they track by themselves."""
        now = time.monotonic()
        for event in self.events.values():
            if event.end is None:
                event.end = now

    def note_acts(self) -> None:
        """Binds what was posted to the acts that it came from, and receipts to both."""
        known = {act.id for act in self.truth.decisions()}
        for sent in sorted(self.sent, key=lambda one: one.at):
            if sent.content and sent.content["id"] not in known:
                known.add(sent.content["id"])
                self._bind(sent)
        acts = {act.id: act for act in self.truth.decisions()}
        for post in self.posted():
            act = acts.get(post.id)
            if act is None or act.acknowledged is not None or not post.answered:
                continue
            if post.status == 201:
                act.acknowledged, act.at = post.answered, post.at
            else:
                act.rejected = 400 <= post.status < 500

    def posted(self) -> list[Posted]:
        """The decisions that arrived for this store, oldest first."""
        return [post for post in self.stage.service.gate.posted if post.store == self.key]

    def _bind(self, sent: Sent) -> None:
        content = sent.content or {}
        grants = frozenset(name for name, granted in content["grants"].items() if granted)
        if content["action"] == "gpc":
            at = self.truth.wall(sent.at)
            # Pages in other tabs hear of it a little later.
            end = time.monotonic()
            act = Act("gpc", sent.at, end, at, grants, sent.doc, gpc=True, id=content["id"])
            self.truth.add(act)
            return
        fitting = [
            act
            for act in self.truth.decisions()
            if act.id is None and act.begin <= sent.at and act.grants == grants
        ]
        if not fitting:
            raise Broken("rule 4", f"a decision that nobody made was posted: {content}")
        fitting[-1].id = content["id"]
        # Where the page was left before, the next one posts it, under what holds there.
        fitting[-1].doc = sent.doc
        fitting[-1].end = min(fitting[-1].end, sent.at)

    def close(self) -> None:
        self.stage.service.set("up")
        self.stage.vendors.slow_seconds = 0.0
        self.stage.shop.gpc_property = False
        self.set_clock(0.0)
        self.context.close()


class Broken(AssertionError):
    """A rule does not hold."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule = rule


def identity(cookie: Any) -> tuple[object, ...]:
    return tuple(cookie[part] for part in ("name", "domain", "path", "value", "expires"))
