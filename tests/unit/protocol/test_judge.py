"""The judge finds each breach, and nothing in a stream that keeps the rules."""

from dataclasses import replace

import pytest

from lab_kit.core.errors import InvalidMessage
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    SpeechStarted,
    StreamEnded,
    Timing,
    UtteranceEnd,
)
from lab_kit.protocol.judge import breaches
from lab_kit.protocol.record import described, event_of

TIMING = Timing(1.5, 10, 20, 30, 40, 50, 60)
FIRST = Interim(1, 0.4, 1.0, "it was", 2, 0.8, TIMING)
FINAL = Final(2, 0.4, 1.6, "It was.", 0.9, True, False, TIMING)
LATER = Final(4, 2.0, 3.0, "The best.", 0.9, True, False, TIMING)
SECOND = Interim(3, 2.0, 2.5, "the", 3, 0.8, TIMING)
ENDED = StreamEnded(4.0, "", 1)
GOOD: list[Event] = [
    SpeechStarted(0.4),
    FIRST,
    FINAL,
    SpeechStarted(2.0),
    SECOND,
    LATER,
    UtteranceEnd(3.0),
    ENDED,
]


def test_a_stream_that_keeps_the_rules_is_not_blamed() -> None:
    assert breaches(GOOD) == []
    assert breaches([]) == []
    assert breaches([e for e in GOOD if isinstance(e, Interim | Final)]) == []


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([*GOOD, LATER], "after the end"),
        ([*GOOD, ENDED], "ended 2 times"),
        ([FIRST, replace(FINAL, sequence=1)], "sequence 1 after 1"),
        ([FINAL, replace(LATER, start_s=1.0)], "after one until"),
        ([replace(FINAL, end_s=0.1)], "before it begins"),
        ([FINAL, replace(FIRST, sequence=3), LATER], "after its final"),
        ([FINAL, SECOND], "no final followed"),
        ([replace(FIRST, stable_chars=7), FINAL], "7 stable characters of 6"),
        ([FIRST, FINAL, SpeechStarted(0.4)], "speech started"),
        ([UtteranceEnd(3.0), FINAL], "without its final"),
    ],
)
def test_each_breach_is_found_and_named(events: list[Event], why: str) -> None:
    assert why in "\n".join(breaches(events))


@pytest.mark.parametrize("event", GOOD)
def test_an_event_survives_being_described(event: Event) -> None:
    text = event.text if isinstance(event, Interim | Final) else ""
    assert event_of(described(event, 7, "3"), text) == (event, 7, "3")


def test_what_describes_no_event_is_refused() -> None:
    for wrong in ({}, {"kind": "Final"}, {"kind": "Dance", "sent_ns": 1, "version": "1"}):
        with pytest.raises(InvalidMessage):
            event_of(wrong)
