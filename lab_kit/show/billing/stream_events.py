"""One stream's events beside its sound: how much each holds, and when it was written."""

from statistics import median

from lab_kit.core.units import ms
from lab_kit.experiments.metering.one_stream import OneStream
from lab_kit.measure.guess import Guess
from lab_kit.show.billing.sound_wave import draw_wave
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_LEFT, _RIGHT = 100, theme.WIDTH_PX - theme.MARGIN_PX
_WAVE_TOP, _WAVE_BOTTOM = 20, 84
_LANES_TOP, _LANE_PX, _BAR_PX = 112, 34, 18
_LANES = (
    ("submitted", "submitted_us", theme.NETWORK),
    ("processed", "processed_us", theme.QUEUE),
    ("billed", "billed_us", theme.COMPUTE),
)
_NAME_PX = 24
_MOST_BLOCKS = 40
"""With more events a lane is one block: they would be a hair wide."""
_ON = {theme.NETWORK: theme.INK, theme.QUEUE: theme.PAPER, theme.COMPUTE: theme.PAPER}
"""What can be read on a block."""


def stream_events(stream: OneStream, guess: Guess | None = None) -> None:
    """Draw what each event holds of a stream's sound.

    Args:
        guess: how many events there are.
    """
    told = events_verdict(stream)
    words = "" if guess is None else guess.against(float(len(stream.events)))
    drawing = draw_stream_events(stream)
    show_drawing(drawing, stream.table, Verdict(told.told, told.sign, words))


def events_verdict(stream: OneStream) -> Verdict:
    """Whether the events hold what the caller was told, and whether they came first."""
    apart = stream.told_us - stream.billed_us
    before = stream.written_before_us()
    count = len(stream.events)
    told = f"{count} events bill {stream.billed_us:,} µs; the caller was told {stream.told_us:,}: "
    if apart:
        return Verdict(f"{told}{abs(apart):,} µs apart.", Sign.OVER)
    if not before:
        return Verdict(f"{told}no difference. No message told of more sound.", Sign.UNSAID)
    late = sum(one <= 0 for one in before)
    if late:
        return Verdict(
            f"{told}no difference, but made after its message was read: {late}.", Sign.OVER
        )
    middle_ms = ms(median(before) / 1e6)
    return Verdict(
        f"{told}no difference. Each was made before its message was read, {middle_ms:.1f} ms at the"
        " median.",
        Sign.INSIDE,
    )


def draw_stream_events(stream: OneStream) -> Svg:
    """The picture."""
    clip = stream.clip
    bottom = _LANES_TOP + _LANE_PX * len(_LANES) - 8
    svg = Svg(
        bottom + 40,
        "What does one stream use, and what is written down of it?",
        "Above the sound; beneath, for each of three quantities, what each event adds to it.",
        [
            f"{clip.id}, {clip.duration_s:.2f} s",
            "each block is what one event adds",
            "compute is counted too, and tokens",
        ],
    )
    most_us = max(stream.submitted_us, stream.processed_us, stream.billed_us, 1)
    across = Scale(0, max(clip.duration_s, most_us / 1e6), _LEFT, _RIGHT)
    axis_below(svg, across, _WAVE_TOP, bottom, "seconds of sound")
    svg.text((theme.MARGIN_PX, (_WAVE_TOP + _WAVE_BOTTOM) / 2 + 4), "the sound", role=FAINT)
    draw_wave(svg, clip.samples, clip.sample_rate_hz, across, _WAVE_TOP, _WAVE_BOTTOM)
    for row, (name, field, color) in enumerate(_LANES):
        y = _LANES_TOP + _LANE_PX * row
        svg.text((theme.MARGIN_PX, y + 13), name)
        begin_us = 0
        if len(stream.events) > _MOST_BLOCKS:
            us = sum(getattr(event.amount, field) for event in stream.events)
            told = f"{us:,} µs in {len(stream.events)} events"
            svg.bar(_LEFT, y, across.px(us / 1e6) - _LEFT, _BAR_PX, color, told)
            continue
        for number, event in enumerate(stream.events):
            us = getattr(event.amount, field)
            left, right = across.px(begin_us / 1e6), across.px((begin_us + us) / 1e6)
            if us:
                svg.bar(left, y, max(1.0, right - left - 1), _BAR_PX, color, f"{us:,} µs")
            if right - left > _NAME_PX:
                where = ((left + right) / 2, y + 13)
                svg.text(where, str(number), anchor="middle", color=_ON[color])
            begin_us += us
    return svg
