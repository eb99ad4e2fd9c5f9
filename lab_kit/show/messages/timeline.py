"""Two recorded streams beside each other: what each side sent when, and which rule is broken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab_kit.core.table import Table
from lab_kit.experiments.streams.captured import read_back
from lab_kit.protocol.judge import RULES, Breach, judged
from lab_kit.protocol.judge.capture import Capture
from lab_kit.protocol.judge.seen import Closed, Finished, Happening, Result, Seen, Sound
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import BUDGET, FAINT
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

_LEFT_PX, _RIGHT_PX = 150, theme.WIDTH_PX - theme.MARGIN_PX - 20
_TOP_PX, _LANE_PX = 30, 92
_CLIENT_PX, _SERVER_PX = 14, 46
"""Of a lane's two lines, beneath its top."""
_TICK_PX = 7
_GAP_S = 0.25
"""Sound that comes so soon after the last is one stretch."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """Something that was seen, and when."""

    at_s: float
    line: int
    what: Happening


def messages(captures: Mapping[str, Capture]) -> None:
    """Draw recorded streams under each other, with what breaks a rule, and list their messages."""
    show_drawing(
        draw_messages(captures), tabulate_messages(captures), Verdict(messages_verdict(captures))
    )


def messages_verdict(captures: Mapping[str, Capture]) -> str:
    """What each stream had to say, and whether it kept the rules."""
    return " ".join(f"{name}: {_told(capture)}" for name, capture in captures.items())


def draw_messages(captures: Mapping[str, Capture]) -> Svg:
    """The picture."""
    bottom = _TOP_PX + len(captures) * _LANE_PX
    svg = Svg(
        bottom + 36,
        "Who says what, and when?",
        "For each stream a line with the client's sound and one with the server's messages.",
        ["small dot: interim", "large dot: final", "ring: about the session", "✕ connection over",
         "▲ breaks a rule"],
    )  # fmt: skip
    marks = {name: _marks(capture) for name, capture in captures.items()}
    last_s = max([one.at_s for each in marks.values() for one in each] + [1.0])
    across = Scale(0, last_s * 1.02, _LEFT_PX, _RIGHT_PX)
    axis_below(svg, across, _TOP_PX - 8, bottom, "seconds since the connection was begun")
    for number, (name, capture) in enumerate(captures.items()):
        _lane(svg, _TOP_PX + number * _LANE_PX, name, marks[name], _broken(capture), across)
    # all at once: hundreds of dots would make the file large
    for is_final, radius_px in ((False, 3), (True, 6)):
        dots = [
            (across.px(one.at_s), _TOP_PX + number * _LANE_PX + _SERVER_PX)
            for number, each in enumerate(marks.values())
            for one in each
            if isinstance(one.what, Result) and one.what.is_final == is_final
        ]
        svg.points(dots, theme.COMPUTE, radius_px)
    return svg


def tabulate_messages(captures: Mapping[str, Capture]) -> Table:
    """One line a stream."""
    head = ("stream", "interims", "finals", "other", "sound s", "ended", "rules broken")
    rows = [(name, *_figures(capture)) for name, capture in captures.items()]
    return Table("stream", head, rows, left=1)


def _lane(
    svg: Svg,
    top: float,
    name: str,
    marks: Sequence[_Mark],
    broken: Sequence[Breach],
    across: Scale,
) -> None:
    client, server = top + _CLIENT_PX, top + _SERVER_PX
    svg.text((theme.MARGIN_PX, top + 2), name, bold=True)
    for y, who in ((client, "client"), (server, "server")):
        svg.text((_LEFT_PX - 8, y + 4), who, anchor="end", role=FAINT, size_px=theme.SMALL_PX)
        svg.grid((_LEFT_PX, y), (_RIGHT_PX, y))
    for begin_s, end_s in _stretches(marks):
        width = max(2.0, across.px(end_s) - across.px(begin_s))
        svg.bar(across.px(begin_s), client - 4, width, 8, theme.NEUTRAL, "sound")
    for one in marks:
        _mark(svg, one, across, client, server)
    where = {one.line: one.at_s for one in marks}
    for breach in broken:
        x = across.px(where.get(breach.line, 0.0))
        svg.triangles([(x, server + 18)], radius_px=6)
        places = [Place((x + 11, server + 23)), Place((x - 11, server + 23), "end")]
        put(svg, breach.rule, places, role=BUDGET, bold=True)


def _mark(svg: Svg, one: _Mark, across: Scale, client: float, server: float) -> None:
    x = across.px(one.at_s)
    match one.what:
        case Sound() | Result():
            return
        case Closed(by_client=True):
            svg.crosses([(x, client)])
        case Closed():
            svg.crosses([(x, server)])
        case Finished():
            svg.rule((x, client - _TICK_PX), (x, client + _TICK_PX), FAINT, 2)
        case _:
            svg.ring((x, server), 4)


def _marks(capture: Capture) -> list[_Mark]:
    at_s = {number: line.at_ms / 1e3 for number, line in enumerate(capture.lines, 2)}
    return [_Mark(at_s[one.line], one.line, one.what) for one in _seen(capture)]


def _stretches(marks: Sequence[_Mark]) -> list[tuple[float, float]]:
    """Of sound, each from its first message to its last."""
    found: list[tuple[float, float]] = []
    for one in marks:
        if not isinstance(one.what, Sound):
            continue
        if found and one.at_s - found[-1][1] < _GAP_S:
            found[-1] = (found[-1][0], one.at_s)
        else:
            found.append((one.at_s, one.at_s))
    return found


def _told(capture: Capture) -> str:
    interims, finals, *_, broken = _figures(capture)
    said = f"{interims} interims, {finals} finals, "
    return said + (f"breaks {broken}." if broken else f"{len(RULES)} rules kept.")


def _figures(capture: Capture) -> tuple[str, str, str, str, str, str]:
    marks = _marks(capture)
    results = [one.what for one in marks if isinstance(one.what, Result)]
    finals = sum(one.is_final for one in results)
    sound_s = sum(one.what.audio_s or 0.0 for one in marks if isinstance(one.what, Sound))
    ends = [one.what for one in marks if isinstance(one.what, Closed)]
    unsaid = "by the client" if ends and ends[-1].by_client else "lost"
    ended = (ends[-1].code or unsaid) if ends else "-"
    known = (Result, Sound, Closed, Finished)
    other = sum(not isinstance(one.what, known) for one in marks)
    broken = ", ".join(dict.fromkeys(breach.rule for breach in _broken(capture)))
    return (
        str(len(results) - finals),
        str(finals),
        str(other),
        f"{sound_s:.1f}",
        ended,
        broken,
    )


def _broken(capture: Capture) -> list[Breach]:
    return judged(_seen(capture))


def _seen(capture: Capture) -> list[Seen]:
    return read_back(capture)
