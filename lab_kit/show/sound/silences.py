"""Endpointing as a trade: how long people wait against how often they are cut off."""

from collections.abc import Sequence

from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.sound import SilenceReport
from lab_kit.measure.guess import Guess
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.figures import percentile_ms
from lab_kit.show.draw.svg import FAINT, INK, Scale, Svg

_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 84, theme.WIDTH_PX - 30, 108, 342


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
    told = verdict(reports, turns)
    share = cut_share_within(reports, BUDGET_S)
    if guess is not None and share is not None:
        told += f"\npauses cut within {ms(BUDGET_S):.0f} ms: {guess.against(100 * share)}"
    drawing = draw_silences(reports, None if guess is None else guess.number, turns)
    show_drawing(drawing, tabulate_silences([*reports, *turns]), told)


def cut_share_within(reports: Sequence[SilenceReport], limit_s: float) -> float | None:
    """The share of pauses cut by the longest silence whose median wait is within ``limit_s``."""
    within = [r for r in reports if r.waits_s and percentile(r.waits_s, 0.5) <= limit_s]
    return max(within, key=lambda r: r.silence_s).cut_share if within else None


def draw_silences(
    reports: Sequence[SilenceReport],
    guess_percent: float | None = None,
    turns: Sequence[SilenceReport] = (),
) -> str:
    """The picture as SVG."""
    svg = Svg(_BOTTOM_PX + 52, "Pauses taken for an end against waiting")
    svg.text((22, 28), "Cut off, or kept waiting", size_px=theme.TITLE_PX, bold=True)
    drawn = [(ms(percentile(r.waits_s, 0.5)), r) for r in reports if r.waits_s]
    across = Scale(
        0, max(ms(BUDGET_S) * 1.2, *(wait for wait, _ in drawn)) * 1.06, _LEFT_PX, _RIGHT_PX
    )
    up = Scale(0, 1.15, _BOTTOM_PX, _TOP_PX)
    svg.axis_below(
        across, _TOP_PX, _BOTTOM_PX, "ms from the speaker's end until it is declared, p50"
    )
    svg.axis_left(up, _LEFT_PX, _RIGHT_PX, "")
    what = "upwards: share of the pauses inside sentences that were taken for the sentence's end"
    svg.text((22, 48), what, role=FAINT)
    if turns:
        shorter = f"{ms(turns[0].silence_s):g} ms"
        svg.text((22, 66), f"◆ {shorter} where it sounds finished, or longer", role=FAINT)
    line = theme.budget_label("the speaker stops")
    svg.budget_upright(across.px(ms(BUDGET_S)), _TOP_PX, _BOTTOM_PX, line)
    color = theme.STAGE_COLORS["endpointing"]
    where = [(across.px(wait), up.px(r.cut_share)) for wait, r in drawn]
    svg.polyline(where, color, 2)
    svg.points(where, color, 5)
    for (x, y), (_, report) in zip(where, drawn, strict=True):
        svg.text((x + 8, y - 8), f"{ms(report.silence_s):g}", role=FAINT, size_px=theme.SMALL_PX)
    for report in turns:
        if report.waits_s:
            x, y = across.px(ms(percentile(report.waits_s, 0.5))), up.px(report.cut_share)
            svg.diamonds([(x, y)], INK, 6)
            told = f"or {ms(report.unfinished_s or report.silence_s):g}"
            svg.text((x - 10, y + 4), told, role=INK, size_px=theme.SMALL_PX, anchor="end")
    if guess_percent is not None:
        svg.guess_point(across.px(ms(BUDGET_S)), up, guess_percent / 100, f"{guess_percent:g} %")
    return svg.render()


def tabulate_silences(reports: Sequence[SilenceReport]) -> str:
    """One line a silence."""
    head = ("silence ms", "pauses cut", "of", "sentences cut", "of", "without an end")
    rows: list[tuple[str, ...]] = [(*head, "wait p50 ms", "longest ms")]
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
    return columns(rows)


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
        fewer = "fewer" if judged.cut < plain.cut else "not fewer"
        lines.append(
            f"{_named(judged)}: {fewer} pauses cut than with {ms(plain.silence_s):g} ms alone,"
            f" {judged.cut} for {plain.cut}; the wait's p50 went from {p50} to {judged_p50} ms,"
            f" its p95 from {p95} to {judged_p95} ms"
        )
    return "\n".join(lines)


def _named(report: SilenceReport) -> str:
    if report.unfinished_s is None:
        return f"{ms(report.silence_s):g}"
    return f"{ms(report.silence_s):g} or {ms(report.unfinished_s):g}"
