"""Every line of the threat model names tests, and there are such."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "consent" / "SECURITY.md").read_text(encoding="utf-8")
NODE = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
HEADING = "| what they try | what stops it | shown by |"
Found = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def lines() -> Iterator[str]:
    """The rows of the tables."""
    for table in PAGE.split(HEADING)[1:]:
        rows = table.partition("\n\n")[0].splitlines()
        yield from (row for row in rows if row and not row.startswith("|---"))


@cache
def named(file: str) -> dict[str, list[Found]]:
    """The tests of ``file`` by ``NAME`` or ``CLASS::NAME``, each with the class that it is in."""
    found: dict[str, list[Found]] = {}
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = [node]
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    found[f"{node.name}::{inner.name}"] = [node, inner]
    return found


def test_each_adversary_has_a_table() -> None:
    assert PAGE.count(HEADING) == 8
    assert len(list(lines())) > 50


@pytest.mark.parametrize("line", list(lines()), ids=lambda line: line[2:50])
def test_each_line_is_shown_by_tests_that_run(line: str) -> None:
    attempt, defence, shown = line.strip("| ").split(" | ")
    assert attempt
    assert defence
    nodes = NODE.findall(shown)
    assert ", ".join(f"`{file}::{name}`" for file, name in nodes) == shown
    assert nodes, "no test"
    for file, name in nodes:
        assert (ROOT / file).is_file(), file
        test = named(file).get(name)
        assert test is not None, f"{file} has no {name}"
        marks = "".join(ast.unparse(mark) for one in test for mark in one.decorator_list)
        assert not re.search(r"\.(skip|skipif|xfail)\b|^pytest\.mark\.soak", marks)
