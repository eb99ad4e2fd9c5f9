"""Batch invariance: does an answer depend on what else was computed with it?

A model whose arithmetic is the same however many sequences share a step answers the same. One that
scales its activations over the whole batch, as int8 graphs do, may not: batch invariance is a
property of model and runtime together. It is measured: the same clips alone, then all at once.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.core.errors import InvalidParameter
from lab_kit.datasets import Clip
from lab_kit.experiments.load.open_loop import Transcribe
from lab_kit.measure.accuracy import word_error_rate

SEED = 5


@dataclass(frozen=True, slots=True)
class BatchInvariance:
    """The same clips transcribed alone and together.

    Attributes:
        truths: what was really said in each clip.
        alone: the answer to each when it was the only request.
        together: the answers to requests sent at once, a tuple for each round, in the order of
            ``truths``.
    """

    truths: tuple[str, ...]
    alone: tuple[str, ...]
    together: tuple[tuple[str, ...], ...]

    @property
    def changed(self) -> float:
        """Share of the answers given together that differ in any letter from the one alone."""
        pairs = [pair for heard in self.together for pair in zip(heard, self.alone, strict=True)]
        return sum(ours != alone for ours, alone in pairs) / len(pairs)

    @property
    def wer_alone(self) -> float:
        """Word error rate over all clips, each alone."""
        return word_error_rate(" ".join(self.truths), " ".join(self.alone))

    @property
    def wer_together(self) -> float:
        """Word error rate over all clips and rounds, together."""
        heard = " ".join(text for texts in self.together for text in texts)
        return word_error_rate(" ".join(self.truths * len(self.together)), heard)


async def batch_invariance(
    transcribe: Transcribe, clips: Sequence[Clip], rounds: int = 3
) -> BatchInvariance:
    """Ask for each clip alone, then for all at once, several times in another order each.

    Raises:
        InvalidParameter: fewer than two clips, or no rounds.
        LabError: whatever the server refuses with.
    """
    if len(clips) < 2 or rounds < 1:
        raise InvalidParameter(
            f"{len(clips)} clips and {rounds} rounds",
            "at least 2 and 1",
            "pass at least two clips, so that requests can share a batch",
        )
    alone = [(await transcribe(clip)).text for clip in clips]
    chance = random.Random(SEED)
    together = []
    for _ in range(rounds):
        order = chance.sample(range(len(clips)), len(clips))
        answers = await asyncio.gather(*(transcribe(clips[index]) for index in order))
        heard = dict(zip(order, (answer.text for answer in answers), strict=True))
        together.append(tuple(heard[index] for index in range(len(clips))))
    return BatchInvariance(tuple(clip.text for clip in clips), tuple(alone), tuple(together))
