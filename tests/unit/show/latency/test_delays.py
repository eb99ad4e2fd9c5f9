"""Delays and transcripts as text and picture: nothing lost, few called few."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from card_faults import texts
from figure_samples import spoken_stream
from show_calls import stream

from lab_kit.measure.calls import freshness_s
from lab_kit.show.draw.figures import NEVER, percentile_ms, standing
from lab_kit.show.latency.delays import (
    FINAL,
    delay_rows,
    delays,
    draw_delays,
    draw_other_delays,
    tabulate,
)
from lab_kit.show.latency.transcript import transcript_html, transcript_text


def test_rows_hold_each_utterance() -> None:
    rows = {row.name: row for row in delay_rows([stream(), stream()])}
    assert rows["final_delay_s"].delays_s == pytest.approx([0.25, 0.35] * 2)
    assert rows["first_result_s"].delays_s == pytest.approx([0.4, 0.6] * 2)
    assert rows["freshness_s"].delays_s == [*freshness_s(stream()), *freshness_s(stream())]
    assert rows["freshness_s"].samples == 4


def test_the_table_names_intervals_and_calls_few_few() -> None:
    table = tabulate([stream()]).text
    assert "speaker stops → last final" in table
    assert "indicative: too few to prove a p95" in table
    assert "rtf" in table
    enough = tabulate([stream()] * 30).text
    assert "indicative" not in enough


def test_a_final_that_never_came_counts_as_infinitely_late() -> None:
    deaf = replace(stream(), received=stream().received[:4])
    assert delay_rows([deaf])[FINAL].delays_s[1] == NEVER
    line = next(
        one for one in tabulate([deaf]).text.splitlines() if one.startswith("final_delay_s")
    )
    assert "never" in line
    assert "1 of 2" in line
    assert "1 never" in draw_delays([deaf]).render()


def test_a_call_without_any_result_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    delays(replace(stream(), received=()))
    assert "0 of 2 finals came within 300 ms" in capsys.readouterr().out


def test_the_picture_is_xml_with_the_line() -> None:
    picture = ElementTree.fromstring(draw_delays([stream()]).render())
    words = [text.text or "" for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "limit 300 ms: speaker stops → last final" in words
    lines = list(picture.iter("{http://www.w3.org/2000/svg}line"))
    limits = [line for line in lines if "budget" in line.get("class", "")]
    assert len(limits) == 1
    assert "budget" not in draw_other_delays([stream()]).render().split("</style>")[1]


@pytest.mark.parametrize(
    ("utterances", "marks"),
    [(19, ["p50"]), (20, ["p50", "p95 indicative"]), (58, ["p50", "p95 indicative"]),
     (60, ["p50", "p95"])],
)  # fmt: skip
def test_a_p95_is_marked_where_there_are_enough_for_it(utterances: int, marks: list[str]) -> None:
    call = spoken_stream([0.2 + 0.001 * n for n in range(utterances)])
    words = texts(draw_delays([call]).render())
    told = [re.sub(r" \d+ ms", "", word) for word in words if re.match(r"p\d\d ", word)]
    assert told == marks


def test_without_known_times_there_is_no_delay() -> None:
    with pytest.raises(ValueError, match="known times"):
        delay_rows([stream(spoken=())])


def test_percentiles_of_nothing_and_of_never() -> None:
    assert percentile_ms([], 0.5) == "-"
    assert percentile_ms([0.1, NEVER], 0.95) == "never"
    assert standing(58) == "indicative"
    assert standing(59) == ""


def test_a_transcript_shows_how_it_grew() -> None:
    rows = transcript_text(stream()).splitlines()[1:]
    assert [row.split()[1] for row in rows] == ["interim", "interim", "FINAL", "interim", "FINAL"]
    assert rows[1].endswith("good| morning")
    assert "0.90" in rows[0]


def test_a_transcript_is_safe_html() -> None:
    html = transcript_html(stream())
    ElementTree.fromstring(html)
    assert "&lt;good&gt;" in html


def test_a_long_transcript_scrolls_says_so_and_cuts_no_line() -> None:
    assert "scroll" not in transcript_html(stream())
    call = stream()
    long = transcript_html(replace(call, received=call.received * 10))
    assert "(50 results; scroll)" in long
    height_px = re.search(r"max-height:(\d+)px", long)
    line_px = re.search(r"line-height:(\d+)px", long)
    assert height_px is not None
    assert line_px is not None
    assert int(height_px[1]) % int(line_px[1]) == 0


def test_a_transcript_has_the_ink_of_its_page() -> None:
    assert not re.search(r"color:[^;\"]*#", transcript_html(stream())), "unreadable on a dark page"
