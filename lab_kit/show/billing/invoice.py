"""An invoice that unfolds: its lines, one line's requests, one request's events, and their sound.

Greys only: money has no stage. The width of a link is the share of the money.
"""

from decimal import Decimal

from lab_kit.core.table import Table
from lab_kit.experiments.metering.bill import Unfolded
from lab_kit.show.billing.sound_wave import draw_wave
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.room import Point, shortened
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_TOP, _BOX_PX, _STEP_PX = 30, 42, 50
_COLUMNS = ((24, 140), (214, 228), (492, 244))
"""Where each column begins, and how wide it is."""
_MOST_ROWS = 4
_LINK_PX, _BAR_PX = 14.0, 18
_SECOND_US = 1_000_000
_WAVE_PX, _NAME_PX = 60, 22


def invoice(unfolded: Unfolded) -> None:
    """Draw an invoice with one line unfolded down to the sound."""
    show_drawing(draw_invoice(unfolded), tabulate_events(unfolded), invoice_verdict(unfolded))


def invoice_verdict(unfolded: Unfolded) -> Verdict:
    """Whether each number is the sum of those behind it."""
    one, line = unfolded.invoice, unfolded.line
    units = sum(units for _, units in unfolded.requests)
    (request,) = [each for each, _ in unfolded.requests if each.stream == unfolded.stream]
    events_us = sum(event.amount.billed_us for event in unfolded.events)
    is_whole = units == line.units and events_us == request.amount.billed_us
    told = (
        f"{one.total} {one.currency}. {len(unfolded.requests)} requests make"
        f" {units / _SECOND_US:,.0f} of the line's {line.units / _SECOND_US:,.0f} priced seconds;"
        f" {len(unfolded.events)} events make {events_us:,} of the request's"
        f" {request.amount.billed_us:,} µs."
    )
    return Verdict(told, Sign.INSIDE if is_whole else Sign.OVER)


def draw_invoice(unfolded: Unfolded) -> Svg:
    """The picture."""
    one, clip = unfolded.invoice, unfolded.clip
    lines = one.lines[:_MOST_ROWS]
    requests = unfolded.requests[:_MOST_ROWS]
    rows = max(len(lines), len(requests))
    wave_top = _TOP + _STEP_PX * rows + 42
    bar_y = wave_top + _WAVE_PX + 12
    svg = Svg(
        bar_y + _BAR_PX + 48,
        "Where does this invoice come from?",
        "The invoice, its lines, the requests of one line, and sound and events of one request.",
        [
            f"tenant {one.tenant}",
            f"amounts in {one.currency}, rounded once a line",
            f"the largest {len(requests)} of {len(unfolded.requests)} requests",
        ],
    )
    for (left, _), name in zip(_COLUMNS, ("invoice", "lines", "requests of the line"), strict=True):
        svg.text((left, 14), name, role=FAINT, size_px=theme.SMALL_PX)
    middle = _TOP + _STEP_PX * (rows - 1) / 2
    chosen = next((row for row, each in enumerate(lines) if each == unfolded.line), 0)
    for row, line in enumerate(lines):
        share = float(line.amount / one.total) if one.total else 0.0
        _link(svg, _right(0, middle), _left(1, _TOP + _STEP_PX * row), share)
    for row, (_, units) in enumerate(requests):
        share = units / unfolded.line.units if unfolded.line.units else 0.0
        _link(svg, _right(1, _TOP + _STEP_PX * chosen), _left(2, _TOP + _STEP_PX * row), share)
    _box(svg, 0, middle, "total", f"{len(one.lines)} lines", f"{one.total}")
    for row, line in enumerate(lines):
        under = f"{line.units / _SECOND_US:,.0f} s priced, {line.quantity / _SECOND_US:,.2f} used"
        _box(svg, 1, _TOP + _STEP_PX * row, line.name, under, f"{line.amount}")
    per = _per(unfolded)
    for row, (request, units) in enumerate(requests):
        is_open = request.stream == unfolded.stream
        name = f"…{request.stream[-6:]}" + (", below" if is_open else "")
        under = f"{request.amount.billed_us / _SECOND_US:.3f} s used"
        _box(svg, 2, _TOP + _STEP_PX * row, name, under, f"{units * per:.3f}")
    told = f"…{unfolded.stream[-6:]}: {len(unfolded.events)} events over its sound"
    svg.text((theme.MARGIN_PX, wave_top - 10), told, role=FAINT, size_px=theme.SMALL_PX)
    right = svg.width_px - theme.MARGIN_PX
    end_s = max(clip.duration_s, *(event.until_us / _SECOND_US for event in unfolded.events))
    across = Scale(0, end_s, theme.MARGIN_PX, right)
    axis_below(svg, across, wave_top, bar_y + _BAR_PX + 6, "seconds of sound")
    draw_wave(svg, clip.samples, clip.sample_rate_hz, across, wave_top, wave_top + _WAVE_PX)
    begin_us = 0
    for number, event in enumerate(unfolded.events):
        us = event.amount.billed_us
        start, end = (across.px(at / _SECOND_US) for at in (begin_us, begin_us + us))
        if us:
            svg.bar(start, bar_y, max(1.0, end - start - 1), _BAR_PX, theme.COMPUTE, f"{us:,} µs")
        if end - start > _NAME_PX:
            where = ((start + end) / 2, bar_y + 13)
            svg.text(where, str(number), anchor="middle", color=theme.PAPER)
        begin_us += us
    return svg


def tabulate_events(unfolded: Unfolded) -> Table:
    """One line for each event of the request."""
    rows = [
        (
            event.id.rpartition(":")[2],
            f"{event.amount.billed_us:,}",
            f"{event.until_us:,}",
            event.code or "-",
        )
        for event in unfolded.events
    ]
    return Table("event", ("", "billed µs", "until µs", "ended"), rows)


def _per(unfolded: Unfolded) -> Decimal:
    """What a unit of the line costs, before any rounding."""
    line = unfolded.line
    exact = sum((share.units * share.amount for share in line.shares), Decimal(0)) / line.per
    return exact / line.units if line.units else Decimal(0)


def _box(svg: Svg, column: int, y: float, name: str, under: str, amount: str) -> None:
    left, width = _COLUMNS[column]
    svg.band(left, y, width, _BOX_PX, 0.12)
    room = width - 76
    svg.text((left + 10, y + 17), shortened(name, room, theme.LABEL_PX, bold=True), bold=True)
    under = shortened(under, width - 20, theme.SMALL_PX)
    svg.text((left + 10, y + 34), under, role=FAINT, size_px=theme.SMALL_PX)
    svg.text((left + width - 10, y + 17), amount, anchor="end", bold=True)


def _link(svg: Svg, start: Point, end: Point, share: float) -> None:
    svg.polyline([start, end], theme.NEUTRAL, max(1.0, _LINK_PX * abs(share)))


def _right(column: int, y: float) -> Point:
    left, width = _COLUMNS[column]
    return left + width, y + _BOX_PX / 2


def _left(column: int, y: float) -> Point:
    return _COLUMNS[column][0], y + _BOX_PX / 2
