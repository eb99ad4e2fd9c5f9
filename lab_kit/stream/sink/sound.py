"""A recording as it may leave: without what was redacted of its text."""

from collections.abc import Iterable, Iterator, Sequence

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import Final
from lab_kit.core.shown import shown
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.privacy.sound import PAD_S, Fill, covered

FILLS = SILENCE, TONE = Fill.SILENCE.value, Fill.TONE.value


def redacted_sound(sound: FloatArray, finals: Iterable[Final], fill: str) -> FloatArray:
    """The recording, silent (or with a tone) where its finals' redactions sounded.

    What nobody recognized as speech is not in any final, and stays.

    Args:
        sound: (samples,) float32 at 16 kHz, which the finals are of.
        fill: one of `FILLS`.
    """
    spans_s = [(one.start_s, one.end_s) for final in finals for one in final.redactions]
    return covered(sound, spans_s, Fill(fill))


def redacted_blocks(
    sound: Iterable[FloatArray], spans_s: Sequence[tuple[float, float]], fill: str
) -> Iterator[FloatArray]:
    """The same of a recording of any length, block by block.

    Args:
        sound: blocks of (samples,) float32 at 16 kHz, from the recording's beginning on.
        spans_s: where something was taken out, in seconds from there.
        fill: one of `FILLS`.
    """
    done = 0
    for block in sound:
        from_s, to_s = done / SAMPLE_RATE_HZ, (done + len(block)) / SAMPLE_RATE_HZ
        inside = [
            (max(start_s, from_s - 1.0) - from_s, min(end_s, to_s + 1.0) - from_s)
            for start_s, end_s in spans_s
            if start_s - PAD_S <= to_s and end_s + PAD_S >= from_s
        ]
        yield covered(block, inside, Fill(fill))
        done += len(block)


def check_fill(fill: str) -> str:
    """One of `FILLS`.

    Raises:
        InvalidParameter: it is none.
    """
    if fill not in FILLS:
        raise InvalidParameter(f"fill={shown(fill)}", " or ".join(FILLS), "choose one of these")
    return fill
