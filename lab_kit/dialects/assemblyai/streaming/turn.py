"""One turn on its way: what was heard of it, and which of its words will not change.

A turn may be more than one of our segments, which are cut where they grow long.
"""

from dataclasses import replace

from lab_kit.core.events import Final, Interim, TimedWord

SETTLED_AFTER_S = 0.5
"""A word that two passes agree on is called final once so much more was heard. At the end of their
turns 17 of 253 such words of 24 clips had become others, in 6 of 28 turns; without the wait 44 of
286, in 20. After twice the wait it were 9 of 211, told half a second later."""
_MARKS = '.,!?;:"“”‘’…–—'
"""Of a sentence; brackets are ours, around what was redacted."""


class Turn:
    """One turn.

    Attributes:
        order: how many were before it in the session.
        told: the last partial that was sent, to be compared with the next; None before the first.
        settled: words that partials call final. They stay as they are until the turn ends, whose
            message corrects them where it has to.
    """

    def __init__(self, order: int) -> None:
        self.order = order
        self.told: object = None
        self.settled: list[TimedWord] = []
        self._finals: list[Final] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be said of it."""
        return self.told is None and not self.text

    @property
    def text(self) -> str:
        """What its segments say that are closed."""
        return " ".join(final.text for final in self._finals if final.text)

    @property
    def words(self) -> tuple[TimedWord, ...]:
        """Theirs."""
        return tuple(word for final in self._finals for word in final.words)

    def add(self, final: Final) -> None:
        """A segment of it is closed."""
        self._finals.append(final)

    def whole(self) -> Final | None:
        """All of it as one final; None while no segment is closed."""
        if not self._finals:
            return None
        return replace(
            self._finals[-1],
            start_s=self._finals[0].start_s,
            text=self.text,
            words=self.words,
        )

    def begun_by(self, interim: Interim) -> Interim:
        """What was heard of it until now as one interim, its words all timed."""
        before = self.text
        text = f"{before} {interim.text}".strip()
        return replace(
            interim,
            start_s=self._finals[0].start_s if self._finals else interim.start_s,
            text=text,
            stable_chars=interim.stable_chars + len(text) - len(interim.text),
            words=(*self.words, *_timed(interim)),
        )

    def settle(self, heard: Interim) -> None:
        """Call those words final that will hardly change; see `begun_by` for what was heard."""
        closed, until_s = len(self.words), heard.end_s - SETTLED_AFTER_S
        agreed = heard.words[closed : len(heard.text[: heard.stable_chars].split())]
        count = closed + sum(word.end_s <= until_s for word in agreed)
        self.settled += heard.words[len(self.settled) : count]


def bare(text: str) -> str:
    """A word as the provider tells it before it is formatted."""
    return text.strip(_MARKS).lower() or text


def _timed(interim: Interim) -> tuple[TimedWord, ...]:
    """Its words; a reduced server does not time them, and each has an equal part of the sound."""
    texts = interim.text.split()
    if len(interim.words) == len(texts):
        return interim.words
    start_s, part_s = interim.start_s, (interim.end_s - interim.start_s) / len(texts)
    return tuple(
        TimedWord(text, start_s + n * part_s, start_s + (n + 1) * part_s, interim.confidence)
        for n, text in enumerate(texts)
    )
