"""A judge of recorded streams: what was heard, in order, against the rules that every wire keeps.

It knows no wire and no dialect. A dialect may leave events out (not all have a word for each), but
what it says must be in order, and a final is final.
"""

from collections.abc import Sequence
from itertools import pairwise

from lab_kit.core.events import Event, Final, Interim, SpeechStarted, StreamEnded, UtteranceEnd

_EDGE_S = 1e-6


def breaches(events: Sequence[Event]) -> list[str]:
    """Every rule that a recorded stream breaks, in words; empty if it keeps them all."""
    return [
        *_after_the_end(events),
        *_sequence(events),
        *_finals(events),
        *_interims(events),
        *_marks(events),
    ]


def _after_the_end(events: Sequence[Event]) -> list[str]:
    ends = [place for place, event in enumerate(events) if isinstance(event, StreamEnded)]
    if len(ends) > 1:
        return [f"the stream ended {len(ends)} times"]
    if ends and ends[0] != len(events) - 1:
        return [f"{type(events[ends[0] + 1]).__name__} after the end of the stream"]
    return []


def _sequence(events: Sequence[Event]) -> list[str]:
    numbers = [event.sequence for event in events if isinstance(event, Interim | Final)]
    pairs = pairwise(numbers)
    return [f"sequence {later} after {earlier}" for earlier, later in pairs if later <= earlier]


def _finals(events: Sequence[Event]) -> list[str]:
    """Finals follow one another in time, and none begins inside another."""
    finals = [event for event in events if isinstance(event, Final)]
    pairs = pairwise(finals)
    wrong = [
        f"a final ends before it begins ({f.start_s} s)" for f in finals if f.end_s < f.start_s
    ]
    return wrong + [
        f"a final from {later.start_s:.2f} s after one until {earlier.end_s:.2f} s"
        for earlier, later in pairs
        if later.start_s < earlier.end_s - _EDGE_S
    ]


def _interims(events: Sequence[Event]) -> list[str]:
    """An interim belongs to a segment whose final is still to come."""
    wrong, final_until_s = [], 0.0
    for event in events:
        if isinstance(event, Final):
            final_until_s = max(final_until_s, event.end_s)
        if isinstance(event, Interim):
            if event.start_s < final_until_s - _EDGE_S:
                wrong.append(f"an interim from {event.start_s:.2f} s after its final")
            if not 0 <= event.stable_chars <= len(event.text):
                wrong.append(f"{event.stable_chars} stable characters of {len(event.text)}")
    open_interims = 0
    for event in events:
        open_interims = 0 if isinstance(event, Final) else open_interims
        open_interims += isinstance(event, Interim)
    if open_interims:
        wrong.append("an interim that no final followed")
    return wrong


def _marks(events: Sequence[Event]) -> list[str]:
    """Speech is said to start before its first result, and an utterance to end after its final."""
    wrong, heard_until_s = [], -1.0
    for event in events:
        if isinstance(event, SpeechStarted) and event.at_s < heard_until_s - _EDGE_S:
            wrong.append(f"speech started at {event.at_s:.2f} s after a result from beyond it")
        if isinstance(event, UtteranceEnd) and event.last_word_end_s > heard_until_s + _EDGE_S:
            wrong.append(f"an utterance ended at {event.last_word_end_s:.2f} s without its final")
        if isinstance(event, Final):
            heard_until_s = max(heard_until_s, event.end_s)
    return wrong
