"""A stream's trace as a picture and a table."""

import pytest
from card_faults import guess_marks, texts, words_at

from lab_kit.core.spans import Span, Trace
from lab_kit.measure.guess import Guess
from lab_kit.show.draw.verdict import Sign
from lab_kit.show.latency.stages import draw_stages, stages, stages_verdict, tabulate_stages
from lab_kit.stream.stages import Stage

ROOT = Span("stream", "abc", "0", None, 100.0, 104.0, {}, ("step skipped",))
TRACE = Trace(
    (
        ROOT,
        Span("batch", "abc", "1", "0", 101.0, 101.02, {}, ()),
        Span("infer", "abc", "2", "0", 101.02, 101.30, {}, ()),
        Span("infer", "abc", "3", "0", 102.0, 102.1, {}, ()),
    )
)


def test_every_stage_has_a_lane_and_every_span_a_bar() -> None:
    svg = draw_stages(TRACE, "One stream").render()
    assert all(f">{stage.value}<" in svg for stage in Stage)
    assert "infer: 280.0 ms" in svg
    assert "infer: 100.0 ms" in svg
    assert "280 ms" in texts(svg), "the longest has its length beside it"


def test_the_table_says_what_was_over_its_budget_and_what_was_noted() -> None:
    lines = {line.split()[0]: line.split() for line in tabulate_stages(TRACE).text.splitlines()}
    assert lines["infer"] == ["infer", "2", "100", "280", "280", "200", "1"]
    assert lines["send"][1] == "0"
    assert "noted on the stream: step skipped" in tabulate_stages(TRACE).text


def test_the_verdict_names_the_longest_and_what_was_over_its_budget() -> None:
    verdict = stages_verdict(TRACE)
    assert "was in infer: 280 ms" in verdict.told
    assert "Pieces over their budget: infer 1 of 2." in verdict.told
    assert verdict.sign is Sign.OVER
    assert stages_verdict(Trace((ROOT, TRACE.spans[3]))).sign is Sign.INSIDE
    assert stages_verdict(Trace((ROOT,))).sign is Sign.UNSAID


def test_a_guess_is_marked_at_its_lane_and_held_against_the_longest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    picture = draw_stages(TRACE, "One stream", "batch").render()
    ((_, y),) = guess_marks(picture)
    names = words_at(picture)
    assert names["turn"][1] < y < names["batch"][1]
    stages(TRACE, guess=Guess(value="batch"))
    stages(TRACE, guess=Guess())
    stages(Trace((ROOT,)), guess=Guess(value="batch"))
    told = capsys.readouterr().out
    assert "You said batch; it was infer." in told
    assert "No guess; it was infer." in told
    assert told.count("; it was") == 2, "where nothing ran there is nothing to compare with"
