"""Wires side by side: what each costs in one table, and how late each brought the audio."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lab_kit.core.call_record import StreamCall
from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.measure.guess import Guess
from lab_kit.measure.wires import WireFigures, audio_lags_s, stall_s, wire_figures
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.bars import Quantity, compare_bars, height_of
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.figures import percentile_ms
from lab_kit.show.draw.labels import name_ends
from lab_kit.show.draw.limits import whole_budget_level
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale, stairs
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_NAMES_PX = 136
_LONGEST_MS = 900.0
"""A longer bar would make the others too short to compare; its figure stands beside it."""
_FINALS = theme.limit_label("speaker stops", "last final")
_LEFT_PX, _RIGHT_PX = 64, theme.WIDTH_PX - theme.MARGIN_PX - 70
_TOP_PX, _BOTTOM_PX = 26, 230


def wires(
    calls: Sequence[StreamCall],
    title: str = "One clip over every wire",
    guess: Guess | None = None,
) -> None:
    """Draw what each wire took, and list it.

    Args:
        guess: the wire that the reader chose; only the caller knows what it is held against.
    """
    figures = [wire_figures(call) for call in calls]
    drawing = draw_wires(figures, title, "" if guess is None else guess.choice)
    show_drawing(drawing, tabulate_wires(figures), wires_verdict(figures))


def wires_verdict(figures: Sequence[WireFigures]) -> Verdict:
    """Whose finals were within 300 ms, in a sentence."""
    came = {f.wire: ms(f.final_delay_s) for f in figures if f.final_delay_s is not None}
    if not came:
        return Verdict("No wire brought a final.", Sign.UNSAID)
    first, last = (choose(came, key=lambda wire: came[wire]) for choose in (min, max))
    inside = sum(delay <= ms(BUDGET_S) for delay in came.values())
    told = f"{inside} of {len(figures)} wires brought their finals within {ms(BUDGET_S):.0f} ms: "
    told += f"{first} after {came[first]:,.0f} ms, "
    told += f"{last} after {came[last]:,.0f} ms." if first != last else "no other brought any."
    return Verdict(told, Sign.INSIDE if inside == len(figures) else Sign.OVER)


def draw_wires(figures: Sequence[WireFigures], title: str, said: str = "") -> Svg:
    """The picture; a delay that never ended has no bar.

    Args:
        said: the wire that the reader chose.
    """
    final_ms = [_milliseconds(f.final_delay_s) for f in figures]
    known = [delay for delay in final_ms if delay is not None]
    most = min(max([ms(BUDGET_S) * 1.5, *known]), _LONGEST_MS)
    first_ms = [_milliseconds(f.first_result_s) for f in figures]
    quantities = [
        _quantity("set-up, ms", [ms(f.setup_s) for f in figures]),
        _quantity("kB/s up", [_kilobytes(f.up_bytes_per_s) for f in figures]),
        _quantity("first result, ms", first_ms, most=_LONGEST_MS),
        _quantity("final delay, ms", final_ms, most=most, limit=_FINALS, wide=2.2),
    ]
    svg = Svg(
        height_of(len(figures), quantities),
        "What does each wire cost, and when is the text back?",
        f"{title}: for each wire bars for its set-up, its bytes and its delays.",
        [title],
    )
    compare_bars(svg, [each.wire for each in figures], quantities, _NAMES_PX, said=said)
    return svg


def tabulate_wires(figures: Sequence[WireFigures]) -> Table:
    """One line a wire."""
    head = ("wire", "set-up ms", "kB/s up", "kB/s down", "first result ms", "final delay ms")
    rows = []
    for each in figures:
        rows.append(
            (
                each.wire,
                _told(ms(each.setup_s)),
                _told(_kilobytes(each.up_bytes_per_s), 1),
                _told(_kilobytes(each.down_bytes_per_s), 1),
                "never" if each.first_result_s is None else _told(ms(each.first_result_s)),
                "never" if each.final_delay_s is None else _told(ms(each.final_delay_s)),
            )
        )
    return Table("wire", head, rows)


def lags(
    calls: Mapping[str, StreamCall], title: str, guesses: Mapping[str, Guess] | None = None
) -> None:
    """Draw how late the audio of each result reached the server, one line a call.

    Args:
        guesses: what the reader expected as the longest stall in ms, for each name.
    """
    told = []
    for name, guess in (guesses or {}).items():
        stall = stall_s(calls[name])
        told += [f"{name}, stall: {guess.against(ms(stall))}"] if stall is not None else []
    verdict = replace(lags_verdict(calls), guess="\n".join(told))
    show_drawing(draw_lags(calls, title), tabulate_lags(calls), verdict)


def lags_verdict(calls: Mapping[str, StreamCall]) -> Verdict:
    """How late the latest sound of each call was."""
    latest = {
        name: max(lag_s for _, lag_s in seen)
        for name, call in calls.items()
        if (seen := audio_lags_s(call))
    }
    if not latest:
        return Verdict("No call led to a result, so nobody saw its sound arrive.", Sign.UNSAID)
    told = ", ".join(f"{name} {ms(lag_s):,.0f} ms" for name, lag_s in latest.items())
    return Verdict(f"The latest sound of each: {told}.")


def draw_lags(calls: Mapping[str, StreamCall], title: str) -> Svg:
    """The picture; a lag holds until the next is seen, so that a stall is a jump."""
    seen = {name: audio_lags_s(call) for name, call in calls.items()}
    svg = Svg(
        _BOTTOM_PX + 40,
        "How late did the sound reach the server?",
        f"{title}: a line for each of {', '.join(calls)}.",
        [title],
    )
    longest_s = max((at_s for each in seen.values() for at_s, _ in each), default=1.0)
    latest_s = max((lag_s for each in seen.values() for _, lag_s in each), default=0.0)
    across = Scale(0, longest_s * 1.02, _LEFT_PX, _RIGHT_PX)
    up = Scale(0, max(ms(BUDGET_S) * 1.2, ms(latest_s) * 1.1), _BOTTOM_PX, _TOP_PX)
    axis_below(svg, across, _TOP_PX, _BOTTOM_PX, "seconds of audio")
    axis_left(svg, up, _LEFT_PX, _RIGHT_PX, "ms after the sound was due")
    ends: dict[str, Point] = {}
    for color, (name, each) in zip(theme.series_colors(len(seen)), seen.items(), strict=True):
        places = [(across.px(at_s), up.px(max(0.0, ms(lag_s)))) for at_s, lag_s in each]
        svg.polyline(stairs(places), color)
        svg.points(places, color, radius_px=3.3)
        ends |= {name: places[-1]} if places else {}
    whole_budget_level(svg, up, _LEFT_PX, _RIGHT_PX)
    name_ends(svg, ends, dict(zip(seen, theme.series_colors(len(seen)), strict=True)))
    return svg


def tabulate_lags(calls: Mapping[str, StreamCall]) -> Table:
    """One line a call: how late audio was as a rule and at worst."""
    head = ("over", "audio moments", "lag p50 ms", "latest ms", "stall ms")
    rows = []
    for name, call in calls.items():
        late = [lag_s for _, lag_s in audio_lags_s(call)]
        stall = stall_s(call)
        rows.append(
            (
                name,
                str(len(late)),
                percentile_ms(late, 0.5),
                percentile_ms(late, 1.0),
                "-" if stall is None else f"{ms(stall):.0f}",
            )
        )
    return Table("call", head, rows)


def _told(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _kilobytes(size_bytes: float | None) -> float | None:
    return None if size_bytes is None else size_bytes / 1000


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else ms(seconds)


def _quantity(
    head: str,
    values: Sequence[float | None],
    most: float | None = None,
    limit: str = "",
    wide: float = 1.0,
) -> Quantity:
    """A column; a value beyond ``most`` is drawn as wide as that."""
    known = max((value for value in values if value is not None), default=0.0)
    told = ["-" if value is None else f"{value:,.0f}" for value in values]
    full = None if most is None else most if limit else min(most, known)
    return Quantity(head, values, told, full, limit, wide)
