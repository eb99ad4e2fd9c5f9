"""Calls made by hand, with round numbers, for the tests of what is drawn."""

from lab_kit.core.call_record import Received, RequestCall, Sent, Spoken, StreamCall
from lab_kit.core.clock import ClockOffset
from lab_kit.core.events import Final, Interim, SpeechStarted, StreamEnded, Timing

MS = 1_000_000
STARTED_NS = 5_000 * MS
CLOCK = ClockOffset(offset_ns=0, error_ns=MS // 2)
DEVICE = "cpu (test, 2 cores)"

FIRST = Spoken("good morning", 0.5, 1.5)
SECOND = Spoken("and good night", 2.5, 3.5)


def at(audio_s: float) -> int:
    """The moment that audio sounds, in nanoseconds."""
    return STARTED_NS + round(audio_s * 1e9)


def timing(at_s: float) -> Timing:
    """Work that was triggered by the audio's end at ``at_s`` and took 40 ms after 10 of waiting."""
    return Timing(
        trigger_audio_s=at_s,
        received_ns=at(at_s) + 5 * MS,
        decided_ns=at(at_s) + 10 * MS,
        submitted_ns=at(at_s) + 10 * MS,
        started_ns=at(at_s) + 20 * MS,
        finished_ns=at(at_s) + 60 * MS,
        compute_ns=40 * MS,
    )


def interim(start_s: float, end_s: float, text: str, stable: int, seen_s: float) -> Received:
    """An interim as it arrived at ``seen_s``."""
    event = Interim(1, start_s, end_s, text, stable, 0.9, timing(end_s))
    return Received(event, at(seen_s), at(seen_s) - 2 * MS)


def final(start_s: float, end_s: float, text: str, seen_s: float) -> Received:
    """A final as it arrived at ``seen_s``, decided 0.2 s after the speech's end."""
    event = Final(2, start_s, end_s, text, 0.9, True, False, timing(end_s + 0.2))
    return Received(event, at(seen_s), at(seen_s) - 2 * MS)


def started(at_s: float) -> Received:
    """The announcement that speech began."""
    return Received(SpeechStarted(at_s), at(at_s + 0.1), at(at_s + 0.098))


EVENTS = (
    started(0.5),
    interim(0.5, 0.8, "good", 0, 0.9),
    interim(0.5, 1.2, "good morning", 4, 1.3),
    final(0.5, 1.5, "Good morning", 1.75),
    started(2.5),
    interim(2.5, 3.0, "and <good>", 3, 3.1),
    final(2.5, 3.5, "and good night", 3.85),
    Received(StreamEnded(4.0, "", 1), at(4.0), at(4.0)),
)


def stream(spoken: tuple[Spoken, ...] = (FIRST, SECOND)) -> StreamCall:
    """Two utterances: finals 250 and 350 ms after the speaker stopped."""
    chunks = tuple(Sent(n / 20, at(n / 20), at(n / 20) + MS) for n in range(1, 81))
    return StreamCall("made by hand", STARTED_NS, 4.0, 0.05, spoken, chunks, EVENTS, CLOCK, DEVICE)


def request() -> RequestCall:
    """One request of 100 ms."""
    stamps = {"received": 5, "decoded": 15, "started": 20, "finished": 90, "responded": 95}
    remote = {name: STARTED_NS + value * MS for name, value in stamps.items()}
    return RequestCall(
        name="a request",
        text="good morning",
        audio_s=1.0,
        sent_ns=STARTED_NS,
        first_byte_ns=STARTED_NS + 96 * MS,
        received_ns=STARTED_NS + 100 * MS,
        remote_ns=remote,
        clock=CLOCK,
        device=DEVICE,
    )
