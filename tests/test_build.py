from __future__ import annotations

from pathlib import Path

import pytest

from consent.browser import build


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    return tmp_path


def test_modules_are_joined_in_the_order_of_use(sources: Path) -> None:
    (sources / "a.js").write_text(
        "import { b } from './b.js';\nexport function a() {\n  return b();\n}\n"
    )
    (sources / "b.js").write_text("export const b = () => 2;\n")
    text = build.bundle("a")
    assert text.index("const b") < text.index("function a")
    assert text.endswith("return a})()")


def test_a_style_sheet_comes_in_as_text(sources: Path) -> None:
    (sources / "a.js").write_text("import css from './a.css';\nexport const a = css;\n")
    (sources / "a.css").write_text("p {\n  color: red;\n}\n")
    assert 'const css = "p{color:red}"' in build.bundle("a")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("export default 1;\n", "a.js: found 'export default 1;'; expected a named import"),
        ("import * as b from './b.js';\n", 'a.js: found "import'),
        ("import { a } from './a.js';\n", "a.js: imports itself"),
        ("import { b } from './b.js';\nconst b = 1;\n", "a.js: b is also in b.js"),
    ],
)
def test_a_form_outside_the_dialect_is_refused_by_name(
    text: str, fault: str, sources: Path
) -> None:
    (sources / "a.js").write_text(text)
    (sources / "b.js").write_text("export const b = 1;\n")
    with pytest.raises(build.BuildError, match=fault):
        build.bundle("a")


def test_a_template_keeps_its_placeholders() -> None:
    template = "// A pixel.\nfunction (page) {\n  const id = {{ id | tojson }};\n  use(id);\n}\n"
    assert "{{ id | tojson }}" in build.minified_template(template)
