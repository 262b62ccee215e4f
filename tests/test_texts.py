from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from consent import data
from consent.errors import DataErrors
from consent.model import CHOOSABLE
from consent.texts import Texts

LOCALES = data.folder("locales")
TEXTS = Texts.load()
FILES = sorted(path.stem for path in LOCALES.glob("*.json"))
ENGLISH = json.loads((LOCALES / "en.json").read_text(encoding="utf-8"))


def raw(language: str) -> dict[str, str]:
    return json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))


def written(root: Path, **files: dict[str, object]) -> Path:
    folder = root / "locales"
    folder.mkdir()
    for language, messages in files.items():
        tag = language.replace("_", "-")
        about = {
            "language": tag,
            "name": tag,
            "direction": "ltr",
            "reviewed": None,
            "reviewer": None,
        }
        text = json.dumps({"_meta": about, **messages})
        (folder / f"{tag}.json").write_text(text, encoding="utf-8")
    return folder


def faults_of(root: Path) -> list[str]:
    with pytest.raises(DataErrors) as caught:
        Texts.load(root)
    return [str(fault) for fault in caught.value.faults]


def test_the_six_languages_are_there():
    assert {"en", "de", "fr", "es", "pt-BR", "ja"} <= set(TEXTS.languages)


@pytest.mark.parametrize("language", FILES)
def test_every_language_has_exactly_the_keys_of_english(language):
    assert list(raw(language)) == list(ENGLISH)


@pytest.mark.parametrize("language", FILES)
def test_every_text_has_the_placeholders_of_english(language):
    for key, text in raw(language).items():
        if key != "_meta":
            assert re.findall(r"\{\w+\}", text) == re.findall(r"\{\w+\}", ENGLISH[key]), key


@pytest.mark.parametrize("language", [name for name in FILES if name != "en"])
def test_every_text_is_translated(language):
    same = {key for key, text in raw(language).items() if text == ENGLISH[key]}
    assert same <= {"notice.accept", "purpose.marketing.title"}


@pytest.mark.parametrize("language", FILES)
def test_no_text_holds_markup(language):
    assert [
        text for key, text in raw(language).items() if key != "_meta" and re.search("[<>&]", text)
    ] == []


@pytest.mark.parametrize("language", FILES)
@pytest.mark.parametrize("layer", ["banner", "choices"])
def test_accepting_and_refusing_are_of_similar_length(language, layer):
    messages = TEXTS.messages(language)
    accept, reject = messages[f"{layer}.accept"], messages[f"{layer}.reject"]
    assert accept != reject
    assert max(len(accept), len(reject)) <= 1.5 * min(len(accept), len(reject))
    assert max(len(accept), len(reject)) <= 20


@pytest.mark.parametrize(
    ("language", "word"),
    [
        ("en", "Reject"),
        ("de", "ablehnen"),
        ("fr", "refuser"),
        ("es", "Rechazar"),
        ("pt-BR", "Recusar"),
        ("ja", "拒否"),
    ],
)
def test_the_refusal_says_that_it_refuses(language, word):
    messages = TEXTS.messages(language)
    assert word in messages["banner.reject"]
    assert word in messages["choices.reject"]


def test_the_prescribed_english_texts_stand_as_prescribed():
    messages = TEXTS.messages("en")
    assert messages["notice.reject"] == "Do Not Sell or Share My Personal Information"
    assert messages["entry.choices"] == "Your Privacy Choices"
    assert messages["gpc.honoured"] == "Opt-Out Request Honored"
    assert messages["entry.cookies"] == "Cookie settings"


def test_every_purpose_is_named_and_explained():
    for purpose in ("necessary", *CHOOSABLE):
        assert ENGLISH[f"purpose.{purpose}.title"]
        assert ENGLISH[f"purpose.{purpose}.text"]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["de"], "de"),
        (["de-AT"], "de"),
        (["DE_ch"], "de"),
        (["pt-BR"], "pt-BR"),
        (["pt"], "pt-BR"),
        (["pt-PT"], "pt-BR"),
        (["zh-Hant-TW", "ja-JP", "en"], "ja"),
        (["fr-CA", "en-CA"], "fr"),
        (["zz"], "es"),
        ([], "es"),
        (["*"], "es"),
        (["", "-", "x" * 1000, "../../etc/passwd", "\n"], "es"),
    ],
)
def test_the_first_wish_that_can_be_met_is_met_and_else_the_default(wanted, chosen):
    assert TEXTS.choose(wanted, "es") == chosen


def test_a_default_that_does_not_exist_falls_back_to_english():
    assert TEXTS.choose(["zz"], "yy") == "en"


def test_every_language_reads_from_left_to_right_so_far():
    assert {TEXTS.direction(language) for language in TEXTS.languages} == {"ltr"}


def test_a_missing_text_comes_from_the_base_language_and_then_from_english(tmp_path):
    folder = written(
        tmp_path, en={"a": "1", "b": "2", "c": "3"}, pt={"a": "um", "b": "dois"}, pt_BR={"a": "UM"}
    )
    assert dict(Texts.load(folder).messages("pt-BR")) == {"a": "UM", "b": "dois", "c": "3"}


def test_texts_cannot_be_changed_by_their_readers():
    with pytest.raises(TypeError):
        TEXTS.messages("en")["banner.title"] = "x"


def test_every_fault_of_every_file_is_told_at_once(tmp_path):
    folder = written(
        tmp_path,
        en={"a": "{count} services", "b": "text"},
        de={"a": "Dienste", "z": "was ist das"},
        fr={"b": "  "},
    )
    assert faults_of(folder) == [
        "locales/fr.json: b: is '  '; expected a text",
        "locales/de.json: a: has placeholders none; expected {count}",
        "locales/de.json: z: is unknown; expected a key of en.json",
    ]


def test_a_file_says_its_own_language(tmp_path):
    folder = written(tmp_path, en={"a": "1"}, de={"a": "1"})
    (folder / "de.json").rename(folder / "fr.json")
    (fault,) = faults_of(folder)
    assert fault.startswith("locales/fr.json: _meta.language: is 'de'; expected the file's name")


def test_without_english_there_are_no_texts(tmp_path):
    assert faults_of(written(tmp_path, de={"a": "1"})) == [
        "locales/en.json: is missing; it has every key"
    ]


def test_a_file_without_meta_is_refused(tmp_path):
    folder = written(tmp_path, en={"a": "1"})
    (folder / "en.json").write_text('{"a": "1"}', encoding="utf-8")
    (fault,) = faults_of(folder)
    assert fault.startswith("locales/en.json: _meta: ")
