"""What visitors and pages sent, read in a real browser: it is text, and no script of it runs.

The pages' own policy is switched off here, so that it hides nothing: without it whatever came in as
markup would run, and call ``ran``.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from consent import activity, counts, coverage, database, ledger
from consent.activity import Act
from tests import browser_setup
from tests.e2e.service import Service
from tests.web.admin.seed import PASSWORD, SUMMIT, Seed

pytestmark = pytest.mark.browser

STRANGERS = (
    "[data-stranger], [onerror], [onload], [onfocus], [href^='javascript:' i], [action*='evil.']"
)


def hostile(name: str) -> str:
    """A text that would run in an element, in an attribute, in a style and in a script."""
    run = f"ran('{name}')"
    return (
        f"</script></style></title></textarea>--><script data-stranger>{run}</script>"
        f"\"'><img data-stranger src=x onerror={run}><svg data-stranger onload={run}>"
        f"<form data-stranger action=//evil.example> ' onfocus={run} autofocus x=' is {name}"
    )


class _Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text = hostile("a-page")
        body = (
            f"<!doctype html><title>{text}</title><head><script>fbq('init', '777777777777')//{text}"
            f"</script><script src='https://third.example/{text.replace(' ', '')}'></script>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """The address of a shop whose page was written by somebody hostile."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Stored:
    """The ids of what was stored."""

    def __init__(self) -> None:
        self.decision = self.visitor = uuid.UUID(int=0)


@pytest.fixture(scope="module")
def stored() -> Stored:
    return Stored()


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, migrated_file: Path, shop: str, stored: Stored
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("hostile")
    service = Service(folder)
    (folder / "pixelgate.db").write_bytes(migrated_file.read_bytes())
    service.environ["CONSENT_SCAN_PRIVATE"] = "true"
    asyncio.run(tell(service.environ["CONSENT_DATABASE_URL"], shop, stored))
    service.start()
    yield service
    service.stop()


async def tell(url: str, shop: str, stored: Stored) -> None:
    """Stores hostile texts past every check of what may be posted."""
    db = database.connect(url)
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - the service's clock is the real one
    seed = Seed(db, now)
    version = await seed.store(msgspec.structs.replace(SUMMIT, origins=(shop,)))
    await seed.user("owner@example.com", "owner")
    hour = counts.hour_of(now) - dt.timedelta(hours=2)
    seen = counts.Key(
        *(version.store_id, hour, hostile("a-place"), hostile("a-regime"), hostile("a-device")),
        *(hostile("a-language"), 1, "visit"),
    )
    tracked = coverage.Key(
        *(version.store_id, hour, hostile("a-place"), f"custom-{hostile('a-platform')}"),
        *(hostile("an-event"), "sent", ""),
    )
    said = hostile("a-banner")
    banner = {
        **{"language": said, "dir": said, "banner": {"title": said, "text": said, "accept": said}},
        "purposes": [{"title": said, "text": said, "services": [{"name": said, "vendor": said}]}],
    }
    content = msgspec.json.encode(banner)
    entry = msgspec.structs.replace(
        seed._entry(version, now, uuid.uuid4(), "DE", "de", "save"),
        language=hostile("a-language"),
        refused=(hostile("a-refused-platform"),),
        banner_content=content,
        banner_sha256=hashlib.sha256(content).hexdigest(),
    )
    stored.decision, stored.visitor = entry.id, entry.visitor
    act = Act("look_up", hostile("a-store"), hostile("a-subject"), {hostile("a-key"): [said]})
    async with db.write() as c:
        await counts.add(c, {seen: 40})
        await coverage.add(c, {tracked: 40})
        await ledger.append(c, [entry])
        await activity.add(c, act, by=None, at=now)
    await db.close()


class Reader:
    """A signed-in page that notices every script which is none of ours."""

    def __init__(self, context: BrowserContext) -> None:
        self.ran: list[str] = []
        context.expose_function("ran", lambda name: self.ran.append(name))
        self.page: Page = context.new_page()
        self.page.on("dialog", lambda dialog: dialog.dismiss())

    def strangers(self) -> list[str]:
        """What came in as an element, in a shadow root too, or ran."""
        self.page.evaluate("ran('asked')")  # whatever ran before has been heard by then
        ran, self.ran[:] = [name for name in self.ran if name != "asked"], []
        return ran + [
            one.evaluate("e => e.outerHTML") for one in self.page.locator(STRANGERS).all()
        ]


@pytest.fixture(scope="module")
def reader(service: Service) -> Iterator[Reader]:
    with browser_setup.chromium() as browser:
        context = browser.new_context(base_url=service.url, bypass_csp=True)
        reader = Reader(context)
        page = reader.page
        page.goto(f"/admin/login?next=/admin/{hostile('next')}")
        assert reader.strangers() == []
        page.goto("/admin/login?next=/admin/ledger")
        page.get_by_label("Email").fill("owner@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/admin/ledger")
        yield reader
        context.close()


def test_whatever_was_sent_is_text_on_every_page_that_shows_it(reader: Reader, stored: Stored):
    page, opened = reader.page, f"/admin/ledger/{stored.decision}"
    pages = {
        "/admin/ledger": ["a-language"],
        opened: ["a-language", "a-banner"],
        f"{opened}/shown": ["a-banner"],
        f"{opened}/shown?layer=second": [],
        f"/admin/ledger/visitors/{stored.visitor}": ["a-language"],
        f"/admin/ledger?visitor={hostile('a-query')}&version={hostile('a-query')}": [],
        f"/admin/ledger?zone={hostile('a-query')}&language={hostile('a-query')}": [],
        "/admin/activity": ["a-subject", "a-store", "a-key", "a-banner"],
        f"/admin/activity?who={hostile('a-query')}": [],
        f"/admin/activity?what={hostile('a-query')}": [],
        "/admin/coverage": ["a-platform", "an-event", "a-place"],
        f"/admin/coverage?platform={hostile('a-query')}": [],
        **{f"/admin/rates?days=7&by={by}": [f"a-{by}"] for by in ("place", "regime", "language")},
    }
    for path, shown in pages.items():
        page.goto(path)
        for name in shown:
            expect(page.get_by_text(f"is {name}").first, path).to_be_attached()
        assert reader.strangers() == [], path


def test_a_search_and_a_look_at_a_hostile_page_are_answered_with_text(reader: Reader):
    page = reader.page
    page.goto("/admin/ledger")
    page.get_by_label("Find one decision or visitor").fill(hostile("a-search"))
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("That could not be read")
    assert reader.strangers() == []
    page.goto("/admin/stores/summit/check")
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".findings")).to_contain_text("data-stranger")
    assert reader.strangers() == []
    page.get_by_label("Address").fill(hostile("an-address"))
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_label("Address")).to_have_value(hostile("an-address"))
    assert reader.strangers() == []


def test_the_same_text_as_markup_would_have_run(reader: Reader):
    """So nothing above was held up by anything but the escaping."""
    reader.page.set_content(f"<p>{hostile('markup')}</p>")
    expect(reader.page.locator(STRANGERS)).to_have_count(4)
    assert "markup" in reader.strangers()
