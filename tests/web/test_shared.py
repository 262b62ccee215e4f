"""What caches in front may keep: nothing, unless place and setting allow it."""

import pytest
from starlette.testclient import TestClient

from consent import settings
from consent.web.app import create_app
from tests.web.shop import BERLIN, CALIFORNIA, SUMMIT, published

FOR_CACHES = ("cdn-cache-control", "surrogate-control", "x-accel-expires", "surrogate-key")
LOADER = "/s/summit/loader.js?de,false"


@pytest.fixture
def ask(sqlite_url, now, tmp_path):
    """Asks a service with these settings, from a proxy that it may trust."""

    def ask(path: str = LOADER, headers=BERLIN, **chosen: str):
        environ = {
            "CONSENT_DATABASE_URL": sqlite_url,
            "CONSENT_SECRET_KEYS": "k" * 40,
            "CONSENT_TRUSTED_PROXIES": "127.0.0.1",
            "CONSENT_PLACE_HEADERS": "cloudflare",
            "CONSENT_CACHE_SECONDS": "60",
            **chosen,
        }
        app = create_app(settings.load(environ, var=tmp_path), now=now)
        with TestClient(app, client=("127.0.0.1", 1)) as client:
            return client.get(path, headers=headers)

    published(sqlite_url, now, SUMMIT)
    return ask


def test_headers_for_caches_say_how_long_and_whose_it_is(ask):
    answer = ask()
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["cdn-cache-control"] == (
        "public, max-age=60, stale-while-revalidate=60, stale-if-error=3600"
    )
    assert answer.headers["x-accel-expires"] == "60"
    assert answer.headers["surrogate-key"] == answer.headers["cache-tag"] == "pixelgate-summit"
    assert answer.headers["vary"] == "Accept-Encoding, Sec-GPC, CF-IPCountry, CF-Region-Code"
    assert len(answer.headers["vary"]) < 128, "nginx keeps nothing beyond"


def test_a_304_says_the_same(ask):
    first = ask()
    again = ask(headers={**BERLIN, "if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    for name in (*FOR_CACHES, "vary", "cache-control"):
        assert again.headers[name] == first.headers[name]


@pytest.mark.parametrize("page", ["", "xx", "de-AT"])
def test_the_browsers_language_is_named_where_it_may_have_counted(ask, page):
    assert "Accept-Language" in ask(f"/s/summit/loader.js?{page},false").headers["vary"]


@pytest.mark.parametrize(
    ("path", "headers", "chosen"),
    [
        (LOADER, BERLIN, {"CONSENT_CACHE_SECONDS": "0"}),
        (LOADER, BERLIN, {"CONSENT_TRUSTED_PROXIES": "10.0.0.1"}),
        (LOADER, BERLIN, {"CONSENT_PLACE_HEADERS": "none"}),
        (LOADER, BERLIN, {"CONSENT_PLACE_HEADERS": "fastly"}),
        (LOADER, {}, {}),
        (LOADER, {"X-Forwarded-For": "130.149.7.201"}, {}),
        (LOADER, {"CF-IPCountry": "T1"}, {}),
        (LOADER, {"CF-IPCountry": "DE, US"}, {}),
        (
            LOADER,
            {**BERLIN, "Fastly-Geo-Country": "US"},
            {"CONSENT_PLACE_HEADERS": "all"},
        ),
        (LOADER, {**CALIFORNIA, "Cookie": "a=b; pixelgate=1.x"}, {}),
        ("/s/summit/debug.js?de,1", BERLIN, {}),
        ("/s/nobody/loader.js", BERLIN, {}),
    ],
)
def test_whatever_is_in_doubt_is_private(ask, path, headers, chosen):
    answer = ask(path, headers, **chosen)
    assert answer.headers["cache-control"] in ("private, no-cache", "no-store")
    assert [name for name in FOR_CACHES if name in answer.headers] == []


def test_caches_can_ask_for_the_number_of_the_newest_version(ask):
    answer = ask("/s/summit/version", {})
    assert (answer.status_code, answer.headers["pixelgate-version"]) == (204, "1")
    assert answer.headers["x-accel-expires"] == "60"
    assert ask("/s/nobody/version", {}).status_code == 404
    off = ask("/s/summit/version", {}, CONSENT_CACHE_SECONDS="0")
    assert off.headers["cache-control"] == "private, no-cache"
    assert "x-accel-expires" not in off.headers
