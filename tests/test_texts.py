from __future__ import annotations

import json
import re
from pathlib import Path

import babel
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


def placeholders(text: str) -> list[str]:
    """Those of ``text``, in no order: languages order their words each in their own way."""
    return sorted(re.findall(r"\{\w+\}", text))


def quotes_around(part: str, text: str) -> tuple[str, str]:
    """What stands right before and after ``part`` in ``text``, apart from spaces."""
    before, after = text.split(part)
    return before.rstrip()[-1:], after.lstrip()[:1]


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


REFUSALS = {
    "ar": "رفض",
    "bg": "Отказвам",
    "bn": "প্রত্যাখ্যান",
    "ca": "Rebutja",
    "cs": "Odmítnout",
    "cy": "Gwrthod",
    "da": "Afvis",
    "de": "ablehnen",
    "el": "Απόρριψη",
    "en": "Reject",
    "es": "Rechazar",
    "et": "Keeldun",
    "eu": "Baztertu",
    "fa": "رد",
    "fi": "Hylkää",
    "fr": "refuser",
    "ga": "Diúltaigh",
    "gl": "Rexeitar",
    "he": "סירוב",
    "hi": "अस्वीकार",
    "hr": "Odbijam",
    "hu": "elutasítása",
    "id": "Tolak",
    "is": "Hafna",
    "it": "Rifiuta",
    "ja": "拒否",
    "ko": "거부",
    "lt": "Atmesti",
    "lv": "Noraidīt",
    "ms": "Tolak",
    "mt": "Irrifjuta",
    "nb": "Avvis",
    "nl": "weigeren",
    "pl": "Odrzuć",
    "pt": "Rejeitar",
    "pt-BR": "Recusar",
    "ro": "Refuzați",
    "ru": "Отклонить",
    "sk": "Odmietnuť",
    "sl": "Zavrni",
    "sq": "Refuzo",
    "sr": "Одбиј",
    "sv": "Avvisa",
    "th": "ปฏิเสธ",
    "tr": "reddet",
    "uk": "Відхилити",
    "ur": "مسترد",
    "vi": "Từ chối",
    "zh-Hans": "拒绝",
    "zh-Hant": "拒絕",
}

# Words that put a decision off. The Hebrew verbal noun of "reject" is one: it also means
# "postpone".
LATER = {
    "ar": ("لاحق", "الآن"),
    "bg": ("късно", "не сега"),
    "bn": ("পরে", "এখন"),
    "ca": ("més tard", "ara no"),
    "cs": ("později", "teď"),
    "cy": ("wedyn", "hwyrach", "nawr"),
    "da": ("senere", "ikke nu"),
    "de": ("später", "nicht jetzt"),
    "el": ("αργότερα", "όχι τώρα"),
    "en": ("later", "not now"),
    "es": ("más tarde", "después", "ahora no"),
    "et": ("hiljem", "mitte praegu"),
    "eu": ("geroago", "gero", "orain ez"),
    "fa": ("بعد", "اکنون", "الان"),
    "fi": ("myöhemmin", "ei nyt"),
    "fr": ("plus tard", "pas maintenant"),
    "ga": ("níos déanaí", "ar ball", "anois"),
    "gl": ("máis tarde", "despois", "agora non"),
    "he": ("אחר כך", "מאוחר", "לא עכשיו", "דחיי"),
    "hi": ("बाद में", "अभी नहीं"),
    "hr": ("kasnije", "ne sada"),
    "hu": ("később", "most nem"),
    "id": ("nanti", "jangan sekarang"),
    "is": ("seinna", "síðar", "ekki núna"),
    "it": ("più tardi", "dopo", "non ora"),
    "ja": ("後で", "あとで", "今は"),
    "ko": ("나중에", "다음에", "지금은"),
    "lt": ("vėliau", "ne dabar"),
    "lv": ("vēlāk", "ne tagad"),
    "ms": ("nanti", "kemudian", "bukan sekarang"),
    "mt": ("aktar tard", "mhux issa"),
    "nb": ("senere", "ikke nå"),
    "nl": ("later", "niet nu"),
    "pl": ("później", "nie teraz"),
    "pt": ("mais tarde", "depois", "agora não"),
    "pt-BR": ("mais tarde", "depois", "agora não"),
    "ro": ("mai târziu", "nu acum"),
    "ru": ("позже", "отложить", "не сейчас"),
    "sk": ("neskôr", "teraz nie"),
    "sl": ("pozneje", "kasneje", "ne zdaj"),
    "sq": ("më vonë", "jo tani"),
    "sr": ("касније", "не сада"),
    "sv": ("senare", "inte nu"),
    "th": ("ภายหลัง", "ไว้ก่อน", "ตอนนี้"),
    "tr": ("sonra", "şimdi değil"),
    "uk": ("пізніше", "відкласти", "не зараз"),
    "ur": ("بعد میں", "ابھی نہیں"),
    "vi": ("để sau", "lúc khác", "bây giờ"),
    "zh-Hans": ("稍后", "以后", "暂不"),
    "zh-Hant": ("稍後", "以後", "暫不"),
}


def test_the_languages_are_there():
    assert set(REFUSALS) == set(LATER)
    assert set(REFUSALS) <= set(TEXTS.languages)


@pytest.mark.parametrize("language", FILES)
def test_no_language_lacks_a_text(language):
    missing = [key for key in ENGLISH if key not in raw(language)]
    assert not missing, f"locales/{language}.json lacks {', '.join(missing)}"


@pytest.mark.parametrize("language", FILES)
def test_every_language_has_exactly_the_keys_of_english(language):
    assert list(raw(language)) == list(ENGLISH)


@pytest.mark.parametrize("language", FILES)
def test_every_text_has_the_placeholders_of_english(language):
    for key, text in raw(language).items():
        if key != "_meta":
            assert placeholders(text) == placeholders(ENGLISH[key]), key


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


@pytest.mark.parametrize(("language", "word"), REFUSALS.items())
def test_the_refusal_says_that_it_refuses(language, word):
    messages = TEXTS.messages(language)
    assert word in messages["banner.reject"]
    assert word in messages["choices.reject"]


@pytest.mark.parametrize(("language", "words"), LATER.items())
def test_the_refusal_does_not_put_the_decision_off(language, words):
    messages = TEXTS.messages(language)
    for key in ("banner.reject", "choices.reject"):
        assert [word for word in words if word in messages[key].casefold()] == [], key


@pytest.mark.parametrize("language", FILES)
def test_the_note_on_always_quotes_its_button_as_the_button_reads(language):
    messages = TEXTS.messages(language)
    button, note = messages["content.always"], messages["content.always_note"]
    assert button in note
    quotes = quotes_around(button, note)
    assert all(re.fullmatch(r"[\u2018-\u201f«»「」]", one) for one in quotes), quotes
    assert quotes_around("{purpose}", note) == quotes


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
        (["pt"], "pt"),
        (["pt-PT"], "pt"),
        (["tlh", "ja-JP", "en"], "ja"),
        (["zh"], "zh-Hans"),
        (["zh-CN"], "zh-Hans"),
        (["zh-SG"], "zh-Hans"),
        (["zh-Hans-HK"], "zh-Hans"),
        (["cmn"], "zh-Hans"),
        (["zh-TW"], "zh-Hant"),
        (["zh-HK"], "zh-Hant"),
        (["ZH_mo"], "zh-Hant"),
        (["zh-Hant-TW", "ja-JP", "en"], "zh-Hant"),
        (["no"], "nb"),
        (["no-NO"], "nb"),
        (["nb-NO"], "nb"),
        (["nn"], "nb"),
        (["iw-IL"], "he"),
        (["in"], "id"),
        (["sr-Latn-RS"], "sr"),
        (["hi-Latn"], "hi"),
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


def test_without_its_base_a_language_is_found_by_its_kin(tmp_path):
    texts = Texts.load(written(tmp_path, en={}, pt_BR={}))
    assert [texts.choose([tag], "en") for tag in ("pt", "pt-PT")] == ["pt-BR", "pt-BR"]


def test_a_script_counts_for_more_than_a_cut_tag(tmp_path):
    texts = Texts.load(written(tmp_path, en={}, sr={}, sr_Latn={}, zh={}, zh_Hant={}))
    wanted = ("sr-RS", "sr-ME", "sh", "zh-CN", "zh-TW", "zh-Hant-HK")
    assert [texts.choose([tag], "en") for tag in wanted] == [
        *("sr", "sr-Latn", "sr-Latn", "zh", "zh-Hant", "zh-Hant")
    ]


def test_four_languages_read_from_right_to_left():
    rightward = {name for name in TEXTS.languages if TEXTS.direction(name) == "rtl"}
    assert rightward == {"ar", "fa", "he", "ur"}


@pytest.mark.parametrize("language", FILES)
def test_the_direction_is_that_of_the_language(language):
    order = babel.Locale.parse(language, sep="-").character_order
    assert {"ltr": "left-to-right", "rtl": "right-to-left"}[TEXTS.direction(language)] == order


@pytest.mark.parametrize("language", FILES)
def test_the_name_of_the_signal_is_never_translated(language):
    assert "Global Privacy Control" in TEXTS.messages(language)["gpc.text"]


def test_a_missing_text_comes_from_the_base_language_and_then_from_english(tmp_path):
    folder = written(
        tmp_path, en={"a": "1", "b": "2", "c": "3"}, pt={"a": "um", "b": "dois"}, pt_BR={"a": "UM"}
    )
    assert dict(Texts.load(folder).messages("pt-BR")) == {"a": "UM", "b": "dois", "c": "3"}


@pytest.mark.parametrize(
    ("language", "lifetime", "said"),
    [
        ("en", "1 day", "1 day"),
        ("en", "90 days", "90 days"),
        ("en", "13 months", "13 months"),
        ("de", "90 days", "90 Tage"),
        ("it", "1 minute", "1 minuto"),
        ("pl", "2 years", "2 lata"),
        ("pt-BR", "24 hours", "24 horas"),
        ("ja", "52 weeks", "52 週間"),
        ("de", "session", "bis Sie den Browser schließen"),
        ("de", "until deleted", "bis zur Löschung"),
        ("de", "no expiry", "bis zur Löschung"),
        ("de", "not stated", "Dauer nicht angegeben"),
    ],
)
def test_a_lifetime_is_said_in_the_readers_language(language, lifetime, said):
    assert TEXTS.lifetime(language, lifetime) == said


@pytest.mark.parametrize("language", [name for name in FILES if name != "en"])
def test_no_lifetime_is_left_in_english(language):
    lifetimes = [f"7 {unit}s" for unit in ("minute", "hour", "day", "week", "month", "year")]
    said = [TEXTS.lifetime(language, one) for one in lifetimes]
    assert not [one for one in said if "duration" in one]
    # A word may be that of English, such as "minutes" in French.
    assert len(set(said) - set(lifetimes)) >= 5


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
