"""The callers of a plan as a model is told of them: the lab's own detector over what they say."""

from collections.abc import Callable, Sequence

from lab_kit.audio.detect.endpointing import Endpointer, SpeechMark
from lab_kit.audio.detect.vad import SpeechScorer, VoiceActivity, Window
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.datasets import Clip
from lab_kit.experiments.load import CallPlan
from lab_kit.experiments.load.speaking import speaking
from lab_kit.experiments.sound.detectors import default_scorers
from lab_kit.scale.sound import CallerSound, HeardMark, Voice

SILENCE_S = 0.2
MOST_HASTE_S = 0.025
"""An endpoint belongs to the nearer of two chunks; as in `stream.session`."""


def callers_of(
    plan: CallPlan,
    speech: Sequence[Clip],
    think_s: float,
    seed: int,
    new_scorer: Callable[[], SpeechScorer] | None = None,
) -> list[CallerSound]:
    """Everybody who calls by the plan, with the same sound as `load.call_all` gives them.

    Raises:
        ModelNotLoaded: Silero's graph is not installed, and no scorer was given.
    """
    make = new_scorer or default_scorers()["silero"]
    return [
        heard(
            speaking(speech, planned.seconds, think_s, seed * 1_000 + number), planned.at_s, make()
        )
        for number, planned in enumerate(plan.calls())
    ]


def heard(source: PacedRecording, starts_s: float, scorer: SpeechScorer) -> CallerSound:
    """What endpointing notices of one recording, chunk by chunk."""
    windows = VoiceActivity(scorer).push(source.audio)
    size = samples(source.chunk_s)
    chunks = -(-len(source.audio) // size)
    return CallerSound(
        starts_s=starts_s,
        chunks=chunks,
        chunk_s=source.chunk_s,
        marks=tuple(_marks(windows, chunks, size)),
        spoken_s=tuple((one.start_s, one.end_s) for one in source.spoken),
        voices=tuple(Voice(w.end_sample / SAMPLE_RATE_HZ, w.speech_probability) for w in windows),
    )


def _marks(windows: Sequence[Window], chunks: int, size: int) -> list[HeardMark]:
    endpointer = Endpointer(samples(SILENCE_S))
    found: list[HeardMark] = []
    left = list(reversed(windows))
    for chunk in range(chunks):
        end = (chunk + 1) * size
        made: list[SpeechMark | None] = []
        while left and left[-1].end_sample <= end:
            window = left.pop()
            made += [endpointer.push(window), endpointer.heard_until(window.end_sample)]
        made.append(endpointer.heard_until(end + min(size // 2, samples(MOST_HASTE_S))))
        found += [
            HeardMark(chunk, one.mark, one.at_sample / SAMPLE_RATE_HZ, one.confirmed)
            for one in made
            if one is not None
        ]
    return found
