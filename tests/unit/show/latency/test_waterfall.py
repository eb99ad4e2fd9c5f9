"""A waterfall's bars and numbers add up, and name what they are measured from."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from xml.etree import ElementTree

import pytest
from card_faults import guess_marks
from show_calls import FIRST, request, stream

from lab_kit.core.call_record import StageSpan, Waterfall
from lab_kit.course.exercises.exercise import as_waterfall as judged_waterfall
from lab_kit.measure.calls import INFERENCE, STAGES, grown
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.latency.waterfall import (
    as_waterfall,
    compare,
    tabulate,
    waterfall,
    waterfall_verdict,
    waterfalls,
    waterfalls_verdict,
)
from lab_kit.show.latency.waterfall_picture import draw_waterfalls

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*several: Waterfall, guess_ms: float | None = None) -> ElementTree.Element:
    names = [f"row {index}" for index in range(len(several))]
    return ElementTree.fromstring(draw_waterfalls(several, names, guess_ms).render())


def stage_bars(picture: ElementTree.Element) -> dict[str, float]:
    """Width of each stage's bar, as its hover text names it."""
    bars = {}
    for rect in picture.iter(f"{SVG}rect"):
        title = rect.findtext(f"{SVG}title") or ""
        if ": " in title and "meanwhile" not in title:
            bars[title.split(":")[0]] = float(rect.attrib["width"])
    return bars


def texts(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def px_per_ms(picture: ElementTree.Element) -> float:
    ticks = {
        float(text.text or ""): float(text.attrib["x"])
        for text in picture.iter(f"{SVG}text")
        if (text.text or "").isdigit()
    }
    low, high = min(ticks), max(ticks)
    return (ticks[high] - ticks[low]) / (high - low)


def test_a_stage_is_as_wide_as_it_took() -> None:
    one = as_waterfall(stream())
    picture = drawn(one)
    widths, scale = stage_bars(picture), px_per_ms(picture)
    for stage in one.stages:
        assert widths[stage.name] == pytest.approx(stage.length_s * 1e3 * scale, abs=0.01)
    assert sum(widths.values()) == pytest.approx(one.total_s * 1e3 * scale, abs=0.05)


def test_the_line_names_its_interval_and_stands_at_300() -> None:
    picture = drawn(as_waterfall(stream()))
    assert {"limit 300 ms:", "speaker stops → last final"} <= set(texts(picture))
    line = next(one for one in picture.iter(f"{SVG}line") if "budget" in one.get("class", ""))
    left = min(float(rect.attrib["x"]) for rect in picture.iter(f"{SVG}rect") if rect.get("x"))
    assert float(line.attrib["x1"]) == float(line.attrib["x2"]) > left
    zero = next(float(text.attrib["x"]) for text in picture.iter(f"{SVG}text") if text.text == "0")
    assert float(line.attrib["x1"]) == pytest.approx(zero + 300 * px_per_ms(picture), abs=0.01)


def test_total_device_and_clock_error_are_told() -> None:
    told = " ".join(texts(drawn(as_waterfall(stream()))))
    assert "350 ms" in told
    notes = draw_waterfalls([as_waterfall(stream())], ["one"]).notes
    assert {"cpu (test, 2 cores)", "± 0.5 ms clock"} <= set(notes)


def test_the_table_adds_up_to_what_it_shows() -> None:
    one = as_waterfall(stream())
    thirds = (StageSpan("endpointing", 0, 0.10004), StageSpan("inference", 0.10004, 0.20009))
    for each in (one, as_waterfall(request()), replace(one, stages=thirds)):
        rows = [line.split() for line in tabulate(each).text.splitlines()[1:]]
        total = next(index for index, row in enumerate(rows) if row[0] == "total")
        for column in (-3, -2):
            parts = [float(row[column]) for row in rows[:total]]
            assert sum(parts) == pytest.approx(float(rows[total][column]), abs=1e-6)


def test_a_guess_is_drawn_and_held_against_the_total(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = as_waterfall(stream())
    assert "your guess: 250 ms" in texts(drawn(one, guess_ms=250))
    waterfall(one, guess=Guess("ms", value=250))
    waterfalls([one, one], guess=Guess("ms", value=700))
    waterfall(one, guess=Guess("ms"))
    told = capsys.readouterr().out
    assert "You said 250 ms; it was 350 ms: too low by a factor of 1.4." in told
    assert "You said 700 ms; it was 350 ms: too high by a factor of 2.0." in told
    assert "No guess; it was 350 ms." in told


def test_the_stage_that_is_suspected_is_marked_beneath_the_last_bar(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = as_waterfall(request())
    after = grown(before, "queue wait", 0.2)
    svg = draw_waterfalls([before, after], ["alone", "crowded"], "inference").render()
    assert "you said inference" in texts(ElementTree.fromstring(svg))
    ((x, y),) = guess_marks(svg)
    *_, bar = (
        rect
        for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect")
        if (rect.findtext(f"{SVG}title") or "").startswith("inference:")
    )
    assert x == pytest.approx(float(bar.attrib["x"]) + float(bar.attrib["width"]) / 2, abs=0.01)
    assert y > float(bar.attrib["y"]) + float(bar.attrib["height"])
    waterfalls([before, after], grew=Guess(value="inference"))
    waterfalls([before, after], grew=Guess())
    told = capsys.readouterr().out
    assert 'grew most: You said inference; it was "queue wait".' in told
    assert 'grew most: No guess; it was "queue wait".' in told
    plain = draw_waterfalls([before, after], ["alone", "crowded"])
    for unknown in ("", "no stage"):
        same = draw_waterfalls([before, after], ["alone", "crowded"], unknown)
        assert same.render() == plain.render()


def test_a_guess_far_out_stands_at_the_edge_and_leaves_the_scale() -> None:
    one = as_waterfall(stream())
    near, far = drawn(one), drawn(one, guess_ms=50_000)
    assert "your guess: 50,000 ms →" in texts(far)
    assert max(stage_bars(far).values()) > max(stage_bars(near).values()) / 1.5


def test_the_longest_stage_is_named_from_the_run() -> None:
    one = as_waterfall(stream())
    longest = max(one.stages, key=lambda stage: stage.length_s)
    assert f"The longest stage is {longest.name}" in waterfall_verdict(one)
    other = grown(one, one.stages[-1].name, by_s=5.0)
    assert f"The longest stage is {one.stages[-1].name}" in waterfall_verdict(other)


def test_stages_are_named_where_they_stand_and_what_is_tiny_is_gathered() -> None:
    one = as_waterfall(request())
    tiny = StageSpan("network back", one.total_s, one.total_s + 0.0004)
    drawing = draw_waterfalls([replace(one, stages=(*one.stages[:-1], tiny))], ["one"])
    told = texts(ElementTree.fromstring(drawing.render()))
    assert f"inference {1e3 * one.stages[3].length_s:.0f}" in told
    assert not any(word.startswith("network back") for word in told)
    assert "under 1 ms: network back" in drawing.notes


def test_a_stage_that_is_tiny_in_one_bar_is_still_named_for_the_other() -> None:
    def one(**lengths_ms: float) -> Waterfall:
        stages = _in_a_row([(name.replace("_", " "), took) for name, took in lengths_ms.items()])
        return replace(as_waterfall(stream()), stages=stages, hidden=())

    patient = one(endpointing=151, queue_wait=0.2, inference=0.9)
    hasty = one(endpointing=52, queue_wait=30, inference=33)
    told = texts(drawn(patient, hasty))
    assert any(word.startswith("queue wait") for word in told), told


def test_a_long_way_out_is_told_to_be_more_than_the_network() -> None:
    def notes(network_out_ms: float) -> list[str]:
        stages = _in_a_row([("network out", network_out_ms), ("inference", 90)])
        one = Waterfall("one", "the speaker stops", stages, (), 0.001, "cpu")
        return [note for note in draw_waterfalls([one], ["one"]).notes if "unread" in note]

    assert notes(20) == []
    assert len(notes(3_000)) == 1


def test_what_is_named_on_top_stands_together() -> None:
    short = ("network out", 3), ("preprocessing", 67), ("queue wait", 2000), ("inference", 900)
    one = Waterfall("one", "the request is sent", _in_a_row(short), (), 0.001, "cpu")
    picture = drawn(one, one)
    squares = {
        rect.findtext(f"{SVG}title"): float(rect.attrib["x"])
        for rect in picture.iter(f"{SVG}rect")
        if rect.attrib.get("height") == "10"
    }
    assert set(squares) == {"network out", "preprocessing"}
    assert 60 < squares["preprocessing"] - squares["network out"] < 120


def _in_a_row(lengths_ms: Sequence[tuple[str, float]]) -> tuple[StageSpan, ...]:
    ends_s = [end / 1e3 for end in accumulate(length for _, length in lengths_ms)]
    names = [name for name, _ in lengths_ms]
    return tuple(map(StageSpan, names, [0.0, *ends_s], ends_s))


def test_clocks_that_are_far_off_are_drawn_and_told() -> None:
    one = as_waterfall(request())
    far_off = replace(one, clock_error_s=0.02)

    def whiskers(drawn_one: Waterfall) -> int:
        lines = drawn(drawn_one).iter(f"{SVG}line")
        return sum("lk-ink" in line.get("class", "") for line in lines)

    assert whiskers(one) == 0
    assert whiskers(far_off) == 2 * 3
    assert "is known to ± 20 ms only" in waterfall_verdict(far_off)
    assert "is known to" not in waterfall_verdict(one)


def test_several_are_counted_against_the_limit_and_their_longest_stages_named() -> None:
    late, early = as_waterfall(stream()), as_waterfall(stream(), FIRST)
    told = waterfalls_verdict([late, early], ["a", "b"])
    assert told.startswith("1 of 2 within 300 ms: 350 ms (a), 250 ms (b).")
    grown_one = grown(early, "inference", by_s=5.0)
    assert "endpointing (a), inference (b)" in waterfalls_verdict([late, grown_one], ["a", "b"])


def test_work_done_meanwhile_is_hatched_and_not_in_the_sum() -> None:
    one = replace(as_waterfall(stream()), hidden=(StageSpan(INFERENCE, 0.05, 0.15),))
    picture = drawn(one)
    hatched = [r for r in picture.iter(f"{SVG}rect") if r.get("fill", "").startswith("url(#")]
    assert len(hatched) == 1
    assert "inference meanwhile: 100 ms" in texts(picture)
    assert "inference ran from 50.0 to 150.0 ms meanwhile" in tabulate(one).text


def test_the_last_utterance_with_a_final_is_the_default() -> None:
    assert as_waterfall(stream()).total_s == pytest.approx(0.35)
    assert as_waterfall(stream(), FIRST).total_s == pytest.approx(0.25)
    heard_first_only = replace(stream(), received=stream().received[:4])
    assert as_waterfall(heard_first_only).total_s == pytest.approx(0.25)


def test_exercises_judge_the_utterance_that_is_drawn() -> None:
    assert judged_waterfall(stream()) == as_waterfall(stream())


def test_a_stream_without_known_words_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="stream a clip"):
        as_waterfall(stream(spoken=()))


def test_several_share_one_scale_and_one_table() -> None:
    several = [as_waterfall(stream()), as_waterfall(stream(), FIRST), as_waterfall(request())]
    told = texts(drawn(*several))
    assert {"350 ms", "250 ms", "100 ms"} <= set(told)
    assert any("request sent → answer" in one for one in told)
    assert any("speaker stops → last final" in one for one in told)
    table = compare(several, ["a", "b", "c"]).text
    assert next(line for line in table.splitlines() if line.startswith("total")).split() == [
        "total",
        "350.0",
        "250.0",
        "100.0",
    ]
    assert next(line for line in table.splitlines() if line.startswith("endpointing")).endswith("-")


def test_as_many_labels_as_waterfalls() -> None:
    with pytest.raises(ValueError, match="one label each"):
        draw_waterfalls([as_waterfall(stream())], [])


def test_no_stage_has_the_color_of_the_one_before() -> None:
    assert tuple(sorted(theme.STAGE_COLORS)) == tuple(sorted(STAGES))
    colors = [theme.STAGE_COLORS[stage] for stage in STAGES]
    assert all(one != other for one, other in pairwise(colors))


def test_a_border_before_the_last_one_draws_nothing_negative() -> None:
    one = as_waterfall(stream())
    crossed = (StageSpan("network out", 0, 0.002), StageSpan("inference", 0.002, 0.0015))
    assert all(width >= 0 for width in stage_bars(drawn(replace(one, stages=crossed))).values())
