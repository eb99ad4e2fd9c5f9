"""What is kept of a recognition belongs to the sentences that are held out, one for one."""

import pytest

from lab_kit.datasets.personal_data import sentences
from lab_kit.experiments import access
from lab_kit.measure.leaks import overall


def test_as_many_texts_are_kept_as_sentences_are_held_out() -> None:
    kept, gold = access.heard_before(), sentences(is_held_out=True)
    assert len(kept.texts) == len(gold)
    found = access.leaks()
    assert overall(dict(found.said)).spans == sum(len(one.spans) for one in gold)
    perfect = access.leaks(access.Heard("read aloud", tuple(one.text for one in gold)))
    assert perfect.heard == perfect.said == found.said
    with pytest.raises(ValueError, match="zip"):
        access.leaks(access.Heard("half of it", kept.texts[:3]))
