"""Lab 10's exercises: what found credentials open, a limiter of compute, a finder of personal data.

The limiter is judged by probes that each name one mistake, and by random schedules. The finder is
judged on sentences that are held out, beside those that it was written by.
"""

import math
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from lab_kit.course.exercises.exercise import Exercise, nothing_returned
from lab_kit.course.outcome import Outcome, not_yet, passed
from lab_kit.datasets.personal_data import Sentence, sentences
from lab_kit.experiments.access import Opens, TriedLoot
from lab_kit.measure.leaks import Figures, Judged, figures_by_kind, overall

_UP_TO = 4


# -- 10.1 ----------------------------------------------------------------------------------------


def judge_loot(answer: Any, measured: object) -> Outcome:
    """10.1: one word for each thing found, held against what it opened on the server."""
    if not isinstance(measured, TriedLoot):
        expected = "what was tried on the server"
        return not_yet("no tries", expected, 'check("10.1", mine, await access.tried_loot(bench))')
    if not isinstance(answer, Mapping) or set(answer) != set(measured):
        return not_yet(
            f"{answer!r:.60}", f"a dict with the keys 1 to {len(measured)}", "the first column"
        )
    unknown = [number for number, said in answer.items() if said not in tuple(Opens)]
    if unknown:
        told = f"{unknown[0]}: {answer[unknown[0]]!r:.40}"
        return not_yet(told, f"one of {', '.join(Opens)}", f"{len(unknown)} of {len(measured)}")
    wrong = [
        f"{number}: not {answer[number]}; {one.found.question}?"
        for number, one in measured.items()
        if answer[number] != one.opens
    ]
    if wrong:
        right = f"{len(measured) - len(wrong)} of {len(measured)} right"
        return not_yet(_few(wrong), "what each opened when it was tried", right)
    return passed(*(f"{number} {one.opens}: {_said(one.said)}" for number, one in measured.items()))


def _said(words: str) -> str:
    return f"else refused: {words}." if words else "nothing was refused."


# -- 10.2 ----------------------------------------------------------------------------------------

Reserve = Callable[[dict[str, Any], int, float, float], Any]
Settle = Callable[[dict[str, Any], int, float, float], Any]
_TODO = "write reserve and settle"
_PER_S, _BURST_S = 1.0, 10.0
_NEAR = 1e-6
MOST_WASTE = 0.15
"""Of the allowance, that is neither spent nor can be; what a reservation holds while its work goes
on is some of it."""
_SCHEDULES, _CALLERS, _SECONDS, _RETRY_S = 30, 4, 60.0, 1e-6


class _WrongForm(Exception):
    """The reader's function gave what is no wait."""


class _Limiter:
    """The reader's two functions on a state of their own."""

    def __init__(self, functions: tuple[Reserve, Settle]) -> None:
        self._reserve, self._settle = functions
        self.state: dict[str, Any] = {"per_s": _PER_S, "burst_s": _BURST_S}
        self._number = 0

    def wait_s(self, cost_s: float, now_s: float) -> float:
        """Ask for so much; 0.0 where it was reserved, under `number`."""
        self._number += 1
        told = self._reserve(self.state, self._number, cost_s, now_s)
        if isinstance(told, bool) or not isinstance(told, Real) or not told >= 0:
            raise _WrongForm(f"reserve returned {told!r:.40}")
        return float(told)

    @property
    def number(self) -> int:
        """Of the last reservation."""
        return self._number

    def settle(self, number: int, cost_s: float, now_s: float) -> None:
        """It came to so much."""
        self._settle(self.state, number, cost_s, now_s)


def judge_limiter(answer: Any, _: object) -> Outcome:
    """10.2: the pair (reserve, settle), by probes and by random schedules."""
    if not (isinstance(answer, tuple) and len(answer) == 2 and all(map(callable, answer))):
        return not_yet(f"{answer!r:.60}", "the pair (reserve, settle)", _TODO)
    state = {"per_s": _PER_S, "burst_s": _BURST_S}
    nothing = nothing_returned([answer[0](state, 1, 1.0, 0.0)], _TODO)
    if nothing is not None:
        return nothing
    try:
        for probe in _PROBES:
            if (wrong := probe(lambda: _Limiter(answer))) is not None:
                return not_yet(*wrong)
        runs = [_schedule(_Limiter(answer), seed) for seed in range(_SCHEDULES)]
    except _WrongForm as error:
        return not_yet(str(error), "0.0, seconds to wait, or math.inf for never", _TODO)
    for run in runs:
        if (wrong := _broken(run)) is not None:
            return not_yet(*wrong)
    waste = max(run.waste for run in runs)
    if waste > MOST_WASTE:
        return not_yet(
            f"{100 * waste:.0f} % of the allowance wasted while callers waited",
            f"at most {100 * MOST_WASTE:.0f} %",
            f"{_SCHEDULES} random schedules of {_SECONDS:.0f} s",
        )
    return passed(
        f"{sum(len(run.admitted) for run in runs):,} reservations in {_SCHEDULES} schedules: never"
        " more than one burst and the rate, and who waited alone as told was admitted.",
        f"At most {100 * waste:.0f} % of the allowance was wasted.",
        "The server's own limiter: lab_kit/access/budget.py.",
    )


Wrong = tuple[str, str, str]
Probe = Callable[[Callable[[], _Limiter]], Wrong | None]


def _forgets_the_burst(make: Callable[[], _Limiter]) -> Wrong | None:
    wait_s = make().wait_s(_BURST_S, 0.0)
    if wait_s == 0:
        return None
    told = f"the first {_BURST_S:g} s of compute are told to wait {wait_s:g} s: that forgets the"
    return f"{told} burst", "a caller who did nothing yet has all of its burst", "reserve at 0 s"


def _waits_for_what_never_fits(make: Callable[[], _Limiter]) -> Wrong | None:
    cost_s = 1.5 * _BURST_S
    wait_s = make().wait_s(cost_s, 0.0)
    if wait_s == math.inf:
        return None
    expected = "math.inf: it fits at no time, and a caller who waits for it waits for ever"
    told = "is admitted" if wait_s == 0 else f"is told to wait {wait_s:g} s"
    return f"{cost_s:g} s with a burst of {_BURST_S:g} {told}", expected, "reserve at 0 s"


def _counts_requests(make: Callable[[], _Limiter]) -> Wrong | None:
    counts = {parts: _admitted_at_once(make(), _BURST_S / parts) for parts in (2, 20)}
    told = ", ".join(f"{n} of {_BURST_S / parts:g} s" for parts, n in counts.items())
    if counts[2] == counts[20]:
        return (
            f"admitted at once: {told}: that counts requests, not their cost",
            "2 and 20: as many as the burst holds",
            "reserve again and again at 0 s",
        )
    if counts != {2: 2, 20: 20}:
        return f"admitted at once: {told}", "2 and 20: as many as the burst holds", "at 0 s"
    return None


def _admitted_at_once(limiter: _Limiter, cost_s: float) -> int:
    for count in range(50):
        if limiter.wait_s(cost_s, 0.0):
            return count
    return 50


def _tells_a_wrong_wait(make: Callable[[], _Limiter]) -> Wrong | None:
    for later_s in (1.0, 0.9):
        limiter = make()
        limiter.wait_s(_BURST_S, 0.0)
        wait_s = limiter.wait_s(3.0, 1.0)
        if not 0 < wait_s < math.inf:
            told = "admitted" if wait_s == 0 else "never"
            return f"3 s, 1 s after all of the burst: {told}", "a wait of 2 s", "reserve at 1 s"
        again_s = limiter.wait_s(3.0, 1.0 + later_s * wait_s)
        if later_s == 1 and again_s > _NEAR:
            told = f"who waited {wait_s:g} s as told is told to wait {again_s:g} s more"
            return told, "who waits as told is admitted", "reserve at 1 s and again then"
        if later_s < 1 and again_s == 0:
            told = f"told to wait {wait_s:g} s, and admitted {100 * later_s:.0f} % through it"
            return told, "a wait as long as it takes and no longer", "reserve at 1 s"
    return None


def _never_gives_back(make: Callable[[], _Limiter]) -> Wrong | None:
    limiter = make()
    limiter.wait_s(_BURST_S, 0.0)
    limiter.settle(limiter.number, 2.0, 0.0)
    if limiter.wait_s(_BURST_S - 2.0, 0.0) == 0:
        return None
    return (
        f"{_BURST_S:g} s reserved, 2 s needed, and {_BURST_S - 2:g} s do not fit then: that never"
        " gives back what was not needed",
        "what was reserved and not needed can be reserved again",
        "reserve, settle and reserve at 0 s",
    )


def _gives_back_what_drained(make: Callable[[], _Limiter]) -> Wrong | None:
    limiter = make()
    limiter.wait_s(_BURST_S, 0.0)
    first, later_s = limiter.number, _BURST_S / _PER_S
    limiter.wait_s(_BURST_S, later_s)
    limiter.settle(first, 0.0, later_s)
    if limiter.wait_s(_BURST_S / 2, later_s) > 0:
        return None
    return (
        f"a reservation of 0 s is settled with nothing at {later_s:g} s, and more than a burst is"
        " let in then: that gives back what has drained, and spends a second twice",
        "only what has not drained yet comes back: the rest made room that was used since",
        "reserve at 0 s, again when it has drained, settle the first, reserve",
    )


def _forgets_what_cost_more(make: Callable[[], _Limiter]) -> Wrong | None:
    limiter = make()
    limiter.wait_s(1.0, 0.0)
    limiter.settle(limiter.number, 1.0 + _BURST_S, 0.0)
    if limiter.wait_s(1.0, 0.0) > 0:
        return None
    return (
        f"1 s reserved, {1 + _BURST_S:g} s needed, and more fits at once: that never charges what"
        " work cost more",
        "what was needed beyond the reservation has to come back before anything else fits",
        "reserve, settle and reserve at 0 s",
    )


_PROBES: tuple[Probe, ...] = (
    _forgets_the_burst,
    _waits_for_what_never_fits,
    _counts_requests,
    _tells_a_wrong_wait,
    _never_gives_back,
    _gives_back_what_drained,
    _forgets_what_cost_more,
)


@dataclass(frozen=True, slots=True)
class _Run:
    """One schedule.

    Attributes:
        admitted: of each reservation the moment, and what it came to.
    """

    seed: int
    admitted: Sequence[tuple[float, float]]

    @property
    def waste(self) -> float:
        """Share of the allowance that was not spent though callers were waiting all the time."""
        return 1 - sum(cost_s for _, cost_s in self.admitted) / (_BURST_S + _PER_S * _SECONDS)


def _schedule(limiter: _Limiter, seed: int) -> _Run:
    """Callers who always want more: each sends again when its work is over, or its wait."""
    chance = random.Random(seed)
    due = [(chance.uniform(0, 1), caller) for caller in range(_CALLERS)]
    wanted = dict.fromkeys(range(_CALLERS), 0.0)
    busy: dict[int, tuple[int, float]] = {}
    admitted: list[tuple[float, float]] = []
    while due and (now_s := min(due)[0]) <= _SECONDS:
        _, caller = due.pop(due.index(min(due)))
        if caller in busy:
            limiter.settle(*busy.pop(caller), now_s)
        wanted[caller] = wanted[caller] or chance.choice((0.2, 1.0, 3.0)) * chance.uniform(0.5, 1)
        wait_s = limiter.wait_s(wanted[caller], now_s)
        if wait_s > 0:
            due.append((now_s + max(wait_s, _RETRY_S), caller))
            continue
        cost_s = wanted[caller] * chance.choice((0.1, 0.5, 1.0))
        admitted.append((now_s, cost_s))
        busy[caller] = limiter.number, cost_s
        wanted[caller] = 0.0
        due.append((now_s + chance.uniform(0.05, 0.5), caller))
    return _Run(seed, admitted)


def _broken(run: _Run) -> Wrong | None:
    """The first stretch of time in which more was let in than one burst and the rate."""
    for first, (begin_s, _) in enumerate(run.admitted):
        spent_s = 0.0
        for at_s, cost_s in run.admitted[first:]:
            spent_s += cost_s
            allowed_s = _BURST_S + _PER_S * (at_s - begin_s)
            if spent_s > allowed_s + _NEAR:
                return (
                    f"{spent_s:.2f} s of compute between {begin_s:.2f} and {at_s:.2f} s",
                    f"at most {allowed_s:.2f}: one burst, and the rate times that time",
                    f"the random schedule {run.seed}",
                )
    return None


# -- 10.3 ----------------------------------------------------------------------------------------

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
        return not_yet(f"{figures}; {_missed(answer)}", expected, where)
    if unseen.precision < LEAST_PRECISION or unseen.innocent > MOST_INNOCENT:
        expected = (
            f"precision of {LEAST_PRECISION:g}, and {100 * MOST_INNOCENT:.0f} % of other letters"
        )
        return not_yet(f"{figures}; {_in_vain(answer)}", expected, where)
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
                return f"of those that you saw it misses {one.text[span.start : span.end]!r:.60}"
    return "of those that you saw it misses none"


def _in_vain(find: Find) -> str:
    """The first finding in a sentence that was seen and that touches nothing personal."""
    for one in sentences(is_held_out=False):
        for span in _spans(find, one.text):
            if not any(span.start < gold.end and gold.start < span.end for gold in one.spans):
                return f"of those that you saw it covers {one.text[span.start : span.end]!r:.60}"
    return "of those that you saw it covers none in vain"


EXERCISES = (
    Exercise(
        "10.1",
        "Say what each found credential still opens",
        judge_loot,
        (
            "Which of them say themselves what they are for, and until when? access.claims_table"
            " reads a token.",
            "What only the server knows cannot be read: whether a key was revoked, and whether a"
            " token has opened its stream. Try it: (await access.attempt(bench, loot[3])).table.",
            "One opens everything, two open recordings, one opens streams, and eight open nothing."
            " A token that has opened a stream is still good for the rest of its scope.",
        ),
    ),
    Exercise(
        "10.2",
        "Write reserve and settle",
        judge_limiter,
        (
            "Picture a tank that drains at per_s and holds burst_s. What is poured in when something"
            " is reserved, and what may be taken out again later?",
            "Keep two numbers that only grow: what has drained by now (per_s times now_s), and the"
            " surface, up to where it was poured. What fits is burst_s less the one above the other."
            " Keep with each reservation where its end lies below the surface.",
            "settle: back = min(reserved - cost, max(0, end - drained)); the surface sinks by that,"
            " and so do the ends of all that lie above. What cost more is poured on top, from where"
            " the surface or the drained is, whichever is higher.",
        ),
    ),
    Exercise(
        "10.3",
        "Raise recall without wrecking precision",
        judge_finder,
        (
            "How do people say a telephone number, and how does the starter expect it to be written?",
            "A row of five number words is nearly always a number that identifies something. Let"
            " commas and spaces stand between them. Then names: what is said before one?",
            "Rules that pay: a row of number words; a word, 'at', a word, 'dot', a word; a capital"
            " behind 'my name is', 'this is', 'Mr'; number words, capitals and then 'Street' or"
            " 'Road'; what follows 'born'.",
        ),
    ),
)


def _few(wrong: Sequence[str]) -> str:
    more = [f"and {len(wrong) - _UP_TO} more"] if len(wrong) > _UP_TO else []
    return "\n".join([*wrong[:_UP_TO], *more])
