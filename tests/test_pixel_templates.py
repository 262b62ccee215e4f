from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import data
from consent.browser import build
from consent.errors import RefusedError
from consent.model import Pixel
from consent.platforms import Platforms, templates

PLATFORMS = Platforms.load()
SNIPPETS = data.folder("snippets")
UNSAFE = "<>&'\u2028\u2029\n\r"
values = st.recursive(
    st.text() | st.integers(-(2**53), 2**53) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def source(key: str) -> str:
    return (SNIPPETS / key / "pixel.js").read_text(encoding="utf-8")


@pytest.fixture(params=sorted(PLATFORMS))
def key(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def pixel(key: str) -> Pixel:
    platform = PLATFORMS[key]
    labels = {"Purchase": platform.label_example} if platform.label_pattern else {}
    return Pixel(key, platform.id_example, labels=labels)


def test_every_template_keeps_the_rules(key):
    assert templates.template_faults(source(key)) == []


def test_every_template_keeps_the_rules_after_minifying(key):
    assert templates.template_faults(build.minified_template(source(key))) == []


def test_minifying_keeps_every_placeholder(key):
    names = set(templates._PLACEHOLDER.findall(source(key)))
    assert "id" in names
    assert set(templates._PLACEHOLDER.findall(build.minified_template(source(key)))) == names


def test_a_template_has_comments_at_its_head(key):
    assert source(key).startswith("// ")


def test_a_rendered_pixel_has_no_placeholder_and_no_newline_left_by_a_value(pixel):
    text = PLATFORMS.render(pixel)
    assert "{{" not in text
    assert "tojson" not in text
    assert f'"{pixel.id}"' in text


def test_a_rendered_pixel_says_where_the_library_is(pixel):
    assert templates.tojson(PLATFORMS.script_url(pixel)) in PLATFORMS.render(pixel)


def test_the_minified_template_is_used_when_it_was_made_from_this_source(pixel):
    folder = data.folder("browser") / "dist" / "pixels"
    digests = data.read_json(folder / "sources.json")
    fresh = (
        digests.get(pixel.platform) == hashlib.sha256(source(pixel.platform).encode()).hexdigest()
    )
    minified = (folder / f"{pixel.platform}.js").read_text(encoding="utf-8") if fresh else ""
    head = minified.split("{{")[0]
    assert PLATFORMS.render(pixel).startswith(head)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return {{ id }};", "another form of placeholder"),
        ("return {{ id|tojson }};", "another form of placeholder"),
        ("return {{ id | safe }};", "another form of placeholder"),
        ("return {{ id | tojson | safe }};", "another form of placeholder"),
        ("return {{ id.x | tojson }};", "another form of placeholder"),
        ("return {{ config() | tojson }};", "another form of placeholder"),
        ("return '{% raw %}';", "another form of placeholder"),
        ("return 1; {# note #}", "another form of placeholder"),
        ("return {{ secret | tojson }};", "asks for 'secret'"),
        ("return eval(page);", "uses 'eval'"),
        ("return new Function(page);", "uses 'Function'"),
        ("document.write(page);", "uses 'document.write'"),
        ("page.innerHTML = '';", "uses 'innerHTML'"),
        ("return import(page);", "uses 'import'"),
    ],
)
def test_a_template_of_another_form_is_refused(body, says):
    faults = templates.template_faults(f"// a pixel\nfunction (page) {{ {body} }}\n")
    assert any(says in fault for fault in faults)


@pytest.mark.parametrize(
    "text", ["", "alert(1)", "(page) => 1", "function (page) {} alert(1)", "var x = 1;"]
)
def test_a_template_that_is_no_function_is_refused(text):
    assert templates.template_faults(text) == [
        "is not one function expression; expected function (page) {...}"
    ]


def test_a_value_that_is_missing_is_an_error_and_not_an_empty_text():
    with pytest.raises(TypeError, match="StrictUndefined"):
        templates.fill("function (page) { return {{ id | tojson }}; }", {})


@given(values)
def test_tojson_means_the_same_and_holds_nothing_that_ends_a_script(value):
    text = templates.tojson(value)
    assert json.loads(text) == value
    assert not set(text) & set(UNSAFE)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), min_size=1, max_size=3))
def test_hostile_labels_are_refused_or_harmless(labels):
    pixel = Pixel("google-ads", "AW-123456789", labels=labels)
    if PLATFORMS.faults(pixel):
        with pytest.raises(RefusedError):
            PLATFORMS.render(pixel)
    else:
        assert all(label.replace("-", "").replace("_", "").isalnum() for label in labels.values())
        assert all(label.isascii() for label in labels.values())


@given(
    st.text() | st.sampled_from(["{{ id }}", "{% x %}", "</script>", "<!--", "*/", "${id}", "`"])
)
def test_a_value_is_never_read_as_a_template(text):
    filled = templates.fill("function (page) { return {{ id | tojson }}; }", {"id": text})
    assert filled == f"function (page) {{ return {templates.tojson(text)}; }}"
