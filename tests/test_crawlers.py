import re

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from consent import crawlers

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        f"Mozilla/5.0 {WEBKIT}; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        f"Mozilla/5.0 (Linux; Android 11; moto g power) {WEBKIT} Chrome/109.0 Chrome-Lighthouse",
        "facebookexternalhit/1.1",
        f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/120 Safari/537.36 Googlebot/2.1",
    ],
    ids=["search", "language model", "monitor", "preview", "headless search"],
)
def test_a_crawler_that_says_so_is_one(agent):
    assert crawlers.kind(agent.encode()) == "crawler"


def test_a_browser_without_a_window_is_driven():
    agent = f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/120.0.0.0 Safari/537.36"
    assert crawlers.kind(agent.encode()) == "driven"


@pytest.mark.parametrize(
    "agent",
    [
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/137.0 Safari/537.36 Edg/137.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
        f"{IPHONE} (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        f"{IPHONE} (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/520.0;FBDV/iPhone14,7]",
        f"Mozilla/5.0 (Linux; Android 16; wv) {WEBKIT} Chrome/146.0 Mobile MetaIAB Facebook",
        f"{IPHONE} (KHTML, like Gecko) Mobile/15E148 Instagram 383.0 (iPhone14,7; iOS 18_5)",
        "python-httpx/0.28",
        "okhttp/5.1",
        "",
        "\xff\x00(" * 90,
    ],
    ids=["edge", "firefox", "safari", "facebook", "metaiab", "instagram", *"abcd"],
)
def test_people_and_the_apps_that_post_for_them_are_none(agent):
    assert crawlers.kind(agent.encode("latin-1")[: crawlers.MOST_BYTES]) == "person"


def test_every_crawler_of_the_list_is_left_out_by_its_own_example():
    missed = [
        agent
        for entry in CRAWLER_USER_AGENTS_DATA[::10]
        for agent in entry["instances"]
        if not {"http-library", "browser-automation"} & set(entry["tags"])
        and re.search(entry["pattern"], agent[: crawlers.MOST_BYTES])
        and crawlers.kind(agent[: crawlers.MOST_BYTES].encode()) == "person"
    ]
    assert missed == []


def test_no_pattern_takes_more_than_a_square_of_time():
    """One repetition in a pattern at most, none inside another, over a bounded text."""
    for entry in CRAWLER_USER_AGENTS_DATA:
        bare = re.sub(r"\\.", "", entry["pattern"])
        assert len(re.findall(r"[*+{]", bare)) <= 1, entry["pattern"]
        assert not re.search(r"\)[*+{]", bare), entry["pattern"]


def test_what_is_remembered_is_bounded():
    assert crawlers.kind.cache_info().maxsize == crawlers.REMEMBERED
