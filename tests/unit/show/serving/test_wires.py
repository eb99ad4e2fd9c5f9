"""Pictures of wires: every figure is in the table, the line where it means something."""

import pytest
from card_faults import guess_marks, words_at
from show_calls import stream

from lab_kit.measure.wires import WireFigures, audio_lags_s, stall_s, wire_figures
from lab_kit.show.draw.verdict import Sign
from lab_kit.show.serving.wires import (
    draw_lags,
    draw_wires,
    tabulate_lags,
    tabulate_wires,
    wires_verdict,
)

FIGURES = [
    WireFigures("WebSocket", 0.005, 32_234.0, 2_800.0, 0.2, 0.25),
    WireFigures("upload, SSE", 0.001, 32_134.0, 190.0, None, 1.4),
]


def test_every_figure_is_told() -> None:
    table = tabulate_wires(FIGURES).text
    for told in ("WebSocket", "32.2", "2.8", "200", "250", "never", "1,400"):
        assert told in table
    picture = draw_wires(FIGURES, "Wires").render()
    assert ">speaker stops → last final<" in picture
    assert wires_verdict(FIGURES).told.startswith("1 of 2 wires brought their finals within 300 ms")
    assert wires_verdict(FIGURES).sign is Sign.OVER
    assert wires_verdict(FIGURES[:1]).sign is Sign.INSIDE


def test_the_wire_that_was_guessed_is_marked_at_its_name() -> None:
    picture = draw_wires(FIGURES, "Wires", "upload, SSE").render()
    ((x, y),) = guess_marks(picture)
    name_x, name_y = words_at(picture)["upload, SSE"]
    assert (name_x - x, name_y - y) == (pytest.approx(9), pytest.approx(4))
    assert guess_marks(draw_wires(FIGURES, "Wires").render()) == []


def test_a_call_has_lags_and_a_stall() -> None:
    call = stream()
    lags = audio_lags_s(call)
    assert [round(lag_s, 6) for _, lag_s in lags] == [0.005] * 5
    assert stall_s(call) == pytest.approx(0.0, abs=1e-9)
    assert "300 ms: all there is from voice to voice" in draw_lags({"one": call}, "Lags").render()
    assert tabulate_lags({"one": call}).text.splitlines()[1].split() == ["one", "5", "5", "5", "0"]
    assert wire_figures(call).up_bytes_per_s is None
