from typing import NamedTuple

from consent.web.kept import KEY_BYTES, Kept


class Text:
    def __init__(self, size: int) -> None:
        self.bytes = size


class Value(NamedTuple):
    script: Text


def test_what_several_keys_share_counts_once_and_goes_with_the_last_of_them():
    kept: Kept[str, Value] = Kept(2 * KEY_BYTES + 1000)
    shared, other = Text(600), Text(500)
    kept.put("DE", Value(shared))
    kept.put("FR", Value(shared))
    assert kept.bytes == 2 * KEY_BYTES + 600
    kept.put("US", Value(other))
    assert kept.get("DE") is None
    assert kept.get("FR") is None
    assert kept.bytes == KEY_BYTES + 500


def test_what_was_asked_for_last_stays():
    kept: Kept[str, Value] = Kept(2 * KEY_BYTES + 20)
    first = Value(Text(10))
    kept.put("DE", first)
    kept.put("FR", Value(Text(10)))
    assert kept.get("DE") is first
    kept.put("IT", Value(Text(10)))
    assert kept.get("FR") is None
    assert kept.get("DE") is first


def test_the_newest_is_kept_however_large():
    kept: Kept[int, Value] = Kept(1)
    for key in range(5):
        kept.put(key, Value(Text(100)))
        assert kept.get(key) is not None
    assert kept.bytes == KEY_BYTES + 100


def test_many_keys_of_one_small_text_are_bounded_too():
    kept: Kept[int, Value] = Kept(10 * KEY_BYTES)
    text = Value(Text(1))
    for key in range(1000):
        kept.put(key, text)
    assert kept.bytes <= 10 * KEY_BYTES
    assert kept.get(999) is text
