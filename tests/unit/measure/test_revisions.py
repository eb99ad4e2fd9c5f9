"""What of a result was shown before, and what it takes back."""

import pytest

from lab_kit.measure.revisions import Revision, Shown, revisions, taken_back_share


def shown(text: str, segment: str = "1", is_final: bool = False, stable: int = 0) -> Shown:
    return Shown(1.0, segment, text, is_final, stable)


def figures(found: list[Revision]) -> list[tuple[int, int, int]]:
    return [(one.chars, one.new_chars, one.taken_back) for one in found]


def test_what_follows_the_common_beginning_is_new_or_taken_back() -> None:
    texts = ["it", "it was", "it wants", "it wants"]
    assert figures(revisions(map(shown, texts))) == [(2, 2, 0), (6, 4, 0), (8, 3, 1), (8, 0, 0)]


def test_segments_are_compared_with_themselves_alone() -> None:
    found = revisions([shown("it was"), shown("and", "2"), shown("it was."), shown("", "2")])
    assert figures(found) == [(6, 6, 0), (3, 3, 0), (7, 1, 0), (0, 0, 3)]


def test_a_final_is_stable_whole() -> None:
    interim, final = revisions([shown("it was", stable=2), shown("it was.", is_final=True)])
    assert (interim.stable_chars, final.stable_chars) == (2, 7)


@pytest.mark.parametrize(
    ("texts", "share"), [([], 0.0), (["it"], 0.0), (["is", "it"], 1 / 3), (["a", "b"], 0.5)]
)
def test_the_share_is_of_all_that_was_new(texts: list[str], share: float) -> None:
    assert taken_back_share(revisions(map(shown, texts))) == pytest.approx(share)
