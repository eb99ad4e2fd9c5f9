"""A turn of a conversation as lanes along one clock, and the silences of all its turns as dots.

What ran while the caller was still silent by rule, ahead of knowing that the turn was over, is
striped: the caller did not wait for it.
"""

from lab_kit.core.call_record import StageSpan
from lab_kit.core.table import Table
from lab_kit.core.talk_record import Conversation, TalkTurn
from lab_kit.core.units import BUDGET_S, ms, percent
from lab_kit.measure.guess import Guess
from lab_kit.measure.talk import (
    LANES,
    MODEL,
    RECOGNIZER,
    SILENCE,
    SPEECH,
    TurnStages,
    answered,
    middle_turn,
    turn_stages,
)
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing, show_picture
from lab_kit.show.draw.dots import DOT_PX, POINTERS_PX, STACK_PX, marks_of, pointers, stacked
from lab_kit.show.draw.figures import NEVER, late, percentile_ms, standing
from lab_kit.show.draw.guesses import LANE_PX, guess_lane
from lab_kit.show.draw.inks import INK
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.limits import FLAG_PX, limit_upright
from lab_kit.show.draw.room import shortened
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict, within

COLORS = {
    SILENCE: theme.SILENCE,
    RECOGNIZER: theme.COMPUTE,
    MODEL: theme.LANGUAGE,
    SPEECH: theme.SPEECH,
}
LIMIT = theme.limit_label("caller's last sound", "agent's first")
BEFORE_MS, BEHIND_MS = 250.0, 200.0
"""What is drawn of the caller's turn, and of the answer."""
_LEFT_PX, _RIGHT_PX = 132, theme.WIDTH_PX - theme.MARGIN_PX
_LANE_PX, _BAR_PX = 30, 16
_GAP_PX = 26
"""Above the lanes, for the silence and its length."""
_NEVER_PX = 80
_THINNEST_PX = 1.0


def conversation(
    held: Conversation, turn: TalkTurn | None = None, guess: Guess | None = None
) -> None:
    """Draw one turn as lanes, then the silence before every answer, and list the turns.

    Args:
        turn: which; by default the one in the middle.
        guess: what the reader expected as this turn's silence, in ms.

    Raises:
        ValueError: no turn was answered.
    """
    chosen = turn or middle_turn(held.turns)
    drawn = None if chosen is None else turn_stages(chosen, held)
    if chosen is None or drawn is None:
        raise ValueError("no turn was answered, so there is nothing to draw; see the turns' texts")
    said = None if guess is None else guess.number
    against = "" if guess is None else guess.against(round(ms(drawn.audible_s)))
    show_picture(draw_turn(held, chosen, drawn, said), turn_verdict(drawn, against))
    show_drawing(draw_silences(held), tabulate(held), silences_verdict(held))


def turn_verdict(drawn: TurnStages, guess: str = "") -> Verdict:
    """One turn's silence against 300 ms, and what most of it was, in sentences."""
    total, left = round(ms(drawn.audible_s)), ms(BUDGET_S) - round(ms(drawn.audible_s))
    word = "inside" if left >= 0 else "over"
    waited = round(ms(min(drawn.ended_s, drawn.audible_s)))
    told = (
        f"{total:,} ms of silence in this turn, {abs(left):,.0f} ms {word} the limit. "
        f"{waited:,} ms of it are waiting to be sure that the turn is over."
    )
    return Verdict(told, within(drawn.audible_s, BUDGET_S), guess)


def silences_verdict(held: Conversation) -> Verdict:
    """How many answers came within 300 ms, and what answering ahead cost, in sentences."""
    delays = late(answered(held))
    inside = sum(delay <= BUDGET_S for delay in delays)
    cost = (
        f" Of {held.begun} answers begun at a pause {held.dropped} were thrown away"
        f" ({percent(held.wasted)})."
        if held.begun
        else ""
    )
    marks = ", ".join(marks_of(delays, len(delays)))
    told = f"{inside} of {len(delays)} answers came within {ms(BUDGET_S):.0f} ms; {marks}.{cost}"
    return Verdict(told, Sign.INSIDE if inside == len(delays) else Sign.OVER)


def draw_turn(
    held: Conversation, turn: TalkTurn, drawn: TurnStages, guess: float | None = None
) -> Svg:
    """The picture of one turn; 0 is the caller's last sound."""
    top = FLAG_PX + _GAP_PX
    bottom = top + _LANE_PX * (len(LANES) + 2)
    low = bottom + (LANE_PX if guess is not None else 0)
    svg = Svg(
        low + 40,
        "How long is it silent between the caller's word and the agent's?",
        "Lanes along one clock: caller, silence, recognizer, language model, speech, agent; "
        f"the agent is heard {ms(drawn.audible_s):,.0f} ms after the caller's last sound.",
        [*_conditions(held), "striped: ran ahead"],
    )
    behind = max([drawn.audible_s, *(stage.end_s for stage in drawn.stages)])
    high = max(ms(behind) + BEHIND_MS, ms(BUDGET_S) * 1.75)
    scale = Scale(-BEFORE_MS, high, _LEFT_PX, _RIGHT_PX)
    axis_below(svg, scale, FLAG_PX, low, "milliseconds after the caller's last sound")
    limit_upright(svg, scale.px(ms(BUDGET_S)), FLAG_PX, low, scale.high_px, LIMIT)
    caller = StageSpan("caller", -BEFORE_MS / 1_000, 0.0)
    agent = StageSpan("agent", drawn.audible_s, high / 1_000)
    for lane, stage in enumerate((caller, *drawn.stages, agent)):
        _lane(svg, stage, scale, top + lane * _LANE_PX, drawn.ended_s)
    _texts(svg, turn, scale, top, bottom, drawn)
    _gap(svg, scale, drawn, top, bottom)
    if guess is not None:
        guess_lane(svg, scale, low, guess, ms(drawn.audible_s))
    return svg


def draw_silences(held: Conversation) -> Svg:
    """The silence before every answer: a dot each, a triangle beyond the limit."""
    base = FLAG_PX + 6 + STACK_PX
    bottom = base + POINTERS_PX
    delays = late(answered(held))
    svg = Svg(
        bottom + 38,
        "How long do callers wait for an answer?",
        "A dot for each turn by the silence before its answer.",
        [*_conditions(held), "● one turn", "▲ one beyond the limit"],
    )
    came = [ms(delay) for delay in delays if delay != NEVER]
    high = max([ms(BUDGET_S) * 1.7, *(delay * 1.06 for delay in came)])
    low = min(0.0, *came) if came else 0.0
    right = _RIGHT_PX - (_NEVER_PX if NEVER in delays else 0)
    scale = Scale(low, high, theme.MARGIN_PX, right)
    axis_below(svg, scale, FLAG_PX, bottom, "milliseconds: caller's last sound → agent's first")
    svg.grid((scale.low_px, base), (scale.high_px, base), is_zero=True)
    dots = list(zip(stacked(came, scale, base), came, strict=True))
    svg.points([at for at, delay in dots if delay <= ms(BUDGET_S)], theme.COMPUTE, DOT_PX)
    svg.triangles(at for at, delay in dots if delay > ms(BUDGET_S))
    limit_upright(svg, scale.px(ms(BUDGET_S)), FLAG_PX, bottom, scale.high_px, LIMIT)
    pointers(svg, delays, len(delays), scale, base)
    return svg


def tabulate(held: Conversation) -> Table:
    """A line a turn: what was said and answered, and when each step of it was done."""
    head = ("turn", "silence", "pause", "words", "clause", "sound", "turn over", "answer")
    rows = [_row(held, turn) for turn in held.turns]
    delays = late(answered(held))
    p50, p95 = (percentile_ms(delays, share) for share in (0.5, 0.95))
    notes = [
        "",
        "ms after the caller's last sound: first sign of a pause, words known, first clause"
        " written, its sound made, turn known to be over",
        f"silence  p50 {p50}, p95 {p95} ms, n = {len(delays)} {standing(len(delays))}".rstrip(),
        f"answers begun at a pause {held.begun}, thrown away {held.dropped}",
        *_conditions(held),
    ]
    return Table("turn", head, rows, notes)


def _row(held: Conversation, turn: TalkTurn) -> tuple[str, ...]:
    name, answer = shortened(turn.said, 190, 12), shortened(turn.answer, 190, 12)
    drawn = turn_stages(turn, held)
    if drawn is None:
        return (name, "never", "-", "-", "-", "-", "-", answer or "-")
    _, recognizer, model, speech = drawn.stages
    times_s = (recognizer.start_s, recognizer.end_s, model.end_s, speech.end_s, drawn.ended_s)
    told = tuple(f"{ms(each):.0f}" for each in times_s)
    return (name, f"{ms(drawn.audible_s):.0f}", *told, answer)


def _conditions(held: Conversation) -> list[str]:
    count = f"{len(held.turns)} turn{'s' if len(held.turns) != 1 else ''}"
    load = [] if held.load is None else [f"load average {held.load:.1f}"]
    return [count, held.device, *load, f"± {held.clock.error_ns / 1e6:.1f} ms clock"]


def _lane(svg: Svg, stage: StageSpan, scale: Scale, top: float, ended_s: float) -> None:
    is_end = stage.name in ("caller", "agent")
    y = top + _BAR_PX - 4
    svg.text((theme.MARGIN_PX, y), stage.name, size_px=theme.VALUE_PX, bold=is_end)
    color = COLORS.get(stage.name, theme.NEUTRAL)
    runs_ahead = stage.name in (RECOGNIZER, MODEL, SPEECH)
    told = f"{stage.name}: {ms(stage.length_s):.0f} ms"
    ahead_s = min(max(ended_s, stage.start_s), stage.end_s) if runs_ahead else stage.start_s
    for start_s, end_s, draw in (
        (stage.start_s, ahead_s, svg.hatched_bar),
        (ahead_s, stage.end_s, svg.bar),
    ):
        if end_s > start_s:
            left, right = scale.px(ms(start_s)), scale.px(ms(end_s))
            draw(left, top, max(_THINNEST_PX, right - left), _BAR_PX, color, told)
    if not is_end:
        right = scale.px(ms(stage.end_s))
        put(svg, f"{ms(stage.length_s):.0f} ms", [Place((right + 6, y))], size_px=theme.SMALL_PX)


def _texts(
    svg: Svg, turn: TalkTurn, scale: Scale, top: float, bottom: float, drawn: TurnStages
) -> None:
    """What was said, beside the caller; what was answered, beside the agent."""
    words = shortened(f"“{turn.heard}”", 330, theme.SMALL_PX)
    put(
        svg,
        words,
        [Place((scale.px(0) + 6, top + _BAR_PX - 4))],
        size_px=theme.SMALL_PX,
    )
    room = scale.px(ms(drawn.audible_s)) - _LEFT_PX - 16
    answer = shortened(f"“{turn.answer}”", room, theme.SMALL_PX)
    at = (scale.px(ms(drawn.audible_s)) - 6, bottom - _LANE_PX + _BAR_PX - 4)
    put(svg, answer, [Place(at, "end")], size_px=theme.SMALL_PX)


def _gap(svg: Svg, scale: Scale, drawn: TurnStages, top: float, bottom: float) -> None:
    """The silence between two uprights, its length on top."""
    left, right = scale.px(0), scale.px(ms(drawn.audible_s))
    y = top - 12
    for x in (left, right):
        svg.rule((x, y - 4), (x, bottom - 8), INK, 1.5)
    svg.rule((left, y), (right, y), INK, 1.5)
    told = f"{ms(drawn.audible_s):,.0f} ms"
    places = [Place(((left + right) / 2, y - 6), "middle"), Place((left - 6, y + 4), "end")]
    put(svg, told, places, size_px=theme.TOTAL_PX, bold=True)
