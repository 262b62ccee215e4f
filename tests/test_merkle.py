"""Trees, proofs and tiles: by RFC 6962's definitions, by others' vectors, and by another's code."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from consent import merkle
from consent.merkle import Span, Tile

VECTORS = json.loads((Path(__file__).parent / "data/merkle-proofs.json").read_text())
"""Of transparency-dev/merkle, Apache-2.0: proofs that hold and proofs with one thing wrong."""

RFC_LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243")] + [
    bytes.fromhex("5051525354555657"),
    bytes.fromhex("606162636465666768696a6b6c6d6e6f"),
]
"""The eight entries of the reference tree that implementations of RFC 6962 test with."""
RFC_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}

sizes = st.integers(1, 700)


def leaves(n: int) -> list[bytes]:
    return [merkle.leaf_hash(str(i).encode()) for i in range(n)]


def mth(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def tiles(hashes: list[bytes]) -> dict[Tile, bytes]:
    """Every tile of the tree, by tlog-tiles' definition."""
    found, level = {}, 0
    while hashes:
        for begin in range(0, len(hashes), 256):
            part = hashes[begin : begin + 256]
            found[Tile(level, begin // 256, len(part))] = b"".join(part)
        full = len(hashes) // 256
        hashes = [mth(hashes[at * 256 : at * 256 + 256]) for at in range(full)]
        level += 1
    return found


def decoded(texts: list[str] | None) -> list[bytes]:
    return [base64.b64decode(text) for text in texts or []]


@pytest.mark.parametrize("size", RFC_ROOTS)
def test_the_reference_tree_has_its_known_roots(size):
    assert merkle.root(map(merkle.leaf_hash, RFC_LEAVES[:size])).hex() == RFC_ROOTS[size]


def test_a_leaf_is_never_a_node():
    assert merkle.leaf_hash(b"L123456").hex().startswith("395aa064aa4c29f7010acfe3f25db948")
    assert merkle.node_hash(b"N123", b"N456").hex().startswith("aa217fe888e47007fa15edab33c2b492")
    left, right = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.node_hash(left, right) != merkle.leaf_hash(left + right)


def test_others_inclusion_proofs_are_taken_and_refused_as_they_say():
    for case in VECTORS["inclusion"]:
        leaf, root = decoded([case["leafHash"]])[0], decoded([case["root"]])[0]
        path = decoded(case["proof"])
        taken = merkle.verify_inclusion(case["leafIdx"], case["treeSize"], leaf, path, root)
        assert taken != case["wantErr"], case["desc"]


def test_others_consistency_proofs_are_taken_and_refused_as_they_say():
    for case in VECTORS["consistency"]:
        old, new = decoded([case["root1"]])[0], decoded([case["root2"]])[0]
        path = decoded(case["proof"])
        taken = merkle.verify_consistency(case["size1"], case["size2"], old, new, path)
        # RFC 6962 has no proof from the empty tree; it begins every tree.
        assert taken != case["wantErr"] or case["size1"] == 0, case["desc"]


@given(sizes, st.data())
@settings(max_examples=40, deadline=None)
def test_each_proof_of_a_tree_holds_and_holds_for_nothing_else(size, data):
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size))
    hashes = leaves(size)
    root, old, stored = mth(hashes), mth(hashes[:first]), tiles(hashes)

    path = merkle.inclusion_path(index, size)
    proof = merkle.hashes_of(path, size, stored)
    assert proof == [mth(hashes[begin:end]) for begin, end in path]
    assert merkle.verify_inclusion(index, size, hashes[index], proof, root)
    assert not merkle.verify_inclusion(index, size, merkle.leaf_hash(b"x"), proof, root)
    assert not merkle.verify_inclusion(index, size, hashes[index], proof, old) or old == root
    assert not merkle.verify_inclusion(index, size, hashes[index], [*proof, root], root)
    assert not merkle.verify_inclusion(index, size, hashes[index], proof[:-1], root) or not proof

    path = merkle.consistency_path(first, size)
    proof = merkle.hashes_of(path, size, stored)
    assert merkle.verify_consistency(first, size, old, root, proof)
    other = merkle.leaf_hash(b"x")
    assert not merkle.verify_consistency(first, size, other, root, proof)
    assert not merkle.verify_consistency(first, size, old, other, proof)
    assert not merkle.verify_consistency(first, size, old, root, [*proof, other])


@given(sizes)
@settings(max_examples=20, deadline=None)
def test_another_implementation_makes_the_same_proofs(size):
    tree = InmemoryTree(algorithm="sha256")
    for i in range(size):
        tree.append_entry(str(i).encode())
    hashes = leaves(size)
    assert tree.get_root() == merkle.root(hashes)
    index, first, stored = size // 3, size // 2 + 1, tiles(hashes)
    theirs = tree.prove_inclusion(index + 1, size)
    ours = merkle.hashes_of(merkle.inclusion_path(index, size), size, stored)
    assert theirs.path[0] == hashes[index]
    assert theirs.path[1:] == ours
    theirs.verify(hashes[index], merkle.root(hashes))
    grown = tree.prove_consistency(first, size)
    grown.verify(merkle.root(hashes[:first]), merkle.root(hashes))


def test_a_frontier_names_the_nodes_that_tiles_are_made_of():
    frontier, hashes = merkle.Frontier(), leaves(70_000)
    for hash_ in hashes:
        frontier.push(hash_)
    stored = tiles(hashes)
    assert len([node for node, _ in frontier.done if node.height == 8]) == 273
    assert {tile.width for tile in stored if tile.level == 0} == {256, 112}
    for (height, number), hash_ in frontier.done:
        tile = merkle.tile_of(merkle.Node(height, number), 70_000)
        assert merkle.hashes_in(stored[tile])[number % 256] == hash_
    again = merkle.Frontier()
    for (height, _), hash_ in frontier.nodes().items():
        again.push(hash_, height)
    assert (again.size, again.root()) == (70_000, frontier.root())


@given(sizes, sizes)
@settings(max_examples=30)
def test_a_span_is_made_of_full_subtrees_side_by_side(begin, length):
    nodes = merkle.nodes_in(Span(begin, begin + length))
    at = begin
    for height, number in nodes:
        assert number << height == at
        at += 1 << height
    assert at == begin + length


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("0/000", Tile(0, 0)),
        ("0/x001/x234/067", Tile(0, 1234067)),
        ("5/x999/999.p/255", Tile(5, 999999, 255)),
        ("63/001.p/1", Tile(63, 1, 1)),
    ],
)
def test_a_tile_has_the_path_that_the_specification_gives_it(path, tile):
    assert tile.path == path
    assert merkle.parse_tile(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        *("", "0", "0/", "0/0", "0/00", "0/0000", "00/000", "64/000", "-1/000", "a/000"),
        *("0/x000/000", "0/001/000", "0/x001", "0/x001/x000", "0/000.p/0", "0/000.p/256"),
        *("0/000.p/01", "0/000.p/", "0/000.p", "0/000/", "0/٠٠١", "0/000.p/1/", "0/000\n"),
        "0/" + "x999/" * 20 + "999",
    ],
)
def test_what_no_tile_is_called_is_refused(path):
    assert merkle.parse_tile(path) is None


def test_there_is_no_proof_of_what_is_not_there():
    with pytest.raises(ValueError, match="leaf 3: not in a tree of 3"):
        merkle.inclusion_path(3, 3)
    with pytest.raises(ValueError, match="trees of 0 and 3"):
        merkle.consistency_path(0, 3)
    frontier = merkle.Frontier()
    frontier.push(merkle.leaf_hash(b""))
    with pytest.raises(ValueError, match="1 leaves; expected a multiple of 256"):
        frontier.push(merkle.leaf_hash(b""), 8)
    assert not merkle.verify_inclusion(3, 3, b"", [], b"")
    assert not merkle.verify_consistency(4, 3, b"", b"", [])
