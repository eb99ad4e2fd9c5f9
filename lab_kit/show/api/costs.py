"""What has to be sent again after a cut, and what is computed again for who lost the answer."""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.experiments.api.paying import Paid
from lab_kit.experiments.api.ways import Cut
from lab_kit.measure.guess import Guess
from lab_kit.show.draw.bars import Quantity, compare_bars, height_of
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_CUT_NAMES_PX, _PAID_NAMES_PX = 110, 170
_NEARLY_S = 0.05
"""Less sound than a chunk is none."""
_TWICE = 1.5
"""A recording that was computed more often than this was computed again."""


def cuts(each: Sequence[Cut], guess: Guess | None = None) -> None:
    """Draw what each way's client sent before its connection was cut, and sent again.

    Args:
        guess: the way that loses least, by name.
    """
    words = "" if guess is None else guess.against(cheapest(each))
    said = "" if guess is None else guess.choice
    verdict = Verdict(cuts_verdict(each), Sign.NONE, words)
    show_drawing(draw_cuts(each, said), tabulate_cuts(each), verdict)


def cheapest(each: Sequence[Cut]) -> str:
    """The way on which least had to be sent again."""
    return min(each, key=lambda one: one.again_s).way.value


def cuts_verdict(each: Sequence[Cut]) -> str:
    """What each had to send again, in a sentence."""
    return " ".join(
        f"{one.way.value.capitalize()}: {_again(one)} of {one.sent_s:.1f} s, {one.how}."
        for one in each
    )


def draw_cuts(each: Sequence[Cut], said: str = "") -> Svg:
    """The picture.

    Args:
        said: the way that the reader chose.
    """
    most = max([one.sent_s for one in each] + [1.0])
    quantities = [
        _quantity("sent before the cut, s", [one.sent_s for one in each], most),
        _quantity("sent again, s", [one.again_s for one in each], most),
    ]
    svg = Svg(
        height_of(len(each), quantities),
        "The client goes away in the middle: what is sent again?",
        "For each way bars for the sound that was sent before the cut, and again after it.",
        ["one run each"],
    )
    names = [one.way.value for one in each]
    compare_bars(svg, names, quantities, _CUT_NAMES_PX, said=said)
    return svg


def tabulate_cuts(each: Sequence[Cut]) -> Table:
    """One line a way, with the text that the client had in the end."""
    head = ("way", "sent s", "again s", "went on by", "text in the end")
    rows = [
        (one.way.value, f"{one.sent_s:.1f}", f"{one.again_s:.1f}", one.how, one.text)
        for one in each
    ]
    return Table("way", head, rows)


def paid(each: Sequence[Paid], guess: Guess | None = None) -> None:
    """Draw what was computed for a recording that was asked for twice, without and with a key.

    Args:
        guess: the seconds that are computed for the request without a key.
    """
    first = next((one for one in each if not one.has_key), None)
    words = "" if guess is None or first is None else guess.against(first.computed_s)
    verdict = Verdict(paid_verdict(each), Sign.NONE, words)
    show_drawing(draw_paid(each), tabulate_paid(each), verdict)


def paid_verdict(each: Sequence[Paid]) -> str:
    """Who paid twice, in a sentence."""
    twice = [_name(one) for one in each if one.times > _TWICE]
    once = [_name(one) for one in each if one.times <= _TWICE]
    if not twice:
        return "Nothing was computed twice in this run; run it again."
    told = f"Computed twice: {' and '.join(twice)}."
    return f"{told} Once: {' and '.join(once)}." if once else f"{told} Here no key helped."


def draw_paid(each: Sequence[Paid]) -> Svg:
    """The picture."""
    most = max([one.computed_s for one in each] + [1.0])
    quantities = [
        _quantity("recording, s", [one.audio_s for one in each], most),
        _quantity("computed for it, s", [one.computed_s for one in each], most),
    ]
    svg = Svg(
        height_of(len(each), quantities),
        "Asked twice, as the answer was lost: who pays twice?",
        "For each way and key bars for the recording's length and for the sound that was computed.",
        ["computed: by the server's metric lab_audio_seconds_total"],
    )
    compare_bars(svg, [_name(one) for one in each], quantities, _PAID_NAMES_PX)
    return svg


def tabulate_paid(each: Sequence[Paid]) -> Table:
    """One line a way and key."""
    head = ("asked", "recording s", "computed s", "times", "second answer", "operations")
    rows = [
        (
            _name(one),
            f"{one.audio_s:.1f}",
            f"{one.computed_s:.1f}",
            f"{one.times:.1f}",
            "the first again" if one.was_replayed else "a new one",
            str(one.operations) if one.operations else "-",
        )
        for one in each
    ]
    return Table("way", head, rows)


def _name(one: Paid) -> str:
    return f"{one.way.value} {'with' if one.has_key else 'without'} key"


def _again(one: Cut) -> str:
    return "nothing" if one.again_s < _NEARLY_S else f"{one.again_s:.1f} s"


def _quantity(head: str, values: Sequence[float], most: float) -> Quantity:
    return Quantity(head, list(values), [f"{value:.1f}" for value in values], most)
