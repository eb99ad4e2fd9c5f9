"""What the figures mean, on calls whose every stamp was written by hand."""

import math
from dataclasses import replace

import pytest
from calls_by_hand import SKEW_NS, at, call, final, interim, remote, timing

from lab_kit.core.call_record import RequestCall, Spoken, Waterfall
from lab_kit.core.clock import ClockOffset
from lab_kit.core.events import SpeechStarted
from lab_kit.measure import calls
from lab_kit.measure.calls import (
    final_waterfall,
    freshness_s,
    grew_most,
    grown,
    median_final_delay_s,
    middle,
    request_waterfall,
    rtf,
    send_lateness_s,
    stage_s,
    transcript,
    utterance_delays,
)

BEST = Spoken("It was the best of times,", 1.0, 2.0)
WORST = Spoken("it was the worst of times", 3.0, 4.0)


def lengths_ms(waterfall: Waterfall) -> dict[str, float]:
    return {stage.name: round(stage.length_s * 1e3, 6) for stage in waterfall.stages}


def request(total_ms: float = 120) -> RequestCall:
    return RequestCall(
        name="upload",
        text="It was.",
        audio_s=2.0,
        sent_ns=at(0),
        first_byte_ns=at(118),
        received_ns=at(total_ms),
        remote_ns={
            "received": remote(3),
            "decoded": remote(10),
            "started": remote(14),
            "finished": remote(112),
            "responded": remote(115),
        },
        clock=ClockOffset(-SKEW_NS, 200_000),
        device="by hand",
    )


# -- delays of one utterance ---------------------------------------------------------------------


def test_delays_count_from_when_the_sound_was_due() -> None:
    seen = call(
        (1_020, SpeechStarted(1.0)),
        (1_300, interim(1.05, 1.2, "It")),
        (1_600, interim(1.05, 1.5, "It was")),
        (2_250, final(1.05, 2.0, "It was the best of times.")),
        spoken=(BEST,),
    )
    (delays,) = utterance_delays(seen)
    assert delays.first_result_s == pytest.approx(0.3)
    assert delays.first_word_s == pytest.approx(0.3)
    assert delays.final_delay_s == pytest.approx(0.25)
    assert delays.heard == "It was the best of times."


def test_a_slow_sender_does_not_flatter_the_result() -> None:
    """Chunks that leave late make every delay longer: the clock is the sound's, not the byte's."""
    seen = call((2_250, final(1.0, 2.0, "It")), spoken=(BEST,), late_ms=200)
    assert utterance_delays(seen)[0].final_delay_s == pytest.approx(0.25)
    assert send_lateness_s(seen) == pytest.approx([0.2] * 100)


def test_a_first_word_that_does_not_survive_is_a_result_but_not_the_first_word() -> None:
    seen = call(
        (1_200, interim(1.0, 1.1, "Thank you")),
        (1_500, interim(1.0, 1.4, "it was")),
        (2_250, final(1.0, 2.0, "It was the best of times.")),
        spoken=(BEST,),
    )
    (delays,) = utterance_delays(seen)
    assert delays.first_result_s == pytest.approx(0.2)
    assert delays.first_word_s == pytest.approx(0.5)


def test_empty_results_are_no_results() -> None:
    seen = call(
        (1_200, interim(1.0, 1.1, "")),
        (2_250, final(1.0, 2.0, "It was.")),
        (2_900, final(1.9, 2.0, "")),
        spoken=(BEST,),
    )
    (delays,) = utterance_delays(seen)
    assert delays.first_result_s == pytest.approx(1.25)
    assert delays.final_delay_s == pytest.approx(0.25)


def test_what_never_came_is_none_and_never_zero() -> None:
    nothing = call(spoken=(BEST,))
    (delays,) = utterance_delays(nothing)
    assert (delays.first_result_s, delays.first_word_s, delays.final_delay_s) == (None,) * 3
    assert delays.heard == ""
    only_interims = call((1_300, interim(1.0, 1.2, "It")), spoken=(BEST,))
    (delays,) = utterance_delays(only_interims)
    assert delays.first_result_s == pytest.approx(0.3)
    assert delays.final_delay_s is None


# -- utterances and segments that do not match ---------------------------------------------------


def test_an_utterance_in_two_segments_ends_with_the_last() -> None:
    seen = call(
        (1_700, final(1.0, 1.5, "It was")),
        (2_300, final(1.5, 2.0, "the best of times.")),
        spoken=(BEST,),
    )
    (delays,) = utterance_delays(seen)
    assert delays.final_delay_s == pytest.approx(0.3)
    assert delays.heard == "It was the best of times."


def test_a_final_that_came_before_the_sound_ended_does_not_end_the_utterance() -> None:
    """As where a call is closed in the middle of a sentence: what was heard by then is final."""
    seen = call((1_700, final(1.0, 1.6, "It was")), spoken=(BEST,))
    (delays,) = utterance_delays(seen)
    assert delays.final_delay_s is None
    assert delays.heard == "It was"
    with pytest.raises(ValueError, match="no final arrived"):
        final_waterfall(seen, BEST)


def test_two_utterances_in_one_segment_both_wait_for_it() -> None:
    seen = call((4_250, final(1.0, 4.0, "It was. It was.")), spoken=(BEST, WORST))
    first, second = utterance_delays(seen)
    assert first.final_delay_s == pytest.approx(2.25)
    assert second.final_delay_s == pytest.approx(0.25)
    # the second's first word is not the segment's first word, so it is not known when it came
    assert first.first_word_s is not None
    assert second.first_word_s is None


def test_a_neighbours_results_are_not_this_utterances() -> None:
    seen = call(
        (2_250, final(1.0, 2.02, "It was the best of times.")),
        (3_300, interim(2.98, 3.2, "It")),
        (4_250, final(2.98, 4.0, "It was the worst of times.")),
        spoken=(BEST, WORST),
    )
    first, second = utterance_delays(seen)
    assert first.heard == "It was the best of times."
    assert first.final_delay_s == pytest.approx(0.25)
    assert second.first_result_s == pytest.approx(0.3)
    assert transcript(seen) == "It was the best of times. It was the worst of times."


def test_segments_that_only_touch_an_utterances_edge_are_not_of_it() -> None:
    seen = call((3_100, final(1.98, 3.03, "um")), spoken=(BEST, WORST))
    assert [d.final_delay_s for d in utterance_delays(seen)] == [None, None]


# -- freshness, cost -----------------------------------------------------------------------------


def test_freshness_is_the_age_of_the_newest_covered_sound() -> None:
    seen = call(
        (1_500, interim(1.0, 1.3, "It")),
        (1_810, interim(1.0, 1.7, "It was")),
        (2_250, final(1.0, 2.0, "It was.")),
        spoken=(BEST,),
    )
    ages = freshness_s(seen, step_s=0.25)
    # at 1.25 nothing yet (age since onset), at 1.50 sound until 1.30, at 1.75 still, at 2.00 1.70
    assert ages == pytest.approx([0.25, 0.2, 0.45, 0.3])


def test_rtf_is_device_time_per_second_of_audio() -> None:
    seen = call(
        (1_500, interim(1.0, 1.3, "It")), (2_250, final(1.0, 2.0, "It was.")), spoken=(BEST,)
    )
    assert rtf(seen) == pytest.approx(2 * 0.03 / 5.0)


# -- waterfalls ----------------------------------------------------------------------------------


def test_the_stages_of_a_final_add_up_to_what_the_client_saw() -> None:
    """Not speculative: everything happened after the decision, one thing after the other."""
    when = timing(2_250, received=2_251, decided=2_254, started=2_260, finished=2_300)
    seen = call((2_305, final(1.0, 2.0, "It was.", when)), spoken=(BEST,), late_ms=0.5)
    waterfall = final_waterfall(seen, BEST)
    assert lengths_ms(waterfall) == {
        calls.ENDPOINTING: 250.5,
        calls.NETWORK_OUT: 0.5,
        calls.PREPROCESSING: 3.0,
        calls.QUEUE_WAIT: 6.0,
        calls.INFERENCE: 40.0,
        calls.POSTPROCESSING: 3.0,
        calls.NETWORK_BACK: 2.0,
    }
    assert tuple(lengths_ms(waterfall)) == calls.STAGES
    assert waterfall.total_s == pytest.approx(0.305, abs=1e-12)
    assert waterfall.total_s == utterance_delays(seen)[0].final_delay_s
    assert sum(stage.length_s for stage in waterfall.stages) == pytest.approx(waterfall.total_s)
    assert waterfall.hidden == ()
    assert waterfall.clock_error_s == 0.0004


@pytest.mark.parametrize(
    ("started", "finished", "queue_ms", "inference_ms", "hidden_ms"),
    [
        (2_100, 2_180, 0, 0, 80),  # done before the silence was over: nobody waited for it
        (2_100, 2_290, 0, 36, 154),  # half of it hidden
        (2_254, 2_290, 0, 36, None),
        (2_270, 2_290, 16, 20, None),
    ],
)
def test_work_done_during_the_silence_costs_no_time_and_is_shown_as_hidden(
    started: float,
    finished: float,
    queue_ms: float,
    inference_ms: float,
    hidden_ms: float | None,
) -> None:
    when = timing(2_250, received=2_251, decided=2_254, started=started, finished=finished)
    seen = call((2_305, final(1.0, 2.0, "It was.", when)), spoken=(BEST,))
    waterfall = final_waterfall(seen, BEST)
    assert lengths_ms(waterfall)[calls.QUEUE_WAIT] == queue_ms
    assert lengths_ms(waterfall)[calls.INFERENCE] == inference_ms
    assert sum(lengths_ms(waterfall).values()) == pytest.approx(305)
    assert [round(s.length_s * 1e3, 6) for s in waterfall.hidden] == (
        [] if hidden_ms is None else [hidden_ms]
    )
    for before, after in zip(waterfall.stages, waterfall.stages[1:], strict=False):
        assert before.end_s == after.start_s


def test_a_final_triggered_past_the_last_chunk_by_a_rounding_still_has_a_waterfall() -> None:
    """A resampler may give a sample more than arithmetic says."""
    when = timing(5_000.07, received=5_001, decided=5_002, started=5_003, finished=5_010)
    spoken = Spoken("late", 4.0, 4.9)
    seen = call((5_020, final(4.0, 4.9, "late", when)), spoken=(spoken,))
    assert sum(lengths_ms(final_waterfall(seen, spoken)).values()) == pytest.approx(120)


def test_an_utterance_without_a_final_has_no_waterfall() -> None:
    with pytest.raises(ValueError, match="best of times"):
        final_waterfall(call(spoken=(BEST,)), BEST)


def test_a_call_that_broke_has_none_either() -> None:
    when = timing(2_250, received=2_251, decided=2_254, started=2_260, finished=2_300)
    seen = call((2_305, final(1.0, 2.0, "It was.", when)), spoken=(BEST,))
    with pytest.raises(ValueError, match="broke before its end"):
        final_waterfall(replace(seen, sent=()), BEST)


def test_a_longer_stage_moves_what_follows_and_changes_nothing_else() -> None:
    when = timing(2_250, received=2_251, decided=2_254, started=2_260, finished=2_300)
    seen = call((2_305, final(1.0, 2.0, "It was.", when)), spoken=(BEST,))
    before = final_waterfall(seen, BEST)
    after = grown(before, calls.NETWORK_OUT, 0.1)
    assert after.total_s == pytest.approx(before.total_s + 0.1)
    longer = {calls.NETWORK_OUT: lengths_ms(before)[calls.NETWORK_OUT] + 100}
    assert lengths_ms(after) == pytest.approx(lengths_ms(before) | longer)
    with pytest.raises(ValueError, match="no stage 'tea'"):
        grown(before, "tea", 0.1)


def test_the_stages_of_a_request_add_up_to_what_the_client_saw() -> None:
    waterfall = request_waterfall(request())
    assert lengths_ms(waterfall) == {
        calls.NETWORK_OUT: 3,
        calls.PREPROCESSING: 7,
        calls.QUEUE_WAIT: 4,
        calls.INFERENCE: 98,
        calls.POSTPROCESSING: 3,
        calls.NETWORK_BACK: 5,
    }
    assert waterfall.total_s == pytest.approx(0.120)


@pytest.mark.parametrize(("totals_ms", "in_the_middle_ms"), [((40, 900, 50), 50), ((70, 60), 60)])
def test_the_request_in_the_middle_is_one_of_them(
    totals_ms: tuple[int, ...], in_the_middle_ms: int
) -> None:
    requests = [request(total_ms) for total_ms in totals_ms]
    assert middle(requests).total_s == pytest.approx(in_the_middle_ms / 1e3)
    assert middle(requests) in requests
    with pytest.raises(ValueError, match="make one first"):
        middle([])


def test_the_stage_that_grew_most_is_found_by_its_name() -> None:
    when = timing(2_250, received=2_251, decided=2_254, started=2_260, finished=2_300)
    before = final_waterfall(call((2_305, final(1.0, 2.0, "It was.", when)), spoken=(BEST,)), BEST)
    for name in (calls.NETWORK_OUT, calls.INFERENCE):
        after = grown(grown(before, calls.QUEUE_WAIT, 0.05), name, 0.1)
        assert grew_most(before, after) == name
    assert stage_s(before, calls.PREPROCESSING) == pytest.approx(0.003)
    assert stage_s(before, "tea") == 0


def test_the_median_final_delay_counts_what_never_came_as_infinite() -> None:
    heard = call((2_250, final(1.0, 2.0, "It was.")), spoken=(BEST,))
    assert median_final_delay_s(heard) == pytest.approx(0.25)
    assert median_final_delay_s(call(spoken=(BEST,))) == math.inf
    with pytest.raises(ValueError, match="stream a clip"):
        median_final_delay_s(call(spoken=()))
