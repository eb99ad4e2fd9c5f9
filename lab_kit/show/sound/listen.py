"""Something to listen to."""

from IPython.display import Audio, display

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip


def sound(heard: Clip | FloatArray) -> None:
    """Put a player for a clip, or for (samples,) at 16 kHz, under the cell.

    It plays in the reader's browser.
    """
    samples = heard.samples if isinstance(heard, Clip) else heard
    display(Audio(samples, rate=SAMPLE_RATE_HZ))  # type: ignore[no-untyped-call]
