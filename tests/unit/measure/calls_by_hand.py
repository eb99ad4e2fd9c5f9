"""Calls written by hand, with every stamp known: milliseconds in, records out."""

from lab_kit.core.call_record import Received, Sent, Spoken, StreamCall
from lab_kit.core.clock import ClockOffset
from lab_kit.core.events import Event, Final, Interim, Timing

CHUNK_S = 0.05
START_NS = 1_000_000_000_000
SKEW_NS = 77_000_000_000
"""The server's clock runs this far ahead of the client's."""


def at(ms: float) -> int:
    """A moment of the call on the client's clock."""
    return START_NS + round(ms * 1e6)


def remote(ms: float) -> int:
    """The same moment on the server's clock."""
    return at(ms) + SKEW_NS


def timing(
    trigger_ms: float, received: float, decided: float, started: float, finished: float
) -> Timing:
    return Timing(
        trigger_audio_s=trigger_ms / 1e3,
        received_ns=remote(received),
        decided_ns=remote(decided),
        submitted_ns=remote(started) - 1,
        started_ns=remote(started),
        finished_ns=remote(finished),
        compute_ns=30_000_000,
    )


QUICK = timing(0, 0, 0, 0, 0)


def interim(start_s: float, end_s: float, text: str) -> Interim:
    return Interim(1, start_s, end_s, text, 0, 0.9, QUICK)


def final(start_s: float, end_s: float, text: str, when: Timing = QUICK) -> Final:
    return Final(1, start_s, end_s, text, 0.9, True, False, when)


def call(
    *heard: tuple[float, Event],
    spoken: tuple[Spoken, ...],
    audio_s: float = 5.0,
    late_ms: float = 0.0,
) -> StreamCall:
    """A call in which each event arrived at its millisecond, sent by the server 2 ms before."""
    sent = []
    for n in range(1, round(audio_s / CHUNK_S) + 1):
        due_ns = START_NS + round(n * CHUNK_S * 1e9)
        sent.append(Sent(n * CHUNK_S, due_ns, due_ns + round(late_ms * 1e6)))
    return StreamCall(
        name="by hand",
        started_ns=START_NS,
        audio_s=audio_s,
        chunk_s=CHUNK_S,
        spoken=spoken,
        sent=tuple(sent),
        received=tuple(Received(event, at(ms), remote(ms - 2)) for ms, event in heard),
        clock=ClockOffset(-SKEW_NS, 400_000),
        device="by hand",
    )
