"""The streaming recognizer on scripted speech: what it asks, what it says, in which order."""

from dataclasses import replace

import numpy as np
import pytest
from scripted import RATE, TableScorer, Talk, sound

from lab_kit.audio.detect.vad import WINDOW_SAMPLES
from lab_kit.core.events import Final, Interim, SpeechStarted, StreamOptions
from lab_kit.engine.api import Priority
from lab_kit.stream.segment import MAX_SEGMENT_SAMPLES, PRE_ROLL_SAMPLES

WINDOW_S = 0.032
ONE_UTTERANCE = ((0.5, 1.5),)


def finals_of(talk: Talk) -> list[str]:
    return [final.text for final in talk.finals]


# -- speech begins, pauses, ends -----------------------------------------------------------------


def test_silence_says_and_asks_nothing() -> None:
    talk = Talk()
    talk.hear(sound(3.0, ()))
    assert talk.events == []
    assert talk.submitted == []


def test_speech_is_announced_where_it_began() -> None:
    talk = Talk()
    (started,) = talk.hear(sound(0.7, ONE_UTTERANCE))
    assert isinstance(started, SpeechStarted)
    assert started.at_s == pytest.approx(0.5, abs=2 * WINDOW_S)


def test_nothing_is_announced_that_was_not_asked_for() -> None:
    talk = Talk(StreamOptions(speech_events=False, interim_results=False))
    talk.hear(sound(1.0, ONE_UTTERANCE))
    assert talk.events == []
    assert talk.submitted == []


@pytest.mark.parametrize(("chunk_s", "asked_at_s"), [(0.02, 0.68), (0.5, 1.0)])
def test_the_first_text_is_asked_for_once_the_message_with_its_last_sample_is_there(
    chunk_s: float, asked_at_s: float
) -> None:
    talk = Talk()
    audio = sound(2.0, ((0.6, 1.9),))
    while not talk.submitted:
        heard = talk.pushed_samples
        talk.hear(audio[heard : heard + round(chunk_s * RATE)], chunk_s)
    assert talk.pushed_samples / RATE == pytest.approx(asked_at_s, abs=WINDOW_S)


def test_the_final_is_asked_for_at_the_pause_and_said_at_the_endpoint() -> None:
    """The point of it all: when the silence is long enough the answer is already there."""
    talk = Talk(StreamOptions(interim_results=False))
    audio = sound(3.0, ONE_UTTERANCE)
    talk.hear(audio[: round(1.6 * RATE)])
    (decode,) = talk.submitted
    assert decode.request.priority is Priority.FINAL
    assert talk.answer(decode, "It was the best of times.") == []  # not yet: speech may go on
    said = talk.hear(audio[round(1.6 * RATE) :])
    (final,) = said
    assert isinstance(final, Final)
    assert final.text == "It was the best of times."
    assert final.endpoint
    assert not final.requested
    assert final.start_s == pytest.approx(0.5, abs=2 * WINDOW_S)
    assert final.end_s == pytest.approx(1.5, abs=WINDOW_S)
    assert len(talk.submitted) == 1
    assert talk.cancelled == []


def test_the_endpoint_is_declared_at_the_chunk_nearest_to_the_silence_asked_for() -> None:
    talk = Talk(StreamOptions(interim_results=False, endpoint_silence_s=0.4))
    talk.answer_with = lambda decode: "done"
    talk.hear(sound(3.0, ONE_UTTERANCE), chunk_s=0.02)
    (final,) = talk.finals
    heard_s = final.timing.trigger_audio_s
    assert heard_s == pytest.approx(final.end_s + 0.4, abs=0.02 / 2)
    assert final.timing.received_ns == round(heard_s * 1e9)
    assert (final.timing.submitted_ns, final.timing.finished_ns) == (1, 3)


JUDGED = StreamOptions(interim_results=False, unfinished_silence_s=1.0)


@pytest.mark.parametrize(("probability", "silence_s"), [(0.9, 0.2), (0.1, 1.0)])
def test_a_turn_that_sounds_finished_ends_early_and_another_late(
    probability: float, silence_s: float
) -> None:
    talk = Talk(JUDGED, answer_with=lambda decode: "done")
    talk.judge_with = probability
    talk.hear(sound(4.0, ONE_UTTERANCE), chunk_s=0.02)
    (final,) = talk.finals
    assert final.timing.trigger_audio_s == pytest.approx(final.end_s + silence_s, abs=0.04)
    assert final.finished_probability == probability
    assert final.endpoint


def test_a_judgement_that_is_late_ends_the_turn_when_it_comes() -> None:
    talk = Talk(JUDGED, answer_with=lambda decode: "done")
    audio = sound(4.0, ONE_UTTERANCE)
    talk.hear(audio[: round(1.72 * RATE)], chunk_s=0.02)
    assert talk.finals == []
    talk.judge(talk.asked[0], 0.9)
    (final,) = talk.finals
    assert final.finished_probability == 0.9
    assert final.timing.trigger_audio_s == pytest.approx(1.72)
    assert final.timing.decided_ns == pytest.approx(1.72e9 + 2_000)


def test_a_judgement_that_is_late_ends_a_turn_whose_decode_was_refused() -> None:
    talk = Talk(JUDGED)
    talk.hear(sound(4.0, ONE_UTTERANCE)[: round(1.72 * RATE)], chunk_s=0.02)
    assert talk.session.refused(talk.submitted[-1].number)
    talk.judge(talk.asked[0], 0.9)
    talk.answer(talk.submitted[-1], "so")
    assert finals_of(talk) == ["so"]


def test_without_a_judgement_silence_decides_and_the_final_says_so() -> None:
    talk = Talk(JUDGED, answer_with=lambda decode: "done")
    talk.hear(sound(4.0, ONE_UTTERANCE), chunk_s=0.02)
    (final,) = talk.finals
    assert final.finished_probability is None
    assert final.timing.trigger_audio_s == pytest.approx(final.end_s + 0.26, abs=0.03)
    assert talk.judge(talk.asked[0], 0.1) == [], "it is over"


def test_a_pause_that_was_called_unfinished_joins_what_comes_after_it() -> None:
    spans = ((0.5, 1.5), (2.0, 3.0))
    talk = Talk(JUDGED, answer_with=lambda decode: "done")
    talk.judge_with = 0.1
    talk.hear(sound(5.0, spans), chunk_s=0.02)
    assert len(talk.asked) == 2
    (final,) = talk.finals
    assert (final.start_s, final.end_s) == (
        pytest.approx(0.5, abs=0.05),
        pytest.approx(3.0, abs=0.05),
    )
    alone = Talk(StreamOptions(interim_results=False), answer_with=lambda decode: "done")
    alone.hear(sound(5.0, spans), chunk_s=0.02)
    assert len(alone.finals) == 2
    assert alone.asked == []


TALKED = ((0.5, 1.5), (3.0, 4.0))


@pytest.mark.parametrize("changed_at_s", [0.0, 0.7, 1.6, 2.2])
def test_the_silence_that_ends_a_turn_can_be_changed_at_any_time(changed_at_s: float) -> None:
    """Before it, while somebody speaks, in the pause, and once the first turn has ended."""
    talk = Talk(StreamOptions(interim_results=False), answer_with=lambda decode: "done")
    audio, at = sound(6.0, TALKED), round(changed_at_s * RATE)
    talk.hear(audio[:at], chunk_s=0.02)
    talk.session.change(StreamOptions(endpoint_silence_s=0.6))
    talk.hear(audio[at:], chunk_s=0.02)
    waited_s = [final.timing.trigger_audio_s - final.end_s for final in talk.finals]
    first_s = 0.2 if changed_at_s > 2 else 0.6
    assert waited_s == [pytest.approx(first_s, abs=0.03), pytest.approx(0.6, abs=0.03)]


def test_a_change_leaves_the_rest_of_the_options_as_it_was() -> None:
    talk = Talk(StreamOptions(interim_results=False, speech_events=False))
    talk.answer_with = lambda decode: "done"
    talk.session.change(StreamOptions(interim_results=True, speech_events=True))
    talk.hear(sound(4.0, ONE_UTTERANCE))
    assert [type(event) for event in talk.events] == [Final]


def test_a_pause_that_was_judged_is_held_against_the_new_threshold() -> None:
    talk = Talk(JUDGED, answer_with=lambda decode: "done")
    talk.judge_with = 0.4
    audio = sound(4.0, ONE_UTTERANCE)
    talk.hear(audio[: 2 * RATE], chunk_s=0.02)
    assert talk.finals == [], "it does not sound finished"
    talk.session.change(replace(JUDGED, finished_probability=0.3))
    talk.hear(audio[2 * RATE :], chunk_s=0.02)
    (final,) = talk.finals
    assert final.timing.trigger_audio_s == pytest.approx(2.0, abs=0.03)
    assert final.finished_probability == 0.4


def test_pauses_are_judged_from_a_change_on_that_asks_for_it() -> None:
    talk = Talk(StreamOptions(interim_results=False), answer_with=lambda decode: "done")
    talk.judge_with = 0.1
    audio = sound(7.0, TALKED)
    talk.hear(audio[: 2 * RATE], chunk_s=0.02)
    talk.session.change(JUDGED)
    talk.hear(audio[2 * RATE :], chunk_s=0.02)
    first, second = talk.finals
    assert (first.finished_probability, second.finished_probability) == (None, 0.1)
    assert second.timing.trigger_audio_s == pytest.approx(second.end_s + 1.0, abs=0.04)


@pytest.mark.parametrize(("threshold", "starts"), [(0.5, 0), (0.4, 1)])
def test_what_counts_as_speech_is_asked_for_and_can_be_changed(
    threshold: float, starts: int
) -> None:
    scored = [0.0] * 10 + [0.45] * 20 + [0.0]
    asked = Talk(StreamOptions(speech_probability=threshold), TableScorer(scored))
    changed = Talk(StreamOptions(), TableScorer(scored))
    changed.session.change(StreamOptions(speech_probability=threshold))
    for talk in (asked, changed):
        talk.hear(sound(2.0, ((0.32, 1.0),)))
        assert sum(isinstance(event, SpeechStarted) for event in talk.events) == starts


def test_a_pause_is_judged_once_it_is_a_tenth_of_a_second_long() -> None:
    talk = Talk(JUDGED, answer_with=lambda decode: "done")
    talk.hear(sound(4.0, ((0.5, 1.5), (1.59, 2.5))), chunk_s=0.02)
    (one,) = talk.asked
    assert len(talk.submitted) > 1, "the first pause was noticed"
    assert 2.6 <= len(one.audio) / RATE < 2.6 + 0.04


def test_what_is_judged_is_the_sound_until_now_and_no_more_than_eight_seconds() -> None:
    talk = Talk(JUDGED, answer_with=lambda decode: "done")
    talk.judge_with = 0.9
    audio = sound(14.0, ((0.5, 1.5), (11.0, 13.0)))
    talk.hear(audio, chunk_s=0.02)
    first, second = talk.asked
    assert len(first.audio) / RATE == pytest.approx(1.6, abs=0.1)
    assert len(second.audio) / RATE == pytest.approx(8.0, abs=0.01)
    assert np.array_equal(first.audio, audio[: len(first.audio)])


def test_a_late_answer_leaves_as_soon_as_it_is_there() -> None:
    talk = Talk(StreamOptions(interim_results=False))
    talk.hear(sound(3.0, ONE_UTTERANCE))
    assert talk.finals == []
    assert talk.session.owed_finals == 1
    talk.answer(talk.submitted[0], "late")
    assert finals_of(talk) == ["late"]
    assert talk.session.owed_finals == 0


def test_the_model_hears_a_little_of_what_came_before_the_onset() -> None:
    talk = Talk(StreamOptions(interim_results=False))
    audio = sound(3.0, ONE_UTTERANCE)
    talk.hear(audio)
    heard = talk.submitted[0].request.audio
    onset = round(talk.onsets[0].at_s * RATE)
    start = onset - PRE_ROLL_SAMPLES
    assert np.array_equal(heard, audio[start : start + len(heard)])


def test_who_speaks_from_the_first_sample_is_heard_after_a_little_quiet() -> None:
    """Where nothing is before them the model takes first words for a number, or leaves them out."""
    talk = Talk(StreamOptions(interim_results=False))
    audio = sound(3.0, ((0.0, 1.0),))
    talk.hear(audio)
    heard = talk.submitted[0].request.audio
    onset = round(talk.onsets[0].at_s * RATE)
    quiet = PRE_ROLL_SAMPLES - onset
    assert 0 < quiet <= PRE_ROLL_SAMPLES
    assert not heard[:quiet].any()
    assert np.array_equal(heard[quiet:], audio[: len(heard) - quiet])


def test_speech_that_goes_on_turns_the_speculation_into_an_interim() -> None:
    talk = Talk()
    audio = sound(4.0, ((0.5, 1.5), (1.64, 2.6)))
    talk.hear(audio[: round(1.62 * RATE)])
    speculation = talk.submitted[-1]
    assert speculation.request.priority is Priority.FINAL
    talk.hear(audio[round(1.62 * RATE) : round(1.8 * RATE)])
    said = talk.answer(speculation, "It was the best")
    assert [type(event) for event in said] == [Interim]
    talk.hear(audio[round(1.8 * RATE) :])
    talk.answer(talk.submitted[-1], "It was the best of times.")
    assert finals_of(talk) == ["It was the best of times."]
    assert len(talk.submitted[-1].request.audio) > len(speculation.request.audio) + 0.9 * RATE


def test_a_speculation_already_answered_is_shown_and_then_not_taken_for_the_final() -> None:
    talk = Talk()
    audio = sound(4.0, ((0.5, 1.5), (1.64, 2.6)))
    talk.hear(audio[: round(1.62 * RATE)])
    assert [type(e) for e in talk.answer(talk.submitted[-1], "It was the best")] == [Interim]
    talk.hear(audio[round(1.62 * RATE) :])
    talk.answer(talk.submitted[-1], "It was the best of times.")
    assert finals_of(talk) == ["It was the best of times."]


def test_a_click_is_not_a_word() -> None:
    talk = Talk(StreamOptions(interim_results=False), TableScorer([0.0] * 20 + [0.9] * 2 + [0.0]))
    talk.hear(sound(3.0, ((0.64, 0.70),)))
    talk.flush()
    assert talk.finals == []
    assert talk.session.owed_finals == 0
    assert [decode.number for decode in talk.submitted] == talk.cancelled  # and costs no decode


def test_without_endpointing_a_final_comes_only_at_the_end() -> None:
    talk = Talk(StreamOptions(endpoint_silence_s=None), answer_with=lambda decode: "all of it")
    talk.hear(sound(4.0, ONE_UTTERANCE))
    assert talk.finals == []
    talk.flush()
    (final,) = talk.finals
    assert final.text == "all of it"
    assert not final.endpoint


# -- long speech ---------------------------------------------------------------------------------


def test_after_enough_speech_the_next_dip_settles_the_segment() -> None:
    """So that the decode that everybody waits for stays short."""
    talk = Talk(StreamOptions(interim_results=False), answer_with=lambda decode: str(decode.number))
    spans = ((0.5, 5.0), (5.14, 6.0))
    talk.hear(sound(7.0, spans))
    first, second = talk.finals
    assert (first.endpoint, second.endpoint) == (False, True)
    assert first.end_s == pytest.approx(5.0, abs=WINDOW_S)
    assert first.end_s <= second.start_s <= 5.2
    assert len(talk.submitted[-1].request.audio) < 1.3 * RATE


def test_a_dip_before_that_settles_nothing() -> None:
    talk = Talk(StreamOptions(interim_results=False), answer_with=lambda decode: "one")
    talk.hear(sound(5.0, ((0.5, 3.0), (3.14, 4.0))))
    assert len(talk.finals) == 1


def test_speech_without_a_pause_is_cut_at_the_longest_and_where_it_is_quietest() -> None:
    quiet_at_s = 4.4
    probabilities = [0.9] * round(7.5 / WINDOW_S)
    probabilities[round(quiet_at_s / WINDOW_S)] = 0.6
    talk = Talk(StreamOptions(interim_results=False), TableScorer([*probabilities, 0.0]))
    talk.answer_with = lambda decode: f"part {decode.number}"
    talk.hear(sound(9.0, ((0.0, 7.5),)))
    first, second = talk.finals
    assert first.end_s == pytest.approx(quiet_at_s, abs=2 * WINDOW_S)
    assert second.start_s == first.end_s  # nothing is lost at the cut, nothing heard twice
    assert not first.endpoint
    assert second.endpoint
    longest = MAX_SEGMENT_SAMPLES + WINDOW_SAMPLES
    assert all(len(decode.request.audio) <= longest for decode in talk.submitted)
    assert len(talk.submitted[-1].request.audio) == pytest.approx(
        (7.5 - quiet_at_s) * RATE, abs=0.2 * RATE
    )
    assert len(talk.submitted) <= 5


def test_interims_ask_for_words_where_they_are_wanted_and_the_server_is_not_reduced() -> None:
    def asked(stretch: float, wants_words: bool) -> set[tuple[Priority, bool]]:
        talk = Talk(StreamOptions(interim_words=wants_words), answer_with=lambda decode: "it was")
        talk.session.interim_stretch = stretch
        talk.hear(sound(3.0, ONE_UTTERANCE))
        return {(d.request.priority, d.request.wants_words) for d in talk.submitted}

    assert asked(1.0, True) == {(Priority.INTERIM, True), (Priority.FINAL, True)}
    assert asked(2.0, True) == {(Priority.INTERIM, False), (Priority.FINAL, True)}
    assert asked(1.0, False) == {(Priority.INTERIM, False), (Priority.FINAL, True)}


def test_text_on_both_sides_of_a_cut_reads_as_one() -> None:
    talk = Talk(answer_with=lambda decode: "It was the best.")
    talk.hear(sound(9.0, ((0.5, 7.5),)))
    assert finals_of(talk) == ["It was the best", "it was the best."]
    assert {i.text[:2] for i in talk.interims if i.start_s > 1} == {"it"}


def test_a_cut_at_a_pause_keeps_a_full_stop_where_the_turn_sounds_finished() -> None:
    talk = Talk(
        StreamOptions(interim_results=False, unfinished_silence_s=1.0),
        answer_with=lambda decode: "It was the best.",
    )
    talk.judge_with = 0.9
    talk.hear(sound(8.0, ((0.5, 5.5), (5.64, 7.0))), chunk_s=0.02)
    assert finals_of(talk) == ["It was the best.", "It was the best."]
    talk.judge_with = 0.1
    talk.hear(sound(8.0, ((0.5, 5.5), (5.64, 7.0))), chunk_s=0.02)
    assert finals_of(talk)[2:] == ["It was the best", "it was the best."]


@pytest.mark.parametrize(("pause_s", "mark"), [(0.14, ""), (0.3, ".")])
def test_a_cut_at_a_pause_that_nobody_judged_keeps_it_where_the_pause_is_long(
    pause_s: float, mark: str
) -> None:
    talk = Talk(
        StreamOptions(interim_results=False, endpoint_silence_s=0.5),
        answer_with=lambda decode: "It was the best.",
    )
    talk.hear(sound(8.0, ((0.5, 5.5), (5.5 + pause_s, 7.0))), chunk_s=0.02)
    first, second = finals_of(talk)
    assert first == "It was the best" + mark
    assert second == ("It" if mark else "it") + " was the best."


# -- order ---------------------------------------------------------------------------------------


def test_finals_leave_in_the_order_of_their_segments() -> None:
    talk = Talk(StreamOptions(interim_results=False, speech_events=False))
    talk.hear(sound(6.0, ((0.5, 1.5), (2.5, 3.5), (4.5, 5.2))))
    first, second, third = talk.submitted
    assert talk.answer(second, "two") == []
    assert talk.answer(third, "three") == []
    assert [e.text for e in talk.answer(first, "one")] == ["one", "two", "three"]


def test_nothing_of_a_later_segment_overtakes_a_final_that_is_owed() -> None:
    talk = Talk()
    talk.hear(sound(3.2, ((0.5, 1.5), (2.2, 3.2))))
    owed = next(decode for decode in talk.submitted if decode.request.priority is Priority.FINAL)
    later = [decode for decode in talk.submitted if decode.number > owed.number]
    assert later
    for decode in later:
        assert talk.answer(decode, "the second sentence") == []
    assert [e.text for e in talk.answer(owed, "The first.")] == ["The first."]


def test_results_are_numbered_without_a_gap() -> None:
    talk = Talk(answer_with=lambda decode: "some words that are said")
    talk.hear(sound(6.0, ((0.5, 1.5), (2.5, 3.5))))
    talk.flush()
    results = [e.sequence for e in talk.events if isinstance(e, Interim | Final)]
    assert results == list(range(1, len(results) + 1))
    assert len(talk.finals) == 2


def test_answers_that_nobody_waits_for_are_ignored() -> None:
    talk = Talk(StreamOptions(interim_results=False))
    talk.hear(sound(3.0, ONE_UTTERANCE))
    decode = talk.submitted[0]
    assert talk.answer(999, "never asked") == []
    talk.answer(decode, "the final")
    assert talk.answer(decode, "said again") == []
    assert finals_of(talk) == ["the final"]


def test_an_interim_that_was_dropped_is_not_shown() -> None:
    talk = Talk()
    talk.hear(sound(1.6, ONE_UTTERANCE))
    interim = next(decode for decode in talk.submitted if decode.number in talk.cancelled)
    assert interim.request.priority is Priority.INTERIM
    assert talk.answer(interim, "too late") == []


# -- interims ------------------------------------------------------------------------------------


def test_interims_of_one_stream_never_queue_behind_each_other() -> None:
    talk = Talk()
    talk.hear(sound(2.5, ((0.5, 2.5),)))
    assert len(talk.submitted) == 1
    newest = talk.refreshes[-1]
    assert newest.pending.number == talk.submitted[0].number
    assert len(newest.request.audio) > len(talk.submitted[0].request.audio) + RATE
    talk.session.refreshed(newest.pending)
    (shown,) = talk.answer(talk.submitted[0], "It was the best of times")
    assert isinstance(shown, Interim)
    assert shown.end_s == pytest.approx(2.5, abs=0.06)
    talk.hear(sound(0.6, ((0.0, 0.6),)))
    assert len(talk.submitted) == 2


def test_the_longer_the_segment_the_rarer_the_interims() -> None:
    talk = Talk(answer_with=lambda decode: "words")
    talk.hear(sound(4.4, ((0.2, 4.4),)), chunk_s=0.02)
    lengths = [
        len(decode.request.audio) for decode in talk.submitted if not decode.request.max_tokens
    ]
    gaps = np.diff(lengths) / RATE
    assert gaps[-1] > 1.5 * gaps[0]
    assert max(gaps) <= 0.5 + 0.05
    assert 8 < len(talk.submitted) < 40


def test_the_first_words_are_asked_for_louder_with_air_behind_and_few_tokens() -> None:
    talk = Talk()
    talk.hear(sound(0.8, ((0.5, 0.8),)))
    request = talk.submitted[0].request
    assert request.priority is Priority.INTERIM
    assert request.max_tokens is not None
    assert float(np.abs(request.audio).max()) == pytest.approx(0.6, abs=0.01)
    assert not request.audio[-RATE // 10 :].any()
    assert request.draft == ()


@pytest.mark.parametrize(("until_s", "final_draft"), [(2.5, ()), (3.8, (10, 11))])
def test_the_last_hypothesis_is_the_draft_of_the_next_interim_and_of_a_long_final(
    until_s: float, final_draft: tuple[int, ...]
) -> None:
    """A short final needs none: the silence hides all of its work."""
    talk = Talk(answer_with=lambda decode: "one two three four five six")
    talk.hear(sound(until_s + 1.0, ((0.5, until_s),)))
    interims = [a.request for a in talk.submitted if a.request.priority is Priority.INTERIM]
    finals = [a.request for a in talk.submitted if a.request.priority is Priority.FINAL]
    assert interims[-1].draft == (10, 11, 12, 13)  # all tokens but the last two
    assert finals
    assert all(request.draft == final_draft for request in finals)
    assert all(request.max_tokens is None for request in finals)


def test_an_interim_says_what_is_stable_and_until_when_it_heard() -> None:
    talk = Talk()
    talk.hear(sound(2.5, ((0.5, 2.5),)))
    talk.answer(talk.submitted[-1], "it was")
    talk.hear(sound(0.6, ((0.0, 0.6),)))
    (interim,) = talk.answer(talk.submitted[-1], "It was the best")
    assert isinstance(interim, Interim)
    assert interim.text == "It was the best"
    assert interim.text[: interim.stable_chars] == "It was"
    assert interim.end_s == pytest.approx(2.55, abs=0.06)
    assert interim.confidence == pytest.approx(0.9)


def test_a_final_that_ran_into_the_token_limit_is_freed_of_its_stutter() -> None:
    talk = Talk(StreamOptions(interim_results=False))
    talk.hear(sound(3.0, ONE_UTTERANCE))
    talk.answer(talk.submitted[0], "we go on and on and on and on", truncated=True)
    assert finals_of(talk) == ["we go on and on"]


# -- the client ends it, or asks -----------------------------------------------------------------


@pytest.mark.parametrize("end_s", [1.0, 1.5, 1.55, 1.65])
def test_flush_gives_a_final_for_whatever_is_open(end_s: float) -> None:
    talk = Talk(StreamOptions(interim_results=False))
    talk.hear(sound(end_s, ONE_UTTERANCE))
    talk.flush()
    assert talk.session.owed_finals == 1
    decode = talk.submitted[-1]
    assert len(talk.submitted) == 1
    covered_s = talk.onsets[0].at_s - 0.2 + len(decode.request.audio) / RATE
    assert covered_s >= min(end_s, 1.5)
    talk.answer(decode, "every word")
    (final,) = talk.finals
    assert final.end_s == pytest.approx(min(end_s, 1.5), abs=WINDOW_S)
    assert not final.endpoint


def test_flush_without_speech_says_nothing() -> None:
    talk = Talk()
    talk.hear(sound(1.0, ()))
    assert talk.flush() == []
    assert talk.session.owed_finals == 0


def test_words_too_quiet_for_the_level_are_not_lost_when_the_stream_ends_on_them() -> None:
    """The level calls a pause that the detector denies; its early final lacks the last words."""
    detector = TableScorer([0.0] * 16 + [0.9])
    talk = Talk(StreamOptions(interim_results=False, endpoint_silence_s=1.0), detector)
    talk.hear(sound(1.75, ONE_UTTERANCE))
    talk.flush()
    (kept,) = [decode for decode in talk.submitted if decode.number not in talk.cancelled]
    covered_s = talk.onsets[0].at_s - 0.2 + len(kept.request.audio) / RATE
    assert covered_s == pytest.approx(1.75, abs=WINDOW_S)


def test_a_requested_final_comes_at_once_and_the_stream_goes_on() -> None:
    talk = Talk(StreamOptions(interim_results=False), answer_with=lambda decode: f"{decode.number}")
    audio = sound(4.0, ((0.5, 3.0),))
    talk.hear(audio[: 2 * RATE])
    (first,) = talk.finalize()
    assert isinstance(first, Final)
    assert first.requested
    assert not first.endpoint
    assert first.end_s == 2.0
    talk.hear(audio[2 * RATE :])
    second = talk.finals[-1]
    assert second is not first
    assert not second.requested
    assert second.end_s == pytest.approx(3.0, abs=WINDOW_S)
    assert all(len(decode.request.audio) < 1.9 * RATE for decode in talk.submitted)


def test_a_final_requested_in_silence_is_empty() -> None:
    talk = Talk()
    talk.hear(sound(1.0, ()))
    (final,) = talk.finalize()
    assert isinstance(final, Final)
    assert (final.text, final.requested, final.start_s, final.end_s) == ("", True, 1.0, 1.0)


def test_finals_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    talk = Talk(StreamOptions(interim_results=False))
    talk.hear(sound(2.0, ((0.5, 2.0),)))
    assert talk.finalize() == []
    assert talk.finalize() == []
    talk.hear(sound(0.5, ()))
    assert talk.finalize() == []
    (owed,) = [decode for decode in talk.submitted if decode.number not in talk.cancelled]
    told = talk.answer(owed, "It was.")
    assert [(e.text, e.requested) for e in told] == [("It was.", True), ("", True), ("", True)]
    assert [e.sequence for e in told] == [1, 2, 3]
    assert [e.end_s for e in told] == [2.0, 2.0, 2.5]


def test_an_abandoned_stream_drops_all_that_it_asked_for() -> None:
    talk = Talk()
    talk.hear(sound(3.5, ((0.5, 1.5), (2.2, 3.5))))
    talk.take(talk.session.abandon())
    assert sorted(talk.cancelled) == [decode.number for decode in talk.submitted]
    assert talk.session.owed_finals == 0


# -- the gap after an utterance ------------------------------------------------------------------

GAP = StreamOptions(interim_results=False, utterance_end_s=1.0)


def test_the_gap_after_the_last_final_is_announced_once() -> None:
    talk = Talk(GAP, answer_with=lambda decode: "said")
    talk.hear(sound(2.4, ONE_UTTERANCE))
    assert talk.utterance_ends == []
    talk.hear(sound(3.0, ()))
    (end,) = talk.utterance_ends
    assert end.last_word_end_s == talk.finals[0].end_s
    assert talk.events.index(end) > talk.events.index(talk.finals[0])


def test_speech_within_the_gap_puts_it_off() -> None:
    talk = Talk(GAP, answer_with=lambda decode: "said")
    talk.hear(sound(6.0, ((0.5, 1.5), (2.2, 3.0))))
    (end,) = talk.utterance_ends
    assert end.last_word_end_s == talk.finals[1].end_s


def test_a_click_within_the_gap_does_not_swallow_it() -> None:
    """A client that waits for the end of the utterance would wait for ever."""
    clicks = [0.0] * 16 + [0.9] * 31 + [0.0] * 20 + [0.9] * 2 + [0.0]
    talk = Talk(GAP, TableScorer(clicks), answer_with=lambda decode: "said")
    talk.hear(sound(5.0, ((0.5, 1.5), (2.144, 2.208))))
    assert len(talk.onsets) == 2
    assert len(talk.finals) == 1
    (end,) = talk.utterance_ends
    assert end.last_word_end_s == talk.finals[0].end_s


# -- an engine that is full ----------------------------------------------------------------------


def test_a_refused_interim_is_skipped_and_asked_again_later() -> None:
    talk = Talk()
    talk.hear(sound(1.0, ((0.5, 1.0),)))
    assert talk.session.refused(talk.submitted[-1].number)
    before = len(talk.submitted)
    talk.hear(sound(0.5, ((0.0, 0.5),)))
    assert len(talk.submitted) == before + 1


def test_a_refused_speculation_is_asked_for_again_at_the_endpoint() -> None:
    talk = Talk(StreamOptions(interim_results=False))
    audio = sound(3.0, ONE_UTTERANCE)
    talk.hear(audio[: round(1.62 * RATE)])
    assert talk.session.refused(talk.submitted[0].number)
    talk.hear(audio[round(1.62 * RATE) :])
    assert len(talk.submitted) == 2
    talk.answer(talk.submitted[1], "said after all")
    assert finals_of(talk) == ["said after all"]


def test_the_refused_final_of_a_closed_segment_cannot_be_made_up_for() -> None:
    talk = Talk(StreamOptions(interim_results=False))
    talk.hear(sound(3.0, ONE_UTTERANCE))
    assert not talk.session.refused(talk.submitted[0].number)


def test_refusing_what_nobody_waits_for_any_more_harms_nobody() -> None:
    clicks = TableScorer([0.0] * 20 + [0.9] * 2 + [0.0])
    talk = Talk(StreamOptions(interim_results=False), clicks)
    talk.hear(sound(3.0, ((0.64, 0.70),)), chunk_s=1.0)
    (decode,) = talk.submitted
    assert talk.cancelled == [decode.number]
    assert talk.session.refused(decode.number)


# -- whatever the chunks -------------------------------------------------------------------------

CONVERSATION = ((0.5, 1.5), (1.64, 2.6), (3.4, 8.0), (8.14, 9.1), (10.0, 10.9))


def heard_in(chunk_s: float) -> list[tuple[float, float, bool, int]]:
    talk = Talk(StreamOptions(interim_results=False), answer_with=lambda decode: "words")
    talk.hear(sound(12.0, CONVERSATION), chunk_s)
    talk.flush()
    kept = [decode for decode in talk.submitted if decode.number not in talk.cancelled]
    assert len(talk.finals) <= len(kept)
    return [(f.start_s, f.end_s, f.endpoint, f.sequence) for f in talk.finals]


@pytest.mark.parametrize("chunk_s", [0.01, 0.02, 0.032, 0.5, 1.0, 12.0])
def test_the_chunks_length_changes_no_segment(chunk_s: float) -> None:
    reference = heard_in(0.05)
    assert len(reference) == 4
    heard = heard_in(chunk_s)
    assert [h[2:] for h in heard] == [r[2:] for r in reference]
    for one, other in zip(heard, reference, strict=True):
        assert one[:2] == pytest.approx(other[:2], abs=WINDOW_S)


def test_memory_does_not_grow_with_the_stream() -> None:
    talk = Talk(answer_with=lambda decode: "words")
    for _ in range(30):
        talk.hear(sound(2.0, ((0.5, 1.2),)), chunk_s=0.5)
    held = talk.session._buffer.end_sample - talk.session._buffer.start_sample
    assert held <= RATE


# -- which utterance a decode is of ----------------------------------------------------------------


def test_decodes_are_numbered_by_what_is_said_and_a_click_is_none() -> None:
    talk = Talk(StreamOptions(interim_results=False), answer_with=lambda decode: "said")
    talk.hear(sound(6.0, ((0.5, 1.5), (2.5, 2.53), (3.5, 4.5))))
    assert len(talk.finals) == 2
    kept = [d.request for d in talk.submitted if d.number not in talk.cancelled]
    assert [(one.utterance, one.goes_on) for one in kept][:: len(kept) - 1] == [
        (0, False),
        (1, False),
    ]


def test_what_is_cut_goes_on_as_the_same_utterance() -> None:
    talk = Talk(StreamOptions(interim_results=False), answer_with=lambda decode: "said")
    longest_s = MAX_SEGMENT_SAMPLES / RATE
    talk.hear(sound(longest_s + 5.0, ((0.5, longest_s + 2.0), (longest_s + 3.0, longest_s + 4.0))))
    asked = [(d.request.utterance, d.request.goes_on) for d in talk.submitted]
    assert asked == sorted(asked)
    assert set(asked) == {(0, False), (0, True), (1, False)}


# -- pauses, for who answers ahead ----------------------------------------------------------------


def test_a_pause_tells_what_the_final_will_say() -> None:
    talk = Talk(StreamOptions(pause_events=True, speech_events=False), answer_with=lambda _: "Ten.")
    talk.hear(sound(3.0, ONE_UTTERANCE))
    pauses = [event for event in talk.events if isinstance(event, Interim) and event.at_pause]
    assert [pause.text for pause in pauses] == ["Ten."]
    (final,) = talk.finals
    assert (final.text, final.end_s) == (pauses[0].text, pauses[0].end_s)
    assert talk.events.index(pauses[0]) < talk.events.index(final)


def test_who_goes_on_is_told_to_have_resumed() -> None:
    talk = Talk(StreamOptions(pause_events=True, speech_events=False), answer_with=lambda _: "Ten.")
    talk.hear(sound(3.0, ((0.5, 1.2), (1.35, 2.0))))
    told = [event for event in talk.events if getattr(event, "text", "") == "Ten."]
    marks = [event.at_pause if isinstance(event, Interim) else None for event in told]
    kinds = [mark for n, mark in enumerate(marks) if n == 0 or mark != marks[n - 1]]
    kinds = kinds[kinds.index(True) :]
    assert kinds == [True, False, True, None]


def test_pauses_are_told_to_nobody_else() -> None:
    talk = Talk(StreamOptions(speech_events=False), answer_with=lambda _: "Ten.")
    talk.hear(sound(3.0, ((0.5, 1.2), (1.35, 2.0))))
    assert {type(event) for event in talk.events} == {Interim, Final}
    assert not any(isinstance(event, Interim) and event.at_pause for event in talk.events)
