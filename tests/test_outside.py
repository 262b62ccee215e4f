"""Whatever comes from outside: a value or a documented refusal, in a bounded time.

Few examples here, made of what each parser likes to get; many in ``make soak``.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.outside import PARSERS

DEEP = [b"[" * 20_000, b'{"a":' * 20_000, b"a." * 20_000 + b"b = 1", b"a = " + b"9" * 20_000]
ODD = [b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\r\n", b"\x1b[2J", "\u2028\u202e".encode(), b"1e999"]
PIECES = [b'"', b"'", b"[", b"]", b"{", b"}", b"<", b">", b"=", b".", b",", b"//[", b"\\ud800"]
FEW = settings(max_examples=12, deadline=None)
MANY = settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def changed(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """One of ``seeds`` with a few places cut out, doubled, or put something else."""
    content = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        at, to = sorted(draw(st.integers(0, len(content))) for _ in range(2))
        part = st.sampled_from([*ODD, *PIECES, content[at:to]]) | st.binary(max_size=8)
        content = content[:at] + draw(part) + content[draw(st.sampled_from([at, to])) :]
    return content[:100_000]


@pytest.mark.parametrize(
    "examples", [FEW, pytest.param(MANY, marks=pytest.mark.soak)], ids=["few", "many"]
)
@pytest.mark.parametrize("name", PARSERS)
def test_it_is_read_or_refused(name: str, examples: settings) -> None:
    parser = PARSERS[name]
    for content in (*DEEP, *ODD, b"", *parser.seeds):
        parser.feed(content)
    examples(given(st.binary(max_size=300) | changed(tuple(parser.seeds)))(parser.feed))()
