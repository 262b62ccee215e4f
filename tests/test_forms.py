"""Each kind of value that has a wrong form, and the words for it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.forms import faults
from consent.model import StoreConfig


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    colour: Literal["red", "green"] = "red"
    count: int | None = None


class Tree(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    name: str
    from_: dt.date | None = None
    leaf: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()
    words: list[str] = []
    named: dict[str, Leaf] = {}
    share: float = 0.5
    ready: bool = False


GOOD: dict[str, Any] = {"name": "oak"}


@pytest.mark.parametrize(
    "value",
    [
        GOOD,
        {**GOOD, "from": dt.date(2026, 1, 31), "leaf": {"count": 3}, "leaves": [{}], "share": 1},
        {**GOOD, "from": None, "named": {"a b": {"colour": "green"}}, "words": ["a"]},
    ],
)
def test_what_has_the_form_has_no_faults(value: object) -> None:
    assert list(faults(value, Tree)) == []


@pytest.mark.parametrize(
    ("found", "key", "fault"),
    [
        ({"name": None}, "name", "found nothing; expected a text"),
        ({"name": {}}, "name", "found a table; expected a text"),
        ({"name": dt.date(2026, 1, 31)}, "name", "found 2026-01-31; expected a text"),
        ({"from_": 1}, "from_", "unknown, perhaps from; known are name, from, leaf, leaves, words"),
        ({"from": "soon"}, "from", "found 'soon'; expected a date such as 2026-01-31 or nothing"),
        ({"leaf": "x"}, "leaf", "found 'x'; expected a table or nothing"),
        ({"leaf": {"colour": "blue"}}, "leaf.colour", "found 'blue'; expected one of green, red"),
        ({"leaf": {"colour": []}}, "leaf.colour", "found a list; expected one of green, red"),
        ({"leaf": {"count": True}}, "leaf.count", "found true; expected a whole number or nothing"),
        ({"leaves": {}}, "leaves", "found a table; expected a list, each a table"),
        ({"leaves": [{}, {"color": "red"}]}, "leaves[1].color", "unknown, perhaps colour; known"),
        ({"words": "a"}, "words", "found 'a'; expected a list, each a text"),
        ({"words": ["a", 2]}, "words[1]", "found 2; expected a text"),
        ({"named": []}, "named", "found a list; expected a table"),
        ({"named": {"US-CA": {"count": "x"}}}, "named.US-CA.count", "found 'x'; expected a whole"),
        ({"share": "x" * 99}, "share", f"found '{'x' * 57}...'; expected a number"),
        ({"ready": 1}, "ready", "found 1; expected true or false"),
    ],
)
def test_what_has_not_is_told_with_its_key(found: dict[str, Any], key: str, fault: str) -> None:
    ((where, said),) = faults({**GOOD, **found}, Tree)
    assert where == key
    assert said.startswith(fault)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in msgspec.structs.fields(StoreConfig)]), plain
    )
)
def test_there_are_faults_exactly_when_msgspec_refuses(value: dict[str, Any]) -> None:
    try:
        msgspec.convert(value, StoreConfig)
    except msgspec.ValidationError:
        assert list(faults(value, StoreConfig))
    else:
        assert list(faults(value, StoreConfig)) == []
