"""A recording as it may leave: without what was redacted of its text."""

from collections.abc import Iterable

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import Final
from lab_kit.core.shown import shown
from lab_kit.privacy.sound import Fill, covered

FILLS = tuple(Fill)


def redacted_sound(sound: FloatArray, finals: Iterable[Final], fill: str) -> FloatArray:
    """The recording, silent (or with a tone) where its finals' redactions sounded.

    What nobody recognized as speech is not in any final, and stays.

    Args:
        sound: (samples,) float32 at 16 kHz, which the finals are of.
        fill: one of `FILLS`.
    """
    spans_s = [(one.start_s, one.end_s) for final in finals for one in final.redactions]
    return covered(sound, spans_s, Fill(fill))


def check_fill(fill: str) -> str:
    """One of `FILLS`.

    Raises:
        InvalidParameter: it is none.
    """
    if fill not in FILLS:
        raise InvalidParameter(f"fill={shown(fill)}", " or ".join(FILLS), "choose one of these")
    return fill
