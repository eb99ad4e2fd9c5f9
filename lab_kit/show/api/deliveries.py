"""A message to a receiver that is down: each attempt over time, the dead letter, the replay."""

from itertools import pairwise

from lab_kit.core.table import Table
from lab_kit.experiments.api.receiver import Told
from lab_kit.measure.guess import Guess
from lab_kit.protocol.webhooks import DeliveryState
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.room import text_box
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_LEFT_PX, _RIGHT_PX = 150, theme.WIDTH_PX - theme.MARGIN_PX - 20
_TOP_PX, _LANE_PX = 24, 52
_BAND = 0.18
_SHORT_S = 0.1
"""Shorter waits have no room for their length."""


def deliveries(told: Told, guess: Guess | None = None) -> None:
    """Draw every attempt to tell, and list them.

    Args:
        guess: the number of attempts until the server gives up.
    """
    words = "" if guess is None else guess.against(float(len(told.before_replay)))
    verdict = Verdict(deliveries_verdict(told), Sign.NONE, words)
    show_drawing(draw_deliveries(told), tabulate_deliveries(told), verdict)


def deliveries_verdict(told: Told) -> str:
    """How often the receiver was told, by what name, and what became of it."""
    tried = told.before_replay
    ids = len({one.message for one in told.attempts})
    lasted_s = tried[-1].at_s - tried[0].at_s if tried else 0.0
    said = f"{len(tried)} attempts in {lasted_s:.1f} s, then the server gave up."
    if len(tried) != told.given_up.attempts:
        said += f" It counts {told.given_up.attempts}: one of us missed some."
    said += " All had one id." if ids == 1 else f" They had {ids} ids."
    if told.at_last.state is DeliveryState.DELIVERED:
        again = len(told.attempts) - len(tried)
        times = "at the first attempt" if again == 1 else f"after {again} attempts"
        return f"{said} Replayed, it was taken {times}."
    return f"{said} Replayed, it was not taken."


def draw_deliveries(told: Told) -> Svg:
    """The picture."""
    bottom = _TOP_PX + 2 * _LANE_PX
    svg = Svg(
        bottom + 40,
        "The receiver is down: how often is it told?",
        "A cross for each attempt that the receiver refused, a dot for one that it took.",
        ["✕ answered 500", "● taken", "the ground between: a dead letter"],
    )
    last_s = max([one.at_s for one in told.attempts] + [1.0])
    across = Scale(0, last_s * 1.04, _LEFT_PX, _RIGHT_PX)
    axis_below(svg, across, _TOP_PX - 10, bottom, "seconds since the first attempt")
    lanes = {False: _TOP_PX + 0.5 * _LANE_PX, True: _TOP_PX + 1.5 * _LANE_PX}
    for is_replay, name in ((False, "by itself"), (True, "replayed")):
        svg.text((theme.MARGIN_PX, lanes[is_replay] + 4), name, bold=True)
        svg.grid((_LEFT_PX, lanes[is_replay]), (_RIGHT_PX, lanes[is_replay]))
    _dead(svg, told, across, bottom)
    for one in told.attempts:
        place = (across.px(one.at_s), lanes[one.is_replay])
        if one.status < 300:
            svg.points([place], theme.COMPUTE, 5)
        else:
            svg.crosses([place])
    for before, after in pairwise(told.before_replay):
        if after.at_s - before.at_s < _SHORT_S:
            continue
        middle = (across.px(before.at_s) + across.px(after.at_s)) / 2
        waited = f"{after.at_s - before.at_s:.1f} s"
        place_ = Place((middle, lanes[False] - 9), "middle")
        put(svg, waited, [place_], role=FAINT, size_px=theme.SMALL_PX)
    return svg


def tabulate_deliveries(told: Told) -> Table:
    """One line an attempt, and what a forged one would have got."""
    head = ("attempt", "at s", "answered", "webhook-id", "signature")
    rows = [
        (
            f"{number}{', replayed' if one.is_replay else ''}",
            f"{one.at_s:.1f}",
            str(one.status),
            one.message,
            "valid" if one.is_valid else "not valid",
        )
        for number, one in enumerate(told.attempts, 1)
    ]
    return Table("attempt", head, rows, left=1)


def checks_table(told: Told) -> Table:
    """What the verifying library says of the last message, as it came and forged."""
    rows = [(what, "taken" if passes else "refused") for what, passes in told.checks.items()]
    return Table("message", ("message", "verify()"), rows, left=2)


def _dead(svg: Svg, told: Told, across: Scale, bottom: float) -> None:
    replays = [one.at_s for one in told.attempts if one.is_replay]
    if not replays or not told.before_replay:
        return
    left, right = across.px(told.before_replay[-1].at_s), across.px(replays[0])
    svg.band(left, _TOP_PX - 10, right - left, bottom - _TOP_PX + 10, _BAND)
    label, size_px = "dead letter", theme.SMALL_PX
    inside = Place(((left + right) / 2, _TOP_PX + 2), "middle")
    before = Place((left - 6, _TOP_PX + 2), "end")
    box = text_box(inside.where, label, size_px, inside.anchor)
    places = [before] if box.right > right else [inside, before]
    put(svg, label, places, size_px=size_px)
