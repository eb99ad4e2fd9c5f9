"""One recording on three ways: when its text was there, and what the server's memory grew by.

A minute of difference and a tenth of a second stand side by side, so time is drawn by its powers
of ten, which the axis says.
"""

import math
from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.experiments.api.ways import Way, WayTaken
from lab_kit.measure.guess import Guess, told
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT, INK
from lab_kit.show.draw.labels import Place
from lab_kit.show.draw.room import Point, text_box
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

REQUEST_UP_TO_S, OPERATION_FROM_S = 1.0, 10.0
"""The rule of lab 07 for p99: below the one a request, beyond the other an operation."""
_LEFT_PX, _RIGHT_PX = 150, 560
_MEMORY_PX, _MEMORY_END_PX = 610, theme.WIDTH_PX - theme.MARGIN_PX - 46
_TOP_PX, _HEAD_PX, _ROW_PX = 30, 26, 24
_NAMES = {Way.REQUEST: "request", Way.OPERATION: "operation", Way.STREAM: "stream"}
_MB = 1e6


def ways(taken: Sequence[WayTaken], guess: Guess | None = None) -> None:
    """Draw what each recording took on each way, and list it.

    Args:
        guess: what the reader expects of the second recording as a request, in seconds.
    """
    guessed = _guessed(taken)
    words = ""
    if guess is not None and guessed is not None:
        words = guess.against(math.inf if guessed.all_text_s is None else guessed.all_text_s)
    said_s = None if guess is None else guess.number
    verdict = Verdict(ways_verdict(taken), Sign.NONE, words)
    show_drawing(draw_ways(taken, said_s), tabulate_ways(taken), verdict)


def ways_verdict(taken: Sequence[WayTaken]) -> str:
    """What became of each recording as a request, and where the rule puts it."""
    return " ".join(
        _said_of(audio_s, [one for one in taken if one.audio_s == audio_s])
        for audio_s in _lengths(taken)
    )


def _said_of(audio_s: float, taken: Sequence[WayTaken]) -> str:
    found = {one.way: one for one in taken}
    request, operation = found.get(Way.REQUEST), found.get(Way.OPERATION)
    length = f"{audio_s:,.0f} s of speech"
    if request is not None and request.all_text_s is not None:
        return f"{length}: {_seconds(request.all_text_s)} as a request, so {rule(request)}."
    status = "" if request is None or request.refusal is None else _status(request)
    said = f"{length}: refused as a request{status}"
    if operation is None or operation.all_text_s is None or operation.connected_s is None:
        return f"{said}."
    return (
        f"{said}; as an operation {_seconds(operation.all_text_s)}, and the client needed its"
        f" connection for {_seconds(operation.connected_s)} of them."
    )


def rule(request: WayTaken) -> str:
    """Where the rule puts a recording, by one run of it as a request."""
    took_s = request.all_text_s or math.inf
    if took_s < REQUEST_UP_TO_S:
        return "a request will do"
    return "an operation" if took_s > OPERATION_FROM_S else "either would do"


def draw_ways(taken: Sequence[WayTaken], said_s: float | None = None) -> Svg:
    """The picture.

    Args:
        said_s: what the reader expects of the second recording as a request.
    """
    rows = _rows(taken)
    bottom = _TOP_PX + sum(_HEAD_PX if row is None else _ROW_PX for _, row in rows)
    svg = Svg(
        bottom + 40,
        "When is the text there, and what does the server hold meanwhile?",
        "For each recording and each way a dot where all text was there, a tick at its first words,"
        " and a bar for the server's memory.",
        ["│ first words", "● all text", "○ computed, not measured", "✕ refused", "one run each"],
    )
    across = _log_axis(svg, taken, bottom)
    most = max([one.grown_bytes or 0 for one in taken] + [1])
    memory = Scale(0, most, _MEMORY_PX, _MEMORY_END_PX)
    svg.text((_MEMORY_PX, 12), "server grew by, MB", role=FAINT)
    svg.grid((_MEMORY_PX, _TOP_PX), (_MEMORY_PX, bottom), is_zero=True)
    guessed = _guessed(taken)
    y = float(_TOP_PX)
    for name, row in rows:
        if row is None:
            svg.text((theme.MARGIN_PX, y + 17), name, bold=True)
            y += _HEAD_PX
            continue
        svg.text((theme.MARGIN_PX + 10, y + 15), name)
        if row is not guessed or said_s is None:
            _draw_row(svg, across, memory, row, y + 11)
        else:
            mark = _guess_mark(svg, across, said_s, row.all_text_s, y + 11)
            is_right = row.all_text_s is not None and said_s > row.all_text_s
            _draw_row(svg, across, memory, row, y + 11, is_led_right=is_right)
            _guess_words(svg, across, said_s, mark)
        y += _ROW_PX
    return svg


def tabulate_ways(taken: Sequence[WayTaken]) -> Table:
    """One line a recording and way."""
    head = ("recording", "as", "first words s", "all text s", "connected s", "server grew by MB")
    rows = [
        (
            f"{one.audio_s:,.0f} s",
            _NAMES[one.way],
            *(_cell(one, seconds) for seconds in (one.first_words_s, one.all_text_s)),
            _cell(one, one.connected_s),
            "-" if one.grown_bytes is None else f"{one.grown_bytes / _MB:,.0f}",
        )
        for one in taken
    ]
    notes = ["", "*: computed from the length of the speech and a shorter stream, not measured"]
    return Table("way", head, rows, notes, left=2)


def _log_axis(svg: Svg, taken: Sequence[WayTaken], bottom: float) -> Scale:
    seen = [s for one in taken for s in (one.first_words_s, one.all_text_s) if s is not None]
    low = math.floor(math.log10(min([*seen, REQUEST_UP_TO_S]) / 1.2))
    high = math.ceil(math.log10(max([*seen, OPERATION_FROM_S]) * 1.2))
    across = Scale(low, high, _LEFT_PX, _RIGHT_PX)
    for power in range(low, high + 1):
        x = across.px(power)
        svg.grid((x, _TOP_PX), (x, bottom))
        told = f"{10.0**power:,g}"
        svg.text((x, bottom + 16), told, anchor="middle", role=FAINT, size_px=theme.SMALL_PX)
    name = "seconds from the client's beginning; each line is ten times the one before"
    svg.text((_RIGHT_PX, bottom + 32), name, anchor="end", role=FAINT, size_px=theme.SMALL_PX)
    for limit_s, told, anchor in (
        (REQUEST_UP_TO_S, "a request, up to here", "end"),
        (OPERATION_FROM_S, "an operation, from here", "start"),
    ):
        x = across.px(math.log10(limit_s))
        svg.rule((x, _TOP_PX - 6), (x, bottom), FAINT, 1.4, "2 4")
        where = (x, 12)
        svg.text(where, told, role=FAINT, size_px=theme.SMALL_PX, anchor=anchor)
    return across


def _draw_row(
    svg: Svg,
    across: Scale,
    memory: Scale,
    row: WayTaken,
    y: float,
    *,
    is_led_right: bool = False,
) -> None:
    """A recording on one way; where a line leads to the right, its words go to the left."""
    if row.grown_bytes is not None:
        end = max(memory.px(row.grown_bytes), _MEMORY_PX + 1)
        told = f"{row.grown_bytes / _MB:,.0f}"
        svg.bar(_MEMORY_PX, y - 6, end - _MEMORY_PX, 12, theme.COMPUTE, f"{told} MB")
        svg.text((end + 6, y + 4), told, bold=True)
    if row.all_text_s is None:
        svg.crosses([(_LEFT_PX + 10, y)])
        told = "refused" + _status(row).replace(" with", ":")
        svg.text((_LEFT_PX + 22, y + 4), told, bold=True)
        return
    end = across.px(math.log10(row.all_text_s))
    first = row.first_words_s
    if first is not None and first < row.all_text_s:
        start = across.px(math.log10(first))
        svg.polyline([(start, y), (end, y)], theme.COMPUTE)
        svg.rule((start, y - 6), (start, y + 6), INK, 2)
    svg.points([(end, y)], theme.COMPUTE, 4.5, is_hollow=not row.is_measured)
    places = [Place((end + 10, y + 4)), Place((end - 10, y + 4), "end")]
    places = places[::-1] if is_led_right else places
    _put_over_lines(svg, _seconds(row.all_text_s), places, INK, bold=True)


def _guess_mark(svg: Svg, across: Scale, said_s: float, outcome_s: float | None, y: float) -> Point:
    """The reader's guess, and the bar to what came out, which is the error; where it stands."""
    at = math.log10(said_s) if said_s > 0 else across.low
    x = across.px(min(max(at, across.low), across.high))
    if outcome_s is not None:
        svg.rule((x, y), (across.px(math.log10(outcome_s)), y), INK, 1.5)
    svg.diamonds([(x, y)], is_hollow=True)
    return x, y


def _guess_words(svg: Svg, across: Scale, said_s: float, mark: Point) -> None:
    """Beside the mark, when the row's own marks and words are there; beyond the axis an arrow."""
    is_right, is_left = said_s > 10**across.high, said_s < 10**across.low
    label = f"your guess: {told(said_s, 's')}{' →' if is_right else ' ←' if is_left else ''}"
    x, y = mark
    sides = [Place((x + 11, y + 4)), Place((x - 11, y + 4), "end")]
    _put_over_lines(svg, label, sides, FAINT)


def _put_over_lines(
    svg: Svg, text: str, places: Sequence[Place], role: str, *, bold: bool = False
) -> None:
    """Write a text at the first place that is free of marks and words; a grid's line may cross it.

    Here the rule's two lines cross all rows, and every text has a halo.
    """
    for place in places:
        box = text_box(place.where, text, theme.LABEL_PX, place.anchor, bold=bold)
        if box.right < _MEMORY_PX - 4 and not any(map(box.meets, svg.room.boxes)):
            svg.text(place.where, text, role=role, anchor=place.anchor, bold=bold)
            return


def _guessed(taken: Sequence[WayTaken]) -> WayTaken | None:
    requests = [one for one in taken if one.way is Way.REQUEST]
    return requests[1] if len(requests) > 1 else None


def _rows(taken: Sequence[WayTaken]) -> list[tuple[str, WayTaken | None]]:
    rows: list[tuple[str, WayTaken | None]] = []
    for audio_s in _lengths(taken):
        rows.append((f"{audio_s:,.0f} s of speech", None))
        rows += [(_NAMES[one.way], one) for one in taken if one.audio_s == audio_s]
    return rows


def _lengths(taken: Sequence[WayTaken]) -> list[float]:
    return list(dict.fromkeys(one.audio_s for one in taken))


def _status(row: WayTaken) -> str:
    return "" if row.refusal is None else f" with {row.refusal.http_status}"


def _cell(row: WayTaken, seconds: float | None) -> str:
    if seconds is None:
        return "refused" if row.refusal is not None else "-"
    return f"{seconds:,.2f}{'' if row.is_measured else '*'}"


def _seconds(seconds: float) -> str:
    digits = 2 if seconds < 1 else 1 if seconds < 100 else 0
    return f"{seconds:,.{digits}f} s"
