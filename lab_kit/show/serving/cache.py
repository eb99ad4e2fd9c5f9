"""The decoder's cache as a row of slots that changes hands while sequences come, grow and go.

The picture moves by itself, also in a saved notebook: its frames follow each other inside the SVG.
Where nothing can move, the fullest frame is seen.
"""

from collections.abc import Mapping, Sequence

from lab_kit.client import CacheFrame, CacheUse
from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Rectangle, Svg
from lab_kit.show.draw.verdict import Verdict

_LEFT_PX, _RIGHT_PX = theme.MARGIN_PX, theme.WIDTH_PX - theme.MARGIN_PX
_TOP_PX, _ROW_PX, _BAR_PX = 18, 66, 26
_LEAST_WIDE = 0.2
"""A cache of few slots beside one of many is not drawn smaller than this."""
_MOST_FRAMES = 40
_LOOP_S = 8.0
_FREE, _SHARED, _KEPT = 0, -1, -2


def cache(uses: Mapping[str, CacheUse]) -> None:
    """Draw who held which slots, moving, and list what was wasted.

    Args:
        uses: the cache's history by the name of its layout.

    Raises:
        ValueError: a history without a frame.
    """
    empty = [name for name, use in uses.items() if not use.frames]
    if empty or not uses:
        raise ValueError(f"nothing happened in {empty or 'no cache'}; let a model decode first")
    show_drawing(draw_cache(uses), tabulate_cache(uses), Verdict(cache_verdict(uses)))


def cache_verdict(uses: Mapping[str, CacheUse]) -> str:
    """What was reserved for nothing, in a sentence."""
    told = ", ".join(f"{name} {percent(use.waste)}" for name, use in uses.items())
    return f"Of the slots that were reserved, these held nothing: {told}."


def draw_cache(uses: Mapping[str, CacheUse]) -> Svg:
    """The picture; a cache is as wide as it has slots."""
    svg = Svg(
        _TOP_PX + _ROW_PX * len(uses) - 12,
        "Who holds which slots of the cache?",
        f"A moving row of slots each: {', '.join(uses)}.",
        ["one color a sequence", "pale is free, grey is kept for reuse, black is shared"],
    )
    most = max(use.slots for use in uses.values())
    for row, (name, use) in enumerate(uses.items()):
        top = _TOP_PX + row * _ROW_PX
        svg.text((_LEFT_PX, top - 6), name, bold=True)
        right = _LEFT_PX + (_RIGHT_PX - _LEFT_PX) * max(use.slots / most, _LEAST_WIDE)
        scale = Scale(0, use.slots, _LEFT_PX, right)
        frames = _thinned(use.frames)
        pictures = [_slots(frame, scale, top) for frame in frames]
        still = max(range(len(frames)), key=lambda index: frames[index].reserved)
        svg.frames(pictures, still, _LOOP_S)
        below = top + _BAR_PX + 16
        svg.text((_LEFT_PX, below), "slot 0", role=FAINT, size_px=theme.SMALL_PX)
        last = f"slot {use.slots - 1}"
        svg.text((right, below), last, role=FAINT, size_px=theme.SMALL_PX, anchor="end")
    return svg


def tabulate_cache(uses: Mapping[str, CacheUse]) -> Table:
    """One line a layout."""
    head = ("layout", "slots", "kB a token", "steps", "most reserved", "written then", "waste")
    rows = []
    for name, use in uses.items():
        fullest = use.fullest
        rows.append(
            (
                name,
                str(use.slots),
                f"{use.bytes_per_token / 1e3:.1f}",
                str(len(use.frames)),
                str(fullest.reserved if fullest else 0),
                str(fullest.written if fullest else 0),
                percent(use.waste),
            )
        )
    return Table("layout", head, rows)


def _thinned(frames: Sequence[CacheFrame]) -> list[CacheFrame]:
    """At most so many, evenly spread, the fullest among them."""
    fullest = max(frames, key=lambda frame: frame.reserved)
    every = -(-len(frames) // _MOST_FRAMES)
    return [f for index, f in enumerate(frames) if index % every == 0 or f is fullest]


def _slots(frame: CacheFrame, scale: Scale, top: float) -> list[Rectangle]:
    drawn, start = [], 0
    for owner, slots in frame.runs:
        left, right = scale.px(start), scale.px(start + slots)
        drawn.append(Rectangle(left, top, right - left, _BAR_PX, _color(owner)))
        start += slots
    return drawn


def _color(owner: int) -> str:
    if owner in (_FREE, _SHARED, _KEPT):
        return {_FREE: theme.GRID, _SHARED: theme.INK, _KEPT: theme.NEUTRAL}[owner]
    colors = theme.series_colors()[:-1]  # the last is grey, which is kept for reuse here
    return colors[owner % len(colors)]
