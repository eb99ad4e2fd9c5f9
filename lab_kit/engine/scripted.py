"""An engine that hears nothing and says what it was given: the n-th utterance gets the n-th line.

It answers at once and needs no weights, so that a test knows every word beforehand, and gets the
same messages in each run. What it says of time and certainty is made up, and answers name it as
their model.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import count

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import ModelInfo, TimedWord
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.engine.api import CacheView, DecodeRequest, Hypothesis, Load, Priority, Ticket
from lab_kit.engine.batching import Batching

SCRIPTED = "scripted"
WORDS_PER_S = 2.5
"""Of an interim, for each second that was heard: 150 words a minute, as people read aloud."""
MOST_LINES, LONGEST_LINE = 1_000, 1_000
LINES = (
    "This is the first thing that the script says.",
    "This is the second.",
    "And this is the third, after which it begins again.",
)
"""What it says where nobody gave it anything else."""


class ScriptedEngine:
    """The engine.

    Args:
        lines: what the utterances of a stream are, in order; then again from the first.
        version: that answers name.

    Raises:
        InvalidParameter: too many lines, or a longer one than anybody says, or none.
    """

    def __init__(self, lines: Sequence[str], version: str = "1") -> None:
        check_lines(lines)
        self._lines = tuple(lines)
        self._numbers = count(1)
        self._model = ModelInfo(SCRIPTED, version, SCRIPTED, "none")

    @property
    def model(self) -> ModelInfo:
        """What runs: nothing."""
        return self._model

    def submit(self, request: DecodeRequest) -> Ticket:
        """Answer."""
        now_ns = time.perf_counter_ns()
        heard_s = len(request.audio) / SAMPLE_RATE_HZ
        words = self._words(request, heard_s)
        answer = Hypothesis(
            text=" ".join(words),
            tokens=tuple(range(len(words))),
            log_probabilities=(0.0,) * len(words),
            truncated=False,
            submitted_ns=now_ns,
            started_ns=now_ns,
            finished_ns=now_ns,
            steps=1,
            compute_ns=0,
            words=spread(words, heard_s) if request.wants_words else (),
        )
        future: Future[Hypothesis] = Future()
        future.set_result(answer)
        return Ticket(next(self._numbers), future)

    def refresh(self, ticket: Ticket, request: DecodeRequest) -> bool:
        """Nothing waits to be replaced."""
        return False

    def cancel(self, ticket: Ticket) -> None:
        """Nothing waits to be dropped."""

    def load(self) -> Load:
        """Never busy."""
        return Load(0, 0)

    def use(self, batching: Batching) -> None:
        """Nothing is batched."""

    def cache(self, since_ns: int = 0) -> CacheView:
        """Nothing is cached."""
        return CacheView(0, 0)

    def stop(self) -> None:
        """Nothing runs."""

    def _words(self, request: DecodeRequest, heard_s: float) -> list[str]:
        if request.goes_on:  # the line was said before the cut
            return []
        words = self._lines[request.utterance % len(self._lines)].split()
        if request.priority is Priority.FINAL:
            return words
        return words[: max(1, int(WORDS_PER_S * heard_s))]


def check_lines(lines: Sequence[str]) -> None:
    """Make sure that a script can be said.

    Raises:
        InvalidParameter: it cannot.
    """
    longest = max(map(len, lines), default=0)
    if not 0 < len(lines) <= MOST_LINES or longest > LONGEST_LINE:
        raise InvalidParameter(
            f"{len(lines)} lines, the longest of {longest} characters",
            f"1 to {MOST_LINES} lines of at most {LONGEST_LINE} characters",
            "send a line for each utterance",
        )


def spread(words: Sequence[str], heard_s: float) -> tuple[TimedWord, ...]:
    """Times for words that nobody heard: each as long as its letters are many."""
    letters = sum(map(len, words))
    timed, at = [], 0
    for word in words:
        start_s, at = at / letters * heard_s, at + len(word)
        timed.append(TimedWord(word, start_s, at / letters * heard_s, 1.0))
    return tuple(timed)
