"""A sentence without its personal data: its sound, its words, and how soon they were shown."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.table import Table
from lab_kit.core.units import SAMPLE_RATE_HZ, ms
from lab_kit.experiments.access.saying import Said
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import Place, legend, put
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.load.strips import LEFT_PX, RIGHT_PX

KEPT, SILENCED, PLAIN = theme.COMPUTE, theme.NEUTRAL, theme.NETWORK
_BINS = 180
_WAVE_TOP, _WAVE_BOTTOM = 24, 96
_WORDS_Y, _WORD_ROWS, _WORD_PX = 118, 3, 16
_SOON_TOP, _SOON_BOTTOM = 204, 300
_BAND = 0.18
_SOON_STEP_S = 0.5


def said(found: Said, guess: Guess | None = None) -> None:
    """Draw it.

    Args:
        guess: in ms, how much later a word is shown with redaction, at the median.
    """
    told = said_verdict(found)
    words = ""
    if guess is not None:
        words = guess.against(ms(median(found.later_s)) if found.later_s else float("nan"))
    show_drawing(draw_said(found), tabulate_said(found), Verdict(told.told, Sign.NONE, words))


def said_verdict(found: Said) -> Verdict:
    """How much was silenced, and what holding back cost the words around it."""
    silent_s = sum(one.end_s - one.start_s for one in found.redactions)
    length_s = len(found.sound) / SAMPLE_RATE_HZ
    count = len(found.redactions)
    pieces = "1 stretch" if count == 1 else f"{count} stretches"
    told = f"{pieces} silenced, {silent_s:.1f} s of {length_s:.1f} s."
    if not found.later_s:
        return Verdict(f"{told} No word was shown in both streams.", Sign.NONE)
    later = sorted(found.later_s)
    return Verdict(
        f"{told} {len(later)} other words: {ms(median(later)):+.0f} ms at the median with"
        f" redaction, {ms(later[-1]):+.0f} ms at most.",
        Sign.NONE,
    )


def draw_said(found: Said) -> Svg:
    """The picture."""
    svg = Svg(
        _SOON_BOTTOM + 40,
        "What is left of a sentence, and how soon is it shown?",
        "The sound with silence where personal data was spoken, the words that were told instead, "
        "and for each other word when it was first shown, with redaction and without.",
        [
            f"{len(found.words)} words told",
            "each stream at the pace of speech, one after the other",
        ],
    )
    length_s = len(found.sound) / SAMPLE_RATE_HZ
    across = Scale(0, length_s, LEFT_PX, RIGHT_PX)
    for one in found.redactions:
        left, right = across.px(one.start_s), across.px(min(one.end_s, length_s))
        svg.band(left, _WAVE_TOP - 4, right - left, _WAVE_BOTTOM - _WAVE_TOP + 8, _BAND)
    axis_below(svg, across, _WAVE_TOP, _SOON_BOTTOM, "seconds")
    legend(svg, [("its sound", KEPT), ("taken out of it", SILENCED)], 10, LEFT_PX)
    _wave(svg, found.sound, found.redacted_sound, across)
    for word in found.words:
        rows = range(_WORD_ROWS)
        middle = across.px((word.start_s + word.end_s) / 2)
        places = [Place((middle, _WORDS_Y + _WORD_PX * row), "middle") for row in rows]
        is_placeholder = word.text.startswith("[")
        put(svg, word.text, places, size_px=theme.SMALL_PX, bold=is_placeholder, least_px=8)
    _soon(svg, found, across)
    return svg


def tabulate_said(found: Said) -> Table:
    """One line a word; and what was taken out."""
    rows = []
    told = {one.word: one for one in found.told}
    for word in found.words:
        soon = told.get(word)
        shown = (None, None) if soon is None else (soon.plain_s, soon.redacted_s)
        times = (f"{word.start_s:.2f}", f"{word.end_s:.2f}")
        rows.append((word.text, *times, *("-" if s is None else f"{ms(s):+.0f}" for s in shown)))
    notes = [
        f"{one.kind}: {one.start_s:.2f} to {one.end_s:.2f} s, score {one.score:g}: {one.reason}"
        for one in found.redactions
    ]
    head = ("word", "from s", "to s", "shown after, ms", "with redaction, ms")
    return Table("word", head, rows, notes)


def _wave(svg: Svg, sound: FloatArray, redacted: FloatArray, across: Scale) -> None:
    """A stroke for each stretch of sound, from its lowest to its highest sample."""
    up = Scale(-1, 1, _WAVE_BOTTOM, _WAVE_TOP)
    most = float(np.abs(sound).max()) or 1.0
    runs: dict[str, list[list[Point]]] = {KEPT: [], SILENCED: []}
    before = ""
    for first, piece, left in _pieces(sound, redacted):
        color = KEPT if np.any(left) or not np.any(piece) else SILENCED
        if color != before:
            runs[color].append([])
        before = color
        x = across.px(first / SAMPLE_RATE_HZ)
        low, high = float(piece.min()) / most, float(piece.max()) / most
        runs[color][-1] += [(x, up.px(low)), (x, up.px(high))]
    for color, several in runs.items():
        for run in several:
            svg.polyline(run, color, 1.2)


def _pieces(
    sound: FloatArray, redacted: FloatArray
) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    edges = np.linspace(0, len(sound), _BINS + 1).astype(int)
    for first, end in pairwise(edges):
        if end > first:
            yield int(first), sound[first:end], redacted[first:end]


def _soon(svg: Svg, found: Said, across: Scale) -> None:
    """When each word was first shown: without redaction hollow, with it filled."""
    shown = [one for one in found.told if one.plain_s is not None and one.redacted_s is not None]
    values = [
        value for one in shown for value in (one.plain_s, one.redacted_s) if value is not None
    ]
    low_ms, most_ms = ms(min([0.0, *values])), ms(max([_SOON_STEP_S, *values]))
    up = Scale(1.1 * low_ms, 1.1 * most_ms, _SOON_BOTTOM, _SOON_TOP)
    for value in up.ticks(3):
        y = up.px(value)
        svg.grid((LEFT_PX, y), (RIGHT_PX, y), is_zero=value == 0)
        told = f"{value:,g}"
        svg.text((LEFT_PX - 7, y + 4), told, role=FAINT, size_px=theme.SMALL_PX, anchor="end")
    end = legend(svg, [("ms from a word's end until it was shown", KEPT)], _SOON_TOP - 12, LEFT_PX)
    svg.text((end, _SOON_TOP - 12), "○ without redaction", role=FAINT)
    for one in shown:
        x = across.px(min(one.word.end_s, across.high))
        plain, redacted = (up.px(ms(s or 0.0)) for s in (one.plain_s, one.redacted_s))
        svg.polyline([(x, plain), (x, redacted)], KEPT, 1.5)
        svg.points([(x, plain)], KEPT, 3.6, is_hollow=True)
        svg.points([(x, redacted)], KEPT, 3.6)
