import pytest

from consent.web.admin import shown
from consent.web.admin.shown import Choices, Layer, Shown

CONTENT = Shown(
    banner=Layer("T", "text", "yes", "no", "choose"),
    notice=Layer("N", "notice text", "ok", "opt out"),
    layout="dialog",
    privacy="https://shop.example/privacy",
    policy="Privacy policy",
    close="Close",
    close_note="Closing refuses.",
)


@pytest.mark.parametrize(
    ("model", "kind", "links", "buttons"),
    [
        ("opt-in", "banner", ("Privacy policy",), ("no", "yes", "choose")),
        ("opt-out", "notice", ("Privacy policy", "Your choices"), ("opt out", "ok")),
        ("notice", "notice", ("Privacy policy", "Your choices"), ("opt out", "ok")),
    ],
)
def test_the_regimes_model_says_which_layer_is_drawn(model, kind, links, buttons):
    first = shown.first(CONTENT, model, "Your choices")
    assert (first.kind, first.links, first.buttons) == (kind, links, buttons)


def test_the_note_on_closing_stands_below_the_text():
    first = shown.first(CONTENT, "opt-in", "")
    assert first.paragraphs == ("text", "Closing refuses.")
    assert first.close == "Close"


def test_a_notice_never_covers_the_page():
    assert "waits for an answer" in shown.first(CONTENT, "opt-in", "").layout
    assert "lower edge" in shown.first(CONTENT, "opt-out", "").layout


def test_what_an_old_content_lacks_is_left_out():
    first = shown.first(Shown(banner=Layer("T")), "opt-out", "Your choices")
    assert first == shown.First("banner", "", "T", (), (), (), "")


def test_no_button_accepts_everything_where_the_signal_holds_a_purpose_off():
    choices = Choices(accept="all", reject="none", save="save")
    assert shown.second_buttons(choices, locked=True) == ("none", "save")
    assert shown.second_buttons(choices, locked=False) == ("none", "all", "save")
