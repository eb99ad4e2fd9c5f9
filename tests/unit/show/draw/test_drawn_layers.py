"""Marks lie in the same places whether a picture draws them once or a plot again and again."""

from xml.etree import ElementTree

import pytest

from lab_kit.show.draw import theme
from lab_kit.show.draw.inks import BUDGET, INK
from lab_kit.show.draw.layers import (
    ABOVE,
    Area,
    Crosses,
    Dots,
    Layer,
    Lines,
    Triangles,
    Words,
    beside,
)
from lab_kit.show.draw.svg import Svg

SVG = "{http://www.w3.org/2000/svg}"
PLACES = [(100.0, 40.0), (160.0, 90.0)]


def drawing(*layers: Layer) -> ElementTree.Element:
    svg = Svg(200, "Where?", "Marks.")
    for layer in layers:
        layer.draw(svg)
    return ElementTree.fromstring(svg.render())


def test_dots_and_crosses_lie_where_plotly_has_them() -> None:
    dots = Dots(PLACES, theme.COMPUTE, 5)
    drawn = [
        (float(c.attrib["cx"]), float(c.attrib["cy"])) for c in drawing(dots).iter(f"{SVG}circle")
    ]
    trace = dots.trace()
    assert drawn == list(zip(trace["x"], trace["y"], strict=True)) == PLACES
    assert trace["marker"]["size"] == 10
    crosses = Crosses(PLACES)
    first = next(drawing(crosses).iter(f"{SVG}line")).attrib
    middle = tuple((float(first[f"{n}1"]) + float(first[f"{n}2"])) / 2 for n in "xy")
    assert middle == PLACES[0] == (crosses.trace()["x"][0], crosses.trace()["y"][0])


def test_a_triangle_is_hollow_in_both_or_in_none() -> None:
    for is_hollow in (False, True):
        layer = Triangles(PLACES, is_hollow=is_hollow)
        (mark, _) = drawing(layer).iter(f"{SVG}polygon")
        assert mark.attrib["fill"] == layer.trace()["marker"]["color"]
        assert (mark.attrib["fill"] == theme.PAPER) is is_hollow


def test_lines_do_not_run_from_one_to_the_next() -> None:
    lines = Lines([PLACES, [(300.0, 10.0), (310.0, 20.0)]], theme.INK)
    assert len(list(drawing(lines).iter(f"{SVG}polyline"))) == 2
    assert lines.trace()["x"] == [100, 160, None, 300, 310, None]


def test_an_area_ends_at_its_base() -> None:
    area = Area(PLACES, 180, theme.QUEUE)
    corners = "100,180 100,40 160,90 160,180"
    assert [p.attrib["points"] for p in drawing(area).iter(f"{SVG}polygon")] == [corners]
    trace = area.trace()
    assert list(zip(trace["x"], trace["y"], strict=True)) == [
        (100, 180), (100, 40), (160, 90), (160, 180),
    ]  # fmt: skip
    assert Area([], 180, theme.QUEUE).trace()["x"] == []


def test_words_have_their_mark_at_their_left() -> None:
    svg = Svg(200, "Where?", "Marks.")
    told = beside(svg, [(PLACES[0], "225"), (PLACES[1], "236")])
    assert [text for _, text in told] == ["225", "236"]
    assert all(
        x > mark and abs(y - 4 - level) < 1
        for ((x, y), _), (mark, level) in zip(told, PLACES, strict=True)
    )
    words = Words(told, INK)
    assert words.trace()["text"] == ["225", "236"]
    assert words.trace()["x"] == [x for (x, _), _ in told]
    assert [t.attrib["font-size"] for t in drawing(words).iter(f"{SVG}text")] == ["11", "11"]


def test_words_stay_where_they_are_when_later_marks_come() -> None:
    svg = Svg(200, "Where?", "Marks.")
    marks = [((x, 50.0), "1240") for x in range(100, 740, 15)]
    before, after = beside(svg, marks[:20]), beside(svg, marks)
    assert after[: len(before)] == before
    assert 5 < len(after) < len(marks), "where there is no room there are no words"
    assert svg.room.words == []


def test_words_above_an_edge_lie_in_a_row_of_their_own() -> None:
    svg = Svg(200, "Where?", "Marks.")
    told = beside(svg, [((x, 50.0), "1240") for x in range(100, 740, 15)], ABOVE)
    assert {y for (_, y), _ in told} == {42}
    assert len(told) > 5


def test_no_words_come_near_a_limit_or_out_of_the_card() -> None:
    svg = Svg(200, "Where?", "Marks.")
    svg.rule((0, 100), (760, 100), BUDGET, 2)
    (((_, y), _),) = beside(svg, [((300.0, 99.0), "301")])
    assert y < 92 or y > 112
    assert beside(svg, [((740.0, 40.0), "300")]) == []


@pytest.mark.parametrize(
    "layer",
    [
        Area(PLACES, 180, theme.QUEUE),
        Crosses(PLACES),
        Dots(PLACES, theme.COMPUTE),
        Lines([PLACES], theme.INK),
        Triangles(PLACES, is_hollow=True),
        Words([(PLACES[0], "225")], BUDGET),
    ],
)
def test_no_mark_is_cut_at_the_edge(layer: Layer) -> None:
    assert layer.trace()["cliponaxis"] is False
