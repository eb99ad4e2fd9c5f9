"""A clip to listen to."""

from IPython.display import Audio, display

from lab_kit.datasets import Clip


def sound(clip: Clip) -> None:
    """Put a player for ``clip`` under the cell; it plays in the reader's browser."""
    display(Audio(clip.samples, rate=clip.sample_rate_hz))  # type: ignore[no-untyped-call]
