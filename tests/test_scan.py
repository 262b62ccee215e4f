"""What a scan says of a page: of our snippet, of pixels beside it, and of everybody else."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import csp
from consent.compose import Composer
from consent.embeds import Embeds
from consent.model import Pixel, StoreConfig
from consent.platforms import Platforms
from consent.regions import Regions
from consent.scan import Expected, Finding, Scanner
from consent.scan.others import Others, at
from consent.texts import Texts
from tests.pasted import META, OTHERS, SNIPPETS

PLATFORMS = Platforms.load()
COMPOSER = Composer(Regions.load(), PLATFORMS, Texts.load())
KNOWN = Others.load()
SCANNER = Scanner(COMPOSER.snippet, PLATFORMS, Embeds.load(), KNOWN)
SERVICE = "https://consent.summit.example"
SNIPPET = COMPOSER.snippet("summit", SERVICE)
SUMMIT = StoreConfig(
    key="summit",
    name="Summit",
    origins=("https://summit.example",),
    pixels=(Pixel("meta", "123456789012345"), Pixel("ga4", "G-ABCDE12345")),
)
EXPECTED = Expected(SUMMIT, SERVICE)
URL = "https://summit.example/tents"
README = (Path(__file__).parent.parent / "consent/scan/README.md").read_text(encoding="utf-8")


def scan(html: str, **options) -> list[Finding]:
    return SCANNER.page(html, url=URL, expected=EXPECTED, **options)


def page(*parts: str, head: str = SNIPPET) -> str:
    inside = "\n".join(parts)
    return f"<!doctype html>\n<html><head>\n{head}\n{inside}</head><body>hello</body></html>"


def kinds(html: str, **options) -> list[str]:
    return [one.kind for one in scan(html, **options)]


def only(html: str, **options) -> Finding:
    (found,) = scan(html, **options)
    return found


class TestSnippet:
    def test_a_page_with_it_alone_is_clean(self):
        assert scan(page()) == []
        assert SCANNER.page(page()) == []
        assert scan(page(head=SNIPPET.replace("<script>", '<script nonce="abc">'))) == []

    @pytest.mark.parametrize(
        ("head", "expected"),
        [
            ("", ["snippet-missing"]),
            ("<script>pixelgate('show')</script>", ["snippet-missing"]),
            (SNIPPET + SNIPPET, ["snippet-twice"]),
            (f"<!-- {SNIPPET} -->", ["snippet-missing", "snippet-held"]),
            (f"<!-- {SNIPPET} -->{SNIPPET}", ["snippet-held"]),
            (f"<noscript>{SNIPPET}</noscript>", ["snippet-missing", "snippet-held"]),
            (
                SNIPPET.replace("<script", "<script type=text/plain"),
                ["snippet-missing", "snippet-held"],
            ),
            (
                SNIPPET.replace("<script", "<script type=rocketlazyloadscript"),
                ["snippet-missing", "snippet-held"],
            ),
            (SNIPPET.replace("/s/summit/", "/s/harbor/"), ["snippet-store"]),
            (SNIPPET.replace(SERVICE, "http://localhost:8000"), ["snippet-service"]),
            (SNIPPET.replace("denied", "granted"), ["snippet-old"]),
            (SNIPPET.replace(SERVICE, f"{SERVICE}/edge/berlin"), []),
            (SNIPPET.replace(SERVICE, f"{SERVICE}.evil.example"), ["snippet-service"]),
            (SNIPPET.replace(";", ";\n").replace("\n", "\n "), ["snippet-old"]),
            (f"<script async src='{SERVICE}/s/summit/loader.js'></script>", ["snippet-partial"]),
            (f"</head><body>{SNIPPET}", ["snippet-body"]),
        ],
    )
    def test_where_and_how_it_stands(self, head, expected):
        assert kinds(page(head=head)) == expected

    def test_one_that_comes_late_says_what_comes_before(self):
        found = scan(page(head=f"{META}\n{SNIPPET}"))
        late = next(one for one in found if one.kind == "snippet-late")
        assert late.says == "a tag stands before the snippet, in line 4"
        jquery = "<script src='/jquery.js'></script>"
        assert scan(page(head=f"{jquery}{SNIPPET}")) == []

    def test_without_a_store_it_is_compared_with_itself(self):
        other = COMPOSER.snippet("harbor", "http://localhost:8000")
        assert SCANNER.page(page(head=other)) == []
        assert [
            one.kind for one in SCANNER.page(page(head=other.replace("var", "let") + " "))
        ] == []

    def test_a_page_on_another_origin_is_told(self):
        found = SCANNER.page(page(), url="https://www.summit.example/", expected=EXPECTED)
        assert [one.kind for one in found] == ["origin"]
        assert "https://summit.example" in found[0].do


class TestPasted:
    @pytest.mark.parametrize("key", SNIPPETS)
    def test_each_platforms_snippet_is_found_with_the_lines_to_remove(self, key):
        found = scan(page(SNIPPETS[key]))
        assert {one.kind for one in found} == {"pasted-pixel"}
        assert {one.platform for one in found} == {key}
        assert PLATFORMS[key].id_example in {one.id for one in found}
        lines = page(SNIPPETS[key]).split("\n")
        for one in found:
            stands = " ".join("\n".join(lines[one.line - 1 : one.last_line]).split())
            assert one.source.removesuffix("...")[:80] in stands
            assert one.source.startswith("<")
            assert one.do.startswith("remove th")

    @pytest.mark.parametrize(
        ("pixels", "replaced", "says"),
        [
            (SUMMIT.pixels, "meta 123456789012345", "the registered pixel does the same"),
            ((), "", "register it first as platform meta"),
            ((Pixel("meta", "555555555"),), "", "registered is 555555555; register this one too"),
        ],
    )
    def test_what_takes_its_place(self, pixels, replaced, says):
        expected = Expected(msgspec.structs.replace(SUMMIT, pixels=pixels), SERVICE)
        found = SCANNER.page(page(META), url=URL, expected=expected)[0]
        assert found.replaced_by == replaced
        assert says in found.do

    def test_one_with_an_id_that_the_page_makes_names_the_registered_one(self):
        found = only(page("<script>fbq('init', shop.pixel)</script>"))
        assert (found.id, found.replaced_by) == ("", "meta 123456789012345")

    def test_a_snippet_in_two_scripts_has_one_id(self):
        found = scan(page(SNIPPETS["linkedin"]))
        assert [one.id for one in found] == ["512345"] * 3

    def test_of_a_large_script_only_the_call_has_to_go(self):
        theme = "/* theme */\n" * 1000
        found = only(page(f"<script>{theme}fbq('init', '123456789012345');{theme}</script>"))
        assert found.source == "fbq('init', '123456789012345'"
        assert found.line == 1004
        assert found.do.startswith("remove this call; ")

    def test_two_platforms_in_one_script_are_told_apart(self):
        code = "<script>fbq('init', '123456789012345');\ntwq('config', 'q27qa');</script>"
        found = scan(page(code))
        assert [(one.platform, one.source) for one in found] == [
            ("meta", "fbq('init', '123456789012345'"),
            ("x", "twq('config', 'q27qa'"),
        ]

    @pytest.mark.parametrize(
        ("html", "why"),
        [
            (f"<!-- {re.sub('<!--.*?-->', '', META)} -->", "it is commented out"),
            ("<script>// fbq('init', '123456789012345')\n</script>", "it is commented out"),
            ("<script type='text/plain'>fbq('init', '1')</script>", "its type is 'text/plain'"),
            ("<script type=text/plain data-purpose=marketing>fbq('init','1')</script>", "it waits"),
            ("<template><script>fbq('init', '1')</script></template>", "it is in a <template>"),
        ],
    )
    def test_what_does_not_fire_is_a_note(self, html, why):
        found = scan(page(html))
        assert {(one.kind, one.severity) for one in found} == {("pasted-quiet", "note")}
        assert why in found[0].says

    def test_a_plugin_is_named_where_it_has_to_be_switched_off(self):
        plugin = "<script id='pys-js'>var pysOptions = {};</script>"
        assert only(page(plugin)).kind == "plugin"
        found = scan(page(plugin, META))
        assert [one.kind for one in found] == ["pasted-pixel", "pasted-pixel"]
        assert found[0].do.startswith("switch it off in PixelYourSite; ")

    def test_what_an_app_brings_is_switched_off_there(self):
        found = only(page(OTHERS["tiktok"][0]))
        assert found.says.endswith("is brought by an app or a plugin, which does not wait for us")
        assert found.do.startswith("switch it off in that app (in Shopify: Settings, Customer")
        (app,) = [one for one in OTHERS["meta"] if "pysOptions" in one]
        assert only(page(app)).do.startswith("switch it off in PixelYourSite; ")

    def test_a_plugin_that_knows_consent_systems_is_none(self):
        listens = "addEventListener('CookiebotOnConsentReady', f); cmplz_has_consent('marketing')"
        assert scan(page(f"<script>{listens}; window.didomiOnReady = []</script>")) == []

    def test_googles_tags_that_are_told_to_wait_are_a_warning(self):
        told = (
            "<script>gtag('consent', 'default', {'a': 'denied', 'wait_for_update': 500})</script>"
        )
        found = scan(page(told, SNIPPETS["gtm"], META))
        assert {(one.platform, one.severity) for one in found} == {
            ("gtm", "warning"),
            ("meta", "error"),
        }
        assert scan(page(told)) == []

    def test_a_container_cannot_be_looked_into(self):
        found = scan(page(SNIPPETS["gtm"]))
        assert found[0].says.endswith("What its tags do cannot be seen from outside")


class TestOthers:
    @pytest.mark.parametrize("system", KNOWN.systems, ids=lambda one: one.name)
    def test_each_consent_system_is_named_once(self, system):
        hosts = [one.replace("*.", "x.").replace("*", "x", 1) for one in system.scripts]
        scripts = [f"<script src='https://{one.replace('*', 'a')}'></script>" for one in hosts]
        scripts += [f"<script>var a = '{mark}'</script>" for mark in system.marks]
        for html in (*scripts, "".join(scripts)):
            found = only(page(html))
            assert found.kind == "consent-system"
            assert found.says.startswith(f"{system.name} is in the page")

    @pytest.mark.parametrize(
        ("html", "kind", "severity"),
        [
            ("<iframe src='https://www.youtube.com/embed/a'></iframe>", "embed", "warning"),
            ("<iframe src='https://who.example/'></iframe>", "embed", "note"),
            ("<script src='https://cdn.segment.com/a.js'></script>", "tracker", "error"),
            ("<script src='https://static.hotjar.com/other.js'></script>", "tracker", "error"),
            ("<script src='https://who.example/a.js'></script>", "unknown", "note"),
            ("<link rel=stylesheet href='//fonts.googleapis.com/css'>", "content", "warning"),
            ("<link rel='preconnect' href='//connect.facebook.net'>", "hint", "warning"),
            ("<link rel=preload as=script href='//snap.licdn.com/a.js'>", "hint", "warning"),
            ("<img src='//ib.omtrdc.net/b/ss'>", "tracker", "error"),
            (
                "<script>(function(i,s){})(window,'//www.google-analytics.com/analytics.js')</script>",
                "tracker",
                "error",
            ),
            (
                '<script>s.src="https:\\/\\/mc.yandex.ru\\/metrika\\/tag.js"</script>',
                "tracker",
                "error",
            ),
            (
                "<script>gtag('consent', 'default', {ad_storage: 'granted'})</script>",
                "consent-default",
                "error",
            ),
        ],
    )
    def test_what_loads_without_asking(self, html, kind, severity):
        found = only(page(html))
        assert (found.kind, found.severity) == (kind, severity)
        assert found.do
        assert scan(page(f"<!-- {html} -->")) == []

    @pytest.mark.parametrize(
        "html",
        [
            "<iframe data-src='https://www.youtube.com/embed/a' data-purpose=marketing></iframe>",
            "<script src='/own.js'></script><script src='https://cdn.summit.example/a.js'></script>",
            f"<script src='{SERVICE}/s/summit/debug.js'></script>",
            "<script src='https://js.stripe.com/v3/'></script>",
            "<script>a = ['https://js.hubspot.com/docs', '//cdnjs.cloudflare.com/a.js']</script>",
            "<script>FB.src = 'https://connect.facebook.net'</script>",
            "<script src='https://www.google.com/recaptcha/api.js'></script>",
            "<script type='text/plain' data-purpose=analytics src='//who.example/h.js'></script>",
            "<script>gtag('consent', 'default', {ad_storage: 'denied'})</script>",
            "<script>/pixelgate=/.test(1); gtag('consent', 'default', {a: 'granted'})</script>",
            "<link rel=dns-prefetch href='//connect.facebook.net'>",
            "<link rel=canonical href='https://www.facebook.com/summit'>",
            "<a href='https://www.youtube.com/embed/a'>video</a><img src='data:image/gif;base64,'>",
        ],
    )
    def test_what_is_as_it_should_be(self, html):
        assert scan(page(html)) == []

    def test_a_host_that_nobody_knows_is_told_once(self):
        one, two = (f"<script src='https://{name}.who.example/a.js'></script>" for name in "ab")
        assert len(scan(page(one, one, two))) == 2

    def test_a_host_is_a_host_and_a_path_a_path(self):
        assert at("*.x.example", "https://a.x.example/")
        assert at("x.example/recaptcha", "https://x.example/recaptcha/api.js")
        assert not at("x.example/recaptcha", "https://x.example/recaptchas")
        assert not at("x.example", "https://ax.example/")
        assert not at("x.example", "http://[bad")


def hash_of(snippet: str) -> str:
    inside = snippet.partition(">")[2].rpartition("</script>")[0]
    return base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()


NONCED = SNIPPET.replace("<script>", '<script nonce="r4nd0m">')


class TestPolicies:
    @pytest.mark.parametrize(
        ("policy", "head", "expected"),
        [
            ("", SNIPPET, []),
            ("object-src 'none'; base-uri 'none'", SNIPPET, []),
            ("script-src 'self'", SNIPPET, ["csp-snippet"]),
            ("default-src 'self'", SNIPPET, ["csp-snippet", "csp-connect", "csp-pixels"]),
            ("script-src 'unsafe-inline'", SNIPPET, ["csp-loader"]),
            ("script-src 'unsafe-inline' https:", SNIPPET, []),
            ("script-src 'unsafe-inline' 'nonce-x' https:", SNIPPET, ["csp-snippet"]),
            ("script-src 'nonce-r4nd0m' 'strict-dynamic'", NONCED, []),
            ("script-src 'nonce-other' 'strict-dynamic'", NONCED, ["csp-snippet"]),
            (f"script-src 'sha256-{hash_of(SNIPPET)}' 'strict-dynamic'", SNIPPET, []),
            (f"script-src 'sha256-{hash_of(SNIPPET)}'", SNIPPET, ["csp-loader"]),
            (f"script-src 'sha256-{hash_of(SNIPPET)}' {SERVICE} https:", SNIPPET, []),
            (f"connect-src {SERVICE} https:", SNIPPET, []),
            ("connect-src 'self'", SNIPPET, ["csp-connect"]),
            ("connect-src consent.summit.example *", SNIPPET, []),
            ("connect-src *.summit.example:443 https://*", SNIPPET, ["csp-pixels"]),
            ("require-trusted-types-for 'script'; trusted-types a", SNIPPET, ["csp-loader"]),
            ("require-trusted-types-for 'script'; trusted-types a pixelgate", SNIPPET, []),
            ("img-src 'self'", SNIPPET, ["csp-pixels"]),
            ("script-src https: 'unsafe-inline', script-src 'none'", SNIPPET, ["csp-snippet"]),
        ],
    )
    def test_what_it_stops(self, policy, head, expected):
        found = dict.fromkeys(kinds(page(head=head), policies=(policy,)))
        # What pixels need besides is told too; here it is about ours.
        assert [one for one in found if one in expected or one != "csp-pixels"] == expected

    def test_one_in_the_page_counts_as_well(self):
        meta = "<meta http-equiv='Content-Security-Policy' content=\"connect-src 'none'\">"
        assert "csp-connect" in kinds(page(head=meta + SNIPPET))

    def test_the_policy_that_we_print_stops_nothing(self):
        printed = " ".join(csp.lines(csp.policy(SUMMIT, PLATFORMS, SERVICE)))
        policy = printed.replace("{NONCE}", "r4nd0m")
        assert scan(page(head=NONCED), policies=(policy,)) == []

    def test_what_pixels_miss_is_named(self):
        found = scan(page(), policies=("frame-src 'self'",))
        assert [one.kind for one in found] == ["csp-pixels"]
        assert "https://www.facebook.com" in found[0].do
        assert SCANNER.page(page(), policies=("frame-src 'self'",)) == []


def test_every_kind_is_explained():
    source = "".join(
        file.read_text(encoding="utf-8")
        for file in (Path(__file__).parent.parent / "consent/scan").glob("*.py")
    )
    said = set(re.findall(r'(?:kind=|said\(\s*|Stop\(\s*)"([a-z-]+)"', source))
    explained = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", README))
    assert len(said) > 15
    assert said - explained == set()


def test_the_readmes_json_is_a_finding():
    example = re.search(r"```json\n(.*?)```", README, re.DOTALL)[1]
    read = msgspec.json.decode(example)
    given = read["pages"][0]["findings"][0]
    assert msgspec.to_builtins(msgspec.convert(given, Finding)) == given
    assert set(read) == {"pages", "errors", "warnings", "notes"}


PIECES = [
    *(SNIPPET, META, "<script>", "</script>", "<!--", "-->", "<iframe src='https://", "'>", '"'),
    *("<meta http-equiv=content-security-policy content='", "script-src ;;; 'nonce- ", "//[", "\0"),
    *("<link rel=preload href=", "<base href='", "https://user:p@x.example:99999/", "\ud800", "\n"),
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=25))
def test_no_page_is_too_strange(pieces):
    html = "".join(pieces)
    for one in scan(html, policies=(html[:200],)):
        assert one.says
        assert 0 <= one.line <= one.last_line <= html.count("\n") + 1
