"""Answers alone and together, told apart by a model that is disturbed on purpose."""

import asyncio
from dataclasses import dataclass

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.datasets import Clip, clips
from lab_kit.experiments.load import batch_invariance


@dataclass(frozen=True)
class Said:
    text: str


class Disturbed:
    """Hears everything right when alone, and loses the first word of one clip in a batch."""

    def __init__(self, sensitive: str) -> None:
        self._sensitive = sensitive
        self._present = 0

    async def transcribe(self, clip: Clip) -> Said:
        self._present += 1
        await asyncio.sleep(0.001)
        is_alone = self._present == 1
        await asyncio.sleep(0.001)
        self._present -= 1
        if is_alone or clip.id != self._sensitive:
            return Said(clip.text)
        return Said(clip.text.split(" ", 1)[1])


SPEECH = clips("synthesized")[:4]


async def test_what_the_batch_changes_is_counted_and_costs_words() -> None:
    model = Disturbed(SPEECH[1].id)
    found = await batch_invariance(model.transcribe, SPEECH, rounds=2)
    assert found.alone == found.truths
    assert found.changed == pytest.approx(1 / len(SPEECH))
    assert found.wer_alone == 0
    words = sum(len(clip.text.replace("-", " ").split()) for clip in SPEECH)
    assert found.wer_together == pytest.approx(1 / words)


async def test_a_model_that_does_not_care_changes_nothing() -> None:
    found = await batch_invariance(Disturbed("nobody").transcribe, SPEECH)
    assert found.changed == 0
    assert found.wer_together == 0
    assert len(found.together) == 3


async def test_one_clip_is_too_few() -> None:
    with pytest.raises(InvalidParameter, match="1 clips"):
        await batch_invariance(Disturbed("").transcribe, SPEECH[:1])
