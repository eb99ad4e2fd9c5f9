"""What the frameworks call: the real model, one clip alone or several together."""

import pytest

from lab_kit import datasets
from lab_kit.experiments.frameworks.decoding import open_model, transcribe_together
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.models.moonshine.model import Moonshine

CLIPS = ("two-cities-best-and-worst", "two-cities-opening")


@pytest.fixture(scope="module")
def model() -> Moonshine:
    return open_model()


def test_whole_clips_keep_their_words_together(model: Moonshine) -> None:
    """The longest decides when the batch ends, and nobody's words get lost on the way."""
    clips = [datasets.clip(name) for name in CLIPS]
    together = transcribe_together(model, [clip.samples for clip in clips])
    for clip, text in zip(clips, together, strict=True):
        assert word_error_rate(clip.text, text) < 0.1
        assert transcribe_together(model, [clip.samples]) == [text]


def test_the_order_is_the_callers(model: Moonshine) -> None:
    one, other = (datasets.clip(name).samples for name in CLIPS)
    assert (
        transcribe_together(model, [one, other]) == transcribe_together(model, [other, one])[::-1]
    )
