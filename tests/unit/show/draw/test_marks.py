"""Limits, guesses and names: where their words stand, and what is done where there is no room."""

from xml.etree import ElementTree

import pytest
from card_faults import guess_marks, words_at

from lab_kit.show.draw import theme
from lab_kit.show.draw.guesses import guess_lane, guess_name, guess_part, guess_point
from lab_kit.show.draw.labels import Place, name_ends, name_mark, put
from lab_kit.show.draw.limits import limit_level, limit_level_of_frame, limit_upright
from lab_kit.show.draw.room import Box, Point, lines_of, shortened, text_box, text_width_px
from lab_kit.show.draw.scale import Scale, stairs
from lab_kit.show.draw.svg import Svg

SVG = "{http://www.w3.org/2000/svg}"
FLAG = "limit 300 ms: speaker stops → last final"


def drawing() -> Svg:
    return Svg(200, "Is there room?", "Marks.")


def words(svg: Svg) -> dict[str, Point]:
    """Where each text begins or ends."""
    return words_at(svg.render())


def grounds(svg: Svg) -> list[dict[str, str]]:
    rects = ElementTree.fromstring(svg.render()).iter(f"{SVG}rect")
    return [rect.attrib for rect in rects if rect.get("class") == "lk-over"]


@pytest.mark.parametrize(
    ("x", "lines"),
    [(300.0, [FLAG]), (520.0, ["limit 300 ms:", "speaker stops → last final"])],
)
def test_an_upright_limit_has_its_flag_beyond_it(x: float, lines: list[str]) -> None:
    svg = drawing()
    limit_upright(svg, x, 40, 180, 730, FLAG)
    assert sorted(words(svg)) == sorted(lines)
    assert all(left > x + 6 and y < 40 for left, y in words(svg).values())
    (ground,) = grounds(svg)
    assert float(ground["x"]) == x
    assert float(ground["x"]) + float(ground["width"]) == 730
    assert svg.has_limit


def test_a_limit_at_the_edge_has_its_flag_on_top() -> None:
    svg = drawing()
    limit_upright(svg, 700, 40, 180, 730, FLAG)
    lines = ElementTree.fromstring(svg.render()).iter(f"{SVG}line")
    top = min(float(line.attrib["y1"]) for line in lines)
    assert all(y + 6 < top for _, y in words(svg).values())


def test_a_level_limit_has_its_flag_where_no_mark_is() -> None:
    free, full = drawing(), drawing()
    limit_level(free, 100, 60, 730, 20, FLAG)
    assert words(free)[FLAG] == (66, 90.5)
    full.points([(x, 88) for x in range(60, 500, 20)], theme.COMPUTE)
    limit_level(full, 100, 60, 730, 20, FLAG)
    left, y = words(full)[FLAG]
    assert left > 480 or y < 80
    everywhere = drawing()
    everywhere.bar(60, 20, 670, 80, theme.COMPUTE, "a wall")
    limit_level(everywhere, 100, 60, 730, 20, FLAG)
    assert words(everywhere)[FLAG][1] < 20, "over the plot"


def test_a_level_limit_of_a_frame_has_its_flag_where_no_mark_will_be() -> None:
    svg = drawing()
    limit_level_of_frame(svg, 100, 60, 730, 20, FLAG)
    assert words(svg)[FLAG][1] < 20, "over the plot"
    assert len(grounds(svg)) == 1


def test_a_name_stands_right_of_its_mark_or_where_there_is_room() -> None:
    svg = drawing()
    svg.points([(300, 100)], theme.COMPUTE, 5)
    assert name_mark(svg, (300, 100), "first")
    assert name_mark(svg, (300, 100), "second")
    assert name_mark(svg, (300, 100), "third")
    placed = words(svg)
    assert placed["first"] == (309, 104)
    assert placed["second"][0] < 300, "the left is free"
    assert abs(placed["third"][1] - 104) >= 15, "on a leader"


def test_a_name_without_room_stands_in_a_legend() -> None:
    svg = drawing()
    svg.bar(0, 20, 760, 180, theme.COMPUTE, "a wall")
    assert not name_mark(svg, (300, 100), "nowhere")
    name_ends(svg, {"one": (300, 100)}, {"one": theme.COMPUTE, "never drawn": theme.QUEUE})
    assert {"one", "never drawn"} == set(words(svg))
    assert all(y < 20 for _, y in words(svg).values())
    assert put(svg, "words", [Place((300, 100))]) is None


def test_a_guess_beyond_the_axis_stands_at_its_end() -> None:
    across, up = Scale(0, 400, 24, 736), Scale(0, 400, 180, 20)
    svg = drawing()
    guess_lane(svg, across, 150, 3_000, 200)
    assert {"your guess: 3,000 ms →", "measured 200 ms"} == set(words(svg))
    svg = drawing()
    guess_point(svg, 300, up, 3_000, lambda value: f"{value:,.0f} ms", 120)
    assert set(words(svg)) == {"your guess: 3,000 ms ↑", "measured 120 ms"}
    svg = drawing()
    guess_lane(svg, across, 150, 100, 200)
    polygons = list(ElementTree.fromstring(svg.render()).iter(f"{SVG}polygon"))
    assert [p.get("fill") for p in polygons] == [theme.INK, theme.PAPER], "filled, then hollow"


def test_a_guess_that_is_a_name_stands_at_it() -> None:
    svg = drawing()
    ends = {"naive": (300.0, 60.0), "engine": (300.0, 100.0)}
    name_ends(svg, ends, dict.fromkeys(ends, theme.COMPUTE), said="engine")
    assert set(words(svg)) == {"naive", "you said engine"}
    ((x, y),) = guess_marks(svg.render())
    assert (x - 300, y) == (pytest.approx(14), 100), "between the line's end and the words"
    assert words(svg)["you said engine"][0] > x
    nobody = drawing()
    name_ends(nobody, ends, dict.fromkeys(ends, theme.COMPUTE), said="not drawn")
    assert set(words(nobody)) == set(ends)
    assert guess_marks(nobody.render()) == []


def test_a_guess_that_has_little_room_is_the_name_with_its_mark() -> None:
    svg = drawing()
    svg.bar(0, 0, 640, 200, theme.COMPUTE, "a wall")
    name_ends(svg, {"continuous": (645, 100)}, {"continuous": theme.COMPUTE}, said="continuous")
    assert set(words(svg)) == {"continuous"}
    assert len(guess_marks(svg.render())) == 1


@pytest.mark.parametrize("anchor", ["start", "end"])
def test_a_guess_that_names_a_row_stands_before_it(anchor: str) -> None:
    svg = drawing()
    svg.text((300, 100), "engine", anchor=anchor)
    guess_name(svg, "engine", (300, 100), anchor)
    ((x, y),) = guess_marks(svg.render())
    assert text_box((300, 100), "engine", theme.LABEL_PX, anchor).left - x == pytest.approx(9)
    assert y == 96


def test_a_guess_at_a_part_of_a_bar_is_beneath_it() -> None:
    svg = drawing()
    svg.bar(280, 20, 40, 20, theme.COMPUTE, "inference")
    svg.text((300, 60), "inference 40", anchor="middle")
    guess_part(svg, 300, 40, 120, "inference")
    ((x, y),) = guess_marks(svg.render())
    assert (x, y) == (300, 106)
    assert words(svg)["you said inference"][1] == pytest.approx(y, abs=6)
    (leader,) = ElementTree.fromstring(svg.render()).iter(f"{SVG}line")
    assert float(leader.attrib["y1"]) > 60, "not through the name"


def test_a_box_is_crossed_by_what_runs_through_it_only() -> None:
    box = Box(10, 10, 20, 20)
    assert box.is_crossed((0, 0), (30, 30))
    assert box.is_crossed((15, 0), (15, 30))
    assert not box.is_crossed((0, 0), (9, 30))
    assert not box.is_crossed((0, 5), (30, 5))
    assert box.meets(Box(19, 19, 30, 30))
    assert not box.meets(Box(20, 10, 30, 20))


def test_words_are_wrapped_and_shortened_to_what_fits() -> None:
    lines = lines_of("one two three four\nfive", 60, 12)
    assert " ".join(lines) == "one two three four five"
    assert lines[-1] == "five"
    assert all(text_width_px(line, 12) <= 60 for line in lines)
    assert lines_of("± 12 ms ago", 5, 12) == ["±\u00a012\u00a0ms", "ago"]
    assert shortened("short", 100, 12) == "short"
    assert text_width_px(shortened("a name that is too long", 60, 12), 12) <= 60


def test_stairs_hold_each_value_until_the_next() -> None:
    assert stairs([(0, 1), (2, 3), (4, 3)]) == [(0, 1), (2, 1), (2, 3), (4, 3)]
    assert stairs([]) == []
