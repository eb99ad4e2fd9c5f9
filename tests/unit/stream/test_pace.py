"""Whether sound comes as it is spoken: what may come at once, and when a stream has caught up."""

import pytest

from lab_kit.stream.pace import Pace

SECOND_NS = 10**9
OPENED_NS = 7 * SECOND_NS


@pytest.mark.parametrize(
    ("came", "is_ahead"),
    [
        ([(0.1, 1.9)], False),  # what was kept while it connected
        ([(0.1, 2.5)], True),
        ([(5.0, 60.0)], True),
        ([(n / 10, 0.1) for n in range(600)], False),
        ([(n / 10, 0.12) for n in range(600)], False),  # a clock that is far off
        ([(n / 10, 0.2) for n in range(100)], True),
        ([*((n / 10, 0.1) for n in range(100)), (19.0, 9.0)], False),  # a network that stalled
        ([(100.0, 9.9)], False),
        ([(100.0, 12.0)], True),  # silence saves up no more than a stall
    ],
)
def test_sound_is_ahead_when_nobody_could_have_said_it(
    came: list[tuple[float, float]], is_ahead: bool
) -> None:
    pace = Pace(OPENED_NS)
    for at_s, audio_s in came:
        pace.add(audio_s, OPENED_NS + round(at_s * SECOND_NS))
    assert pace.is_ahead(OPENED_NS + round(came[-1][0] * SECOND_NS)) is is_ahead


def test_who_sent_an_hour_at_once_and_speaks_on_has_caught_up_within_a_minute() -> None:
    pace = Pace(OPENED_NS)
    pace.add(3_600.0, OPENED_NS)
    now_s = 0.0
    while pace.is_ahead(OPENED_NS + round(now_s * SECOND_NS)):
        now_s += 0.1
        pace.add(0.1, OPENED_NS + round(now_s * SECOND_NS))
    assert 10 < now_s < 60
