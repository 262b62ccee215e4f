from __future__ import annotations

import pytest

from consent import theme
from consent.model import BannerConfig, Scheme


def test_black_on_white_has_the_highest_contrast_and_equals_have_none() -> None:
    assert theme.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert theme.contrast("#ffffff", "#000000") == pytest.approx(21)
    assert theme.contrast("#1d4f91", "#1d4f91") == pytest.approx(1)


@pytest.mark.parametrize(("share", "expected"), [(1, "#102030"), (0, "#304050"), (0.5, "#203040")])
def test_colours_are_mixed_by_share(share: float, expected: str) -> None:
    assert theme.mixed("#102030", "#304050", share) == expected


def test_our_own_look_has_no_fault_and_needs_no_css() -> None:
    assert list(theme.faults(BannerConfig())) == []
    assert theme.css(BannerConfig()) == ""
    assert theme.described(BannerConfig()) == {}


def test_the_words_on_a_bright_accent_are_dark() -> None:
    banner = BannerConfig(accent="#ffdd00")
    assert list(theme.faults(banner)) == []
    assert theme.palette(banner, "light").on_accent == "#17191c"
    assert "--pg-accent:#ffdd00;--pg-on-accent:#17191c" in theme.css(banner)


def test_each_scheme_has_its_own_colours() -> None:
    banner = BannerConfig(
        accent="#0a5c36",
        light=Scheme(background="#fffdf7", text="#101010"),
        dark=Scheme(background="#101418", accent="#7fd6a4"),
        radius=0,
    )
    assert list(theme.faults(banner)) == []
    light, dark = theme.css(banner).split("@media(prefers-color-scheme:dark)")
    assert light == (
        ":host(#pixelgate){--pg-bg:#fffdf7;--pg-fg:#101010;--pg-accent:#0a5c36;"
        "--pg-on-accent:#ffffff;--pg-radius:0px}"
    )
    assert dark == (
        "{:host(#pixelgate){--pg-bg:#101418;--pg-fg:#f2f3f5;--pg-accent:#7fd6a4;"
        "--pg-on-accent:#17191c}}"
    )
    assert theme.described(banner)["dark"]["text"] == "#f2f3f5"


def test_light_colours_alone_do_not_reach_the_dark() -> None:
    css = theme.css(BannerConfig(light=Scheme(background="#fffaf0")))
    assert css.endswith("dark){:host(#pixelgate){--pg-bg:#1b1e23}}")


def test_a_light_accent_alone_does_not_reach_the_dark() -> None:
    banner = BannerConfig(light=Scheme(accent="#8a1c1c"))
    assert theme.palette(banner, "dark").accent == "#1d4f91"
    assert "dark){:host(#pixelgate){--pg-accent:#1d4f91" in theme.css(banner)


@pytest.mark.parametrize(
    ("banner", "fault"),
    [
        (BannerConfig(accent="#7f7f7f"), "banner.light.accent: the buttons' words"),
        (BannerConfig(dark=Scheme(text="#555555")), "banner.dark.text: text"),
        (BannerConfig(light=Scheme(text="#757575")), "banner.light.text: secondary text"),
        (BannerConfig(accent="#12345"), "banner.accent: '#12345'; expected a colour"),
        (BannerConfig(light=Scheme(text="};*{x:y")), "banner.light.text: '};*{x:y'; expected"),
        (BannerConfig(radius=-1), "banner.radius: -1; expected 0 to 24"),
    ],
)
def test_a_look_that_cannot_be_read_is_told(banner: BannerConfig, fault: str) -> None:
    assert [found for found in theme.faults(banner) if found.startswith(fault)]
