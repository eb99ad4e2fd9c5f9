"""A map of regions without a globe: how full each is, and whose callers are served where."""

from collections.abc import Sequence

import numpy as np

from lab_kit.core.table import Table
from lab_kit.core.units import ms, percent
from lab_kit.measure.guess import Guess
from lab_kit.scale.day import Day
from lab_kit.scale.geography import Region, rtt_s
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import BUDGET, FAINT, INK
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.room import Point, text_width_px
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

PLACES: dict[str, tuple[float, float]] = {
    "West US 2": (80, 84),
    "East US": (216, 84),
    "Brazil South": (266, 196),
    "North Europe": (352, 62),
    "West Europe": (468, 122),
    "Southeast Asia": (612, 196),
    "Japan East": (684, 84),
}
"""Of each region's mark in the card: where one expects it, not where it is."""
_LOAD_PX, _MOST_LINK_PX = 60, 12
_BAR_TOP, _BAR_PX = 268, 24
_HEIGHT = _BAR_TOP + _BAR_PX + 12
_NAMED = 0.06
"""A part of the bar that is smaller has its name in the table alone."""


def regions(day: Day, from_hour: float, hours: float = 1.0, guess: Guess | None = None) -> None:
    """Draw what became of the callers of the region that was lost, or of the one most sent away.

    Args:
        from_hour, hours: of the day, in UTC.
        guess: share of them that is served all the same, in percent.
    """
    seen = _Seen(day, from_hour, hours)
    words = "" if guess is None else guess.against(100 * seen.served)
    told = regions_verdict(day, from_hour, hours)
    drawing = draw_regions(day, from_hour, hours)
    show_drawing(drawing, tabulate_regions(day, from_hour, hours), Verdict(*_two(told), words))


def regions_verdict(day: Day, from_hour: float, hours: float = 1.0) -> Verdict:
    """How many were served, how far away, and who was not."""
    seen = _Seen(day, from_hour, hours)
    if not seen.callers:
        return Verdict("Nobody called in that time.", Sign.UNSAID)
    if not seen.moved.sum() + seen.refused:
        return Verdict("Everybody was served in the region that they called in.", Sign.INSIDE)
    far = f"within {ms(seen.far_s):.0f} ms" if seen.moved.sum() else "anywhere"
    told = f"{percent(seen.moved.sum() / seen.callers)} of {seen.name}'s callers were served {far}"
    if not seen.moved.sum():
        told = f"None of {seen.name}'s callers were served elsewhere"
    told += f"; {percent(seen.refused / seen.callers)} were refused"
    if seen.refused_pinned:
        told += f", {percent(seen.refused_pinned / seen.callers)} as pinned to their zone"
    return Verdict(f"{told}.", Sign.OVER if seen.refused else Sign.INSIDE)


def draw_regions(day: Day, from_hour: float, hours: float = 1.0) -> Svg:
    """The picture."""
    seen = _Seen(day, from_hour, hours)
    loss = day.world.loss
    asked = f"{loss.region} is lost" if loss else f"{seen.name} is full"
    svg = Svg(
        _HEIGHT,
        f"{asked}: who serves its callers, and how far away?",
        "A map of regions with how full each is, links as wide as the streams that are served "
        "elsewhere, and one region's callers as a bar that adds up.",
        [
            f"{from_hour:g} to {from_hour + hours:g} h UTC",
            "simulated",
            "round trips: published medians",
            "link width = streams moved",
        ],
    )
    _zones(svg, day)
    _links(svg, seen)
    for region in day.world.demand.regions:
        _mark(svg, seen, region)
    _name_links(svg, seen)
    _bar(svg, seen)
    return svg


def tabulate_regions(day: Day, from_hour: float, hours: float = 1.0) -> Table:
    """A row a region."""
    seen = _Seen(day, from_hour, hours)
    rows = [
        (
            region.name,
            region.zone,
            f"{seen.wanted[n]:,}",
            percent(seen.full[n]) if seen.capacity[n] else "lost",
            f"{seen.all_moved[n].sum():,}",
            f"{seen.all_moved[:, n].sum():,}",
            f"{seen.all_refused[n]:,}",
            f"{seen.all_pinned[n]:,}",
        )
        for n, region in enumerate(seen.regions)
    ]
    head = ("", "zone", "callers", "full", "sent away", "taken in", "refused", "of them pinned")
    return Table("region", head, rows, left=2)


class _Seen:
    """A window of a day, as it is drawn."""

    def __init__(self, day: Day, from_hour: float, hours: float) -> None:
        window = (day.at_s >= from_hour * 3600) & (day.at_s < (from_hour + hours) * 3600)
        self.regions: Sequence[Region] = day.world.demand.regions
        self.trips = np.array(rtt_s(day.world.demand.regions))
        self.wanted = day.wanted[window].sum(axis=0) + day.cut[window].sum(axis=0)
        moments = max(1, int(window.sum()))
        self.capacity = day.capacity[window].sum(axis=0) / moments
        self.full = day.open_streams[window].sum(axis=0) / moments / np.maximum(self.capacity, 1)
        self.all_moved = day.moved[window].sum(axis=0)
        self.all_refused = day.refused[window].sum(axis=0)
        self.all_pinned = day.refused_pinned[window].sum(axis=0)
        names = [region.name for region in self.regions]
        away = self.all_moved.sum(axis=1) + self.all_refused
        loss = day.world.loss
        self.chosen = names.index(loss.region) if loss else int(away.argmax())

    @property
    def name(self) -> str:
        return self.regions[self.chosen].name

    @property
    def callers(self) -> int:
        return int(self.wanted[self.chosen])

    @property
    def moved(self) -> np.ndarray:
        """Of the chosen region's callers, by where they went."""
        return np.asarray(self.all_moved[self.chosen])

    @property
    def refused(self) -> int:
        return int(self.all_refused[self.chosen])

    @property
    def refused_pinned(self) -> int:
        return int(self.all_pinned[self.chosen])

    @property
    def served(self) -> float:
        return 1 - self.refused / max(1, self.callers)

    @property
    def far_s(self) -> float:
        return float(self.trips[self.chosen][self.moved > 0].max(initial=0.0))


def _zones(svg: Svg, day: Day) -> None:
    """The ground beneath regions that share a law, where sound is pinned."""
    pinned = [region for region in day.world.demand.regions if region.pinned]
    for zone in dict.fromkeys(region.zone for region in pinned):
        where = [PLACES[region.name] for region in pinned if region.zone == zone]
        left, right = min(x for x, _ in where) - 62, max(x for x, _ in where) + 62
        top, bottom = min(y for _, y in where) - 44, max(y for _, y in where) + 52
        svg.band(left, top, right - left, bottom - top, 0.14)
        told = f"pinned to: {zone}"
        put(svg, told, [Place((left + 8, bottom - 6))], role=FAINT, size_px=theme.SMALL_PX)


def _mark(svg: Svg, seen: _Seen, region: Region) -> None:
    n = list(seen.regions).index(region)
    x, y = PLACES[region.name]
    svg.text((x, y - 16), region.name, anchor="middle", size_px=theme.VALUE_PX, bold=True)
    if not seen.capacity[n]:
        svg.crosses([(x, y)], 7)
        svg.text((x, y + 24), "lost", role=BUDGET, anchor="middle", bold=True)
        return
    svg.diamonds([(x, y)], INK, 7)
    share = min(1.0, float(seen.full[n]))
    svg.grid((x - _LOAD_PX / 2, y + 18), (x + _LOAD_PX / 2, y + 18), is_zero=True)
    width = max(1.0, _LOAD_PX * share)
    told = f"{percent(share)} full"
    svg.bar(x - _LOAD_PX / 2, y + 14, width, 7, theme.NEUTRAL, told)
    svg.text((x, y + 35), told, role=FAINT, anchor="middle", size_px=theme.SMALL_PX)


def _links(svg: Svg, seen: _Seen) -> None:
    most = max(1, int(seen.moved.max()))
    for n, start, end in _drawn_links(seen):
        width_px = max(1.5, _MOST_LINK_PX * int(seen.moved[n]) / most)
        svg.polyline([start, end], theme.COMPUTE, width_px)


def _name_links(svg: Svg, seen: _Seen) -> None:
    """How many, and how much farther, where there is room near a link's middle."""
    for n, start, end in _drawn_links(seen):
        told = f"{seen.moved[n]:,} · +{ms(seen.trips[seen.chosen][n]):.0f} ms"
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        places = [
            Place((x + side, y + step), "middle")
            for side in (0, -40, 40, -80, 80)
            for step in (-10, 20, -24, 34, -38, 48, -52, 62)
        ]
        put(svg, told, places, bold=True)


def _drawn_links(seen: _Seen) -> list[tuple[int, Point, Point]]:
    """Of the region in question, the most used first: to whom, from where to where."""
    here = PLACES[seen.name]
    used = [int(n) for n in np.argsort(seen.moved)[::-1] if seen.moved[n]]
    return [(n, *_between(here, PLACES[seen.regions[n].name])) for n in used]


def _between(here: Point, there: Point) -> tuple[Point, Point]:
    """From mark to mark, with room for both."""
    dx, dy = there[0] - here[0], there[1] - here[1]
    share = 16 / max(1.0, (dx * dx + dy * dy) ** 0.5)
    return (here[0] + dx * share, here[1] + dy * share), (
        there[0] - dx * share,
        there[1] - dy * share,
    )


def _bar(svg: Svg, seen: _Seen) -> None:
    left, room = float(theme.MARGIN_PX), svg.width_px - 2 * theme.MARGIN_PX
    svg.text((left, _BAR_TOP - 7), f"{seen.callers:,} callers of {seen.name}", role=FAINT)
    at_home = seen.callers - int(seen.moved.sum()) - seen.refused
    colors = (theme.NETWORK, theme.LANGUAGE, theme.QUEUE, theme.SIDE_WORK, theme.SPEECH)
    parts = [("at home", at_home, theme.COMPUTE)]
    away = [n for n in np.argsort(seen.moved)[::-1] if seen.moved[n]]
    parts += [
        (seen.regions[n].name, int(seen.moved[n]), colors[i % len(colors)])
        for i, n in enumerate(away)
    ]
    for name, count, color in parts:
        left = _part(svg, seen, left, room, name, count, color)
    if seen.refused:
        width = room * seen.refused / seen.callers
        title = f"refused {seen.refused:,}"
        svg.hatched_bar(left, _BAR_TOP, width, _BAR_PX, theme.NEUTRAL, title)
        told = text_width_px(title, theme.LABEL_PX, bold=True)
        if told < width - 8:
            middle = (left + width / 2, _BAR_TOP + 16)
            svg.text(middle, title, anchor="middle", bold=True)


def _part(
    svg: Svg, seen: _Seen, left: float, room: float, name: str, count: int, color: str
) -> float:
    """One part of the bar, named where it fits; where the next begins."""
    if not count:
        return left
    width = room * count / max(1, seen.callers)
    svg.bar(left, _BAR_TOP, max(1.0, width - 1), _BAR_PX, color, f"{name} {count:,}")
    for told in (f"{name} {count:,}", f"{count:,}"):
        fits = text_width_px(told, theme.LABEL_PX, bold=True) < width - 8
        if fits and count / seen.callers > _NAMED:
            where = (left + width / 2, _BAR_TOP + 16)
            on = theme.INK if color == theme.NETWORK else "#ffffff"
            svg.text(where, told, anchor="middle", bold=True, color=on)
            break
    return left + width


def _two(verdict: Verdict) -> tuple[str, Sign]:
    return verdict.told, verdict.sign
