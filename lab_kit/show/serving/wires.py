"""Wires side by side: what each costs in one table, and how late each brought the audio."""

from collections.abc import Callable, Mapping, Sequence

from lab_kit.core.call_record import StreamCall
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.measure.calls import ENDPOINTING, INFERENCE, NETWORK_OUT, POSTPROCESSING
from lab_kit.measure.guess import Guess
from lab_kit.measure.wires import WireFigures, audio_lags_s, stall_s, wire_figures
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.figures import percentile_ms
from lab_kit.show.draw.svg import BUDGET, FAINT, Scale, Svg

_NAME_PX, _LEFT_PX = 22, 148
_BAR_PX, _GAP_PX = 92, 60
_TOP_PX, _ROW_PX, _HEIGHT_PX = 90, 30, 16
_LONGEST_MS = 900.0
"""A longer bar would make the others too short to compare; its figure stands beside it."""
_LAG_LEFT_PX, _LAG_RIGHT_PX = 84, theme.WIDTH_PX - 30
_LAG_TOP_PX, _LAG_BOTTOM_PX = 96, 320


def wires(calls: Sequence[StreamCall], title: str = "One clip over every wire") -> None:
    """Draw what each wire took, and list it."""
    figures = [wire_figures(call) for call in calls]
    show_drawing(draw_wires(figures, title), tabulate_wires(figures))


def draw_wires(figures: Sequence[WireFigures], title: str) -> str:
    """The picture as SVG; a delay that never ended has no bar."""
    bottom = _TOP_PX + _ROW_PX * len(figures)
    svg = Svg(bottom + 16, title)
    svg.text((_NAME_PX, 28), title, size_px=theme.TITLE_PX, bold=True)
    for row, each in enumerate(figures):
        svg.text((_NAME_PX, _TOP_PX + row * _ROW_PX + 13), each.wire)
    for column, (name, stage, value) in enumerate(_MEASURES):
        left = _LEFT_PX + column * (_BAR_PX + _GAP_PX)
        svg.text((left, _TOP_PX - 12), name, role=FAINT)
        known = [value(each) for each in figures]
        most = max([v for v in known if v is not None], default=1.0) or 1.0
        if name in _DELAYS:
            most = min(most, _LONGEST_MS)
        widths = [max(_BAR_PX * min((got or 0.0) / most, 1.0), 1.0) for got in known]
        tops = [_TOP_PX + row * _ROW_PX for row in range(len(known))]
        told = ["-" if got is None else f"{got:,.0f}" for got in known]
        for top, width, label, each in zip(tops, widths, told, figures, strict=True):
            color = theme.STAGE_COLORS[stage]
            svg.bar(left, top, width, _HEIGHT_PX, color, f"{each.wire}: {label}")
        if name in _IN_THE_BUDGET and most >= ms(BUDGET_S):
            x = left + _BAR_PX * ms(BUDGET_S) / most
            ends = (x, _TOP_PX - 6), (x, bottom)
            svg.rule(*ends, BUDGET, theme.BUDGET_WIDTH_PX, theme.BUDGET_DASH_PX)
        for top, width, label in zip(tops, widths, told, strict=True):
            svg.text((left + width + 5, top + 13), label, size_px=theme.SMALL_PX)
    label = theme.budget_label("the speaker stops")
    svg.text((theme.WIDTH_PX - 22, 50), label, role=BUDGET, anchor="end", bold=True)
    return svg.render()


def tabulate_wires(figures: Sequence[WireFigures]) -> str:
    """One line a wire."""
    head = ("wire", "set-up ms", "kB/s up", "kB/s down", "first result ms", "final delay ms")
    rows: list[tuple[str, ...]] = [head]
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
    return columns(rows)


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
    show_drawing(draw_lags(calls, title), tabulate_lags(calls), "\n".join(told))


def draw_lags(calls: Mapping[str, StreamCall], title: str) -> str:
    """The picture as SVG."""
    seen = {name: audio_lags_s(call) for name, call in calls.items()}
    svg = Svg(_LAG_BOTTOM_PX + 52, title)
    svg.text((22, 28), title, size_px=theme.TITLE_PX, bold=True)
    longest_s = max((at_s for each in seen.values() for at_s, _ in each), default=1.0)
    latest_s = max((lag_s for each in seen.values() for _, lag_s in each), default=0.0)
    across = Scale(0, longest_s * 1.02, _LAG_LEFT_PX, _LAG_RIGHT_PX)
    up = Scale(0, max(ms(BUDGET_S) * 1.2, ms(latest_s) * 1.1), _LAG_BOTTOM_PX, _LAG_TOP_PX)
    svg.axis_below(across, _LAG_TOP_PX, _LAG_BOTTOM_PX, "seconds of audio")
    svg.axis_left(up, _LAG_LEFT_PX, _LAG_RIGHT_PX, "lag ms")
    label = theme.budget_label("the sound was due")
    svg.budget_level(up.px(ms(BUDGET_S)), _LAG_LEFT_PX, _LAG_RIGHT_PX, 46, label)
    x = 22.0
    for color, (name, each) in zip(theme.series_colors(len(seen)), seen.items(), strict=True):
        places = [(across.px(at_s), up.px(max(0.0, ms(lag_s)))) for at_s, lag_s in each]
        svg.polyline(places, color)
        svg.points(places, color, radius_px=4)
        svg.points([(x + 5, 60)], color, radius_px=5)
        svg.text((x + 15, 64), name, role=FAINT)
        x += 34 + 7 * len(name)
    return svg.render()


def tabulate_lags(calls: Mapping[str, StreamCall]) -> str:
    """One line a call: how late audio was as a rule and at worst."""
    rows: list[tuple[str, ...]] = [("over", "audio moments", "lag p50 ms", "latest ms", "stall ms")]
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
    return columns(rows)


def _told(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _kilobytes(size_bytes: float | None) -> float | None:
    return None if size_bytes is None else size_bytes / 1000


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else ms(seconds)


_MEASURES: tuple[tuple[str, str, Callable[[WireFigures], float | None]], ...] = (
    ("set-up ms", POSTPROCESSING, lambda f: ms(f.setup_s)),
    ("kB/s up", NETWORK_OUT, lambda f: _kilobytes(f.up_bytes_per_s)),
    ("first result ms", INFERENCE, lambda f: _milliseconds(f.first_result_s)),
    ("final delay ms", ENDPOINTING, lambda f: _milliseconds(f.final_delay_s)),
)
_DELAYS = ("first result ms", "final delay ms")
_IN_THE_BUDGET = ("final delay ms",)
