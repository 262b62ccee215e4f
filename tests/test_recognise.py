"""A vendor's snippet is known in whatever form it stands, and its id is found."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.markup import MOST_ELEMENTS, Page
from consent.platforms import Platforms
from consent.platforms.recognise import LONGEST_PASTE
from tests.pasted import OTHERS, SNIPPETS

PLATFORMS = Platforms.load()
RECOGNISER = PLATFORMS.recogniser
EVERY = [(key, text) for key, text in SNIPPETS.items()] + [
    (key, text) for key, texts in OTHERS.items() for text in texts
]


def running(html: str) -> set[tuple[str, tuple[str, ...]]]:
    return {(one.platform, one.ids) for one in RECOGNISER.page(Page(html)) if one.runs}


def quiet(html: str) -> set[str]:
    return {one.platform for one in RECOGNISER.page(Page(html)) if not one.runs}


def test_every_platform_has_a_snippet_here():
    assert sorted(SNIPPETS) == sorted(PLATFORMS)


@pytest.mark.parametrize(("key", "text"), EVERY)
def test_the_platform_and_the_id_are_found(key, text):
    assert RECOGNISER.text(text) == [(key, PLATFORMS[key].id_example)]


@pytest.mark.parametrize("key", SNIPPETS)
class TestVariants:
    def test_minified(self, key):
        html = re.sub(r"\s*\n\s*", "", SNIPPETS[key].replace(", ", ","))
        assert RECOGNISER.text(html) == [(key, PLATFORMS[key].id_example)]

    def test_other_quotes_and_capitals(self, key):
        html = SNIPPETS[key].replace("'", '"') if '="' not in SNIPPETS[key] else SNIPPETS[key]
        html = html.replace("<script", "<SCRIPT").replace("</script", "</Script ")
        assert RECOGNISER.text(html) == [(key, PLATFORMS[key].id_example)]

    def test_in_a_page_between_other_things(self, key):
        html = f"<!doctype html><html><head><title>a < b</title>\n{SNIPPETS[key]}</head><body><p>x"
        assert {one for one, _ in running(html)} == {key}
        assert quiet(html) == set()

    def test_commented_out_it_does_not_run(self, key):
        html = f"<!-- {re.sub('<!--.*?-->', '', SNIPPETS[key])} -->"
        assert running(html) == set()
        assert quiet(html) == {key}

    def test_as_plain_text_or_in_a_template_its_script_does_not_run(self, key):
        inert = re.sub("<noscript>.*?</noscript>", "", SNIPPETS[key], flags=re.DOTALL)
        plain = re.sub(r"""\stype=["'][^"']*["']""", "", inert)
        plain = plain.replace("<script", '<script type="text/plain"')
        assert running(plain) == set()
        assert quiet(plain) == {key}
        assert running(f"<template>{inert}</template>") == set()

    def test_held_by_a_speed_plugin_it_runs_all_the_same(self, key):
        html = re.sub(r"""\stype=["'][^"']*["']""", "", SNIPPETS[key])
        html = html.replace("<script", '<script type="rocketlazyloadscript"')
        assert {one for one, _ in running(html)} == {key}


class TestCode:
    def test_what_is_commented_out_in_code_does_not_run(self):
        code = "/* fbq('init','123456789012345') */ var re=/https?:\\/\\//; twq('config','q27qa')"
        assert running(f"<script>{code}</script>") == {("x", ("q27qa",))}
        assert quiet(f"<script>{code}</script>") == {"meta"}

    def test_two_slashes_in_a_text_begin_no_comment(self):
        html = "<script>a('https://x.example', fbq('init','123456789012345'))</script>"
        assert running(html) == {("meta", ("123456789012345",))}

    def test_an_id_that_the_page_makes_is_not_guessed(self):
        assert RECOGNISER.text("<script>fbq('init', window.pixelId)</script>") == [("meta", "")]
        assert RECOGNISER.text("gtag('js', new Date()); gtag('config', id)") == [("ga4", "")]

    def test_a_tag_of_google_with_another_id_is_named_once(self):
        html = '<script src="https://www.googletagmanager.com/gtag/js?id=GT-ABC123"></script>'
        assert RECOGNISER.text(html) == [("ga4", "")]

    def test_several_ids_of_several_platforms_are_told_apart(self):
        html = SNIPPETS["ga4"].replace(
            "</script>\n", "</script>\n<script>fbq('init','777777777');</script>"
        )
        html += "<script>gtag('config','AW-555555555');gtag('config','G-ABCDE99999')</script>"
        assert RECOGNISER.text(html) == [
            ("ga4", "G-ABCDE12345"),
            ("meta", "777777777"),
            ("ga4", "G-ABCDE99999"),
            ("google-ads", "AW-555555555"),
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "hello",
            "<script>myfbq('init', '123456789012345')</script>",
            "<script src='https://evilconnect.facebook.net.example/en_US/fbevents.js'></script>",
            "<script src='https://connect.facebook.net/en_US/sdk.js'></script>",
            "<script>js.src = '//connect.facebook.net/en_US/sdk.js#xfbml=1';</script>",
            "<script src='https://notclarity.ms/tag/abcdef1234'></script>",
            "<script type='application/ld+json'>fbq('init', '123456789012345')</script>",
            "<textarea><script>fbq('init', '123456789012345')</script></textarea>",
            "<script src='//[bad'></script><img src='http://[::1'>",
        ],
    )
    def test_what_is_none_is_not_found(self, text):
        assert RECOGNISER.text(text) == []

    def test_an_id_alone_may_be_several_platforms(self):
        assert RECOGNISER.bare(" G-ABCDE12345 ") == ["ga4"]
        assert {"linkedin", "uet", "hotjar", "criteo"} <= set(RECOGNISER.bare("512345"))

    def test_plugins_are_known_by_their_marks(self):
        assert RECOGNISER.plugins("<script>var pysOptions = {}</script>") == [
            ("meta", "PixelYourSite")
        ]


class TestPage:
    def test_places_count_from_one(self):
        page = Page("<p>\n  <script>\n\nfbq('init','123456789012345')</script>")
        (seen,) = RECOGNISER.page(page)
        assert page.place(seen.at) == (4, 1)
        assert page.place(seen.element.start) == (2, 3)
        assert page.text[seen.at : seen.to].startswith("fbq('init'")

    def test_a_quote_hides_what_is_in_it_and_an_end_is_an_end(self):
        page = Page(
            "<a title='<script>'><img alt=\"'\" src=a><script>'</script'</script><img src=b>"
        )
        assert [one.name for one in page.elements] == ["img", "script", "img"]
        assert page.elements[1].text == "'</script'"

    def test_addresses_go_by_the_base(self):
        page = Page("<base href='/sub/'><img src=a>", "https://summit.example/x")
        assert page.address("a") == "https://summit.example/sub/a"
        assert Page("").address("//cdn.example/a") == "https://cdn.example/a"

    def test_there_is_an_end_to_what_is_read(self):
        assert len(Page("<img>" * (MOST_ELEMENTS + 5)).elements) == MOST_ELEMENTS
        assert RECOGNISER.text(" " * LONGEST_PASTE + META_CALL) == []


META_CALL = "fbq('init', '123456789012345')"
PIECES = [
    *("<", ">", "<!--", "-->", "<script", "<script>", "</script>", "'", '"', "`", "=", "/", "\\"),
    *("/*", "*/", "//", "\n", " ", "fbq('init',", "gtag('config',", "{id}", "<noscript>", "</"),
    *("<iframe src=", "<img src='https://www.facebook.com/tr?id=", "ttq.load(", "[", "&#x3c;"),
    *("https://connect.facebook.net/", "\x00", "\ud800", "é", "<base href=//[", "<template>"),
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=60))
def test_no_text_is_too_strange(pieces):
    text = "".join(pieces)
    page = Page(text)
    for one in RECOGNISER.page(page):
        assert 0 <= one.at <= one.to <= len(text)
        assert page.place(one.at).line >= 1
        assert all(PLATFORMS[one.platform].key in RECOGNISER.bare(id_) for id_ in one.ids)
    RECOGNISER.text(text)
