"""A reader's first call: a button that starts the time, and what was tried until one succeeded."""

import ipywidgets as widgets

from lab_kit.core.table import Table
from lab_kit.experiments.contracts.first_call import Attempts, FirstCall
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing, show_html
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.draw.widget_output import WidgetOutput
from lab_kit.show.live.attended import can_click

_MINUTE_S = 60.0
_LEFT_PX, _RIGHT_PX = theme.MARGIN_PX + 12, theme.WIDTH_PX - theme.MARGIN_PX - 12
_TOP_PX, _LANE_PX = 18, 64
_BEYOND = 3.0
"""A guess that is further than so many times the run stands at the end, with an arrow."""
_LEAST_S = 10.0
_MOST_ROWS = 20
_APART_PX = 5


def stopwatch(first: FirstCall) -> None:
    """A button that starts the time and tells the key; anew with each click.

    Where nobody can click, nothing starts.
    """
    if not can_click():
        show_html("<p>Nobody can click here, so no time runs.</p>", "Nobody can click here.")
        return
    button = widgets.Button(description="Start", icon="play")
    told = widgets.HTML()

    def clicked(_: object) -> None:
        first.start()
        button.description = "Start anew"
        told.value = (
            f"The time runs. Server: <code>{first.url}</code> Key: <code>{first.key.key}</code>"
        )

    button.on_click(clicked)
    WidgetOutput(widgets.HBox([button, told]), "Run this cell for a button that starts the time.")


def first_call(found: Attempts, guess: Guess | None = None) -> None:
    """Draw what was tried since the start.

    Args:
        guess: minutes until the first call that succeeds.
    """
    first_s = found.first_s
    words = ""
    if guess is not None and first_s is not None:
        words = guess.against(first_s / _MINUTE_S)
    told = first_call_verdict(found)
    if found.waited_s is None:
        show_html(f"<p>{told.told}</p>", told.told)
        return
    minutes = None if guess is None else guess.number
    drawing = draw_first_call(found, minutes)
    show_drawing(drawing, tabulate_first_call(found), Verdict(told.told, told.sign, words))


def first_call_verdict(found: Attempts) -> Verdict:
    """When the first one succeeded, and what came before."""
    if found.waited_s is None:
        return Verdict("The time was not started, so there is nothing to tell.", Sign.UNSAID)
    failed = len(found.before)
    tried = "1 call failed" if failed == 1 else f"{failed or 'no'} calls failed"
    if found.first_s is None:
        return Verdict(f"No call has succeeded in {_time(found.waited_s)}; {tried}.", Sign.UNSAID)
    return Verdict(f"The first call succeeded after {_time(found.first_s)}; {tried} before.")


def draw_first_call(found: Attempts, guess_min: float | None = None) -> Svg:
    """The picture; for one whose time was started."""
    first_s = found.first_s
    last_s = max(first_s or found.waited_s or 0.0, _LEAST_S)
    high_s = max(last_s, min((guess_min or 0.0) * _MINUTE_S, _BEYOND * last_s)) * 1.1
    in_minutes = high_s > 2 * _MINUTE_S
    unit_s, unit = (_MINUTE_S, "minutes") if in_minutes else (1.0, "seconds")
    bottom = _TOP_PX + _LANE_PX
    svg = Svg(
        bottom + 40,
        "How long until the first call succeeded?",
        "A line of time: a cross for each call that failed, a dot for the first that did not.",
        ["✕ a call that failed", "● the first that succeeded"],
    )
    across = Scale(0, high_s / unit_s, _LEFT_PX, _RIGHT_PX)
    axis_below(svg, across, _TOP_PX, bottom, f"{unit} since the start")
    y = _TOP_PX + _LANE_PX / 2
    svg.grid((_LEFT_PX, y), (_RIGHT_PX, y))
    kept: list[float] = []
    for one in found.before:  # those whose crosses can be told apart; the table has the others
        x = across.px(one.at_s / unit_s)
        if not kept or x - kept[-1] >= _APART_PX:
            kept.append(x)
    svg.crosses([(x, y) for x in kept], 4)
    if guess_min is not None:
        at, label = guess_min * _MINUTE_S / unit_s, f"your guess: {guess_min:g} min"
        if at > across.high:
            at, label = across.high, f"{label} →"
        x = across.px(at)
        svg.diamonds([(x, y)], is_hollow=True)
        put(svg, label, _around(x, y + 22), role=FAINT)
    if first_s is not None:
        x = across.px(first_s / unit_s)
        svg.points([(x, y)], theme.COMPUTE, 6)
        put(svg, _time(first_s), _around(x, y - 12), bold=True)
    return svg


def tabulate_first_call(found: Attempts) -> Table:
    """One line a call."""
    rows = [
        (
            _time(one.at_s),
            one.what,
            "no answer yet" if one.status is None else str(one.status),
        )
        for one in found.calls[:_MOST_ROWS]
    ]
    more = len(found.calls) - len(rows)
    notes = [f"{more} more calls are not shown."] if more else []
    if not rows:
        rows, notes = [("-", "no call was made", "")], []
    return Table("call", ("after", "call", "status"), rows, notes, left=2)


def _around(x: float, y: float) -> list[Place]:
    """Where a name may stand: in the middle, or beginning or ending there."""
    return [Place((x, y), anchor) for anchor in ("middle", "start", "end")]


def _time(seconds: float) -> str:
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
