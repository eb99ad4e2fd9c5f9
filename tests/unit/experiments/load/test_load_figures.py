"""What a live load's figures mean: refusals and broken calls are late for ever, not left out."""

import base64
import json
import math

import pytest
from hdrh.histogram import HdrHistogram

from lab_kit.client import DegradationStatus, LevelChange
from lab_kit.core.call_record import Received, Sent, Spoken, StreamCall
from lab_kit.core.clock import ClockOffset
from lab_kit.core.events import Event, Final, Interim, Timing
from lab_kit.experiments.load import CallEnding, LiveLoad, OfferedCall, Stairs
from lab_kit.experiments.load.live_load import turns_of
from lab_kit.experiments.load.report import as_json, histogram
from lab_kit.measure.calls import result_gaps_s
from lab_kit.show.draw import theme
from lab_kit.show.draw.verdict import Sign
from lab_kit.show.load.load import draw_load, load_verdict, loads, tabulate_load

ZERO_NS = 1_000_000_000_000
TIMING = Timing(0, 0, 0, 0, 0, 0, 0)
SAID = (Spoken("it was", 1.0, 2.0), Spoken("the best", 4.0, 5.0))


def at(seconds: float) -> int:
    return ZERO_NS + round(seconds * 1e9)


def stream_call(
    *heard: tuple[float, Event], started_s: float = 0.0, late_s: float = 0
) -> StreamCall:
    return StreamCall(
        name="by hand",
        started_ns=at(started_s),
        audio_s=6.0,
        chunk_s=0.05,
        spoken=SAID,
        sent=(Sent(0.05, at(0.05), at(0.05 + late_s)),),
        received=tuple(Received(event, at(started_s + s), at(started_s + s)) for s, event in heard),
        clock=ClockOffset(0, 0),
        device="by hand",
    )


def final(start_s: float, end_s: float, text: str) -> Final:
    return Final(1, start_s, end_s, text, 0.9, True, False, TIMING)


def interim(start_s: float, end_s: float, text: str) -> Interim:
    return Interim(1, start_s, end_s, text, 0, 0.9, TIMING)


PROMPT = stream_call(
    (1.3, interim(1.0, 1.2, "it")),
    (2.25, final(1.0, 2.0, "it was")),
    (4.4, interim(4.0, 4.3, "the")),
    (5.28, final(4.0, 5.0, "the best")),
)
SLOW = stream_call((1.9, interim(1.0, 1.2, "it")), (2.9, final(1.0, 2.0, "it was")))


def offered(call: StreamCall, ending: CallEnding = CallEnding.COMPLETE) -> OfferedCall:
    error = None if ending is CallEnding.COMPLETE else "no"
    return OfferedCall(call.started_ns, call, ending, error)


def load(*calls: OfferedCall, warm_up_s: float = 0.0, cores: float = 0.1) -> LiveLoad:
    return LiveLoad(Stairs((2,), 10.0), calls, ZERO_NS, warm_up_s, cores, 1.5)


def test_a_turn_is_good_within_both_limits_and_late_for_ever_without_a_final() -> None:
    run = load(offered(PROMPT), offered(SLOW))
    assert sorted(run.final_delays_s) == pytest.approx([0.25, 0.28, 0.9, math.inf])
    assert run.without_final == 1
    assert run.good_share == 0.5
    assert run.goodput_per_min == pytest.approx(60 * 2 / 10)


def test_a_refused_call_is_as_many_missed_turns_as_it_would_have_had() -> None:
    refused = offered(stream_call(), CallEnding.REFUSED)
    run = load(offered(PROMPT), refused)
    assert len(run.turns) == 4
    assert run.good_share == 0.5
    assert (run.ended(CallEnding.REFUSED), run.served) == (1, [offered(PROMPT)])


def test_turns_of_the_warm_up_count_for_nothing() -> None:
    run = load(offered(PROMPT), warm_up_s=3.0)
    assert run.final_delays_s == pytest.approx([0.28])


def test_streams_are_open_from_their_first_sound_to_their_last_result() -> None:
    early = offered(PROMPT)
    late = offered(stream_call((2.25, final(1.0, 2.0, "x")), started_s=3.0))
    run = load(early, late, offered(stream_call(), CallEnding.REFUSED))
    assert run.peak_streams == 2
    assert run.open_streams == [(0.0, 1), (3.0, 2), (6.0, 1), (9.0, 0)]


def test_gaps_are_between_results_while_somebody_speaks() -> None:
    gaps = result_gaps_s(PROMPT)
    assert gaps == pytest.approx([0.7, 0.6])
    silent = result_gaps_s(stream_call())
    assert silent == pytest.approx([1.0, 1.0])


def test_words_are_judged_over_turns_that_were_heard() -> None:
    wrong = stream_call((2.2, final(1.0, 2.0, "it is")))
    assert load(offered(wrong)).word_error_rate == pytest.approx(0.5)
    assert load(offered(stream_call(), CallEnding.REFUSED)).word_error_rate is None


@pytest.mark.parametrize(("late_s", "cores"), [(0.05, 0.1), (0.0, 0.95)])
def test_a_generator_that_is_late_or_busy_says_so(late_s: float, cores: float) -> None:
    run = load(offered(stream_call(late_s=late_s)), cores=cores)
    assert run.generator_was_bottleneck
    assert "yes: void" in tabulate_load([run]).text


def test_a_percentile_that_never_came_is_explained() -> None:
    assert "never: so many" in tabulate_load([load(offered(SLOW))]).text
    assert "never" not in tabulate_load([load(offered(PROMPT))]).text


def test_a_punctual_generator_is_no_bottleneck() -> None:
    assert not load(offered(PROMPT)).generator_was_bottleneck


def test_histograms_merge_and_leave_out_what_never_came() -> None:
    both = histogram([0.25, math.inf])
    both.add(histogram([0.5]))
    assert both.get_total_count() == 2
    assert both.get_value_at_percentile(100) == pytest.approx(500_000, rel=0.01)


def test_the_report_is_json_and_can_be_computed_from() -> None:
    told = json.loads(json.dumps(as_json(load(offered(PROMPT), offered(SLOW)))))
    assert told["calls"] == {"attempted": 2, "complete": 2, "refused": 0, "broken": 0, "stalled": 0}
    assert told["plan"] == {"kind": "Stairs", "streams": [2], "step_s": 10.0}
    delays = told["final_delay_s"]
    assert (delays["count"], delays["never"], delays["p99"]) == (4, 1, None)
    assert delays["p95_is_proven"] is False
    read = HdrHistogram.decode(delays["hdr_us"].encode())
    assert read.get_total_count() == 3
    assert base64.b64decode(delays["hdr_us"])
    assert [turn["heard"] for turn in told["raw_turns"]] == ["it was", "it was", "the best", ""]


def test_the_picture_shows_a_mark_a_turn_and_what_never_came_on_its_edge() -> None:
    drawing = draw_load(load(offered(PROMPT), offered(SLOW)), "A load")
    svg = drawing.render()
    marks = {name: svg.count(f"<{name}") for name in ("circle", "polygon")}
    assert marks == {"circle": 2, "polygon": 3}, "two in time; one late, one never, the streams"
    assert "limit 300 ms: speaker stops → last final" in svg
    assert "△ 1 without a final" in drawing.notes


def test_the_verdict_counts_turns_and_says_first_when_a_run_is_void() -> None:
    verdict = load_verdict(load(offered(PROMPT), offered(SLOW)), "A load")
    assert verdict.told.startswith("A load: 2 of 4 turns within 300 ms; without a final: 1")
    assert verdict.sign is Sign.OVER
    assert load_verdict(load(offered(PROMPT)), "A load").sign is Sign.INSIDE
    void = load(offered(PROMPT), cores=1.0)
    assert load_verdict(void, "A load").told.startswith("Void (A load): the generator")
    assert load_verdict(void, "A load").sign is Sign.UNSAID
    assert theme.NEUTRAL in draw_load(void, "A load").render().split("</style>")[1]


def test_turns_are_placed_where_their_sound_ended() -> None:
    assert [turn.ended_ns for turn in turns_of(PROMPT)] == [at(2.0), at(5.0)]


def test_loads_at_once_each_show_the_level_of_their_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[dict[str, str]] = []
    monkeypatch.setattr(
        "lab_kit.show.draw.display.publish_display_data", lambda data, **_: shown.append(data)
    )
    step = LevelChange(at(4.0) / 1e9, 0, 2, 1.2)
    after = LevelChange(at(60.0) / 1e9, 2, 3, 1.2)
    level = DegradationStatus(3, "no new streams", 0.0, {}, {}, 0, 0.1, 8, (step, after))
    run = load(offered(PROMPT))
    loads([run, run], ["speaking", "reading"], level)
    pictures = [data["image/svg+xml"] for data in shown if "image/svg+xml" in data]
    assert ["2 refuses low" in picture for picture in pictures] == [True, True]
    assert not any("3 refuses all" in picture for picture in pictures), "both were over by then"
