"""Endpointing as a trade: how long people wait against how often they are cut off."""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms, percent
from lab_kit.experiments.sound import SilenceReport
from lab_kit.measure.guess import Guess
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.figures import percentile_ms
from lab_kit.show.draw.guesses import guess_point
from lab_kit.show.draw.inks import FAINT, INK
from lab_kit.show.draw.labels import name_mark
from lab_kit.show.draw.limits import limit_upright
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 64, theme.WIDTH_PX - theme.MARGIN_PX, 44, 280


def silences(
    reports: Sequence[SilenceReport],
    guess: Guess | None = None,
    turns: Sequence[SilenceReport] = (),
) -> None:
    """Draw every silence as a point between waiting and cutting off, and list the counts.

    Args:
        guess: the share of pauses cut that the reader expected where the wait meets 300 ms, in %.
        turns: policies of two silences, drawn apart.

    Raises:
        ValueError: nothing was measured.
    """
    if not any(report.waits_s for report in reports):
        raise ValueError("no sentence got its end with any of these silences")
    share = cut_share_within(reports, BUDGET_S)
    against = ""
    if guess is not None and share is not None:
        against = f"pauses cut within {ms(BUDGET_S):.0f} ms: {guess.against(100 * share)}"
    traded = trade_verdict(reports)
    told = "\n".join(part for part in (traded.told, verdict(reports, turns)) if part)
    drawing = draw_silences(reports, None if guess is None else guess.number, turns)
    table = tabulate_silences([*reports, *turns])
    show_drawing(drawing, table, Verdict(told, traded.sign, against))


def cut_share_within(reports: Sequence[SilenceReport], limit_s: float) -> float | None:
    """The share of pauses cut by the longest silence whose median wait is within ``limit_s``."""
    longest = _longest_within(reports, limit_s)
    return None if longest is None else longest.cut_share


def _longest_within(reports: Sequence[SilenceReport], limit_s: float) -> SilenceReport | None:
    inside = [r for r in reports if r.waits_s and percentile(r.waits_s, 0.5) <= limit_s]
    return max(inside, key=lambda r: r.silence_s, default=None)


def trade_verdict(reports: Sequence[SilenceReport]) -> Verdict:
    """What a wait within 300 ms costs in pauses, in a sentence."""
    longest = _longest_within(reports, BUDGET_S)
    if longest is None:
        told = f"None of these silences declares an end within {ms(BUDGET_S):.0f} ms (p50)."
        return Verdict(told, Sign.OVER)
    told = (
        f"Within {ms(BUDGET_S):.0f} ms of waiting (p50), {percent(longest.cut_share)} of the pauses"
    )
    cut = f"in {longest.sentences_cut} of {longest.sentences} sentences"
    return Verdict(f"{told} are taken for an end, {cut}.")


def draw_silences(
    reports: Sequence[SilenceReport],
    guess_percent: float | None = None,
    turns: Sequence[SilenceReport] = (),
) -> Svg:
    """The picture."""
    drawn = [(ms(percentile(r.waits_s, 0.5)), r) for r in reports if r.waits_s]
    notes = [f"{reports[0].pauses} pauses in {reports[0].sentences} sentences"]
    if turns:
        shorter = f"{ms(turns[0].silence_s):g} ms"
        notes.append(f"◆ {shorter} where it sounds finished, or longer")
    svg = Svg(
        _BOTTOM_PX + 40,
        "Cut off, or kept waiting?",
        "A dot for each silence: how long people wait against how often they are cut off.",
        notes,
    )
    waits = [ms(BUDGET_S) * 1.7, *(wait for wait, _ in drawn)]
    across = Scale(0, max(waits) * 1.06, _LEFT_PX, _RIGHT_PX)
    up = Scale(0, 110, _BOTTOM_PX, _TOP_PX)
    axis_below(svg, across, _TOP_PX, _BOTTOM_PX, "p50 of the wait until the end is declared, ms")
    share = "pauses inside sentences taken for an end, %"
    axis_left(svg, up, _LEFT_PX, _RIGHT_PX, share, name_y=10)
    where = [(across.px(wait), up.px(100 * r.cut_share)) for wait, r in drawn]
    svg.polyline(where, theme.SILENCE)
    svg.points(where, theme.SILENCE, 5)
    judged = [
        ((across.px(ms(percentile(r.waits_s, 0.5))), up.px(100 * r.cut_share)), r)
        for r in turns
        if r.waits_s
    ]
    svg.diamonds((at for at, _ in judged), INK, 6)
    line = theme.limit_label("speaker stops", "end declared")
    limit_upright(svg, across.px(ms(BUDGET_S)), _TOP_PX, _BOTTOM_PX, _RIGHT_PX, line)
    if guess_percent is not None:
        limit_px = across.px(ms(BUDGET_S))
        guess_point(svg, limit_px, up, guess_percent, lambda value: f"{value:.3g} %")
    for index, (at, (_, report)) in enumerate(zip(where, drawn, strict=True)):
        told = f"{ms(report.silence_s):g}{' ms of silence' if index == 0 else ''}"
        name_mark(svg, at, told, role=FAINT, bold=False)
    for at, report in judged:
        longer = ms(report.unfinished_s or report.silence_s)
        name_mark(svg, at, f"or {longer:g} ms")
    return svg


def tabulate_silences(reports: Sequence[SilenceReport]) -> Table:
    """One line a silence."""
    head = ("silence ms", "pauses cut", "of", "sentences cut", "of", "without an end")
    rows = []
    for r in reports:
        rows.append(
            (
                _named(r),
                str(r.cut),
                str(r.pauses),
                str(r.sentences_cut),
                str(r.sentences),
                str(r.merged),
                percentile_ms(r.waits_s, 0.5),
                percentile_ms(r.waits_s, 1.0),
            )
        )
    return Table("silence", (*head, "wait p50 ms", "longest ms"), rows)


def verdict(reports: Sequence[SilenceReport], turns: Sequence[SilenceReport]) -> str:
    """What judging turns changed beside the same silence alone; empty where it was not tried."""
    alone = {report.silence_s: report for report in reports}
    lines = []
    for judged in turns:
        plain = alone.get(judged.silence_s)
        if plain is None or not judged.waits_s or not plain.waits_s:
            continue
        waits = [percentile(r.waits_s, share) for share in (0.5, 0.95) for r in (plain, judged)]
        p50, judged_p50, p95, judged_p95 = (f"{ms(wait):.0f}" for wait in waits)
        lines.append(
            f"{_named(judged)} ms cut {judged.cut} pauses, {ms(plain.silence_s):g} ms alone"
            f" {plain.cut}; p50 {p50} → {judged_p50}, p95 {p95} → {judged_p95} ms."
        )
    return "\n".join(lines)


def _named(report: SilenceReport) -> str:
    if report.unfinished_s is None:
        return f"{ms(report.silence_s):g}"
    return f"{ms(report.silence_s):g} or {ms(report.unfinished_s):g}"
