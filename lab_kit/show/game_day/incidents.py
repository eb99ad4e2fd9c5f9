"""Each incident of a game day: how long it took to be found, contained and mended, and its cost."""

from collections.abc import Callable, Sequence

from lab_kit.experiments.game_day import Score, scores_table
from lab_kit.measure.guess import Guess
from lab_kit.show.draw.bars import Quantity, compare_bars, height_of
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_NAMES_PX = 164


def incidents(scores: Sequence[Score], guess: Guess | None = None) -> None:
    """Draw every incident that is over.

    Args:
        guess: how long the slowest took to be named, in seconds.
    """
    known = [one.detect_s for one in scores if one.detect_s is not None]
    words = "" if guess is None or not known else guess.against(round(max(known), 1))
    told = incidents_verdict(scores)
    show_drawing(draw_incidents(scores), scores_table(scores), Verdict(told.told, told.sign, words))


def incidents_verdict(scores: Sequence[Score]) -> Verdict:
    """How many were ended, and what took longest."""
    if not scores:
        return Verdict("Nothing was broken yet.", Sign.UNSAID)
    ended = [one for one in scores if one.resolve_s is not None]
    told = f"{len(ended)} of {len(scores)} incidents were contained and mended."
    known = [(one.contain_s, one.fault) for one in scores if one.contain_s is not None]
    if known:
        slowest_s, fault = max(known)
        told += f" The slowest to be contained was the {fault}, after {slowest_s:.0f} s."
    lost, away = (sum(counts) for counts in zip(*map(_lost, scores), strict=True))
    told += f" {lost} calls were cut, and {away} attempts turned away."
    return Verdict(told, Sign.INSIDE if len(ended) == len(scores) else Sign.OVER)


def draw_incidents(scores: Sequence[Score]) -> Svg:
    """A row for each, in the order in which they happened."""
    times: dict[str, Callable[[Score], float | None]] = {
        "named after, s": lambda one: one.detect_s,
        "contained after, s": lambda one: one.contain_s,
        "mended after, s": lambda one: one.resolve_s,
    }
    most_s = max([of(one) or 0.0 for of in times.values() for one in scores], default=0.0)
    quantities = [
        _times(head, [of(one) for one in scores], most_s or 1.0) for head, of in times.items()
    ]
    lost = [sum(_lost(one)) for one in scores]
    quantities.append(Quantity("calls lost", [float(n) for n in lost], [f"{n:,}" for n in lost]))
    svg = Svg(
        height_of(len(scores), quantities),
        "How long did each incident last, and what did it cost?",
        "For each incident the seconds until it was named, contained and mended, and calls lost.",
        ["seconds from the fault on", "calls lost: cut, refused, or nobody was there"],
    )
    compare_bars(svg, [one.fault.value for one in scores], quantities, _NAMES_PX)
    return svg


def _times(head: str, values: Sequence[float | None], most_s: float) -> Quantity:
    told = ["never" if value is None else f"{value:.1f}" for value in values]
    return Quantity(head, list(values), told, most=most_s)


def _lost(one: Score) -> tuple[int, int]:
    return one.finals_lost, one.turned_away
