"""Lab 10's third exercise: a finder of personal data, judged on sentences that are held out.

It is held against what the notebook begins with. Sentences that the reader may see are looked
through, too: a finder that is much better on those knows them by heart.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lab_kit.course.outcome import Outcome, not_yet, passed
from lab_kit.datasets.personal_data import Sentence, sentences
from lab_kit.measure.leaks import Figures, Judged, figures_by_kind, overall


class _WrongForm(Exception):
    """The reader's function gave what are no places."""


Find = Callable[[str], Any]
STARTER_RULES = (r"[+(]?\d[\d ()-]{4,}\d", r"\S+@\S+\w", r"(?<=[Mm]y name is )[A-Z]\w+")
"""What the notebook begins with."""
LEAST_PRECISION = 0.85
MOST_INNOCENT = 0.05
"""Of the letters and digits that are nobody's personal data, that may be covered."""
_ALL_INNOCENT = 0.5
_BY_HEART = 0.4
"""So much more recall on sentences that were seen than on others is no rule."""


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    kind: str = "personal"


@dataclass(frozen=True, slots=True)
class _Found:
    """How a finder did on some sentences.

    Attributes:
        innocent: share of the other letters and digits that it covered.
    """

    figures: Figures
    innocent: float

    @property
    def recall(self) -> float:
        return self.figures.recall or 0.0

    @property
    def precision(self) -> float:
        return self.figures.precision or 0.0


def starter(text: str) -> list[tuple[int, int]]:
    """What the notebook's first finder finds."""
    return [match.span() for rule in STARTER_RULES for match in re.finditer(rule, text)]


def judge_finder(answer: Any, _: object) -> Outcome:
    """10.3: a function from a text to the spans that are to be taken out of it."""
    if not callable(answer):
        return not_yet(f"{answer!r:.60}", "the function find", 'check("10.3", find)')
    try:
        seen, unseen = (_found(answer, sentences(is_held_out=held)) for held in (False, True))
    except _WrongForm as error:
        return not_yet(str(error), "a list of pairs (start, end), places in the text", "find")
    before = _found(starter, sentences(is_held_out=True))
    least = before.recall + (1 - before.recall) / 2
    figures = (
        f"recall {unseen.recall:.2f} (the starter's {before.recall:.2f}), precision"
        f" {unseen.precision:.2f}, {100 * unseen.innocent:.0f} % of other letters covered"
    )
    where = f"{len(sentences(is_held_out=True))} held-out sentences"
    if unseen.innocent > _ALL_INNOCENT:
        return not_yet(f"{figures}: that redacts everything", "what is personal, alone", where)
    if seen.recall - unseen.recall > _BY_HEART:
        told = f"recall {seen.recall:.2f} on the sentences that you saw, {unseen.recall:.2f} on"
        return not_yet(
            f"{told} others: that knows the sentences by heart", "rules that hold for others", where
        )
    if unseen.recall < least:
        expected = f"recall of {least:.2f}: half of what the starter misses"
        return not_yet(f"{figures}\n{_missed(answer)}", expected, where)
    if unseen.precision < LEAST_PRECISION or unseen.innocent > MOST_INNOCENT:
        expected = (
            f"precision of {LEAST_PRECISION:g}, and {100 * MOST_INNOCENT:.0f} % of other letters"
        )
        return not_yet(f"{figures}\n{_in_vain(answer)}", expected, where)
    return passed(f"Held-out: {figures}.", f"On the sentences that you saw: {seen.recall:.2f}.")


def _found(find: Find, several: Iterable[Sentence]) -> _Found:
    judged, covered, others = [], 0, 0
    for one in several:
        spans = _spans(find, one.text)
        gold = [_Span(span.start, span.end) for span in one.spans]
        judged.append(Judged(one.text, gold, spans))
        free = [at for at, char in enumerate(one.text) if char.isalnum() and not _in(gold, at)]
        others += len(free)
        covered += sum(_in(spans, at) for at in free)
    return _Found(overall(figures_by_kind(judged)), covered / max(1, others))


def _spans(find: Find, text: str) -> list[_Span]:
    told = find(text)
    if not isinstance(told, list | tuple):
        raise _WrongForm(f"find returned {told!r:.40}")
    for pair in told:
        is_pair = isinstance(pair, list | tuple) and len(pair) == 2
        if not is_pair or not all(isinstance(at, int) for at in pair):
            raise _WrongForm(f"find returned {pair!r:.40} among others")
    return [
        _Span(max(0, start), min(len(text), end))
        for start, end in told
        if max(0, start) < min(len(text), end)
    ]


def _in(spans: Iterable[_Span], at: int) -> bool:
    return any(span.start <= at < span.end for span in spans)


def _missed(find: Find) -> str:
    """The first sentence that was seen and that something gets out of."""
    for one in sentences(is_held_out=False):
        spans = _spans(find, one.text)
        for span in one.spans:
            letters = [at for at in range(span.start, span.end) if one.text[at].isalnum()]
            if not all(_in(spans, at) for at in letters):
                return f"of those that you saw it misses {one.text[span.start : span.end]!r:.36}"
    return "of those that you saw it misses none"


def _in_vain(find: Find) -> str:
    """The first finding in a sentence that was seen and that touches nothing personal."""
    for one in sentences(is_held_out=False):
        for span in _spans(find, one.text):
            if not any(span.start < gold.end and gold.start < span.end for gold in one.spans):
                return f"of those that you saw it covers {one.text[span.start : span.end]!r:.60}"
    return "of those that you saw it covers none in vain"
