"""A decode that failed for good, as a stream tells it to whoever keeps such things."""

from dataclasses import dataclass

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.ids import StreamIdentity


@dataclass(frozen=True, slots=True)
class FailedDecode:
    """One decode that will not be tried again.

    Attributes:
        identity: names the call and the stream, as traces and logs do.
        trace_id: of its trace; empty where it was not sampled.
        audio: (samples,) float32 at 16 kHz that was to be decoded.
        tries: how often it was tried.
        error: what the last try raised.
        is_private: the stream redacts, so its sound must not be kept.
    """

    identity: StreamIdentity
    trace_id: str
    audio: FloatArray
    tries: int
    error: str
    is_private: bool
