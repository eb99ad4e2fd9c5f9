"""Onset, pause, endpoint: two witnesses, the detector and the level, and who is believed when."""

import pytest

from lab_kit.audio.detect.endpointing import (
    DOUBT_SAMPLES,
    LATEST_ANSWER_SAMPLES,
    LATEST_RELEASE_SAMPLES,
    Endpointer,
    Mark,
    SpeechMark,
)
from lab_kit.audio.detect.vad import WINDOW_SAMPLES, Window
from lab_kit.core.units import samples

SILENCE = samples(0.2)


class Stream:
    """Windows in order, written as (detector's probability, is it loud) and a count."""

    def __init__(
        self,
        silence_samples: int | None = SILENCE,
        is_clear: bool = True,
        unfinished_samples: int | None = None,
    ) -> None:
        self.endpointer = Endpointer(silence_samples, unfinished_samples)
        self.at = 0
        self.loud_until = 0
        self.is_clear = is_clear

    def hear(self, probability: float, loud: bool, windows: int = 1) -> list[SpeechMark]:
        """Push windows; each is followed by the question whether the silence is long enough."""
        marks = []
        for _ in range(windows):
            start, self.at = self.at, self.at + WINDOW_SAMPLES
            self.loud_until = self.at if loud else self.loud_until
            window = Window(start, self.at, probability, self.loud_until, self.is_clear)
            marks += [self.endpointer.push(window), self.endpointer.heard_until(self.at)]
        return [mark for mark in marks if mark is not None]

    def speaking(self) -> "Stream":
        self.hear(0.0, loud=False, windows=10)
        self.hear(0.9, loud=True, windows=20)
        return self


def kinds(marks: list[SpeechMark]) -> list[Mark]:
    return [mark.mark for mark in marks]


def test_speech_begins_a_little_before_the_window_that_crossed_the_threshold() -> None:
    stream = Stream()
    assert stream.hear(0.49, loud=True, windows=10) == []
    (onset,) = stream.hear(0.5, loud=True)
    assert onset.mark is Mark.ONSET
    assert onset.at_sample == 9 * WINDOW_SAMPLES


def test_speech_from_the_first_sample_begins_at_zero() -> None:
    (onset,) = Stream().hear(0.9, loud=True)
    assert onset.at_sample == 0


def test_a_fall_of_both_witnesses_is_a_pause_and_then_an_endpoint() -> None:
    stream = Stream().speaking()
    end = stream.at
    marks = stream.hear(0.1, loud=False, windows=12)
    assert kinds(marks) == [Mark.PAUSE, Mark.ENDPOINT]
    assert [mark.at_sample for mark in marks] == [end, end]
    assert marks[0].confirmed


def test_the_endpoint_comes_when_the_silence_is_long_enough_and_not_before() -> None:
    stream = Stream().speaking()
    end = stream.at
    stream.hear(0.1, loud=False)
    assert stream.endpointer.heard_until(end + SILENCE - 1) is None
    endpoint = stream.endpointer.heard_until(end + SILENCE)
    assert endpoint == SpeechMark(Mark.ENDPOINT, end)
    assert stream.endpointer.heard_until(end + 2 * SILENCE) is None  # told once


def ended_after(end: int, endpointer: Endpointer) -> int | None:
    """Samples of silence after which the utterance ended."""
    silences = range(0, samples(2.0), 160)
    return next((n for n in silences if endpointer.heard_until(end + n) is not None), None)


@pytest.mark.parametrize(
    ("is_finished", "silence"),
    [(True, SILENCE), (False, samples(1.0)), (None, SILENCE + LATEST_ANSWER_SAMPLES)],
)
def test_what_sounds_unfinished_gets_a_longer_silence(
    is_finished: bool | None, silence: int
) -> None:
    stream = Stream(unfinished_samples=samples(1.0)).speaking()
    end = stream.at
    stream.hear(0.1, loud=False, windows=4)
    if is_finished is not None:
        stream.endpointer.judged(is_finished)
    assert ended_after(end, stream.endpointer) == silence


def test_a_judgement_is_of_one_pause_only() -> None:
    stream = Stream(unfinished_samples=samples(1.0)).speaking()
    stream.hear(0.1, loud=False, windows=4)
    stream.endpointer.judged(False)
    stream.hear(0.9, loud=True, windows=10)
    end = stream.at
    stream.hear(0.1, loud=False, windows=4)
    assert ended_after(end, stream.endpointer) == SILENCE + LATEST_ANSWER_SAMPLES


def test_the_level_calls_a_pause_before_a_detector_that_lags() -> None:
    """The detector holds on for 200 ms after speech; waiting for it would cost all of them."""
    stream = Stream().speaking()
    end = stream.at
    (pause,) = stream.hear(0.9, loud=False, windows=3)
    assert (pause.mark, pause.at_sample, pause.confirmed) == (Mark.PAUSE, end, False)
    marks = stream.hear(0.1, loud=False, windows=4)
    assert marks == [SpeechMark(Mark.ENDPOINT, end)]


def test_the_level_alone_ends_clear_speech_but_not_speech_near_the_noise() -> None:
    for is_clear in (True, False):
        stream = Stream(is_clear=is_clear).speaking()
        marks = stream.hear(0.9, loud=False, windows=7)
        assert (Mark.ENDPOINT in kinds(marks)) is is_clear


def test_quiet_speech_is_taken_back_into_the_utterance() -> None:
    """The level fell, the detector goes on calling it speech: after a while it is believed."""
    stream = Stream(silence_samples=samples(0.5), is_clear=False).speaking()
    marks = stream.hear(0.9, loud=False, windows=DOUBT_SAMPLES // WINDOW_SAMPLES + 2)
    assert kinds(marks) == [Mark.PAUSE, Mark.RESUMED]
    assert not marks[1].confirmed


def test_speech_that_the_level_cannot_hear_is_left_to_the_detector() -> None:
    """In noise nothing is loud. Each pause costs a decode, so the level may be wrong once."""
    stream = Stream(is_clear=False)
    stream.hear(0.9, loud=False, windows=5)
    marks = stream.hear(0.9, loud=False, windows=200)
    assert kinds(marks).count(Mark.PAUSE) <= 1
    speech_end = stream.at
    pause, endpoint = stream.hear(0.1, loud=False, windows=12)
    assert (pause.mark, endpoint.mark) == (Mark.PAUSE, Mark.ENDPOINT)
    assert speech_end - LATEST_RELEASE_SAMPLES <= endpoint.at_sample <= speech_end


def test_the_level_is_heard_again_once_it_has_heard_the_speech() -> None:
    stream = Stream(is_clear=False)
    stream.hear(0.9, loud=False, windows=50)
    stream.hear(0.9, loud=True, windows=3)
    (pause,) = stream.hear(0.9, loud=False, windows=3)
    assert (pause.mark, pause.confirmed) == (Mark.PAUSE, False)


@pytest.mark.parametrize("is_clear", [False, True])
def test_speech_never_ends_before_it_began(is_clear: bool) -> None:
    """The last loud sound may be long ago, a door before the first word."""
    stream = Stream(is_clear=is_clear)
    stream.hear(0.0, loud=True, windows=10)
    stream.hear(0.0, loud=False, windows=1 if is_clear else 50)
    marks = stream.hear(0.9, loud=False, windows=2)
    marks += stream.hear(0.9, loud=False, windows=4) + stream.hear(0.1, loud=False, windows=12)
    onset = marks[0]
    assert onset.mark is Mark.ONSET
    assert all(mark.at_sample >= onset.at_sample for mark in marks[1:])
    assert marks[-1].mark is Mark.ENDPOINT


def test_speech_that_goes_on_within_the_silence_is_no_endpoint() -> None:
    stream = Stream().speaking()
    assert kinds(stream.hear(0.1, loud=False, windows=4)) == [Mark.PAUSE]
    assert kinds(stream.hear(0.9, loud=True, windows=4)) == [Mark.RESUMED]
    assert kinds(stream.hear(0.1, loud=False, windows=12)) == [Mark.PAUSE, Mark.ENDPOINT]


def test_a_dip_between_the_thresholds_is_no_pause() -> None:
    stream = Stream().speaking()
    assert stream.hear(0.4, loud=True, windows=20) == []


def test_a_higher_threshold_takes_the_dip_for_a_pause_and_less_for_no_speech() -> None:
    stream = Stream().speaking()
    stream.endpointer.change(SILENCE, None, 0.8)
    assert stream.endpointer.release_probability == pytest.approx(0.65)
    assert kinds(stream.hear(0.6, loud=True)) == [Mark.PAUSE]
    assert stream.hear(0.7, loud=True) == []
    assert kinds(stream.hear(0.8, loud=True)) == [Mark.RESUMED]


def test_a_threshold_below_the_gap_still_lets_speech_end() -> None:
    stream = Stream()
    stream.endpointer.change(SILENCE, None, 0.05)
    stream.speaking()
    assert kinds(stream.hear(0.0, loud=False, windows=12)) == [Mark.PAUSE, Mark.ENDPOINT]


def test_another_silence_counts_in_a_pause_that_has_begun() -> None:
    stream = Stream().speaking()
    assert kinds(stream.hear(0.1, loud=False, windows=5)) == [Mark.PAUSE]
    stream.endpointer.change(2 * SILENCE, None, 0.5)
    assert stream.hear(0.1, loud=False, windows=5) == []
    assert kinds(stream.hear(0.1, loud=False, windows=5)) == [Mark.ENDPOINT]


def test_the_end_is_not_placed_far_before_the_detectors_fall() -> None:
    """A voice that fades below the level's notice was still there."""
    stream = Stream(silence_samples=samples(1.0), is_clear=False)
    stream.speaking()
    loud_end = stream.at
    stream.hear(0.9, loud=False, windows=8)
    stream.hear(0.1, loud=False)
    fall = loud_end + 8 * WINDOW_SAMPLES
    mark = stream.endpointer.heard_until(stream.at + samples(1.0))
    assert mark is not None
    assert mark.at_sample == fall - LATEST_RELEASE_SAMPLES


def test_noise_without_speech_begins_nothing() -> None:
    assert Stream().hear(0.2, loud=True, windows=100) == []


def test_breath_after_clear_speech_begins_nothing() -> None:
    """The detector likes breath; where speech stands out, what is near the floor is not it."""
    stream = Stream().speaking()
    stream.hear(0.1, loud=False, windows=12)
    assert stream.hear(0.9, loud=False, windows=10) == []
    assert kinds(stream.hear(0.9, loud=True)) == [Mark.ONSET]


def test_without_endpointing_silence_ends_nothing() -> None:
    stream = Stream(silence_samples=None).speaking()
    assert kinds(stream.hear(0.0, loud=False, windows=300)) == [Mark.PAUSE]
    assert kinds(stream.hear(0.9, loud=True)) == [Mark.RESUMED]


@pytest.mark.parametrize("pausing", [False, True])
def test_after_a_restart_speech_that_goes_on_is_a_new_onset(pausing: bool) -> None:
    stream = Stream().speaking()
    if pausing:
        stream.hear(0.1, loud=False, windows=2)
    stream.endpointer.restart()
    assert stream.endpointer.heard_until(stream.at + 2 * SILENCE) is None
    assert kinds(stream.hear(0.9, loud=True)) == [Mark.ONSET]
