"""A decode that failed for good, as a stream tells it to whoever notes such things."""

from dataclasses import dataclass

from lab_kit.core.ids import StreamIdentity


@dataclass(frozen=True, slots=True)
class FailedDecode:
    """One decode that will not be tried again.

    Attributes:
        identity: names the call and the stream, as traces and logs do.
        trace_id: of its trace; empty where it was not sampled.
        audio_s: length of the sound that was to be decoded.
        tries: how often it was tried.
        error: what the last try raised.
    """

    identity: StreamIdentity
    trace_id: str
    audio_s: float
    tries: int
    error: str
