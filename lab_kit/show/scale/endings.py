"""Final delays over time, and when an engine under the streams was ended, and how."""

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.scale.engines_ended import Ended, Ending, EnginesEnded
from lab_kit.measure.guess import Guess
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.limits import limit_level
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_LEFT, _RIGHT, _TOP, _BOTTOM = 72, theme.WIDTH_PX - theme.MARGIN_PX, 92, 286
_ROWS = (_TOP - 26, _TOP - 41)
"""Of the words over the uprights, above where the limit's may have to stand."""
_ANCHORS = {0: "middle", 1: "start", -1: "end"}
_MOST_MS = 5_000.0
"""Later stands at the edge; what never came is counted in words."""
LIMIT = "limit 300 ms: end of speech → final text"
WORDS = {Ending.KILLED: "killed", Ending.STOPPED: "stopped", Ending.LEAVING: "exchanged"}


def endings(seen: EnginesEnded, guess: Guess | None = None) -> None:
    """Draw what live streams noticed of engines that were ended.

    Args:
        guess: the longest final delay of a turn that ended near an ending, in ms.
    """
    worst_ms = _worst_ms(seen)
    words = "" if guess is None or worst_ms is None else guess.against(worst_ms)
    told = endings_verdict(seen)
    show_drawing(draw_endings(seen), tabulate_endings(seen), Verdict(told.told, told.sign, words))


def endings_verdict(seen: EnginesEnded) -> Verdict:
    """Whether anything was lost or came twice, and how late the latest was."""
    lost, worst_ms = seen.load.without_final, _worst_ms(seen)
    told = f"Engines ended under live streams: {len(seen.ended)}. "
    told += f"Turns without a final: {lost}; finals twice: {seen.twice}."
    if worst_ms is not None:
        told += f" The latest final near an ending came after {worst_ms:,.0f} ms."
    return Verdict(told, Sign.OVER if lost or seen.twice else Sign.INSIDE)


def draw_endings(seen: EnginesEnded) -> Svg:
    """The picture."""
    load = seen.load
    svg = Svg(
        _BOTTOM + 40,
        "What did the streams notice when their engine ended?",
        "Final delays over time, a dot a turn, and an upright line for each engine that was ended.",
        [f"{len(load.calls)} streams", f"{len(load.turns)} turns"],
    )
    shown = [(_at_s(seen, t.ended_ns), ms(t.final_delay_s), t) for t in load.turns]
    most = max([ms(BUDGET_S) * 1.4, *(min(delay, _MOST_MS) for _, delay, _ in shown)])
    across = Scale(0, max(load.plan.seconds, *(at_s for at_s, _, _ in shown), 1), _LEFT, _RIGHT)
    up = Scale(0, most * 1.08, _BOTTOM, _TOP)
    axis_below(svg, across, _TOP, _BOTTOM, "seconds since the first caller")
    axis_left(svg, up, _LEFT, _RIGHT, "final delay, ms", _TOP - 62)
    for one in seen.ended:
        x = across.px(_at_s(seen, one.at_ns))
        svg.rule((x, _ROWS[0] + 4), (x, _BOTTOM), FAINT, 1.5)
        places = [Place((x + 4 * side, y), _ANCHORS[side]) for y in _ROWS for side in _ANCHORS]
        put(svg, WORDS[one.how], places)
    near = set(map(id, seen.hit))
    for color, is_near in ((theme.NEUTRAL, False), (theme.COMPUTE, True)):
        dots = [(a, min(d, most)) for a, d, turn in shown if (id(turn) in near) is is_near]
        svg.points([(across.px(a), up.px(d)) for a, d in dots], color, 3.5)
    limit_level(svg, up.px(ms(BUDGET_S)), _LEFT, _RIGHT, _TOP, LIMIT)
    return svg


def tabulate_endings(seen: EnginesEnded) -> Table:
    """A row an ending, then the turns near one beside all others."""
    rows = [(WORDS[one.how], str(one.owed), _replaced(one)) for one in seen.ended]
    for name, turns in (("turns near one", seen.hit), ("all others", seen.spared)):
        delays = [turn.final_delay_s for turn in turns]
        told = f"{ms(percentile(delays, 0.95)):,.0f} ms" if delays else "–"
        rows.append((f"{name}: {len(delays)}", "p95", told))
    return Table("engine", ("ended", "owed then", "as many as before after"), rows)


def _replaced(one: Ended) -> str:
    return "not in this run" if one.replaced_s is None else f"{one.replaced_s:.1f} s"


def _worst_ms(seen: EnginesEnded) -> float | None:
    delays = [turn.final_delay_s for turn in seen.hit if turn.delays.final_delay_s is not None]
    return ms(max(delays)) if delays else None


def _at_s(seen: EnginesEnded, at_ns: int) -> float:
    return (at_ns - seen.load.began_ns) / 1e9
