"""Signing in as people do it: with an app on a phone, and with a real OpenID provider.

That is Canaille (https://pypi.org/project/Canaille/), an identity server that runs as a process of
its own on this machine: its login and consent pages, its codes, its keys.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from consent import database, invitations
from consent.model import Grant
from tests import browser_setup, openid_provider
from tests.e2e.service import Service, free_port
from tests.test_totp import code_of
from tests.web.admin.seed import PASSWORD, SUMMIT, Seed
from tests.web.admin.test_in_chromium import AXE, CONTRASTS, DESK, FIND_VIOLATIONS, PHONE

pytestmark = pytest.mark.browser

EMAIL = "owner@example.com"
INVITED = "ada@shop.example"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("door"))
    url = service.environ["CONSENT_DATABASE_URL"]
    database.migrate(url)
    asyncio.run(tell(url))
    service.environ["CONSENT_SECOND_FACTOR"] = "owner"
    back = f"{service.url}/admin/login/oidc/back"
    with openid_provider.started(free_port(), back, INVITED, "lawyers") as issuer:
        service.environ |= {
            "CONSENT_OIDC_ISSUER": issuer,
            "CONSENT_OIDC_CLIENT_ID": openid_provider.CLIENT_ID,
            "CONSENT_OIDC_CLIENT_SECRET": openid_provider.CLIENT_SECRET,
            "CONSENT_OIDC_LABEL": "Example ID",
            "CONSENT_OIDC_SCOPE": "openid email groups",
            "CONSENT_OIDC_ROLES": "lawyers=legal store summit",
        }
        service.start()
        yield service
        service.stop()


async def tell(url: str) -> None:
    db = database.connect(url)
    seed = Seed(db, dt.datetime.now(dt.UTC))  # noqa: TID251 - the service's clock is the real one
    await seed.store(SUMMIT)
    await seed.user(EMAIL, "owner")
    async with db.write() as c:
        await invitations.add(c, INVITED, Grant("marketer", "summit"), seed.now)
    await db.close()


@pytest.fixture(scope="module")
def chromium(service: Service) -> Iterator[Browser]:
    with browser_setup.chromium() as browser:
        yield browser


@pytest.fixture
def visit(chromium: Browser, service: Service) -> Iterator[Callable[..., Page]]:
    """A new browser. At the end nothing may have been complained about."""
    contexts, wrong = [], []

    def visit(**options) -> Page:
        context = chromium.new_context(base_url=service.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: said.type != "error" or wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [text for text in wrong if "status of 40" not in text] == []


def look(page: Page) -> None:
    """Everybody can read the page, on a phone and on a desk, and nothing sticks out of it."""
    for viewport in (DESK, PHONE):
        page.set_viewport_size(viewport)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert page.evaluate(CONTRASTS) == []
    page.evaluate(AXE)
    assert page.evaluate(FIND_VIOLATIONS) == []


def give_password(page: Page) -> None:
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - the service's clock is the real one


def test_an_owner_has_to_set_up_an_app_and_signs_in_with_its_code(visit):
    page = visit(color_scheme="dark")
    page.goto("/admin/rates")
    give_password(page)
    page.wait_for_url("**/admin/account/second-factor")
    look(page)
    secret = page.locator("#secret").inner_text().replace(" ", "").replace("\n", "")
    page.get_by_label("Code that the app shows").fill(code_of(secret, now()))
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Turn it on").click()
    recovery = page.locator("#codes").inner_text().split()
    look(page)
    page.get_by_role("link", name="I have kept them").click()
    page.goto("/admin/account/second-factor")
    look(page)
    page.get_by_role("button", name="Sign out").click()
    give_password(page)
    page.wait_for_url("**/admin/login/code")
    look(page)
    page.get_by_label("Code from your app").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("That code is wrong")
    look(page)
    later = now() + dt.timedelta(seconds=30)  # that of this half minute may be used up
    page.get_by_label("Code from your app").fill(code_of(secret, later))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/rates")
    page.get_by_role("button", name="Sign out").click()
    give_password(page)
    page.get_by_text("The app is not at hand").click()
    page.get_by_label("One of your recovery codes").fill(recovery[0])
    page.get_by_role("button", name="Use the recovery code").click()
    page.wait_for_url("**/admin/rates")


def test_who_was_invited_comes_in_by_the_provider_and_leaves_by_it(visit, service):
    page = visit()
    page.goto("/admin/ledger")
    look(page)
    page.get_by_role("link", name="Sign in with Example ID").click()
    page.wait_for_url(f"{service.environ['CONSENT_OIDC_ISSUER']}/**")
    sign_in_there(page)
    page.wait_for_url(f"{service.url}/admin/ledger")
    page.goto("/admin/account")
    expect(page.locator(".who .role")).to_have_text("Marketer · summit, Legal · summit")
    look(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_contain_text("You are signed out here.")
    look(page)
    page.get_by_role("link", name="Sign out of Example ID too").click()
    page.get_by_role("button", name="Logout").click()
    page.wait_for_url(f"{service.url}/admin/login")
    page.goto("/admin/login/oidc/back?code=x&state=y")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are not signed in")
    look(page)


def sign_in_there(page: Page) -> None:
    """What the provider itself asks."""
    page.get_by_role("textbox").first.fill(openid_provider.NAME)
    page.keyboard.press("Enter")
    page.locator("input[type=password]").fill(openid_provider.PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Accept").click()
