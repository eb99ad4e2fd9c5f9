"""Proofs made by one piece of code, checked by another, for every size below a hundred."""

import pytest

from lab_kit.auditor import Unreadable, VerifierKey, is_grown, is_included, leaf_of
from lab_kit.governance.tree import (
    Frontier,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    roots_of,
)

MOST = 100
RECORDS = [f"record {number}".encode() for number in range(MOST)]
LEAVES = [leaf_hash(one) for one in RECORDS]
PUBLISHED_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PUBLISHED_NOTE = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mF"
    "XmRKuwHjG1Yu72IneyaQM=\n"
)


def roots() -> list[bytes]:
    tree, found = Frontier(), []
    for leaf in LEAVES:
        found.append(tree.root)
        tree = tree.appended(leaf)
    return [*found, tree.root]


ROOTS = roots()


def test_a_leaf_is_hashed_alike() -> None:
    assert [leaf_of(one) for one in RECORDS] == LEAVES


def test_every_record_is_shown_in_every_log() -> None:
    for size in range(1, MOST):
        for index in range(size):
            proof = roots_of(LEAVES[:size], inclusion_ranges(index, size))
            assert is_included(index, size, LEAVES[index], proof, ROOTS[size])


def test_no_proof_shows_another_record_place_size_or_root() -> None:
    for size in range(2, 40):
        for index in range(size):
            proof = roots_of(LEAVES[:size], inclusion_ranges(index, size))
            other = (index + 1) % size
            assert not is_included(index, size, LEAVES[other], proof, ROOTS[size])
            assert not is_included(other, size, LEAVES[index], proof, ROOTS[size])
            assert not is_included(index, size, LEAVES[index], proof, ROOTS[size - 1])
            assert not is_included(index, size, LEAVES[index], proof[:-1], ROOTS[size])
            assert not is_included(index, size, LEAVES[index], [*proof, LEAVES[0]], ROOTS[size])
            assert not is_included(index, size, LEAVES[index], proof[::-1], ROOTS[size]) or (
                proof == proof[::-1]
            )
    assert not is_included(5, 5, LEAVES[4], [], ROOTS[5])
    assert not is_included(-1, 5, LEAVES[4], [], ROOTS[5])


def test_every_log_is_shown_to_have_grown_from_every_smaller_one() -> None:
    for size in range(1, MOST):
        for old in range(1, size + 1):
            proof = roots_of(LEAVES[:size], consistency_ranges(old, size))
            assert is_grown(old, size, ROOTS[old], ROOTS[size], proof)


def test_no_proof_shows_growth_from_another_log() -> None:
    other = Frontier()
    for number in range(MOST):
        other = other.appended(leaf_hash(b"other" if number == 0 else RECORDS[number]))
        size = other.size
        for old in range(1, size):
            proof = roots_of(LEAVES[:size], consistency_ranges(old, size))
            assert not is_grown(old, size, ROOTS[old], other.root, proof)
            assert not is_grown(old, size, other.root, ROOTS[size], proof)
            assert not is_grown(old, size, ROOTS[old], ROOTS[size], proof[:-1])
            assert not is_grown(old, size, ROOTS[old], ROOTS[size], [*proof, LEAVES[0]])
    assert not is_grown(5, 5, ROOTS[5], ROOTS[5], [LEAVES[0]])
    assert not is_grown(5, 5, ROOTS[5], ROOTS[6], [])
    assert not is_grown(0, 5, ROOTS[0], ROOTS[5], [])
    assert not is_grown(6, 5, ROOTS[6], ROOTS[5], [])


def test_a_published_note_is_opened() -> None:
    """[Source: the signed-note package's documentation, 2026.]"""
    text = "This is an example message.\n"
    assert VerifierKey(PUBLISHED_KEY).opened(PUBLISHED_NOTE) == text


@pytest.mark.parametrize(
    ("note", "says"),
    [
        (PUBLISHED_NOTE.replace("example message", "other message"), "is wrong"),
        (PUBLISHED_NOTE.replace("\n\n", "\n"), "no empty line"),
        (PUBLISHED_NOTE.split("\n\n")[0] + "\n\n", "no signature of"),
        (PUBLISHED_NOTE.replace("\u2014", "-"), "no signature"),
        (PUBLISHED_NOTE.replace("Uw2Q", "Vw2Q"), "no signature of"),
        (PUBLISHED_NOTE.replace("foo U", "bar U"), "no signature of"),
        (PUBLISHED_NOTE + PUBLISHED_NOTE.split("\n\n")[1].replace("kn8s", "kn9s"), "is wrong"),
    ],
)
def test_a_note_that_was_changed_is_not(note: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        VerifierKey(PUBLISHED_KEY).opened(note)


def test_others_signatures_are_passed_over() -> None:
    witness = "\u2014 a-witness AAAAAAAAAAAA\n"
    assert VerifierKey(PUBLISHED_KEY).opened(PUBLISHED_NOTE + witness)


def test_an_empty_line_in_a_text_is_the_texts() -> None:
    note = f"first\n\n{PUBLISHED_NOTE}"
    with pytest.raises(Unreadable, match="is wrong"):
        VerifierKey(PUBLISHED_KEY).opened(note)
