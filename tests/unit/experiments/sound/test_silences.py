"""Silence against pauses of known length: what is cut, what is merged, how long one waits."""

from pathlib import Path

import pytest
from made_clips import clip

from lab_kit.audio.detect.energy import EnergyScorer
from lab_kit.audio.pcm import FloatArray
from lab_kit.datasets import Word
from lab_kit.experiments.sound import compare_silences, compare_turns
from lab_kit.experiments.sound.silences import sentences

HESITANT = (
    Word("I", 0.5, 1.0),
    Word("would", 1.3, 1.8),  # after a pause of 0.3 s
    Word("go.", 2.4, 3.0),  # after one of 0.6 s
    Word("Yes.", 4.0, 4.5),  # a second sentence, after 1 s
)


def test_sentences_end_at_their_marks_and_at_the_clips_end(tmp_path: Path) -> None:
    told = sentences(clip(tmp_path, (*HESITANT, Word("and", 5.0, 5.2)), 6.0))
    assert [[word.text for word in words] for words in told] == [
        ["I", "would", "go."],
        ["Yes."],
        ["and"],
    ]


def test_a_longer_silence_cuts_less_and_waits_longer(tmp_path: Path) -> None:
    spoken = clip(tmp_path, HESITANT, 5.0)
    found = compare_silences([spoken], (0.2, 0.45, 0.8, 1.5), EnergyScorer)
    assert [report.pauses for report in found] == [2] * 4
    assert [report.cut for report in found] == [2, 1, 0, 0]
    assert [report.sentences_cut for report in found] == [1, 1, 0, 0]
    assert [report.merged for report in found] == [0, 0, 0, 1]
    for report in found:
        assert min(report.waits_s) == pytest.approx(report.silence_s, abs=0.06)
    assert found[0].cut_share == 1.0


def test_who_sounds_unfinished_is_waited_for(tmp_path: Path) -> None:
    spoken = clip(tmp_path, HESITANT, 5.0)

    def judged(audio: FloatArray) -> float:
        # the test's judge knows when the two sentences end
        return 0.9 if any(abs(len(audio) / 16_000 - end_s) < 0.25 for end_s in (3.0, 4.5)) else 0.1

    (short, long) = compare_turns([spoken], (0.45, 0.8), EnergyScorer, judged)
    assert (short.silence_s, short.unfinished_s, long.unfinished_s) == (0.2, 0.45, 0.8)
    assert [report.cut for report in (short, long)] == [1, 0]
    for report in (short, long):
        assert report.merged == 0
        assert max(report.waits_s) == pytest.approx(0.2, abs=0.07)
