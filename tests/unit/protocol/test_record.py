"""Events as plain values, and back."""

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
from lab_kit.protocol.record import described, event_of

TIMING = Timing(1.5, 10, 20, 30, 40, 50, 60)
EVENTS: list[Event] = [
    SpeechStarted(0.4),
    Interim(1, 0.4, 1.0, "it was", 2, 0.8, TIMING),
    Final(2, 0.4, 1.6, "It was.", 0.9, True, False, TIMING),
    UtteranceEnd(3.0),
    StreamEnded(4.0, "", 1),
]


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_survives_being_described(event: Event) -> None:
    text = event.text if isinstance(event, Interim | Final) else ""
    assert event_of(described(event, 7, "3"), text) == (event, 7, "3")


def test_what_describes_no_event_is_refused() -> None:
    for wrong in ({}, {"kind": "Final"}, {"kind": "Dance", "sent_ns": 1, "version": "1"}):
        with pytest.raises(InvalidMessage):
            event_of(wrong)
