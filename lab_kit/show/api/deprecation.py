"""A route's last days: what was asked of the old version and the new one, and who was refused."""

import math
from collections import Counter
from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.experiments.contracts.deprecation import Asked, Deprecated, Notices
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.room import Point, shortened
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

BIN_S = 0.5
"""Calls are counted over so long, or longer where that would be more bars than can be told."""
_MOST_BINS = 40
OLD, NEW = theme.QUEUE, theme.COMPUTE
_NAMES_PX = 150
_LEFT_PX, _RIGHT_PX = theme.MARGIN_PX + _NAMES_PX, theme.WIDTH_PX - theme.MARGIN_PX - 8
_TOP_PX, _PLOT_PX, _LANE_PX = 58, 170, 26
_BAND = 0.18
_GONE = "ROUTE_GONE"


def deprecation(found: Deprecated, guess: Guess | None = None) -> None:
    """Draw the calls of both versions over time, and the refusals of each kind of client.

    Args:
        guess: how many calls were refused.
    """
    words = "" if guess is None else guess.against(float(len(found.refused)))
    verdict = deprecation_verdict(found)
    table = tabulate_deprecation(found)
    show_drawing(draw_deprecation(found), table, Verdict(verdict.told, verdict.sign, words))


def deprecation_verdict(found: Deprecated) -> Verdict:
    """Who had moved before the end, and what the others met with."""
    sunset_s = found.days.sunset_s
    moved = sum(at_s is not None and at_s < sunset_s for at_s in found.moved_s)
    gone = sum(one.reason == _GONE for one in found.refused)
    told = f"{moved} of {_count(len(found.clients), 'client')} moved before the sunset; "
    if not found.refused:
        return Verdict(f"{told}no call was refused.", Sign.INSIDE)
    told += f"{_count(len(found.refused), 'call')} refused, {gone} of them with 410."
    return Verdict(told, Sign.OVER if gone else Sign.INSIDE)


def draw_deprecation(found: Deprecated) -> Svg:
    """The picture."""
    days, kinds = found.days, _kinds(found)
    bottom = _TOP_PX + _PLOT_PX
    lanes_bottom = bottom + 14 + _LANE_PX * len(kinds)
    svg = Svg(
        lanes_bottom + 40,
        "A version is put out of service: who still calls it?",
        "Calls a second of the old and the new version over time, stacked; beneath, a lane for "
        "each kind of client: a cross for each call that was refused, a dot where one moved.",
        [
            _count(len(found.clients), "client"),
            f"one call every {days.every_s:g} s each",
            f"{days.change_s:g} s to change a client",
            "✕ refused",
            "● moved",
        ],
    )
    across = Scale(0, days.seconds, _LEFT_PX, _RIGHT_PX)
    old, new = _answered(found, is_old=True), _answered(found, is_old=False)
    most = max([old[n] + new[n] for n in range(_bins(found))] + [1]) / _bin_s(found)
    up = Scale(0, most * 1.08, bottom, _TOP_PX)
    axis_left(svg, up, _LEFT_PX, _RIGHT_PX, "", _TOP_PX)
    for line, words in enumerate(("answered,", "calls a second")):
        where = (theme.MARGIN_PX, _TOP_PX + 4 + 14 * line)
        svg.text(where, words, role=FAINT, size_px=theme.SMALL_PX)
    _moments(svg, found, across, lanes_bottom)
    _stack(svg, found, across, up)
    axis_below(svg, across, bottom, lanes_bottom, "seconds")
    svg.grid((_LEFT_PX, bottom), (_RIGHT_PX, bottom), is_zero=True)
    for row, kind in enumerate(kinds):
        y = bottom + 14 + _LANE_PX * (row + 0.5)
        members = [number for number, one in enumerate(found.clients) if one is kind]
        name = f"{kind.value}: {len(members)}"
        svg.text((theme.MARGIN_PX, y + 4), shortened(name, _NAMES_PX - 10, theme.LABEL_PX))
        svg.grid((_LEFT_PX, y), (_RIGHT_PX, y))
        refused = [one for one in found.refused if one.client in members]
        svg.crosses([(across.px(one.at_s), y) for one in _apart(refused, across)], 3.5)
        moved = [found.moved_s[number] for number in members]
        svg.points([(across.px(at_s), y) for at_s in moved if at_s is not None], NEW, 4.5)
    return svg


def tabulate_deprecation(found: Deprecated) -> Table:
    """One line a client, with what the server counted of it."""
    head = ("client", "moved at s", "v1 answered", "v1 refused", "v2", "server: v1", "refused")
    rows = []
    for number, kind in enumerate(found.clients):
        mine = [one for one in found.asked if one.client == number]
        old = [one for one in mine if one.is_old]
        moved_s, use = found.moved_s[number], found.use.get(number)
        rows.append(
            (
                f"{number + 1} {kind.value}",
                "never" if moved_s is None else f"{moved_s:.1f}",
                str(sum(not one.reason for one in old)),
                str(sum(bool(one.reason) for one in old)),
                str(len(mine) - len(old)),
                "-" if use is None else str(use.asked),
                "-" if use is None else str(use.refused),
            )
        )
    reasons = Counter(one.reason for one in found.refused)
    notes = [f"{reason}: {count}" for reason, count in sorted(reasons.items())]
    return Table("client", head, rows, notes)


def _moments(svg: Svg, found: Deprecated, across: Scale, bottom: float) -> None:
    """What was announced when: brown-outs as bands, the rest as upright lines with names."""
    days, top = found.days, _TOP_PX - 8
    for span in days.brown_outs:
        left, right = across.px(span.from_s), across.px(span.until_s)
        svg.band(left, top, right - left, bottom - top, _BAND)
        _name(svg, (left + right) / 2, span.name, "middle")
    for at_s, told, anchor in (
        (days.announced_s, "announced", "start"),
        (days.sunset_s, "sunset: gone", "start"),
    ):
        x = across.px(at_s)
        svg.rule((x, top), (x, bottom), FAINT, 1.5)
        _name(svg, x, told, anchor)


def _name(svg: Svg, x: float, told: str, anchor: str) -> None:
    lines = [Place((x, _TOP_PX - 12 - 13 * line), anchor) for line in (0, 1, 2)]
    short = shortened(told, 150, theme.SMALL_PX)
    put(svg, short, [*lines, Place((x, lines[0].where[1]), "end")], size_px=theme.SMALL_PX)


def _stack(svg: Svg, found: Deprecated, across: Scale, up: Scale) -> None:
    """A bar for each bin: the old version below, the new one on it, each named on its tallest."""
    old, new = _answered(found, is_old=True), _answered(found, is_old=False)
    bin_s = _bin_s(found)
    tallest: dict[str, tuple[float, Point]] = {}
    for number in range(_bins(found)):
        from_s, until_s = bin_s * number, min(bin_s * (number + 1), found.days.seconds)
        left, width = across.px(from_s), across.px(until_s) - across.px(from_s) - 1
        floor = 0
        for count, color, version in ((old[number], OLD, "v1"), (new[number], NEW, "v2")):
            if not count or width <= 0:
                continue
            low, high = up.px(floor / bin_s), up.px((floor + count) / bin_s)
            told = f"{version}, {from_s:g} to {until_s:g} s: {count} answered"
            svg.bar(left, high, width, low - high, color, told)
            floor += count
            middle = min(max(left + width / 2, _LEFT_PX + 12), _RIGHT_PX - 12)
            if version not in tallest or low - high > tallest[version][0]:
                tallest[version] = (low - high, (middle, (low + high) / 2 + 4))
    for version, (height_px, where) in tallest.items():
        if height_px >= theme.LABEL_PX + 4:
            svg.text(where, version, anchor="middle", bold=True, color="#ffffff")


def _answered(found: Deprecated, *, is_old: bool) -> Counter[int]:
    """Calls of one version that got a transcript, by bin."""
    answered = (one for one in found.asked if not one.reason and one.is_old is is_old)
    last = _bins(found) - 1
    return Counter(min(int(one.at_s / _bin_s(found)), last) for one in answered)


def _bin_s(found: Deprecated) -> float:
    return max(BIN_S, found.days.seconds / _MOST_BINS)


def _bins(found: Deprecated) -> int:
    return max(1, math.ceil(found.days.seconds / _bin_s(found)))


def _apart(refused: Sequence[Asked], across: Scale) -> list[Asked]:
    """Those whose crosses can be told from the one before; the table has them all."""
    kept: list[Asked] = []
    for one in refused:
        if not kept or across.px(one.at_s) - across.px(kept[-1].at_s) >= 5:
            kept.append(one)
    return kept


def _kinds(found: Deprecated) -> list[Notices]:
    """Of client, in the order in which they come."""
    return list(dict.fromkeys(found.clients))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
