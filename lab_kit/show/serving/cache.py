"""The decoder's cache as a row of slots that changes hands while sequences come, grow and go.

The picture moves by itself, also in a saved notebook: its frames follow each other inside the SVG,
and the fullest one stays for a while. Where nothing can move, that one is seen.
"""

from collections.abc import Mapping, Sequence

from lab_kit.client import CacheFrame, CacheUse
from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.room import text_width_px
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Rectangle, Svg
from lab_kit.show.draw.verdict import Verdict

_LEFT_PX, _RIGHT_PX = theme.MARGIN_PX, theme.WIDTH_PX - theme.MARGIN_PX
_LEGEND_PX, _TOP_PX, _ROW_PX, _BAR_PX = 22, 18, 66, 26
_LEAST_WIDE = 0.2
"""A cache of few slots beside one of many is not drawn smaller than this."""
_MOST_FRAMES, _HELD_FRAMES = 40, 16
_LOOP_S = 10.0
_RESERVED_PX = 5
"""A slot that is reserved and holds nothing is drawn so high."""
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
        _LEGEND_PX + _TOP_PX + _ROW_PX * len(uses) - 12,
        "Who holds which slots of the cache?",
        f"A moving row of slots each: {', '.join(uses)}.",
        [f"it rests at the step with most slots reserved; {_told_steps(uses)}"],
    )
    _legend(svg, [frame for use in uses.values() for frame in use.frames])
    most = max(use.slots for use in uses.values())
    for row, (name, use) in enumerate(uses.items()):
        top = _LEGEND_PX + _TOP_PX + row * _ROW_PX
        svg.text((_LEFT_PX, top - 6), name, bold=True)
        right = _LEFT_PX + (_RIGHT_PX - _LEFT_PX) * max(use.slots / most, _LEAST_WIDE)
        scale = Scale(0, use.slots, _LEFT_PX, right)
        frames = _thinned(use.frames)
        still = max(range(len(frames)), key=lambda index: frames[index].reserved)
        pictures = [_slots(frame, scale, top) for frame in frames]
        svg.frames(pictures, still, _LOOP_S, _HELD_FRAMES)
        below = top + _BAR_PX + 16
        svg.text((_LEFT_PX, below), "slot 0", role=FAINT, size_px=theme.SMALL_PX)
        last = f"slot {use.slots - 1}"
        svg.text((right, below), last, role=FAINT, size_px=theme.SMALL_PX, anchor="end")
    return svg


def tabulate_cache(uses: Mapping[str, CacheUse]) -> Table:
    """One line a layout."""
    head = (
        "layout",
        "slots",
        "kB a token",
        "steps",
        "most reserved",
        "written then",
        "waste then",
        "waste, all steps",
    )
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
                percent(1 - fullest.written / fullest.reserved)
                if fullest and fullest.reserved
                else "-",
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
    for owner, slots, written in frame.runs:
        left, middle, right = (scale.px(start + n) for n in (0, written, slots))
        color = _color(owner)
        if owner == _FREE:
            drawn.append(Rectangle(left, top, right - left, _BAR_PX, color))
        else:
            low = top + _BAR_PX - _RESERVED_PX
            drawn.append(Rectangle(left, top, middle - left, _BAR_PX, color))
            drawn.append(Rectangle(middle, low, right - middle, _RESERVED_PX, color))
        start += slots
    return drawn


def _told_steps(uses: Mapping[str, CacheUse]) -> str:
    most = max(len(use.frames) for use in uses.values())
    every = -(-most // _MOST_FRAMES)
    return "a frame is a step of the decoder" if every == 1 else f"every {every}th step is drawn"


def _legend(svg: Svg, frames: Sequence[CacheFrame]) -> None:
    """What the bars mean that occur."""
    seen = {owner for frame in frames for owner, _, _ in frame.runs}
    told = [
        (theme.series_colors()[0], _LEGEND_PX - 8, "a sequence's, each its own color"),
        (theme.series_colors()[0], _RESERVED_PX, "reserved for it, and empty"),
        (_color(_FREE), _LEGEND_PX - 8, "free"),
        *((_color(_SHARED), _LEGEND_PX - 8, "shared") for _ in {_SHARED} & seen),
        *((_color(_KEPT), _LEGEND_PX - 8, "kept for reuse") for _ in {_KEPT} & seen),
    ]
    x = float(_LEFT_PX)
    for color, high, words in told:
        svg.bar(x, _LEGEND_PX - 8 - high, 12, high, color, words)
        svg.text((x + 17, 11), words, role=FAINT, size_px=theme.SMALL_PX)
        x += 34 + text_width_px(words, theme.SMALL_PX)


def _color(owner: int) -> str:
    if owner in (_FREE, _SHARED, _KEPT):
        return {_FREE: theme.GRID, _SHARED: theme.INK, _KEPT: theme.NEUTRAL}[owner]
    colors = theme.series_colors()[:-1]  # the last is grey, which is kept for reuse here
    return colors[owner % len(colors)]
