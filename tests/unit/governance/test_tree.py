"""The tree against the definitions of its standard, for every size below a hundred."""

from hashlib import sha256

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.governance.tree import (
    EMPTY,
    Frontier,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    roots_of,
)

MOST = 100
LEAVES = [leaf_hash(f"record {number}".encode()) for number in range(MOST)]


def largest_power_below(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def defined_root(leaves: list[bytes]) -> bytes:
    """MTH, word by word [Source: RFC 9162, 2.1.1]; leaves are hashed already."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = largest_power_below(len(leaves))
    return sha256(b"\x01" + defined_root(leaves[:k]) + defined_root(leaves[k:])).digest()


def defined_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH [Source: RFC 9162, 2.1.3.1]."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*defined_path(m, leaves[:k]), defined_root(leaves[k:])]
    return [*defined_path(m - k, leaves[k:]), defined_root(leaves[:k])]


def defined_subproof(m: int, leaves: list[bytes], b: bool) -> list[bytes]:
    """SUBPROOF [Source: RFC 9162, 2.1.4.1]."""
    if m == len(leaves):
        return [] if b else [defined_root(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*defined_subproof(m, leaves[:k], b), defined_root(leaves[k:])]
    return [*defined_subproof(m - k, leaves[k:], False), defined_root(leaves[:k])]


def grown(size: int) -> Frontier:
    tree = Frontier()
    for leaf in LEAVES[:size]:
        tree = tree.appended(leaf)
    return tree


def test_the_hashes_of_nothing_are_the_published_ones() -> None:
    """[Source: RFC 6962's reference test data: the empty tree, and the leaf of no bytes.]"""
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    told = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"").hex() == told


def test_every_root_is_the_defined_one() -> None:
    for size in range(MOST):
        assert grown(size).root == defined_root(LEAVES[:size])


def test_a_frontier_keeps_a_hash_for_each_bit_of_its_size() -> None:
    for size in range(MOST):
        assert len(grown(size).roots) == size.bit_count()


def test_every_inclusion_proof_is_the_defined_one() -> None:
    for size in range(1, MOST):
        for index in range(size):
            made = roots_of(LEAVES[:size], inclusion_ranges(index, size))
            assert made == defined_path(index, LEAVES[:size])


def test_every_consistency_proof_is_the_defined_one() -> None:
    for size in range(1, MOST):
        for old_size in range(1, size + 1):
            made = roots_of(LEAVES[:size], consistency_ranges(old_size, size))
            assert made == defined_subproof(old_size, LEAVES[:size], True)


def test_a_proof_of_a_record_among_a_million_has_twenty_hashes() -> None:
    assert len(inclusion_ranges(123_456, 1_000_000)) == 20


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_a_record_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(InvalidParameter, match="record"):
        inclusion_ranges(index, size)


@pytest.mark.parametrize(("old_size", "size"), [(0, 5), (6, 5), (-1, 5)])
def test_no_log_grew_from_none_or_backwards(old_size: int, size: int) -> None:
    with pytest.raises(InvalidParameter, match="grew"):
        consistency_ranges(old_size, size)
