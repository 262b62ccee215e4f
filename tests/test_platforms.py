from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import data
from consent.errors import DataErrors, RefusedError
from consent.model import Pixel
from consent.platforms import EVENTS, Platform, Platforms
from consent.platforms.sending import ORDER, sent, table

PLATFORMS = Platforms.load()
SNIPPETS = data.folder("snippets")

GOOD_TOML = """
name = "Example"
vendor = "Example Ltd"
privacy_url = "https://example.com/privacy"
purposes = ["marketing"]
source = "https://example.com/docs"
reviewed = 2026-01-01
id_pattern = "[0-9]{4}"
id_example = "1234"
id_where = "on the first page"
script_url = "https://cdn.example.com/pixel.js"
traces = [{ name = "_ex*" }]
[hosts]
script = ["*.example.com"]
[events]
PageView = "view"
"""
GOOD_JS = "function (page) {\n  return {{ id | tojson }};\n}\n"


def pixel(platform: str = "meta", **changes: object) -> Pixel:
    registered = Pixel(platform, PLATFORMS[platform].id_example)
    return msgspec.structs.replace(registered, **changes)


def written(root: Path, *, toml: str = GOOD_TOML, js: str = GOOD_JS, key: str = "example") -> Path:
    folder = root / "snippets" / key
    folder.mkdir(parents=True)
    (folder / "platform.toml").write_text(toml, encoding="utf-8")
    (folder / "pixel.js").write_text(js, encoding="utf-8")
    return folder.parent


def faults_of(root: Path) -> list[str]:
    with pytest.raises(DataErrors) as caught:
        Platforms.load(root)
    return [str(fault) for fault in caught.value.faults]


@pytest.fixture(params=sorted(PLATFORMS))
def platform(request: pytest.FixtureRequest) -> Platform:
    return PLATFORMS[request.param]


def test_every_folder_of_snippets_is_a_platform():
    folders = {path.name for path in SNIPPETS.iterdir() if path.is_dir()}
    assert folders == {*PLATFORMS, "custom"}


def test_every_platform_is_listed_for_the_marketer(platform):
    guide = (SNIPPETS / platform.key / "README.md").read_text(encoding="utf-8")
    assert platform.id_example in guide
    assert f"({platform.key}/README.md)" in (SNIPPETS / "README.md").read_text(encoding="utf-8")


def test_the_guide_names_each_event_and_what_it_becomes(platform):
    guide = (SNIPPETS / platform.key / "README.md").read_text(encoding="utf-8")
    for event, vendors_name in platform.events.items():
        assert f"`{event}`" in guide
        assert f"`{vendors_name}`" in guide


def test_the_example_of_each_platform_is_accepted(platform):
    labels = {"Purchase": platform.label_example} if platform.label_pattern else {}
    assert PLATFORMS.faults(pixel(platform.key, labels=labels)) == []


def test_every_standard_event_is_sent_somehow_or_said_not_to_be(platform):
    assert set(platform.events) | set(platform.unsent) <= set(EVENTS)
    if platform.no_custom and not platform.label_pattern:
        assert set(platform.events) | set(platform.unsent) == set(EVENTS)
    order = sent(platform, "Purchase", ORDER, labels={"Purchase": platform.label_example})
    assert order is not None or "Purchase" in platform.unsent


def test_the_tables_of_the_guide_are_those_of_the_files():
    guide = (SNIPPETS / "README.md").read_text(encoding="utf-8")
    assert "\n".join(table(PLATFORMS)) in guide, (
        "put in what python -m tests.platform_tables prints"
    )


def test_every_platform_names_what_it_leaves_in_the_browser(platform):
    assert platform.traces or platform.key == "gtm"  # a container stores nothing, its tags do


def test_what_a_platform_requires_is_said_of_events_that_it_knows(platform):
    assert set(platform.required) <= set(platform.events)
    taken = {*platform.parameters, *platform.options}
    taken |= {"contents"} if "ids" in taken else set()
    for parameters in platform.required.values():
        assert set(parameters) <= taken


def test_the_debug_view_can_hear_each_platforms_pixel(platform):
    code = (SNIPPETS / platform.key / "pixel.js").read_text(encoding="utf-8")
    assert platform.queues
    assert [
        name for name in platform.queues if f"window.{name.partition('.')[0]}" not in code
    ] == []


def test_no_hint_of_a_platform_matches_a_good_id(platform):
    assert [h for h in platform.hints if re.fullmatch(h.pattern, platform.id_example)] == []


def test_every_key_of_a_platform_file_is_explained():
    text = (SNIPPETS / "README.md").read_text(encoding="utf-8")
    fields = set(Platform.__struct_fields__) - {"key"}
    assert {field for field in fields if not re.search(rf"`\[?{field}\]?`", text)} == set()


@pytest.mark.parametrize(
    ("platform", "found", "says"),
    [
        ("meta", "act_123456", "is an ad account id"),
        ("meta", "EAAB1234567890abcdefghijk", "is an access token"),
        ("meta", "0123456789", "has spaces, a leading zero"),
        ("meta", "1234 5678 9012", "has spaces, a leading zero"),
        ("meta", "G-ABCDE12345", "looks like an id of Google Analytics 4; register it as platform"),
        ("ga4", "UA-12345-1", "is a Universal Analytics id"),
        ("ga4", "GTM-ABC123", "is a Tag Manager container"),
        ("ga4", "g-abcde12345", "is in small letters"),
        ("ga4", "AW-123456789", "looks like an id of Google Ads; register it as platform"),
        ("ga4", "123456789", "is a property or stream number"),
        ("google-ads", "123-456-7890", "is a customer id"),
        ("google-ads", "123456789", "has no AW- before it"),
        ("google-ads", "AW-123456789/abCDeFGhij", "is an id and a label together"),
        ("google-ads", "", "is no Google Ads id; expected one like AW-123456789"),
    ],
)
def test_a_mistaken_id_is_answered_with_what_it_looks_like(platform, found, says):
    (fault,) = PLATFORMS.faults(pixel(platform, id=found))
    assert fault.startswith(f"id: '{found}' {says}")


@pytest.mark.parametrize("end", ["\n", "\r", " ", "\u2028", "\x00", "'", '"', "</script>", "\\"])
def test_an_id_with_anything_after_it_is_refused(platform, end):
    assert PLATFORMS.faults(pixel(platform.key, id=platform.id_example + end)) != []
    assert PLATFORMS.faults(pixel(platform.key, id=end + platform.id_example)) != []


def test_digits_of_other_scripts_are_no_digits():
    assert PLATFORMS.faults(pixel(id="１２３４５６７８９０")) != []


def test_a_fault_is_one_line_however_long_and_hostile_the_id():
    (fault,) = PLATFORMS.faults(pixel(id="\n\x1b[31m" * 500))
    assert fault.isprintable()
    assert len(fault) < 300


def test_an_unknown_platform_is_answered_with_the_known_ones():
    assert PLATFORMS.faults(Pixel("metaa", "1")) == [
        f"platform: 'metaa' is unknown; expected one of {', '.join(PLATFORMS)}, custom"
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"labels": {"Purchase": "no"}}, "labels.Purchase: 'no' is no Google Ads label"),
        ({"labels": {"Purchase": "AW-123456789/abCDeF"}}, "keep what follows the slash"),
        ({"labels": {"Purchase": "AW-123456789"}}, "is the conversion id"),
        ({"labels": {"__proto__": "abCDeFGhij"}}, "labels: '__proto__' is no event name"),
        ({"purposes": ("necessary",)}, "purposes: 'necessary' cannot be refused"),
        ({"purposes": ("marketing", "marketing")}, "purposes: one is named twice"),
    ],
)
def test_a_pixel_that_cannot_work_is_refused_with_the_reason(changes, says):
    (fault,) = PLATFORMS.faults(pixel("google-ads", **changes))
    assert says in fault


def test_a_label_of_another_pixel_is_refused_and_one_that_nobody_uses():
    labels = {"Purchase": "tw-zzzzz-abc12", "PageView": "tw-q27qa-abc12", "Lead": "tw-q27qa-abc12"}
    other, unused = PLATFORMS.faults(pixel("x", labels=labels))
    assert other.startswith("labels.Purchase: 'tw-zzzzz-abc12' is no X Pixel label; expected one")
    assert unused == "labels.PageView: X Pixel wants none for it; expected it left out"


@pytest.mark.parametrize(
    ("platform", "snippet"),
    [
        ("tiktok", "<script>!function (w, d, t) { ttq.load('CHT3MJJC77U0O25ESA0G'); }();</script>"),
        ("meta", "fbq('init', '123456789012345'); fbq('track', 'PageView');"),
        ("ga4", 'src="https://www.googletagmanager.com/gtag/js?id=G-ABCDE12345"></script> gtag()'),
        ("clarity", '(function(c,l,a){})(window, document, "clarity", "script", "abcdef1234");'),
    ],
)
def test_the_id_in_a_whole_snippet_is_found(platform, snippet):
    (fault,) = PLATFORMS.faults(pixel(platform, id=snippet))
    assert fault.endswith(f"is more than an id; the id in it is {PLATFORMS[platform].id_example}")


def test_a_limited_mode_that_the_vendor_does_not_have_is_refused():
    assert PLATFORMS.faults(pixel("hotjar", opt_out="limit")) == [
        "opt_out: Hotjar has no limited mode; expected 'stop'"
    ]


def test_labels_for_a_platform_without_labels_are_refused():
    assert PLATFORMS.faults(pixel(labels={"Purchase": "abCDeFGhij"})) == [
        "labels: Meta Pixel takes none; expected no labels"
    ]


def test_all_faults_of_a_pixel_are_told_together():
    bad = pixel("ga4", id="x", purposes=("necessary",), opt_out="limit", labels={"Lead": "x"})
    assert len(PLATFORMS.faults(bad)) == 4


def test_a_pixel_without_purposes_has_those_of_its_platform():
    assert PLATFORMS.purposes(pixel("ga4")) == ("analytics",)
    assert PLATFORMS.purposes(pixel("ga4", purposes=("marketing",))) == ("marketing",)


def test_limited_data_use_knows_california_and_not_berlin():
    assert PLATFORMS.limit("meta", "US-CA") == {"country": 1, "state": 1000}
    assert PLATFORMS.limit("meta", "DE-BE") is None
    assert PLATFORMS.limit("ga4", "US-CA") is None


def test_a_country_has_the_limited_mode_of_its_subdivisions_that_have_none(tmp_path):
    places = "[limited_data]\nUS = { mode = 'all' }\nUS-CA = { mode = 'own' }\n[hosts]"
    found = Platforms.load(written(tmp_path, toml=GOOD_TOML.replace("[hosts]", places)))
    assert [found.limit("example", place) for place in ("US-CA", "US-OR", "US", "DE")] == [
        {"mode": "own"},
        {"mode": "all"},
        {"mode": "all"},
        None,
    ]


def test_a_pixel_with_faults_is_never_rendered():
    with pytest.raises(RefusedError, match="bad_pixel: id: 'x' is no Meta Pixel id"):
        PLATFORMS.render(pixel(id="x"))


@settings(deadline=None)
@given(st.text())
def test_whatever_is_rendered_is_an_id_of_the_platform(found):
    for key, platform in PLATFORMS.items():
        refused = bool(PLATFORMS.faults(pixel(key, id=found)))
        assert refused or re.fullmatch(r"[A-Za-z0-9@./~_-]+", found), platform.id_pattern


def test_the_demo_can_bring_libraries_from_elsewhere():
    moved = PLATFORMS.with_scripts({"ga4": "http://127.0.0.1:1/gtag.js?id={id}"})
    assert '"http://127.0.0.1:1/gtag.js?id=G-ABCDE12345"' in moved.render(pixel("ga4"))
    assert moved.render(pixel()) == PLATFORMS.render(pixel())


def test_a_platform_added_as_a_folder_is_known(tmp_path):
    found = Platforms.load(written(tmp_path, key="my-platform"))
    assert list(found) == ["my-platform"]
    assert found.render(Pixel("my-platform", "1234")) == 'function (page) {\n  return "1234";\n}'


def test_a_template_that_was_edited_after_the_build_is_used_as_edited(tmp_path):
    shipped = (SNIPPETS / "meta" / "pixel.js").read_text(encoding="utf-8")
    toml = (SNIPPETS / "meta" / "platform.toml").read_text(encoding="utf-8")
    edited = shipped.replace("function (page) {", "function (page) {\n  // edited\n", 1)
    found = Platforms.load(written(tmp_path, toml=toml, js=edited, key="meta"))
    assert "// edited" in found.render(pixel())


def test_every_fault_of_every_file_is_told_at_once(tmp_path):
    toml = GOOD_TOML.replace('name = "Example"', 'nmae = "Example"')
    toml = toml.replace("2026-01-01", '"soon"').replace('["marketing"]', '["fun"]')
    root = written(tmp_path, toml=toml)
    written(tmp_path / "other", js="alert(1)")
    (tmp_path / "other/snippets/example").rename(root / "second")
    faults = faults_of(root)
    assert any(
        "platform.toml: nmae: unknown, perhaps name; known are name, " in fault for fault in faults
    )
    assert any(fault == "example/platform.toml: name: missing; expected a text" for fault in faults)
    assert any(fault.startswith("example/platform.toml: reviewed: ") for fault in faults)
    assert any(fault.startswith("example/platform.toml: purposes[0]: ") for fault in faults)
    assert not any("key" in fault.partition("known are")[2].split(", ") for fault in faults)
    assert any(fault.startswith("second/pixel.js: is not one function") for fault in faults)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"[0-9]{4}"', '"[0-9"', "id_pattern: '[0-9' is no regular expression"),
        ('"1234"', '"12345"', "id_example: '12345' does not match id_pattern"),
        ('["marketing"]', "[]", "purposes: is empty"),
        ('["marketing"]', '["necessary"]', "purposes: 'necessary' cannot be refused"),
        ('"https://example.com/docs"', '"docs"', "source: 'docs' is no https address"),
        ("https://cdn.example.com", "http://cdn.example.com", "script_url: 'http://cdn"),
        ('["*.example.com"]', '["cdn.example.org"]', "hosts.script: does not cover 'cdn.example.c"),
        ('["*.example.com"]', '["*.example.com", "a b"]', "hosts.script: 'a b' is no host"),
        ('PageView = "view"', 'Pageview = "view"', "events.Pageview: is no standard event"),
        ('"_ex*"', '"*"', "traces: '*' is no name"),
        ('"_ex*"', '"_*ex"', "traces: '_*ex' is no name"),
        (
            "[hosts]",
            'unverified = ["hosts.video"]\n[hosts]',
            "unverified: 'hosts.video' is no fact",
        ),
        (
            "[hosts]",
            "[limited_data]\nCalifornia = { country = 1, state = 1 }\n[hosts]",
            "limited_data",
        ),
        ("[hosts]", 'hints = [{ pattern = "(", says = "" }]\n[hosts]', "hints: '(' is no regular"),
        ("[hosts]", 'queues = ["ttq[0]"]\n[hosts]', "queues: 'ttq[0]' is no dotted JavaScript na"),
        ("[hosts]", 'queues = ["a.__proto__.b"]\n[hosts]', "queues: 'a.__proto__.b' is no dotted"),
        (
            "[hosts]",
            'required = { purchase = ["value"] }\n[hosts]',
            "required.purchase: is no standard event; expected one of PageView",
        ),
        ("[hosts]", 'unsent = ["Leed"]\n[hosts]', "unsent: 'Leed' is no standard event"),
        ("[hosts]", 'unsent = ["PageView"]\n[hosts]', "unsent: PageView has a name in events"),
        ("[hosts]", "by_label = true\n[hosts]", "by_label: is there without label_pattern"),
        ("[hosts]", '[parameters]\nprice = "p"\n[hosts]', "parameters.price: is no parameter"),
        ("[hosts]", "[parameters]\nvalue = 'a b'\n[hosts]", "parameters.value: 'a b' is no name"),
        (
            "[hosts]",
            "[parameters]\ncontents = 'c'\n[hosts]",
            "items: belongs to parameters.contents",
        ),
        ("[hosts]", "[each_item]\n'<' = 'c'\n[hosts]", "each_item: '<' is no name"),
        ("[hosts]", "omits = { Lead = ['price'] }\n[hosts]", "omits.Lead: 'price' is no parameter"),
        (
            "[hosts]",
            'required = { Purchase = ["price"] }\n[hosts]',
            "required.Purchase: 'price' is no parameter; expected some of value, currency, con",
        ),
    ],
)
def test_a_platform_file_is_held_to_its_rules(tmp_path, old, new, fault):
    (found,) = faults_of(written(tmp_path, toml=GOOD_TOML.replace(old, new)))
    assert found.startswith(f"example/platform.toml: {fault}")


def test_parts_of_an_id_stand_in_addresses_and_hosts(tmp_path):
    toml = GOOD_TOML.replace('"[0-9]{4}"', '"[0-9]+@(?P<host>[a-z.]+)"').replace(
        'id_example = "1234"', 'id_example = "1@stats.example.org"'
    )
    toml = toml.replace("https://cdn.example.com/", "https://{host}/").replace(
        '"*.example.com"', '"{host}"'
    )
    found = Platforms.load(written(tmp_path, toml=toml))
    pixel = Pixel("example", "7@numbers.shop.example")
    assert found.script_url(pixel) == "https://numbers.shop.example/pixel.js"
    assert found.hosts(pixel).script == ("numbers.shop.example",)


def test_what_the_library_collects_by_itself_can_be_wanted_only_where_there_is_something():
    assert PLATFORMS.faults(pixel("meta", automatic=True)) == []
    (fault,) = PLATFORMS.faults(pixel("meta", automatic=True, opt_out="limit"))
    assert fault.startswith("automatic: true with opt_out 'limit', which collects less")
    assert PLATFORMS.faults(pixel("ga4", automatic=True)) == [
        "automatic: Google Analytics 4 collects nothing by itself; expected false"
    ]
    assert "'autoConfig',false" in PLATFORMS.render(pixel("meta", automatic=True)).replace('"', "'")
    wanted = PLATFORMS.render(pixel("meta", automatic=True), automatic=True)
    assert "'autoConfig',true" in wanted.replace('"', "'")
    assert "'autoConfig',false" in PLATFORMS.render(pixel("meta"), automatic=True).replace('"', "'")


def test_a_folder_name_that_is_no_key_is_refused(tmp_path):
    (found,) = faults_of(written(tmp_path, key="My_Platform"))
    assert "is in folder 'My_Platform'" in found


def test_a_folder_without_platforms_is_refused(tmp_path):
    (found,) = faults_of(tmp_path)
    assert found.endswith("has no platform; expected KEY/platform.toml in it")


def test_a_platform_without_its_pixel_is_refused(tmp_path):
    root = written(tmp_path)
    (root / "example" / "pixel.js").unlink()
    (found,) = faults_of(root)
    assert found.startswith("example/pixel.js: cannot be read")
