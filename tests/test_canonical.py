"""Canonical JSON, against the vectors of RFC 8785's author for what our values can be.

Numbers that are not whole are no values of ours, and keys are ASCII: the sorting by UTF-16 that the
vector "weird" tests concerns other keys alone.
"""

from __future__ import annotations

import json
import uuid

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.model import Grants, canonical

VECTORS = [
    (
        '{"peach": "This sorting order", "péché": "is wrong according to French",'
        ' "pêche": "but canonicalization MUST", "sin": "ignore locale"}',
        '{"peach":"This sorting order","péché":"is wrong according to French",'
        '"pêche":"but canonicalization MUST","sin":"ignore locale"}',
    ),
    (r'{"Unnormalized Unicode":"A\u030a"}', '{"Unnormalized Unicode":"A\u030a"}'),
    (
        r'{"1": {"f": {"f": "hi","F": 5} ,"\n": 56}, "10": { }, "": "empty", "a": { },'
        r' "111": [ {"e": "yes","E": "no" } ], "A": { }}',
        r'{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],'
        r'"A":{},"a":{}}',
    ),
    ('[56,{"d":true,"10":null,"1":[ ]}]', '[56,{"1":[],"10":null,"d":true}]'),
    (
        r'{"string": "\u20ac$\u000F\u000aA' + r"'" + r'\u0042\u0022\u005c\\\"\/",'
        r' "literals": [null, true, false]}',
        r'{"literals":[null,true,false],"string":"€$\u000f\nA' + r"'" + r'B\"\\\\\"/"}',
    ),
    (
        r'{"\r": "Carriage Return", "1": "One", "</script>": "Browser Challenge",'
        r' "a": "Control\u007f\u0080\ud83d\ude02"}',
        '{"\\r":"Carriage Return","1":"One","</script>":"Browser Challenge",'
        '"a":"Control\u007f\u0080\U0001f602"}',
    ),
]


@pytest.mark.parametrize(("written", "expected"), VECTORS)
def test_the_vectors_of_the_specification(written, expected):
    assert canonical(json.loads(written)).decode() == expected


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
@settings(max_examples=60, deadline=None)
def test_equal_values_have_the_same_bytes_and_read_back(value):
    again = json.loads(json.dumps(value))
    assert canonical(again) == canonical(value)
    assert msgspec.json.decode(canonical(value)) == value
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(value).decode() == plain


def test_structs_are_sorted_as_objects_are():
    id_ = uuid.UUID(int=1)
    assert canonical({"b": Grants(True, False, True), "a": id_}).decode() == (
        f'{{"a":"{id_}","b":{{"analytics":false,"marketing":true,"preferences":true}}}}'
    )


def test_a_text_that_is_no_unicode_has_no_bytes():
    with pytest.raises(UnicodeEncodeError):
        canonical("\ud800")
