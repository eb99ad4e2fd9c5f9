"""Something to listen to."""

from IPython.display import Audio, display

from lab_kit.audio.pcm import FloatArray
from lab_kit.datasets import Clip
from lab_kit.units import SAMPLE_RATE_HZ


def sound(heard: Clip | FloatArray) -> None:
    """Put a player for a clip, or for (samples,) at 16 kHz, under the cell.

    It plays in the reader's browser.
    """
    samples = heard.samples if isinstance(heard, Clip) else heard
    display(Audio(samples, rate=SAMPLE_RATE_HZ))  # type: ignore[no-untyped-call]
