"""Callers whose marks are made up: what a detector would say of regular speech."""

from lab_kit.audio.detect.endpointing import Mark
from lab_kit.scale.sound import CallerSound, HeardMark

CHUNK_S = 0.05


def caller(
    starts_s: float = 0.0, turns: int = 3, speech_s: float = 2.5, pause_s: float = 1.0
) -> CallerSound:
    """So many utterances of the same length, with the same pause behind each."""
    marks: list[HeardMark] = []
    spoken: list[tuple[float, float]] = []
    for turn in range(turns):
        begin_s = 0.3 + turn * (speech_s + pause_s)
        end_s = begin_s + speech_s
        marks += [
            HeardMark(_chunk(begin_s + 0.03), Mark.ONSET, begin_s),
            HeardMark(_chunk(end_s + 0.08), Mark.PAUSE, end_s),
            HeardMark(_chunk(end_s + 0.2), Mark.ENDPOINT, end_s),
        ]
        spoken.append((begin_s, end_s))
    chunks = round((0.3 + turns * (speech_s + pause_s)) / CHUNK_S)
    return CallerSound(starts_s, chunks, CHUNK_S, tuple(marks), tuple(spoken))


def crowd(streams: int, turns: int = 3) -> list[CallerSound]:
    """So many of them, staggered over three seconds."""
    return [caller(n * 3.0 / streams, turns, 2.0 + n % 5 * 0.6) for n in range(streams)]


def _chunk(at_s: float) -> int:
    """The chunk that brings that moment."""
    return int(at_s / CHUNK_S)
