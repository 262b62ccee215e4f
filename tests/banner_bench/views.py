"""One view of the page in Chromium, and what it cost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, CDPSession, Error, Page, sync_playwright

from tests import browser_setup
from tests.banner_bench.contestants import HERE, Contestant
from tests.banner_bench.site import Site

WATCH = (HERE / "watch.js").read_text(encoding="utf-8")
# Nothing outside this machine is asked, whatever a contestant loads.
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
BANNER_SECONDS = 20
TRACED = ["devtools.timeline", "v8", "loading", "blink.user_timing"]


@dataclass(frozen=True)
class Set:
    """A machine and a network. A view is read ``settle`` milliseconds after its ``load``."""

    name: str
    label: str
    width: int
    height: int
    cpu: int
    settle: int
    slow: bool = False


SETS = {
    one.name: one
    for one in (
        Set("desktop", "desktop, 1280 x 800", 1280, 800, 1, 500),
        Set("desktop-4x", "desktop, 1280 x 800, CPU 4x slower", 1280, 800, 4, 700),
        Set(
            "phone",
            "phone, 412 x 823, CPU 4x slower, 150 ms round trip, 1.6 Mbit/s",
            412,
            823,
            4,
            900,
            slow=True,
        ),
    )
}
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 2e5, "uploadThroughput": 2e5}


@dataclass(frozen=True)
class Cost:
    """What a view cost: milliseconds, but ``shift`` (CLS) and ``long`` (how many long tasks)."""

    script: float
    task: float
    paint: float
    largest: float
    element: str
    shift: float
    long: int
    blocking: float


@dataclass
class Wire:
    """What a view asked of this machine besides page and picture, and of others."""

    requests: int = 0
    bytes: int = 0
    others: set[str] = field(default_factory=set)


@contextmanager
def chromium() -> Iterator[Browser]:
    path = browser_setup.find()
    if path is None:
        raise SystemExit(f"bench: {browser_setup.MISSING}")
    flags = [*browser_setup.FLAGS, OFFLINE]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


class Visitor:
    """Somebody who has not been here before, on the machine and network of ``where``."""

    def __init__(self, browser: Browser, site: Site, contestant: Contestant, where: Set) -> None:
        self._browser = browser
        self._site = site
        self._contestant = contestant
        self._where = where
        self._context: BrowserContext = browser.new_context(
            viewport={"width": where.width, "height": where.height},
            is_mobile=where.slow,
            has_touch=where.slow,
            locale="en-US",
        )

    def close(self) -> None:
        self._context.close()

    @contextmanager
    def _view(self, *, poll: bool, kind: str = "shop") -> Iterator[tuple[Page, CDPSession, Wire]]:
        page = self._context.new_page()
        devtools = self._context.new_cdp_session(page)
        _answer_vendors(devtools)
        wire = _listen(devtools) if kind == "wire" else Wire()
        if self._where.cpu > 1:
            devtools.send("Emulation.setCPUThrottlingRate", {"rate": self._where.cpu})
        if self._where.slow:
            devtools.send("Network.enable")
            devtools.send("Network.emulateNetworkConditions", SLOW)
        devtools.send("Performance.enable")
        page.add_init_script(
            f"({WATCH})({json.dumps(self._contestant.banner)}, {str(poll).lower()})"
        )
        address = f"{self._site.origin}/{'words' if kind == 'words' else 'shop'}"
        page.goto(f"{address}/{self._contestant.name}", wait_until="load", timeout=60_000)
        yield page, devtools, wire
        page.close()

    def sees(self) -> float:
        """Milliseconds from the start of the navigation to the first frame with the banner."""
        with self._view(poll=True) as (page, _, _):
            # To ask the page is a long task in it: 115 ms where the CPU is 4x slower, and only a
            # banner that is there before ``load`` would be spared.
            page.wait_for_timeout(self._where.settle)
            self._await(page, "bannerBench.visible !== null")
            return float(page.evaluate("bannerBench.visible"))

    def traces(self) -> tuple[float, list[dict[str, Any]]]:
        """What ``sees`` returns, and Chromium's own trace of the view, which costs time itself."""
        devtools = self._browser.new_browser_cdp_session()
        events: list[dict[str, Any]] = []
        done: list[object] = []
        devtools.on("Tracing.dataCollected", lambda event: events.extend(event["value"]))
        devtools.on("Tracing.tracingComplete", lambda event: done.append(event))
        wanted = {"includedCategories": TRACED, "excludedCategories": ["*"]}
        devtools.send("Tracing.start", {"traceConfig": wanted, "transferMode": "ReportEvents"})
        with self._view(poll=True) as (page, _, _):
            page.wait_for_timeout(self._where.settle)
            self._await(page, "bannerBench.visible !== null")
            visible = float(page.evaluate("bannerBench.visible"))
            devtools.send("Tracing.end")
            while not done:
                page.wait_for_timeout(20)
        devtools.detach()
        return visible, events

    def pays(self, *, kind: str = "shop", banner: bool) -> Cost:
        """What one view costs. ``banner``: whether the banner must be there, or must not."""
        with self._view(poll=False, kind=kind) as (page, devtools, _):
            for _ in range(BANNER_SECONDS):
                page.wait_for_timeout(self._where.settle)
                answer = devtools.send("Performance.getMetrics")
                seen = page.evaluate("({ ...bannerBench, shows: bannerBench.shows() })")
                if seen["shows"] or not banner or not self._contestant.banner:
                    break
        if self._contestant.banner and seen["shows"] != banner:
            raise SystemExit(
                f"bench: {self._where.name}: {self._contestant.name}: the banner "
                f"{'was not shown' if banner else 'was shown'}; expected the opposite"
            )
        metrics = {one["name"]: one["value"] for one in answer["metrics"]}
        return Cost(
            script=metrics["ScriptDuration"] * 1000,
            task=metrics["TaskDuration"] * 1000,
            paint=seen["paint"] or 0.0,
            largest=seen["largest"] or 0.0,
            element=seen["element"] or "",
            shift=seen["shift"],
            long=seen["long"],
            blocking=seen["blocking"],
        )

    def loads(self) -> Wire:
        """What one view asks of the network. Listening costs time, so nothing else is measured."""
        with self._view(poll=False, kind="wire") as (page, _, wire):
            page.wait_for_timeout(self._where.settle + 500)
        return wire

    def accepts(self) -> None:
        """Agrees to everything, and waits until that has gone where it goes."""
        if not self._contestant.banner:
            return
        with self._view(poll=False) as (page, _, _):
            self._await(page, "bannerBench.shows()")
            page.wait_for_timeout(self._where.settle)  # some are shown before they listen
            page.locator(self._contestant.accept).first.click()
            self._await(page, "!bannerBench.shows()")
            page.wait_for_timeout(self._where.settle)

    def _await(self, page: Page, expression: str) -> None:
        try:
            page.wait_for_function(expression, polling=50, timeout=BANNER_SECONDS * 1000)
        except Error:
            where = f"{self._where.name}: {self._contestant.name}"
            raise SystemExit(
                f"bench: {where}: not within {BANNER_SECONDS} s: {expression}"
            ) from None


def _answer_vendors(devtools: CDPSession) -> None:
    """Everything here is plain HTTP, so what goes to others is what is not. It gets empty scripts.

    Only those requests are stopped: to stop them all, as a route would, slows the rest down too.
    """

    def answer(event: dict[str, Any]) -> None:
        headers = [{"name": "Content-Type", "value": "text/javascript"}]
        with contextlib.suppress(Error):  # the view has ended
            devtools.send(
                "Fetch.fulfillRequest",
                {"requestId": event["requestId"], "responseCode": 200, "responseHeaders": headers},
            )

    devtools.on("Fetch.requestPaused", answer)
    devtools.send("Fetch.enable", {"patterns": [{"urlPattern": "https://*"}]})


def _listen(devtools: CDPSession) -> Wire:
    wire = Wire()
    heads: dict[str, int] = {}

    def sent(event: dict[str, Any]) -> None:
        parts = urlsplit(event["request"]["url"])
        if parts.scheme == "https":
            wire.others.add(parts.netloc)
        elif parts.scheme == "http" and not parts.path.startswith(("/shop/", "/picture.png")):
            heads[event["requestId"]] = 0
            wire.requests += 1

    def answered(event: dict[str, Any]) -> None:
        if event["requestId"] in heads:
            heads[event["requestId"]] = event["response"]["encodedDataLength"]

    def finished(event: dict[str, Any]) -> None:
        if event["requestId"] in heads:
            wire.bytes += max(0, int(event["encodedDataLength"]) - heads[event["requestId"]])

    devtools.on("Network.requestWillBeSent", sent)
    devtools.on("Network.responseReceived", answered)
    devtools.on("Network.loadingFinished", finished)
    devtools.send("Network.enable")
    return wire
