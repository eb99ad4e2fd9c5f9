"""Streams on replicas: the ways to them, what a loss costs, and where streams are over time."""

from collections.abc import Mapping, Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.scale.disturbed import Disturbed
from lab_kit.measure.guess import Guess
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.bars import Quantity, compare_bars, height_of
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.scale import Scale, stairs
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict, within

_LEFT, _RIGHT, _TOP, _BOTTOM = 72, theme.WIDTH_PX - theme.MARGIN_PX, 44, 214
_NAMES_PX = 150
WAYS_LIMIT = "limit 300 ms: end of speech → final text"


def round_trips(times_s: Mapping[str, Sequence[float]], guess: Guess | None = None) -> None:
    """Draw the round trips of chunks by several ways, each by its name; the last is in question.

    Args:
        guess: the last way's p50, in ms.
    """
    last = list(times_s)[-1]
    words = "" if guess is None else guess.against(ms(percentile(times_s[last], 0.5)))
    told = round_trips_verdict(times_s)
    show_drawing(
        draw_round_trips(times_s), _ways_table(times_s), Verdict(told.told, told.sign, words)
    )


def round_trips_verdict(times_s: Mapping[str, Sequence[float]]) -> Verdict:
    """What the last way costs beside the first."""
    (first, ours), *_, (last, theirs) = times_s.items()
    told = f"A chunk there and back: {_ms(ours, 0.5)} {first} and {_ms(theirs, 0.5)} {last}, p50;"
    told += f" {_ms(ours, 0.99)} and {_ms(theirs, 0.99)}, p99."
    return Verdict(told, within(percentile(theirs, 0.99), BUDGET_S))


def draw_round_trips(times_s: Mapping[str, Sequence[float]]) -> Svg:
    """The picture."""
    shares = (0.5, 0.95, 0.99)
    most = max(ms(BUDGET_S) * 1.2, *(ms(percentile(t, 0.99)) for t in times_s.values()))
    quantities = [
        Quantity(
            f"p{100 * share:.0f}, ms",
            [ms(percentile(t, share)) for t in times_s.values()],
            [f"{ms(percentile(t, share)):,.0f}" for t in times_s.values()],
            most,
            WAYS_LIMIT if share == shares[-1] else "",
            2.0 if share == shares[-1] else 1.0,
        )
        for share in shares
    ]
    svg = Svg(
        height_of(len(times_s), quantities),
        "What does the way to a replica cost?",
        "For each way the median, 95th and 99th percentile of a chunk's round trip.",
        [f"{len(next(iter(times_s.values()))):,} chunks each"],
    )
    compare_bars(svg, list(times_s), quantities, _NAMES_PX, chosen=len(times_s) - 1)
    return svg


def _ways_table(times_s: Mapping[str, Sequence[float]]) -> Table:
    rows = [(n, *(_ms(t, share) for share in (0.5, 0.95, 0.99))) for n, t in times_s.items()]
    return Table("way", ("", "p50", "p95", "p99"), rows)


def disturbances(runs: Mapping[str, Disturbed], guess: Guess | None = None) -> None:
    """Draw what the same event cost callers of several kinds, each run by its name.

    Args:
        guess: the run that left most utterances without a final.
    """
    worst = max(runs, key=lambda name: runs[name].unheard)
    words = "" if guess is None else guess.against(worst)
    told = disturbances_verdict(runs)
    drawing = draw_disturbances(runs, "" if guess is None else guess.choice)
    show_drawing(drawing, _runs_table(runs), Verdict(told.told, told.sign, words))


def disturbances_verdict(runs: Mapping[str, Disturbed]) -> Verdict:
    """Who lost what."""
    told = "; ".join(
        f"{name}: {run.unheard} utterances without a final, {run.twice} finals twice"
        for name, run in runs.items()
    )
    return Verdict(f"{told}.", Sign.NONE)


def draw_disturbances(runs: Mapping[str, Disturbed], said: str = "") -> Svg:
    """The picture."""
    found = list(runs.values())
    counts = [
        ("streams cut", [run.cut for run in found]),
        ("began again", [run.begun_again for run in found]),
        ("without a final", [run.unheard for run in found]),
        ("finals twice", [run.twice for run in found]),
    ]
    quantities = [Quantity(h, values, [f"{v:,}" for v in values]) for h, values in counts]
    svg = Svg(
        height_of(len(found), quantities),
        "What did it cost the callers?",
        "For each run the streams that were cut and that began again, and the utterances that have"
        " no final, or two.",
        [f"{len(run.callers)} streams: {name}" for name, run in runs.items()],
    )
    compare_bars(svg, list(runs), quantities, _NAMES_PX, said=said)
    return svg


def _runs_table(runs: Mapping[str, Disturbed]) -> Table:
    rows = [
        (name, *(f"{n:,}" for n in (r.cut, r.begun_again, r.unheard, r.twice)), _latest(r))
        for name, r in runs.items()
    ]
    head = ("", "streams cut", "began again", "without a final", "finals twice", "latest final")
    return Table("run", head, rows)


def moves(run: Disturbed, guess: Guess | None = None) -> None:
    """Draw how many streams each replica held, look by look.

    Args:
        guess: replicas at the end.
    """
    words = "" if guess is None else guess.against(run.replicas[-1][1])
    told = moves_verdict(run)
    show_drawing(draw_moves(run), _moves_table(run), Verdict(told.told, told.sign, words))


def moves_verdict(run: Disturbed) -> Verdict:
    """How many replicas came, and when, and how many streams changed theirs."""
    first, last = run.replicas[0], run.replicas[-1]
    most = max(count for _, count in run.replicas)
    when_s = next(at_s for at_s, count in run.replicas if count == most)
    told = f"{first[1]} replicas at first, {most} after {when_s:.1f} s, {last[1]} at the end;"
    told += f" {run.begun_again} of {len(run.callers)} streams changed theirs."
    return Verdict(told, Sign.NONE)


def draw_moves(run: Disturbed) -> Svg:
    """The picture."""
    names = _names(run)
    most = max([1, *(n for look in run.looks for n in look.streams.values())])
    svg = Svg(
        _BOTTOM + 40,
        "Which replica holds the streams?",
        "For each replica a line of the streams that it says it has, over time.",
        [f"{len(run.callers)} streams", f"{len(names)} replicas in all"],
    )
    across = Scale(0, max(1.0, run.looks[-1].at_s), _LEFT, _RIGHT)
    up = Scale(0, most * 1.25, _BOTTOM, _TOP)
    axis_below(svg, across, _TOP, _BOTTOM, "seconds since the first caller")
    axis_left(svg, up, _LEFT, _RIGHT, "streams on a replica", _TOP - 26)
    if run.at_s is not None:
        x = across.px(run.at_s)
        svg.rule((x, _TOP), (x, _BOTTOM), FAINT, 1.5)
    colors = theme.series_colors(len(names))
    for row, (name, color) in enumerate(zip(names, colors, strict=True)):
        held = [(look.at_s, look.streams[name]) for look in run.looks if name in look.streams]
        # side by side where they hold the same
        shift_px = 2.5 * (row - (len(names) - 1) / 2)
        where = [(across.px(a), up.px(n) + shift_px) for a, n in stairs(held)]
        svg.polyline(where, color)
        svg.points(where[:1], color, 4)
    return svg


def _moves_table(run: Disturbed) -> Table:
    rows = []
    for name in _names(run):
        held = [(look.at_s, look.streams[name]) for look in run.looks if name in look.streams]
        seen = f"{held[0][0]:.1f} to {held[-1][0]:.1f} s"
        rows.append((name, seen, str(max(n for _, n in held)), str(held[-1][1])))
    return Table("replica", ("", "there", "most streams", "streams at the end"), rows)


def _names(run: Disturbed) -> list[str]:
    return list(dict.fromkeys(name for look in run.looks for name in look.streams))


def _latest(run: Disturbed) -> str:
    delays = [delay_s for one in run.callers for delay_s in one.final_delays_s]
    return f"{ms(max(delays)):,.0f} ms" if delays else "–"


def _ms(times_s: Sequence[float], share: float) -> str:
    return f"{ms(percentile(times_s, share)):,.0f} ms"
