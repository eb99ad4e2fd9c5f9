"""Each figure with its shortest, longest and missing values: every word can be read."""

import pytest
from card_faults import faults
from figure_samples import Drawn, figures

from lab_kit.show.draw import card
from lab_kit.show.draw.limits import limit_level, limit_upright
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

SAMPLES = list(figures())
MOST_BYTES = 20_000
"""A notebook holds a card twice, once in base 64."""


@pytest.mark.parametrize("drawn", SAMPLES, ids=[name for name, _, _ in SAMPLES])
def test_no_word_is_cut_covered_or_at_a_limit(drawn: Drawn) -> None:
    _, drawing, verdict = drawn
    svg = card.render(drawing, verdict)
    assert not faults(svg)
    assert len(svg) < MOST_BYTES


@pytest.mark.parametrize("drawn", SAMPLES, ids=[name for name, _, _ in SAMPLES])
def test_the_title_asks_and_the_verdict_is_short(drawn: Drawn) -> None:
    _, drawing, verdict = drawn
    assert drawing.title.endswith("?")
    assert drawing.drawn
    assert 10 < len(verdict.told) < 400


def test_words_outside_over_others_and_at_a_limit_are_found() -> None:
    svg = Svg(200, "Is it found?", "Nothing.")
    svg.text((700, 50), "far too long for where it stands")
    assert "outside the card" in faults(svg.render())[0]
    svg = Svg(200, "Is it found?", "Nothing.")
    svg.text((100, 50), "one")
    svg.text((110, 54), "other")
    assert faults(svg.render()) == ["one over the other: 'one' and 'other'"]
    svg = Svg(200, "Is it found?", "Nothing.")
    limit_level(svg, 100, 50, 700, 20, "limit 300 ms: from → to")
    limit_upright(svg, 400, 120, 190, 700, "limit 300 ms: from → to")
    assert faults(svg.render()) == []
    svg.text((100, 108), "near")
    svg.text((401, 170), "nearer")
    assert faults(svg.render()) == ["at a limit: 'near'", "at a limit: 'nearer'"]


def test_a_long_verdict_is_wrapped_and_makes_room() -> None:
    svg = Svg(100, "Is it found?", "Nothing.")
    heights = [
        float(svg_height(card.render(svg, Verdict(told)))) for told in ("", "short", "long " * 50)
    ]
    assert heights == sorted(set(heights))
    assert not faults(card.render(svg, Verdict("long " * 50, guess="long " * 40)))


def svg_height(svg: str) -> str:
    return svg.split('height="')[1].split('"')[0]
