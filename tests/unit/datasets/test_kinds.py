"""Clips by kind: the word is enough, and a wrong one is no empty dataset."""

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.datasets import Kind, clips


def test_a_kind_can_be_given_as_its_word() -> None:
    assert clips("synthesized") == clips(Kind.SYNTHESIZED) != ()


def test_a_wrong_kind_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"'reel'; expected: one of real, synthesized"):
        clips("reel")
